"""Searches for others, each of them on record before it is answered: who asked for what, and how much was found.

What goes on record are the filters, as far as their words are the log's own, and counts; a further page of the same
search does not. The rules are the same in the running server and on the command line without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec

from gateway.audit.index.query import Query
from gateway.audit.index.search import Page

EVENT = "admin.searched"
MOST_ROWS = 1000
"""Records of one page."""

Way = Literal["search", "count", "report", "documents"]


class Book(Protocol):
    """What is needed of the audit log."""

    def event(self, type: str, **details: Any) -> None: ...

    async def durable(self) -> None: ...


class Searcher(Protocol):
    """Who searches, beside the server's work: :class:`gateway.audit.index.asking.Asking`."""

    async def page(self, query: Query, limit: int, after: str) -> tuple[Page, Mapping[str, Any]]: ...


class Searched(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A search that was made beside the server, to be put on record. ``filters`` as :meth:`AuditSearch.on_record`."""

    way: Way
    filters: Mapping[str, str | int | list[str]]
    found: int | None = None


class SearchOffice:
    """One instance per server."""

    def __init__(self, book: Book, searcher: Searcher) -> None:
        self._book = book
        self._searcher = searcher

    async def page(self, query: Query, limit: int, after: str, by: str) -> Page:
        """Return a page; the first one of a search goes on record.

        Raises:
            WrongQuery: ``after`` is no cursor of this query.
            AuditUnavailable: it cannot be put on record, or a log cannot be read.
        """
        page, filters = await self._searcher.page(query, min(limit, MOST_ROWS), after)
        if not after:
            await self.tell(Searched("search", filters, page.found), by)
        return page

    async def tell(self, searched: Searched, by: str) -> None:
        """Put a search on record. Raises AuditUnavailable."""
        self._book.event(EVENT, by=by, details=msgspec.to_builtins(searched))
        await self._book.durable()
