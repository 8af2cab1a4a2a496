"""The logs of one process: which one a record goes to, that all of them are one book, and what binds them together."""

from __future__ import annotations

import asyncio
import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from patience import within

from gateway.audit.book import LogBook
from gateway.audit.door import Spot
from gateway.audit.log.merkle import leaf_hash, root_hash
from gateway.audit.log.note import open_checkpoint, parse_verifier_key
from gateway.audit.log.reader import logs, search
from gateway.audit.shelf import CLASSES, Shelf, class_of
from gateway.audit.verify import verify
from gateway.domain import Outcome
from gateway.errors import AuditUnavailable, SetupError
from gateway.settings import AuditSettings
from tests.audit.conftest import CALLER, DECISION, ORIGIN, TARGET, question

PARIS = replace(TARGET, id="paris/node1/w0:m", site="paris", jurisdiction="FR", same_node=False)
NOTICED_WITHIN_SECONDS = 2.0  # one second is promised; a busy machine gets another


def wait_until(is_so: Callable[[], bool]) -> bool:
    return within(NOTICED_WITHIN_SECONDS, is_so)


@pytest.fixture
def new_shelf(tmp_path: Path, key: Ed25519PrivateKey) -> Iterator[Callable[..., Shelf]]:
    """Open the logs of a worker below ``tmp_path``, closed at the end of the test."""
    opened: list[Shelf] = []

    def make(worker: str = "w0", **more: Any) -> Shelf:
        origin = f"berlin/node1/{worker}"
        shelf = Shelf(tmp_path / "audit", origin=origin, log_key=key, settings=AuditSettings(), **more)
        opened.append(shelf)
        shelf.open()
        return shelf

    yield make
    for shelf in opened:
        shelf.close()


@pytest.fixture
def shelf(new_shelf: Callable[..., Shelf]) -> Shelf:
    return new_shelf()


def attempt(shelf: Shelf, number: int, target: Any = TARGET, decision: str = "01JDECISION") -> Any:
    asked = question(f"01J{number:023d}")
    return shelf.intent(CALLER, asked, replace(DECISION, id=decision), target, {})


def types(shelf: Shelf, name: str) -> list[str]:
    return [record["type"] for record in search(shelf.books[name].folder)]


@pytest.mark.parametrize(
    ("collected_in", "target", "expected"),
    [
        ("DE", TARGET, "default"),
        ("DE", PARIS, "cross-border"),
        ("CN", TARGET, "cross-border"),
        ("FR", PARIS, "default"),
        ("", TARGET, "default"),
        ("", PARIS, "cross-border"),
        ("DE", replace(TARGET, jurisdiction=""), "default"),
        ("DE", replace(PARIS, jurisdiction=""), "cross-border"),
    ],
)
def test_what_crosses_a_border_is_kept_for_longer(collected_in: str, target: Any, expected: str) -> None:
    asked = question("01J")

    assert class_of(replace(asked, data=replace(asked.data, collected_in=collected_in)), target) == expected


def test_an_outcome_is_where_its_intent_is(shelf: Shelf) -> None:
    attempt(shelf, 1, PARIS).close(Outcome("done"))
    attempt(shelf, 2).close(Outcome("done"))
    shelf.denial(code="policy.denied", status=403, caller=CALLER, request_id="01J")
    shelf.event("key.created", key={})
    shelf.event("policy.subjects", year=2026)

    assert types(shelf, "cross-border") == ["heartbeat", "intent", "outcome", "policy.subjects"]
    assert types(shelf, "default") == ["intent", "outcome", "denial", "key.created"]


def test_each_log_has_its_own_origin_and_verifies(shelf: Shelf, tmp_path: Path) -> None:
    attempt(shelf, 1, PARIS)
    attempt(shelf, 2)
    vkey = shelf.verifier_key()
    shelf.close()

    reports = {folder.name: verify(folder, vkey) for folder in logs(tmp_path / "audit")}

    assert {name: report.origin for name, report in reports.items()} == {
        "default": ORIGIN,
        "cross-border": f"{ORIGIN}/cross-border",
    }
    assert [(report.ok, report.records) for report in reports.values()] == [(True, 2), (True, 1)]


