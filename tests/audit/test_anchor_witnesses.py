"""``witnesses.jsonl``: which ranges of a log are witnessed, by whom; nothing of it is lost, or trusted blindly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.anchor import witnesses
from gateway.audit.anchor.witnesses import Witness, append, read, witnessed

ROOT = bytes(range(32))


def seen(size: int, kind: str = "file", place: str = "/mnt/a", time: str = "2026-11-22T11:30:00Z") -> Witness:
    return Witness(kind, place, size, ROOT, time)


def test_a_log_that_nobody_saw_is_not_witnessed(tmp_path: Path) -> None:
    found = witnessed(tmp_path, head=10)

    assert (found.size, found.ranges, found.beyond, found.damaged) == (0, (), (), 0)
    assert found.as_json() == {"up_to": 0, "unwitnessed": 10, "ranges": []}


def test_each_range_names_all_places_that_cover_it(tmp_path: Path) -> None:
    append(tmp_path, [seen(5), seen(9), seen(7, "node", "w1"), seen(7, "paper", "safe")])

    found = witnessed(tmp_path, head=12)

    assert [(each.first, each.end, each.places) for each in found.ranges] == [
        (0, 7, (("node", "w1"), ("paper", "safe"), ("file", "/mnt/a"))),
        (7, 9, (("file", "/mnt/a"),)),
    ]
    assert (found.size, found.head) == (9, 12)
    assert found.as_json()["unwitnessed"] == 3


def test_a_head_beyond_the_log_s_own_witnesses_nothing_of_it_and_is_told(tmp_path: Path) -> None:
    append(tmp_path, [seen(5), seen(20, "node", "w1")])

    found = witnessed(tmp_path, head=12)

    assert (found.size, [witness.size for witness in found.beyond]) == (5, [20])


def test_the_published_head_is_what_the_log_says(log: Any) -> None:
    log.intent(1)
    log.intent(2)
    log.book.close()
    append(log.folder, [seen(2)])

    assert (witnessed(log.folder).size, witnessed(log.folder).head) == (2, 2)


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"no json",
        b"\xff",
        b"[]",
        seen(3).line().replace(b'"file"', b'"rumour"'),
        seen(3).line().replace(b":3,", b":-3,"),
        seen(3).line().replace(b":3,", b":true,"),
        seen(3).line().replace(b":3,", b":99999999999999999999,"),
        seen(3).line().replace(b'"root":"AAEC', b'"root":"AAE'),
        seen(3).line().replace(b'"time"', b'"when"'),
        seen(3).line()[:-20],
        b"[" * 5000,
    ],
)
def test_a_line_that_is_no_witness_is_counted_and_costs_no_other(tmp_path: Path, line: bytes) -> None:
    append(tmp_path, [seen(1)])
    with (tmp_path / witnesses.FILE).open("ab") as file:
        file.write(line.rstrip(b"\n"))

    append(tmp_path, [seen(2)])

    good, damaged = read(tmp_path)
    assert ([witness.size for witness in good], damaged) == ([1, 2], 1)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    witness = Witness("node", "wächter.example/東京", 7, ROOT, "2026-11-22T11:30:00Z", "— w AAAA")

    append(tmp_path, [witness])

    assert read(tmp_path) == ([witness], 0)


def test_a_long_file_is_thinned_to_one_head_an_hour_and_then_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = [
        f"2026-{month:02d}-{day:02d}T{hour:02d}" for month in (1, 2, 3) for day in range(1, 29) for hour in range(24)
    ]
    append(tmp_path, [seen(n + 1, time=f"{hour}:{n % 2}0:00Z") for n, hour in enumerate(sorted(hours * 2))])
    monkeypatch.setattr(witnesses, "THIN_BYTES", 1)
    monkeypatch.setattr(witnesses, "_THIN_EVERY_BYTES", 1)

    append(tmp_path, [seen(len(hours) * 2 + 1, time="2026-03-28T23:59:00Z")])

    left, damaged = read(tmp_path)
    assert damaged == 0
    assert [witness.size for witness in left[-1000:]] == list(range(len(hours) * 2 - 998, len(hours) * 2 + 2))
    older = [witness.time for witness in left[:-1000]]
    assert len({time[:10] for time in older}) == len({hour[:10] for hour in hours}) - 20  # the rest is among the newest
    assert len(older) < len(hours) / 3
    assert witnessed(tmp_path, head=10_000).size == len(hours) * 2 + 1


def test_two_who_write_at_once_lose_nothing_even_while_it_is_thinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witnesses, "THIN_BYTES", 2000)
    monkeypatch.setattr(witnesses, "_THIN_EVERY_BYTES", 1)

    def write(place: str) -> None:
        for size in range(1, 100):
            append(tmp_path, [seen(size, place=place)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, "abcd"))

    for place in "abcd":
        assert [witness.size for witness in read(tmp_path)[0] if witness.place == place] == list(range(1, 100))
