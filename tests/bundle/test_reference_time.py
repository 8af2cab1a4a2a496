from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.bundle.repository.reference_time import latest

TODAY = datetime(2026, 11, 23, tzinfo=UTC)


def test_a_clock_set_back_does_not_turn_time_back():
    assert latest(datetime(1970, 1, 1, tzinfo=UTC), None, TODAY, TODAY - timedelta(days=1)) == TODAY


def test_the_clock_holds_where_it_is_the_latest():
    assert latest(TODAY + timedelta(days=1), TODAY, None) == TODAY + timedelta(days=1)


def test_zones_are_compared_as_instants():
    tokyo = datetime(2026, 11, 23, 8, tzinfo=timezone(timedelta(hours=9)))
    assert latest(TODAY, tokyo) == TODAY


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        latest(TODAY, datetime(2026, 11, 23))
