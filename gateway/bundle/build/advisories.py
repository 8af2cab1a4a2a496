"""Advisories that the builder gives: OpenVEX, CycloneDX VEX, CSAF 2.0, or OSV. Kept as given, once they are that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway.errors import SetupError

_STATUSES = ("not_affected", "affected", "fixed", "under_investigation")
_MEND = "Give one JSON document: OpenVEX, CycloneDX with vulnerabilities, CSAF 2.0, or OSV (one, or a list)."


def read(file: Path) -> bytes:
    """Return the document's bytes.

    Raises:
        SetupError: it is none of these forms, or lacks what its form demands.
    """
    try:
        content = file.read_bytes()
        form_of(json.loads(content))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error) if type(error) is ValueError else "no JSON"
        raise SetupError(f"The advisories in {file} cannot be taken: {why}.", _MEND) from None
    return content


def form_of(document: Any) -> str:
    """Return ``openvex``, ``cyclonedx``, ``csaf`` or ``osv``. Raises ValueError, in words of ours."""
    if isinstance(document, list):
        if not document:
            raise ValueError("an empty list")
        for one in document:
            _check_osv(one)
        return "osv"
    if not isinstance(document, dict):
        raise ValueError("no document")
    if str(document.get("@context", "")).startswith("https://openvex.dev/ns"):
        _check_openvex(document)
        return "openvex"
    if document.get("bomFormat") == "CycloneDX":
        _need(document, "CycloneDX", specVersion=str, vulnerabilities=list)
        return "cyclonedx"
    if isinstance(document.get("document"), dict) and "csaf_version" in document["document"]:
        _need(document["document"], "CSAF", csaf_version=str, title=str, tracking=dict, publisher=dict)
        _need(document, "CSAF", vulnerabilities=list)
        return "csaf"
    _check_osv(document)
    return "osv"


def _check_openvex(document: dict[str, Any]) -> None:
    _need(document, "OpenVEX", author=str, timestamp=str, statements=list)
    for one in document["statements"]:
        if not isinstance(one, dict) or one.get("status") not in _STATUSES or "vulnerability" not in one:
            raise ValueError("a statement of OpenVEX without a vulnerability or with an unknown status")
        if one["status"] == "not_affected" and not (one.get("justification") or one.get("impact_statement")):
            raise ValueError("a statement of OpenVEX says not_affected and not why")


def _check_osv(document: Any) -> None:
    if not isinstance(document, dict):
        raise ValueError("no document of OSV")
    _need(document, "OSV", id=str, modified=str)


def _need(document: dict[str, Any], form: str, **fields: type) -> None:
    for name, kind in fields.items():
        if not isinstance(document.get(name), kind):
            raise ValueError(f"{form} without {name}")
