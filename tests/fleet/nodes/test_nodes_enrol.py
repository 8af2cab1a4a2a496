"""Enrolment, the gateway's side: every step on record before it counts, every refusal by its code."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest
from enrolled import PEPPER, RememberingBook, StandingClock, asked, enrolment, token_of

from gateway.errors import AuditUnavailable, RouteNotFound, SekishoError, SetupError
from gateway.fleet.nodes.asking import Asking, NewToken, Papers
from gateway.fleet.nodes.contexts import fingerprint
from gateway.fleet.nodes.enrol import Enrolment
from gateway.fleet.nodes.roster import FILE, Roster


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def book() -> RememberingBook:
    return RememberingBook()


@pytest.fixture
def office(tmp_path: Path, book: RememberingBook, clock: StandingClock) -> Enrolment:
    return enrolment(tmp_path, book, clock)


async def joined(office: Enrolment, clock: StandingClock, name: str = "gpu1") -> Papers:
    return await office.join(asked(await token_of(office, name), clock), "10.0.0.7")


async def code_of(office: Enrolment, asking: Asking) -> str:
    with pytest.raises(SekishoError) as refused:
        await office.join(asking, "10.0.0.9")
    return refused.value.code


async def test_a_node_joins_with_the_operators_word_of_where_it_stands(
    office: Enrolment, book: RememberingBook, clock: StandingClock
) -> None:
    token = await token_of(office, "gpu1", site="gyor", jurisdiction="HU")

    papers = await office.join(asked(token, clock), "10.0.0.7")

    node = office.roster.node("gpu1")
    assert node is not None
    assert (node.site, node.jurisdiction, node.address, node.since) == ("gyor", "HU", "10.0.0.7:8443", clock())
    assert node.fingerprint == fingerprint(papers.certificate)
    assert papers.gateway == "sekisho://gateway/ingolstadt"
    assert book.types == ["node.token_made", "node.joined"]
    assert book.made_durable == 2


async def test_the_roster_is_there_after_a_restart(
    office: Enrolment, book: RememberingBook, clock: StandingClock, tmp_path: Path
) -> None:
    await joined(office, clock)

    again = enrolment(tmp_path, book, clock)

    assert again.roster.content == office.roster.content
    assert again.authority.fingerprint == office.authority.fingerprint


async def test_a_token_is_good_once_and_its_second_use_is_on_record(
    office: Enrolment, book: RememberingBook, clock: StandingClock
) -> None:
    token = await token_of(office)
    await office.join(asked(token, clock), "10.0.0.7")

    assert await code_of(office, asked(token, clock)) == "node.token_used"
    assert book.written[-1] == (
        "node.refused",
        {"name": "gpu1", "code": "node.token_used", "source": "10.0.0.9"},
    )
    assert book.made_durable == len(book.written)


async def test_a_used_token_stays_used_when_its_node_was_removed(office: Enrolment, clock: StandingClock) -> None:
    token = await token_of(office)
    await office.join(asked(token, clock), "10.0.0.7")
    await office.remove("gpu1", "ana")

    assert await code_of(office, asked(token, clock)) == "node.token_used"


async def test_a_wrong_token_learns_nothing_and_writes_nothing(
    office: Enrolment, book: RememberingBook, clock: StandingClock, tmp_path: Path
) -> None:
    await token_of(office)
    other = await token_of(enrolment(tmp_path / "other", RememberingBook(), clock))

    assert await code_of(office, asked(other, clock)) == "node.token_wrong"
    assert await code_of(office, asked("", clock)) == "node.token_wrong"
    assert book.types == ["node.token_made"]


async def test_a_token_whose_time_is_over_is_refused(office: Enrolment, clock: StandingClock) -> None:
    token = await token_of(office, seconds=600)
    clock.on(minutes=10)

    assert await code_of(office, asked(token, clock)) == "node.token_expired"


async def test_of_two_tokens_for_one_name_one_node_comes(office: Enrolment, clock: StandingClock) -> None:
    first, second = await token_of(office), await token_of(office)
    await office.join(asked(first, clock), "10.0.0.7")

    assert await code_of(office, asked(second, clock)) == "node.name_taken"


async def test_a_clock_that_is_far_off_is_refused_and_the_token_still_counts(
    office: Enrolment, clock: StandingClock
) -> None:
    token, off = await token_of(office), StandingClock()
    off.on(minutes=-7)

    assert await code_of(office, asked(token, off)) == "node.clock"
    assert (await office.join(asked(token, clock), "10.0.0.7")).name == "gpu1"


@pytest.mark.parametrize("address", ["0.0.0.0:8443", "[::]:8443", "gpu1", "gpu1:", "a b:1", ":8443", "gpu1:99999"])
async def test_an_address_at_which_nobody_can_be_called_is_refused(
    office: Enrolment, clock: StandingClock, address: str
) -> None:
    assert await code_of(office, asked(await token_of(office), clock, address=address)) == "node.address"


async def test_a_request_that_is_none_is_refused(office: Enrolment, clock: StandingClock) -> None:
    assert (
        await code_of(office, asked(await token_of(office), clock, request="no request")) == "node.certificate_request"
    )


async def test_a_name_that_is_taken_gets_no_token(office: Enrolment, clock: StandingClock) -> None:
    await joined(office, clock)
    for name in ("gpu1", "vllm", "gateway"):
        with pytest.raises(SetupError, match="another name"):
            await office.make_token(NewToken(name=name), "ana")


async def test_another_site_needs_its_jurisdiction(office: Enrolment) -> None:
    with pytest.raises(SetupError, match="--jurisdiction"):
        await office.make_token(NewToken(name="gpu1", site="gyor"), "ana")
    made = await office.make_token(NewToken(name="gpu1"), "ana")
    assert (made["site"], made["jurisdiction"]) == ("ingolstadt", "DE")


async def test_without_a_record_nothing_joins_and_the_token_still_counts(
    office: Enrolment, book: RememberingBook, clock: StandingClock
) -> None:
    token = await token_of(office)
    book.broken = True
    with pytest.raises(AuditUnavailable):
        await office.join(asked(token, clock), "10.0.0.7")
    book.broken = False

    assert office.roster.nodes() == ()
    assert (await office.join(asked(token, clock), "10.0.0.7")).name == "gpu1"


async def test_what_cannot_be_stored_is_on_record_as_failed(
    office: Enrolment, book: RememberingBook, clock: StandingClock
) -> None:
    token = await token_of(office)
    (office.folder / f".{FILE}.new").mkdir()  # where the new content would be written
    with pytest.raises(SetupError, match="cannot be written"):
        await office.join(asked(token, clock), "10.0.0.7")

    assert book.types[-2:] == ["node.joined", "node.joined.failed"]
    assert office.roster.nodes() == ()


async def test_a_certificate_is_renewed_when_due_and_the_one_before_counts_until_the_new_one_was_shown(
    office: Enrolment, book: RememberingBook, clock: StandingClock
) -> None:
    first = fingerprint((await joined(office, clock)).certificate)
    clock.on(days=61)

    second = fingerprint((await office.renew(first, asked("", clock, version="1.1"), "10.0.0.7")).certificate)

    assert office.who(first).name == office.who(second).name == "gpu1"
    await office.confirm(second)
    with pytest.raises(SekishoError, match="not one of a joined node"):
        office.who(first)
    assert book.types[-1] == "node.renewed"
    assert office.show()[0]["version"] == "1.1"


async def test_a_node_that_lost_its_new_certificate_renews_again(office: Enrolment, clock: StandingClock) -> None:
    first = fingerprint((await joined(office, clock)).certificate)
    clock.on(days=61)
    await office.renew(first, asked("", clock), "10.0.0.7")

    third = fingerprint((await office.renew(first, asked("", clock), "10.0.0.7")).certificate)

    assert set(office.roster.nodes()[0].fingerprints) == {first, third}


async def test_too_early_is_refused_unless_the_address_is_another(office: Enrolment, clock: StandingClock) -> None:
    first = fingerprint((await joined(office, clock)).certificate)

    with pytest.raises(SekishoError) as refused:
        await office.renew(first, asked("", clock), "10.0.0.7")
    assert refused.value.code == "node.not_due"
    await office.renew(first, asked("", clock, address="10.0.0.8:8443"), "10.0.0.8")
    assert office.roster.nodes()[0].address == "10.0.0.8:8443"


async def test_a_removed_node_counts_nowhere_from_then_on(
    office: Enrolment, book: RememberingBook, clock: StandingClock
) -> None:
    changed: list[str] = []
    office.roster.watch(changed.append)
    papers = await joined(office, clock)

    await office.remove("gpu1", "ana")

    with pytest.raises(SekishoError, match="not one of a joined node"):
        await office.renew(fingerprint(papers.certificate), asked("", clock), "10.0.0.7")
    with pytest.raises(SetupError, match="no node gpu1"):
        office.client_context("gpu1")
    with pytest.raises(RouteNotFound):
        await office.remove("gpu1", "ana")
    assert office.show() == []
    assert [node["state"] for node in office.show(removed=True)] == ["removed"]
    assert changed == ["gpu1", "gpu1"]
    assert book.types[-1] == "node.removed"


async def test_removing_ends_the_tokens_of_that_name(office: Enrolment, clock: StandingClock) -> None:
    token, spare = await token_of(office), await token_of(office)
    await office.join(asked(token, clock), "10.0.0.7")
    await office.remove("gpu1", "ana")

    assert await code_of(office, asked(spare, clock)) == "node.token_expired"


async def test_a_name_can_be_given_again_after_its_node_was_removed(office: Enrolment, clock: StandingClock) -> None:
    await joined(office, clock)
    await office.remove("gpu1", "ana")

    await joined(office, clock)

    assert [node["state"] for node in office.show(removed=True)] == ["joined"]


async def test_a_drained_node_says_so_until_it_is_taken_back(
    office: Enrolment, book: RememberingBook, clock: StandingClock
) -> None:
    await joined(office, clock)

    assert (await office.drain("gpu1", "ana"))["state"] == "drained"
    assert (await office.drain("gpu1", "ana", back=True))["state"] == "joined"
    assert book.types[-2:] == ["node.drained", "node.resumed"]


async def test_the_context_for_a_node_is_the_same_until_a_certificate_changes(
    office: Enrolment, clock: StandingClock
) -> None:
    first = fingerprint((await joined(office, clock)).certificate)
    before = office.client_context("gpu1")
    assert office.client_context("gpu1") is before
    assert isinstance(before, ssl.SSLContext)

    clock.on(days=61)
    await office.renew(first, asked("", clock), "10.0.0.7")

    assert office.client_context("gpu1") is not before


async def test_under_a_new_pepper_a_token_of_the_old_one_still_counts(
    tmp_path: Path, book: RememberingBook, clock: StandingClock
) -> None:
    token = await token_of(enrolment(tmp_path, book, clock))

    rotated = enrolment(tmp_path, book, clock, peppers=(b"n" * 32, PEPPER))

    assert (await rotated.join(asked(token, clock), "10.0.0.7")).name == "gpu1"


async def test_no_secret_is_in_records_or_in_the_roster(
    office: Enrolment, book: RememberingBook, clock: StandingClock
) -> None:
    token = await token_of(office)
    await office.join(asked(token, clock), "10.0.0.7")
    await code_of(office, asked(token, clock))
    kept = (office.folder / FILE).read_text()

    said = json.dumps(book.written, default=str) + kept
    assert token not in said
    assert token.split(".")[2] not in said
    assert "PRIVATE" not in said
    assert "CERTIFICATE" not in json.dumps(book.written, default=str)


def test_a_damaged_roster_is_refused(tmp_path: Path) -> None:
    for content in ("{", '{"nodes": [{"name": "x"}]}', '{"version": "sekisho.nodes/2"}'):
        (tmp_path / FILE).write_text(content)
        (tmp_path / FILE).chmod(0o600)
        with pytest.raises(SetupError, match="damaged"):
            Roster(tmp_path)


async def test_a_lie_is_remembered_until_an_operator_trusts_the_node_again(
    office: Enrolment, book: RememberingBook, clock: StandingClock, tmp_path: Path
) -> None:
    await joined(office, clock)
    told: list[str] = []
    office.roster.watch(told.append)

    await office.distrust("gpu1", "it loaded other bytes")

    again = enrolment(tmp_path, book, clock)
    assert again.show()[0]["state"] == "distrusted"
    with pytest.raises(RouteNotFound):
        await again.trust("gpu9", "ana", "x")
    await office.trust("gpu1", "ana", "its disk was replaced")
    assert told == ["gpu1", "gpu1"]
    type, said = book.written[-1]
    assert (type, said["by"], said["reason"]) == ("node.trusted", "ana", "its disk was replaced")
    assert said["lie"] == "it loaded other bytes"
    assert enrolment(tmp_path, book, clock).show()[0]["state"] == "joined"
    with pytest.raises(SetupError, match="not distrusted"):
        await office.trust("gpu1", "ana", "again")


async def test_a_node_is_not_trusted_again_without_a_record(
    office: Enrolment, book: RememberingBook, clock: StandingClock
) -> None:
    await joined(office, clock)
    await office.distrust("gpu1", "it loaded other bytes")
    book.broken = True
    with pytest.raises(AuditUnavailable):
        await office.trust("gpu1", "ana", "x")
    assert office.show()[0]["state"] == "distrusted"
