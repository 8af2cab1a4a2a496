"""What came of a line, sealed under the keys of those whom it speaks of, until its batch is over.

A journal lies sealed under its batch's own key, which erasing a person does not touch. So what a line says of persons
is an item of the side store's form inside it: with one of their keys destroyed, or taken out of use, it is noise, and
the line ends as erased. Nothing is sealed anew under a key that a person got after an erasure.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.audit.content.door import About
from gateway.audit.content.seal import Noise, NotAnItem, unseal
from gateway.audit.content.store import MOST_PERSONS, SideStore
from gateway.kept.journal import Outcome
from gateway.kept.sealed_file import Damaged


class _Inside(msgspec.Struct, frozen=True):
    result: dict[str, Any]
    persons: tuple[str, ...]


class OutcomeLock:
    """Locks outcomes of one batch. Every method blocks.

    Args:
        about: the batch as an item: whose, and how long it is kept.
    """

    def __init__(self, store: SideStore, about: About, origin: str) -> None:
        self._store, self._about, self._origin = store, about, origin

    def lock(self, outcome: Outcome) -> Outcome:
        """Return an outcome that can be read only while its persons' keys are in use.

        One that speaks of nobody stays as it is; so does one of more persons than an item may hang on, whose output
        ends with its day.

        Raises:
            OSError, SetupError, ValueError: a key cannot be made or used.
        """
        if not 0 < len(set(outcome.persons)) <= MOST_PERSONS:
            return outcome
        keys = self._store.keys_for(self._about, outcome.persons)
        inside = msgspec.json.encode(_Inside(outcome.result, outcome.persons))
        sealed = self._store.seal("answer", self._about, self._origin, keys, inside)
        return msgspec.structs.replace(outcome, result={}, persons=(), locked=sealed.raw)

    def open(self, outcome: Outcome) -> Outcome | None:
        """Return an outcome as it was; ``None`` where a person of it was erased since.

        Raises:
            Damaged: it is not as it was locked. OSError, SetupError: a key cannot be read.
        """
        if not outcome.locked:
            return outcome
        tenant, keys = self._about.tenant, self._store.keys

        def key_of(id_: str) -> bytes | None:
            key = keys.by_id(tenant, id_)
            return key.key if key else None

        try:
            head, content, _ = unseal(outcome.locked, key_of)
            inside = msgspec.json.decode(content, type=_Inside)
        except Noise:
            return None
        except (NotAnItem, msgspec.DecodeError) as error:
            raise Damaged("what came of a line is not as it was written") from error
        in_use = (keys.find(tenant, name) for name in inside.persons)
        if any(key is None or key.id not in head.persons for key in in_use):  # a legal hold keeps the old one
            return None
        return msgspec.structs.replace(outcome, result=inside.result, persons=inside.persons, locked=b"")
