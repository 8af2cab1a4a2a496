"""What is kept of one attempt, where its grant says so: the prompt before it leaves, the answer as the caller saw it.

The prompt is kept as the caller wrote it and, where values were replaced, also as the engine got it::

    {"endpoint": "chat.completions", "asked": {…}, "sent": {…}}

The answer is what the caller was shown, values restored, up to where it ended::

    {"choices": [{"index": 0, "content": "…", "finish_reason": "stop"}]}

Vectors, from which texts can be guessed, are kept as base64 of what the engine gave, scores as they are::

    {"vectors": ["…"]}     {"scores": [0.5]}     {"tokens": [17, 4]}

Of whom it speaks: the end user, where the key vouches for one; else everybody whom a finding names, in the prompt and,
once it was searched (:mod:`gateway.audit.content.searching`), in the answer.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import orjson
from msgspec.structs import replace

from gateway.audit.content.door import About, Contents, Keeping
from gateway.audit.content.store import FOUND, user
from gateway.domain import Caller, Chunk, Grant, Kept, Prompt, Segment
from gateway.policy.persons.tally import persons_of
from gateway.ports import Call
from gateway.privacy.door import Privacy
from gateway.privacy.tags import canonical

PART, OVERLAP = 8192, 512
"""Code points of an answer that are searched at once, and how many of them again with those that follow."""

_NUMBER, _TEXT = "PHONE_NUMBER", "PERSON"  # one type of each of the two canonical forms


class Visited(Protocol):
    """What this needs of a request: see :class:`gateway.attempt.Visit`."""

    request_id: str
    caller: Caller
    call: Call

    def values(self) -> Iterable[tuple[str, str]]: ...


class Keeper:
    """What is kept of one attempt; of most, nothing. ``prompt`` is for its intent."""

    prompt: Kept | None = None

    def shown(self, chunk: Chunk) -> Chunk:
        """Take note of what goes to the caller, and return it."""
        return chunk

    def end(self) -> Kept | None:
        """Store the answer; ``None`` when there is nothing to store. Synchronous; never raises."""
        return None


NOTHING = Keeper()


class AttemptKeeper(Keeper):
    """Collects an answer as it is shown."""

    def __init__(self, keeping: Keeping, call: Call) -> None:
        self.prompt = keeping.prompt
        self._keeping = keeping
        self._call = call
        self._choices: dict[int, _Said] = {}
        self._numbers: dict[str, list[Any]] = {}

    def shown(self, chunk: Chunk) -> Chunk:
        if chunk.vectors:
            self._numbers["vectors"] = [b64encode(vector).decode() for vector in chunk.vectors]
        if chunk.scores:
            self._numbers["scores"] = list(chunk.scores)
        if chunk.tokens:
            self._numbers["tokens"] = list(chunk.tokens)
        for choice in chunk.choices:
            said = self._choices.setdefault(choice.index, _Said())
            said.content.append(choice.content or "")
            said.reasoning.append(choice.reasoning or "")
            said.finish_reason = choice.finish_reason or said.finish_reason
            for call in choice.tool_calls:
                tool = said.tools.setdefault(call.index, _Tool())
                tool.name += self._call.tool_name(call.name) if call.name else ""
                tool.arguments.append(call.arguments or "")
        return chunk

    def end(self) -> Kept | None:
        if self._numbers:
            return self._keeping.answer(_json(self._numbers))
        if not self._choices:
            return None
        choices = [{"index": index, **said.plain()} for index, said in sorted(self._choices.items())]
        return self._keeping.answer(_json({"choices": choices}))


class _Tool:
    def __init__(self) -> None:
        self.name = ""
        self.arguments: list[str] = []


class _Said:
    def __init__(self) -> None:
        self.content: list[str] = []
        self.reasoning: list[str] = []
        self.finish_reason = ""
        self.tools: dict[int, _Tool] = {}

    def plain(self) -> dict[str, Any]:
        tools = [{"name": tool.name, "arguments": "".join(tool.arguments)} for _, tool in sorted(self.tools.items())]
        fields = {
            "content": "".join(self.content),
            "reasoning": "".join(self.reasoning),
            "tool_calls": tools,
            "finish_reason": self.finish_reason,
        }
        return {name: value for name, value in fields.items() if value}


async def keep(contents: Contents, visit: Visited, grant: Grant, prompt: Prompt) -> Keeper:
    """Store what the grant wants kept of a prompt; it is on stable storage when this returns.

    MUST be called before the intent is written. An intent that fails afterwards leaves an item that no record names:
    it ends with its day, and an erasure finds it.

    Raises:
        AuditUnavailable: it must be kept and cannot be stored; nothing may be sent.
    """
    days = grant.keep_content_days
    if not days:
        return NOTHING
    call, caller = visit.call, visit.caller
    asked = call.body_for_engine([segment.text for segment in call.segments])
    content = {"endpoint": call.endpoint, "asked": asked, **({} if asked == prompt.body else {"sent": prompt.body})}
    about = About(visit.request_id, caller.tenant, caller.project, days)
    return AttemptKeeper(await contents.keep(about, spoken_of(visit), _json(content)), call)


def named(subject: str) -> tuple[str, ...]:
    """Return all names under which a person may be known that is called ``subject``: as an end user, as a finding."""
    forms = dict.fromkeys((canonical(_TEXT, subject), canonical(_NUMBER, subject)))
    return (user(subject), *(FOUND + form for form in forms if form))


def spoken_of(visit: Visited) -> list[str]:
    """Return the names, for keys, of those that a request speaks of: its end user, else everybody that was found."""
    caller, end_user = visit.caller, visit.call.end_user
    if caller.vouches_for_users and end_user:
        return [user(end_user)]
    return sorted(FOUND + value for _, value in persons_of(visit.values(), ()).values)


async def named_in(privacy: Privacy, tenant: str, project: str, texts: Sequence[Segment]) -> list[str]:
    """Return the names, for keys, of everybody whom an answer's texts name.

    They are searched a part at a time, so that a long answer keeps no request from the detectors for long.

    Raises:
        DetectorUnavailable: a part could not be searched.
    """
    caller = Caller("", tenant, project, (), "", "", "", "", "")
    found: set[str] = set()
    for part in _parts(texts):
        detection = await privacy.detect(part, caller)
        values = ((f.type, canonical(f.type, part[f.segment].text[f.start : f.end])) for f in detection.findings)
        found.update(FOUND + value for _, value in persons_of(values, ()).values if value)
    return sorted(found)


def _parts(texts: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Yield the texts in parts of at most :data:`PART` code points; a longer one is cut, each piece with what was
    before it.
    """
    part: list[Segment] = []
    size = 0
    for whole in texts:
        for at in range(0, max(1, len(whole.text)), PART - OVERLAP):
            piece = replace(whole, text=whole.text[at : at + PART])
            if part and size + len(piece.text) > PART:
                yield part
                part, size = [], 0
            part.append(piece)
            size += len(piece.text)
            if at + PART >= len(whole.text):
                break
    if part:
        yield part


def _json(content: Any) -> bytes:
    try:
        return orjson.dumps(content)
    except TypeError:  # a lone surrogate, which has no UTF-8 form; JSON has an escape for it
        return json.dumps(content, separators=(",", ":")).encode()
