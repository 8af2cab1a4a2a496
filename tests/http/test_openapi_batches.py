"""Files and batches over HTTP: answers are as the OpenAPI document says, in every state; a file in use stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import msgspec
import orjson
import pytest
from house import CALLER, House

from gateway.audit.content.store import SideStore
from gateway.audit.persons.keys import PersonKeys
from gateway.http import api
from gateway.http.gate import Gate
from gateway.http.listener import Listener
from gateway.inquiry import Inquiry
from gateway.kept.batches import KeptBatches
from gateway.kept.files import KeptFiles
from gateway.kept.files_door import Fault, Owner, State, Status, StoredBatch, now_seconds
from gateway.settings import BatchSettings, FileSettings, ServerSettings

LINE = {"custom_id": "a", "method": "POST", "url": "/v1/embeddings", "body": {"model": "m", "input": "hello"}}
FILE, BATCH = "/v1/files/{file_id}", "/v1/batches/{batch_id}"
STATES: dict[Status, dict[str, Any]] = {
    "validating": {},
    "failed": {"errors": (Fault("invalid_json_line", "No JSON.", None, 1),)},
    "in_progress": {"total": 3, "completed": 1, "model": "m"},
    "finalizing": {"total": 3, "completed": 3, "model": "m"},
    "completed": {"total": 3, "completed": 3, "model": "m", "has_output": True},
    "expired": {"total": 3, "completed": 1, "failed": 2, "model": "m", "has_output": True, "has_errors": True},
}
UNFINISHED = ("validating", "in_progress", "finalizing")


class Book:
    """Takes what is told, and is always durable."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def event(self, type: str, **details: Any) -> None:
        self.told.append(type)

    async def durable(self) -> None: ...


class Served:
    """A gateway that keeps files and batches in a folder; nobody runs them. ``check`` holds answers to the document."""

    def __init__(self, base: str, session: aiohttp.ClientSession, batches: KeptBatches, book: Book) -> None:
        self.base, self.session, self.batches, self.book = base, session, batches, book
        self.document: dict[str, Any] = {}

    async def check(self, method: str, path: str, named: str = "", **asked: Any) -> tuple[int, Any]:
        """Send, ``named`` in place of the id in the path, and hold the answer against the document."""
        address = path.replace("{file_id}", named).replace("{batch_id}", named)
        async with self.session.request(method, self.base + address, **asked) as answer:
            raw, kind = await answer.read(), answer.content_type
        schema = self.document["paths"][path][method.lower()]["responses"][str(answer.status)]["content"][kind][
            "schema"
        ]
        body = orjson.loads(raw) if kind == "application/json" else raw.decode()
        whole = {**schema, "components": self.document["components"]}
        jsonschema.Draft202012Validator(whole).validate(body)
        return answer.status, body

    async def uploaded(self) -> str:
        form = aiohttp.FormData({"purpose": "batch"})
        form.add_field("file", orjson.dumps(LINE) + b"\n", filename="a.jsonl")
        status, file = await self.check("POST", "/v1/files", data=form)
        assert status == 200
        return str(file["id"])

    async def made(self, file_id: str) -> str:
        asked = {"input_file_id": file_id, "endpoint": "/v1/embeddings", "completion_window": "24h"}
        status, batch = await self.check("POST", "/v1/batches", json={**asked, "metadata": {"shift": "night"}})
        assert status == 200
        return str(batch["id"])

    async def become(self, batch_id: str, status: Status, **more: Any) -> None:
        """Write that a batch is so far, as whoever runs it does."""
        batch, state = await asyncio.to_thread(self._found, batch_id)
        times = {**state.times, f"{status}_at": now_seconds()}
        self.batches.write(batch, msgspec.structs.replace(state, status=status, times=times, **more))

    def _found(self, batch_id: str) -> tuple[StoredBatch, State]:
        found = {batch.id: (batch, state) for batch, state in self.batches.unfinished(Owner.of(CALLER))}
        return found[batch_id]


@pytest.fixture
async def served(free_port: int, tmp_path: Path) -> AsyncIterator[Served]:
    book: Any = Book()
    side = SideStore(
        tmp_path / "content", PersonKeys(tmp_path / "persons", lambda tenant: (b"s" * 32,)), tmp_path / "audit"
    )
    files = KeptFiles(tmp_path / "files", side, tmp_path / "hidden", book, "plant/n1/w0", FileSettings())
    batches = KeptBatches(tmp_path / "batches", files, BatchSettings(), lambda key: None)
    checkpoint = House().checkpoint()
    settings = ServerSettings(listen=f"127.0.0.1:{free_port}")
    app = api.build(checkpoint, Inquiry(checkpoint.rooms, 0), Gate(), settings, batches=batches)
    listener = Listener.on_address(app, settings)
    serving = asyncio.ensure_future(listener.run_sockets())
    await listener.began()
    async with aiohttp.ClientSession(headers={"authorization": "Bearer key"}) as session:
        found = Served(f"http://127.0.0.1:{free_port}", session, batches, book)
        async with session.get(found.base + "/openapi.json") as answer:
            found.document = await answer.json()
        yield found
    listener.should_exit = True
    await serving


