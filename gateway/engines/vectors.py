"""Requests for vectors and scores: cut into parts that an engine is soon done with, and their answers. Pure.

llama.cpp learns of a hang-up during such a call only after a second, and works on the whole of it until then. So what
goes to it goes in parts of about :data:`PART_SECONDS` each, one after the other: whoever hangs up leaves one part
behind. An input that takes longer by itself cannot be cut. ::

    pace = Pace()
    for body, weight in parts(prompt, pace): ...
"""

from __future__ import annotations

import binascii
import sys
from array import array
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from gateway.domain import Capability, Chunk, Prompt, Usage
from gateway.engines.openai_wire import interrupted

PART_SECONDS = 0.1
_FIRST_WEIGHT = 512.0  # characters; what a small model on two cores reads in about a tenth of a second
_TOKEN_WEIGHT = 4  # characters that stand for one token
_GREATEST_GROWTH = 4.0  # of a part, from one to the next


class Pace:
    """How much to send at once, from how long the parts before took. One for each engine."""

    def __init__(self) -> None:
        self.weight = _FIRST_WEIGHT

    def observe(self, weight: int, seconds: float) -> None:
        """A part of ``weight`` characters was answered after so long."""
        wanted = weight * PART_SECONDS / max(seconds, 1e-3)
        self.weight = max(1.0, min(wanted, self.weight * _GREATEST_GROWTH))


def _weight(text: Any) -> int:
    return max(1, len(text) if isinstance(text, str) else _TOKEN_WEIGHT * len(text))


def inputs_of(body: dict[str, Any]) -> list[Any]:
    """Return the inputs of a body, each a text or a list of token ids; a list of ids is one input."""
    given = body.get("input")
    if isinstance(given, list) and not (given and isinstance(given[0], int)):
        return given
    return [given]


def _cut(weights: Sequence[int], pace: Pace) -> Iterator[slice]:
    """Yield the parts, each at least one input; the next is cut when the one before was answered."""
    start = 0
    while start < len(weights):
        end, room = start + 1, pace.weight - weights[start]
        while end < len(weights) and weights[end] <= room:
            room -= weights[end]
            end += 1
        yield slice(start, end)
        start = end


def parts(prompt: Prompt, pace: Pace | None) -> Iterator[tuple[dict[str, Any], int, int]]:
    """Yield bodies, how many inputs each holds, and how much they weigh; all in one where there is no pace."""
    reranks = prompt.capability is Capability.RERANK
    texts = prompt.body["documents"] if reranks else inputs_of(prompt.body)
    beside = _weight(prompt.body["query"]) if reranks else 0
    weights = [_weight(text) + beside for text in texts]
    for part in _cut(weights, pace) if pace is not None else [slice(0, len(weights))]:
        held = texts[part]
        ours = {"documents": held, "top_n": len(held)} if reranks else {"input": held, "encoding_format": "base64"}
        yield {**prompt.body, **ours}, len(held), sum(weights[part])


class _Vector(msgspec.Struct, gc=False):
    embedding: str | list[float]
    index: int = 0


class _Score(msgspec.Struct, gc=False):
    index: int
    relevance_score: float


class _Count(msgspec.Struct, frozen=True, gc=False):
    prompt_tokens: int = 0
    total_tokens: int = 0


class _Vectors(msgspec.Struct, gc=False):
    data: list[_Vector]
    usage: _Count = _Count()


class _Scores(msgspec.Struct, gc=False):
    results: list[_Score]
    usage: _Count = _Count()


_decode_vectors = msgspec.json.Decoder(_Vectors).decode
_decode_scores = msgspec.json.Decoder(_Scores).decode


def _floats(embedding: str | list[float]) -> bytes:
    """Return a vector as float32, little endian."""
    if isinstance(embedding, str):
        return b64decode(embedding, validate=True)
    values = array("f", embedding)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _in_order(found: Sequence[Any], expected: int) -> list[Any]:
    """Return the items by their index. Raises EngineUnavailable when one is missing, or there twice."""
    by_index = {item.index: item for item in found}
    if len(found) != expected or sorted(by_index) != list(range(expected)):
        raise interrupted()
    return [by_index[index] for index in range(expected)]


def decode_part(capability: Capability, data: bytes, expected: int) -> Chunk:
    """Return the answer to a part of ``expected`` inputs.

    Raises:
        EngineUnavailable: it is not in the form that was agreed, or does not answer each input once.
    """
    try:
        if capability is Capability.RERANK:
            scores = _decode_scores(data)
            told = tuple(item.relevance_score for item in _in_order(scores.results, expected))
            return Chunk((), _usage(scores.usage), scores=told)
        answer = _decode_vectors(data)
        vectors = tuple(_floats(item.embedding) for item in _in_order(answer.data, expected))
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, OverflowError) as error:
        raise interrupted() from error
    if len({len(vector) for vector in vectors}) != 1 or len(vectors[0]) % 4 or not vectors[0]:
        raise interrupted()
    return Chunk((), _usage(answer.usage), vectors=vectors)


def _usage(count: _Count) -> Usage:
    return Usage(count.prompt_tokens or count.total_tokens, 0)


def joined(answers: Sequence[Chunk]) -> Chunk:
    """Return the answers to the parts, in their order, as one.

    Raises:
        EngineUnavailable: the vectors are not all of one length.
    """
    vectors = tuple(vector for answer in answers for vector in answer.vectors)
    if len({len(vector) for vector in vectors}) > 1:
        raise interrupted()
    scores = tuple(score for answer in answers for score in answer.scores)
    tokens = sum(answer.usage.prompt_tokens for answer in answers if answer.usage)
    return Chunk((), Usage(tokens, 0), vectors, scores)
