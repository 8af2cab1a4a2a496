"""``sekisho doctor``: the machines that joined: do their certificates last, do they run what this one runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gateway.cli.checks import Check

if TYPE_CHECKING:
    from gateway.fleet.nodes.roster import Node
    from gateway.settings import Settings

_NAME = "joined nodes"
_NODE_SOON = timedelta(days=14)  # a node renews 30 days before the end
_AUTHORITY_SOON = timedelta(days=365)


def joined_nodes(settings: Settings) -> Check:
    """Roster and authority can be used; no certificate ends soon; every node has this version."""
    from gateway import __version__
    from gateway.fleet.nodes.authority import authority_certificate
    from gateway.fleet.nodes.roster import Roster

    folder, now = settings.data / "nodes", datetime.now(UTC)
    nodes, authority = Roster(folder).nodes(), authority_certificate(folder)
    if authority is None:
        return Check(_NAME, "ok", "none was asked to join")
    if nodes and not settings.nodes.listen:
        said = f"{len(nodes)} joined, and none can renew its certificate"
        return Check(_NAME, "warning", said, "Set nodes.listen in sekisho.yaml.")
    ending = _ending(nodes, now)
    if ending is not None:
        return ending
    if authority.not_valid_after_utc < now + _AUTHORITY_SOON:
        said = f"the authority ends on {authority.not_valid_after_utc:%Y-%m-%d}"
        return Check(_NAME, "warning", said, f"Before then: remove all nodes, move {folder} away, let them join again.")
    other = [f"{node.name} ({node.version})" for node in nodes if node.version != __version__]
    if other:
        said = f"of another version than {__version__} when they joined or renewed: {', '.join(other)}"
        return Check(_NAME, "warning", said, "Bring the same release to them; see: sekisho fleet status")
    return Check(_NAME, "ok", f"{len(nodes)} joined")


def _ending(nodes: Sequence[Node], now: datetime) -> Check | None:
    over = [node.name for node in nodes if node.ends <= now]
    if over:
        mend = "Let it join again: sekisho node remove NAME, then sekisho node token --name NAME"
        return Check(_NAME, "fails", f"the certificate of {', '.join(over)} is over", mend)
    soon = [f"{node.name} ({node.ends:%Y-%m-%d})" for node in nodes if node.ends < now + _NODE_SOON]
    if soon:
        mend = "It renews by itself where it reaches nodes.url: see its service's log."
        return Check(_NAME, "warning", f"certificates that end soon: {', '.join(soon)}", mend)
    return None
