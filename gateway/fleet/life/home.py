"""A model's place on this node, as its queue sees it: open or not, loaded or on its way. Implements ``member.Home``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Protocol

from msgspec.structs import replace

from gateway.domain import Chunk, Prompt, Target
from gateway.errors import EngineUnavailable
from gateway.fleet.life.resident import Resident, State
from gateway.fleet.life.rules import Rules
from gateway.fleet.member import NOBODY, Displaced, away

_UNKNOWN_LOAD_SECONDS = 10.0
"""How long a load takes before one was measured: the Retry-After of a first one."""


def computing(device: str, taken: Mapping[str, int]) -> Sequence[str]:
    """Return what computes a model; none: nobody knows.

    Args:
        device: as its engine tells: ``cpu: …``, ``gpu: …``, or nothing.
        taken: the memory that it takes, or is expected to, by device.
    """
    gpus = tuple(sorted(name for name, amount in taken.items() if name.startswith("gpu:") and amount > 0))
    return gpus or (() if device.startswith("gpu") else ("cpu",))


class LifeEngine(Protocol):
    """An engine that is started and stopped; :class:`gateway.engines.door.Engine` is one."""

    @property
    def device(self) -> str: ...

    @property
    def build(self) -> str: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def ready(self) -> bool: ...

    def answer(self, prompt: Prompt) -> AsyncIterator[Chunk]: ...


class ResidentHome:
    """Implements :class:`gateway.fleet.member.Home` for a model that comes and goes.

    Args:
        target: as it is known before the first load: without device and build.
        slots: prompts it takes at once when it is loaded.
        context_tokens: of each slot.
        rules: this node's.
        resident: its entry there.
        look: asks the rules soon what is to be done.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        target: Target,
        *,
        slots: int,
        context_tokens: int,
        rules: Rules,
        resident: Resident,
        look: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self.target = target
        self.slots = slots
        self.context_tokens = context_tokens
        self.resident = resident
        self.engine: LifeEngine | None = None
        self.measured: Mapping[str, int] = {}  # what the last load took, in MiB by device
        self.proved_at = 0.0  # when it last answered somebody
        self.load_began_at = 0.0
        self.failure: EngineUnavailable | None = None  # of the last load
        self.obstacle: Callable[[], str] = str  # why its node cannot be reached now, in one line; "" when it can
        self._rules = rules
        self._look = look
        self._clock = clock
        self._opened: Callable[[], None] = lambda: None
        self._closed: Callable[[EngineUnavailable], None] = lambda _: None

    @property
    def devices(self) -> Sequence[str]:
        """As :attr:`gateway.fleet.member.Home.devices`: the GPUs that it takes memory of, else the processors."""
        return computing(self.target.device, {**self.resident.price, **self.measured})

    def watch(self, opened: Callable[[], None], closed: Callable[[EngineUnavailable], None]) -> None:
        self._opened, self._closed = opened, closed

    def is_open(self) -> bool:
        engine = self.engine
        return self.resident.state is State.SERVING and engine is not None and engine.ready() and not self.obstacle()

    def is_coming(self) -> bool:
        return not self.obstacle() and self._rules.is_coming(self.resident.name, self._clock())

    def enter(self) -> None:
        self._rules.enter(self.resident.name)

    def leave(self, *, answered: bool) -> None:
        now = self._clock()
        if answered:
            self.proved_at = now
        if self._rules.leave(self.resident.name, now):
            self._look()

    def wait(self) -> None:
        self._rules.wait(self.resident.name, self._clock())
        if self.resident.state is not State.SERVING:
            self._look()

    def unwait(self) -> None:
        self._rules.unwait(self.resident.name)
        if self.resident.state is not State.SERVING:
            self._look()

    def opens_in_seconds(self) -> float:
        """Return how long it is likely to take until it is open; 0 when it is.

        From the last load's measured time, and the rest of the turns of those who have to leave for it.
        """
        resident, takes = self.resident, self._takes
        if resident.state is State.SERVING:
            return 0.0
        if resident.state in (State.LOADING, State.WARMING):
            return max(0.0, takes - (self._clock() - self.load_began_at))
        turns = self._rules.makes_room_in(self._rules.sends_out(resident.name), self._clock())
        return takes + max(0.0, turns)

    @property
    def _takes(self) -> float:
        return self.resident.load_seconds or _UNKNOWN_LOAD_SECONDS

    def displaces(self) -> Displaced:
        """As :meth:`gateway.fleet.member.Home.displaces`. Those of one node differ in their ids' last part alone."""
        leave = [] if self.resident.wanted else self._rules.sends_out(self.resident.name)
        if not leave:
            return NOBODY
        place = self.target.id.removesuffix(self.resident.name)
        back = max(each.load_seconds or _UNKNOWN_LOAD_SECONDS for each in leave)
        away = self._takes + self._rules.turn_of(self.resident) + back
        return Displaced(tuple(place + each.name for each in leave), away)

    def refusal(self) -> EngineUnavailable:
        """Return why nobody may wait here now, and when that may be over."""
        resident, failure = self.resident, self.failure
        if self.obstacle():
            return EngineUnavailable("The model's node is away.", code="fleet.node_away", retry_after_seconds=2.0)
        if resident.state is not State.FAILED or failure is None:
            return away()
        after = max(1.0, resident.again_at - self._clock())
        return EngineUnavailable(failure.message, code=failure.code, retry_after_seconds=after)

    def answer(self, prompt: Prompt) -> AsyncIterator[Chunk]:
        """As :meth:`gateway.engines.door.Engine.answer`. The caller holds a reference, so the engine is there."""
        if self.engine is None:
            raise EngineUnavailable
        return self.engine.answer(prompt)

    # --- called by the keeper

    def open(self, engine: LifeEngine) -> None:
        """Let in those who wait."""
        self.engine, self.failure = engine, None
        self.target = replace(self.target, device=engine.device, build=engine.build)
        self.proved_at = self._clock()
        self._opened()

    def reopen(self) -> None:
        """Let in those who wait, as far as there are slots."""
        self._opened()

    def send_away(self) -> None:
        """Send away those who wait, so that they try elsewhere; what is loaded may still be."""
        self._closed(self.refusal())

    def fail(self, error: EngineUnavailable) -> None:
        """Send away those who wait."""
        self.failure = error
        self._closed(self.refusal())
