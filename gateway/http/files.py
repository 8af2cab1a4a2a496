"""``/v1/files``: a caller leaves files here that its batches read, and takes those that they make.

A file goes to the disk as it comes in, sealed; of one that is too large, or whose caller hangs up, nothing stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from gateway.domain import Caller
from gateway.errors import BadRequest, BodyTooLarge
from gateway.http.multipart import Begin, Parts, boundary_of
from gateway.http.pages import KEPT_NOWHERE, json_of, page, wrong
from gateway.inquiry import Inquiry
from gateway.kept.batches import KeptBatches
from gateway.kept.files import MIB, KeptFiles, Upload
from gateway.kept.files_door import FILE, Owner, StoredFile
from gateway.kept.sealed_file import chunks_of
from gateway.policy.persons.transfers import looked_at_in

SHORTEST_SECONDS, LONGEST_SECONDS = 3600, 2_592_000  # OpenAI's bounds of expires_after
MOST_FIELD_BYTES = 1024
MOST_NAME_CHARS = 255
MOST_PAGE = 10_000

_FIELDS = ("purpose", "expires_after[anchor]", "expires_after[seconds]")
_OTHERS = ("assistants", "assistants_output", "fine-tune", "fine-tune-results", "vision", "user_data", "evals")
Identify = Callable[[Request], Caller]


def add_files(app: FastAPI, inquiry: Inquiry, identify: Identify, batches: KeptBatches) -> None:
    """Add the routes of files. Without a key they are 401 first, as everything is."""
    files = batches.files

    @app.post("/v1/files", tags=["files"], summary="Leave a file of requests for a batch")
    async def upload(request: Request) -> Response:
        async with inquiry.counted(identify(request)) as caller:
            file = await _Upload(files, Owner.of(caller), looked_at_in(caller)).taken(request)
        return json_of(file.shown())

    @app.get("/v1/files", tags=["files"], summary="Your files")
    async def list_files(request: Request) -> Response:
        async with inquiry.counted(identify(request)) as caller:
            purpose = request.query_params.get("purpose")
            found = [file.shown() for file in await files.listed(caller) if purpose in (None, file.purpose)]
        return json_of(page(request, found, most=MOST_PAGE, usual=MOST_PAGE, more=("purpose",)))

    @app.get("/v1/files/{file_id}", tags=["files"], summary="One of your files")
    async def get_file(request: Request, file_id: str) -> Response:
        async with inquiry.counted(identify(request)) as caller:
            return json_of((await files.find(caller, file_id)).shown())

    @app.delete("/v1/files/{file_id}", tags=["files"], summary="Destroy one of your files")
    async def delete_file(request: Request, file_id: str) -> Response:
        async with inquiry.counted(identify(request)) as caller:
            await batches.delete_file(caller, file_id)
        return json_of({"id": file_id, "object": "file", "deleted": True})

    @app.get("/v1/files/{file_id}/content", tags=["files"], summary="What one of your files holds")
    async def get_content(request: Request, file_id: str) -> Response:
        async with inquiry.counted(identify(request)) as caller:
            file = await files.find(caller, file_id, why="content")
        chunks = chunks_of(files.place(file.owner, file.id.removeprefix(FILE)), file.secret)
        headers = {**KEPT_NOWHERE, "content-length": str(file.size), "x-content-type-options": "nosniff"}
        return StreamingResponse(_streamed(chunks), headers=headers, media_type="application/octet-stream")


async def _streamed(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
        yield chunk


class _Upload:
    """One ``POST /v1/files``."""

    def __init__(self, files: KeptFiles, owner: Owner, shown_in: str) -> None:
        self._files = files
        self._shown_in = shown_in
        self._owner = owner
        self._fields: dict[str, bytearray] = {}
        self._filename = ""
        self._upload: Upload | None = None
        self._part: Begin | None = None

    async def taken(self, request: Request) -> StoredFile:
        """Return the file that the body holds, stored.

        Raises:
            BadRequest: naming the field; BodyTooLarge; QuotaExceeded; AuditUnavailable.
        """
        parts = Parts(boundary_of(request.headers.get("content-type", "").encode("latin-1")))
        most = self._files.settings.max_mib * MIB
        if int(request.headers.get("content-length", "0")) > most + MIB:
            raise self._too_large()
        await asyncio.to_thread(self._files.check_room, self._owner)
        try:
            async for piece in request.stream():
                for event in parts.feed(piece):
                    await self._take(event)
                if self._upload is not None and self._upload.writer.size > most:
                    raise self._too_large()
            return await self._kept(ended=parts.ended)
        except ClientDisconnect as error:
            self._drop()
            raise BadRequest("The connection closed before the file was whole.", param="file") from error
        except BaseException:
            self._drop()
            raise

    async def _take(self, event: Begin | bytes | None) -> None:
        if isinstance(event, Begin):
            self._begin(event)
            self._part = event
        elif event is not None and self._part is not None:
            if self._part.name == "file" and self._upload is not None:
                await asyncio.to_thread(self._upload.writer.write, event)
                return
            field = self._fields[self._part.name]
            field += event
            if len(field) > MOST_FIELD_BYTES:
                raise wrong(self._part.name, f"`{self._part.name}` is too long.")

    def _begin(self, part: Begin) -> None:
        if part.name in self._fields or (part.name == "file" and self._upload is not None):
            raise wrong(part.name, f"`{part.name}` stands twice in the body.")
        if part.name == "file":
            if part.filename is None:
                raise wrong("file", "`file` is a file, with a filename.")
            self._filename = part.filename[:MOST_NAME_CHARS] or "upload"
            self._upload = self._files.begin(self._owner)
        elif part.name in _FIELDS:
            self._fields[part.name] = bytearray()
        else:
            name = part.name[:64]
            raise BadRequest(f"Unknown parameter: `{name}`.", code="unknown_parameter", param=name)

    async def _kept(self, *, ended: bool) -> StoredFile:
        fields = {name: value.decode("utf-8", "replace") for name, value in self._fields.items()}
        if not ended:
            raise BadRequest("The body is not well-formed multipart/form-data.", param="body")
        for name, there in (("file", self._upload is not None), ("purpose", "purpose" in fields)):
            if not there:
                raise BadRequest(
                    f"Missing required parameter: `{name}`.", code="missing_required_parameter", param=name
                )
        purpose = fields["purpose"]
        if purpose in _OTHERS:
            raise wrong("purpose", "Of OpenAI's purposes this gateway has one: `batch`.", "unsupported_value")
        if purpose != "batch":
            raise wrong("purpose", "`purpose` is `batch`.")
        seconds = _seconds(fields)
        upload = self._upload
        if upload is None or not upload.writer.size:
            raise wrong("file", "The file is empty.")
        return await self._files.finish(upload, self._filename, "batch", seconds, shown_in=self._shown_in)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"A file holds at most {self._files.settings.max_mib} MiB here.", param="file")

    def _drop(self) -> None:
        if self._upload is not None:
            self._upload.drop()


def _seconds(fields: dict[str, str]) -> int:
    """Return after how many seconds a file shall end; 0: it does not say."""
    anchor, said = fields.get("expires_after[anchor]"), fields.get("expires_after[seconds]")
    if anchor is None and said is None:
        return 0
    return seconds_after(anchor, int(said) if said and said.isascii() and said.isdigit() and len(said) < 9 else None)


def seconds_after(anchor: Any, seconds: Any, param: str = "expires_after") -> int:
    """Check OpenAI's ``expires_after``. Raises BadRequest."""
    if anchor != "created_at":
        raise wrong(f"{param}[anchor]", "The anchor is `created_at`.")
    if not isinstance(seconds, int) or not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise wrong(f"{param}[seconds]", f"Seconds are a number from {SHORTEST_SECONDS} to {LONGEST_SECONDS}.")
    return seconds
