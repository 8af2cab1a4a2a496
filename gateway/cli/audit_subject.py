"""``sekisho audit subject``, ``erase``, ``content``, ``expire``: what is held on one person, shown and destroyed.

A search for one person is asked for with a reason, signed by an auditor and a privacy officer, and then used. Values
are shown to a privacy officer only, who signs for that with a private key. A name that stands on a command line can be
seen by others on the machine: ``--subject -`` reads it from standard input.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.persons_changes import View, persons
from gateway.cli.private_key import unlocked
from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.persons.warrant import Claim
    from gateway.settings import Settings

subject_app = group("subject", "What is held on one person; an auditor and a privacy officer sign for each search.")

_COLUMNS = ("id", "state", "tenant", "until", "signed by", "asked by", "reason")

Who = Annotated[
    str, typer.Option("--subject", help="The person: an end user's id, a name, an e-mail address; - reads.")
]
Whom = Annotated[
    list[str], typer.Option("--subject", help="The person, as --subject may be given for each of their names; - reads.")
]
Tenant = Annotated[str, typer.Option("--tenant", help="Only in this tenant's data; else in all.")]
Why = Annotated[str, typer.Option("--reason", help="Why, in one line that names nobody; it goes into the audit log.")]
Reference = Annotated[str, typer.Argument(help="The search's id, or the end of it.", metavar="ID")]
KeyFile = Annotated[Path, typer.Option("--key", help="Your private key, as `sekisho policy signer create` made it.")]
Officer = Annotated[Path | None, typer.Option("--key", help="A privacy officer's private key: shows values too.")]


def register(app: typer.Typer) -> None:
    """Add these commands to ``sekisho audit``."""
    app.add_typer(subject_app)
    command(app, "erase", examples=_ERASE)(erase)
    command(app, "content", examples=["sekisho audit content 01JDA7Z0… --key dpo.pem --reason 'complaint 17'"])(content)
    command(app, "expire", examples=["sekisho audit expire", "sekisho audit expire --json"])(expire)


@command(
    subject_app, "request", examples=["sekisho audit subject request --subject ana@example.com --reason 'art. 15'"]
)
def request(session: Session, subject: Who, reason: Why, tenant: Tenant = "") -> None:
    """Ask for a search for one person. It opens nothing until an auditor and a privacy officer have signed it."""
    wish = _wish("SearchWish", subject=_read(subject), reason=reason, tenant=tenant)
    with persons(session.settings) as office:
        view = office.request(wish)
    session.output.note(f"Now an auditor and a privacy officer: sekisho audit subject sign {view['id']} --key FILE")
    session.output.result(view, view["id"])


@command(subject_app, "sign", examples=["sekisho audit subject sign 01JDA7Z0 --key ana.pem"])
def sign(session: Session, search: Reference, key: KeyFile) -> None:
    """Sign a search as auditor or privacy officer. When both have signed, it counts. Your key stays with you."""
    from gateway.audit.persons.officers import Signature
    from gateway.audit.persons.warrant import WARRANT_TYPE
    from gateway.policy.life import dsse

    known = _office(session.settings).find(search).warrant
    where = f"tenant {known.tenant}" if known.tenant else "all tenants"
    session.output.note(f"Search {known.id} for one person in {where}, asked for by {known.by}, until {known.until},")
    session.output.note(f"  because: {known.reason}")
    made = dsse.sign(WARRANT_TYPE, known.payload(), [unlocked(key)]).signatures[0]
    with persons(session.settings) as office:
        view = office.sign(known.id, Signature(made.keyid, made.sig))
    session.output.result(view, f"{view['id']} is signed by {' and '.join(view['signed_by'])}: {view['state']}.")


@command(subject_app, "list", examples=["sekisho audit subject list", "sekisho audit subject list --json"])
def list_searches(session: Session) -> None:
    """List searches for persons: those that count or wait, and those that were over less than seven days ago."""
    data = _office(session.settings).show()
    rows = [tuple(_cell(view[name]) for name in _FIELDS) for view in data]
    session.output.table("Searches for persons", _COLUMNS, rows, {"data": data}, "There is none.")


@command(
    subject_app,
    "show",
    examples=[
        "sekisho audit subject show 01JDA7Z0 --subject ana@example.com",
        "sekisho audit subject show 01JDA7Z0 --subject - --key dpo.pem --json < name.txt",
    ],
)
def show(session: Session, search: Reference, subject: Who, key: Officer = None) -> None:
    """Show what is held on the person that a signed search is for (GDPR article 15): decisions, and what was kept.

    With a privacy officer's key, prompts and answers are shown too.
    """
    from gateway.audit.persons.found import as_text

    known = _office(session.settings).find(search).warrant
    claim = _claim("search", known.id, known.reason, key) if key else None
    wish = _wish("ShowWish", subject=_read(subject), claim=claim)
    with session.output.progress("Reading the logs"), persons(session.settings) as office:
        held = office.collect(known.id, wish)
    session.output.result(held, *as_text(held), *_unsearched(held))


_ERASE = [
    "sekisho audit erase --subject u-4711 --tenant hr --reason 'request 2026-17, art. 17'",
    "sekisho audit erase --subject - --reason 'request 2026-18' < names.txt",
]


def erase(session: Session, subject: Whom, reason: Why, tenant: Tenant = "") -> None:
    """Destroy what is kept of a person (GDPR article 17): their keys, and every item that speaks of them.

    The log stays as it is and still verifies; its pseudonyms lead to nobody any more. An item that speaks of several
    persons is gone for all of them. What a legal hold covers stays until the hold is lifted.
    """
    names = tuple(name for given in subject for name in _lines(given))
    wish = _wish("EraseWish", subjects=names, reason=reason, tenant=tenant)
    with session.output.progress("Erasing"), persons(session.settings) as office:
        view = office.erase(wish)
    session.output.result(view, *_erased(view))
    if not view["persons"]:
        raise typer.Exit(ANSWERED_NO)


def content(
    session: Session,
    item: Annotated[str, typer.Argument(help="The item, as a record's `content` names it.", metavar="ITEM")],
    key: KeyFile,
    reason: Why,
) -> None:
    """Show one kept prompt or answer to a privacy officer."""
    with persons(session.settings) as office:
        shown = office.read(item, _claim("item", item, reason, key))
    head = f"{shown['kind']} of request {shown['request']}, {shown['made']}, kept until {shown['ends']}"
    session.output.result(shown, head, f"SHA-256 over nonce and content: {shown['sha256']}", shown["content"])


def expire(session: Session) -> None:
    """Destroy kept prompts and answers whose days are over. A running server does so each hour."""
    with session.output.progress("Destroying what has ended"), persons(session.settings) as office:
        done = office.prune()
    held = f" {done['held']} stay under legal hold." if done["held"] else ""
    session.output.result(done, f"{done['items']} items and {done['keys']} keys destroyed.{held}")


_FIELDS = ("id", "state", "tenant", "until", "signed_by", "by", "reason")


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _erased(view: View) -> list[str]:
    if not view["persons"]:
        return ["Nothing is kept under that name. That it was asked for is on record.", *_unsearched(view)]
    shared = f", {view['items_shared']} of them shared with other persons" if view["items_shared"] else ""
    lines = [f"Destroyed: {view['keys']} keys, {view['items_in_all']} items{shared}. The log still verifies."]
    if view["items_held"]:
        lines.append(f"{view['items_held']} items stay under legal hold; they go when it is lifted.")
    return [*lines, *_unsearched(view)]


def _unsearched(view: View) -> list[str]:
    """Say what was not looked through, and what to do. A server of an earlier version does not tell."""
    left = view.get("answers_unsearched", 0)
    if not left:
        return []
    mend = "A running server searches them: do this again in a minute."
    return [f"{left} kept answers were not searched yet for whom they name, so this may not be all. {mend}"]


def _claim(what: Any, id_: str, reason: str, key: Path) -> Claim:
    from datetime import UTC, datetime

    from gateway.audit.persons.officers import Signature
    from gateway.audit.persons.warrant import READING_TYPE, Claim, said
    from gateway.policy.life import dsse

    reading = _converted("warrant", "Reading", what=what, id=id_, reason=reason, time=said(datetime.now(UTC)))
    made = dsse.sign(READING_TYPE, reading.payload(), [unlocked(key)]).signatures[0]
    return Claim(reading, Signature(made.keyid, made.sig))


def _office(settings: Settings) -> Any:
    """Return the office for looking at warrants; reading needs neither lock nor server, and writes nothing."""
    from gateway.audit.content.store import SideStore
    from gateway.keys.opening import open_keyring
    from gateway.officers import persons_office

    keyring: Any = open_keyring(settings)
    store = SideStore.of_installation(settings, keyring.kept_tag_keys)
    return persons_office(settings, store, _NoBook(), keyring.kept_tag_keys)


class _NoBook:
    """For looking only."""

    def event(self, type: str, **details: Any) -> None:
        raise SetupError("This command changes nothing.", "Report it: it must not have come here.")

    async def durable(self) -> None: ...


def _wish(kind: str, **fields: Any) -> Any:
    return _converted("office", kind, **fields)


def _converted(module: str, kind: str, **fields: Any) -> Any:
    import importlib

    import msgspec

    wanted = getattr(importlib.import_module(f"gateway.audit.persons.{module}"), kind)
    try:
        return msgspec.convert(fields, wanted, from_attributes=True)
    except msgspec.ValidationError as error:
        mend = "Give a person of 1 to 1000 characters, a reason of one line, and a tenant such as hr."
        raise SetupError(f"That cannot be asked for: {error}.", mend, exit_code=USED_WRONGLY) from error


def _read(given: str) -> str:
    lines = _lines(given)
    if len(lines) != 1:
        raise SetupError("One person is needed.", "Give one line on standard input.", exit_code=USED_WRONGLY)
    return lines[0]


def _lines(given: str) -> list[str]:
    """Return what was given, or the lines of standard input for ``-``."""
    if given != "-":
        return [given]
    return [line.strip() for line in sys.stdin.read().splitlines() if line.strip()]
