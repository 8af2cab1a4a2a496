"""``sekisho keys``: who may call."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import keys_rotate
from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session, command, group
from gateway.domain import DATA_CLASSES, PRIORITIES, Role
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.identity.record import KeyRecord, NewKey
    from gateway.settings import Settings

app = group("keys", "Make, list and revoke API keys.")

_AGE = re.compile(r"([0-9]{1,5})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}
_COLUMNS = ("name", "id", "tenant", "project", "roles", "class", "state", "created", "last used", "last 4")


def _refuse_unknown_class(value: str) -> str:
    if value not in DATA_CLASSES:
        raise typer.BadParameter(f"one of {', '.join(DATA_CLASSES)}")
    return value


def _refuse_unknown_priority(value: str) -> str:
    if value not in PRIORITIES:
        raise typer.BadParameter(f"one of {', '.join(PRIORITIES)}")
    return value


Name = Annotated[str, typer.Option("--name", help="A name for people, such as the program that will use it.")]
Tenant = Annotated[str, typer.Option("--tenant", help="Whose data it is. Prompts of one tenant never meet another's.")]
Project = Annotated[str, typer.Option("--project", help="Scope of tags and rules within the tenant.")]
Purposes = Annotated[
    list[str] | None,
    typer.Option("--purpose", help="Why prompts are sent, else general. Of several a request may name one."),
]
Roles = Annotated[list[Role] | None, typer.Option("--role", help="What it may do; may be given more than once.")]
Floor = Annotated[
    str, typer.Option("--class-floor", callback=_refuse_unknown_class, help="Lowest class its data are treated as.")
]
Models = Annotated[list[str] | None, typer.Option("--model", help="Model it may use; all when not given.")]
Sites = Annotated[
    list[str] | None, typer.Option("--at-site", help="Site where its prompts may be worked on; all when not given.")
]
Certificate = Annotated[
    str, typer.Option(help="No key, but the account of the client certificate with this subject (RFC 4514).")
]
CollectedIn = Annotated[str, typer.Option(help="Country its data come from (ISO 3166-1 alpha-2); else the site's.")]
AccessFrom = Annotated[str, typer.Option(help="Country where answers are read; else the site's.")]
Vouches = Annotated[
    bool, typer.Option("--vouches-for-users", help="Whom its requests name as user or safety_identifier is believed.")
]
Rank = Annotated[
    str, typer.Option("--priority", callback=_refuse_unknown_priority, help="Who is next where models are busy.")
]
Expires = Annotated[str, typer.Option(help="When it ends: 12h, 90d, 4w, or a date such as 2030-12-31.")]


@command(
    app,
    "create",
    examples=[
        "sekisho keys create --name ci --tenant bodyshop --role app",
        "sekisho keys create --name ana --tenant hr --project payroll --class-floor confidential --expires 90d",
        "sekisho keys create --name bot --tenant hr --purpose drafting --purpose translation --at-site munich",
        "sekisho keys create --name press --tenant bodyshop --certificate 'CN=press-shop,O=Beispiel AG'",
    ],
)
def create(
    session: Session,
    name: Name,
    tenant: Tenant,
    project: Project = "default",
    purpose: Purposes = None,
    role: Roles = None,
    class_floor: Floor = "internal",
    model: Models = None,
    at_site: Sites = None,
    collected_in: CollectedIn = "",
    access_from: AccessFrom = "",
    expires: Expires = "",
    vouches_for_users: Vouches = False,
    priority: Rank = "normal",
    certificate: Certificate = "",
) -> None:
    """Make an API key and show it once: it is not stored and cannot be shown again."""
    from gateway.cli.changes import changes

    usual, *others = purpose or ["general"]
    wish = _wish(
        name=name,
        tenant=tenant,
        project=project,
        purpose=usual,
        purposes=others,
        roles=[str(r) for r in role or [Role.APP]],
        class_floor=class_floor,
        models=model or [],
        sites=at_site or [],
        collected_in=collected_in,
        access_from=access_from,
        expires=_instant(expires) if expires else None,
        vouches_for_users=vouches_for_users,
        priority=priority,
        certificate=certificate,
    )
    with changes(session.settings) as to_make:
        made = to_make.create_key(wish)
    if certificate:
        session.output.result(made, f"Whoever shows a certificate of {certificate} is {name} ({made['id']}).")
        return
    session.output.note("This key is shown once. Keep it where secrets are kept.")
    session.output.result(made, made["key"])


@command(app, "list", examples=["sekisho keys list", "sekisho keys list --live --json"])
def list_keys(
    session: Session, live: Annotated[bool, typer.Option("--live", help="Only keys that still work.")] = False
) -> None:
    """List API keys; never the keys themselves."""
    from gateway.identity.record import public_view
    from gateway.identity.uses import uses_in

    now, used = datetime.now(UTC), uses_in(session.settings.state / "keys-used")
    views = [public_view(record, now, used) for record in stored_keys(session.settings)]
    shown = [view for view in views if view["state"] == "live" or not live]
    hint = "There is no key yet. Make one: sekisho keys create --name NAME --tenant TENANT"
    session.output.table("API keys", _COLUMNS, [_row(view) for view in shown], {"data": shown}, hint)


@command(app, "revoke", examples=["sekisho keys revoke ci", "sekisho keys revoke 01JZ8M3V6Q4H2N0T5W7X9Y1B3D"])
def revoke(session: Session, key: Annotated[str, typer.Argument(help="Id or name.", metavar="KEY")]) -> None:
    """Make a key worthless, at once and for good."""
    from gateway.cli.changes import changes

    with changes(session.settings) as to_make:
        view = to_make.revoke_key(key)
    session.output.result(view, f"Revoked: {view['name']} ({view['id']}).")


@command(app, "check", examples=["sekisho keys check < key.txt", "sekisho keys check --json < token.txt"])
def check(session: Session) -> None:
    """Say what is known of a key or token, read from the terminal or standard input.

    A key is live, revoked, expired, unknown or mistyped; a token of an issuer in the settings live, expired, refused or
    unmapped, and why. Leaves with 0 when it is live, else with 1.
    """
    from gateway.cli.keys_token import check_token
    from gateway.identity.apikey import is_well_formed, seal
    from gateway.keys.opening import open_keyring

    given = typer.prompt("Key", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    key, settings, now = str(given).strip(), session.settings, datetime.now(UTC)
    if "." in key:
        check_token(session, key)
    state, view = "mistyped", None
    if is_well_formed(key):
        counting = [p for p in open_keyring(settings).peppers() if p.until is None or now < p.until]
        sealed = {seal(pepper.secret, key).hex() for pepper in counting}
        state, view = _state_of(sealed, stored_keys(settings), now)
    data: dict[str, Any] = {"state": state, "key": view}
    named = f": {view['name']} ({view['id']}), tenant {view['tenant']}" if view else ""
    session.output.result(data, f"{state}{named}")
    raise typer.Exit(0 if state == "live" else ANSWERED_NO)


keys_rotate.register(app)


def stored_keys(settings: Settings) -> tuple[KeyRecord, ...]:
    """Return the keys in the data folder; reading needs neither lock nor server.

    Where the secrets are sealed, nobody is asked for what opens them only to list names.
    """
    from gateway.identity.record import read_file
    from gateway.keys.opening import open_keyring

    path = settings.state / "keys.json"
    if settings.key_store.provider != "files":
        return read_file(path).keys
    return read_file(path, *(pepper.id for pepper in open_keyring(settings).peppers())).keys


def _state_of(sealed: set[str], records: tuple[KeyRecord, ...], now: datetime) -> tuple[str, dict[str, Any] | None]:
    from gateway.identity.record import public_view

    for record in records:
        if record.seal in sealed:
            view = public_view(record, now)
            return str(view["state"]), view
    return "unknown", None


def _wish(**fields: Any) -> NewKey:
    import msgspec

    from gateway.identity.record import NewKey

    try:
        return msgspec.convert(fields, NewKey)
    except msgspec.ValidationError as error:
        wrong = next((name for name in fields if not _fits(name, fields[name])), "")
        said = f"--{wrong.replace('_', '-')} {fields[wrong]!r} cannot be used." if wrong else "That key cannot be made."
        raise SetupError(said, _MENDS.get(wrong, _MENDS["tenant"]), exit_code=USED_WRONGLY) from error


_MENDS = {
    "name": "Up to 64 letters A-Z, digits and ._@- make a name; it begins with a letter or digit.",
    "tenant": "Tenant, project and purpose are up to 63 of a-z, 0-9 and -.",
    "collected_in": "A country is two letters of ISO 3166-1, such as DE.",
    "access_from": "A country is two letters of ISO 3166-1, such as DE.",
    "certificate": "Give the subject as RFC 4514 writes it, such as 'CN=press-shop,O=Beispiel AG,C=DE'.",
    "sites": "A site is up to 63 of a-z, 0-9 and -.",
    "purposes": "Tenant, project and purpose are up to 63 of a-z, 0-9 and -.",
}


def _fits(field: str, value: Any) -> bool:
    """Whether a key could be made that differs from the usual one in that field alone."""
    import msgspec

    from gateway.identity.record import NewKey

    try:
        msgspec.convert({"name": "a", "tenant": "a", field: value}, NewKey)
    except msgspec.ValidationError:
        return False
    return True


def _instant(text: str) -> datetime:
    age = _AGE.fullmatch(text)
    if age:
        return datetime.now(UTC).replace(microsecond=0) + timedelta(hours=int(age[1]) * _HOURS[age[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SetupError(f"{text!r} is no time.", "Give 12h, 90d, 4w or a date.", exit_code=USED_WRONGLY) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _row(view: dict[str, Any]) -> tuple[str, ...]:
    state = f"live until {view['expires']}" if view["state"] == "live" and view["expires"] else view["state"]
    head = (view["name"], view["id"], view["tenant"], view["project"], ", ".join(view["roles"]))
    if view["former"]:
        state += f"; {view['former']['last4']} until {view['former']['until']}"
    return (*head, view["class_floor"], state, view["created"], view["last_used"] or "-", view["last4"])
