"""Where the bundle comes from: SLSA provenance v1 as an in-toto statement v1, in a DSSE envelope (Ed25519).

Subjects are all parts of the release but this one. The signers are those of the targets role.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from securesystemslib.dsse import Envelope
from securesystemslib.signer import Signer

from gateway.bundle.build.items import Item

PAYLOAD_TYPE = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://sekisho.invalid/bundle-build/v1"
BUILDER = "https://sekisho.invalid/bundle-builder"


@dataclass(frozen=True)
class Source:
    """The checkout: its commit (``""`` outside of git), and whether files differ from it."""

    commit: str
    changed: bool


def statement(
    items: Iterable[Item], source: Source, asked: Mapping[str, Any], locks: Mapping[str, str], at: datetime
) -> dict[str, Any]:
    """Return the statement.

    Args:
        asked: the parameters of the build, as JSON values.
        locks: name of each lock to its SHA-256.
    """
    checkout: dict[str, Any] = {"name": "checkout", "annotations": {"changed": source.changed}}
    if source.commit:
        checkout["digest"] = {"gitCommit": source.commit}
    when = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "_type": _STATEMENT,
        "subject": [{"name": one.part.name, "digest": {"sha256": one.part.sha256}} for one in items],
        "predicateType": _PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": dict(asked),
                "internalParameters": {},
                "resolvedDependencies": [
                    checkout,
                    *({"name": name, "digest": {"sha256": sha256}} for name, sha256 in sorted(locks.items())),
                ],
            },
            "runDetails": {
                "builder": {"id": BUILDER},
                "metadata": {"startedOn": when, "finishedOn": when},
            },
        },
    }


def sign(said: Mapping[str, Any], signers: Iterable[Signer]) -> bytes:
    """Return the envelope as JSON."""
    payload = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    for signer in signers:
        envelope.sign(signer)
    return json.dumps(envelope.to_dict(), indent=1, sort_keys=True).encode() + b"\n"
