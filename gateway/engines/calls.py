"""One request for several choices as several calls in turn, for engines that answer one at a time. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.domain import Capability, Chunk, Prompt, Usage
from gateway.engines.plain_tools import Form

Body = dict[str, Any]

_SEED_LIMIT = 2**32


class Call(msgspec.Struct, frozen=True):
    """One body to send. ``repeats`` when it asks the same prompt as the call before it: that prompt counts once.

    ``form`` where its answer is JSON that speaks of tools: how that is to be read.
    """

    body: Body
    repeats: bool = False
    form: Form | None = None


def _prompts(body: Body) -> list[Any]:
    """Return the prompts of a body, each in its own form; token ids are one prompt, not many."""
    prompt = body.get("prompt")
    if isinstance(prompt, list) and prompt and isinstance(prompt[0], str | list):
        return prompt
    return [prompt]


def single_calls(prompt: Prompt) -> list[Call]:
    """Return one call per choice that was asked for, in OpenAI's order; a seed grows by one with each."""
    body = {name: value for name, value in prompt.body.items() if name not in ("n", "n_cmpl", "best_of")}
    wanted = prompt.body.get("n") or 1
    bodies = [body]
    if prompt.capability is Capability.COMPLETE:
        bodies = [{**body, "prompt": text} for text in _prompts(body)]
    calls = [Call(one, number > 0) for one in bodies for number in range(wanted)]
    seed = body.get("seed")
    if isinstance(seed, int) and len(calls) > 1:
        return [Call({**c.body, "seed": (seed + number) % _SEED_LIMIT}, c.repeats) for number, c in enumerate(calls)]
    return calls


def numbered(chunk: Chunk, first: int) -> Chunk:
    """Return the chunk's choices with ``first`` added to each index, and no usage."""
    choices = tuple(msgspec.structs.replace(choice, index=choice.index + first) for choice in chunk.choices)
    return Chunk(choices, timings=chunk.timings)


class Count:
    """Usage of a request that took several calls. ``usage`` is ``None`` until one was counted."""

    def __init__(self) -> None:
        self.usage: Usage | None = None

    def add(self, usage: Usage | None, repeats: bool) -> None:
        """Add one call's usage; that of a repeated prompt without the prompt."""
        if usage is None:
            return
        old = self.usage or Usage(0, 0)
        self.usage = Usage(
            old.prompt_tokens + (0 if repeats else usage.prompt_tokens),
            old.completion_tokens + usage.completion_tokens,
            old.cached_tokens + (0 if repeats else usage.cached_tokens),
        )
