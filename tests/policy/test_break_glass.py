"""Break-glass grants: who can open what, for how long, and that all else opens nothing."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain import Decision, PolicyInput, Target
from gateway.errors import AuditUnavailable, SetupError
from gateway.policy.client import OpaPolicy, draft
from gateway.policy.glass import grant as break_glass
from gateway.policy.glass.folder import Grants
from gateway.policy.glass.grant import TYPE, Wish
from gateway.policy.glass.office import BreakGlassOffice
from gateway.policy.life import dsse
from gateway.policy.life.dsse import BadEnvelope, Signature
from gateway.policy.life.signers import Signer, Signers
from gateway.settings import Settings

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
KEYS = {name: Ed25519PrivateKey.generate() for name in ("ana", "ben", "cem", "eve")}
NEVER = {"policy.secrets": "", "policy.ai_prohibited": ""}


def signer(name: str, *roles: str) -> Signer:
    public = base64.b64encode(dsse.public_bytes(KEYS[name])).decode()
    return Signer(name=name, public_key=public, roles=roles)  # type: ignore[arg-type]


SIGNERS = (signer("ana", "approver"), signer("ben", "approver", "policy-author"), signer("cem", "policy-author"))


def wish(**given: object) -> Wish:
    asked = {"project": "acme/p1", "waives": ["policy.residency"], "hours": 4, "reason": "recall of 2026-11"}
    return msgspec.convert({**asked, **given}, Wish)


class Book:
    """A book that remembers what was written, and whether it was asked to be durable; it can be told to fail."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict]] = []
        self.broken = False

    def event(self, type: str, **details: object) -> None:
        if self.broken:
            raise AuditUnavailable
        self.events.append((type, details))

    async def durable(self) -> None:
        self.events.append(("durable", {}))

    async def changed(self) -> None:
        """What is told when a change has been made; a server gives its OPA the facts then."""
        self.events.append(("changed", {}))


@pytest.fixture
def grants(tmp_path: Path) -> Grants:
    return Grants(tmp_path / "break-glass", lambda: SIGNERS)


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def office(grants: Grants, book: Book) -> BreakGlassOffice:
    return BreakGlassOffice(grants, book, NEVER, book.changed, clock=lambda: NOW)


def put(grants: Grants, *names: str, **given: object) -> str:
    grant, envelope = break_glass.draft(wish(**given), "op", NEVER, NOW)
    grants.write(grant.id, dsse.add_signatures(envelope, [KEYS[name] for name in names]))
    return grant.id


def signature(grants: Grants, id_: str, name: str) -> Signature:
    envelope = grants.find(id_, NOW).envelope
    assert envelope
    return dsse.sign(TYPE, dsse.payload_of(envelope), [KEYS[name]]).signatures[0]


# --- what counts


def test_what_two_approvers_signed_becomes_a_fact_without_its_reason(grants: Grants) -> None:
    id_ = put(grants, "ana", "ben")
    assert grants.facts(NOW) == [
        {
            "id": id_,
            "project": "acme/p1",
            "waives": ["policy.residency"],
            "since": "2026-11-22T12:00:00Z",
            "until": "2026-11-22T16:00:00Z",
        }
    ]
    assert grants.find(id_, NOW).view()["signed_by"] == ["ana", "ben"]


@pytest.mark.parametrize(
    ("names", "state"),
    [((), "unsigned"), (("eve",), "unsigned"), (("cem",), "unsigned"), (("ana",), "waits"), (("ana", "cem"), "waits")],
    ids=["nobody", "a stranger", "an author", "one approver", "an approver and an author"],
)
def test_fewer_than_two_approvers_open_nothing(grants: Grants, names: tuple[str, ...], state: str) -> None:
    id_ = put(grants, *names)
    assert grants.facts(NOW) == []
    assert grants.find(id_, NOW).state == state


def test_it_is_a_fact_until_it_ends_and_not_after(grants: Grants) -> None:
    id_ = put(grants, "ana", "ben", since="2026-11-22T13:00:00Z", hours=2)
    assert grants.find(id_, NOW).state == "approved"
    assert len(grants.facts(NOW)) == 1
    assert len(grants.facts(datetime(2026, 11, 22, 14, 59, 59, tzinfo=UTC))) == 1
    assert grants.facts(datetime(2026, 11, 22, 15, 0, 0, tzinfo=UTC)) == []
    assert grants.find(id_, datetime(2026, 11, 22, 15, tzinfo=UTC)).state == "expired"


def test_an_approver_who_is_taken_away_no_longer_counts(grants: Grants, tmp_path: Path) -> None:
    put(grants, "ana", "ben")
    assert Grants(grants.folder, lambda: SIGNERS[:1]).facts(NOW) == []


