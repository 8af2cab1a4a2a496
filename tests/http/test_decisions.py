"""What a caller sees of a decision: over a real socket, written into and read from a real log."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from house import CALLER, House, words
from msgspec.structs import replace

from gateway.audit.book import LogBook
from gateway.audit.log.reader import search
from gateway.audit.receipt.issue import verify_receipt
from gateway.audit.recent import Recent
from gateway.domain import Caller, Choice, Chunk, Decision, Detection, Finding, Grant, Reason, Role, Usage
from gateway.errors import EngineUnavailable, LimitExceeded, PolicyUnavailable, Unauthenticated
from gateway.http import api
from gateway.http.gate import Gate
from gateway.http.listener import Listener
from gateway.inquiry import Inquiry
from gateway.pipeline import Checkpoint
from gateway.settings import AuditSettings, ServerSettings

CHAT = "/v1/chat/completions"
PREVIEW = "/v1/decisions/preview"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello SECRET"}]}
ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
OTHERS = {
    "Bearer other": replace(CALLER, key_id="k2", project="paint-shop"),
    "Bearer foreign": replace(CALLER, key_id="k3", tenant="other"),
    "Bearer auditor": replace(CALLER, key_id="k4", roles=(Role.AUDITOR,)),
}
TABLE = Reason("policy.table_denied", "table", "rules.csv", "deny", {"row": "3", "data": "PERSON"})


class Plant(House):
    """A house with more callers, and reasons of the test's choice for a no."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: tuple[Reason, ...] = ()

    def identify(self, authorization: str | None) -> Caller:
        if authorization == "Bearer nobody":
            raise Unauthenticated
        return OTHERS.get(authorization or "") or super().identify(authorization)

    async def decide(self, question: Any) -> Decision:
        decision = await super().decide(question)
        return replace(decision, reasons=self.reasons or decision.reasons)


class Served:
    """The house behind a socket, its log open."""

    def __init__(self, house: Plant, book: LogBook, base: str, session: aiohttp.ClientSession) -> None:
        self.house, self.book, self.base, self.session = house, book, base, session

    async def post(self, body: Any, path: str = CHAT, **headers: str) -> tuple[int, Any, Any]:
        said = {"authorization": "Bearer key", **headers}
        async with self.session.post(self.base + path, data=orjson.dumps(body), headers=said) as answer:
            raw = await answer.read()
            return (
                answer.status,
                orjson.loads(raw) if answer.content_type == "application/json" else raw,
                answer.headers,
            )

    async def get(self, path: str, **headers: str) -> tuple[int, Any, Any]:
        said = {"authorization": "Bearer key", **headers}
        async with self.session.get(self.base + path, headers=said) as answer:
            return answer.status, json.loads(await answer.read()), answer.headers

    async def preview(self, body: Any = BODY, endpoint: str = CHAT, **headers: str) -> tuple[int, Any, Any]:
        return await self.post({"endpoint": endpoint, "body": body}, PREVIEW, **headers)

    def records(self, type_: str) -> list[dict[str, Any]]:
        return [record for record in search(self.book.folder) if record["type"] == type_]

    def forget(self) -> None:
        """Lose what memory knows of the log, as a restart does."""
        assert self.book._writer
        self.book._writer.recent = Recent()


@pytest.fixture
def book(tmp_path: Path) -> Iterator[LogBook]:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    settings = AuditSettings(checkpoint_seconds=0.1)
    book = LogBook(tmp_path / "audit", origin="plant/n1/w0", log_key=key, settings=settings)
    book.open()
    yield book
    book.close()


@pytest.fixture
async def served(free_port: int, book: LogBook) -> AsyncIterator[Served]:
    house = Plant()
    house.engines["a"].script = [_whole()]
    checkpoint = Checkpoint(replace(house.checkpoint().rooms, book=book))
    settings = ServerSettings(listen=f"127.0.0.1:{free_port}", max_body_bytes=100_000, max_text_chars=1000)
    public = api.build(checkpoint, Inquiry(checkpoint.rooms, 0), Gate(), settings)
    listener = Listener.on_address(public, settings)
    serving = asyncio.ensure_future(listener.run_sockets())
    await listener.began()
    async with aiohttp.ClientSession() as session:
        yield Served(house, book, f"http://127.0.0.1:{free_port}", session)
    listener.should_exit = True
    await serving


