"""``multipart/form-data`` (RFC 7578) as it comes in, part by part: no part need lie in memory or on a disk as a whole.

``Parts(boundary).feed(bytes)`` yields, in order, a :class:`Begin` for each part, pieces of its content, and ``None`` at
its end.
"""

from __future__ import annotations

import email.parser
import email.policy
from collections.abc import Iterator

import msgspec

from gateway.errors import BadRequest

MOST_HEADER_BYTES = 8192
MOST_BOUNDARY_CHARS = 70  # RFC 2046 5.1.1


class Begin(msgspec.Struct, frozen=True):
    name: str
    filename: str | None


class Parts:
    """One body. ``ended`` says whether its last boundary was seen."""

    def __init__(self, boundary: bytes) -> None:
        self.ended = False
        self._mark = b"\r\n--" + boundary
        self._waiting = bytearray(b"\r\n")  # the first boundary may have no line before it
        self._where = "before"

    def feed(self, content: bytes) -> Iterator[Begin | bytes | None]:
        """Take in what came. Raises BadRequest: it is no such body."""
        self._waiting += content
        while not self.ended:
            if self._where in ("before", "content"):
                at = self._waiting.find(self._mark)
                end = at if at >= 0 else max(0, len(self._waiting) - len(self._mark) + 1)
                if self._where == "content" and end:
                    yield bytes(self._waiting[:end])
                del self._waiting[:end]
                if at < 0:
                    return
                if self._where == "content":
                    yield None
                del self._waiting[: len(self._mark)]
                self._where = "mark"
            elif self._where == "mark":
                if not self._passed_mark():
                    return
            else:
                at = self._waiting.find(b"\r\n\r\n")
                if max(at, 0 if at >= 0 else len(self._waiting)) > MOST_HEADER_BYTES:
                    raise _wrong()
                if at < 0:
                    return
                begin = _begin(bytes(self._waiting[: at + 2]))
                del self._waiting[: at + 4]
                self._where = "content"
                yield begin

    def _passed_mark(self) -> bool:
        """Read what follows a boundary; False: it is not there yet."""
        if len(self._waiting) < 2:
            return False
        after = bytes(self._waiting[:2])
        del self._waiting[:2]
        if after not in (b"--", b"\r\n"):
            raise _wrong()
        self.ended, self._where = after == b"--", "headers"
        return True


def boundary_of(content_type: bytes) -> bytes:
    """Return the boundary that a header names. Raises BadRequest."""
    headers = email.parser.Parser(policy=email.policy.HTTP).parsestr(
        f"content-type: {content_type.decode('latin-1')}\r\n\r\n", headersonly=True
    )
    boundary = headers.get_boundary("")
    if headers.get_content_type() != "multipart/form-data" or not 0 < len(boundary) <= MOST_BOUNDARY_CHARS:
        raise BadRequest("The body must be multipart/form-data with a boundary.", param="body")
    return boundary.encode("latin-1", "replace")


def _begin(raw: bytes) -> Begin:
    try:
        headers = email.parser.Parser(policy=email.policy.compat32).parsestr(raw.decode("utf-8"), headersonly=True)
    except UnicodeDecodeError as error:
        raise _wrong() from error
    name = headers.get_param("name", header="content-disposition")
    if not isinstance(name, str) or headers.get("content-transfer-encoding", "binary").lower() not in _PLAIN:
        raise _wrong()
    filename = headers.get_filename()
    return Begin(name, filename)


_PLAIN = ("binary", "8bit", "7bit")


def _wrong() -> BadRequest:
    return BadRequest("The body is not well-formed multipart/form-data.", param="body")
