"""Apache Parquet: the columns of :mod:`gateway.audit.export.columns`, typed, and the record itself as text.

Row groups have at most 8192 rows, so that writing and reading take bounded memory. A Parquet file cannot be gone on
with; so rows go into part files, whole ones, and those are joined at the end.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.audit.export.columns import COLUMNS, Row, cells
from gateway.audit.export.forms import State, Ways

GROUP_ROWS = 8192
RECORD = "record"
_TYPES = {"text": pa.string(), "integer": pa.int64(), "boolean": pa.bool_(), "time": pa.timestamp("us", tz="UTC")}
_UNLIKE = {"leaf_index", "leaf_hash", "time", "site_time", "request", "decision", RECORD}
"""Columns in which hardly a value comes twice: a dictionary of them would only cost."""

SCHEMA = pa.schema(
    [
        *(pa.field(each.name, _TYPES[each.kind], metadata={"meaning": each.meaning}) for each in COLUMNS),
        pa.field(RECORD, pa.string(), metadata={"meaning": "the record's bytes, canonical JSON"}),
    ]
)


class _File:
    """One Parquet file that is being written, with a handle of its own so that it can be synced."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        unlike = [name for name in SCHEMA.names if name not in _UNLIKE]
        self._file = path.open("wb")
        self._writer = pq.ParquetWriter(self._file, SCHEMA, compression="zstd", use_dictionary=unlike)

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table, row_group_size=GROUP_ROWS)

    def finish(self) -> None:
        """Write the footer; on stable storage when this returns. Raises OSError."""
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def drop(self) -> None:
        """Leave it as it is: it is written again."""
        for close in (self._writer.close, self._file.close):
            with contextlib.suppress(OSError):
                close()


class Parquet:
    """See :class:`gateway.audit.export.forms.Form`."""

    def __init__(self, work: Path, ways: Ways, state: Mapping[str, Any]) -> None:
        self._work = work
        self._parts: int = state.get("parts", 0)
        self._rows: list[tuple[Any, ...]] = []
        self._file: _File | None = None

    def write(self, row: Row) -> None:
        self._rows.append((*cells(row), row.data.decode()))
        if len(self._rows) == GROUP_ROWS:
            self._write_group()

    def settle(self) -> State:
        self._write_group()
        if self._file:
            self._file.finish()
            self._file = None
            self._parts += 1
        return {"parts": self._parts}

    def finish(self) -> Path:
        self.settle()
        whole = self._work / "rows"
        joined = _File(whole)
        try:
            for table in self._groups():
                joined.write(table)
            joined.finish()
        except BaseException:
            joined.drop()
            raise
        return whole

    def close(self) -> None:
        if self._file:
            self._file.drop()
            self._file = None

    def _write_group(self) -> None:
        if not self._rows:
            return
        if self._file is None:
            self._file = _File(self._part(self._parts))
        columns = zip(*self._rows, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
        self._file.write(pa.Table.from_arrays(arrays, schema=SCHEMA))
        self._rows.clear()

    def _groups(self) -> Iterator[pa.Table]:
        """Yield all rows of the parts, in groups as full as they may be."""
        waiting: list[pa.RecordBatch] = []
        for number in range(self._parts):
            with pq.ParquetFile(self._part(number)) as part:
                for batch in part.iter_batches(GROUP_ROWS):
                    waiting.append(batch)
                    rows = pa.Table.from_batches(waiting)
                    if rows.num_rows >= GROUP_ROWS:
                        yield rows.slice(0, GROUP_ROWS)
                        waiting = rows.slice(GROUP_ROWS).to_batches()
        if waiting:
            yield pa.Table.from_batches(waiting)

    def _part(self, number: int) -> Path:
        return self._work / f"rows-{number:06}"
