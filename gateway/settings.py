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
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import yaml

from gateway import plain_yaml
from gateway.errors import SetupError

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,63}$")]
Jurisdiction = Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{2})?$")]
Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
AtLeastASecond = Annotated[float, msgspec.Meta(ge=1)]
UpToASecond = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class SiteSettings(_Section, frozen=True, forbid_unknown_fields=True):
    name: Name = "site"
    node: Name = "node"
    worker: Name = "w0"
    jurisdiction: Jurisdiction = ""
    language: str = "en"
    timezone: str = "UTC"
    preset: Literal["demo", "balanced", "strict"] = "demo"


class ServerSettings(_Section, frozen=True, forbid_unknown_fields=True):
    listen: str = "127.0.0.1:8080"
    tls_certificate: str = ""
    tls_key: str = ""
    max_body_bytes: Positive = 16 * 1024 * 1024
    max_text_chars: Positive = 1_000_000
    max_depth: Positive = 64
    grace_seconds: Seconds = 20.0


class ConfiguredPattern(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A customer's own pattern. Exactly one of ``mask`` and ``expression`` is set."""

    name: str  # lower case, digits, _; unique
    type: str  # EMPLOYEE_ID, BADGE_NUMBER, PROJECT_NUMBER or a type of the customer's own
    mask: str = ""  # P-999999: 9 is a digit, A a capital, X one of both
    expression: str = ""  # Vectorscan's dialect; see gateway.privacy.patterns.rule
    context: tuple[str, ...] = ()  # words that speak for it
    needs_context: bool = False  # without such a word it is nothing
    ignore_case: bool = False
    score: float = 0.85
    examples: tuple[str, ...] = ()  # values that it MUST find; checked at start
    counter_examples: tuple[str, ...] = ()  # values that it MUST NOT find; checked at start


class PrivacySettings(_Section, frozen=True, forbid_unknown_fields=True):
    detection: bool = True
    names: bool = True
    timeout_seconds: Seconds = 30.0
    score_threshold: float = 0.4
    memory_mib: NotNegative = 32
    patterns: tuple[ConfiguredPattern, ...] = ()
    code_names: tuple[str, ...] = ()
    recognizers: tuple[str, ...] = ()
    allow: dict[str, tuple[str, ...]] = {}
    weights_dir: str = ""


class PolicySettings(_Section, frozen=True, forbid_unknown_fields=True):
    opa_binary: str = ""
    deadline_seconds: Seconds = 0.25
    remember_seconds: UpToASecond = 1.0
    directory: str = ""
    rules: str = ""
    organisation: str = ""
    valid_days: Positive = 365
    url: str = ""
    token_file: str = ""


class EngineSettings(_Section, frozen=True, forbid_unknown_fields=True):
    kind: Literal["auto", "llama-server", "xllamacpp", "llama-cpp-python", "openai-http"] = "auto"
    url: str = ""
    api_key_file: str = ""
    model: str = "smollm2-135m-instruct"
    threads: NotNegative = 0
    gpu_layers: int = -1
    context_tokens: Positive = 4096
    slots: Positive = 4
    batch_tokens: NotNegative = 0
    flash_attention: Literal["auto", "on", "off"] = "auto"
    kv_type: Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"] = "f16"
    draft: str = ""
    draft_tokens: Positive = 8
    queue: NotNegative = 128
    start_timeout_seconds: Seconds = 120.0
    read_timeout_seconds: Seconds = 300.0
    sandbox: Literal["required", "best-effort"] = "required"


class ModelSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model that this node serves. 0 stands for what ``engine`` says."""

    model: str  # name or alias of a manifest
    pin: bool = False  # loaded at the start, and kept
    ttl_seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0  # sent out after so long idle; 0: when others need its room
    context_tokens: NotNegative = 0
    slots: NotNegative = 0
    batch_tokens: NotNegative = 0
    queue: Annotated[int, msgspec.Meta(ge=-1)] = -1  # requests that may wait; -1: as `engine.queue`
    gpu_layers: int | None = None  # none given: as `engine.gpu_layers`
    draft: str | None = None  # name of a model that guesses ahead; none given: as `engine.draft`


class RemoteEngineSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model that somebody else's server serves, here or elsewhere. Files are relative to ``sekisho.yaml``, PEM."""

    name: Name  # the node's name in its target's id; unique
    model: str  # the name that callers use
    kind: Literal["openai-http", "litellm"] = "openai-http"
    url: str = (
        ""  # https://…; on this machine also http://127.0.0.1:PORT or unix:/path; litellm: its provider's, if any
    )
    remote_model: str = ""  # what it is called there; empty: the same; litellm: provider/model
    capabilities: tuple[Literal["chat", "complete", "embed", "rerank"], ...] = ("chat",)
    site: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{0,63}$")] = ""  # where it stands; empty: this site
    jurisdiction: Jurisdiction = ""  # of that place; empty: this site's, for one of this site, else unknown
    external: bool = True  # operated by somebody else
    context_tokens: Positive = 8192
    slots: Positive = 8  # prompts at once
    queue: NotNegative = 128
    read_timeout_seconds: Seconds = 300.0
    api_key_file: str = ""
    ca: str = ""  # who vouches for it; empty: the system's authorities
    certificate: str = ""  # ours, where it asks for one
    certificate_key: str = ""
    digest: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-fA-F]{64})?$")] = ""  # SHA-256, where it tells one


