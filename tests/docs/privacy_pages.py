"""The tables of ``docs/privacy/``: one row for each type, made from the rules themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from gateway.privacy.patterns.catalogue import RULES
from gateway.privacy.patterns.rule import Rule

MOST_CHECKS = 5
"""How many different checks of one type are told."""

HEAD = "| Type | Looks like | Counts when | Score | Points to | Source |\n| --- | --- | --- | --- | --- | --- |\n"

PAGES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "contact.md": (
        "Contacts and addresses of machines",
        "E-mail addresses of any domain, internal hosts too; telephone numbers by the numbering plan of their country; "
        "links, IP and MAC addresses.",
        ("contact",),
    ),
    "finance.md": (
        "Accounts and payments",
        "Account numbers, bank codes, payment cards, tax numbers of companies, and addresses of digital money.",
        ("finance",),
    ),
    "vehicles.md": (
        "Vehicles, positions, devices, plants",
        "What cars and machines carry, and what plants hand out: vehicle identification numbers, number plates, "
        "positions on earth, device and SIM numbers, employee and project numbers, code names.",
        ("vehicles", "positions", "devices", "plant"),
    ),
    "national.md": (
        "National ids, travel documents, dates of birth",
        "Numbers that a state gives to people and companies. Every country's rules run on text of every language.",
        ("national", "travel", "births"),
    ),
    "addresses.md": (
        "Postal addresses by pattern",
        "Addresses whose form gives them away: a postal code with what stands around it, street words, prefectures and "
        "districts. Addresses in running text are the models' job.",
        ("addresses",),
    ),
    "secrets.md": (
        "Secrets",
        "Keys, tokens, passwords, connection strings. They have no example here, so that no scanner takes this page "
        "for a leak. No allow-list ever drops one.",
        ("secrets",),
    ),
    "marks.md": (
        "Classification marks",
        "Words that say how confidential a document is. A mark raises the class of its request; it is no personal data "
        "and is not replaced.",
        ("marks",),
    ),
}
"""File name to title, what it is about, and families of rules."""


def pages() -> dict[str, Callable[[], str]]:
    """Return what makes each page, by its path from ``docs/reference``."""
    return {f"../privacy/{name}": lambda name=name: page(name) for name in PAGES}  # type: ignore[misc]


def page(name: str) -> str:
    title, about, families = PAGES[name]
    parts = [f"# {title}\n\n{about}\n"]
    for family in families:
        rules = [rule for rule in RULES if rule.family == family]
        if rules:
            heading = f"\n## {family.capitalize()}\n\n" if len(families) > 1 else "\n"
            parts.append(heading + HEAD + "".join(_row(type, group) for type, group in _by_type(rules)))
    return "".join(parts)


def _by_type(rules: Iterable[Rule]) -> list[tuple[str, list[Rule]]]:
    groups: dict[str, list[Rule]] = {}
    for rule in rules:
        groups.setdefault(rule.type, []).append(rule)
    return sorted(groups.items())


def _row(type: str, rules: Sequence[Rule]) -> str:
    example = "" if rules[0].family == "secrets" else next((rule.example for rule in rules if rule.example), "")
    shown = f"`{_cell(example.splitlines()[0])}`" if example else ""
    places = ", ".join(sorted({rule.jurisdiction for rule in rules} - {""}))
    cells = (f"`{type}`", shown, _counts_when(rules), _scores(rules), places, _sources(rules))
    return f"| {' | '.join(cells)} |\n"


def _counts_when(rules: Sequence[Rule]) -> str:
    checks = sorted({check for rule in rules if (check := check_of(rule))})
    others = ["others"] if len(checks) > MOST_CHECKS else []
    said = [_cell(", or ".join([*checks[:MOST_CHECKS], *others]))] if checks else []
    needing = sum(rule.needs_context for rule in rules)
    if needing == len(rules):
        said.append("a word near it says so")
    elif needing:
        said.append("in its rarer forms, a word near it says so")
    return "; ".join(said) or "its form is enough"


def check_of(rule: Rule) -> str:
    """Return what a rule's confirmer says of the rule's own example; "" where it has none."""
    if rule.confirm is None or not rule.example:
        return ""
    try:
        found = re.search(rule.expression, rule.example, re.IGNORECASE if rule.caseless else 0)
    except re.error:  # Vectorscan's dialect
        return ""
    proof = rule.confirm(rule.example, found.start(), found.end()) if found else None
    return proof.check if proof else ""


def _scores(rules: Sequence[Rule]) -> str:
    scores = {rule.score for rule in rules if not rule.needs_context}
    scores |= {rule.context_score for rule in rules if rule.context}
    low, high = min(scores, default=rules[0].score), max(scores, default=rules[0].score)
    return f"{low:.2g}" if low == high else f"{low:.2g} to {high:.2g}"


def _sources(rules: Sequence[Rule]) -> str:
    return _cell("; ".join(dict.fromkeys(rule.reference for rule in rules if rule.reference)))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
