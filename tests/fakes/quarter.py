"""Records of a busy quarter, written by the real book: four countries, three laws, refusals, grants, a gap, a rotation.

A tour: :func:`write` appends some weeks of everyday records to a log, the same for the same seed: requests of three
tenants that stay at home or cross a border by adequacy, by an arranged transfer or under a break-glass grant; refusals
by several rules; the administrative records that a report tells of. Only times are not the machine's: ``clock`` moves
them, since a quarter can't be waited for.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from gateway.audit import record as records
from gateway.audit.book import LogBook
from gateway.domain import (
    Bucket,
    Caller,
    CallerFacts,
    Capability,
    DataClass,
    DataFacts,
    Decision,
    EnvFacts,
    Grant,
    Outcome,
    PolicyInput,
    Reason,
    RequestFacts,
    Role,
    Target,
    Usage,
)

BEGIN = datetime(2026, 7, 1, 6, tzinfo=UTC)
EEA = "Regulation (EU) 2016/679 art. 45; Commission Implementing Decision (EU) 2019/419"
SCC = "Regulation (EU) 2016/679 art. 46(2)(c)"
CONTRACT = "PIPL (CN) art. 38(1)(3); Provisions on cross-border data flows (CAC, 2024) art. 8"
LAW = "Regulation (EU) 2016/679 art. 44"
GRANT = "01JGRANT0000000000000RECALL"
CONSENT = "APPI (JP) art. 28(1) and (2)"
KINDS = ("PERSON", "EMAIL_ADDRESS", "LOCATION", "PHONE_NUMBER", "IBAN_CODE")
BUCKET: Bucket = "2-4"
STATUSES: tuple[Literal["done", "failed", "hung_up", "interrupted"], ...] = ("done", "failed", "hung_up", "interrupted")
CLASSES: tuple[DataClass, ...] = ("public", "internal", "confidential", "strict")


def _way(code: str, legal: str, origin: str, to: str, **more: str) -> tuple[str, str, Reason]:
    rule = "residency" if "residency" in code or "glass" in code else "transfers"
    return origin, to, Reason(code, rule, legal, params={"origin": origin, "destination": to, **more})


HOME = _way("policy.residency_same_jurisdiction", "", "DE", "DE")
WAYS = (
    HOME,
    HOME,
    HOME,
    _way("policy.residency_adequate", EEA, "DE", "JP"),
    _way("policy.transfer_arranged", SCC, "DE", "US", route="scc", until="2027-12-31"),
    _way("policy.transfer_arranged", CONTRACT, "CN", "DE", route="pipl-standard-contract", until="2027-05-31"),
    _way("policy.transfer_arranged", CONSENT, "JP", "DE", route="appi-consent", until="2027-03-31"),
    _way("policy.break_glass", LAW, "DE", "CN", grant=GRANT, waives="policy.residency"),
)


def _no(code: str, rule: str, legal: str, **params: str) -> Reason:
    return Reason(code, rule, legal, "deny", params)


REFUSALS = (
    _no("policy.residency", "residency", "PIPL (CN) art. 38", origin="CN", destination="US"),
    _no("policy.table_denied", "table", "", row="7", data="IBAN_CODE"),
    _no("policy.special_external", "special_categories", "Regulation (EU) 2016/679 art. 9", data="special:health"),
    _no("policy.ai_prohibited", "ai_act", "Regulation (EU) 2024/1689 art. 5(1)(f)", purpose="emotions-at-work"),
)
TENANTS = (("engineering", "crash-tests"), ("engineering", "wiring"), ("sales", "letters"), ("人事部", "研修"))


class Clock:
    """The time that records are stamped with."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> str:
        return self.now.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)


@contextmanager
def clock() -> Iterator[Clock]:
    """Let records be stamped with a time of ours."""
    ours, theirs = Clock(), records.now
    records.now = ours
    try:
        yield ours
    finally:
        records.now = theirs