def test_signers_that_cannot_be_read_open_nothing(
    grants: Grants, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(grants, "ana", "ben")
    (tmp_path / "policy-signers.json").write_text("{")
    assert Grants(grants.folder, Signers(tmp_path).list).facts(NOW) == []
    assert "no break-glass grant counts" in caplog.messages[0]


def test_one_that_ended_opens_nothing_even_when_its_file_comes_back(grants: Grants) -> None:
    id_ = put(grants, "ana", "ben")
    before = (grants.folder / f"{id_}.json").read_bytes()
    grants.end(id_)
    assert grants.facts(NOW) == []
    (grants.folder / f"{id_}.json").write_bytes(before)
    assert grants.facts(NOW) == []
    assert [known.state for known in grants.all(NOW)] == ["ended"]


def test_what_was_over_a_month_ago_is_no_longer_shown(grants: Grants) -> None:
    put(grants, "ana", "ben")
    later = NOW + break_glass.KEPT + timedelta(hours=4)
    assert len(grants.all(later - timedelta(seconds=1))) == 1
    assert grants.all(later) == []


# --- what is damaged or forged


def signed(document: object, *names: str) -> bytes:
    payload = document if isinstance(document, bytes) else rfc8785.dumps(document)
    return dsse.write_envelope(dsse.sign(TYPE, payload, [KEYS[name] for name in names]))


def document(**given: object) -> dict[str, object]:
    grant, _ = break_glass.draft(wish(), "op", NEVER, NOW)
    return {**msgspec.to_builtins(grant), "id": "01JDAAAAAAAAAAAAAAAAAAAAAA", **given}


BAD = {
    "not an envelope": b"{}",
    "no document": signed(b"[]", "ana", "ben"),
    "more than a day": signed(document(until="2026-11-23T12:00:01Z"), "ana", "ben"),
    "ends before it begins": signed(document(until="2026-11-22T11:00:00Z"), "ana", "ben"),
    "a time that is none": signed(document(until="2026-11-22T16:00:00+02:00"), "ana", "ben"),
    "all projects": signed(document(project="*"), "ana", "ben"),
    "an unknown field": signed(document(and_more=True), "ana", "ben"),
    "another version": signed(document(version="sekisho.break-glass/2"), "ana", "ben"),
    "not canonical": signed(json.dumps(document()).encode(), "ana", "ben"),
    "another id than its name": signed(document(id="01JDBBBBBBBBBBBBBBBBBBBBBB"), "ana", "ben"),
    "another type": dsse.write_envelope(
        dsse.sign("application/vnd.sekisho.policy+json", rfc8785.dumps(document()), [KEYS["ana"], KEYS["ben"]])
    ),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_what_is_damaged_opens_nothing_and_is_said_once(
    grants: Grants, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    good = put(grants, "ana", "ben")
    (grants.folder / "01JDAAAAAAAAAAAAAAAAAAAAAA.json").write_bytes(content)
    assert [fact["id"] for fact in grants.facts(NOW)] == [good]
    shown = grants.find("01JDAAAAAAAAAAAAAAAAAAAAAA", NOW)
    assert shown.state == "damaged"
    assert shown.problem
    grants.facts(NOW)
    (said,) = caplog.messages
    assert said == f"break-glass grant 01JDAAAAAAAAAAAAAAAAAAAAAA opens nothing: {shown.problem}"


def test_the_same_document_unharmed_does_count(grants: Grants) -> None:
    put(grants)
    (grants.folder / "01JDAAAAAAAAAAAAAAAAAAAAAA.json").write_bytes(signed(document(), "ana", "ben"))
    assert [fact["id"] for fact in grants.facts(NOW)] == ["01JDAAAAAAAAAAAAAAAAAAAAAA"]


def test_a_file_that_cannot_be_read_is_shown_as_damaged(grants: Grants) -> None:
    put(grants, "ana", "ben")
    (grants.folder / "01JDAAAAAAAAAAAAAAAAAAAAAA.json").mkdir()
    assert grants.find("01JDAAAAAAAAAAAAAAAAAAAAAA", NOW).problem == "it cannot be read"
    assert len(grants.facts(NOW)) == 1


def test_what_was_signed_cannot_be_changed(grants: Grants) -> None:
    id_ = put(grants, "ana", "ben")
    path = grants.folder / f"{id_}.json"
    envelope = dsse.read_envelope(path.read_bytes())
    more = msgspec.structs.replace(break_glass.read(envelope), waives=("policy.residency", "policy.site_not_named"))
    payload = base64.b64encode(dsse.canonical(msgspec.to_builtins(more))).decode()
    path.write_bytes(dsse.write_envelope(msgspec.structs.replace(envelope, payload=payload)))
    assert grants.facts(NOW) == []
    assert grants.find(id_, NOW).state == "unsigned"


def test_what_is_signed_is_canonical_json_of_all_fields() -> None:
    grant, envelope = break_glass.draft(wish(reason="Rückruf — 召回"), "op", NEVER, NOW)
    assert dsse.payload_of(envelope) == rfc8785.dumps(msgspec.to_builtins(grant))
    assert break_glass.read(envelope) == grant
    with pytest.raises(BadEnvelope):
        break_glass.read(msgspec.structs.replace(envelope, payload_type="text/plain"))


# --- what can be asked for


@pytest.mark.parametrize(
    "given",
    [
        {"project": "p1"},
        {"project": "acme/P 1"},
        {"waives": []},
        {"waives": ["residency"]},
        {"waives": ["policy.*"]},
        {"hours": 0},
        {"hours": 25},
        {"reason": ""},
        {"reason": "x" * 201},
        {"reason": "two\nlines"},
        {"reason": "one line\n"},
        {"project": "acme/p1\n"},
        {"waives": ["policy.residency\n"]},
    ],
    ids=str,
)
def test_a_wish_has_bounds(given: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        wish(**given)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"waives": ["policy.residency", "policy.secrets"]}, "Nothing waives policy.secrets"),
        ({"since": "tomorrow"}, "is no time"),
        ({"since": "2026-11-22T08:00:00Z"}, "That time is over"),
        ({"since": "2026-12-23T08:00:00Z"}, "begin too late"),
    ],
)
def test_what_may_not_be_asked_for(given: dict[str, object], problem: str) -> None:
    with pytest.raises(SetupError, match=problem):
        break_glass.draft(wish(**given), "op", NEVER, NOW)


