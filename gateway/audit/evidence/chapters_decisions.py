"""Chapters on what was decided: summary, decisions, data, borders, refusals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta

from gateway.audit.evidence.crossings import Way, at_least_five
from gateway.audit.evidence.document import Block, Chapter, Days, Text, Tile, Tiles, number
from gateway.audit.evidence.findings import Findings
from gateway.audit.evidence.pen import Pen
from gateway.audit.log.site import name_of

MOST_DAYS = 92
INSIDE, OTHER = "EEA_inside", "other"
LAWS = (INSIDE, "EEA", "GB", "CH", "CN", "JP", OTHER)


def summary(pen: Pen, found: Findings) -> Chapter:
    counts, history = found.tally.counts, found.tally.history
    breaks = found.tally.continuity.breaks
    tiles = (
        Tile(number(counts.allowed + counts.refused), pen("tile_decisions")),
        Tile(number(counts.allowed), pen("tile_allowed")),
        Tile(number(counts.refused), pen("tile_refused")),
        Tile(number(found.tally.crossings.attempts), pen("tile_crossed")),
        Tile(number(sum(counts.unidentified.values())), pen("tile_unidentified")),
        _tile(pen, found.tally.continuity.interrupted, "tile_interrupted"),
        _tile(pen, len(history.grants_used), "tile_grants"),
        _tile(pen, found.unwitnessed, "tile_unwitnessed"),
    )
    given = {"records": number(found.records), "logs": number(len(found.logs)), "check": pen("summary_check")}
    blocks: list[Block] = [pen.text("summary_what"), Tiles(tiles), pen.text("summary_good", "good", **given)]
    if found.partial:
        blocks.append(pen.text("summary_partial", "note"))
    for log in found.logs:
        if log.pruned:
            name = name_of(log.origin, log.retention_class)
            blocks.append(pen.text("summary_pruned", "note", log=name, first=number(log.pruned)))
    blocks.append(_witnessed(pen, found.unwitnessed))
    if breaks:
        blocks.append(pen.text("summary_gaps", "warn", count=number(breaks), chapter=pen("continuity")))
    else:
        blocks.append(pen.text("summary_no_gaps", "good"))
    return Chapter("summary", pen("summary"), (*blocks, *_logs(pen, found)))


def decisions(pen: Pen, found: Findings) -> Chapter:
    counts = found.tally.counts
    both = ("allowed", "refused")
    where = [(_place(pen, place), (many,)) for place, many in counts.destinations.items()]
    classes = {*counts.allowed_by_class, *counts.refused_by_class}
    by_class = [(pen.name(c), (counts.allowed_by_class[c], counts.refused_by_class[c])) for c in classes]
    tenants = sorted({*counts.tenants, *counts.refused_tenants})
    rows = [(t or pen("unset"), p, counts.tenants[t, p], counts.refused_tenants[t, p]) for t, p in tenants]
    blocks: list[Block] = [
        pen.text("decisions_what"),
        *_by_day(pen, counts.allowed_by_day, counts.refused_by_day),
        *pen.bars("by_destination", ("allowed",), where),
        *pen.bars("by_class", both, by_class),
        *pen.table(("tenant", "project", "allowed", "refused"), rows, caption="by_tenant", wide=(2, 2, 1, 1)),
        *_reasons(pen, found, "info"),
        *_reasons(pen, found, "deny"),
        *pen.table(("purpose", "count"), _counted(pen, counts.purposes), caption="by_purpose", wide=(4, 1)),
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
    given = {"inside": number(crossed.inside), "unset": number(crossed.unset)}
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
    counts = found.tally.counts
    known, unknown = (
        [(code, _meaning(pen, found, code), many) for code, many in _most_first(codes)]
        for codes in (counts.refused_by_code, counts.unidentified)
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


def _tile(pen: Pen, value: int, label: str) -> Tile:
    return Tile(number(value), pen(label), "warn" if value else "good")


def _witnessed(pen: Pen, unwitnessed: int) -> Text:
    if unwitnessed:
        return pen.text("summary_unwitnessed", "warn", records=number(unwitnessed))
    return pen.text("summary_witnessed", "good")


def _logs(pen: Pen, found: Findings) -> list[Block]:
    rows = [
        (log.origin, log.retention_class, log.records, log.tree_size, log.witnessed, log.root[:16])
        for log in found.logs
    ]
    columns = ("log", "log_class", "log_records", "log_tree", "log_witnessed", "log_root")
    return pen.table(columns, rows, caption="logs_caption", wide=(2.1, 2.2, 1.2, 1.2, 1.0, 1.8), code=(0, 5))


def _by_day(pen: Pen, allowed: Mapping[str, int], refused: Mapping[str, int]) -> list[Block]:
    """Return a chart by day, by month where there are many days."""
    days = sorted({*allowed, *refused})
    if not days:
        return [pen.text("none", "note")]
    first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
    span = (last - first).days + 1
    if span <= MOST_DAYS:
        labels = [(first + timedelta(at)).isoformat() for at in range(span)]
        title, counts = "by_day", (allowed, refused)
    else:
        labels = _months(days[0][:7], days[-1][:7])
        title, counts = "by_month", (_by_month(allowed), _by_month(refused))
    values = tuple((counts[0].get(label, 0), counts[1].get(label, 0)) for label in labels)
    return [Days(pen(title), (pen("allowed"), pen("refused")), tuple(labels), values)]


def _by_month(days: Mapping[str, int]) -> Counter[str]:
    months: Counter[str] = Counter()
    for day, many in days.items():
        months[day[:7]] += many
    return months


def _months(first: str, last: str) -> list[str]:
    year, month = int(first[:4]), int(first[5:7])
    labels = [first]
    while labels[-1] < last:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        labels.append(f"{year:04d}-{month:02d}")
    return labels


def _place(pen: Pen, place: tuple[str, bool]) -> str:
    operator = pen("external" if place[1] else "own")
    return f"{pen.country(place[0])}, {operator}"


def _reasons(pen: Pen, found: Findings, severity: str) -> list[Block]:
    rows = [
        (rule, code, pen.sentence(code, dict(params)), many)
        for (code, rule, params), many in sorted(
            found.tally.counts.reasons[severity].items(), key=lambda each: (-each[1], each[0])
        )
    ]
    columns = ("rule", "code", "reason", "count")
    return pen.table(columns, rows, caption=f"by_rule_{severity}", wide=(1.5, 2.5, 3.8, 0.8), code=(0, 1))


def _counted(pen: Pen, counter: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(pen.name(name), many) for name, many in _most_first(counter)]


def _outcomes(pen: Pen, found: Findings) -> list[Block]:
    counts = found.tally.counts
    rows = [(pen(f"outcome_{status}"), counts.outcomes[status]) for status in ("done", "failed", "hung_up")]
    rows.append((pen("outcome_interrupted"), counts.outcomes["interrupted"]))
    rows.append((pen("outcome_open"), max(0, counts.allowed - sum(counts.outcomes.values()))))
    return pen.table(("outcome", "count"), rows, caption="outcomes", wide=(4, 1))


def _law(pen: Pen, way: Way) -> str:
    """Return whose law judges a way; within the European Economic Area it is no transfer."""
    law = pen.law_of(way.origin)
    return INSIDE if law == "EEA" and pen.law_of(way.destination) == "EEA" else law or OTHER


def _way(pen: Pen, found: Findings, way: Way) -> tuple[str | int, ...]:
    classes = ", ".join(pen.name(name) for name in sorted(found.tally.crossings.classes[way]))
    key = f"basis_{way.code.removeprefix('policy.')}" if way.code else "basis_none"
    basis = pen("basis_free" if way.code == "policy.residency_adequate" and _law(pen, way) == INSIDE else key)
    detail = pen.name(way.route) if way.route else way.waives
    shown = pen("with_route", basis=basis, route=detail) if detail else basis
    manner, many = pen(f"how_{way.how}"), found.tally.crossings.ways[way]
    sites = ", ".join(sorted(found.tally.crossings.recipients.get(way, ())))
    to = pen("with_route", basis=pen.country(way.destination), route=sites) if sites else pen.country(way.destination)
    return (pen.country(way.origin), to, manner, shown, way.legal or "–", classes, many)
