"""What evidence needs of other rooms, as small doors: the command line composes them.

The audit room knows records. What a policy revision is, who signed it, what a code means in Japanese and which bytes a
model has, other rooms know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Approval:
    """One signature of a policy revision. ``name`` is empty where the key is not known here."""

    key_id: str
    name: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Revision:
    """A policy revision as it is kept here: its files by their names in the pack, and what its manifest says."""

    id: str
    created: str
    expires: str
    built_with: str
    tests_passed: int
    cases_passed: int
    approvals: tuple[Approval, ...]
    files: Mapping[str, Path] = field(default_factory=dict)


class House(Protocol):
    """What other rooms tell."""

    def revision(self, id_: str) -> Revision | None:
        """Return a policy revision, ``None`` where it is no longer kept or not whole."""

    def models(self) -> Sequence[Mapping[str, Any]]:
        """Return the manifests of all known models as plain data, by name."""

    def sentence(self, code: str, params: Mapping[str, str], language: str) -> str:
        """Return what a reason says with these parameters."""

    def meaning(self, code: str, language: str) -> str:
        """Return what a refusal with a stable code means, whatever its parameters; ``""`` for one that is not known."""

    def name(self, word: str, language: str) -> str:
        """Return a country, class or kind of data as people say it; a word without a name as it is."""

    def law_of(self, country: str) -> str:
        """Return whose law judges transfers from a country: ``EEA``, ``GB``, ``CH``, ``CN``, ``JP``, or ``""``."""

    def key_files(self) -> Mapping[str, bytes]:
        """Return the public keys that the pack carries, by name; never a private one."""
