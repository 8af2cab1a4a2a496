"""``sekisho models fit``: which models this machine can hold, with what context and how many slots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.models import app, shelf
from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.fleet.fit.devices import Device
    from gateway.house.fitting import Fitting, Place
    from gateway.registry.store import ContentStore
    from gateway.settings import ModelSettings, Settings

_COLUMNS = ("model", "place", "asked", "takes", "fits", "longest context", "most slots")
_PARTS = ("weights", "cache", "compute", "process")
_MIB, _GIB = 1024**2, 1024**3
_NONE = "No model is in the store. Put one there: sekisho models add FILE"
_CACHE_TYPES = "f32 f16 bf16 q8_0 q5_1 q5_0 q4_1 q4_0".split()


@command(
    app,
    "fit",
    examples=["sekisho models fit", "sekisho models fit smollm2 --context 8192 --slots 8", "sekisho models fit --json"],
)
def fit(
    session: Session,
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help="Name or alias; else all in the store.")] = "",
    context: Annotated[
        int | None, typer.Option(min=1, help="Tokens of each slot; else as configured.", show_default=False)
    ] = None,
    slots: Annotated[
        int | None, typer.Option(min=1, help="Prompts answered at once; else as configured.", show_default=False)
    ] = None,
    kv_type: Annotated[
        str | None, typer.Option(help="How past tokens are kept: f16, q8_0, …; else as configured.", show_default=False)
    ] = None,
    gpu_layers: Annotated[
        int | None,
        typer.Option(min=-1, help="Layers on GPUs, -1: all that fit; else as configured.", show_default=False),
    ] = None,
) -> None:
    """Show which models fit this machine, beside all that runs now, and what they take. Loads nothing.

    Weights, the cache of past tokens and buffers are counted from each file's header as llama.cpp lays them out. With
    MODEL it leaves with 1 when there is no place for it, or the context is longer than it was trained for.
    """
    from gateway.house.fitting import Fitting

    said = {"context_tokens": context, "slots": slots, "cache_type": _cache_type(kv_type), "gpu_layers": gpu_layers}
    wanted = {name: value for name, value in said.items() if value is not None}
    desk = Fitting(session.settings, shelf(session.settings))
    with session.output.progress("Reading the models' headers"):
        found, refused = _found(session.settings, desk, model, wanted)
    rows = [_row(*each) for each in found]
    plain = [_plain(*each) for each in found]
    data = {"devices": [_device(desk, each) for each in desk.machine.devices], "data": plain, "refused": refused}
    session.output.table(f"What fits: {desk.machine.ram.name}", _COLUMNS, rows, data, _NONE)
    _tell(session, desk, found, refused, alone=bool(model))


def _found(
    settings: Settings, desk: Fitting, model: str, wanted: dict[str, Any]
) -> tuple[list[tuple[str, Place]], dict[str, str]]:
    """Return models with their places; and why others were refused, of which none is when one was asked for."""
    store = shelf(settings)
    absent = {manifest.name for manifest in store.missing()}
    if model and store.find(model) is None:
        known = ", ".join(store.names()) or "none"
        raise SetupError(f"There is no model {model!r}.", f"Known: {known}.", exit_code=USED_WRONGLY)
    names = [model] if model else [each.name for each in store.manifests() if each.name not in absent]
    found: list[tuple[str, Place]] = []
    refused: dict[str, str] = {}
    for name in names:
        own = store.canonical(name) or name
        try:
            found += [(own, place) for place in desk.places(_as_configured(settings, store, own), **wanted)]
        except SetupError as error:
            if model:
                raise
            refused[own] = error.problem
    return found, refused


def _as_configured(settings: Settings, store: ContentStore, name: str) -> ModelSettings:
    """Return how the settings want a model: of `fleet.models` where it is there, else as `engine` says."""
    from gateway.settings import ModelSettings

    served = (each for each in settings.fleet.models if store.canonical(each.model) == name)
    return next(served, ModelSettings(model=name))


def _cache_type(name: str | None) -> str | None:
    from gateway.fleet.fit.words import CACHE_BYTES

    if name is not None and name not in CACHE_BYTES:
        problem = f"There is no kind of cache {name!r}."
        raise SetupError(problem, f"Known: {', '.join(CACHE_BYTES)}.", exit_code=USED_WRONGLY)
    return name


def _tell(
    session: Session, desk: Fitting, found: list[tuple[str, Place]], refused: dict[str, str], *, alone: bool
) -> None:
    for note in (desk.machine.problem, *refused.values()):
        if note:
            session.output.note(note)
    if any(place.plan.price.rough for _, place in found):
        session.output.note("A model marked ~ keeps more than is counted here: an allowance was made for that.")
    if not alone:
        return
    for name, place in found:
        session.output.note(f"{place.name}: {place.line(name)}")
    if not any(place.fits for _, place in found):
        raise typer.Exit(ANSWERED_NO)


def _verdict(place: Place) -> str:
    """Say whether it fits. A context beyond what the model was trained for is none that it is offered with."""
    if place.plan.fits and place.is_too_long:
        return f"no: trained for {place.trained_tokens:,}"
    return "yes" if place.fits else "no"


def _row(name: str, place: Place) -> tuple[str, ...]:
    wish, price = place.plan.wish, place.plan.price
    asked = f"{wish.context_tokens:,} x {wish.slots}" + (f" {wish.cache_type}" if wish.cache_type != "f16" else "")
    takes = ", ".join(
        f"{price.total(device) / _GIB:.2f} of {place.plan.free.get(device, 0) / _GIB:.2f} GiB {device}"
        for device in price.by_device
    )
    where = f"{place.name}, {price.gpu_layers} layers" if price.gpu_layers else place.name
    most = f"{place.longest_context:,}", str(place.most_slots)
    return (f"{name} ~" if price.rough else name, where, asked, takes, _verdict(place), *most)


def _plain(name: str, place: Place) -> dict[str, Any]:
    wish, price = place.plan.wish, place.plan.price
    return {
        "model": name,
        "place": place.name,
        "fits": place.fits,
        "says": place.line(name),
        "context_tokens": wish.context_tokens,
        "slots": wish.slots,
        "kv_type": wish.cache_type,
        "gpu_layers": price.gpu_layers,
        "takes_mib": price.mib,
        "parts_mib": {
            device: {part: round(getattr(parts, part) / _MIB, 1) for part in _PARTS}
            for device, parts in price.by_device.items()
        },
        "spare_mib": price.spare // _MIB,
        "free_mib": {device: amount // _MIB for device, amount in place.plan.free.items()},
        "longest_context_tokens": place.longest_context,
        "trained_tokens": place.trained_tokens or None,
        "most_slots": place.most_slots,
        "rough": price.rough,
    }


def _device(desk: Fitting, device: Device) -> dict[str, Any]:
    return {
        "id": device.id,
        "name": device.name,
        "total_mib": device.total // _MIB,
        "free_mib": device.free // _MIB,
        "kept_free_mib": desk.kept_free[device.id] // _MIB,
        "limit": device.limit,
        "watts": device.watts if device.watts >= 0 else None,
        "watts_limit": device.watts_limit if device.watts_limit >= 0 else None,
        "features": sorted(desk.machine.features) if device.id == "ram" else [device.compute],
    }
