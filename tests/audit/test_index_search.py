"""What the index finds is what reading the log finds, whatever came between: growth, pruning, damage, other logs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from many_records import SITE, START_US, Logs

from gateway.audit.index import bits, build, search, source, store
from gateway.audit.index.query import Query, WrongQuery
from gateway.audit.index.report import Tally
from gateway.audit.index.search import AuditSearch, Page
from gateway.audit.index.words import glean
from gateway.audit.log import layout

QUERIES = [
    Query(),
    Query(oldest_first=True),
    *(
        Query({name: (word,)})
        for name, word in (("type", "key"), ("type", "intent"), ("type", "ke"), ("tenant", "tenant-1"))
    ),
    *(Query({name: (word,)}) for name, word in (("code", "policy.c3"), ("reason", "policy.c3"), ("rule", "rule1"))),
    *(
        Query({name: (word,)})
        for name, word in (("site", "berlin"), ("key", "k3"), ("model", "m1"), ("status", "failed"))
    ),
    *(Query({name: (word,)}) for name, word in (("entity", "PERSON"), ("class", "strict"), ("destination", "US"))),
    Query({"decision": ("denied",), "reason": ("policy.c1", "policy.c2")}),
    Query({"decision": ("allowed",), "collected": ("JP", "CN"), "destination": ("US",)}, oldest_first=True),
    Query({"tenant": ("tenant-1",), "destination": ("nowhere",)}),
    Query({"origin": ("berlin/node1/w0",), "revision": ("r1",)}),
    Query({"key": ("k1",)}, text="policy.c3"),
    Query(request=f"01J{100:023d}"),
    Query(decision_id=f"01K{101:023d}", oldest_first=True),
    Query({"type": ("denial",)}, request=f"01J{100:023d}"),
    Query(since_us=START_US + 30_000_000, until_us=START_US + 90_000_000),
    Query({"tenant": ("tenant-2",)}, since_us=START_US + 60_000_000, oldest_first=True),
]


LOGS = ("node1/w0/default", "node1/w1/default", "node1/w0/cross-border")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 128 rows, parts of 16: what takes ten thousands of records shows with hundreds."""
    make_small(monkeypatch)


def make_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "BLOCK_ROWS", 128)
    monkeypatch.setattr(build, "COMMIT_ROWS", 512)
    monkeypatch.setattr("gateway.audit.index.blocks.PART_ROWS", 16)


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    made = Logs(tmp_path)
    made.write(700, *LOGS)
    return made


@pytest.fixture(scope="module")
def read_only(tmp_path_factory: pytest.TempPathFactory) -> Logs:
    """Logs with rows in blocks, rows in none, and records that the index does not have yet. Nobody changes them."""
    made = Logs(tmp_path_factory.mktemp("logs"))
    made.write(700, *LOGS)
    with pytest.MonkeyPatch.context() as patched:
        make_small(patched)
        made.update()
    made.write(50, "node1/w1/default")
    return made


