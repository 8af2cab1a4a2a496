"""``sekisho node update``: one bundle, carried to the gateway, is brought to its nodes and installed by them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.node import app
from gateway.cli.node_changes import NodeUpdates, known_nodes, updates
from gateway.cli.session import COULD_NOT, USED_WRONGLY, Session, command
from gateway.errors import SetupError

_LOOK_SECONDS = 0.5
_DOES = {
    "bring": "bringing the bundle",
    "judge": "the node judges it by its own trust",
    "drain": "draining",
    "order": "ordering",
    "return": "the node installs it",
}


@command(
    app,
    "update",
    examples=[
        "sekisho node update /var/lib/sekisho/sekisho-1.5.0-cpu.tar gpu1",
        "sekisho node update /var/lib/sekisho/sekisho-1.5.0-cpu.tar --all",
    ],
)
def update(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The bundle, where the gateway's service may read it.")],
    names: Annotated[list[str] | None, typer.Argument(metavar="NODE", help="The nodes, in this order.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All nodes that are joined, one after the other.")] = False,
) -> None:
    """Have nodes install a bundle, one after the other: brought, judged there, drained, installed, watched. On record.

    What a node installs is decided by the makers' keys that it trusts itself. It goes back by itself when the new
    version is not healthy. The first node that fails ends the row. Given again it goes on: a node that has that
    release already is passed over.
    """
    if every == bool(names):
        raise SetupError("Name the nodes, or give --all.", "See: sekisho node list", exit_code=USED_WRONGLY)
    wanted = list(names or [str(node["name"]) for node in known_nodes(session.settings, removed=False)])
    if not wanted:
        raise SetupError("No machine has joined.", "Let one: sekisho node token --name NAME", exit_code=USED_WRONGLY)
    through, ended = updates(session.settings), list[dict[str, Any]]()
    for name in wanted:
        ended.append(_one(session, through, name, str(file.resolve())))
        if _failed(ended[-1]):
            break
    _tell(session, ended, wanted[len(ended) :])


def _one(session: Session, through: NodeUpdates, name: str, file: str) -> dict[str, Any]:
    """Update a node, and wait for how it ends. Raises SetupError: it was not begun."""
    view, told = through.begin(name, file), ""
    while view["step"] not in ("done", "failed"):
        if view["step"] != told:
            told = str(view["step"])
            session.output.note(f"{name}: {_DOES[told]}")
        time.sleep(_LOOK_SECONDS)
        view = through.shown(name)
    return view


def _failed(view: dict[str, Any]) -> bool:
    return bool(view["step"] == "failed" and view["code"] != "node.up_to_date")


def _tell(session: Session, ended: Sequence[dict[str, Any]], rest: Sequence[str]) -> None:
    lines = [_line(view) for view in ended]
    if rest:
        lines.append(f"Not begun: {', '.join(rest)}.")
    session.output.result({"data": list(ended), "not_begun": list(rest)}, *lines)
    if _failed(ended[-1]):
        raise typer.Exit(COULD_NOT)


def _line(view: dict[str, Any]) -> str:
    if view["step"] == "done":
        return f"{view['node']} runs Sekisho {view['release']}; {view['before']} ran there before."
    if not _failed(view):
        return f"{view['node']} had it already: {view['why']}"
    code = "" if view["code"] in view["why"] else f" [{view['code']}]"
    return f"{view['node']} was not updated: {view['why']}{code}"
