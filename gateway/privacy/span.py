"""What one detector found in one text: a stretch, its type, and why.

A :class:`Span` becomes a :class:`gateway.domain.Finding` when the cascade has merged what all detectors say. Its
``source`` names the tier and the rule (``pattern:jp_my_number``, ``cue:honorific``, ``name:rampart``); ``check`` and
``context`` say in words what held; :command:`sekisho privacy explain` shows them.

Scores mean the same everywhere:

=====  =================================================================================================
1.0    a checksum of two digits or more held, or the form can be nothing else
0.85   the form is right, and a check digit or a word near it confirms it
0.6    the form is right and rare in other texts
0.4    the lowest score that counts by default
=====  =================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

Proceed = Callable[[], None]
"""Called between steps of a search; raises when the search is no longer wanted."""


class Span(msgspec.Struct, frozen=True, gc=False):
    """``text[start:end]`` in code points, ``end`` exclusive."""

    start: int
    end: int
    type: str  # Presidio's name where it has one
    score: float  # 0 to 1
    source: str  # "tier:rule"
    check: str = ""  # "ISO 7064 MOD 97-10"
    context: str = ""  # the word near it that counted

    def at(self, offset: int) -> Span:
        """Return the same span, ``offset`` characters further on."""
        if not offset:
            return self
        return Span(
            self.start + offset, self.end + offset, self.type, self.score, self.source, self.check, self.context
        )


class Seam(str):
    """A text of which only spans count that lie over the place ``at``; a finder may leave out all others."""

    at: int

    @classmethod
    def of(cls, text: str, at: int) -> Seam:
        """Return the text as a seam; ``0 < at < len(text)``."""
        seam = cls(text)
        seam.at = at
        return seam


class Finder(Protocol):
    """One tier of the cascade. An instance belongs to one thread; what is heavy and never changes may be shared."""

    @property
    def version(self) -> str:
        """Name and version of everything that findings depend on; part of what findings are remembered under."""

    def find(self, texts: Sequence[str], proceed: Proceed) -> list[list[Span]]:
        """Return the spans of each text, in order; overlapping at will.

        Args:
            texts: normalised texts (:mod:`gateway.privacy.normal`); offsets are into these.
            proceed: called at least every 10 ms of work.

        Raises:
            Exception: whatever went wrong. Never fewer spans in place of an error.
        """
