"""Putting a policy in force: who may, what is on record before, and that nothing else changes what decides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from policy_house import PolicyHouse

from gateway.cli.checks_site import policy as look_at_policy
from gateway.domain import Decision, PolicyInput, Target
from gateway.errors import PolicyUnavailable, SetupError
from gateway.policy.client import OpaPolicy
from gateway.policy.life.activation import PolicyLife
from gateway.policy.life.manifest import instant

pytestmark = pytest.mark.real

Ask = Callable[..., PolicyInput]


async def _build(house: PolicyHouse, mark: str, life: PolicyLife | None = None) -> str:
    house.mark(mark)
    return str((await (life or house.life()).build("ana"))["revision"])


@pytest.fixture
def people(house: PolicyHouse) -> PolicyHouse:
    house.person("ana", "policy-author")
    house.person("ben", "approver")
    return house


@pytest_asyncio.fixture
async def served(people: PolicyHouse, targets: tuple[Target, ...]) -> AsyncIterator[tuple[PolicyHouse, OpaPolicy]]:
    """A house that decides by its first revision, mark ``a``, with the real OPA."""
    await people.life().first("init")
    policy = OpaPolicy(people.settings)
    await policy.start()
    await policy.push_facts(targets)
    yield people, policy
    await policy.stop()


def _mark(decision: Decision) -> str:
    return decision.reasons[0].params["mark"]


# --- who may


async def test_the_first_at_set_up_needs_nobody_and_any_other_two_persons(people: PolicyHouse) -> None:
    life = people.life()
    first, second = await _build(people, "a"), await _build(people, "b")
    assert not (await life.activate(first, "ana"))["in_force"]  # as if somebody had removed what was in force
    assert (await life.activate(first, "init", first=True))["in_force"]

    for names in ([], ["ana"]):
        await people.sign(life, second, *names)
        refused = await life.activate(second, "ana")
        assert (refused["in_force"], list(refused["hindrances"])) == (False, ["policy.not_approved"])
        assert people.book.types()[-1] == "policy.refused"
        assert people.book.last()["codes"] == ["policy.not_approved"]
    await people.sign(life, second, "ben")

    assert (await life.activate(second, "ana"))["in_force"]
    assert people.book.last() == {
        "by": "ana",
        "revision": second,
        "digest": life.revisions.get(second).digest,
        "before": first,
        "signed_by": ["this gateway", "ana", "ben"],
        "first": False,
    }


async def test_a_demonstration_needs_nobody(short_dir: Path) -> None:
    house = PolicyHouse(short_dir, "demo")
    for mark in ("a", "b"):
        assert (await house.life().activate(await _build(house, mark), "ana"))["in_force"]


async def test_tests_that_fail_build_and_do_not_activate(house: PolicyHouse) -> None:
    rule = house.policies / "plain" / "rule_test.rego"
    rule.write_text(rule.read_text().replace('"info"', '"deny"'))

    made = await house.life().build("ana")

    assert made["tests"]["failed"] == 1
    assert "policy.tests_failed" in (await house.life().activate(made["revision"], "ana"))["hindrances"]
    assert house.life().revisions.note() is None
    with pytest.raises(SetupError, match="did not pass"):
        await house.life().first("init")


async def test_signing_by_a_stranger_or_for_another_revision_is_refused(people: PolicyHouse) -> None:
    people.person("eve")
    life = people.life()
    one, other = await _build(people, "a"), await _build(people, "b")

    for name, signed in (("eve", one), ("ben", other)):
        with pytest.raises(SetupError, match="no signature of a trusted signer"):
            await life.sign(one, people.signature(life.revisions.get(signed), name), name)


async def test_activating_what_is_in_force_changes_nothing(house: PolicyHouse) -> None:
    life = house.life()
    revision = str((await life.first("init")).id)
    before = house.book.types()

    assert (await life.activate(revision[:8], "ana"))["in_force"]
    assert house.book.types() == before


async def test_rollback_goes_back_and_not_forth(people: PolicyHouse) -> None:
    life = people.life()
    first, second = (await life.first("init")).id, await _build(people, "b")
    await people.sign(life, second, "ana", "ben")
    await life.activate(second, "ana")

    assert list(life.view(life.revisions.get(first))["hindrances"]) == ["policy.not_approved"]  # as `activate` says
    assert list((await life.activate(first, "ana"))["hindrances"]) == ["policy.not_approved"]
    assert (await life.rollback("ana"))["revision"] == first
    assert people.book.types()[-1] == "policy.rolled_back"
    assert people.book.last()["before"] == second
    with pytest.raises(SetupError, match="No revision was in force before"):
        await life.rollback("ana")


async def test_an_expired_one_is_not_rolled_back_to(people: PolicyHouse) -> None:
    life = people.life()
    await life.first("init")
    people.now += timedelta(days=300)
    second = await _build(people, "b")
    await people.sign(life, second, "ana", "ben")
    await life.activate(second, "ana")
    people.now += timedelta(days=100)

    assert list((await life.rollback("ana"))["hindrances"]) == ["policy.bundle_expired"]
    assert life.revisions.note().revision == second  # type: ignore[union-attr]


# --- from elsewhere


async def test_one_from_headquarters_counts_when_its_signers_are_trusted_here(
    people: PolicyHouse, tmp_path: Path, targets: tuple[Target, ...], ask: Ask
) -> None:
    headquarters = PolicyHouse(tmp_path / "hq", "balanced")
    ceo, dpo = headquarters.person("ceo", "policy-author"), headquarters.person("dpo", "approver")
    theirs = await _build(headquarters, "hq")
    await headquarters.sign(headquarters.life(), theirs, "ceo", "dpo")
    folder = str(headquarters.life().revisions.get(theirs).folder)
    life = people.life()
    await life.first("init")
    with pytest.raises(SetupError, match="Nobody vouches"):
        await life.activate(folder, "ana")
    assert theirs not in [one.id for one in life.revisions.list()]

    await headquarters.trust_in(people, ceo, dpo)
    assert (await life.activate(folder, "ana"))["in_force"]

    policy = OpaPolicy(people.settings)  # with the other house's key for bundles
    await policy.start()
    await policy.push_facts(targets)
    decision = await policy.decide(ask())
    await policy.stop()
    assert (_mark(decision), decision.revision) == ("hq", theirs)
    assert people.book.types().count("policy.imported") == 1


async def test_a_changed_one_from_elsewhere_is_refused_and_leaves_nothing(people: PolicyHouse, tmp_path: Path) -> None:
    headquarters = PolicyHouse(tmp_path / "hq", "balanced")
    folder = headquarters.life().revisions.get(await _build(headquarters, "hq")).folder
    (folder / "rules.csv").write_text("nothing")

    with pytest.raises(SetupError, match=r"rules\.csv is not what the manifest says"):
        await people.life().activate(str(folder), "ana")
    assert people.life().revisions.list() == []


async def test_more_signatures_from_elsewhere_are_taken_in(people: PolicyHouse, tmp_path: Path) -> None:
    headquarters = PolicyHouse(tmp_path / "hq", "balanced")
    persons = [headquarters.person(name, "approver") for name in ("ceo", "dpo", "cto")]
    await headquarters.trust_in(people, *persons)
    theirs = await _build(headquarters, "hq")
    folder = headquarters.life().revisions.get(theirs).folder
    await headquarters.sign(headquarters.life(), theirs, "ceo", "dpo")
    await people.life().take(folder, "ana")

    await headquarters.sign(headquarters.life(), theirs, "cto")
    again = await people.life().take(folder, "ana")

    assert [one["name"] for one in again["signatures"]] == ["", "ceo", "dpo", "cto"]


async def test_one_of_the_same_content_that_was_built_here_stays(people: PolicyHouse, tmp_path: Path) -> None:
    headquarters = PolicyHouse(tmp_path / "hq", "balanced")
    persons = [headquarters.person(name, "approver") for name in ("ceo", "dpo")]
    await headquarters.trust_in(people, *persons)
    theirs, ours = await _build(headquarters, "a"), await _build(people, "a")
    await headquarters.sign(headquarters.life(), theirs, "ceo", "dpo")

    assert theirs == ours
    with pytest.raises(SetupError, match="was built here on the same day"):
        await people.life().take(headquarters.life().revisions.get(theirs).folder, "ana")


# --- what decides


async def test_editing_files_changes_nothing_until_it_is_activated(
    served: tuple[PolicyHouse, OpaPolicy], targets: tuple[Target, ...], ask: Ask
) -> None:
    house, policy = served
    house.mark("b")
    house.rules.write_text("rubbish")
    await policy.push_facts(targets)

    assert _mark(await policy.decide(ask())) == "a"

    again = OpaPolicy(house.settings)
    await policy.stop()
    await again.start()
    await again.push_facts(targets)
    assert _mark(await again.decide(ask())) == "a"
    await again.stop()


async def test_questions_go_on_while_policies_change(served: tuple[PolicyHouse, OpaPolicy], ask: Ask) -> None:
    house, policy = served
    life = house.life(policy)
    second = await _build(house, "b", life)
    await house.sign(life, second, "ana", "ben")
    first = life.revisions.note().revision  # type: ignore[union-attr]
    marks = {first: "a", second: "b"}
    answers: list[Decision] = []
    done = asyncio.Event()

    async def question() -> None:
        while not done.is_set():
            answers.append(await policy.decide(ask()))

    asking = [asyncio.create_task(question()) for _ in range(4)]
    for _ in range(2):
        assert (await life.activate(second, "ana"))["in_force"]
        assert _mark(await policy.decide(ask())) == "b"
        assert (await life.rollback("ana"))["in_force"]
        assert _mark(await policy.decide(ask())) == "a"
    done.set()
    await asyncio.gather(*asking)  # none has failed

    assert {answer.revision for answer in answers} == {first, second}
    assert [answer for answer in answers if _mark(answer) != marks[answer.revision]] == []
    assert {answer.bundle_digest for answer in answers} == {
        life.revisions.get(one).manifest.bundle for one in (first, second)
    }


async def test_only_one_opa_is_left(served: tuple[PolicyHouse, OpaPolicy]) -> None:
    house, policy = served
    life = house.life(policy)
    await house.sign(life, second := await _build(house, "b", life), "ana", "ben")
    old = policy.process
    assert old

    await life.activate(second, "ana")

    assert old.pid is None
    assert not old.socket.exists()
    assert policy.process and policy.process.pid and policy.process.socket.exists()


async def test_one_that_answers_wrongly_does_not_come_in_force(served: tuple[PolicyHouse, OpaPolicy], ask: Ask) -> None:
    house, policy = served
    life = house.life(policy)
    decision = house.policies / "main" / "decision.rego"
    decision.write_text(decision.read_text().replace("sekisho.answer/1", "sekisho.answer/9"))
    bad = str((await life.build("ana"))["revision"])
    await house.sign(life, bad, "ana", "ben")

    with pytest.raises(SetupError, match=r"policy\.malformed"):
        await life.activate(bad, "ana")

    assert _mark(await policy.decide(ask())) == "a"
    assert house.book.types()[-1] == "policy.refused"
    assert life.revisions.note().revision != bad  # type: ignore[union-attr]


async def test_a_disk_that_refuses_leaves_the_one_before(served: tuple[PolicyHouse, OpaPolicy], ask: Ask) -> None:
    house, policy = served

    def step(name: str) -> None:
        if name == "in-force.written":
            raise OSError(28, "No space left on device")

    life = house.life(policy, step)
    await house.sign(life, second := await _build(house, "b", life), "ana", "ben")
    with pytest.raises(SetupError, match="No space left"):
        await life.activate(second, "ana")

    assert _mark(await policy.decide(ask())) == "a"
    assert house.book.types()[-2:] == ["policy.activated", "policy.refused"]


async def test_a_disk_that_fails_after_the_change_does_not_part_disk_and_decisions(
    served: tuple[PolicyHouse, OpaPolicy], ask: Ask
) -> None:
    house, policy = served

    def step(name: str) -> None:
        if name in ("in-force.replaced", "old.dropping"):
            raise OSError(5, "Input/output error")

    life = house.life(policy, step)
    await house.sign(life, second := await _build(house, "b", life), "ana", "ben")

    assert (await life.activate(second, "ana"))["in_force"]
    assert _mark(await policy.decide(ask())) == "b"
    assert life.revisions.note().revision == second  # type: ignore[union-attr]


async def test_whoever_stops_waiting_stops_nothing(served: tuple[PolicyHouse, OpaPolicy], ask: Ask) -> None:
    house, policy = served
    life: PolicyLife | None = None
    waiting: list[asyncio.Task[object]] = []
    loop = asyncio.get_running_loop()

    def step(name: str) -> None:  # in a thread, while the one who asked goes away
        if name == "in-force.written":
            loop.call_soon_threadsafe(waiting[0].cancel)

    life = house.life(policy, step)
    await house.sign(life, second := await _build(house, "b", life), "ana", "ben")
    waiting.append(asyncio.create_task(life.activate(second, "ana")))
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]

    for _ in range(200):
        if _mark(await policy.decide(ask())) == "b":
            break
        await asyncio.sleep(0.05)
    assert _mark(await policy.decide(ask())) == "b"
    assert life.revisions.note().revision == second  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("age_days", "state", "said"),
    [(0, "ok", "until"), (355, "warning", "expires on"), (400, "fails", "expired on")],
)
async def test_doctor_looks_at_what_is_in_force(house: PolicyHouse, age_days: int, state: str, said: str) -> None:
    house.now = datetime.now(UTC) - timedelta(days=age_days)
    await house.life().first("init")

    found = look_at_policy(house.settings)

    assert (found.state, said in found.said) == (state, True)


async def test_an_expired_policy_refuses_every_question(
    people: PolicyHouse, targets: tuple[Target, ...], ask: Ask
) -> None:
    people.now = people.now.replace(year=2025, month=1)
    await people.life().first("init")  # until January 2026; the questions are of June
    policy = OpaPolicy(people.settings)
    await policy.start()
    await policy.push_facts(targets)

    with pytest.raises(PolicyUnavailable) as refusal:
        await policy.decide(ask())

    assert (refusal.value.code, refusal.value.status) == ("policy.bundle_expired", 503)
    assert not refusal.value.retryable  # no second try helps, and SDKs would make three
    assert refusal.value.decision_id
    assert not policy.ready()
    await policy.stop()


@pytest.mark.parametrize(("days", "warned"), [(340, ""), (352, "expires on 2027"), (400, "expired on 2027")])
async def test_it_is_warned_of_fourteen_days_before(house: PolicyHouse, days: int, warned: str) -> None:
    await house.life().first("init")
    house.now += timedelta(days=days)

    assert warned in house.life().status()["warning"]
    assert bool(warned) == bool(house.life().status()["warning"])


async def test_each_start_says_what_is_in_force(house: PolicyHouse) -> None:
    revision = await house.life().first("init")

    await house.life().announce()

    assert house.book.types() == ["policy.built", "policy.activated", "policy.in_force"]
    assert (house.book.last()["revision"], house.book.last()["digest"]) == (revision.id, revision.digest)


async def test_without_one_in_force_nothing_starts(house: PolicyHouse) -> None:
    for starting in (OpaPolicy(house.settings).start(), house.life().announce()):
        with pytest.raises(SetupError, match="No policy is in force") as error:
            await starting
        assert "sekisho policy build" in error.value.mend


async def test_a_note_that_was_forged_for_a_revision_of_nobody_is_refused(people: PolicyHouse, tmp_path: Path) -> None:
    stranger = PolicyHouse(tmp_path / "hq", "demo")
    revision = await stranger.life().first("init")
    import shutil

    shutil.copytree(stranger.settings.state / "policy", people.settings.state / "policy")

    assert revision.id == people.life().revisions.note().revision  # type: ignore[union-attr]
    with pytest.raises(SetupError, match="Nobody vouches"):
        await OpaPolicy(people.settings).start()


async def test_it_is_known_when_what_is_in_force_expires(people: PolicyHouse) -> None:
    life = people.life()
    assert life.expires() is None
    revision = await life.first("init")

    assert life.expires() == instant(revision.manifest.expires).timestamp()
    (revision.folder / "rules.csv").write_text("changed")
    assert life.expires() is None
