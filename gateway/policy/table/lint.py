"""What is odd about a rule table: rows that decide nothing, rows in each other's way, days that passed. Pure.

A row is *dead* when there is no case that it decides: no request and no fleet of sites, over all cases that the table
can tell apart (:mod:`gateway.policy.table.space`). A row that observes steps back on the caller's site, but not for
secrets, and the one behind it decides there: that one is not dead. A test holds this against every single case.

Errors are what must not come into force, warnings what somebody must look at, notes what is good to know. Example::

    Remark("dead", "warning", (7,), "decides nothing: lines 2 and 5 take every case of it", "Take it out, or …")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Literal

import msgspec

from gateway.errors import SetupError
from gateway.kinds import KINDS, name_of
from gateway.policy.table.row import OPERATORS, SPECIAL, TEXT, Row
from gateway.policy.table.space import Box, Space

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
LONGEST_OBSERVATION = timedelta(days=30)
SOON = timedelta(days=30)
_SECRETS = frozenset({name_of("secrets"), *KINDS["secrets"]})


class Remark(msgspec.Struct, frozen=True):
    """One thing to say. ``lines`` are those of the rows it is about, the one to mend first."""

    kind: str
    severity: Severity
    lines: tuple[int, ...]
    says: str
    mend: str
    column: str = ""

    def told(self, file: str) -> str:
        """Return it as one line: file, line, column, what is odd, and what to do."""
        return f"{self.severity}: {self.place(file)}: {self.says}. {self.mend}"

    def place(self, file: str) -> str:
        return f"{file}, line {self.lines[0]}" + (f", column {self.column}" if self.column else "")


class Share(msgspec.Struct, frozen=True):
    """What a row is about (``box``), and the cases among them that it decides, in boxes apart from each other."""

    box: Box
    decides: tuple[Box, ...]


def lint(
    rows: Sequence[Row], groups: Mapping[str, frozenset[str]], today: date, types: Set[str] = frozenset()
) -> list[Remark]:
    """Return what is odd, errors first, then by line.

    Args:
        rows: the table, in order.
        groups: each country, with itself and its groups.
        today: in UTC.
        types: finding types that are searched for; empty when that is not known.
    """
    space = Space(rows, groups)
    shares = shares_of(rows, space, today)
    found = [
        *_about_cases(rows, shares),
        *(remark for row in rows for remark in _observing(row, space, today)),
        *(remark for row in rows for remark in _review(row, today)),
        *(remark for row in rows for remark in _unknown(row, types)),
    ]
    return sorted(found, key=lambda remark: (SEVERITIES.index(remark.severity), remark.lines))


def require_sound(file: str, rows: Sequence[Row], groups: Mapping[str, frozenset[str]], today: date) -> None:
    """Refuse a table that must not come into force: only rows that observe can be errors.

    Raises:
        SetupError: the first error, with file and line.
    """
    space = Space(rows, groups)
    for remark in (remark for row in rows for remark in _observing(row, space, today)):
        if remark.severity == "error":
            raise SetupError(f"{remark.place(file)}: {remark.says}.", remark.mend, exit_code=2)


def shares_of(rows: Sequence[Row], space: Space, today: date) -> list[Share]:
    """Return what each row is about and what it decides, for days from ``today`` on while rows observe."""
    boxes = [space.box(row) for row in rows]
    on_site = space.on_site()
    ends = [_observes_until(row, today) for row in rows]
    return [Share(boxes[n], tuple(_decided(n, boxes, ends, on_site))) for n in range(len(rows))]


def _decided(number: int, boxes: Sequence[Box], ends: Sequence[date | None], on_site: Box) -> list[Box]:
    """Return what is left of a row's box when the rows before it have taken theirs.

    A piece may wait behind a row that observes: then ``until`` is that row's last day, and rows that observe at least
    as long are stepped over too.
    """
    pieces: list[tuple[Box, date | None]] = [(boxes[number], None)] if all(boxes[number]) else []
    for taken, end in zip(boxes[:number], ends[:number], strict=True):
        if not pieces:
            break
        if taken.meets(boxes[number]):
            pieces = [left for piece, until in pieces for left in _left(piece, until, taken, end, on_site)]
    own = ends[number]
    return [piece for piece, until in pieces if until is None or own is None or own < until]


def _left(
    piece: Box, until: date | None, taken: Box, end: date | None, on_site: Box
) -> Iterable[tuple[Box, date | None]]:
    if until is not None and end is not None and end >= until:
        return [(piece, until)]  # it steps back as long as the one before it
    left = [(rest, until) for rest in piece.without(taken)]
    if until is None and end is not None:
        shared = piece.both(taken).both(on_site)
        left += [(shared, end)] if all(shared) else []
    return left


def _observes_until(row: Row, today: date) -> date | None:
    """Return the last day on which a row steps back; ``None`` when it does not, or no more."""
    return row.review_by if row.mode == "observe" and row.review_by and row.review_by >= today else None


# --- rows in each other's way


def _about_cases(rows: Sequence[Row], shares: Sequence[Share]) -> Iterable[Remark]:
    for number, (row, share) in enumerate(zip(rows, shares, strict=True)):
        takers = [n for n in range(number) if _takes(shares[n], share.box)]
        if not share.decides:
            yield _dead(row, [rows[n].line for n in takers])
            continue
        others = [n for n in takers if _verdict(rows[n]) != _verdict(row)]
        undoing = [n for n in others if _undoes(rows[n], row) and not _inside(shares[n], share.box)]
        if undoing:
            yield _undone(row, [rows[n].line for n in undoing])
        if rest := [n for n in others if n not in undoing]:
            yield _exceptions(row, [rows[n].line for n in rest])


def _dead(row: Row, takers: Sequence[int]) -> Remark:
    says = f"this row decides nothing: {told_lines(takers)} come{_s(takers)} first in every case of it"
    if not takers:
        says = "this row decides nothing: no request and no target can be what it says"
    mend = f"Move it above line {min(takers)}, or take it out." if takers else "Take it out."
    return Remark("dead", "warning", (row.line, *takers), says, mend)


def _undone(row: Row, takers: Sequence[int]) -> Remark:
    says = f"{told_lines(takers)} let{_s(takers)} through, or redact{_s(takers)} less, part of what this row is about"
    mend = f"Move it above line {min(takers)} if it is to hold there too."
    return Remark("overlap", "warning", (row.line, *takers), says, mend)


def _exceptions(row: Row, takers: Sequence[int]) -> Remark:
    first = f"{told_lines(takers)} come{_s(takers)} first and decide{_s(takers)} otherwise"
    says = f"for part of what this row is about, {first}"
    return Remark("overlap", "note", (row.line, *takers), says, "Nothing to do if those are its exceptions.")


def _takes(earlier: Share, box: Box) -> bool:
    return earlier.box.meets(box) and any(piece.meets(box) for piece in earlier.decides)


def _inside(earlier: Share, box: Box) -> bool:
    return all(piece.within(box) for piece in earlier.decides)


def _verdict(row: Row) -> int:
    """Return how much a row holds back: how little its operator tells, and most of all where it denies."""
    return OPERATORS.index(row.redaction) if row.decision == "allow" and row.redaction else len(OPERATORS)


def _undoes(earlier: Row, row: Row) -> bool:
    """Whether the earlier row holds back less. A denial of all data holds whatever rows about some of them say: every
    request has a text as a whole, and what may not go keeps the rest back."""
    if row.decision == "deny" and TEXT in row.data and TEXT not in earlier.data:
        return False
    return _verdict(earlier) < _verdict(row)


# --- rows that observe


def _observing(row: Row, space: Space, today: date) -> Iterable[Remark]:
    end = _observes_until(row, today)
    if end is None:
        return
    if end > today + LONGEST_OBSERVATION:
        last = (today + LONGEST_OBSERVATION).isoformat()
        says = f"it observes until {end.isoformat()}, which is more than {LONGEST_OBSERVATION.days} days from today"
        yield Remark("observe_long", "error", (row.line,), says, f"Let it end on {last} or before.", "review_by")
    if secrets := sorted(_SECRETS.intersection(row.data)):
        says = f"nothing observes secrets ({', '.join(secrets)}): they are refused at once"
        yield Remark("observe_secrets", "error", (row.line,), says, "Take them out, or write enforce.", "data")
    elif not space.box(row).meets(space.on_site()):
        says = "a row observes only while every target is on the caller's site, and no destination of this one is"
        yield Remark(
            "observe_elsewhere", "error", (row.line,), says, "Write enforce, or another destination.", "destination"
        )
    elif TEXT in row.data:
        says = "all data hold secrets too, and those are refused while the row observes"
        yield Remark("observe_secrets", "note", (row.line,), says, "Nothing to do if that is meant.", "data")


# --- days and names that a row should have


def _review(row: Row, today: date) -> Iterable[Remark]:
    missing = [name for name in ("legal_basis", "review_by", "owner") if not getattr(row, name)]
    if missing:
        says = f"it has no {' and no '.join(missing)}"
        yield Remark("incomplete", "note", (row.line,), says, "An auditor will ask for it.", missing[0])
    if row.review_by is None:
        return
    day = row.review_by.isoformat()
    if row.review_by < today:
        observed = " and denies since: it observes no more" if row.mode == "observe" else ""
        mend = "Look whether it still holds, and give it another day."
        yield Remark(
            "review_passed", "warning", (row.line,), f"it was to be reviewed by {day}{observed}", mend, "review_by"
        )
    elif row.mode == "enforce" and row.review_by <= today + SOON:
        yield Remark("review_soon", "note", (row.line,), f"it is to be reviewed by {day}", "Plan for it.", "review_by")


def _unknown(row: Row, types: Set[str]) -> Iterable[Remark]:
    plain = [word for word in row.data if word != TEXT and not word.startswith(("@", SPECIAL))]
    for word in plain if types else ():
        if word not in types:
            near = get_close_matches(word, sorted(types), n=1)
            mend = f"Did you mean {near[0]}?" if near else "Types that are found stand in docs/privacy."
            yield Remark("unknown_type", "warning", (row.line,), f"nothing finds the type {word} here", mend, "data")


def told_lines(lines: Iterable[int]) -> str:
    """Return lines as people say them: ``lines 2 to 4 and 7``."""
    runs: list[list[int]] = []
    for line in sorted(set(lines)):
        if runs and line == runs[-1][-1] + 1:
            runs[-1].append(line)
        else:
            runs.append([line])
    parts = [text for run in runs for text in (map(str, run) if len(run) < 3 else [f"{run[0]} to {run[-1]}"])]
    listed = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    return f"line {listed}" if len(runs) == 1 and len(runs[0]) == 1 else f"lines {listed}"


def _s(lines: Sequence[int]) -> str:
    return "s" if len(set(lines)) == 1 else ""
