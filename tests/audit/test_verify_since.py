"""Against a checkpoint that was kept elsewhere: cut back, rolled back, forked, rewritten. And keys that follow keys."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.log.merkle import CompactRange, leaf_hash, root_hash
from gateway.audit.log.note import Signer
from gateway.audit.verify import ROLL_BACK, BadUse, Report, exit_code, read_since, verify
from tests.audit.made_logs import KEY, ORIGIN, VKEY, event, lay, made, one, put_bundle, signed_heads, stamp
from tests.audit.rotations import rotation, vkey

RECORDS = made(700)
HEADS = signed_heads(RECORDS, every=100)
OTHER = made(350) + [one(number, word="x") for number in range(350, 700)]  # from 350 on, another history
SIZES = [100, 200, 300, 400, 500, 600, 700]


def root_at(records: list[bytes], size: int) -> bytes:
    tree = CompactRange()
    for record in records[:size]:
        tree.append(leaf_hash(record))
    return tree.root()


def kept(tmp_path: Path, *notes: bytes) -> Path:
    path = tmp_path / "kept"
    path.write_bytes(b"".join(note + b"\n" for note in notes))
    return path


def witness_line(records: list[bytes], size: int, seconds: float, kind: str = "media") -> bytes:
    root = b64encode(root_at(records, size)).decode()
    line = {"kind": kind, "place": "usb", "size": size, "root": root, "time": stamp(seconds), "cosignature": ""}
    return json.dumps(line).encode() + b"\n"


def look(folder: Path, since: Path) -> Report:
    return verify(folder, VKEY, since=read_since(since))


@pytest.mark.parametrize("which", range(7))
def test_a_log_that_goes_on_from_the_checkpoint_is_right(tmp_path: Path, which: int) -> None:
    lay(tmp_path / "log", RECORDS, HEADS)

    report = look(tmp_path / "log", kept(tmp_path, HEADS[which]))

    assert (report.problems, report.not_checked, exit_code([report])) == ([], [], 0)
    assert report.since == [f"kept: the first {SIZES[which]} records are those that it covers"]


def test_without_one_roll_back_is_not_checked(tmp_path: Path) -> None:
    report = verify(lay(tmp_path, RECORDS, HEADS), VKEY)

    assert (report.not_checked, exit_code([report])) == ([ROLL_BACK], 4)


@pytest.mark.parametrize("size", [0, 100, 255, 256, 500, 600])
def test_a_log_that_was_cut_back_to_an_older_checkpoint_is_named(tmp_path: Path, size: int) -> None:
    """Records, tiles and heads are all those of an older day: nothing in the folder itself is wrong."""
    records = RECORDS[:size]
    lay(tmp_path / "log", records, signed_heads(records, every=100))
    assert verify(tmp_path / "log", VKEY).ok

    (problem,) = look(tmp_path / "log", kept(tmp_path, HEADS[-1])).problems

    assert (problem.kind, problem.or_kinds) == ("cut-back", ("rolled-back",))
    assert f"{size} records are here; kept covers 700" in problem.what


def test_heads_alone_that_were_cut_back_are_named(tmp_path: Path) -> None:
    lay(tmp_path / "log", RECORDS, HEADS[:3])

    (problem,) = look(tmp_path / "log", kept(tmp_path, HEADS[-1])).problems

    assert problem.kind == "cut-back"


def test_a_log_that_was_set_back_and_went_on_is_named_with_its_place(tmp_path: Path) -> None:
    """Set back to 350 records after 700 were seen, and gone on: those since are younger than what was seen."""
    went_on = made(350) + [event(n, "key.created", {}, seconds=3600 + n) for n in range(350, 420)]
    lay(tmp_path / "log", went_on, signed_heads(went_on))
    (tmp_path / "kept").write_bytes(witness_line(RECORDS, 700, 350))

    (problem,) = look(tmp_path / "log", tmp_path / "kept").problems

    assert problem.kind == "rolled-back"
    assert problem.sequence is not None
    assert 350 <= problem.sequence < 512


def test_a_log_that_was_set_back_and_grew_beyond_is_named(tmp_path: Path) -> None:
    went_on = made(350) + [event(n, "key.created", {}, seconds=3600 + n) for n in range(350, 900)]
    lay(tmp_path / "log", went_on, signed_heads(went_on))
    (tmp_path / "kept").write_bytes(witness_line(RECORDS, 700, 350))

    assert [problem.kind for problem in look(tmp_path / "log", tmp_path / "kept").problems] == ["rolled-back"]


@pytest.mark.parametrize("at", [3, 4, 5, 6])
def test_a_fork_is_named_with_the_head_up_to_which_both_agree(tmp_path: Path, at: int) -> None:
    lay(tmp_path / "log", OTHER, signed_heads(OTHER, every=100))

    (problem,) = look(tmp_path / "log", kept(tmp_path, *HEADS[:3], HEADS[at])).problems

    assert (problem.kind, problem.sequence) == ("forked", 300)
    assert "forked, rolled back or rewritten by the key's holder, after record 299" in problem.what


@pytest.mark.parametrize("at", [0, 3, 6])
def test_a_log_that_the_holder_of_the_key_wrote_anew_is_named(tmp_path: Path, at: int) -> None:
    anew = made(900, word="z")
    lay(tmp_path / "log", anew, signed_heads(anew, every=100))
    assert verify(tmp_path / "log", VKEY).ok

    (problem,) = look(tmp_path / "log", kept(tmp_path, HEADS[at])).problems

    assert (problem.kind, problem.or_kinds) == ("rewritten", ("forked", "rolled-back"))


def test_what_the_log_says_was_seen_elsewhere_must_fit_too(tmp_path: Path) -> None:
    lay(tmp_path / "log", RECORDS[:600], signed_heads(RECORDS[:600]))
    (tmp_path / "log/witnesses.jsonl").write_bytes(witness_line(RECORDS, 500, 250) + witness_line(RECORDS, 700, 350))

    report = verify(tmp_path / "log", VKEY)

    assert [problem.kind for problem in report.problems] == ["cut-back"]
    assert (report.witnessed, ROLL_BACK in report.not_checked) == (500, True)


def test_a_checkpoint_by_another_key_counts_for_nothing(tmp_path: Path) -> None:
    lay(tmp_path / "log", RECORDS, HEADS)
    strange = signed_heads(RECORDS, Ed25519PrivateKey.generate(), every=100)[2]

    (problem,) = look(tmp_path / "log", kept(tmp_path, strange)).problems

    assert (problem.file, problem.kind) == ("kept", "other-key")


def test_a_checkpoint_of_another_log_is_not_this_one(tmp_path: Path) -> None:
    lay(tmp_path / "log", RECORDS, HEADS)
    other = signed_heads(RECORDS, every=100, origin="berlin/node2/w0")[0]

    report = look(tmp_path / "log", kept(tmp_path, other))

    assert (report.problems, report.not_checked) == ([], [ROLL_BACK])


@pytest.mark.parametrize(
    "written", [b"", b"hello\n", b"{}\n", b'{"size":-1}\n', b"\xff\xfe", HEADS[0].replace(b"\n\n", b"\n")]
)
def test_a_file_without_a_checkpoint_is_used_wrongly(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "kept").write_bytes(written)

    with pytest.raises(BadUse, match="holds no checkpoint"):
        read_since(tmp_path / "kept")


def test_a_checkpoint_may_have_been_through_a_mail(tmp_path: Path) -> None:
    lay(tmp_path / "log", RECORDS, HEADS)
    (tmp_path / "kept").write_bytes(HEADS[2].replace(b"\n", b"\r\n") + b"\r\n\r\n")

    assert look(tmp_path / "log", tmp_path / "kept").since


def test_one_checkpoint_of_a_site_stands_for_all_its_logs(tmp_path: Path) -> None:
    lay(tmp_path / "log", RECORDS[:600], signed_heads(RECORDS[:600]))
    lines = [
        f"{ORIGIN}/default 700 {b64encode(root_at(RECORDS, 700)).decode()}",
        f"{ORIGIN}/cross-border 0 {b64encode(root_hash([])).decode()}",
    ]
    lines.sort()
    (tmp_path / "site-heads").write_text("".join(f"{line}\n" for line in lines))
    root = root_hash([leaf_hash(line.encode()) for line in lines])
    (tmp_path / "site-checkpoint").write_bytes(Signer("berlin", KEY).sign(2, root))

    assert [problem.kind for problem in look(tmp_path / "log", tmp_path / "site-checkpoint").problems] == ["cut-back"]

    (tmp_path / "site-heads").write_text("".join(f"{line}\n" for line in lines).replace(" 700 ", " 600 "))
    with pytest.raises(BadUse, match="needs, beside it, the site-heads"):
        read_since(tmp_path / "site-checkpoint")


# --- keys that follow keys

SECOND, THIRD = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (7, 8))


def told(number: int, details: dict[str, object]) -> list[bytes]:
    """Return the record of a rotation, and another one, so that intents still come at even numbers."""
    return [event(number, "key.rotated", details), event(number + 1, "admin.note", {})]


def rotated_log(folder: Path) -> Path:
    """500 records: the second key comes at record 150 and signs with the first up to 250; the third at 350."""
    records = [
        *made(150),
        event(150, "key.rotated", rotation(KEY, SECOND)),
        event(151, "admin.note", {}),
        *made(198, 152),
    ]
    records += [*told(350, rotation(SECOND, THIRD)), *made(148, 352)]
    by = [(0, (KEY,)), (150, (SECOND, KEY)), (250, (SECOND,)), (350, (THIRD, SECOND)), (450, (THIRD,))]
    heads = []
    for size in range(50, 501, 50):
        keys = [keys for first, keys in by if first < size][-1]
        heads.append(Signer(ORIGIN, *keys).sign(size, root_at(records, size)))
    return lay(folder, records, heads)


@pytest.mark.parametrize("known", [KEY, SECOND, THIRD])
def test_any_key_of_a_chain_is_enough(tmp_path: Path, known: Ed25519PrivateKey) -> None:
    report = verify(rotated_log(tmp_path), vkey(known))

    assert [str(problem) for problem in report.problems] == []
    assert (report.checkpoints, report.tree_size, report.keys) == (10, 500, 3)


@pytest.mark.parametrize("known", [KEY, SECOND, THIRD])
@pytest.mark.parametrize("at", [10, 149, 151, 349, 351, 499])
def test_what_was_changed_is_found_under_each_key(tmp_path: Path, known: Ed25519PrivateKey, at: int) -> None:
    folder = rotated_log(tmp_path)
    path = folder / f"tile/entries/00{at // 256}"
    needle = f'"sequence":{at},'.encode()
    path.write_bytes(
        path.read_bytes().replace(
            needle, f'"sequence":{at},'.replace(str(at), str(at - 1 if at % 10 else at + 1)).encode()
        )
    )

    problems = verify(folder, vkey(known)).problems

    assert ("flipped", at) in {(problem.kind, problem.sequence) for problem in problems}, [str(p) for p in problems]


def test_a_record_that_was_taken_out_makes_no_head_one_of_a_replaced_key(tmp_path: Path) -> None:
    records = [*made(60), *told(60, rotation(KEY, SECOND)), *made(38, 62)]
    heads = [Signer(ORIGIN, *keys).sign(size, root_at(records, size)) for size, keys in ((60, [KEY]), (100, [SECOND]))]
    folder = lay(tmp_path, records, heads)
    put_bundle(folder, 0, records[:20] + records[21:])

    (problem,) = verify(folder, vkey(SECOND)).problems

    assert (problem.kind, problem.sequence) == ("deleted", 20)


def test_a_rotation_that_not_both_keys_signed_is_none(tmp_path: Path) -> None:
    stranger = Ed25519PrivateKey.generate()
    forged = rotation(stranger, SECOND) | {"old": vkey(KEY)}
    records = [*made(100), *told(100, forged), *made(98, 102)]
    heads = signed_heads(records[:50]) + signed_heads(records, SECOND, every=200)
    lay(tmp_path, records, heads)

    kinds = {(problem.kind, problem.sequence) for problem in verify(tmp_path, VKEY).problems}

    assert ("other-key", 100) in kinds
    assert ("other-key", None) in kinds


def test_a_replaced_key_signs_nothing_any_more(tmp_path: Path) -> None:
    records = [
        *made(100),
        event(100, "key.rotated", rotation(KEY, SECOND)),
        event(101, "admin.note", {}),
        *made(98, 102),
    ]
    heads = [*signed_heads(records[:100], every=50), *signed_heads(records, KEY, SECOND, every=200)[-1:]]
    lay(tmp_path / "good", records, heads)
    lay(tmp_path / "bad", records, signed_heads(records, KEY, every=50))

    assert verify(tmp_path / "good", VKEY).ok
    problems = verify(tmp_path / "bad", VKEY).problems
    assert {problem.what for problem in problems} == {"signed head: signed only with a key that had been replaced"}
