"""Changes to an installation: through the running server, or, where there is none, under the lock and on record here.

Either way the audit log has the change before it takes effect: in the server's own log, or in that of the origin
``<site>/<node>/admin``. The rules of each change are the same code on both ways
(:class:`gateway.identity.office.KeyOffice`, the model registry).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from gateway.cli.lock import data_lock
from gateway.cli.server import Server, operator, running_server

if TYPE_CHECKING:
    from gateway.audit.shelf import Shelf
    from gateway.identity.office import Events, KeyOffice
    from gateway.identity.record import NewKey
    from gateway.registry.office import ModelOffice
    from gateway.registry.store import ContentStore
    from gateway.settings import Settings

View = dict[str, Any]


class Changes(Protocol):
    """What can be changed."""

    def create_key(self, wish: NewKey) -> View:
        """Make a key; ``key`` in the answer is its plain text."""

    def revoke_key(self, reference: str) -> View: ...

    def rotate_key(self, reference: str, overlap: timedelta) -> View:
        """Give a key another text; ``key`` in the answer is that."""

    def end_key_overlap(self, reference: str) -> View:
        """Let the text before work no more."""

    def register_model(self, manifest: View) -> None: ...

    def set_alias(self, alias: str, model: str) -> None: ...

    def remove_model(self, model: str) -> View: ...

    def sign_model(self, model: str, bundle: str) -> View: ...

    def trust_model_key(self, name: str, pem: str) -> View: ...

    def distrust_model_key(self, name: str) -> View: ...


@contextmanager
def changes(settings: Settings) -> Iterator[Changes]:
    """Return who carries out changes now.

    Raises:
        SetupError: another process works on the data folder, or something of the installation is missing.
    """
    server = running_server(settings.run)
    if server is not None:
        yield ServerChanges(server)
        return
    with data_lock(settings.state), admin_book(settings) as book:
        yield OfflineChanges(settings, book)


class ServerChanges:
    """Changes through the running server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def create_key(self, wish: NewKey) -> View:
        return dict(self._server.post("keys", msgspec.to_builtins(wish)))

    def revoke_key(self, reference: str) -> View:
        return dict(self._server.delete(f"keys/{reference}"))

    def rotate_key(self, reference: str, overlap: timedelta) -> View:
        seconds = int(overlap.total_seconds())
        return dict(self._server.post(f"keys/{reference}/rotate", {"overlap_seconds": seconds}))

    def end_key_overlap(self, reference: str) -> View:
        return dict(self._server.delete(f"keys/{reference}/overlap"))

    def register_model(self, manifest: View) -> None:
        self._server.post("models", manifest)

    def set_alias(self, alias: str, model: str) -> None:
        self._server.put(f"aliases/{alias}", {"model": model})

    def remove_model(self, model: str) -> View:
        return dict(self._server.delete(f"models/{model}"))

    def sign_model(self, model: str, bundle: str) -> View:
        return dict(self._server.put(f"models/{model}/signature", {"bundle": bundle}))

    def trust_model_key(self, name: str, pem: str) -> View:
        return dict(self._server.post("model-keys", {"name": name, "pem": pem}))

    def distrust_model_key(self, name: str) -> View:
        return dict(self._server.delete(f"model-keys/{name}"))


@contextmanager
def admin_book(settings: Settings) -> Iterator[Shelf]:
    """Open the audit log of the origin ``<site>/<node>/admin``. The caller holds the data folder's lock.

    Raises:
        SetupError: it cannot be opened.
    """
    from gateway.audit.shelf import DEFAULT, Shelf
    from gateway.keys.opening import open_keyring

    origin = f"{settings.site.name}/{settings.site.node}/admin"
    log_key = open_keyring(settings).log_keys()
    book = Shelf(settings.data / "audit", origin=origin, log_key=log_key, settings=settings.audit, classes=(DEFAULT,))
    book.open()
    try:
        yield book
    finally:
        book.close()


class OfflineChanges:
    """Changes to the files themselves. The caller holds the lock and owns the book."""

    def __init__(self, settings: Settings, book: Events) -> None:
        self._settings = settings
        self._book = book

    def create_key(self, wish: NewKey) -> View:
        return asyncio.run(self._office().create(wish, operator()))

    def revoke_key(self, reference: str) -> View:
        return asyncio.run(self._office().revoke(reference, operator()))

    def rotate_key(self, reference: str, overlap: timedelta) -> View:
        return asyncio.run(self._office().rotate(reference, overlap, operator()))

    def end_key_overlap(self, reference: str) -> View:
        return asyncio.run(self._office().end_overlap(reference, operator()))

    def register_model(self, manifest: View) -> None:
        self._on_record("model.added", partial(self._shelf().register, manifest), manifest)

    def set_alias(self, alias: str, model: str) -> None:
        change = partial(self._shelf().set_alias, alias, model)
        self._on_record("model.alias", change, {"alias": alias, "model": model})

    def remove_model(self, model: str) -> View:
        return asyncio.run(self._models().remove(model, operator()))

    def sign_model(self, model: str, bundle: str) -> View:
        return asyncio.run(self._models().sign(model, bundle, operator()))

    def trust_model_key(self, name: str, pem: str) -> View:
        return asyncio.run(self._models().trust(name, pem, operator()))

    def distrust_model_key(self, name: str) -> View:
        return asyncio.run(self._models().distrust(name, operator()))

    def _models(self) -> ModelOffice:
        from gateway.registry.office import ModelOffice

        shelf, settings = self._shelf(), self._settings
        served = {shelf.canonical(wish.model) for wish in settings.served}
        return ModelOffice(shelf, self._book, serves=lambda name: name in served)

    def _office(self) -> KeyOffice:
        from gateway.identity.keys import KeyRegister
        from gateway.identity.office import KeyOffice
        from gateway.keys.opening import open_keyring

        settings = self._settings
        register = KeyRegister(settings.state / "keys.json", open_keyring(settings).peppers(), settings.site)
        return KeyOffice(register, self._book)

    def _shelf(self) -> ContentStore:
        from gateway.cli.models import shelf

        return shelf(self._settings)

    def _on_record(self, what: str, change: Callable[[], None], details: View) -> None:
        self._book.event(what, by=operator(), details=details)
        asyncio.run(self._book.durable())
        change()
