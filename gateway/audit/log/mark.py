"""The file ``open``: no intent below this sequence still lacks its outcome, so a start need not read what is older.

It is signed by the log key, with the log's origin: who moves it up, so that an interrupted request is never said to be
one, is noticed. An older one in its place does no harm, since more is read then.

::

    17
    ZmFs…                   base64 of the signature
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path

from gateway.audit.log.disk import replace
from gateway.audit.log.growing import Tampered
from gateway.audit.log.note import Signer, Verifier

NAME = "open"


class Shown:
    """The mark that a running writer shows. One thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._sequence, self._content = -1, b""

    def show(self, sequence: int, signer: Signer) -> None:
        """Write the mark, where it is another one. Raises OSError; KeySilent: the key's keeper does not answer."""
        if sequence != self._sequence:
            content = text(signer, sequence)
            replace(self._path, content, durable=False)
            self._sequence, self._content = sequence, content

    def check(self) -> None:
        """Raise Tampered: it is not what was written."""
        try:
            content = self._path.read_bytes() if self._content else b""
        except FileNotFoundError as error:
            raise Tampered(f"{NAME} is gone") from error
        if content != self._content:
            raise Tampered(f"{NAME} is not what was written")


def text(signer: Signer, sequence: int) -> bytes:
    """Return the file's content. Raises KeySilent: the key's keeper does not answer."""
    signature = base64.b64encode(signer.sign_bytes(_signed(signer.origin, sequence)))
    return b"%d\n%b\n" % (sequence, signature)


def read(folder: Path, origin: str, verifiers: Sequence[Verifier]) -> int:
    """Return the mark of a log; 0 where there is none, or an unsigned one, as earlier releases wrote it.

    Raises:
        Tampered: none of these keys has signed it.
        OSError: it cannot be read.
    """
    try:
        raw = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return 0
    if not raw or raw.isdigit():  # a power cut may leave an empty one
        return 0
    number, _, encoded = raw.removesuffix(b"\n").partition(b"\n")
    try:
        sequence, signature = int(number), base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        sequence, signature = -1, b""
    if sequence < 0 or not any(key.signed(signature, _signed(origin, sequence)) for key in verifiers):
        raise Tampered(f"{NAME} is not what was written")
    return sequence


def _signed(origin: str, sequence: int) -> bytes:
    """Return what is signed; it begins as no checkpoint does (:meth:`Signer.sign_bytes`)."""
    return f"sekisho: the open mark of {origin} is {sequence}".encode()
