"""Answers searches in a process of its own, one after another, until its standard input ends.

::

    python -m gateway.audit.index.answer AUDIT_FOLDER INDEX_FOLDER

Standard input has one :class:`Ask` a line, in JSON; standard output an :class:`Answer` for each, in MessagePack after
its length in eight bytes. So a search that reads fifty thousand records takes nothing from the server's interpreter.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from gateway.audit.index.query import Query, WrongQuery
from gateway.audit.index.search import AuditSearch, Page
from gateway.audit.index.store import Trouble
from gateway.errors import passes

LENGTH_BYTES = 8
_NICE = 5


class Ask(msgspec.Struct, frozen=True):
    """A search: the fields of a :class:`Query`, and what page of it."""

    words: dict[str, tuple[str, ...]]
    since_us: int | None
    until_us: int | None
    request: str
    decision_id: str
    text: str
    oldest_first: bool
    limit: int
    after: str

    @classmethod
    def of(cls, query: Query, limit: int, after: str) -> Ask:
        times = (query.since_us, query.until_us)
        return cls(
            dict(query.words), *times, query.request, query.decision_id, query.text, query.oldest_first, limit, after
        )

    def query(self) -> Query:
        """Return the query. Raises WrongQuery."""
        ids = (self.request, self.decision_id)
        return Query(self.words, self.since_us, self.until_us, *ids, self.text, self.oldest_first)


class Answer(msgspec.Struct, frozen=True):
    """A page and its filters as they go on record; or what is wrong with the search, or with the log.

    ``passing``: the trouble may be over a little later, with nobody's help.
    """

    page: Page | None = None
    filters: dict[str, Any] = {}
    wrong: str = ""
    trouble: str = ""
    passing: bool = False


def answer(search: AuditSearch, ask: Ask) -> Answer:
    """Return what a search finds. Never raises."""
    try:
        query = ask.query()
        page = search.page(query, ask.limit, ask.after)
        return Answer(page, {} if ask.after else search.on_record(query))
    except WrongQuery as error:
        return Answer(wrong=str(error))
    except OSError as error:
        return Answer(trouble=error.strerror or "a file", passing=isinstance(error, Trouble) or passes(error))


def main(arguments: list[str]) -> int:
    """Answer until standard input ends."""
    os.nice(_NICE)
    search = AuditSearch(*map(Path, arguments))
    decoder = msgspec.json.Decoder(Ask)
    for line in sys.stdin.buffer:
        said = msgspec.msgpack.encode(answer(search, decoder.decode(line)))
        sys.stdout.buffer.write(len(said).to_bytes(LENGTH_BYTES, "big") + said)
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
