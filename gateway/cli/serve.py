"""``sekisho serve``: bring up the checkpoint and keep it up."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.session import Session, command

if TYPE_CHECKING:
    from gateway.settings import Settings

DEMO_KEY_DAYS = 30


def register(app: typer.Typer) -> None:
    examples = [
        "sekisho serve",
        "sekisho serve --config /etc/sekisho/sekisho.yaml",
        "sekisho serve --workers 4",
        "sekisho serve --demo-key",
    ]
    command(app, "serve", examples=examples)(serve)


Listen = Annotated[str | None, typer.Option(help="Serve on this address:port instead of the configured one.")]
Model = Annotated[str | None, typer.Option(help="Load this model instead of the configured one.")]
DemoKey = Annotated[bool, typer.Option("--demo-key", help="Make a fresh API key and show how to use it.")]


Workers = Annotated[int | None, typer.Option(min=1, help="Serve with so many processes instead of the configured.")]


def serve(
    session: Session,
    listen: Listen = None,
    model: Model = None,
    demo_key: DemoKey = False,
    workers: Workers = None,
) -> None:
    """Serve until stopped. SIGTERM or Ctrl-C: requests in flight finish, the log is closed, exit 0."""
    from gateway.cli.lock import data_lock

    settings = _settings(session, listen, model, workers)
    with data_lock(settings.state), ExitStack() as progress:
        key = _demo_key(settings) if demo_key else ""
        progress.enter_context(session.output.progress("Starting Sekisho: model, policies, detectors"))
        from gateway.app import serve as serve_app

        def ready(base_url: str) -> None:
            progress.close()
            _greet(session, settings, base_url, key)

        if settings.server.workers > 1:
            from gateway.app import base_url
            from gateway.workers.supervisor import Supervisor

            def load() -> Settings:
                return _settings(session.fresh(), listen, model, workers)

            code = Supervisor(settings, load, lambda: ready(base_url(settings))).run()
        else:
            code = serve_app(settings, on_ready=ready)
    raise typer.Exit(code)


def _settings(session: Session, listen: str | None, model: str | None, workers: int | None) -> Settings:
    """Return the settings with what the command line changes; refuse an address that is not safe."""
    from msgspec.structs import replace

    from gateway.cli.address import refuse_open_address
    from gateway.house.crew import refuse_unfit

    settings = session.settings
    if listen is not None:
        settings = replace(settings, server=replace(settings.server, listen=listen))
    if workers is not None:
        settings = replace(settings, server=replace(settings.server, workers=workers))
    if model is not None:
        only = replace(settings.fleet, models=())
        settings = replace(settings, engine=replace(settings.engine, model=model), fleet=only)
    refuse_open_address(settings.server)
    refuse_unfit(settings)
    return settings


def _demo_key(settings: Settings) -> str:
    """Make a key that ends by itself. The caller holds the data folder's lock."""
    from gateway.cli.changes import OfflineChanges, admin_book
    from gateway.identity.record import NewKey

    now = datetime.now(UTC).replace(microsecond=0)
    name = f"demo-{now:%Y%m%d-%H%M%S}"
    wish = NewKey(name=name, tenant="demo", expires=now + timedelta(days=DEMO_KEY_DAYS))
    with admin_book(settings) as book:
        return str(OfflineChanges(settings, book).create_key(wish)["key"])


def _greet(session: Session, settings: Settings, base_url: str, key: str) -> None:
    from gateway.cli.greeting import greeting

    data: dict[str, Any] = {"event": "ready", "base_url": base_url, "model": settings.first_model}
    if key:
        data["key"] = key
    session.output.result(data, greeting(settings, base_url, key))
