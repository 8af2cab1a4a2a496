"""Cosignatures of witnesses, checked by the verifier alone: who saw the log, up to where, and what is none."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import verify as verifier
from gateway.audit.anchor.cosign import Cosigner
from gateway.audit.anchor.witnesses import Witness, append
from gateway.audit.export import manifest as manifests
from gateway.audit.log.merkle import CompactRange, leaf_hash, root_hash
from gateway.audit.log.reader import Filter, raw_records
from gateway.audit.verify import ROLL_BACK, Report, Witnesses, read_since, verify
from gateway.domain import Outcome
from tests.audit.exports import make
from tests.audit.made_logs import KEY, ORIGIN, VKEY, lay, made, signed_heads

W1, W2, W3 = (Cosigner(f"w{n}.example", Ed25519PrivateKey.from_private_bytes(bytes([n] * 32))) for n in (1, 2, 3))
KEYS = [W1.verifier_key(), W2.verifier_key()]
T, T_TOLD = 1_772_330_000, "2026-03-01T01:53:20Z"  # two hours after the log's first record
RECORDS = made(300)
Log = Any  # conftest.OpenLog


@cache
def roots() -> list[bytes]:
    tree, found = CompactRange(), [CompactRange().root()]
    for record in RECORDS:
        tree.append(leaf_hash(record))
        found.append(tree.root())
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay(tmp_path_factory.mktemp("whole") / "log", RECORDS, signed_heads(RECORDS, every=100))


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "log")


def text_at(size: int, origin: str = ORIGIN, root: bytes | None = None) -> str:
    return f"{origin}\n{size}\n{b64encode(root or roots()[size]).decode()}\n"


def seen(
    folder: Path, witness: Cosigner, size: int, seconds: int = T, line: str = "", root: bytes | None = None
) -> None:
    line = line or witness.cosign(text_at(size, root=root), seconds)
    root = root or roots()[size]
    append(folder, [Witness("node", witness.key.name, size, root, "2026-03-01T02:00:00Z", line)])


def look(folder: Path, threshold: int = 1) -> Report:
    return verify(folder, VKEY, witnesses=Witnesses(KEYS, threshold))


def ranges(report: Report) -> list[tuple[int, int, list[str]]]:
    return [(each.first, each.end, [str(one["witness"]) for one in each.by]) for each in report.cosigned]


@pytest.mark.parametrize("size", [1, 2, 3, 100, 127, 255, 256, 257, 299, 300])
def test_a_cosignature_holds_at_any_size(folder: Path, size: int) -> None:
    seen(folder, W1, size)

    report = look(folder)

    assert (report.problems, report.cosigned_up_to) == ([], size)
    assert ranges(report) == [(0, size, ["w1.example"])]
    assert report.cosigned[0].by[0]["time"] == T_TOLD


def test_each_range_says_by_whom_and_the_threshold_how_far(folder: Path) -> None:
    for witness, size in ((W1, 50), (W2, 150), (W1, 270), (W1, 150)):
        seen(folder, witness, size)

    one, two = look(folder), look(folder, threshold=2)

    assert ranges(one) == ranges(two) == [(0, 150, ["w1.example", "w2.example"]), (150, 270, ["w1.example"])]
    assert (one.cosigned_up_to, two.cosigned_up_to, two.ok) == (270, 150, True)
    told = verifier.told_lines(two)
    assert "       not cosigned by 2: records from 150 on" in told
    assert f"       cosigned: records 150 to 269 by w1.example ({T_TOLD})" in told


def test_two_who_saw_the_same_head_count_both(folder: Path) -> None:
    seen(folder, W1, 300)
    seen(folder, W2, 300)

    assert look(folder, threshold=2).cosigned_up_to == 300


def test_it_does_not_stand_for_a_checkpoint_kept_elsewhere(folder: Path) -> None:
    """Who cut the log back left those cosignatures there that fit."""
    seen(folder, W1, 300)

    report = look(folder)

    assert (report.ok, report.not_checked) == (True, [ROLL_BACK])


def test_without_witnesses_keys_it_is_said_that_nobody_looked(folder: Path) -> None:
    seen(folder, W1, 300)

    report = verify(folder, VKEY)

    assert (report.ok, report.cosigned, report.threshold) == (True, [], 0)
    assert "cosignatures of witnesses: give their public keys with --witness" in report.not_checked


# --- what is no cosignature of this log


def changed(line: str, at: int) -> str:
    name, _, encoded = line.rpartition(" ")
    blob = bytearray(b64decode(encoded))
    blob[at] ^= 1
    return f"{name} {b64encode(blob).decode()}\n"


def of_other_time(size: int) -> str:
    return changed(W1.cosign(text_at(size), T), 11)


def of_other_signature(size: int) -> str:
    return changed(W1.cosign(text_at(size), T), 40)


def of_other_root(size: int) -> str:
    return W1.cosign(text_at(size, root=bytes(32)), T)


def of_other_size(size: int) -> str:
    return W1.cosign(text_at(size).replace(f"\n{size}\n", f"\n{size + 1}\n"), T)


def of_other_log(size: int) -> str:
    return W1.cosign(text_at(size, "berlin/node1/w9"), T)


def cut_short(size: int) -> str:
    name, _, encoded = W1.cosign(text_at(size), T).rpartition(" ")
    return f"{name} {b64encode(b64decode(encoded)[:-1]).decode()}\n"


HARMED = [of_other_time, of_other_signature, of_other_root, of_other_size, of_other_log, cut_short]


@pytest.mark.parametrize("size", [1, 256, 283])
@pytest.mark.parametrize("harm", HARMED)
def test_what_does_not_hold_is_named(folder: Path, harm: Callable[[int], str], size: int) -> None:
    seen(folder, W2, size)
    seen(folder, W1, size, line=harm(size))

    report = look(folder)

    (problem,) = report.problems
    assert (problem.kind, f"head of {size} records" in problem.what) == ("cosignature", True)
    assert ranges(report) == [(0, size, ["w2.example"])]


def of_another_key(size: int) -> str:
    stranger = Cosigner(W1.key.name, Ed25519PrivateKey.from_private_bytes(bytes([9] * 32)))
    return stranger.cosign(text_at(size), T)


def of_nobody(_size: int) -> str:
    return "\u2014 w1.example not-base64\n"


def of_another_witness(size: int) -> str:
    return W3.cosign(text_at(size), T)


@pytest.mark.parametrize("size", [1, 300])
@pytest.mark.parametrize("harm", [of_another_key, of_nobody, of_another_witness])
def test_a_key_that_nobody_named_counts_for_nothing(folder: Path, harm: Callable[[int], str], size: int) -> None:
    seen(folder, W1, size, line=harm(size))

    report = look(folder)

    assert [problem.kind for problem in report.problems] == ["cosignature"]
    assert "no head in it has the cosignatures of 1 of the witnesses" in report.problems[0].what
    assert "1 cosignatures are by none of the witnesses that were given" in report.notes


@pytest.mark.parametrize("size", [1, 256, 299])
def test_a_log_that_was_written_anew_after_it_was_cosigned_is_named(tmp_path: Path, size: int) -> None:
    """The cosignature holds; the log's records are others, with good hashes and signatures."""
    anew = made(300, word="z")
    folder = lay(tmp_path / "log", anew, signed_heads(anew, every=100))
    seen(folder, W1, size)

    kinds = [(problem.kind, "cosigned by w1.example" in problem.what) for problem in look(folder).problems]

    assert ("rewritten", True) in kinds
    assert ("cosignature", False) in kinds


