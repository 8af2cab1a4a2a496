"""``POST /v1/embeddings``: texts in, vectors out.

Token ids become text by the model's own vocabulary before anything else looks at them, and go to the engine as that
text: what is searched is what is embedded. A vector is shortened here, and its length made 1 again, where the model was
trained for that.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from gateway.domain import Capability, Chunk
from gateway.errors import BadRequest, EngineUnavailable
from gateway.http.body import convert
from gateway.http.call import Answer, Api, Call, MayAsk
from gateway.http.fields import Count, Reading
from gateway.http.models import Models
from gateway.http.parameters import EMBEDDINGS
from gateway.http.tokens import MOST_TOKENS, has_ids, spell
from gateway.http.walk import FIXED

MOST_INPUTS = 2048

Token = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Tokens = Annotated[list[Token], msgspec.Meta(min_length=1, max_length=MOST_TOKENS)]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Inputs = Annotated[list[Text | Token | Tokens], msgspec.Meta(min_length=1)]


class EmbeddingRequest(Reading):
    """``input`` is a text, texts, token ids, or lists of them; by the time that one is made ids are texts."""

    input: Text | Inputs
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Count | None = None
    user: str | None = None

    @property
    def inputs(self) -> int:
        return 1 if isinstance(self.input, str) else len(self.input)

    @property
    def end_user(self) -> str:
        return self.user or ""


def parse(tree: dict[str, Any]) -> EmbeddingRequest:
    """Check the body.

    Raises:
        BadRequest: naming the field. Ids that were not made text are refused: what cannot be searched may not pass.
    """
    request = convert(tree, EmbeddingRequest)
    inputs = [request.input] if isinstance(request.input, str) else request.input
    if len(inputs) > MOST_INPUTS:
        raise BadRequest(f"`input` holds {len(inputs)} inputs; {MOST_INPUTS} are taken.", param="input")
    for number, given in enumerate(inputs):
        if not isinstance(given, str):
            raise BadRequest("`input` must be texts alone, or token ids alone.", param=f"input[{number}]")
    return request


API = Api(
    endpoint="embeddings",
    capability=Capability.EMBED,
    parse=parse,
    shape={"model": FIXED, "encoding_format": FIXED},
    withheld=frozenset(("user", "model", "encoding_format", "dimensions")),
    write=lambda call, chunk, answer_id: written(call, chunk),
    parameters=EMBEDDINGS,
)


def api(models: Models) -> Api:
    """Return this API for a house with these models."""

    async def prepare(tree: dict[str, Any], may_ask: MayAsk) -> Api:
        model, wanted = tree.get("model"), tree.get("dimensions")
        if not isinstance(model, str):
            return API
        if has_ids(tree.get("input")):
            may_ask(model, Capability.EMBED)
            await spell(tree, "input", model, models, MOST_INPUTS)
        if type(wanted) is int and wanted > 0:  # what is no length at all is refused with the rest of the form
            may_ask(model, Capability.EMBED)
            _check_size(wanted, await models.sizes(model))
        return API

    return msgspec.structs.replace(API, prepare=prepare)


# --- request ---------------------------------------------------------------------------------------------------------


def _check_size(wanted: int, sizes: Sequence[int]) -> None:
    """Raises BadRequest: the model makes no vectors of that many numbers."""
    if wanted in sizes:
        return
    known = f"This model's vectors have {_either(sizes)} numbers." if sizes else "This model's vectors have one length."
    raise BadRequest(f"{known} Leave `dimensions` out.", code="unsupported_parameter", param="dimensions")


def _either(sizes: Sequence[int]) -> str:
    return " or ".join(map(str, sizes))


# --- answer ----------------------------------------------------------------------------------------------------------


def written(call: Call, chunk: Chunk) -> Answer:
    """Return the answer's body. Raises EngineUnavailable: not one vector of finite numbers for each input."""
    request = call.request
    assert isinstance(request, EmbeddingRequest)  # noqa: S101 - parse made it
    vectors = fitted(vectors_of(chunk, request.inputs), request.dimensions)
    encode: Callable[[NDArray[np.float32]], Any] = _base64 if request.encoding_format == "base64" else np.asarray
    tokens = chunk.usage.prompt_tokens if chunk.usage else 0
    body = {
        "object": "list",
        "data": [{"object": "embedding", "index": i, "embedding": encode(v)} for i, v in enumerate(vectors)],
        "model": call.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return Answer(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY))


def vectors_of(chunk: Chunk, expected: int) -> NDArray[np.float32]:
    """Return the vectors as rows. Raises EngineUnavailable: others than expected, or a number that is none."""
    if len(chunk.vectors) != expected or len({len(vector) for vector in chunk.vectors}) != 1:
        raise EngineUnavailable("The engine's answer was not complete.", code="engine.interrupted")
    rows: NDArray[np.float32] = np.frombuffer(b"".join(chunk.vectors), "<f4").reshape(expected, -1)
    if not np.isfinite(rows).all():
        raise EngineUnavailable("The engine's answer holds what is no number.", code="engine.interrupted")
    return rows


def fitted(vectors: NDArray[np.float32], size: int | None) -> NDArray[np.float32]:
    """Return vectors of that many numbers; of as many as they have where none are asked for."""
    return vectors if size is None or size == vectors.shape[1] else _shortened(vectors, size)


def _shortened(vectors: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return the first numbers of each vector, its length made 1 again."""
    short = vectors[:, :size]
    lengths = np.linalg.norm(short, axis=1, keepdims=True)
    return np.ascontiguousarray(short / np.where(lengths == 0, 1, lengths), dtype="<f4")


def _base64(vector: NDArray[np.float32]) -> str:
    return b64encode(vector.tobytes()).decode()
