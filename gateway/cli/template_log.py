"""What the log tells ``sekisho audit templates``: counts, under the report's rule on small ones; proofs of egress."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.audit.evidence.facts import Fact, Source, program, record
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.evidence.findings import Tally
    from gateway.settings import Settings

COUNTED = frozenset({"intent", "denial", "denial.summed", "outcome"})
"""Records that stand for requests. That documents were made is a record too, and changes nothing in the next ones."""

_EGRESS = {"admin.egress_proven": "egress_proven", "admin.egress_looked": "egress_looked"}
_STEP = 1024


@dataclass
class Read:
    """What was read: all records; of each log the last one that stands for a request, and the settings of the last
    start; and what was seen of egress."""

    tally: Tally
    last: dict[str, Source] = field(default_factory=dict)
    egress: dict[str, tuple[str, Source]] = field(default_factory=dict)
    starts: dict[str, tuple[str | None, Source]] = field(default_factory=dict)


def facts(found: Read | None) -> Mapping[str, list[Fact]]:
    """Return which logs hold requests, and what is on record of proofs of no egress; unknown where nothing is."""
    seen = found.egress if found else {}
    told = [
        Fact(says, *seen[kind]) if kind in seen else Fact(says, None, program(f"sekisho audit search --type {kind}"))
        for kind, says in _EGRESS.items()
    ]
    holding = Fact("logs", tuple(sorted(found.last)) if found else (), program("sekisho audit status"))
    starts = sorted(found.starts.items()) if found else ()
    started = [Fact("settings_started", digest, where, log) for log, (digest, where) in starts]
    return {"egress": told, "logs": [holding, *started]}


def read(settings: Settings, progress: Callable[[int, int], None]) -> Read | None:
    """Read all logs; ``None`` where there is none. Raises SetupError: something in one is no record."""
    from gateway.audit.evidence.findings import Tally
    from gateway.audit.log.reader import logs, raw_records

    base = settings.data / "audit"
    folders = logs(base)
    if not folders:
        return None
    found, done = Read(Tally()), 0
    for folder in folders:
        name = folder.relative_to(base).as_posix()
        found.tally.begin(name)
        for data in raw_records(folder):
            try:
                _take(found, name, msgspec.json.decode(data, type=dict[str, Any]))
            except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
                raise SetupError(
                    f"The log {name} has something that is no record.", "Run: sekisho audit verify"
                ) from error
            done += 1
            if done % _STEP == 0:
                progress(done, 0)
    return found


def _take(found: Read, log: str, said: Mapping[str, Any]) -> None:
    kind = said["type"]
    where = record(log, int(said["sequence"]))
    found.tally.read(said)
    if kind in COUNTED:
        found.last[log] = where
    elif kind == "config":
        found.starts[log] = (said["details"].get("settings_sha256"), where)
    elif kind in _EGRESS and (kind not in found.egress or found.egress[kind][0] < said["time"]):
        found.egress[kind] = (str(said["time"]), where)
