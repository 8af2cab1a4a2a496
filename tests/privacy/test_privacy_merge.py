from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.merge import merge
from gateway.privacy.span import Span

TEXT = "see https://x.example/?u=joe@x.example now"


def span(start: int, end: int, type: str = "PERSON", score: float = 0.5) -> Span:
    by = "name" if type in ("PERSON", "LOCATION") else "pattern"
    return Span(start, end, type, score, f"{by}:test")


findings_anywhere = st.lists(
    st.builds(
        span,
        st.integers(0, 30),
        st.integers(0, 40),
        st.sampled_from(["PERSON", "URL", "EMAIL_ADDRESS"]),
        st.sampled_from([0.4, 0.85, 1.0]),
    )
)


@pytest.mark.parametrize(
    ("given_findings", "expected"),
    [
        ([], []),
        ([(4, 37, "URL", 0.6), (25, 38, "EMAIL_ADDRESS", 1.0)], [(4, 25, "URL"), (25, 38, "EMAIL_ADDRESS")]),
        ([(4, 37, "CONNECTION_STRING", 0.6), (25, 30, "PASSWORD", 1.0)], [(4, 37, "CONNECTION_STRING")]),
        ([(0, 14, "LOCATION", 0.9), (4, 9, "VIN", 0.5)], [(0, 3, "LOCATION"), (4, 9, "VIN"), (9, 14, "LOCATION")]),
        ([(0, 11, "PERSON", 0.9), (4, 11, "URL", 0.5)], [(0, 3, "PERSON"), (4, 11, "URL")]),
        ([(0, 3, "PERSON", 0.85), (0, 3, "LOCATION", 0.9)], [(0, 3, "LOCATION")]),
        ([(4, 9, "PERSON", 0.95), (4, 11, "LOCATION", 0.85)], [(4, 11, "LOCATION")]),
        ([(0, 7, "PERSON", 0.95), (4, 11, "PERSON", 0.85)], [(0, 11, "PERSON")]),
        ([(0, 4, "PERSON", 0.5), (0, 3, "VIN", 0.9)], [(0, 3, "VIN")]),
        ([(39, 99, "PERSON", 0.5)], [(39, 42, "PERSON")]),
        ([(0, 11, "LOCATION", 0.9), (4, 11, "VIN", 0.5)], [(0, 3, "LOCATION"), (4, 11, "VIN")]),
    ],
    ids=[
        "nothing",
        "mail-in-link",
        "longer-form",
        "form-before-name",
        "link-before-name",
        "score",
        "longer-name",
        "one-name-in-parts",
        "blank-left-over",
        "beyond-the-end",
        "blank-at-an-end",
    ],
)
def test_overlaps_are_resolved(
    given_findings: list[tuple[int, int, str, float]], expected: list[tuple[int, int, str]]
) -> None:
    merged = merge(TEXT, [span(*each) for each in given_findings])

    assert [(each.start, each.end, each.type) for each in merged] == expected


@pytest.mark.parametrize("own", ["custom:Badge", "pattern:own_badge", "pattern:code_name_1"])
def test_what_the_customer_wrote_down_wins_over_what_ships(own: str) -> None:
    ships = Span(4, 13, "EMPLOYEE_ID", 0.85, "pattern:badge_number")

    assert [each.type for each in merge(TEXT, [ships, Span(4, 13, "BADGE_ID", 0.7, own)])] == ["BADGE_ID"]
    assert [each.type for each in merge(TEXT, [ships, Span(4, 13, "X", 0.7, "presidio:More")])] == ["EMPLOYEE_ID"]


@given(findings_anywhere)
def test_merged_findings_are_sorted_and_do_not_overlap(findings: list[Span]) -> None:
    merged = merge(TEXT, findings)

    assert all(left.end <= right.start for left, right in itertools.pairwise(merged))
    assert all(each.start < each.end for each in merged)


@given(findings_anywhere)
def test_every_letter_that_was_found_stays_found(findings: list[Span]) -> None:
    merged = merge(TEXT, findings)

    found = {at for each in findings for at in range(each.start, min(each.end, len(TEXT))) if TEXT[at].isalnum()}
    assert found == {at for each in merged for at in range(each.start, each.end) if TEXT[at].isalnum()}


@given(findings_anywhere)
def test_merging_again_changes_nothing(findings: list[Span]) -> None:
    merged = merge(TEXT, findings)

    assert merge(TEXT, merged) == merged
