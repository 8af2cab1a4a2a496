"""A witness cosigns only what continues what it saw, and never forgets it; its client believes nothing unchecked."""

from __future__ import annotations

import base64
import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.anchor.cosign import Cosigner, cosignature_in, parse_witness_key, time_of_cosignature
from gateway.audit.anchor.door import AnchorTrouble
from gateway.audit.anchor.heads import LogHead
from gateway.audit.anchor.node import NodeAnchor, WitnessHttp
from gateway.audit.anchor.witness import SIZE_TYPE, TrustedLog, WitnessOffice, forget, remembered
from gateway.audit.anchor.witnesses import append, read
from gateway.audit.log.consistency import prove_consistency
from gateway.audit.log.note import NoteError, Signer, split_note
from gateway.errors import SetupError
from tests.audit.anchor_parts import KEY, TileLog

COSIGNER = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
NOW = 1_795_347_000


def request(head: LogHead, old: int, proof: list[bytes] | None = None) -> bytes:
    proof = prove_consistency(head.folder, old, head.size) if proof is None else proof
    lines = [f"old {old}", *(base64.b64encode(digest).decode() for digest in proof)]
    return "\n".join(lines).encode() + b"\n\n" + head.note


@pytest.fixture
def log(tmp_path: Path) -> TileLog:
    return TileLog(tmp_path / "audit")


@pytest.fixture
def new_office(tmp_path: Path, log: TileLog) -> Iterator[Callable[..., WitnessOffice]]:
    opened: list[WitnessOffice] = []

    def make(*logs: TrustedLog) -> WitnessOffice:
        for office in opened:
            office.close()
        opened[:] = [
            WitnessOffice(tmp_path / "state", COSIGNER, logs or [TrustedLog(log.signer.verifier)], now=lambda: NOW)
        ]
        return opened[0]

    yield make
    for office in opened:
        office.close()


@pytest.fixture
def known(tmp_path: Path) -> Callable[[], list[int]]:
    """Return what reads the sizes that the witness remembers."""
    return lambda: [each.checkpoint.size for each in remembered(tmp_path / "state", COSIGNER)]


@pytest.fixture
def office(new_office: Callable[..., WitnessOffice]) -> WitnessOffice:
    return new_office()


# --- cosignatures


def test_the_published_example_verifies_under_its_form() -> None:
    """The example of C2SP tlog-cosignature (CC BY 4.0): its line parses; another's key is passed over."""
    line = (
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZ"
        "qhf5nNo0xUe+mbIUBkBIfZ+qnA=="
    )
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    blob = base64.b64decode(line.rsplit(" ", 1)[1])

    assert (len(blob), int.from_bytes(blob[4:12], "big")) == (76, 1679315147)
    assert time_of_cosignature(line, COSIGNER.key, text) is None


def test_a_cosignature_holds_for_its_checkpoint_and_time_alone() -> None:
    text = "berlin/node1/w0\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    line = COSIGNER.cosign(text, NOW)

    assert time_of_cosignature(line, COSIGNER.key, text) == NOW
    blob = bytearray(base64.b64decode(line.rstrip().rsplit(" ", 1)[1]))
    for at in random.Random(1).sample(range(4, 76), 20):
        changed = bytearray(blob)
        changed[at] ^= 1
        with pytest.raises(NoteError):
            time_of_cosignature(f"— witness.example/w1 {base64.b64encode(changed).decode()}", COSIGNER.key, text)
    with pytest.raises(NoteError):
        time_of_cosignature(line, COSIGNER.key, text.replace("\n1\n", "\n2\n"))


def test_a_witness_s_key_goes_through_its_line() -> None:
    assert parse_witness_key(COSIGNER.verifier_key()) == COSIGNER.key
    for bad in ("", "a+b+c", COSIGNER.verifier_key().replace("witness", "witless"), COSIGNER.verifier_key()[:-4]):
        with pytest.raises(NoteError):
            parse_witness_key(bad)


# --- the rules


