"""How ``sekisho privacy explain`` and ``eval`` show what they know: coloured text and tables, or plain data."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.output import Output, console
from gateway.cli.privacy_rows import LabelledRow, labelled_rows, opened
from gateway.cli.privacy_search import NOTES, notes_of
from gateway.privacy.evaluate import KINDS, Alarms, Figures, Score, kind_of

if TYPE_CHECKING:
    from gateway.cli.privacy_search import Found

COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "red")
AROUND = 24
"""Characters on each side of a miss that are shown with it."""


def explained(text: str, found: Found) -> dict[str, Any]:
    """Return all that is known of each finding, as plain data."""
    references = _references()
    spans = [
        {
            "start": span.start,
            "end": span.end,
            "type": span.type,
            "score": round(span.score, 4),
            "value": text[span.start : span.end],
            "source": span.source,
            "check": span.check,
            "context": span.context,
            "reference": references.get(span.source.partition(":")[2], ""),
        }
        for span in found.spans
    ]
    return {"spans": spans, **notes_of(found)}


def _references() -> dict[str, str]:
    """Return the standard behind each rule, by its name."""
    from gateway.privacy.patterns.catalogue import RULES

    return {rule.name: rule.reference for rule in RULES}


def show_explained(text: str, data: dict[str, Any]) -> None:
    """Print the text with its findings in colour, then a paragraph for each."""
    from rich.text import Text

    types = sorted({span["type"] for span in data["spans"]})
    colour = {type: COLOURS[number % len(COLOURS)] for number, type in enumerate(types)}
    shown = Text(text)
    for span in data["spans"]:
        shown.stylize(f"bold {colour[span['type']]} underline", span["start"], span["end"])
    out = console()
    out.print(shown)
    for span in data["spans"]:
        out.print()
        out.print(Text.assemble((span["type"], f"bold {colour[span['type']]}"), f"  {span['value']}"))
        for name, value in _reasons(span):
            out.print(Text.assemble((f"  {name:<11}", "dim"), value))
    if not data["spans"]:
        out.print("Nothing was found.")
    for name in NOTES:
        if data[name]:
            out.print(Text.assemble((f"{name:<15}", "dim"), ", ".join(data[name])))


def _reasons(span: dict[str, Any]) -> list[tuple[str, str]]:
    place = f"characters {span['start']} to {span['end']}"
    named = [("recognizer", span["source"]), ("check", span["check"]), ("context", span["context"])]
    named += [("after", span["reference"]), ("score", f"{span['score']:.2f}"), ("place", place)]
    return [(name, value) for name, value in named if value]


def kinds_in(dataset: Path) -> frozenset[str]:
    """Return which kinds a data set labels; all when it labels nothing. Reads it once, and checks every row."""
    with opened(dataset) as source:
        kinds = {kind_of(label) for row in labelled_rows(source) for _, _, label in row.spans} - {""}
    return frozenset(kinds or KINDS)


class Trial:
    """Adds up one evaluation.

    Args:
        kinds: which kinds the data set labels.
        show_misses: how many misses and false finds to keep as snippets.
    """

    def __init__(self, kinds: Collection[str], show_misses: int = 0) -> None:
        self.score = Score(kinds)
        self.alarms = Alarms()
        self.seconds = 0.0
        self.snippets: list[dict[str, Any]] = []
        self._room = show_misses

    def add(self, row: LabelledRow, found: Found, seconds: float) -> None:
        verdict = self.score.add(row.lang, row.text, row.spans, found.spans)
        self.alarms.add(row.text, found.spans)
        self.seconds += seconds
        for start, end, label in verdict.missed:
            self._keep("missed", row, start, end, label)
        for span in verdict.extra:
            self._keep("not labelled", row, span.start, span.end, f"{span.type} {span.source}")

    def _keep(self, what: str, row: LabelledRow, start: int, end: int, name: str) -> None:
        if len(self.snippets) < self._room:
            before, after = row.text[max(0, start - AROUND) : start], row.text[end : end + AROUND]
            value = f"{before}⟦{row.text[start:end]}⟧{after}".replace("\n", " ")
            self.snippets.append({"id": row.id, "lang": row.lang, "what": what, "as": name, "text": value})

    def as_data(self) -> dict[str, Any]:
        """Return everything as plain data; shares are numbers from 0 to 1, ``None`` where there is nothing to share."""
        score = self.score
        labelled = bool(score.by_label)
        data = {
            "texts": score.texts,
            "chars": score.chars,
            "chars_per_second": round(score.chars / self.seconds) if self.seconds else None,
            "kinds": sorted(score.kinds) if labelled else [],
            "total": _figures(score.total()),
            "by_kind": {kind: _figures(score.total(kind=kind)) for kind in sorted({kind for kind, _ in score.by})},
            "by_language": {lang: _figures(score.total(lang=lang)) for lang in sorted({lang for _, lang in score.by})},
            "by": [{"kind": k, "lang": lang, **_figures(figures)} for (k, lang), figures in sorted(score.by.items())],
            "by_label": {name: _figures(figures) for name, figures in sorted(score.by_label.items())},
            "misses": self.snippets,
        }
        if not labelled:
            data["false_alarms"] = {
                "spans": self.alarms.spans,
                "tokens": self.alarms.tokens,
                "per_1000_tokens": self.alarms.per_thousand,
                "by_type": dict(sorted(self.alarms.by_type.items())),
            }
        return data


def _figures(figures: Figures) -> dict[str, Any]:
    shares = {"recall": figures.recall, "recall_as_kind": figures.recall_as_kind, "precision": figures.precision}
    return {"wanted": figures.wanted, **{name: None if s is None else round(s, 4) for name, s in shares.items()}}


def show_trial(output: Output, name: str, trial: Trial) -> None:
    """Print the tables, or the data with ``--json``."""
    data = {"dataset": name, **trial.as_data()}
    if output.as_json:
        output.result(data)
        return
    if "false_alarms" in data:
        _show_alarms(output, name, data["false_alarms"])
    else:
        _show_quality(output, name, data)
    if data["misses"]:
        misses = [(str(one["id"]), one["what"], one["as"], one["text"]) for one in data["misses"]]
        output.table("Misses and false finds", ("id", "what", "as", "text"), misses, None)
    speed = data["chars_per_second"]
    output.result(None, f"{data['chars']:,} characters, {speed:,} a second" if speed else "No characters.")


def _show_alarms(output: Output, name: str, alarms: dict[str, Any]) -> None:
    rows = [(type, str(count)) for type, count in alarms["by_type"].items()]
    output.table(f"{name}: false alarms", ("type", "spans"), rows, None, "Nothing was found, and nothing is there.")
    rate = _number(alarms["per_1000_tokens"])
    output.result(None, f"{alarms['spans']} in {alarms['tokens']:,} tokens: {rate} per 1,000")


def _show_quality(output: Output, name: str, data: dict[str, Any]) -> None:
    rows: list[tuple[str, ...]] = [(one["kind"], one["lang"] or "-", *_cells(one)) for one in data["by"]]
    rows.append(("all", "all", *_cells(data["total"])))
    columns = ("kind", "language", "spans", "recall", "as its kind", "character precision")
    output.table(f"{name}: {data['texts']} texts", columns, rows, None)
    if set(data["by_label"]) - set(KINDS):
        labels = [(label, *_cells(one)[:3]) for label, one in data["by_label"].items()]
        output.table("By label", ("label", "spans", "recall", "as its kind"), labels, None)


def _cells(one: dict[str, Any]) -> tuple[str, str, str, str]:
    recall, own, precision = (_number(one[name]) for name in ("recall", "recall_as_kind", "precision"))
    return str(one["wanted"]), recall, own, precision


def _number(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"