def _whole() -> Any:
    return Chunk((Choice(0, "assistant", "hi", finish_reason="stop"),), Usage(3, 2))


# --- the header


async def test_a_plain_answer_names_its_decision(served: Served) -> None:
    status, _, headers = await served.post(BODY)

    assert (status, headers["x-sekisho-decision"]) == (200, "D1")


async def test_a_stream_names_its_decision_when_it_begins(served: Served) -> None:
    served.house.engines["a"].script = words("one ", "two")

    status, _, headers = await served.post({**BODY, "stream": True})

    assert (status, headers["x-sekisho-decision"]) == (200, "D1")


@pytest.mark.parametrize("stream", [True, False])
async def test_the_attempt_that_answered_is_named_not_the_one_that_failed(served: Served, stream: bool) -> None:
    served.house.engines["a"].script = [EngineUnavailable()]
    served.house.engines["b"].script = words("hi") if stream else [_whole()]

    _, _, headers = await served.post({**BODY, "stream": stream})

    assert headers.getall("x-sekisho-decision") == ["D2"]


@pytest.mark.parametrize(
    ("room", "error"),
    [
        ("choose", LimitExceeded(code="fleet.queue_full")),
        ("tokens", LimitExceeded(code="limits.tokens")),
        ("redact", ZeroDivisionError()),
    ],
)
async def test_every_refusal_after_a_decision_names_it(served: Served, room: str, error: BaseException) -> None:
    served.house.faults[room] = error

    _, answer, headers = await served.post(BODY)

    assert headers.getall("x-sekisho-decision") == ["D1"]
    assert answer["error"]["decision_id"] == "D1"


async def test_a_refusal_before_any_decision_names_none(served: Served) -> None:
    served.house.faults["reserve"] = LimitExceeded()

    status, answer, headers = await served.post(BODY)

    assert status == 429
    assert "x-sekisho-decision" not in headers
    assert "decision_id" not in answer["error"]


# --- looking one up


async def test_a_caller_sees_its_own_decision_in_words(served: Served) -> None:
    _, _, headers = await served.post(BODY)

    status, shown, head = await served.get(f"/v1/decisions/{headers['x-sekisho-decision']}")

    assert status == 200
    assert (shown["object"], shown["id"], shown["allow"], shown["kind"]) == ("sekisho.decision", "D1", True, "attempt")
    assert (shown["sent_to"], shown["model"], shown["class"]) == ("a", "m", "internal")
    assert shown["targets"][0] == {"id": "a", "site": "plant", "redact": {"*": "pseudonymise"}}
    assert shown["redactions"] == {"PERSON": 1}
    assert shown["words"][0].startswith("Allowed")
    assert (head["cache-control"], head["vary"]) == ("no-store", "accept-language")
    assert "SECRET" not in json.dumps(shown)


async def test_attempts_of_one_request_are_shown_with_how_they_ended(served: Served) -> None:
    served.house.engines["a"].script = [EngineUnavailable()]
    served.house.engines["b"].script = [_whole()]
    await served.post(BODY)

    _, shown, _ = await served.get("/v1/decisions/D1")

    tried = [(each["decision"], each["target"], each["status"], each["code"]) for each in shown["attempts"]]
    assert tried == [("D1", "a", "failed", "engine.unavailable"), ("D2", "b", "done", "")]


