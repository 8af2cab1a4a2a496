"""What is searched for, and where a search goes on: plain values, checked; no files.

::

    query = Query({"decision": ("denied",), "tenant": ("acme", "beta")}, since_us=…)
    query.matches(glean(data), data)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from gateway.audit.index.blocks import Key
from gateway.audit.index.words import FIELDS, Pair, Seen, ident, is_ulid
from gateway.audit.persons.hidden import hidden

MOST_WORDS = 64  # of one field
LONGEST_WORD = 512
LONGEST_CURSOR = 1024
_CURSOR_VERSION = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WrongQuery(ValueError):
    """A filter or a cursor is not valid. ``str()`` says which, fit to be shown."""


@dataclass(frozen=True)
class Query:
    """Which records, and in which order.

    A record must have one of the words in each field of ``words``; ``type`` is also found by its first part (``key``
    finds ``key.created``), and so is ``origin``. ``since_us`` (included) and ``until_us`` (not included) are
    microseconds since 1970. ``request`` and ``decision_id`` are ids; ``text`` must occur in the record's JSON.
    """

    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    since_us: int | None = None
    until_us: int | None = None
    request: str = ""
    decision_id: str = ""
    text: str = ""
    oldest_first: bool = False

    def __post_init__(self) -> None:
        for name, words in self.words.items():
            if name not in FIELDS:
                raise WrongQuery(f"{name} is no field; there are {', '.join(FIELDS)}")
            if not 0 < len(words) <= MOST_WORDS or not all(0 < len(word) <= LONGEST_WORD for word in words):
                raise WrongQuery(f"{name} takes 1 to {MOST_WORDS} words of at most {LONGEST_WORD} characters")
        if max(len(self.request), len(self.decision_id), len(self.text)) > LONGEST_WORD:
            raise WrongQuery(f"an id or a text has at most {LONGEST_WORD} characters")

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the ids that are asked for."""
        return tuple(ident(text) for text in (self.request, self.decision_id) if text)

    @property
    def by_id(self) -> bool:
        """Whether a request or a decision is asked for."""
        return bool(self.request or self.decision_id)

    @property
    def needs_reading(self) -> bool:
        """Whether only the records themselves can say if they match."""
        return bool(self.text) or self.by_id

    def matches(self, seen: Seen, data: bytes) -> bool:
        """Whether a record, gleaned and in its bytes, is one that is searched for."""
        return (
            (self.since_us is None or seen.time_us >= self.since_us)
            and (self.until_us is None or seen.time_us < self.until_us)
            and self.may_be(seen)
            and self.has_words(seen.pairs)
            and (not self.text or self.text.encode("utf-8", "replace") in hidden(data))
            and (not self.by_id or self._has_ids(data))
        )

    def may_be(self, seen: Seen) -> bool:
        """Whether a record may be of the request and the decision that are asked for."""
        return set(self.numbers) <= set(seen.idents)

    def has_words(self, pairs: Iterable[Pair]) -> bool:
        """Whether a record with these words has one of those wanted in each field."""
        found = set(pairs)
        return all(
            any((name, word) in found for word in words)
            if name not in PARTED
            else any(is_kind(name, of, word) for field, of in found if field == name for word in words)
            for name, words in self.words.items()
        )

    def _has_ids(self, data: bytes) -> bool:
        """Whether a record is of the request and the decision: a number is not proof of an id."""
        record: dict[str, Any] = json.loads(data)
        decision = record.get("decision") or {}
        of_decision = (decision.get("id"), record.get("decision_id"))
        return (not self.request or record.get("request") == self.request) and (
            not self.decision_id or self.decision_id in of_decision
        )

    @cached_property
    def fingerprint(self) -> str:
        """Ties a cursor to its query."""
        said = [sorted(self.words.items()), self.since_us, self.until_us, self.request, self.decision_id, self.text]
        return hashlib.sha256(json.dumps([*said, self.oldest_first]).encode()).hexdigest()[:16]

    def on_record(self, known: Mapping[Pair, object]) -> dict[str, Any]:
        """Return the filters as they may be written into the log: what a person typed is told only where it is a word
        of the log already, or an id.
        """
        said: dict[str, Any] = {
            name: [word if (name, word) in known else "(unknown)" for word in words]
            for name, words in sorted(self.words.items())
        }
        times = (("since", self.since_us), ("until", self.until_us))
        said |= {name: time_of(us) for name, us in times if us is not None}
        ids = (("request", self.request), ("decision_id", self.decision_id))
        said |= {name: text if is_ulid(text) else "(no id)" for name, text in ids if text}
        return said | ({"text_chars": len(self.text)} if self.text else {})


PARTED = {"type": ".", "origin": "/"}
"""Fields whose words have parts: a search for ``key`` finds ``key.created``, one for a worker all its classes."""


def is_kind(field: str, word: str, wanted: str) -> bool:
    """Whether a word of such a field is the wanted one, or begins with it."""
    return word == wanted or word.startswith(f"{wanted}{PARTED[field]}")


def time_of(time_us: int) -> str:
    """Return a time in RFC 3339, UTC."""
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment(text: str) -> int:
    """Return microseconds since 1970 of an RFC 3339 time. Raises WrongQuery."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise WrongQuery("a time is as in RFC 3339: 2030-01-31T00:00:00Z") from error
    if time.tzinfo is None:
        raise WrongQuery("a time says its zone: 2030-01-31T00:00:00Z")
    return (time - _EPOCH) // timedelta(microseconds=1)


def cursor(query: Query, key: Key) -> str:
    """Return where to go on behind a record, opaque to whoever gets it.

    It names the record, not a row: so it holds while the log grows, and when the index is made again.
    """
    said = json.dumps([_CURSOR_VERSION, query.fingerprint, *key], separators=(",", ":"))
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def place_of(query: Query, text: str) -> Key:
    """Return the record that a cursor names. Raises WrongQuery: it is none, or of another query."""
    try:
        if len(text) > LONGEST_CURSOR:
            raise ValueError
        version, fingerprint, time_us, log, sequence = json.loads(
            base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        )
        if version != _CURSOR_VERSION or not isinstance(log, str) or type(time_us) is not int:
            raise ValueError
        key = Key(time_us, log, int(sequence))
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise WrongQuery("the cursor is not one that an answer gave") from error
    if fingerprint != query.fingerprint:
        raise WrongQuery("the cursor is of a search with other filters")
    return key
