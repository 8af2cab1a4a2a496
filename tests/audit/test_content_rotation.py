"""The tenants' key is rotated, and goes: what is kept of persons can be read, found and erased as before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.content.door import About
from gateway.audit.content.store import SideStore
from gateway.audit.persons.keys import PersonKeys
from gateway.errors import SetupError
from gateway.keys.files import FileKeyring
from gateway.keys.office import RotationOffice


class Book:
    """A book that forgets. It is the peppers' register too: no key is sealed here."""

    def event(self, type: str, **details: Any) -> None: ...

    def change_key(self, keys: Any) -> None: ...

    async def durable(self) -> None: ...

    def use(self, peppers: Any) -> None: ...

    def reseal(self) -> None: ...

    def unseen(self, pepper: str) -> Sequence[Any]:
        return ()

    def unused(self, pepper: str) -> Sequence[str]:
        return ()

    def revoke_unseen(self, pepper: str) -> None: ...


@pytest.fixture
def keyring(tmp_path: Path) -> FileKeyring:
    keyring = FileKeyring(tmp_path / "keys")
    keyring.create()
    return keyring


def store(folder: Path, keyring: FileKeyring) -> SideStore:
    keys = PersonKeys(folder / "persons", keyring.kept_tag_keys)
    return SideStore(folder / "content", keys, folder / "audit")


@pytest.mark.parametrize("overlap", [timedelta(), timedelta(days=30)], ids=["at once", "with an overlap"])
async def test_after_the_old_key_is_gone_all_is_as_before(
    tmp_path: Path, keyring: FileKeyring, overlap: timedelta
) -> None:
    side, about = store(tmp_path, keyring), About("01J", "acme", "support", 30)
    sealed = side.seal("prompt", about, "o", side.keys_for(about, ["user:ana"]), b"content")
    side.put(sealed)
    before = keyring.kept_tag_keys("acme")
    office = RotationOffice(keyring, Book(), Book(), follow=store(tmp_path, keyring).keys.reseal)

    await office.rotate("tenants", "op", overlap)
    if overlap:
        await office.end_overlap("tenants", "op")

    again = FileKeyring(tmp_path / "keys")
    assert not set(before) & set(again.kept_tag_keys("acme"))
    fresh = store(tmp_path, again)
    assert fresh.open(sealed.place)[1] == b"content"
    person = fresh.keys.find("acme", "user:ana")
    assert person == side.keys.find("acme", "user:ana")


async def test_a_key_that_cannot_be_followed_does_not_go(tmp_path: Path, keyring: FileKeyring) -> None:
    before = keyring.kept_tag_keys("acme")

    def broken() -> None:
        raise OSError

    office = RotationOffice(keyring, Book(), Book(), follow=broken)
    for change in (lambda: office.rotate("tenants", "op", timedelta()), office.resume):
        with pytest.raises(SetupError, match="sealed anew"):
            await change()

    assert set(before) <= set(FileKeyring(tmp_path / "keys").kept_tag_keys("acme"))
