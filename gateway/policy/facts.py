"""What OPA knows besides the law: the sites, the targets, and the rule table, pushed whenever the fleet changes. Pure.

Questions stay small this way: they name targets, and their facts are here. No fact comes from a prompt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from gateway.domain import Target
from gateway.policy.rules import Row, compile_table
from gateway.settings import Settings

MAX_CANDIDATES = 64


def build_facts(settings: Settings, targets: Sequence[Target], table: Sequence[Row]) -> dict[str, Any]:
    """Return ``data.facts``, without its revision.

    ``redaction`` is the rule table worked out: class, place, finding type (or ``*``) to operator.
    """
    site = settings.site
    sites = {target.site: {"jurisdiction": target.jurisdiction} for target in targets}
    sites[site.name] = {"jurisdiction": site.jurisdiction}
    return {
        "sites": sites,
        "targets": {target.id: _target(target, site.name) for target in targets},
        "redaction": compile_table(table),
    }


def revision_of(facts: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hex, of the facts as canonical JSON (RFC 8785; there are no numbers in them)."""
    return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _target(target: Target, site: str) -> dict[str, Any]:
    return {
        "model": target.model,
        "site": target.site,
        "node": target.node,
        "jurisdiction": target.jurisdiction,
        "same_node": target.same_node,
        "external": target.external,
        "near": _near(target, site),
    }


def _near(target: Target, site: str) -> str:
    """How near the target is, as far as that does not hang on the data; ``other`` is for the policy to tell."""
    if target.external:
        return "external"
    if target.same_node:
        return "same-node"
    return "same-site" if target.site == site else "other"
