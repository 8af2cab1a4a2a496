"""How a target was chosen, in words: what was expected of each that could have had the request. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.policy.words import phrase

_NONE, _CHOSEN = "  ", "* "


def told_choice(choice: Mapping[str, Any], language: str) -> list[str]:
    """Return the lines for a record's ``choice``; the chosen one is first, and marked.

    A record of a later release may say more, or why in a word that is not known here: that word is shown as it is.
    """
    why = str(choice.get("why", ""))
    head = phrase(
        "choice_head",
        language,
        count=str(choice.get("candidates", "")),
        prompt=str(choice.get("prompt_tokens", "")),
        output=str(choice.get("output_tokens", "")),
        why=phrase(_WHY[why], language) if why in _WHY else why,
    )
    return [
        head,
        *(_row(each, _NONE if i else _CHOSEN, language) for i, each in enumerate(choice.get("considered", ()))),
    ]


_WHY = {
    "soonest": "choice_soonest",
    "cheapest": "choice_cheapest",
    "tie": "choice_tie",
    "over-limit": "choice_over_limit",
    "only": "choice_only",
    "trial": "choice_trial",
}


_ENERGY = {"measured": "choice_measured", "configured": "choice_configured"}


def _row(each: Mapping[str, Any], mark: str, language: str) -> str:
    row = phrase(
        "choice_row",
        language,
        mark=mark,
        target=str(each.get("target", "")),
        first=str(each.get("first_ms", "")),
        total=str(each.get("total_ms", "")),
        wait=str(each.get("wait_ms", "")),
        cached=str(each.get("cached_tokens", "")),
    )
    said = _ENERGY.get(str(each.get("energy_from", "")))
    return row + phrase(said, language, joules=f"{each.get('energy_mj', 0) / 1e3:.3g}") if said else row
