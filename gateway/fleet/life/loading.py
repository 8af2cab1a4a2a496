"""One load, from its price to its first token. Knows no rules: it is told what to load, and says what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain import Target
from gateway.errors import EngineUnavailable, SekishoError, SetupError
from gateway.fleet.life.home import LifeEngine
from gateway.fleet.life.ledger import Amounts


@dataclass(frozen=True)
class Wish:
    """One model that this node may serve.

    ``build`` makes an engine that is not started; it checks the model's file and raises SetupError when that is not as
    it must be. ``price`` is what a load will take, in MiB by device.
    """

    target: Target  # as it is known before a load
    slots: int
    context_tokens: int
    price: Amounts
    build: Callable[[], Awaitable[LifeEngine]]
    pinned: bool = False
    ttl_seconds: float = 0.0


@dataclass(frozen=True)
class Hands:
    """What the keeper is given of other rooms.

    ``prove`` gets one real token out of an engine, or raises EngineUnavailable. ``measure`` says what an engine has
    taken, in MiB by device; empty where nobody can tell. ``free`` says what is really free now, by device; a device
    that it does not name is trusted. ``tell`` writes into the audit log; may raise AuditUnavailable.
    """

    prove: Callable[[LifeEngine, Target], Awaitable[None]]
    measure: Callable[[LifeEngine, Target], Amounts]
    free: Callable[[], Awaitable[Amounts]]
    tell: Callable[[str, Mapping[str, Any]], object]


class NoRoom(SetupError):
    """A device has less than it said."""


class Loader:
    """Loads engines with what other rooms lend.

    Args:
        hands: of other rooms.
        clock: monotonic seconds.
    """

    def __init__(self, hands: Hands, clock: Callable[[], float]) -> None:
        self._hands = hands
        self._clock = clock

    async def started(self, wish: Wish, warming: Callable[[], None]) -> tuple[LifeEngine, Amounts]:
        """Return an engine that answered a token, and what it took. On record before it serves anybody.

        ``warming`` is called once it is loaded. Whatever is raised, nothing of the engine is left.

        Raises:
            SekishoError, SetupError: it cannot be loaded, there is less room than was said, or it is not on record.
        """
        began = self._clock()
        await self._refuse_where_short(wish)
        engine = await wish.build()
        try:
            await engine.start()
            warming()
            await self._hands.prove(engine, wish.target)
            measured = self._hands.measure(engine, wish.target)
            self._hands.tell("model.loaded", _details(wish, engine, measured, self._clock() - began))
        except BaseException:
            await engine.stop()
            raise
        return engine, measured

    async def _refuse_where_short(self, wish: Wish) -> None:
        """Raise NoRoom where a device has less than it said: nothing is sent out for that."""
        free = await self._hands.free()
        short = {device: amount for device, amount in wish.price.items() if free.get(device, amount) < amount}
        if short:
            needs = ", ".join(
                f"{amount:,} MiB of {device}, free are {free[device]:,}" for device, amount in short.items()
            )
            raise NoRoom(f"It needs {needs}.", "Free memory, or let another model go: sekisho fleet status.")


def _details(wish: Wish, engine: LifeEngine, measured: Amounts, seconds: float) -> dict[str, Any]:
    return {
        "model": wish.target.model,
        "digest": wish.target.digest,
        "device": engine.device,
        "engine": engine.build,
        "load_ms": round(seconds * 1000),
        "reserved_mib": dict(wish.price),
        "measured_mib": dict(measured),
    }


def problem_of(error: Exception) -> str:
    """Return what operators are told."""
    if isinstance(error, NoRoom):
        return error.problem
    return error.message if isinstance(error, SekishoError) else str(error)


def unavailable(error: Exception) -> EngineUnavailable:
    """Return what callers are told: never what a file is called, or where it lies."""
    if isinstance(error, EngineUnavailable):
        return error
    if isinstance(error, NoRoom):
        return EngineUnavailable("There is no room for this model now.", code="fleet.no_room")
    if isinstance(error, SekishoError):
        return EngineUnavailable(error.message, code=error.code)
    return EngineUnavailable("This model cannot be loaded now.", code="fleet.model_unfit")
