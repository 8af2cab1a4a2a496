"""Bodies of other APIs, bent in one place: each is answered or refused as the caller's fault, never as ours."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest
from rich_bodies import LLAMA, MESSAGE, RESPONSE

from gateway.domain import Declared
from gateway.errors import BadRequest
from gateway.http import messages, ollama, responses
from gateway.http.call import Api, Call

WRONG: list[Any] = [None, True, 0, -1, 1e300, "", "x", [], ["x"], [None], {}, {"x": 1}, {"type": "text"}, {"type": []}]
BODIES: list[tuple[Api, dict[str, Any]]] = [
    (messages.API, MESSAGE),
    (messages.COUNT, {name: MESSAGE[name] for name in ("model", "messages", "system", "tools")}),
    (responses.API, RESPONSE),
    (responses.COUNT, {name: RESPONSE[name] for name in ("model", "input", "instructions", "tools", "text")}),
    (ollama.CHAT, LLAMA),
    (ollama.GENERATE, {"model": "m", "prompt": "p", "system": "s", "options": {"stop": ["x"]}, "format": "json"}),
]


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (holder, key) of everything below a node."""
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(value, dict | list):
            yield from places(value)


def bent(body: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Return the body with one value exchanged or gone, or one field more."""
    copied = copy.deepcopy(body)
    holder, key = chance.choice(list(places(copied)))
    how = chance.random()
    if how < 0.15:
        del holder[key]
    elif how < 0.3 and isinstance(holder, dict):
        holder["surprise"] = chance.choice(WRONG)
    else:
        holder[key] = copy.deepcopy(chance.choice(WRONG))
    return copied


def taken(api: Api, body: dict[str, Any]) -> bool:
    """Whether the body becomes one for an engine. Any error but BadRequest is a defect."""
    try:
        call = Call(api, api.parse(body), body, Declared(), 100_000)
    except BadRequest as refusal:
        assert refusal.param, "a refusal names the field"
        return False
    return bool(call.body_for_engine([segment.text + "!" for segment in call.segments]))


@pytest.mark.parametrize(("api", "body"), BODIES, ids=[api.endpoint for api, _ in BODIES])
def test_a_bent_body_is_taken_or_refused_by_name(api: Api, body: dict[str, Any]) -> None:
    chance = random.Random(7)

    outcomes = {taken(api, bent(body, chance)) for _ in range(200)}

    assert outcomes == {True, False}