@pytest.mark.parametrize(
    ("accepted", "language", "word"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de", "Abgelehnt"),
        ("ja", "ja", ""),
        ("fr, zh-Hans;q=0.3", "zh", ""),
        ("fr", "en", "Refused"),
        ("en;q=0, de;q=nonsense", "en", "Refused"),
    ],
)
async def test_reasons_are_in_the_callers_language(served: Served, accepted: str, language: str, word: str) -> None:
    served.house.allowed = []
    served.house.reasons = (TABLE,)
    await served.post(BODY)

    status, shown, headers = await served.get("/v1/decisions/D1", **{"accept-language": accepted})

    assert (status, headers["content-language"], shown["allow"]) == (200, language, False)
    assert shown["words"][0].startswith(word)
    assert (shown["reasons"][0]["code"], shown["reasons"][0]["params"]["row"]) == ("policy.table_denied", "3")


async def test_the_four_languages_say_a_reason_differently(served: Served) -> None:
    served.house.allowed = []
    served.house.reasons = (TABLE,)
    await served.post(BODY)

    texts = {
        (await served.get("/v1/decisions/D1", **{"accept-language": tag}))[1]["reasons"][0]["text"]
        for tag in ("en", "de", "ja", "zh")
    }

    assert len(texts) == 4


async def test_a_decision_that_never_came_can_be_looked_up_by_the_id_that_was_told(served: Served) -> None:
    served.house.faults["policy"] = PolicyUnavailable(code="policy.timeout", decision_id=ID)
    status, _, headers = await served.post(BODY)
    assert (status, headers["x-sekisho-decision"]) == (503, ID)

    status, shown, _ = await served.get(f"/v1/decisions/{ID}")

    assert (status, shown["allow"], shown["kind"], shown["code"]) == (200, False, "refusal", "policy.timeout")
    assert shown["reasons"][0]["code"] == "policy.timeout"


@pytest.mark.parametrize("path", ["", "/receipt"])
async def test_anothers_decision_and_an_unknown_one_are_the_same_404(served: Served, path: str) -> None:
    await served.post(BODY)
    paths = {
        "D1": ("Bearer other", "Bearer foreign"),
        ID: ("Bearer key",),
        "no.id": ("Bearer key",),
        "preview": ("x",),
    }

    told = [
        await served.get(f"/v1/decisions/{found}{path}", authorization=key)
        for found, keys in paths.items()
        for key in keys
    ]

    assert {status for status, _, _ in told} == {404}
    assert len({json.dumps(body) for _, body, _ in told}) == 1
    assert told[0][1]["error"]["code"] == "policy.decision_not_found"


async def test_an_older_decision_is_found_in_the_files(served: Served) -> None:
    await served.post(BODY)
    served.forget()

    status, shown, _ = await served.get("/v1/decisions/D1")

    assert (status, shown["sent_to"], shown["attempts"][0]["status"]) == (200, "a", "done")
    assert served.house.diary[-2:] == ["reserve", "settled"]  # a search counts as a request of its key


async def test_what_memory_knows_costs_no_request(served: Served) -> None:
    await served.post(BODY)
    before = served.house.diary.count("reserve")

    await served.get("/v1/decisions/D1")

    assert served.house.diary.count("reserve") == before


async def test_one_search_at_a_time_and_the_loop_goes_on(served: Served, monkeypatch: Any) -> None:
    release = asyncio.Event()

    async def slow(decision_id: str) -> None:
        await release.wait()

    monkeypatch.setattr(served.book, "search", slow)
    first = asyncio.ensure_future(served.get(f"/v1/decisions/{ID}"))
    await asyncio.sleep(0.05)
    status, answer, headers = await served.get(f"/v1/decisions/{ID[:-1]}0")
    release.set()

    assert (status, answer["error"]["code"], headers["retry-after"]) == (429, "limits.searches", "1")
    assert (await first)[0] == 404


# --- receipts


async def test_a_receipt_is_pending_first_and_then_proven(served: Served) -> None:
    await served.post(BODY)
    vkey = served.book.verifier_key()

    seen = []
    for _ in range(60):
        async with served.session.get(
            f"{served.base}/v1/decisions/D1/receipt", headers={"authorization": "Bearer key"}
        ) as answer:
            report = verify_receipt(await answer.read(), vkey)
            assert answer.content_type == "application/vnd.dsse.envelope.v1+json"
        assert report.ok, report.problems
        seen.append(report.status)
        if report.status == "included":
            break
        await asyncio.sleep(0.05)

    assert (seen[0], seen[-1]) == ("pending", "included")
    assert (report.statement["target"], report.statement["site"], report.statement["decision"]) == ("a", "plant", "D1")


