"""What a witness does with a head that is brought to it: the rules of C2SP ``tlog-witness``, and its memory.

For each log, told by its origin, it remembers the largest head that it cosigned. It cosigns another one only if that is
signed by a key it trusts, and if a consistency proof shows that what it remembers is a prefix. So a log that was cut
back, rolled back, forked or rewritten gets no cosignature, from whatever machine it comes.

The new head is on stable storage before the answer goes out; checking and remembering are one step. A memory that does
not hold the witness's own cosignature is refused, not begun anew. Values in, answers out; HTTP is
:mod:`gateway.http.witness`.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import quote, unquote

from gateway.audit.anchor.cosign import Cosigner, cosignature_in
from gateway.audit.log import layout
from gateway.audit.log.disk import replace
from gateway.audit.log.merkle import verify_consistency
from gateway.audit.log.note import Checkpoint, NoteError, Verifier, open_checkpoint, parse_checkpoint, split_note
from gateway.durable import sync_folder
from gateway.errors import SetupError

MOST_BODY_BYTES = 64 * 1024
MOST_LOGS = 10_000
SIZE_TYPE = "text/x.tlog.size"
_TEXT_TYPE = "text/plain; charset=utf-8"
_MOST_PROOF_LINES = 63
_OLD = re.compile(rb"old (0|[1-9][0-9]{0,15})")
_LONGEST_ORIGIN = 80  # its name in the state folder stays under 255 bytes whatever it holds


@dataclass(frozen=True)
class Answer:
    """Status and body of an HTTP answer."""

    status: int
    body: str
    media_type: str = _TEXT_TYPE


@dataclass(frozen=True)
class TrustedLog:
    """A key, and the origins that it may sign for: a name or a pattern such as ``berlin/*``."""

    key: Verifier
    origins: str = "*"


@dataclass(frozen=True)
class Remembered:
    """The last head that was cosigned for an origin."""

    checkpoint: Checkpoint
    note: bytes


class _Refused(Exception):
    def __init__(self, status: int, text: str, media_type: str = _TEXT_TYPE) -> None:
        super().__init__(text)
        self.answer = Answer(status, f"{text}\n", media_type)


class WitnessOffice:
    """One witness. May be called from several threads.

    Args:
        state: folder of its memory, one file for each log; held by one process.
        now: seconds since 1970.
        remembered: called between persisting and answering.

    Raises:
        SetupError: another process is this witness, or the folder cannot be used.
    """

    def __init__(
        self,
        state: Path,
        cosigner: Cosigner,
        logs: Sequence[TrustedLog],
        *,
        now: Callable[[], int] = lambda: int(datetime.now(UTC).timestamp()),
        remembered: Callable[[], None] = lambda: None,
    ) -> None:
        self._state = state
        self._cosigner = cosigner
        self._logs = logs
        self._now = now
        self._remembered = remembered
        self._turn = threading.Lock()
        self._descriptor = _hold(state)

    def close(self) -> None:
        """Let another process be this witness. Safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def add_checkpoint(self, body: bytes) -> Answer:
        """Return the answer to ``POST /add-checkpoint``.

        Raises:
            OSError: it could not be made durable; nothing was cosigned.
            NoteError: the memory of that log is damaged; nothing was cosigned.
        """
        try:
            old_size, proof, note = _parsed(body)
            checkpoint = self._opened(note)
            if old_size > checkpoint.size:
                raise _Refused(400, "the old size is larger than the checkpoint's")
            with self._turn:
                return self._cosigned(old_size, proof, note, checkpoint)
        except _Refused as refused:
            return refused.answer

    def _opened(self, note: bytes) -> Checkpoint:
        """Return what a checkpoint says, if a key that is trusted for its origin signed it."""
        try:
            origin = parse_checkpoint(split_note(note)[0]).origin
        except NoteError as error:
            raise _Refused(400, str(error)) from error
        keys = [log.key for log in self._logs if fnmatchcase(origin, log.origins)]
        if not keys or len(origin.encode()) > _LONGEST_ORIGIN:
            raise _Refused(404, "this log is not known here")
        for key in keys:
            try:
                return open_checkpoint(note, key)
            except NoteError:
                continue
        raise _Refused(403, "not signed by a key that is trusted for this log")

    def _cosigned(self, old_size: int, proof: list[bytes], note: bytes, new: Checkpoint) -> Answer:
        """Check against what is remembered, remember, answer. The caller has the turn."""
        known = (
            _read(self._state, f"{new.origin}.head", self._cosigner).checkpoint
            if self._path(new.origin).exists()
            else None
        )
        if old_size != (known.size if known else 0):
            raise _Refused(409, str(known.size if known else 0), SIZE_TYPE)
        if known and known.size == new.size and known.root != new.root:
            raise _Refused(409, str(known.size), SIZE_TYPE)
        if known is None and proof:
            raise _Refused(422, "a proof from nothing must be empty")
        if known and not verify_consistency(known.size, new.size, proof, known.root, new.root):
            raise _Refused(422, "the proof does not lead from the checkpoint that was cosigned to this one")
        if known is None and len(list(self._state.glob("*.head"))) >= MOST_LOGS:
            raise _Refused(403, "this witness has as many logs as it takes")
        line = self._cosigner.cosign(new.text(), self._now())
        replace(self._path(new.origin), note + line.encode(), durable=True)
        self._remembered()
        return Answer(200, line)

    def _path(self, origin: str) -> Path:
        return self._state / quote(f"{origin}.head", safe="")


def remembered(state: Path, cosigner: Cosigner) -> list[Remembered]:
    """Return what a witness remembers of all logs, beside its process too. Raises NoteError, OSError."""
    return [_read(state, unquote(path.name), cosigner) for path in sorted(state.glob("*.head"))]


def forget(state: Path, origin: str, cosigner: Cosigner, reason: str) -> Remembered:
    """Let a log begin anew: after its house said why, and two persons there signed for it.

    What was remembered is kept, in ``forgotten``, with the reason: it proves what that log once was.

    Raises:
        SetupError: the witness is serving, or knows no such log.
        NoteError, OSError: its memory cannot be used.
    """
    descriptor = _hold(state)
    try:
        name = f"{origin}.head"
        path = state / quote(name, safe="")
        if not path.exists():
            raise SetupError(f"No head of {origin} was cosigned.", "See: sekisho audit witness status", exit_code=2)
        known = _read(state, name, cosigner)
        time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        kept = state / "forgotten"
        old = kept.read_bytes() if kept.exists() else b""
        replace(kept, old + f"{time} {' '.join(reason.split())}\n".encode() + known.note + b"\n", durable=True)
        path.unlink()
        sync_folder(state)
    finally:
        os.close(descriptor)
    return known


def _read(state: Path, name: str, cosigner: Cosigner) -> Remembered:
    note = (state / quote(name, safe="")).read_bytes()
    text, signatures = split_note(note)
    checkpoint = parse_checkpoint(text)
    cosignature_in(signatures, cosigner.key, text)
    if f"{checkpoint.origin}.head" != name:
        raise NoteError("the memory of one log holds another one's head")
    return Remembered(checkpoint, note)


def _parsed(body: bytes) -> tuple[int, list[bytes], bytes]:
    """Return old size, proof and note of a request's body."""
    head, separator, note = body.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    old = _OLD.fullmatch(first)
    if not separator or not old or len(lines) > _MOST_PROOF_LINES:
        raise _Refused(400, "not an old size, a proof, an empty line and a checkpoint")
    return int(old[1]), [_hash(line) for line in lines], note


def _hash(line: bytes) -> bytes:
    try:
        digest = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _Refused(400, "a line of the proof is not base64") from error
    if len(digest) != layout.HASH_BYTES:
        raise _Refused(400, "a line of the proof is not 32 bytes")
    return digest


def _hold(state: Path) -> int:
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SetupError(f"The witness's folder {state} cannot be used.", "Check its owner and mode.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise SetupError(f"Another process is the witness of {state}.", "End it, or give another --state.") from error
    return descriptor
