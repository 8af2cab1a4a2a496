"""Files that callers leave here, and batches over them: the doors of ``kept``, as HTTP and the house need them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from gateway.domain import Caller


def now_seconds() -> int:
    """Return the time as OpenAI's objects have it: seconds since 1970."""
    return int(datetime.now(UTC).timestamp())


FILE, BATCH = "file-", "batch_"
Purpose = Literal["batch", "batch_output"]
Status = Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]
OVER: frozenset[Status] = frozenset(("failed", "completed", "expired", "cancelled"))
ENDPOINTS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses")


class Owner(msgspec.Struct, frozen=True):
    """Whose something is: nobody else learns that it is there."""

    tenant: str
    project: str
    key: str

    @classmethod
    def of(cls, caller: Caller) -> Owner:
        return cls(caller.tenant, caller.project, caller.key_id)


class StoredFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of a file: ``sekisho.file/1``. It lies sealed in the side store; times in seconds since 1970."""

    id: str
    owner: Owner
    filename: str
    purpose: Purpose
    size: int = msgspec.field(name="bytes")
    created_at: int
    expires_at: int
    secret: bytes  # the key of its content
    shown_in: str = ""  # the country where it was left, or for which its lines were judged
    version: Literal["sekisho.file/1"] = "sekisho.file/1"

    def shown(self) -> dict[str, Any]:
        """Return OpenAI's object."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.size,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as its caller asks for it. ``headers`` hold for every line of it."""

    input_file_id: str
    endpoint: str
    window_seconds: int
    completion_window: str
    metadata: dict[str, str] | None = None
    headers: dict[str, str] = {}
    output_seconds: int = 0  # 0: the caller does not say


class StoredBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of a batch never changes: ``sekisho.batch/1``. It lies sealed in the side store."""

    id: str
    owner: Owner
    wanted: Wanted
    created_at: int
    secret: bytes  # the key of its journal
    output_id: str
    error_id: str
    shown_in: str = ""  # the country from which it was made: its lines are judged for it
    version: Literal["sekisho.batch/1"] = "sekisho.batch/1"

    @property
    def expires_at(self) -> int:
        return self.created_at + self.wanted.window_seconds


class Fault(msgspec.Struct, frozen=True):
    """Why a batch was not begun: OpenAI's entry of ``errors.data``. No text of the file's."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far a batch is. Holds nothing of what the file says."""

    status: Status = "validating"
    times: dict[str, int] = {}  # OpenAI's names of moments, such as in_progress_at: seconds since 1970
    total: int = 0
    completed: int = 0
    failed: int = 0
    errors: tuple[Fault, ...] = ()
    model: str | None = None
    has_output: bool = False
    has_errors: bool = False
    version: Literal["sekisho.batch-state/1"] = "sekisho.batch-state/1"


MOMENTS = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")


def shown(batch: StoredBatch, state: State) -> dict[str, Any]:
    """Return OpenAI's object."""
    faults = [msgspec.to_builtins(fault) for fault in state.errors]
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.wanted.endpoint,
        "model": state.model,
        "errors": {"object": "list", "data": faults} if faults else None,
        "input_file_id": batch.wanted.input_file_id,
        "completion_window": batch.wanted.completion_window,
        "status": state.status,
        "output_file_id": batch.output_id if state.has_output else None,
        "error_file_id": batch.error_id if state.has_errors else None,
        "created_at": batch.created_at,
        "expires_at": batch.expires_at,
        **{f"{moment}_at": state.times.get(f"{moment}_at") for moment in MOMENTS},
        "request_counts": {"total": state.total, "completed": state.completed, "failed": state.failed},
        "metadata": batch.wanted.metadata,
    }
