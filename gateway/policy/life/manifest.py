"""What a revision says of itself: ``manifest.json``, a DSSE envelope around ``sekisho.policy/1``. Pure.

It names every file of the revision by its digest, until when it holds, and what was tested. Whoever signs it signs all
of that. The gateway that built it signs first, with the key of its log; persons sign beside it (``sekisho policy
sign``). Numbers are integers, since RFC 8785 and fractions do not go together.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec

from gateway.policy.life.build import VerifyingKey
from gateway.policy.life.dsse import BadEnvelope, Envelope, canonical, payload_of

TYPE = "application/vnd.sekisho.policy+json"
"""The type of the payload: a signature for anything else is none for a manifest."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Source(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file that the bundle was built from: its path below the policies, and its SHA-256."""

    path: str
    sha256: str


class Tested(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How tests ended; ``coverage_percent`` is rounded down."""

    passed: int
    failed: int
    coverage_percent: int = 100


class BundleKey(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What OPA verifies the bundle's own signature with (ES256)."""

    id: str
    pem: str


class Manifest(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    version: Literal["sekisho.policy/1"] = "sekisho.policy/1"
    revision: str
    created: str  # RFC 3339, UTC, with Z
    expires: str  # likewise: from then on it refuses every request
    site: str  # where it was built
    opa: str
    bundle: str  # SHA-256 of bundle.tar.gz
    table: str  # SHA-256 of rules.csv
    key: BundleKey
    sources: tuple[Source, ...]
    tests: Tested
    cases: Tested | None = None  # None: there was none

    @property
    def verifying_key(self) -> VerifyingKey:
        return VerifyingKey(self.key.id, self.key.pem)

    @property
    def passed(self) -> bool:
        """Whether there were tests, and all of them passed, as did the cases."""
        return self.tests.passed > 0 and self.tests.failed == 0 and (self.cases is None or self.cases.failed == 0)


def written(manifest: Manifest) -> bytes:
    """Return the payload: canonical JSON."""
    return canonical(msgspec.to_builtins(manifest))


def read(envelope: Envelope) -> Manifest:
    """Return what an envelope holds; says nothing of who signed it.

    Raises:
        BadEnvelope: another type, or no such document.
    """
    if envelope.payload_type != TYPE:
        raise BadEnvelope("it is a document of another type")
    try:
        manifest = msgspec.json.decode(payload_of(envelope), type=Manifest)
        instant(manifest.expires)
        instant(manifest.created)
    except (msgspec.DecodeError, ValueError) as error:
        raise BadEnvelope("it is not a manifest of a policy") from error
    return manifest


def instant(text: str) -> datetime:
    """Return a time as manifests write it. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def said(moment: datetime) -> str:
    """Return a time as manifests write it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
