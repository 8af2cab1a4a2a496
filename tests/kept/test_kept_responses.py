"""Answers that are kept for their callers: who comes back to which, what is judged again, what the disk holds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from asgi import Answered, post
from house import CALLER, House, words
from msgspec.structs import replace

from gateway.audit.content.store import SideStore
from gateway.audit.persons.keys import PersonKeys
from gateway.domain import Caller, Choice, Chunk, Decision, Usage
from gateway.errors import AuditUnavailable, EngineUnavailable
from gateway.http import api
from gateway.http.gate import Gate
from gateway.inquiry import Inquiry
from gateway.kept.responses import KeptResponses
from gateway.settings import ResponseSettings, ServerSettings

ASK: dict[str, Any] = {"model": "m", "input": "hello SECRET", "store": True}
OTHERS = {
    "same project, other key": replace(CALLER, key_id="k2"),
    "other project": replace(CALLER, project="paint-shop"),
    "other tenant": replace(CALLER, tenant="other"),
}


class KeepingHouse(House):
    """A house whose answers are kept. ``events`` are what its book was told; ``obligations`` what each grant says."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__()
        self.now = datetime.now(UTC)
        keys = PersonKeys(folder / "persons", lambda tenant: (b"s" * 32,))
        self.side = SideStore(folder / "content", keys, folder / "audit", now=lambda: self.now)
        self.caller = CALLER
        self.obligations: tuple[str, ...] = ()
        self.events: list[tuple[str, Any]] = []
        for engine in self.engines.values():
            engine.script = [Chunk((Choice(0, "assistant", "hi <TAG>", finish_reason="stop"),), Usage(5, 1))]
        me: Any = self
        self.kept = KeptResponses(self.side, folder / "hidden", me, "plant/n1/w0", ResponseSettings(**settings))
        checkpoint = self.checkpoint()
        given = ServerSettings(max_body_bytes=100_000, max_text_chars=20_000)
        self.app = api.build(checkpoint, Inquiry(checkpoint.rooms, 0), Gate(), given, kept=self.kept)

    def identify(self, authorization: str | None) -> Caller:
        return self.caller

    def event(self, type: str, **details: Any) -> None:
        self.step(f"event {type}", "event")
        self.events.append((type, details))

    async def decide(self, question: Any) -> Decision:
        decision = await super().decide(question)
        return replace(decision, targets=tuple(replace(g, obligations=self.obligations) for g in decision.targets))

    async def ask(self, **change: Any) -> Answered:
        return await post(self.app, {**ASK, **change}, "/v1/responses")

    async def get(self, path: str, method: str = "GET") -> Answered:
        return await post(self.app, b"", f"/v1/responses/{path}", method)

    async def made(self, **change: Any) -> str:
        """Return the id of a fresh answer that is kept."""
        answered = await self.ask(**change)
        assert (answered.status, answered.json["store"]) == (200, True), answered.body
        return str(answered.json["id"])

    @property
    def items(self) -> list[Path]:
        return sorted(self.side.folder.glob("????-??-??/*"))

    @property
    def told(self) -> list[str]:
        return [type for type, _ in self.events]


@pytest.fixture
def house(tmp_path: Path) -> KeepingHouse:
    return KeepingHouse(tmp_path)


def error_of(answered: Answered) -> tuple[int, str, str | None]:
    error = answered.json["error"]
    return answered.status, error["code"], error["param"]


GONE = (404, "request.response_not_found", None)
NO_BEFORE = (400, "previous_response_not_found", "previous_response_id")


# --- what is kept ----------------------------------------------------------------------------------------------------


async def test_its_caller_comes_back_to_what_it_was_answered(house: KeepingHouse) -> None:
    answered = await house.ask(metadata={"a": "b"})

    again = await house.get(answered.json["id"])

    assert again.json == answered.json
    assert again.json["output"][0]["content"][0]["text"] == "hi SECRET"
    assert again.headers["cache-control"] == "no-store"


async def test_no_text_lies_on_disk_or_on_record(house: KeepingHouse, tmp_path: Path) -> None:
    await house.get(await house.made(input="hello SECRET canary"))

    files = [path for path in tmp_path.rglob("*") if path.is_file()]  # noqa: ASYNC240 - a test's own few
    on_disk = b"".join(path.read_bytes() for path in files)
    on_record = orjson.dumps(house.events)
    assert house.told == ["kept.stored", "kept.read"]
    assert not [word for word in (b"SECRET", b"canary", b"hi ") if word in on_disk or word in on_record]


