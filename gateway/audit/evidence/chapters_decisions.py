"""Chapters on what was decided: summary, decisions, data, borders, refusals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.audit.evidence.crossings import Way, at_least_five
from gateway.audit.evidence.document import Block, Chapter, Days, Text, Tile, Tiles, number, said
from gateway.audit.evidence.few import (
    ALLOWED,
    CROSSED,
    DECISIONS,
    INSIDE,
    REFUSED,
    UNIDENTIFIED,
    UNSET,
    Told,
)
from gateway.audit.evidence.findings import Findings
from gateway.audit.evidence.pen import Pen
from gateway.audit.log.site import name_of

EEA_INSIDE, OTHER = "EEA_inside", "other"
LAWS = (EEA_INSIDE, "EEA", "GB", "CH", "CN", "JP", OTHER)


def summary(pen: Pen, found: Findings) -> Chapter:
    history, counted = found.tally.history, found.told
    breaks = found.tally.continuity.breaks
    tiles = (
        Tile(said(counted(DECISIONS)), pen("tile_decisions")),
        Tile(said(counted(ALLOWED)), pen("tile_allowed")),
        Tile(said(counted(REFUSED)), pen("tile_refused")),
        Tile(said(counted(CROSSED)), pen("tile_crossed")),
        Tile(said(counted(UNIDENTIFIED)), pen("tile_unidentified")),
        _tile(pen, counted(("outcome", "interrupted")), "tile_interrupted"),
        _tile(pen, len(history.grants_used), "tile_grants"),
        _tile(pen, found.told.records(found.unwitnessed), "tile_unwitnessed"),
    )
    given = {
        "records": said(found.told.records(found.records)),
        "logs": number(len(found.logs)),
        "check": pen("summary_check"),
    }
    blocks: list[Block] = [
        pen.text("summary_what"),
        Tiles(tiles),
        pen.text("few_what", "note"),
        pen.text("summary_good", "good", **given),
    ]
    if found.partial:
        blocks.append(pen.text("summary_partial", "note"))
    for log in found.logs:
        if log.pruned:
            name = name_of(log.origin, log.retention_class)
            blocks.append(pen.text("summary_pruned", "note", log=name, first=number(log.pruned)))
    blocks.append(_witnessed(pen, found.told.records(found.unwitnessed)))
    if breaks:
        blocks.append(pen.text("summary_gaps", "warn", count=number(breaks), chapter=pen("continuity")))
    else:
        blocks.append(pen.text("summary_no_gaps", "good"))
    return Chapter("summary", pen("summary"), (*blocks, *_logs(pen, found)))


def decisions(pen: Pen, found: Findings) -> Chapter:
    counts, counted = found.tally.counts, found.told
    both = ("allowed", "refused")
    where = [(_place(pen, place), (counted.number(("destination", place)),)) for place in counts.destinations]
    classes = {*counts.allowed_by_class, *counts.refused_by_class}
    by_class = [(pen.name(c), tuple(counted.number((f"{how} by class", c)) for how in both)) for c in classes]
    tenants = sorted({*counts.tenants, *counts.refused_tenants})
    rows = [(t or pen("unset"), p, *(counted((f"{how} by tenant", (t, p))) for how in both)) for t, p in tenants]
    blocks: list[Block] = [
        pen.text("decisions_what"),
        *_by_day(pen, counted),
        *pen.bars("by_destination", ("allowed",), where),
        *pen.bars("by_class", both, by_class),
        *pen.table(("tenant", "project", "allowed", "refused"), rows, caption="by_tenant", wide=(2, 2, 1, 1)),
        *_reasons(pen, found, "info"),
        *_reasons(pen, found, "deny"),
        *pen.table(
            ("purpose", "count"), _counted(pen, counted, "purpose", counts.purposes), caption="by_purpose", wide=(4, 1)
        ),
        *_outcomes(pen, found),
    ]
    return Chapter("decisions", pen("decisions"), tuple(blocks))


def data(pen: Pen, found: Findings) -> Chapter:
    counts = found.tally.counts
    special = Counter({f"special:{name}": many for name, many in counts.special.items()})
    tables = (
        ("by_kind", "kind", "requests", counts.kinds),
        ("by_special", "category", "requests", special),
        ("redacted", "kind", "values", counts.redactions),
        ("guarded", "kind", "values", counts.guarded),
    )
    blocks: list[Block] = [pen.text("data_what")]
    for caption, kind, many, counter in tables:
        rows = [(pen.name(name), at_least_five(count)) for name, count in _most_first(counter)]
        blocks += pen.table((kind, many), rows, caption=caption, wide=(4, 1))
    return Chapter("data", pen("data"), tuple(blocks))


def crossings(pen: Pen, found: Findings) -> Chapter:
    crossed = found.tally.crossings
    given = {"inside": said(found.told(INSIDE)), "unset": said(found.told(UNSET))}
    blocks: list[Block] = [pen.text("crossings_what"), pen.text("crossings_inside", "note", **given)]
    for law in LAWS:
        ways = sorted(way for way in crossed.ways if _law(pen, way) == law)
        if ways:
            columns = ("origin", "to", "how", "basis", "law", "classes", "count")
            rows = [_way(pen, found, way) for way in ways]
            blocks += pen.table(columns, rows, caption=f"law_{law}", wide=(1.3, 1.5, 1.1, 2.7, 2.3, 1.5, 1.0))
    if not crossed.ways:
        blocks.append(pen.text("crossings_none", "note"))
    persons: list[tuple[str | int, ...]] = [
        (entity or pen("unset"), str(year), pen.country(to), at_least_five(many))
        for entity, year, to, many in crossed.persons()
    ]
    blocks += pen.table(("entity", "year", "to", "persons_count"), persons, caption="persons", wide=(2, 1, 2, 1))
    blocks.append(pen.text("persons_what", "note"))
    return Chapter("crossings", pen("crossings"), tuple(blocks))


def refusals(pen: Pen, found: Findings) -> Chapter:
    counts, counted = found.tally.counts, found.told
    known, unknown = (
        [(code, _meaning(pen, found, code), counted((name, code))) for code in _in_order(counted, name, codes)]
        for name, codes in (("code", counts.refused_by_code), ("unidentified", counts.unidentified))
    )
    columns, wide = ("code", "meaning", "count"), (2, 5, 1)
    blocks: list[Block] = [
        pen.text("refusals_what"),
        *pen.table(columns, known, caption="refusals_caption", wide=wide, code=(0,)),
        *pen.table(columns, unknown, caption="unidentified_caption", wide=wide, code=(0,)),
    ]
    return Chapter("refusals", pen("refusals"), tuple(blocks))


# --- parts


def _most_first(counter: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counter.items(), key=lambda each: (-each[1], each[0]))


def _meaning(pen: Pen, found: Findings, code: str) -> str:
    """Return what a refusal meant: by the reason of that code, where one was given, as it was given most often."""
    said = [(many, params) for (one, _, params), many in found.tally.counts.reasons["deny"].items() if one == code]
    if not said:
        return pen.meaning(code)
    text = pen.sentence(code, dict(max(said)[1]))
    return text if len(said) == 1 else pen("most_often", text=text)


def _in_order(counted: Told, name: str, words: Iterable[Any]) -> list[Any]:
    """Return words by their counts, those that are not told last."""
    return sorted(words, key=lambda word: (counted.rank((name, word)), word))


def _tile(pen: Pen, value: int | str, label: str) -> Tile:
    return Tile(said(value), pen(label), "warn" if value else "good")


def _witnessed(pen: Pen, unwitnessed: int | str) -> Text:
    if unwitnessed:
        return pen.text("summary_unwitnessed", "warn", records=said(unwitnessed))
    return pen.text("summary_witnessed", "good")


def _logs(pen: Pen, found: Findings) -> list[Block]:
    rows = [
        (log.origin, log.retention_class, found.told.records(log.records), log.tree_size, log.witnessed, log.root[:16])
        for log in found.logs
    ]
    columns = ("log", "log_class", "log_records", "log_tree", "log_witnessed", "log_root")
    return pen.table(columns, rows, caption="logs_caption", wide=(2.1, 2.2, 1.2, 1.2, 1.0, 1.8), code=(0, 5))


def _by_day(pen: Pen, told: Told) -> list[Block]:
    """Return a chart by day, by month where there are many days."""
    shown = told.periods
    if not shown.labels:
        return [pen.text("none", "note")]
    both = ("allowed", "refused")
    values = tuple(tuple(told.number((f"{name} by day", label)) for name in both) for label in shown.labels)
    return [Days(pen(shown.title), tuple(pen(name) for name in both), shown.labels, values)]


def _place(pen: Pen, place: tuple[str, bool]) -> str:
    operator = pen("external" if place[1] else "own")
    return f"{pen.country(place[0])}, {operator}"


def _reasons(pen: Pen, found: Findings, severity: str) -> list[Block]:
    counted = found.told
    rows = [
        (reason[1], reason[0], pen.sentence(reason[0], dict(reason[2])), counted((severity, reason)))
        for reason in _in_order(counted, severity, found.tally.counts.reasons[severity])
    ]
    columns = ("rule", "code", "reason", "count")
    return pen.table(columns, rows, caption=f"by_rule_{severity}", wide=(1.5, 2.5, 3.8, 0.8), code=(0, 1))


def _counted(pen: Pen, counted: Told, name: str, words: Iterable[str]) -> list[tuple[str, int | str]]:
    return [(pen.name(word), counted((name, word))) for word in _in_order(counted, name, words)]


def _outcomes(pen: Pen, found: Findings) -> list[Block]:
    ends = ("done", "failed", "hung_up", "interrupted", "open")
    rows = [(pen(f"outcome_{end}"), found.told(("outcome", end))) for end in ends]
    return pen.table(("outcome", "count"), rows, caption="outcomes", wide=(4, 1))


def _law(pen: Pen, way: Way) -> str:
    """Return whose law judges a way; within the European Economic Area it is no transfer."""
    law = pen.law_of(way.origin)
    return EEA_INSIDE if law == "EEA" and pen.law_of(way.destination) == "EEA" else law or OTHER


def _way(pen: Pen, found: Findings, way: Way) -> tuple[str | int, ...]:
    classes = ", ".join(pen.name(name) for name in sorted(found.tally.crossings.classes[way]))
    key = f"basis_{way.code.removeprefix('policy.')}" if way.code else "basis_none"
    basis = pen("basis_free" if way.code == "policy.residency_adequate" and _law(pen, way) == EEA_INSIDE else key)
    detail = pen.name(way.route) if way.route else way.waives
    shown = pen("with_route", basis=basis, route=detail) if detail else basis
    manner, many = pen(f"how_{way.how}"), found.told(("way", way))
    sites = ", ".join(sorted(found.tally.crossings.recipients.get(way, ())))
    to = pen("with_route", basis=pen.country(way.destination), route=sites) if sites else pen.country(way.destination)
    return (pen.country(way.origin), to, manner, shown, way.legal or "–", classes, many)
