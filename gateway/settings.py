"""Typed, frozen settings: the only reader of the environment and of ``sekisho.yaml``.

The file is found in this order: ``--config``, ``SEKISHO_CONFIG``, ``./sekisho.yaml``, ``/etc/sekisho/sekisho.yaml``.
Every setting has a default, a unit in its name, and a line of help (:data:`HELP`, which ``docs/reference/settings.md``
repeats; a test compares them). Relative paths are relative to the file. Unknown settings are refused by name.

Example::

    site: {name: ingolstadt, jurisdiction: DE}
    server: {listen: "127.0.0.1:8080"}
    engine: {model: smollm2-135m-instruct}
"""

from __future__ import annotations

import hashlib
import os
import sys
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import yaml

from gateway import plain_yaml
from gateway.errors import SetupError
from gateway.sections import (
    AgeSettings,
    AnchorSettings,
    AuditSettings,
    BatchSettings,
    BoundSettings,
    ClaimSettings,
    ConfiguredPattern,
    CrossBorderAgeSettings,
    EngineSettings,
    FileAnchorSettings,
    FileSettings,
    FleetSettings,
    IdentitySettings,
    IssuerSettings,
    Jurisdiction,
    KeySettings,
    LimitSettings,
    ModelSettings,
    Name,
    NodeAnchorSettings,
    NodesSettings,
    PolicySettings,
    PriceSettings,
    PrivacySettings,
    RedisSettings,
    RemoteEngineSettings,
    ResponseSettings,
    RetentionSettings,
    Section,
    ServerSettings,
    SiteSettings,
    SyslogAnchorSettings,
)
from gateway.settings_help import HELP

__all__ = [
    "HELP",
    "SEARCH_PATH",
    "SHIPPED",
    "AgeSettings",
    "AnchorSettings",
    "AuditSettings",
    "BatchSettings",
    "BoundSettings",
    "ClaimSettings",
    "ConfiguredPattern",
    "CrossBorderAgeSettings",
    "EngineSettings",
    "FileAnchorSettings",
    "FileSettings",
    "FleetSettings",
    "IdentitySettings",
    "IssuerSettings",
    "Jurisdiction",
    "KeySettings",
    "LimitSettings",
    "ModelSettings",
    "Name",
    "NodeAnchorSettings",
    "NodesSettings",
    "PolicySettings",
    "PriceSettings",
    "PrivacySettings",
    "RedisSettings",
    "RemoteEngineSettings",
    "ResponseSettings",
    "RetentionSettings",
    "ServerSettings",
    "Settings",
    "SiteSettings",
    "SyslogAnchorSettings",
    "credentials_directory",
    "find_config",
    "load",
    "opa_candidates",
    "tool_environment",
    "with_passphrase_from",
]


class Settings(Section, frozen=True, forbid_unknown_fields=True):
    """All settings of one process. ``source`` is the file they came from, ``None`` for defaults alone."""

    site: SiteSettings = SiteSettings()
    server: ServerSettings = ServerSettings()
    privacy: PrivacySettings = PrivacySettings()
    policy: PolicySettings = PolicySettings()
    engine: EngineSettings = EngineSettings()
    fleet: FleetSettings = FleetSettings()
    nodes: NodesSettings = NodesSettings()
    identity: IdentitySettings = IdentitySettings()
    limits: LimitSettings = LimitSettings()
    audit: AuditSettings = AuditSettings()
    responses: ResponseSettings = ResponseSettings()
    files: FileSettings = FileSettings()
    batches: BatchSettings = BatchSettings()
    key_store: KeySettings = msgspec.field(default=KeySettings(), name="keys")
    data_dir: str = "./.sekisho"
    run_dir: str = ""
    models_dir: str = ""
    source: str = ""

    @property
    def base(self) -> Path:
        """The folder that relative paths start from: the file's own."""
        return Path(self.source).resolve().parent if self.source else Path.cwd()

    @property
    def data(self) -> Path:
        return (self.base / self.data_dir).resolve()

    @property
    def keys(self) -> Path:
        return self.data / "keys"

    @property
    def state(self) -> Path:
        return self.data / "state"

    @property
    def store(self) -> Path:
        return self.data / "store"

    @property
    def run(self) -> Path:
        """Sockets live here, mode 0700. Short, since a socket's path must stay under 100 bytes."""
        return (self.base / self.run_dir).resolve() if self.run_dir else self.data / "run"

    @property
    def zone(self) -> tzinfo:
        """The site's time zone. UTC needs no table of zones. Raises SetupError when there is none of that name."""
        if self.site.timezone == "UTC":
            return UTC
        try:
            return ZoneInfo(self.site.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # a path, a folder
            mend = "Give an IANA name, such as Europe/Berlin; the machine needs the table of zones (package tzdata)."
            problem = f"site.timezone: there is no time zone {self.site.timezone!r}."
            raise SetupError(problem, mend, exit_code=2) from error

    @property
    def rules_file(self) -> Path:
        return self.base / (self.policy.rules or "rules.csv")

    @property
    def organisation_file(self) -> Path:
        return self.base / (self.policy.organisation or "organisation.yaml")

    @property
    def policies(self) -> Path:
        """The Rego that ships, unless the file names another folder."""
        return (self.base / self.policy.directory).resolve() if self.policy.directory else SHIPPED / "policies"

    @property
    def manifests(self) -> Path:
        return (self.base / self.models_dir).resolve() if self.models_dir else SHIPPED / "models"

    @property
    def served(self) -> tuple[ModelSettings, ...]:
        """The models that this node serves; the first is the one that is loaded at the start in any case."""
        return self.fleet.models or (ModelSettings(model=self.engine.model, pin=True),)

    @property
    def first_model(self) -> str:
        """The model that a newcomer is shown: the engine's own, or the first of this node's."""
        return self.engine.model if self.engine.kind == "openai-http" else self.served[0].model

    def engine_for(self, wish: ModelSettings) -> EngineSettings:
        """Return the engine's settings for one of the models that this node loads itself."""
        common = self.engine
        return msgspec.structs.replace(
            common,
            kind="auto" if common.kind == "openai-http" else common.kind,
            model=wish.model,
            context_tokens=wish.context_tokens or common.context_tokens,
            slots=wish.slots or common.slots,
            batch_tokens=wish.batch_tokens or common.batch_tokens,
            queue=common.queue if wish.queue < 0 else wish.queue,
            gpu_layers=common.gpu_layers if wish.gpu_layers is None else wish.gpu_layers,
            draft=common.draft if wish.draft is None else wish.draft,
        )

    def digest(self) -> str:
        """Return SHA-256 of all settings, in hex. They hold no secret: those lie in files that settings only name."""
        return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(self, source=""), order="sorted")).hexdigest()

    @property
    def origin(self) -> str:
        """``site/node/worker``: who writes this process's audit log."""
        return f"{self.site.name}/{self.site.node}/{self.site.worker}"

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.server.listen.rpartition(":")
        return host.strip("[]"), int(port)