@pytest.mark.parametrize("store", [None, False])
async def test_nothing_is_kept_that_nobody_asked_for(house: KeepingHouse, store: bool | None) -> None:
    answered = await house.ask(store=store)

    assert (answered.status, answered.json["store"], house.items, house.events) == (200, False, [], [])
    assert error_of(await house.get(answered.json["id"])) == GONE


async def test_an_operator_may_choose_openais_default(tmp_path: Path) -> None:
    house = KeepingHouse(tmp_path, store_by_default=True)

    assert (await house.ask(store=None)).json["store"] is True
    assert (await house.ask(store=False)).json["store"] is False
    assert len(house.items) == 1


@pytest.mark.parametrize(
    ("floor", "obligations", "days"),
    [
        ("internal", (), 30),
        ("internal", ("keep_state/3",), 3),
        ("internal", ("keep_state/90",), 30),
        ("internal", ("keep_state/9", "keep_state/2"), 2),
        ("internal", ("keep_state/0",), 0),
        ("strict", (), 0),
        ("strict", ("keep_state/1",), 1),
    ],
)
async def test_the_lowest_of_wish_setting_and_decision_counts(
    house: KeepingHouse, floor: str, obligations: tuple[str, ...], days: int
) -> None:
    house.project_floor, house.obligations = floor, obligations

    answered = await house.ask()

    ends = [(house.now + timedelta(days=days)).date().isoformat()] if days else []
    assert [path.parent.name for path in house.items] == ends
    assert answered.json["store"] is bool(days)


async def test_what_has_ended_is_gone_before_it_is_pruned(house: KeepingHouse) -> None:
    house.now -= timedelta(days=31)
    id_ = await house.made()

    assert len(house.items) == 1
    assert error_of(await house.get(id_)) == GONE


async def test_a_person_that_is_erased_takes_the_answer_along(house: KeepingHouse) -> None:
    id_ = await house.made()
    (head,) = [head for _, head in house.side.heads()]
    (person,) = head.persons

    house.side.keys.destroy("acme", person)

    assert error_of(await house.get(id_)) == GONE
    assert error_of(await house.ask(previous_response_id=id_)) == NO_BEFORE


async def test_a_full_room_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    house = KeepingHouse(tmp_path, most_mib=1)
    house.kept._used["acme", "press-shop"], house.kept._counted_at = 2**20, float("inf")

    answered = await house.ask()

    assert (answered.status, answered.json["error"]["code"]) == (429, "insufficient_quota")
    assert answered.headers["x-sekisho-code"] == "kept.full"
    assert house.engines["a"].prompts == []
    assert (await house.ask(store=False)).status == 200


async def test_room_is_counted_by_project_and_given_back(house: KeepingHouse) -> None:
    id_ = await house.made()
    size = house.items[0].stat().st_size
    assert house.kept._used == house.kept._count_all() == {("acme", "press-shop"): size}

    await house.get(id_, "DELETE")

    assert house.kept._used == {("acme", "press-shop"): 0}


# --- whose it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
async def test_to_everybody_else_it_never_was(house: KeepingHouse, other: Caller) -> None:
    id_ = await house.made()
    house.caller = other

    for path, method in ((id_, "GET"), (id_, "DELETE"), (f"{id_}/input_items", "GET"), (f"{id_}/cancel", "POST")):
        theirs, unknown = await house.get(path, method), await house.get(path.replace(id_, "resp_" + "0" * 26), method)
        assert (theirs.status, theirs.body) == (unknown.status, unknown.body)
        assert error_of(theirs) == GONE
    assert error_of(await house.ask(previous_response_id=id_)) == NO_BEFORE
    house.caller = CALLER
    assert (await house.get(id_)).status == 200
    assert house.told == ["kept.stored", "kept.read"]


@pytest.mark.parametrize("id_", ["resp_..", "resp_*", "x", "resp_", "resp_" + "é" * 26])
async def test_an_id_that_can_be_none_is_unknown(house: KeepingHouse, id_: str) -> None:
    await house.made()

    assert error_of(await house.get(id_)) == GONE


async def test_a_prompt_in_the_side_store_is_no_answer(house: KeepingHouse) -> None:
    await house.made()
    path = house.items[0]
    raw = path.read_bytes().replace(b'"kind":"response"', b'"kind":"prompt"  ')
    path.write_bytes(raw)

    assert error_of(await house.get("resp_" + path.name)) == GONE


