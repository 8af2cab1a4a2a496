"""The sections of ``sekisho.yaml`` as frozen types: each setting's type, unit and default.

:mod:`gateway.settings` puts them together and reads them; :mod:`gateway.settings_help` has a line of help for each.
Unknown settings are refused by name, values out of range by what they must be.

Example::

    EngineSettings(model="smollm2-135m-instruct").slots  # 4
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal

import msgspec

from gateway.domain import DataClass, Role

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,63}$")]
Jurisdiction = Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{2})?$")]
Origin = Annotated[str, msgspec.Meta(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")]
Network = Annotated[str, msgspec.Meta(min_length=1)]
HeaderName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{0,64}$")]
Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
AtLeastASecond = Annotated[float, msgspec.Meta(ge=1)]
NotNegativeNumber = Annotated[float, msgspec.Meta(ge=0)]
UpToASecond = Annotated[float, msgspec.Meta(ge=0, le=1)]
UpToAWhole = Annotated[float, msgspec.Meta(ge=0, le=1)]
Algorithm = Literal[  # of RFC 7518 3.1 and RFC 8037, those with a public key
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class SiteSettings(Section, frozen=True, forbid_unknown_fields=True):
    name: Name = "site"
    node: Name = "node"
    worker: Name = "w0"
    jurisdiction: Jurisdiction = ""
    language: str = "en"
    timezone: str = "UTC"
    preset: Literal["demo", "balanced", "strict"] = "demo"


class ServerSettings(Section, frozen=True, forbid_unknown_fields=True):
    listen: str = "127.0.0.1:8080"
    tls_certificate: str = ""
    tls_key: str = ""
    max_body_bytes: Positive = 16 * 1024 * 1024
    max_text_chars: Positive = 1_000_000
    max_depth: Positive = 64
    grace_seconds: Seconds = 20.0
    drop_params: bool = False
    cors_origins: tuple[Origin, ...] = ()
    admin_api: bool = False
    tls_client_ca: str = ""
    trusted_proxies: tuple[Network, ...] = ()
    proxy_header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    proxy_subject_header: HeaderName = ""
    end_user_headers: tuple[Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,64}$")], ...] = ()
    workers: Positive = 1
    most_connections: Positive = 16_384
    idle_seconds: Seconds = 75.0

    def __post_init__(self) -> None:
        for network in self.trusted_proxies:
            try:
                ip_network(network)
            except ValueError:
                raise ValueError(f"trusted_proxies: {network!r} is no address or network such as 10.0.0.0/24") from None
        if self.tls_client_ca and not self.tls_certificate:
            raise ValueError("tls_client_ca: there is no tls_certificate, so nobody can show a certificate")


class ConfiguredPattern(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
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


class PrivacySettings(Section, frozen=True, forbid_unknown_fields=True):
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


class PolicySettings(Section, frozen=True, forbid_unknown_fields=True):
    opa_binary: str = ""
    command_seconds: Seconds = 60.0
    deadline_seconds: Seconds = 0.25
    remember_seconds: UpToASecond = 1.0
    directory: str = ""
    rules: str = ""
    organisation: str = ""
    valid_days: Positive = 365
    url: str = ""
    token_file: str = ""


class EngineSettings(Section, frozen=True, forbid_unknown_fields=True):
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


class ModelSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
    cost: NotNegativeNumber = 0.0  # of a million tokens, read or made, in the site's currency
    watts: NotNegativeNumber = 0.0  # what its device draws while it answers, until that was measured


class RemoteEngineSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model that somebody else's server serves, here or elsewhere. Files are relative to ``sekisho.yaml``, PEM."""

    name: Name  # the node's name in its target's id; unique
    model: str  # the name that callers use
    kind: Literal["openai-http", "litellm"] = "openai-http"
    url: str = (
        ""  # https://…; on this machine also http://127.0.0.1:PORT or unix:/path; litellm: its provider's, if any
    )
    remote_model: str = ""  # what it is called there; empty: the same; litellm: provider/model
    capabilities: tuple[Literal["chat", "complete", "embed", "rerank", "tokenize"], ...] = ("chat",)
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
    canary: UpToAWhole = 0.0  # the part of all callers that is to use it, and nobody else; 0: it is as the others are
    cost: NotNegativeNumber = 0.0  # of a million tokens, read or made, in the site's currency
    watts: NotNegativeNumber = 0.0  # what its device draws while it answers, until that was measured


class RouteSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is best for some requests: those whose model, project and purpose are these; empty: any."""

    model: str = ""  # its own name, no alias
    project: str = ""
    purpose: str = ""
    best: Literal["soonest", "cheapest"] = "soonest"
    until: Literal["end", "first"] = "end"  # which moment counts: the whole answer, or its first token
    limit_seconds: NotNegativeNumber = 0.0  # with cheapest: what takes longer comes last; 0: no limit
    limit_cost: NotNegativeNumber = 0.0  # with soonest: what costs more, for one request, comes last; 0: no limit
    priority: Literal["high", "normal", "low"] = "high"  # the highest in which these wait; a key's own may be lower


class VersionSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new version of a model's weights, tried by a part of those who ask for that model. Names or aliases."""

    model: str
    of: str
    share: UpToAWhole


