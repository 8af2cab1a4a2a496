"""Checkpoints as C2SP signed-note and tlog-checkpoint say."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.log.note import (
    Checkpoint,
    NoteError,
    Signer,
    format_verifier_key,
    open_checkpoint,
    parse_checkpoint,
    parse_verifier_key,
    split_note,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = Signer("berlin/node1/w0", KEY)
ROOT = bytes(range(32))

# The example key and note of Go's package golang.org/x/mod/sumdb/note (BSD-3-Clause): another implementation's numbers.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_note_of_another_implementation_verifies() -> None:
    verifier = parse_verifier_key(GO_KEY)
    text, (line,) = split_note(GO_NOTE.encode())
    blob = base64.b64decode(line.split(" ")[2])

    assert verifier.check("PeterNeumann", blob[:4], blob[4:], text.encode())
    assert not verifier.check("PeterNeumann", blob[:4], blob[4:], text.replace("know", "see").encode())
    assert format_verifier_key("PeterNeumann", verifier.public) == GO_KEY


def test_a_checkpoint_has_three_lines_and_a_signature() -> None:
    note = SIGNER.sign(7, ROOT).decode()

    lines = note.split("\n")
    assert lines[:4] == ["berlin/node1/w0", "7", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", ""]
    assert lines[4].startswith("\u2014 berlin/node1/w0 ")
    assert len(lines) == 6


@given(st.integers(0, 2**53), st.binary(min_size=32, max_size=32))
def test_what_was_signed_is_what_is_read(size: int, root: bytes) -> None:
    verifier = parse_verifier_key(SIGNER.verifier_key())

    assert open_checkpoint(SIGNER.sign(size, root), verifier) == Checkpoint("berlin/node1/w0", size, root)


@given(st.data())
def test_any_changed_byte_is_refused(data: st.DataObject) -> None:
    note = bytearray(SIGNER.sign(1234, ROOT))
    at = data.draw(st.integers(0, len(note) - 1))
    note[at] ^= data.draw(st.integers(1, 255))

    with pytest.raises(NoteError):
        open_checkpoint(bytes(note), SIGNER.verifier)


def test_another_key_is_refused() -> None:
    stranger = Signer("berlin/node1/w0", Ed25519PrivateKey.generate())

    with pytest.raises(NoteError, match="no valid signature by this key"):
        open_checkpoint(stranger.sign(1, ROOT), SIGNER.verifier)


def test_a_witness_signature_is_ignored_and_does_not_count() -> None:
    witness = Signer("berlin/node1/w0", Ed25519PrivateKey.generate()).sign(1, ROOT).decode().split("\n")[4]
    cosigned = SIGNER.sign(1, ROOT) + witness.replace("berlin/node1/w0", "witness.example").encode() + b"\n"

    assert open_checkpoint(cosigned, SIGNER.verifier).size == 1


@pytest.mark.parametrize(
    "text",
    ["o\n1\n", "\n1\nAA==\n", "o\n01\nAA==\n", "o\n-1\nAA==\n", "o\n1\nAA==\n", "o\n1\n!\n", "o\n1\nAA==\nmore\n"],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_checkpoint(text)


@pytest.mark.parametrize(
    "line", ["", "a", "a+b", "a+00000000+AA==", GO_KEY.replace("c74f20a3", "c74f20a4"), f"x{GO_KEY}"]
)
def test_a_malformed_verifier_key_is_refused(line: str) -> None:
    with pytest.raises(NoteError):
        parse_verifier_key(line)
