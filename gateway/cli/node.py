"""``sekisho node``: machines that lend their engines to a gateway.

On the gateway: ``token``, ``list``, ``show``, ``drain``, ``trust``, ``remove``. On the machine that joins: ``join``,
``serve``.
"""

from __future__ import annotations

import re
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.node_changes import known_nodes, node_changes
from gateway.cli.session import USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.settings import Settings

app = group("node", "Let other machines join as nodes; be one.")

_TIME = re.compile(r"([0-9]{1,4})([mhd])")
_SECONDS = {"m": 60, "h": 3600, "d": 86400}
_COLUMNS = ("name", "state", "now", "site", "country", "address", "version", "since", "certificate until")

Name = Annotated[str, typer.Argument(help="The node, as `sekisho node list` names it.")]


@command(
    app,
    "token",
    examples=[
        "sekisho node token --name gpu1",
        "sekisho node token --name gpu2 --site gyor --jurisdiction HU --ttl 4h",
    ],
)
def token(
    session: Session,
    name: Annotated[str, typer.Option("--name", help="The node's name: a-z, 0-9, -. Targets are called by it.")],
    site: Annotated[str | None, typer.Option(help="Where it stands; else this gateway's site.")] = None,
    jurisdiction: Annotated[str | None, typer.Option(help="Country of that site (ISO 3166-1 alpha-2).")] = None,
    ttl: Annotated[str, typer.Option(help="How long the token is good: 30m, 4h, 2d; at most 7d.")] = "1h",
) -> None:
    """Make a token with which one machine can join, once, and show it once. It is on record.

    Where the node stands is said here, and policy goes by it: the node itself can never say it.
    """
    wish = _wish(name, site, jurisdiction, ttl)
    with node_changes(session.settings) as to_make:
        made = to_make.make_token(wish)
    url = gateway_url(session.settings)
    call = f"sekisho node join {url} --token {made['token']} --address HOST:8443"
    place = f"site {made['site']}, {made['jurisdiction'] or 'no country said'}"
    session.output.result(
        {**made, "url": url, "command": call},
        f"A token for {made['name']} ({place}), good once, until {made['ends']}.",
        f"On that machine, with the HOST by which this gateway reaches it:\n\n  {call}\n",
        f"The authority's SHA-256, which the token holds: {made['authority']}",
    )
    if not session.settings.nodes.listen:
        session.output.note("No machine can join yet: set nodes.listen in sekisho.yaml and start the server anew.")


@command(app, "list", examples=["sekisho node list", "sekisho node list --removed --json"])
def list_nodes(
    session: Session,
    removed: Annotated[bool, typer.Option("--removed", help="Those that were removed, too.")] = False,
) -> None:
    """Show the machines that joined this gateway, and, while its server runs, how each of them stands now."""
    nodes = known_nodes(session.settings, removed=removed)
    empty = "No machine has joined. Let one: sekisho node token --name NAME"
    session.output.table("Joined nodes", _COLUMNS, [_row(node) for node in nodes], {"data": nodes}, empty)


@command(app, "show", examples=["sekisho node show gpu1", "sekisho node show gpu1 --json"])
def show(session: Session, name: Name) -> None:
    """Show all that is known of a node."""
    node = next((each for each in known_nodes(session.settings, removed=True) if each["name"] == name), None)
    if node is None:
        raise SetupError(f"There is no node {name}.", "See: sekisho node list", exit_code=USED_WRONGLY)
    session.output.result(node, *_lines(node))


def _lines(node: dict[str, Any]) -> list[str]:
    """Return a line for each fact that there is."""
    width = max(map(len, node))
    shown = {key: ", ".join(map(str, value)) if isinstance(value, list) else value for key, value in node.items()}
    return [f"{key:<{width}}  {value}" for key, value in shown.items() if value]


@command(app, "drain", examples=["sekisho node drain gpu1", "sekisho node drain gpu1 --back"])
def drain(
    session: Session,
    name: Name,
    back: Annotated[bool, typer.Option("--back", help="Give it prompts again.")] = False,
) -> None:
    """Give a node no new prompts; what it answers is answered to its end. It is on record."""
    with node_changes(session.settings) as to_make:
        node = to_make.drain(name, back=back)
    said = "gets prompts again" if back else "gets no new prompts. Take it back: sekisho node drain --back " + name
    session.output.result(node, f"{node['name']} {said}{'.' if back else ''}")


@command(app, "trust", examples=["sekisho node trust gpu1 --reason 'its disk was replaced; ticket 4711'"])
def trust(
    session: Session,
    name: Name,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the record.")],
) -> None:
    """Let a node serve again that loaded other bytes than it was told to. It is on record.

    Look at that machine first: the audit log (node.distrusted) has both digests.
    """
    if not 0 < len(reason.strip()) <= 1000:
        mend = "Give --reason in a sentence, such as: --reason 'its disk was replaced'."
        raise SetupError("No reason was given.", mend, exit_code=USED_WRONGLY)
    with node_changes(session.settings) as to_make:
        node = to_make.trust(name, reason.strip())
    session.output.result(node, f"{node['name']} is trusted again.")


