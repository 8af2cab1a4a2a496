from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import Finding
from gateway.privacy.merge import merge

TEXT = "see https://x.example/?u=joe@x.example now"


def finding(start: int, end: int, type: str = "PERSON", score: float = 0.5) -> Finding:
    return Finding(3, start, end, type, score, "test")


findings_anywhere = st.lists(
    st.builds(
        finding,
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
        ([(0, 3, "PERSON", 0.85), (0, 3, "LOCATION", 0.9)], [(0, 3, "LOCATION")]),
        ([(4, 9, "PERSON", 0.85), (4, 11, "LOCATION", 0.85)], [(4, 11, "LOCATION")]),
        ([(0, 4, "PERSON", 0.5), (0, 3, "LOCATION", 0.9)], [(0, 3, "LOCATION")]),
        ([(39, 99, "PERSON", 0.5)], [(39, 42, "PERSON")]),
    ],
    ids=["nothing", "mail-in-link", "score", "longer", "blank-left-over", "beyond-the-end"],
)
def test_overlaps_are_resolved(
    given_findings: list[tuple[int, int, str, float]], expected: list[tuple[int, int, str]]
) -> None:
    merged = merge(TEXT, [finding(*each) for each in given_findings])

    assert [(each.start, each.end, each.type) for each in merged] == expected


@given(findings_anywhere)
def test_merged_findings_are_sorted_and_do_not_overlap(findings: list[Finding]) -> None:
    merged = merge(TEXT, findings)

    assert all(left.end <= right.start for left, right in itertools.pairwise(merged))
    assert all(each.start < each.end for each in merged)


@given(findings_anywhere)
def test_every_letter_that_was_found_stays_found(findings: list[Finding]) -> None:
    merged = merge(TEXT, findings)

    found = {at for each in findings for at in range(each.start, min(each.end, len(TEXT))) if TEXT[at].isalnum()}
    assert found == {at for each in merged for at in range(each.start, each.end) if TEXT[at].isalnum()}


@given(findings_anywhere)
def test_merging_again_changes_nothing(findings: list[Finding]) -> None:
    merged = merge(TEXT, findings)

    assert merge(TEXT, merged) == merged
