"""Files in chunks and journals in frames: nothing readable on the disk, nothing cut off or exchanged goes unseen."""

from __future__ import annotations

import resource
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http.multipart import Begin, Parts
from gateway.kept.journal import Journal, Outcome
from gateway.kept.sealed_file import CHUNK_BYTES, Damaged, SealedWriter, chunks_of, lines_of

KEY = b"k" * 32
SEALED = CHUNK_BYTES + 16


def write(path: Path, *pieces: bytes) -> Path:
    writer = SealedWriter(path, KEY)
    for piece in pieces:
        writer.write(piece)
    writer.close()
    return path


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES])
def test_what_is_written_is_read(tmp_path: Path, size: int) -> None:
    content = secrets.token_bytes(size)

    path = write(tmp_path / "f", content[: size // 3], content[size // 3 :])

    assert b"".join(chunks_of(path, KEY)) == content
    assert size < 64 or content[:64] not in path.read_bytes()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw[:SEALED],
        lambda raw: raw[: 2 * SEALED],
        lambda raw: raw[:-1],
        lambda raw: raw[SEALED : 2 * SEALED] + raw[:SEALED] + raw[2 * SEALED :],
        lambda raw: raw[:100] + bytes([raw[100] ^ 1]) + raw[101:],
        lambda raw: raw + raw[-40:],
        lambda raw: b"",
    ],
)
def test_what_was_cut_or_exchanged_is_seen(tmp_path: Path, spoil: object) -> None:
    path = write(tmp_path / "f", secrets.token_bytes(2 * CHUNK_BYTES + 24))
    path.write_bytes(spoil(path.read_bytes()))  # type: ignore[operator]

    with pytest.raises(Damaged):
        list(chunks_of(path, KEY))


def test_lines_go_over_the_ends_of_chunks_and_long_ones_are_cut(tmp_path: Path) -> None:
    long = b"x" * (CHUNK_BYTES + 10)

    path = write(tmp_path / "f", b"one\n" + long + b"\ntwo\n\nlast")

    assert list(lines_of(path, KEY, 2 * CHUNK_BYTES)) == [b"one", long, b"two", b"", b"last"]
    assert [len(line) for line in lines_of(path, KEY, 100)] == [3, 101, 3, 0, 4]


def outcome(line: int, *, ok: bool = True) -> Outcome:
    return Outcome(line, ok, {"custom_id": f"c{line}", "text": "heron"}, ("user:u1",), 3)


def test_a_journal_that_was_cut_anywhere_goes_on_with_what_is_whole(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    journal, ends = Journal(whole, KEY, "b"), [0]
    for line in range(1, 4):
        journal.append(outcome(line, ok=line != 2))
        ends.append(whole.stat().st_size)
    raw = whole.read_bytes()
    assert b"heron" not in raw

    for cut in {*ends, *(end - 1 for end in ends[1:]), *(end + 2 for end in ends[:-1])}:
        path = tmp_path / f"cut-{cut}"
        path.write_bytes(raw[:cut])
        again = Journal(path, KEY, "b")
        stood = sum(end <= cut for end in ends[1:])
        assert again.done == set(range(1, stood + 1))
        again.append(outcome(9))
        assert [found.line for found in Journal(path, KEY, "b").outcomes()] == [*range(1, stood + 1), 9]
    assert (journal.completed, journal.failed) == (2, 1)


def test_a_frame_in_the_middle_that_was_changed_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path, KEY, "b")
    for line in (1, 2):
        journal.append(outcome(line))
    with pytest.raises(Damaged):
        Journal(path, KEY, "another")
    raw = bytearray(path.read_bytes())
    raw[40] ^= 1
    path.write_bytes(raw)

    with pytest.raises(Damaged):
        Journal(path, KEY, "b")


@contextmanager
def a_full_disk(at_bytes: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_nothing_is_written_behind_half_a_frame(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path, KEY, "b")
    journal.append(outcome(1))
    whole = path.stat().st_size

    with a_full_disk(whole + 20), pytest.raises(OSError, match="too large"):
        journal.append(outcome(2))
    assert path.stat().st_size == whole + 20
    with pytest.raises(OSError, match="closed"):
        journal.append(outcome(3))

    assert Journal(path, KEY, "b").done == {1}
    assert path.stat().st_size == whole


def test_an_append_that_outlives_who_asked_for_it_writes_into_no_other_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", KEY, "b")
    journal.close()
    journal.close()

    with (tmp_path / "another").open("wb") as another:  # it has the number that the journal had
        with pytest.raises(OSError, match="closed"):
            journal.append(outcome(1))
        assert another.tell() == 0
    assert (tmp_path / "another").stat().st_size == (tmp_path / "j").stat().st_size == 0


BODY = (
    b'preamble\r\n--B\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--B\r\n'
    b'Content-Disposition: form-data; name="file"; filename="a.jsonl"\r\nContent-Type: application/json\r\n\r\n'
    b'{"a": "\r\n--Bogus-not\r\n-"}\n\r\n--B--\r\nepilogue'
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(min_value=0, max_value=len(BODY)), max_size=12))
def test_a_body_means_the_same_however_it_comes_in(cuts: list[int]) -> None:
    body = BODY.replace(b"--Bogus", b"--C")
    parts, found = Parts(b"B"), []
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    for begin, end in pairwise(places):
        found += list(parts.feed(body[begin:end]))

    contents, named = [], []
    for event in found:
        if isinstance(event, Begin):
            named.append((event.name, event.filename))
            contents.append(b"")
        elif event is not None:
            contents[-1] += event
    assert named == [("purpose", None), ("file", "a.jsonl")]
    assert contents == [b"batch", b'{"a": "\r\n--C-not\r\n-"}\n']
    assert parts.ended
