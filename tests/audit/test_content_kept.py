"""A request whose content must be kept: stored before it leaves, its digest in the records, and 503 where it cannot."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from house import CALLER, House, words
from msgspec.structs import replace

from gateway.audit.content.room import ContentRoom
from gateway.audit.content.store import FOUND, USER, SideStore
from gateway.audit.persons.keys import PersonKeys
from gateway.domain import Choice, Chunk, Decision, Kept, ToolCallDelta
from gateway.errors import AuditUnavailable, EngineUnavailable
from gateway.keeping import named


class KeepingHouse(House):
    """A house whose policy says that content is kept for 30 days. ``intents`` are what the book was given."""

    def __init__(self, folder: Path, *, keep: bool = True) -> None:
        super().__init__()
        keys = PersonKeys(folder / "persons", lambda tenant: (b"s" * 32,))
        self.side = SideStore(folder / "content", keys, folder / "audit")
        self.room = ContentRoom(self.side, "plant/n1/w0")
        self.keep = keep
        self.caller = CALLER
        self.end_user = ""
        self.intents: list[Any] = []

    def identify(self, authorization: str | None) -> Any:
        return self.caller

    async def decide(self, question: Any) -> Decision:
        decision = await super().decide(question)
        obligations = ("keep_content/30",) if self.keep else ()
        return replace(decision, targets=tuple(replace(g, obligations=obligations) for g in decision.targets))

    def intent(self, *given: Any) -> Any:
        self.intents.append(given)
        return super().intent(*given)

    async def send(self, text: str = "hello SECRET") -> str:
        checkpoint = self.checkpoint()
        checkpoint.rooms = replace(checkpoint.rooms, content=self.room)
        arrival = self.arrival(text)
        arrival.call.end_user = self.end_user
        said = ""
        async with checkpoint.passage(arrival) as passage:
            await passage.admit()
            self.diary.append(f"{len(list(self.side.heads()))} kept")
            async for chunk in passage.answer():
                said += "".join(choice.content or "" for choice in chunk.choices)
        return said

    def read(self, kept: Kept | None) -> Any:
        assert kept
        path = self.side.find(kept.item)
        assert path
        head, content, digest = self.side.open(path)
        assert digest == kept.sha256
        return json.loads(content), head

    @property
    def prompt(self) -> Kept | None:
        *_, kept, _ = self.intents[-1]  # the last is how the target was chosen
        return kept  # type: ignore[no-any-return]

    @property
    def answer(self) -> Kept | None:
        return self.outcomes[-1].content


@pytest.fixture
def house(tmp_path: Path) -> KeepingHouse:
    return KeepingHouse(tmp_path)


async def test_by_default_nothing_is_kept(tmp_path: Path) -> None:
    house = KeepingHouse(tmp_path, keep=False)

    await house.send()

    assert (house.prompt, house.answer) == (None, None)
    assert not house.side.folder.exists()
    assert not house.side.keys.folder.exists()


async def test_the_prompt_is_kept_before_it_leaves_as_asked_and_as_sent(house: KeepingHouse) -> None:
    await house.send()

    content, head = house.read(house.prompt)
    assert house.diary.index("1 kept") < house.diary.index("engine a")
    assert content["asked"] == {"messages": [{"role": "user", "content": "hello SECRET"}]}
    assert content["sent"] == {"messages": [{"role": "user", "content": "hello <TAG>"}]}
    assert (head.kind, head.request, head.tenant, head.origin) == ("prompt", "01REQUEST", "acme", "plant/n1/w0")


async def test_what_went_as_it_was_asked_is_kept_once(house: KeepingHouse) -> None:
    await house.send("hello")

    assert house.read(house.prompt)[0] == {
        "endpoint": "chat.completions",
        "asked": {"messages": [{"role": "user", "content": "hello"}]},
    }


async def test_the_answer_is_kept_as_the_caller_was_shown_it(house: KeepingHouse) -> None:
    house.engines["a"].script = words("dear ", "<TAG>", "!")

    assert await house.send() == "dear SECRET!"

    content, head = house.read(house.answer)
    assert content == {"choices": [{"index": 0, "content": "dear SECRET!", "finish_reason": "stop"}]}
    assert head.kind == "answer"
    assert house.prompt != house.answer


async def test_tool_calls_and_reasoning_are_kept_together(house: KeepingHouse) -> None:
    call = ToolCallDelta(0, "call_1", "look_up", '{"a":'), ToolCallDelta(0, arguments="1}")
    parts = [Chunk((Choice(0, reasoning="hm", tool_calls=(part,)),)) for part in call]
    house.engines["a"].script = [*parts, *words()]

    await house.send()

    (choice,) = house.read(house.answer)[0]["choices"]
    assert choice["tool_calls"] == [{"name": "look_up", "arguments": '{"a":1}'}]
    assert choice["reasoning"] == "hmhm"


@pytest.mark.parametrize(
    ("chunk", "kept"),
    [
        (Chunk((), vectors=(b"\0\0\x80?", b"\0\0\0\0")), {"vectors": ["AACAPw==", "AAAAAA=="]}),
        (Chunk((), scores=(0.5, -1.0)), {"scores": [0.5, -1.0]}),
    ],
)
async def test_vectors_and_scores_are_kept_as_the_engine_gave_them(
    house: KeepingHouse, chunk: Chunk, kept: dict[str, Any]
) -> None:
    house.engines["a"].script = [chunk]

    await house.send()

    assert house.read(house.answer)[0] == kept


async def test_an_answer_that_broke_off_is_kept_as_far_as_it_was_shown(house: KeepingHouse) -> None:
    house.engines["a"].script = [*words("half")[:1], EngineUnavailable()]

    with pytest.raises(EngineUnavailable):
        await house.send()

    assert house.outcomes[-1].status == "failed"
    assert house.read(house.answer)[0] == {"choices": [{"index": 0, "content": "half"}]}


async def test_each_attempt_keeps_its_own_prompt(house: KeepingHouse) -> None:
    house.engines["a"].script = [EngineUnavailable()]

    await house.send()

    assert [intent[-2] is not None for intent in house.intents] == [True, True]
    assert [outcome.content is None for outcome in house.outcomes] == [True, False]


async def test_what_cannot_be_kept_is_not_sent(house: KeepingHouse) -> None:
    house.side.folder.parent.joinpath("content").write_text("a file in the way")

    with pytest.raises(AuditUnavailable) as refused:
        await house.send()

    assert refused.value.code == "audit.content_unavailable"
    assert house.intents == []
    assert not any(line.startswith("engine") for line in house.diary)
    assert "slot back" in house.diary


async def test_without_a_side_store_what_must_be_kept_is_refused(house: KeepingHouse) -> None:
    async with house.checkpoint().passage(house.arrival()) as passage:
        with pytest.raises(AuditUnavailable):
            await passage.admit()
    assert house.intents == []


async def test_it_speaks_of_whom_the_findings_name(house: KeepingHouse) -> None:
    await house.send()

    _, head = house.read(house.prompt)
    (person,) = house.side.keys.of("acme", [FOUND + "secret"])
    assert head.persons == (person.id,)
    assert house.read(house.answer)[1].persons == (person.id,)


async def test_or_else_of_the_end_user_that_the_key_vouches_for(house: KeepingHouse) -> None:
    house.caller, house.end_user = replace(CALLER, vouches_for_users=True), "ana"

    await house.send()

    (person,) = house.side.keys.of("acme", [USER + "ana"])
    assert house.read(house.prompt)[1].persons == (person.id,)
    assert house.intents[-1][0].person == person.id


async def test_an_end_user_is_one_however_its_letters_are_put_together(house: KeepingHouse) -> None:
    house.caller = replace(CALLER, vouches_for_users=True)
    persons = set()
    for house.end_user in ("Jos\u00e9", "Jose\u0301"):
        await house.send()
        persons |= {house.intents[-1][0].person, *house.read(house.prompt)[1].persons}

    assert len(persons) == 1
    assert named("Jose\u0301")[0] == named("Jos\u00e9")[0]


async def test_an_end_user_that_nobody_vouches_for_is_nobody(house: KeepingHouse) -> None:
    house.end_user = "ana"

    await house.send()

    assert house.side.keys.find("acme", USER + "ana") is None
    assert house.intents[-1][0].person == ""


def test_the_digest_is_of_nonce_and_content(house: KeepingHouse) -> None:
    """As the record's reader computes it: 32 bytes of nonce, then the content."""
    from gateway.audit.content import seal

    keys = house.side.keys.of("acme", ["user:ana"])
    head = seal.Head(
        item="01J", kind="prompt", tenant="acme", project="p", origin="o", request="r", made="", ends="", day=keys[0].id
    )
    raw, digest = seal.seal(head, keys, b"content")
    _, end = seal.read_head(raw)
    data_key = seal._open("01J", seal.read_head(raw)[0].shares[0], keys[0].key)
    opened = seal.AESGCM(data_key).decrypt(raw[end : end + 12], raw[end + 12 :], raw[4:end])

    assert len(opened) == 32 + len(b"content")
    assert hashlib.sha256(opened).hexdigest() == digest


@pytest.mark.parametrize(
    ("subject", "names"),
    [
        ("Anna  SCHMIDT", ("user:Anna  SCHMIDT", "found:anna schmidt", "found:annaschmidt")),
        ("+49 (0)89 12345", ("user:+49 (0)89 12345", "found:+49 (0)89 12345", "found:+4908912345")),
        ("ana", ("user:ana", "found:ana")),
    ],
)
def test_a_person_is_looked_for_under_every_form_of_the_name(subject: str, names: tuple[str, ...]) -> None:
    assert named(subject) == names
