"""What was done to a log is named, kind by kind, wherever it was done: with the tiles left alone, and made anew."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.verify import KINDS, Problem, Report, told_lines, verify
from tests.audit.made_logs import BUNDLE, KEY, VKEY, event, lay, made, put_bundle, signed_heads

RECORDS = made(700)
HEADS = signed_heads(RECORDS, every=100)
PLACES = [0, 1, 99, 100, 254, 255, 256, 257, 511, 512, 698, 699]
Rows = list[bytes]


def flip(rows: Rows, at: int) -> None:
    rows[at] = rows[at].replace(b'"01J0', b'"01J1', 1)


def delete(rows: Rows, at: int) -> None:
    del rows[at]


def insert(rows: Rows, at: int) -> None:
    rows.insert(at, rows[at].replace(b'"01J0', b'"01J7', 1))


def swap(rows: Rows, at: int) -> None:
    other = at + 1 if at + 1 < len(rows) else at - 1
    rows[at], rows[other] = rows[other], rows[at]


def double(rows: Rows, at: int) -> None:
    rows.insert(at, rows[at])


HARMS = {"flipped": flip, "deleted": delete, "inserted": insert, "reordered": swap, "duplicated": double}


def named(report: Report, kind: str, near: int) -> bool:
    """Whether that kind is named at that place, or next to it."""
    assert all(problem.kind in KINDS for problem in report.problems)
    return any(
        problem.kind == kind and problem.sequence is not None and abs(problem.sequence - near) <= 1
        for problem in report.problems
    )


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay(tmp_path_factory.mktemp("log"), RECORDS, HEADS)


def harm_bundle(log: Path, kind: str, at: int) -> list[Problem]:
    """Do it in the one bundle, as with an editor; look; and put it back."""
    index, place = divmod(at, BUNDLE)
    rows = RECORDS[index * BUNDLE : (index + 1) * BUNDLE]
    kept = list(rows)
    HARMS[kind](rows, place)
    put_bundle(log, index, rows)
    report = verify(log, VKEY)
    put_bundle(log, index, kept)
    expected = "cut-off" if kind == "deleted" and at == len(RECORDS) - 1 else kind
    if kind in ("duplicated", "inserted") and at == len(RECORDS) - 1:
        return report.problems  # one row too many at the end follows the last head: its number is wrong
    assert named(report, expected, at), f"{kind} at {at}: {[str(p) for p in report.problems]}"
    return report.problems


@pytest.mark.parametrize("at", PLACES)
@pytest.mark.parametrize("kind", HARMS)
def test_what_was_done_to_one_bundle_is_named(log: Path, kind: str, at: int) -> None:
    assert harm_bundle(log, kind, at)


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(sorted(HARMS)), at=st.integers(0, 698))
def test_it_is_named_anywhere(log: Path, kind: str, at: int) -> None:
    problems = harm_bundle(log, kind, at)

    assert len(problems) <= 2, [str(problem) for problem in problems]


@pytest.mark.parametrize("at", [p for p in PLACES if p < 698])
@pytest.mark.parametrize("kind", ["deleted", "inserted", "reordered", "duplicated"])
def test_it_is_named_when_all_tiles_were_made_anew(tmp_path: Path, kind: str, at: int) -> None:
    rows = list(RECORDS)
    HARMS[kind](rows, at)
    lay(tmp_path, rows, HEADS)

    report = verify(tmp_path, VKEY)

    kinds = {"inserted": ("inserted", "duplicated")}.get(kind, (kind,))  # two records of one number
    assert any(named(report, each, at) for each in kinds), [str(problem) for problem in report.problems]
    if at < 500:  # behind it, the last bundle has too few records and no whole tile: no root can be computed
        assert any("not those that were signed" in problem.what for problem in report.problems)


def test_a_flipped_record_with_tiles_made_anew_lies_between_two_heads(tmp_path: Path) -> None:
    rows = list(RECORDS)
    rows[333] = rows[333].replace(b'"done"', b'"lost"')
    lay(tmp_path, rows, HEADS)

    (problem,) = verify(tmp_path, VKEY).problems

    assert (problem.kind, problem.what) == ("flipped", "signed head: records 300 to 399 are not those that were signed")


@pytest.mark.parametrize("left", [0, 1, 255, 256, 257, 512, 699])
def test_an_end_that_was_cut_off_is_named(tmp_path: Path, left: int) -> None:
    lay(tmp_path, RECORDS[:left], HEADS)

    report = verify(tmp_path, VKEY)

    assert any(problem.kind == "cut-off" for problem in report.problems)
    assert f"{left} records are here, 700 were signed" in str(report.problems)


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(1, 20_000))
def test_a_bundle_that_was_cut_anywhere_is_named(log: Path, cut: int) -> None:
    path = log / "tile/entries/002"
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    try:
        report = verify(log, VKEY)
    finally:
        path.write_bytes(whole)

    assert {problem.kind for problem in report.problems} <= {"cut-off", "flipped", "deleted"}
    assert any(problem.kind == "cut-off" for problem in report.problems)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_bundle_that_is_gone_is_named(tmp_path: Path, index: int) -> None:
    lay(tmp_path, RECORDS, HEADS)
    (tmp_path / f"tile/entries/00{index}").unlink()

    report = verify(tmp_path, VKEY)

    (problem,) = report.problems
    assert problem.kind == ("cut-off" if index == 2 else "deleted")
    assert (problem.sequence, problem.last) == (index * BUNDLE, min(700, (index + 1) * BUNDLE) - 1)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), name=st.sampled_from(["tile/entries/000.gz", "tile/entries/001.gz", "tile/entries/002"]))
def test_a_flipped_bit_of_a_packed_log_is_found(packed: Path, data: st.DataObject, name: str) -> None:
    path = packed / name
    whole = path.read_bytes()
    begin = 10 if name.endswith("gz") else 0  # gzip's header says nothing of the records
    at, bit = data.draw(st.integers(begin, len(whole) - 1)), 1 << data.draw(st.integers(0, 7))
    harmed = whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :]
    path.write_bytes(harmed)
    try:
        found = verify(packed, VKEY).problems
    finally:
        path.write_bytes(whole)

    named = any(problem.file == name and problem.kind == "flipped" for problem in found)
    assert named != (name.endswith("gz") and unpacks_to(harmed, gzip.decompress(whole))), [str(each) for each in found]


def unpacks_to(packed: bytes, plain: bytes) -> bool:
    """Whether a flipped bit says nothing: DEFLATE has some that pad a byte, or give a length to a code nobody uses."""
    try:
        return gzip.decompress(packed) == plain
    except (OSError, EOFError, zlib.error):
        return False


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay(tmp_path_factory.mktemp("packed"), RECORDS, HEADS, packed=2)


def test_a_packed_bundle_beside_a_plain_one_must_be_the_same(tmp_path: Path) -> None:
    lay(tmp_path, RECORDS, HEADS)
    plain = (tmp_path / "tile/entries/000").read_bytes()
    (tmp_path / "tile/entries/000.gz").write_bytes(gzip.compress(plain, mtime=0))
    assert verify(tmp_path, VKEY).ok

    (tmp_path / "tile/entries/000.gz").write_bytes(gzip.compress(plain.replace(b"acme", b"evil", 1), mtime=0))
    (problem,) = verify(tmp_path, VKEY).problems
    assert (problem.file, problem.kind) == ("tile/entries/000.gz", "flipped")


def test_a_clock_that_went_back_without_a_word_is_named(tmp_path: Path) -> None:
    records = [
        event(number, "key.created", {}, seconds=number if number < 300 else number - 90) for number in range(600)
    ]
    lay(tmp_path, records, signed_heads(records))

    (problem,) = verify(tmp_path, VKEY).problems

    assert (problem.kind, problem.sequence) == ("clock-back", 300)


def test_a_log_by_another_key_is_named(tmp_path: Path) -> None:
    lay(tmp_path, RECORDS, signed_heads(RECORDS, Ed25519PrivateKey.generate(), every=100))

    report = verify(tmp_path, VKEY)

    assert [problem.kind for problem in report.problems] == ["other-key"] * 7 + ["cut-off"]
    assert "nothing of this log can be checked" in str(report.problems[-1])


@pytest.mark.parametrize("which", [0, 3, 6])
def test_one_head_by_another_key_is_named(tmp_path: Path, which: int) -> None:
    heads = list(HEADS)
    heads[which] = signed_heads(RECORDS, Ed25519PrivateKey.generate(), every=100)[which]
    lay(tmp_path, RECORDS, heads)

    problems = verify(tmp_path, VKEY).problems

    assert [(each.file, each.kind) for each in problems] == [("checkpoints", "other-key")]


def reverse_heads(heads: Rows) -> None:
    heads.reverse()


def repeat_head(heads: Rows) -> None:
    heads.append(heads[-1])


def drop_heads(heads: Rows) -> None:
    del heads[-3:]


@pytest.mark.parametrize("harm", [reverse_heads, repeat_head])
def test_heads_that_do_not_follow_each_other_are_named(tmp_path: Path, harm: Callable[[Rows], None]) -> None:
    heads = list(HEADS)
    harm(heads)
    lay(tmp_path, RECORDS, heads)

    assert any("does not follow the one before" in str(each) for each in verify(tmp_path, VKEY).problems)


def test_a_history_that_lacks_the_published_head_is_named(tmp_path: Path) -> None:
    heads = list(HEADS)
    drop_heads(heads)
    lay(tmp_path, RECORDS, heads)
    (tmp_path / "checkpoint").write_bytes(HEADS[-1])

    (problem,) = verify(tmp_path, VKEY).problems

    assert (problem.file, problem.what) == ("checkpoint", "it is not one of the signed heads")


def test_two_signed_heads_of_one_size_are_a_fork(tmp_path: Path) -> None:
    other = signed_heads([*RECORDS[:-1], RECORDS[-1].replace(b"done", b"lost")], KEY, every=100)[-1]
    lay(tmp_path, RECORDS, [*HEADS, other])

    report = verify(tmp_path, VKEY)

    assert "forked" in {problem.kind for problem in report.problems}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"version": "sekisho.record/9"}, "its version is not sekisho.record/1"),
        ({"origin": "berlin/node1/w1"}, "it belongs to another log"),
        ({"time": "2026-13-01T00:00:00Z"}, "its time is none"),
        ({"monotonic_ns": "-1"}, "its time is none"),
        ({"sequence": "3"}, "missing or of another kind: sequence"),
        ({"details": []}, "missing or of another kind: details"),
        ({"type": "Key.Created"}, "its type is none"),
    ],
)
def test_a_signed_record_that_is_none_is_named(tmp_path: Path, change: dict[str, Any], what: str) -> None:
    import json

    from tests.audit.made_logs import text

    records = [event(number, "key.created", {}) for number in range(6)]
    records[3] = text(json.loads(records[3]) | change)
    lay(tmp_path, records, signed_heads(records))

    (problem,) = verify(tmp_path, VKEY).problems

    assert problem.sequence == 3
    assert what in problem.what


@pytest.mark.parametrize(
    "written",
    [
        b'{"b":1,"a":2}',
        b'{"a":1.5}',
        b'{"a": 1}',
        b'{"a":1,"a":1}',
        b'{"a":01}',
        b'{"a":12345678901234567890}',
        b"{}x}",
    ],
)
def test_a_signed_record_that_is_not_canonical_is_named(tmp_path: Path, written: bytes) -> None:
    records = [event(number, "key.created", {}) for number in range(6)]
    records[2] = written
    lay(tmp_path, records, signed_heads(records))

    report = verify(tmp_path, VKEY)

    assert (2, "form") in {(problem.sequence, problem.kind) for problem in report.problems}


@pytest.mark.parametrize("kind", HARMS)
def test_it_is_named_where_every_record_has_a_head(tmp_path: Path, kind: str) -> None:
    lay(tmp_path, RECORDS[:40], signed_heads(RECORDS[:40], every=1))
    for at in range(39):
        rows = RECORDS[:40]
        HARMS[kind](rows, at)
        put_bundle(tmp_path, 0, rows)

        (problem,) = verify(tmp_path, VKEY).problems

        assert (problem.kind, abs((problem.sequence or 0) - at) <= 1) == (kind, True), f"at {at}: {problem}"


def test_records_that_follow_the_last_head_hide_no_doubled_one(tmp_path: Path) -> None:
    lay(tmp_path, RECORDS[:30], signed_heads(RECORDS[:30], every=30))
    put_bundle(tmp_path, 0, [*RECORDS[:12], RECORDS[11], *RECORDS[12:33]])

    report = verify(tmp_path, VKEY)

    assert [(problem.kind, problem.sequence) for problem in report.problems[:1]] == [("duplicated", 12)]
    assert not any(problem.kind == "deleted" for problem in report.problems)


def test_a_published_head_that_was_taken_away_is_named(tmp_path: Path) -> None:
    lay(tmp_path, RECORDS, HEADS, packed=1)
    (tmp_path / "checkpoint").unlink()

    (problem,) = verify(tmp_path, VKEY).problems

    assert (problem.kind, problem.file) == ("deleted", "checkpoint")


def test_many_that_say_the_same_are_told_in_three_lines(tmp_path: Path) -> None:
    other = signed_heads(RECORDS[:40], Ed25519PrivateKey.generate(), every=2)
    lay(tmp_path, RECORDS[:30], [*other, *signed_heads(RECORDS[:40], every=40)])

    said = [line.strip() for line in told_lines(verify(tmp_path, VKEY))]

    assert [line.partition(":")[0] for line in said if line.startswith("other-key")] == ["other-key"] * 3
    assert "other-key: and 18 like it, up to:" in said
    assert any(line.startswith("hint: ") for line in said)  # the record of the change may be among the missing ones


def test_of_many_heads_kept_in_one_place_the_largest_is_told() -> None:
    report = Report("x", since=[f"kept: the first {size} records are those that it covers" for size in range(1, 9)])

    said = [line.strip() for line in told_lines(report) if "kept elsewhere" in line]

    assert said == ["kept elsewhere: kept: the first 8 records are those that it covers (and 7 smaller heads fit)"]


def test_a_key_of_another_log_is_told_first(tmp_path: Path) -> None:
    lay(tmp_path, RECORDS[:40], signed_heads(RECORDS[:40], Ed25519PrivateKey.generate(), every=10))

    report = verify(tmp_path, VKEY)

    (hint,) = [line.strip() for line in told_lines(report) if "hint: " in line]
    assert "Is it this log's key?" in hint
    assert not report.ok
