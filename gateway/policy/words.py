"""Reasons in words, in four languages: each code has one sentence, its parameters are named for people. Pure.

The sentences are data, ``reasons/en.yaml`` and its sisters ``de``, ``ja``, ``zh``, all with the same keys; names of
countries, classes, findings and places stand in ``reasons/names.yaml``. A code that no file knows is a customer's own,
and is shown as it is. Texts come from these files and from enumerated words: never from a prompt.

Example::

    sentence(Reason("policy.residency", "residency", params={"origin": "DE", "destination": "CN"}), "de")
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from gateway.domain import Reason
from gateway.kinds import GROUP_OF, SPECIAL

LANGUAGES = ("en", "de", "ja", "zh")
FOLDER = Path(__file__).with_name("reasons")
_SPECIAL = "special:"
_NAMED = ("places", "classes", "near", "operators", "data", "routes", "needs", "why")


def language_of(tag: str) -> str:
    """Return the language that a BCP 47 tag asks for, English where there are no texts in it: ``de-AT`` is ``de``."""
    primary = tag.replace("_", "-").partition("-")[0].lower()
    return primary if primary in LANGUAGES else "en"


@cache
def texts(language: str) -> Mapping[str, str]:
    """Return each code's sentence, its parameters in braces."""
    return {code: text for code, text in _file(language)["reasons"].items() if code != "other"}


def parameters(text: str) -> frozenset[str]:
    """Return the names in braces."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name)


def sentence(reason: Reason, language: str = "en") -> str:
    """Return what the reason says, without its law."""
    known, missing = _file(language)["reasons"], _file(language)["missing"]
    text = known.get(reason.code) or known["other"]
    said = {name: named(value, language, name) for name, value in reason.params.items()}
    said |= {name: missing.get(name, missing["other"]) for name in parameters(text) - set(said)}
    return str(text).format_map(said | {"code": reason.code})


def with_law(reason: Reason, language: str = "en") -> str:
    """Return what the reason says, and the law behind it where one is named."""
    text = sentence(reason, language)
    return phrase("law", language, text=text, law=reason.legal) if reason.legal else text


def named(value: str, language: str = "en", parameter: str = "") -> str:
    """Return a word of a reason, the table or a question as people say it; a word without a name as it is."""
    names, column = _names(), LANGUAGES.index(language)
    if value.startswith(_SPECIAL):
        return _category(value.removeprefix(_SPECIAL), language)
    if parameter == "data" and value == "*":
        return phrase("the_text", language)
    if GROUP_OF.get(value) == "@ids" and value not in names["data"]:
        return phrase("national_id", language, type=value)
    found = next((names[section][value] for section in _NAMED if value in names[section]), None)
    return str(found[column]) if found else value


def phrase(name: str, language: str = "en", **given: str) -> str:
    """Return one of the phrases that are no reason."""
    return str(_file(language)["phrases"][name]).format_map(given)


def _category(name: str, language: str) -> str:
    if name not in SPECIAL:
        return phrase("special_any", language)
    return phrase("special", language, category=_names()["special"][name][LANGUAGES.index(language)])


@cache
def _file(language: str) -> dict[str, Any]:
    return dict(msgspec.yaml.decode((FOLDER / f"{language}.yaml").read_bytes()))


@cache
def _names() -> dict[str, dict[str, list[str]]]:
    return dict(msgspec.yaml.decode((FOLDER / "names.yaml").read_bytes()))
