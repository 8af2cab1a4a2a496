"""Rules that cut a growing text into windows, each of which can be judged and then let go.

1. A window ends where a sentence does: behind ``. ! ? …`` and the quotes and brackets that close there, if a blank
   follows; behind ``。！？`` and what closes there; behind a line break. Not behind an abbreviation, and not before
   :data:`SHORTEST` code points.
2. Where no sentence ends within :data:`LONGEST_WINDOW` code points it ends at the last blank that leaves
   :data:`OVERLAP` of them to look ahead into, or, where there is no blank, right there.

The windows depend on the text alone, not on how it came in.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST_WINDOW = 512
OVERLAP = 128
SHORTEST = 32

_CLOSERS = "\"'”’»›)\\]}」』）】"
_END = re.compile(
    rf"(?P<dot>\.)[{_CLOSERS}]*(?=\s)|[!?…]+[{_CLOSERS}]*(?=\s)|[。！？｡][{_CLOSERS}]*(?=[^{_CLOSERS}])|\n"
)
_ABBREVIATION = re.compile(
    r"(?<!\w)(?:\w{1,2}|Prof|Dipl|Ing|Mrs|Dott|Avv|Sig|Sra|Dra|Mme|Mlle|Str|Tel|Abs|Art|Ave|Blvd|Nos|bzw|usw|vgl)\Z",
    re.IGNORECASE,
)
_LONGEST_ABBREVIATION = 8


class Window(NamedTuple):
    """Of a text: what goes out is ``text[:end]``, judged with what stands up to ``seen``."""

    end: int
    seen: int


def next_window(text: str, last: bool) -> Window | None:
    """Return the first window of a text; ``None`` when it is not certain yet or the text is empty.

    Args:
        last: nothing follows.
    """
    seen = text[:LONGEST_WINDOW]
    for match in _END.finditer(seen, SHORTEST):
        at = match.start()
        if match["dot"] and _ABBREVIATION.search(seen, max(0, at - _LONGEST_ABBREVIATION), at):
            continue
        return Window(match.end(), match.end())
    if len(text) >= LONGEST_WINDOW:
        most = LONGEST_WINDOW - OVERLAP
        end = next((at for at in range(most, SHORTEST, -1) if seen[at - 1].isspace()), most)
        return Window(end, LONGEST_WINDOW)
    return Window(len(text), len(text)) if last and text else None
