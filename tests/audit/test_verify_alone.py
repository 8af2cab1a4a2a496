"""The verifier as an auditor runs it: one file, an old Python, input that somebody hostile made. Never a traceback."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit import verify as verifier
from gateway.audit.verify import BadInput, Parser, canonical, main, parse_canonical
from tests.audit.made_logs import KEY, VKEY, head, lay, made, one, signed_heads, text

PROGRAM = Path(verifier.__file__)
RECORDS = made(300)
HEADS = signed_heads(RECORDS, every=100)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a log, its key, and a checkpoint that was kept."""
    lay(tmp_path / "log", RECORDS, HEADS)
    (tmp_path / "log.vkey").write_text(f"{VKEY}\n")
    (tmp_path / "kept").write_bytes(HEADS[0])
    return tmp_path


def alone(place: Path, *arguments: str) -> tuple[int, str]:
    """Run a copy of the file in an interpreter that sees nothing else of this program."""
    shutil.copy(PROGRAM, place / "verify.py")
    command = [sys.executable, "-I", "verify.py", *arguments]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_it_runs_alone_and_says_what_it_could_not_check(place: Path) -> None:
    code, said = alone(place, "log", "--key", "log.vkey")

    assert code == 4
    assert said.startswith("ok     berlin/node1/w0: 300 records, 3 signed heads, tree 300 ")
    assert said.endswith("not checked: roll-back\n")


def test_with_a_checkpoint_all_is_checked(place: Path) -> None:
    code, said = alone(place, "log", "--key", "log.vkey", "--since", "kept")

    assert (code, "kept elsewhere: kept: the first 100 records" in said) == (0, True)


def test_json_has_kinds_and_places(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = place / "log/tile/entries/000"
    bundle.write_bytes(bundle.read_bytes().replace(b'"acme"', b'"evil"', 1))

    code, said = run(capsys, place / "log", "--key", place / "log.vkey", "--json")

    told = json.loads(said)
    (problem,) = told["reports"][0]["problems"]
    assert (code, told["ok"], told["exit"]) == (1, False, 1)
    assert (problem["kind"], problem["sequence"], problem["file"]) == ("flipped", 0, "tile/entries/000")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 2),
        (("log",), 2),
        (("log", "--key", "log.vkey", "--what"), 2),
        (("log", "--key", "kept"), 2),
        (("log", "--key", "nowhere"), 3),
        (("nowhere", "--key", "log.vkey"), 3),
        (("log", "--key", "log.vkey", "--since", "nowhere"), 3),
        (("log", "--key", "log.vkey", "--since", "log.vkey"), 2),
        (("empty", "--key", "log.vkey"), 2),
        (("kept", "--key", "log.vkey"), 2),
    ],
)
def test_what_was_used_wrongly_or_cannot_be_read_is_one_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: Any, code: int
) -> None:
    (place / "empty").mkdir()
    monkeypatch.chdir(place)

    found, said = run(capsys, *arguments)

    assert (found, said.count("\n")) == (code, 1)


def test_it_is_written_in_python_3_9(tmp_path: Path) -> None:
    source = PROGRAM.read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 9))
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {str(n.module).split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    lazy = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "__future__"]

    assert imported - set(sys.stdlib_module_names) == {"cryptography"}
    assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))
    assert [alias.name for node in lazy for alias in node.names] == ["annotations"]  # so that X | None is never run
    ruff = shutil.which("ruff", path=os.path.dirname(sys.executable))
    assert ruff
    command = [ruff, "check", "--isolated", "--target-version", "py39", "--select", "F,YTT,PYI", str(PROGRAM)]
    assert subprocess.run(command, capture_output=True, text=True, check=False).returncode == 0


# --- hostile folders


def huge_length(log: Path) -> None:
    (log / "tile/entries/000").write_bytes(b"\xff\xff" + b"x" * 100)


def nothing_but_zeros(log: Path) -> None:
    (log / "tile/entries/000").write_bytes(bytes(100_000))


def many_braces(log: Path) -> None:
    (log / "tile/entries/000").write_bytes(b'\x00\x05{"{"{"' * 20_000)


def deep_json(log: Path) -> None:
    data = b'{"a":' * 9_000 + b"1" + b"}" * 9_000
    (log / "tile/entries/000").write_bytes(len(data).to_bytes(2, "big") + data)


def bomb(log: Path) -> None:
    (log / "tile/entries/000").unlink()
    packer = zlib.compressobj(9, wbits=31)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    (log / "tile/entries/000.gz").write_bytes(data)


def link_out(log: Path) -> None:
    (log / "tile/entries/000").unlink()
    (log / "tile/entries/000").symlink_to("/etc/passwd")


def link_folder(log: Path) -> None:
    (log / "tile/entries").rename(log / "elsewhere")
    (log / "tile/entries").symlink_to(log / "elsewhere")


def link_history(log: Path) -> None:
    (log / "checkpoints").rename(log / "moved")
    (log / "checkpoints").symlink_to(log / "moved")


def pipe(log: Path) -> None:
    (log / "tile/entries/000").unlink()
    os.mkfifo(log / "tile/entries/000")


def far_bundle(log: Path) -> None:
    path = log / "tile/entries/x999/x999/x999/x999/999"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")


def endless_head(log: Path) -> None:
    (log / "checkpoints").write_bytes(b"a" * 3_000_000 + b"\n\n")


def heads_of_nothing(log: Path) -> None:
    (log / "checkpoints").write_bytes(b"\n\n\n\n" * 200_000)


def large_numbers(log: Path) -> None:
    (log / "checkpoints").write_bytes(b"o\n" + b"9" * 100_000 + b"\nAA==\n\n\xe2\x80\x94 o AAAA\n\n")


