"""What a site without a network hands out: numbered files, each of which names the one before it.

::

    outbox-SITE-000002.zip
      statement.json    an envelope as an export's manifest has it, format "outbox", signed by the log's key
      pack.zip          an evidence pack of the period: records, proofs, and a report with counts, none under five
      usage.json        what was used, by project and model: gateway.audit.outbox_usage

The statement names the pack by its SHA-256, and in ``filter`` ``site``, ``number``, ``previous`` (hex, the SHA-256 of
the whole file before, empty for the first), ``since`` (empty: from the first record), ``until``, and ``usage``, the
SHA-256 of that document. Where only statements of one site are read in the order of their numbers, what is missing,
doubled or changed shows.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from gateway.audit.export.manifest import About, manifest, opened
from gateway.audit.log.note import Verifier
from gateway.audit.outbox_usage import Document, parse

FORMAT = "outbox"
STATEMENT, PACK, USAGE = "statement.json", "pack.zip", "usage.json"
GAP, DOUBLE, CHANGED, OTHER_SITE, WRONG_KEY, BROKEN = "gap", "double", "changed", "other-site", "wrong-key", "chain"

_MOST_BYTES = 2**20  # of a statement
_MOST_DIGITS = 9
_BLOCK = 2**20
_HEX = re.compile(r"[0-9a-f]{64}")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # every entry's time: the same input makes the same bytes


class OutboxError(ValueError):
    """It is no file of an outbox, or not as it was written. The text quotes nothing of it."""


@dataclass(frozen=True)
class Sequel:
    """Where a file stands: ``since`` and ``until`` in RFC 3339, UTC; ``previous`` is hex, or empty for number 1."""

    site: str
    number: int
    previous: str
    since: str
    until: str

    @property
    def stem(self) -> str:
        """What the names of all files of the site begin with."""
        return f"outbox-{re.sub(r'[^A-Za-z0-9.-]', '_', self.site)}-"

    @property
    def name(self) -> str:
        return f"{self.stem}{self.number:06d}.zip"


@dataclass(frozen=True)
class Letter:
    """A file of an outbox that was read. ``sha256`` is the whole file's; whose its signature is, is not said."""

    sequel: Sequel
    sha256: str
    size: int
    signature: bytes
    signed_bytes: bytes
    usage: Document

    def signed_by(self, keys: Sequence[Verifier]) -> bool:
        return any(key.signed(self.signature, self.signed_bytes) for key in keys)


@dataclass(frozen=True)
class Finding:
    """What is wrong with a folder of files. ``kind`` is one of the names above; ``number`` is 0 where none is known."""

    kind: str
    number: int
    file: str
    text: str


def statement(sequel: Sequel, pack: Path, usage: bytes, program: str) -> bytes:
    """Return the payload to be signed: canonical JSON. Raises OSError."""
    said = {"site": sequel.site, "number": str(sequel.number), "previous": sequel.previous}
    said["usage"] = sha256(usage).hexdigest()
    about = About(
        time=sequel.until,
        program=program,
        format=FORMAT,
        time_zone="UTC",
        filter={**said, "since": sequel.since, "until": sequel.until},
        name=PACK,
        bytes=pack.stat().st_size,
        sha256=digest(pack),
    )
    return manifest(about, [])