def test_a_decision_is_found_in_whichever_log_it_is(shelf: Shelf) -> None:
    attempt(shelf, 1, decision="01JHERE")
    attempt(shelf, 2, PARIS, decision="01JTHERE")

    assert shelf.locate("01JHERE") == Spot("default", 0)
    assert shelf.locate("01JTHERE") == asyncio.run(shelf.search("01JTHERE")) == Spot("cross-border", 1)
    assert shelf.locate("01JNOWHERE") is None


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_case_holds_attempts_of_all_logs(shelf: Shelf, new_shelf: Callable[..., Shelf], forgotten: bool) -> None:
    attempt(shelf, 1).close(Outcome("failed"))
    attempt(shelf, 1, PARIS).close(Outcome("done"))
    if forgotten:  # a restart remembers no request
        shelf.close()
        shelf = new_shelf()

    for spot in (Spot("default", 0), Spot("cross-border", 1)):
        case = asyncio.run(shelf.case(spot))
        assert [record.get("status", "") for record in case.same_request] == ["", "failed", "", "done"]


async def test_a_receipt_is_of_the_log_that_has_the_intent(shelf: Shelf) -> None:
    attempt(shelf, 1, PARIS)

    receipt = json.loads(await shelf.receipt(Spot("cross-border", 1)))

    assert receipt["payloadType"] == "application/vnd.sekisho.receipt+json"


@pytest.mark.parametrize("name", CLASSES)
def test_a_touched_log_stops_all_of_them(shelf: Shelf, name: str) -> None:
    attempt(shelf, 1, PARIS)
    attempt(shelf, 2)
    shutil.rmtree(shelf.books[name].folder / "tile")

    assert wait_until(lambda: not shelf.ready())
    for target in (TARGET, PARIS):
        with pytest.raises(AuditUnavailable):
            attempt(shelf, 3, target)


def test_a_log_that_cannot_be_opened_leaves_none_open(shelf: Shelf, new_shelf: Callable[..., Shelf]) -> None:
    shelf.close()
    (shelf.books["cross-border"].folder / "checkpoints").unlink()
    (shelf.books["cross-border"].folder / "checkpoint").write_text("no head")

    with pytest.raises(SetupError, match="is not as it was written"):
        new_shelf()

    assert not shelf.books["default"].ready()
    assert new_shelf(classes=("default",)).ready()


def test_a_log_of_a_class_that_an_earlier_release_had_stays_with_the_others(
    shelf: Shelf, new_shelf: Callable[..., Shelf], tmp_path: Path, key: Ed25519PrivateKey
) -> None:
    """There every class signed with the worker's origin."""
    attempt(shelf, 1)
    shelf.close()
    folder = shelf.books["default"].folder
    folder.rename(folder.with_name("finance"))
    for name in ("site-heads", "site-checkpoint", "site-copied"):
        (tmp_path / "audit" / "berlin" / name).unlink()
    (tmp_path / "state" / "audit-heads" / "berlin").unlink()  # it knew of no copies

    opened = new_shelf()
    attempt(opened, 2)
    time.sleep(1.5)

    assert opened.ready()
    assert f"{ORIGIN}/finance 1 " in (tmp_path / "audit" / "berlin" / "site-heads").read_text()
    earlier = LogBook(
        tmp_path / "audit", origin=ORIGIN, log_key=key, settings=AuditSettings(), retention_class="finance"
    )
    earlier.open()
    earlier.close()


# --- the site's heads


def test_the_sites_heads_are_bound_by_one_signed_head(shelf: Shelf, tmp_path: Path) -> None:
    attempt(shelf, 1)
    attempt(shelf, 2, PARIS)
    shelf.close()
    site = tmp_path / "audit" / "berlin"

    lines = (site / "site-heads").read_text().splitlines()
    head = open_checkpoint((site / "site-checkpoint").read_bytes(), parse_verifier_key(shelf.verifier_key()))

    assert [line.split()[:2] for line in lines] == [[f"{ORIGIN}/cross-border", "2"], [f"{ORIGIN}/default", "1"]]
    assert (head.origin, head.size) == ("berlin", 2)
    assert head.root == root_hash([leaf_hash(line.encode()) for line in lines])


