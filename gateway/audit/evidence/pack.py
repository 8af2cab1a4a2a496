"""Makes a pack: logs first, then what explains them, then the report, last the manifest that names them all.

::

    PACK.zip
      logs/<origin>/<class>/records.jsonl    an export as any other: .manifest.json, .vkey, .checkpoint beside it;
                                             checkpoints (a choice of signed heads), witnesses.jsonl
      keys/                                  public keys: of the log, of the persons whose signature counts
      policies/<revision>/                   bundle.tar.gz, rules.csv, manifest.json
      models.json                            manifests of the models
      report.html, report.pdf                the report, in one language
      verify.py, VERIFY.txt                  the verifier, and how to use it
      manifest.json                          digests of all of these, signed

The report is written from the records that are in the pack, and from nothing else that could have been changed: who has
the pack can count again. Records go from the log into the archive as they come, so memory does not grow with them. The
same records make the same pack, byte for byte: where an export says when it was made, one in a pack says the time of
its last record.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from itertools import islice
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.audit import verify as verifier
from gateway.audit.anchor.witnesses import FILE as WITNESSES
from gateway.audit.anchor.witnesses import Witness, witnessed
from gateway.audit.anchor.witnesses import read as read_witnesses
from gateway.audit.canonical import canonical
from gateway.audit.evidence import html
from gateway.audit.evidence.archive import Archive
from gateway.audit.evidence.continuity import Continuity
from gateway.audit.evidence.document import Document, Language
from gateway.audit.evidence.door import House, Revision
from gateway.audit.evidence.findings import Findings, Seen, Tally
from gateway.audit.evidence.heads import chosen
from gateway.audit.evidence.manifest import NAME as MANIFEST
from gateway.audit.evidence.manifest import About, PackedLog, manifest
from gateway.audit.evidence.report import report
from gateway.audit.evidence.words import Words
from gateway.audit.export import manifest as exports
from gateway.audit.export.manifest import LogPart
from gateway.audit.export.reading import Cut, Reading, cut_at, refused
from gateway.audit.export.run import HEAD_SUFFIX, Keys, filter_said, part_of
from gateway.audit.log import layout
from gateway.audit.log.reader import Filter
from gateway.audit.log.site import name_of

RECORDS = "records.jsonl"
_STEP = 1024
_BLOCK_RECORDS = 64
_NO_RECORD = "1970-01-01T00:00:00.000000Z"

Progress = Callable[[int, int], None]
"""Called with (records read, records in all), every 1024 records and at the end of each log."""


def _quiet(_: int, __: int) -> None:
    pass


@dataclass(frozen=True)
class Wish:
    """What is wanted. ``logs`` are the folders of logs; records that ``wanted`` leaves out go as hashes."""

    logs: Sequence[Path]
    site: str
    language: Language = "en"
    wanted: Filter = field(default_factory=Filter)
    pdf: bool = True
    font: Path | None = None  # of which the PDF carries the characters that Helvetica has not


@dataclass(frozen=True)
class PackKeys:
    """Whose heads count, and who signs: the manifest of each log's export, and that of the pack."""

    exports: Keys
    seal: Callable[[bytes], bytes]


@dataclass(frozen=True)
class Pack:
    """What was made."""

    out: Path
    bytes: int
    files: int
    records: int
    unwitnessed: int
    left_out: tuple[str, ...]


def make(wish: Wish, out: Path, keys: PackKeys, house: House, progress: Progress = _quiet) -> Pack:
    """Write a pack to ``out``; it appears whole and last.

    Raises:
        SetupError: a log has no signed head, its records are not those that were signed, or ``font`` is no font.
        OSError: ``out`` or its folder cannot be written.
    """
    with Archive(out) as archive, tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        return _Packing(wish, keys, house, archive, Path(scratch), progress).through(out)


