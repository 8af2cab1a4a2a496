"""A key that is rotated: both texts are one key until the overlap ends; and when each was last used."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.domain import Caller, Declared, Role, Target
from gateway.errors import BadRequest, Forbidden, Unauthenticated
from gateway.fleet.local import at_sites
from gateway.identity.apikey import pepper_id
from gateway.identity.certificate import CertificateSubject
from gateway.identity.choice import narrow
from gateway.identity.keys import KeyRegister, OnlyPepper
from gateway.identity.office import KeyOffice
from gateway.identity.record import NewKey, public_view
from gateway.identity.uses import WRITE_SECONDS, KeyUses, uses_in
from gateway.settings import SiteSettings

SITE = SiteSettings(name="muc", jurisdiction="DE")
OLD, NEW = b"o" * 32, b"n" * 32
WEEK = timedelta(days=7)


class Time:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


class Notes:
    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def event(self, type: str, **details: Any) -> None:
        self.events.append((type, details))

    async def durable(self) -> None:
        self.events.append(("durable", None))


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def register(tmp_path: Path, time: Time) -> KeyRegister:
    return KeyRegister(tmp_path / "keys.json", OLD, SITE, time)


def rotated(register: KeyRegister, overlap: timedelta = WEEK, **wish: Any) -> tuple[str, str]:
    """Return a key's first text and its second."""
    record, first = register.create(NewKey(name="ci", tenant="t", **wish))
    drafted, second = register.draft_rotation(record.id, overlap)
    register.rotate(drafted)
    return first, second


def works(register: KeyRegister, key: str) -> Caller | None:
    try:
        return register.identify(f"Bearer {key}")
    except Unauthenticated:
        return None


def test_both_texts_are_one_key_until_the_overlap_ends(register: KeyRegister, time: Time) -> None:
    first, second = rotated(register)
    assert works(register, first) == works(register, second) is not None  # one id: limits are shared
    time.at += WEEK - timedelta(seconds=1)
    assert works(register, first)
    time.at += timedelta(seconds=1)
    assert not works(register, first)
    assert works(register, second)


def test_without_an_overlap_the_first_text_ends_at_once(register: KeyRegister) -> None:
    first, second = rotated(register, timedelta(0))
    assert not works(register, first)
    assert works(register, second)


def test_a_drafted_rotation_changes_nothing(register: KeyRegister) -> None:
    record, first = register.create(NewKey(name="ci", tenant="t"))
    _, second = register.draft_rotation(record.id, WEEK)
    assert works(register, first)
    assert not works(register, second)


def test_rotating_again_ends_the_text_before_the_one_before(register: KeyRegister) -> None:
    first, second = rotated(register)
    drafted, third = register.draft_rotation("ci", WEEK)
    register.rotate(drafted)
    assert [bool(works(register, key)) for key in (first, second, third)] == [False, True, True]


def test_revoking_ends_both(register: KeyRegister) -> None:
    keys = rotated(register)
    register.revoke("ci")
    assert not any(works(register, key) for key in keys)


def test_an_overlap_outlives_no_expiry(register: KeyRegister, time: Time) -> None:
    keys = rotated(register, expires=time.at + timedelta(days=1))
    time.at += timedelta(days=1)
    assert not any(works(register, key) for key in keys)


def test_an_overlap_can_be_ended(register: KeyRegister) -> None:
    first, second = rotated(register)
    register.end_overlap(register.find("ci").id)
    assert [bool(works(register, key)) for key in (first, second)] == [False, True]


def test_another_process_sees_both(register: KeyRegister, tmp_path: Path, time: Time) -> None:
    keys = rotated(register)
    other = KeyRegister(tmp_path / "keys.json", OLD, SITE, time)
    assert all(works(other, key) for key in keys)
    assert not any(key in (tmp_path / "keys.json").read_text() for key in keys)


def test_both_are_sealed_anew_when_the_pepper_follows_another(
    register: KeyRegister, tmp_path: Path, time: Time
) -> None:
    keys = rotated(register)
    register.use((OnlyPepper(NEW), OnlyPepper(OLD, time.at + timedelta(days=1))))
    stored = json.loads((tmp_path / "keys.json").read_text())["keys"][0]
    assert (stored["pepper"], stored["former"]["pepper"]) == (pepper_id(OLD),) * 2
    assert all(works(register, key) for key in keys)
    register.reseal()
    fresh = KeyRegister(tmp_path / "keys.json", NEW, SITE, time)
    assert all(works(fresh, key) for key in keys)


@pytest.mark.parametrize("end", ["revoked", "expired", "certificate"])
def test_what_works_no_more_is_not_rotated(register: KeyRegister, time: Time, end: str) -> None:
    more = {"certificate": "CN=a"} if end == "certificate" else {"expires": time.at + WEEK}
    record, _ = register.create(NewKey(name="ci", tenant="t", **more))  # type: ignore[arg-type]
    if end == "revoked":
        register.revoke("ci")
    time.at += WEEK if end == "expired" else timedelta(0)
    with pytest.raises(BadRequest) as refused:
        register.draft_rotation(record.id, WEEK)
    assert refused.value.code == "identity.key_not_rotatable"