class FleetSettings(_Section, frozen=True, forbid_unknown_fields=True):
    models: tuple[ModelSettings, ...] = ()
    engines: tuple[RemoteEngineSettings, ...] = ()
    providers_python: str = ""
    memory_mib: NotNegative = 0
    turn_seconds: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    health_seconds: Seconds = 60.0

    def __post_init__(self) -> None:
        names = [each.model for each in self.models]
        if len(set(names)) != len(names):
            raise ValueError("models names one model twice")
        nodes = [each.name for each in self.engines]
        if len(set(nodes)) != len(nodes):
            raise ValueError("engines has one name twice")


class LimitSettings(_Section, frozen=True, forbid_unknown_fields=True):
    requests_per_minute: NotNegative = 0
    tokens_per_minute: NotNegative = 0
    concurrent_requests: Positive = 64


class FileAnchorSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="file"):
    """Heads go into a file on other media."""

    path: str  # the file of heads, or a folder for it
    same_disk: bool = False  # let it be on the log's own disk: for a file that something else carries away
    every_seconds: AtLeastASecond = 60.0


class SyslogAnchorSettings(
    _Section, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="syslog"
):
    """Heads go to a collector by syslog over TLS. Files are PEM."""

    address: str  # host:port
    ca: str = ""  # who vouches for the collector; empty: the system's authorities
    server_name: str = ""  # the name in its certificate, where that is not the host
    certificate: str = ""  # ours, where the collector wants one
    certificate_key: str = ""
    records: bool = False  # send every record too, from now on
    every_seconds: AtLeastASecond = 1.0


class NodeAnchorSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="node"):
    """A second node cosigns heads (C2SP tlog-witness). Exactly one of ``url`` and ``socket`` is set."""

    key: str  # the witness's verifier key, or the file that holds it
    url: str = ""
    socket: str = ""
    ca: str = ""  # with https: who vouches for the witness; empty: the system's authorities
    certificate: str = ""  # ours, where the witness wants one
    certificate_key: str = ""
    every_seconds: AtLeastASecond = 1.0


AnchorSettings = FileAnchorSettings | SyslogAnchorSettings | NodeAnchorSettings


class AgeSettings(_Section, frozen=True, forbid_unknown_fields=True):
    """How old records get. ``longest_days`` of 0: there is no end."""

    least_days: Positive = 184
    longest_days: NotNegative = 365

    def __post_init__(self) -> None:
        if 0 < self.longest_days < self.least_days:
            raise ValueError("longest_days is below least_days")


class CrossBorderAgeSettings(AgeSettings, frozen=True, forbid_unknown_fields=True):
    """As :class:`AgeSettings`."""

    least_days: Positive = 3 * 366
    longest_days: NotNegative = 4 * 366


class RetentionSettings(_Section, frozen=True, forbid_unknown_fields=True):
    """By retention class. The least: EU AI Act art. 19 and 26(6), half a year; PIPL art. 56, three years."""

    default: AgeSettings = AgeSettings()
    cross_border: CrossBorderAgeSettings = CrossBorderAgeSettings()


