"""Which implementation stands behind a door: the engine, the detector, and the target they make."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from msgspec.structs import replace

from gateway.domain import Capability, Target
from gateway.engines.config import Adapter, Extras, Mode
from gateway.engines.door import Engine
from gateway.engines.llama_cpp_python import InProcess
from gateway.engines.openai_http import HttpEngine
from gateway.engines.selection import choose
from gateway.engines.shelf import EngineShelf
from gateway.engines.xllamacpp import ManagedWorker
from gateway.errors import SetupError
from gateway.privacy.detector import CascadeDetector, Detector, NoDetection
from gateway.registry.manifest import Manifest
from gateway.registry.store import ContentStore
from gateway.settings import EngineSettings, ModelSettings, RemoteEngineSettings, Settings


def manifest_of(store: ContentStore, name: str) -> Manifest:
    """Return the manifest of a model that is to be served. Raises SetupError."""
    manifest = store.find(name)
    if manifest is None:
        mend = "See `sekisho models list`, or add it with `sekisho models add`."
        raise SetupError(f"There is no model {name}.", mend)
    return manifest


def engine_of(settings: Settings, store: ContentStore, wish: ModelSettings) -> Engine:
    """Return an engine of this node's own for a model; not started. Hashes the model's file: not for the event loop.

    Raises:
        SetupError: the model is not known, or its file is not what its manifest says.
    """
    manifest = manifest_of(store, wish.model)
    wanted = wanted_for(settings, manifest, wish)
    weights, template = store.weights(manifest), manifest.chat_template
    if wanted.kind == "llama-cpp-python":
        return InProcess(wanted, weights=weights, model=manifest.name, chat_template=template)
    return ManagedWorker(
        wanted,
        weights=weights,
        model=manifest.name,
        run_dir=settings.run,
        chat_template=template,
        extras=extras_of(settings, store, manifest, wanted),
    )


def extras_of(settings: Settings, store: ContentStore, manifest: Manifest, wanted: EngineSettings) -> Extras:
    """Return how an engine's process is to use a model, and which program it runs. Raises SetupError."""
    chosen = choose(wanted.kind, EngineShelf(settings.data / "engines"))
    draft = store.weights(manifest_of(store, wanted.draft)) if wanted.draft else None
    adapters = tuple(Adapter(each.name, store.weights(each)) for each in store.adapters(manifest.name))
    return Extras(mode=mode_of(manifest), adapters=adapters, draft=draft, engine=chosen.folder)


def wanted_for(settings: Settings, manifest: Manifest, wish: ModelSettings) -> EngineSettings:
    """Return the engine's settings for a model.

    One that makes vectors or scores runs in a process of its own, since the other kind only generates; has nobody to
    guess its tokens; and, as it reads each input at once, gets no more room for that than it was trained for.
    """
    wanted = settings.engine_for(wish)
    if mode_of(manifest) == "chat":
        return wanted
    kind = "xllamacpp" if wanted.kind == "llama-cpp-python" else wanted.kind
    context = min(wanted.context_tokens, manifest.context_tokens)
    return replace(wanted, kind=kind, draft="", context_tokens=context)


def mode_of(manifest: Manifest) -> Mode:
    """Return how an engine is to use a model: what generates does not also answer with vectors."""
    can = manifest.capabilities
    if Capability.CHAT in can or Capability.COMPLETE in can:
        return "chat"
    return "rerank" if Capability.RERANK in can else "embed"


def http_engine(settings: Settings) -> HttpEngine:
    """Return an engine that somebody else runs on this machine.

    Raises:
        SetupError: the address is not this machine's.
    """
    wanted = settings.engine
    api_key = (settings.base / wanted.api_key_file).read_text().strip() if wanted.api_key_file else ""
    address = urlsplit(wanted.url)
    if address.scheme != "unix" and not is_loopback(address.hostname or ""):
        raise SetupError("engine.url is not on this machine.", "Use http://127.0.0.1:PORT or unix:/path/to.sock.")
    return HttpEngine(
        "http://engine" if address.scheme == "unix" else wanted.url,
        model=wanted.model,
        slots=wanted.slots,
        context_tokens=wanted.context_tokens,
        api_key=api_key,
        unix_socket=Path(address.path) if address.scheme == "unix" else None,
        read_timeout_seconds=wanted.read_timeout_seconds,
    )


def is_loopback(host: str) -> bool:
    """Whether an address literal, or the name ``localhost``, is this machine's loopback. Asks no resolver."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def detector_of(settings: Settings) -> Detector:
    if not settings.privacy.detection:
        return NoDetection()
    return CascadeDetector(settings.privacy, settings.base, settings.state / "patterns")


def target_of(settings: Settings, manifest: Manifest) -> Target:
    """Return the target that a model is on this node, as it is known before it was loaded. Its engine tokenises."""
    target = _target(settings, manifest.name, manifest)
    return replace(target, digest=manifest.sha256, capabilities=(*target.capabilities, Capability.TOKENIZE))


def http_target_of(settings: Settings, store: ContentStore) -> Target:
    """Return the target that somebody else's engine on this machine is. Its bytes are not seen from here."""
    manifest = store.find(settings.engine.model)
    return _target(settings, manifest.name if manifest else settings.engine.model, manifest)


def remote_target_of(settings: Settings, wanted: RemoteEngineSettings) -> Target:
    """Return the target that an engine of others is. A prompt stays on this machine where its address is this machine's
    and nobody else operates it.
    """
    site, address = wanted.site or settings.site.name, urlsplit(wanted.url)
    here = address.scheme == "unix" or is_loopback(address.hostname or "")
    return Target(
        id=f"{site}/{wanted.name}/remote:{wanted.model}",
        model=wanted.model,
        capabilities=tuple(map(Capability, wanted.capabilities)),
        site=site,
        node=wanted.name,
        jurisdiction=wanted.jurisdiction or (settings.site.jurisdiction if site == settings.site.name else ""),
        same_node=here and not wanted.external,
        external=wanted.external,
        digest=wanted.digest.lower(),
    )


def _target(settings: Settings, model: str, manifest: Manifest | None) -> Target:
    can = manifest.capabilities if manifest else (Capability.CHAT, Capability.COMPLETE)
    return Target(
        id=f"{settings.origin}:{model}",
        model=model,
        capabilities=tuple(map(Capability, can)),
        site=settings.site.name,
        node=settings.site.node,
        jurisdiction=settings.site.jurisdiction,
        same_node=True,
    )
