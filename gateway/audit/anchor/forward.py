"""Records to a collector as they are written, each followed by the head that covers it: an anchor of kind ``syslog``
with ``records: true``.

Only records under a signed head are sent, in the form that exports have (:mod:`gateway.audit.export.syslog`). How far
the collector has everything is written down in ``state/anchors/``, each time that it sealed what it got
(:mod:`gateway.audit.anchor.syslog`); after a break, or a restart, sending goes on from there. So a record may come
twice, and none is lost. A collector that never seals is believed one seal later than it should have.

When it is set up, it begins with the records that follow; what was before can be sent with ``sekisho audit export``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from hashlib import sha256
from itertools import islice
from pathlib import Path

from gateway.audit.anchor.door import AnchorTrouble
from gateway.audit.anchor.heads import LogHead
from gateway.audit.anchor.syslog import SEAL_MESSAGES, SyslogLink, head_message
from gateway.audit.anchor.witnesses import Witness
from gateway.audit.export.columns import Row
from gateway.audit.export.syslog import message
from gateway.audit.log.disk import replace
from gateway.audit.log.merkle import leaf_hash
from gateway.audit.log.reader import raw_records

MOST_AT_ONCE = 1000  # records of one log in one round: the server has other things to do
_PART = 64


class RecordForwarder:
    """See :class:`gateway.audit.anchor.door.Anchor`.

    Args:
        link: to the collector; sealed by nobody else.
        host: what this machine calls itself in messages about heads.
        state: folder of what is written down.
        zone: the site's.
    """

    kind = "syslog"

    def __init__(self, link: SyslogLink, host: str, state: Path, zone: tzinfo) -> None:
        self.place = f"{link.host}:{link.port}"
        self._link = link
        self._host = host
        self._zone = zone
        self._note = state / f"{sha256(self.place.encode()).hexdigest()[:16]}.json"
        self._sealed: dict[str, int] | None = None
        self._sent: dict[str, int] = {}
        self._tried: dict[str, int] = {}
        self._unsealed = 0
        self._seals = False  # whether this collector ever did
        self._witnessed: dict[str, int] = {}

    def deliver(self, heads: Sequence[LogHead]) -> list[tuple[LogHead, Witness]]:
        if self._sealed is None:
            self._sealed = self._written_down(heads)
            self._sent = dict(self._sealed)
        found: list[tuple[LogHead, Witness]] = []
        try:
            for head in heads:
                if self._witnessed.get(head.name, 0) < head.size and self._forwarded(head):
                    found.append((head, head.seen(self.kind, self.place)))
                    self._witnessed[head.name] = head.size
        except (OSError, AnchorTrouble):
            self._go_back()
            raise
        return found

    def close(self) -> None:
        try:
            self._seal()
        except (OSError, AnchorTrouble):  # it goes on from the last seal
            return

    def _forwarded(self, head: LogHead) -> bool:
        """Send what follows the last record that was sent, then the head; whether it got so far in this round."""
        end = min(head.size, self._sent.get(head.name, 0) + MOST_AT_ONCE)
        while (first := self._sent.get(head.name, 0)) < end:
            part = list(islice(self._messages(head, first), min(_PART, end - first)))
            if not part:
                raise AnchorTrouble(f"{head.name}: record {first} cannot be read.", "Run: sekisho audit verify")
            self._send(part)
            self._sent[head.name] = first + len(part)
        if end < head.size:
            return False
        self._send([head_message(self._host, head)])
        return True

    def _messages(self, head: LogHead, first: int) -> Iterator[bytes]:
        for number, data in enumerate(raw_records(head.folder, first)):
            yield message(Row(first + number, leaf_hash(data), data, head.folder.name, self._zone))

    def _send(self, messages: list[bytes]) -> None:
        self._link.send(messages)
        self._unsealed += len(messages)
        if self._unsealed >= SEAL_MESSAGES:
            self._seal()

    def _seal(self) -> None:
        """Let the collector say that it has everything, and write that down. Raises AnchorTrouble, OSError."""
        if not self._unsealed:
            return
        sealed = self._link.seal()
        if not sealed and self._seals:
            raise AnchorTrouble(f"{self.place} did not say that it has everything.", "See the collector's own log.")
        self._seals = self._seals or sealed
        self._link.unsealed.clear()
        self._unsealed = 0
        self._sealed = dict(self._sent) if sealed else self._tried or self._sealed
        self._tried = dict(self._sent)
        self._write_down()

    def _go_back(self) -> None:
        self._link.unsealed.clear()
        self._unsealed = 0
        self._sent = dict(self._sealed or {})
        self._witnessed.clear()

    def _written_down(self, heads: Sequence[LogHead]) -> dict[str, int]:
        """Return how far each log was sealed. A log that is new since then begins at its beginning. Raises OSError."""
        if not self._note.exists():
            self._sealed = {head.name: head.size for head in heads}
            self._write_down()
            return self._sealed
        try:
            said = json.loads(self._note.read_bytes())["sealed"]
            return {str(name): int(size) for name, size in said.items()}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            mend = "Remove it: sending then goes on with what is written from now on."
            raise AnchorTrouble(f"{self._note} is damaged.", mend) from error

    def _write_down(self) -> None:
        self._note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        said = {"place": self.place, "sealed": self._sealed}
        replace(self._note, json.dumps(said, indent=1).encode(), durable=True)