def pages(search: AuditSearch, query: Query, limit: int) -> Iterator[Page]:
    page = search.page(query, limit)
    yield page
    while page.next:
        page = search.page(query, limit, page.next)
        yield page


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_the_index_finds_what_the_log_holds(read_only: Logs, query: Query) -> None:
    found = list(pages(read_only.search, query, 37))

    shown = [data for page in found for data in page.records]
    assert shown == read_only.expected(query)
    assert found[0].found == (None if query.text else len(shown))
    assert {page.by for page in found} == {"index"}


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_without_an_index_the_log_is_read(
    read_only: Logs, query: Query, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(search, "MOST_LOOSE", 100)
    monkeypatch.setattr(search, "MOST_READ", 300)

    found = list(pages(AuditSearch(read_only.audit, tmp_path), query, 37))

    assert [data for page in found for data in page.records] == read_only.expected(query)
    assert {(page.by, page.note) for page in found} == {("log", "there is no index yet")}


def test_a_cursor_holds_while_the_log_grows_and_the_index_is_made_again(logs: Logs) -> None:
    logs.update()
    query, expected = Query({"type": ("intent",)}), logs.expected(Query({"type": ("intent",)}))
    first = logs.search.page(query, 50)
    logs.write(300, "node1/w1/default", "node2/w0/default")
    with store.locked(logs.index, SITE):
        build.rebuild(logs.audit, logs.index, SITE)

    second = logs.search.page(query, 50, first.next)

    assert first.records + second.records == expected[:100]


@pytest.mark.parametrize("after", ["x", "bm9uZQ", "", "ééé"])
def test_a_cursor_of_others_is_refused(logs: Logs, after: str) -> None:
    given = after or logs.search.page(Query({"type": ("intent",)}), 5).next

    with pytest.raises(WrongQuery, match="cursor"):
        logs.search.page(Query({"type": ("denial",)}), 5, given)


@pytest.mark.parametrize("words", [{"tennant": ("a",)}, {"tenant": ()}, {"tenant": ("x" * 600,)}])
def test_a_wrong_filter_is_refused(words: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(WrongQuery):
        Query(words)


def test_an_update_adds_what_is_new_and_only_that(logs: Logs) -> None:
    assert logs.update() == build.Done(700, True, "there was none")
    assert logs.update() == build.Done(0, True)
    logs.write(33, "node1/w0/default")
    assert logs.update() == build.Done(33, True)


def test_an_update_in_bounded_steps_comes_to_the_same(logs: Logs) -> None:
    logs.write(2000, "node1/w0/default")
    steps = 0
    with store.locked(logs.index, SITE):
        while not build.update(logs.audit, logs.index, SITE, seconds=0).whole:
            steps += 1

    assert steps > 2
    assert logs.search.page(Query(), 1).found == 2700


def _flip_all(path: Path) -> None:
    path.write_bytes(bytes(byte ^ 0xFF for byte in path.read_bytes()))


def _other_version(path: Path) -> None:
    database = store.open_to_write(path)
    database.execute("PRAGMA user_version = 99")
    database.close()


def _no_table(path: Path) -> None:
    database = store.open_to_write(path)
    database.execute("DROP TABLE posting")
    database.close()


def _other_rows(path: Path) -> None:
    database = store.open_to_write(path)
    database.execute("UPDATE posting SET rows = (SELECT rows FROM posting ORDER BY length(rows) DESC LIMIT 1)")
    database.close()


def _text_for_rows(path: Path) -> None:
    database = store.open_to_write(path)
    database.execute("UPDATE posting SET rows = substr(rows, 1, 5) || x'ff' || substr(rows, 7)")
    database.close()


def _flipped_rows(path: Path) -> None:
    database = store.open_to_write(path)
    flipped = "cast(substr(rows, 1, 5) || x'ff' || substr(rows, 7) AS BLOB)"
    database.execute(f"UPDATE posting SET rows = {flipped}")  # noqa: S608
    database.close()


HARMS = (_flip_all, _other_version, _no_table, _other_rows, _text_for_rows, _flipped_rows, Path.unlink)


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_index_answers_nothing_wrong_and_is_made_again(logs: Logs, harm: Callable[[Path], Any]) -> None:
    logs.update()
    for suffix in ("-wal", "-shm"):
        assert not Path(f"{store.path_of(logs.index, SITE)}{suffix}").exists()
    harm(store.path_of(logs.index, SITE))
    query = Query({"tenant": ("tenant-1",)})

    page = logs.search.page(query, 1000)

    assert sorted(page.records) == sorted(logs.expected(query))
    assert logs.update().rebuilt
    assert logs.search.page(query, 1000).found == len(logs.expected(query))


def test_an_index_of_another_log_is_made_again(logs: Logs) -> None:
    logs.update()
    shutil.rmtree(logs.audit)
    logs.sizes.clear()
    logs.written.clear()
    logs.write(900, *LOGS)

    assert "is not the one" in logs.update().rebuilt
    assert sorted(logs.search.page(Query(), 1000).records) == sorted(logs.written)


def test_a_log_that_is_gone_is_in_no_answer(logs: Logs) -> None:
    logs.update()
    shutil.rmtree(logs.audit / SITE / "node1/w1/default")

    assert logs.search.page(Query({"origin": ("berlin/node1/w1",)}), 10).records == []
    logs.write(10, "node1/w1/default")
    logs.update()
    shutil.rmtree(logs.audit / SITE / "node1/w1/default")
    assert "gone" in logs.update().rebuilt


def test_what_was_pruned_is_forgotten(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.write(1000, "node1/w0/default")
    logs.update()
    pruned = logs.audit / SITE / "node1/w0/default"
    first = 3 * layout.BUNDLE_RECORDS
    for index in range(3):
        (pruned / layout.tile_path("entries", index)).unlink()
    monkeypatch.setattr("gateway.audit.log.reader.first_record", lambda folder: first if folder == pruned else 0)
    numbered = zip(logs.names, logs.written, strict=True)
    left = [d for name, d in numbered if name != "node1/w0/default" or msgspec.json.decode(d)["sequence"] >= first]

    logs.update()

    page = logs.search.page(Query(), 5000)
    assert sorted(page.records) == sorted(left)
    assert page.found == len(left)


def test_bytes_that_are_no_record_are_counted_and_passed_over(logs: Logs) -> None:
    path = logs.audit / SITE / "node1/w0/default" / layout.tile_path("entries", 0)
    with path.open("ab") as file:
        file.write(layout.frame(b"{not json"))
        file.write(layout.frame(b'{"sequence":1,"time":"2026-01-01T00:00:00Z","type":"strange","caller":7}'))

    logs.update()

    assert logs.search.page(Query({"type": ("strange",)}), 5).found == 1
    assert logs.search.page(Query(), 5).found == 701


@pytest.mark.parametrize("count", [0, 1, 5, 1100, 16_384])
def test_sets_of_rows_come_back(count: int) -> None:
    positions = sorted(Random(count).sample(range(bits.BLOCK_ROWS), count))

    rows = bits.unpack(bits.pack(positions))

    assert list(bits.ascending(rows)) == positions
    assert list(bits.descending(rows)) == positions[::-1]
    assert rows.bit_count() == count


def test_a_bundle_is_split_as_the_log_does(logs: Logs) -> None:
    path = logs.audit / SITE / "node1/w0/default" / layout.tile_path("entries", 0)
    raw = path.read_bytes()
    for end in (0, 1, 2, 3, 500, len(raw) - 1, len(raw)):
        assert source.split(raw[:end]) == [frame.data for frame in layout.frames(raw[:end])]


def test_what_goes_on_record_holds_nothing_that_only_the_asker_typed(logs: Logs) -> None:
    query = Query({"tenant": ("tenant-1", "Hans Müller")}, text="Müller", request="Hans", since_us=START_US)

    said = logs.search.on_record(query)

    assert said["tenant"] == ["tenant-1", "(unknown)"]
    assert (said["request"], said["text_chars"]) == ("(no id)", 6)
    assert "ller" not in msgspec.json.encode(said).decode()


@pytest.mark.parametrize("loose", [1, 5000])
def test_counts_by_word_and_day_are_those_of_the_records(
    logs: Logs, loose: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the index, from rows beside it, and by reading the log: the same."""
    logs.now += 86_400_000_000
    logs.write(300, "node1/w0/default")
    logs.update()
    logs.write(40, "node1/w1/default")
    if loose == 1:
        store.remove(store.path_of(logs.index, SITE))
    monkeypatch.setattr(search, "MOST_LOOSE", loose)
    for query in (Query(), Query({"tenant": ("tenant-1",)}, since_us=START_US + 50_000_000)):
        for zone in (UTC, ZoneInfo("Asia/Tokyo")):
            expected = Tally(zone)
            for data in logs.expected(query):
                expected.add(glean(data) or pytest.fail("a record"))

            assert logs.search.tally(query, zone) == expected


def test_without_an_index_every_record_is_read_once(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_LOOSE", 1)

    assert list(logs.search.records(Query())) == logs.expected(Query())
    assert logs.search.count(Query({"decision": ("denied",)})) == len(logs.expected(Query({"decision": ("denied",)})))


@pytest.mark.parametrize("oldest_first", [False, True])
def test_records_of_logs_that_were_indexed_one_after_another_come_by_time(logs: Logs, oldest_first: bool) -> None:
    """Blocks lie over each other in time then; and a clock that went back does the same within one log."""
    logs.update()
    logs.now = START_US
    logs.write(400, "node2/w0/default")
    logs.update()
    logs.now = START_US + 3_000_000
    logs.write(300, "node2/w0/default")
    logs.update()
    query = Query({"type": ("intent", "key")}, oldest_first=oldest_first)

    found = [data for page in pages(logs.search, query, 50) for data in page.records]

    assert found == logs.expected(query)


def test_an_index_that_was_only_begun_is_none(logs: Logs) -> None:
    logs.index.mkdir()
    store.path_of(logs.index, SITE).touch()

    assert logs.search.page(Query(), 1).found == 700
    assert logs.update().rebuilt == "there was none"
