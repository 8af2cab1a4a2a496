"""What rules work out when facts are pushed says what the rules say: questions of chance, answered with and without."""

from __future__ import annotations

from datetime import date
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain import PolicyInput
from gateway.policy.client import draft, rulebook
from gateway.policy.facts import build_facts
from gateway.policy.opa.program import find_opa
from gateway.policy.organisation import Organisation, Site, Transfer
from gateway.policy.trials.scratch import Rehearsal
from gateway.settings import Settings
from tests.policy.conftest import make_question, make_target

pytestmark = pytest.mark.real

COUNTRIES = ("DE", "FR", "GB", "CH", "JP", "CN", "US", "CA", "")
DAYS = ("2026-06-01", "2021-06-27", "2031-12-28")
PUSHED = "2026-06-01T12:00:00Z"
TARGETS = (
    make_target("muc/n/w0:m", same_node=True),
    *(
        make_target(f"{country.lower() or 'nowhere'}/n{external:d}/w0:m", country, external=external)
        for country in COUNTRIES
        for external in (False, True)
    ),
)
ORGANISATION = Organisation(
    sites={"oslo": Site(jurisdiction="NO")},
    transfers=(
        Transfer(from_="EEA", to="US", route="scc", until=date(2031, 12, 31), reference="1"),
        Transfer(from_="JP", to="CN", route="appi-consent", until=date(2031, 12, 31), reference="2", tenant="acme"),
        Transfer(from_="CN", to="DE", route="explicit-consent", until=date(2026, 1, 1), reference="3"),
    ),
)


def question_of(chance: Random) -> PolicyInput:
    """Return a question from anywhere, looked at anywhere; from a country without a site in one of five."""
    origin, access = (chance.choice((*COUNTRIES, "NO", "BR")) for _ in range(2))
    few = [target.id for target in chance.sample(TARGETS, chance.randint(1, len(TARGETS)))]
    asked = make_question(origin=origin, access=access)
    return replace(
        asked,
        candidates=tuple(few),
        caller=replace(asked.caller, tenant=chance.choice(("acme", "other")), jurisdiction=chance.choice(COUNTRIES)),
        data=replace(asked.data, special=chance.choice(((), (), ("health",)))),
        env=replace(asked.env, time=f"{chance.choice(DAYS)}T12:00:00Z"),
    )


async def test_answers_are_the_same_with_and_without_what_was_worked_out(settings: Settings) -> None:
    asked = [question_of(Random(number)) for number in range(60)]
    facts = build_facts(settings.site, ORGANISATION, TARGETS, rulebook(settings))
    async with Rehearsal(find_opa(settings), draft(settings).bundle.path) as rehearsal:
        client: Any = rehearsal._client("push")
        derived = await client.derive(facts, PUSHED)
        answers = []
        for pushed in (facts, {**facts, "derived": derived}):
            await rehearsal.push(pushed)
            answers.append([replace(await rehearsal.ask(each), facts="") for each in asked])

    assert derived["residency"]["ways"]["DE"]["FR"]["says"]["code"] == "policy.residency_adequate"
    assert answers[0] == answers[1]
    assert len({answer.allow for answer in answers[0]}) == 2