def test_the_sites_heads_follow_within_about_a_second(shelf: Shelf, tmp_path: Path) -> None:
    site = tmp_path / "audit" / "berlin" / "site-heads"
    attempt(shelf, 1)
    assert wait_until(lambda: site.exists() and f"{ORIGIN}/default 1 " in site.read_text())

    attempt(shelf, 2)

    assert wait_until(lambda: f"{ORIGIN}/default 2 " in site.read_text())


def test_another_log_that_is_gone_stops_the_gateway(new_shelf: Callable[..., Shelf], tmp_path: Path) -> None:
    other, shelf = new_shelf("w1"), new_shelf()
    attempt(other, 1)
    other.close()
    attempt(shelf, 1)
    heads = tmp_path / "audit" / "berlin" / "site-heads"
    assert wait_until(lambda: "w0/default" in heads.read_text())

    shutil.move(tmp_path / "audit/berlin/node1/w1", tmp_path / "elsewhere")

    assert wait_until(lambda: not shelf.ready())
    assert "node1/w1/default 1 " in heads.read_text()


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_text("")])
def test_the_sites_heads_touched_stop_the_gateway(shelf: Shelf, tmp_path: Path, harm: Callable[[Path], object]) -> None:
    heads = tmp_path / "audit" / "berlin" / "site-heads"
    attempt(shelf, 1)
    assert wait_until(lambda: heads.exists() and f"{ORIGIN}/default 1 " in heads.read_text())

    with (heads.parent / "site-lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # nobody is amid writing them
        harm(heads)

    assert wait_until(lambda: not shelf.ready())


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize("file", ["tile/entries/000", "checkpoints"])
@pytest.mark.parametrize("harm", [Path.unlink, cut])
def test_a_log_that_nobody_writes_is_looked_after_too(
    new_shelf: Callable[..., Shelf], tmp_path: Path, file: str, harm: Callable[[Path], object]
) -> None:
    other = new_shelf("admin", classes=("default",))
    other.event("key.created", id="k")
    other.close()
    shelf = new_shelf()
    time.sleep(1.2)  # looked at twice a second

    harm(tmp_path / "audit/berlin/node1/admin/default" / file)

    assert wait_until(lambda: not shelf.ready())


def test_a_lost_checkpoint_of_the_site_stops_the_gateway(shelf: Shelf, tmp_path: Path) -> None:
    path = tmp_path / "audit/berlin/site-checkpoint"
    assert wait_until(path.exists)
    time.sleep(0.6)

    path.unlink()

    assert wait_until(lambda: not shelf.ready())


def copied(shelf: Shelf, to: Path, name: str = "default") -> Path:
    folder = shelf.books[name].folder
    return Path(shutil.copytree(folder, to))


def test_a_log_put_back_from_a_backup_is_seen_as_rolled_back(
    shelf: Shelf, new_shelf: Callable[..., Shelf], tmp_path: Path
) -> None:
    attempt(shelf, 1).close(Outcome("done"))
    shelf.close()
    backup = copied(shelf, tmp_path / "backup")
    later = new_shelf()
    attempt(later, 2)
    later.close()
    shutil.rmtree(later.books["default"].folder)
    shutil.copytree(backup, later.books["default"].folder)

    with pytest.raises(SetupError, match="its last signed head has 2 records, site-heads has 3"):
        new_shelf()


def test_a_log_that_was_seen_longer_elsewhere_is_not_taken_up(shelf: Shelf, new_shelf: Callable[..., Shelf]) -> None:
    attempt(shelf, 1)
    shelf.close()
    line = {"kind": "file", "place": "/mnt/heads", "size": 9, "root": "A" * 43 + "=", "time": "2026-01-01T00:00:00Z"}
    (shelf.books["default"].folder / "witnesses.jsonl").write_text(json.dumps({**line, "cosignature": ""}) + "\n")

    with pytest.raises(SetupError, match="file /mnt/heads has 9"):
        new_shelf()


def test_another_log_of_the_same_length_is_not_taken_up(shelf: Shelf, new_shelf: Callable[..., Shelf]) -> None:
    attempt(shelf, 1)
    shelf.close()
    heads = shelf.books["default"]._base / "berlin" / "site-heads"
    crossing, own = heads.read_text().splitlines()
    heads.write_text(f"{crossing}\n{own.rpartition(' ')[0]} {'A' * 43}=\n")

    with pytest.raises(SetupError, match="it is another log: its first 1 records"):
        new_shelf()
