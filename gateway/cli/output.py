"""How commands talk: tables and lines for people, JSON with ``--json``; results on stdout, progress on stderr.

One rule for scripts: with ``--json`` standard output is exactly one JSON value, also when the command fails
(``{"error": {...}}``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_COLUMNS = 200  # a table that goes into a pipe is not cut off at 80


class Output:
    """Writes results. ``as_json`` decides for whom.

    Example::

        output.table("API keys", ("name", "state"), [("ci", "live")], data=[{"name": "ci", "state": "live"}])
    """

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json

    def result(self, data: Any, *lines: str) -> None:
        """Show a result: ``lines`` to people, ``data`` to scripts."""
        if self.as_json:
            _write_json(data)
            return
        for line in lines:
            print(line, flush=True)

    def note(self, line: str) -> None:
        """Say something to people that is no part of the result."""
        if not self.as_json:
            print(line, file=sys.stderr)

    def table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], data: Any, empty: str = ""
    ) -> None:
        """Show rows to people, ``data`` to scripts; ``empty`` is said where there is no row."""
        if self.as_json:
            _write_json(data)
            return
        if not rows and empty:
            print(empty)
            return
        _print_table(title, columns, rows)

    @contextmanager
    def progress(self, what: str) -> Iterator[None]:
        """Show on a terminal that something takes its time; elsewhere one plain line on stderr."""
        if self.as_json:
            yield
            return
        if not sys.stderr.isatty():
            print(f"{what} ...", file=sys.stderr, flush=True)
            yield
            return
        from rich.console import Console

        with Console(stderr=True).status(f"{what} ..."):
            yield

    @contextmanager
    def bar(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """Show on a terminal how far something is; elsewhere one plain line. Yields what takes ``(done, of all)``."""
        if self.as_json or not sys.stderr.isatty():
            with self.progress(what):
                yield lambda done, total: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
            task = shown.add_task(what, total=None)
            yield lambda done, total: shown.update(task, completed=done, total=total)


def console() -> Console:
    """Return rich's console for standard output: as wide as the terminal, or wide enough for a pipe."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _PIPE_COLUMNS
    return Console(width=width, highlight=False, soft_wrap=False)


def _print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # no markup: a name may hold brackets
    console().print(table)


def _write_json(data: Any) -> None:
    print(json.dumps(data, ensure_ascii=False, indent=2), flush=True)
