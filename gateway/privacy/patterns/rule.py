"""What a pattern is: a form that Vectorscan finds, and what must hold before it counts.

A rule says three things: which form (``expression``), which proof (``confirm``: a checksum, a structure), and which
words near it speak for or against it. How they are put together is :mod:`gateway.privacy.patterns.scan`'s job::

    Rule(
        name="jp_my_number",
        type="JP_MY_NUMBER",
        expression=r"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}",
        confirm=checked(is_my_number, "mod 11 (Ordinance 85 of 2014, art. 5)"),
        context=("マイナンバー", "個人番号", "my number"),
        needs_context=False,
        score=0.6,
        context_score=1.0,
        jurisdiction="JP",
        family="national",
        reference="番号法 (Act 27 of 2013), Ordinance 85 of 2014 art. 5",
    )

Rules of the expression:

1. It is matched on normalised text (:mod:`gateway.privacy.normal`): digits, letters and punctuation are half-width, no
   invisible characters. Japanese and Chinese characters stand as they are.
2. It is Vectorscan's dialect: no look-around, no back-references, no ``\\b``, no possessive quantifiers, nothing that
   matches the empty string; repeats are bounded (write ``{1,64}``, not ``+``).
   :mod:`re` must read it the same way: the confirmer uses it to find later starts. ``\\uXXXX`` may stand for a
   character. Case-insensitive letters beyond ASCII fold in both.
3. It says nothing about what may stand beside it: that is ``boundary``'s job, and part of what Vectorscan matches, so
   digits within longer digits cost nothing. ``Boundary.NONE`` reports every end of a repeat: give such an expression an
   end of its own.
4. It should hold on to something rare, a literal or a fixed shape: a report costs 0.4 µs, a candidate a few more.
   Where the shape is long or its ends are many, let the expression be the rare beginning (``Boundary.START``,
   ``END``) and the confirmer look along the text: it may return a wider span than the candidate.
5. Candidates are tried by start, longest end first; one that fails hides none. What lies within a finding is not looked
   at again by the same rule, but matches that overlap in part are both kept.

Context words follow the rules of :mod:`gateway.privacy.patterns.context`. What a confirmer reads around a candidate is
near it: findings are remembered chunk by chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import msgspec


class Boundary(Enum):
    """What may not stand directly before or after a match."""

    NONE = "none"
    START = "start"  # before it as ALNUM; after it anything: the confirmer looks there (an IBAN from its country)
    END = "end"  # after it as ALNUM; before it anything: the confirmer looks there (an e-mail address from its @)
    DIGIT = "digit"  # no digit
    ALNUM = "alnum"  # no ASCII letter or digit; kanji, kana and hangul may
    TOKEN = "token"  # noqa: S105 - no ASCII letter or digit, nor one of them behind a single - . / _ (parts of longer codes)


class Proof(NamedTuple):
    """What a confirmer says of a candidate that holds. ``start`` and ``end`` may be narrower than the candidate."""

    start: int
    end: int
    check: str  # what held, for people: "ISO 7064 MOD 97-10"
    score: float | None = None  # in place of the rule's own


Confirm = Callable[[str, int, int], Proof | None]
"""``confirm(text, start, end)`` looks at the candidate ``text[start:end]``, and at what is around it if it needs to.

Returns None when the candidate is not one. Takes time linear in the candidate, raises nothing on any input.
"""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One form of one type. ``name`` is unique among all rules."""

    name: str  # lower case, digits, _: findings say "pattern:<name>"
    type: str  # Presidio's name where it has one
    expression: str
    family: str  # the page of docs/privacy it stands on: contact, finance, national, vehicles, secrets, marks, ...
    score: float  # when confirmed, and no context word is near
    confirm: Confirm | None = None
    boundary: Boundary = Boundary.ALNUM
    joints: str = "-./_"  # with Boundary.TOKEN: what joins parts of a longer code
    caseless: bool = False
    context: tuple[str, ...] = ()  # words that speak for it; any language, any case
    context_score: float = 0.85  # when confirmed and such a word is near
    needs_context: bool = False  # without such a word it is nothing
    against: tuple[str, ...] = ()  # words directly before it that rule it out ("part no", "品番")
    context_before: int = 60  # how many characters before the match are searched for words
    context_after: int = 25
    jurisdiction: str = ""  # ISO 3166-1 alpha-2 (or EU) that the value points to
    reference: str = ""  # standard or statute
    example: str = ""  # an invented value that holds, for the docs and the self-test


def checked(holds: Callable[[str], bool], check: str, score: float | None = None) -> Confirm:
    """Return a confirmer of the whole candidate by a yes-or-no check of its text."""

    def confirm(text: str, start: int, end: int) -> Proof | None:
        return Proof(start, end, check, score) if holds(text[start:end]) else None

    return confirm
