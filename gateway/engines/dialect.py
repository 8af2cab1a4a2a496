"""How one kind of engine departs from OpenAI's API: what a body must hold for it, and what its statuses mean.

llama.cpp's own ways, met here so that no other file knows them:

- It pins a slot by ``id_slot`` and reuses a cached prompt unless ``cache_prompt`` is false.
- ``n`` above 1 and several prompts would spread over other callers' slots, and only the first is counted. Here they
  become calls one after the other, on the same slot.
- A plain call that is hung up runs on to its end. A streamed one stops at the next token, or, with
  ``return_progress``, at the next batch of the prompt: so every call is streamed, and a plain answer is joined here.
- A call for vectors or scores learns of a hang-up after a second: so it goes in parts (:mod:`.vectors`).
- A LoRA adapter is named by its place among those that were loaded; a request that names none gets what the last one
  set, so each request names all that it wants.
- It understands a ``tool_choice`` that is a word; one that names a tool it would pass over, and let the model choose.
  So the named tool is the only one that it is told of, and required.
- Tools are rendered by the model's own template; one that has no place for them drops them without a word, and the
  choice with them; and of some that have it knows no form of calls, and forces none. Both is tried at each start
  (:attr:`LlamaDialect.knows_tools`); where not, tools are told in words and the answer is held to JSON
  (:mod:`.plain_tools`).
- Penalties look at the last 64 tokens unless it is told to look at all of them.
- Seeds have 32 bits, and the greatest of them means: any.
- Without ``top_logprobs`` it sends 20 alternatives; OpenAI sends none.
- What it cannot compile or render it calls a server error, status 500.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from gateway.domain import Capability, Choice, Chunk, Prompt
from gateway.engines.calls import Body, Call, single_calls
from gateway.engines.plain_tools import named, told
from gateway.errors import BadRequest

_SEEDS = 2**32 - 1


class Dialect(Protocol):
    """What :class:`gateway.engines.openai_http.Exchange` asks of one kind of engine."""

    requests_faults: frozenset[int]  # HTTP statuses that the request caused
    joins_streams: bool  # a plain answer is to be joined from a streamed one
    takes_parts: bool  # vectors and scores are asked for in parts
    tells_prompts: bool  # it tells what a chat is after the model's template, and a text's tokens

    def calls(self, prompt: Prompt, model: str) -> Sequence[Call]:
        """Return the calls to make, one after the other; the answer to each continues the choices before it."""

    def tidy(self, chunk: Chunk, prompt: Prompt) -> Chunk:
        """Return the chunk without what OpenAI would not have sent."""


def without(adapter: str) -> BadRequest:
    """Return what to say where an engine has not got an adapter: it never answers without one that was asked for.

    It is the request's fault, not the engine's: nobody may take an engine out of service by asking for this.
    """
    problem = f"The adapter {adapter} is not loaded with its model."
    return BadRequest(problem, code="engine.adapter_not_loaded", param="model")


class OpenAIDialect:
    """None at all: for any server that keeps to the API."""

    requests_faults = frozenset({400, 413, 422})
    joins_streams = False
    takes_parts = False
    tells_prompts = False

    def calls(self, prompt: Prompt, model: str) -> Sequence[Call]:
        if prompt.adapter:
            raise without(prompt.adapter)
        body = {**prompt.body, "model": model, "stream": prompt.stream}
        if prompt.stream:
            body["stream_options"] = {"include_usage": True}
        else:
            body.pop("stream_options", None)
        return (Call(body),)

    def tidy(self, chunk: Chunk, prompt: Prompt) -> Chunk:
        return chunk


def _wants_no_alternatives(body: Body) -> bool:
    """Whether OpenAI would send none: ``logprobs`` is true in a chat, and a number of them for a text."""
    logprobs = body.get("logprobs")
    return (logprobs is True and not body.get("top_logprobs")) or (type(logprobs) is int and logprobs == 0)


def _said(body: Body) -> Body:
    """Return a body in llama.cpp's own words, where it would misread OpenAI's.

    Raises:
        BadRequest: log probabilities beside tools, which it does not tell in a stream.
    """
    said = dict(body)
    if said.get("tools") and said.get("logprobs"):
        problem = "Unsupported parameter: `logprobs` beside `tools` is not supported with this model's engine."
        raise BadRequest(problem, code="unsupported_parameter", param="logprobs")
    longest = said.pop("max_completion_tokens", None) or said.get("max_tokens")
    if longest is not None:
        said["max_tokens"] = longest
    if type(said.get("seed")) is int:
        said["seed"] %= _SEEDS
    if said.get("frequency_penalty") or said.get("presence_penalty"):
        said["repeat_last_n"] = -1
    if type(said.get("logprobs")) is int:
        said["n_probs"] = max(1, said.pop("logprobs"))
    elif _wants_no_alternatives(said):
        said["top_logprobs"] = 1
    return named(said)


def _without_alternatives(choice: Choice) -> Choice:
    if not choice.logprobs or not choice.logprobs.get("content"):
        return choice
    tokens = [{**token, "top_logprobs": []} for token in choice.logprobs["content"]]
    return msgspec.structs.replace(choice, logprobs={**choice.logprobs, "content": tokens})


class LlamaDialect:
    """llama.cpp's server, as the module's docstring tells."""

    requests_faults = frozenset({400, 413, 422, 500})
    joins_streams = True
    takes_parts = True
    tells_prompts = True

    def __init__(self, adapters: Sequence[str] = ()) -> None:
        self._adapters = {name: number for number, name in enumerate(adapters)}
        self.knows_tools = True  # set by who has asked the engine

    def calls(self, prompt: Prompt, model: str) -> Sequence[Call]:
        pinned = prompt.slot is not None
        ours: Body = {
            "model": model,
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,
            "id_slot": prompt.slot if pinned else -1,
        }
        if self._adapters or prompt.adapter:
            ours["lora"] = [self._scaled(prompt.adapter)]
        return [self._call(call, prompt, ours, pinned) for call in single_calls(prompt)]

    def _call(self, call: Call, prompt: Prompt, ours: Body, pinned: bool) -> Call:
        body, form = _said(call.body), None
        if prompt.capability is Capability.CHAT and not self.knows_tools:
            body, form = told(body)
        reuses = pinned and (prompt.reuse_cache or call.repeats)
        return Call({**body, **ours, "cache_prompt": reuses}, call.repeats, form)

    def _scaled(self, adapter: str) -> Body:
        """Return the one adapter to act; where there is none, one with no weight, for an empty list means the last."""
        if not adapter:
            return {"id": 0, "scale": 0.0}
        if adapter not in self._adapters:
            raise without(adapter)
        return {"id": self._adapters[adapter], "scale": 1.0}

    def tidy(self, chunk: Chunk, prompt: Prompt) -> Chunk:
        if not _wants_no_alternatives(prompt.body):
            return chunk
        choices = tuple(_without_alternatives(choice) for choice in chunk.choices)
        return msgspec.structs.replace(chunk, choices=choices)