# --- the office: on record, one step after another


async def test_each_step_is_on_record_before_it_takes_effect(
    office: BreakGlassOffice, grants: Grants, book: Book
) -> None:
    asked = await office.request(wish(), "op")
    id_ = asked["id"]
    assert (await office.sign(id_, signature(grants, id_, "ana"), "op"))["state"] == "waits"
    assert (await office.sign(id_[-6:], signature(grants, id_, "ben"), "op"))["state"] == "in force"
    assert (await office.end(id_, "op"))["state"] == "ended"
    assert [name for name, _ in book.events] == [
        *("policy.break_glass_requested", "durable", "changed"),
        *("policy.break_glass_signed", "durable", "changed"),
        *("policy.break_glass_signed", "durable", "changed"),
        *("policy.break_glass_ended", "durable", "changed"),
    ]
    _, asked_for = book.events[0]
    assert (asked_for["by"], asked_for["grant"]["reason"]) == ("op", "recall of 2026-11")
    assert [details["grant"].get("signer") for name, details in book.events if "signed" in name] == ["ana", "ben"]


async def test_what_cannot_be_put_on_record_does_not_happen(
    office: BreakGlassOffice, grants: Grants, book: Book
) -> None:
    id_ = put(grants, "ana")
    book.broken = True
    with pytest.raises(AuditUnavailable):
        await office.request(wish(), "op")
    with pytest.raises(AuditUnavailable):
        await office.sign(id_, signature(grants, id_, "ben"), "op")
    with pytest.raises(AuditUnavailable):
        await office.end(id_, "op")
    assert [known.state for known in grants.all(NOW)] == ["waits"]


async def test_a_code_that_no_rule_says_is_refused_and_a_houses_own_is_not(
    office: BreakGlassOffice, grants: Grants
) -> None:
    with pytest.raises(SetupError, match=r"There is no code policy\.residence"):
        await office.request(wish(waives=["policy.residency", "policy.residence"]), "op")
    assert grants.all(NOW) == []
    assert (await office.request(wish(waives=["own.export_control"]), "op"))["state"] == "unsigned"


async def test_what_could_not_be_written_is_on_record_too(grants: Grants, book: Book) -> None:
    grants.folder.parent.mkdir(exist_ok=True)
    grants.folder.write_text("a file where the folder should be")
    with pytest.raises(SetupError, match="cannot be written"):
        await BreakGlassOffice(grants, book, NEVER, clock=lambda: NOW).request(wish(), "op")
    assert [name for name, _ in book.events][-1] == "policy.break_glass_requested.failed"


@pytest.mark.parametrize(
    ("name", "problem"),
    [("eve", "not an approver's"), ("cem", "not an approver's"), ("ana", "signed it already")],
    ids=["a stranger", "an author", "the same person again"],
)
async def test_a_signature_that_does_not_count_is_refused(
    office: BreakGlassOffice, grants: Grants, name: str, problem: str
) -> None:
    id_ = put(grants, "ana")
    with pytest.raises(SetupError, match=problem):
        await office.sign(id_, signature(grants, id_, name), "op")


async def test_a_signature_of_another_grant_is_refused(office: BreakGlassOffice, grants: Grants) -> None:
    one, other = put(grants, "ana"), put(grants, "ana", hours=5)
    with pytest.raises(SetupError, match="not an approver's"):
        await office.sign(one, signature(grants, other, "ben"), "op")


