"""The composition root: the only file that builds rooms and hands them to each other.

:func:`serve` is a whole life: open the book, load the engine, start OPA, push the facts, take requests; on SIGTERM
close the gate, let those inside finish, and close the book.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import uvloop
from fastapi import FastAPI

from gateway.audit.book import LogBook
from gateway.domain import Capability, Target
from gateway.engines.door import Engine
from gateway.errors import SetupError
from gateway.fleet.local import LocalFleet, Member
from gateway.http import api
from gateway.http.admin import admin_app, admin_socket
from gateway.http.gate import Gate
from gateway.http.listener import Listener
from gateway.identity.keys import KeyRegister
from gateway.identity.limits import KeyLimits
from gateway.inquiry import Inquiry
from gateway.keys.files import FileKeyring
from gateway.pipeline import Checkpoint
from gateway.policy.opa import OpaPolicy
from gateway.ports import Rooms
from gateway.privacy.service import PrivacyRoom, detector
from gateway.registry.store import ContentStore
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics

log = logging.getLogger("sekisho.app")

OnReady = Callable[[str], None]


class House(msgspec.Struct):
    """Everything that one process holds while it serves."""

    public: FastAPI
    admin: object
    gate: Gate
    inquiry: Inquiry


def serve(settings: Settings, *, on_ready: OnReady | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns 0 when everything was closed in order.

    Args:
        settings: of this process.
        on_ready: called once with the base URL, when the house is ready.

    Raises:
        SetupError: something of the installation is wrong.
    """
    return uvloop.run(_live(settings, on_ready))


async def _live(settings: Settings, on_ready: OnReady | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_house(settings) as house:
        listeners = [
            Listener.on_address(house.public, settings.server),
            Listener.on_socket(house.admin, admin_socket(settings.run)),
        ]
        async with asyncio.TaskGroup() as serving:
            for listener in listeners:
                serving.create_task(listener.run_sockets())
            for listener in listeners:
                await listener.began()
            gc.collect()
            gc.freeze()  # what start-up made stays; collections look at requests only
            if on_ready is not None:
                on_ready(base_url(settings))
            await stop.wait()
            house.gate.close()
            await house.gate.emptied(settings.server.grace_seconds)
            for listener in listeners:
                listener.should_exit = True
    return 0


def base_url(settings: Settings) -> str:
    scheme = "https" if settings.server.tls_certificate else "http"
    return f"{scheme}://{settings.server.listen}/v1"


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncGenerator[House]:
    """Build and open all rooms; close them in the opposite order.

    Raises:
        SetupError: keys, model, policy or log are not as they must be.
    """
    settings.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        keyring = FileKeyring(settings.keys)
        book = LogBook(
            _log_folder(settings), origin=settings.origin, log_key=keyring.log_key(), settings=settings.audit
        )
        book.open()
        stack.push_async_callback(book.close)
        store = ContentStore(settings.manifests, settings.store, settings.state / "aliases.yaml")
        engine = _engine(settings, store)
        policy = OpaPolicy(settings)
        privacy = PrivacyRoom(detector(settings.privacy), keyring.tag_key)
        target = _target(settings)
        await _start(stack, engine, policy, privacy)
        await policy.push_facts([target])
        register = KeyRegister(settings.state / "keys.json", keyring.pepper(), settings.site)
        fleet = LocalFleet(
            [Member(target, engine)],
            queue=settings.engine.queue,
            find_model=lambda name: _own_name(name, settings, store),
            model_names=lambda: sorted({settings.engine.model, *store.names()}),
        )
        metrics = Metrics(models=[target.model])
        rooms = Rooms(
            identity=register,
            limits=KeyLimits(settings.limits),
            privacy=privacy,
            policy=policy,
            fleet=fleet,
            book=book,
            telemetry=metrics,
            site=settings.site,
            now=_now,
        )
        inquiry = Inquiry(rooms, int(datetime.now(UTC).timestamp()))
        gate = Gate()
        public = api.build(Checkpoint(rooms), inquiry, gate, settings.server)
        admin = admin_app(register, book, inquiry.readiness, store)
        yield House(public, admin, gate, inquiry)