@pytest.mark.parametrize("size", [301, 5000])
def test_a_log_that_is_shorter_than_what_was_cosigned_is_named(folder: Path, size: int) -> None:
    seen(folder, W1, 300)
    seen(folder, W2, size, root=bytes(range(32)))

    (problem,) = look(folder).problems

    assert (problem.kind, f"covers {size}" in problem.what) == ("cut-back", True)


def test_records_younger_than_their_cosignature_are_noted(folder: Path) -> None:
    seen(folder, W1, 300, seconds=T - 365 * 86_400)
    path = folder / "witnesses.jsonl"  # the time in a line is nobody's word; the one in the cosignature is
    path.write_bytes(path.read_bytes().replace(b"2026-03-01T02:00:00Z", b"unknown"))

    report = look(folder)

    assert report.ok
    assert any("one of two clocks is wrong" in note for note in report.notes)


# --- wherever else cosignatures stand


def test_a_checkpoint_kept_elsewhere_brings_its_cosignatures(folder: Path, tmp_path: Path) -> None:
    note = signed_heads(RECORDS[:270], every=270)[-1] + W1.cosign(text_at(270), T).encode()
    (tmp_path / "kept").write_bytes(note)

    report = verify(folder, VKEY, since=read_since(tmp_path / "kept"), witnesses=Witnesses(KEYS))

    assert (report.problems, report.not_checked, report.cosigned_up_to) == ([], [], 270)