async def test_what_is_over_can_neither_be_signed_nor_ended_again(office: BreakGlassOffice, grants: Grants) -> None:
    id_ = put(grants, "ana")
    late = signature(grants, id_, "ben")
    await office.end(id_, "op")
    with pytest.raises(SetupError, match="can no longer be signed: it is ended"):
        await office.sign(id_, late, "op")
    with pytest.raises(SetupError, match="ended already"):
        await office.end(id_, "op")


@pytest.mark.parametrize("reference", ["", "NOBODY", "../../in-force"])
async def test_a_grant_that_is_not_there_is_said_so(office: BreakGlassOffice, reference: str) -> None:
    with pytest.raises(SetupError, match="There is no grant"):
        await office.end(reference, "op")


# --- with the real OPA


@pytest_asyncio.fixture
async def opened(settings: Settings, targets: tuple[Target, ...]) -> AsyncIterator[OpaPolicy]:
    """A policy whose approvers are known."""
    for one in SIGNERS:
        Signers(settings.keys).add(one)
    policy = OpaPolicy(settings, draft(settings))
    await policy.start()
    try:
        await policy.push_facts(targets)
        yield policy
    finally:
        await policy.stop()


def folder_of(settings: Settings) -> Grants:
    return Grants(settings.state / "policy" / "break-glass", Signers(settings.keys).list)


def now_in(question: PolicyInput, time: datetime) -> PolicyInput:
    stamp = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.structs.replace(question, env=msgspec.structs.replace(question.env, time=stamp))


def real(settings: Settings, *names: str, **given: object) -> str:
    """Put a grant that holds now on disk."""
    grant, envelope = break_glass.draft(wish(**given), "op", {}, break_glass.now())
    folder_of(settings).write(grant.id, dsse.add_signatures(envelope, [KEYS[name] for name in names]))
    return grant.id


@pytest.mark.real
async def test_a_running_server_notices_grants_that_come_and_end(
    opened: OpaPolicy, settings: Settings, ask: Callable[..., PolicyInput]
) -> None:
    async def decided() -> Decision:
        return await opened.decide(now_in(ask("pek/n/w0:m"), break_glass.now() + timedelta(seconds=1)))

    assert not (await decided()).allow
    id_ = real(settings, "ana", "ben")
    await opened.look_at_grants()
    decision = await decided()
    assert decision.allow
    (reason,) = (reason for reason in decision.reasons if reason.code == "policy.break_glass")
    assert (reason.params["grant"], reason.params["waives"]) == (id_, "policy.residency")
    folder_of(settings).end(id_)
    await opened.look_at_grants()
    assert not (await decided()).allow


@pytest.mark.real
async def test_it_notices_by_itself_within_seconds(
    opened: OpaPolicy, settings: Settings, ask: Callable[..., PolicyInput]
) -> None:
    real(settings, "ana", "ben")
    question = now_in(ask("pek/n/w0:m"), break_glass.now() + timedelta(minutes=1))
    async with asyncio.timeout(15):
        while not (await opened.decide(question)).allow:  # noqa: ASYNC110  nothing here could set an event
            await asyncio.sleep(0.1)


@pytest.mark.real
@pytest.mark.parametrize(
    ("names", "given"),
    [
        (("ana",), {}),
        (("ana", "eve"), {}),
        (("ana", "ben"), {"project": "acme/p2"}),
        (("ana", "ben"), {"waives": ["policy.site_not_named"]}),
    ],
    ids=["one person", "a stranger", "another project", "another code"],
)
async def test_what_does_not_count_opens_nothing(
    opened: OpaPolicy,
    settings: Settings,
    ask: Callable[..., PolicyInput],
    names: tuple[str, ...],
    given: dict[str, object],
) -> None:
    real(settings, *names, **given)
    await opened.look_at_grants()
    decision = await opened.decide(now_in(ask("pek/n/w0:m"), break_glass.now() + timedelta(seconds=1)))
    assert not decision.allow


@pytest.mark.real
async def test_what_is_never_waived_is_not_whoever_signed(
    opened: OpaPolicy, settings: Settings, ask: Callable[..., PolicyInput]
) -> None:
    real(settings, "ana", "ben", waives=["policy.ai_prohibited"])
    await opened.look_at_grants()
    question = ask("muc/n/w0:m")
    prohibited = msgspec.structs.replace(
        question, request=msgspec.structs.replace(question.request, purpose="social-scoring")
    )
    decision = await opened.decide(now_in(prohibited, break_glass.now() + timedelta(seconds=1)))
    assert not decision.allow
    assert [reason.code for reason in decision.reasons if reason.severity == "deny"] == ["policy.ai_prohibited"]
