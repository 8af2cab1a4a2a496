"""What OPA knows besides the law: sites, tenants, projects, targets, places and the compiled rule table. Pure.

Pushed whenever the fleet or the organisation changes, so that questions stay small: they name targets, and their facts
are here. No fact comes from a prompt. A *place* is what rules may tell of a target, and many targets share one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import orjson

from gateway.domain import Target
from gateway.kinds import GROUP_OF
from gateway.policy.organisation import Organisation
from gateway.policy.table.compiled import Where, compile_table, spots_of
from gateway.policy.table.row import SITE, Row
from gateway.settings import SiteSettings

MAX_CANDIDATES = 64


class Rulebook(msgspec.Struct, frozen=True):
    """What a revision brings besides its Rego: the rows of its table, and the groups that countries are in."""

    rows: tuple[Row, ...]
    groups: Mapping[str, frozenset[str]]


def build_facts(
    site: SiteSettings,
    organisation: Organisation,
    targets: Sequence[Target],
    rulebook: Rulebook,
    break_glass: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return ``data.facts``, without its revision.

    Args:
        break_glass: the grants that were verified, as :mod:`gateway.policy.glass.grant` writes them.
    """
    wheres = {target.id: where_of(target, site.name) for target in targets}
    return {
        "site": site.name,
        "preset": site.preset,
        "sites": _sites(site, organisation, targets),
        "tenants": msgspec.to_builtins(organisation.tenants),
        "projects": msgspec.to_builtins(organisation.projects),
        "transfers": msgspec.to_builtins(organisation.transfers),
        "targets": {target.id: _target(target, wheres[target.id], rulebook) for target in targets},
        **placed(wheres.values(), rulebook),
        "kinds": dict(GROUP_OF),
        "break_glass": list(break_glass),
    }


def revision_of(facts: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hex, of the facts as canonical JSON (RFC 8785; their numbers are integers)."""
    return hashlib.sha256(encode(facts)).hexdigest()


def encode(facts: Mapping[str, Any]) -> bytes:
    """Return the facts as canonical JSON."""
    return orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)


def where_of(target: Target, site: str) -> Where:
    """Return where a target stands, as seen from ``site``; ``near`` is ``other`` where that hangs on the data."""
    near = "other"
    if target.external:
        near = "external"
    elif target.same_node:
        near = "same-node"
    elif target.site == site:
        near = "same-site"
    return Where(near, target.jurisdiction, target.site)


def place_name(where: Where, rulebook: Rulebook) -> str:
    """Return the name of a place: how near, in which country and, where a row of the table names it, at which site."""
    name = f"{where.near}/{where.jurisdiction}"
    named = any(f"{SITE}{where.site}" in row.destination for row in rulebook.rows)
    return f"{name}/{where.site}" if named else name


def placed(wheres: Iterable[Where], rulebook: Rulebook) -> dict[str, Any]:
    """Return what hangs on the rulebook: the places, and the table compiled for them."""
    places = {place_name(where, rulebook): where for where in dict.fromkeys(wheres)}
    return {
        "places": {name: _place(where, rulebook) for name, where in places.items()},
        "table": compile_table(rulebook.rows, places.values(), rulebook.groups),
    }


def _place(where: Where, rulebook: Rulebook) -> dict[str, Any]:
    """Return a place, with its spot in the table's index, and the one it has for data of its own jurisdiction."""
    spots = sorted(spots_of(where, rulebook.rows, rulebook.groups))
    same = [spot for spot in spots if spot.startswith("same-jurisdiction|")]
    groups = rulebook.groups.get(where.jurisdiction, frozenset())
    return {
        "near": where.near,
        "jurisdiction": where.jurisdiction,
        "groups": sorted(groups - {where.jurisdiction}),
        "spot": next((spot for spot in spots if spot not in same), spots[0]),
        "spot_same": spots[0] if len(spots) == 1 else same[0],
    }


def _target(target: Target, where: Where, rulebook: Rulebook) -> dict[str, Any]:
    return {
        "id": target.id,
        "model": target.model,
        "site": target.site,
        "node": target.node,
        "external": target.external,
        "signed": target.signed,
        "place": place_name(where, rulebook),
    }


def _sites(site: SiteSettings, organisation: Organisation, targets: Sequence[Target]) -> dict[str, Any]:
    known = {target.site: target.jurisdiction for target in targets}
    known |= {name: entry.jurisdiction for name, entry in organisation.sites.items()}
    known[site.name] = site.jurisdiction
    return {name: {"jurisdiction": jurisdiction} for name, jurisdiction in known.items()}
