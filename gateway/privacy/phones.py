"""Rules that find phone numbers, over the metadata of ``phonenumbers``.

``phonenumbers`` has a matcher, but it searches a text once per region, and gives up in silence after 65,535 candidates.
Here each run of digits is looked at once, and equal runs only once:

1. ``+49 841 …``: an international number; its prefix says which country.
2. ``0841 …`` or ``(0841) …``: a number within one of :data:`TRUNK` countries, where such a zero begins long numbers.
3. ``202-555-0143``: a number within one of :data:`PLAIN` countries, if it is also grouped as it is there.
4. A run that is none of these may hold several: rules 1 and 2 are tried from each group that begins so, over at most
   :data:`_MOST_GROUPS` groups.

Example: ``list(find_phone_numbers("call +49 841 123456"))`` is ``[PhoneNumber(5, 19, bare=False)]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import phonenumbers
import regex  # type: ignore[import-untyped]

TRUNK = ("DE", "JP", "CN", "FR", "IT", "GB", "CH", "AT")
PLAIN = ("US", "ES", "CN", "IT")

_FEWEST_DIGITS = 7
_MOST_DIGITS = 15  # ITU-T E.164 6.2.1
# Possessive, each run tried once: linear time.
_RUN = regex.compile(r"(?<![0-9A-Za-z_+.,])[+＋]?\(?\d(?:[ \u00a0()./‐–-]{0,3}+\d)++(?![0-9A-Za-z_])")
_GROUP = regex.compile(r"\d+")
_BEGINNING = regex.compile(r"(?<!\d)(?:[+＋]\(?\d|\(?0\d)")
_MOST_GROUPS = 6
_LONG_ENOUGH = 9  # with so many digits behind it, a zero begins the next number
_DATE = regex.compile(r"\d{4}([-./])\d{1,2}\1\d{1,2}(?!\d)|\d{1,2}([-./])\d{1,2}\2\d{2,4}(?!\d)")


class PhoneNumber(NamedTuple):
    """``text[start:end]`` is a phone number; ``bare`` if it could as well be an order number."""

    start: int
    end: int
    bare: bool


def find_phone_numbers(text: str) -> Iterator[PhoneNumber]:
    """Yield phone numbers in order."""
    if sum(map(text.count, "0123456789")) < _FEWEST_DIGITS and text.isascii():
        return
    known: dict[str, list[PhoneNumber]] = {}
    for match in _RUN.finditer(text):
        run = match[0]
        if run not in known:
            known[run] = _in_run(run)
        for number in known[run]:
            yield PhoneNumber(match.start() + number.start, match.start() + number.end, number.bare)


def _in_run(run: str) -> list[PhoneNumber]:
    digits = _digits(run)
    if digits < _FEWEST_DIGITS or (digits <= 8 and _DATE.fullmatch(run)):
        return []
    whole = [PhoneNumber(0, len(run), run.isdecimal() and not run.startswith("0"))]
    if digits <= _MOST_DIGITS and _is_number(run):
        return whole
    return [] if run.isdecimal() else list(_inside(run))


def _is_number(run: str) -> bool:
    if run[0] in "+＋":
        return _is_valid(run, None)  # rule 1
    if run.lstrip("(").startswith("0"):
        return any(_is_valid(run, region) for region in TRUNK)  # rule 2
    return any(_is_grouped(run, region) for region in PLAIN)  # rule 3


def _is_valid(run: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(run, region))
    except phonenumbers.NumberParseException:
        return False


def _is_grouped(run: str, region: str) -> bool:
    matcher = phonenumbers.PhoneNumberMatcher(run, region, phonenumbers.Leniency.STRICT_GROUPING)
    return any(match.raw_string == run for match in matcher)


def _inside(run: str) -> Iterator[PhoneNumber]:
    """Yield the numbers of rules 1 and 2 within a run that is not one number as a whole: longest first, no overlaps."""
    beginnings = [match.start() for match in _BEGINNING.finditer(run)]
    ends = [match.end() for match in _GROUP.finditer(run)]
    cursor = 0
    for start in beginnings:
        if start < cursor:
            continue
        limit = next((other for other in beginnings if _digits(run[start:other]) >= _LONG_ENOUGH), len(run))
        for end in reversed([end for end in ends if start < end <= limit][:_MOST_GROUPS]):
            if _FEWEST_DIGITS <= _digits(run[start:end]) <= _MOST_DIGITS and _is_number(run[start:end]):
                yield PhoneNumber(start, end, bare=False)
                cursor = end
                break


def _digits(run: str) -> int:
    return sum(map(str.isdecimal, run))