# --- going on --------------------------------------------------------------------------------------------------------


async def test_a_conversation_goes_on_whole_and_is_redacted_again(house: KeepingHouse) -> None:
    first = await house.made(instructions="Be brief.")
    second = await house.made(input="and?", previous_response_id=first)

    answered = await house.ask(input="why?", previous_response_id=second)

    said = [(turn["role"], turn["content"]) for turn in house.engines["a"].prompts[-1].body["messages"]]
    hello, hi = ("user", "hello <TAG>"), ("assistant", "hi <TAG>")
    assert said == [hello, hi, ("user", "and?"), hi, ("user", "why?")]
    assert answered.json["previous_response_id"] == second


async def test_each_turn_is_kept_once(house: KeepingHouse) -> None:
    first = await house.made()
    await house.made(input="x" * 5000, previous_response_id=first)

    third = await house.ask(input="z", previous_response_id=first)

    assert max(path.stat().st_size for path in house.items) < 5000 + 3000
    assert len(house.items) == 3
    assert third.status == 200


async def test_what_was_judged_high_stays_high(house: KeepingHouse) -> None:
    house.project_floor = "confidential"
    first = await house.made()
    house.project_floor = "public"
    second = await house.made(input="and?", previous_response_id=first)
    await house.ask(input="and then?", previous_response_id=second)

    assert [question.data.data_class for question in house.questions] == ["confidential"] * 3
    assert [question.request.declared_class for question in house.questions] == [""] * 3


async def test_data_of_two_countries_are_not_mixed(house: KeepingHouse) -> None:
    first = await house.made()
    house.caller = replace(CALLER, collected_in="CN")

    answered = await house.ask(previous_response_id=first)

    assert error_of(answered) == (400, "request.origin_mixed", "previous_response_id")


async def test_a_conversation_with_a_gap_does_not_go_on(house: KeepingHouse) -> None:
    first = await house.made()
    second = await house.made(previous_response_id=first)
    await house.get(first, "DELETE")

    answered = await house.ask(previous_response_id=second)

    assert error_of(answered) == NO_BEFORE
    assert (await house.get(second)).status == 200


async def test_a_conversation_that_is_too_long_is_refused(house: KeepingHouse) -> None:
    first = await house.made(input="x" * 15_000)

    answered = await house.ask(input="y" * 15_000, previous_response_id=first)

    assert error_of(answered)[:2] == (400, "request.text_too_long")


async def test_what_is_counted_is_the_whole_conversation(house: KeepingHouse) -> None:
    first = await house.made()
    house.engines["a"].script = [Chunk((Choice(0, "assistant", "x", finish_reason="length"),), Usage(42, 1))]
    body = {"model": "m", "input": "and?", "previous_response_id": first}

    answered = await post(house.app, body, "/v1/responses/input_tokens")

    assert answered.status == 200
    assert len(house.engines["a"].prompts[-1].body["messages"]) == 3


async def test_a_preview_does_not_leave_the_beginning_out(house: KeepingHouse) -> None:
    first = await house.made()
    body = {"endpoint": "/v1/responses", "body": {**ASK, "previous_response_id": first}}

    answered = await post(house.app, body, "/v1/decisions/preview")

    assert error_of(answered) == (400, "unsupported_parameter", "previous_response_id")


# --- what it was made from -------------------------------------------------------------------------------------------


async def test_input_is_listed_in_pages_either_way(house: KeepingHouse) -> None:
    talk = [{"role": "user", "content": f"m{number}"} for number in range(5)]
    id_ = await house.made(input=[*talk, {"role": "assistant", "content": "a", "id": "mine"}])

    first = (await house.get(f"{id_}/input_items?limit=4&order=asc")).json
    rest = (await house.get(f"{id_}/input_items?limit=4&order=asc&after={first['last_id']}")).json
    newest = (await house.get(f"{id_}/input_items?limit=1")).json

    texts = [item["content"][0]["text"] for item in (*first["data"], *rest["data"])]
    assert texts == ["m0", "m1", "m2", "m3", "m4", "a"]
    assert (first["has_more"], rest["has_more"], newest["has_more"]) == (True, False, True)
    assert (newest["first_id"], newest["last_id"]) == ("mine", "mine")


