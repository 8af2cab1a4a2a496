"""The words between a gateway and a joined node, over HTTP/1.1 in mutual TLS 1.3; what is larger than said is refused.

::

    GET  /node/state            NodeState
    HEAD /node/blobs/SHA256     X-Held: bytes that are there; X-Whole: 1 when they are all, and hashed
    PUT  /node/blobs/SHA256     a range of the file (Content-Range: bytes 0-99/200), in order: Took
    DELETE /node/blobs/SHA256   {} when a file that a gateway brought is there no more; nothing loaded may need it
    HEAD, PUT, DELETE /node/bundles/SHA256   the same for a bundle, where the node was installed from one
    POST /node/bundles/SHA256   Judged, when the node believes it by its own trust; nothing is installed by it
POST /node/install/SHA256   Ordered: the node judged it again, and has asked its own root to install it
    POST /node/load             Order: Loaded, when it answered; closing the connection takes the load back
    POST /node/unload           Leave: {} when those inside have left and the engine has ended
    POST /node/health/RESIDENT  {} when it gave a real token
    POST /node/answer           Ask: lines of Part, the last of them Over or Failed; closing the connection cancels it

A refusal is a status of 400 and more with :class:`Refusal`. ``NodeState`` can be read in every version of the protocol:
its field ``protocol`` says whether the rest can be used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec

from gateway.domain import Chunk, Energy, Prompt
from gateway.errors import BadRequest, EngineUnavailable, SekishoError

PROTOCOL = 1

STATE, BLOBS, BUNDLES, INSTALL, LOAD, UNLOAD, HEALTH, ANSWER = (
    "/node/state", "/node/blobs/", "/node/bundles/", "/node/install/", "/node/load", "/node/unload", "/node/health/",
    "/node/answer",
)  # fmt: skip

MAX_STATE_BYTES = 512 * 1024
MAX_PIECE_BYTES = 16 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024 * 1024
"""A plain answer is one line: as long as a whole answer of any engine may be."""

_MOST_SECONDS, _MOST_MJ = 1e6, 1_000_000_000_000  # of one answer: eleven days, a gigajoule

_Hex = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
_Line = Annotated[str, msgspec.Meta(max_length=512)]
_Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8,64}$")]
_Bytes = Annotated[int, msgspec.Meta(ge=0)]


class NodeDevice(msgspec.Struct, frozen=True):
    """As :class:`gateway.fleet.fit.devices.Device`."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9:]{1,32}$")]
    name: _Line
    total: _Bytes
    free: _Bytes
    watts: float = -1.0
    watts_limit: float = -1.0
    compute: _Line = ""


class NodeResident(msgspec.Struct, frozen=True):
    """A model that is loaded there. ``id`` is what the gateway called that load."""

    id: _Id
    model: _Line
    digest: _Hex
    ready: bool
    held: _Bytes = 0


class NodePartial(msgspec.Struct, frozen=True):
    """A file of which a push was cut off: what is there of it."""

    sha256: _Hex
    bytes: _Bytes


class NodeInstalled(msgspec.Struct, frozen=True):
    """How an order to install stands: ``taken``, ``kept``, ``back`` (what ran before runs), ``refused``; and why."""

    order: _Line
    how: _Line
    code: _Line = ""
    why: _Line = ""


class Ordered(msgspec.Struct, frozen=True):
    """An order to install was given there, under this name."""

    order: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")]


class NodeState(msgspec.Struct, frozen=True):
    """What a node is and has now. ``boot`` is another one after each start of its service."""

    protocol: int
    sekisho: _Line = ""
    boot: _Line = ""
    devices: Annotated[tuple[NodeDevice, ...], msgspec.Meta(max_length=65)] = ()
    features: Annotated[tuple[_Line, ...], msgspec.Meta(max_length=64)] = ()  # what its processor can
    engine: _Line = ""  # which program would load a model there
    built_for: Annotated[tuple[_Line, ...], msgspec.Meta(max_length=64)] = ()  # that engine, of those features
    on_gpu: bool = False  # whether it can compute on GPUs
    kept_free: dict[str, int] = {}  # bytes by device that models never get
    disk_free: _Bytes = 0
    blobs: Annotated[tuple[_Hex, ...], msgspec.Meta(max_length=4096)] = ()
    brought: Annotated[tuple[_Hex, ...], msgspec.Meta(max_length=4096)] = ()  # of those, what a gateway brought
    partial: Annotated[tuple[NodePartial, ...], msgspec.Meta(max_length=4096)] = ()
    residents: Annotated[tuple[NodeResident, ...], msgspec.Meta(max_length=1024)] = ()
    problem: _Line = ""  # why nothing can be loaded, where that is so
    ordered: Annotated[str, msgspec.Meta(max_length=16)] = ""  # an order to install that nobody there has taken yet
    installed: NodeInstalled | None = None  # how the last one ended


class Took(msgspec.Struct, frozen=True):
    """How much of a file is there after a range, and whether it is whole and hashed."""

    held: _Bytes
    whole: bool


