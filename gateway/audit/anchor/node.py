"""A second node that cosigns heads: the client of C2SP ``tlog-witness``, over HTTPS, loopback or a Unix socket.

The witness remembers what it saw. So it is asked to go from there to the newest head, with a proof from the log's hash
tiles; where it remembers another size than this client does, it says so, and is asked once more.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from gateway.audit.anchor import witnesses
from gateway.audit.anchor.cosign import WitnessKey, cosignature_in
from gateway.audit.anchor.door import AnchorTrouble
from gateway.audit.anchor.heads import LogHead
from gateway.audit.anchor.witnesses import Witness
from gateway.audit.log.consistency import prove_consistency
from gateway.audit.log.note import NoteError

_TIMEOUT_SECONDS = 10.0
_MOST_ANSWER_BYTES = 64 * 1024
_TRIES = 3
_OTHER_HISTORY = "Compare both logs: sekisho audit verify. One of the two was changed, or restored from a backup."


class WitnessHttp:
    """Posts to one witness. Keeps its connection.

    Args:
        url: its submission prefix, ``https://…`` or ``http://…``; with ``socket_path`` only its path counts.
        socket_path: a Unix socket to reach it by.
    """

    def __init__(self, url: str, *, socket_path: Path | None = None, context: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        if socket_path is None and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise AnchorTrouble(f"{url!r} is no address of a witness.", "Write https://host:port, or name a socket.")
        self.name = f"unix:{socket_path}" if socket_path else url
        self._parts = parts
        self._socket_path = socket_path
        self._context = context
        self._connection: HTTPConnection | None = None

    def add_checkpoint(self, body: bytes) -> tuple[int, str]:
        """Return status and body of the answer.

        Raises:
            OSError: the witness cannot be reached.
            AnchorTrouble: what answers there is no witness.
        """
        kept = self._connection is not None
        try:
            return self._post(body)
        except (OSError, HTTPException):
            self.close()
            if not kept:
                raise
        return self._post(body)  # it had closed the connection that was kept

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _post(self, body: bytes) -> tuple[int, str]:
        connection = self._connection = self._connection or self._connect()
        path = f"{self._parts.path.rstrip('/')}/add-checkpoint"
        connection.request("POST", path, body, {"content-type": "text/plain; charset=utf-8"})
        answer = connection.getresponse()
        raw = answer.read(_MOST_ANSWER_BYTES)
        if not answer.isclosed():
            self.close()
        try:
            return answer.status, raw.decode()
        except UnicodeDecodeError as error:
            raise AnchorTrouble(f"{self.name} is no witness.", "Check the address.") from error

    def _connect(self) -> HTTPConnection:
        if self._socket_path is not None:
            return _UnixConnection(self._socket_path)
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return HTTPSConnection(host, port, timeout=_TIMEOUT_SECONDS, context=self._context)
        return HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)


class NodeAnchor:
    """See :class:`gateway.audit.anchor.door.Anchor`. The place is the witness's name, as its key has it."""

    kind = "node"

    def __init__(self, witness: WitnessHttp, key: WitnessKey) -> None:
        self.place = key.name
        self._witness = witness
        self._key = key
        self._there: dict[str, int] = {}

    def deliver(self, heads: Sequence[LogHead]) -> list[tuple[LogHead, Witness]]:
        found, trouble = [], None
        for head in heads:
            if head.size <= self._there.get(head.name, 0):
                continue
            try:
                found.append((head, self._cosigned(head)))
            except AnchorTrouble as problem:  # of one log: the others are brought there all the same
                trouble = problem
        if trouble and not found:
            raise trouble
        return found

    def close(self) -> None:
        self._witness.close()

    def _cosigned(self, head: LogHead) -> Witness:
        old = self._there.get(head.name) or self._remembered(head)
        for _ in range(_TRIES):
            status, body = self._asked(head, old)
            if status == 200:
                return self._accepted(head, body)
            if status != 409:
                break
            said = _size(body)
            if said == old or said > head.size:
                raise self._conflict(head, f"saw {said} records")
            old = said
        raise self._refusal(head, status)

    def _asked(self, head: LogHead, old: int) -> tuple[int, str]:
        try:
            proof = prove_consistency(head.folder, old, head.size)
        except (ValueError, FileNotFoundError) as error:
            raise AnchorTrouble(f"{head.name}: the log has no proof from {old} records on.", _OTHER_HISTORY) from error
        lines = [f"old {old}", *(base64.b64encode(digest).decode() for digest in proof)]
        try:
            return self._witness.add_checkpoint("\n".join(lines).encode() + b"\n\n" + head.note)
        except OSError:  # one that hung up is both
            raise
        except HTTPException as error:
            raise AnchorTrouble(f"{self._witness.name} is no witness.", "Check the address.") from error

    def _accepted(self, head: LogHead, body: str) -> Witness:
        """Return the cosignature, checked. What does not hold is worth nothing, whoever sent it."""
        try:
            line, seconds = cosignature_in(body, self._key, head.checkpoint.text())
        except NoteError as error:
            mend = "Check that audit.anchors has this witness's key, and who answers at that address."
            raise AnchorTrouble(f"{self.place}: {error}.", mend) from error
        self._there[head.name] = head.size
        time = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Witness(self.kind, self.place, head.size, head.checkpoint.root, time, line)

    def _remembered(self, head: LogHead) -> int:
        """Return the largest size that this witness cosigned, as ``witnesses.jsonl`` has it; 0 to be told by it."""
        with contextlib.suppress(OSError):
            mine = (w.size for w in witnesses.read(head.folder)[0] if (w.kind, w.place) == (self.kind, self.place))
            return max((size for size in mine if size <= head.size), default=0)
        return 0

    def _conflict(self, head: LogHead, what: str) -> AnchorTrouble:
        problem = f"{self.place} {what} of {head.name}, and this log of {head.size} is no continuation of them."
        return AnchorTrouble(problem, _OTHER_HISTORY, conflict=True)

    def _refusal(self, head: LogHead, status: int) -> AnchorTrouble:
        if status == 422:
            return self._conflict(head, "saw other records")
        if status in (403, 404):
            mend = "Give it this site's public key: sekisho audit witness serve --log FILE."
            return AnchorTrouble(f"{self.place} does not know {head.name}.", mend)
        return AnchorTrouble(f"{self.place} answers {status}.", "See the witness's own log.")


def _size(body: str) -> int:
    text = body.rstrip("\n")
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise AnchorTrouble("What answers there is no witness.", "Check the address.")
    return int(text)


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_TIMEOUT_SECONDS)
        self.sock.connect(str(self._path))