async def test_input_holds_what_came_before(house: KeepingHouse) -> None:
    first = await house.made()
    second = await house.made(input="and?", previous_response_id=first)

    listed = (await house.get(f"{second}/input_items?order=asc")).json["data"]

    assert [item["content"][0]["text"] for item in listed] == ["hello SECRET", "hi SECRET", "and?"]
    assert len({item["id"] for item in listed}) == 3


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("input_items?limit=0", "limit"),
        ("input_items?limit=101", "limit"),
        ("input_items?limit=x", "limit"),
        ("input_items?order=up", "order"),
        ("input_items?after=none", "after"),
        ("input_items?before=x", "before"),
        ("input_items?include=message.input_image.image_url", "include"),
        ("?stream=true", "stream"),
        ("?starting_after=3", "stream"),
        ("?include[]=x", "include"),
        ("?surprise=1", "surprise"),
    ],
)
async def test_a_query_that_cannot_be_answered_is_refused_by_name(house: KeepingHouse, query: str, param: str) -> None:
    id_ = await house.made()

    answered = await house.get(id_ + query if query.startswith("?") else f"{id_}/{query}")

    assert error_of(answered)[::2] == (400, param)
    assert (await house.get(f"{id_}?stream=false")).status == 200


# --- its end ---------------------------------------------------------------------------------------------------------


async def test_what_is_deleted_is_gone(house: KeepingHouse) -> None:
    id_ = await house.made()

    deleted = await house.get(id_, "DELETE")

    assert deleted.json == {"id": id_, "object": "response", "deleted": True}
    assert (house.items, error_of(await house.get(id_))) == ([], GONE)
    assert house.told == ["kept.stored", "kept.deleted"]


async def test_under_a_legal_hold_it_leaves_its_callers_sight_only(house: KeepingHouse, tmp_path: Path) -> None:
    id_ = await house.made()
    log = tmp_path / "audit" / "plant/n1/w0" / "default"
    log.mkdir(parents=True)
    (log / "hold").touch()

    assert (await house.get(id_, "DELETE")).status == 200

    assert error_of(await house.get(id_)) == GONE
    assert error_of(await house.get(id_, "DELETE")) == GONE
    assert len(house.items) == 1


async def test_nothing_that_ran_in_front_of_its_caller_can_be_cancelled(house: KeepingHouse) -> None:
    answered = await house.get(f"{await house.made()}/cancel", "POST")

    assert error_of(answered)[0] == 400


@pytest.mark.parametrize("path", ["", "/input_items"])
async def test_what_cannot_be_put_on_record_is_not_shown(house: KeepingHouse, path: str) -> None:
    id_ = await house.made()
    house.faults["durable"] = AuditUnavailable()

    answered = await house.get(id_ + path)

    assert answered.status == 503
    assert b"SECRET" not in answered.body


async def test_what_cannot_be_stored_says_so(house: KeepingHouse) -> None:
    house.faults["event"] = AuditUnavailable()

    plain, stream = await house.ask(), await house.ask(stream=True)

    assert (plain.status, plain.json["store"]) == (200, False)
    assert (stream.events[-1][0], stream.events[-1][1]["response"]["store"]) == ("response.completed", False)
    assert house.items == []


# --- streams ---------------------------------------------------------------------------------------------------------


async def test_a_stream_is_kept_as_it_ended(house: KeepingHouse) -> None:
    house.engines["a"].script = words("hi ", "there")

    answered = await house.ask(stream=True)

    (_, created), *_, (name, last) = answered.events
    again = await house.get(created["response"]["id"])
    assert (name, again.json) == ("response.completed", last["response"])
    assert [event["sequence_number"] for _, event in answered.events] == list(range(len(answered.events)))


async def test_the_end_is_told_after_it_is_on_disk(house: KeepingHouse) -> None:
    seen: list[tuple[bool, int]] = []
    put = house.side.put

    def late(sealed: Any) -> None:
        seen.append((False, len(house.items)))
        put(sealed)
        seen.append((True, len(house.items)))

    house.side.put = late  # type: ignore[method-assign]

    answered = await house.ask(stream=True)

    assert seen == [(False, 0), (True, 1)]
    assert answered.events[-1][1]["response"]["store"] is True


async def test_a_stream_that_breaks_is_kept_as_far_as_it_was_shown(house: KeepingHouse) -> None:
    house.engines["a"].script = [Chunk((Choice(0, content="half "),)), EngineUnavailable()]

    answered = await house.ask(stream=True)

    again = (await house.get(answered.events[0][1]["response"]["id"])).json
    assert answered.events[-1][0] == "response.failed"
    assert (again["status"], again["output"][0]["content"][0]["text"]) == ("failed", "half ")


