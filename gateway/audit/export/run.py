"""One export: logs up to their signed heads, the records that match, in one form, with the manifest that proves it.

Guarantees:

1. Nothing stands under the final name before it is whole, on stable storage, and its manifest beside it.
2. Only records that lead to a signed head leave; the manifest accounts for every other one (``reading``, ``cover``).
3. Cut short anywhere, it goes on where it last settled when it is asked for again with the same arguments (``work``),
   and gives the same bytes as if it had not been.
4. Memory does not grow with the log: rows go out as they come.

It reads beside a running writer, and holds up nobody.

::

    wish = Wish(Path("denials.csv"), "csv", (folder,), Filter(type="denial"), Ways(ZoneInfo("Asia/Tokyo")))
    done = export(wish, Keys((verifier,), vkey, signer_of_envelopes))
    done.rows, done.manifest
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gateway.audit.anchor.witnesses import witnessed
from gateway.audit.export.forms import Form, Ways
from gateway.audit.export.kinds import form_of
from gateway.audit.export.manifest import KEY_SUFFIX, SUFFIX, About, LogPart, manifest
from gateway.audit.export.reading import Cut, Reading, cut_at, refused
from gateway.audit.export.work import Work
from gateway.audit.log.note import Verifier
from gateway.audit.log.reader import Filter
from gateway.audit.record import now
from gateway.durable import sync_folder

SETTLE_RECORDS = 65_536
"""Read between two points from which an export can go on."""

_STEP = 1024
_BLOCK_BYTES = 1 << 20
HEAD_SUFFIX = ".checkpoint"

Progress = Callable[[int, int], None]
"""Called with (records read, records in all), every 1024 records and at the end."""


@dataclass(frozen=True)
class Wish:
    """What is to be exported. ``fresh`` throws away what an export that was cut short left.

    ``words`` are what ``wanted`` was made of, as they were given: ``30d`` is the same wish tomorrow, and then goes on
    with the moment that it meant when it began.
    """

    out: Path
    form: str
    logs: tuple[Path, ...]
    wanted: Filter
    ways: Ways
    words: Mapping[str, str] = field(default_factory=dict)
    fresh: bool = False

    def asked(self) -> dict[str, Any]:
        """Return it as plain JSON, to be held against what it was when it was cut short."""
        ways = {"zone": str(self.ways.zone), "separator": self.ways.separator, "program": self.ways.program}
        logs = [str(folder.resolve()) for folder in self.logs]
        words = {name: word for name, word in self.words.items() if word} or filter_said(self.wanted)
        return {"form": self.form, "logs": logs, "words": words, **ways}


@dataclass(frozen=True)
class Keys:
    """Whose heads count, and who signs.

    Attributes:
        verifiers: every key that may have signed a head of these logs.
        vkey: the public key that is to lie beside the export, a C2SP verifier key.
        seal: returns the signed envelope of a manifest. Raises SetupError.
        rotations: how log keys followed each other, as far as it is known beside the logs.
    """

    verifiers: tuple[Verifier, ...]
    vkey: str
    seal: Callable[[bytes], bytes]
    rotations: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Export:
    """What was written. ``resumed``: how many records had been read before it was cut short."""

    out: Path
    manifest: Path
    rows: int
    bytes: int
    sha256: str
    logs: tuple[LogPart, ...]
    resumed: int


def filter_said(wanted: Filter) -> dict[str, str]:
    """Return what a filter asks, by the words of ``--filter``."""
    names = {"key_id": "key", "data_class": "class"}
    return {names.get(name, name): value for name, value in asdict(wanted).items() if value}


def export(wish: Wish, keys: Keys, progress: Progress | None = None) -> Export:
    """Write the export, or go on with it.

    Raises:
        SetupError: no signed head, records that are not those that were signed, another export in the way.
        OSError: a file cannot be read or written; what was done so far stays for the next try.
    """
    work = Work(wish.out)
    state = work.open(wish.asked(), fresh=wish.fresh)
    try:
        done = _Run(wish, keys, work, state, progress).through()
        work.remove()
    finally:
        work.close()
    return done


class _Run:
    def __init__(self, wish: Wish, keys: Keys, work: Work, state: dict[str, Any], progress: Progress | None) -> None:
        self._wish = replace(wish, wanted=Filter(**state["wanted"])) if state else wish
        self._keys, self._work = keys, work
        notes = [note.encode() for note in state.get("notes", [""] * len(wish.logs))]
        pairs = zip(wish.logs, notes, strict=True)
        self._cuts: list[Cut] = [cut_at(folder, keys.verifiers, note) for folder, note in pairs]
        self._readings: list[dict[str, Any]] = state.get("readings", [])
        self._form: Form = form_of(wish.form)(work.folder, wish.ways, state.get("form", {}))
        self._progress, self._total = progress, sum(cut.head.size for cut in self._cuts)
        self._read = 0

    def through(self) -> Export:
        resumed = sum(reading["tree"]["count"] for reading in self._readings)
        try:
            parts = tuple(self._part(number, cut) for number, cut in enumerate(self._cuts))
            whole = self._form.finish()
        finally:
            self._form.close()
        return self._publish(whole, parts, resumed)

    def _part(self, number: int, cut: Cut) -> LogPart:
        spool = self._work.folder / f"omitted-{number}"
        known = self._readings[number] if number < len(self._readings) else {}
        reading = Reading(cut, self._wish.wanted, spool, known)
        try:
            self._copy(number, reading)
            self._settle(number, reading)
            return part_of(reading, self._keys.rotations)
        finally:
            reading.close()

    def _copy(self, number: int, reading: Reading) -> None:
        self._tell(reading)
        for row in reading.records(self._wish.ways.zone):
            if row is not None:
                self._write(reading, row)
            if reading.index % _STEP == 0:
                self._tell(reading)
                if reading.index % SETTLE_RECORDS == 0:
                    self._settle(number, reading)
        self._tell(reading)
        self._read += reading.index

    def _write(self, reading: Reading, row: Any) -> None:
        try:
            self._form.write(row)
        except (ValueError, AttributeError) as error:
            raise refused(reading.cut.folder, f"its record {row.index} is not one") from error

    def _settle(self, number: int, reading: Reading) -> None:
        form = self._form.settle()
        self._readings[number:] = [reading.settle()]
        notes = [cut.note.decode() for cut in self._cuts]
        wanted = asdict(self._wish.wanted)
        state = {"asked": self._wish.asked(), "wanted": wanted, "notes": notes, "readings": self._readings}
        self._work.save({**state, "form": form})

    def _publish(self, whole: Path, parts: tuple[LogPart, ...], resumed: int) -> Export:
        """Give everything its name, the file itself last."""
        wish, folder = self._wish, self._work.folder
        size, sha256 = digest(whole)
        about = About(
            time=now(),
            program=wish.ways.program,
            format=wish.form,
            time_zone=str(wish.ways.zone),
            filter=filter_said(wish.wanted),
            name=wish.out.name,
            bytes=size,
            sha256=sha256,
        )
        beside = {SUFFIX: self._keys.seal(manifest(about, parts)), KEY_SUFFIX: f"{self._keys.vkey}\n".encode()}
        if _is_plain(wish, parts):
            beside[HEAD_SUFFIX] = parts[0].checkpoint
        else:
            Path(f"{wish.out}{HEAD_SUFFIX}").unlink(missing_ok=True)
        self._work.forget()
        for suffix, content in beside.items():
            _write(folder / f"beside{suffix}", content).replace(f"{wish.out}{suffix}")
        whole.replace(wish.out)
        sync_folder(wish.out.parent)
        rows = sum(part.rows for part in parts)
        return Export(wish.out, Path(f"{wish.out}{SUFFIX}"), rows, size, sha256, parts, resumed)

    def _tell(self, reading: Reading) -> None:
        if self._progress:
            self._progress(self._read + reading.index, self._total)


def part_of(reading: Reading, rotations: Sequence[Mapping[str, Any]] = ()) -> LogPart:
    """Return what a manifest says of a log that was read to its end. Raises OSError.

    Args:
        rotations: how log keys followed each other, as far as it is known beside the log.
    """
    cut = reading.cut
    return LogPart(
        origin=cut.head.origin,
        retention_class=cut.retention_class,
        first=cut.head.size if reading.first is None else reading.first,
        size=cut.head.size,
        rows=reading.rows,
        pruned=reading.pruned,
        before=reading.before,
        omitted=reading.omitted(),
        checkpoint=cut.note,
        witnessed=witnessed(cut.folder, cut.head.size).as_json(),
        keys=_chain(rotations, reading.keys),
    )


def _is_plain(wish: Wish, parts: tuple[LogPart, ...]) -> bool:
    """Whether it is one log from its beginning to a head, as leaves: then its head alone proves it."""
    return wish.form == "jsonl" and len(parts) == 1 and parts[0].rows == parts[0].size


def _chain(rotations: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return all rotations, each once; those that the log's own records tell of stand as they do there."""
    pairs = {(one["old"], one["new"]): one for one in (*rotations, *found)}
    return list(pairs.values())


def digest(path: Path) -> tuple[int, str]:
    """Return size and SHA-256, hex, of a file. Raises OSError."""
    found, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            found.update(block)
            size += len(block)
    return size, found.hexdigest()


def _write(path: Path, content: bytes) -> Path:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return path
