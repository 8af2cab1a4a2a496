"""Clean logs give no false alarm: of any size, packed, pruned, beside others, with a clock that tells on itself."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit import verify as verifier
from gateway.audit.verify import verify
from tests.audit.made_logs import VKEY, event, lay, made, signed_heads


def problems(folder: Path) -> list[str]:
    return [f"{problem.kind}: {problem}" for problem in verify(folder, VKEY).problems]


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 513])
@pytest.mark.parametrize("every", [1, 50, 256])
def test_logs_of_many_sizes_are_right(tmp_path: Path, size: int, every: int) -> None:
    records = made(size)
    lay(tmp_path / "log", records, signed_heads(records, every=every))

    report = verify(tmp_path / "log", VKEY)

    assert (report.problems, report.notes) == ([], [f"{1} intents have no outcome yet"] if size % 2 else [])
    assert (report.records, report.tree_size, report.checkpoints) == (size, size, -(-size // every))


def test_an_empty_log_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "log" / "tile" / "entries").mkdir(parents=True)

    report = verify(tmp_path / "log", VKEY)

    assert report.problems == []
    assert "no record and no signed head yet" in report.notes[0]


def test_a_log_with_two_levels_of_tiles_is_right(tmp_path: Path) -> None:
    """65,537 records: the first tile above the first is full."""
    records = made(65_537)
    folder = lay(tmp_path / "log", records, signed_heads(records, every=2000), packed=200)

    report = verify(folder, VKEY, hashes_only=True)

    assert (report.problems, report.records, report.checkpoints) == ([], 65_537, 33)
    path = folder / "tile/1/000"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert [(p.file, p.kind, p.offset) for p in verify(folder, VKEY, hashes_only=True).problems] == [
        ("tile/1/000", "flipped", 255 * 32)
    ]


@settings(max_examples=25, deadline=None)
@given(size=st.integers(1, 900), every=st.integers(1, 300), packed=st.integers(0, 3), pruned=st.integers(0, 3))
def test_packed_and_pruned_logs_are_right(
    tmp_path_factory: pytest.TempPathFactory, size: int, every: int, packed: int, pruned: int
) -> None:
    pruned = min(pruned, size // 256)
    records = made(size)
    heads = signed_heads(records, every=every)
    folder = lay(tmp_path_factory.mktemp("log"), records, heads, pruned=pruned, packed=max(packed, pruned))

    report = verify(folder, VKEY)

    assert report.problems == []
    assert (report.pruned, report.records) == (pruned * 256, size - pruned * 256)


def test_a_clock_that_went_back_and_says_so_is_a_note(tmp_path: Path) -> None:
    records = made(10)
    records.append(event(10, "key.created", {}, seconds=-3600))
    records.append(event(11, "admin.clock_went_back", {"from": "", "to": ""}, seconds=-3600))
    records += [event(number, "admin.note", {}, seconds=number - 3600) for number in range(12, 20)]
    lay(tmp_path / "log", records, signed_heads(records))

    report = verify(tmp_path / "log", VKEY)

    assert report.problems == []
    assert any("clock went back" in note for note in report.notes)


def test_silence_of_a_process_that_said_it_runs_is_a_note(tmp_path: Path) -> None:
    records = [event(0, "heartbeat", {"size": 0}, seconds=0), event(1, "heartbeat", {"size": 1}, seconds=60)]
    records += [event(2, "heartbeat", {"size": 2}, seconds=400), event(3, "admin.stopped", {}, seconds=401)]
    records += [event(4, "config", {"digest": ""}, seconds=9000)]
    lay(tmp_path / "log", records, signed_heads(records))

    report = verify(tmp_path / "log", VKEY)

    assert report.problems == []
    assert [note for note in report.notes if "silence" in note] == [
        "silence before record 2: from 2026-03-01T00:01:00.000000Z to 2026-03-01T00:06:40.000000Z there is no heartbeat"
    ]


def test_escaped_and_foreign_words_are_canonical_too(tmp_path: Path) -> None:
    words = ['a"b', "a\\b", "\u00e9\u4e2d\u6587", "\u202eabc", "\U0001f600", "\x01\n\t", "\ue000"]
    records = [
        event(number, "key.created", {word: word, "n": -5, "l": [1, [2, {}]]}) for number, word in enumerate(words)
    ]
    lay(tmp_path / "log", records, signed_heads(records))

    assert problems(tmp_path / "log") == []


def test_a_folder_of_logs_is_checked_log_by_log(tmp_path: Path) -> None:
    for name in ("w0/default", "w1/default"):
        lay(tmp_path / "berlin/node1" / name, made(300), signed_heads(made(300)))

    reports = verifier.check(tmp_path, [VKEY])

    assert [(report.ok, report.records) for report in reports] == [(True, 300), (True, 300)]


def test_a_log_that_is_pruned_while_it_is_looked_at_is_no_alarm(tmp_path: Path) -> None:
    """A server prunes between the look at the note and the look at the bundles."""
    records = made(900)
    heads = signed_heads(records)
    folder = lay(tmp_path / "log", records, heads)
    (folder / "lock").touch()
    with (folder / "lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        looked: list[int] = []

        def prune(done: int, _: int) -> None:
            if not looked:
                lay(tmp_path / "after", records, heads, pruned=2)
                (tmp_path / "after/pruned").replace(folder / "pruned")
                (folder / "tile/entries/001").unlink()
            looked.append(done)

        report = verify(folder, VKEY, prune)

    assert report.problems == []
    assert any("pruned meanwhile" in what for what in report.not_checked)
