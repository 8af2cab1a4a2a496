"""Exports checked with nothing but their files: whole, filtered, of several logs, in other forms; and changed ones."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.canonical import canonical
from gateway.audit.export.manifest import sealed
from gateway.audit.export.run import Keys, Wish, export
from gateway.audit.log.merkle import leaf_hash
from gateway.audit.log.note import Signer, parse_verifier_key
from gateway.audit.log.reader import Filter
from gateway.audit.verify import KINDS, ROLL_BACK, BadUse, Report, check, read_since, told_lines
from gateway.cli.audit_verify import _parquet_rows
from tests.audit.exports import BERLIN
from tests.audit.made_logs import KEY, VKEY, lay, made, signed_heads

RECORDS = made(700)
HEADS = signed_heads(RECORDS, every=100)
FILTERS = {
    "all": Filter(),
    "outcomes": Filter(type="outcome"),
    "one": Filter(request=f"01J{77:023d}"),
    "none": Filter(code="x"),
}


def make(folder: Path, out: Path, form: str = "jsonl", wanted: Filter | None = None, *more: Path) -> Path:
    signer = Signer("sekisho-log", KEY)
    keys = Keys((parse_verifier_key(VKEY),), VKEY, lambda payload: sealed(payload, signer))
    export(Wish(out, form, (folder, *more), wanted or Filter(), BERLIN), keys)
    return out


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay(tmp_path_factory.mktemp("logs") / "berlin/node1/w0/default", RECORDS, HEADS)


@pytest.fixture(scope="module")
def exports(log: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exports")
    return {name: make(log, folder / f"{name}.jsonl", "jsonl", wanted) for name, wanted in FILTERS.items()}


def look(out: Path, key: str = VKEY) -> Report:
    (report,) = check(out, [key])
    assert all(problem.kind in KINDS for problem in report.problems)
    return report


@pytest.mark.parametrize(("name", "rows"), [("all", 700), ("outcomes", 350), ("one", 2), ("none", 0)])
def test_an_export_is_right(exports: dict[str, Path], name: str, rows: int) -> None:
    report = look(exports[name])

    assert ([str(p) for p in report.problems], report.records, report.tree_size) == ([], rows, 700)
    assert report.not_checked == [ROLL_BACK]


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 513])
def test_exports_of_many_sizes_are_right(tmp_path: Path, size: int) -> None:
    folder = lay(tmp_path / "a/b/c/default", RECORDS[:size], signed_heads(RECORDS[:size]))

    for number, wanted in enumerate(FILTERS.values()):
        assert look(make(folder, tmp_path / f"{number}.jsonl", "jsonl", wanted)).ok


def test_of_a_pruned_log_and_of_several(tmp_path: Path, log: Path) -> None:
    folder = lay(tmp_path / "berlin/node1/w1/default", RECORDS, HEADS, pruned=2, packed=2)
    out = make(log, tmp_path / "two.jsonl", "jsonl", Filter(type="intent"), folder)

    reports = check(out, [VKEY])

    assert [[str(problem) for problem in report.problems] for report in reports] == [[], []]
    assert [report.records for report in reports] == [350, 94]


@pytest.mark.parametrize("form", ["csv", "parquet", "ocsf", "cef", "syslog"])
def test_other_forms_stand_by_their_digest(tmp_path: Path, log: Path, form: str) -> None:
    out = make(log, tmp_path / f"out.{form}", form)
    report = look(out)
    assert (report.problems, report.tree_size) == ([], 700)
    assert any("cells" in what for what in report.not_checked)
    assert ROLL_BACK in report.not_checked
    for note, kinds in ((HEADS[-1], []), (signed_heads(made(700, word="z"))[-1], ["rewritten"])):
        (tmp_path / "kept").write_bytes(note)
        (report,) = check(out, [VKEY], read_since(tmp_path / "kept"))
        assert [problem.kind for problem in report.problems] == kinds
        assert ROLL_BACK not in report.not_checked

    whole = out.read_bytes()
    for at in (0, len(whole) // 2, len(whole) - 1):
        out.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert [problem.kind for problem in look(out).problems] == ["flipped"]


FOLDED = ["csv", "parquet", "ocsf", "cef", "syslog"]


def fold(out: Path) -> Report:
    (report,) = check(out, [VKEY], rows={"parquet": _parquet_rows})
    return report


@pytest.mark.parametrize("form", FOLDED)
@pytest.mark.parametrize(("name", "rows"), [("all", 700), ("outcomes", 350), ("one", 2), ("none", 0)])
def test_leaf_hashes_of_other_forms_lead_to_the_head(
    tmp_path: Path, log: Path, form: str, name: str, rows: int
) -> None:
    report = fold(make(log, tmp_path / f"out.{form}", form, FILTERS[name]))

    assert ([str(p) for p in report.problems], report.records) == ([], rows)
    assert not any("leaf hashes" in what for what in report.not_checked)


def test_the_program_alone_says_that_it_reads_no_parquet(tmp_path: Path, log: Path) -> None:
    report = look(make(log, tmp_path / "out.parquet", "parquet"))

    assert any("leaf hashes" in what for what in report.not_checked)


def signed_again(out: Path, content: bytes) -> Path:
    """Put another content in an export's place, and sign it with the log's own key: only the hashes can tell."""
    out.write_bytes(content)
    place = Path(f"{out}.manifest.json")
    payload = json.loads(b64decode(json.loads(place.read_bytes())["payload"]))
    payload["file"] |= {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    place.write_bytes(sealed(canonical(payload), Signer("sekisho-log", KEY)))
    return out


@pytest.mark.parametrize("form", ["csv", "ocsf", "cef"])
@pytest.mark.parametrize(
    ("harm", "kind"), [("taken", "left-out"), ("twice", "left-out"), ("moved", "left-out"), ("more", "inserted")]
)
def test_rows_that_its_maker_left_out_or_moved_are_found(
    tmp_path: Path, log: Path, form: str, harm: str, kind: str
) -> None:
    out = make(log, tmp_path / f"out.{form}", form, FILTERS["outcomes"])
    lines = out.read_bytes().splitlines(keepends=True)
    lines = {
        "taken": lines[:300] + lines[301:],
        "twice": lines[:300] + lines[299:],
        "moved": [*lines[:300], lines[301], lines[300], *lines[302:]],
        "more": [*lines, lines[-1]],
    }[harm]

    assert [problem.kind for problem in fold(signed_again(out, b"".join(lines))).problems] == [kind]


@pytest.mark.parametrize("form", ["csv", "ocsf", "cef", "syslog"])
def test_a_leaf_hash_that_its_maker_changed_is_found(tmp_path: Path, log: Path, form: str) -> None:
    out = make(log, tmp_path / f"out.{form}", form)
    leaf = leaf_hash(RECORDS[123]).hex().encode()
    content = out.read_bytes()
    assert content.count(leaf) >= 1

    found = fold(signed_again(out, content.replace(leaf, leaf_hash(b"another").hex().encode())))

    assert {problem.kind for problem in found.problems} == {"flipped"}


def test_a_record_that_its_maker_changed_in_a_row_is_found(tmp_path: Path, log: Path) -> None:
    out = make(log, tmp_path / "out.ocsf", "ocsf")
    lines = out.read_bytes().splitlines(keepends=True)
    event = json.loads(lines[5])
    event["raw_data"] = event["raw_data"].replace("berlin", "munich", 1)

    found = fold(signed_again(out, b"".join([*lines[:5], canonical_line(event), *lines[6:]])))

    assert [(problem.kind, problem.sequence) for problem in found.problems] == [("flipped", 5)]


def canonical_line(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode() + b"\n"


@pytest.mark.parametrize("form", FOLDED)
@pytest.mark.parametrize("content", [b"", b"rubbish", b"\xff\n", b"leaf_index;leaf_hash\r\nx;y\r\n", b"{}\n"])
def test_what_is_no_rows_is_named(tmp_path: Path, log: Path, form: str, content: bytes) -> None:
    out = make(log, tmp_path / f"out.{form}", form)

    found = fold(signed_again(out, content))

    assert {problem.kind for problem in found.problems} <= {"form", "left-out"}
    assert found.problems


def test_an_export_says_how_far_its_log_was_seen_elsewhere(tmp_path: Path) -> None:
    folder = lay(tmp_path / "a/b/c/default", RECORDS, HEADS)
    root = HEADS[4].split(b"\n")[2].decode()
    seen = {
        "kind": "media",
        "place": "usb",
        "size": 500,
        "root": root,
        "time": "2026-03-02T00:00:00Z",
        "cosignature": "",
    }
    (folder / "witnesses.jsonl").write_text(json.dumps(seen) + "\n")

    report = look(make(folder, tmp_path / "out.jsonl"))

    assert (report.ok, report.witnessed) == (True, 500)
    assert "unwitnessed: records from 500 on; no head that covers them was seen elsewhere" in "\n".join(
        told_lines(report)
    )


def rows_of(out: Path) -> list[bytes]:
    return out.read_bytes().splitlines(keepends=True)


def harmed(out: Path, rows: list[bytes]) -> Report:
    """Look at other rows under the same manifest, and put the rows back."""
    kept = out.read_bytes()
    out.write_bytes(b"".join(rows))
    try:
        return look(out)
    finally:
        out.write_bytes(kept)


PLACES = [0, 1, 127, 255, 256, 348, 349]


@pytest.mark.parametrize("at", PLACES)
@pytest.mark.parametrize("name", ["all", "outcomes"])
def test_a_row_that_was_flipped_deleted_inserted_moved_or_doubled_is_named(
    exports: dict[str, Path], name: str, at: int
) -> None:
    out = exports[name]
    rows = rows_of(out)
    number = json.loads(rows[at])["sequence"]
    other = at - 1 if at else 1
    moved = list(rows)
    moved[at], moved[other] = rows[other], rows[at]

    cases = {
        "flipped": [*rows[:at], rows[at].replace(b'"unknown"', b'"unknowm"'), *rows[at + 1 :]],
        "left-out": [*rows[:at], *rows[at + 1 :]],
        "duplicated": [*rows[:at], rows[at], *rows[at:]],
        "reordered": moved,
        "inserted": [*rows[:at], rows[at].replace(f'"sequence":{number},'.encode(), b'"sequence":9999,'), *rows[at:]],
    }
    found = {kind: harmed(out, changed).problems for kind, changed in cases.items()}

    for kind, problems in found.items():
        kinds = {problem.kind for problem in problems} | {each for problem in problems for each in problem.or_kinds}
        near = [problem.sequence for problem in problems if problem.sequence is not None]
        assert kind in kinds, (kind, [str(problem) for problem in problems])
        assert kind == "flipped" or any(abs(each - number) <= 2 for each in near), (kind, [str(p) for p in problems])


@pytest.mark.parametrize("left", [0, 1, 255, 256, 349])
def test_an_export_that_was_cut_off_is_named(exports: dict[str, Path], left: int) -> None:
    report = harmed(exports["outcomes"], rows_of(exports["outcomes"])[:left])

    assert [problem.kind for problem in report.problems] == ["cut-off"]
    assert report.problems[0].sequence == 2 * left + 1


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_flipped_bit_is_found(exports: dict[str, Path], data: st.DataObject) -> None:
    out = exports["outcomes"]
    path = data.draw(st.sampled_from([out, Path(f"{out}.manifest.json")]))
    whole = path.read_bytes()
    at, bit = data.draw(st.integers(0, len(whole) - 1)), 1 << data.draw(st.integers(0, 7))
    path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
    try:
        report = look(out)
    finally:
        path.write_bytes(whole)

    assert not report.ok


def resigned(out: Path, change: Any, key: Ed25519PrivateKey = KEY) -> Path:
    """Change what a manifest says, and sign it again, as whoever holds the key could."""
    path = Path(f"{out}.manifest.json")
    said = json.loads(b64decode(json.loads(path.read_bytes())["payload"]))
    change(said)
    path.write_bytes(sealed(canonical(said), Signer("sekisho-log", key)))
    return out


def test_a_record_left_out_by_the_holder_of_the_key_is_named(tmp_path: Path, log: Path) -> None:
    """Rows, count and digest are made to fit: only the signed head tells that a record is neither here nor named."""
    import hashlib

    out = make(log, tmp_path / "out.jsonl", "jsonl", Filter(type="outcome"))
    rows = rows_of(out)
    del rows[100]
    out.write_bytes(b"".join(rows))

    def hide(said: dict[str, Any]) -> None:
        said["rows"] -= 1
        said["logs"][0]["rows"] -= 1
        said["file"] |= {"bytes": len(out.read_bytes()), "sha256": hashlib.sha256(out.read_bytes()).hexdigest()}

    resigned(out, hide)
    assert {problem.kind for problem in look(out).problems} == {"left-out"}

    def hide_better(said: dict[str, Any]) -> None:
        """Name it as omitted, with a hash of something else."""
        first, _, hashes = next(each for each in said["logs"][0]["omitted"] if each[0] == 200)
        runs = [each for each in said["logs"][0]["omitted"] if each[0] not in (200, 202)]
        fake = b64encode(bytes(32)).decode()
        runs.append([first, 3, [b64encode(bytes(32)).decode(), fake]])
        said["logs"][0]["omitted"] = sorted(runs)
        assert hashes

    report = look(resigned(out, hide_better))
    assert any("left-out" in (problem.kind, *problem.or_kinds) for problem in report.problems)


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said.update(version="sekisho.export/2"),
        lambda said: said.update(logs=[7]),
        lambda said: said["logs"][0].update(range=[0, 699]),
        lambda said: said["logs"][0].update(rows=-1),
        lambda said: said["logs"][0].update(before=["AAAA"]),
        lambda said: said["logs"][0].update(omitted=[[5, 2**52, []]]),
        lambda said: said["logs"][0].update(omitted=[[0]]),
        lambda said: said["logs"][0]["omitted"][7][2].pop(),
        lambda said: said["logs"][0]["omitted"][7][2].append(b64encode(bytes(32)).decode()),
        lambda said: said["logs"][0]["omitted"][7][2].__setitem__(0, b64encode(bytes(31)).decode()),
        lambda said: said["logs"][0].update(checkpoint="x"),
        lambda said: said["logs"][0].update(keys=[{"old": 1}]),
        lambda said: said.update(file={}),
        lambda said: said.update(file=None),
    ],
)
def test_a_signed_manifest_that_makes_no_sense_is_wrong_and_nothing_breaks(
    tmp_path: Path, log: Path, change: Any
) -> None:
    out = resigned(make(log, tmp_path / "out.jsonl", "jsonl", Filter(type="outcome")), change)

    assert not all(report.ok for report in check(out, [VKEY]))


def test_a_manifest_by_another_key_is_named(exports: dict[str, Path]) -> None:
    stranger = Signer("sekisho-log", Ed25519PrivateKey.generate()).verifier_key()

    (problem,) = look(exports["all"], stranger).problems

    assert problem.kind == "other-key"


def test_a_checkpoint_kept_elsewhere_is_held_against_an_export(
    tmp_path: Path, exports: dict[str, Path], log: Path
) -> None:
    (tmp_path / "kept").write_bytes(HEADS[-1])
    (report,) = check(exports["outcomes"], [VKEY], read_since(tmp_path / "kept"))
    assert (report.problems, report.not_checked, len(report.since)) == ([], [], 1)

    short = lay(tmp_path / "a/b/c/default", RECORDS[:600], signed_heads(RECORDS[:600]))
    (report,) = check(make(short, tmp_path / "short.jsonl"), [VKEY], read_since(tmp_path / "kept"))
    assert [problem.kind for problem in report.problems] == ["cut-back"]


def test_the_form_of_earlier_releases_is_read(tmp_path: Path) -> None:
    out = tmp_path / "old.jsonl"
    out.write_bytes(b"".join(record + b"\n" for record in RECORDS))
    Path(f"{out}.checkpoint").write_bytes(HEADS[-1])
    Path(f"{out}.vkey").write_text(VKEY)

    (report,) = check(out, [])
    assert (report.problems, report.records) == ([], 700)
    assert any("came with the export" in what for what in report.not_checked)

    out.write_bytes(out.read_bytes().replace(b'"acme"', b'"evil"', 1))
    assert [problem.kind for problem in look(out).problems] == ["flipped"]


def test_a_file_that_is_no_export_is_used_wrongly(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello\n")

    with pytest.raises(BadUse, match=r"neither \.manifest\.json nor \.checkpoint"):
        check(tmp_path / "file", [VKEY])
