"""The rules of scoring."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.evaluate import Alarms, Score, covered, kind_of, tokens
from gateway.privacy.span import Span

TEXT = "Ask Anna Schmidt at 0841 123456 today, part 4711."


def span(start: int, end: int, type: str = "PERSON") -> Span:
    return Span(start, end, type, 0.85, "name:test")


@pytest.mark.parametrize(
    ("type", "kind"),
    [
        ("PERSON", "PERSON"),
        ("LOCATION", "ADDRESS"),
        ("EMAIL_ADDRESS", "CONTACT"),
        ("IBAN_CODE", "ID"),
        ("NEW_TYPE_OF_A_CUSTOMER", "ID"),
        ("DATE_TIME", ""),
        ("mark", ""),
    ],
)
def test_every_type_has_its_kind(type: str, kind: str) -> None:
    assert kind_of(type) == kind


@pytest.mark.parametrize(("end", "found"), [(16, 1), (14, 1), (13, 0)])
def test_a_span_is_found_from_80_percent_of_its_characters(end: int, found: int) -> None:
    score = Score()
    score.add("en", TEXT, [(4, 16, "PERSON")], [span(4, end)])
    assert score.total().found == found


def test_parts_of_one_span_add_up() -> None:
    score = Score()
    score.add("en", TEXT, [(4, 16, "PERSON")], [span(4, 8), span(9, 16), span(5, 8)])
    assert score.total().recall == 1.0


def test_another_kind_finds_but_not_as_its_kind() -> None:
    score = Score()
    score.add("en", TEXT, [(20, 31, "PHONE_NUMBER")], [span(20, 31, "IBAN_CODE")])
    assert (score.total().recall, score.total().recall_as_kind) == (1.0, 0.0)


def test_precision_counts_characters() -> None:
    score = Score()
    verdict = score.add("en", TEXT, [(4, 16, "PERSON")], [span(4, 16), span(44, 48)])
    assert score.total().precision == 12 / 16
    assert [extra.start for extra in verdict.extra] == [44]


def test_kinds_that_the_corpus_does_not_label_count_neither_way() -> None:
    score = Score(kinds={"PERSON"})
    verdict = score.add("en", TEXT, [(4, 16, "PERSON"), (20, 31, "PHONE")], [span(20, 31, "PHONE_NUMBER")])
    assert (score.total().wanted, score.total().chars_found) == (1, 0)
    assert verdict.missed == ((4, 16, "PERSON"),)


def test_figures_are_kept_by_kind_and_language() -> None:
    score = Score()
    score.add("en", TEXT, [(4, 16, "PERSON")], [span(4, 16)])
    score.add("de", TEXT, [(4, 16, "PERSON"), (20, 31, "PHONE")], [])
    assert (score.total(lang="de").wanted, score.total(lang="en").recall) == (2, 1.0)
    assert score.total(kind="CONTACT").recall == 0.0
    assert score.by_label["PHONE"].wanted == 1


def test_shares_of_nothing_are_none() -> None:
    assert (Score().total().recall, Score().total().precision, Alarms().per_thousand) == (None, None, None)


def test_alarms_are_counted_per_thousand_tokens() -> None:
    alarms = Alarms()
    alarms.add("part 4711 is fine " * 25, [span(0, 4, "US_SSN")])
    assert (alarms.tokens, alarms.per_thousand, alarms.by_type) == (100, 10.0, {"US_SSN": 1})


@pytest.mark.parametrize(("text", "count"), [("", 0), ("a b-c  d", 3), ("部品4711は可", 5), ("VIN車台", 3)])
def test_each_cjk_character_is_a_token(text: str, count: int) -> None:
    assert tokens(text) == count


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8), st.integers(0, 15), st.integers(15, 30))
def test_covered_counts_each_character_once(stretches: list[tuple[int, int]], start: int, end: int) -> None:
    plain = {place for low, high in stretches for place in range(low, high) if start <= place < end}
    assert covered(start, end, stretches) == len(plain)
