"""``sekisho fleet``: the models of the running server, and what they have."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated, Any

import typer

from gateway.cli.models_life import server_of
from gateway.cli.session import Session, command, group

app = group("fleet", "Show which models run where.")

_COLUMNS = (
    "model", "state", "in use", "waiting", "memory (MiB)", "load", "idle", "sent out", "draws", "device, or problem",
)  # fmt: skip
_CLEAR = "\x1b[H\x1b[2J"
_EVERY_SECONDS = 1.0


@command(
    app, "status", examples=["sekisho fleet status", "sekisho fleet status --watch", "sekisho fleet status --json"]
)
def status(
    session: Session,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second, until Ctrl-C.")] = False,
) -> None:
    """Show all models: their state, who uses and awaits them, and the memory they share.

    With --watch and --json each look is one line of JSON.
    """
    server = server_of(session)
    if not watch:
        _show(session, server.get("fleet"))
        return
    while True:
        said = server.get("fleet")
        if session.output.as_json:
            print(json.dumps(said, ensure_ascii=False), flush=True)
        else:
            if sys.stdout.isatty():
                print(_CLEAR, end="")
            _show(session, said)
        time.sleep(_EVERY_SECONDS)


def _show(session: Session, said: dict[str, Any]) -> None:
    session.output.table("Models", _COLUMNS, _rows(said), said, "No model is served.")
    if session.output.as_json:
        return
    for model in said["too_big"]:
        print(f"NOT SERVED  {model['problem']}")
    for device, memory in said["memory"].items():
        aside = f", {memory['claimed_mib']:,} put aside" if memory["claimed_mib"] else ""
        print(f"{device}: {memory['taken_mib']:,} of {memory['budget_mib']:,} MiB taken{aside}.")
    print(_energy(said.get("energy_measured", {})))
    for node in said.get("nodes", ()):
        print(_node(node))
    print(
        f"Since the start: {said['loads']} loads, {said['evictions']} sent out for others, {said['failures']} failed."
    )


def _energy(measured: dict[str, bool]) -> str:
    """Say of which of this machine's devices the energy of answers is measured."""
    words = [f"{device} {'measured' if told else 'not told'}" for device, told in sorted(measured.items())]
    return f"Energy of answers here: {', '.join(words) or 'not told'}."


def _node(node: dict[str, Any]) -> str:
    """Say in one line how a joined node stands."""
    line = f"node {node['node']} ({node['site']}, {node['address']}): {node['state']}"
    if node["problem"]:
        return f"{line}. {node['problem']}"
    memory = [f"{each['taken_mib']:,} of {each['budget_mib']:,} MiB of {name}" for name, each in node["memory"].items()]
    watts = [f"{each['watts']:.0f} W" for each in node.get("devices", ()) if each["watts"] >= 0]
    pushed = [f"{name} {100 * each['bytes'] // each['of']} % pushed" for name, each in node["pushing"].items()]
    cut = node.get("partial", ())
    if cut:
        pushed.append(f"{len(cut)} cut off in a push ({sum(each['bytes'] for each in cut) / 1e6:,.0f} MB there)")
    return ", ".join([line, *memory, *watts, *pushed]) + "." + "".join(f" {each}" for each in node["too_big"])


def _rows(said: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return a row for each model; what is wrong with a whole node is said once, below."""
    told = {node["node"]: node["problem"] for node in said.get("nodes", ()) if node["problem"]}
    return [
        _row({**each, "problem": f"See node {each['node']}."} if _is_its_nodes(each, told) else each)
        for each in said["models"]
    ]


def _is_its_nodes(model: dict[str, Any], told: dict[str, str]) -> bool:
    return bool(model.get("problem")) and told.get(model["node"]) == model["problem"]


def _row(model: dict[str, Any]) -> tuple[str, ...]:
    idle, load = model.get("idle_seconds"), model.get("load_seconds")
    return (
        model["model"] + (f" on {model['node']}" if "/engine:" in model.get("target", "") else ""),
        model["state"] + (", kept" if model.get("pinned") else "") + _canary(model),
        f"{model['held']} of {model['slots']}",
        str(model["waiting"]),
        _memory(model),
        f"{load:.1f} s" if load else "",
        "" if idle is None else f"{idle:,.0f} s",
        ", ".join(f"{reason} {count}" for reason, count in sorted(model.get("sent_out", {}).items())),
        _draws(model.get("power", {})),
        _remark(model),
    )


def _canary(model: dict[str, Any]) -> str:
    share = model.get("canary", 0.0)
    of = f" who ask for {model['canary_of']}" if model.get("canary_of") else ""
    return f", canary of {100 * share:g} %{of}" if share else ""


def _memory(model: dict[str, Any]) -> str:
    """What it takes; where another amount was measured, that too."""
    price, measured = model.get("price_mib", {}), model.get("measured_mib", {})
    parts = []
    for device, amount in price.items():
        seen = f" (measured {measured[device]:,})" if measured.get(device, amount) != amount else ""
        parts.append(f"{amount:,} {device}{seen}")
    return ", ".join(parts)


def _draws(power: dict[str, Any]) -> str:
    """What it draws while it answers, and whose word that is."""
    watts, source = power.get("watts"), power.get("source", "unknown")
    if source == "unknown" or watts is None:
        return "unknown" if power else ""
    whose = f"measured over {power['answers']} answers" if source == "measured" else "by the settings"
    return f"{watts:,.0f} W, {whose}"


def _remark(model: dict[str, Any]) -> str:
    if not model.get("problem"):
        return _left_alone(model.get("breaker", {})) or str(model["device"])
    again = model.get("again_in_seconds")
    return str(model["problem"]) + (f" Tried again in {again:.0f} s, when asked for." if again else "")


def _left_alone(breaker: dict[str, Any]) -> str:
    """Say that a target is left alone since it fails; empty when it is not."""
    if breaker.get("state", "closed") == "closed":
        return ""
    again = breaker["again_in_seconds"]
    by = f" by {', '.join(breaker['tenants'])}" if breaker.get("tenants") else ""
    pause = f" for {again:.0f} s." if again else "."
    return f"It fails ({breaker['failures']} in a row) and is left alone{by}{pause}"
