"""The rules of `make bench-fleet`: ratios of one run, differences of each round, gaps beyond the engine's own."""

import pytest
from serving import BARE, LIBRARY_SERVER, THROUGH, added_rows, ratios
from yardstick.stats import Sample
from yardstick.streams import Plan, Seen, lines, rows


def rate(peer: str, callers: int, value: float) -> dict[str, object]:
    return {"peer": peer, "callers": callers, "tokens_per_second": value}


def test_a_ratio_is_of_peers_with_as_many_callers() -> None:
    rows = [rate(BARE, 1, 50), rate(BARE, 8, 100), rate(THROUGH, 8, 97), {"peer": LIBRARY_SERVER, "missing": "gone"}]

    assert ratios(rows) == [{"of": THROUGH, "to": BARE, "callers": 8, "ratio": 0.97}]


def text_after(*milliseconds: float) -> Sample:
    times = [round(each * 1000) for each in milliseconds]
    return Sample(times, times, 1.0, first_text_us=times)


def test_what_is_added_is_the_median_of_each_rounds_own_difference() -> None:
    direct = [(text_after(20, 21), 0.0), (text_after(40, 41), 0.0), (text_after(20, 21), 0.0)]
    through = [(text_after(27, 30), 4.0), (text_after(48, 60), 5.0), (text_after(80, 90), 6.0)]

    (row,) = added_rows({"direct": direct, THROUGH: through})

    assert (row["added_p50_ms"], row["added_p99_ms"]) == (8.0, 19.0)
    assert (row["beyond_detection_p50_ms"], row["beyond_detection_p99_ms"]) == (3.0, 14.0)


def test_a_peer_that_never_answered_has_no_row() -> None:
    assert added_rows({"direct": [(text_after(20), 0.0)], THROUGH: [(Sample([], [], 1.0, errors=3), 0.0)]}) == []


def gaps(*milliseconds: float, whole: int = 4, open_at_once: int = 4) -> Seen:
    told = [round(each * 1000) for each in milliseconds]
    sample = Sample([1] * whole, [1] * whole, 1.0, gaps_us=told, most_open=open_at_once)
    return Seen(sample, grown_mib=2.0, processor_seconds=0.05)


def test_streams_are_told_by_their_worst_round_and_gaps_beside_the_engines_own() -> None:
    plan = Plan(streams=4, pace_ms=200)
    direct, through = [gaps(200, 210), gaps(200, 212)], [gaps(200, 290), gaps(200, 310, whole=3, open_at_once=2)]

    found = rows(plan, {"direct": direct, THROUGH: through})

    assert (found[1]["whole"], found[1]["open_at_once"]) == (3, 2)
    assert (found[1]["gap_max_ms"], found[1]["gap_worst_ms"]) == (300, 310)
    assert lines(found)[1][1] == [THROUGH, "2", "3", "0", "300.0", "300.0", "89.0", "512", "12.5"]


@pytest.mark.parametrize(("ramp", "hold", "pieces"), [(16.0, 10.0, 52), (2.0, 2.0, 8), (0.0, 0.1, 1)])
def test_a_stream_lasts_until_the_last_one_was_open_for_a_while(ramp: float, hold: float, pieces: int) -> None:
    assert Plan(ramp_seconds=ramp, hold_seconds=hold).pieces == pieces
