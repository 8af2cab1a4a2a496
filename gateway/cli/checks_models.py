"""``sekisho doctor``: is there room for the models that are configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.cli.checks import Check
from gateway.cli.server import running_server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.fleet.fit.plan import Plan
    from gateway.house.fitting import Fitting
    from gateway.settings import ModelSettings, Settings

_NAME = "room for models"
_GIB = 1024**3
_SMALLER = "Lower context_tokens, slots or engine.kv_type, or choose a smaller model. See: sekisho models fit"
_UNPIN = "Pin fewer of them: those that are not pinned take turns."
_SHORTER = "Lower context_tokens to that: of what stands further on, the model understands nothing."
_DRIVER = "Models use the processor alone. Mend the driver (nvidia-smi says what it sees), or set engine.gpu_layers: 0."


def room_for_models(settings: Settings) -> Check:
    """Each configured model fits, the pinned ones together too, and none has more context than it understands."""
    from gateway.cli.models import shelf
    from gateway.house.fitting import Fitting

    own = settings.fleet.models if settings.engine.kind == "openai-http" else settings.served
    if not own:
        return Check(_NAME, "ok", "this node loads none")
    if running_server(settings.run) is not None:
        return Check(_NAME, "ok", "a server runs and has made it; see: sekisho fleet status")
    desk = Fitting(settings, shelf(settings))
    plans = {wish.model: desk.plan(wish) for wish in own}
    wrong = _no_room(own, plans) or _too_long(own, plans, desk)
    if wrong is not None:
        return wrong
    said = "; ".join(f"{name}: {plan.line}" for name, plan in plans.items())
    if desk.machine.problem:
        return Check(_NAME, "warning", f"{desk.machine.problem} {said}", _DRIVER)
    return Check(_NAME, "ok", said)


def _no_room(own: Sequence[ModelSettings], plans: Mapping[str, Plan]) -> Check | None:
    for name, plan in plans.items():
        if not plan.fits:
            return Check(_NAME, "fails", f"{name}: {plan.line}", _SMALLER)
    pinned = [plans[wish.model] for wish in own if wish.pin]
    for device, free in next(iter(plans.values())).free.items():
        wanted = sum(plan.price.total(device) for plan in pinned)
        if wanted > free:
            said = f"the pinned ones need {wanted / _GIB:.1f} GiB of {device} together, {free / _GIB:.1f} are free"
            return Check(_NAME, "fails", said, _UNPIN)
    return None


def _too_long(own: Sequence[ModelSettings], plans: Mapping[str, Plan], desk: Fitting) -> Check | None:
    for wish in own:
        wished, trained = plans[wish.model].wish.context_tokens, desk.trained_tokens(wish)
        if 0 < trained < wished:
            said = f"{wish.model} has a context of {wished:,} tokens and was trained for {trained:,}"
            return Check(_NAME, "warning", said, _SHORTER)
    return None