def test_each_head_that_continues_the_last_is_cosigned_and_remembered(
    office: WitnessOffice, log: TileLog, known: Callable[[], list[int]]
) -> None:
    old = 0
    for count in (1, 2, 300, 0, 1000):
        head = log.grow(count)
        answer = office.add_checkpoint(request(head, old))

        assert answer.status == 200
        assert cosignature_in(answer.body, COSIGNER.key, head.checkpoint.text())[1] == NOW
        old = head.size
    assert known() == [1303]


def test_who_does_not_know_its_size_is_told(office: WitnessOffice, log: TileLog) -> None:
    office.add_checkpoint(request(log.grow(5), 0))

    answer = office.add_checkpoint(request(log.grow(5), 0))

    assert (answer.status, answer.body, answer.media_type) == (409, "5\n", SIZE_TYPE)


def test_two_logs_are_kept_apart(
    office: WitnessOffice, log: TileLog, tmp_path: Path, known: Callable[[], list[int]]
) -> None:
    other = TileLog(tmp_path / "audit", "berlin/node2/w0")

    statuses = [office.add_checkpoint(request(each.grow(n), 0)).status for n, each in ((5, log), (9, other))]
    statuses += [office.add_checkpoint(request(each.grow(3), old)).status for old, each in ((5, log), (9, other))]

    assert statuses == [200] * 4
    assert known() == [8, 12]


def test_a_fork_gets_no_cosignature(office: WitnessOffice, log: TileLog, known: Callable[[], list[int]]) -> None:
    office.add_checkpoint(request(log.grow(10), 0))
    log.cut(6)
    forked = log.grow(20, "another record")

    assert office.add_checkpoint(request(forked, 10)).status == 422
    assert office.add_checkpoint(request(forked, 6)).body == "10\n"
    assert known() == [10]


def test_another_root_of_the_same_size_is_a_conflict(office: WitnessOffice, log: TileLog) -> None:
    office.add_checkpoint(request(log.grow(10), 0))
    log.cut(9)

    assert office.add_checkpoint(request(log.grow(1, "another"), 10, [])).status == 409


def test_a_smaller_head_is_refused(office: WitnessOffice, log: TileLog) -> None:
    office.add_checkpoint(request(log.grow(10), 0))
    cut = log.cut(4)

    assert office.add_checkpoint(request(cut, 10, [])).status == 400
    assert office.add_checkpoint(request(cut, 4)).status == 409


def test_a_key_that_is_not_trusted_is_refused(office: WitnessOffice, tmp_path: Path) -> None:
    stranger = TileLog(tmp_path / "strange", key=Ed25519PrivateKey.generate())

    assert office.add_checkpoint(request(stranger.grow(3), 0)).status == 403


def test_while_one_log_key_follows_another_either_is_enough(
    new_office: Callable[..., WitnessOffice], log: TileLog, known: Callable[[], list[int]]
) -> None:
    older, newer = log.signer.verifier, Ed25519PrivateKey.generate()
    office = new_office(TrustedLog(older))
    office.add_checkpoint(request(log.grow(3), 0))
    log.signer = Signer(log.origin, newer, KEY)  # the overlap: two signature lines
    assert office.add_checkpoint(request(log.grow(3), 3)).status == 200
    log.signer = Signer(log.origin, newer)
    after = log.grow(3)
    assert office.add_checkpoint(request(after, 6)).status == 403

    office = new_office(TrustedLog(older), TrustedLog(log.signer.verifier))

    assert office.add_checkpoint(request(after, 6)).status == 200
    assert known() == [9]


def test_an_origin_that_is_not_the_key_s_is_not_known(
    new_office: Callable[..., WitnessOffice], log: TileLog, tmp_path: Path
) -> None:
    office = new_office(TrustedLog(log.signer.verifier, "berlin/*"))

    assert office.add_checkpoint(request(log.grow(3), 0)).status == 200
    assert office.add_checkpoint(request(TileLog(tmp_path / "audit", "tokyo/node1/w0").grow(3), 0)).status == 404


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"old 0\n", b"old 00\n"),
        (b"old 0\n", b"old -1\n"),
        (b"old 0\n", b"new 0\n"),
        (b"old 0\n", b"old 0\nAAAA\n"),
        (b"old 0\n", b"old 0\n" + b"no base64\n"),
        (b"old 0\n", b"old 0\n" + b"A" * 43 + b"=\n" * 64),
        (b"old 0\n", b"old 99\n"),
        (b"\n\nberlin", b"\nberlin"),
        (b"\n3\n", b"\nthree\n"),
        ("— ".encode(), b"- "),
    ],
)
def test_what_is_no_request_is_told_apart(
    office: WitnessOffice, log: TileLog, old: bytes, new: bytes, known: Callable[[], list[int]]
) -> None:
    answer = office.add_checkpoint(request(log.grow(3), 0).replace(old, new))

    assert answer.status == 400
    assert known() == []


