"""``sekisho doctor``: the machines that joined: do their certificates last, do they run what this one runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gateway.cli.checks import Check

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from gateway.fleet.nodes.membership import Membership
    from gateway.fleet.nodes.roster import Node
    from gateway.settings import Settings

_NAME = "joined nodes"
_OWN = "this machine as a node"
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
    wrong = _wrong(nodes, now)
    if wrong is not None:
        return wrong
    if authority.not_valid_after_utc < now + _AUTHORITY_SOON:
        said = f"the authority ends on {authority.not_valid_after_utc:%Y-%m-%d}"
        return Check(_NAME, "warning", said, f"Before then: remove all nodes, move {folder} away, let them join again.")
    other = [f"{node.name} ({node.version})" for node in nodes if node.version != __version__]
    if other:
        said = f"of another version than {__version__} when they joined or renewed: {', '.join(other)}"
        return Check(_NAME, "warning", said, "Bring the same release to them; see: sekisho fleet status")
    return Check(_NAME, "ok", f"{len(nodes)} joined")


def this_node(settings: Settings) -> Check:
    """This machine's own certificate, where it joined: whole, of its authority, and neither over nor early."""
    from cryptography.exceptions import InvalidSignature

    from gateway.errors import SetupError
    from gateway.fleet.nodes import membership

    folder, now = settings.data / membership.FOLDER, datetime.now(UTC)
    if not membership.has_joined(folder):
        return Check(_OWN, "ok", "it has joined no gateway")
    try:
        known, own = membership.read(folder), membership.certificate_of(folder)
        membership.key_of(folder)
        own.verify_directly_issued_by(membership.authority_of(folder))
    except SetupError as error:
        return Check(_OWN, "fails", error.problem, error.mend)
    except (InvalidSignature, ValueError, TypeError):
        return Check(_OWN, "fails", "its certificate is not of the authority that it joined", membership.AGAIN)
    return _timed(own, known, now) or Check(_OWN, "ok", f"joined {known.gateway} as {known.name}")


def _timed(own: Certificate, known: Membership, now: datetime) -> Check | None:
    """Return what is wrong with a certificate's times, if anything is."""
    from gateway.fleet.nodes.membership import AGAIN

    if own.not_valid_after_utc <= now:
        said = f"its certificate is over since {own.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, so no gateway calls it"
        return Check(_OWN, "fails", said, AGAIN)
    if own.not_valid_before_utc > now:
        said = f"its certificate begins on {own.not_valid_before_utc:%Y-%m-%d %H:%M} UTC, and this clock is before that"
        return Check(_OWN, "fails", said, "Set the clock by the site's time server.")
    if own.not_valid_after_utc < now + _NODE_SOON:
        said = f"its certificate ends on {own.not_valid_after_utc:%Y-%m-%d}"
        return Check(_OWN, "warning", said, f"It renews by itself where it reaches {known.url}: see its service's log.")
    return None


def _wrong(nodes: Sequence[Node], now: datetime) -> Check | None:
    distrusted = [f"{node.name} ({node.distrusted})" for node in nodes if node.distrusted]
    if distrusted:
        mend = "Look at that machine; then: sekisho node trust NAME --reason WHY, or sekisho node remove NAME"
        return Check(_NAME, "fails", f"not trusted, and serving nobody: {', '.join(distrusted)}", mend)
    over = [node.name for node in nodes if node.ends <= now]
    if over:
        mend = "Let it join again: sekisho node remove NAME, then sekisho node token --name NAME"
        return Check(_NAME, "fails", f"the certificate of {', '.join(over)} is over", mend)
    soon = [f"{node.name} ({node.ends:%Y-%m-%d})" for node in nodes if node.ends < now + _NODE_SOON]
    if soon:
        mend = "It renews by itself where it reaches nodes.url: see its service's log."
        return Check(_NAME, "warning", f"certificates that end soon: {', '.join(soon)}", mend)
    return None