@dataclass
class _Packing:
    wish: Wish
    keys: PackKeys
    house: House
    archive: Archive
    scratch: Path
    progress: Progress
    tally: Tally = field(init=False)
    left_out: list[str] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    read: int = 0

    def __post_init__(self) -> None:
        only_times = replace(self.wish.wanted, since="", until="")
        self.tally = Tally(continuity=Continuity(whole=only_times == Filter()))

    def through(self, out: Path) -> Pack:
        cuts = [cut_at(folder, self.keys.exports.verifiers) for folder in self.wish.logs]
        total = sum(cut.head.size for cut in cuts)
        logs = [self._log(cut, total) for cut in cuts]
        found = self._findings(logs)
        self._report(report(found, self.wish.language, self.house))
        self.archive.add("verify.py", Path(verifier.__file__).read_bytes())
        self.archive.add("VERIFY.txt", Words(self.wish.language).verify.encode())
        files = len(self.archive.files) + 1
        payload = manifest(found.about, logs, self.archive.files, self.left_out)
        self.archive.add(MANIFEST, self.keys.seal(payload))
        self.archive.keep()
        return Pack(out, out.stat().st_size, files, found.records, found.unwitnessed, tuple(self.left_out))

    # --- logs

    def _log(self, cut: Cut, total: int) -> PackedLog:
        """Export one log into the archive and count its records on the way."""
        name = name_of(cut.head.origin, cut.retention_class)
        seen = witnessed(cut.folder, cut.head.size).size
        counted = _Counted(seen)
        reading = Reading(cut, self.wish.wanted, self.scratch / "omitted", {})
        try:
            self.tally.begin(name)
            path = f"logs/{name}/{RECORDS}"
            self.archive.stream(path, _in_blocks(self._lines(reading, counted, total)))
            part = part_of(reading, self.keys.exports.rotations)
        finally:
            reading.close()
        self.seen += _seen_of(name, cut)
        self.read += cut.head.size
        self.progress(self.read, total)
        self._proofs(path, cut, part, counted)
        return PackedLog(
            origin=cut.head.origin,
            retention_class=cut.retention_class,
            path=path,
            records=part.rows,
            tree_size=part.size,
            root=cut.head.root.hex(),
            checkpoint=cut.note.decode(),
            pruned=part.pruned,
            witnessed=seen,
            unwitnessed=counted.unwitnessed,
        )

    def _lines(self, reading: Reading, counted: _Counted, total: int) -> Iterator[bytes]:
        for row in reading.records(UTC):
            if reading.index % _STEP == 0:
                self.progress(self.read + reading.index, total)
            if row is None:
                continue
            try:
                self.tally.read(row.record)
                counted.take(row.index, row.record["time"])
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise refused(reading.cut.folder, f"its record {row.index} is not one") from error
            yield row.data + b"\n"

    def _proofs(self, path: str, cut: Cut, part: LogPart, counted: _Counted) -> None:
        """Add what proves the records: the manifest of their export, keys, heads, witnesses."""
        entry = self.archive.files[-1]
        about = exports.About(
            time=counted.last or _NO_RECORD,
            program=_program(),
            format="jsonl",
            time_zone="UTC",
            filter=filter_said(self.wish.wanted),
            name=RECORDS,
            bytes=entry.bytes,
            sha256=entry.sha256,
        )
        sealed = self.keys.exports.seal(exports.manifest(about, [part]))
        self.archive.add(f"{path}{exports.SUFFIX}", sealed)
        self.archive.add(f"{path}{exports.KEY_SUFFIX}", f"{self.keys.exports.vkey}\n".encode())
        if part.rows == part.size:
            self.archive.add(f"{path}{HEAD_SUFFIX}", cut.note)
        folder = path.removesuffix(RECORDS)
        witnesses = [witness for witness in read_witnesses(cut.folder)[0] if witness.size <= cut.head.size]
        history = (cut.folder / layout.HISTORY).read_bytes()
        wanted = {*counted.day_ends, *(witness.size for witness in witnesses)}
        self.archive.add(f"{folder}{layout.HISTORY}", chosen(history, cut.head.size, wanted))
        if witnesses:
            self.archive.add(f"{folder}{WITNESSES}", b"".join(map(Witness.line, witnesses)))

    # --- what explains them

    def _findings(self, logs: Sequence[PackedLog]) -> Findings:
        revisions = self._policies()
        models = self.house.models()
        self.archive.add("models.json", canonical({"models": [dict(model) for model in models]}) + b"\n")
        for name, content in sorted(self.house.key_files().items()):
            self.archive.add(f"keys/{name}", content)
        wish = self.wish
        wanted = filter_said(wish.wanted)
        since, until = wanted.pop("since", ""), wanted.pop("until", "")
        about = About(wish.site, wish.language, since, until, wanted, self.tally.continuity.last, _program())
        return Findings(about, self.keys.exports.vkey, logs, self.tally, revisions, models, self.seen)

    def _policies(self) -> Mapping[str, Revision | None]:
        """Add every revision that a record names."""
        found: dict[str, Revision | None] = {}
        for id_ in sorted(self.tally.history.revisions):
            revision = found[id_] = self.house.revision(id_)
            if revision is None:
                self.left_out.append(f"policies/{id_}: no longer kept here")
                continue
            for name, path in sorted(revision.files.items()):
                self.archive.add_file(f"policies/{id_}/{name}", path)
        return found

    def _report(self, document: Document) -> None:
        self.archive.add("report.html", html.render(document))
        if self.wish.pdf:
            from gateway.audit.evidence import paper  # noqa: PLC0415  reportlab takes its time, and not all want it

            self.archive.add("report.pdf", paper.render(document, self.wish.font))


def _seen_of(name: str, cut: Cut) -> list[Seen]:
    """Return the newest head of each place that saw this log."""
    found = witnessed(cut.folder, cut.head.size)
    newest = {(one.kind, one.place): one for part in found.ranges for one in part.by}
    return [Seen(name, one.kind, one.place, one.size, one.time) for _, one in sorted(newest.items())]


class _Counted:
    """What is noted of one log's records on their way: the last time, the ends of days, those beyond all witnesses."""

    def __init__(self, witnessed_up_to: int) -> None:
        self.unwitnessed = 0
        self.last = self._day = ""
        self.day_ends: list[int] = []
        self._witnessed = witnessed_up_to

    def take(self, index: int, time: Any) -> None:
        self.unwitnessed += index >= self._witnessed
        if self._day and time[:10] != self._day:
            self.day_ends.append(index)
        self._day, self.last = time[:10], max(self.last, time)


def _in_blocks(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Yield many lines at once: packing small ones costs more than reading them."""
    while block := b"".join(islice(lines, _BLOCK_RECORDS)):
        yield block


def _program() -> str:
    return f"sekisho {__version__}"