def test_a_proof_from_nothing_must_be_empty(office: WitnessOffice, log: TileLog) -> None:
    assert office.add_checkpoint(request(log.grow(3), 0, [bytes(32)])).status == 422


def test_it_remembers_over_a_restart(new_office: Callable[..., WitnessOffice], log: TileLog) -> None:
    new_office().add_checkpoint(request(log.grow(10), 0))
    log.cut(3)

    assert new_office().add_checkpoint(request(log.grow(20, "another"), 3)).body == "10\n"


def test_a_memory_that_somebody_changed_is_refused(office: WitnessOffice, log: TileLog, tmp_path: Path) -> None:
    office.add_checkpoint(request(log.grow(10), 0))
    (memory,) = (tmp_path / "state").glob("*.head")
    memory.write_bytes(memory.read_bytes().replace(b"\n10\n", b"\n11\n"))

    with pytest.raises(NoteError):
        office.add_checkpoint(request(log.grow(1), 11))


def test_one_witness_has_one_process(office: WitnessOffice, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="Another process"):
        WitnessOffice(tmp_path / "state", COSIGNER, [])


def test_of_two_at_once_one_waits_and_none_rolls_back(office: WitnessOffice, log: TileLog) -> None:
    office.add_checkpoint(request(log.grow(10), 0))
    bodies = [request(log.grow(1), 10) for _ in range(20)]

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(answer.status for answer in pool.map(office.add_checkpoint, bodies))

    assert statuses == [200] + [409] * 19


def test_what_cannot_be_made_durable_is_not_cosigned(
    office: WitnessOffice, log: TileLog, monkeypatch: pytest.MonkeyPatch, known: Callable[[], list[int]]
) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(5, "input/output error")

    body = request(log.grow(3), 0)
    with monkeypatch.context() as patched, pytest.raises(OSError, match="input/output"):
        patched.setattr(os, "fdatasync", broken)
        office.add_checkpoint(body)

    assert known() == []


def test_a_log_begins_anew_only_by_hand_and_its_old_head_is_kept(
    new_office: Callable[..., WitnessOffice], log: TileLog, tmp_path: Path, known: Callable[[], list[int]]
) -> None:
    state = tmp_path / "state"
    office = new_office()
    old = log.grow(10)
    office.add_checkpoint(request(old, 0))
    with pytest.raises(SetupError, match="Another process"):
        forget(state, log.origin, COSIGNER, "restored")
    office.close()

    assert forget(state, log.origin, COSIGNER, "restored\non 3 May").checkpoint.size == 10

    assert known() == []
    kept = (state / "forgotten").read_bytes()
    assert kept.splitlines()[0].endswith(b" restored on 3 May")
    assert old.note in kept
    with pytest.raises(SetupError, match="No head"):
        forget(state, log.origin, COSIGNER, "again")
    log.cut(4)
    (again,) = [WitnessOffice(state, COSIGNER, [TrustedLog(log.signer.verifier)])]
    assert again.add_checkpoint(request(log.grow(1, "another"), 0)).status == 200
    again.close()


# --- the client


class Direct(WitnessHttp):
    """A witness without a network between: hands requests to an office, and keeps what was asked."""

    def __init__(self, office: WitnessOffice) -> None:
        super().__init__("http://127.0.0.1:1")
        self.office = office
        self.asked: list[str] = []
        self.instead: tuple[int, str] | None = None

    def add_checkpoint(self, body: bytes) -> tuple[int, str]:
        self.asked.append(body.decode().partition("\n")[0])
        if self.instead:
            return self.instead
        answer = self.office.add_checkpoint(body)
        return answer.status, answer.body


@pytest.fixture
def wire(office: WitnessOffice) -> Direct:
    return Direct(office)


