"""From figures to the one table, in Markdown and on the screen. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

HEAD = ("what", "measured on", "language", "Presidio", "Sekisho", "reach", "characters/s of both")
KINDS_HEAD = ("kind", "spans", "Presidio", "Sekisho")


def lines(quality: Sequence[dict[str, Any]], speed: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the rows. Quality is "span recall / character precision", or false alarms per 1,000 tokens."""
    return [*(_quality(row) for row in quality), *(_speed(row) for row in speed)]


def _quality(row: dict[str, Any]) -> list[str]:
    recall, precision = row["reach"]
    reach = f"at most {recall}" if row["quiet"] else f"{recall:.2f} / {precision:.2f}"
    if "missing" in row:
        return [row["title"], row["source"], row["lang"], "-", row["missing"], reach, ""]
    both = [row["by"].get(name) for name in ("Presidio", "sekisho")]
    speeds = " / ".join(f"{one['chars_per_second']:,}" for one in both if one and "chars_per_second" in one)
    return [row["title"], row["source"], row["lang"], *map(_cell, both), reach, speeds]


def _cell(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return "-"
    if "per_1000_tokens" in figures:
        return f"{figures['per_1000_tokens']:.2f}"
    return f"{_share(figures['recall'])} / {_share(figures['precision'])}"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f}"


def _speed(row: dict[str, Any]) -> list[str]:
    return [row["title"], row["unit"], "", _number(row.get("peer")), _number(row.get("ours")), row["reach"], ""]


def kind_lines(quality: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the recall of each kind that the generator makes, worst first."""
    found: dict[str, dict[str, Any]] = {}
    for row in quality:
        if row["source"] == "generator" and row["lang"] == "all" and not row["quiet"]:
            for name, figures in row["by"].items():
                for kind, (wanted, hit) in figures["by_label"].items():
                    one = found.setdefault(kind, {"wanted": 0, "Presidio": 0, "sekisho": 0})
                    one[name] += hit
                    one["wanted"] += wanted if name == "sekisho" else 0
    worst_first = sorted(found.items(), key=lambda item: item[1]["sekisho"] / max(1, item[1]["wanted"]))
    return [[kind, str(one["wanted"]), *(_of(one, n) for n in ("Presidio", "sekisho"))] for kind, one in worst_first]


def _of(one: dict[str, Any], name: str) -> str:
    return _share(one[name] / one["wanted"]) if one["wanted"] else "-"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def markdown(rows: Sequence[Sequence[str]], head: Sequence[str] = HEAD) -> str:
    """Return a Markdown table; the same words do not come again and again in its first column."""
    out = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    before = ""
    for row in rows:
        first = "" if row[0] == before else row[0]
        before = row[0]
        out.append("| " + " | ".join([first, *row[1:]]).replace("|  |", "| |") + " |")
    return "\n".join(out) + "\n"
