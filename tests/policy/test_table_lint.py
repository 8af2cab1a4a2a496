"""What is odd about a table: held against every single case, and told with line and mend."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain import DATA_CLASSES
from gateway.errors import SetupError
from gateway.kinds import KINDS
from gateway.policy.table.lint import Remark, lint, require_sound, told_lines
from gateway.policy.table.read import PRESETS, parse, preset
from gateway.policy.table.row import NEAR, OPERATORS, Case, Row, Spot, fits, words_of

TODAY = date(2026, 11, 22)
SOME = settings().max_examples // 4  # each looks at every case there is
GROUPS = {
    "DE": frozenset({"DE", "EU"}),
    "AT": frozenset({"AT", "EU"}),
    "CN": frozenset({"CN"}),
    "JP": frozenset({"JP"}),
}
ACCOUNTS = sorted(KINDS["accounts"])
ITEMS = ("*", "PERSON", "API_KEY", "JWT", "US_SSN", *ACCOUNTS, "special:health", "special:union")
COUNTRIES = (*GROUPS, "BR", "")
LAW = Row(legal_basis="a law", review_by=date(2027, 6, 30), owner="ana", redaction="mask")
"""Nothing is odd about it."""


def words(*choices: str) -> st.SearchStrategy[tuple[str, ...]]:
    some = st.lists(st.sampled_from(choices), min_size=1, max_size=len(choices), unique=True).map(tuple)
    return st.one_of(st.just(("*",)), some)


def rows() -> st.SearchStrategy[Row]:
    allowing = st.builds(Row, redaction=st.sampled_from(OPERATORS))
    denying = st.just(Row(decision="deny"))
    days = st.sampled_from([TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=9)])
    observing = st.builds(Row, decision=st.just("deny"), mode=st.just("observe"), review_by=days)
    return st.builds(
        _about,
        st.one_of(allowing, denying, observing),
        data=words("PERSON", "API_KEY", "@secrets", "@accounts", *ACCOUNTS, "special:health", "special:*"),
        collected_in=words("DE", "EU", "CN"),
        data_class=words(*DATA_CLASSES),
        purpose=words("training"),
        destination=words(*NEAR, "DE", "EU", "CN", "site:ber"),
    )


def _about(row: Row, **cells: Any) -> Row:
    return msgspec.structs.replace(row, **cells)


def tables(most: int = 6) -> st.SearchStrategy[list[Row]]:
    return st.lists(rows(), min_size=1, max_size=most).map(_numbered)


def _numbered(table: list[Row]) -> list[Row]:
    return [_about(row, line=number) for number, row in enumerate(table, start=2)]


def every_case() -> Iterator[Case]:
    for near, country, site, data_class, origin, purpose in product(
        NEAR, COUNTRIES, ("ber", "muc"), DATA_CLASSES, COUNTRIES, ("training", "support")
    ):
        if near not in ("same-jurisdiction", "elsewhere") or (near == "elsewhere") == (country != origin):
            spot = Spot(near, GROUPS.get(country, frozenset({country})), site)
            yield Case(spot, data_class, GROUPS.get(origin, frozenset({origin})), purpose)


CASES = list(every_case())


def deciding(about: list[Row], item: str, near: str) -> list[Row]:
    """The row that decides, and the one that holds where that steps back."""
    first = about[0]
    observes = first.mode == "observe" and first.review_by is not None and first.review_by >= TODAY
    if not observes or near not in ("same-node", "same-site") or item in KINDS["secrets"]:
        return [first]
    behind = (row for row in about if row.mode == "enforce" or row.review_by < first.review_by)
    return [first, *([row] if (row := next(behind, None)) else [])]


def shares(table: list[Row]) -> tuple[dict[int, set[Any]], dict[int, set[Any]]]:
    """By line: the cases that a row is about, and those that it decides."""
    about: dict[int, set[Any]] = {row.line: set() for row in table}
    decided: dict[int, set[Any]] = {row.line: set() for row in table}
    for number, case in enumerate(CASES):
        fitting = [row for row in table if fits(row, case)]
        for item in ITEMS:
            meant = [row for row in fitting if not words_of(item).isdisjoint(row.data)]
            for row in meant:
                about[row.line].add((number, item))
            for row in deciding(meant, item, case.spot.near) if meant else []:
                decided[row.line].add((number, item))
    return about, decided


def found(table: list[Row], kind: str, severity: str = "") -> list[Remark]:
    return [r for r in lint(table, GROUPS, TODAY) if r.kind == kind and severity in ("", r.severity)]


@settings(max_examples=SOME)
@given(tables())
def test_a_row_is_dead_when_it_decides_no_case_at_all(table: list[Row]) -> None:
    _, decided = shares(table)

    assert {r.lines[0] for r in found(table, "dead")} == {line for line, cases in decided.items() if not cases}


def strength(row: Row) -> int:
    return len(OPERATORS) if row.redaction is None else OPERATORS.index(row.redaction)


@settings(max_examples=SOME)
@given(tables())
def test_an_overlap_is_a_case_that_an_earlier_row_decides_otherwise(table: list[Row]) -> None:
    about, decided = shares(table)

    for later in table:
        before = table[: table.index(later)]
        takers = {
            row.line for row in before if decided[row.line] & about[later.line] and strength(row) != strength(later)
        }
        undoing = {
            row.line
            for row in before
            if row.line in takers
            and strength(row) < strength(later)
            and decided[row.line] - about[later.line]
            and not (later.decision == "deny" and "*" in later.data and "*" not in row.data)
        }
        said = [r for r in found(table, "overlap") if r.lines[0] == later.line]
        assert {line for r in said for line in r.lines[1:]} == (takers if decided[later.line] else set())
        assert {line for r in said if r.severity == "warning" for line in r.lines[1:]} == (
            undoing if decided[later.line] else set()
        )


def test_a_dead_row_names_those_before_it() -> None:
    table = _numbered([_about(LAW, data_class=("public", "internal")), _about(LAW, data_class=("public",)), LAW])

    (remark,) = lint(table, GROUPS, TODAY)
    assert remark.told("rules.csv") == (
        "warning: rules.csv, line 3: this row decides nothing: line 2 comes first in every case of it. "
        "Move it above line 2, or take it out."
    )


def test_a_row_of_all_types_of_a_kind_leaves_nothing_of_that_kind() -> None:
    table = _numbered([_about(LAW, data=tuple(ACCOUNTS)), _about(LAW, data=("@accounts",)), LAW])

    assert [r.lines for r in found(table, "dead")] == [(3, 2)]


@pytest.mark.parametrize(
    ("origin", "country", "dead"),
    [("DE", "DE", [3]), ("DE", "AT", []), ("EU", "EU", [])],  # from one country of a group to another one
)
def test_what_is_elsewhere_does_not_stand_in_the_country_of_origin(origin: str, country: str, dead: list[int]) -> None:
    near = _about(LAW, destination=("same-jurisdiction", "external"))
    row = _about(LAW, collected_in=(origin,), destination=(country,))

    assert [r.lines[0] for r in found(_numbered([near, row, LAW]), "dead")] == dead


def test_a_denial_that_an_earlier_row_undoes_is_a_warning() -> None:
    table = _numbered(
        [_about(LAW, collected_in=("CN",)), _about(LAW, decision="deny", redaction=None, destination=("external",))]
    )

    assert [(r.severity, r.lines) for r in found(table, "overlap")] == [("warning", (3, 2))]


def test_a_denial_of_all_data_is_not_undone_by_rows_about_some() -> None:
    masks = _about(LAW, data=("PERSON",))
    denies = _about(LAW, decision="deny", redaction=None, destination=("external",))

    assert [r.severity for r in found(_numbered([masks, denies, LAW]), "overlap")][:1] == ["note"]
    assert [r.severity for r in found(_numbered([masks, _about(denies, data=("PERSON", "VIN")), LAW]), "overlap")][
        :1
    ] == ["warning"]


def test_an_exception_before_the_rule_is_a_note() -> None:
    table = _numbered([_about(LAW, data=("PERSON",)), _about(LAW, redaction="redact")])

    assert [(r.severity, r.lines) for r in found(table, "overlap")] == [("note", (3, 2))]


OBSERVED = Row(decision="deny", mode="observe", review_by=TODAY + timedelta(days=30), legal_basis="x", owner="y")


@pytest.mark.parametrize(
    ("days", "dead"),
    [
        ([30], []),
        ([-1], [3]),  # it observes no more
        ([30, 30], [3]),  # the second steps back with the first, and the third holds
        ([30, 10], [4]),  # the second denies before the first ends
        ([10, 30], [3]),
    ],
)
def test_what_stands_behind_rows_that_observe(days: list[int], dead: list[int]) -> None:
    observing = [_about(OBSERVED, review_by=TODAY + timedelta(days=number)) for number in days]

    assert [r.lines[0] for r in found(_numbered([*observing, LAW]), "dead")] == dead


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (OBSERVED, [("observe_secrets", "note", "data")]),
        (_about(OBSERVED, data=("PERSON",)), []),
        (
            _about(OBSERVED, data=("PERSON",), review_by=TODAY + timedelta(days=31)),
            [("observe_long", "error", "review_by")],
        ),
        (_about(OBSERVED, data=("@secrets",)), [("observe_secrets", "error", "data")]),
        (_about(OBSERVED, data=("PERSON", "JWT")), [("observe_secrets", "error", "data")]),
        (
            _about(OBSERVED, data=("PERSON",), destination=("external",)),
            [("observe_elsewhere", "error", "destination")],
        ),
        (
            _about(OBSERVED, data=("PERSON",), destination=("elsewhere",)),
            [("observe_elsewhere", "error", "destination")],
        ),
        (_about(OBSERVED, data=("PERSON",), destination=("external", "same-site")), []),
        (_about(OBSERVED, data=("PERSON",), destination=("CN",)), []),
        (_about(OBSERVED, review_by=TODAY - timedelta(days=1)), [("review_passed", "warning", "review_by")]),
    ],
)
def test_a_row_observes_for_a_month_on_site_and_no_secrets(row: Row, said: list[tuple[str, ...]]) -> None:
    assert [(r.kind, r.severity, r.column) for r in lint(_numbered([row]), GROUPS, TODAY)] == said


def test_a_table_with_an_error_is_refused_with_its_place() -> None:
    bad = _about(OBSERVED, data=("JWT",))

    with pytest.raises(SetupError) as error:
        require_sound("rules.csv", _numbered([LAW, bad]), GROUPS, TODAY)
    assert str(error.value) == (
        "rules.csv, line 3, column data: nothing observes secrets (JWT): they are refused at once. "
        "Take them out, or write enforce."
    )
    require_sound("rules.csv", _numbered([LAW, LAW, OBSERVED]), GROUPS, TODAY)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (LAW, []),
        (_about(LAW, review_by=TODAY - timedelta(days=1)), [("review_passed", "warning")]),
        (_about(LAW, review_by=TODAY), [("review_soon", "note")]),
        (_about(LAW, review_by=TODAY + timedelta(days=30)), [("review_soon", "note")]),
        (_about(LAW, review_by=TODAY + timedelta(days=31)), []),
        (_about(LAW, review_by=None, owner=""), [("incomplete", "note")]),
        (_about(LAW, legal_basis=""), [("incomplete", "note")]),
    ],
)
def test_a_row_wants_a_law_an_owner_and_a_day(row: Row, said: list[tuple[str, str]]) -> None:
    assert [(r.kind, r.severity) for r in lint(_numbered([row]), GROUPS, TODAY)] == said


def test_errors_come_first_then_lines() -> None:
    bad = _about(OBSERVED, data=("JWT",))
    table = _numbered([_about(LAW, owner=""), LAW, LAW, bad, bad])

    assert [(r.severity, r.lines[0]) for r in lint(table, GROUPS, TODAY)] == [
        ("error", 5),
        ("error", 6),
        ("warning", 3),
        ("warning", 4),
        ("warning", 5),
        ("warning", 6),
        ("note", 2),
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([2], "line 2"),
        ([3, 2], "lines 2 and 3"),
        ([2, 3, 4, 7], "lines 2 to 4 and 7"),
        ([2, 4, 6], "lines 2, 4 and 6"),
        ([2, 3, 4], "lines 2 to 4"),
    ],
)
def test_lines_are_told_in_runs(lines: list[int], said: str) -> None:
    assert told_lines(lines) == said


@pytest.mark.parametrize("name", PRESETS)
def test_nothing_is_wrong_with_a_preset(name: str) -> None:
    remarks = lint(parse(preset(name), name, frozenset()), GROUPS, TODAY)

    assert [r.told(name) for r in remarks if r.severity != "note"] == []
