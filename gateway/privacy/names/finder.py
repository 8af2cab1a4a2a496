"""Person names and addresses in seven languages: the third tier of the cascade."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from gateway.privacy.names.addresses import addresses
from gateway.privacy.names.balance import Balance
from gateway.privacy.names.chinese import Chinese
from gateway.privacy.names.classifier import Classifier
from gateway.privacy.names.features import Lexicon
from gateway.privacy.names.japanese import Japanese
from gateway.privacy.names.keyed import keyed
from gateway.privacy.names.lac import Lac
from gateway.privacy.names.scripts import eastern
from gateway.privacy.names.small import Small
from gateway.privacy.names.tagger import Tagger
from gateway.privacy.names.weights import Weights, default_folder
from gateway.privacy.names.western import Western
from gateway.privacy.names.whereabouts import Whereabouts
from gateway.privacy.span import Proceed, Seam, Span

_HERE = Path(__file__).parent
_ENDED = re.compile(r"(?:[。\n!?]|(?<![A-Z])\.)\s*\Z")  # "J. ロンドン" goes on
_DATA = ("*.bin", "*.npz", "*.json.gz")
RELEASE = "8"  # raise it when findings change


class Models:
    """What is heavy and never changes: loaded once, checked, shared by all threads."""

    def __init__(self, folder: Path | None = None) -> None:
        weights = Weights(folder or default_folder())
        self.classifier = Classifier(weights)
        self.lexicon = Lexicon((_HERE / "lexicon.bin").read_bytes())
        self.tagger = Tagger((_HERE / "tagger.npz").read_bytes())
        self.lac = Lac(weights)
        self.balance = Balance()
        self.version = f"names-{RELEASE}-{weights.version}-{_data_digest()}"


def _data_digest() -> str:
    """Return a digest of the data that lies beside this file."""
    files = sorted(path for pattern in _DATA for path in _HERE.glob(pattern))
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files)).hexdigest()[:12]


class Names:
    """A :class:`gateway.privacy.span.Finder`. An instance belongs to one thread; ``models`` may be shared."""

    def __init__(self, models: Models) -> None:
        self._version = models.version
        self._lexicon = models.lexicon
        self._western = Western(models.classifier, models.lexicon, models.tagger)
        self._whereabouts, self._small = Whereabouts(models.lexicon), Small(models.lexicon)
        self._chinese = Chinese(models.lac)
        self._japanese = Japanese(models.balance)

    @property
    def version(self) -> str:
        return self._version

    def find(self, texts: Sequence[str], proceed: Proceed) -> list[list[Span]]:
        """Return the spans of each text, sorted by start; they may overlap."""
        return [self._of_one(text, proceed) for text in texts]

    def _of_one(self, text: str, proceed: Proceed) -> list[Span]:
        proceed()
        found = [*addresses(text), *self._whereabouts.find(text), *self._small.find(text), *keyed(text, self._lexicon)]
        found += self._western.find(text, proceed)
        for language, start, end in () if _is_ended(text) else eastern(text):
            found += (self._japanese if language == "ja" else self._chinese).find(text, start, end, proceed)
        return sorted(found, key=lambda span: (span.start, span.end))


def _is_ended(text: str) -> bool:
    """Whether a seam is the end of a sentence or a line, over which no Japanese or Chinese name goes on."""
    return isinstance(text, Seam) and _ENDED.search(text, 0, text.at) is not None
