"""The side store of a running server: what the pipeline is given. Disk work goes to threads; see ``store``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from gateway.audit.content.door import UNAVAILABLE, About
from gateway.audit.content.store import Sealed, SideStore, speaks_of_others, user
from gateway.audit.persons.key_file import PersonKey
from gateway.domain import Caller, Kept
from gateway.errors import AuditUnavailable, SetupError

_log = logging.getLogger("sekisho.audit")
_NOT_STORED = Kept("", "")


class ContentRoom:
    """The :class:`~gateway.audit.content.door.Contents` of one process.

    Args:
        store: the items of the data folder.
        origin: of this process's logs.
    """

    def __init__(self, store: SideStore, origin: str) -> None:
        self._store = store
        self._origin = origin
        self._syncing = ThreadPoolExecutor(1, thread_name_prefix="content")

    def close(self) -> None:
        """Wait until every answer is on stable storage. Blocks."""
        self._syncing.shutdown()

    async def recognise(self, caller: Caller, end_user: str) -> Caller:
        if not (caller.vouches_for_users and end_user):
            return caller
        try:
            name = user(end_user)
            key = self._store.keys.find(caller.tenant, name)  # remembered: a look at one file's status
            if key is None:
                (key,) = await asyncio.to_thread(self._store.keys.of, caller.tenant, [name])
        except (OSError, SetupError, ValueError) as error:
            raise _unavailable(error) from error
        return replace(caller, person=key.id)

    async def keep(self, about: About, persons: Collection[str], content: bytes) -> KeptPrompt:
        try:
            return await asyncio.to_thread(self._keep, about, persons, content)
        except (OSError, SetupError, ValueError) as error:
            raise _unavailable(error) from error

    def _keep(self, about: About, persons: Collection[str], content: bytes) -> KeptPrompt:
        keys = self._store.keys_for(about, persons)
        sealed = self._store.seal("prompt", about, self._origin, keys, content)
        self._store.put(sealed)
        return KeptPrompt(self, about, keys, sealed.kept, to_search=speaks_of_others(persons))

    def store_answer(self, about: About, keys: Sequence[PersonKey], content: bytes, *, to_search: bool) -> Kept:
        """As :meth:`gateway.audit.content.door.Keeping.answer`."""
        try:
            sealed = self._store.seal("answer", about, self._origin, keys, content, to_search=to_search)
            self._store.write(sealed)
            self._syncing.submit(self._sync, sealed)
        except (OSError, RuntimeError) as error:  # RuntimeError: it was closed before
            _log.error("an answer that must be kept could not be stored: %s", type(error).__name__)
            return _NOT_STORED
        return sealed.kept

    def _sync(self, sealed: Sealed) -> None:
        try:
            self._store.sync(sealed)
        except OSError as error:
            _log.error("an answer that must be kept may be lost by a power cut: %s", type(error).__name__)


class KeptPrompt:
    """A stored prompt, whose answer is still to come. See :class:`~gateway.audit.content.door.Keeping`."""

    def __init__(
        self, room: ContentRoom, about: About, keys: Sequence[PersonKey], prompt: Kept, *, to_search: bool
    ) -> None:
        self.prompt = prompt
        self._room = room
        self._about = about
        self._keys = keys
        self._to_search = to_search

    def answer(self, content: bytes) -> Kept:
        return self._room.store_answer(self._about, self._keys, content, to_search=self._to_search)


def _unavailable(error: Exception) -> AuditUnavailable:
    _log.error("what must be kept of a prompt cannot be stored: %s", type(error).__name__)
    message = "What must be kept of this request cannot be stored, so it was refused."
    return AuditUnavailable.because(error, message, code=UNAVAILABLE)
