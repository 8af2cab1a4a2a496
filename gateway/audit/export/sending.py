"""Sends an export in syslog's form to a receiver over TLS (RFC 5425), frame by frame as they stand in the file.

Syslog acknowledges nothing. A part counts as there once the receiver, asked to close the connection, has closed it in
order: it has then read all that came before (4.4). That is a seal. After a break, or in a new process, sending goes on
after the last seal, so a receiver may see a message twice, and misses none.

``.NAME.sent`` beside the file says how far it is: for which file and receiver, and up to which byte it is sealed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec

from gateway.audit.anchor.door import AnchorTrouble
from gateway.audit.log.disk import replace
from gateway.errors import SetupError

SEAL_MESSAGES = 256
_TRIES = 5
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 30.0
_LONGEST_LENGTH = 9  # digits of a frame's length

Progress = Callable[[int, int], None]


class Link(Protocol):
    """One receiver: see :class:`gateway.audit.anchor.syslog.SyslogLink`."""

    def send(self, messages: list[bytes]) -> None: ...

    def seal(self) -> bool: ...


@dataclass(frozen=True)
class Parcel:
    """What is to be sent where. ``sha256`` is the file's."""

    file: Path
    sha256: str
    to: str

    @property
    def note(self) -> Path:
        return self.file.with_name(f".{self.file.name}.sent")

    def sealed(self) -> int:
        """Return up to which byte of this file the receiver has everything. Raises OSError."""
        try:
            said = msgspec.json.decode(self.note.read_bytes())
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
            return 0
        same = isinstance(said, dict) and (said.get("sha256"), said.get("to")) == (self.sha256, self.to)
        return int(said["bytes"]) if same else 0

    def seal_at(self, end: int) -> None:
        """Write down how far it is; on stable storage when this returns. Raises OSError."""
        said: dict[str, Any] = {"sha256": self.sha256, "to": self.to, "bytes": end}
        replace(self.note, msgspec.json.encode(said), durable=True)


def send(parcel: Parcel, connect: Callable[[], Link], progress: Progress | None = None) -> int:
    """Send what is not sealed yet, and return how many messages that was. Blocks.

    Raises:
        SetupError: the receiver cannot be reached, or takes nothing; it goes on there at the next try.
        OSError: the file cannot be read.
    """
    size, done, tries = parcel.file.stat().st_size, 0, 0
    link = connect()
    while (begin := parcel.sealed()) < size:
        if progress:
            progress(begin, size)
        try:
            messages, end = _part(parcel.file, begin)
            link.send(messages)
            if not link.seal():
                raise AnchorTrouble(f"{parcel.to} did not close the connection in order.", "See the receiver's log.")
        except (OSError, AnchorTrouble) as error:
            tries += 1
            _give_up_after(tries, error, parcel)
            link = connect()  # a new one: what is not sealed is sent again from the file
            continue
        parcel.seal_at(end)
        done, tries = done + len(messages), 0
    if progress:
        progress(size, size)
    return done


def _give_up_after(tries: int, error: Exception, parcel: Parcel) -> None:
    """Wait before the next try. Raises SetupError after the last one."""
    if tries >= _TRIES:
        mend = getattr(error, "mend", "") or "See the receiver's log; the same command goes on after the last seal."
        raise SetupError(f"{parcel.to} does not take the export: {error}.", mend) from error
    time.sleep(min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (tries - 1)))


def _part(path: Path, begin: int) -> tuple[list[bytes], int]:
    """Return the messages of one part, and where it ends. Raises OSError."""
    messages, end = [], begin
    with path.open("rb") as file:
        file.seek(begin)
        for text in _frames(file):
            messages.append(text)
            if len(messages) == SEAL_MESSAGES:
                break
        end = file.tell()
    return messages, end


def _frames(file: BinaryIO) -> Iterator[bytes]:
    """Yield messages by their octet counts (RFC 5425, 4.3). Raises OSError when the file is not what was written."""
    while digits := _length(file):
        text = file.read(int(digits))
        if len(text) != int(digits):
            raise OSError("the file ends within a message")
        yield text


def _length(file: BinaryIO) -> bytes:
    digits = b""
    while (each := file.read(1)) not in (b"", b" "):
        digits += each
        if not each.isdigit() or len(digits) > _LONGEST_LENGTH:
            raise OSError("the file is no export in syslog's form")
    return digits
