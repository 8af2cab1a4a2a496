"""Sends an export in syslog's form to a receiver over TLS (RFC 5425), frame by frame as they stand in the file.

Syslog acknowledges nothing. A part counts as there once the receiver, asked to close the connection, has closed it in
order: it has then read all that came before (4.4). That is a seal. After a break, or in a new process, sending goes on
after the last seal, so a receiver may see a message twice, and misses none. Some receivers never close in order; what
they took is told apart.

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


@dataclass(frozen=True)
class Sent:
    """What was sent. ``unconfirmed``: how many messages a receiver took that never closes a connection in order."""

    messages: int
    unconfirmed: int


def send(parcel: Parcel, connect: Callable[[], Link], progress: Progress | None = None) -> Sent:
    """Send what is not sealed yet. Blocks.

    Raises:
        SetupError: the receiver cannot be reached, or takes nothing; it goes on there at the next try.
        OSError: the file cannot be read.
    """
    size, sent, unconfirmed, tries, polite = parcel.file.stat().st_size, 0, 0, 0, True
    while (begin := parcel.sealed()) < size:
        if progress:
            progress(begin, size)
        messages, end = _part(parcel.file, begin)
        try:
            sealed = _deliver(connect(), messages)
        except (OSError, AnchorTrouble) as error:
            tries += 1
            _give_up_after(tries, error, parcel)
            continue
        if not sealed and polite:  # a broken connection, or a receiver that never answers: the second time tells
            polite = False
            continue
        polite = polite or sealed
        unconfirmed += 0 if sealed else len(messages)
        sent, tries = sent + len(messages), 0
        parcel.seal_at(end)
    if progress:
        progress(size, size)
    return Sent(sent, unconfirmed)


def _deliver(link: Link, messages: list[bytes]) -> bool:
    """Send messages on a connection of their own; whether the receiver closed it in order."""
    link.send(messages)
    return link.seal()


def _give_up_after(tries: int, error: Exception, parcel: Parcel) -> None:
    """Wait before the next try. Raises SetupError after the last one."""
    if tries >= _TRIES:
        mend = getattr(error, "mend", "") or "See the receiver's log; the same command goes on after the last seal."
        raise SetupError(f"{parcel.to} does not take the export: {str(error).rstrip('.')}.", mend) from error
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
