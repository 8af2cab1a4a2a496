"""What is held on one person: searched for by two officers, shown, erased; each step on record first, naming nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from gateway.audit.content.door import About
from gateway.audit.content.seal import Noise
from gateway.audit.content.searching import search_answers
from gateway.audit.content.store import SideStore
from gateway.audit.log.reader import search
from gateway.audit.persons import warrant
from gateway.audit.persons.keys import PersonKeys
from gateway.audit.persons.office import EraseWish, PersonsOffice, SearchWish, ShowWish
from gateway.audit.persons.officers import Officer, Signature
from gateway.audit.persons.warrant import Claim, Reading
from gateway.audit.verify import verify
from gateway.domain import Kept, Outcome
from gateway.errors import AuditUnavailable, SetupError
from gateway.keeping import named
from gateway.officers import SignersAsOfficers
from gateway.policy.life import dsse
from gateway.policy.life.signers import Signer, public_text
from tests.audit.conftest import CALLER, DECISION, ORIGIN, TARGET, OpenLog, question

WHO = "ana.kanari@example.com"
ROLES: dict[str, tuple[Any, ...]] = {
    "aud": ("auditor",),
    "dpo": ("privacy-officer",),
    "both": ("auditor", "privacy-officer"),
    "pol": ("approver",),
}


class Desk:
    """An office with a real log and a real side store; ``people`` have keys, ``clock`` stands where a test puts it."""

    def __init__(self, folder: Path, log: OpenLog) -> None:
        self.log = log
        self.clock = datetime(2026, 1, 1, 12, tzinfo=UTC)
        keys = PersonKeys(folder / "persons", lambda tenant: (tenant.encode().ljust(32),))
        self.side = SideStore(folder / "content", keys, log.base, lambda: self.clock)
        self.people = {name: Ed25519PrivateKey.generate() for name in ROLES}
        self.signers = [
            Signer(name=name, public_key=public_text(key.public_key()), roles=ROLES[name])
            for name, key in self.people.items()
        ]
        self.office = PersonsOffice(
            store=self.side,
            audit=log.base,
            folder=folder / "searches",
            book=log.book,
            officers=SignersAsOfficers(lambda: self.signers),
            names_of=named,
            secrets_of=keys._secrets_of,
            now=lambda: self.clock,
        )

    def keep(self, *names: str, tenant: str = "acme", content: bytes = b"the content", kind: str = "prompt") -> Kept:
        about = About("01JREQUEST", tenant, "support", 30)
        sealed = self.side.seal(kind, about, ORIGIN, self.side.keys_for(about, names), content)
        self.side.put(sealed)
        return sealed.kept

    def decide(self, name: str = f"user:{WHO}") -> int:
        (person,) = self.side.keys.of("acme", [name])
        caller = replace(CALLER, person=person.id)
        entry = self.log.book.intent(caller, question("01JREQUEST"), DECISION, TARGET, {"PERSON": 1})
        entry.close(Outcome("done"))
        return entry.sequence

    def signature(self, id_: str, name: str) -> Signature:
        payload = self.office.find(id_).warrant.payload()
        made = dsse.sign(warrant.WARRANT_TYPE, payload, [self.people[name]]).signatures[0]
        return Signature(made.keyid, made.sig)

    def claim(self, what: Any, id_: str, name: str, **change: Any) -> Claim:
        said = {"reason": "complaint", "time": warrant.said(self.clock), **change}
        reading = Reading(what=what, id=id_, **said)
        made = dsse.sign(warrant.READING_TYPE, reading.payload(), [self.people[name]]).signatures[0]
        return Claim(reading, Signature(made.keyid, made.sig))

    async def opened(self, *names: str, subject: str = WHO, tenant: str = "") -> str:
        """Return the id of a search that these people have signed."""
        view = await self.office.request(SearchWish(subject=subject, reason="art. 15", tenant=tenant), "op")
        for name in names or ("aud", "dpo"):
            await self.office.sign(view["id"], self.signature(view["id"], name), name)
        return str(view["id"])

    def records(self, type: str = "") -> list[dict[str, Any]]:
        return [record for record in search(self.log.folder) if record["type"].startswith(type)]


@pytest.fixture
def desk(tmp_path: Path, log: OpenLog) -> Iterator[Desk]:
    yield Desk(tmp_path, log)


# --- two officers


@pytest.mark.parametrize(
    ("names", "state"),
    [
        (("aud",), "waits"),
        (("dpo",), "waits"),
        (("both",), "waits"),
        (("aud", "dpo"), "in force"),
        (("aud", "both"), "in force"),
        (("both", "dpo"), "in force"),
    ],
)
async def test_an_auditor_and_another_person_a_privacy_officer_must_sign(
    desk: Desk, names: tuple[str, ...], state: str
) -> None:
    id_ = await desk.opened(*names)

    assert desk.office.show()[0]["state"] == state
    if state == "waits":
        with pytest.raises(SetupError, match="waits for signatures"):
            await desk.office.collect(id_, ShowWish(subject=WHO), "op")
        assert desk.records("admin.person_searched") == []


async def test_an_officer_who_signs_twice_is_told_by_the_name_that_was_given(desk: Desk) -> None:
    with pytest.raises(SetupError, match=r"^aud has signed it already"):
        await desk.opened("aud", "aud")


async def test_two_names_with_one_key_are_one_person(desk: Desk) -> None:
    twin = replace(desk.signers[0], name="twin", roles=("privacy-officer",))
    desk.signers.append(twin)

    id_ = await desk.opened("aud")

    assert desk.office.show()[0]["state"] == "waits"
    assert (await desk.office.sign(id_, desk.signature(id_, "dpo"), "op"))["state"] == "in force"


async def test_a_signature_that_does_not_count_is_refused(desk: Desk) -> None:
    id_ = await desk.opened("aud")
    other = await desk.opened("dpo")
    for signature in (desk.signature(id_, "pol"), desk.signature(other, "dpo"), desk.signature(id_, "aud")):
        with pytest.raises(SetupError):
            await desk.office.sign(id_, signature, "op")

    assert desk.office.find(id_).signatures == (desk.signature(id_, "aud"),)


async def test_who_is_removed_counts_no_more(desk: Desk) -> None:
    id_ = await desk.opened()
    desk.signers = [signer for signer in desk.signers if signer.name != "dpo"]

    with pytest.raises(SetupError, match="waits for signatures"):
        await desk.office.collect(id_, ShowWish(subject=WHO), "op")


async def test_a_search_ends_and_is_forgotten(desk: Desk) -> None:
    id_ = await desk.opened()
    desk.clock += timedelta(days=7)
    with pytest.raises(SetupError, match="is over"):
        await desk.office.collect(id_, ShowWish(subject=WHO), "op")
    with pytest.raises(SetupError, match="is over"):
        await desk.office.sign(id_, desk.signature(id_, "both"), "op")

    desk.clock += timedelta(days=7)
    other = await desk.opened()
    assert [view["id"] for view in desk.office.show()] == [other]


async def test_a_search_is_for_one_person_only(desk: Desk) -> None:
    id_ = await desk.opened()

    with pytest.raises(SetupError, match="somebody else"):
        await desk.office.collect(id_, ShowWish(subject="ben@example.com"), "op")


async def test_neither_the_warrant_nor_a_record_says_who_it_is(desk: Desk, tmp_path: Path) -> None:
    desk.keep(f"user:{WHO}")
    desk.decide()
    id_ = await desk.opened()
    await desk.office.collect(id_, ShowWish(subject=WHO), "op")
    await desk.office.erase(EraseWish(subjects=(WHO,), reason="art. 17"), "op")
    await desk.log.book.durable()

    assert len(desk.records("admin.person")) == 4
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):  # noqa: ASYNC240
        assert b"kanari" not in path.read_bytes()


async def test_each_step_is_on_record_with_its_reason(desk: Desk) -> None:
    id_ = await desk.opened()
    await desk.office.collect(id_, ShowWish(subject=WHO), "op")

    steps = desk.records("admin.person")
    assert [step["type"].rpartition("person_")[2] for step in steps] == [
        "search_requested",
        "search_signed",
        "search_signed",
        "searched",
    ]
    assert {step["details"]["search"]["reason"] for step in steps} == {"art. 15"}
    assert steps[-1]["details"]["search"]["signed_by"] == ["aud", "dpo"]


async def test_what_cannot_be_put_on_record_does_not_happen(desk: Desk) -> None:
    desk.keep(f"user:{WHO}")
    id_ = await desk.opened()
    desk.log.book.close()

    with pytest.raises(AuditUnavailable):
        await desk.office.collect(id_, ShowWish(subject=WHO), "op")
    with pytest.raises(AuditUnavailable):
        await desk.office.erase(EraseWish(subjects=(WHO,), reason="art. 17"), "op")
    assert len(list(desk.side.heads())) == 1


# --- what is shown


async def test_all_that_is_held_on_a_person_is_shown(desk: Desk) -> None:
    kept, sequence = desk.keep(f"user:{WHO}"), desk.decide()
    desk.keep(f"user:{WHO}", tenant="other")
    desk.keep("user:ben")
    desk.decide("user:ben")

    held = await desk.office.collect(await desk.opened(), ShowWish(subject=WHO), "op")

    (decision,) = held["decisions"]
    assert (decision["sequence"], decision["model"], decision["found"]) == (sequence, "m", {"PERSON": "1"})
    assert decision["outcome"]["status"] == "done"
    assert {item["tenant"] for item in held["content"]} == {"acme", "other"}
    assert kept.item in {item["item"] for item in held["content"]}
    assert "value" not in held["content"][0]


async def test_in_one_tenant_only_when_so_asked(desk: Desk) -> None:
    desk.keep(f"user:{WHO}")
    desk.keep(f"user:{WHO}", tenant="other")

    id_ = await desk.opened(tenant="other")
    held = await desk.office.collect(id_, ShowWish(subject=WHO), "op")

    assert [item["tenant"] for item in held["content"]] == ["other"]


async def test_what_findings_name_is_found_in_any_spelling(desk: Desk) -> None:
    desk.keep("found:anna schmidt", "found:+498912345")

    for subject in ("Anna  SCHMIDT", "+49 89 12345"):
        held = await desk.office.collect(await desk.opened(subject=subject), ShowWish(subject=subject), "op")
        assert len(held["content"]) == 1


async def test_values_are_shown_to_a_privacy_officer_only(desk: Desk) -> None:
    desk.keep(f"user:{WHO}", content="Grüße".encode())
    id_ = await desk.opened()

    wish = ShowWish(subject=WHO, claim=desk.claim("search", id_, "dpo"))
    held = await desk.office.collect(id_, wish, "op")
    assert held["content"][0]["value"] == "Grüße"
    assert desk.records("admin.person_searched")[-1]["details"]["search"]["values_for"] == "dpo"
    late = warrant.said(desk.clock - timedelta(minutes=6))
    early = warrant.said(desk.clock + timedelta(minutes=6))
    for claim in (
        desk.claim("search", id_, "aud"),
        desk.claim("search", "01JOTHER", "dpo"),
        desk.claim("item", id_, "dpo"),
        desk.claim("search", id_, "dpo", time=late),
        desk.claim("search", id_, "dpo", time=early),
        desk.claim("search", id_, "dpo", time="noon"),
        replace(desk.claim("search", id_, "dpo"), signature=desk.claim("search", id_, "aud").signature),
    ):
        with pytest.raises(SetupError, match="Only a privacy officer"):
            await desk.office.collect(id_, ShowWish(subject=WHO, claim=claim), "op")


@pytest.mark.parametrize("kind", ["file", "batch"])
async def test_of_a_file_the_key_is_shown_to_nobody(desk: Desk, kind: str) -> None:
    kept = desk.keep(f"user:{WHO}", content=b'{"filename":"out.jsonl","bytes":7,"secret":"a2V5IG9mIGl0"}', kind=kind)
    id_ = await desk.opened()

    held = await desk.office.collect(id_, ShowWish(subject=WHO, claim=desk.claim("search", id_, "dpo")), "op")
    shown = await desk.office.read(kept.item, desk.claim("item", kept.item, "dpo"), "op")

    assert json.loads(held["content"][0]["value"]) == {"filename": "out.jsonl", "bytes": 7}
    assert json.loads(shown["content"]) == {"filename": "out.jsonl", "bytes": 7}


@pytest.mark.parametrize(("others", "told"), [(0, "no"), (1, "fewer than 5"), (4, "fewer than 5"), (5, "5")])
async def test_few_other_persons_are_not_counted(desk: Desk, others: int, told: str) -> None:
    desk.keep(f"user:{WHO}", *(f"found:{n}" for n in range(others)))

    held = await desk.office.collect(await desk.opened(), ShowWish(subject=WHO), "op")

    assert held["content"][0]["others"] == told


async def test_an_item_is_shown_to_a_privacy_officer_and_that_is_on_record(desk: Desk) -> None:
    kept = desk.keep("user:ana")

    shown = await desk.office.read(kept.item, desk.claim("item", kept.item, "dpo"), "op")

    assert (shown["content"], shown["sha256"]) == ("the content", kept.sha256)
    assert not {"shares", "day"} & shown.keys()
    (read,) = desk.records("admin.content_read")
    assert read["details"]["content"]["officer"] == "dpo"
    assert "the content" not in json.dumps(read)
    with pytest.raises(SetupError):
        await desk.office.read(kept.item, desk.claim("item", kept.item, "aud"), "op")
    with pytest.raises(SetupError, match="no item"):
        await desk.office.read("0" * 26, desk.claim("item", "0" * 26, "dpo"), "op")


# --- erasing


async def test_erased_is_erased_and_the_log_still_verifies(desk: Desk) -> None:
    kept, other = desk.keep(f"user:{WHO}"), desk.keep("user:ben")
    desk.decide()
    claim = desk.claim("item", kept.item, "dpo")

    view = await desk.office.erase(EraseWish(subjects=(WHO,), reason="art. 17"), "op")

    assert (view["keys"], view["items"], view["items_shared"]) == (1, [kept.item], 0)
    (record,) = desk.records("erasure")
    assert (record["details"]["items"], record["details"]["reason"]) == ([kept.item], "art. 17")
    with pytest.raises(SetupError, match="no item"):
        await desk.office.read(kept.item, claim, "op")
    assert desk.side.find(other.item) is not None
    held = await desk.office.collect(await desk.opened(), ShowWish(subject=WHO), "op")
    assert (held["decisions"], held["content"]) == ([], [])
    desk.log.book.close()
    assert verify(desk.log.folder, desk.log.vkey).ok


async def test_what_two_persons_share_is_gone_for_both(desk: Desk) -> None:
    shared = desk.keep(f"user:{WHO}", "user:ben")

    view = await desk.office.erase(EraseWish(subjects=(WHO,), reason="art. 17"), "op")

    assert (view["items"], view["items_shared"]) == ([shared.item], 1)
    held = await desk.office.collect(await desk.opened(subject="ben"), ShowWish(subject="ben"), "op")
    assert held["content"] == []


async def test_what_a_hold_covers_stays_until_it_is_lifted(desk: Desk) -> None:
    kept = desk.keep(f"user:{WHO}")
    hold = desk.log.folder / "hold"
    hold.write_text("{}")

    view = await desk.office.erase(EraseWish(subjects=(WHO,), reason="art. 17"), "op")
    assert (view["keys"], view["keys_held"], view["items"], view["items_held"]) == (0, 1, [], 1)
    newer = desk.keep(f"user:{WHO}")
    held = await desk.office.collect(await desk.opened(), ShowWish(subject=WHO), "op")
    assert {item["item"] for item in held["content"]} == {kept.item, newer.item}

    hold.unlink()
    assert (await desk.office.prune("op"))["keys"] == 1
    assert desk.side.find(kept.item) is None
    assert desk.side.find(newer.item) is not None


async def test_of_a_held_and_a_free_item_the_free_one_goes(desk: Desk) -> None:
    free = desk.keep(f"user:{WHO}")
    path = desk.side.find(free.item)
    held = desk.keep(f"user:{WHO}", content=b"held")
    elsewhere = desk.log.base / "berlin" / "node1" / "w9" / "default"
    elsewhere.mkdir(parents=True)
    about = About("01JREQUEST", "acme", "support", 30)
    sealed = desk.side.seal("prompt", about, "berlin/node1/w9", desk.side.keys_for(about, [f"user:{WHO}"]), b"x")
    desk.side.put(sealed)
    (elsewhere / "hold").write_text("{}")

    view = await desk.office.erase(EraseWish(subjects=(WHO,), reason="art. 17"), "op")

    assert set(view["items"]) == {free.item, held.item}
    assert path
    assert not path.exists()
    assert desk.side.find(sealed.kept.item) is not None


async def test_of_somebody_unknown_nothing_is_destroyed_and_it_is_on_record(desk: Desk) -> None:
    desk.keep("user:ben")

    view = await desk.office.erase(EraseWish(subjects=("nobody",), reason="art. 17"), "op")

    assert (view["persons"], view["items"]) == ([], [])
    assert len(desk.records("erasure")) == 1
    assert len(list(desk.side.heads())) == 1


async def test_many_items_take_several_records(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.audit.persons.office.MOST_ITEMS_TOLD", 2)
    items = {desk.keep(f"user:{WHO}").item for _ in range(5)}

    await desk.office.erase(EraseWish(subjects=(WHO,), reason="art. 17"), "op")

    told = [record["details"]["items"] for record in desk.records("erasure")]
    assert [len(part) for part in told] == [2, 2, 1]
    assert {item for part in told for item in part} == items


async def test_an_erasure_that_fails_says_so_and_goes_on_when_done_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.keep(f"user:{WHO}")

    def broken(*arguments: Any) -> Callable[..., None]:
        raise OSError

    with monkeypatch.context() as patched:
        patched.setattr(desk.side, "destroy", broken)
        with pytest.raises(SetupError, match="could not be carried out whole"):
            await desk.office.erase(EraseWish(subjects=(WHO,), reason="art. 17"), "op")

    assert [record["type"] for record in desk.records("erasure")] == ["erasure", "erasure.failed"]
    ((path, _),) = desk.side.heads()
    with pytest.raises(Noise):  # the key went first
        desk.side.open(path)
    await desk.office.erase(EraseWish(subjects=(WHO,), reason="art. 17"), "op")
    assert list(desk.side.heads()) == []


# --- answers in which nobody has looked yet


@pytest.mark.parametrize("patience", [0.0, 0.2])
async def test_what_nobody_has_searched_is_told_after_a_while(desk: Desk, patience: float) -> None:
    desk.keep(f"found:{WHO}")
    desk.side.unsearched.mark("01JUNSEARCHED0000000000000")
    id_ = await desk.opened()
    desk.office._patience_seconds = patience

    began = monotonic()
    shown = await desk.office.collect(id_, ShowWish(subject=WHO), "op")
    erased = await desk.office.erase(EraseWish(subjects=(WHO,), reason="art. 17"), "op")

    assert (shown["answers_unsearched"], erased["answers_unsearched"]) == (1, 1)
    assert erased["items_in_all"] == 1
    assert [record["details"]["answers_unsearched"] for record in desk.records("erasure")] == [1]
    assert monotonic() - began >= 2 * patience


async def test_who_erases_waits_for_the_search_and_reaches_what_only_an_answer_says(desk: Desk) -> None:
    about = About("01JREQUEST", "acme", "support", 30)
    keys = desk.side.keys_for(about, ["found:somebody else"])
    sealed = desk.side.seal("answer", about, ORIGIN, keys, b"the answer", to_search=True)
    desk.side.put(sealed)
    desk.office._patience_seconds = 10.0

    async def names_in(*_: Any) -> list[str]:
        await asyncio.sleep(0.1)
        return [f"found:{WHO}"]

    searching = asyncio.create_task(search_answers(desk.side, names_in))
    erased = await desk.office.erase(EraseWish(subjects=(WHO,), reason="art. 17"), "op")
    searching.cancel()

    assert (erased["items"], erased["answers_unsearched"]) == ([sealed.kept.item], 0)
    assert desk.side.find(sealed.kept.item) is None


def test_one_person_with_two_keys_is_one_person() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    asked = warrant.draft(WHO, "", "art. 15", "op", b"s" * 32, now)
    auditor, officer = Officer("ana", "k1", ("auditor",)), Officer("ana", "k2", ("privacy-officer",))

    assert warrant.state(asked, [auditor, officer], now) == "waits"
    assert warrant.state(asked, [auditor, replace(officer, name="dan")], now) == "in force"
