"""``sekisho limits``: how much keys, projects, tenants and models may use, and how much they have used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.session import USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.cli.server import Server
    from gateway.identity.bounds import Change, Rules
    from gateway.identity.limits import OwnLimits
    from gateway.identity.limits_office import Changes, LimitsOffice
    from gateway.identity.office import Events
    from gateway.settings import Settings

app = group("limits", "Show and change what keys, projects, tenants and models may use.")

View = dict[str, Any]

_BOUNDS = {
    "requests_per_minute": "requests/min",
    "concurrent_requests": "at once",
    "tokens_per_minute": "tokens/min",
    "tokens_per_day": "tokens/day",
    "tokens_per_month": "tokens/month",
    "money_per_day": "money/day",
    "money_per_month": "money/month",
}
_USED = ("tokens_per_day", "tokens_per_month", "money_per_day", "money_per_month")
_COLUMNS = ("account", *_BOUNDS.values())

Account = Annotated[
    str, typer.Argument(help="key:NAME (or its id), project:TENANT/PROJECT, tenant:NAME or model:NAME.")
]


def _bound(text: str) -> Any:
    return typer.Option(min=0, help=f"{text}; 0: no bound.", show_default=False)


@command(app, "show", examples=["sekisho limits show", "sekisho limits show tenant:bodyshop --json"])
def show(session: Session, account: Account = "") -> None:
    """Show bounds, and what was used of them today and this month.

    Money is in millionths of the site's currency. Days and months are those of the site's time zone.
    """
    with _reader(session.settings) as read:
        shown = read(_named(session.settings, account) if account else "")
    rows = [_row(view) for view in shown]
    session.output.table("Limits: used / bound", _COLUMNS, rows, {"data": shown}, "Nothing was used or bounded yet.")


@command(
    app,
    "set",
    examples=[
        "sekisho limits set tenant:bodyshop --tokens-per-day 2000000",
        "sekisho limits set key:ci --requests-per-minute 60 --concurrent-requests 4",
        "sekisho limits set key:ci --default",
    ],
)
def set_limits(
    session: Session,
    account: Account,
    requests_per_minute: Annotated[int | None, _bound("Requests in any 60 seconds")] = None,
    concurrent_requests: Annotated[int | None, _bound("Requests in flight")] = None,
    tokens_per_minute: Annotated[int | None, _bound("Tokens in any 60 seconds")] = None,
    tokens_per_day: Annotated[int | None, _bound("Tokens a day")] = None,
    tokens_per_month: Annotated[int | None, _bound("Tokens a month")] = None,
    money_per_day: Annotated[int | None, _bound("Millionths of the currency a day")] = None,
    money_per_month: Annotated[int | None, _bound("Millionths of the currency a month")] = None,
    default: Annotated[bool, typer.Option("--default", help="Go back to what sekisho.yaml says.")] = False,
) -> None:
    """Put bounds over those of sekisho.yaml, on record and at once; what is not named stays as it is."""
    from gateway.identity.bounds import Change

    change = Change(
        requests_per_minute=requests_per_minute,
        concurrent_requests=concurrent_requests,
        tokens_per_minute=tokens_per_minute,
        tokens_per_day=tokens_per_day,
        tokens_per_month=tokens_per_month,
        money_per_day=money_per_day,
        money_per_month=money_per_month,
    )
    if default == (change != Change()):
        mend = "Give bounds, such as --tokens-per-day 100000, or --default alone."
        raise SetupError("That says not what to change.", mend, exit_code=USED_WRONGLY)
    with _changer(session.settings) as carry_out:
        view = carry_out(_named(session.settings, account), None if default else change)
    said = ", ".join(f"{words} {view['bounds'][name] or 'unbounded'}" for name, words in _BOUNDS.items())
    session.output.result(view, f"{view['account']}: {said}.")


def _named(settings: Settings, account: str) -> str:
    """Return the account's own name: a key may be called by its name. Raises BadRequest, SetupError."""
    from gateway.cli.keys import stored_keys
    from gateway.identity.limits_office import account_named

    kind, _, name = account_named(account).partition(":")
    if kind != "key":
        return account
    records = stored_keys(settings)
    found = [record.id for record in records if name in (record.id, record.wish.name)]
    return f"key:{found[-1]}" if found else account


def _row(view: View) -> tuple[str, ...]:
    used, bounds = view["used"], view["bounds"]
    cells = []
    for name in _BOUNDS:
        bound = str(bounds[name] or "-")
        of, _, period = name.partition("_per_")
        cells.append(f"{used[f'{of}_{period}']} / {bound}" if name in _USED else bound)
    return (view["account"], *cells)


@contextmanager
def _reader(settings: Settings) -> Iterator[Callable[[str], list[View]]]:
    """Yield what shows accounts: the running server, or the files themselves."""
    from gateway.cli.server import running_server

    server = running_server(settings.run)
    yield _through(server) if server is not None else _from_files(settings)


def _through(server: Server) -> Callable[[str], list[View]]:
    def read(account: str) -> list[View]:
        found: list[View] = [server.get(f"limits/{account}")] if account else server.get("limits")["data"]
        return found

    return read


def _from_files(settings: Settings) -> Callable[[str], list[View]]:
    from gateway.identity.limits_office import read_changes, shown

    limits, rules_of = _as_kept(settings)
    changes = read_changes(_changes_file(settings))
    limits.use(rules_of(changes))
    return lambda account: asyncio.run(shown(limits, changes, account))


@contextmanager
def _changer(settings: Settings) -> Iterator[Callable[[str, Change | None], View]]:
    """Yield who changes bounds: the running server, or this process under the data folder's lock."""
    import msgspec

    from gateway.cli.changes import admin_book
    from gateway.cli.lock import data_lock
    from gateway.cli.server import operator, running_server

    server = running_server(settings.run)
    if server is not None:
        route = "limits/{}"
        yield lambda account, change: dict(
            server.delete(route.format(account))
            if change is None
            else server.put(route.format(account), msgspec.to_builtins(change))
        )
        return
    with data_lock(settings.state), admin_book(settings) as book:
        office = _office(settings, book)
        yield lambda account, change: asyncio.run(office.change(account, change, operator()))


def _office(settings: Settings, book: Events) -> LimitsOffice:
    from gateway.identity.limits_office import LimitsOffice

    limits, rules_of = _as_kept(settings)
    return LimitsOffice(_changes_file(settings), rules_of, limits, book)


def _changes_file(settings: Settings) -> Path:
    return settings.state / "limits.json"


def _as_kept(settings: Settings) -> tuple[OwnLimits, Callable[[Changes], Rules]]:
    """Return what the files say was used, and what makes rules of changes. Writes nothing."""
    from gateway.cli.keys import stored_keys
    from gateway.identity.bounds import Rules
    from gateway.identity.ledger import Calendar, Ledger
    from gateway.identity.limits import OwnLimits

    names = {record.id: record.wish.name for record in stored_keys(settings)}
    calendar = Calendar(settings.zone)
    ledger = Ledger(None, calendar)  # reads below, and writes nothing
    ledger.take(settings.state / "usage" / f"{calendar.month}.tsv")
    limits = OwnLimits(Rules(settings.limits), ledger)

    def rules_of(changes: Changes) -> Rules:
        return Rules(settings.limits, changes, lambda key_id: names.get(key_id, ""))

    return limits, rules_of
