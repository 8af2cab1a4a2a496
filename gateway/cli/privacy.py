"""``sekisho privacy``: what the detectors see in texts. Runs here, without the server; nothing is sent or kept.

``scan`` answers for scripts (JSONL), ``explain`` for people, ``eval`` with figures.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gateway.cli.session import ANSWERED_NO, Session, command, group

if TYPE_CHECKING:
    from gateway.cli.privacy_search import Found, Searcher

app = group("privacy", "See what personal data the detectors find.")

File = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Texts to scan; else standard input.")]
Format = Annotated[Literal["text", "jsonl"], typer.Option(help='text: one text. jsonl: one {"id", "text"} a line.')]
Show = Annotated[bool, typer.Option("--show", help="Show the found values too. They are personal data: take care.")]
Project = Annotated[str, typer.Option(help="Leave out what this project's allow-list (`privacy.allow`) names.")]
FailWhenFound = Annotated[bool, typer.Option("--fail-when-found", help="Leave with 1 when something is found.")]


@command(
    app,
    "scan",
    examples=[
        "sekisho privacy scan letter.txt",
        "echo 'Call Anna Schmidt' | sekisho privacy scan --show",
        "sekisho privacy scan --format jsonl < prompts.jsonl > found.jsonl",
        "sekisho privacy scan --fail-when-found prompt.txt",
    ],
)
def scan(
    session: Session,
    file: File = None,
    format: Format = "text",
    show: Show = False,
    project: Project = "",
    fail_when_found: FailWhenFound = False,
) -> None:
    """Say which types of personal data texts hold, where, and how sure the detector is; no values without --show.

    Answers in JSONL, one row for each text and in their order: id, spans (start, end, type, score, source; offsets in
    code points), jurisdictions, classes, languages. A single text on a terminal is answered with a table.
    """
    from gateway.cli.privacy_rows import counting, opened, plain_row, rows_of, search_rows, text_of

    anything = False
    with opened(file) as source:
        searcher = _load(session, project)
        rows = rows_of(source) if format == "jsonl" else iter([text_of(source, file.name if file else "-")])
        with counting("Scanning") as count:
            for number, (row, found) in enumerate(search_rows(searcher, rows), 1):
                _tell_row(session, plain_row(row, found, show), as_table=format == "text")
                anything = anything or bool(found.spans)
                count(number)
    if anything and fail_when_found:
        raise typer.Exit(ANSWERED_NO)


def _tell_row(session: Session, row: dict[str, Any], *, as_table: bool) -> None:
    if not as_table or session.output.as_json or not sys.stdout.isatty():
        print(json.dumps(row, ensure_ascii=False))
        return
    spans = row["spans"]
    columns = ("type", "from", "to", "score", "source", *(["value"] if spans and "value" in spans[0] else []))
    order = ("type", "start", "end", "score", "source", "value")
    cells = [tuple(str(span[name]) for name in order if name in span) for span in spans]
    session.output.table("Found", columns, cells, row, "Nothing was found.")


Text = Annotated[str | None, typer.Argument(metavar="[TEXT]", help="What to explain; else standard input.")]


@command(
    app,
    "explain",
    examples=[
        "sekisho privacy explain 'Fahrer Jürgen Pfaff, Kennzeichen IN-PF 417'",
        "sekisho privacy explain --json < letter.txt",
    ],
)
def explain(session: Session, text: Text = None) -> None:
    """Show why something is found: which recognizer, which check held, which word near it counted."""
    from gateway.cli.privacy_rows import Row, opened, search_rows, text_of
    from gateway.cli.privacy_show import explained, show_explained

    if text is None:
        with opened(None) as source:
            row = text_of(source, "-")
    else:
        row = Row("-", text)
    [(_, found)] = search_rows(_load(session), iter([row]))
    data = explained(row.text, found)
    if session.output.as_json:
        session.output.result(data)
    else:
        show_explained(row.text, data)


DataSet = Annotated[Path, typer.Argument(metavar="DATASET", help='JSONL of {"id", "lang", "text", "spans"}.')]
ShowMisses = Annotated[int, typer.Option(min=0, metavar="N", help="Show so many misses and false finds, with values.")]


@command(
    app,
    "eval",
    examples=["sekisho privacy eval letters.jsonl", "sekisho privacy eval letters.jsonl --show-misses 20 --json"],
)
def evaluate(session: Session, dataset: DataSet, show_misses: ShowMisses = 0) -> None:
    """Measure recall and precision on labelled texts, by kind and language, and characters a second.

    Spans are [start, end, kind] in code points. A data set without any span is taken as one that holds nothing
    personal: everything found in it is a false alarm.
    """
    from gateway.cli.privacy_rows import counting
    from gateway.cli.privacy_show import Trial, kinds_in, show_trial

    kinds = kinds_in(dataset)
    searcher = _load(session)
    trial = Trial(kinds, show_misses)
    with counting("Searching") as count:
        for number, (row, found, seconds) in enumerate(_timed(searcher, dataset), 1):
            trial.add(row, found, seconds)
            count(number)
    show_trial(session.output, dataset.name, trial)


def _timed(searcher: Searcher, dataset: Path) -> Iterator[tuple[Any, Found, float]]:
    """Yield rows with what was found; the seconds of a window's search come with its first row."""
    from gateway.cli.privacy_rows import labelled_rows, opened, windows
    from gateway.cli.privacy_search import go_on

    with opened(dataset) as source:
        for window in windows(labelled_rows(source)):
            began = time.perf_counter()
            found = searcher.search([row.text for row in window], go_on)
            seconds = time.perf_counter() - began
            for row, one in zip(window, found, strict=True):
                yield row, one, seconds
                seconds = 0.0


def _load(session: Session, project: str = "") -> Searcher:
    from gateway.cli import privacy_search

    with session.output.progress("Loading detectors"):
        return privacy_search.load(session.settings, project)
