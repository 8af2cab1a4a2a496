"""Your own OPA, started with a configuration of its own: asked, watched, refused when it has another policy."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
import your_opa
from policy_house import PolicyHouse
from your_opa import TOKEN

from gateway.cli.checks_site import opa
from gateway.domain import PolicyInput, Target
from gateway.errors import PolicyUnavailable, SetupError
from gateway.policy.client import OpaPolicy
from gateway.policy.life.activation import PolicyLife
from gateway.policy.opa.external import address_of
from gateway.policy.opa.program import find_opa
from gateway.settings import Settings

pytestmark = pytest.mark.real

Ask = Callable[..., PolicyInput]


class YourOpa(your_opa.YourOpa):
    """One with the revisions of a house."""

    def __init__(self, house: PolicyHouse, folder: Path, port: int = 0) -> None:
        super().__init__(find_opa(house.settings).path, folder, port)
        self.house = house


def _settings(house: PolicyHouse, yours: YourOpa) -> Settings:
    (house.folder / "token").write_text(TOKEN)
    return house.with_policy(url=yours.url, token_file=str(house.folder / "token"))


@pytest_asyncio.fixture(params=["unix", "http"])
async def yours(house: PolicyHouse, short_dir: Path, free_port: int, request: object) -> AsyncIterator[YourOpa]:
    """Your OPA with the first revision, which is in force."""
    over_http = request.param == "http"  # type: ignore[attr-defined]
    yours = YourOpa(house, short_dir / "yours", free_port if over_http else 0)
    await yours.start(await house.life().first("init"))
    yield yours
    await yours.stop()


@pytest_asyncio.fixture
async def policy(house: PolicyHouse, yours: YourOpa, targets: tuple[Target, ...]) -> AsyncIterator[OpaPolicy]:
    policy = OpaPolicy(_settings(house, yours))
    await _eventually_started(policy)
    await policy.push_facts(targets)
    yield policy
    await policy.stop()


async def _eventually_started(policy: OpaPolicy) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            return await policy.start()
        except SetupError:
            await policy.stop()
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)


async def _code(policy: OpaPolicy, question: PolicyInput) -> str:
    with pytest.raises(PolicyUnavailable) as refusal:
        await policy.decide(question)
    return refusal.value.code


async def _until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_it_decides_and_says_so(policy: OpaPolicy, ask: Ask, house: PolicyHouse) -> None:
    decision = await policy.decide(ask())

    assert decision.allow
    assert decision.reasons[0].params == {"mark": "a"}
    assert decision.revision == house.life().revisions.note().revision  # type: ignore[union-attr]
    assert decision.engine.startswith("external-opa/1.")


async def test_started_anew_it_gets_its_facts_again(policy: OpaPolicy, yours: YourOpa, ask: Ask) -> None:
    before = await policy.decide(ask())
    revision = yours.house.life().revisions.in_force()
    assert revision
    await yours.stop()
    assert await _code(policy, ask()) == "policy.unavailable"

    await yours.start(revision)
    for _ in range(100):
        with contextlib.suppress(PolicyUnavailable):
            assert (await policy.decide(ask())).data_revision == before.data_revision
            return
        await asyncio.sleep(0.2)
    pytest.fail("it did not come back")


async def test_with_another_policy_it_is_not_asked(policy: OpaPolicy, yours: YourOpa, ask: Ask) -> None:
    yours.house.mark("b")
    life = yours.house.life()
    other = life.revisions.get((await life.build("ana"))["revision"])
    await yours.stop()
    await yours.start(other)

    await _until(lambda: not policy.ready())
    for _ in range(100):
        code = await _code(policy, ask())
        if code == "policy.bundle_unknown":
            return
        assert code == "policy.unavailable"
        await asyncio.sleep(0.1)
    pytest.fail("it was never seen to have another policy")


async def test_that_it_is_lost_and_back_is_in_the_log(
    policy: OpaPolicy, yours: YourOpa, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sekisho.policy")
    revision = yours.house.life().revisions.in_force()
    assert revision
    await yours.stop()
    await _until(lambda: "does not tell its status" in caplog.text)
    await yours.start(revision)
    await _until(lambda: "has the revision in force" in caplog.text)

    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert said == [
        ("WARNING", f"the OPA at {yours.url} does not tell its status"),
        ("INFO", f"the OPA at {yours.url} has the revision in force"),
    ]


async def test_doctor_looks_at_it(house: PolicyHouse, yours: YourOpa) -> None:
    settings = _settings(house, yours)
    for _ in range(100):  # it has begun to listen before it has its bundle
        with contextlib.suppress(SetupError):
            check = await asyncio.to_thread(opa, settings)
            break
        await asyncio.sleep(0.2)
    assert (check.state, yours.url in check.said) == ("ok", True)
    await yours.stop()

    with pytest.raises(SetupError, match="does not tell its status"):
        await asyncio.to_thread(opa, settings)


async def test_a_revision_that_it_does_not_have_is_not_activated(policy: OpaPolicy, yours: YourOpa, ask: Ask) -> None:
    house = yours.house
    house.person("ana", "policy-author")
    house.person("ben", "approver")
    house.mark("b")
    life = PolicyLife(_settings(house, yours), house.keyring, house.book, policy, clock=house.clock())
    second = str((await life.build("ana"))["revision"])
    await house.sign(life, second, "ana", "ben")

    with pytest.raises(SetupError, match="has another policy"):
        await life.activate(second, "ana")

    assert (await policy.decide(ask())).reasons[0].params == {"mark": "a"}


async def test_where_its_api_takes_no_facts_answers_without_them_are_refused(
    house: PolicyHouse, short_dir: Path, targets: tuple[Target, ...], ask: Ask
) -> None:
    yours = YourOpa(house, short_dir / "yours")
    await yours.start(await house.life().first("init"), pushes=False)
    policy = OpaPolicy(_settings(house, yours))
    try:
        await _eventually_started(policy)
        await policy.push_facts(targets)
        assert await _code(policy, ask()) in {"policy.malformed", "policy.facts_unknown"}
    finally:
        await policy.stop()
        await yours.stop()


async def test_one_that_wants_no_token_is_asked_without(
    house: PolicyHouse, short_dir: Path, targets: tuple[Target, ...], ask: Ask
) -> None:
    yours = YourOpa(house, short_dir / "yours")
    await yours.start(await house.life().first("init"), closed=False)
    policy = OpaPolicy(house.with_policy(url=yours.url))
    try:
        await _eventually_started(policy)
        await policy.push_facts(targets)
        assert (await policy.decide(ask())).allow
    finally:
        await policy.stop()
        await yours.stop()


async def test_one_that_is_not_there_is_told(house: PolicyHouse, short_dir: Path) -> None:
    await house.life().first("init")

    with pytest.raises(SetupError, match="does not tell its status"):
        await OpaPolicy(_settings(house, YourOpa(house, short_dir / "none"))).start()


@pytest.mark.parametrize("url", ["http://127.0.0.1:8181", "http://[::1]:8181", "https://opa.example:443", "unix:/o/s"])
def test_addresses_that_may_be_used(url: str) -> None:
    assert address_of(url).scheme in ("http", "https", "unix")


@pytest.mark.parametrize(
    "url",
    [
        *("http://opa.example:8181", "http://10.0.0.5:8181", "ftp://127.0.0.1", "127.0.0.1:8181", "unix:o/s"),
        *(
            "unix://host/s",
            "https://user@opa.example",
            "https://opa.example/path",
            "http://127.0.0.1:99999",
            "https://",
        ),
    ],
)
def test_addresses_that_may_not(url: str) -> None:
    with pytest.raises(SetupError, match=r"policy\.url"):
        address_of(url)
