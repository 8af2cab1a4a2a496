"""Which advisories a release fixes, by the documents that the builders put into both: VEX says it, OSV by versions.

OpenVEX, CycloneDX VEX and CSAF say of each vulnerability how it stands. OSV says which versions of a package are
affected, so that is asked of the versions in the release. A later document knows more: where it speaks of a
vulnerability, of which the earlier one says nothing, the earlier release is taken to have had it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from packaging.version import InvalidVersion, Version

FIXED, OPEN = "fixed", ("affected", "under_investigation")
_CYCLONEDX = {
    "resolved": FIXED, "resolved_with_pedigree": FIXED, "exploitable": "affected", "in_triage": "under_investigation",
    "false_positive": "not_affected", "not_affected": "not_affected",
}  # fmt: skip
_CSAF = {
    "fixed": FIXED, "first_fixed": FIXED, "known_affected": "affected", "first_affected": "affected",
    "last_affected": "affected", "known_not_affected": "not_affected", "under_investigation": "under_investigation",
}  # fmt: skip
_WORST = ("affected", "under_investigation", FIXED, "not_affected")


class Advisory(msgspec.Struct, frozen=True):
    """One vulnerability, and how it stood before and stands after: ``""`` where nobody says."""

    id: str
    before: str
    after: str


class Advisories(msgspec.Struct, frozen=True):
    """``fixed`` by the second release; ``open`` in it; ``given``: its builder gave a document."""

    given: bool
    fixed: list[Advisory] = []
    open: list[Advisory] = []


def compare(before: bytes | None, after: bytes | None, old: Mapping[str, str], new: Mapping[str, str]) -> Advisories:
    """Compare. ``old`` and ``new`` are versions of packages by normalised name."""
    first, second = _read(before), _read(after)
    was, now = states(first, old), states(second, new)
    was |= {id: said for id, said in states(second, old).items() if _is_osv(second) and id not in was}
    if second is None:
        return Advisories(given=False)
    told = [Advisory(id, was.get(id, ""), said) for id, said in sorted(now.items())]
    return Advisories(
        given=True,
        fixed=[one for one in told if one.after == FIXED and one.before != FIXED],
        open=[one for one in told if one.after in OPEN],
    )


def states(document: Any, packages: Mapping[str, str]) -> dict[str, str]:
    """How each vulnerability stands; where several products differ, the worst. Nothing for what is no document."""
    found: dict[str, str] = {}
    for id, said in _said(document, packages):
        if id and said in _WORST:
            found[id] = min(found.get(id, _WORST[-1]), said, key=_WORST.index)
    return found


def _said(document: Any, packages: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    if _is_osv(document):
        every = document if isinstance(document, list) else [document]
        return [(str(one["id"]), _osv(one, packages)) for one in every]
    if not isinstance(document, dict):
        return []
    if "statements" in document:
        return [(_named(one.get("vulnerability")), str(one.get("status", ""))) for one in document["statements"]]
    found = document.get("vulnerabilities", [])
    if document.get("bomFormat") == "CycloneDX":
        return [(str(one.get("id", "")), _CYCLONEDX.get(one.get("analysis", {}).get("state"), "")) for one in found]
    return [
        (str(one.get("cve") or next((other.get("text") for other in one.get("ids", [])), "")), _CSAF.get(status, ""))
        for one in found
        for status, products in one.get("product_status", {}).items()
        if products
    ]


def _named(said: Any) -> str:
    """OpenVEX names a vulnerability by an object, before 0.2.0 by a word."""
    return str(said.get("name", "") if isinstance(said, dict) else said)


def _osv(one: Mapping[str, Any], packages: Mapping[str, str]) -> str:
    """Affected where a version in the release is; fixed where the package is there in another version."""
    answers = set()
    for affected in one.get("affected", []):
        name = re.sub(r"[-_.]+", "-", str(affected.get("package", {}).get("name", ""))).lower()
        if name in packages:
            answers.add("affected" if _is_affected(packages[name], affected) else FIXED)
    return min(answers, key=_WORST.index, default="not_affected")


def _is_affected(version: str, affected: Mapping[str, Any]) -> bool:
    if version in affected.get("versions", []):
        return True
    here = _version(version)
    if here is None:
        return True  # it cannot be told apart, so it is not called fixed
    for one in affected.get("ranges", []):
        inside = False
        for event in one.get("events", []) if one.get("type") != "GIT" else []:
            for kind, said in event.items():
                bound = _version(str(said))
                if bound is None:
                    return True
                if kind == "introduced" and here >= bound:
                    inside = True
                elif (kind == "fixed" and here >= bound) or (kind == "last_affected" and here > bound):
                    inside = False
        if inside:
            return True
    return False


def _version(said: str) -> Version | None:
    try:
        return Version(said)
    except InvalidVersion:
        return None


def _is_osv(document: Any) -> bool:
    some = document[0] if isinstance(document, list) and document else document
    return isinstance(some, dict) and "id" in some and "modified" in some


def _read(raw: bytes | None) -> Any:
    """A document, or ``None``: none was given, or it is of no form known here."""
    try:
        found = json.loads(raw or b"")
        known = _is_osv(found) or bool({"@context", "bomFormat", "document"} & set(found))
        states(found, {})
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None
    return found if known else None