async def test_a_rotation_is_on_record_before_it_works(tmp_path: Path) -> None:
    notes = Notes()
    office = KeyOffice(KeyRegister(tmp_path / "keys.json", OLD, SITE), notes)
    await office.create(NewKey(name="ci", tenant="t"), "ana")
    made = await office.rotate("ci", WEEK, "ben")
    await office.end_overlap("ci", "ben")
    assert [name for name, _ in notes.events] == [
        *("key.created", "durable", "key.renewed", "durable", "key.overlap_ended", "durable"),
    ]
    assert made["key"] not in json.dumps([details for _, details in notes.events])
    assert notes.events[2][1]["key"]["former"]["last4"]


# --- last use


def test_a_use_is_noted_by_text_and_written_at_most_once_a_minute(tmp_path: Path, time: Time) -> None:
    seconds = [0.0]
    uses = KeyUses(tmp_path, "w0", time, lambda: seconds[0])
    uses.touched.add("a")
    uses.settle()
    assert uses_in(tmp_path) == {}
    assert uses.all() == {"a": time.at}
    seconds[0] = WRITE_SECONDS
    uses.settle()
    assert uses_in(tmp_path) == {"a": time.at}
    assert KeyUses(tmp_path, "w0", time).all() == {"a": time.at}


def test_several_workers_uses_are_told_together(tmp_path: Path, time: Time) -> None:
    for worker, marks in (("w0", "ab"), ("w1", "bc")):
        uses = KeyUses(tmp_path, worker, time)
        uses.touched |= set(marks)
        uses.settle()
        uses.write()
        time.at += timedelta(hours=1)
    assert {mark: when.hour for mark, when in uses_in(tmp_path).items()} == {"a": 0, "b": 1, "c": 1}


def test_a_damaged_file_of_uses_keeps_nobody_out(tmp_path: Path, time: Time) -> None:
    (tmp_path / "keys-used").mkdir()
    (tmp_path / "keys-used" / "w0.json").write_text("{")
    register = KeyRegister(tmp_path / "keys.json", OLD, SITE, time)
    assert works(register, register.create(NewKey(name="ci", tenant="t"))[1])


def test_the_view_tells_which_text_is_still_used(register: KeyRegister, time: Time) -> None:
    first, second = rotated(register)
    works(register, second)
    register.uses.settle()
    time.at += timedelta(hours=1)
    works(register, first)
    view = public_view(register.find("ci"), time.at, register.uses.all())
    assert view["last_used"] == "2026-01-01T00:00:00Z"
    assert view["former"] == {"last4": first[-4:], "until": "2026-01-08T00:00:00Z", "last_used": "2026-01-01T01:00:00Z"}


def test_who_is_refused_leaves_no_use(register: KeyRegister) -> None:
    _, key = register.create(NewKey(name="ci", tenant="t"))
    register.revoke("ci")
    works(register, key)
    assert not register.uses.touched


# --- purposes, sites, certificates


def test_a_keys_sites_are_all_that_its_prompts_see() -> None:
    targets = [Target(f"{site}/n/w:m", "m", (), site, "n", "", True) for site in ("munich", "gyor")]
    caller = Caller("k", "t", "p", (Role.APP,), "general", "s", "", "", "", sites=("gyor",))
    assert at_sites(targets, caller) == (targets[1],)
    with pytest.raises(Forbidden, match="at gyor only") as refused:
        at_sites(targets[:1], caller)
    assert refused.value.code == "identity.site"


@pytest.mark.parametrize(
    ("said", "purpose"), [(None, "general"), ("general", "general"), ("drafting", "drafting"), ("other", None)]
)
def test_a_request_names_one_of_its_keys_purposes(said: str | None, purpose: str | None) -> None:
    caller = Caller("k", "t", "p", (Role.APP,), "general", "s", "", "", "", purposes=("drafting",))
    if purpose is not None:
        assert narrow(caller, Declared(purpose=said)).purpose == purpose
        return
    with pytest.raises(Forbidden, match="but for general and drafting") as refused:
        narrow(caller, Declared(purpose=said))
    assert refused.value.code == "identity.purpose"


def test_an_account_opens_to_its_certificate_and_to_no_text(register: KeyRegister) -> None:
    record, key = register.create(NewKey(name="press", tenant="t", certificate="CN=press,O=X"))
    assert key == ""
    assert register.identify(CertificateSubject("CN=press,O=X")).key_id == record.id
    for text in ("CN=press,O=X", "Bearer CN=press,O=X", "Bearer ", "Bearer"):
        with pytest.raises(Unauthenticated):
            register.identify(text)
    with pytest.raises(Unauthenticated):
        register.identify(CertificateSubject("CN=press,O=Y"))
    register.revoke("press")
    with pytest.raises(Unauthenticated):
        register.identify(CertificateSubject("CN=press,O=X"))


def test_one_certificate_is_one_account(register: KeyRegister) -> None:
    register.create(NewKey(name="a", tenant="t", certificate="CN=x"))
    with pytest.raises(BadRequest, match="certificate subject already"):
        register.create(NewKey(name="b", tenant="t", certificate="CN=x"))