async def test_a_files_life_is_as_the_document_says(served: Served) -> None:
    file_id = await served.uploaded()

    assert (await served.check("GET", FILE, file_id))[1]["filename"] == "a.jsonl"
    assert orjson.loads((await served.check("GET", FILE + "/content", file_id))[1]) == LINE
    for query in ("", "?limit=1&order=asc", "?purpose=batch"):
        async with served.session.get(served.base + "/v1/files" + query) as answer:
            assert [file["id"] for file in (await answer.json())["data"]] == [file_id]
    assert (await served.check("GET", "/v1/files"))[0] == 200
    assert (await served.check("DELETE", FILE, file_id))[1]["deleted"] is True
    assert (await served.check("GET", FILE, file_id))[0] == 404


@pytest.mark.parametrize("status", STATES)
async def test_a_batch_is_as_the_document_says_in_every_state(served: Served, status: Status) -> None:
    batch_id = await served.made(await served.uploaded())
    if status != "validating":
        await served.become(batch_id, status, **STATES[status])

    assert (await served.check("GET", BATCH, batch_id))[1]["status"] == status
    assert (await served.check("GET", "/v1/batches"))[1]["data"][0]["status"] == status


async def test_a_cancelled_batch_says_since_when_in_both_states(served: Served) -> None:
    batch_id = await served.made(await served.uploaded())

    _, cancelling = await served.check("POST", BATCH + "/cancel", batch_id)
    await served.become(batch_id, "cancelled")
    _, cancelled = await served.check("GET", BATCH, batch_id)

    assert (cancelling["status"], cancelled["status"]) == ("cancelling", "cancelled")
    assert cancelling["cancelling_at"] == cancelled["cancelling_at"] > 0
    assert (await served.check("POST", BATCH + "/cancel", batch_id))[0] == 400


@pytest.mark.parametrize("status", UNFINISHED)
async def test_a_file_is_not_deleted_while_a_batch_reads_it(served: Served, status: Status) -> None:
    file_id = await served.uploaded()
    batch_id = await served.made(file_id)
    if status != "validating":
        await served.become(batch_id, status, **STATES[status])

    refused, body = await served.check("DELETE", FILE, file_id)

    assert (refused, body["error"]["code"], body["error"]["type"]) == (
        409,
        "request.file_in_use",
        "invalid_request_error",
    )
    assert batch_id in body["error"]["message"] and "cancel" in body["error"]["message"]
    assert "kept.deleted" not in served.book.told
    assert (await served.check("GET", FILE, file_id))[0] == 200
    await served.become(batch_id, "completed")
    assert (await served.check("DELETE", FILE, file_id))[0] == 200


@pytest.mark.parametrize("change", [{"key_id": "k2"}, {"project": "paint-shop"}, {"tenant": "other"}])
async def test_another_caller_does_not_learn_of_a_file_in_use(
    served: Served, change: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await served.uploaded()
    await served.made(file_id)
    other = msgspec.structs.replace(CALLER, **change)
    monkeypatch.setattr(House, "identify", lambda self, shown: other)

    _, refused = await served.check("DELETE", FILE, file_id)
    _, unknown = await served.check("DELETE", FILE, "file-01ARZ3NDEKTSV4RRFFQ69G5FAV")

    assert refused["error"]["code"] == "request.file_not_found"
    assert refused == unknown


@pytest.mark.parametrize(
    "asked",
    [{"data": b"{"}, {"json": {}}, {"data": b"{}", "headers": {"content-encoding": "gzip"}}],
    ids=["no-json", "no-fields", "compressed"],
)
async def test_a_refusal_is_as_the_document_says(served: Served, asked: dict[str, Any]) -> None:
    for path in ("/v1/batches", "/v1/files"):
        assert (await served.check("POST", path, **asked))[0] in (400, 415)


async def test_what_is_refused_does_not_fit_what_the_document_asks_for(served: Served) -> None:
    upload = served.document["paths"]["/v1/files"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    made = served.document["paths"]["/v1/batches"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    fits = jsonschema.Draft202012Validator({**made, "components": served.document["components"]}).is_valid
    asked = {"input_file_id": "file-1", "endpoint": "/v1/embeddings", "completion_window": "168h"}

    assert fits(asked) and jsonschema.Draft202012Validator(upload).is_valid({"file": "x", "purpose": "batch"})
    for wrong in ({"completion_window": "169h"}, {"endpoint": "/v1/rerank"}, {"more": 1}, {"metadata": {"a": 1}}):
        assert not fits({**asked, **wrong})
        assert (await served.check("POST", "/v1/batches", json={**asked, **wrong}))[0] == 400
