"""Persons whose data left their country: counted once, given back, written, restored; never a value anywhere."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.audit.book import LogBook
from gateway.audit.log.reader import Filter, search
from gateway.domain import CounterFacts
from gateway.errors import AuditUnavailable, SetupError
from gateway.kinds import KINDS
from gateway.policy.persons.counters import EVENT, MOST_MARKS_A_RECORD, Counters, Read, Reservation
from gateway.policy.persons.tally import NOBODYS, Kept, Persons, Tally, marks_of, pack, persons_of, unpack, yearly_key
from gateway.privacy.patterns.catalogue import RULES
from gateway.settings import AuditSettings

MASTER = b"m" * 32
JUNE = "2026-06-01T12:00:00Z"
AG = "Beispiel AG"


class Log:
    """A log in memory: events in order, at every third sequence, since others stand between them."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.refusing = False

    def write(self, type: str, **details: Any) -> None:
        if self.refusing:
            raise AuditUnavailable
        assert type == EVENT
        self.events.append(details)

    def read(self, first: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
        return ((at * 3, dict(details)) for at, details in enumerate(self.events) if at * 3 >= first)


def counting(log: Log, snapshot: Path, *, most: int = 1000) -> Counters:
    counters = Counters(
        key=lambda year: yearly_key(MASTER, year),
        write=log.write,
        logs=lambda: {"muc/n/w0": log.read},
        snapshot=snapshot,
        most=most,
    )
    counters.open()
    return counters


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    return tmp_path / "state" / "subjects"


@pytest.fixture
def counters(log: Log, snapshot: Path) -> Counters:
    return counting(log, snapshot)


def people(*names: str, sensitive: bool = False) -> Persons:
    return Persons(frozenset(("PERSON", name) for name in names), sensitive)


def reserve(counters: Counters, persons: Persons, to: str = "DE", *, time: str = JUNE, entity: str = AG) -> Reservation:
    held = counters.reserve(entity, persons, to.split(), time)
    assert held is not None
    return held


def numbers(counters: Counters, *, time: str = JUNE, entity: str = AG) -> CounterFacts:
    held = reserve(counters, people(), "XX", time=time, entity=entity)
    held.release()
    return held.facts


# --- who is a person


def test_names_numbers_and_addresses_of_people_count_and_companies_do_not() -> None:
    findings = [("PERSON", "li wei"), ("EMAIL_ADDRESS", "li@example.cn"), ("CN_RESIDENT_ID", "1"), ("FR_SIREN", "2")]
    assert persons_of(findings, ()).values == frozenset(findings[:3])


def test_an_unknown_type_counts() -> None:
    assert persons_of([("BADGE_COLOUR", "red-7")], ()).values


def test_what_is_nobodys_is_searched_for_and_is_no_id() -> None:
    assert {rule.type for rule in RULES} | {"LOCATION"} >= NOBODYS
    assert not NOBODYS & (KINDS["ids"] | KINDS["accounts"])


def test_secrets_are_nobodys() -> None:
    assert not persons_of([(type_, "x") for type_ in KINDS["secrets"]], ()).values


@pytest.mark.parametrize(
    ("findings", "special", "sensitive"),
    [
        ([("PERSON", "a")], (), False),
        ([("PERSON", "a")], ("health",), True),
        ([("PERSON", "a"), ("CN_RESIDENT_ID", "1")], (), True),
        ([("PERSON", "a"), ("IBAN_CODE", "1")], (), True),
        ([("PERSON", "a"), ("GPS_COORDINATE", "1")], (), True),
        ([("PERSON", "a"), ("LICENSE_PLATE", "1")], (), False),
    ],
)
def test_ids_accounts_whereabouts_and_special_categories_make_a_text_sensitive(
    findings: list[tuple[str, str]], special: tuple[str, ...], sensitive: bool
) -> None:
    assert persons_of(findings, special).sensitive is sensitive


def test_marks_are_of_one_entity_one_year_and_one_type() -> None:
    one = people("li wei")
    other = Persons(frozenset({("EMAIL_ADDRESS", "li wei")}), False)
    made = [
        marks_of(yearly_key(MASTER, 2026), AG, one),
        marks_of(yearly_key(MASTER, 2027), AG, one),
        marks_of(yearly_key(MASTER, 2026), "Other AG", one),
        marks_of(yearly_key(MASTER, 2026), AG, other),
    ]
    assert len(frozenset().union(*made)) == 4
    assert made[0] == marks_of(yearly_key(MASTER, 2026), AG, one)


# --- reserving


def test_a_reservation_counts_its_request_in(counters: Counters) -> None:
    facts = reserve(counters, people("a", "b", sensitive=True), "DE FR").facts
    assert facts == CounterFacts(AG, 2026, 2, 2, {"DE": 2, "FR": 2})


def test_what_is_confirmed_stays_for_where_it_went(counters: Counters) -> None:
    reserve(counters, people("a", "b"), "DE FR").confirm({"DE"})
    assert numbers(counters) == CounterFacts(AG, 2026, 2, 0, {"DE": 2})


def test_what_is_released_is_gone(counters: Counters, log: Log) -> None:
    reserve(counters, people("a", "b"), "DE FR").release()
    assert numbers(counters) == CounterFacts(AG, 2026, 0, 0, {})
    assert log.events == []


def test_a_person_counts_once_and_is_written_once(counters: Counters, log: Log) -> None:
    for _ in range(3):
        reserve(counters, people("a")).confirm({"DE"})
    assert numbers(counters).all == 1
    assert len(log.events) == 1


def test_one_that_becomes_sensitive_or_goes_elsewhere_is_written_again(counters: Counters, log: Log) -> None:
    reserve(counters, people("a")).confirm({"DE"})
    reserve(counters, people("a", sensitive=True)).confirm({"DE"})
    reserve(counters, people("a"), "FR").confirm({"FR"})
    assert numbers(counters) == CounterFacts(AG, 2026, 1, 1, {"DE": 1, "FR": 1})
    assert [event["sensitive"] for event in log.events] == [False, True, False]


def test_releasing_takes_nothing_from_others(counters: Counters) -> None:
    first, second = reserve(counters, people("a", "b")), reserve(counters, people("b", "c"))
    assert second.facts.all == 3
    first.release()
    assert numbers(counters).all == 2
    second.confirm({"DE"})
    reserve(counters, people("b", "d")).release()
    assert numbers(counters).all == 2


def test_ending_twice_does_nothing(counters: Counters) -> None:
    held = reserve(counters, people("a"))
    held.confirm({"DE"})
    held.release()
    held.confirm({"DE"})
    assert numbers(counters).all == 1


def test_entities_and_years_are_apart(counters: Counters) -> None:
    reserve(counters, people("a")).confirm({"DE"})
    assert numbers(counters, entity="Other AG").all == 0
    assert numbers(counters, time="2026-12-31T15:59:59Z").all == 1
    assert numbers(counters, time="2026-12-31T16:00:00Z") == CounterFacts(AG, 2027, 0, 0, {})


def test_a_clock_that_was_wrong_for_a_moment_loses_nobody(counters: Counters) -> None:
    reserve(counters, people("a")).confirm({"DE"})
    reserve(counters, people("a"), time="2099-06-01T12:00:00Z").confirm({"DE"})
    assert numbers(counters).all == 1


def test_a_country_that_was_not_reserved_is_refused(counters: Counters, log: Log) -> None:
    with pytest.raises(ValueError, match="not reserved"):
        reserve(counters, people("a"), "DE").confirm({"DE", "US"})
    assert numbers(counters).all == 0
    assert log.events == []


def test_only_data_whose_law_counts_and_that_go_abroad_are_counted(counters: Counters) -> None:
    assert counters.crossing("CN", ["CN", "DE", "HK", ""]) == {"DE", "HK"}
    assert counters.crossing("CN", ["CN", ""]) == frozenset()
    assert counters.crossing("DE", ["US"]) == frozenset()


def test_before_it_is_open_nothing_can_be_counted(log: Log, snapshot: Path) -> None:
    counters = Counters(
        key=lambda year: yearly_key(MASTER, year), write=log.write, logs=lambda: {"w": log.read}, snapshot=snapshot
    )
    assert not counters.ready()
    assert counters.reserve(AG, people("a"), {"DE"}, JUNE) is None
    counters.save()
    assert not snapshot.exists()


def test_without_the_years_key_nothing_can_be_counted(counters: Counters) -> None:
    def lost(year: int) -> bytes:
        raise SetupError(f"There is no key file subjects-{year}.", "Restore your keys.")

    counters._key = lost
    assert counters.reserve(AG, people("a"), {"DE"}, JUNE) is None


# --- writing


def test_what_cannot_be_written_is_not_kept(counters: Counters, log: Log) -> None:
    held = reserve(counters, people("a"))
    log.refusing = True
    with pytest.raises(AuditUnavailable):
        held.confirm({"DE"})
    assert numbers(counters).all == 0


def test_what_was_written_before_that_is(counters: Counters, log: Log, snapshot: Path) -> None:
    def one_record(type: str, **details: Any) -> None:
        log.write(type, **details)
        log.refusing = True

    counters._write = one_record
    with pytest.raises(AuditUnavailable):
        reserve(counters, people("a"), "DE FR").confirm({"DE", "FR"})
    assert numbers(counters) == numbers(counting(log, snapshot)) == CounterFacts(AG, 2026, 1, 0, {"DE": 1})


def test_many_persons_are_several_records_under_60_kib(counters: Counters, log: Log) -> None:
    crowd = people(*(str(n) for n in range(MOST_MARKS_A_RECORD + 1)))
    counters._tally(AG, 2026)._most = len(crowd.values)
    reserve(counters, crowd).confirm({"DE"})
    sizes = [len(base64.b64decode(event["marks"])) // 8 for event in log.events]
    assert sizes == [MOST_MARKS_A_RECORD, 1]
    assert max(len(event["marks"]) for event in log.events) < 55 * 1024
    assert numbers(counters).all == MOST_MARKS_A_RECORD + 1


def test_no_value_is_written_anywhere(counters: Counters, log: Log, snapshot: Path) -> None:
    reserve(counters, people("wang-xiaoming")).confirm({"DE"})
    counters.save()
    assert "wang" not in str(log.events)
    assert b"wang" not in snapshot.read_bytes()


# --- restoring


def restored(log: Log, snapshot: Path) -> CounterFacts:
    return numbers(counting(log, snapshot))


def filled(counters: Counters) -> None:
    reserve(counters, people("a", "b"), "DE FR").confirm({"DE"})
    reserve(counters, people("b", "c", sensitive=True), "US").confirm({"US"})


def test_the_log_alone_restores_everything(counters: Counters, log: Log, snapshot: Path) -> None:
    filled(counters)
    assert restored(log, snapshot) == numbers(counters) == CounterFacts(AG, 2026, 3, 2, {"DE": 2, "US": 2})


def test_a_snapshot_restores_it_and_the_log_goes_on_from_there(counters: Counters, log: Log, snapshot: Path) -> None:
    filled(counters)
    counters.save()
    reserve(counters, people("d")).confirm({"DE"})
    asked: list[int] = []
    read = log.read
    log.read = lambda first: (asked.append(first), read(first))[1]  # type: ignore[method-assign]
    assert restored(log, snapshot) == numbers(counters)
    assert asked == [3]
    assert stat.S_IMODE(os.stat(snapshot).st_mode) == 0o600


def test_a_snapshot_holds_no_open_reservation(counters: Counters, log: Log, snapshot: Path) -> None:
    filled(counters)
    reserve(counters, people("e", "a", sensitive=True), "GB")
    counters.save()
    assert restored(log, snapshot) == CounterFacts(AG, 2026, 3, 2, {"DE": 2, "US": 2})


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def _lower(path: Path) -> None:
    """Make three persons one."""
    before = path.read_bytes()
    path.write_bytes(before.replace(b'"1":3', b'"1":1'))
    assert path.read_bytes() != before


@pytest.mark.parametrize(
    "damage", [_cut, _lower, lambda path: path.write_bytes(b""), lambda path: (path.unlink(), path.mkdir())]
)
def test_a_damaged_snapshot_is_thrown_away(
    damage: Callable[[Path], object], counters: Counters, log: Log, snapshot: Path
) -> None:
    filled(counters)
    counters.save()
    damage(snapshot)
    assert restored(log, snapshot) == numbers(counters)


def test_a_snapshot_of_another_log_is_thrown_away(counters: Counters, log: Log, snapshot: Path) -> None:
    filled(counters)
    counters.save()
    log.events = log.events[:1]  # a log put back from an older copy
    assert restored(log, snapshot) == CounterFacts(AG, 2026, 2, 0, {"DE": 2})
    log.events = [dict(log.events[0], destination="GB"), *log.events]
    assert restored(log, snapshot).by_destination == {"DE": 2, "GB": 2}


def test_a_snapshot_of_a_log_that_is_gone_is_thrown_away(counters: Counters, log: Log, snapshot: Path) -> None:
    filled(counters)
    counters.save()
    other = Counters(
        key=lambda year: yearly_key(MASTER, year),
        write=log.write,
        logs=lambda: {"other": Log().read},
        snapshot=snapshot,
    )
    other.open()
    assert numbers(other).all == 0


def test_saving_over_a_log_that_changed_leaves_no_snapshot(counters: Counters, log: Log, snapshot: Path) -> None:
    filled(counters)
    counters.save()
    log.events.clear()
    counters.save()
    assert not snapshot.exists()
    assert numbers(counters).all == 3


@pytest.mark.parametrize(
    "wrong", [{"marks": "!"}, {"marks": "QQ=="}, {"year": "2026"}, {"more": 1}, {"destination": None}]
)
def test_a_record_that_is_none_keeps_the_counters_closed(
    wrong: dict[str, Any], counters: Counters, log: Log, snapshot: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(counters)
    log.events[0] |= wrong
    fresh = Counters(
        key=lambda year: yearly_key(MASTER, year), write=log.write, logs=lambda: {"w": log.read}, snapshot=snapshot
    )
    with pytest.raises(ValueError, match="none"):
        fresh.open()
    assert "persons cannot be counted" in caplog.text
    assert fresh.reserve(AG, people("a"), {"DE"}, JUNE) is None


def test_it_restores_from_a_real_log(tmp_path: Path, snapshot: Path) -> None:
    book = LogBook(
        tmp_path / "audit", origin="muc/n/w0", log_key=Ed25519PrivateKey.generate(), settings=AuditSettings()
    )
    book.open()

    def read(first: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
        found = search(book.folder, Filter(type=EVENT, text=EVENT), first)
        return ((record["sequence"], record["details"]) for record in found)

    def opened() -> Counters:
        logs: dict[str, Read] = {"muc/n/w0": read}
        counters = Counters(
            key=lambda year: yearly_key(MASTER, year), write=book.event, logs=lambda: logs, snapshot=snapshot
        )
        counters.open()
        return counters

    counters = opened()
    filled(counters)
    book.event("policy.signed")
    counters.save()
    reserve(counters, people(*(str(n) for n in range(MOST_MARKS_A_RECORD)))).confirm({"DE"})
    assert numbers(opened()) == numbers(counters)
    book.close()


# --- memory


def test_beyond_what_is_kept_persons_count_each_time(log: Log, snapshot: Path) -> None:
    counters = counting(log, snapshot, most=2)
    reserve(counters, people("a", "b", "c")).confirm({"DE"})
    assert numbers(counters).all == 3
    reserve(counters, people("a", "c")).confirm({"DE"})
    assert numbers(counters).all >= 3
    assert len(counters._tally(AG, 2026)._kept) == 2


def test_those_that_are_kept_count_once_even_then(log: Log, snapshot: Path) -> None:
    counters = counting(log, snapshot, most=2)
    reserve(counters, people("a", "b")).confirm({"DE"})
    reserve(counters, people("a"), "FR").confirm({"FR"})
    assert numbers(counters) == CounterFacts(AG, 2026, 2, 0, {"DE": 2, "FR": 1})


def test_more_countries_than_there_are_flags_are_counted_as_one(counters: Counters) -> None:
    for n in range(70):
        reserve(counters, people(str(n)), f"{n:02}").confirm({f"{n:02}"})
    facts = numbers(counters)
    assert facts.all == 70
    assert sum(facts.by_destination.values()) == 70
    assert facts.by_destination["ZZ"] == 11


@given(st.dictionaries(st.integers(0, 2**64 - 1), st.integers(1, 2**62 - 1)), st.integers(0, 5))
def test_kept_marks_keep_their_flags_settled_or_not(flags: dict[int, int], settle_after: int) -> None:
    kept = Kept()
    for at, (mark, value) in enumerate(flags.items()):
        assert kept.get(mark) == 0
        kept.insert(mark, value)
        if at == settle_after:
            kept.settle()
        kept.add(mark, 1)
    assert kept.get_all(list(flags)) == [value | 1 for value in flags.values()]
    assert len(kept) == len(flags)


@given(st.frozensets(st.integers(0, 2**64 - 1)))
def test_marks_survive_being_packed(marks: frozenset[int]) -> None:
    assert unpack(pack(marks)) == marks


# --- for all orders of things

CLAIM = st.tuples(
    st.frozensets(st.integers(0, 5), max_size=4), st.sets(st.sampled_from(["DE", "FR", "US"]), min_size=1)
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), CLAIM, st.booleans()),
        st.tuples(st.sampled_from(["confirm", "release"]), st.integers(0, 9), st.sets(st.sampled_from(["DE", "FR"]))),
        st.tuples(st.just("save"), st.none(), st.none()),
    ),
    max_size=25,
)


class Plain:
    """The plain reading: sets of (person, what is said of them), those kept and those of open reservations."""

    def __init__(self) -> None:
        self.kept: set[tuple[int, str]] = set()
        self.open: list[tuple[frozenset[int], set[str], bool] | None] = []

    @staticmethod
    def said(who: frozenset[int], to: set[str], sensitive: bool) -> set[tuple[int, str]]:
        words = {"all", *to} | ({"sensitive"} if sensitive else set()) if to else set()
        return {(person, word) for person in who for word in words}

    def facts(self, *, with_open: bool = True) -> CounterFacts:
        claims = [claim for claim in self.open if claim] if with_open else []
        said = self.kept.union(*(self.said(*claim) for claim in claims))
        counts: dict[str, int] = {}
        for _, word in said:
            counts[word] = counts.get(word, 0) + 1
        every, sensitive = counts.pop("all", 0), counts.pop("sensitive", 0)
        return CounterFacts(AG, 2026, every, sensitive, dict(sorted(counts.items())))


@settings(deadline=None, max_examples=150)
@given(STEPS)
def test_any_order_counts_as_the_plain_reading_and_is_restored(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    log, path, plain, held = Log(), tmp_path_factory.mktemp("c") / "s", Plain(), []
    counters = counting(log, path)
    for verb, what, more in steps:
        match verb:
            case "reserve":
                who, to = what
                made = reserve(counters, people(*map(str, who), sensitive=more), " ".join(sorted(to)))
                held.append(made)
                plain.open.append((who, to, more))
                assert made.facts == plain.facts()
            case "save":
                counters.save()
            case _ if what < len(held):
                claim, plain.open[what] = plain.open[what], None
                to = more & claim[1] if claim and verb == "confirm" else set()
                if claim:
                    plain.kept |= plain.said(claim[0], to, claim[2])
                held[what].confirm(to) if verb == "confirm" else held[what].release()
        assert numbers(counters) == plain.facts()
    assert numbers(counting(log, path)) == plain.facts(with_open=False)


def test_ten_thousands_are_counted_once_settled_or_not() -> None:
    tally = Tally(AG, 2026)
    marks = [mark * 0x9E3779B97F4A7C15 % 2**64 for mark in range(20_000)]  # spread, in no order
    tally.keep(marks, "DE", sensitive=False)
    tally.keep(marks[::2], "DE", sensitive=True)
    tally.hold(marks[:10], ["DE"], sensitive=True)
    assert tally.facts() == CounterFacts(AG, 2026, 20_000, 10_005, {"DE": 20_000})
    loaded = Tally.load(tally.dump())
    assert loaded.facts() == CounterFacts(AG, 2026, 20_000, 10_000, {"DE": 20_000})
    assert loaded.lacks(marks, "DE", sensitive=True) == sorted(marks[1::2])


def test_a_dump_is_the_tally() -> None:
    tally = Tally(AG, 2026)
    tally.keep([1, 2**64 - 1], "DE", sensitive=True)
    loaded = Tally.load(tally.dump())
    assert loaded.facts() == tally.facts()
    for wrong in (replace(tally.dump(), flags=b""), replace(tally.dump(), marks=pack([1]) * 2)):
        with pytest.raises(ValueError, match="do not fit"):
            Tally.load(wrong)
