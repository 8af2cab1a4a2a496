"""Keys that are away for a while are not keys that were destroyed."""

from __future__ import annotations

from pathlib import Path

from gateway.audit.content.door import About
from gateway.audit.content.store import SideStore
from gateway.audit.persons.keys import PersonKeys


def test_items_whose_keys_are_not_mounted_are_no_noise(tmp_path: Path) -> None:
    keys = PersonKeys(tmp_path / "persons", lambda tenant: (b"s" * 32,))
    side = SideStore(tmp_path / "content", keys, tmp_path / "audit")
    about = About("01J", "acme", "support", 30)
    sealed = side.seal("prompt", about, "o", side.keys_for(about, ["user:ana"]), b"content")
    side.put(sealed)

    (tmp_path / "persons").rename(tmp_path / "away")
    assert side.noise() == []
    (tmp_path / "away").rename(tmp_path / "persons")
    keys.destroy("acme", keys.of("acme", ["user:ana"])[0].id)
    assert side.noise() == [sealed.place]
