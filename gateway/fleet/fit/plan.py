"""Whether a model fits a machine, at what price, and what would fit instead. Pure.

Example::

    found = plan(shape, Wish(context_tokens=8192, slots=4), machine)
    found.fits, found.price.mib, found.line   # False, {"ram": 9216}, "It needs 9.0 GiB of ram, 7.5 GiB are free: …"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gateway.fleet.fit.devices import Machine
from gateway.fleet.fit.memory import RAM, Price, Wish, price_of, together
from gateway.fleet.fit.shape import Shape

_GIB = 1024**3
_LEAST_CONTEXT = 256
_ENDLESS = 1 << 62
WHEEL = frozenset({"avx2", "neon"})
"""What the engine that ships was built for, whatever else the processor can."""


@dataclass(frozen=True)
class Plan:
    """``short``: missing bytes by device. ``most_context`` per slot, with the wish's slots, and ``most_slots``, with
    its context: 0 when not even the least fits, and no more than the wish when that fits."""

    wish: Wish
    price: Price
    short: Mapping[str, int]
    free: Mapping[str, int]
    most_context: int
    most_slots: int

    @property
    def fits(self) -> bool:
        return not self.short

    @property
    def line(self) -> str:
        """Say in one line what it takes, or what is missing and what would fit."""
        needs = " and ".join(map(self._need, self.short or self.price.by_device))
        if self.fits:
            return f"It takes {needs}."
        instead = [
            f"context_tokens {self.most_context}" if self.most_context else "",
            f"slots {self.most_slots}" if self.most_slots else "",
        ]
        choices = " or with ".join(filter(None, instead))
        return f"It needs {needs}." + (f" It fits with {choices}." if choices else "")

    def _need(self, device: str) -> str:
        wanted, free = self.price.total(device) / _GIB, self.free.get(device, 0) / _GIB
        return f"{wanted:.1f} GiB of {device}, of which {free:.1f} are free"


def plan(
    shape: Shape,
    wish: Wish,
    machine: Machine,
    *,
    build: frozenset[str] = WHEEL,
    on_gpu: bool = True,
    kept_free: Mapping[str, int] | None = None,
    beside: Shape | None = None,
) -> Plan:
    """Return what a load takes on this machine, and whether there is room for it.

    Args:
        shape: of the model.
        wish: how it is loaded; ``gpu_layers`` of -1 takes as many as fit.
        machine: what is free now.
        build: what the engine was built for; what the processor lacks does not count.
        on_gpu: whether the engine can compute on a GPU at all.
        kept_free: bytes by device that models never get.
        beside: the shape of a model that guesses ahead for this one; it lies on GPUs when any of this one does.
    """
    kept = kept_free or {}
    free = {device.id: max(0, device.free - kept.get(device.id, 0)) for device in machine.devices}
    gpus = {device.id: free[device.id] for device in machine.gpus} if on_gpu and wish.gpu_layers else {}

    def best(wanted: Wish) -> Price:
        def with_layers(count: int) -> Price:
            price = price_of(shape, wanted, build=build & machine.features, gpu_layers=count, gpus=gpus)
            if beside is None:
                return price
            layers = len(beside.layers) + 1 if count else 0
            guesses = price_of(beside, wanted, build=build & machine.features, gpu_layers=layers, gpus=gpus)
            return together(price, guesses)

        return _best(with_layers, len(shape.layers) + 1, wanted.gpu_layers if gpus else 0, free)

    price = best(wish)
    short = shortage(price, free)
    if not short:
        return Plan(wish, price, short, free, wish.context_tokens, wish.slots)

    def fits(wanted: Wish) -> bool:
        return not shortage(best(wanted), free)

    context = _most(lambda count: fits(replace(wish, context_tokens=count * _LEAST_CONTEXT)), _blocks(wish))
    slots = _most(lambda count: fits(replace(wish, slots=count)), wish.slots - 1)
    return Plan(wish, price, short, free, context * _LEAST_CONTEXT, slots)


def shortage(price: Price, free: Mapping[str, int]) -> dict[str, int]:
    """Return what is missing for a price, in bytes by device; empty when there is room."""
    totals = {device: parts.total for device, parts in price.by_device.items()}
    return {device: total - free.get(device, 0) for device, total in totals.items() if total > free.get(device, 0)}


def _blocks(wish: Wish) -> int:
    return (wish.context_tokens - 1) // _LEAST_CONTEXT


def _best(with_layers: Callable[[int], Price], most: int, wanted: int, free: Mapping[str, int]) -> Price:
    """Return the price with as many layers on GPUs as are wanted; of -1 with as many as have room there."""
    if wanted >= 0:
        return with_layers(min(wanted, most))
    elsewhere = {**free, RAM: _ENDLESS}
    return with_layers(_most(lambda count: not shortage(with_layers(count), elsewhere), most))


def _most(fits: Callable[[int], bool], most: int) -> int:
    """Return the largest number up to ``most`` that fits, where smaller ones do when larger ones do; else 0."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
