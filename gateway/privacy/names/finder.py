"""Person names and addresses in seven languages: the third tier of the cascade."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gateway.privacy.names.classifier import Classifier
from gateway.privacy.names.western import Western
from gateway.privacy.names.weights import Weights, default_folder
from gateway.privacy.span import Proceed, Span

RELEASE = "1"  # raise it when findings change


class Models:
    """What is heavy and never changes: loaded once, checked, shared by all threads."""

    def __init__(self, folder: Path | None = None) -> None:
        weights = Weights(folder or default_folder())
        self.classifier = Classifier(weights)
        self.version = f"names-{RELEASE}-{weights.version}"


class Names:
    """A :class:`gateway.privacy.span.Finder`. An instance belongs to one thread; ``models`` may be shared."""

    def __init__(self, models: Models) -> None:
        self._version = models.version
        self._western = Western(models.classifier)

    @property
    def version(self) -> str:
        return self._version

    def find(self, texts: Sequence[str], proceed: Proceed) -> list[list[Span]]:
        """Return the spans of each text, sorted by start; they may overlap."""
        return [self._of_one(text, proceed) for text in texts]

    def _of_one(self, text: str, proceed: Proceed) -> list[Span]:
        proceed()
        found = self._western.find(text, proceed)
        return found
