"""All rules: what each family knows, in one tuple.

A family is a module with ``RULES``; a new one is listed here. Order does not matter.
"""

from __future__ import annotations

from functools import cache

from gateway.privacy.patterns import (
    banks,
    births,
    britain,
    china,
    contact,
    devices,
    europe,
    finance,
    france,
    germany,
    germany_places,
    italy,
    japan,
    japan_places,
    marks,
    papers,
    plant,
    plates,
    positions,
    records,
    secrets,
    spain,
    states,
    stuck,
    travel,
    underscored,
    vehicles,
)
from gateway.privacy.patterns.rule import Rule
from gateway.privacy.patterns.scan import Plan

FAMILIES = (
    banks,
    births,
    britain,
    china,
    contact,
    devices,
    europe,
    finance,
    france,
    germany,
    germany_places,
    italy,
    japan,
    japan_places,
    marks,
    papers,
    plant,
    plates,
    positions,
    records,
    secrets,
    spain,
    states,
    stuck,
    travel,
    underscored,
    vehicles,
)

RULES: tuple[Rule, ...] = tuple(rule for family in FAMILIES for rule in family.RULES)


@cache
def plan() -> Plan:
    """Return the plan of :data:`RULES` alone, compiled once for the process."""
    return Plan(RULES)
