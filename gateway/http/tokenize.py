"""``POST /tokenize`` and ``/detokenize``, also below ``/v1``: llama.cpp's own routes, with ``model`` beside.

A text is searched, decided about and redacted as any prompt is, and tokenised by the engine of a target that policy
allows. The ids are those of the text that the engine is given: of a tag, where a value was replaced by one. They are
what a prompt of that text costs there, and no value is made of them here.

Ids are spelled by the model's own vocabulary before anything else looks at them. Where nothing of what they spell was
replaced, the engine is given the ids; else it is given the redacted text, spells that, and the caller's own values are
restored in it, as in any answer. An id of another request's tag spells the tag: nobody gets its value.

Example::

    {"model": "m", "content": "Hi", "with_pieces": true}    {"tokens": [{"id": 17, "piece": "Hi"}]}
    {"model": "m", "tokens": [17]}                          {"content": "Hi"}
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import msgspec
import orjson

from gateway.domain import Capability, Chunk
from gateway.errors import BadRequest, EngineUnavailable
from gateway.http.body import convert
from gateway.http.call import Answer, Api, Call, MayAsk
from gateway.http.fields import Reading
from gateway.http.models import Models
from gateway.http.tokens import MOST_TOKENS
from gateway.http.walk import FIXED, TEXT

Token = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
_WITHOUT_VOCABULARY = "Unsupported parameter: token ids cannot be read here for this model."


class TokenizeRequest(Reading):
    """As llama.cpp's server takes it: without ``add_special`` no marks are put around, and marks are read as such."""

    content: str
    add_special: bool | None = None
    parse_special: bool | None = None
    with_pieces: bool | None = None

    @property
    def inputs(self) -> int:
        return 1

    @property
    def output_bound(self) -> int:
        return 0


class DetokenizeRequest(Reading):
    tokens: Annotated[list[Token], msgspec.Meta(max_length=MOST_TOKENS)]

    @property
    def inputs(self) -> int:
        return 1

    @property
    def output_bound(self) -> int:
        return 0


# --- a text's tokens -------------------------------------------------------------------------------------------------


def _for_tokenizer(tree: dict[str, Any]) -> dict[str, Any]:
    """Return what the engine is asked; nulls are llama.cpp's own defaults."""
    special, pieces = tree.get("parse_special"), tree.get("with_pieces")
    return {
        "content": tree["content"],
        "add_special": bool(tree.get("add_special")),
        "parse_special": True if special is None else special,
        "with_pieces": bool(pieces),
    }


def _tokens(call: Call, chunk: Chunk, answer_id: str) -> Answer:
    """Return the answer. Raises EngineUnavailable: pieces are missing, or nobody asked for them."""
    request = call.request
    assert isinstance(request, TokenizeRequest)  # noqa: S101 - parse made it
    if chunk.choices or len(chunk.pieces) != (len(chunk.tokens) if request.with_pieces else 0):
        raise EngineUnavailable("The engine's answer was not complete.", code="engine.interrupted")
    tokens: Sequence[Any] = chunk.tokens
    if request.with_pieces:
        tokens = [{"id": id_, "piece": _shown(piece)} for id_, piece in zip(chunk.tokens, chunk.pieces, strict=True)]
    return Answer(orjson.dumps({"tokens": tokens}))


def _shown(piece: bytes) -> str | list[int]:
    """Return a piece as llama.cpp's server writes it: its bytes, where they are no UTF-8 by themselves."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return list(piece)


TOKENIZE = Api(
    endpoint="tokenize",
    capability=Capability.TOKENIZE,
    parse=partial(convert, kind=TokenizeRequest),
    shape={"model": FIXED, "content": TEXT},
    withheld=frozenset(("model",)),
    recast=_for_tokenizer,
    write=_tokens,
)


# --- what tokens spell -----------------------------------------------------------------------------------------------


class _Spelled(DetokenizeRequest):
    """A request whose ids were spelled: ``content`` is what is searched and redacted."""

    content: str


def _for_speller(tree: dict[str, Any], spelled: str) -> dict[str, Any]:
    """Return what the engine is asked. It sees the ids where the text that they spell goes out unchanged."""
    same = tree["content"] == spelled
    return {"spell": True, "content": tree["content"], **({"tokens": tree["tokens"]} if same else {})}


def _content(call: Call, chunk: Chunk, answer_id: str) -> Answer:
    """Return the answer. Raises EngineUnavailable: it is no text."""
    if len(chunk.choices) != 1:
        raise EngineUnavailable("The engine's answer was not complete.", code="engine.interrupted")
    return Answer(orjson.dumps({"content": chunk.choices[0].content or ""}))


DETOKENIZE = Api(
    endpoint="detokenize",
    capability=Capability.TOKENIZE,
    parse=partial(convert, kind=DetokenizeRequest),
    shape={"model": FIXED, "content": TEXT},
    withheld=frozenset(("model",)),
    write=_content,
)


def detokenize(models: Models) -> Api:
    """Return ``/detokenize`` for a house with these models."""

    async def prepare(tree: dict[str, Any], may_ask: MayAsk) -> Api:
        request = convert(tree, DetokenizeRequest)
        may_ask(request.model, Capability.TOKENIZE)
        tree["content"] = spelled = await _spell(request, models)
        return msgspec.structs.replace(
            DETOKENIZE, parse=partial(convert, kind=_Spelled), recast=partial(_for_speller, spelled=spelled)
        )

    return msgspec.structs.replace(DETOKENIZE, prepare=prepare)


async def _spell(request: DetokenizeRequest, models: Models) -> str:
    """Return what the ids spell. Raises BadRequest, naming ``tokens``."""
    try:
        return await models.text(request.model, request.tokens)
    except LookupError as error:
        raise BadRequest(_WITHOUT_VOCABULARY, code="unsupported_parameter", param="tokens") from error
    except ValueError as error:
        problem = "`tokens` holds an id that this model's vocabulary does not have."
        raise BadRequest(problem, code="invalid_value", param="tokens") from error
