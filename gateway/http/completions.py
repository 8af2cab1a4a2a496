"""``POST /v1/completions``: text in, text out, no chat template."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from gateway.domain import Capability, Choice
from gateway.errors import BadRequest
from gateway.http.body import convert, refuse_unsupported
from gateway.http.call import Api
from gateway.http.fields import One, Sampling
from gateway.http.walk import FIXED

UNSUPPORTED = frozenset(("best_of", "echo", "logprobs", "suffix"))


class CompletionRequest(Sampling, kw_only=True):
    prompt: Annotated[str, msgspec.Meta(min_length=1)]
    best_of: One | None = None


def parse(tree: dict[str, Any]) -> CompletionRequest:
    """Check the body.

    Raises:
        BadRequest: naming the field. Several prompts and token arrays are refused by name: a prompt that was not
            searched as text must not pass.
    """
    prompt = tree.get("prompt")
    if isinstance(prompt, list):
        if len(prompt) == 1 and isinstance(prompt[0], str):
            tree["prompt"] = prompt[0]
        else:
            problem = "`prompt` must be one string; several prompts and token arrays are not supported."
            raise BadRequest(problem, code="request.unsupported", param="prompt")
    refuse_unsupported(tree, UNSUPPORTED if tree.get("best_of") != 1 else UNSUPPORTED - {"best_of"})
    return convert(tree, CompletionRequest)


API = Api(
    endpoint="completions",
    capability=Capability.COMPLETE,
    parse=parse,
    shape={"model": FIXED, "stream_options": FIXED, "logit_bias": {}},
    withheld=frozenset(("user", "stream_options", "stream", "model", "n", "best_of")),
)


def choice_of(choice: Choice, tool_name: Any) -> dict[str, Any]:
    """Return a choice, plain or streamed: this API has one form for both."""
    return {
        "index": choice.index,
        "text": choice.content or "",
        "logprobs": None,
        "finish_reason": choice.finish_reason,
    }
