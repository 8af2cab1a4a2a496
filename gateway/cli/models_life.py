"""``sekisho models load``, ``unload`` and ``pin``: which models the running server has in memory."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gateway.cli.models import ModelName, app
from gateway.cli.server import Server, running_server
from gateway.cli.session import Session, command
from gateway.errors import SetupError

On = Annotated[str, typer.Option("--on", metavar="NODE", help="A joined node; else this machine.")]

_MORE_SECONDS = 60.0  # than a load may take: somebody may have to leave first


def server_of(session: Session) -> Server:
    """Return the running server. Raises SetupError when there is none."""
    server = running_server(session.settings.run)
    if server is None:
        raise SetupError("No server is running, so no model is loaded.", "Start it: sekisho serve")
    return server


@command(app, "load", examples=["sekisho models load smollm2-135m-instruct", "sekisho models load smollm2 --on gpu1"])
def load(session: Session, model: ModelName, on: On = "") -> None:
    """Load a model now, before somebody asks for it. Others that nobody uses leave where it needs their room."""
    server = server_of(session)
    with session.output.progress(f"Loading {model}"):
        done = _order(session, server, model, "load", on)
    took = f" in {done['load_seconds']:.1f} s" if done["load_seconds"] else ""
    session.output.result(done, f"{done['model']} is loaded{_where(on)}{took}, with {_amounts(done)}.")


@command(
    app, "unload", examples=["sekisho models unload smollm2-135m-instruct", "sekisho models unload smollm2 --on gpu1"]
)
def unload(session: Session, model: ModelName, on: On = "") -> None:
    """Send a model out of memory, once its last answer is given. Who asks for it has it loaded again."""
    server = server_of(session)
    with session.output.progress(f"Waiting for the last answers of {model}"):
        done = _order(session, server, model, "unload", on)
    session.output.result(done, f"{done['model']} is out of memory{_where(on)}.")


@command(
    app, "pin", examples=["sekisho models pin smollm2-135m-instruct", "sekisho models pin smollm2 --off --on gpu1"]
)
def pin(
    session: Session,
    model: ModelName,
    on: On = "",
    off: Annotated[bool, typer.Option("--off", help="Let it go again when others need its room.")] = False,
) -> None:
    """Load a model and keep it, until the server ends. For good: fleet.models in sekisho.yaml, with pin: true."""
    server = server_of(session)
    with session.output.progress(f"Letting {model} go" if off else f"Loading {model}"):
        done = _order(session, server, model, "unpin" if off else "pin", on)
    session.output.result(
        done, f"{done['model']} {'may leave when others need its room' if off else 'is kept'}{_where(on)}."
    )


def _order(session: Session, server: Server, model: str, action: str, on: str) -> dict[str, Any]:
    seconds = session.settings.engine.start_timeout_seconds + _MORE_SECONDS
    return dict(server.post("fleet/orders", {"model": model, "action": action, "node": on}, seconds=seconds))


def _where(on: str) -> str:
    return f" on {on}" if on else ""


def _amounts(done: dict[str, Any]) -> str:
    return ", ".join(f"{amount:,} MiB of {device}" for device, amount in done["price_mib"].items())
