"""A fleet of scripted engines.

``ScriptedEngine`` counts nothing and computes nothing; what it does is set from outside:

    engine.is_ready = False      it went away
    engine.chunks = []           it ends without having said a word
    engine.failure = error       it raises that, after its chunks
    engine.prompts               what it was asked, in order
    engine.closed                how many of its generators were closed or ended
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from types import SimpleNamespace

import pytest

from gateway.domain import Caller, Capability, Choice, Chunk, Decision, Grant, Prompt, Role, Target
from gateway.fleet.local import LocalFleet, Member


class ScriptedEngine:
    def __init__(self, slots: int = 2) -> None:
        self.slots = slots
        self.context_tokens = 512
        self.is_ready = True
        self.chunks = [Chunk((Choice(0, content="a"),)), Chunk((Choice(0, finish_reason="stop"),))]
        self.failure: Exception | None = None
        self.prompts: list[Prompt] = []
        self.closed = 0

    def ready(self) -> bool:
        return self.is_ready

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        self.prompts.append(prompt)
        try:
            for chunk in self.chunks:
                yield chunk
            if self.failure is not None:
                raise self.failure
        finally:
            self.closed += 1


def a_target(name: str, model: str = "tiny", *capabilities: Capability) -> Target:
    return Target(
        id=f"site/node/{name}:{model}",
        model=model,
        capabilities=capabilities or (Capability.CHAT, Capability.COMPLETE),
        site="site",
        node="node",
        jurisdiction="DE",
        same_node=True,
    )


def a_caller(tenant: str = "acme", models: tuple[str, ...] = ()) -> Caller:
    return Caller(
        key_id="k1",
        tenant=tenant,
        project="p",
        roles=(Role.APP,),
        purpose="",
        site="site",
        jurisdiction="DE",
        collected_in="DE",
        access_from="DE",
        models=models,
    )


def a_decision(*targets: Target) -> Decision:
    return Decision(
        id="d1",
        allow=True,
        targets=tuple(Grant(id=target.id) for target in targets),
        reasons=(),
        revision="r",
        bundle_digest="b",
        data_revision="f",
        engine="opa/0",
    )


NAMES = {"tiny": "tiny", "alias": "tiny", "big": "big", "unserved": "unserved"}


@pytest.fixture
def make_fleet() -> Callable[..., LocalFleet]:
    """Build a fleet of ``(target, engine)`` pairs; models ``tiny`` (also ``alias``), ``big`` and ``unserved`` exist."""

    def make(*members: tuple[Target, ScriptedEngine], queue: int = 8) -> LocalFleet:
        return LocalFleet(
            [Member(target, engine) for target, engine in members],
            queue=queue,
            find_model=NAMES.get,
            model_names=lambda: sorted(NAMES),
        )

    return make


@pytest.fixture
def engine() -> type[ScriptedEngine]:
    return ScriptedEngine


@pytest.fixture
def target() -> Callable[..., Target]:
    return a_target


@pytest.fixture
def caller() -> Callable[..., Caller]:
    return a_caller


@pytest.fixture
def decision() -> Callable[..., Decision]:
    return a_decision


@pytest.fixture
def prompt() -> Prompt:
    return Prompt(request_id="r1", capability=Capability.CHAT, body={}, stream=True)


@pytest.fixture
def world(make_fleet: Callable[..., LocalFleet]) -> SimpleNamespace:
    """All of the above under one name, for tests that need most of it."""
    return SimpleNamespace(
        make_fleet=make_fleet, engine=ScriptedEngine, target=a_target, caller=a_caller, decision=a_decision
    )
