"""``POST /v1/completions``: text in, text out, no chat template.

A text that says no ``max_tokens`` is continued by 16, OpenAI's own default for this API.

Token ids become text by the model's own vocabulary before anything else looks at them, and go to the engine as that
text: what is searched is what is continued.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from gateway.domain import Capability, Choice
from gateway.errors import BadRequest
from gateway.http.body import convert
from gateway.http.call import Api, MayAsk
from gateway.http.fields import Choices, Sampling
from gateway.http.models import Models
from gateway.http.parameters import COMPLETIONS
from gateway.http.tokens import has_ids, spell
from gateway.http.walk import FIXED

MOST_PROMPTS = 128
DEFAULT_TOKENS = 16  # OpenAI API reference, "Create completion": max_tokens

Text = Annotated[str, msgspec.Meta(min_length=1)]
Texts = Annotated[list[Text], msgspec.Meta(min_length=1, max_length=MOST_PROMPTS)]


class CompletionRequest(Sampling, kw_only=True):
    """By the time that one is made, token ids are texts."""

    prompt: Text | Texts
    best_of: Choices | None = None
    echo: bool | None = None
    logprobs: Annotated[int, msgspec.Meta(ge=0, le=5)] | None = None

    @property
    def texts(self) -> list[str]:
        """The prompts, in their order; choice ``i`` continues number ``i // n``."""
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt

    @property
    def prompts(self) -> int:
        return len(self.texts)

    @property
    def most_tokens(self) -> int:
        return self.max_tokens or DEFAULT_TOKENS


def parse(tree: dict[str, Any]) -> CompletionRequest:
    """Check the body. Raises BadRequest, naming the field.

    Ids that were not made text are refused: what cannot be searched may not pass.
    """
    COMPLETIONS.check(tree)
    if has_ids(tree.get("prompt")):
        problem = "Unsupported parameter: token ids cannot be read here for this model; send texts."
        raise BadRequest(problem, code="unsupported_parameter", param="prompt")
    request = convert(tree, CompletionRequest)
    if request.best_of not in (None, 1, request.n or 1) or (request.best_of == 1 and (request.n or 1) > 1):
        problem = "`best_of` must be the value of `n`: nothing is made that is not shown."
        raise BadRequest(problem, code="unsupported_parameter", param="best_of")
    if request.echo and request.logprobs is not None:
        problem = "`echo` goes without `logprobs`: no engine here tells those of a prompt."
        raise BadRequest(problem, code="unsupported_parameter", param="echo")
    return request


def _bounded(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "max_tokens": body.get("max_tokens") or DEFAULT_TOKENS}


def api(models: Models) -> Api:
    """Return this API for a house with these models."""

    async def prepare(tree: dict[str, Any], may_ask: MayAsk) -> Api:
        model = tree.get("model")
        if isinstance(model, str) and has_ids(tree.get("prompt")):
            may_ask(model, Capability.COMPLETE)
            await spell(tree, "prompt", model, models, MOST_PROMPTS)
        return API

    return msgspec.structs.replace(API, prepare=prepare)


API = Api(
    endpoint="completions",
    capability=Capability.COMPLETE,
    parse=parse,
    shape={"model": FIXED, "stream_options": FIXED, "logit_bias": {}},
    withheld=frozenset(("user", "stream_options", "stream", "model", "best_of", "echo")),
    recast=_bounded,
    parameters=COMPLETIONS,
)

# --- answer ----------------------------------------------------------------------------------------------------------


def choice_of(choice: Choice, tool_name: Any) -> dict[str, Any]:
    """Return a choice, plain or streamed: this API has one form for both."""
    return {
        "index": choice.index,
        "text": choice.content or "",
        "logprobs": choice.logprobs,
        "finish_reason": choice.finish_reason,
    }


class Fitting:
    """What one answer adds to its choices: the prompt's text where it is to be echoed, log probabilities in this form.

    The text is the caller's own, as it came in: it was never redacted for the caller.
    """

    def __init__(self, request: CompletionRequest) -> None:
        self._texts = request.texts if request.echo else []
        self._choices = request.n or 1
        self._alternatives = request.logprobs
        self._offsets: dict[int, int] = {}  # of each choice, code points that were told; it is there once it began

    def fitted(self, choice: Choice) -> Choice:
        """Return one choice, or the next part of it."""
        before, text = self._offsets.get(choice.index), choice.content or ""
        if before is None and self._texts:
            text = self._texts[choice.index // self._choices] + text
        offset = before or 0
        logprobs = _legacy(choice.logprobs, offset, self._alternatives) if choice.logprobs else None
        self._offsets[choice.index] = offset + len(text)
        return msgspec.structs.replace(choice, content=text, logprobs=logprobs)


def _legacy(told: dict[str, Any], offset: int, alternatives: int | None) -> dict[str, Any] | None:
    """Return log probabilities in this API's form, from chat's; those that have it already stay.

    ``text_offset`` counts code points from the beginning of the choice's text.
    """
    if alternatives is None or "tokens" in told:
        return told if alternatives is not None else None
    tokens, values, tops, offsets = [], [], [], []
    for entry in told.get("content") or ():
        tokens.append(entry["token"])
        values.append(entry["logprob"])
        tops.append({top["token"]: top["logprob"] for top in entry.get("top_logprobs", ())[:alternatives]})
        offsets.append(offset)
        offset += len(entry["token"])
    return {
        "tokens": tokens,
        "token_logprobs": values,
        "top_logprobs": tops if alternatives else None,
        "text_offset": offsets,
    }
