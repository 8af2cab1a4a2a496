"""The frozen values that travel between rooms. Nothing here reads, writes or decides.

All are immutable :class:`msgspec.Struct` s, so that they can be validated at the border, hashed where needed and
written into the audit log without a second model of the same thing. Offsets are code points, never bytes.

A request meets them in this order::

    Caller -> Call(Segment...) -> Detection(Finding...) -> PolicyInput -> Decision(Grant...) -> Placement
           -> Prompt -> Chunk... -> Usage -> Outcome
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

Path = tuple[str | int, ...]
"""Where a string stands in a request body: ``("messages", 0, "content")``."""

DATA_CLASSES = ("public", "internal", "confidential", "strict")
"""Data classes, lowest first; a request's class is the highest that anything says of it."""

DataClass = Literal["public", "internal", "confidential", "strict"]


PRIORITIES = ("high", "normal", "low")
"""Who waits for a model is served in this order; a key has one, and a request may only lower its own."""

Priority = Literal["high", "normal", "low"]

Modality = Literal["text", "image", "audio", "file"]

Clock = Literal["synchronised", "free", "unknown"]
"""Whether something keeps this machine's time right, as its kernel says."""


def highest_class(*classes: DataClass) -> DataClass:
    """Return the highest of the classes; ``public`` when there is none."""
    return max(classes, key=DATA_CLASSES.index, default="public")


class Role(StrEnum):
    """What a key may do. One key may hold several."""

    APP = "app"
    USER = "user"
    OPERATOR = "operator"
    POLICY_AUTHOR = "policy-author"
    APPROVER = "approver"
    AUDITOR = "auditor"
    PRIVACY_OFFICER = "privacy-officer"
    ADMIN = "admin"


class Capability(StrEnum):
    CHAT = "chat"
    COMPLETE = "complete"
    EMBED = "embed"
    RERANK = "rerank"
    VISION = "vision"
    TOKENIZE = "tokenize"  # a text to the ids of its tokens, and back; no model's own, but its engine's


class Value(msgspec.Struct, frozen=True, gc=False):
    """Base of the small values: immutable, compared by content, not tracked by the garbage collector."""


class Caller(msgspec.Struct, frozen=True):
    """WHO calls. Everything here comes from the key, never from the request, but for ``person`` and a lower priority.

    ``person`` is the pseudonym of the end user whom the application names, where its key vouches for that: a random id
    that leads back only with the person's own key, and to nobody once that is destroyed.
    """

    key_id: str
    tenant: str
    project: str
    roles: tuple[Role, ...]
    purpose: str
    site: str
    jurisdiction: str  # ISO 3166-1 alpha-2, "" when the site has not said
    collected_in: str  # origin of the data this key sends, ISO 3166-1 alpha-2, "" when unset
    access_from: str  # where answers are looked at, ISO 3166-1 alpha-2, "" when unset
    class_floor: DataClass = "internal"
    models: tuple[str, ...] = ()  # empty: all
    vouches_for_users: bool = False  # the end users that its requests name are who they are said to be
    person: str = ""
    priority: Priority = "normal"
    purposes: tuple[str, ...] = ()  # others that a request may name in place of ``purpose``
    sites: tuple[str, ...] = ()  # where its prompts may be worked on; empty: wherever policy lets them


class Segment(Value, frozen=True, gc=False):
    """One string of a request. ``path`` leads back to it; ``role`` is the message role it belongs to, if any."""

    path: Path
    text: str
    role: str = ""
    direction: Literal["in", "out"] = "in"


class Finding(Value, frozen=True, gc=False):
    """Personal data at ``text[start:end]`` of ``segments[segment]``. ``type`` is Presidio's name where it has one."""

    segment: int
    start: int
    end: int
    type: str
    score: float
    recognizer: str


class Detection(Value, frozen=True, gc=False):
    """All findings, sorted by ``(segment, start)``, not overlapping. Exists only when every detector was "ok"."""

    findings: tuple[Finding, ...]
    detector: str  # name and version, part of the policy input
    jurisdictions: tuple[str, ...] = ()  # that ids in the texts point to: ISO 3166-1 alpha-2, or EU
    special: tuple[str, ...] = ()  # special categories the texts speak of (GDPR art. 9 and 10)
    languages: tuple[str, ...] = ()  # ISO 639-1, of those that are searched in
    mark: DataClass = "public"  # the highest class that a classification mark in the texts speaks of

    def counts(self) -> dict[str, int]:
        """Return how many findings there are by type."""
        counts: dict[str, int] = {}
        for finding in self.findings:
            counts[finding.type] = counts.get(finding.type, 0) + 1
        return counts


