"""A question from a few words: what ``sekisho policy ask`` puts to the policy. No prompt, no server.

The facts are those that were pushed last on this installation; where none ever were, the site and its organisation
with a single target on this machine. Places that need not exist are added to them.
"""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec

from gateway.domain import (
    DATA_CLASSES,
    Bucket,
    Caller,
    Capability,
    DataClass,
    DataFacts,
    EnvFacts,
    PolicyInput,
    RequestFacts,
    Role,
    Target,
)
from gateway.errors import SetupError
from gateway.kinds import SPECIAL
from gateway.policy import organisation
from gateway.policy.client import rulebook
from gateway.policy.datasets import DataSets, under
from gateway.policy.derive import bucket
from gateway.policy.facts import MAX_CANDIDATES, build_facts
from gateway.policy.question import question
from gateway.policy.trials.counterfactual import hypothetical, with_targets
from gateway.policy.trials.proposal import Proposal
from gateway.settings import Settings

_COUNTED = re.compile(r"([A-Z][A-Z0-9_]*)(?:=([1-9][0-9]{0,8}))?")
_COUNTRY = re.compile(r"([A-Z]{2})?")
_DETECTOR = "asked"


class Wish(msgspec.Struct, frozen=True):
    """What is to be asked, in the words of the command line."""

    tenant: str
    project: str
    origin: str
    access_from: str
    data_class: str
    data: tuple[str, ...]
    special: tuple[str, ...]
    purpose: str
    model: str


def facts_to_ask_under(
    settings: Settings, proposal: Proposal, wish: Wish, targets: tuple[str, ...], places: tuple[str, ...]
) -> tuple[dict[str, Any], list[str]]:
    """Return the facts and the ids of the candidates.

    Args:
        targets: ids of known targets; none and no places: all of them, of the wished model.
        places: places that need not exist, such as ``other/FR``.

    Raises:
        SetupError: a target is not known, a place is none, or there are more than 64 candidates.
    """
    facts = _known_facts(settings, proposal)
    unknown = [id_ for id_ in targets if id_ not in facts["targets"]]
    if unknown:
        known = ", ".join(sorted(facts["targets"])[:8]) or "none"
        raise SetupError(f"There is no target {unknown[0]}.", f"Known: {known}. Or use --place.", exit_code=2)
    imagined = [_imagined(word, facts, wish.model or "any") for word in places]
    if imagined:
        facts = with_targets(facts, imagined, proposal.rulebook or rulebook(settings))
    candidates = [*targets, *(target.id for target in imagined)]
    if not candidates:
        candidates = [id_ for id_, target in facts["targets"].items() if wish.model in ("", target["model"])]
    if len(candidates) > MAX_CANDIDATES:
        raise SetupError(f"{len(candidates)} candidates; at most 64 may be asked.", "Name some: --target.", exit_code=2)
    return facts, candidates


def require_known_countries(settings: Settings, proposal: Proposal, wish: Wish, places: tuple[str, ...]) -> None:
    """Refuse a country of which neither law nor site knows anything: no rule was written with it in mind.

    Args:
        places: as for :func:`facts_to_ask_under`.

    Raises:
        SetupError: it is none, or not a known one; says which are known.
    """
    here = {site.jurisdiction for site in organisation.load(settings).sites.values()} | {settings.site.jurisdiction}
    known = {*(proposal.rulebook or rulebook(settings)).groups, *here} - {""}
    asked = {"--origin": wish.origin, "--access-from": wish.access_from}
    asked |= {f"--place {word}": word.partition("/")[2] for word in places}
    for option, country in asked.items():
        _require(
            country in ("", *known),
            f"{option}: `{country}` is no country that the policy knows.",
            f"Known: {', '.join(sorted(known))}.",
        )


def question_of(settings: Settings, wish: Wish, candidates: list[str], now: str) -> PolicyInput:
    """Return the question. Raises SetupError: a word that is none."""
    site = settings.site
    _require(wish.data_class in DATA_CLASSES, f"`{wish.data_class}` is no class.", f"Use {', '.join(DATA_CLASSES)}.")
    for country in (wish.origin, wish.access_from):
        _require(
            bool(_COUNTRY.fullmatch(country)), f"`{country}` is no country.", "Use ISO 3166-1 alpha-2, such as DE."
        )
    for name in wish.special:
        _require(name in SPECIAL, f"`{name}` is no special category.", f"Use {', '.join(SPECIAL)}.")
    origin = wish.origin or site.jurisdiction
    caller = Caller(
        *("asked", wish.tenant, wish.project, (Role.APP,), wish.purpose, site.name, site.jurisdiction),
        *(origin, wish.access_from or site.jurisdiction),
    )
    asked = question(
        RequestFacts("asked", "asked", Capability.CHAT, wish.model, False, False, wish.purpose),
        caller,
        DataFacts(
            cast(DataClass, wish.data_class), origin, dict(map(_counted, wish.data)), _DETECTOR, special=wish.special
        ),
        (),
        EnvFacts(site.name, site.node, now, 1),
    )
    return msgspec.structs.replace(asked, candidates=tuple(candidates))


def _known_facts(settings: Settings, proposal: Proposal) -> dict[str, Any]:
    datasets = DataSets(settings.state / "policy" / "data")
    newest = datasets.newest()
    if newest:
        facts = datasets.facts_of(newest)
        return under(facts, proposal.rulebook) if proposal.rulebook else facts
    here = Target(
        f"{settings.origin}:any",
        "any",
        (Capability.CHAT,),
        settings.site.name,
        settings.site.node,
        settings.site.jurisdiction,
        same_node=True,
        signed=True,
    )
    return build_facts(settings.site, organisation.load(settings), [here], proposal.rulebook or rulebook(settings))


def _imagined(word: str, facts: dict[str, Any], model: str) -> Target:
    near, _, country = word.partition("/")
    _require(bool(_COUNTRY.fullmatch(country)), f"`{word}` is no place.", "Use such as other/FR or external/US.")
    return hypothetical(near, country, facts, model)


def _counted(word: str) -> tuple[str, Bucket]:
    found = _COUNTED.fullmatch(word)
    if not found:
        raise SetupError(f"`{word}` is no finding.", "Use such as PERSON or PERSON=3.", exit_code=2)
    return found[1], bucket(int(found[2] or 1))


def _require(holds: bool, problem: str, mend: str) -> None:
    if not holds:
        raise SetupError(problem, mend, exit_code=2)
