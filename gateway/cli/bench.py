"""``sekisho bench``: how fast the running gateway answers, or another server of the site."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.cli.benching.asking import Place
    from gateway.cli.benching.figures import Figure
    from gateway.cli.benching.report import Report
    from gateway.cli.benching.running import Order
    from gateway.settings import Settings

_COLUMNS = (
    "callers", "output tokens/s", "spread", "prompt tokens/s", "requests/s",
    "first token p50, p99 (ms)", "gap p50, p99, max (ms)", "errors", "watts", "tokens per J",
)  # fmt: skip
_MOST_CALLERS = 1024
_TERMINATED = 143  # 128 + SIGTERM, as shells count
_ROUND_MORE_SECONDS = 120  # that the last answers of a round may take, for the life of the key


def register(app: typer.Typer) -> None:
    examples = [
        "sekisho bench",
        "sekisho bench --callers 1,8 --rounds 5 --out figures.json",
        "sekisho bench https://gpu-1.plant.example:8000 --ca authority.pem --key-file gpu-1.key --json",
    ]
    command(app, "bench", examples=examples)(bench)


Address = Annotated[
    str, typer.Argument(metavar="[URL]", help="An OpenAI-compatible server, or unix:/path; else the own gateway.")
]
Model = Annotated[str, typer.Option(help="Model to ask; else the first one served.", show_default=False)]
Callers = Annotated[str, typer.Option(help="How many ask at once; several numbers by commas.")]
PromptTokens = Annotated[int, typer.Option(min=1, help="Length of each prompt, about.")]
OutputTokens = Annotated[int, typer.Option(min=1, help="Length of each answer.")]
Rounds = Annotated[int, typer.Option(min=1, max=100, help="Rounds; figures are medians over them.")]
Seconds = Annotated[float, typer.Option(min=0, max=600, help="No request begins later in a round.")]
EndTokens = Annotated[
    str, typer.Option(help="Ids of tokens that end an answer, to be forbidden: 0,2. Known for own models.")
]
KeyFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", exists=True, dir_okay=False, help="Holds the API key; the own gateway makes one."),
]
Authority = Annotated[
    Path | None, typer.Option("--ca", metavar="FILE", exists=True, dir_okay=False, help="Authorities, PEM, for https.")
]
Plain = Annotated[bool, typer.Option("--plain-http", help="Allow http beyond this machine: prompts and key in clear.")]
Out = Annotated[Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write the JSON here too.")]


def bench(
    session: Session,
    url: Address = "",
    model: Model = "",
    callers: Callers = "1,8",
    prompt_tokens: PromptTokens = 128,
    output_tokens: OutputTokens = 64,
    rounds: Rounds = 3,
    seconds: Seconds = 10.0,
    end_tokens: EndTokens = "",
    key_file: KeyFile = None,
    ca: Authority = None,
    plain_http: Plain = False,
    out: Out = None,
) -> None:
    """Measure tokens a second, time to the first token, gaps and watts.

    Prompts are made of words and hold no personal data. Nothing goes anywhere but to the server that is measured. The
    own gateway is asked with a key for this run alone, of the tenant `bench`, which ends with it; that is on record, as
    are the requests. Leaves with 1 when requests failed.
    """
    from gateway.cli.benching import running
    from gateway.cli.benching.places import given

    order = running.Order(
        model=model,
        callers=_numbers(callers, "--callers", 1, _MOST_CALLERS),
        prompt_tokens=prompt_tokens,
        output_tokens=output_tokens,
        rounds=rounds,
        seconds=seconds,
        ends=_numbers(end_tokens, "--end-tokens", 0, 2**24) if end_tokens else (),
    )
    key = _key(key_file)
    if url:
        place = given(url, key=key, ca=ca, plain=plain_http)
        report = _measured(session, place, order, own=False)
    else:
        order = _as_own(session.settings, order)
        with _own_place(session.settings, key, order) as place:
            report = _measured(session, place, order, own=True)
    _tell(session, report, out)


def _numbers(text: str, option: str, least: int, most: int) -> tuple[int, ...]:
    parts = text.split(",")
    found = tuple(int(part) for part in parts if part.strip().isdecimal())
    if len(found) != len(parts) or not all(least <= number <= most for number in found):
        mend = f"Give numbers from {least} to {most}, with commas between them."
        raise SetupError(f"{option}: {text!r} is no list of numbers.", mend, exit_code=USED_WRONGLY)
    return found


def _key(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise SetupError(f"{file} cannot be read as a key.", "Give a text file that holds the key alone.") from error


def _as_own(settings: Settings, order: Order) -> Order:
    """Return the order with the model that is served, and the ends that its file names."""
    from dataclasses import replace

    from gateway.cli.benching.ends import end_tokens
    from gateway.cli.models import shelf

    store, name = shelf(settings), order.model or settings.first_model
    manifest = store.find(name.partition(":")[0])
    file = settings.store / "sha256" / manifest.sha256 if manifest else None
    if order.ends or file is None or not file.is_file():  # served by an engine elsewhere: its file is not here
        return replace(order, model=name)
    return replace(order, model=name, ends=tuple(end_tokens(file)))


@contextmanager
def _own_place(settings: Settings, key: str, order: Order) -> Iterator[Place]:
    """Yield the running gateway; without a key, with one for this run alone."""
    from gateway.cli.benching.places import own
    from gateway.cli.changes import ServerChanges
    from gateway.cli.server import running_server
    from gateway.identity.record import NewKey

    server = running_server(settings.run)
    if server is None:
        raise SetupError("No server is running, so there is nothing to measure.", "Start it: sekisho serve")
    if key:
        yield own(settings, key)
        return
    now = datetime.now(UTC).replace(microsecond=0)
    most = len(order.callers) * order.rounds * (order.seconds + _ROUND_MORE_SECONDS) + 600
    changes = ServerChanges(server)
    wish = NewKey(name=f"bench-{now:%Y%m%d-%H%M%S}", tenant="bench", expires=now + timedelta(seconds=round(most)))
    with _ended_in_order():
        made = changes.create_key(wish)
        try:
            yield own(settings, str(made["key"]))
        finally:
            changes.revoke_key(str(made["id"]))


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM end this as Ctrl-C does: what was made for the run is taken back."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _measured(session: Session, place: Place, order: Order, *, own: bool) -> Report:
    from gateway.cli.benching import running

    with session.output.bar("Measuring") as told:
        return asyncio.run(running.measure(place, order, told, own=own))


def _tell(session: Session, report: Report, out: Path | None) -> None:
    import msgspec

    data: dict[str, Any] = msgspec.to_builtins(report)
    if out is not None:
        try:
            out.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
        except OSError as error:
            raise SetupError(f"{out} cannot be written ({error.strerror}).", "Give another file with --out.") from error
    session.output.table(f"{report.model} at {report.url}", _COLUMNS, [_row(each) for each in report.figures], data)
    machine = report.machine
    session.output.note(f"{machine.cpu}, {machine.cores} cores, {machine.kernel}. {' '.join(machine.gpus)}".rstrip())
    for line in (report.power, *report.notes):
        session.output.note(line)
    if any(each.errors for each in report.figures):
        raise typer.Exit(ANSWERED_NO)


def _row(each: Figure) -> tuple[str, ...]:
    errors = ", ".join(f"{count} {problem}" for problem, count in each.problems.items())
    return (
        str(each.callers),
        _shown(each.output_tokens_per_second, 1),
        f"{each.spread:.0%}" if each.spread is not None else "",
        _shown(each.prompt_tokens_per_second, 1),
        _shown(each.requests_per_second, 2),
        _list(each.first_token_ms_p50, each.first_token_ms_p99),
        _list(each.gap_ms_p50, each.gap_ms_p99, each.gap_ms_max),
        errors or "0",
        _shown(each.watts, 1),
        _shown(each.output_tokens_per_joule, 2),
    )


def _list(*values: float | None) -> str:
    return ", ".join(_shown(value, 1) or "-" for value in values)


def _shown(value: float | None, places: int) -> str:
    return "" if value is None else f"{value:,.{places}f}"