class Declared(Value, frozen=True, gc=False):
    """What the caller said of its request in headers. It can choose among what the key has, or raise a class."""

    data_class: DataClass | None = None
    project: str | None = None
    purpose: str | None = None
    priority: Priority | None = None
    wait_seconds: float | None = None  # that it would wait for a slot at most
    end_user: str = ""  # for whom a header says that it asks
    carried: DataClass = "public"  # of the conversation that it goes on from, as that was judged


class Target(msgspec.Struct, frozen=True):
    """One engine that serves one model: a place with a jurisdiction where a prompt may be sent."""

    id: str  # site/node/worker:model
    model: str
    capabilities: tuple[Capability, ...]
    site: str
    node: str
    jurisdiction: str  # "" when the site has not said
    same_node: bool  # the prompt does not leave this machine
    external: bool = False  # operated by somebody else
    digest: str = ""  # SHA-256 of the model's file, in hex; "" when another keeps it
    device: str = ""  # what computes there, as its engine tells: "cpu: …" or "gpu: …"; "" when it does not tell
    build: str = ""  # which program computes, as the engine tells: "xllamacpp/2026.10.11549 b1-0000000"
    signed: bool = False  # a key that this site trusts signed the model's file; false where another keeps the file
    signer: str = ""  # that key's name


# --- policy documents: sekisho.input/1 and sekisho.decision/1 -------------------------------------------------------


LONGEST_WORD, LONGEST_TARGET, MOST_WORDS, MOST_REASONS = 256, 512, 512, 1024
Word = Annotated[str, msgspec.Meta(max_length=LONGEST_WORD, description="in Unicode form NFC")]
Words = Annotated[tuple[Word, ...], msgspec.Meta(max_length=MOST_WORDS)]
TargetId = Annotated[str, msgspec.Meta(max_length=LONGEST_TARGET, description="site/node/worker:model, in form NFC")]
Legal = Annotated[str, msgspec.Meta(max_length=512, description="the law behind it, in words")]
Bucket = Literal["1", "2-4", "5-19", "20+"]


class RequestFacts(msgspec.Struct, frozen=True):
    id: Word
    endpoint: Word
    capability: Capability
    model: Word
    stream: bool
    tools: bool
    purpose: Word
    declared_class: DataClass | Literal[""] = ""
    modalities: tuple[Modality, ...] = ("text",)


class CallerFacts(msgspec.Struct, frozen=True):
    key_id: Word
    tenant: Word
    project: Word
    roles: tuple[Role, ...]
    site: Word
    jurisdiction: Word
    access_from: Word


class DataFacts(msgspec.Struct, frozen=True):
    """``entities`` are bucketed counts by type ("1", "2-4", "5-19", "20+"): never a value."""

    data_class: DataClass = msgspec.field(name="class")
    collected_in: Word = ""
    entities: Annotated[dict[Word, Bucket], msgspec.Meta(max_length=MOST_WORDS)] = {}
    detector: Word = ""
    status: Literal["ok"] = "ok"
    jurisdictions: Words = ()  # signals from content, as the rest below: never an origin
    special: Words = ()
    languages: Words = ()
    mark: DataClass = "public"


class EnvFacts(msgspec.Struct, frozen=True):
    site: Word
    node: Word
    time: Word  # RFC 3339, UTC
    attempt: int
    clock: Clock = "unknown"


class CounterFacts(msgspec.Struct, frozen=True):
    """Distinct persons whose data left their country this calendar year, this request's counted in already."""

    entity: Word  # the legal entity that answers for them
    year: int
    all: int
    sensitive: int
    by_destination: dict[Word, int] = {}  # by ISO 3166-1 alpha-2