def write(book: LogBook, time: Clock, *, days: int = 90, each_day: int = 24, revision: str = "r1") -> int:
    """Write a quarter; return how many requests there were."""
    dice = random.Random(5)
    _office(book, revision)
    for day in range(days):
        weekend = (BEGIN + timedelta(days=day)).weekday() >= 5
        for number in range(each_day // 8 if weekend else each_day + dice.randrange(8)):
            time.wait(minutes=dice.uniform(0.2, 1.9))
            _request(book, dice, f"01J{day:05d}{number:018d}", revision)
        time.now = BEGIN + timedelta(days=day + 1)
        if day == days // 2:
            _middle(book)
    _end(book, time)
    return days * each_day


def _request(book: LogBook, dice: random.Random, id_: str, revision: str) -> None:
    tenant, project = dice.choice(TENANTS)
    origin, to, reason = dice.choice(WAYS)
    refused, why = dice.random() < 0.12, dice.choice(REFUSALS)
    target = _target(to)
    caller = Caller("01JKEY", tenant, project, (Role.APP,), "support", "plant", "DE", origin, origin)
    special = ("health",) if refused and why.rule == "special_categories" else ()
    question = _question(dice, id_, caller, target, special)
    grants = () if refused else (Grant(target.id, {"*": "pseudonymise"}),)
    reasons = (why if refused else reason,)
    decision = Decision(f"{id_}D", not refused, grants, reasons, revision, "a" * 64, "b" * 64, "opa/1.22.2")
    if refused:
        book.denial(code=why.code, status=403, caller=caller, question=question, decision=decision, request_id=id_)
        return
    entry = book.intent(caller, question, decision, target, {"PERSON": 2})
    status = dice.choices(STATUSES, (94, 3, 2, 1))[0]
    entry.close(Outcome(status, usage=Usage(310, 120), redactions={"PERSON": 2, "EMAIL_ADDRESS": 1}, total_seconds=1.5))


def _target(country: str) -> Target:
    """In the United States others run the model: what they load, nobody tells."""
    site, home, ours = country.lower(), country == "DE", country != "US"
    return Target(
        id=f"{site}/n1/w0:qwen3-8b",
        model="qwen3-8b",
        capabilities=(Capability.CHAT,),
        site=f"{site}-plant",
        node="n1",
        jurisdiction=country,
        same_node=home,
        external=not ours,
        digest="5e" * 32 if ours else "",
        device="gpu: NVIDIA H200" if ours else "",
        build="xllamacpp/2026.10.11549" if ours else "",
    )


def _question(dice: random.Random, id_: str, caller: Caller, target: Target, special: tuple[str, ...]) -> PolicyInput:
    kinds = dict.fromkeys(dice.sample(KINDS, dice.randrange(4)), BUCKET)
    data_class = dice.choices(CLASSES, (2, 6, 3, 1))[0]
    places = (caller.site, caller.jurisdiction, caller.access_from)
    return PolicyInput(
        RequestFacts(id_, "/v1/chat/completions", Capability.CHAT, target.model, True, False, "support"),
        CallerFacts(caller.key_id, caller.tenant, caller.project, caller.roles, *places),
        DataFacts(data_class, caller.collected_in, kinds, "sekisho/1", special=special),
        (target.id,),
        EnvFacts("plant", "n1", "2026-07-01T00:00:00Z", 1),
    )


def _office(book: LogBook, revision: str) -> None:
    signer = {"name": "ana", "key_id": "1f2e3d4c5b6a7988", "roles": ["approver"], "added": "2026-06-30T09:00:00Z"}
    book.event("config", digest="c" * 64, program="sekisho 0.1.0", opa="1.22.2")
    book.event("policy.signer_added", by="root", signer=signer)
    book.event("policy.activated", by="root", revision=revision, digest="d" * 64, before="", signed_by=["ana", "ben"])
    book.event(
        "key.created", by="maria", key={"id": "01JKEY", "name": "ci", "tenant": "engineering", "project": "wiring"}
    )
    book.event("model.added", by="maria", details={"name": "qwen3-8b", "sha256": "5e" * 32})


def _middle(book: LogBook) -> None:
    grant: dict[str, Any] = {
        "id": GRANT,
        "project": "engineering/crash-tests",
        "waives": ["policy.residency"],
        "since": "2026-08-15T06:00:00Z",
        "until": "2026-08-15T18:00:00Z",
        "reason": "recall 26-114, supplier in Changchun",
    }
    book.event("policy.break_glass_requested", by="maria", grant=grant)
    book.event("policy.break_glass_signed", by="ana", grant={**grant, "signed_by": ["ana", "ben"]})
    marks = base64.b64encode(b"".join(number.to_bytes(8, "big") for number in range(137))).decode()
    book.event("policy.subjects", entity="Beispiel AG", year=2026, destination="DE", sensitive=False, marks=marks)
    few = base64.b64encode(b"".join(number.to_bytes(8, "big") for number in range(3))).decode()
    book.event("policy.subjects", entity="Beispiel AG", year=2026, destination="JP", sensitive=False, marks=few)
    book.event("key.revoked", by="maria", key={"id": "01JKEY", "name": "ci"})
    book.event("erasure", by="dpo", items=4, reason="art. 17 request")


def _end(book: LogBook, time: Clock) -> None:
    """A silence that nobody explains, then a stop in order and a start."""
    book.event("heartbeat", size=1)
    time.wait(minutes=44)
    book.event("heartbeat", size=2)
    book.event("admin.stopped", by="root")
    time.wait(hours=7)
    book.event("heartbeat", size=4)
