"""``POST /v1/responses`` where answers may be kept: what came before is put before the input, the answer is stored.

Rules:

1. What came before is part of the body before anything looks at it: it is searched, decided, redacted and counted as if
   the caller had sent it. A place in a refusal, ``input[7]``, counts it in.
2. The class of the conversation is at least what it was; another origin than the caller's own is refused.
3. The last event, or the body, leaves only after the answer was stored; where it was not, it says ``store: false``.
4. An answer of which the caller learnt, and that broke, is kept as far as it was shown.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from typing import Any, cast

from msgspec.structs import replace

from gateway.domain import Caller, Declared, highest_class
from gateway.errors import BadRequest, EngineUnavailable, PreviousResponseNotFound, ResponseNotFound
from gateway.http.arrival import HttpArrival, Scope
from gateway.http.body import Receive
from gateway.http.call import Api, Call, Request
from gateway.http.endpoint import Endpoint
from gateway.http.gate import Gate
from gateway.http.hangup import HangUp
from gateway.http.reply import Reply
from gateway.http.responses_speech import Writer
from gateway.http.responses_types import Prompting, ResponsesRequest
from gateway.kept.door import Item, Keeping, Responses, Turn, Wish
from gateway.kept.responses import PREFIX, joined
from gateway.pipeline import Checkpoint, Passage
from gateway.settings import ServerSettings

Identify = Callable[[str | None], Caller]

_PREFIXES = {"function_call": "fc", "function_call_output": "fco", "reasoning": "rs", "message": "msg"}


class ResponsesCall(Call):
    """A request that knows which of its input is its own."""

    own: list[Item]


class ResponsesArrival(HttpArrival):
    """A request that may go on from an answer that was kept."""

    def __init__(self, responses: Responses, identify: Identify, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._responses = responses
        self._identify = identify

    async def _call(self, api: Api, request: Request, tree: dict[str, Any], declared: Declared) -> Call:
        asked, own = cast(Prompting, request), items_of(tree["input"])
        if asked.previous_response_id is not None:
            turns = await self._before(asked.previous_response_id)
            tree["input"] = joined(turns) + own
            request = api.parse(tree)
            declared = _carrying(declared, turns)
        if isinstance(asked, ResponsesRequest) and asked.store:
            await self._responses.check_room(self._identify(self.authorization), _wish(asked, self.request_id))
        call = ResponsesCall(api, request, tree, declared, self._settings.max_text_chars)
        call.own = identified(own, self.request_id)
        return call

    async def _before(self, previous: str) -> list[Turn]:
        caller = self._identify(self.authorization)
        try:
            turns = list(await self._responses.conversation(caller, previous, self._settings.max_body_bytes))
        except ResponseNotFound as error:
            raise PreviousResponseNotFound(param="previous_response_id") from error
        if any(turn.collected_in != caller.collected_in for turn in turns):
            problem = "That conversation holds data that were collected in another country than this key's."
            raise BadRequest(problem, code="request.origin_mixed", param="previous_response_id")
        return turns


class ResponsesEndpoint(Endpoint):
    """``POST /v1/responses``, or the count of one, as an ASGI application."""

    def __init__(
        self, responses: Responses, api: Api, checkpoint: Checkpoint, gate: Gate, settings: ServerSettings
    ) -> None:
        super().__init__(api, checkpoint, gate, settings)
        self._responses = responses

    def _arrive(self, scope: Scope, receive: Receive, hang_up: HangUp) -> HttpArrival:
        identify = self._checkpoint.rooms.identity.identify
        given = (self._api, self._settings, scope, receive, hang_up.watch)
        return ResponsesArrival(self._responses, identify, *given)

    async def _relay(self, passage: Passage, call: Call, answer_id: str, reply: Reply) -> None:
        writer = Writer(call, answer_id)
        items = cast(ResponsesCall, call).own
        wish = _wish(cast(ResponsesRequest, call.request), answer_id)
        writer.stores(True)
        keeping = await self._responses.begin(passage, wish, writer.start())
        writer.stores(keeping is not None)
        reply.error_event = writer.failed
        try:
            await _answer(passage, call, writer, reply)
            if keeping is not None and not await keeping.keep(writer.close(), items):
                writer.stores(False)
        except BaseException as error:
            _end(keeping, writer, error, items, shown=reply.begun)
            raise
        await (reply.end(writer.end()) if call.stream else reply.whole(writer.body()))


async def _answer(passage: Passage, call: Call, writer: Writer, reply: Reply) -> None:
    """Relay what is streamed, but for the end; of a plain answer take note. Raises as the passage."""
    chunks = 0
    async with aclosing(passage.answer()) as answer:
        async for chunk in answer:
            chunks += 1
            if not call.stream:
                writer.note(chunk)
            elif event := writer.event(chunk):
                await reply.event(event)
    if not call.stream and chunks != 1:
        raise EngineUnavailable("The engine's answer was not complete.", code="engine.interrupted")


def _end(keeping: Keeping | None, writer: Writer, error: BaseException, items: list[Item], *, shown: bool) -> None:
    if keeping is None:
        return
    if shown:
        keeping.keep_broken(writer.broken(error), items)
    else:
        keeping.drop()


def _wish(request: ResponsesRequest, answer_id: str) -> Wish:
    return Wish(PREFIX + answer_id, request.store, request.previous_response_id or "")


def _carrying(declared: Declared, turns: list[Turn]) -> Declared:
    return replace(declared, carried=highest_class(*(turn.data_class for turn in turns)))


def items_of(given: Any) -> list[Item]:
    """Return an input as items: a text is one message of the user's, and messages have parts, as they are told back."""
    items = [{"type": "message", "role": "user", "content": given}] if isinstance(given, str) else given
    return [_in_parts(item) for item in items]


def _in_parts(item: Item) -> Item:
    content = item.get("content")
    if item["type"] != "message" or not isinstance(content, str):
        return item
    if item["role"] == "assistant":
        return {**item, "content": [{"type": "output_text", "text": content, "annotations": []}]}
    return {**item, "content": [{"type": "input_text", "text": content}]}


def identified(items: list[Item], answer_id: str) -> list[Item]:
    """Return the items, each with an id and a status, as they are kept."""
    return [
        {
            **{name: value for name, value in item.items() if value is not None},
            "id": item.get("id") or f"{_PREFIXES[item['type']]}_{answer_id}_in{number}",
            "status": item.get("status") or "completed",
        }
        for number, item in enumerate(items)
    ]
