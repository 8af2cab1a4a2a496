"""Texts made to hold a search up: all rules, one megabyte, time in proportion to length."""

import time
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.privacy.patterns import database, scan
from gateway.privacy.patterns.catalogue import plan
from gateway.privacy.patterns.database import TooManyCandidates
from gateway.privacy.patterns.rule import Boundary, Rule
from gateway.privacy.patterns.scan import Patterns, Plan
from gateway.privacy.span import Span

UNITS = [
    "born ",
    "機密 ",
    "TLP:RED ",
    ".",
    "a@",
    "漢",
    "1",
    "(",
    "a",
    '{"a":[',
    "1.",
    "0.",
    "a:",
    "http://",
    "x://a:",
    "- ",
    "０",
    "+49 ",
    "'",
]


@pytest.fixture(scope="module")
def patterns() -> Iterator[Patterns]:
    patterns = Patterns(plan())
    patterns.find(["warm 1"], lambda: None)
    yield patterns


def seconds(patterns: Patterns, text: str) -> float:
    best = float("inf")
    for _ in range(3):
        before = time.process_time()
        patterns.find([text], lambda: None)
        best = min(best, time.process_time() - before)
    return best


@pytest.mark.parametrize("unit", UNITS)
def test_time_grows_with_the_text_and_no_faster(patterns: Patterns, unit: str) -> None:
    short, long = (unit * (length // len(unit)) for length in (50_000, 400_000))

    assert seconds(patterns, long) < 8 * 3 * max(seconds(patterns, short), 0.004)


def test_memory_is_given_back(patterns: Patterns) -> None:
    texts = [unit * (200_000 // len(unit)) for unit in UNITS]
    tracemalloc.start()
    patterns.find(texts, lambda: None)
    before = tracemalloc.get_traced_memory()[0]

    for _ in range(3):
        patterns.find(texts, lambda: None)

    assert tracemalloc.get_traced_memory()[0] - before < 100_000
    tracemalloc.stop()


def test_more_candidates_than_can_be_looked_at_is_a_refusal_not_an_empty_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "MOST_REPORTS", 10_000)
    greedy = Rule(name="x", type="X", expression="1", boundary=Boundary.NONE, family="x", score=1.0)

    with pytest.raises(TooManyCandidates):
        Patterns(Plan([greedy])).find(["1" * 100_000], lambda: None)


_PIECES = ["born ", "機密 ", "TLP:RED ", "1234 ", "Str. 1 ", "M-AB 123 ", "a@b.de ", "01 ", "住所:", "\n", "x" * 400]


@given(st.lists(st.tuples(st.sampled_from(_PIECES), st.integers(1, 90)), max_size=6))
@settings(max_examples=40, deadline=None)
def test_failures_that_are_remembered_change_no_finding(parts: list[tuple[str, int]]) -> None:
    text = "".join(piece * times for piece, times in parts)
    patterns = Patterns(plan())

    def find(many: int) -> list[Span]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scan, "_MANY", many)
            return patterns.find([text], lambda: None)[0]

    assert find(0) == find(1_000_000)
