"""A past: real decisions of the real OPA, written into a real log, for those who ask about them again."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from gateway.audit.book import LogBook
from gateway.cli.past import log_folders, since
from gateway.domain import Caller, Decision, Outcome, PolicyInput, Role, Target
from gateway.keys.files import FileKeyring
from gateway.policy.client import OpaPolicy, draft
from gateway.policy.life.assembly import assemble
from gateway.policy.life.revisions import Revision, Revisions, Standing
from gateway.policy.opa.program import find_opa
from gateway.settings import SHIPPED, Settings

HEADER = "data,collected_in,class,purpose,destination,decision,redaction,legal_basis,review_by,owner,mode,note\n"
OPEN_TABLE = f"{HEADER}*,*,*,*,*,allow,pseudonymise,,,,,everything\n"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


RULE = """# METADATA
# title: Places
# description: China is closed to data from elsewhere.
# scope: package
# custom:
#   legal: none
#   date: "2026-11-22"
#   owner: tests
package rules.places

verdict(place) := {"code": "policy.residency", "severity": "deny", "legal": "", "params": params(place)} if {
	place.jurisdiction in closed
	input.data.collected_in != place.jurisdiction
} else := {"code": "policy.residency_adequate", "severity": "info", "legal": "a law", "params": params(place)}

closed := {"CN"}

params(place) := {"origin": input.data.collected_in, "destination": place.jurisdiction}
"""
"""A rule of our own, so that these tests do not hang on what the law is."""


def policies(folder: Path, rule: str = RULE) -> Path:
    """Copy the shipped decision and data into ``folder``, with one rule."""
    for name in ("main", "data"):
        shutil.copytree(SHIPPED / "policies" / name, folder / name, ignore=shutil.ignore_patterns("*_test.rego"))
    (folder / "places").mkdir()
    (folder / "places" / "rule.rego").write_text(rule)
    return folder


def caller_of(question: PolicyInput) -> Caller:
    asked = question.caller
    return Caller(
        asked.key_id,
        asked.tenant,
        asked.project,
        (Role.APP,),
        "x",
        asked.site,
        asked.jurisdiction,
        "DE",
        asked.access_from,
    )


@contextmanager
def open_book(settings: Settings) -> Iterator[LogBook]:
    book = LogBook(settings.data / "audit", origin=settings.origin, log_key=KEY, settings=settings.audit)
    book.open()
    try:
        yield book
    finally:
        book.close()


def write(book: LogBook, question: PolicyInput, decision: Decision) -> None:
    """Write what the pipeline would: an intent with its outcome, or a denial."""
    caller = caller_of(question)
    if decision.allow:
        target = Target(decision.targets[0].id, "m", (), "muc", "n", "DE", True)
        book.intent(caller, question, decision, target, {}).close(Outcome("done"))
        return
    code = next(reason.code for reason in decision.reasons if reason.severity == "deny")
    book.denial(
        code=code, status=403, caller=caller, question=question, decision=decision, request_id=question.request.id
    )


def shelve(settings: Settings) -> Revision:
    """Build a revision of what lies on disk and put it in force."""
    keyring = FileKeyring(settings.keys)
    keyring.create()
    revisions = Revisions(settings.state / "policy")
    revision = assemble(find_opa(settings), settings, keyring, revisions, datetime.now(UTC))
    revisions.put_in_force(revision, "2026-01-01T00:00:00Z")
    return revision


async def live(
    settings: Settings,
    targets: Sequence[Target],
    questions: Iterable[PolicyInput],
    standing: Standing | None = None,
) -> list[Decision]:
    """Decide the questions, by what lies on disk where nothing else is said, and write it all down.

    The n-th request is called ``01J`` and n in 23 digits.
    """
    policy = OpaPolicy(settings, standing or draft(settings))
    await policy.start()
    try:
        await policy.push_facts(targets)
        with open_book(settings) as book:
            decisions = []
            for number, question in enumerate(questions):
                asked = replace(question, request=replace(question.request, id=f"01J{number:023d}"))
                decisions.append(await policy.decide(asked))
                write(book, asked, decisions[-1])
            return decisions
    finally:
        await policy.stop()


def records(settings: Settings) -> list[tuple[str, dict[str, object] | None]]:
    """Return everything in the logs, by name."""
    return [tuple(found) for folder in log_folders(settings) for found in since(folder, "")]  # type: ignore[misc]
