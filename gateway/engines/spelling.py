"""A text's tokens and what tokens spell, in llama.cpp's server's words (its README: ``/tokenize``, ``/detokenize``).

A prompt of this kind has one of three bodies::

    {"content": "Hi", "add_special": false, "parse_special": true, "with_pieces": false}    its tokens are asked for
    {"spell": true, "content": "Hi", "tokens": [17, 4]}                                     what these ids spell
    {"spell": true, "content": "<tag>"}               what the text's own ids spell: its values were replaced

A piece that is no UTF-8 by itself comes as a list of its bytes. Nothing is counted: no model reads anything.
"""

from __future__ import annotations

import msgspec

from gateway.domain import Choice, Chunk, Usage
from gateway.engines.calls import Body
from gateway.engines.openai_wire import interrupted

READ_NOTHING = Usage(0, 0)
_SAID = ("content", "add_special", "parse_special", "with_pieces")


class _Piece(msgspec.Struct, gc=False):
    id: int
    piece: str | list[int]


class _Tokens(msgspec.Struct, gc=False):
    tokens: list[int | _Piece]


class _Content(msgspec.Struct, gc=False):
    content: str


_decode_tokens = msgspec.json.Decoder(_Tokens).decode
_decode_content = msgspec.json.Decoder(_Content).decode


def tokenizing(body: Body) -> Body:
    """Return what ``/tokenize`` is asked. A text that is to be spelled again is taken as it stands, marks and all."""
    if body.get("spell"):
        return {"content": body["content"], "add_special": False, "parse_special": False}
    return {name: body[name] for name in _SAID if name in body}


def decode_tokens(data: bytes) -> Chunk:
    """Return the tokens. Raises EngineUnavailable: they are not in the form that was agreed."""
    try:
        found = _decode_tokens(data).tokens
        ids = tuple(each if isinstance(each, int) else each.id for each in found)
        pieces = tuple(_bytes(each.piece) for each in found if not isinstance(each, int))
    except (msgspec.DecodeError, UnicodeError, ValueError) as error:
        raise interrupted() from error
    return Chunk((), READ_NOTHING, tokens=ids, pieces=pieces)


def decode_content(data: bytes) -> Chunk:
    """Return what was spelled, as a whole choice. Raises as :func:`decode_tokens`."""
    try:
        return spelled(_decode_content(data).content)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise interrupted() from error


def spelled(text: str) -> Chunk:
    return Chunk((Choice(0, content=text, finish_reason="stop"),), READ_NOTHING)


def _bytes(piece: str | list[int]) -> bytes:
    return piece.encode() if isinstance(piece, str) else bytes(piece)
