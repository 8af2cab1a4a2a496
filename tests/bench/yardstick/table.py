"""From figures to one table: for the screen, for docs/benchmarks.md, and as plain data for JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from yardstick.stats import Figure, added, ratio

HEAD = (
    "measured",
    "added p50 ms",
    "added p99 ms",
    "to 20 ms: p50",
    "to 20 ms: p99",
    "requests/s at 16",
    "of litellm's",
)
HEAD_MORE = ("streams/s at 16", "first byte p50 ms", "memory MiB")


@dataclass(frozen=True)
class Row:
    """One peer. `cells` are figures by cell name; `missing` says why there are none."""

    name: str
    title: str
    cells: Mapping[str, Figure] = field(default_factory=dict)
    memory_mib: Mapping[str, float] = field(default_factory=dict)
    stages_ms: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    version: str = ""
    missing: str = ""


AT_ONCE, AFTER_20, AT_16 = "1 caller, engine at once", "1 caller, engine 20 ms", "16 callers, engine at once"
STREAM_20, STREAMS_16 = "1 stream, engine 20 ms", "16 streams, engine at once"


def lines(rows: Sequence[Row]) -> list[list[str]]:
    """Return the body of the table, one list of texts per peer, in the columns of `HEAD + HEAD_MORE`."""
    direct = next((row.cells for row in rows if row.name == "direct"), {})
    litellm = next((row.cells for row in rows if row.name == "litellm"), {})
    return [_line(row, direct, litellm) for row in rows]


def _line(row: Row, direct: Mapping[str, Figure], litellm: Mapping[str, Figure]) -> list[str]:
    if row.missing:
        return [row.title, "not measured", *[""] * (len(HEAD) + len(HEAD_MORE) - 2)]
    rate = row.cells.get(AT_16)
    reference = litellm.get(AT_16)
    times = ratio(rate.requests_per_second, reference.requests_per_second) if rate and reference else None
    streams, first = row.cells.get(STREAMS_16), row.cells.get(STREAM_20)
    return [
        row.title,
        *_added(row, direct, AT_ONCE),
        *_added(row, direct, AFTER_20),
        f"{rate.requests_per_second:,.0f}" if rate else "",
        f"{times:.1f}×" if times is not None else "",
        f"{streams.requests_per_second:,.0f}" if streams else "",
        f"{first.first_byte_p50_ms:.2f}" if first else "",
        f"{sum(row.memory_mib.values()):,.0f}" if row.memory_mib else "",
    ]


def _added(row: Row, direct: Mapping[str, Figure], cell: str) -> list[str]:
    through, base = row.cells.get(cell), direct.get(cell)
    if through is None or base is None:
        return ["", ""]
    if row.name == "direct":
        return [f"({base.p50_ms:.2f})", f"({base.p99_ms:.2f})"]
    return [f"{value:.2f}" for value in added(through, base)]


def markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is text, the others are figures."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *body)) + "\n"


def stage_lines(rows: Sequence[Row], cell: str) -> tuple[list[str], list[list[str]]]:
    """Return head and body of what the gateway says of its own stages in one cell: mean ms per stage."""
    told = [row for row in rows if row.stages_ms.get(cell)]
    names = sorted({stage for row in told for stage in row.stages_ms[cell]})
    body = [
        [row.title, *[f"{row.stages_ms[cell][n]:.3f}" if n in row.stages_ms[cell] else "" for n in names]]
        for row in told
    ]
    return ["mean ms a request", *names], body


def as_data(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as JSON-ready data, with added latency and ratios worked out."""
    direct = next((row.cells for row in rows if row.name == "direct"), {})
    data = []
    for row in rows:
        cells = {}
        for name, one in row.cells.items():
            extra = (
                dict(zip(("added_p50_ms", "added_p99_ms"), added(one, direct[name]), strict=True))
                if name in direct
                else {}
            )
            cells[name] = {**asdict(one), **extra}
        data.append({**asdict(row), "cells": cells})
    return data
