"""The hot routes: one request in, one answer out, plain or as server-sent events.

Raw ASGI, so that nothing stands between the socket and the pipeline. A caller that hangs up, in a plain call as in a
stream, cancels the passage, and with it the engine's work.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import cast

from gateway.ending import INTERRUPTED
from gateway.errors import ClientGone, EngineUnavailable, SekishoError
from gateway.http.arrival import HttpArrival, Scope, Send
from gateway.http.body import Receive
from gateway.http.call import Api, Call, Write
from gateway.http.gate import Gate, closing
from gateway.http.hangup import HangUp
from gateway.http.reply import JSON_TYPE, Reply
from gateway.http.speech import Failing
from gateway.http.wire import OPENAI
from gateway.pipeline import Checkpoint, Passage
from gateway.settings import ServerSettings
from gateway.telemetry.log import request_id

log = logging.getLogger("sekisho.http")


class Endpoint:
    """One API at one address, as an ASGI application."""

    def __init__(self, api: Api, checkpoint: Checkpoint, gate: Gate, settings: ServerSettings) -> None:
        self._api = api
        self._speech = api.speech or OPENAI
        self._checkpoint = checkpoint
        self._gate = gate
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with HangUp(receive) as hang_up:
            arrival = self._arrive(scope, receive, hang_up)
            reply = Reply(send, arrival.request_id, self._speech)
            request_id.set(arrival.request_id)
            if self._gate.open:
                with self._gate.passing():
                    await self._attend(arrival, reply)
            else:
                refusal = closing()
                self._checkpoint.turn_away(refusal, arrival.source)
                await reply.refuse(refusal)

    def _arrive(self, scope: Scope, receive: Receive, hang_up: HangUp) -> HttpArrival:
        return HttpArrival(self._api, self._settings, scope, receive, hang_up.watch)

    async def _serve(self, arrival: HttpArrival, reply: Reply) -> None:
        """Answer the request. Raises whatever is to be told as an error."""
        async with self._checkpoint.passage(arrival) as passage:
            reply.decision_id = lambda: passage.decision_id
            reply.standing = lambda: passage.standing
            call = await passage.admit()
            reply.dropped = arrival.dropped
            if self._api.write is not None:
                await self._measure(passage, cast(Call, call), self._api.write, arrival.request_id, reply)
            else:
                await self._relay(passage, cast(Call, call), arrival.request_id, reply)

    async def _attend(self, arrival: HttpArrival, reply: Reply) -> None:
        try:
            await self._serve(arrival, reply)
        except ClientGone:
            return
        except asyncio.CancelledError as end:
            if end.args != (INTERRUPTED,):
                raise
            uncancel()
            await reply.refuse(closing())
        except SekishoError as error:
            await reply.refuse(error.spoken(arrival.language))
        except Exception as error:  # the outermost edge: a defect of ours must still end in OpenAI's shape
            log.error("internal error", exc_info=error)
            await reply.refuse(SekishoError())

    async def _relay(self, passage: Passage, call: Call, answer_id: str, reply: Reply) -> None:
        writer = self._speech.writer(call, answer_id)
        if isinstance(writer, Failing):
            reply.error_event = writer.failed
        async with aclosing(passage.answer()) as chunks:
            if call.stream:
                async for chunk in chunks:
                    event = writer.event(chunk)
                    if event:
                        await reply.event(event)
                await reply.end(writer.end())
                return
            whole = [chunk async for chunk in chunks]
        if len(whole) != 1:
            raise EngineUnavailable("The engine's answer was not complete.", code="engine.interrupted")
        await reply.whole(writer.whole(whole[0]))

    async def _measure(self, passage: Passage, call: Call, write: Write, answer_id: str, reply: Reply) -> None:
        """Answer with numbers, as the API writes them. What it cannot write ends the attempt as the engine's fault."""
        answer = None
        async with aclosing(passage.answer()) as chunks:
            async for chunk in chunks:
                answer = write(call, chunk, answer_id)
        if answer is None:
            raise EngineUnavailable("The engine's answer was not complete.", code="engine.interrupted")
        await reply.whole(answer.body, headers=[*JSON_TYPE, *answer.headers])


def uncancel() -> None:
    """Take back a cancellation that was for the work, not for telling the caller about it."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
