"""WHICH bytes: the door of ``registry``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from gateway.registry.manifest import Manifest


class Registry(Protocol):
    def manifests(self) -> Sequence[Manifest]:
        """All known models, sorted by name."""

    def find(self, name: str) -> Manifest | None:
        """Return the manifest with that name or alias."""

    def weights(self, manifest: Manifest) -> Path:
        """Return the verified file of a model in the content store.

        Raises:
            SetupError: not in the store, or its SHA-256 is not the manifest's.
        """
