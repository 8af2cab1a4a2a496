"""JSON Schemas (draft 2020-12) of policy's documents, made from the types that read and write them.

Every string of a question and an answer is bounded or enumerated, and in Unicode form NFC:
:mod:`gateway.policy.question` and :mod:`gateway.policy.answer` let no other pass.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.domain import Decision, PolicyInput
from gateway.policy.glass.grant import BreakGlass
from gateway.policy.life.signer_change import SignerChange

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """Return schemas by version: ``sekisho.input/1``, ``sekisho.decision/1``, and those of what people sign."""
    return {
        "sekisho.input/1": _schema(PolicyInput),
        "sekisho.decision/1": _schema(Decision),
        "sekisho.break-glass/1": _schema(BreakGlass),
        "sekisho.signer-change/1": _schema(SignerChange),
    }


def _schema(document: type) -> dict[str, Any]:
    return {"$schema": DIALECT, **msgspec.json.schema(document)}