class FleetSettings(Section, frozen=True, forbid_unknown_fields=True):
    models: tuple[ModelSettings, ...] = ()
    engines: tuple[RemoteEngineSettings, ...] = ()
    routes: tuple[RouteSettings, ...] = ()
    providers_python: str = ""
    memory_mib: NotNegative = 0
    turn_seconds: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    health_seconds: Seconds = 60.0
    wait_seconds: Seconds = 300.0
    shares: dict[str, Seconds] = {}
    versions: tuple[VersionSettings, ...] = ()
    failures: NotNegative = 5
    longest_pause_seconds: Annotated[float, msgspec.Meta(ge=2)] = 60.0

    def __post_init__(self) -> None:
        names = [each.model for each in self.models]
        if len(set(names)) != len(names):
            raise ValueError("models names one model twice")
        tried = [each.model for each in self.versions]
        if len(set(tried)) != len(tried) or {*tried} & {each.of for each in self.versions}:
            raise ValueError("versions names a model twice: each is tried for one other, and no version for a version")
        nodes = [each.name for each in self.engines]
        if len(set(nodes)) != len(nodes):
            raise ValueError("engines has one name twice")


class NodesSettings(Section, frozen=True, forbid_unknown_fields=True):
    """Machines that join this gateway. TLS there is the site's own authority's: it needs no files."""

    listen: Annotated[str, msgspec.Meta(pattern=r"^(.+:[0-9]{1,5})?$")] = ""
    url: Annotated[str, msgspec.Meta(pattern=r"^(https://[^/]+/?)?$")] = ""
    canaries: dict[Name, UpToAWhole] = {}


class BoundSettings(Section, frozen=True, forbid_unknown_fields=True):
    """What a key, project, tenant or model may. 0: no bound. Money in millionths of the site's currency."""

    requests_per_minute: NotNegative = 0
    tokens_per_minute: NotNegative = 0
    concurrent_requests: NotNegative = 0
    tokens_per_day: NotNegative = 0
    tokens_per_month: NotNegative = 0
    money_per_day: NotNegative = 0
    money_per_month: NotNegative = 0


class PriceSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a million tokens of a model cost, in millionths of the site's currency."""

    input: NotNegative
    output: NotNegative


class RedisSettings(Section, frozen=True, forbid_unknown_fields=True):
    """Where several workers count together. Files are relative to ``sekisho.yaml``, PEM."""

    url: Annotated[str, msgspec.Meta(pattern=r"^((rediss?://|unix:)[^@]+)?$")] = ""
    username: str = ""
    password_file: str = ""
    ca: str = ""
    certificate: str = ""
    certificate_key: str = ""
    timeout_seconds: Seconds = 1.0
    lease_seconds: AtLeastASecond = 30.0


class LimitSettings(Section, frozen=True, forbid_unknown_fields=True):
    requests_per_minute: NotNegative = 0
    tokens_per_minute: NotNegative = 0
    concurrent_requests: Positive = 64
    tokens_per_day: NotNegative = 0
    tokens_per_month: NotNegative = 0
    money_per_day: NotNegative = 0
    money_per_month: NotNegative = 0
    keys: dict[str, BoundSettings] = {}
    projects: dict[Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,63}/[a-z0-9-]{1,63}$")], BoundSettings] = {}
    tenants: dict[Name, BoundSettings] = {}
    models: dict[str, BoundSettings] = {}
    prices: dict[str, PriceSettings] = {}
    when_gone: Literal["refuse", "own"] = "refuse"
    redis: RedisSettings = RedisSettings()


class ClaimSettings(Section, frozen=True, forbid_unknown_fields=True):
    """Where a token says one thing of its caller: exactly one of ``claim`` and ``value`` is set.

    ``claim`` is a name, or the path to a claim within claims. With ``map``, only what it lists counts.
    """

    claim: str | tuple[str, ...] = ()
    value: str = ""
    map: dict[str, str] = {}

    def __post_init__(self) -> None:
        if bool(self.claim) == bool(self.value) or (self.map and not self.claim):
            raise ValueError("exactly one of claim and value says it; a map needs a claim")


class IssuerSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody whose tokens (RFC 7519) are believed, by the public keys of a file (RFC 7517)."""

    issuer: Annotated[str, msgspec.Meta(min_length=1)]  # the claim iss, to the letter
    audience: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]  # one of these must be in the claim aud
    keys: Annotated[str, msgspec.Meta(min_length=1)]  # that file, relative to sekisho.yaml
    tenant: ClaimSettings
    roles: ClaimSettings = ClaimSettings(value="user")
    project: ClaimSettings = ClaimSettings(value="default")
    purpose: ClaimSettings = ClaimSettings(value="general")
    collected_in: ClaimSettings | None = None  # None: the site's own jurisdiction
    access_from: ClaimSettings | None = None
    class_floor: DataClass = "internal"
    models: tuple[str, ...] = ()  # empty: all
    subject: str = "sub"  # the claim that names the caller; the log has a pseudonym of it
    algorithms: Annotated[tuple[Algorithm, ...], msgspec.Meta(min_length=1)] = ("RS256",)
    types: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("JWT", "at+jwt")  # the header typ (RFC 9068)
    skew_seconds: Annotated[float, msgspec.Meta(ge=0, le=300)] = 30.0
    max_age_seconds: Seconds = 3600.0

    def __post_init__(self) -> None:
        said = (*self.roles.map.values(), *((self.roles.value,) if self.roles.value else ()))
        if self.roles.claim and not self.roles.map:
            raise ValueError("roles: a claim needs a map, so that no word of the issuer's is a role by chance")
        if not {*said} <= {role.value for role in Role}:
            raise ValueError(
                "roles: a map leads to app, user, operator, policy-author, approver, auditor, privacy-officer or admin"
            )


class IdentitySettings(Section, frozen=True, forbid_unknown_fields=True):
    """Who may call beside those that have a key of ours."""

    issuers: tuple[IssuerSettings, ...] = ()

    def __post_init__(self) -> None:
        if len({one.issuer for one in self.issuers}) < len(self.issuers):
            raise ValueError("two issuers have one name")


class FileAnchorSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="file"):
    """Heads go into a file on other media."""

    path: str  # the file of heads, or a folder for it
    same_disk: bool = False  # let it be on the log's own disk: for a file that something else carries away
    every_seconds: AtLeastASecond = 60.0


class SyslogAnchorSettings(
    Section, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="syslog"
):
    """Heads go to a collector by syslog over TLS. Files are PEM."""

    address: str  # host:port
    ca: str = ""  # who vouches for the collector; empty: the system's authorities
    server_name: str = ""  # the name in its certificate, where that is not the host
    certificate: str = ""  # ours, where the collector wants one
    certificate_key: str = ""
    records: bool = False  # send every record too, from now on
    every_seconds: AtLeastASecond = 1.0


class NodeAnchorSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="node"):
    """A second node cosigns heads (C2SP tlog-witness). Exactly one of ``url`` and ``socket`` is set."""

    key: str  # the witness's verifier key, or the file that holds it
    url: str = ""
    socket: str = ""
    ca: str = ""  # with https: who vouches for the witness; empty: the system's authorities
    certificate: str = ""  # ours, where the witness wants one
    certificate_key: str = ""
    every_seconds: AtLeastASecond = 1.0


AnchorSettings = FileAnchorSettings | SyslogAnchorSettings | NodeAnchorSettings


class AgeSettings(Section, frozen=True, forbid_unknown_fields=True):
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


class RetentionSettings(Section, frozen=True, forbid_unknown_fields=True):
    """By retention class. The least: EU AI Act art. 19 and 26(6), half a year; PIPL art. 56, three years."""

    default: AgeSettings = AgeSettings()
    cross_border: CrossBorderAgeSettings = CrossBorderAgeSettings()


class AuditSettings(Section, frozen=True, forbid_unknown_fields=True):
    anchors: tuple[AnchorSettings, ...] = ()
    checkpoint_records: Positive = 256
    checkpoint_seconds: Seconds = 1.0
    retention: RetentionSettings = RetentionSettings()
    prune: bool = False
    index: bool = True

    def age(self, retention_class: str) -> AgeSettings:
        """Return how old records of a class get; a class of an earlier release is kept as the longest kept one."""
        return self.retention.default if retention_class == "default" else self.retention.cross_border


class ResponseSettings(Section, frozen=True, forbid_unknown_fields=True):
    """Answers of ``/v1/responses`` that their callers may come back to."""

    store_by_default: bool = False
    keep_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 30
    most_mib: Positive = 1024


class FileSettings(Section, frozen=True, forbid_unknown_fields=True):
    """Files of ``/v1/files``: what batches read, and what they make."""

    keep_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 30
    max_mib: Positive = 200
    most_mib: Positive = 2048
    most_files: Positive = 1000


class BatchSettings(Section, frozen=True, forbid_unknown_fields=True):
    """When and how the lines of ``/v1/batches`` run."""

    max_lines: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 50_000
    most_open: Positive = 20
    parallel: Positive = 2
    others_at_most: NotNegative = 0
    quiet_seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.5
    wait_seconds: Annotated[float, msgspec.Meta(gt=0, lt=30)] = 20.0
    tries: Positive = 5


class KeySettings(Section, frozen=True, forbid_unknown_fields=True):
    """What the secrets in ``data_dir/keys`` lie under."""

    provider: Literal["files", "passphrase", "systemd", "pkcs11"] = "files"
    passphrase_fd: Annotated[int, msgspec.Meta(ge=-1)] = -1
    credential: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$")] = "sekisho-keys"
    pkcs11_module: str = ""
    pkcs11_token: str = ""
