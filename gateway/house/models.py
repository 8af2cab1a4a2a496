"""What HTTP asks about models, answered by the fleet and the registry. Implements :class:`gateway.http.models.Models`.

A vocabulary is read when it is first asked for, and kept: by the model's hash, so that another file is another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain import Capability
from gateway.errors import SetupError
from gateway.fleet.door import Fleet
from gateway.registry.gguf import read_layout
from gateway.registry.manifest import Manifest
from gateway.registry.store import ContentStore
from gateway.registry.vocabulary import Vocabulary, read_vocabulary

_READING = (Capability.EMBED, Capability.COMPLETE, Capability.TOKENIZE)  # what takes token ids
_MANY = 2048  # ids; fewer are spelled in less than a millisecond


@dataclass(frozen=True)
class _Read:
    """What was read of one model's file."""

    width: int  # how many numbers its vectors have; 0 where it does not say
    vocabulary: Vocabulary | None


class ServedModels:
    """Models by name or alias, as the store knows them."""

    def __init__(self, fleet: Fleet, store: ContentStore) -> None:
        self._fleet = fleet
        self._store = store
        self._read: dict[str, _Read] = {}
        self._reading = asyncio.Lock()

    def serves(self, model: str, capability: Capability) -> bool:
        name = self._store.canonical(model) or model
        return any(target.model == name and capability in target.capabilities for target in self._fleet.targets())

    async def sizes(self, model: str) -> Sequence[int]:
        manifest = self._store.find(model)
        if manifest is None or not self.serves(model, Capability.EMBED):
            return ()
        width = (await self._file(manifest)).width
        return sorted({*manifest.dimensions, width} - {0})

    async def text(self, model: str, tokens: Sequence[int]) -> str:
        manifest = self._store.find(model)
        known = manifest is not None and any(self.serves(model, each) for each in _READING)
        vocabulary = (await self._file(manifest)).vocabulary if known and manifest is not None else None
        if vocabulary is None:
            raise LookupError(model)
        return vocabulary.text(tokens) if len(tokens) < _MANY else await asyncio.to_thread(vocabulary.text, tokens)

    async def _file(self, manifest: Manifest) -> _Read:
        """Return what is read of a model's file; of one that is not here, or not as it must be, nothing is, yet."""
        async with self._reading:
            if manifest.sha256 not in self._read:
                try:
                    self._read[manifest.sha256] = await asyncio.to_thread(self._look, manifest)
                except SetupError:
                    return _Read(0, None)
            return self._read[manifest.sha256]

    def _look(self, manifest: Manifest) -> _Read:
        path = self._store.weights(manifest)
        layout = read_layout(path)
        return _Read(layout.number(f"{layout.architecture}.embedding_length"), read_vocabulary(path))