@pytest.fixture
def anchor(wire: Direct) -> NodeAnchor:
    return NodeAnchor(wire, COSIGNER.key)


def test_heads_come_back_cosigned(anchor: NodeAnchor, wire: Direct, log: TileLog) -> None:
    found = [anchor.deliver([log.grow(count)]) for count in (3, 0, 300)]

    assert [[witness.size for _, witness in each] for each in found] == [[3], [], [303]]
    _, witness = found[2][0]
    assert (witness.kind, witness.place, witness.time) == ("node", "witness.example/w1", "2026-11-22T11:30:00Z")
    head = log.grow(0)
    assert time_of_cosignature(witness.cosignature, COSIGNER.key, head.checkpoint.text()) == NOW
    assert wire.asked == ["old 0", "old 3"]


def test_after_a_restart_it_goes_on_from_what_is_written_down(wire: Direct, log: TileLog) -> None:
    for head, witness in NodeAnchor(wire, COSIGNER.key).deliver([log.grow(3)]):
        append(head.folder, [witness])

    assert NodeAnchor(wire, COSIGNER.key).deliver([log.grow(4)])[0][1].size == 7
    assert wire.asked == ["old 0", "old 3"]


def test_where_nothing_is_written_down_the_witness_tells(anchor: NodeAnchor, wire: Direct, log: TileLog) -> None:
    anchor.deliver([log.grow(300)])

    assert NodeAnchor(wire, COSIGNER.key).deliver([log.grow(4)])[0][1].size == 304
    assert wire.asked == ["old 0", "old 0", "old 300"]


@pytest.mark.parametrize("grown", [0, 1, 3, 4, 20])
def test_a_log_that_went_back_is_a_conflict_whatever_it_says(
    anchor: NodeAnchor, wire: Direct, log: TileLog, grown: int, known: Callable[[], list[int]]
) -> None:
    anchor.deliver([log.grow(10)])
    log.cut(7)

    with pytest.raises(AnchorTrouble, match=r"10 records|other records") as told:
        NodeAnchor(wire, COSIGNER.key).deliver([log.grow(grown, "another")])

    assert told.value.conflict
    assert known() == [10]


def test_one_log_in_conflict_keeps_no_other_from_its_cosignature(
    anchor: NodeAnchor, log: TileLog, tmp_path: Path
) -> None:
    other = TileLog(tmp_path / "audit", "berlin/node2/w0")
    anchor.deliver([log.grow(10), other.grow(5)])
    log.cut(7)

    found = anchor.deliver([log.grow(20, "another"), other.grow(1)])

    assert [(head.name, witness.size) for head, witness in found] == [("berlin/node2/w0/default", 6)]
    with pytest.raises(AnchorTrouble) as told:
        anchor.deliver([log.grow(0)])
    assert told.value.conflict


@pytest.mark.parametrize(
    "answer",
    [
        (200, ""),
        (200, "— witness.example/w1 AAAA\n"),
        (200, Cosigner("witness.example/w1", Ed25519PrivateKey.generate()).cosign("x\n", NOW)),
        (200, COSIGNER.cosign("berlin/node1/w0\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", NOW)),
        (404, "no"),
        (403, "no"),
        (500, "no"),
        (409, "many\n"),
    ],
)
def test_an_answer_that_is_no_cosignature_of_this_head_is_worth_nothing(
    anchor: NodeAnchor, wire: Direct, log: TileLog, answer: tuple[int, str]
) -> None:
    wire.instead = answer

    with pytest.raises(AnchorTrouble) as told:
        anchor.deliver([log.grow(3)])

    assert not told.value.conflict
    wire.instead = None
    assert anchor.deliver([log.grow(0)])[0][1].size == 3


def test_a_cosigned_note_is_still_the_log_s_own(office: WitnessOffice, log: TileLog, tmp_path: Path) -> None:
    office.add_checkpoint(request(log.grow(3), 0))

    _, signatures = split_note(remembered(tmp_path / "state", COSIGNER)[0].note)

    assert [line.split(" ")[1] for line in signatures] == ["berlin/node1/w0", "witness.example/w1"]
    assert read(log.folder) == ([], 0)
