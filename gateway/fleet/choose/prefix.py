"""Which target probably still holds which beginning of a prompt.

A prompt, redacted, is cut into blocks; each block's hash covers everything before it too, under a key that this process
made for itself, and covers the tenant and the redaction profile: equal words of another tenant, or redacted otherwise,
have other hashes, so that affinity crosses neither. Of a prompt nothing but these hashes is kept.

Example::

    hasher = Hasher()
    blocks, ends = hasher.blocks_of("acme", "profile", rendered)
    held = Prefixes(); held.hold("a", 0, blocks)
    held.length("a", blocks)                    # len(blocks)
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from hashlib import blake2b

BLOCK_CHARS = 256
LONG_BLOCK_CHARS = 1024
_SHORT_BLOCKS, MOST_BLOCKS = 64, 256
_BYTES_PER_BLOCK = 120  # in memory: an integer, its place in a dictionary and in a tuple


class Hasher:
    """Makes the blocks of prompts. ``key`` is secret, of this process alone, and never written anywhere."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def blocks_of(self, tenant: str, profile: str, text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the hash of each whole block, and where it ends, in code points.

        At most 256 blocks; those after the first 64 are longer. A rest that fills no block has no hash.
        """
        chain = blake2b(key=self._key, digest_size=8)
        for word in (tenant, profile):
            data = word.encode("utf-8", "surrogatepass")
            chain.update(len(data).to_bytes(4, "big") + data)
        hashes: list[int] = []
        ends: list[int] = []
        begin = 0
        while len(hashes) < MOST_BLOCKS:
            end = begin + (BLOCK_CHARS if len(hashes) < _SHORT_BLOCKS else LONG_BLOCK_CHARS)
            if end > len(text):
                break
            chain.update(text[begin:end].encode("utf-8", "surrogatepass"))
            hashes.append(int.from_bytes(chain.copy().digest(), "big"))
            ends.append(end)
            begin = end
        return tuple(hashes), tuple(ends)


def rendered(turns: Iterable[tuple[str, str]]) -> str:
    """Return chat turns, ``(role, text)`` each, as one text that begins like another one where the turns do.

    Nothing stands before a turn that depends on how it goes on, such as its length.
    """
    return "".join([f"\x02{role}\x03{text}" for role, text in turns])


class Prefixes:
    """What the idle slots of each target hold. Bounded: what was used longest ago is forgotten first."""

    def __init__(self, most_bytes: int = 16 * 1024 * 1024) -> None:
        self._most = max(1, most_bytes // _BYTES_PER_BLOCK)
        self._chains: OrderedDict[tuple[str, int], Sequence[int]] = OrderedDict()
        self._slots: dict[str, dict[int, dict[int, None]]] = {}  # target -> hash -> slots that hold it
        self._count = 0

    def length(self, target: str, blocks: Sequence[int]) -> int:
        """Return how many of the blocks an idle slot of the target holds, from the first on."""
        held = self._slots.get(target)
        if not held or not blocks or blocks[0] not in held:
            return 0
        low, high = 1, len(blocks)  # a chain is held with all that came before, so this may be halved
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if blocks[middle - 1] in held else (low, middle - 1)
        return low

    def slot(self, target: str, blocks: Sequence[int]) -> int | None:
        """Return the slot that holds most of the blocks, ``None`` when none holds the first."""
        length = self.length(target, blocks)
        return next(reversed(self._slots[target][blocks[length - 1]])) if length else None

    def hold(self, target: str, slot: int, blocks: Sequence[int]) -> None:
        """Note what a slot holds from now on, and nothing else."""
        self.drop(target, slot)
        if not blocks:
            return
        self._chains[target, slot] = blocks
        held = self._slots.setdefault(target, {})
        for block in blocks:
            held.setdefault(block, {})[slot] = None
        self._count += len(blocks)
        while self._count > self._most:
            self.drop(*next(iter(self._chains)))

    def drop(self, target: str, slot: int) -> None:
        """Forget what a slot held: it was taken, or nobody knows."""
        blocks = self._chains.pop((target, slot), ())
        held = self._slots.get(target, {})
        for block in blocks:
            slots = held.get(block, {})
            slots.pop(slot, None)
            if not slots:
                held.pop(block, None)
        self._count -= len(blocks)
        if not held:
            self._slots.pop(target, None)

    def forget(self, target: str) -> None:
        """Forget all of a target: its engine is a new one, or it was sent out."""
        for _, slot in [key for key in self._chains if key[0] == target]:
            self.drop(target, slot)
