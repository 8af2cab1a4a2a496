"""The in-memory house, and one request through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from house import House, words

from gateway.domain import Chunk


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def visit(house: House) -> Callable[..., Any]:
    """Send one request through and return the chunks' text; a refusal is raised."""

    async def send(**request: Any) -> list[str]:
        said: list[str] = []
        async with house.checkpoint().passage(house.arrival(**request)) as passage:
            await passage.admit()
            async for chunk in passage.answer():
                said += [choice.content for choice in chunk.choices if choice.content]
                house.diary.append("caller reads")
        return said

    return send


@pytest.fixture
def script() -> Callable[..., list[Chunk | BaseException]]:
    return words
