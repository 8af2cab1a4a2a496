"""A whole house in memory, for the life of a request.

A tour: :class:`House` keeps a *diary*, one line for everything that any room was asked to do, in order; most tests
read it. Each room is its door's smallest true implementation. What a room shall do wrong is set on the house before a
request: ``house.faults["policy"] = PolicyUnavailable()`` makes that room raise; ``house.engines["b"].script`` is what
an engine answers, chunk by chunk, an exception among them being raised at its place. The word ``SECRET`` is what this
house's detector finds and its tag is ``<TAG>``.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import contextmanager
from typing import Any

from gateway.domain import (
    Caller,
    Capability,
    Choice,
    Chunk,
    Decision,
    Declared,
    Detection,
    Energy,
    Finding,
    Grant,
    Outcome,
    Path,
    Prompt,
    Reason,
    Role,
    Segment,
    Target,
    Usage,
)
from gateway.errors import EngineUnavailable
from gateway.fleet.door import Asked
from gateway.http.walk import dotted
from gateway.identity.door import Standing
from gateway.pipeline import Checkpoint
from gateway.ports import Rooms
from gateway.telemetry.energy import EnergyMeter

CALLER = Caller("k1", "acme", "press-shop", (Role.APP,), "support", "plant", "DE", "DE", "DE")


def words(*texts: str, usage: Usage | None = None) -> list[Chunk | BaseException]:
    """Return a script that says the texts one by one and ends well."""
    chunks: list[Chunk | BaseException] = [Chunk((Choice(0, content=text),)) for text in texts]
    return [*chunks, Chunk((Choice(0, finish_reason="stop"),), usage or Usage(5, len(texts)))]


class Engine:
    def __init__(self, house: House, name: str, same_node: bool) -> None:
        self.house = house
        self.script: list[Chunk | BaseException] = words("hello")
        self.prompts: list[Prompt] = []
        self.target = Target(name, "m", (Capability.CHAT,), "plant", "n1", "DE", same_node)

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Chunk]:
        self.house.diary.append(f"engine {self.target.id}")
        self.prompts.append(prompt)
        try:
            for step in self.script:
                await asyncio.sleep(0)
                if isinstance(step, BaseException):
                    raise step
                yield step
        finally:
            self.house.diary.append(f"engine {self.target.id} ends")


class Placement:
    slot = 0
    reuse_cache = False
    context_tokens = 1000

    def __init__(self, house: House, engine: Engine) -> None:
        self.house, self.target, self.answer = house, engine.target, engine.answer
        self.choice = house.choice
        self.devices: Sequence[str] = ()
        self.energy: Energy | None = house.energy

    def release(self, energy: Energy | None = None) -> None:
        self.house.drawn.append(energy)
        self.house.diary.append("slot back")


class Redacted:
    def __init__(self, house: House, texts: Sequence[str], count: int) -> None:
        self.house, self.texts = house, texts
        self.counts = {"PERSON": count} if count else {}

    def guard(self) -> Any:
        return self.house.guard

    def restorer(self) -> Restorer:
        return Restorer()


class Restorer:
    restored = 0

    def feed(self, chunk: Chunk) -> Chunk | None:
        if not any("<TAG>" in (choice.content or "") for choice in chunk.choices):
            return chunk
        self.restored += 1
        return Chunk(
            tuple(Choice(c.index, content=(c.content or "").replace("<TAG>", "SECRET")) for c in chunk.choices)
        )

    def flush(self) -> Chunk | None:
        return None


class Entry:
    def __init__(self, house: House, number: int) -> None:
        self.house, self.number = house, number

    async def durable(self) -> None:
        await asyncio.sleep(0)
        self.house.step(f"durable {self.number}", "durable")

    def close(self, outcome: Outcome) -> None:
        self.house.diary.append(f"outcome {self.number} {outcome.status} {outcome.code}".rstrip())
        self.house.outcomes.append(outcome)


class Call:
    endpoint = "chat.completions"
    capability = Capability.CHAT
    counts = False
    includes_usage = False
    uses_tools = False
    inputs = 1
    output_bound: int | None = 10
    modalities = ("text",)
    end_user = ""

    def __init__(self, text: str, model: str, stream: bool) -> None:
        self.model, self.stream, self.declared = model, stream, Declared()
        self.segments = (Segment(("messages", 0, "content"), text, "user"),)
        self.text_bytes = len(text.encode())

    def body_for_engine(self, texts: Sequence[str]) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": texts[0]}]}

    def tool_name(self, name: str) -> str:
        return name

    def where(self, path: Path) -> str:
        return dotted(path)


class Arrival:
    request_id = "01REQUEST"
    endpoint = "chat.completions"
    source = "127.0.0.1"
    authorization = "Bearer key"

    def __init__(self, house: House, call: Call) -> None:
        self.house, self.call = house, call

    async def unpack(self, may_ask: Callable[[str, Capability], object]) -> Call:
        self.house.step("unpack")
        return self.call


class Reservation:
    def __init__(self, house: House) -> None:
        self.house = house

    async def reserve_tokens(self, upper_bound: int, model: str) -> None:
        self.house.step(f"tokens {upper_bound}", "tokens")

    def settle(self, usage: Usage | None) -> None:
        self.house.diary.append(
            "settled" if usage is None else f"settled {usage.prompt_tokens}+{usage.completion_tokens}"
        )

    def standing(self) -> Standing:
        return self.house.standing


class Telemetry:
    def __init__(self, house: House) -> None:
        self.house = house

    def entered(self) -> None: ...

    @contextmanager
    def stage(self, name: str, parts: dict[str, float]) -> Any:
        parts[name] = parts.get(name, 0.0)
        yield

    def energy(self, target: str, devices: Sequence[str]) -> Any:
        return self.house.meter.begin(target, devices)

    def found(self, counts: Any) -> None: ...

    def left(self, endpoint: str, model: str, outcome: Outcome, *, refused: bool = False) -> None: ...

    def refused(self, code: str) -> None: ...

    def watch_room(self, name: str, ready: Callable[[], bool]) -> None: ...

    def watch_value(self, name: str, said: str, read: Callable[[], float | None]) -> None: ...

    def render(self) -> bytes:
        return b""


class House:
    """All rooms at once: each door's methods have names of their own, so one object can stand behind all of them."""

    name, node = "plant", "n1"

    def __init__(self) -> None:
        self.standing = Standing()
        self.diary: list[str] = []
        self.denials: list[str] = []
        self.denied: list[Caller | None] = []  # whose refusal each of these was, where that is known
        self.outcomes: list[Outcome] = []
        self.faults: dict[str, BaseException] = {}
        self.engines = {name: Engine(self, name, same_node=True) for name in ("a", "b")}
        self.allowed = ["a", "b"]
        self.queue_seconds = 0.0
        self.deadlines: list[float] = []
        self.guard: Any = None
        self.decisions = 0
        self.project_floor = "public"
        self.crossing: Any = None
        self.questions: list[Any] = []
        self.meter = EnergyMeter({})
        self.energy: Energy | None = None  # what another machine measured
        self.drawn: list[Energy | None] = []  # as slots were given back
        self.choice: Any = None  # how its targets are chosen, as placements tell
        self.choices: list[Any] = []  # as intents were given them

    def step(self, line: str, fault: str = "") -> None:
        self.diary.append(line)
        error = self.faults.get(fault or line)
        if error is not None:
            raise error

    def arrival(self, text: str = "hello SECRET", model: str = "m", stream: bool = True) -> Arrival:
        return Arrival(self, Call(text, model, stream))

    def add_engines(self, *names: str) -> None:
        """Have more targets, all allowed."""
        self.engines |= {name: Engine(self, name, same_node=True) for name in names}
        self.allowed += names

    def checkpoint(self) -> Checkpoint:
        me: Any = self
        return Checkpoint(Rooms(me, me, me, me, me, me, Telemetry(self), me, lambda: "2026-01-01T00:00:00Z"))

    # identity, limits
    def identify(self, authorization: str | None) -> Caller:
        self.step("identify")
        return CALLER

    async def reserve(self, caller: Caller) -> Reservation:
        self.step("reserve")
        return Reservation(self)

    # privacy
    async def detect(self, segments: Sequence[Segment], caller: Caller) -> Detection:
        self.step("detect")
        at = segments[0].text.find("SECRET")
        return Detection((Finding(0, at, at + 6, "PERSON", 1.0, "test"),) if at >= 0 else (), "test/1")

    def redact(self, segments: Any, findings: Any, grant: Grant, caller: Caller, request_id: str) -> Redacted:
        self.step(f"redact for {grant.id}", "redact")
        tag = "<TAG>" if grant.redact.get("*") == "pseudonymise" else "SECRET"
        return Redacted(self, [segment.text.replace("SECRET", tag) for segment in segments], len(findings))

    # policy
    def class_floor(self, caller: Caller) -> str:
        return self.project_floor

    def seen_from(self, caller: Caller, source: str) -> Caller:
        return caller

    def count(self, caller: Caller, values: Any, special: Any, targets: Any, time: str) -> Any:
        return self.crossing and self.crossing(list(values()))

    async def decide(self, question: Any) -> Decision:
        self.step("decide", "policy")
        self.decisions += 1
        self.questions.append(question)
        grants = tuple(Grant(name, {"*": "pseudonymise"}) for name in self.allowed if name in question.candidates)
        reasons = () if grants else (Reason("policy.residency", "residency", severity="deny"),)
        return Decision(f"D{self.decisions}", bool(grants), grants, reasons, "r1", "b", "d", "opa")

    # fleet
    def targets(self) -> list[Target]:
        return [engine.target for engine in self.engines.values()]

    def adapter(self, model: str) -> str:
        return model.partition(":")[2]

    def candidates(self, model: str, capability: Capability, caller: Caller) -> list[Target]:
        if "candidates" in self.faults:
            raise self.faults["candidates"]
        return self.targets()

    async def choose(
        self,
        decision: Decision,
        caller: Caller,
        failed: frozenset[str],
        deadline: float = math.inf,
        asked: Asked | None = None,
    ) -> Placement:
        self.step("choose")
        self.deadlines.append(deadline)
        await asyncio.sleep(self.queue_seconds)
        left = [grant.id for grant in decision.targets if grant.id not in failed]
        if not left:
            raise EngineUnavailable
        return Placement(self, self.engines[left[0]])

    # book
    def intent(
        self,
        caller: Any,
        question: Any,
        decision: Decision,
        target: Target,
        redactions: Any,
        content: Any = None,
        choice: Any = None,
    ) -> Entry:
        number = sum(line.startswith("intent") for line in self.diary) + 1
        self.choices.append(choice)
        self.step(f"intent {number} {target.id} {decision.id}", "intent")
        return Entry(self, number)

    def denial(self, *, code: str, status: int, **details: Any) -> None:
        self.denials.append(code)
        self.denied.append(details.get("caller"))

    def preview(self, caller: Any, question: Any, decision: Decision) -> None:
        self.step(f"preview {decision.id}", "preview")

    async def durable(self) -> None:
        self.step("durable", "durable")

    def ready(self) -> bool:
        return True
