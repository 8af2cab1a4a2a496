"""Changes to policies: through the running server, or, where there is none, under the lock and on record here.

The rules are the same code on both ways: :class:`gateway.policy.life.activation.PolicyLife`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from gateway.cli.changes import admin_book
from gateway.cli.lock import data_lock
from gateway.cli.server import Server, operator, running_server

if TYPE_CHECKING:
    from gateway.identity.office import Events
    from gateway.policy.life.activation import PolicyLife
    from gateway.policy.life.dsse import Signature
    from gateway.policy.life.signers import Signer
    from gateway.settings import Settings

View = dict[str, Any]


class PolicyChanges(Protocol):
    """What can be changed. Each returns a view of what it changed."""

    def build(self) -> View: ...

    def take(self, folder: str) -> View: ...

    def sign(self, revision: str, key_id: str, signature: str) -> View: ...

    def activate(self, revision: str) -> View: ...

    def rollback(self) -> View: ...

    def add_signer(self, signer: Signer, approvals: Sequence[Signature]) -> View: ...

    def remove_signer(self, name: str, approvals: Sequence[Signature]) -> View: ...


@contextmanager
def policy_changes(settings: Settings) -> Iterator[PolicyChanges]:
    """Return who carries out changes now.

    Raises:
        SetupError: another process works on the data folder, or something of the installation is missing.
    """
    server = running_server(settings.run)
    if server is not None:
        yield ServerPolicy(server)
        return
    with data_lock(settings.state), admin_book(settings) as book:
        yield OfflinePolicy(settings, book)


class ServerPolicy:
    """Changes through the running server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def build(self) -> View:
        return dict(self._server.post("policy/revisions", {}, seconds=Server.TRIAL_SECONDS))

    def take(self, folder: str) -> View:
        return dict(self._server.post("policy/revisions", {"from": folder}, seconds=Server.TRIAL_SECONDS))

    def sign(self, revision: str, key_id: str, signature: str) -> View:
        return dict(self._server.post(f"policy/revisions/{revision}/signatures", {"keyid": key_id, "sig": signature}))

    def activate(self, revision: str) -> View:
        return dict(self._server.put("policy/in-force", {"revision": revision}, seconds=Server.TRIAL_SECONDS))

    def rollback(self) -> View:
        return dict(self._server.post("policy/rollback", {}, seconds=Server.TRIAL_SECONDS))

    def add_signer(self, signer: Signer, approvals: Sequence[Signature]) -> View:
        wish = {"name": signer.name, "public_key": signer.public_key, "roles": signer.roles}
        return dict(self._server.post("policy/signers", {**wish, "approvals": [_plain(one) for one in approvals]}))

    def remove_signer(self, name: str, approvals: Sequence[Signature]) -> View:
        return dict(self._server.delete(f"policy/signers/{name}", {"approvals": [_plain(one) for one in approvals]}))


class OfflinePolicy:
    """Changes to the files themselves; the OPA that tries a revision out ends with the command.

    The caller holds the lock and owns the book.
    """

    def __init__(self, settings: Settings, book: Events) -> None:
        self._settings, self._book = settings, book

    def build(self) -> View:
        return self._do(lambda life: life.build(operator()))

    def take(self, folder: str) -> View:
        from pathlib import Path

        return self._do(lambda life: life.take(Path(folder), operator()))

    def sign(self, revision: str, key_id: str, signature: str) -> View:
        from gateway.policy.life.dsse import Signature

        return self._do(lambda life: life.sign(revision, Signature(key_id, signature), operator()))

    def activate(self, revision: str) -> View:
        return self._do(lambda life: life.activate(revision, operator()))

    def rollback(self) -> View:
        return self._do(lambda life: life.rollback(operator()))

    def first(self) -> View:
        """Build and activate the first revision, where none ever was in force."""

        async def first(life: PolicyLife) -> View:
            return life.view(await life.first(operator()))

        return self._do(first)

    def add_signer(self, signer: Signer, approvals: Sequence[Signature]) -> View:
        return self._do(lambda life: life.add_signer(signer, operator(), approvals))

    def remove_signer(self, name: str, approvals: Sequence[Signature]) -> View:
        return self._do(lambda life: life.remove_signer(name, operator(), approvals))

    def _do(self, change: Callable[[PolicyLife], Coroutine[Any, Any, View]]) -> View:
        return asyncio.run(self._done(change))

    async def _done(self, change: Callable[[PolicyLife], Coroutine[Any, Any, View]]) -> View:
        from gateway.keys.opening import open_keyring
        from gateway.policy.client import OpaPolicy
        from gateway.policy.life.activation import PolicyLife

        settings = self._settings
        policy = OpaPolicy(settings)
        try:
            return await change(PolicyLife(settings, open_keyring(settings), self._book, policy))
        finally:
            await policy.stop()


def _plain(signature: Signature) -> dict[str, str]:
    return {"keyid": signature.keyid, "sig": signature.sig}
