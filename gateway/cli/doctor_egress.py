"""``sekisho doctor --egress``: whom the running server and its processes talk to, and whether settings name them."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from gateway.cli.server import SOCKET_NAME, Server, running_server
from gateway.cli.session import ANSWERED_NO, COULD_NOT, Session
from gateway.cli.trouble import ServerRefusal
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.egress.look import Look

_MOST_FINDINGS, _LONGEST = 50, 300  # of a record
_UCRED = struct.Struct("3i")  # SO_PEERCRED, unix(7): pid, uid, gid


def examine(session: Session, seconds: float) -> None:
    """Look for some seconds, put it on record, and leave with 1 when somebody is talked to whom no setting names."""
    from gateway.egress.look import watch
    from gateway.egress.sockets import Unreadable

    settings = session.settings
    server = running_server(settings.run)
    if server is None:
        raise SetupError("No server runs here whose sockets could be looked at.", "Start it: sekisho serve")
    allowed = _allowed(session, server)
    try:
        with session.output.progress(f"Looking for {seconds:g} s"):
            seen = watch(_pid(settings.run), allowed, seconds)
    except Unreadable as problem:
        raise SetupError(
            f"The sockets of {problem} cannot be seen: it is another user's.", "Run this as root, or as its user."
        ) from problem
    except OSError as problem:
        raise SetupError(
            "The control could not be started.", "See whether Python can start a process here."
        ) from problem
    data = _data(seen, seconds)
    server.post("egress", {**data, "findings": [one[:_LONGEST] for one in data["findings"][:_MOST_FINDINGS]]})
    _show(session, seen, data)


def _show(session: Session, seen: Look, data: dict[str, Any]) -> None:
    rows = [(one,) for one in seen.findings]
    summary = f"{data['processes']} processes, {data['sockets']} sockets, {seen.rounds} looks"
    session.output.table(
        "Talks that no setting names", ("found",), rows, data, f"Nobody outside is talked to: {summary}."
    )
    if not seen.control_caught:
        raise SetupError(
            "The control was not caught: this look proves nothing.", "See whether /proc shows sockets to this user.",
            exit_code=COULD_NOT,
        )  # fmt: skip
    if seen.findings:
        session.output.note(f"{len(seen.findings)} found ({summary}).")
        raise typer.Exit(ANSWERED_NO)


def _data(seen: Look, seconds: float) -> dict[str, Any]:
    return {
        "milliseconds": round(1000 * seconds),
        "processes": len(seen.processes),
        "sockets": len(seen.sockets),
        "control_caught": seen.control_caught,
        "findings": [*seen.findings],
    }


def _allowed(session: Session, server: Server) -> Any:
    """What settings name, and the nodes that joined."""
    from gateway.egress.judge import Places, read_place

    try:
        nodes = server.get("nodes")["data"]
    except (ServerRefusal, KeyError):  # a server that has none
        nodes = []
    joined = [place for node in nodes if (place := read_place(str(node.get("address", ""))))]
    return Places.of(msgspec.to_builtins(session.settings, enc_hook=str)).allowed(joined)


def _pid(run: Path) -> int:
    """The process that listens on the admin socket: the server, or the first of several workers."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(run / SOCKET_NAME))
        raw = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return int(_UCRED.unpack(raw)[0])
