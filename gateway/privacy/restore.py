"""Turns tags back into values in one answer, plain or streamed.

1. One pass: what was restored is never searched again.
2. The result does not depend on how the answer was cut into chunks. What may be the beginning of a tag waits for its
   rest, at most :data:`gateway.privacy.bends.LONGEST` code points, separately for each choice's content, its reasoning
   and the arguments of each of its tool calls; all other text passes at once.
3. A grant says where: ``text`` is content and reasoning, ``arguments`` are tool calls' arguments, ``urls`` are links
   within either (:mod:`gateway.privacy.links`). A tag for a link may become that link, but nothing that follows it
   within the link becomes a value.
4. JSON stays valid: in arguments, and wherever content is JSON, a value is escaped as deep as it stands in strings
   (:mod:`gateway.privacy.jsontext`).
5. A request without tags costs nothing: chunks pass as they are.

Example: ``PERSON_7K3M9QX2`` waits; with ``T4VWB6HD's desk`` in the next chunk, ``Ada's desk`` comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.domain import Chunk
from gateway.privacy.bends import Finder, decode
from gateway.privacy.channels import Channels, Key
from gateway.privacy.jsontext import JsonText, escaped
from gateway.privacy.links import Link
from gateway.privacy.redact import Value

_LINK_TYPE = "URL"


class Untouched:
    """Restorer of a request without tags."""

    restored = 0

    def feed(self, chunk: Chunk) -> Chunk | None:
        return chunk

    def flush(self) -> Chunk | None:
        return None


class _Channel:
    """One text of an answer as it comes in."""

    def __init__(self, way_back: WayBack, json_text: bool) -> None:
        self._way_back = way_back
        self._json_text = json_text
        self._json = JsonText()
        self._link = Link()
        self._held = ""
        self.restored = 0

    def feed(self, text: str, last: bool) -> str:
        """Return what is certain of the text so far and was not returned yet; all of it when it is the last."""
        text = self._held + text
        out: list[str] = []
        spots, certain = self._way_back.finder.read(text, last)
        cursor = 0
        for spot in spots:
            out.append(self._pass(text[cursor : spot.start]))
            out.append(self._restore(text[spot.start : spot.end], self._way_back.values[spot.core]))
            cursor = spot.end
        out.append(self._pass(text[cursor:certain]))
        self._held = text[certain:]
        return "".join(out)

    def _pass(self, text: str) -> str:
        """Return text that is no tag, and follow it into JSON strings and links and out of them."""
        self._json.advance(text)
        if self._way_back.in_links:
            return text
        if not self._json_text:
            self._link.advance(decode(text))
            return text
        for part in _json_strings(text):
            if part == '"':
                self._link.leave()
            else:
                self._link.advance(decode(part))
        return text

    def _restore(self, tag: str, value: Value) -> str:
        link = self._link
        if link.inside and not (link.fresh and value.type == _LINK_TYPE):
            return self._pass(tag)
        if not self._way_back.in_links:
            link.advance(value.text)
        self.restored += 1
        return escaped(value.text, max(self._json.depth, self._json_text))


def _json_strings(text: str) -> Iterable[str]:
    """Yield a piece of JSON text cut at unescaped quotes, which are yielded too."""
    start = cursor = 0
    while cursor < len(text):
        if text[cursor] == '"':
            yield from (text[start:cursor], '"')
            start = cursor + 1
        cursor += 2 if text[cursor] == "\\" else 1
    yield text[start:]


class WayBack:
    """From tags to values, for the channels that a grant names. One for a request; restorers are made of it."""

    def __init__(self, values: Mapping[str, Value], channels: Iterable[str]) -> None:
        granted = set(channels)
        self.values = values
        self.in_text = "text" in granted
        self.in_arguments = "arguments" in granted
        self.in_links = "urls" in granted
        self.finder = Finder({core: value.type for core, value in values.items()})

    def restorer(self) -> Restoring | Untouched:
        """Return a fresh restorer for one answer."""
        return Restoring(self) if self.values and (self.in_text or self.in_arguments) else Untouched()


class Restoring:
    """Restorer of one answer; see :class:`gateway.privacy.door.Restorer`."""

    def __init__(self, way_back: WayBack) -> None:
        self._way_back = way_back
        self._channels = Channels(self._write)
        self._texts: dict[Key, _Channel] = {}

    @property
    def restored(self) -> int:
        """How many tags became values so far."""
        return sum(text.restored for text in self._texts.values())

    def feed(self, chunk: Chunk) -> Chunk | None:
        """As :meth:`gateway.privacy.door.Restorer.feed`."""
        return self._channels.feed(chunk)

    def flush(self) -> Chunk | None:
        """As :meth:`gateway.privacy.door.Restorer.flush`."""
        return self._channels.flush()

    def _write(self, key: Key, text: str, last: bool) -> str:
        way_back = self._way_back
        in_arguments = key.kind == "arguments"
        if key.kind == "name" or not (way_back.in_arguments if in_arguments else way_back.in_text):
            return text
        if key not in self._texts:
            self._texts[key] = _Channel(way_back, in_arguments)
        return self._texts[key].feed(text, last)
