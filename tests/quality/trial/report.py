"""From figures to the one table, in Markdown and on the screen. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

HEAD = ("what", "measured on", "language", "Presidio", "Sekisho", "reach")


def lines(quality: Sequence[dict[str, Any]], speed: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the rows. Quality is "span recall / character precision", or false alarms per 1,000 tokens."""
    return [*(_quality(row) for row in quality), *(_speed(row) for row in speed)]


def _quality(row: dict[str, Any]) -> list[str]:
    recall, precision = row["reach"]
    reach = f"at most {recall}" if row["quiet"] else f"{recall:.2f} / {precision:.2f}"
    if "missing" in row:
        return [row["title"], row["source"], row["lang"], "-", row["missing"], reach]
    cells = [_cell(row["by"].get(name)) for name in ("Presidio", "sekisho")]
    return [row["title"], row["source"], row["lang"], *cells, reach]


def _cell(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return "-"
    if "per_1000_tokens" in figures:
        return f"{figures['per_1000_tokens']:.2f}"
    return f"{_share(figures['recall'])} / {_share(figures['precision'])}"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f}"


def _speed(row: dict[str, Any]) -> list[str]:
    return [row["title"], row["unit"], "", _number(row.get("peer")), _number(row.get("ours")), row["reach"]]


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the same words do not come again and again in its first column."""
    out = ["| " + " | ".join(HEAD) + " |", "| " + " | ".join("---" for _ in HEAD) + " |"]
    before = ""
    for row in rows:
        first = "" if row[0] == before else row[0]
        before = row[0]
        out.append("| " + " | ".join([first, *row[1:]]).replace("|  |", "| |") + " |")
    return "\n".join(out) + "\n"
