"""A day in a plant, in small: every endpoint that callers use, streams that are hung up, and callers who are wrong.

:func:`day` sends it for some time to one real gateway and counts what came back. Texts are new each time, so caches
fill as they would, and hold personal data in four languages, so that it is found, replaced and put back. Nothing here
judges; who calls it does.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

CHAT, EMBEDDER = "smollm2-135m-instruct", "all-minilm-l6-v2"
PATIENCE_SECONDS = 120
SENTENCES = (
    "The press in hall {number} stopped; {first}.{last}@plant.example took the gauge out, call +49 30 {number}.",
    "Herr {last} hat Ventil {number} am Band getauscht, IBAN DE89370400440532013000 für die Rechnung.",
    "塗装ライン{number}で異音。担当は{last}さん、電話 03-{number}-4853。",
    "焊接工位{number}的扭矩异常，联系人{last}，手机 138{number}1234。",
)
FIRST, LAST = ("anna", "yuki", "li", "marco"), ("Weber", "田中", "王伟", "Rossi")


@dataclass
class Caller:
    """One caller: a session, a key, and dice of its own."""

    base: str
    session: aiohttp.ClientSession
    key: str
    dice: random.Random
    seen: Counter[str]

    def text(self) -> str:
        said = self.dice.choice(SENTENCES)
        words = {"number": self.dice.randint(1000, 9999), "first": self.dice.choice(FIRST)}
        return said.format(last=self.dice.choice(LAST), **words) + f" {self.dice.random()}"

    async def ask(self, method: str, path: str, body: object = None, *, key: str = "", raw: bytes = b"") -> bytes:
        """Send one request, read the answer to its end and count its status."""
        headers = {"authorization": f"Bearer {key or self.key}", "content-type": "application/json"}
        data = raw or (json.dumps(body).encode() if body is not None else None)
        async with self.session.request(method, self.base + path, data=data, headers=headers) as answer:
            content = await answer.read()
            self.seen[f"{method} {re.sub('/[a-z]+[-_][^/]+$', '/ID', path)}: {answer.status}"] += 1
            return content


def _chat(caller: Caller, **more: object) -> dict[str, object]:
    messages = [{"role": "user", "content": caller.text()}]
    return {"model": CHAT, "messages": messages, "max_tokens": caller.dice.choice((1, 4, 16)), **more}


async def plain(caller: Caller) -> None:
    await caller.ask("POST", "/v1/chat/completions", _chat(caller))


async def stream(caller: Caller) -> None:
    await caller.ask("POST", "/v1/chat/completions", _chat(caller, stream=True))


async def conversation(caller: Caller) -> None:
    """Three turns, each with all before it."""
    messages: list[dict[str, str]] = []
    for _ in range(3):
        messages.append({"role": "user", "content": caller.text()})
        told = await caller.ask("POST", "/v1/chat/completions", {"model": CHAT, "messages": messages, "max_tokens": 4})
        answer = json.loads(told).get("choices")
        if not answer:
            return
        messages.append({"role": "assistant", "content": answer[0]["message"]["content"] or "-"})


async def hung_up(caller: Caller) -> None:
    try:
        async with asyncio.timeout(caller.dice.random()):
            await caller.ask("POST", "/v1/chat/completions", _chat(caller, stream=True) | {"max_tokens": 200})
    except TimeoutError:
        caller.seen["hung up"] += 1


async def response(caller: Caller) -> None:
    """One that is kept, asked for, gone on from, and deleted."""
    asked = {"model": CHAT, "input": caller.text(), "max_output_tokens": 4, "store": True}
    first = json.loads(await caller.ask("POST", "/v1/responses", asked)).get("id")
    if not first:
        return
    await caller.ask("POST", "/v1/responses", asked | {"previous_response_id": first, "stream": True})
    await caller.ask("GET", f"/v1/responses/{first}")
    await caller.ask("DELETE", f"/v1/responses/{first}")


async def embeddings(caller: Caller) -> None:
    await caller.ask("POST", "/v1/embeddings", {"model": EMBEDDER, "input": [caller.text() for _ in range(8)]})


async def rerank(caller: Caller) -> None:
    documents = [caller.text() for _ in range(4)]
    await caller.ask("POST", "/v1/rerank", {"model": EMBEDDER, "query": caller.text(), "documents": documents})


async def others(caller: Caller) -> None:
    """The other two APIs, and what costs no engine."""
    said = [{"role": "user", "content": caller.text()}]
    await caller.ask("POST", "/v1/messages", {"model": CHAT, "messages": said, "max_tokens": 4})
    await caller.ask("POST", "/api/chat", {"model": CHAT, "messages": said, "options": {"num_predict": 4}})
    await caller.ask("POST", "/tokenize", {"model": CHAT, "content": caller.text()})
    await caller.ask("GET", "/v1/models")


async def wrong(caller: Caller) -> None:
    match caller.dice.randrange(4):
        case 0:
            await caller.ask("GET", "/v1/models", key=f"sk-sekisho-{caller.dice.random()}")
        case 1:
            await caller.ask("POST", "/v1/chat/completions", raw=b'{"model": ' + caller.text().encode())
        case 2:
            await caller.ask("POST", "/v1/chat/completions", _chat(caller, model="unknown"))
        case _:
            await caller.ask("POST", "/v1/chat/completions", _chat(caller, messages=[]))


async def batch(caller: Caller) -> None:
    """A file of four lines, a batch of it, its end, and both files deleted."""
    line = {"method": "POST", "url": "/v1/chat/completions"}
    lines = [json.dumps({"custom_id": str(n), "body": _chat(caller, max_tokens=1), **line}) for n in range(4)]
    form = aiohttp.FormData()
    form.add_field("purpose", "batch")
    form.add_field("file", "\n".join(lines).encode(), filename="lines.jsonl")
    headers = {"authorization": f"Bearer {caller.key}"}
    async with caller.session.post(caller.base + "/v1/files", data=form, headers=headers) as answer:
        caller.seen[f"POST /v1/files: {answer.status}"] += 1
        file = json.loads(await answer.read()).get("id")
    made = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    begun = json.loads(await caller.ask("POST", "/v1/batches", made)).get("id")
    if not begun:
        return
    until = time.monotonic() + PATIENCE_SECONDS
    now = {"status": ""}
    while now.get("status") not in ("completed", "failed", "expired") and time.monotonic() < until:
        await asyncio.sleep(2)
        now = json.loads(await caller.ask("GET", f"/v1/batches/{begun}"))
    caller.seen[f"batch {now.get('status')}"] += 1
    for name in filter(None, (file, now.get("output_file_id"))):
        await caller.ask("DELETE", f"/v1/files/{name}")


KINDS: dict[Callable[[Caller], Awaitable[None]], int] = {
    plain: 20, stream: 25, conversation: 10, hung_up: 10, response: 8, embeddings: 10, rerank: 5, others: 8, wrong: 10,
    batch: 1,
}  # fmt: skip
"""What callers do, and how often beside each other."""


async def day(base: str, key: str, seed: int, seconds: float, callers: int, pause: float = 0.05) -> Counter[str]:
    """Send it all for ``seconds`` by ``callers`` at once, with up to ``pause`` seconds between; return what came back.

    An answer that is no HTTP answer counts as ``broken``, by the name of its error.
    """
    seen: Counter[str] = Counter()
    until = time.monotonic() + seconds

    async def one(number: int) -> None:
        caller = Caller(base, session, key, random.Random(f"{seed}-{number}"), seen)
        while time.monotonic() < until:
            kind = caller.dice.choices(list(KINDS), list(KINDS.values()))[0]
            try:
                await kind(caller)
            except (aiohttp.ClientError, TimeoutError) as error:
                seen[f"broken {kind.__name__}: {type(error).__name__}"] += 1
            await asyncio.sleep(caller.dice.random() * pause)

    patience = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with aiohttp.ClientSession(timeout=patience) as session, asyncio.TaskGroup() as plant:
        for number in range(callers):
            plant.create_task(one(number))
    return seen


async def fill(base: str, key: str, count: int, callers: int = 4) -> None:
    """Have ``count`` texts of ten new words each searched and judged, and answered by no model.

    What the server remembers has bounds (requests, words, findings): this reaches them, so that what still grows
    afterwards has none.
    """
    numbers = iter(range(count))

    async def one(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            dice = random.Random(number)
            words = " ".join("".join(dice.choices("abcdefghiklmnoprstuvwz", k=9)).capitalize() for _ in range(10))
            said = {"role": "user", "content": f"{words} wrote to {words[:9]}@plant.example."}
            asked = {"endpoint": "/v1/chat/completions", "body": {"model": CHAT, "messages": [said]}}
            async with session.post(base + "/v1/decisions/preview", json=asked) as answer:
                answer.raise_for_status()
                await answer.read()

    bearer = {"authorization": f"Bearer {key}"}
    patience = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with aiohttp.ClientSession(headers=bearer, timeout=patience) as session, asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(one(session))
