"""The real OPA, asked through the door."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

import pytest
import rfc8785
from ulid import ULID

from gateway.domain import Decision, PolicyInput, Target
from gateway.errors import PolicyUnavailable
from gateway.policy.client import OpaPolicy, draft, rulebook
from gateway.policy.facts import build_facts
from gateway.policy.organisation import Organisation
from gateway.settings import Settings

Ask = Callable[..., PolicyInput]

pytestmark = pytest.mark.real


async def test_german_data_may_go_where_german_law_lets_them(policy: OpaPolicy, ask: Ask) -> None:
    decision = await policy.decide(ask())

    assert decision.allow
    assert [grant.id for grant in decision.targets] == ["muc/n/w0:m", "ber/n/w0:m", "par/n/w0:m"]


async def test_a_no_is_returned_with_its_reason_and_law(policy: OpaPolicy, ask: Ask) -> None:
    decision = await policy.decide(ask("pek/n/w0:m"))

    assert not decision.allow
    reason = decision.reasons[0]
    assert (reason.code, reason.rule, reason.params) == (
        "policy.residency",
        "residency",
        {"origin": "DE", "destination": "CN"},
    )
    assert reason.legal == "Regulation (EU) 2016/679 art. 44"


async def test_showing_japanese_data_in_china_is_refused(policy: OpaPolicy, ask: Ask) -> None:
    decision = await policy.decide(ask("muc/n/w0:m", origin="JP", access="CN"))

    assert [reason.code for reason in decision.reasons] == ["policy.residency_access"]


async def test_the_gateway_stamps_what_decided(
    policy: OpaPolicy, settings: Settings, ask: Ask, targets: tuple[Target, ...]
) -> None:
    decision = await policy.decide(ask())

    facts = build_facts(settings.site, Organisation(), targets, rulebook(settings))
    assert decision.data_revision == hashlib.sha256(rfc8785.dumps(facts)).hexdigest()
    assert decision.bundle_digest == hashlib.sha256(policy.bundle.path.read_bytes()).hexdigest()
    assert decision.revision == policy.bundle.revision
    assert decision.engine.startswith("opa/1.")
    assert ULID.from_str(decision.id)


async def test_new_facts_are_in_force_when_the_push_returns(
    policy: OpaPolicy, ask: Ask, targets: tuple[Target, ...]
) -> None:
    before = await policy.decide(ask("ber/n/w0:m"))

    await policy.push_facts(targets[:1])

    after = await policy.decide(ask("ber/n/w0:m"))
    assert before.allow
    assert not after.allow
    assert "policy.unknown_target" in {reason.code for reason in after.reasons}
    assert after.data_revision != before.data_revision


async def test_of_two_who_adopt_at_once_the_second_pushes_what_the_first_adopted(
    policy: OpaPolicy, ask: Ask, targets: tuple[Target, ...]
) -> None:
    fleet = [targets[0]]

    async def adopt(target: Target) -> None:
        await policy.push_facts(lambda: [*fleet, target])
        fleet.append(target)

    await asyncio.gather(*map(adopt, targets[1:]))

    decision = await policy.decide(ask())
    assert "policy.unknown_target" not in {reason.code for reason in decision.reasons}


async def test_without_facts_there_is_no_decision(settings: Settings, ask: Ask) -> None:
    policy = OpaPolicy(settings, draft(settings))
    await policy.start()
    try:
        assert not policy.ready()
        with pytest.raises(PolicyUnavailable) as refusal:
            await policy.decide(ask())
    finally:
        await policy.stop()
    assert refusal.value.code == "policy.unavailable"
    assert refusal.value.decision_id


async def test_64_candidates_are_decided_one_by_one(policy: OpaPolicy, ask: Ask, target: Callable[..., Target]) -> None:
    names = [f"muc/n{i}/w0:m" for i in range(64)]
    await policy.push_facts([target(name, "DE" if i % 2 else "CN") for i, name in enumerate(names)])

    decision = await policy.decide(ask(*names))

    assert [grant.id for grant in decision.targets] == names[1::2]
    assert {reason.code for reason in decision.reasons} == {"policy.residency", "policy.residency_same_jurisdiction"}


async def test_more_than_64_candidates_are_refused(policy: OpaPolicy, ask: Ask) -> None:
    question = ask()
    many = PolicyInput(question.request, question.caller, question.data, ("x",) * 65, question.env)

    with pytest.raises(PolicyUnavailable) as refusal:
        await policy.decide(many)

    assert refusal.value.code == "policy.too_many_candidates"


async def test_each_answer_has_an_id_of_its_own(policy: OpaPolicy, ask: Ask) -> None:
    decisions: list[Decision] = [await policy.decide(ask()) for _ in range(3)]

    assert len({decision.id for decision in decisions}) == 3