def odd_names(log: Path) -> None:
    (log / "tile/entries/\x1b[2Jevil").write_bytes(b"")
    (log / "tile/\u202e").mkdir()
    (log / "tile/\u202e/000").write_bytes(b"")


def damaged_pruned(log: Path) -> None:
    (log / "pruned").write_bytes(b"sekisho.pruned/1 x\n99999999999999999999999\nAAAA\n\n\xe2\x80\x94 o AAAA\n")


def witnesses(log: Path) -> None:
    lines = [b"[" * 5000, b"{}", b'{"size":true,"root":"","time":1}', b"\xff", b"9" * 9000]
    (log / "witnesses.jsonl").write_bytes(b"\n".join(lines))


HOSTILE = [
    huge_length, nothing_but_zeros, many_braces, deep_json, bomb, link_out, link_folder, link_history, pipe,
    far_bundle, endless_head, heads_of_nothing, large_numbers, odd_names, damaged_pruned,
]  # fmt: skip


@pytest.mark.parametrize("harm", HOSTILE)
def test_a_hostile_folder_is_wrong_and_breaks_nothing(
    place: Path, capsys: pytest.CaptureFixture[str], harm: Callable[[Path], None]
) -> None:
    harm(place / "log")

    code, said = run(capsys, place / "log", "--key", place / "log.vkey")

    assert code == 1
    assert said.startswith("WRONG")
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "root:" not in said


def test_witnesses_that_are_none_are_passed_over(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    witnesses(place / "log")

    assert run(capsys, place / "log", "--key", place / "log.vkey")[0] == 4


def test_problems_without_end_are_counted(place: Path) -> None:
    records = [one(number).replace(b"sekisho.record/1", b"sekisho.record/9") for number in range(3000)]
    lay(place / "log", records, signed_heads(records))

    (report,) = verifier.check(place / "log", [VKEY])

    assert (len(report.problems), report.more_problems) == (1000, 2000)


# --- hostile packs


def a_zip(path: Path, files: dict[str, bytes], *, link: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = 0o120777 << 16
            archive.writestr(info, "/etc/passwd")
    return path


@pytest.mark.parametrize(
    ("files", "link"),
    [
        ({}, ""),
        ({"manifest.json": b"{}"}, ""),
        ({"manifest.json": b"[" * 100_000}, ""),
        ({"manifest.json": bytes(5_000_000)}, ""),
        ({"../../outside": b"x", "/abs": b"x", "a\\b": b"x", "c:/d": b"x"}, ""),
        ({"manifest.json": b"x"}, "logs/link"),
    ],
)
def test_a_hostile_pack_is_wrong_and_breaks_nothing(
    place: Path, capsys: pytest.CaptureFixture[str], files: dict[str, bytes], link: str
) -> None:
    pack = a_zip(place / "pack.zip", files or {"a": b""}, link=link)

    code, said = run(capsys, pack, "--key", place / "log.vkey")

    assert code == 1
    assert said.startswith("WRONG")
    assert not (place.parent / "outside").exists()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_pack_is_told_in_one_line(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("packs")
    whole = bytearray(a_zip(folder / "pack.zip", {"manifest.json": b"{}" * 50, "b": b"b" * 100}).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))
    (folder / "pack.zip").write_bytes(whole[: data.draw(st.integers(4, len(whole)))])
    (folder / "log.vkey").write_text(VKEY)

    assert main([str(folder / "pack.zip"), "--key", str(folder / "log.vkey")]) in (1, 3)


# --- the fast way and the slow way agree


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_the_fast_way_takes_nothing_that_the_slow_way_does_not(data: st.DataObject) -> None:
    """Learn from good records, then look at one with a few bytes changed."""
    parser = Parser()
    for record in RECORDS[:4]:
        parser.row(record)
    changed = bytearray(data.draw(st.sampled_from(RECORDS[:6])))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(changed) - 1))
        if data.draw(st.booleans()):
            changed[at] = data.draw(st.sampled_from(b'0123456789-."\\,:{}[]e \x00\x1f\x7f\xc3'))
        else:
            changed.insert(at, data.draw(st.sampled_from(b'0019-."\\,e \t')))

    fast, slow = outcome(parser, bytes(changed)), outcome(Parser(), bytes(changed))

    assert fast == slow
    if not isinstance(fast, str):
        assert canonical(parse_canonical(bytes(changed))) == changed


@pytest.mark.parametrize("learned", ["7", "70", "700", "-7", "-70", "0"])
@pytest.mark.parametrize(
    "written", ["0", "-0", "00", "07", "007", "-07", "7.0", "7e0", " 7", "-", "", "9" * 15, "9" * 16, "9" * 17]
)
@pytest.mark.parametrize("where", ['{"n":%s}', '{"l":[%s,1]}', '{"l":[1,%s]}'])
def test_numbers_have_one_form(learned: str, written: str, where: str) -> None:
    parser = Parser()
    plain = text(head(3, 0.5) | {"type": "key.created", "details": "@"}).decode()
    for number in (learned, "1", "12", "123"):
        parser.row(plain.replace('"@"', where % number).encode())
    data = plain.replace('"@"', where % written).encode()

    assert outcome(parser, data) == outcome(Parser(), data)


def test_a_bomb_is_not_unpacked() -> None:
    packer = zlib.compressobj(9, wbits=31)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()

    tracemalloc.start()
    with pytest.raises(BadInput, match="more than a bundle can"):
        verifier.unpack(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 3 * verifier.MOST_BUNDLE


def outcome(parser: Parser, data: bytes) -> Any:
    try:
        return parser.row(data)[0]
    except BadInput as problem:
        return str(problem)


def test_the_key_is_the_logs_own() -> None:
    assert KEY.public_key().public_bytes_raw() == verifier.parse_key(VKEY)
