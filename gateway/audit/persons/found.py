"""What is held on one person, put together: decisions about their requests, and what was kept of them. Reads only.

Somebody who asks what a house holds on them (GDPR art. 15) gets this as JSON (``sekisho.person/1``) and as text.
Numbers of other persons under five are not told.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec

from gateway.audit.content.seal import Head, Noise, NotAnItem
from gateway.audit.content.store import SideStore
from gateway.audit.log import reader

FEWEST = 5
"""A number of other persons below this is not told."""

SEALING = ("file", "batch")
"""Kinds of items that are the key of something else: of a file's content, of a batch's journal."""

_INTENT = re.compile(rb'"intent":([0-9]+)')


def collect(store: SideStore, audit: Path, persons: Collection[tuple[str, str]], *, values: bool) -> dict[str, Any]:
    """Return what is held on a person.

    Args:
        persons: tenant and pseudonym, each that the person has.
        values: show prompts and answers too.

    Raises:
        OSError: a file cannot be read.
    """
    return {
        "version": "sekisho.person/1",
        "persons": [{"tenant": tenant, "pseudonym": id_} for tenant, id_ in sorted(persons)],
        "decisions": [each for log in reader.logs(audit) for each in decisions(audit, log, persons)],
        "content": [_item(store, path, head, values) for path, head in items_of(store, persons)],
    }


def items_of(store: SideStore, persons: Collection[tuple[str, str]]) -> Iterator[tuple[Path, Head]]:
    """Yield the items that speak of any of the persons."""
    wanted = set(persons)
    for path, head in store.heads():
        if wanted & {(head.tenant, id_) for id_ in head.persons}:
            yield path, head


def decisions(audit: Path, log: Path, persons: Collection[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Yield what a log holds about requests of the persons, each with its outcome, oldest first."""
    wanted, ids = set(persons), [id_.encode() for _, id_ in persons]
    found: dict[int, dict[str, Any]] = {}
    for data in reader.raw_records(log) if ids else ():
        if any(id_ in data for id_ in ids):
            record = msgspec.json.decode(data)
            caller = record.get("caller") or {}
            if (caller.get("tenant"), caller.get("person")) in wanted:
                found[record["sequence"]] = _decision(record, log.relative_to(audit).as_posix())
        elif found and b'"type":"outcome"' in data:
            intent = _INTENT.search(data)
            if intent and int(intent[1]) in found:
                found[int(intent[1])]["outcome"] = _outcome(msgspec.json.decode(data))
    yield from found.values()


def as_text(held: dict[str, Any]) -> list[str]:
    """Return what was collected as lines for people."""
    decided, kept = held["decisions"], held["content"]
    lines = [f"{len(decided)} requests on record, {len(kept)} prompts and answers kept."]
    for one in decided:
        outcome = one.get("outcome", {}).get("status", "no outcome")
        what = ", ".join(f"{kind} ({count})" for kind, count in sorted(one["found"].items())) or "nothing"
        lines.append(f"{one['time']}  {one['type']}  {one['model']} at {one['target'] or 'no target'}: {outcome}")
        lines.append(f"    purpose {one['purpose']}, class {one['class']}, found: {what}, decision {one['decision']}")
    for item in kept:
        held_by = ", under legal hold" if item["held"] else ""
        lines.append(f"{item['made']}  {item['kind']} {item['item']}, kept until {item['ends']}{held_by}")
        lines.append(f"    it speaks of {item['others']} other persons")
        if "value" in item:
            lines.append(f"    {item['value']}")
        if "problem" in item:
            lines.append(f"    not to be read: {item['problem']}")
    return lines


def readable(kind: str, content: bytes) -> str:
    """Return an item's content as it is shown and handed over: of a file or a batch, never the key of what it seals."""
    if kind not in SEALING:
        return content.decode("utf-8", "replace")
    try:
        plain = msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.DecodeError:
        return ""
    return msgspec.json.encode({name: value for name, value in plain.items() if name != "secret"}).decode()


def told(count: int) -> str:
    """Return a number of other persons, as it may be told."""
    return "no" if count == 0 else f"fewer than {FEWEST}" if count < FEWEST else str(count)


def _decision(record: dict[str, Any], log: str) -> dict[str, Any]:
    asked = record.get("input") or {}
    request, data, target = asked.get("request") or {}, asked.get("data") or {}, record.get("target") or {}
    decision = record.get("decision") or {}
    return {
        "log": log,
        "sequence": record["sequence"],
        "time": record["time"],
        "type": record["type"],
        "code": record.get("code", ""),
        "request": record.get("request", ""),
        "decision": decision.get("id", ""),
        "rules": sorted({reason["code"] for reason in decision.get("reasons", [])}),
        "project": record["caller"]["project"],
        "purpose": request.get("purpose", ""),
        "model": request.get("model", ""),
        "class": data.get("class", ""),
        "found": data.get("entities", {}),
        "target": target.get("id", ""),
        "country": target.get("jurisdiction", ""),
        "redacted": record.get("redactions", {}),
    }


def _outcome(record: dict[str, Any]) -> dict[str, Any]:
    return {"time": record["time"], "status": record["status"], "code": record.get("code", "")}


def _item(store: SideStore, path: Path, head: Head, values: bool) -> dict[str, Any]:
    item: dict[str, Any] = {
        "item": head.item,
        "kind": head.kind,
        "tenant": head.tenant,
        "project": head.project,
        "request": head.request,
        "made": head.made,
        "ends": head.ends,
        "held": store.is_held(head),
        "others": told(len(head.persons) - 1),
    }
    return {**item, **_value(store, path)} if values else item


def _value(store: SideStore, path: Path) -> dict[str, str]:
    try:
        head, content, digest = store.open(path)
        return {"value": readable(head.kind, content), "sha256": digest}
    except Noise:
        return {"problem": "it was erased"}
    except (NotAnItem, FileNotFoundError):
        return {"problem": "it is damaged or gone"}
