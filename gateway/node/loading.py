"""What a node loads, and what it says of itself: the registry's checks, the planner and the engines, as at home.

A manifest comes from the gateway; the bytes that it names are hashed here, their header and chat templates read and
tried here. Nothing is loaded that would not be loaded at home.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gateway import __version__
from gateway.engines.config import Adapter, Extras
from gateway.engines.node_wire import PROTOCOL, NodeDevice, NodePartial, NodeState, Order
from gateway.engines.selection import Chosen, choose
from gateway.engines.shelf import EngineShelf
from gateway.engines.xllamacpp import ManagedWorker
from gateway.errors import SetupError
from gateway.fleet.fit.devices import Machine, look
from gateway.fleet.fit.memory import RAM, Price
from gateway.fleet.fit.plan import plan
from gateway.fleet.fit.shape import shape_of
from gateway.fleet.fit.taken import spare_bytes, taken
from gateway.house.choice import mode_of
from gateway.house.fitting import Fitting, wish_of
from gateway.node.blobs import Blobs
from gateway.node.bundles import Bundles
from gateway.node.residents import Built, Residents
from gateway.registry.catalogue import parse_manifest
from gateway.registry.manifest import Manifest
from gateway.registry.store import ContentStore
from gateway.settings import EngineSettings, Settings
from gateway.telemetry.energy import Draw, Source, counters

_LOOKED_FOR_SECONDS = 0.4  # a look at memory and GPUs takes some milliseconds; it is asked for twice a second


class Loading:
    """Builds engines by the gateway's orders.

    Args:
        settings: of this node; threads, sandbox, program and time limits are its own.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.store = ContentStore(settings.manifests, settings.store)
        self.fitting = Fitting(settings, self.store)
        self.problem = ""
        self._chosen = self._choose()

    def _choose(self) -> Chosen | None:
        kind = self._settings.engine.kind
        try:
            return choose(kind if kind in ("llama-server", "xllamacpp") else "auto", self._shelf())
        except SetupError as error:
            self.problem = str(error)
            return None

    def _shelf(self) -> EngineShelf:
        return EngineShelf(self._settings.data / "engines")

    async def build(self, order: Order) -> Built:
        """Return an engine for an order, not started. Raises SetupError: its files are not what they must be."""
        return await asyncio.to_thread(self._built, order)

    def _built(self, order: Order) -> Built:
        if self._chosen is None:
            raise SetupError(self.problem, "")
        manifest = parse_manifest(order.manifest, "The manifest")
        weights = self.store.weights(manifest)
        wanted = self._wanted(order, manifest)
        run_dir = self._settings.run / f"n{order.id[:6]}"
        engine = ManagedWorker(
            wanted,
            weights=weights,
            model=manifest.name,
            run_dir=run_dir,
            chat_template=manifest.chat_template,
            extras=self._extras(order, manifest),
        )
        price = self._price(manifest, wanted)
        return Built(
            engine,
            manifest.name,
            manifest.sha256,  # compared with the file's own just now
            mode_of(manifest),
            price.mib,
            lambda: {} if engine.pid is None else taken(engine.pid, price),
            lambda: 0 if engine.pid is None else spare_bytes(engine.pid, price),
            lambda: shutil.rmtree(run_dir, ignore_errors=True),
        )

    def _wanted(self, order: Order, manifest: Manifest) -> EngineSettings:
        return replace(
            self._settings.engine,
            model=manifest.name,
            context_tokens=order.context_tokens,
            slots=order.slots,
            gpu_layers=order.gpu_layers,
            batch_tokens=order.batch_tokens,
            kv_type=order.kv_type,
            flash_attention=order.flash_attention,
            draft_tokens=order.draft_tokens,
        )

    def _extras(self, order: Order, manifest: Manifest) -> Extras:
        assert self._chosen is not None  # noqa: S101 - seen by the caller
        adapters = [parse_manifest(each, "The adapter's manifest") for each in order.adapters]
        draft = parse_manifest(order.draft, "The draft's manifest") if order.draft is not None else None
        return Extras(
            mode=mode_of(manifest),
            adapters=tuple(Adapter(each.name, self.store.weights(each)) for each in adapters),
            draft=self.store.weights(draft) if draft is not None else None,
            engine=self._chosen.folder,
        )

    def _price(self, manifest: Manifest, wanted: EngineSettings) -> Price:
        fitting, wish = self.fitting, wish_of(manifest, wanted)
        shape = shape_of(self.store.layout(manifest))
        return plan(shape, wish, fitting.machine, build=fitting.built_for, on_gpu=fitting.on_gpu).price


class Portrait:
    """What the node says of itself, looked at afresh when the last look is older than a moment.

    Args:
        powercap: what counts the processors' energy; none given: what this machine has.
    """

    def __init__(
        self,
        loading: Loading,
        blobs: Blobs,
        bundles: Bundles,
        residents: Residents,
        powercap: Sequence[Source] | None = None,
    ) -> None:
        self._bundles = bundles
        self._loading = loading
        self._blobs = blobs
        self._residents = residents
        self._boot = secrets.token_hex(8)
        self._seen: Machine | None = None
        self._seen_at = float("-inf")
        self._draw = Draw(counters() if powercap is None else powercap)
        self._facts: Mapping[str, Any] = facts_of(loading.fitting) if not loading.problem else {}

    async def state(self) -> NodeState:
        if time.monotonic() - self._seen_at > _LOOKED_FOR_SECONDS:
            self._seen = _with_power(await asyncio.to_thread(look), self._draw.watts(time.monotonic()))
            self._seen_at = time.monotonic()
        assert self._seen is not None  # noqa: S101 - set above
        spare = await asyncio.to_thread(self._residents.spare_bytes)
        return NodeState(
            protocol=PROTOCOL,
            sekisho=__version__,
            boot=self._boot,
            devices=_devices(self._seen, spare),
            disk_free=self._blobs.disk_free(),
            blobs=self._blobs.all()[:4096],
            brought=self._blobs.brought()[:4096],
            partial=tuple(NodePartial(*each) for each in self._blobs.partial()[:4096]),
            residents=self._residents.all(),
            problem=self._loading.problem[:512],
            ordered=self._bundles.waits(),
            installed=self._bundles.ended(),
            **self._facts,
        )


def _with_power(machine: Machine, watts: float) -> Machine:
    """Return a machine whose processors, which its memory stands for, draw so much; -1: not told."""
    return dataclasses.replace(machine, ram=dataclasses.replace(machine.ram, watts=watts))


def facts_of(fitting: Fitting) -> Mapping[str, Any]:
    """Return what does not change while the service runs."""
    return {
        "features": tuple(sorted(fitting.machine.features)),
        "engine": fitting.engine_name,
        "built_for": tuple(sorted(fitting.built_for)),
        "on_gpu": fitting.uses_gpus,
        "kept_free": fitting.kept_free,
    }


def _devices(machine: Machine, spare: int) -> tuple[NodeDevice, ...]:
    return tuple(
        NodeDevice(
            each.id,
            each.name[:512],
            each.total,
            each.free + (spare if each.id == RAM else 0),
            each.watts,
            each.watts_limit,
            each.compute,
        )
        for each in machine.devices
    )


def store_folder(settings: Settings) -> Path:
    """Return where the content store keeps whole files: :class:`gateway.registry.store.ContentStore`."""
    return settings.store / "sha256"
