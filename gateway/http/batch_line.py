"""One line of a batch through the whole pipeline: by the same endpoint as a request from outside, without a socket.

Rules:

1. It is identified as its key is when it runs: one that was revoked, has expired or has other limits is so here too.
2. It waits behind everybody else (priority ``low``), and for too short a time to grow older than others.
3. It is judged for being seen in the country from which its batch was made.
4. Its answer is kept for its caller, so it runs only where the decision lets an answer be kept (docs/adr/0017).
5. What came of it speaks of those whom the answer names, too. One that cannot be searched for them is not told: the
   line comes back later, as after any refusal that passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from msgspec.structs import replace

from gateway.audit.content.store import speaks_of_others
from gateway.domain import Segment
from gateway.errors import DetectorUnavailable, Forbidden
from gateway.http.answer_texts import texts_of_answer
from gateway.http.arrival import SUBJECT, HttpArrival, Scope
from gateway.http.body import Receive
from gateway.http.call import Api, Call, Write
from gateway.http.endpoint import Endpoint
from gateway.http.gate import Gate
from gateway.http.hangup import HangUp
from gateway.http.reply import Reply
from gateway.http.responses_endpoint import ResponsesEndpoint
from gateway.http.wire import OPENAI
from gateway.identity.recalled import RecalledKey
from gateway.keeping import spoken_of
from gateway.kept.batch_runner import Asked
from gateway.kept.door import Responses
from gateway.kept.files_door import StoredBatch
from gateway.kept.terms import days_kept
from gateway.pipeline import Checkpoint, Passage
from gateway.policy.access import RecalledPlace
from gateway.settings import ServerSettings

NOT_KEPT = "kept.not_allowed"
SEARCHES = 3
"""How often an answer is searched before its line is given up for now."""

NamesIn = Callable[[str, str, Sequence[Segment]], Awaitable[Collection[str]]]
"""Given tenant, project and an answer's texts, returns whom they name. Raises DetectorUnavailable."""


class _Noted(Endpoint):
    """An endpoint that says of each passage whom it speaks of, and for how long its answer may be kept."""

    request_id = ""
    keep_days = 0
    persons: tuple[str, ...] = ()
    days = 0

    def _named(self, arrival: HttpArrival) -> HttpArrival:
        arrival.request_id = self.request_id
        return arrival

    def _arrive(self, scope: Scope, receive: Receive, hang_up: HangUp) -> HttpArrival:
        return self._named(super()._arrive(scope, receive, hang_up))

    async def _relay(self, passage: Passage, call: Call, answer_id: str, reply: Reply) -> None:
        self._note(passage)
        await super()._relay(passage, call, answer_id, reply)
        self._note(passage)  # another target may have answered, under another grant

    async def _measure(self, passage: Passage, call: Call, write: Write, answer_id: str, reply: Reply) -> None:
        self._note(passage)
        await super()._measure(passage, call, write, answer_id, reply)
        self._note(passage)

    def _note(self, passage: Passage) -> None:
        """Raise Forbidden: the answer may not be kept, so nobody could fetch it."""
        visit, grant = passage.visit, passage.grant
        self.days = days_kept(grant, visit.data, self.keep_days) if visit and grant else 0
        if not self.days or visit is None:
            message = "Policy lets no answer to this be kept, and that of a batch's line must be: ask by itself."
            raise Forbidden(message, code=NOT_KEPT)
        self.persons = tuple(spoken_of(visit))


class _NotedResponses(_Noted, ResponsesEndpoint):
    """As :class:`_Noted`, of ``/v1/responses``."""


class LineGateway:
    """The :class:`gateway.kept.batch_runner.Gateway` of one process.

    Args:
        served: the API at each address.
        names_in: finds whom an answer names.
        load: how many requests hold a slot, and how many wait for one.
        wait_seconds: for a slot, at most.
        keep_days: for which answers are kept at most.
    """

    def __init__(
        self,
        served: Mapping[str, Api],
        given: tuple[Checkpoint, Gate, ServerSettings],
        responses: Responses,
        names_in: NamesIn,
        load: Callable[[], tuple[int, int]],
        wait_seconds: float,
        keep_days: int,
    ) -> None:
        self._served = served
        self._given = given
        self._responses = responses
        self._names_in = names_in
        self._load = load
        self._wait = f"{wait_seconds:.3f}".encode()
        self._keep_days = keep_days

    def is_open(self) -> bool:
        return self._given[1].open

    def held_and_waiting(self) -> tuple[int, int]:
        return self._load()

    async def ask(self, batch: StoredBatch, request_id: str, body: dict[str, Any]) -> Asked:
        """Send one line; never raises for what its sender would be told as an error."""
        path = batch.wanted.endpoint
        api = self._served[path]
        endpoint = (
            _NotedResponses(self._responses, api, *self._given)
            if path == "/v1/responses"
            else _Noted(api, *self._given)
        )
        endpoint.request_id, endpoint.keep_days = request_id, self._keep_days
        sent: list[Any] = []
        asked = [{"type": "http.request", "body": orjson.dumps(body)}]

        async def receive() -> Any:
            return asked.pop() if asked else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        await endpoint(self._scope(batch), receive, send)
        return await self._searched(batch, _asked(sent, request_id, endpoint))

    async def _searched(self, batch: StoredBatch, asked: Asked) -> Asked:
        """Return an answer with those whom it names; what says why not, where it cannot be searched (rule 5)."""
        if asked.status != HTTPStatus.OK or not speaks_of_others(asked.persons):
            return asked
        texts, owner = texts_of_answer(orjson.loads(asked.body)), batch.owner
        for left in reversed(range(SEARCHES)):
            try:
                named = await self._names_in(owner.tenant, owner.project, texts)
                return replace(asked, persons=tuple(sorted({*asked.persons, *named})))
            except DetectorUnavailable as error:
                refused = error
                if left:
                    await asyncio.sleep(error.retry_after_seconds or 1.0)
        said = OPENAI.error(refused, asked.request_id)
        return Asked(OPENAI.status(refused), said, asked.request_id, refused.retry_after_seconds or 0.0)

    def _scope(self, batch: StoredBatch) -> Scope:
        headers = [
            (b"content-type", b"application/json"),
            (b"x-sekisho-priority", b"low"),
            (b"x-sekisho-wait", self._wait),
            *((name.encode(), said.encode("latin-1", "replace")) for name, said in batch.wanted.headers.items()),
        ]
        path = batch.wanted.endpoint
        return {
            **{"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""},
            **{"headers": headers, "client": (RecalledPlace(batch.shown_in), 0), "root_path": "", "scheme": "http"},
            SUBJECT: RecalledKey(batch.owner.key),
        }


def _asked(sent: list[Any], request_id: str, endpoint: _Noted) -> Asked:
    """Read an answer. One that was told, and may not be kept after all, is not."""
    starts = [number for number, message in enumerate(sent) if message["type"] == "http.response.start"]
    whole = sent[starts[-1] :]
    headers = {name.lower(): value for name, value in whole[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in whole[1:])
    retry = headers.get(b"retry-after", b"0")
    seconds = float(retry) if retry.isdigit() else 0.0
    return Asked(whole[0]["status"], body, request_id, seconds, endpoint.persons, endpoint.days)
