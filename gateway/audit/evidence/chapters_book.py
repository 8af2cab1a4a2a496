"""Chapters on the book itself: breaks, policies, grants, keys, models, erasures, office, limits, how to verify."""

from __future__ import annotations

from dataclasses import replace

from gateway.audit.evidence.crossings import at_least_five
from gateway.audit.evidence.document import Block, Chapter, Code, Points, said
from gateway.audit.evidence.door import Approval, Revision
from gateway.audit.evidence.few import ALLOWED, OUTCOMES, REFUSED
from gateway.audit.evidence.findings import Findings
from gateway.audit.evidence.history import Used
from gateway.audit.evidence.pen import Pen, told, when
from gateway.audit.log.site import name_of

LIMITS = ("written", "tail", "time", "search", "truth", "model", "law", "persons")
FILES = {
    "report.html": "report",
    "report.pdf": "report",
    "logs/": "logs",
    "keys/": "keys",
    "policies/": "policies",
    "models.json": "models",
    "verify.py, VERIFY.txt": "verify",
    "manifest.json": "manifest",
}
COMMAND = "python verify.py PACK.zip --key log.vkey"


def continuity(pen: Pen, found: Findings) -> Chapter:
    told_of = found.tally.continuity
    silences = [
        (
            each.log,
            when(each.since),
            when(each.until),
            each.seconds,
            pen("stopped_yes" if each.stopped else "stopped_no"),
        )
        for each in told_of.silences
    ]
    news = [(when(each.time), pen.words.event(each.type), each.log, told(each.details)) for each in told_of.news]
    clocks = ", ".join(f"{pen(f'clock_{name}')} {said(many)}" for name, many in sorted(_clocks(found).items()))
    pauses = ("log", "since", "until", "seconds", "ended")
    seen = [(each.log, pen(f"witness_{each.kind}"), each.place, each.size, when(each.time)) for each in found.witnesses]
    beyond = [
        (name_of(log.origin, log.retention_class), log.witnessed, log.tree_size, found.told.records(log.unwitnessed))
        for log in found.logs
        if log.unwitnessed
    ]
    blocks: list[Block] = [
        pen.text("continuity_what") if told_of.whole else pen.text("continuity_filtered", "warn"),
        *pen.table(pauses, silences, caption="silences", wide=(2, 1.6, 1.6, 1, 1), code=(0,)),
        *pen.table(("time", "what", "log", "details"), news, caption="news", wide=(2, 2, 2, 3.5), code=(2,)),
        pen.text("interrupted", "note", count=said(found.told(("outcome", "interrupted")))),
    ]
    if clocks:
        blocks.append(pen.text("clocks", "note", known=clocks))
    places = ("log", "witness", "place", "log_witnessed", "last")
    blocks += pen.table(places, seen, caption="witnesses", wide=(2, 1.2, 2.4, 1, 1.6), code=(0, 2))
    ranges = ("log", "from_record", "to_record", "log_records")
    blocks += pen.table(ranges, beyond, caption="unwitnessed", wide=(2.6, 1, 1.4, 1), code=(0,))
    return Chapter("continuity", pen("continuity"), tuple(blocks))


def policy(pen: Pen, found: Findings) -> Chapter:
    history = found.tally.history
    rows = [
        _revision(pen, id_, found.revisions.get(id_), used, found.told(("revision", id_)))
        for id_, used in sorted(history.revisions.items())
    ]
    columns = ("revision", "created", "expires", "tests", "approved", "decided", "first", "last")
    wide = (2.0, 1.4, 1.4, 1.5, 1.7, 1.8, 1.4, 1.4)
    blocks: list[Block] = [
        pen.text("policy_what"),
        *pen.table(columns, rows, caption="revisions", wide=wide, code=(0,)),
    ]
    known = [revision for revision in found.revisions.values() if revision]
    if any(not any(one.name and "builder" not in one.roles for one in revision.approvals) for revision in known):
        blocks.append(pen.text("revision_unapproved", "warn"))
    if any(found.revisions.get(id_) is None for id_ in history.revisions):
        blocks.append(pen.text("revision_missing", "warn"))
    blocks += pen.events(history.events["policy"], history.beyond["policy"], "changes")
    return Chapter("policy", pen("policy"), tuple(blocks))


def glass(pen: Pen, found: Findings) -> Chapter:
    history = found.tally.history
    rows = [
        (
            grant,
            ", ".join(sorted(history.waived[grant])),
            found.told(("grant", grant)),
            when(used.first),
            when(used.last),
        )
        for grant, used in sorted(history.grants_used.items())
    ]
    columns = ("grant", "waived", "used", "first", "last")
    blocks: list[Block] = [
        pen.text("glass_what"),
        *pen.table(columns, rows, caption="grants", wide=(2.7, 2.3, 1.5, 1.6, 1.6), code=(0, 1)),
        *pen.events(history.events["break_glass"], history.beyond["break_glass"], "changes"),
    ]
    return Chapter("glass", pen("glass"), tuple(blocks))


def keys(pen: Pen, found: Findings) -> Chapter:
    return _changes(pen, found, "keys", "keys")


