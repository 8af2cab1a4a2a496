"""Addresses of Europe and America: a street and its number, then perhaps a postcode and a city.

An anchor is found (a street's ending or kind, beside a number) and widened to what belongs to it; see
:func:`gateway.privacy.patterns.proofs.grown`. A street without a number, a city alone, a postcode alone are places,
not addresses: models find those.
"""

from __future__ import annotations

UPPER = "A-ZÀ-ÖØ-ÞŒ"
LOWER = "a-zß-öø-ÿœ"
LETTER = f"{UPPER}{LOWER}"
WORD = rf"[{UPPER}][{LETTER}'’.-]{{0,24}}"
"""A word with a capital letter: part of the name of a street or a city."""

SMALL = (
    "(?:de|du|des|d'|d’|la|le|les|l'|l’|en|sur|sous|aux?|et|del|della|dei|degli|delle|dello|di|da|dal|dalla|dell'|"
    "dell’|d|e|y|los|las|el|i|in|am|an|der|dem|den|im|bei|zu|zum|zur|vor|ob|auf|of|the|upon|von|vom|und)"
)
"""Small words within the name of a street or a city, in six languages."""

NAME = rf"(?:(?:{SMALL}[ ]?){{0,3}}{WORD}[ ]?|[0-9]{{1,2}}(?:er|º|°)?[ ]){{1,5}}"
SUFFIX = (
    r"(?:[a-zA-Z](?![\w])|[ ][A-Z](?![\w.])|[ ][a-f](?=[,;.)\n]|\Z))?(?:[ ]?[-/+][ ]?[0-9]{1,4}[ ]?[a-zA-Z]?(?![\w-]))?"
)
"""What follows a house number: 12 a, 12-14, 12/3."""

CITY = rf"{WORD}(?:(?:[ -](?:{SMALL}[ -])?|-{SMALL}-|/)(?:{WORD})){{0,3}}"
"""A city: Frankfurt am Main, Saint-Denis, Reggio di Calabria."""

BREAK = r"(?:[ ]?[,;·|][ ]?\n?[ ]?|[ ]?\n[ ]{0,4}|[ ]|[ ][-–][ ])"
"""What stands between the lines of an address."""
