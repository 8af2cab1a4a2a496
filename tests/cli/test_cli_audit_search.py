"""sekisho audit search, report and index, on an installation without a server."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from gateway import settings
from gateway.audit.index import store
from gateway.audit.log.reader import logs, raw_records
from gateway.cli import audit_index
from gateway.cli.changes import admin_book
from gateway.cli.lock import data_lock


@pytest.fixture
def written(sekisho: Any, house: Path) -> Path:
    """An installation with three records."""
    for name in ("one", "two"):
        assert sekisho("keys", "create", "--name", name, "--tenant", "t").code == 0
    assert sekisho("keys", "revoke", "one").code == 0
    return house


def records(house: Path) -> list[dict[str, Any]]:
    (log,) = logs(house / ".sekisho" / "audit")
    return [json.loads(data) for data in raw_records(log)]


def test_the_newest_come_first_and_a_cursor_goes_on(sekisho: Any, written: Path) -> None:
    first = sekisho("audit", "search", "--type", "key", "--limit", "2", "--json").json
    second = sekisho("audit", "search", "--type", "key", "--limit", "2", "--json", "--after", first["next"]).json

    assert [r["type"] for r in first["data"] + second["data"]] == ["key.revoked", "key.created", "key.created"]
    assert (first["found"], first["by"], second["next"]) == (3, "index", "")
    assert "--after" in sekisho("audit", "search", "--limit", "1").err


def test_a_search_is_on_record_and_its_further_pages_are_not(sekisho: Any, written: Path) -> None:
    following = sekisho("audit", "search", "--type", "key", "--limit", "1", "--json").json["next"]
    sekisho("audit", "search", "--type", "key", "--limit", "1", "--after", following)
    sekisho("audit", "search", "--tenant", "Hans Müller", "--count")
    sekisho("audit", "report", "--since", "1d")

    said = [r["details"]["details"] for r in records(written) if r["type"] == "admin.searched"]
    assert [(one["way"], one["found"]) for one in said] == [("search", 3), ("count", 0), ("report", 0)]
    assert said[0]["filters"] == {"type": ["key"]}
    assert said[1]["filters"] == {"tenant": ["(unknown)"]}
    assert list(said[2]["filters"]) == ["since"]


def test_lines_are_the_bytes_of_the_log(sekisho: Any, written: Path) -> None:
    (log,) = logs(written / ".sekisho" / "audit")
    expected = list(raw_records(log))

    said = sekisho("audit", "search", "--oldest", "--jsonl")

    assert said.out.encode().splitlines() == expected


def test_counting_says_one_number(sekisho: Any, written: Path) -> None:
    assert sekisho("audit", "search", "--type", "key.created", "--count", "--json").json == {"found": 2}


@pytest.mark.parametrize(
    "flags",
    [
        ("--since", "yesterday"),
        ("--after", "nonsense"),
        ("--tenant", ""),
        ("--type", "x" * 600),
        ("--origin", "plant/x"),
    ],
)
def test_what_cannot_be_searched_for_is_told_in_one_line(sekisho: Any, written: Path, flags: tuple[str, ...]) -> None:
    said = sekisho("audit", "search", *flags)

    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines()[-1].startswith("sekisho: ")


def test_a_search_that_cannot_be_put_on_record_shows_nothing(sekisho: Any, written: Path) -> None:
    (written / ".sekisho/keys/log.pem").unlink()

    said = sekisho("audit", "search", "--json")

    assert said.code == 3
    assert "data" not in said.json


def test_where_the_index_cannot_be_written_the_log_is_read(sekisho: Any, written: Path, monkeypatch: Any) -> None:
    (written / ".sekisho/state/audit-index").write_text("in the way")
    monkeypatch.setattr("gateway.audit.index.search.MOST_LOOSE", 1)

    said = sekisho("audit", "search", "--type", "key")

    assert said.code == 0
    assert "The log was read: there is no index yet." in said.err
    assert sekisho("audit", "search", "--type", "key", "--json").json["by"] == "log"


def test_the_index_says_how_far_it_is_and_is_made_again(sekisho: Any, written: Path) -> None:
    behind = sekisho("audit", "index", "status", "--json")
    made = sekisho("audit", "index", "rebuild", "--json")
    status = sekisho("audit", "index", "status", "--check", "--json")

    assert (behind.code, behind.json["sites"][0]["problem"]) == (0, "there is no index yet")
    assert made.json == {"sites": [{"site": "plant", "records": 3}]}
    assert (status.code, status.json["sites"][0]["records"], status.json["sites"][0]["behind"]) == (0, 3, 0)


def test_a_damaged_index_is_told_and_made_again_by_the_next_search(sekisho: Any, written: Path) -> None:
    sekisho("audit", "index", "rebuild")
    path = store.path_of(written / ".sekisho/state/audit-index", "plant")
    path.write_bytes(b"x" * path.stat().st_size)

    assert sekisho("audit", "index", "status").code == 1
    assert sekisho("audit", "search", "--type", "key", "--json").json["found"] == 3
    assert sekisho("audit", "index", "status").code == 0


def test_an_index_that_another_process_writes_is_left_alone(
    sekisho: Any, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_index, "_WAIT_SECONDS", 0.1)

    with store.locked(written / ".sekisho/state/audit-index", "plant"):
        said = sekisho("audit", "index", "rebuild")
        assert (said.code, "Another process" in said.err) == (3, True)
        assert sekisho("audit", "search", "--type", "key", "--json").json["found"] == 3


def test_to_make_it_again_the_servers_next_pause_is_waited_for(sekisho: Any, written: Path) -> None:
    lock = ExitStack()
    lock.enter_context(store.locked(written / ".sekisho/state/audit-index", "plant"))
    pause = Timer(0.5, lock.close)
    pause.start()

    assert sekisho("audit", "index", "rebuild").code == 0
    pause.join()


def test_a_report_withholds_what_is_few(sekisho: Any, written: Path) -> None:
    said = sekisho("audit", "report", "--since", "1d", "--json")

    assert said.code == 0
    assert (said.json["decisions"]["count"], said.json["least"], said.json["days"]) == (0, 5, [])
    assert "Decisions: 0" in sekisho("audit", "report").out


def test_a_report_counts_refusals_before_identity_apart(sekisho: Any, written: Path) -> None:
    its = settings.load(str(written / "sekisho.yaml"))
    with data_lock(its.state), admin_book(its) as book:
        for code, count in (("invalid_api_key", 7), ("identity.unavailable", 5)):
            for _ in range(count):
                book.denial(code=code, status=401, source="10.0.0.1")

    said = sekisho("audit", "report", "--since", "1d")

    told = [line.split() for line in said.out.splitlines()]
    assert ["Refused", "before", "it", "was", "known", "who", "called:", "12"] in told
    assert told[-2:] == [["invalid_api_key", "7"], ["identity.unavailable", "5"]]
    assert "10.0.0.1" not in said.out
    assert sekisho("audit", "report", "--tenant", "t", "--json").json["refused_unknown"] == [
        {"value": "total", "count": 0, "withheld": False}
    ]