class PolicyInput(msgspec.Struct, frozen=True):
    """``sekisho.input/1``. No prompt text, ever; ``candidates`` are at most 64 target ids, their facts are data."""

    request: RequestFacts
    caller: CallerFacts
    data: DataFacts
    candidates: Annotated[tuple[TargetId, ...], msgspec.Meta(max_length=64)]
    env: EnvFacts
    counters: CounterFacts | None = None  # None: no candidate lies outside the data's own jurisdiction
    version: Literal["sekisho.input/1"] = "sekisho.input/1"


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why: a code with parameters, the rule that says so, and the law behind it. Said once, not once a target.

    ``params`` are enumerated words: countries, classes, finding types, dates, lines of the rule table. Nothing that a
    caller typed.
    """

    code: Word
    rule: Word
    legal: Legal = ""
    severity: Literal["info", "deny"] = "info"
    params: Annotated[dict[Word, Word], msgspec.Meta(max_length=16)] = {}


KEEP_CONTENT = re.compile(r"keep_content/([1-9][0-9]{0,3})")
"""The obligation to keep prompt and answer for that many days."""

KEEP_STATE = re.compile(r"keep_state/(0|[1-9][0-9]{0,3})")
"""For how many days at most an answer may be kept for its caller to come back to; 0: not at all."""


class Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One target the decision allows, and what MUST be done to the prompt before it goes there.

    ``redact`` maps a finding type (or ``*``) to an operator: ``pseudonymise`` (a tag, the only one with a way back),
    ``mask`` (its type is told), ``hash`` (equal values are told), ``redact`` (nothing is told) or ``keep``. ``restore``
    names the channels of an answer in which tags become values again. ``output_guard`` says what happens to personal
    data in the answer that the caller did not send: nothing, they are masked, or the answer ends there.
    """

    id: TargetId
    redact: dict[Word, Literal["keep", "pseudonymise", "mask", "hash", "redact"]] = {}
    tag_scope: Literal["project", "request"] = "project"
    restore: tuple[Literal["text", "arguments", "urls"], ...] = ()
    obligations: Words = ()
    output_guard: Literal["off", "redact", "block"] = "off"

    @property
    def keep_content_days(self) -> int:
        """How many days prompt and answer MUST be kept; 0: they are not."""
        said = (KEEP_CONTENT.fullmatch(obligation) for obligation in self.obligations)
        return max((int(days[1]) for days in said if days), default=0)

    @property
    def keep_state_days(self) -> int | None:
        """How many days an answer may be kept for its caller at most; ``None``: the decision does not say."""
        said = (KEEP_STATE.fullmatch(obligation) for obligation in self.obligations)
        return min((int(days[1]) for days in said if days), default=None)


class Decision(msgspec.Struct, frozen=True):
    """``sekisho.decision/1`` as OPA answered it, checked, with what the gateway stamps on it."""

    id: Word
    allow: bool
    targets: Annotated[tuple[Grant, ...], msgspec.Meta(max_length=64)]
    reasons: Annotated[tuple[Reason, ...], msgspec.Meta(max_length=MOST_REASONS)]
    revision: Word  # policy revision, from the bundle's manifest
    bundle_digest: Word  # SHA-256 of the bundle that decided
    data_revision: Word  # SHA-256 of all pushed facts
    engine: Word  # "opa/1.22.2"
    remember_until: Word = ""  # RFC 3339; empty: for this question alone
    remembered_from: Word = ""  # id of the decision that OPA made, at most a second ago, when this one repeats it
    version: Literal["sekisho.decision/1"] = "sekisho.decision/1"


# --- the prompt on its way, and the answer ---------------------------------------------------------------------------


class Prompt(msgspec.Struct, frozen=True):
    """What one engine gets: an OpenAI-shaped body, already redacted for that target.

    ``slot`` pins the engine's slot; ``reuse_cache`` is false when the slot's last prompt was another tenant's. Where
    it ``counts``, only how many tokens its conversation has is asked for: an engine that can tell without reading it
    answers with these tokens, any other reads it and makes one more, and its usage says.
    """

    request_id: str
    capability: Capability
    body: dict[str, Any]
    stream: bool
    slot: int | None = None
    reuse_cache: bool = False
    adapter: str = ""  # name of the LoRA adapter to answer with, one of those that the engine was started with
    counts: bool = False