@command(app, "remove", examples=["sekisho node remove gpu1"])
def remove(session: Session, name: Name) -> None:
    """Let a node's certificate count no more, at once. What it is answering ends with an error. It is on record."""
    with node_changes(session.settings) as to_make:
        node = to_make.remove(name)
    session.output.result(node, f"{node['name']} is removed; its certificate and its tokens count no more.")


@command(
    app,
    "join",
    examples=[
        "sekisho node join https://gateway.plant:8444 --token skn.… --address gpu1.plant:8443",
        "sekisho node join https://gateway.plant:8444 --token - --address 10.0.0.7:8443 --no-serve < token.txt",
    ],
)
def join(
    session: Session,
    url: Annotated[str, typer.Argument(help="The gateway's address for nodes, as sekisho node token printed it.")],
    token: Annotated[str, typer.Option("--token", help="The token; - reads it from standard input.")],
    address: Annotated[str, typer.Option(help="host:port at which the gateway reaches this machine.")],
    listen: Annotated[str, typer.Option(help="address:port to listen on; else the same.")] = "",
    serves: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve at once, until stopped.")] = True,
    anew: Annotated[bool, typer.Option("--anew", help="Although this machine has joined before.")] = False,
) -> None:
    """Let this machine join a gateway, then serve it. Its key is made here and never leaves.

    Before the token is shown, the gateway must prove itself by the authority that the token names.
    """
    from gateway import __version__
    from gateway.cli.lock import data_lock
    from gateway.fleet.nodes import joining, membership

    folder = _folder(session.settings)
    if membership.has_joined(folder) and not anew:
        known = membership.read(folder)
        problem = f"This machine has joined {known.url} already, as {known.name}."
        raise SetupError(problem, "Serve: sekisho node serve. To join again: --anew", exit_code=USED_WRONGLY)
    text = sys.stdin.readline(1024) if token == "-" else token  # noqa: S105 - what stands for standard input
    with data_lock(session.settings.state), session.output.progress(f"Joining {url}"):
        joined = joining.join(url, text, folder, listen=listen or address, address=address, version=__version__)
    said = f"This machine is {joined.name} (site {joined.site}) of {joined.gateway}."
    data = {"name": joined.name, "site": joined.site, "gateway": joined.gateway, "folder": str(folder)}
    if not serves:
        session.output.result(data, said, "Serve with: sekisho node serve")
        return
    session.output.note(said)
    _serve(session, folder)


@command(app, "serve", examples=["sekisho node serve", "sekisho node serve --config /etc/sekisho/node.yaml"])
def serve(session: Session) -> None:
    """Serve the gateway that this machine joined, until stopped. Its certificate is renewed in time."""
    _serve(session, _folder(session.settings))


def gateway_url(settings: Settings) -> str:
    """Return the address that machines join at, as far as the settings tell it."""
    return settings.nodes.url.rstrip("/") or f"https://{settings.nodes.listen or 'GATEWAY:PORT'}"


def _serve(session: Session, folder: Path) -> None:
    from gateway.cli.lock import data_lock
    from gateway.fleet.nodes import membership
    from gateway.node.serving import serve_node

    known = membership.read(folder)
    with data_lock(session.settings.state), ExitStack() as progress:
        progress.enter_context(session.output.progress(f"Starting node {known.name}"))

        def ready(listen: str) -> None:
            progress.close()
            data = {"event": "ready", "node": known.name, "listen": listen, "gateway": known.url}
            session.output.result(data, f"Node {known.name} serves on {listen}. Stop it with Ctrl-C.")

        code = serve_node(folder, session.settings, ready)
    raise typer.Exit(code)


def _folder(settings: Settings) -> Path:
    from gateway.fleet.nodes.membership import FOLDER

    return settings.data / FOLDER


def _wish(name: str, site: str | None, jurisdiction: str | None, ttl: str) -> Any:
    """Return what is asked for. Raises SetupError: a name, country or time that is none."""
    import msgspec

    from gateway.fleet.nodes.asking import NewToken

    time = _TIME.fullmatch(ttl)
    if time is None:
        raise SetupError(f"{ttl!r} is no time.", "Give one such as 30m, 4h or 2d.", exit_code=USED_WRONGLY)
    said = {"name": name, "site": site, "jurisdiction": jurisdiction, "seconds": int(time[1]) * _SECONDS[time[2]]}
    try:
        return msgspec.convert(said, NewToken)
    except msgspec.ValidationError as error:
        mend = "Names and sites are a-z, 0-9 and -, countries two capitals such as DE, times from 1m to 7d."
        raise SetupError("No token can say that.", mend, exit_code=USED_WRONGLY) from error


def _row(node: dict[str, Any]) -> tuple[str, ...]:
    country, until = node["jurisdiction"] or "-", str(node["ends"])[:10]
    since = str(node["since"])[:10]
    return (
        node["name"],
        node["state"],
        _now(node),
        node["site"],
        country,
        node["address"],
        node["version"],
        since,
        until,
    )


def _now(node: dict[str, Any]) -> str:
    """Say how it stands by its heartbeat, and what is loaded there; "-" where no server tells."""
    if "now" not in node:
        return "-"
    return f"{node['now']}, {node['loaded']} loaded" if node["now"] == "here" else str(node["now"])
