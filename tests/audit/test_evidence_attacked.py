"""Finished reports, read by an attacker who takes every number in them and knows what adds up to what.

What is known of the report is taken from the documentation (what each chapter counts), nothing from the code that
decides what is told. Names of counts here are what a reader calls them.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.audit.evidence import html
from gateway.audit.evidence.charts import picture
from gateway.audit.evidence.document import Bars, Days, Document, Table, Text, Tiles
from gateway.audit.evidence.findings import About, Findings, Tally
from gateway.audit.evidence.manifest import PackedLog
from gateway.audit.evidence.report import report
from gateway.audit.evidence.words import Words
from tests.audit.attacker import Attacker
from tests.audit.evidence_parts import PlainHouse

Record = dict[str, Any]
Name = Any
LEAST = 5
WORDS = Words("en")
ROUTE = {"policy.transfer_arranged": "scc", "policy.residency_adequate": ""}
BASIS = {"policy.transfer_arranged": "arranged transfer: scc", "policy.residency_adequate": "adequacy decision"}


# --- records


def intent(
    to: str = "DE",
    class_: str = "internal",
    *,
    of: str = "DE",
    basis: str = "policy.transfer_arranged",
    read_in: str = "",
    project: str = "letters",
    purpose: str = "support",
    day: int = 1,
    model: str = "m",
) -> Record:
    params = {"destination": to, "route": ROUTE[basis]}
    reason = {"code": basis, "rule": "r", "severity": "info", "params": params}
    free = {"code": "policy.residency", "rule": "r", "severity": "info", "params": {"project": project}}
    target = {"id": "x", "model": model, "jurisdiction": to, "site": "t", "external": to != "DE"}
    question = {
        "caller": {"access_from": read_in or of},
        "data": {"class": class_, "collected_in": of, "entities": {}, "special": []},
        "request": {"purpose": purpose},
    }
    decision = {"revision": f"r{day % 2}", "bundle_digest": "a", "reasons": [free, reason] if to != of else [free]}
    return _made("intent", day, project, input=question, decision=decision, target=target)


def denial(code: str = "policy.residency", class_: str = "", *, project: str = "letters", day: int = 1) -> Record:
    more: Record = {}
    if class_:
        data = {"class": class_, "collected_in": "DE", "entities": {}, "special": []}
        reasons = [{"code": code, "rule": "r", "severity": "deny", "params": {"class": class_}}]
        more = {"input": {"caller": {}, "data": data, "request": {"purpose": "support"}}}
        more["decision"] = {"revision": "r1", "bundle_digest": "a", "reasons": reasons}
    return _made("denial", day, project, code=code, status=403, **more)


def ended(status: str = "done", day: int = 1) -> Record:
    return _made("outcome", day, "", status=status, intent=0)


def beat(kind: str = "heartbeat") -> Record:
    return {"type": kind, "time": "2026-07-01T06:00:00.000000Z", "clock": "synchronised", "details": {}}


def _made(kind: str, day: int, project: str, **more: Any) -> Record:
    time = f"2026-07-{day:02}T06:00:00.000000Z"
    return {
        "type": kind,
        "time": time,
        "clock": "synchronised",
        "caller": {"tenant": "acme", "project": project},
        **more,
    }


# --- what is true


def truth(records: Iterable[Record]) -> Counter[Name]:
    """Count everything that a report may name, and what follows from two of its numbers."""
    counts: Counter[Name] = Counter()
    for record in records:
        for name in {"intent": _of_intent, "denial": _of_denial, "outcome": _of_outcome}.get(record["type"], _of_other)(
            record
        ):
            counts[name] += 1
    return counts


def _of_intent(record: Record) -> Iterator[Name]:
    data, to, of = record["input"]["data"], record["target"]["jurisdiction"], record["input"]["data"]["collected_in"]
    read_in = record["input"]["caller"]["access_from"]
    sent, shown = to != of, read_in != of
    bases = {
        reason["params"].get("destination"): BASIS.get(reason["code"], "") for reason in record["decision"]["reasons"]
    }
    nobody = WORDS("basis_none")
    yield from ("decisions", "allowed", ("records of", "intent"))
    yield from (("allowed on", record["time"][:10]), ("allowed as", data["class"]))
    yield from (("allowed of", record["caller"]["project"]), ("for", record["input"]["request"]["purpose"]))
    yield from (("model", record["target"]["model"]), ("revision", record["decision"]["revision"]))
    yield ("to", to)
    for reason in record["decision"]["reasons"]:
        yield ("info", reason["code"], json.dumps(reason["params"], sort_keys=True))
    if sent:
        way = ("way", of, to, WORDS("how_sent"), bases.get(to, nobody))
        yield from ("crossed", way, (way, data["class"]))
    else:
        yield from ("at home", ("at home in", to), ("at home as", data["class"]))
    if shown:
        yield from (("way", of, read_in, WORDS("how_shown"), bases.get(read_in, nobody)), "shown")
    yield {(0, 0): "inside", (1, 0): "only sent", (0, 1): "only shown", (1, 1): "sent and shown"}[int(sent), int(shown)]


def _of_denial(record: Record) -> Iterator[Name]:
    yield from ("decisions", "refused", ("records of", "denial"), ("refused on", record["time"][:10]))
    yield from (("refused of", record["caller"]["project"]), ("code", record["code"]))
    yield ("refused as", record["input"]["data"]["class"] if "input" in record else "")
    if "decision" in record:
        yield ("revision", record["decision"]["revision"])
        for reason in record["decision"]["reasons"]:
            yield ("deny", reason["code"], json.dumps(reason["params"], sort_keys=True))
    else:
        yield from ("undecided", ("without a reason", record["code"]))


def _of_outcome(record: Record) -> Iterator[Name]:
    yield from ("ended", ("ended", record["status"]), ("records of", "outcome"))


def _of_other(record: Record) -> Iterator[Name]:
    yield ("records of", record["type"])


# --- what is told


def made(records: list[Record], folder: Path, *, partial: bool = False) -> Document:
    tally = Tally()
    tally.begin("plant/node/w0/default")
    for sequence, one in enumerate(records):
        tally.read({"sequence": sequence, "origin": "plant/node/w0", **one})
    size = len(records) + partial
    log = PackedLog(
        "plant/node/w0", "default", "p", len(records), size, "ab" * 32, witnessed=0, unwitnessed=len(records)
    )
    about = About("plant", "en", "", "", {}, "2026-07-02T00:00:00Z", "sekisho 1")
    return report(Findings(about, "k+00000000+AA==", (log,), tally, {}, ()), "en", PlainHouse(folder))


def numbers(document: Document) -> Iterator[tuple[Name, int | None]]:
    """Yield every number of requests or records in a report by the name that a reader gives it."""
    for chapter in document.chapters:
        for block in chapter.blocks:
            if isinstance(block, Tiles):
                for tile in block.tiles:
                    if name := TILES.get(tile.label):
                        yield name, number(tile.value)
            elif isinstance(block, Table) and block.caption in TABLES:
                for row in block.rows:
                    yield from TABLES[block.caption](row)
            elif isinstance(block, Bars | Days):
                yield from _charted(block)
            elif isinstance(block, Text):
                yield from _written(block.text)


def number(text: str) -> int | None:
    return None if text in ("*", "< 5") else int(text.replace("\u202f", ""))


TILES = {
    WORDS("tile_decisions"): "decisions",
    WORDS("tile_allowed"): "allowed",
    WORDS("tile_refused"): "refused",
    WORDS("tile_crossed"): "crossed",
    WORDS("tile_interrupted"): ("ended", "interrupted"),
    WORDS("tile_unwitnessed"): "records",
}
_TYPES = {WORDS.event(kind): kind for kind in ("intent", "denial", "outcome", "heartbeat", "preview", "kept.read")}
_ENDS = {WORDS(f"outcome_{end}"): end for end in ("done", "failed", "hung_up", "interrupted")}


def _reason(severity: str) -> Callable[[Any], Iterator[tuple[Name, int | None]]]:
    def read(row: Any) -> Iterator[tuple[Name, int | None]]:
        params = dict(part.split("=", 1) for part in row[2].split()[2:])
        yield (severity, row[1], json.dumps(params, sort_keys=True)), number(row[3])

    return read


def _way(row: Any) -> Iterator[tuple[Name, int | None]]:
    way = ("way", row[0], row[1].split(":")[0], row[2], row[3])
    yield way, number(row[6])
    if row[2] == WORDS("how_sent"):
        for class_ in row[5].split(", "):
            yield (way, class_), None


def _tenants(row: Any) -> Iterator[tuple[Name, int | None]]:
    yield ("allowed of", row[1]), number(row[2])
    yield ("refused of", row[1]), number(row[3])


def _one(name: Callable[[Any], Name], at: int) -> Callable[[Any], Iterator[tuple[Name, int | None]]]:
    def read(row: Any) -> Iterator[tuple[Name, int | None]]:
        if (found := name(row)) is not None:
            yield found, number(row[at])

    return read


TABLES: dict[str, Callable[[Any], Iterator[tuple[Name, int | None]]]] = {
    WORDS("by_tenant"): _tenants,
    WORDS("by_rule_info"): _reason("info"),
    WORDS("by_rule_deny"): _reason("deny"),
    WORDS("by_purpose"): _one(lambda row: ("for", row[0]), 1),
    WORDS("outcomes"): _one(lambda row: ("ended", _ENDS[row[0]]) if row[0] in _ENDS else "open", 1),
    WORDS("refusals_caption"): _one(lambda row: ("code", row[0]), 2),
    WORDS("revisions"): _one(lambda row: ("revision", row[0]), 5),
    WORDS("models_caption"): _one(lambda row: ("model", row[0]), 5),
    WORDS("types"): _one(lambda row: ("records of", _TYPES[row[0]]), 1),
    WORDS("logs_caption"): _one(lambda row: "records" if len(row) == 6 else None, 2),
    WORDS("unwitnessed"): _one(lambda row: "records", 3),
    **{WORDS(f"law_{law}"): _way for law in ("EEA", "EEA_inside", "GB", "CH", "CN", "JP", "other")},
}


def _charted(block: Bars | Days) -> Iterator[tuple[Name, int | None]]:
    """Read a chart twice: as values, and as the words that a screen reader says."""
    rows = block.bars if isinstance(block, Bars) else tuple(zip(block.days, block.values, strict=True))
    spoken = dict(one.rsplit(": ", 1) for one in picture(block).said.split("; "))
    for label, parts in rows:
        for series, part, said in zip(block.series, parts, spoken[label].split(", "), strict=True):
            assert said == f"{series} {'*' if part is None else part}"
            yield _bar_name(block, series, label), part


def _bar_name(block: Bars | Days, series: str, label: str) -> Name:
    if isinstance(block, Days):
        return (f"{series} on", label)
    if block.title == WORDS("by_class"):
        return (f"{series} as", "" if label == WORDS("unset") else label)
    return ("to", label.split(",", maxsplit=1)[0])


def _written(text: str) -> Iterator[tuple[Name, int | None]]:
    inside = WORDS("crossings_inside").split("{inside}")[0]
    if text.startswith(inside):
        yield "inside", number(re.findall(r"^(\*|[\d\u202f]+)", text.removeprefix(inside))[0])
    if found := re.search(r"\(records: (\*|[\d\u202f]+);", text):
        yield "records", number(found[1])
    head = WORDS("clocks").split("{known}")[0]
    if text.startswith(head):
        yield "records", number(re.findall(r" (\*|[\d\u202f]+)", text.removeprefix(head))[0])


# --- what follows


def attack(document: Document) -> Attacker:
    attacker = Attacker()
    found: dict[str, list[Name]] = defaultdict(list)
    listed: dict[Name, int | None] = {}
    for name, count in numbers(document):
        assert listed.get(name, count) == count, f"{name} is told in two ways"
        listed[name] = count
    for name, count in listed.items():
        attacker.read(name, count)
        if isinstance(name, tuple) and count != 0:
            found[name[0] if isinstance(name[0], str) else "sent as"].append(name)
    attacker.read("at home", None, 0)
    for total, groups in {
        "decisions": ("revision",),
        "allowed": ("allowed on", "allowed as", "allowed of", "for", "to", "model"),
        "refused": ("refused on", "refused as", "refused of", "code"),
        "ended": ("ended",),
    }.items():
        for group in groups:
            attacker.sums([total], [*found[group], *(["undecided"] if group == "revision" else [])])
    attacker.sums(["decisions"], ["allowed", "refused"])
    attacker.sums(["allowed"], ["ended", "open"])
    attacker.sums(["allowed"], ["crossed", "at home"])
    attacker.sums(["at home"], ["inside", "only shown"])
    attacker.sums(["crossed"], ["only sent", "sent and shown"])
    attacker.sums(["records"], found["records of"])
    for kind, total in (("intent", "allowed"), ("denial", "refused"), ("outcome", "ended")):
        attacker.sums([("records of", kind)], [total])
    _ways(attacker, found)
    for code in found["code"]:
        attacker.sums([code], [*(one for one in found["deny"] if one[1] == code[1]), ("without a reason", code[1])])
    free = [one for one in found["info"] if one[1] == "policy.residency"]
    attacker.sums(["allowed"], free)  # a decision that allows has one of them, as the page on policy says
    return attacker


def _ways(attacker: Attacker, found: dict[str, list[Name]]) -> None:
    sent, shown = ([way for way in found["way"] if way[3] == WORDS(how)] for how in ("how_sent", "how_shown"))
    attacker.sums(["crossed"], sent)
    attacker.sums(["shown"], shown)
    attacker.sums(["shown"], ["only shown", "sent and shown"])
    for way in sent:
        attacker.sums([way], [one for one in found["sent as"] if one[0] == way])
    for basis in [one for one in found["info"] if one[1] in BASIS]:
        to = json.loads(basis[2])["destination"]
        attacker.sums([basis], [way for way in sent if (way[2], way[4]) == (to, BASIS[basis[1]])])
    for to in found["to"]:
        attacker.sums([to], [*(way for way in sent if way[2] == to[1]), ("at home in", to[1])])
    for class_ in found["allowed as"]:
        here = [one for one in found["sent as"] if one[1] == class_[1]]
        attacker.sums([class_], [*here, ("at home as", class_[1])])
    attacker.sums(["at home"], [("at home in", to[1]) for to in found["to"]])
    attacker.sums(["at home"], [("at home as", class_[1]) for class_ in found["allowed as"]])


def assert_no_few_follow(records: list[Record], folder: Path, *, partial: bool = False) -> dict[Name, int | None]:
    """Attack the report of some records. Returns what it tells."""
    true = truth(records)
    document = made(records, folder, partial=partial)
    told = dict(numbers(document))
    assert not [name for name, count in told.items() if name in true and count is not None and count != true[name]]
    few = [name for name, count in true.items() if 0 < count < LEAST and name != ("records of", "heartbeat")]
    assert not [name for name in few if told.get(name) is not None]
    for name, (least, most) in attack(document).bounds(few).items():
        assert most >= LEAST, f"{name}, truly {true[name]}, is surely under five: {least} to {most}"
        assert most - least >= LEAST - 1, f"{name}, truly {true[name]}, is {least} to {most}"
    return told


KINDS: list[Callable[[], Record]] = [
    intent,
    lambda: intent(class_="strict", purpose="hr"),
    lambda: intent("JP"),
    lambda: intent("JP", "strict", project="press"),
    lambda: intent("JP", basis="policy.residency_adequate", day=2),
    lambda: intent("CN", read_in="CN"),
    lambda: intent("CN", of="CN", model="n"),
    lambda: intent(read_in="JP", day=3),
    lambda: denial(class_="internal"),
    lambda: denial(class_="strict", project="press", day=2),
    lambda: denial("limits.rate"),
    ended,
    lambda: ended("failed"),
    beat,
]


BASE = [beat()] * 30 + [intent()] * 30 + [ended()] * 30


@pytest.mark.parametrize(
    "few",
    [
        pytest.param([denial(class_="internal")] * 5 + [denial(class_="strict")], id="five and one of six"),
        pytest.param([denial(class_="internal")] * 4 + [denial(class_="strict")] * 4, id="four and four of eight"),
        pytest.param([denial(code=f"policy.c{n}", class_="strict") for n in range(4)], id="four of one each"),
        pytest.param([denial()] * 3, id="three refusals, and the length of the log"),
        pytest.param([intent(read_in="JP")] * 3, id="three read abroad, none sent"),
        pytest.param(
            [intent("JP")] * 47 + [intent("JP", basis="policy.residency_adequate")] * 3 + [intent("CN")] * 20,
            id="a way that the countries tell",
        ),
        pytest.param([intent("JP", of="JP")] * 2 + [intent("JP")] * 20, id="two at home in another country"),
        pytest.param([intent(project="press")] * 2, id="a project that the reasons tell"),
        pytest.param([intent("JP", "strict")] * 3 + [intent("CN", "public")] * 9, id="a class and a way"),
        pytest.param([intent(day=2)] * 4 + [denial(day=3)] * 9, id="a day"),
        pytest.param([beat("preview")] * 2, id="two previews"),
        pytest.param([kind() for kind in KINDS for _ in range(3)], id="three of everything"),
        pytest.param([intent()] * 12 + [ended("interrupted")] * 10, id="two still open"),
    ],
)
def test_few_do_not_follow_from_a_finished_report(few: list[Record], tmp_path: Path) -> None:
    assert_no_few_follow(BASE + few, tmp_path)


def test_nor_from_the_classes_of_ways_where_all_is_sent_abroad(tmp_path: Path) -> None:
    """The smallest way covers the few ones; a way of one class must not tell the class that covers theirs."""
    sent = [intent("JP")] * 15 + [intent("CN", "strict")] * 3 + [intent("KR", "public")] * 20
    sent += [intent("US", "public")] * 10

    assert_no_few_follow([beat()] * 30 + sent + [ended()] * len(sent), tmp_path)


def test_nor_from_how_many_records_a_filtered_pack_has(tmp_path: Path) -> None:
    told = assert_no_few_follow([intent()] * 30 + [ended()] * 30 + [denial()] * 3, tmp_path, partial=True)

    assert told["records"] is None


def test_where_nothing_is_few_everything_is_told(tmp_path: Path) -> None:
    told = assert_no_few_follow(BASE + [denial(class_="internal")] * 9 + [intent("JP")] * 6 + [ended()] * 6, tmp_path)

    assert not [name for name, count in told.items() if count is None and not isinstance(name[0], tuple)]


def test_the_page_has_no_number_that_chapters_withhold(tmp_path: Path) -> None:
    """Neither in attributes, comments nor drawings: what is withheld here is larger than all that a page is made of."""
    records = BASE + [intent("JP")] * 7919 + [intent("CN")] * 3 + [ended()] * 7922
    document = made(records, tmp_path)
    page = html.render(document).decode()

    true, told = truth(records), dict(numbers(document))
    assert told["allowed"] == 7952 and "7\u202f952" in page
    gone = [true[name] for name, count in told.items() if count is None and true[name] > 1000 and type(name[0]) is str]
    assert 7922 in gone
    assert not [count for count in gone if str(count) in page or f"{count:,}".replace(",", "\u202f") in page]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 9), min_size=len(KINDS), max_size=len(KINDS)))
def test_few_follow_from_no_report(tmp_path: Path, many: list[int]) -> None:
    assert_no_few_follow(day_of(many), tmp_path)


@pytest.mark.parametrize(
    "many",
    [
        pytest.param((0, 5, 0, 5, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0), id="one way round is none"),
        pytest.param((0, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0), id="attempts and their ends are both records"),
        pytest.param((2, 0, 2, 0, 0, 1, 0, 0, 0, 0, 0, 6, 4, 0), id="so in another order"),
    ],
)
def test_few_follow_from_none_of_these(tmp_path: Path, many: tuple[int, ...]) -> None:
    assert_no_few_follow(day_of(many), tmp_path)


def day_of(many: Iterable[int]) -> list[Record]:
    """Return so many records of each kind; not more ends than attempts, and heartbeats."""
    records = [kind() for kind, count in zip(KINDS, many, strict=True) for _ in range(count)]
    intents = sum(one["type"] == "intent" for one in records)
    ends = [one for one in records if one["type"] == "outcome"][:intents]
    others = [one for one in records if one["type"] != "outcome"]
    return [*others, *ends, *[beat()] * 40]
