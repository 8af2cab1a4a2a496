"""Changes to joined nodes: through the running server, or, where there is none, under the lock and on record here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from gateway.cli.changes import admin_book
from gateway.cli.lock import data_lock
from gateway.cli.server import Server, operator, running_server
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.fleet.nodes.asking import NewToken
    from gateway.fleet.nodes.enrol import Enrolment
    from gateway.settings import Settings

View = dict[str, Any]


class NodeChanges(Protocol):
    """What can be changed."""

    def make_token(self, wish: NewToken) -> View:
        """Make a token; ``token`` in the answer is its plain text."""

    def remove(self, name: str) -> View: ...

    def drain(self, name: str, *, back: bool) -> View: ...

    def trust(self, name: str, reason: str) -> View: ...


def updates(settings: Settings) -> NodeUpdates:
    """Return who updates nodes. Raises SetupError: no server runs, and nobody else reaches them."""
    server = running_server(settings.run)
    if server is None:
        raise SetupError("No server runs here that could bring it there.", "Start it: sekisho serve")
    return NodeUpdates(server)


class NodeUpdates:
    """Updates of nodes through the running server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def begin(self, name: str, file: str) -> View:
        return dict(self._server.post(f"nodes/{name}/update", {"file": file}))

    def shown(self, name: str) -> View:
        return dict(self._server.get(f"nodes/{name}/update"))


@contextmanager
def node_changes(settings: Settings) -> Iterator[NodeChanges]:
    """Return who carries out changes of nodes now.

    Raises:
        SetupError: another process works on the data folder, or something of the installation is missing.
    """
    server = running_server(settings.run)
    if server is not None:
        yield _ThroughServer(server)
        return
    from gateway.house.nodes import enrolment
    from gateway.keys.opening import open_keyring

    with data_lock(settings.state), admin_book(settings) as book:
        keyring = open_keyring(settings)
        yield _Here(enrolment(settings, book, keyring.vault, lambda: [pepper.secret for pepper in keyring.peppers()]))


def known_nodes(settings: Settings, *, removed: bool) -> list[View]:
    """Return the nodes: of the running server with what it sees of them now, else as the roster has them."""
    server = running_server(settings.run)
    if server is not None:
        found: list[View] = server.get("nodes")["data"]
        gone = [] if not removed else [node for node in _in_roster(settings) if node["removed"]]
        return found + gone
    return [node for node in _in_roster(settings) if removed or not node["removed"]]


def _in_roster(settings: Settings) -> list[View]:
    from datetime import UTC, datetime

    from gateway.fleet.nodes.roster import Roster, view

    return [view(node, datetime.now(UTC)) for node in Roster(settings.data / "nodes").content.nodes]


class _ThroughServer:
    def __init__(self, server: Server) -> None:
        self._server = server

    def make_token(self, wish: NewToken) -> View:
        return dict(self._server.post("nodes/tokens", msgspec.to_builtins(wish)))

    def remove(self, name: str) -> View:
        return dict(self._server.delete(f"nodes/{name}"))

    def drain(self, name: str, *, back: bool) -> View:
        route = f"nodes/{name}/drain"
        return dict(self._server.delete(route) if back else self._server.post(route, {}))

    def trust(self, name: str, reason: str) -> View:
        return dict(self._server.post(f"nodes/{name}/trust", {"reason": reason}))


class _Here:
    """The caller holds the lock and owns the book."""

    def __init__(self, office: Enrolment) -> None:
        self._office = office

    def make_token(self, wish: NewToken) -> View:
        return asyncio.run(self._office.make_token(wish, operator()))

    def remove(self, name: str) -> View:
        return asyncio.run(self._office.remove(name, operator()))

    def drain(self, name: str, *, back: bool) -> View:
        return asyncio.run(self._office.drain(name, operator(), back=back))

    def trust(self, name: str, reason: str) -> View:
        return asyncio.run(self._office.trust(name, operator(), reason))
