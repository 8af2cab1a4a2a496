"""Whole audit folders with a site's checkpoint, receipts, the side store, and the command line."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from gateway.audit.content.door import About
from gateway.audit.content.seal import seal
from gateway.audit.content.store import SideStore
from gateway.audit.log.merkle import CompactRange, leaf_hash, root_hash
from gateway.audit.log.note import Signer
from gateway.audit.persons.keys import PersonKeys
from gateway.audit.shelf import Shelf
from gateway.audit.verify import Keys, check, check_receipt, verify
from gateway.domain import Kept, Outcome
from gateway.settings import AuditSettings
from tests.audit.conftest import CALLER, DECISION, TARGET, question
from tests.audit.made_logs import KEY, VKEY, lay, made, signed_heads

Log = Any  # conftest.OpenLog
LOGS = ("berlin/node1/w0/default", "berlin/node1/w0/cross-border", "berlin/node2/w0/default")
SIZES = {LOGS[0]: 300, LOGS[1]: 10, LOGS[2]: 257}


def origin(log: str) -> str:
    return log.removesuffix("/default")


def records_of(log: str) -> list[bytes]:
    return [record.replace(b'"berlin/node1/w0"', json.dumps(origin(log)).encode()) for record in made(SIZES[log])]


def bind(audit: Path, sizes: dict[str, int]) -> None:
    """Write the site's heads and checkpoint, as the server does."""
    lines = []
    for log, size in sorted(sizes.items()):
        tree = CompactRange()
        for record in records_of(log)[:size]:
            tree.append(leaf_hash(record))
        lines.append(f"{log} {size} {b64encode(tree.root()).decode()}")
    (audit / "berlin/site-heads").write_text("".join(f"{line}\n" for line in lines))
    root = root_hash([leaf_hash(line.encode()) for line in lines])
    (audit / "berlin/site-checkpoint").write_bytes(Signer("berlin", KEY).sign(len(lines), root))


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    folder = tmp_path / "data/audit"
    for log in LOGS:
        records = records_of(log)
        lay(folder / log, records, signed_heads(records, every=100, origin=origin(log)))
    bind(folder, SIZES)
    return folder


def problems(audit: Path) -> list[tuple[str, str]]:
    return [(Path(r.folder).name, problem.kind) for r in check(audit, [VKEY]) for problem in r.problems]


def test_a_site_is_right(audit: Path) -> None:
    reports = check(audit, [VKEY])

    assert [problem for report in reports for problem in report.problems] == []
    assert [(report.what, report.records) for report in reports] == [
        ("log", 10),
        ("log", 300),
        ("log", 257),
        ("site", 3),
    ]


def test_a_log_that_is_gone_is_named_by_the_sites_checkpoint(audit: Path) -> None:
    shutil.rmtree(audit / LOGS[2])

    assert problems(audit) == [("site-checkpoint", "deleted")]


def test_a_log_that_was_cut_back_is_named_by_the_sites_checkpoint(audit: Path) -> None:
    records = records_of(LOGS[0])[:200]
    lay(audit / LOGS[0], records, signed_heads(records))

    assert problems(audit) == [("default", "cut-back")]


def test_a_log_that_was_emptied_is_named_by_the_sites_checkpoint(audit: Path) -> None:
    lay(audit / LOGS[0], [], [])

    assert problems(audit) == [("default", "cut-back")]


def test_a_log_that_went_on_since_is_right(audit: Path) -> None:
    bind(audit, SIZES | {LOGS[0]: 100})

    assert problems(audit) == []


def test_a_site_whose_files_are_just_being_replaced_is_looked_at_again(audit: Path) -> None:
    checkpoint = audit / "berlin/site-checkpoint"
    new = checkpoint.read_bytes()
    bind(audit, SIZES | {LOGS[0]: 100})
    (audit / "berlin/site-heads.old").write_bytes((audit / "berlin/site-heads").read_bytes())
    bind(audit, SIZES)
    (audit / "berlin/site-heads.old").replace(audit / "berlin/site-heads")
    later = threading.Timer(0.05, lambda: bind(audit, SIZES))
    later.start()

    assert (problems(audit), checkpoint.read_bytes()) == ([], new)
    later.join()


def test_a_site_is_right_beside_its_writer(tmp_path: Path) -> None:
    settings = AuditSettings(checkpoint_seconds=0.05)
    shelf = Shelf(tmp_path / "audit", origin="berlin/node1/w0", log_key=KEY, settings=settings)
    shelf.open()
    try:
        for number in range(40):
            for turn in range(20):
                request = f"01J{20 * number + turn:023d}"
                entry = shelf.intent(CALLER, question(request), DECISION, TARGET, {"PERSON": 1})
                entry.close(Outcome("done"))
            time.sleep(0.03)
            assert [str(problem) for report in check(tmp_path / "audit", [VKEY]) for problem in report.problems] == []
    finally:
        shelf.close()
    assert all(report.ok for report in check(tmp_path / "audit", [VKEY]))


@pytest.mark.parametrize("name", ["site-heads", "site-checkpoint"])
def test_a_changed_byte_of_the_sites_files_is_found(audit: Path, name: str) -> None:
    path = audit / "berlin" / name
    whole = path.read_bytes()
    for at in range(0, len(whole), 29):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert any(kind in ("flipped", "form", "other-key") for _, kind in problems(audit)), at


# --- receipts


@pytest.fixture
def receipt(open_log: Callable[..., Log]) -> tuple[bytes, str]:
    log = open_log()
    for number in range(3):
        log.intent(number).close(Outcome("done"))
    log.reopen()
    return asyncio.run(log.book.receipt(2)), log.vkey


