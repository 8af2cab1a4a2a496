"""Receipts: what they state follows from the record, every byte counts, and what cannot be shown is said."""

from __future__ import annotations

import base64
import errno
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.canonical import canonical
from gateway.audit.log.disk import Disk
from gateway.audit.log.layout import CHECKPOINT
from gateway.audit.log.merkle import inclusion_proof, leaf_hash, root_hash, verify_inclusion
from gateway.audit.log.note import NoteError, Signer
from gateway.audit.log.proof import Inclusion, prove, record_at
from gateway.audit.log.tiles import HashTiles
from gateway.audit.receipt.issue import (
    INCLUDED,
    PAYLOAD_TYPE,
    PENDING,
    RECORD_NOT_SEEN,
    compare,
    issue,
    pre_authentication,
    statement_of,
    verify_receipt,
)
from gateway.audit.receipt.schema import ENVELOPE, SCHEMA
from gateway.domain import Outcome
from gateway.errors import AuditUnavailable

Log = Any  # conftest.OpenLog
ORIGIN = "berlin/node1/w0"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = Signer(ORIGIN, KEY)
VKEY = SIGNER.verifier_key()
OTHER_VKEY = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32))).verifier_key()


def _record(index: int = 5) -> tuple[dict[str, Any], bytes]:
    record = {
        "type": "intent", "version": "sekisho.record/1", "origin": ORIGIN, "sequence": index, "request": "01JREQUEST",
        "time": "2030-01-01T00:00:00.000001Z",
        "decision": {"id": "01JDECISION", "revision": "r1", "bundle_digest": "a" * 64, "data_revision": "b" * 64},
        "target": {
            "id": f"{ORIGIN}:m", "site": "berlin", "node": "node1", "jurisdiction": "DE", "model": "m",
            "device": "cpu: Example", "digest": "c" * 64,
        },
    }  # fmt: skip
    return record, canonical(record)


RECORD, DATA = _record()
LEAVES = [leaf_hash(b"%d" % number) for number in range(11)]
LEAVES[5] = leaf_hash(DATA)
PROOF = Inclusion(SIGNER.sign(len(LEAVES), root_hash(LEAVES)), inclusion_proof(LEAVES, 5))
STATEMENT = statement_of(RECORD, DATA)
RECEIPTS = {INCLUDED: issue(STATEMENT, SIGNER, PROOF), PENDING: issue(STATEMENT, SIGNER, None)}


def _changed(status: str, change: Callable[[dict[str, Any]], None]) -> bytes:
    envelope = json.loads(RECEIPTS[status])
    change(envelope)
    return canonical(envelope) + b"\n"


def _resigned(statement: dict[str, Any], signer: Signer = SIGNER) -> bytes:
    return issue(statement, signer, None)


@pytest.mark.parametrize("status", RECEIPTS)
def test_a_receipt_holds(status: str) -> None:
    report = verify_receipt(RECEIPTS[status], VKEY)

    assert (report.ok, report.status, report.statement) == (True, status, STATEMENT)
    assert report.tree_size == (11 if status == INCLUDED else 0)


@pytest.mark.parametrize("status", RECEIPTS)
def test_every_flipped_byte_is_found(status: str) -> None:
    raw = RECEIPTS[status]
    for at in range(len(raw)):
        for mask in (0x01, 0x20):  # another letter; the same letter in the other case
            changed = bytearray(raw)
            changed[at] ^= mask
            assert not verify_receipt(bytes(changed), VKEY).ok, (at, mask)


@given(st.sampled_from(sorted(RECEIPTS)), st.data())
@settings(deadline=None, max_examples=300)
def test_bytes_that_are_changed_cut_or_added_are_found(status: str, data: st.DataObject) -> None:
    raw = RECEIPTS[status]
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, min(len(raw), start + 40)))
    changed = raw[:start] + data.draw(st.binary(max_size=40)) + raw[end:]

    if changed not in (raw, raw[:-1]):  # the newline at the end may be lost
        assert not verify_receipt(changed, VKEY).ok


def test_what_it_states_is_what_its_record_says() -> None:
    assert {
        "version": "sekisho.receipt/1", "decision": "01JDECISION", "request": "01JREQUEST", "origin": ORIGIN,
        "time": "2030-01-01T00:00:00.000001Z", "site": "berlin", "node": "node1", "jurisdiction": "DE",
        "target": f"{ORIGIN}:m", "device": "cpu: Example", "model": "m", "model_digest": "c" * 64, "revision": "r1",
        "bundle_digest": "a" * 64, "data_revision": "b" * 64, "leaf_index": 5, "leaf_hash": leaf_hash(DATA).hex(),
    } == STATEMENT  # fmt: skip


def test_its_signature_is_dsses() -> None:
    envelope = json.loads(RECEIPTS[PENDING])
    payload = base64.b64decode(envelope["payload"])

    KEY.public_key().verify(
        base64.b64decode(envelope["signatures"][0]["sig"]),
        b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload),
    )
    assert pre_authentication("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"  # the protocol's own example
    )


