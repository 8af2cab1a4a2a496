"""A Japanese candidate is weighed again beside its rivals; what is certain or hopeless is left as it is."""

from __future__ import annotations

from gateway.privacy.names.balance import Balance
from gateway.privacy.names.candidates import Candidate, Part, Reading
from gateway.privacy.names.rivals import CERTAIN, HOPELESS, LOW, Rivals, beside

TEXT = "松平正質は"
PARTS = [Part(0, 2, "姓", False, True), Part(2, 4, "名詞", False, True), Part(4, 5, "", False, False)]
FOUND = [Candidate(0, 1, 0, 2), Candidate(0, 2, 0, 4)]


def _reading() -> Reading:
    return Reading(TEXT, PARTS, [], frozenset(), Balance().likeness)


def test_the_heaviest_that_overlaps_is_read() -> None:
    rows = beside(_reading(), FOUND, [-1.0, 2.0], [0, 1])

    assert [row[2] for row in rows] == [2.0, -1.0]


def test_what_is_certain_or_hopeless_keeps_its_weight() -> None:
    weights = [HOPELESS - 1, CERTAIN + 1]

    assert Rivals().weigh(_reading(), FOUND, weights) == weights


def test_a_heavy_rival_speaks_against_what_it_overlaps() -> None:
    alone = Rivals().weigh(_reading(), FOUND, [0.0, LOW])[0]

    assert Rivals().weigh(_reading(), FOUND, [0.0, 3.5])[0] < alone
