"""Prompts that are made of words: of a wanted length, no two alike, and about nobody.

No names, numbers or addresses are in them, so that no detector has anything to find. Each begins differently, so that
no engine has read its beginning before. ::

    prompt(40, seed=7)    # "spindle amber rotor …"
"""

from __future__ import annotations

import random

_WORDS = (
    "gearbox spindle coolant battery tray door seal sensor wiring loom brake disc paint cell press tool bearing rotor "
    "valve piston clutch shaft flange gasket bolt weld robot conveyor fixture gauge torque pressure voltage current "
    "heat noise wear crack scratch drift leak stop start slow fast early late often rarely above below before after "
    "inside outside upper lower left right first second last new old clean dry loose tight hot cold bent worn"
).split()
_WISH = "Go on with this list, word by word, and do not stop."


def prompt(words: int, seed: int) -> str:
    """Return that many words, drawn by ``seed``, and a wish at the end. The same seed gives the same text."""
    drawn = random.Random(seed)  # noqa: S311 - texts, not secrets
    return f"{' '.join(drawn.choice(_WORDS) for _ in range(max(1, words)))}. {_WISH}"


def words_for(tokens: int, few: tuple[int, int], many: tuple[int, int]) -> int:
    """Return how many words make a prompt of ``tokens``, from two that were counted: (words, tokens) each.

    At least one; where the counts tell nothing, 1.3 tokens a word.
    """
    if many[0] <= few[0] or many[1] <= few[1]:
        return max(1, round(tokens / 1.3))
    each = (many[1] - few[1]) / (many[0] - few[0])
    return max(1, round((tokens - few[1]) / each) + few[0])