def test_a_receipt_is_checked_by_a_program_that_shares_nothing_with_its_maker(receipt: tuple[bytes, str]) -> None:
    report = check_receipt(receipt[0], "receipt.json", Keys([receipt[1]]))

    assert (report.problems, report.tree_size, report.origin) == ([], 6, "berlin/node1/w0")
    assert "record 2 of berlin/node1/w0: at " in report.notes[0]


def test_every_changed_byte_of_a_receipt_is_found(receipt: tuple[bytes, str]) -> None:
    whole, key = receipt
    for at in range(0, len(whole) - 1, 5):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        assert not check_receipt(changed, "receipt.json", Keys([key])).ok, at


def test_a_receipt_by_another_key_is_named(receipt: tuple[bytes, str]) -> None:
    stranger = Signer("sekisho-log", Ed25519PrivateKey.generate()).verifier_key()

    (problem,) = check_receipt(receipt[0], "receipt.json", Keys([stranger])).problems

    assert problem.kind == "other-key"


# --- the side store


def item(store: Path, name: str, *, inside: str = "", request: str = "01J" + "0" * 23) -> None:
    """Write an item whose head says ``inside``: sealed content follows it, which takes keys to read."""
    head = {"item": inside or name, "kind": "prompt", "origin": "berlin/node1/w0", "request": request}
    raw = json.dumps(head | {"version": "sekisho.content/1"}).encode()
    path = store / "2026-12-31" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(raw).to_bytes(4, "big") + raw + b"sealed" * 10)


ITEMS = ["01K" + letter * 23 for letter in "ABC"]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A data folder whose log has three prompts in the side store."""
    records = made(6)
    for number, name in enumerate(ITEMS):
        record = json.loads(records[2 * number]) | {"content": {"item": name, "sha256": "ab" * 32}}
        records[2 * number] = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
        item(tmp_path / "content", name, request=record["request"])
    lay(tmp_path / "audit/berlin/node1/w0/default", records, signed_heads(records))
    return tmp_path


def look(data: Path) -> list[tuple[str, int | None]]:
    report = verify(data / "audit/berlin/node1/w0/default", VKEY)
    return [(problem.kind, problem.sequence) for problem in report.problems]


def test_kept_content_is_that_of_its_record(kept: Path) -> None:
    assert look(kept) == []


def test_content_of_two_records_that_was_swapped_is_named(kept: Path) -> None:
    one, other = (kept / "content/2026-12-31" / name for name in ITEMS[:2])
    first = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(first)

    assert look(kept) == [("side-store", 0), ("side-store", 2)]


@pytest.mark.parametrize("change", [{"inside": ITEMS[2]}, {"request": "01JOTHER"}])
def test_content_that_speaks_of_another_record_is_named(kept: Path, change: dict[str, str]) -> None:
    item(kept / "content", ITEMS[1], **change)

    assert look(kept) == [("side-store", 2)]


@pytest.mark.parametrize("written", [b"", b"\xff\xff\xff\xff", b"\x00\x00\x00\x05hello", b"\x00\x00\x00\x02[]"])
def test_content_that_is_no_item_is_named(kept: Path, written: bytes) -> None:
    (kept / "content/2026-12-31" / ITEMS[0]).write_bytes(written)

    assert look(kept) == [("side-store", 0)]


def test_content_that_ended_or_was_erased_is_no_fault(kept: Path) -> None:
    (kept / "content/2026-12-31" / ITEMS[0]).unlink()

    report = verify(kept / "audit/berlin/node1/w0/default", VKEY)

    assert report.problems == []
    assert "of 3 kept contents, 1 are no longer in the side store" in report.notes


@pytest.fixture
def sealed(tmp_path: Path) -> tuple[Path, SideStore, list[Kept]]:
    """A data folder whose log speaks of three prompts in a real side store."""
    keys = PersonKeys(tmp_path / "persons", lambda tenant: (b"s" * 32,))
    store = SideStore(tmp_path / "content", keys, tmp_path / "audit")
    records, kept = made(6), []
    for number in range(3):
        record = json.loads(records[2 * number])
        about = About(record["request"], "acme", "support", 30)
        item = store.seal("prompt", about, "berlin/node1/w0", store.keys_for(about, []), b"content %d" % number)
        store.put(item)
        kept.append(item.kept)
        record |= {"content": {"item": item.kept.item, "sha256": item.kept.sha256}}
        records[2 * number] = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
    lay(tmp_path / "audit/berlin/node1/w0/default", records, signed_heads(records))
    return tmp_path, store, kept


def opened(data: Path, store: SideStore) -> list[tuple[str, int | None, str]]:
    report = verify(data / "audit/berlin/node1/w0/default", VKEY, opener=lambda path: store.open(path)[2])
    return [(problem.kind, problem.sequence, problem.what) for problem in report.problems]


def test_with_the_keys_content_itself_is_held_against_the_digest(sealed: tuple[Path, SideStore, list[Kept]]) -> None:
    data, store, kept = sealed
    assert opened(data, store) == []

    path = store.find(kept[1].item)
    assert path
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert opened(data, store) == [("side-store", 2, "its content is not as it was written")]


def test_content_put_in_place_by_who_has_the_keys_is_named(sealed: tuple[Path, SideStore, list[Kept]]) -> None:
    """Sealed anew under the same item's name: only the digest in the log tells."""
    data, store, kept = sealed
    path = store.find(kept[0].item)
    assert path
    head, _, _ = store.open(path)
    about = About(head.request, "acme", "support", 30)
    keys = store.keys_for(about, [])
    path.write_bytes(seal(replace(head, shares=()), keys, b"another content")[0])

    assert opened(data, store) == [("side-store", 0, "its content is another than the record's digest says")]
