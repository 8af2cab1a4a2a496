"""The rule table as text again: rows to cells, cells to CSV. What is written reads back as the same rows. Pure.

Order and words of a row stay; white space, quotes and empty lines of the file do not.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from gateway.policy.table.read import COLUMNS
from gateway.policy.table.row import Row


def cells_of(row: Row) -> tuple[str, ...]:
    """Return the row's cells, in the order of :data:`gateway.policy.table.read.COLUMNS`."""
    return (
        " ".join(row.data),
        " ".join(row.collected_in),
        " ".join(row.data_class),
        " ".join(row.purpose),
        " ".join(row.destination),
        row.decision,
        row.redaction or "",
        row.legal_basis,
        row.review_by.isoformat() if row.review_by else "",
        row.owner,
        row.mode,
        row.note,
    )


def text_of(rows: Iterable[Row]) -> str:
    """Return ``rules.csv``: UTF-8 when encoded, commas, one line a row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(cells_of, rows))
    return text.getvalue()