@pytest.mark.parametrize("of", ["refusal", "preview"])
async def test_where_nothing_was_sent_there_is_no_receipt(served: Served, of: str) -> None:
    if of == "preview":
        await served.preview()
    else:
        served.house.allowed = []
        await served.post(BODY)

    status, answer, _ = await served.get("/v1/decisions/D1/receipt")

    assert (status, answer["error"]["code"]) == (404, "policy.no_receipt")


async def test_a_receipt_whose_record_cannot_be_read_is_refused(served: Served) -> None:
    await served.post(BODY)
    bundle = served.book.folder / "tile" / "entries" / "000"
    bundle.rename(bundle.with_name("gone"))

    status, answer, _ = await served.get("/v1/decisions/D1/receipt")

    assert (status, answer["error"]["type"]) == (503, "service_unavailable")


# --- previews


async def test_a_preview_says_what_would_be_decided_and_sends_nothing(served: Served) -> None:
    status, seen, headers = await served.preview()

    assert status == 200
    assert (seen["object"], seen["allow"], seen["decision"]) == ("sekisho.preview", True, "D1")
    assert headers["x-sekisho-decision"] == "D1"
    assert [target["id"] for target in seen["targets"]] == ["a", "b"]
    assert seen["targets"][0]["redact"] == {"PERSON": "pseudonymise"}
    assert seen["findings"] == [
        {"path": "messages[0].content", "type": "PERSON", "count": 1, "operators": ["pseudonymise"]}
    ]
    assert "SECRET" not in json.dumps(seen)
    assert not any(engine.prompts for engine in served.house.engines.values())
    assert not served.records("intent")


async def test_a_preview_is_on_record_and_counts_as_a_request(served: Served) -> None:
    await served.preview()

    (record,) = served.records("preview")
    assert (record["decision"]["id"], record["caller"]["key_id"]) == ("D1", "k1")
    assert record["input"]["request"]["endpoint"] == "chat.completions"
    assert served.house.diary == ["identify", "reserve", "detect", "decide", "settled"]


async def test_a_preview_that_would_be_refused_is_an_answer(served: Served) -> None:
    served.house.allowed = []
    served.house.reasons = (TABLE,)

    status, seen, _ = await served.preview(**{"accept-language": "de"})

    assert (status, seen["allow"], seen["targets"]) == (200, False, [])
    assert (seen["reasons"][0]["code"], seen["reasons"][0]["severity"]) == ("policy.table_denied", "deny")
    assert seen["findings"][0]["operators"] == []
    assert not served.records("denial")


async def test_a_preview_asks_policy_what_the_real_request_asks(served: Served) -> None:
    asked: list[Any] = []

    async def decide(question: Any) -> Decision:
        asked.append(question)
        return Decision("D1", True, (Grant("a", {"*": "keep"}),), (), "r1", "b", "d", "opa")

    served.house.decide = decide  # type: ignore[method-assign]
    await served.post(
        {**BODY, "tools": [{"type": "function", "function": {"name": "f"}}]}, **{"x-sekisho-class": "strict"}
    )
    await served.preview(
        {**BODY, "tools": [{"type": "function", "function": {"name": "f"}}]}, **{"x-sekisho-class": "strict"}
    )

    real, previewed = (replace(each, request=replace(each.request, id="")) for each in asked)
    assert real == previewed
    assert previewed.data.data_class == "strict"