class Usage(Value, frozen=True, gc=False):
    """Token counts, the engine's own."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


class ToolCallDelta(Value, frozen=True, gc=False):
    """A part of a tool call. ``arguments`` is JSON text; parts of the same ``index`` are to be joined."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str | None = None


class Choice(msgspec.Struct, frozen=True):
    """A part of one choice; in a plain answer, the whole of it."""

    index: int
    role: str | None = None
    content: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish_reason: str | None = None
    logprobs: Any = None  # the engine's JSON, plain objects; dropped where text was restored


class Timings(Value, frozen=True, gc=False):
    """What an answer took inside the engine, by its own clock. Cached tokens are not among the prompt's."""

    prompt_tokens: int
    prompt_seconds: float
    output_tokens: int
    output_seconds: float
    cached_tokens: int = 0


class Energy(Value, frozen=True, gc=False):
    """What one answer used, as the devices that computed it measured. Millijoules; a device's idling is in it."""

    own_mj: int  # its equal part, while others were answered there
    target_mj: int  # what all answers of its target used while this one was open
    seconds: float  # that it was open
    beside_mj: int | None = None  # of the processors, where GPUs computed it; None: not measured, or they did


class Chunk(msgspec.Struct, frozen=True):
    """One event of an answer. A plain answer is one chunk with whole choices and a usage.

    An answer to ``embed`` has ``vectors`` in place of choices: float32, little endian, in the order of the inputs. One
    to ``rerank`` has ``scores``, in the order of the documents. One to ``tokenize`` has ``tokens``, and where
    they were asked for ``pieces``, the bytes that each spells; what ids spell is one choice, as any text is.
    """

    choices: tuple[Choice, ...]
    usage: Usage | None = None
    vectors: tuple[bytes, ...] = ()
    scores: tuple[float, ...] = ()
    tokens: tuple[int, ...] = ()
    pieces: tuple[bytes, ...] = ()
    timings: Timings | None = None  # with the last chunk, from engines that tell
    energy: Energy | None = None  # of the whole answer, as a joined node measured it: a chunk of its own, the last one


class Considered(Value, frozen=True, gc=False):
    """What was expected of one target when it was chosen or not, from then on. Whole numbers."""

    target: str
    first_ms: int  # until the first token
    total_ms: int  # until the last one
    wait_ms: int = 0  # of these, in the queue or for the load
    cached_tokens: int = 0  # of the prompt, that it would not have had to read
    cost_micro: int = 0  # millionths of the site's currency
    energy_mj: int = 0  # millijoules
    energy_from: Literal["", "measured", "configured"] = ""  # whose watts these are; "": not known
    others_ms: int = 0  # that others will wait, all together, since their model is sent out for it


class Choosing(msgspec.Struct, frozen=True):
    """How one of several targets was chosen: the best of them, the chosen one first, at most 8."""

    why: Literal["only", "soonest", "cheapest", "tie", "over-limit", "trial"]
    prompt_tokens: int  # estimated
    output_tokens: int  # expected
    candidates: int  # how many there were
    considered: tuple[Considered, ...]
    canary: bool = False  # its caller is of those who try that target


class Kept(Value, frozen=True, gc=False):
    """A prompt or an answer in the side store: its item there, and SHA-256 over (nonce, content), in hex.

    ``item`` is empty when it should have been kept and could not be stored.
    """

    item: str
    sha256: str


class Outcome(Value, frozen=True, gc=False):
    """How an attempt ended; exactly one for each intent."""

    status: Literal["done", "failed", "hung_up", "interrupted"]
    code: str = ""  # stable error code when failed
    usage: Usage | None = None
    finish_reason: str = ""
    first_byte_seconds: float | None = None
    total_seconds: float = 0.0
    redactions: dict[str, int] = {}  # tags made, by type
    restored: int = 0  # tags turned back into values
    guarded: dict[str, int] = {}  # values in the answer that were masked, or that ended it, by type
    parts: dict[str, float] = {}  # seconds by stage, of all attempts so far
    energy_mj: int | None = None  # millijoules of all devices that computed it, where they are measured
    energy_beside_mj: int | None = None  # of the processors beside a GPU that computed it
    content: Kept | None = None  # the answer, where it had to be kept
