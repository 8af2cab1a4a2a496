"""`make bench-fleet` in short: many streams at once on one worker that may open few files at first."""

from __future__ import annotations

from pathlib import Path

import pytest
from yardstick.gauge import Load, Mock, ask, build
from yardstick.streams import Plan, measure_streams

pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_the_mock_paces_its_streams_and_the_load_sees_the_gaps(tmp_path: Path) -> None:
    program = build()
    mock = Mock(program, tmp_path)
    try:
        mock.pace(20, 5)
        load = Load(3, 1.0, stream=True, requests=3, warmup_seconds=0, ramp_seconds=0.03, gaps=True)
        seen = ask(program, mock.address, "", "mock", load)
    finally:
        mock.stop()

    assert (len(seen.latencies_us), seen.errors, len(seen.first_text_us)) == (3, 0, 3)
    assert len(seen.gaps_us) == 3 * 5
    assert min(seen.latencies_us) >= 5 * 20_000
    assert seen.most_open >= 1


@pytest.mark.timeout(300)
def test_every_stream_is_open_at_once_and_ends_whole(short_dir: Path) -> None:
    plan = Plan(streams=48, pace_ms=1000, ramp_seconds=3.0, hold_seconds=20.0)

    direct, through = measure_streams(build(), short_dir, plan, 1, lambda text: None)

    assert (direct["errors"], through["errors"], through["first_error"]) == (0, 0, "")
    assert (direct["whole"], through["whole"]) == (48, 48)
    assert (direct["open_at_once"], through["open_at_once"]) == (48, 48)
