"""An OPA of one's own: closed to others, gone afterwards, and honest about what it cannot do."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace as replace_field
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace

from gateway.domain import PolicyInput, Target
from gateway.errors import SetupError
from gateway.policy.answer import Refused
from gateway.policy.client import draft, rulebook
from gateway.policy.facts import build_facts
from gateway.policy.opa.program import Opa, find_opa
from gateway.policy.organisation import Organisation
from gateway.policy.trials.proposal import Proposal, find
from gateway.policy.trials.scratch import NICE, Rehearsal
from gateway.settings import Settings
from tests.policy.past import OPEN_TABLE, policies, shelve

Ask = Callable[..., PolicyInput]

pytestmark = pytest.mark.real


@pytest.fixture
def house(settings: Settings, short_dir: Path) -> Settings:
    folder = policies(short_dir / "policies")
    (short_dir / "rules.csv").write_text(OPEN_TABLE)
    source = str(short_dir / "sekisho.yaml")
    return replace(settings, source=source, policy=replace(settings.policy, directory=str(folder)))


@pytest.fixture
def proposal(house: Settings) -> Proposal:
    return find(house)


@pytest.fixture(params=["decide", "run"])
def opa(request: pytest.FixtureRequest, house: Settings) -> Opa:
    """Our `opa`, and one that has no `opa decide`."""
    found = find_opa(house)
    if request.param == "decide" and not found.decides:
        pytest.skip("this opa has no `decide`")
    return replace_field(found, decides=request.param == "decide")


def niceness(pid: int) -> set[int]:
    """How far the threads of a process give way; nothing when it is gone."""
    return {os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in Path(f"/proc/{pid}/task").glob("*")}


def command_of(pid: int | None) -> list[bytes]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


async def test_it_answers_under_the_facts_that_it_was_given(
    opa: Opa, house: Settings, proposal: Proposal, targets: tuple[Target, ...], ask: Ask
) -> None:
    async with Rehearsal(opa, proposal.bundle.path) as rehearsal:
        with pytest.raises(Refused):
            await rehearsal.ask(ask())
        revision = await rehearsal.push(build_facts(house.site, Organisation(), targets, rulebook(house)))

        answer = await rehearsal.ask(ask())

    assert (answer.facts, len(answer.targets)) == (revision, 3)


async def test_what_decides_in_service_decides_here(house: Settings, proposal: Proposal) -> None:
    found = find_opa(house)
    async with Rehearsal(found, proposal.bundle.path) as rehearsal:
        words = command_of(rehearsal.pid)

    assert (b"decide" in words, b"run" in words) == (found.decides, not found.decides)


@pytest.mark.parametrize("reference", ["in-force", "bundle"])
async def test_a_signed_bundle_is_taken_without_its_key(
    opa: Opa, house: Settings, targets: tuple[Target, ...], ask: Ask, reference: str
) -> None:
    revision = shelve(house)
    proposal = find(house, str(revision.folder / "bundle.tar.gz") if reference == "bundle" else reference)
    async with Rehearsal(opa, proposal.bundle.path) as rehearsal:
        await rehearsal.push(build_facts(house.site, Organisation(), targets, rulebook(house)))

        assert len((await rehearsal.ask(ask())).targets) == 3


async def test_what_rules_derive_is_put_beside_the_facts_and_changes_no_answer(
    opa: Opa, settings: Settings, targets: tuple[Target, ...], ask: Ask
) -> None:
    facts = build_facts(settings.site, Organisation(), targets, rulebook(settings))
    async with Rehearsal(opa, draft(settings).bundle.path) as rehearsal:
        plain = await rehearsal.push(facts), await rehearsal.ask(ask())
        derived = await rehearsal.push(facts, "2026-06-01T12:00:00Z"), await rehearsal.ask(ask())

        assert (await rehearsal._derived(facts, "2026-06-01T12:00:00Z"))["residency"]["ways"]["DE"]["FR"]
    assert plain == derived


async def test_without_its_token_nobody_is_let_in(opa: Opa, proposal: Proposal) -> None:
    async with Rehearsal(opa, proposal.bundle.path) as rehearsal:
        socket = rehearsal._folder / "opa.sock"
        assert socket.stat().st_mode & 0o777 == 0o600
        assert socket.parent.stat().st_mode & 0o777 == 0o700
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as stranger:
            for path in ("v1/data/sekisho/decision", "v1/policies", "v1/data/facts"):
                async with stranger.get(f"http://opa/{path}") as response:
                    assert response.status == 401


async def test_it_gives_way_to_others_and_leaves_nothing(opa: Opa, proposal: Proposal) -> None:
    async with Rehearsal(opa, proposal.bundle.path) as rehearsal:
        pid, folder = rehearsal.pid, rehearsal._folder
        assert pid
        assert niceness(pid) == {NICE}

    assert not folder.exists()
    assert niceness(pid) == set()
    with pytest.raises(SetupError, match="ended"):
        await rehearsal.push({})


@pytest.mark.parametrize("content", [b"", b"no bundle", b"\x1f\x8b\x08\x00 broken"])
async def test_a_bundle_that_opa_does_not_take_is_told_in_its_words(opa: Opa, tmp_path: Path, content: bytes) -> None:
    bad = tmp_path / "bundle.tar.gz"
    bad.write_bytes(content)

    with pytest.raises(SetupError, match="OPA does not take"):
        async with Rehearsal(opa, bad):
            pass


@pytest.mark.parametrize("reference", ["", "files", "in-force", "revision", "folder", "policies", "bundle"])
def test_a_proposal_is_found_by_each_of_its_names(house: Settings, reference: str) -> None:
    revision = shelve(house)
    named = {
        "revision": revision.id[:6],
        "folder": str(revision.folder),
        "policies": str(house.policies),
        "bundle": str(revision.folder / "bundle.tar.gz"),
    }.get(reference, reference)

    found = find(house, named)

    assert (found.rulebook is None) == (reference == "bundle")
    if reference not in ("", "files", "policies"):  # what lies on disk has no signature, so it is another bundle
        assert (found.bundle.revision, found.bundle.digest) == (revision.id, revision.bundle.digest)


def test_a_table_may_be_tried_in_place_of_its_own(house: Settings, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(OPEN_TABLE.replace("pseudonymise", "mask"))
    book = find(house, table=table).rulebook

    assert book
    assert [row.redaction for row in book.rows] == ["mask"]


@pytest.mark.parametrize("reference", ["nothing", "abcd", "in-force", "empty", "file"])
def test_what_is_no_policy_is_refused(house: Settings, tmp_path: Path, reference: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    named = str(tmp_path / reference) if reference in ("empty", "file") else reference

    with pytest.raises(SetupError):
        find(house, named)