def write(out: IO[bytes], envelope: bytes, pack: Path, usage: bytes) -> None:
    """Write a file of an outbox. The same input gives the same bytes. Raises OSError."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(STATEMENT, _EPOCH), envelope)
        with pack.open("rb") as source, archive.open(zipfile.ZipInfo(PACK, _EPOCH), "w", force_zip64=True) as entry:
            while block := source.read(_BLOCK):
                entry.write(block)
        archive.writestr(zipfile.ZipInfo(USAGE, _EPOCH), usage)


def read(path: Path) -> Letter:
    """Read a file and compare its pack with its statement.

    Raises:
        OutboxError: it is none, or its pack is not the one that the statement names.
        OSError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if [entry.filename for entry in entries] != [STATEMENT, PACK, USAGE]:
                raise OutboxError("it does not hold a statement, a pack and what was used")
            if max(entries[0].file_size, entries[2].file_size) > _MOST_BYTES:
                raise OutboxError("its statement or what was used is too long")
            envelope, usage = opened(archive.read(STATEMENT)), archive.read(USAGE)
            with archive.open(PACK) as pack:
                found = _hex_of(pack)
            used = parse(usage)
    except OutboxError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:  # ManifestError too
        raise OutboxError("it is no file of an outbox, or was changed") from error
    sequel, wanted = _said(envelope.said)
    if [found, sha256(usage).hexdigest()] != wanted:
        raise OutboxError("its pack, or what was used, is not what was signed")
    return Letter(sequel, digest(path), path.stat().st_size, envelope.signature, envelope.signed_bytes, used)


def _said(said: Mapping[str, Any]) -> tuple[Sequel, list[str]]:
    words, file = said.get("filter"), said.get("file")
    names = ("site", "number", "previous", "since", "until")
    if said.get("format") != FORMAT or not isinstance(words, dict) or not isinstance(file, dict):
        raise OutboxError("its statement is not one of an outbox")
    site, number, previous, since, until = (words.get(name) for name in names)
    digests = [file.get("sha256"), words.get("usage")]
    texts = [site, number, previous, since, until, *digests]
    if not all(isinstance(text, str) for text in texts) or not re.fullmatch(r"[1-9][0-9]*", str(number)):
        raise OutboxError("its statement lacks something")
    first = number == "1"
    if len(str(number)) > _MOST_DIGITS or (previous != "" if first else not _HEX.fullmatch(str(previous))):
        raise OutboxError("its statement does not name the file before it")
    return Sequel(str(site), int(str(number)), str(previous), str(since), str(until)), [str(each) for each in digests]


def examine(paths: Sequence[Path], keys: Sequence[Verifier], site: str, first: int = 1) -> list[Finding]:
    """Return all that is wrong with the files of one site, which should run from ``first`` without a gap.

    Raises:
        OSError: one cannot be read.
    """
    findings: list[Finding] = []
    kept: dict[int, tuple[Path, Letter]] = {}
    for path in sorted(paths):
        try:
            letter = read(path)
        except OutboxError as error:
            findings.append(Finding(CHANGED, 0, path.name, str(error)))
            continue
        number = letter.sequel.number
        if not letter.signed_by(keys):
            findings.append(Finding(WRONG_KEY, number, path.name, "it is not signed by a key that was given"))
        elif letter.sequel.site != site:
            findings.append(Finding(OTHER_SITE, number, path.name, "it is another site's"))
        elif number in kept:
            findings.append(Finding(DOUBLE, number, path.name, f"{kept[number][0].name} has its number too"))
        else:
            kept[number] = (path, letter)
    return findings + list(_in_a_row(kept, first))


def _in_a_row(kept: Mapping[int, tuple[Path, Letter]], first: int) -> Iterator[Finding]:
    before = first - 1
    for number in sorted(kept):
        path, letter = kept[number]
        if number > before + 1:
            missing = f"{before + 1} to {number - 1}" if number > before + 2 else f"{before + 1}"
            yield Finding(GAP, before + 1, "", f"missing: {missing}")
        last = kept.get(number - 1)
        if last and (letter.sequel.previous != last[1].sha256 or letter.sequel.since != last[1].sequel.until):
            yield Finding(BROKEN, number, path.name, "it does not follow the one before it that is here")
        before = number


def digest(path: Path) -> str:
    """Return a file's SHA-256, hex. Raises OSError."""
    with path.open("rb") as file:
        return _hex_of(file)


def _hex_of(file: IO[bytes]) -> str:
    hashed = sha256()
    while block := file.read(_BLOCK):
        hashed.update(block)
    return hashed.hexdigest()
