"""``sekisho doctor``: is there room for the models that are configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.cli.checks import Check
from gateway.cli.server import running_server

if TYPE_CHECKING:
    from gateway.settings import Settings

_NAME = "room for models"
_GIB = 1024**3
_SMALLER = "Lower context_tokens, slots or engine.kv_type, or choose a smaller model. See: sekisho models fit"
_UNPIN = "Pin fewer of them: those that are not pinned take turns."
_DRIVER = "Models use the processor alone. Mend the driver (nvidia-smi says what it sees), or set engine.gpu_layers: 0."


def room_for_models(settings: Settings) -> Check:
    """Each configured model fits by itself, and the pinned ones together."""
    from gateway.cli.models import shelf
    from gateway.house.fitting import Fitting

    own = settings.fleet.models if settings.engine.kind == "openai-http" else settings.served
    if not own:
        return Check(_NAME, "ok", "this node loads none")
    if running_server(settings.run) is not None:
        return Check(_NAME, "ok", "a server runs and has made it; see: sekisho fleet status")
    desk = Fitting(settings, shelf(settings))
    plans = {wish.model: desk.plan(wish) for wish in own}
    for name, plan in plans.items():
        if not plan.fits:
            return Check(_NAME, "fails", f"{name}: {plan.line}", _SMALLER)
    pinned = [plans[wish.model] for wish in own if wish.pin]
    for device, free in next(iter(plans.values())).free.items():
        wanted = sum(plan.price.total(device) for plan in pinned)
        if wanted > free:
            said = f"the pinned ones need {wanted / _GIB:.1f} GiB of {device} together, {free / _GIB:.1f} are free"
            return Check(_NAME, "fails", said, _UNPIN)
    said = "; ".join(f"{name}: {plan.line}" for name, plan in plans.items())
    if desk.machine.problem:
        return Check(_NAME, "warning", f"{desk.machine.problem} {said}", _DRIVER)
    return Check(_NAME, "ok", said)
