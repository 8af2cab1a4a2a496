"""For all histories: a witness never cosigns two heads that are not one log. For all bytes: nothing breaks."""

from __future__ import annotations

import base64
import json
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.anchor import paper
from gateway.audit.anchor.cosign import Cosigner, parse_witness_key, time_of_cosignature
from gateway.audit.anchor.heads import LogHead, notes_in
from gateway.audit.anchor.witness import Answer, TrustedLog, WitnessOffice
from gateway.audit.anchor.witnesses import FILE, read, witnessed
from gateway.audit.log.consistency import prove_consistency
from gateway.audit.log.note import NoteError
from tests.audit.anchor_parts import TileLog

COSIGNER = Cosigner("w", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
STEP = st.tuples(st.integers(0, 12), st.integers(0, 40), st.sampled_from("ab"), st.none() | st.integers(0, 45))


def asked(office: WitnessOffice, log: TileLog, head: LogHead, old: int) -> Answer:
    try:
        proof = prove_consistency(log.folder, old, head.size)
    except ValueError:
        proof = []
    lines = [f"old {old}", *(base64.b64encode(each).decode() for each in proof)]
    return office.add_checkpoint("\n".join(lines).encode() + b"\n\n" + head.note)


@settings(max_examples=60)
@given(st.lists(STEP, min_size=2, max_size=8))
def test_whatever_is_brought_the_cosigned_heads_are_one_history(steps: list[tuple[int, int, str, int | None]]) -> None:
    """Each step cuts the log back, lets it grow, and asks: from the size that the witness names, or from another."""
    with tempfile.TemporaryDirectory() as folder:
        log = TileLog(Path(folder) / "audit")
        office = WitnessOffice(Path(folder) / "state", COSIGNER, [TrustedLog(log.signer.verifier)])
        cosigned: list[list[bytes]] = []
        for back, on, branch, old in steps:
            log.cut(max(0, len(log.leaves) - back))
            head = log.grow(on, branch)
            answer = asked(office, log, head, 0 if old is None else old)
            if answer.status == 409 and old is None:
                answer = asked(office, log, head, int(answer.body))
            if answer.status == 200:
                cosigned.append(list(log.leaves))
        office.close()
    assert cosigned or steps[0][3]
    for earlier, later in pairwise(cosigned):
        assert later[: len(earlier)] == earlier


TEXTS = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="ab/ 0123\n—=+AB\r\t", max_size=300),
    st.builds(lambda a, b: f"{a}\n\n— x {b}\n", st.text(max_size=60), st.text(max_size=60)),
)


@given(TEXTS)
def test_no_text_is_accepted_or_breaks_what_reads_it(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        TileLog(base).grow(3)
        with pytest.raises(NoteError):
            paper.accept(text, base, "berlin", trusted=[bytes(32)])
    for note in notes_in(text.encode()):
        assert b"\n\n" in note
    for parse in (parse_witness_key, lambda line: time_of_cosignature(line, COSIGNER.key, "x\n")):
        try:
            assert parse(text) is None
        except NoteError:
            continue


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
LINE = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["file", "node", "x"]) | JSON,
        "place": JSON,
        "size": st.integers(-5, 20) | JSON,
        "root": st.just(base64.b64encode(bytes(32)).decode()) | JSON,
        "time": JSON,
        "cosignature": JSON,
        "more": JSON,
    },
)


@given(st.lists(LINE | JSON, max_size=8))
def test_no_line_breaks_what_tells_who_saw_the_log(lines: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / FILE).write_text("".join(f"{json.dumps(line)}\n" for line in lines))

        good, damaged = read(path)
        found = witnessed(path, head=10)

    assert len(good) + damaged == len(lines)
    assert 0 <= found.size <= 10
    ends = [each.end for each in found.ranges]
    assert ends == sorted(set(ends))
