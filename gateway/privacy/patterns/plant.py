"""What a plant calls its own: numbers of employees, badges and projects, and code names of what is not yet shown.

:data:`RULES` finds employee and badge numbers behind the words that name them (:mod:`gateway.privacy.patterns.staff`).
:func:`rules_for` makes rules of what a customer configures::

    rules_for(
        [ConfiguredPattern(name="project", type="PROJECT_NUMBER", mask="P-999999", context=("Projekt",))],
        ["Polar Fox", "北極星"],
    )

A mask writes ``9`` for a digit, ``A`` for a capital letter, ``X`` for either, everything else for itself. A code name
is found in any case, as whole words, its words joined by blanks, hyphens, underscores or nothing: ``polar-fox``,
``PolarFox``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from unicodedata import normalize

import hyperscan

from gateway.errors import SetupError
from gateway.privacy.patterns.database import Form
from gateway.privacy.patterns.rule import Boundary, Proof, Rule
from gateway.privacy.patterns.staff import RULES
from gateway.settings import ConfiguredPattern

__all__ = ["LONGEST_NAME", "RULES", "rules_for"]

LONGEST_NAME: Final = 80
"""Longest code name in code points."""

_TYPE: Final = re.compile(r"[A-Z][A-Z0-9_]{1,63}")
_RULE_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_MASK: Final = {"9": "[0-9]", "A": "[A-Z]", "X": "[0-9A-Z]"}


def rules_for(patterns: Sequence[ConfiguredPattern], code_names: Sequence[str]) -> tuple[Rule, ...]:
    """Return the rules of configured patterns and code names.

    Raises:
        SetupError: an entry is wrong; one line that names the entry and says why.
    """
    rules = [_rule_of(pattern) for pattern in patterns]
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise _wrong(
                f"pattern {name.removeprefix('own_')!r}", "the name is taken", "Give each pattern its own name."
            )
    if code_names:
        rules.extend(_code_name_rules(code_names))
    return tuple(rules)


def _wrong(entry: str, why: str, mend: str) -> SetupError:
    return SetupError(f"Privacy {entry}: {why}.", mend, exit_code=2)


def _rule_of(pattern: ConfiguredPattern) -> Rule:
    entry = f"pattern {pattern.name!r}"
    _check_words(entry, pattern)
    expression = _expression_of(entry, pattern)
    rule = Rule(
        name=f"own_{pattern.name}",
        type=pattern.type,
        expression=expression,
        family="plant",
        score=pattern.score,
        context=pattern.context,
        context_score=max(pattern.score, 0.95),
        needs_context=pattern.needs_context,
        caseless=pattern.ignore_case,
        boundary=Boundary.TOKEN,
        example=pattern.examples[0] if pattern.examples else "",
    )
    _check_examples(entry, pattern, expression)
    return rule


def _check_words(entry: str, pattern: ConfiguredPattern) -> None:
    if not _RULE_NAME.fullmatch(pattern.name):
        raise _wrong(entry, "the name is not lower case letters, digits and _", "Write it like plant_badge.")
    if not _TYPE.fullmatch(pattern.type):
        raise _wrong(entry, f"the type {pattern.type!r} is not capitals, digits and _", "Write it like EMPLOYEE_ID.")
    if bool(pattern.mask) == bool(pattern.expression):
        raise _wrong(entry, "it needs either mask or expression", "Set one of them.")
    if pattern.needs_context and not any(map(str.strip, pattern.context)):
        raise _wrong(entry, "needs_context is set and context is empty", "List words, or leave needs_context out.")
    if not 0.4 <= pattern.score <= 1:
        raise _wrong(entry, f"the score {pattern.score} is not between 0.4 and 1", "Use 0.6, 0.85 or 1.")


def _expression_of(entry: str, pattern: ConfiguredPattern) -> str:
    if pattern.mask:
        return _of_mask(entry, normalize("NFKC", pattern.mask))
    form = Form(pattern.expression, Boundary.TOKEN, "-./_", pattern.ignore_case)
    try:
        re.compile(pattern.expression)
        hyperscan.Database().compile(expressions=[form.compiled()], flags=[form.flags()])
    except re.error as error:
        raise _wrong(entry, f"the expression is not valid ({error})", "Mend it, or use a mask.") from None
    except hyperscan.error:
        mend = "Leave out look-around and back-references, bound every repeat, or use a mask."
        raise _wrong(entry, "the expression cannot be searched for in one pass", mend) from None
    if re.fullmatch(pattern.expression, ""):
        raise _wrong(entry, "the expression matches nothing at all", "Ask for at least one character.")
    return pattern.expression


def _of_mask(entry: str, mask: str) -> str:
    variable = sum(char in _MASK for char in mask)
    if len(mask) > 64 or mask != mask.strip():
        raise _wrong(entry, "the mask is longer than 64 characters, or begins or ends with a blank", "Shorten it.")
    if variable < 3:
        raise _wrong(entry, "the mask has fewer than three of 9, A and X", "A mask so short is found everywhere.")
    return "".join(_MASK.get(char) or re.escape(char).replace(r"\ ", "[ ]") for char in mask)


def _check_examples(entry: str, pattern: ConfiguredPattern, expression: str) -> None:
    compiled = re.compile(expression, re.IGNORECASE if pattern.ignore_case else 0)
    for number, example in enumerate(pattern.examples, 1):
        if not compiled.fullmatch(example):
            raise _wrong(entry, f"it does not find its example {number}", "Mend the pattern or the example.")
    for number, example in enumerate(pattern.counter_examples, 1):
        if compiled.fullmatch(example):
            raise _wrong(entry, f"it finds its counter-example {number}", "Make the pattern narrower.")


_JOINT: Final = "[ _.-]?"
_FLAT: Final = re.compile(r"[ _.\-]+")
_NAMES_IN_A_RULE: Final = 16


def _code_name_rules(names: Sequence[str]) -> list[Rule]:
    """Return rules of all code names, a handful each. Names that would be found everywhere are refused."""
    for number, name in enumerate(names, 1):
        _check_code_name(f"code name {number}", name)
    flat = sorted({normalize("NFKC", name).strip() for name in names}, key=lambda name: (-len(name), name))
    groups = [flat[at : at + _NAMES_IN_A_RULE] for at in range(0, len(flat), _NAMES_IN_A_RULE)]
    return [_code_name_rule(f"code_name_{number}", group) for number, group in enumerate(groups, 1)]


def _code_name_rule(name: str, names: Sequence[str]) -> Rule:
    return Rule(
        name=name,
        type="CODE_NAME",
        expression=f"(?:{'|'.join(map(_spelled, names))})",
        confirm=_whole_word,
        family="plant",
        score=1.0,
        context_score=1.0,
        caseless=True,
        example=names[0],
    )


def _check_code_name(entry: str, name: str) -> None:
    letters = sum(map(str.isalnum, name))
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise _wrong(entry, f"it is empty, longer than {LONGEST_NAME} characters, or not printable", "Write it out.")
    if letters < (2 if not name.isascii() else 3):
        raise _wrong(entry, "it is too short and would be found everywhere", "Use at least three letters or digits.")


def _spelled(name: str) -> str:
    """Return the expression of a code name with its words joined by a blank, a hyphen or nothing."""
    return _JOINT.join(re.escape(word) for word in _FLAT.split(name) if word)


def _whole_word(text: str, start: int, end: int) -> Proof | None:
    """Reject a name within a word of letters that ASCII does not have: ``Polarität`` is no ``Polar``."""
    before, after = text[start - 1 : start], text[end : end + 1]
    spaced_before = _is_spaced_letter(before) and _is_spaced_letter(text[start])
    spaced_after = _is_spaced_letter(after) and _is_spaced_letter(text[end - 1])
    return None if spaced_before or spaced_after else Proof(start, end, "configured code name")


def _is_spaced_letter(char: str) -> bool:
    """Whether it is a letter of a script with blanks between words."""
    return char.isalpha() and char < "\u0590"
