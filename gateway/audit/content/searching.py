"""Answers that are kept hang on the keys of those whom their prompts name. Here they are searched for others.

An answer is stored as its request ends, when nobody may wait for a search of it. Once it lies there it is opened, who
is named in it is looked for, and it is sealed anew under their keys too. So an erasure reaches it. Guarantees:

1. Every answer is searched that was marked (:mod:`gateway.audit.content.marks`), whichever process stored it and
   however that ended. One whose search fails keeps its mark, and is searched again.
2. The digest that the log has stays true: content and commitment nonce are the same.
3. A kill at any moment leaves the item whole, under its earlier keys or under all; its earlier bytes are written over,
   at the latest by the next search.
4. What was destroyed does not come back, and no key is destroyed while an item is being sealed under it.
5. Requests come first: after each answer the search rests for as long as it worked.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from pathlib import Path
from time import monotonic

from gateway import durable
from gateway.audit.content import seal
from gateway.audit.content.seal import Head, Noise, NotAnItem
from gateway.audit.content.store import MOST_PERSONS, SideStore
from gateway.audit.persons.key_file import PersonKey

LOOK_SECONDS = 1.0
AGAIN_SECONDS = 10.0
"""After that a search that failed is tried again."""

WRITTEN_SECONDS = 60.0
"""An item that is not there, or not whole, so long after its mark will not come."""

NamesIn = Callable[[Head, bytes], Awaitable[Collection[str]]]
"""Returns the names, for keys, of everybody whom an item's content names. Raises DetectorUnavailable."""

_log = logging.getLogger("sekisho.audit")


class Held:
    """An item to be searched, held so that nobody else does. MUST be ended by ``let_go`` or ``hang_on``; both block."""

    def __init__(self, store: SideStore, path: Path, head: Head, content: bytes, descriptor: int) -> None:
        self.head, self.content = head, content
        self._store, self._path, self._descriptor = store, path, descriptor

    def let_go(self) -> None:
        """Leave the mark for another time."""
        os.close(self._descriptor)

    def hang_on(self, names: Collection[str]) -> None:
        """Seal the item under the keys of these persons too, and take its mark away.

        Of more persons than an item may hang on, the last ones are left out.

        Raises:
            OSError, SetupError, ValueError: a key or the item cannot be written; the mark stays.
        """
        try:
            item, marks = self._path.name, self._store.unsearched
            with marks.sealing(), suppress(Noise, FileNotFoundError):  # erased or destroyed meanwhile
                self._seal(names)
            marks.remove(item)
        finally:
            os.close(self._descriptor)

    def _seal(self, names: Collection[str]) -> None:
        store, tenant = self._store, self.head.tenant
        few = sorted(set(names))[: MOST_PERSONS - len(self.head.persons)]
        if len(few) < len(set(names)):
            _log.error("an answer names more persons than it can hang on; some of them are left out")
        found = store.keys.of(tenant, few) if few else []
        more = [key for key in found if key.id not in self.head.persons]
        if more:
            by_id: Callable[[str], PersonKey | None] = lambda id_: store.keys.by_id(tenant, id_)  # noqa: E731
            self._exchange(seal.reseal(self._path.read_bytes(), by_id, more))

    def _exchange(self, fresh: bytes) -> None:
        """Put new bytes in the item's place, and write over the earlier ones. Guarantees 3 and 4."""
        path, marks = self._path, self._store.unsearched
        new, old = marks.beside(path.name)
        durable.write_new(new, fresh)
        try:
            os.link(path, old)
        except FileNotFoundError:  # destroyed meanwhile
            marks.clear(path.name, path)
            raise
        durable.sync_folder(marks.folder)
        new.replace(path)
        durable.sync_folder(path.parent)
        marks.clear(path.name, path)
        if not marks.has(path.name):
            self._store.destroy([path])


def take(store: SideStore, item: str) -> Held | None:
    """Return an item that waits for a search; ``None``: another process has it, or there is nothing to search.

    Blocks. Raises OSError, SetupError: it cannot be read now.
    """
    descriptor = store.unsearched.hold(item)
    if descriptor is None:
        return None
    held = None
    try:
        path = store.find(item)
        if path is not None:
            store.unsearched.clear(item, path)
            head, content, _ = store.open(path)
            held = Held(store, path, head, content, descriptor)
    except (Noise, FileNotFoundError):
        store.unsearched.remove(item)
    except NotAnItem:
        path = None  # half written, or damaged
    finally:
        if held is None:
            if path is None and store.unsearched.age_seconds(item) > WRITTEN_SECONDS:
                store.unsearched.remove(item)
            os.close(descriptor)
    return held


def finish_destroyed(store: SideStore) -> None:
    """Destroy what a process that was killed sealed anew while it was being destroyed. Blocks. Raises OSError."""
    left = store.unsearched.left()
    if not left:
        return
    with store.unsearched.erasing():
        for item in sorted({*left} & {*store.unsearched.left()}):
            path = store.find(item)
            store.unsearched.clear(item, path or store.folder / item)
            if path is not None:
                store.destroy([path])


async def search_answers(
    store: SideStore, names_in: NamesIn, look_seconds: float = LOOK_SECONDS, again_seconds: float = AGAIN_SECONDS
) -> None:
    """Search what waits, until cancelled. What fails is said in the operator's log, once, and done again."""
    not_before: dict[str, float] = {}
    while True:
        try:
            await asyncio.to_thread(finish_destroyed, store)
            waiting = await asyncio.to_thread(store.unsearched.waiting)
        except OSError as error:
            _log.error("answers that wait to be searched cannot be listed: %s", type(error).__name__)
            await asyncio.sleep(again_seconds)
            continue
        not_before = {item: at for item, at in not_before.items() if item in waiting}
        for item in waiting:
            began = monotonic()
            if began < not_before.get(item, 0.0):
                continue
            try:
                searched = await _search(store, item, names_in)
            except Exception as error:  # the outermost edge of a task: one answer must not end the search of others
                if item not in not_before:
                    what = getattr(error, "code", type(error).__name__)
                    _log.error("an answer that is kept cannot be searched for persons now: %s", what)
                not_before[item] = monotonic() + again_seconds
                searched = True
            if searched:
                await asyncio.sleep(monotonic() - began)
        await asyncio.sleep(look_seconds)


async def _search(store: SideStore, item: str, names_in: NamesIn) -> bool:
    """Search one answer; returns whether there was one to search. Raises as :func:`take` and :meth:`Held.hang_on`."""
    held = await asyncio.to_thread(take, store, item)
    if held is None:
        return False
    try:
        names = await names_in(held.head, held.content)
    except BaseException:
        held.let_go()
        raise
    await asyncio.shield(asyncio.to_thread(held.hang_on, names))
    return True