def models(pen: Pen, found: Findings) -> Chapter:
    known = {str(manifest.get("sha256")) for manifest in found.models}
    rows = [
        (model, digest or pen("elsewhere"), build, device, _manifest(pen, digest, known), found.told(("model", each)))
        for each in sorted(found.tally.counts.models)
        for model, digest, build, device in [each]
    ]
    columns = ("model", "digest", "engine", "device", "manifest", "count")
    blocks: list[Block] = [
        pen.text("models_what"),
        *pen.table(columns, rows, caption="models_caption", wide=(1.9, 3, 1.8, 1.5, 1.3, 0.9), code=(1,)),
        *pen.events(found.tally.history.events["models"], found.tally.history.beyond["models"], "changes"),
    ]
    return Chapter("models", pen("models"), tuple(blocks))


def erasures(pen: Pen, found: Findings) -> Chapter:
    chapter = _changes(pen, found, "erasures", "erasures")
    kept = pen.text("kept", "note", count=said(at_least_five(found.tally.counts.kept)))
    return replace(chapter, blocks=(chapter.blocks[0], kept, *chapter.blocks[1:]))


def office(pen: Pen, found: Findings) -> Chapter:
    history = found.tally.history
    blocks: list[Block] = [
        pen.text("office_what"),
        *_starts(pen, found),
        *pen.events(history.events["office"], history.beyond["office"], "office_caption"),
        *pen.table(("record_type", "count"), _types(pen, found), caption="types", wide=(4, 1)),
    ]
    return Chapter("office", pen("office"), tuple(blocks))


def limits(pen: Pen, _: Findings) -> Chapter:
    points = Points(tuple(pen(f"limit_{name}") for name in LIMITS))
    return Chapter("limits", pen("limits"), (pen.text("limits_what"), points))


def verify(pen: Pen, found: Findings) -> Chapter:
    rows = [(name, pen(f"file_{content}")) for name, content in FILES.items()]
    blocks: list[Block] = [
        pen.text("verify_what"),
        Code((COMMAND,)),
        pen.text("verify_since"),
        Code((f"{COMMAND} --since checkpoint",)),
        pen.text("verify_codes"),
        *pen.table(("file", "content"), rows, caption="files", wide=(1, 3), code=(0,)),
        *pen.table(
            ("log", "log_class", "root_hash"), _roots(found), caption="logs_caption", wide=(1.7, 1.6, 4.8), code=(0, 2)
        ),
    ]
    return Chapter("verify", pen("verify"), tuple(blocks))


# --- parts


def _changes(pen: Pen, found: Findings, chapter: str, events: str) -> Chapter:
    history = found.tally.history
    blocks = pen.events(history.events[events], history.beyond[events], "changes")
    return Chapter(chapter, pen(chapter), (pen.text(f"{chapter}_what"), *blocks))


def _starts(pen: Pen, found: Findings) -> list[Block]:
    """Return the starts of servers, and whether their settings were those of the start before."""
    before: dict[str, str] = {}
    rows = []
    for event in sorted(found.tally.history.events["settings"], key=lambda event: (event.log, event.sequence)):
        digest = str(event.details.get("settings_sha256") or "")
        known = before.get(event.log)
        said = "settings_first" if known is None else "settings_same" if known == digest else "settings_changed"
        before[event.log] = digest
        rows.append((when(event.time), event.log, pen(said), told(event.details)))
    columns = ("time", "log", "settings", "details")
    return pen.table(columns, rows, caption="settings_caption", wide=(1.5, 2, 1.4, 4), code=(1,))


def _types(pen: Pen, found: Findings) -> list[tuple[str, int | str]]:
    """Return how many records there are of each type; those of requests as they are told everywhere."""
    cells = {"intent": ALLOWED, "denial": REFUSED, "outcome": OUTCOMES}
    return [
        (pen.words.event(kind), found.told(cell) if (cell := cells.get(kind, ("type", kind))) in found.told else many)
        for kind, many in sorted(found.tally.counts.types.items())
    ]


def _clocks(found: Findings) -> dict[str, int | str]:
    known = {"synchronised", "free", "unknown"}
    counted = dict.fromkeys(known, 0)
    for name, many in found.tally.counts.clocks.items():
        counted[name if name in known else "unknown"] += many
    return {name: found.told.records(many) for name, many in counted.items() if many}


def _revision(pen: Pen, id_: str, revision: Revision | None, used: Used, count: int | str) -> tuple[str | int, ...]:
    decided = (count, when(used.first), when(used.last))
    if revision is None:
        return (id_, pen("revision_gone"), "", "", "", *decided)
    tests = f"{revision.tests_passed} + {revision.cases_passed}"
    signed = ", ".join(_signer(pen, approval) for approval in revision.approvals)
    return (id_, when(revision.created), when(revision.expires), tests, signed, *decided)


def _signer(pen: Pen, approval: Approval) -> str:
    if not approval.name:
        return pen("by_unknown", id=approval.key_id)
    if "builder" in approval.roles:
        return pen("by_builder")
    return f"{approval.name} ({', '.join(approval.roles)})"


def _manifest(pen: Pen, digest: str, known: set[str]) -> str:
    if not digest:
        return "–"
    return pen("manifest_same" if digest in known else "manifest_none")


def _roots(found: Findings) -> list[tuple[str, str, str]]:
    return [(log.origin, log.retention_class, log.root) for log in found.logs]