# --- what a forger could try


def test_another_key_is_found() -> None:
    assert verify_receipt(RECEIPTS[INCLUDED], OTHER_VKEY).problems == ["no valid signature by this key"]
    assert not verify_receipt(RECEIPTS[INCLUDED], OTHER_VKEY).statement


@pytest.mark.parametrize("vkey", ["", "nonsense", VKEY[:-4], VKEY.replace("berlin", "paris", 1)])
def test_a_key_that_is_none_is_refused(vkey: str) -> None:
    with pytest.raises(NoteError):
        verify_receipt(RECEIPTS[PENDING], vkey)


def _with_other_head(envelope: dict[str, Any]) -> None:
    other = Signer("paris/node1/w0", KEY)
    envelope["inclusion"]["checkpoint"] = other.sign(len(LEAVES), root_hash(LEAVES)).decode()


def _with_two_signatures(envelope: dict[str, Any]) -> None:
    envelope["signatures"] *= 2


def _with_a_witness(envelope: dict[str, Any]) -> None:
    envelope["inclusion"]["checkpoint"] += "— witness AAAAAAAA\n"


def _without_the_last_hash(envelope: dict[str, Any]) -> None:
    envelope["inclusion"]["hashes"].pop()


def _with_a_hash_more(envelope: dict[str, Any]) -> None:
    envelope["inclusion"]["hashes"].append(base64.b64encode(bytes(32)).decode())


def _with_a_field_more(envelope: dict[str, Any]) -> None:
    envelope["inclusion"]["note"] = "trust me"


def _of_an_older_head(envelope: dict[str, Any]) -> None:
    envelope["inclusion"]["checkpoint"] = SIGNER.sign(4, root_hash(LEAVES[:4])).decode()


FORGED = [
    _with_other_head,
    _with_two_signatures,
    _with_a_witness,
    _without_the_last_hash,
    _with_a_hash_more,
    _with_a_field_more,
    _of_an_older_head,
]


@pytest.mark.parametrize("change", FORGED, ids=lambda change: change.__name__.strip("_"))
def test_a_well_formed_forgery_is_found(change: Callable[[dict[str, Any]], None]) -> None:
    assert not verify_receipt(_changed(INCLUDED, change), VKEY).ok


@pytest.mark.parametrize(
    "change",
    [
        {"version": "sekisho.receipt/2"},
        {"leaf_index": -1},
        {"leaf_index": True},
        {"leaf_hash": "abc"},
        {"site": None},
        {"more": "x"},
    ],
)
def test_a_statement_of_another_form_is_refused_even_when_it_is_signed(change: dict[str, Any]) -> None:
    assert not verify_receipt(_resigned({**STATEMENT, **change}), VKEY).ok


def test_a_statement_for_another_log_must_have_that_logs_key_name() -> None:
    assert not verify_receipt(_resigned({**STATEMENT, "origin": "paris/node1/w0"}), VKEY).ok


@pytest.mark.parametrize("raw", [b"", b"\n", b"{}", b"[]", b"null", b"[" * 100_000, b"\xff", b"{" * 70_000])
def test_what_is_no_receipt_is_told(raw: bytes) -> None:
    report = verify_receipt(raw, VKEY)

    assert len(report.problems) == 1
    assert not report.statement


def _spaced(envelope: dict[str, Any]) -> bytes:
    return json.dumps(envelope).encode()


def _escaped(envelope: dict[str, Any]) -> bytes:
    return canonical(envelope).replace(b"included", b"\\u0069ncluded")


def _reordered(envelope: dict[str, Any]) -> bytes:
    return json.dumps(dict(reversed(envelope.items())), separators=(",", ":"), ensure_ascii=False).encode()


def _said_twice(envelope: dict[str, Any]) -> bytes:
    return b'{"inclusion":{"status":"pending"},' + canonical(envelope)[1:]


@pytest.mark.parametrize("write", [_spaced, _escaped, _reordered, _said_twice])
def test_the_same_receipt_in_another_form_is_refused(write: Callable[[dict[str, Any]], bytes]) -> None:
    envelope = json.loads(RECEIPTS[INCLUDED])
    assert verify_receipt(canonical(envelope), VKEY).ok

    assert not verify_receipt(write(envelope), VKEY).ok


# --- against the record


def test_a_record_that_says_the_same_is_told_apart_from_one_not_seen() -> None:
    report = verify_receipt(RECEIPTS[INCLUDED], VKEY)
    assert RECORD_NOT_SEEN in report.not_checked

    compare(report, DATA)

    assert report.ok
    assert RECORD_NOT_SEEN not in report.not_checked


@pytest.mark.parametrize("data", [None, b"{}", canonical({**RECORD, "time": "2031"})])
def test_another_record_is_found(data: bytes | None) -> None:
    report = verify_receipt(RECEIPTS[INCLUDED], VKEY)

    compare(report, data)

    assert not report.ok