async def test_a_target_that_went_away_meanwhile_is_told_by_its_id(served: Served) -> None:
    async def decide(question: Any) -> Decision:
        served.house.engines.pop("a")
        return Decision("D1", True, (Grant("a", {"*": "keep"}),), (), "r1", "b", "d", "opa")

    served.house.decide = decide  # type: ignore[method-assign]

    status, seen, _ = await served.preview()

    assert (status, seen["targets"]) == (
        200,
        [{"id": "a", "site": "a", "jurisdiction": "", "redact": {"PERSON": "keep"}}],
    )


BAD: list[tuple[str, Any, int, str]] = [
    ("no endpoint", {"body": BODY}, 400, "endpoint"),
    ("another endpoint", {"endpoint": "/v1/models", "body": BODY}, 400, "endpoint"),
    ("a preview of a preview", {"endpoint": PREVIEW, "body": BODY}, 400, "endpoint"),
    ("unknown field", {"endpoint": CHAT, "body": BODY, "x": 1}, 400, "x"),
    ("unknown field within", {"endpoint": CHAT, "body": {**BODY, "x": 1}}, 400, "x"),
    ("no object within", {"endpoint": CHAT, "body": []}, 400, "body"),
    ("too much text", {"endpoint": CHAT, "body": {**BODY, "user": "x" * 1001}}, 400, "user"),
    ("too large", {"endpoint": CHAT, "body": {**BODY, "user": "x" * 100_001}}, 413, ""),
]


@pytest.mark.parametrize(("body", "status", "param"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
async def test_a_bad_preview_is_refused_in_openais_shape(served: Served, body: Any, status: int, param: str) -> None:
    got, answer, _ = await served.post(body, PREVIEW)

    assert (got, answer["error"]["param"] or "") == (status, param)
    assert len(served.records("denial")) == 1
    assert not served.records("preview")


async def test_who_previews_the_request_itself_is_told_how(served: Served) -> None:
    status, answer, _ = await served.post(BODY, PREVIEW)

    assert (status, answer["error"]["param"]) == (400, "endpoint")
    assert "`endpoint`, such as /v1/chat/completions, and `body`" in answer["error"]["message"]
    assert len(served.records("denial")) == 1


async def test_a_body_as_deep_as_may_be_can_be_previewed(served: Served) -> None:
    deepest: Any = {}
    for _ in range(ServerSettings().max_depth - 5):
        deepest = {"a": deepest}
    body = {**BODY, "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": deepest}}}

    assert (await served.post(body))[0] == (await served.preview(body))[0] == 200


async def test_a_key_that_may_not_ask_may_not_preview(served: Served) -> None:
    status, answer, _ = await served.preview(authorization="Bearer auditor")

    assert (status, answer["error"]["code"]) == (403, "identity.role")


async def test_a_preview_that_cannot_be_written_is_not_shown(served: Served) -> None:
    served.book.close()

    status, answer, headers = await served.preview()

    assert (status, answer["error"]["type"]) == (503, "service_unavailable")
    assert headers["x-sekisho-decision"] == "D1"


async def test_paths_name_fields_and_never_what_a_caller_made_up(served: Served) -> None:
    body = {"model": "m", "metadata": {"SECRET": "x"}, "messages": [{"role": "user", "content": "hello"}]}

    async def detect(segments: Any, caller: Any) -> Any:
        at = next(i for i, segment in enumerate(segments) if segment.text == "SECRET")
        return Detection((Finding(at, 0, 6, "PERSON", 1.0, "test"),), "test/1")

    served.house.detect = detect  # type: ignore[method-assign]
    _, seen, _ = await served.preview(body)

    assert seen["findings"][0]["path"] == "metadata.*"


# --- what a 403 says


async def test_a_403_names_path_and_type_and_what_to_change(served: Served) -> None:
    served.house.allowed = []
    served.house.reasons = (TABLE,)

    status, answer, _ = await served.post(BODY)

    error = answer["error"]
    assert (status, error["code"], error["param"]) == (403, "policy.table_denied", "messages[0].content")
    assert error["message"] == (
        "Policy does not allow this request: data of type PERSON (messages[0].content) may not go to any target of "
        "this model (policy.table_denied). Remove them."
    )
    assert error["sekisho"]["decision"] == error["decision_id"] == "D1"
    assert error["sekisho"]["findings"] == [{"path": "messages[0].content", "type": "PERSON"}]
    assert error["sekisho"]["reasons"][0]["params"] == {"row": "3", "data": "PERSON"}
    assert "SECRET" not in json.dumps(answer)