class AuditSettings(_Section, frozen=True, forbid_unknown_fields=True):
    anchors: tuple[AnchorSettings, ...] = ()
    checkpoint_records: Positive = 256
    checkpoint_seconds: Seconds = 1.0
    retention: RetentionSettings = RetentionSettings()
    prune: bool = False
    index: bool = True

    def age(self, retention_class: str) -> AgeSettings:
        """Return how old records of a class get; a class of an earlier release is kept as the longest kept one."""
        return self.retention.default if retention_class == "default" else self.retention.cross_border


class KeySettings(_Section, frozen=True, forbid_unknown_fields=True):
    """What the secrets in ``data_dir/keys`` lie under."""

    provider: Literal["files", "passphrase", "systemd", "pkcs11"] = "files"
    passphrase_fd: Annotated[int, msgspec.Meta(ge=-1)] = -1
    credential: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$")] = "sekisho-keys"
    pkcs11_module: str = ""
    pkcs11_token: str = ""


class Settings(_Section, frozen=True, forbid_unknown_fields=True):
    """All settings of one process. ``source`` is the file they came from, ``None`` for defaults alone."""

    site: SiteSettings = SiteSettings()
    server: ServerSettings = ServerSettings()
    privacy: PrivacySettings = PrivacySettings()
    policy: PolicySettings = PolicySettings()
    engine: EngineSettings = EngineSettings()
    fleet: FleetSettings = FleetSettings()
    limits: LimitSettings = LimitSettings()
    audit: AuditSettings = AuditSettings()
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

