"""Changes to keys: on record first, then in effect."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import AuditUnavailable, SetupError, Unauthenticated
from gateway.identity.keys import KeyRegister
from gateway.identity.office import KeyOffice
from gateway.identity.record import NewKey
from gateway.settings import SiteSettings

WISH = NewKey(name="ci", tenant="bodyshop")


class Diary:
    """A book that remembers, and can be told to fail. ``seen`` is what the register held at each event."""

    def __init__(self, register: KeyRegister) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.seen: list[int] = []
        self.synced = 0
        self.broken = False
        self._register = register

    def event(self, type: str, **details: Any) -> None:
        self.events.append((type, details))
        self.seen.append(sum(record.revoked is None for record in self._register.records()))

    async def durable(self) -> None:
        if self.broken:
            raise AuditUnavailable
        self.synced += 1


@pytest.fixture
def register(tmp_path: Path) -> KeyRegister:
    return KeyRegister(tmp_path / "state" / "keys.json", b"p" * 32, SiteSettings())


@pytest.fixture
def diary(register: KeyRegister) -> Diary:
    return Diary(register)


async def test_a_key_is_on_record_before_it_works(register: KeyRegister, diary: Diary) -> None:
    made = await KeyOffice(register, diary).create(WISH, by="ana")
    assert diary.seen == [0]
    assert diary.synced == 1
    assert register.identify(f"Bearer {made['key']}").key_id == made["id"]


async def test_a_revocation_is_on_record_before_it_takes_effect(register: KeyRegister, diary: Diary) -> None:
    office = KeyOffice(register, diary)
    made = await office.create(WISH, by="ana")
    assert (await office.revoke("ci", by="ben"))["state"] == "revoked"
    assert diary.seen == [0, 1]
    assert diary.events[1][1]["by"] == "ben"
    with pytest.raises(Unauthenticated):
        register.identify(f"Bearer {made['key']}")


async def test_revoking_again_is_no_second_record(register: KeyRegister, diary: Diary) -> None:
    office = KeyOffice(register, diary)
    await office.create(WISH, by="ana")
    for _ in range(2):
        await office.revoke("ci", by="ana")
    assert [name for name, _ in diary.events] == ["key.created", "key.revoked"]


async def test_what_cannot_be_put_on_record_does_not_happen(register: KeyRegister, diary: Diary) -> None:
    office = KeyOffice(register, diary)
    made = await office.create(WISH, by="ana")
    diary.broken = True
    with pytest.raises(AuditUnavailable):
        await office.create(NewKey(name="other", tenant="t"), by="ana")
    with pytest.raises(AuditUnavailable):
        await office.revoke("ci", by="ana")
    assert len(register.records()) == 1
    assert register.identify(f"Bearer {made['key']}")


async def test_a_change_that_failed_is_on_record_as_failed(register: KeyRegister, diary: Diary, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(SetupError):
        await KeyOffice(register, diary).create(WISH, by="ana")
    assert [name for name, _ in diary.events] == ["key.created", "key.change_failed"]


async def test_neither_key_nor_seal_is_on_record(register: KeyRegister, diary: Diary) -> None:
    made = await KeyOffice(register, diary).create(WISH, by="ana")
    written = json.dumps(diary.events)
    assert made["key"] not in written
    assert register.records()[0].seal not in written