async def test_a_403_proposes_a_model_on_this_site_when_another_is_in_question(served: Served) -> None:
    served.house.allowed, served.house.reasons = [], (TABLE,)
    engine = served.house.engines["b"]
    engine.target = replace(engine.target, site="elsewhere", same_node=False)

    _, answer, _ = await served.post(BODY)

    assert answer["error"]["message"].endswith("Remove them or use a model on this site.")


WALKED = [
    ("GET", "/v1/decisions/D1", "Bearer nobody", 401, "invalid_api_key"),
    ("GET", "/v1/decisions/D1/receipt", "Bearer nobody", 401, "invalid_api_key"),
    ("POST", PREVIEW, "Bearer nobody", 401, "invalid_api_key"),
    ("GET", PREVIEW, "Bearer key", 404, "policy.decision_not_found"),
    ("GET", "/v1/decisions", "Bearer key", 404, "request.route_not_found"),
    ("GET", "/v1/decisions/", "Bearer key", 404, "request.route_not_found"),
    ("GET", "/v1/decisions/D1/more", "Bearer key", 404, "request.route_not_found"),
    ("POST", "/v1/decisions/D1", "Bearer key", 405, "request.method_not_allowed"),
    ("DELETE", "/v1/decisions/D1/receipt", "Bearer key", 405, "request.method_not_allowed"),
    ("PUT", PREVIEW, "Bearer key", 405, "request.method_not_allowed"),
]


@pytest.mark.parametrize(("method", "path", "key", "status", "code"), WALKED)
async def test_every_route_refuses_in_openais_shape(
    served: Served, method: str, path: str, key: str, status: int, code: str
) -> None:
    async with served.session.request(method, served.base + path, headers={"authorization": key}, data=b"{}") as answer:
        body = await answer.json()

    assert (answer.status, body["error"]["code"]) == (status, code)
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert "x-request-id" in answer.headers


async def test_the_new_routes_are_described(served: Served) -> None:
    _, description, _ = await served.get("/openapi.json")

    paths, schemas = description["paths"], description["components"]["schemas"]
    wish = paths[PREVIEW]["post"]["requestBody"]["content"]["application/json"]["schema"]
    shown = paths["/v1/decisions/{decision_id}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert (wish["$ref"], shown["$ref"]) == (
        "#/components/schemas/PreviewRequest",
        "#/components/schemas/DecisionShown",
    )
    assert {"PreviewShown", "Receipt"} <= set(schemas)
    assert "/v1/decisions/{decision_id}/receipt" in paths
    assert "x-sekisho-decision" in paths[CHAT]["post"]["responses"]["200"]["headers"]


async def test_a_receipt_is_a_dsse_envelope(served: Served) -> None:
    await served.post(BODY)
    async with served.session.get(
        f"{served.base}/v1/decisions/D1/receipt", headers={"authorization": "Bearer key"}
    ) as answer:
        envelope = json.loads(await answer.read())

    assert envelope["payloadType"] == "application/vnd.sekisho.receipt+json"
    assert json.loads(base64.b64decode(envelope["payload"]))["version"] == "sekisho.receipt/1"


async def test_a_refusal_is_said_in_the_callers_language(served: Served) -> None:
    served.house.allowed = []
    served.house.reasons = (TABLE,)

    status, told, _ = await served.post(BODY, **{"accept-language": "de-AT, en;q=0.5"})

    assert (status, told["error"]["code"]) == (403, "policy.table_denied")
    assert told["error"]["message"].startswith("Das Regelwerk lässt diese Anfrage nicht zu")
    assert (await served.post(BODY))[1]["error"]["message"].startswith("Policy does not allow this request")
