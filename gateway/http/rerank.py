"""``POST /v1/rerank``: a query and documents in, the documents' places out; Jina's and Cohere's form, as llama.cpp's.

Where the model is a reranker it scores each pair itself. Where it is an embedding model, the score is the cosine of the
two vectors; ``scored_by`` in the answer, and the header ``x-sekisho-scored-by``, say which it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
import orjson

from gateway.domain import Capability, Chunk
from gateway.errors import EngineUnavailable, ModelNotFound
from gateway.http.body import convert
from gateway.http.call import Answer, Api, Call, MayAsk
from gateway.http.embeddings import MOST_INPUTS, vectors_of
from gateway.http.fields import Count, Reading, Strict
from gateway.http.models import Models
from gateway.http.walk import FIXED, TEXT

MOST_DOCUMENTS = MOST_INPUTS - 1  # with the query, as many as one request for embeddings
SCORED_BY = "x-sekisho-scored-by"
Text = Annotated[str, msgspec.Meta(min_length=1)]


class Document(Strict):
    text: Text


class RerankRequest(Reading):
    query: Text
    documents: Annotated[list[Text | Document], msgspec.Meta(min_length=1, max_length=MOST_DOCUMENTS)]
    top_n: Count | None = None
    return_documents: bool | None = None

    @property
    def inputs(self) -> int:
        return len(self.documents) + 1

    @property
    def beside(self) -> int:
        """A reranker reads the query again with each document."""
        return super().beside + len(self.query.encode()) * (len(self.documents) - 1)

    @property
    def texts(self) -> list[str]:
        """The documents' texts, in their order."""
        return [text_of(document) for document in self.documents]


def text_of(document: str | Document) -> str:
    return document if isinstance(document, str) else document.text


def parse(tree: dict[str, Any]) -> RerankRequest:
    """Check the body. Raises BadRequest, naming the field."""
    return convert(tree, RerankRequest)


def _for_reranker(tree: dict[str, Any]) -> dict[str, Any]:
    return {"query": tree["query"], "documents": _plain(tree["documents"])}


def _for_embedding(tree: dict[str, Any]) -> dict[str, Any]:
    return {"input": [tree["query"], *_plain(tree["documents"])]}


def _plain(documents: Sequence[str | dict[str, str]]) -> list[str]:
    return [document if isinstance(document, str) else document["text"] for document in documents]


def written(call: Call, chunk: Chunk, answer_id: str) -> Answer:
    """Return the answer's body and its header. Raises EngineUnavailable: not one finite score for each document."""
    request = call.request
    assert isinstance(request, RerankRequest)  # noqa: S101 - parse made it
    by = "reranker" if call.capability is Capability.RERANK else "embeddings"
    scores = _scores(chunk, len(request.documents)) if by == "reranker" else cosines(chunk, len(request.documents))
    best = sorted(range(len(scores)), key=lambda index: -scores[index])[: request.top_n]
    tokens = chunk.usage.prompt_tokens if chunk.usage else 0
    texts = request.texts if request.return_documents else None
    body = {
        "id": "rerank-" + answer_id,
        "object": "list",
        "model": call.model,
        "scored_by": by,
        "results": [_result(index, scores[index], texts) for index in best],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return Answer(orjson.dumps(body), [(SCORED_BY.encode(), by.encode())])


def _scores(chunk: Chunk, expected: int) -> Sequence[float]:
    if len(chunk.scores) != expected or not np.isfinite(chunk.scores).all():
        raise EngineUnavailable("The engine's answer was not complete.", code="engine.interrupted")
    return chunk.scores


def cosines(chunk: Chunk, documents: int) -> list[float]:
    """Return the cosine of the first vector with each of the others; 0 where one has no length."""
    vectors = vectors_of(chunk, documents + 1).astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    products = vectors[1:] @ vectors[0]
    beside = lengths[1:] * lengths[0]
    found: list[float] = np.divide(products, beside, out=np.zeros(documents), where=beside > 0).tolist()
    return found


def _result(index: int, score: float, texts: Sequence[str] | None) -> dict[str, Any]:
    result: dict[str, Any] = {"index": index, "relevance_score": score}
    return result if texts is None else {**result, "document": {"text": texts[index]}}


BY_RERANKER = Api(
    endpoint="rerank",
    capability=Capability.RERANK,
    parse=parse,
    shape={"model": FIXED, "documents": [(TEXT, {"text": TEXT})]},
    withheld=frozenset(),
    recast=_for_reranker,
    write=written,
)
BY_EMBEDDINGS = msgspec.structs.replace(BY_RERANKER, capability=Capability.EMBED, recast=_for_embedding)


def api(models: Models) -> Api:
    """Return this API for a house with these models: by a reranker where the model is one."""

    async def prepare(tree: dict[str, Any], may_ask: MayAsk) -> Api:
        model = tree.get("model")
        known = isinstance(model, str) and models.serves(model, Capability.EMBED)
        if not known or models.serves(str(model), Capability.RERANK):
            return BY_RERANKER
        try:
            may_ask(str(model), Capability.EMBED)
        except ModelNotFound:
            return BY_RERANKER  # whoever may not ask for it is told what is told of a model that is not there
        return BY_EMBEDDINGS

    return msgspec.structs.replace(BY_RERANKER, prepare=prepare)
