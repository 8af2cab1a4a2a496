"""Break-glass: the root's holders let one release be installed although its time has run out.

A statement names one snapshot version, one end and a reason, in a DSSE envelope (Dead Simple Signing Envelope 1.0,
signed over its pre-authentication encoding) with signatures of the root role's keys. Rules:

1. It counts with the threshold of the root that the bundle leads to; keys that were revoked count no more.
2. It lifts the end of ``timestamp.json`` and of the ``snapshot.json`` that it names, which by default end together.
   Ends of root and targets, versions, hashes and signatures hold as ever.
3. It holds before its own end, by the reference time.

Example of a payload::

    {"schema": "sekisho.break-glass/1", "snapshot": 1795427167, "until": "2026-12-01T00:00:00Z",
     "reason": "Line 3 stands still; the next bundle comes on Thursday."}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Key
from tuf.api.metadata import Root

from gateway.bundle.refusal import BundleRefused

PAYLOAD_TYPE = "application/vnd.sekisho.break-glass+json"
MOST_BYTES = 65_536
_CODE = "bundle.break_glass"


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the holders of the root's keys sign."""

    schema: Literal["sekisho.break-glass/1"] = "sekisho.break-glass/1"
    snapshot: Annotated[int, msgspec.Meta(ge=1)]
    until: Annotated[datetime, msgspec.Meta(tz=True)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=400)]


@dataclass(frozen=True)
class BreakGlass:
    """A statement in its envelope; believed only after :meth:`check`."""

    statement: Statement
    envelope: Envelope

    def signed_by(self, root: Root) -> tuple[str, ...]:
        """The key ids of the root role whose signatures hold, in the root's order."""
        return tuple(keyid for keyid in root.roles["root"].keyids if self._holds(root.keys[keyid]))

    def check(self, root: Root, at: datetime) -> None:
        """Refuse a statement that too few of the root's keys signed, or that has ended.

        Raises:
            BundleRefused: ``bundle.break_glass``.
        """
        wanted, has = root.roles["root"].threshold, len(self.signed_by(root))
        if has < wanted:
            raise BundleRefused(_CODE, f"Of this root's keys {has} signed it, and {wanted} must.")
        if at >= self.statement.until:
            raise BundleRefused(_CODE, f"It ended at {self.statement.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC.")

    def _holds(self, key: Key) -> bool:
        try:
            return key.keyid in self.envelope.verify([key], 1)
        except (VerificationError, ValueError):
            return False


def make(statement: Statement) -> BreakGlass:
    """Put a statement into an envelope that nobody has signed yet."""
    payload = msgspec.json.encode(statement, order="sorted")
    return BreakGlass(statement, Envelope(payload, PAYLOAD_TYPE, {}))


def encode(said: BreakGlass) -> bytes:
    """The file's bytes: the envelope's JSON form."""
    return json.dumps(said.envelope.to_dict(), indent=1).encode() + b"\n"


def read(raw: bytes) -> BreakGlass:
    """Read a file; whether it counts is another question.

    Raises:
        BundleRefused: ``bundle.break_glass``: it is no such statement.
    """
    try:
        if len(raw) > MOST_BYTES:
            raise ValueError("too long")
        told: Any = json.loads(raw)
        envelope = Envelope.from_dict(told)
        if envelope.payload_type != PAYLOAD_TYPE:
            raise ValueError("of another kind")
        return BreakGlass(msgspec.json.decode(envelope.payload, type=Statement), envelope)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # msgspec's errors are ValueErrors
        raise BundleRefused(_CODE, "That file is no break-glass statement.") from None