@pytest.mark.parametrize("form", ["jsonl", "csv", "ocsf"])
def test_an_export_of_some_records_brings_its_cosignatures(
    open_log: Callable[..., Log], tmp_path: Path, form: str
) -> None:
    """Of the records that it covers, only every second is in the file."""
    log = open_log()
    for number in range(6):
        log.intent(number).close(Outcome("done"))
    log.book.close()
    origin = (log.folder / "checkpoint").read_text().split("\n")[0]
    root = root_hash([leaf_hash(row) for row in raw_records(log.folder)][:7])
    line = W1.cosign(text_at(7, origin, root), T)
    append(log.folder, [Witness("node", "w1", 7, root, "2026-03-01T02:00:00Z", line)])

    out = make(log, tmp_path / "out", form, Filter(type="outcome")).out
    (report,) = verifier.check(out, [log.vkey], witnesses=Witnesses(KEYS))
    (other,) = verifier.check(out, [log.vkey], witnesses=Witnesses([W3.verifier_key()]))

    assert ([str(problem) for problem in report.problems], report.cosigned_up_to) == ([], 7)
    assert [problem.kind for problem in other.problems] == ["cosignature"]
    said = manifests.opened(Path(f"{out}.manifest.json").read_bytes()).said
    assert said["logs"][0]["witnessed"]["ranges"][0]["by"][0]["cosignature"] == line


# --- how it is asked for


@pytest.mark.parametrize(
    "key", [VKEY, "", "w+00000000+AA==", W1.verifier_key().replace("w1", "w2"), f"x {W1.verifier_key()}"]
)
def test_what_is_no_witness_key_is_refused(key: str) -> None:
    with pytest.raises(verifier.BadKey):
        Witnesses([key])


@pytest.mark.parametrize(("keys", "threshold"), [(KEYS, 3), (KEYS, 0), ([], 2), ([W1.verifier_key()] * 2, 2)])
def test_more_witnesses_than_there_are_cannot_be_asked_for(keys: list[str], threshold: int) -> None:
    with pytest.raises(verifier.BadUse, match="--threshold"):
        Witnesses(keys, threshold)


def test_one_key_under_two_names_is_refused() -> None:
    twin = Cosigner("twin.example", Ed25519PrivateKey.from_private_bytes(bytes([1] * 32)))

    with pytest.raises(verifier.BadUse, match="same key"):
        Witnesses([W1.verifier_key(), twin.verifier_key()])


def test_the_command_says_it(folder: Path, tmp_path: Path) -> None:
    seen(folder, W1, 300)
    (tmp_path / "log.vkey").write_text(VKEY)
    (tmp_path / "witnesses").write_text("\n".join(KEYS))
    command = [sys.executable, "-I", verifier.__file__, str(folder), "--key", str(tmp_path / "log.vkey"), "--json"]
    command += ["--witness", str(tmp_path / "witnesses"), "--threshold"]

    once, twice = (subprocess.run([*command, n], capture_output=True, text=True, check=False) for n in "12")

    assert (once.returncode, twice.returncode) == (4, 1)
    (report,) = json.loads(once.stdout)["reports"]
    assert (report["cosigned_up_to"], report["threshold"]) == (300, 1)
    assert report["cosigned"][0]["by"] == [{"witness": "w1.example", "size": 300, "time": T_TOLD}]


def test_the_published_example() -> None:
    """C2SP tlog-cosignature (CC BY 4.0): its line and its time; the key that it names is not published with it."""
    note = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZ"
        "qhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    )
    head = verifier.parse_head(note.encode())
    (name, id_, blob) = head.note.signatures[0]
    stranger = verifier.WitnessKey("witness.example.com/w1", KEY.public_key().public_bytes_raw())

    assert (name, id_.hex(), int.from_bytes(blob[:8], "big")) == (stranger.name, "8d66cf3f", 1_679_315_147)
    with pytest.raises(verifier.BadInput, match="does not hold"):
        verifier.cosigned_at(stranger, blob, head.note.text)