class Judged(msgspec.Struct, frozen=True):
    """A bundle that a node believes. ``accepted``: it is the release that this node accepted last."""

    release: _Line
    profile: _Line
    carries: _Line  # all, policies or models
    snapshot: _Bytes
    accepted: bool


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model is to be loaded; manifests are plain data, as in a registry. ``gpu_layers`` of -1: all that fit."""

    id: _Id
    manifest: dict[str, Any]
    context_tokens: Annotated[int, msgspec.Meta(ge=1)]
    slots: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    gpu_layers: int = -1
    batch_tokens: Annotated[int, msgspec.Meta(ge=0)] = 0
    kv_type: Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"] = "f16"
    flash_attention: Literal["auto", "on", "off"] = "auto"
    adapters: tuple[dict[str, Any], ...] = ()
    draft: dict[str, Any] | None = None
    draft_tokens: Annotated[int, msgspec.Meta(ge=1)] = 8


class Loaded(msgspec.Struct, frozen=True):
    """What a node loaded: the digest is of the bytes that it read for this load."""

    id: _Id
    digest: _Hex
    device: _Line = ""
    build: _Line = ""
    measured_mib: dict[str, int] = {}


class Leave(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sends a model out. ``drain``: those inside finish first."""

    id: _Id
    drain: bool = False


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    resident: _Id
    prompt: Prompt


class Refusal(msgspec.Struct, frozen=True):
    code: _Line
    line: _Line = ""  # for operators; never of a prompt


class Said(msgspec.Struct, frozen=True, tag="chunk", tag_field="is"):
    chunk: Chunk


class Failed(msgspec.Struct, frozen=True, tag="failed", tag_field="is"):
    """``fault`` is the request's or the engine's."""

    fault: Literal["request", "engine"]
    code: _Line
    line: _Line = ""


class Over(msgspec.Struct, frozen=True, tag="over", tag_field="is"):
    """The whole answer was said. ``energy`` is what it used there; ``None``: not measured, or an older release."""

    energy: Energy | None = None


Part = Said | Failed | Over

_encode = msgspec.json.Encoder().encode
_decode_part: Any = msgspec.json.Decoder(Part).decode

_LOST = "The model's node broke off its answer."
_REQUESTS = {
    "context_length_exceeded": "The prompt is longer than this model's context.",
    "engine.rejected": "The engine refuses these parameters; check response_format, grammar, tools and sampling.",
}
_ENGINES = {
    "engine.restarting": "The model's engine is starting again.",
    "engine.crashed": "The model's engine crashed and is starting again.",
    "engine.timeout": "The model's engine fell silent.",
    "engine.interrupted": "The model's engine broke off its answer.",
    "engine.start_failed": "The model's engine did not start; the node's log says why.",
    "engine.sandbox": "The engine cannot be locked in there.",
    "fleet.no_room": "There is no room for this model now.",
    "fleet.model_unfit": "This model cannot be loaded now.",
}


def line_of(part: Part) -> bytes:
    """Return a part as one line. Raises TypeError where its chunk holds what JSON cannot say."""
    return _encode(part) + b"\n"


def failure_of(error: SekishoError) -> Failed:
    """Return what a node says of an answer that ended by an error of the house's own."""
    return Failed("request" if isinstance(error, BadRequest) else "engine", error.code)


def error_of(failed: Failed) -> SekishoError:
    """Return what a failure means here. Only what we know ourselves is ever shown: a node's own words are not."""
    if failed.fault == "request":
        code = failed.code if failed.code in _REQUESTS else "engine.rejected"
        return BadRequest(_REQUESTS[code], code=code)
    code = failed.code if failed.code in _ENGINES else "engine.unavailable"
    return EngineUnavailable(_ENGINES.get(code), code=code)


def lost() -> EngineUnavailable:
    """An answer that broke off, or is not in the form that was agreed."""
    return EngineUnavailable(_LOST, code="engine.interrupted")


class Parts:
    """Cuts bytes into lines and reads them. An answer has a bound in parts, too: a node may not talk for ever."""

    def __init__(self, most: int) -> None:
        self._rest = bytearray()
        self._left = most
        self.over = False

    def feed(self, data: bytes) -> Iterator[Chunk]:
        """Yield the chunks of all lines that ``data`` completes.

        Raises:
            EngineUnavailable: the node says so, or says what was not agreed: no line of ours, too long, too many.
            BadRequest: the node's engine refuses the request.
        """
        first, *more = data.split(b"\n")
        self._rest += first
        for rest in more:
            line, self._rest = bytes(self._rest), bytearray(rest)
            chunk = self._read(line)
            if chunk is not None:
                yield chunk
        if len(self._rest) > MAX_LINE_BYTES:
            raise lost()

    def _read(self, line: bytes) -> Chunk | None:
        self._left -= 1
        if self.over or self._left < 0:
            raise lost()
        try:
            part: Part = _decode_part(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise lost() from error
        if isinstance(part, Failed):
            raise error_of(part)
        if isinstance(part, Over):
            self.over = True
            return Chunk((), energy=part.energy) if part.energy is not None and _can_be(part.energy) else None
        if part.chunk.energy is not None:  # it comes with the end, and nowhere else
            raise lost()
        return part.chunk


def _can_be(energy: Energy) -> bool:
    """Whether a node's word for its energy is one that a meter could tell: a figure is taken for none otherwise."""
    beside = energy.beside_mj or 0
    is_part = 0 <= energy.own_mj <= energy.target_mj + 1 and beside >= 0
    return is_part and 0.0 < energy.seconds < _MOST_SECONDS and max(energy.target_mj, beside) < _MOST_MJ
