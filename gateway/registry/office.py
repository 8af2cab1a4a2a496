"""Changes to models beyond adding and naming them: each is on record before it takes effect.

The rules of each change are the same whether the running server carries it out or, without one, the command line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from gateway.errors import SetupError
from gateway.registry.manifest import Manifest
from gateway.registry.signature import TrustedKey
from gateway.registry.store import ContentStore

View = dict[str, Any]
T = TypeVar("T")


class Events(Protocol):
    """What this needs of the audit log."""

    def event(self, type: str, **details: Any) -> None: ...

    async def durable(self) -> None: ...


async def nobody_cares() -> None:
    """Nothing hangs on a change: no server runs."""


class ModelOffice:
    """Args:
    store: the registry.
    book: where changes are written before they take effect.
    serves: whether a model, by its own name, is one that is served or would be at the next start.
    changed: called after a change of what is signed; when it returns, the policy knows.
    holders: the joined nodes that have a file, by its SHA-256, which no model here has any more. Blocks.
    """

    def __init__(
        self,
        store: ContentStore,
        book: Events,
        *,
        serves: Callable[[str], bool],
        changed: Callable[[], Awaitable[None]] = nobody_cares,
        holders: Callable[[str], Sequence[View]] = lambda digest: (),
    ) -> None:
        self._store, self._book = store, book
        self._serves, self._changed, self._holders = serves, changed, holders
        self._one_at_a_time = asyncio.Lock()

    async def remove(self, name: str, by: str) -> View:
        """Take a model out of the store, and out of the catalogue where the site itself had added it.

        ``nodes`` of what is returned are those that have its file still.

        Raises:
            SetupError: there is none of that name, it is served, or an adapter is for it; exit code 2.
        """
        async with self._one_at_a_time:
            manifest = self._known(name)
            if self._serves(manifest.name):
                mend = "Serve another one first: engine.model and fleet.models in sekisho.yaml."
                raise SetupError(f"The model {manifest.name} is being served.", mend, exit_code=2)
            if adapters := self._store.adapters(manifest.name):
                problem = f"The adapter {adapters[0].name} is for the model {manifest.name}."
                raise SetupError(problem, f"Remove it first: sekisho models remove {adapters[0].name}", exit_code=2)
            details = {"name": manifest.name, "sha256": manifest.sha256}
            still_known = await self._on_record("model.removed", details, by, lambda: self._store.remove(manifest))
            nodes = await asyncio.to_thread(self._holders, manifest.sha256)
            return {**details, "still_known": still_known, "nodes": list(nodes)}

    async def sign(self, name: str, bundle: str, by: str) -> View:
        """Keep a signature of a model. Raises SetupError: it is not one by a key that counts here."""
        async with self._one_at_a_time:
            manifest = self._known(name)
            details = {"name": manifest.name, "sha256": manifest.sha256}
            put = self._store.signatures.put
            verdict = await self._on_record("model.signed", details, by, lambda: put(manifest, bundle))
            await self._changed()
            return {**details, "status": verdict.status, "signer": verdict.signer}

    def keys(self) -> list[View]:
        """Return the keys whose signatures count, by name."""
        return [_view(key) for key in self._store.signatures.trusted()]

    async def trust(self, name: str, pem: str, by: str) -> View:
        """Let a key's signatures count. Raises SetupError: it cannot be used, or it or its name is known."""
        async with self._one_at_a_time:
            trust = self._store.signatures.trust
            key = await self._on_record("model.key_added", {"name": name}, by, lambda: trust(name, pem))
            await self._changed()
            return _view(key)

    async def distrust(self, name: str, by: str) -> View:
        """Let a key's signatures count no more, also those that were made. Raises SetupError: there is none."""
        async with self._one_at_a_time:
            distrust = self._store.signatures.distrust
            key = await self._on_record("model.key_removed", {"name": name}, by, lambda: distrust(name))
            await self._changed()
            return _view(key)

    def _known(self, name: str) -> Manifest:
        manifest = self._store.find(name)
        if manifest is None:
            raise SetupError(f"There is no model {name!r}.", "Run: sekisho models list", exit_code=2)
        return manifest

    async def _on_record(self, what: str, details: View, by: str, change: Callable[[], T]) -> T:
        self._book.event(what, by=by, details=details)
        await self._book.durable()
        try:
            return await asyncio.to_thread(change)
        except SetupError:
            self._book.event(f"{what}.refused", by=by, details=details)
            raise


def _view(key: TrustedKey) -> View:
    return {"name": key.name, "key_id": key.id}
