"""What a report counts, record by record: crossings and their basis, breaks, changes, persons."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from gateway.audit.events import EVENTS
from gateway.audit.evidence.continuity import Continuity
from gateway.audit.evidence.counts import MOST_REASONS, Counts
from gateway.audit.evidence.crossings import Crossings, Way, at_least_five
from gateway.audit.evidence.history import MOST_KEPT, QUIET, History, chapter_of

Record = dict[str, Any]


def reason(code: str, severity: str = "info", legal: str = "", **params: str) -> Record:
    return {"code": code, "rule": "residency", "severity": severity, "legal": legal, "params": params}


def intent(*reasons: Record, origin: str = "DE", to: str = "JP", shown: str = "DE", **more: Any) -> Record:
    return {
        "type": "intent",
        "time": "2026-07-01T06:00:00.000000Z",
        "clock": "synchronised",
        "caller": {"key_id": "k", "tenant": "acme", "project": "letters"},
        "input": {
            "caller": {"access_from": shown, "jurisdiction": "DE"},
            "data": {"class": "internal", "collected_in": origin, "entities": {"PERSON": "2-4"}, "special": ["health"]},
            "request": {"purpose": "support"},
        },
        "decision": {"revision": "r1", "bundle_digest": "a", "reasons": list(reasons)},
        "target": {"id": "x", "model": "m", "jurisdiction": to, "site": "tokyo", "external": False},
        **more,
    }


# --- crossings


def crossed(*records: Record) -> Crossings:
    found = Crossings()
    for record in records:
        found.read(record)
    return found


def test_what_stays_in_its_country_crosses_nothing() -> None:
    found = crossed(intent(to="DE"))

    assert (found.ways, found.inside, found.attempts) == (Counter(), 1, 0)


def test_the_basis_is_the_reason_that_names_the_way() -> None:
    route = {"origin": "DE", "destination": "JP", "route": "scc"}
    other = reason("policy.residency_adequate", legal="art. 45", origin="DE", destination="CH")

    found = crossed(intent(other, reason("policy.transfer_arranged", legal="art. 46", **route)))

    assert found.ways == {Way("DE", "JP", "sent", "policy.transfer_arranged", "scc", "art. 46"): 1}


def test_a_way_that_no_reason_names_has_no_basis_and_none_is_guessed() -> None:
    other = reason("policy.residency_adequate", legal="art. 45", origin="DE", destination="CH")

    assert crossed(intent(other)).ways == {Way("DE", "JP", "sent", "", "", ""): 1}


def test_an_answer_shown_abroad_is_a_crossing_too() -> None:
    found = crossed(intent(to="DE", shown="CN"))

    assert [(way.destination, way.how) for way in found.ways] == [("CN", "shown")]
    assert found.attempts == 0


def test_a_grant_is_named_with_what_it_waived() -> None:
    grant = reason("policy.break_glass", origin="DE", destination="JP", grant="01J", waives="policy.residency")

    (way,) = crossed(intent(grant)).ways

    assert (way.code, way.waives) == ("policy.break_glass", "policy.residency")


@pytest.mark.parametrize(("origin", "to"), [("", "JP"), ("DE", "")])
def test_a_place_that_is_not_set_is_counted_apart(origin: str, to: str) -> None:
    found = crossed(intent(origin=origin, to=to))

    assert (found.unset, found.ways) == (1, Counter())


def subjects(*marks: int, entity: str = "acme") -> Record:
    packed = base64.b64encode(b"".join(mark.to_bytes(8, "big") for mark in marks)).decode()
    details = {"entity": entity, "year": 2026, "destination": "DE", "sensitive": False, "marks": packed}
    return {"type": "policy.subjects", "details": details}


def test_a_person_is_counted_once_for_each_entity() -> None:
    found = crossed(subjects(1, 2, 3), subjects(2, 3, 4), subjects(1, entity="other"))

    assert found.persons() == [("acme", 2026, "DE", 4), ("other", 2026, "DE", 1)]


def test_damaged_marks_count_nobody() -> None:
    assert crossed({"type": "policy.subjects", "details": {"marks": "?"}}).persons() == []


@pytest.mark.parametrize(("count", "told"), [(0, 0), (1, "< 5"), (4, "< 5"), (5, 5), (1234, 1234)])
def test_fewer_than_five_are_not_told(count: int, told: int | str) -> None:
    assert at_least_five(count) == told


# --- counts


def counted(*records: Record) -> Counts:
    found = Counts()
    for record in records:
        found.read(record)
    return found


def test_a_reason_counts_once_a_decision_however_many_targets_it_names() -> None:
    said = reason("policy.residency_adequate", origin="DE", destination="JP")

    found = counted(intent(said, said, reason("policy.residency_adequate", origin="DE", destination="CH")))

    assert sorted(found.reasons["info"].values()) == [1, 1]


def test_a_denial_without_a_question_is_counted_by_its_code() -> None:
    record = {"type": "denial", "time": "2026-07-01T06:00:00Z", "code": "limits.requests", "caller": {"tenant": "acme"}}

    found = counted({**record, "input": None, "decision": None})

    assert found.refused_by_code == {"limits.requests": 1}
    assert found.refused_tenants == {("acme", ""): 1}


def test_refusals_before_identity_come_in_sums() -> None:
    sums = [{"source": "10.0.0.1", "code": "invalid_api_key", "status": 401, "count": 41}]

    assert counted({"type": "denial.summed", "time": "", "sums": sums}).unidentified == {"invalid_api_key": 41}


def test_what_was_kept_is_counted() -> None:
    assert counted(intent(content={"item": "01J", "sha256": "0" * 64}), intent(content=None)).kept == 1


def test_kinds_of_data_are_counted_by_request() -> None:
    found = counted(intent(), intent())

    assert (found.kinds, found.special) == ({"PERSON": 2}, {"health": 2})


def test_very_many_different_reasons_stay_bounded() -> None:
    many = [intent(reason("own.rule", "info", number=str(number))) for number in range(MOST_REASONS + 20)]

    found = counted(*many)

    assert len(found.reasons["info"]) == MOST_REASONS + 1
    assert found.reasons["info"]["own.rule", "residency", ()] == 20


# --- breaks


def kept(*records: tuple[str, str], log: str = "a/b/c/default") -> Continuity:
    found = Continuity()
    found.begin(log)
    for time, kind in records:
        found.read({"type": kind, "time": f"2026-07-01T{time}Z", "details": {}})
    return found


def test_a_pause_between_heartbeats_is_a_silence() -> None:
    found = kept(("06:00:00", "heartbeat"), ("06:02:29", "heartbeat"), ("06:10:00", "heartbeat"))

    assert [(each.seconds, each.stopped) for each in found.silences] == [(451, False)]
    assert found.breaks == 1


def test_a_pause_after_a_stop_in_order_is_no_break() -> None:
    found = kept(("06:00:00", "heartbeat"), ("06:01:00", "admin.stopped"), ("09:00:00", "config"))

    assert [each.stopped for each in found.silences] == [True]
    assert found.breaks == 0


def test_a_log_that_promised_no_heartbeat_is_not_blamed_for_silence() -> None:
    assert kept(("06:00:00", "key.created"), ("09:00:00", "key.revoked")).silences == []


def test_a_stop_is_said_in_one_log_and_holds_for_all_of_that_server() -> None:
    found = Continuity()
    logs = {"cross-border": ("heartbeat", "heartbeat"), "default": ("admin.stopped", "config")}
    for name, (before, after) in logs.items():
        found.begin(f"a/b/w0/{name}")
        for time, kind in (("06:00:00.000000", before), ("09:00:00.000000", after)):
            found.read({"type": kind, "time": f"2026-07-01T{time}Z"})

    found.begin("a/b/w1/default")
    for time in ("05:59:59.000000", "09:00:00.000000"):
        found.read({"type": "heartbeat", "time": f"2026-07-01T{time}Z"})

    assert [(each.log, each.stopped) for each in found.silences] == [
        ("a/b/w0/cross-border", True), ("a/b/w1/default", False),
    ]  # fmt: skip


def test_the_log_of_commands_promises_nothing() -> None:
    records = (("06:00:00", "heartbeat"), ("09:00:00", "key.created"))

    assert kept(*records, log="a/b/admin/cross-border").silences == []
    assert len(kept(*records, log="a/b/w0/cross-border").silences) == 1


def test_of_some_records_no_silence_is_told() -> None:
    found = Continuity(whole=False)
    found.begin("a/b/c/default")
    for time in ("06:00:00", "09:00:00"):
        found.read({"type": "heartbeat", "time": f"2026-07-01T{time}Z"})

    assert found.silences == []


def test_the_end_of_one_log_and_the_beginning_of_the_next_are_no_pause() -> None:
    found = kept(("06:00:00", "heartbeat"))
    found.begin("another")
    found.read({"type": "heartbeat", "time": "2026-07-01T09:00:00Z"})

    assert found.silences == []


@pytest.mark.parametrize("kind", ["gap", "recovered", "admin.anchor_conflict"])
def test_the_book_tells_of_its_own_breaks(kind: str) -> None:
    found = kept(("06:00:00", kind))

    assert [each.type for each in found.news] == [kind]
    assert found.breaks == 1


# --- changes


@pytest.mark.parametrize(
    ("kind", "chapter"),
    [
        ("policy.activated", "policy"),
        ("policy.break_glass_signed", "break_glass"),
        ("policy.break_glass_ended.failed", "break_glass"),
        ("key.rotated", "keys"),
        ("model.alias", "models"),
        ("erasure", "erasures"),
        ("erasure.expired", "erasures"),
        ("admin.person_searched", "erasures"),
        ("admin.content_read", "erasures"),
        ("admin.exported", "office"),
        ("config", "settings"),
        ("limits.changed", "office"),
        ("node.trusted", "office"),
        ("organisation.changed", "policy"),
        ("intent", ""),
    ],
)
def test_each_change_has_its_chapter(kind: str, chapter: str) -> None:
    assert chapter_of(kind) == chapter


def test_no_change_is_left_out_of_the_report() -> None:
    assert {kind for kind in EVENTS if not chapter_of(kind)} <= QUIET


def changed(kind: str, **details: Any) -> Record:
    return {"type": kind, "sequence": 1, "time": "2026-07-01T06:00:00Z", "details": details}


def told(*records: Record) -> History:
    found = History("a/b/c")
    for record in records:
        found.read(record)
    return found


def test_a_revision_is_known_by_its_decisions_and_by_its_changes() -> None:
    found = told(intent(), intent(), changed("policy.activated", revision="r2"))

    assert {id_: used.count for id_, used in found.revisions.items()} == {"r1": 2, "r2": 0}


def test_what_a_grant_let_pass_is_counted() -> None:
    grant = reason("policy.break_glass", grant="01J", waives="policy.residency")

    found = told(intent(grant), intent(grant), intent())

    assert found.grants_used["01J"].count == 2
    assert found.waived["01J"] == {"policy.residency"}


def test_very_many_changes_stay_bounded_and_the_rest_is_counted() -> None:
    found = told(*[changed("key.created")] * (MOST_KEPT + 7))

    assert len(found.events["keys"]) == MOST_KEPT
    assert found.beyond["keys"] == 7


def test_what_is_no_change_is_not_told_as_one() -> None:
    found: Callable[[str], History] = lambda kind: told(changed(kind))  # noqa: E731

    for kind in ("heartbeat", "policy.subjects", "policy.shadow", "gap", "admin.stopped", "admin.anchor_lost"):
        assert not any(found(kind).events.values()), kind
