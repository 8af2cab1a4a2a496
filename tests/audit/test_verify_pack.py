"""Evidence packs: what was done to a log in one is named as in any export, and what was done to the pack besides."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.canonical import canonical
from gateway.audit.evidence.pack import Wish, make
from gateway.audit.log.note import Signer
from gateway.audit.verify import Problem, check, read_since
from gateway.domain import Outcome
from tests.audit.evidence_parts import PlainHouse, manifest_of, pack_keys, rewritten, unpacked

Log = Any  # conftest.OpenLog
RECORDS = "logs/berlin/node1/w0/default/records.jsonl"
PLACES = [0, 1, 255, 256, 299]


@pytest.fixture
def pack(open_log: Callable[..., Log], tmp_path: Path) -> tuple[Path, Log]:
    """A pack of a log of 300 records, with a head at its middle and one at its end."""
    log = open_log(checkpoint_records=50, checkpoint_seconds=60.0)
    for number in range(150):
        log.intent(number).close(Outcome("done"))
        if number == 74:
            log.reopen()
    log.book.close()
    wish = Wish(logs=[log.folder], site="berlin", pdf=False)
    return make(wish, tmp_path / "pack.zip", pack_keys(log.key), PlainHouse(tmp_path)).out, log


def changed(pack: Path, change: dict[str, bytes | None], vkey: str) -> list[Problem]:
    bad = pack.with_name("bad.zip")
    bad.write_bytes(rewritten(pack, change))
    return [problem for report in check(bad, [vkey]) for problem in report.problems]


def test_a_pack_is_right(pack: tuple[Path, Log]) -> None:
    out, log = pack

    first, second = check(out, [log.vkey])

    assert (first.what, first.ok, second.what, second.ok) == ("pack", True, "export", True)
    assert (second.records, second.tree_size, second.origin) == (300, 300, "berlin/node1/w0")


def test_what_was_done_to_its_log_is_named(pack: tuple[Path, Log]) -> None:
    out, log = pack
    rows = unpacked(out)[RECORDS].splitlines(keepends=True)
    for at in PLACES:
        other = at - 1 if at else 1
        moved = list(rows)
        moved[at], moved[other] = rows[other], rows[at]
        cases = {
            "flipped": [*rows[:at], rows[at].replace(b'"clock"', b'"cloak"'), *rows[at + 1 :]],
            "left-out": [*rows[:at], *rows[at + 1 :]],
            "duplicated": [*rows[:at], rows[at], *rows[at:]],
            "reordered": moved,
        }
        for kind, lines in cases.items():
            problems = changed(out, {RECORDS: b"".join(lines)}, log.vkey)
            kinds = {each for problem in problems for each in (problem.kind, *problem.or_kinds)}
            assert kind in kinds, (kind, at, [str(problem) for problem in problems])
            assert any(
                problem.file == RECORDS and problem.what.startswith("this is not the file") for problem in problems
            )


def signed_again(
    out: Path, log: Log, change: dict[str, bytes], key: Ed25519PrivateKey | None = None
) -> dict[str, bytes | None]:
    """Return the change with a pack manifest that fits it, signed by whoever has a key."""
    files = unpacked(out) | change
    said = manifest_of(files)
    for each in said["files"]:
        content = files[each["path"]]
        each |= {"sha256": sha256(content).hexdigest(), "bytes": len(content)}
    return {**change, "manifest.json": pack_keys(key or log.key).seal(canonical(said))}


def test_a_record_left_out_by_the_holder_of_the_key_is_named(pack: tuple[Path, Log]) -> None:
    """The pack's own manifest fits: the log's does not, and its head cannot be made to."""
    out, log = pack
    rows = unpacked(out)[RECORDS].splitlines(keepends=True)
    change = signed_again(out, log, {RECORDS: b"".join([*rows[:100], *rows[101:]])})

    problems = changed(out, change, log.vkey)

    assert [(problem.kind, problem.sequence) for problem in problems if problem.sequence] == [("left-out", 100)]


def test_a_pack_by_another_key_is_named(pack: tuple[Path, Log]) -> None:
    out, log = pack

    problems = changed(out, signed_again(out, log, {}, Ed25519PrivateKey.generate()), log.vkey)

    assert [(problem.file, problem.kind) for problem in problems] == [("manifest.json", "other-key")]


@pytest.mark.parametrize("name", ["manifest.json", RECORDS, f"{RECORDS}.manifest.json", "verify.py"])
def test_a_file_that_is_gone_is_named(pack: tuple[Path, Log], name: str) -> None:
    out, log = pack

    problems = changed(out, {name: None}, log.vkey)

    assert any(problem.file == name and problem.kind == "deleted" for problem in problems)


def test_a_checkpoint_kept_elsewhere_is_held_against_a_pack(pack: tuple[Path, Log], tmp_path: Path) -> None:
    out, log = pack
    notes = (log.folder / "checkpoints").read_bytes().split(b"\n\n\xe2\x80\x94")
    assert len(notes) > 2
    (tmp_path / "kept").write_bytes((log.folder / "checkpoints").read_bytes())

    reports = check(out, [log.vkey], read_since(tmp_path / "kept"))
    assert all(report.ok for report in reports)
    assert [what for report in reports for what in report.not_checked] == []

    later = Signer("berlin/node1/w0", log.key).sign(400, bytes(32))
    (tmp_path / "kept").write_bytes(later)
    problems = [p for report in check(out, [log.vkey], read_since(tmp_path / "kept")) for p in report.problems]
    assert [problem.kind for problem in problems] == ["cut-back"]


def test_a_manifest_that_makes_no_sense_breaks_nothing(pack: tuple[Path, Log]) -> None:
    out, log = pack
    for said in ({}, {"files": 7}, {"files": [{"path": 1}], "logs": [3, {}]}, {"logs": [{"path": "nowhere"}]}):
        payload = canonical({"version": "sekisho.evidence/1", **json.loads(json.dumps(said))})
        assert changed(out, {"manifest.json": pack_keys(log.key).seal(payload)}, log.vkey)
