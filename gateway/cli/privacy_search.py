"""What ``sekisho privacy`` searches with: the cascade that the server uses, in this process and without a server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from gateway.cli.session import USED_WRONGLY
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.privacy.span import Span
    from gateway.settings import Settings


class Found(Protocol):
    """What one text holds. ``spans`` are merged and sorted; offsets are code points of the text as it was given."""

    @property
    def spans(self) -> Sequence[Span]: ...

    @property
    def jurisdictions(self) -> Sequence[str]: ...

    @property
    def classes(self) -> Sequence[str]:
        """Special categories."""

    @property
    def languages(self) -> Sequence[str]: ...

    @property
    def marks(self) -> Sequence[str]:
        """Data classes that classification marks in it speak of."""


class Searcher(Protocol):
    def search(self, texts: Sequence[str], proceed: Callable[[], None]) -> Sequence[Found]:
        """Return what each text holds, in order. Raises whatever goes wrong; never less in place of an error."""


def load(settings: Settings) -> Searcher:
    """Load the detector and let it pass its self-test; seconds.

    Raises:
        SetupError: it is switched off, does not load, or fails its self-test.
    """
    if settings.privacy.detection == "off":
        mend = "Remove `privacy.detection: off`, or name another --config."
        raise SetupError("Detection is off in this configuration.", mend, exit_code=USED_WRONGLY)
    return _Presidio(settings)


def go_on() -> None:
    """Nobody waits with a deadline at a command line: Ctrl-C ends a search."""


NOTES = ("jurisdictions", "classes", "languages")


def notes_of(found: Found) -> dict[str, list[str]]:
    """Return what is known of the whole text; ``classes`` are special categories, then what marks speak of."""
    return {
        "jurisdictions": list(found.jurisdictions),
        "classes": [*found.classes, *found.marks],
        "languages": list(found.languages),
    }


class _Presidio:
    def __init__(self, settings: Settings) -> None:
        from gateway.privacy.analysis import Analysis

        self._analysis = Analysis(settings.privacy.score_threshold, settings.privacy.timeout_seconds)

    def search(self, texts: Sequence[str], proceed: Callable[[], None]) -> Sequence[Found]:
        from gateway.privacy.span import Span

        found: list[list[Span]] = [[] for _ in texts]
        for one in self._analysis.find(texts, proceed):
            found[one.segment].append(Span(one.start, one.end, one.type, one.score, f"presidio:{one.recognizer}"))
        return [_Plain(spans) for spans in found]


class _Plain:
    def __init__(self, spans: Sequence[Span]) -> None:
        self.spans = spans
        self.jurisdictions: tuple[str, ...] = ()
        self.classes: tuple[str, ...] = ()
        self.languages: tuple[str, ...] = ()
        self.marks: tuple[str, ...] = ()
