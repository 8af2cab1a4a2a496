"""Which implementation stands behind a door: the engine, the detector, and the target they make."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from gateway.domain import Capability, Target
from gateway.engines.door import Engine
from gateway.engines.llama_cpp_python import InProcess
from gateway.engines.openai_http import HttpEngine
from gateway.engines.xllamacpp import ManagedWorker
from gateway.errors import SetupError
from gateway.privacy.detector import CascadeDetector, Detector, NoDetection
from gateway.registry.store import ContentStore
from gateway.settings import Settings


def engine_of(settings: Settings, store: ContentStore) -> Engine:
    wanted = settings.engine
    if wanted.kind == "openai-http":
        return _http_engine(settings)
    manifest = store.find(wanted.model)
    if manifest is None:
        raise SetupError(
            f"There is no model {wanted.model}.", "See `sekisho models list`, or add it with `sekisho models add`."
        )
    weights = store.weights(manifest)
    template = manifest.chat_template
    if wanted.kind == "xllamacpp":
        return ManagedWorker(wanted, weights=weights, model=manifest.name, run_dir=settings.run, chat_template=template)
    return InProcess(wanted, weights=weights, model=manifest.name, chat_template=template)


def _http_engine(settings: Settings) -> HttpEngine:
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


def target_of(settings: Settings, store: ContentStore, engine: Engine) -> Target:
    manifest = store.find(settings.engine.model)
    model = manifest.name if manifest else settings.engine.model
    own = manifest is not None and settings.engine.kind != "openai-http"  # that one's bytes are not seen from here
    return Target(
        id=f"{settings.origin}:{model}",
        model=model,
        capabilities=(Capability.CHAT, Capability.COMPLETE),
        site=settings.site.name,
        node=settings.site.node,
        jurisdiction=settings.site.jurisdiction,
        same_node=True,
        digest=manifest.sha256 if manifest and own else "",
        device=engine.device,
        build=engine.build,
    )
