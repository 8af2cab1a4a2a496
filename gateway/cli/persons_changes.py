"""Who carries out what is done about persons: the running server, or this process under the lock and on record here.

The rules are the same code on both ways: :class:`gateway.audit.persons.office.PersonsOffice`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from gateway.cli.changes import admin_book
from gateway.cli.lock import data_lock
from gateway.cli.server import Server, operator, running_server

if TYPE_CHECKING:
    from gateway.audit.persons.office import EraseWish, PersonsOffice, SearchWish, ShowWish
    from gateway.audit.persons.officers import Signature
    from gateway.audit.persons.warrant import Claim
    from gateway.settings import Settings

View = dict[str, Any]
_READING_SECONDS = 1800.0  # the server reads whole logs


class Persons(Protocol):
    """What can be done. Each returns a view for people and scripts; see the office."""

    def request(self, wish: SearchWish) -> View: ...

    def sign(self, search: str, signature: Signature) -> View: ...

    def collect(self, search: str, wish: ShowWish) -> View: ...

    def erase(self, wish: EraseWish) -> View: ...

    def read(self, item: str, claim: Claim) -> View: ...

    def prune(self) -> View: ...


@contextmanager
def persons(settings: Settings) -> Iterator[Persons]:
    """Return who does it now.

    Raises:
        SetupError: another process works on the data folder, or something of the installation is missing.
    """
    server = running_server(settings.run)
    if server is not None:
        yield ServerPersons(server)
        return
    with data_lock(settings.state), admin_book(settings) as book:
        from gateway.audit.content.store import SideStore
        from gateway.keys.opening import open_keyring
        from gateway.officers import persons_office

        keyring = open_keyring(settings)
        store = SideStore.of_installation(settings, keyring.kept_tag_keys)
        yield OfflinePersons(persons_office(settings, store, book, keyring.kept_tag_keys))


class ServerPersons:
    """Through the running server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def request(self, wish: SearchWish) -> View:
        return self._post("persons/searches", wish)

    def sign(self, search: str, signature: Signature) -> View:
        return self._post(f"persons/searches/{search}/signatures", signature)

    def collect(self, search: str, wish: ShowWish) -> View:
        return self._post(f"persons/searches/{search}/result", wish)

    def erase(self, wish: EraseWish) -> View:
        return self._post("persons/erasures", wish)

    def read(self, item: str, claim: Claim) -> View:
        return self._post(f"content/{item}", claim)

    def prune(self) -> View:
        return self._post("content-ends", {})

    def _post(self, route: str, body: Any) -> View:
        import msgspec

        return dict(self._server.post(route, msgspec.to_builtins(body), seconds=_READING_SECONDS))


class OfflinePersons:
    """On the files themselves. The caller holds the lock and owns the book."""

    def __init__(self, office: PersonsOffice) -> None:
        self._office = office

    def request(self, wish: SearchWish) -> View:
        return asyncio.run(self._office.request(wish, operator()))

    def sign(self, search: str, signature: Signature) -> View:
        return asyncio.run(self._office.sign(search, signature, operator()))

    def collect(self, search: str, wish: ShowWish) -> View:
        return asyncio.run(self._office.collect(search, wish, operator()))

    def erase(self, wish: EraseWish) -> View:
        return asyncio.run(self._office.erase(wish, operator()))

    def read(self, item: str, claim: Claim) -> View:
        return asyncio.run(self._office.read(item, claim, operator()))

    def prune(self) -> View:
        return asyncio.run(self._office.prune(operator()))
