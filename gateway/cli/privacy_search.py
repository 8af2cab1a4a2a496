"""What ``sekisho privacy`` searches with: the cascade that the server uses, in this process and without a server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from gateway.cli.session import USED_WRONGLY
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.privacy.allow import AllowList
    from gateway.privacy.cascade import Cascade
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


def load(settings: Settings, project: str = "") -> Searcher:
    """Load the detector and let it pass its self-test; seconds.

    Args:
        project: whose allow-list counts; none for "".

    Raises:
        SetupError: it is switched off, does not load, or fails its self-test.
    """
    if not settings.privacy.detection:
        mend = "Remove `privacy: {detection: off}`, or name another --config."
        raise SetupError("Detection is off in this configuration.", mend, exit_code=USED_WRONGLY)
    from gateway.privacy.allow import allow_lists
    from gateway.privacy.cascade import Cascade, Parts

    parts = Parts.load(
        settings.privacy, settings.base, settings.state / "patterns" if settings.state.is_dir() else None
    )
    cascade = Cascade(parts)
    cascade.self_test()
    allow = allow_lists(settings.privacy.allow, parts.plan.rules).get(project)
    return Allowing(cascade, allow) if allow else cascade


class Allowing:
    """A search without what a project's list allows."""

    def __init__(self, search: Cascade, allow: AllowList) -> None:
        self._search, self._allow = search, allow

    def search(self, texts: Sequence[str], proceed: Callable[[], None]) -> Sequence[Found]:
        return [
            msgspec.structs.replace(found, spans=tuple(self._allow.without_allowed(text, found.spans)))
            for text, found in zip(texts, self._search.search(texts, proceed), strict=True)
        ]


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
