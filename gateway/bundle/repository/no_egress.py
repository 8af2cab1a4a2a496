"""The maker's proof that a bundle of theirs talks to nobody: a signed report of one life of a site behind a cordon.

``make airgap-proof`` writes it, in a DSSE envelope (Dead Simple Signing Envelope 1.0), signed with a key of the targets
role. Rules:

1. It counts by the threshold of the targets role of the root that this site trusts: whose bundles it takes, whose
   reports it believes.
2. ``proven`` is what follows from the rest of it. A report that says more than it saw is refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Key
from tuf.api.metadata import Root

from gateway.bundle.refusal import BundleRefused

PAYLOAD_TYPE = "application/vnd.sekisho.no-egress+json"
MOST_BYTES = 2**20
ROLE = "targets"

_Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_Time = Annotated[str, msgspec.Meta(pattern="^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z$")]
_Words = tuple[Annotated[str, msgspec.Meta(max_length=1000)], ...]


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was seen. ``seen`` tried to leave; ``controls_caught`` says of each instrument if it saw its control."""

    schema: Literal["sekisho.no-egress/1"]
    proven: bool
    at: _Time
    bundle_sha256: _Digest
    root_sha256: _Digest
    kernel: Annotated[str, msgspec.Meta(max_length=200)]
    seconds: int
    seen: _Words
    controls_caught: Annotated[dict[str, bool], msgspec.Meta(min_length=1, max_length=20)]
    endpoints: _Words
    not_as_expected: _Words
    life: _Words
    server_exit: int

    @property
    def follows(self) -> bool:
        """What ``proven`` must be."""
        caught, asked = all(self.controls_caught.values()), bool(self.endpoints and self.life)
        return caught and asked and not self.seen and not self.not_as_expected and self.server_exit == 0


@dataclass(frozen=True)
class Proof:
    """A report in its envelope; believed only after :meth:`check`. ``sha256`` is the whole file's."""

    report: Report
    envelope: Envelope
    sha256: str

    def check(self, root: Root) -> tuple[str, ...]:
        """Return the ids of the root's targets keys that signed it.

        Raises:
            BundleRefused: ``bundle.signature``: too few.
        """
        role = root.roles[ROLE]
        signed = tuple(keyid for keyid in role.keyids if self._holds(root.keys[keyid]))
        if len(signed) < role.threshold:
            said = f"Of this root's {ROLE} keys {len(signed)} signed it, and {role.threshold} must."
            raise BundleRefused("bundle.signature", said)
        return signed

    def summary(self, keyids: tuple[str, ...]) -> dict[str, Any]:
        """Return what goes into the audit log: digests, counts and names of instruments."""
        report = self.report
        missed = sorted(name for name, yes in report.controls_caught.items() if not yes)
        return {
            "report_sha256": self.sha256,
            "made_at": report.at,
            "proven": report.proven,
            "bundle_sha256": report.bundle_sha256,
            "root_sha256": report.root_sha256,
            "seen": len(report.seen),
            "controls": len(report.controls_caught),
            "controls_missed": missed,
            "endpoints": len(report.endpoints),
            "commands": len(report.life),
            "keys": list(keyids),
        }

    def _holds(self, key: Key) -> bool:
        try:
            return key.keyid in self.envelope.verify([key], 1)
        except (VerificationError, ValueError):
            return False


def read(raw: bytes) -> Proof:
    """Read a file; whose it is, is another question.

    Raises:
        BundleRefused: ``bundle.malformed``: it is no such report, or says more than it saw.
    """
    try:
        if len(raw) > MOST_BYTES:
            raise ValueError("too long")
        told: Any = json.loads(raw)
        envelope = Envelope.from_dict(told)
        if envelope.payload_type != PAYLOAD_TYPE:
            raise ValueError("of another kind")
        report = msgspec.json.decode(envelope.payload, type=Report)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # msgspec's errors are ValueErrors
        raise BundleRefused("bundle.malformed", "That file is no report of no egress.") from None
    if report.proven and not report.follows:
        raise BundleRefused("bundle.malformed", "That report says that it proves what it did not see.")
    return Proof(report, envelope, sha256(raw).hexdigest())
