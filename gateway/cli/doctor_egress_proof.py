"""``sekisho doctor --egress --proof FILE``: the maker's proof of no egress, checked and put on record here."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gateway.cli.changes import admin_book
from gateway.cli.lock import data_lock
from gateway.cli.server import operator, running_server
from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session
from gateway.errors import SetupError

if TYPE_CHECKING:
    from tuf.api.metadata import Root

EVENT = "admin.egress_proven"


def put_on_record(session: Session, file: Path) -> None:
    """Check a report against the root that this site trusts, put it on record, leave with 1 when it proves nothing."""
    from gateway.bundle.refusal import BundleRefused
    from gateway.bundle.repository.no_egress import read

    try:
        proof = read(file.read_bytes())
        told = proof.summary(proof.check(_root()))
    except BundleRefused as refused:
        problem = f"{file} does not count here ({refused.code}): {refused.problem}"
        raise SetupError(problem, "Ask the maker of your bundle for their report.") from refused
    except OSError as error:
        problem = f"{file} cannot be read ({error.strerror})."
        raise SetupError(problem, "Name the report.", exit_code=USED_WRONGLY) from error
    _note(session, told)
    lines = [f"On record: {'nothing tried to leave' if told['proven'] else 'NOT PROVEN'}, as of {told['made_at']}."]
    lines.append(f"{told['commands']} commands, {told['endpoints']} requests; {told['controls']} controls.")
    session.output.result(told, *lines)
    if not told["proven"]:
        raise typer.Exit(ANSWERED_NO)


def _root() -> Root:
    """Return the root of the installation that this program is of. Raises SetupError: it is of none."""
    from securesystemslib.exceptions import StorageError
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata, Root

    from gateway.cli.bundle_site import prefix_of

    place = prefix_of(None).trusted / "root.json"
    try:
        return Metadata[Root].from_file(str(place)).signed
    except (StorageError, RepositoryError) as error:
        raise SetupError(f"The root that this site trusts, {place}, cannot be read.", "Check it.") from error


def _note(session: Session, told: dict[str, Any]) -> None:
    settings = session.settings
    server = running_server(settings.run)
    if server is not None:
        server.post("egress/proofs", told)
        return
    with data_lock(settings.state), admin_book(settings) as book:
        book.event(EVENT, by=operator(), **told)
        asyncio.run(book.durable())