async def test_an_answer_that_nobody_learnt_of_is_not_kept(house: KeepingHouse) -> None:
    for engine in house.engines.values():
        engine.script = [EngineUnavailable()]

    assert (await house.ask()).status == 503

    assert (house.items, house.kept._making) == ([], {})


class Hanging:
    """An answer whose second part waits for ``go``; :meth:`begun` waits for its first, and returns the id."""

    def __init__(self, house: KeepingHouse) -> None:
        self.go = asyncio.Event()
        self.sent: list[bytes] = []
        self.gone = asyncio.Event()
        self.app = house.app
        engine = house.engines["a"]

        async def answer(prompt: Any) -> Any:
            yield Chunk((Choice(0, content="half "),))
            await self.go.wait()
            yield Chunk((Choice(0, content="whole", finish_reason="stop"),), Usage(1, 2))

        engine.answer = answer  # type: ignore[method-assign]

    async def run(self) -> None:
        said = [(b"content-type", b"application/json"), (b"authorization", b"Bearer key")]
        scope = {"type": "http", "method": "POST", "path": "/v1/responses", "query_string": b"", "headers": said}
        scope |= {"client": ("127.0.0.1", 1), "raw_path": b"/v1/responses", "root_path": "", "scheme": "http"}
        asked = [{"type": "http.request", "body": orjson.dumps({**ASK, "stream": True})}]

        async def receive() -> Any:
            if asked:
                return asked.pop()
            await self.gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            self.sent.append(message.get("body", b""))

        await self.app(scope, receive, send)

    async def begun(self) -> str:
        async with asyncio.timeout(5):
            while b"half " not in b"".join(self.sent):  # noqa: ASYNC110 - another task sends them
                await asyncio.sleep(0.001)
        first = b"".join(self.sent).split(b"\n")[1].removeprefix(b"data: ")
        return str(orjson.loads(first)["response"]["id"])


async def test_an_answer_that_is_being_made_says_so(house: KeepingHouse) -> None:
    hanging = Hanging(house)
    asking = asyncio.create_task(hanging.run())
    id_ = await hanging.begun()

    now = (await house.get(id_)).json
    before = error_of(await house.ask(previous_response_id=id_))
    house.caller = OTHERS["same project, other key"]
    theirs = error_of(await house.get(id_))
    house.caller = CALLER
    hanging.go.set()
    await asking

    assert (now["status"], now["output"], now["store"]) == ("in_progress", [], True)
    assert (before, theirs) == (NO_BEFORE, GONE)
    assert (await house.get(id_)).json["output"][0]["content"][0]["text"] == "half whole"


async def test_an_answer_whose_caller_hung_up_is_kept_as_far_as_it_was_shown(house: KeepingHouse) -> None:
    hanging = Hanging(house)
    asking = asyncio.create_task(hanging.run())
    id_ = await hanging.begun()

    hanging.gone.set()
    await asking

    again = (await house.get(id_)).json
    assert (again["status"], again["output"][0]["content"][0]["text"]) == ("cancelled", "half ")
    assert house.kept._making == {}


async def test_an_answer_is_not_seen_where_nobody_judged_it_and_can_still_be_destroyed(house: KeepingHouse) -> None:
    house.caller = replace(CALLER, access_from="FR")
    id_ = await house.made()
    assert [(await house.get(path)).status for path in (id_, f"{id_}/input_items")] == [200, 200]

    house.caller = replace(CALLER, access_from="US")
    refused = [await house.get(path) for path in (id_, f"{id_}/input_items")]
    assert [error_of(answered)[:2] for answered in refused] == [(403, "kept.shown_elsewhere")] * 2
    assert not any(b"hi " in answered.body or b"hello" in answered.body for answered in refused)
    assert house.told.count("kept.read") == 2

    house.caller = CALLER  # at home
    assert (await house.get(id_)).status == 200
    house.caller = replace(CALLER, access_from="US")
    assert (await house.get(id_, "DELETE")).status == 200


async def test_another_caller_abroad_learns_nothing(house: KeepingHouse) -> None:
    id_ = await house.made()
    house.caller = replace(OTHERS["same project, other key"], access_from="US")

    assert error_of(await house.get(id_))[:2] == (404, "request.response_not_found")
