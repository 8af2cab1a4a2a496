"""What an outbox says was used: counted over real records again, by hand, and nothing that tells of fewer than five."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import quarter
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.book import LogBook
from gateway.audit.log.reader import logs, search
from gateway.audit.outbox_usage import Sums, parse, usage
from gateway.settings import AuditSettings

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ALL = ("", "9999")
CALLER = {"key_id": "k", "tenant": "hr", "project": "letters"}


def intent(sequence: int, time: str = "2026-07-01T06:00:00Z", project: str = "letters") -> dict[str, Any]:
    caller, target = {**CALLER, "project": project}, {"model": "m"}
    return {"type": "intent", "sequence": sequence, "time": time, "caller": caller, "target": target}


def outcome(of: int, time: str = "2026-07-01T06:00:01Z", status: str = "done") -> dict[str, Any]:
    used = {"prompt_tokens": 10, "completion_tokens": 3, "cached_tokens": 1}
    return {"type": "outcome", "intent": of, "time": time, "status": status, "usage": used}


def denial(time: str = "2026-07-01T06:00:00Z") -> dict[str, Any]:
    return {"type": "denial", "time": time, "caller": CALLER, "input": {"request": {"model": "m"}}}


def told(*records: dict[str, Any], since: str = "", until: str = "9999") -> tuple[list[dict[str, Any]], int]:
    sums = Sums(since, until)
    sums.begin()
    for record in records:
        sums.read(record)
    return sums.told()


def some(count: int, **more: Any) -> list[dict[str, Any]]:
    return [record for number in range(count) for record in (intent(number, **more), outcome(number))]


def test_five_requests_are_told_and_four_are_not() -> None:
    row = {"tenant": "hr", "project": "letters", "model": "m", "requests": 5, "failed": 0, "refused": 0}
    tokens = {"prompt_tokens": 50, "completion_tokens": 15, "cached_tokens": 5}

    assert told(*some(5)) == ([{**row, **tokens}], 0)
    assert told(*some(4)) == ([], 1)


@pytest.mark.parametrize(("refused", "said"), [(0, 0), (1, None), (4, None), (5, 5)])
def test_few_refusals_are_not_told(refused: int, said: int | None) -> None:
    [row], _ = told(*some(5), *[denial() for _ in range(refused)])

    assert row["refused"] == said


@pytest.mark.parametrize(("failed", "said"), [(0, 0), (1, None), (5, 5)])
def test_few_failures_are_not_told(failed: int, said: int | None) -> None:
    [row], _ = told(
        *[one for at in range(9) for one in (intent(at), outcome(at, status="failed" if at < failed else "done"))]
    )

    assert row["failed"] == said


def test_a_row_left_out_does_not_follow_from_what_the_report_says_of_its_project() -> None:
    """The report tells 23 attempts of a project. Of two models, one was asked three times."""
    asked = [intent(at) for at in range(23)]
    for one in asked[20:]:
        one["target"] = {"model": "other"}

    rows, left_out = told(*asked, *[outcome(at) for at in range(23)])

    assert (left_out, [(row["model"], row["requests"], row["prompt_tokens"]) for row in rows]) == (
        1,
        [("m", None, 200)],
    )


def test_an_outcome_counts_in_its_own_period_and_for_its_intents_project() -> None:
    """Begun before the period, ended in it; and begun in it, ended after."""
    early = [intent(n, "2026-07-01T05:59:59Z") for n in range(5)]
    late = [intent(n, "2026-07-01T06:59:59Z") for n in range(5, 10)]
    ends = [outcome(n, "2026-07-01T06:00:00Z") for n in range(5)]
    ends += [outcome(n, "2026-07-01T07:00:00Z") for n in range(5, 10)]

    [row], _ = told(*early, *late, *ends, since="2026-07-01T06:00:00Z", until="2026-07-01T07:00:00Z")

    assert (row["project"], row["requests"], row["prompt_tokens"]) == ("letters", 5, 50)


def test_an_outcome_whose_intent_was_pruned_is_nobodys() -> None:
    [row], _ = told(*[outcome(n) for n in range(5)])

    assert (row["tenant"], row["project"], row["model"], row["requests"]) == ("", "", "", 5)


def test_what_failed_is_counted_and_sequences_of_another_log_are_others() -> None:
    sums = Sums(*ALL)
    for project in ("letters", "wiring"):
        sums.begin()
        for number in range(5):
            sums.read(intent(number, project=project))
            sums.read(outcome(number, status="failed"))

    rows, _ = sums.told()

    assert [(row["project"], row["failed"]) for row in rows] == [("letters", 5), ("wiring", 5)]


def test_sequences_of_one_log_are_not_those_of_the_next() -> None:
    """An intent that has no outcome in its log must not lend its name to an outcome of another one."""
    sums = Sums(*ALL)
    sums.begin()
    sums.read(intent(0))
    sums.begin()
    for _ in range(5):
        sums.read(outcome(0))

    assert [row["project"] for row in sums.told()[0]] == [""]


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a real log of twelve days."""
    folder = tmp_path_factory.mktemp("audit")
    book = LogBook(folder, origin="plant/node/w0", log_key=KEY, settings=AuditSettings())
    book.open()
    with quarter.clock() as time:
        quarter.write(book, time, days=12, each_day=24)
    book.close()
    return folder


def counted(folder: Path) -> Counter[tuple[str, str]]:
    """Count again, another way: intents by request and origin, then the outcomes of each."""
    found: Counter[tuple[str, str]] = Counter()
    for log in logs(folder):
        records = list(search(log))
        whose = {record["sequence"]: record["caller"] for record in records if record["type"] == "intent"}
        for record in records:
            if record["type"] == "outcome":
                caller = whose[record["intent"]]
                found[caller["tenant"], caller["project"]] += (record["usage"] or {}).get("prompt_tokens", 0)
    return found


def test_a_real_log_is_summed_as_by_hand(audit: Path) -> None:
    document = parse(usage(logs(audit), "plant", *ALL))
    sums: Counter[tuple[str, str]] = Counter()
    for row in document.rows:
        sums[row.tenant, row.project] += row.prompt_tokens

    assert len(sums) == 4
    assert sum(sums.values()) > 0
    withheld = sum((counted(audit) - sums).values())
    assert (withheld == 0) == (document.withheld == 0)
    assert not sums - counted(audit)


def test_periods_in_a_row_add_up_to_the_whole(audit: Path) -> None:
    cut = "2026-07-07T00:00:00Z"
    parts: Counter[tuple[str, str, str]] = Counter()
    for since, until in (("", cut), (cut, "9999")):
        sums = Sums(since, until)
        for log in logs(audit):
            sums.begin()
            for record in search(log):
                sums.read(record)
        parts.update({row: counts["requests"] for row, counts in sums.rows.items()})
    whole = parse(usage(logs(audit), "plant", *ALL))

    known = {(r.tenant, r.project, r.model): r.requests for r in whole.rows if r.requests is not None}
    assert known and known.items() <= parts.items()


def test_the_same_records_make_the_same_bytes(audit: Path) -> None:
    assert usage(logs(audit), "plant", *ALL) == usage(logs(audit), "plant", *ALL)


@pytest.mark.parametrize("change", [{"version": "sekisho.usage/2"}, {"more": 1}, {"rows": [{"tenant": "hr"}]}])
def test_another_form_is_refused(audit: Path, change: dict[str, Any]) -> None:
    said = json.loads(usage(logs(audit), "plant", *ALL))

    with pytest.raises(ValueError):
        parse(json.dumps({**said, **change}).encode())
