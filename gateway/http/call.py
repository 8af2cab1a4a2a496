"""One unpacked request: what the pipeline sees of a body, whatever API it came by."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import msgspec

from gateway.domain import Capability, Chunk, Declared, Path, Segment
from gateway.errors import BadRequest, EngineUnavailable
from gateway.http.media import modalities_of
from gateway.http.parameters import Table
from gateway.http.speech import Speech
from gateway.http.walk import SCHEMA_KEYWORDS, AnyShape, dotted, replace, walk

LONGEST_PATH = 256  # characters that are shown of where something stands

_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_CALLED = ("messages", "tool_calls")
_SPEAKERS = {"function_call": "assistant", "reasoning": "assistant", "function_call_output": "tool"}  # of items


class Request(Protocol):
    """What every typed request of this gateway can say of itself."""

    model: str

    @property
    def streams(self) -> bool: ...

    @property
    def includes_usage(self) -> bool: ...

    @property
    def uses_tools(self) -> bool: ...

    @property
    def inputs(self) -> int: ...

    @property
    def output_bound(self) -> int | None: ...

    @property
    def end_user(self) -> str: ...


MayAsk = Callable[[str, Capability], object]
"""``(model, capability)``; raises ModelNotFound where the caller has no such model."""


class Answer(msgspec.Struct, frozen=True):
    """A whole answer on the wire: JSON, and the headers that it alone has."""

    body: bytes
    headers: list[tuple[bytes, bytes]] = []


def counted(chunk: Chunk) -> int:
    """Return how many tokens a prompt that counts has. Raises EngineUnavailable: its engine did not say."""
    if chunk.tokens:
        return len(chunk.tokens)
    if chunk.usage is None:
        raise EngineUnavailable("The engine did not say how many tokens it read.", code="engine.interrupted")
    return chunk.usage.prompt_tokens


Write = Callable[["Call", Chunk, str], Answer]
"""``(call, the engine's answer, id of ours)`` to the answer on the wire; EngineUnavailable where that cannot be."""


class Api(msgspec.Struct, frozen=True):
    """How one API is unpacked and written: its typed request, its shape, what the engine is not told.

    ``prepare`` changes a body before it is checked and says by which API it goes on; what it says of a model it says
    to those alone who may ask for it. ``recast`` gives a body the form that engines know; ``write`` makes the answer,
    where that is not text in choices; ``speech`` is how answers and errors look, where not as OpenAI's.
    ``parameters`` says which fields a caller may have dropped. ``tool_names`` says where names of tools stand, numbers
    left out: an engine takes few characters in them. One that ``counts`` asks how many tokens a conversation has.
    """

    endpoint: str
    capability: Capability
    parse: Callable[[dict[str, Any]], Request]
    shape: AnyShape
    withheld: frozenset[str]  # fields that are for us, not for the engine
    prepare: Callable[[dict[str, Any], MayAsk], Awaitable[Api]] | None = None
    recast: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    write: Write | None = None
    speech: Speech | None = None
    any_media_type: bool = False  # also a body that does not say that it is JSON
    parameters: Table | None = None
    counts: bool = False
    tool_names: frozenset[Path] = frozenset(
        (
            *(("tools", "function", "name"), ("tool_choice", "function", "name"), (*_CALLED, "function", "name")),
            ("tool_choice", "allowed_tools", "tools", "function", "name"),
        )
    )


class Call:
    """Segments of a body, and the body again with other texts in their places.

    Raises:
        BadRequest: more text than ``max_text_chars`` (code points, all segments together), before anything else.
    """

    def __init__(
        self, api: Api, request: Request, tree: dict[str, Any], declared: Declared, max_text_chars: int
    ) -> None:
        self.endpoint = api.endpoint
        self.capability = api.capability
        self.model = request.model
        self.stream = request.streams
        self.counts = api.counts
        self.includes_usage = request.includes_usage
        self.uses_tools = request.uses_tools
        self.inputs = request.inputs
        self.output_bound = request.output_bound
        self.end_user = declared.end_user or request.end_user
        self.declared = declared
        self.request = request
        self._api = api
        self._tree = tree
        self.segments: Sequence[Segment] = _collect(tree, api)
        size = sum(len(segment.text) for segment in self.segments)
        if size > max_text_chars:
            largest = max(self.segments, key=lambda segment: len(segment.text))
            raise BadRequest(
                f"The request holds {size} characters of text; this gateway takes {max_text_chars}.",
                code="request.text_too_long",
                param=dotted(largest.path) or "body",
            )
        self.text_bytes = sum(len(segment.text.encode()) for segment in self.segments)
        self.modalities = modalities_of(tree.get("messages"))
        self.tool_names: Mapping[str, str] = {}

    def body_for_engine(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return the body with ``texts`` in place of the segments' own, without the fields an engine is not told."""
        if all(text is segment.text for text, segment in zip(texts, self.segments, strict=True)):
            tree = self._tree
        else:
            names = [i for i, segment in enumerate(self.segments) if segment.role == "tool-name"]
            fitted = list(texts)
            for i in names:
                fitted[i] = _NOT_A_NAME.sub("_", texts[i])
            self.tool_names = {fitted[i]: self.segments[i].text for i in names}
            tree = walk(self._tree, self._api.shape, replace(iter(fitted)))
        told = {field: value for field, value in tree.items() if field not in self._api.withheld}
        return self._api.recast(told) if self._api.recast is not None else told

    def tool_name(self, name: str) -> str:
        """Return the caller's own name of a tool whose name an engine gave back."""
        return self.tool_names.get(name, name)

    def where(self, path: Path) -> str:
        """Return a path as it may be shown and kept, ``messages[0].content``; names the caller made up are ``*``."""
        # the first part is a field of the typed request, so it is known
        below = (part if isinstance(part, int) or part in self._known_names else "*" for part in path[1:])
        return dotted((*path[:1], *below))[:LONGEST_PATH]

    @cached_property
    def _known_names(self) -> frozenset[str]:
        return _names_in(self._api.shape) | SCHEMA_KEYWORDS


def _names_in(shape: AnyShape) -> frozenset[str]:
    """Return the names of all fields that a shape mentions."""
    if isinstance(shape, dict):
        return frozenset(shape).union(*(_names_in(inner) for inner in shape.values()))
    if isinstance(shape, list | tuple):
        return frozenset().union(*(_names_in(inner) for inner in shape))
    return frozenset()


def _collect(tree: dict[str, Any], api: Api) -> tuple[Segment, ...]:
    segments: list[Segment] = []

    def visit(path: Path, text: str) -> str:
        segments.append(Segment(path, text, _role(tree, path, api.tool_names)))
        return text

    walk(tree, api.shape, visit)
    return tuple(segments)


def _role(tree: dict[str, Any], path: Path, tool_names: frozenset[Path]) -> str:
    if path[-1] in ("name", "tool_name") and tuple(part for part in path if isinstance(part, str)) in tool_names:
        return "tool-name"
    if path[0] == "messages" and len(path) > 1:
        message = tree["messages"][path[1]]
        return str(message["role"])
    item = tree["input"][path[1]] if path[0] == "input" and len(path) > 1 else None
    if isinstance(item, dict):
        return str(item.get("role") or _SPEAKERS.get(item["type"], ""))
    return ""