def _shipped() -> Path:
    package = Path(__file__).resolve().parent
    inside = package / "_shipped"
    return inside if inside.is_dir() else package.parent


SHIPPED = _shipped()
"""Where ``policies/`` and ``models/`` lie: inside the package when it was installed, beside it in a checkout."""

SEARCH_PATH = (Path("sekisho.yaml"), Path("/etc/sekisho/sekisho.yaml"))


def find_config(explicit: str | None = None) -> Path | None:
    """Return the configuration file to use, ``None`` when there is none.

    Raises:
        SetupError: a file that was named does not exist.
    """
    named = explicit or os.environ.get("SEKISHO_CONFIG")
    if named:
        path = Path(named)
        if not path.is_file():
            raise SetupError(f"There is no configuration file {named}.", "Run: sekisho init", exit_code=2)
        return path
    return next((path for path in SEARCH_PATH if path.is_file()), None)


def load(explicit: str | None = None) -> Settings:
    """Read the configuration file, or defaults where there is none.

    Raises:
        SetupError: not YAML, an unknown setting, a value out of range; names the setting.
    """
    path = find_config(explicit)
    if path is None:
        return Settings()
    try:
        raw: Any = _truths(plain_yaml.read(path.read_text(encoding="utf-8")) or {}, Settings)
    except yaml.YAMLError as error:
        line, problem = plain_yaml.problem_of(error)
        where = f"{path}, line {line}" if line else str(path)
        raise SetupError(f"{where}: {problem}.", "Check its indentation and quotes.", exit_code=2) from error
    except UnicodeDecodeError as error:
        raise SetupError(f"{path} is not valid YAML.", "It must be UTF-8.", exit_code=2) from error
    if isinstance(raw, dict) and "source" in raw:
        raise SetupError(f"{path}: `source` is not a setting.", "Remove that line.", exit_code=2)
    try:
        settings = msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        mend = "See docs/reference/settings.md for every setting."
        raise SetupError(f"{path}: {error}.", mend, exit_code=2) from error
    _ = settings.zone  # refused here, not when somebody first reads a time
    return msgspec.structs.replace(settings, source=str(path.resolve()))


_TRUTHS = {"yes": True, "on": True, "no": False, "off": False}


def _truths(raw: Any, kind: Any) -> Any:
    """Return what was read with ``on`` and ``off`` as truths where a truth is meant, and only there: NO is Norway."""
    if kind is bool:
        return _TRUTHS.get(raw.lower(), raw) if isinstance(raw, str) else raw
    if isinstance(raw, list):  # a tuple of sections of one kind
        (inner, *_) = (*get_args(kind), None)
        return [_truths(value, inner) for value in raw]
    if not isinstance(raw, dict) or not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return raw
    kinds = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    return {name: _truths(value, kinds.get(name)) for name, value in raw.items()}


def opa_candidates(settings: Settings) -> list[Path]:
    """Return where an ``opa`` program may be, best first; not all of them exist."""
    named = [settings.policy.opa_binary, os.environ.get("OPA_BIN", "")]
    found = [Path(folder) / "opa" for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    own = [SHIPPED / ".cache" / "bin" / "opa", Path(sys.prefix) / "bin" / "opa"]  # of a checkout; of a bundle
    return [Path(n) for n in named if n] + own + found


def with_passphrase_from(settings: Settings, descriptor: int) -> Settings:
    """Return the settings with another file descriptor that holds what opens the keys."""
    keys = msgspec.structs.replace(settings.key_store, passphrase_fd=descriptor)
    return msgspec.structs.replace(settings, key_store=keys)


def credentials_directory() -> Path | None:
    """Return where systemd lays the credentials of a unit; ``None`` outside of one."""
    named = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(named) if named else None


def tool_environment() -> dict[str, str]:
    """Return what a compiler needs of this process's environment, and nothing else of it."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