HELP: dict[str, str] = {
    "site.name": "name of this site, part of every audit record's origin",
    "site.node": "name of this machine within the site",
    "site.worker": "name of this process within the node",
    "site.jurisdiction": "ISO 3166-1 alpha-2 country of this site; empty: prompts stay on this machine",
    "site.language": "language of messages to people at this site (BCP 47)",
    "site.timezone": "time zone of this site for what people read, IANA name such as Europe/Berlin; records keep UTC",
    "site.preset": "rule preset that `sekisho init` wrote: demo, balanced or strict",
    "server.listen": "address:port to serve on; beyond loopback only with TLS files",
    "server.tls_certificate": "PEM file with the server's certificate chain",
    "server.tls_key": "PEM file with the server's private key",
    "server.max_body_bytes": "largest request body, in bytes; more is 413",
    "server.max_text_chars": "most text in one request, in code points; more is 400, before detection",
    "server.max_depth": "deepest nesting of JSON in a request",
    "server.grace_seconds": "how long requests in flight may finish after SIGTERM",
    "privacy.detection": "search for personal data; off (measurements only): no finding is ever made",
    "privacy.names": "search for names and addresses by models too; off: by patterns alone",
    "privacy.timeout_seconds": "longest search of one request; more is 503",
    "privacy.score_threshold": "findings below this score (0 to 1) are dropped",
    "privacy.memory_mib": "memory for findings of texts that were searched before, in MiB; never the texts; 0: none",
    "privacy.patterns": "your own numbers, such as badges: a list of name, type, mask or expression, context, examples",
    "privacy.code_names": "code names of projects that count as personal data, such as a prototype's",
    "privacy.recognizers": "files of recognizers in Presidio's YAML, relative to this file, or `more-countries`",
    "privacy.allow": "by project: values and globs that are no personal data, such as public contacts",
    "privacy.weights_dir": "folder of the prepared name models, relative to this file; empty: where set-up put them",
    "policy.opa_binary": "path of the opa program; empty: OPA_BIN, then the cached build, then PATH",
    "policy.deadline_seconds": "longest wait for a decision; more is 503",
    "policy.remember_seconds": "how long a decision serves equal questions where policy allows it; 0 asks each time",
    "policy.directory": "folder with the Rego rules; empty: those that ship",
    "policy.rules": "rule table, relative to this file; empty: rules.csv",
    "policy.organisation": "sites, tenants, projects and transfers, relative to this file; empty: organisation.yaml",
    "policy.valid_days": "how long a revision may be in force from the day it was built, in days",
    "policy.url": "your own OPA: http://127.0.0.1:8181, https://… or unix:/path; empty: one of the gateway's own",
    "policy.token_file": "with policy.url: file that holds the bearer token for it; empty: none",
    "engine.kind": "auto (own process: llama-server where one was built that runs here, else xllamacpp), llama-server, "
    "xllamacpp, llama-cpp-python (in this process) or openai-http (a server)",
    "engine.url": "with openai-http: base URL of the engine (http://127.0.0.1:9000) or unix:/path/to.sock",
    "engine.api_key_file": "with openai-http: file that holds the engine's API key; empty: none",
    "engine.model": "name of the model manifest to load",
    "engine.threads": "threads for inference; 0: one per core",
    "engine.gpu_layers": "layers on the GPU; -1: as many as fit",
    "engine.context_tokens": "context of each slot, in tokens",
    "engine.slots": "prompts answered at once",
    "engine.batch_tokens": "prompt tokens read at once; fewer free a slot sooner at a hang-up; 0: 8, on a GPU 512",
    "engine.flash_attention": "attention that needs less memory: auto (where the engine can), on or off",
    "engine.kv_type": "how past tokens are kept: f16, or smaller (q8_0, q5_1, q4_0, …), which need flash attention",
    "engine.draft": "name of a small model of the same vocabulary that guesses tokens ahead; empty: none",
    "engine.draft_tokens": "most tokens that engine.draft guesses ahead",
    "engine.queue": "requests that may wait for a slot; more is 429",
    "engine.start_timeout_seconds": "longest wait for a model to load",
    "engine.read_timeout_seconds": "longest silence of an engine within an answer",
    "engine.sandbox": "required: do not start an engine that cannot be locked in; best-effort: warn",
    "fleet.models": "models of this node: a list of model, pin, ttl_seconds, slots and more; empty: engine.model alone",
    "fleet.engines": "servers that others run: a list of name, model, url, site, jurisdiction, external, ca and more",
    "fleet.providers_python": "for engines of kind litellm: the Python of an environment that has it",
    "fleet.memory_mib": "memory for all loaded models together, in MiB; 0: what the machine has",
    "fleet.turn_seconds": "how long a busy model keeps its place while another one waits for that room",
    "fleet.health_seconds": "an engine that proved itself to nobody for so long is asked for a token",
    "limits.requests_per_minute": "requests per minute and key; 0: no limit",
    "limits.tokens_per_minute": "tokens per minute and key; 0: no limit",
    "limits.concurrent_requests": "requests in flight per key",
    "audit.anchors": "where signed heads go: a list of kind file, syslog or node, each with what it needs",
    "audit.checkpoint_records": "sign a checkpoint after this many records at the latest",
    "audit.checkpoint_seconds": "sign a checkpoint after this long at the latest while there is traffic",
    "audit.retention.default.least_days": "records are kept at least so long, in days",
    "audit.retention.default.longest_days": "records are kept no longer than so long, in days; 0: for ever",
    "audit.retention.cross_border.least_days": "as above, of prompts that went to another country, in days",
    "audit.retention.cross_border.longest_days": "as above, of prompts that went to another country, in days",
    "audit.prune": "cut off, once a day, the records that are older than their longest age",
    "audit.index": "keep an index beside the log, for searching; off: a search makes it when it needs it",
    "keys.provider": "what seals the secrets: files (nothing), passphrase, systemd (a credential) or pkcs11 (a token)",
    "keys.passphrase_fd": "file descriptor that holds the passphrase or PIN; -1: a systemd credential, or the terminal",
    "keys.credential": "with systemd: name of the credential that seals the keys, 32 random bytes",
    "keys.pkcs11_module": "with pkcs11: the library that speaks for the token, such as /usr/lib/softhsm/libsofthsm2.so",
    "keys.pkcs11_token": "with pkcs11: label of the token",
    "data_dir": "keys, audit log, state and model store, relative to this file",
    "run_dir": "sockets, relative to this file; empty: run/ in data_dir",
    "models_dir": "folder with model manifests; empty: those that ship",
}

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
    return [Path(n) for n in named if n] + [SHIPPED / ".cache" / "bin" / "opa", *found]


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
