"""A request as the simulated fleet sees it. A prompt is a row of pieces, each a number and how many tokens it has.

Two prompts begin alike as far as their pieces are the same. ::

    first = Ask(number=0, at=0.0, tenant="a", app="chat", model="general", pieces=((1, 400), (2, 50)), output=90)
    first.after      # ((1, 400), (2, 50), (-1, 90)): what the slot holds once it was answered
"""

from __future__ import annotations

from dataclasses import dataclass, field

Piece = tuple[int, int]
Pieces = tuple[Piece, ...]

BLOCK_TOKENS = 32


@dataclass(frozen=True, slots=True)
class Ask:
    """``answer`` is the number of the piece that its answer is; a later prompt may contain it."""

    number: int
    at: float
    tenant: str
    app: str
    model: str
    pieces: Pieces
    output: int
    max_tokens: int = 2048
    answer: int = -1
    prompt: int = field(init=False, default=0)
    after: Pieces = field(init=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompt", sum(tokens for _, tokens in self.pieces))
        object.__setattr__(self, "after", (*self.pieces, (self.answer, self.output)))

    def shares(self, others: Pieces) -> int:
        """Return with how many of those tokens this prompt begins, too."""
        shared = 0
        for own, other in zip(self.pieces, others, strict=False):
            if own[0] != other[0]:
                break
            shared += min(own[1], other[1])
            if own[1] != other[1]:
                break
        return shared

    def blocks(self) -> tuple[int, ...]:
        """Return a number for each whole block of the prompt, which stands for all that comes before it, too."""
        return blocks_of(self.pieces)


def blocks_of(pieces: Pieces) -> tuple[int, ...]:
    """Return the chained numbers of whole blocks of :data:`BLOCK_TOKENS`: equal where everything up to there is."""
    found, past, chain = [], 0, 0
    for number, tokens in pieces:
        chain = hash((chain, number))
        end = past + tokens
        first = past // BLOCK_TOKENS + 1
        found += [hash((chain, block * BLOCK_TOKENS - past)) for block in range(first, end // BLOCK_TOKENS + 1)]
        past = end
    return tuple(found)
