"""The compiled table, held against the plain reading of its rows; and OPA's answer against both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import DATA_CLASSES
from gateway.errors import SetupError
from gateway.kinds import GROUP_OF
from gateway.policy.table.compiled import Where, compile_table, spots_of
from gateway.policy.table.row import NEAR, OPERATORS, Case, Row, Spot, first_row, fits, words_of

GROUPS = {
    "DE": frozenset({"DE", "EU", "EEA"}),
    "NO": frozenset({"NO", "EEA"}),
    "CN": frozenset({"CN"}),
    "JP": frozenset({"JP"}),
}
PLACES = [
    Where("same-node", "DE", "muc"),
    Where("same-site", "DE", "muc"),
    Where("other", "DE", "ber"),
    Where("other", "NO", "osl"),
    Where("other", "CN", "pek"),
    Where("external", "DE", "ven"),
    Where("other", "", "far"),
]
ITEMS = ("*", "PERSON", "LOCATION", "API_KEY", "US_SSN", "special:health", "special:union")
ORIGINS = ("DE", "NO", "CN", "JP", "BR", "")


def words(*choices: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(["*", *choices]), min_size=1, max_size=2, unique=True).map(tuple)


def rows(**fixed: Any) -> st.SearchStrategy[Row]:
    return st.builds(
        Row,
        data=words("PERSON", "API_KEY", "@secrets", "@ids", "special:health", "special:*"),
        collected_in=words("DE", "EU", "EEA", "CN"),
        data_class=words(*DATA_CLASSES),
        purpose=words("training", "support"),
        destination=words(*NEAR, "DE", "EEA", "CN", "site:ber"),
        decision=st.sampled_from(["allow", "deny"]),
        redaction=st.sampled_from(OPERATORS),
        line=st.integers(2, 10_000),
        **fixed,
    )


def look_up(table: dict[str, Any], spot: str, data_class: str, origin: str, purpose: str, item: str) -> Any:
    """The look-up as the Rego does it."""
    by_origin = table["index"][spot][data_class]
    by_purpose = by_origin[origin if origin in table["origins"] else "*"]
    cell = table["cells"][by_purpose[purpose if purpose in table["purposes"] else "*"]]
    broader = "special:*" if item.startswith("special:") else GROUP_OF.get(item, item)
    return cell.get(item, cell.get(broader, cell.get("*")))


def entry_of(row: Row | None) -> Any:
    if row is None:
        return None
    return {"row": str(row.line), **({"operator": row.redaction} if row.decision == "allow" else {})}


@given(st.lists(rows(), max_size=8), st.sampled_from(PLACES), st.sampled_from(DATA_CLASSES), st.sampled_from(ORIGINS))
def test_it_says_what_the_rows_say(table: list[Row], place: Where, data_class: str, origin: str) -> None:
    compiled = compile_table(table, PLACES, GROUPS)

    for (name, spot), purpose, item in (
        (named, purpose, item)
        for named in spots_of(place, table, GROUPS).items()
        for purpose in ("training", "support", "other")
        for item in ITEMS
    ):
        where = Spot(spot.near, GROUPS.get(place.jurisdiction, frozenset({place.jurisdiction})), place.site)
        case = Case(where, data_class, GROUPS.get(origin, frozenset({origin})), purpose)
        assert look_up(compiled, name, data_class, origin, purpose, item) == entry_of(first_row(table, item, case))


DAYS = [date(2026, 12, 1), date(2026, 12, 9), date(2026, 12, 20)]
OBSERVING = rows(mode=st.just("observe"), review_by=st.sampled_from(DAYS)).map(
    lambda row: msgspec.structs.replace(row, decision="deny", redaction=None)
)


def expected(table: list[Row], item: str, case: Case) -> Any:
    """What a cell must say: the first row, and where it observes the one that holds without it."""
    about = [row for row in table if fits(row, case) and not words_of(item).isdisjoint(row.data)]
    entry = entry_of(about[0] if about else None)
    if about and about[0].mode == "observe":
        until = about[0].review_by
        without = next((row for row in about if row.mode == "enforce" or row.review_by < until), None)
        entry |= {"until": until.isoformat(), "instead": entry_of(without) or {}}
    return entry


@given(st.lists(st.one_of(rows(), OBSERVING), max_size=8), st.sampled_from(PLACES), st.sampled_from(ORIGINS))
def test_it_says_what_holds_while_rows_observe(table: list[Row], place: Where, origin: str) -> None:
    table = [msgspec.structs.replace(row, line=number) for number, row in enumerate(table, 2)]
    compiled = compile_table(table, PLACES, GROUPS)

    for (name, spot), item in ((named, item) for named in spots_of(place, table, GROUPS).items() for item in ITEMS):
        where = Spot(spot.near, GROUPS.get(place.jurisdiction, frozenset({place.jurisdiction})), place.site)
        case = Case(where, "internal", GROUPS.get(origin, frozenset({origin})), "training")
        assert look_up(compiled, name, "internal", origin, "training", item) == expected(table, item, case)


def _only(table: Sequence[Row]) -> Any:
    compiled = compile_table(table, PLACES[:1], GROUPS)
    (cell,) = {name for by in _leaves(compiled["index"]) for name in [by]}
    return compiled["cells"][cell]


def _leaves(index: Any) -> list[str]:
    return [index] if isinstance(index, str) else [leaf for below in index.values() for leaf in _leaves(below)]


OBSERVED = Row(decision="deny", mode="observe", review_by=date(2026, 12, 20), line=2)


def test_a_row_that_observes_says_what_holds_without_it() -> None:
    assert _only([OBSERVED, Row(redaction="mask", line=3)]) == {
        "*": {"row": "2", "until": "2026-12-20", "instead": {"row": "3", "operator": "mask"}}
    }


@pytest.mark.parametrize(("until", "instead"), [(date(2026, 12, 19), {"row": "3"}), (date(2026, 12, 20), {"row": "4"})])
def test_one_that_ends_sooner_is_not_stepped_over(until: date, instead: dict[str, str]) -> None:
    sooner = msgspec.structs.replace(OBSERVED, review_by=until, line=3)

    assert _only([OBSERVED, sooner, Row(decision="deny", line=4)])["*"]["instead"] == instead


def test_all_that_observe_as_long_are_stepped_over() -> None:
    longer = [msgspec.structs.replace(OBSERVED, review_by=date(2026, 12, day), line=day) for day in (20, 21, 25)]

    assert _only([OBSERVED, *longer, Row(redaction="hash", line=9)])["*"]["instead"] == {"row": "9", "operator": "hash"}


def test_without_another_row_nothing_holds() -> None:
    assert _only([OBSERVED])["*"]["instead"] == {}


def test_places_that_no_row_names_are_one() -> None:
    table = compile_table([Row(redaction="mask", line=2)], PLACES, GROUPS)

    assert set(table["index"]) == {f"{near}||" for near in NEAR}
    assert len(table["cells"]) == 1


def test_a_table_that_would_not_fit_is_refused() -> None:
    many = [Row(purpose=(f"p{n}",), redaction="mask", line=n) for n in range(60_000)]

    with pytest.raises(SetupError, match="at most 200000 fit"):
        compile_table(many, PLACES, GROUPS)