def test_a_gateway_that_states_something_else_than_it_wrote_is_found() -> None:
    report = verify_receipt(_resigned({**STATEMENT, "site": "elsewhere"}), VKEY)
    assert report.ok

    compare(report, DATA)

    assert report.problems == ["the receipt states something else than the log's record"]


# --- from a real log


@given(size=st.integers(1, 1400), data=st.data())
@settings(deadline=None, max_examples=60)
def test_proofs_from_tiles_are_those_of_the_whole_tree(
    tmp_path_factory: pytest.TempPathFactory, size: int, data: st.DataObject
) -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    folder = tmp_path_factory.mktemp("log")
    tiles = HashTiles(folder)
    for leaf in leaves:
        tiles.add(leaf)
    tiles.flush()
    (folder / CHECKPOINT).write_bytes(SIGNER.sign(size, root_hash(leaves)))

    proof = prove(folder, index, b"%d" % index, SIGNER.verifier)

    assert proof is not None
    assert proof.hashes == inclusion_proof(leaves, index)


def test_a_proof_over_three_levels_of_tiles(tmp_path: Path) -> None:
    size, index = 256 * 256 + 300, 65_000
    tiles = HashTiles(tmp_path)
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    for leaf in leaves:
        tiles.add(leaf)
    tiles.flush()
    root = root_hash(leaves)
    (tmp_path / CHECKPOINT).write_bytes(SIGNER.sign(size, root))

    for at in (0, index, 65_535, 65_536, size - 1):
        proof = prove(tmp_path, at, b"%d" % at, SIGNER.verifier)
        assert proof is not None
        assert verify_inclusion(leaves[at], at, size, proof.hashes, root)


async def test_a_receipt_is_pending_until_a_signed_head_covers_its_record(open_log: Callable[..., Log]) -> None:
    log = open_log(checkpoint_seconds=600.0, checkpoint_records=1_000_000)
    entry = log.intent(1)

    raw = await log.book.receipt(entry.sequence)
    report = verify_receipt(raw, log.vkey)
    assert (report.ok, report.status) == (True, PENDING)
    assert any("fetch the receipt again" in what for what in report.not_checked)

    entry.close(Outcome("done"))
    log.reopen()  # the end of a log is signed
    report = verify_receipt(await log.book.receipt(entry.sequence), log.vkey)
    assert (report.ok, report.status) == (True, INCLUDED)
    compare(report, record_at(log.folder, entry.sequence))
    assert report.ok


async def test_nothing_is_signed_that_is_not_on_stable_storage(open_log: Callable[..., Log]) -> None:
    class FailingDisk(Disk):
        fails = False

        def sync(self, descriptor: int) -> None:
            if self.fails:
                raise OSError(errno.EIO, "no disk")
            super().sync(descriptor)

    disk = FailingDisk()
    log = open_log(disk)
    disk.fails = True
    entry = log.intent(1)

    with pytest.raises(AuditUnavailable):
        await log.book.receipt(entry.sequence)


async def test_receipts_of_a_log_over_several_bundles(open_log: Callable[..., Log]) -> None:
    log = open_log()
    for number in range(600):
        log.intent(number).close(Outcome("done"))
    log.reopen()

    for sequence in (0, 2, 254, 256, 510, 512, 1198):
        report = verify_receipt(await log.book.receipt(sequence), log.vkey)
        assert (report.ok, report.status, report.tree_size) == (True, INCLUDED, 1200)


async def test_a_log_whose_tiles_do_not_lead_to_its_head_gives_no_receipt(open_log: Callable[..., Log]) -> None:
    log = open_log()
    log.intent(1).close(Outcome("done"))
    log.reopen()
    tile = log.folder / "tile" / "0" / "000"
    tile.write_bytes(bytes(len(tile.read_bytes())))

    with pytest.raises(AuditUnavailable):
        await log.book.receipt(0)


def test_the_verifier_of_receipts_needs_python_and_cryptography_only() -> None:
    program = (
        "import sys; from gateway.audit.receipt.issue import verify_receipt\n"
        "tops = {name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)\n"
        "print(sorted(tops - {'cryptography', '_cffi_backend', 'gateway', '__main__'}))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    found = [name for name in json.loads(done.stdout.replace("'", '"')) if not name.startswith("_")]
    assert [name for name in found if name != "sitecustomize"] == []  # Debian's own, in every process


def test_the_schemas_name_exactly_what_receipts_have() -> None:
    assert set(SCHEMA["properties"]) == set(SCHEMA["required"]) == set(STATEMENT)
    assert set(ENVELOPE["properties"]) == set(json.loads(RECEIPTS[INCLUDED]))
    assert set(ENVELOPE["properties"]["inclusion"]["properties"]) == {"status", "checkpoint", "hashes"}


def test_a_random_receipt_never_passes() -> None:
    chance = random.Random(1)
    for _ in range(200):
        assert not verify_receipt(chance.randbytes(chance.randrange(2000)), VKEY).ok
