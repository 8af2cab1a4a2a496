"""A real OPA under a short folder, and the questions to put to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from policy_house import PolicyHouse

from gateway.domain import Caller, Capability, DataFacts, EnvFacts, PolicyInput, RequestFacts, Role, Target
from gateway.policy.client import OpaPolicy, draft
from gateway.policy.question import question
from gateway.settings import PolicySettings, Settings, SiteSettings


def make_target(id_: str, jurisdiction: str = "DE", *, same_node: bool = False, external: bool = False) -> Target:
    site = id_.split("/", maxsplit=1)[0]
    return Target(id_, "m", (Capability.CHAT,), site, "n", jurisdiction, same_node, external)


TARGETS = (
    make_target("muc/n/w0:m", same_node=True),
    make_target("ber/n/w0:m"),
    make_target("par/n/w0:m", "FR"),
    make_target("pek/n/w0:m", "CN"),
)


def make_caller(origin: str = "DE", access: str = "") -> Caller:
    return Caller("k1", "acme", "p1", (Role.APP,), "support", "muc", "DE", origin, access)


def make_question(*candidates: str, origin: str = "DE", access: str = "", model: str = "m") -> PolicyInput:
    known = {target.id: target for target in TARGETS}
    return question(
        RequestFacts("01J0", "/v1/chat/completions", Capability.CHAT, model, True, False, "support"),
        make_caller(origin, access),
        DataFacts("internal", origin, {"PERSON": "1"}, "presidio/2"),
        [known.get(c) or make_target(c) for c in candidates or [t.id for t in TARGETS]],
        EnvFacts("muc", "n", "2026-06-01T12:00:00Z", 1),
    )


@pytest.fixture
def ask() -> Callable[..., PolicyInput]:
    return make_question


@pytest.fixture
def targets() -> tuple[Target, ...]:
    """This machine (Munich), Berlin, Paris, Beijing."""
    return TARGETS


@pytest.fixture
def target() -> Callable[..., Target]:
    return make_target


@pytest.fixture
def caller() -> Callable[..., Caller]:
    return make_caller


@pytest.fixture
def settings(short_dir: Path) -> Settings:
    """A site in Munich. The deadline is generous: these tests ask what is answered, not how fast."""
    return Settings(
        site=SiteSettings(name="muc", node="n", jurisdiction="DE"),
        policy=PolicySettings(deadline_seconds=10.0),
        data_dir=str(short_dir),
    )


@pytest_asyncio.fixture
async def policy(settings: Settings) -> AsyncIterator[OpaPolicy]:
    """A started policy with facts, on the OPA that is installed."""
    policy = OpaPolicy(settings, draft(settings))
    await policy.start()
    try:
        await policy.push_facts(TARGETS)
        yield policy
    finally:
        await policy.stop()


@pytest.fixture
def house(short_dir: Path) -> PolicyHouse:
    """An installation with small policies and nothing in force, preset balanced."""
    return PolicyHouse(short_dir, "balanced")
