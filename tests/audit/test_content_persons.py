"""Keys of persons: made once, found by nobody without the tenant's secret, destroyed for good."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.audit.persons import keys as person_keys
from gateway.audit.persons.key_file import PersonKey
from gateway.audit.persons.keys import PersonKeys
from gateway.errors import SetupError

SECRETS = {"acme": (b"a" * 32,), "other": (b"b" * 32,)}


@pytest.fixture
def ring(tmp_path: Path) -> PersonKeys:
    return PersonKeys(tmp_path / "persons", SECRETS.__getitem__)


def files(ring: PersonKeys) -> list[Path]:
    return [path for path in ring.folder.rglob("*") if path.is_file() and path.name != "CACHEDIR.TAG"]


def test_a_person_has_one_key_and_others_have_others(ring: PersonKeys) -> None:
    ana, ben = ring.of("acme", ["user:ana", "user:ben"])

    assert ring.of("acme", ["user:ana"]) == [ana]
    assert ana.key != ben.key
    assert ring.of("other", ["user:ana"])[0].id != ana.id
    again = PersonKeys(ring.folder, SECRETS.__getitem__)
    assert (again.find("acme", "user:ana"), again.by_id("acme", ben.id)) == (ana, ben)


def test_the_folder_tells_nobody_who_it_is(ring: PersonKeys) -> None:
    (ana,) = ring.of("acme", ["user:ana@example.com"])

    written = b"".join(path.read_bytes() + str(path).encode() for path in files(ring))
    assert b"ana" not in written
    assert ana.key not in written
    assert all(path.stat().st_mode & 0o077 == 0 for path in files(ring))


def test_backups_are_told_to_pass_by(ring: PersonKeys) -> None:
    ring.of("acme", ["user:ana"])

    assert (ring.folder / "CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55")


def test_another_secret_opens_nothing(ring: PersonKeys) -> None:
    (ana,) = ring.of("acme", ["user:ana"])
    stolen = PersonKeys(ring.folder, lambda tenant: (b"x" * 32,))

    for look in (lambda: stolen.find("acme", "user:ana"), lambda: stolen.by_id("acme", ana.id)):
        with pytest.raises(SetupError, match="another key of its tenant"):
            look()


def test_keys_follow_a_rotated_key_of_the_tenant(ring: PersonKeys) -> None:
    (ana,) = ring.of("acme", ["user:ana"])
    old = (ring.folder / "acme" / "secret").stat().st_ino
    both = PersonKeys(ring.folder, lambda tenant: (b"n" * 32, b"a" * 32))

    assert both.of("acme", ["user:ana", "user:new"])[0] == ana
    assert (both.reseal(), both.reseal()) == (1, 0)

    assert (ring.folder / "acme" / "secret").stat().st_ino != old
    after = PersonKeys(ring.folder, lambda tenant: (b"n" * 32,))
    assert (after.find("acme", "user:ana"), after.by_id("acme", ana.id)) == (ana, ana)
    with pytest.raises(SetupError):
        PersonKeys(ring.folder, SECRETS.__getitem__).find("acme", "user:ana")
    assert sorted(path.name for path in (ring.folder / "acme").iterdir()) == ["ids", "marks", "secret"]


def test_destroyed_is_gone_under_each_name_and_the_bytes_are_written_over(ring: PersonKeys, tmp_path: Path) -> None:
    (ana,) = ring.of("acme", ["user:ana"])
    kept = tmp_path / "another name of the same file"
    os.link(ring.folder / "acme" / "ids" / ana.id, kept)

    assert ring.destroy("acme", ana.id)

    assert set(kept.read_bytes()) == {0}
    assert [path.name for path in files(ring)] == ["secret"]
    assert ring.find("acme", "user:ana") is None
    assert ring.by_id("acme", ana.id) is None
    assert not ring.destroy("acme", ana.id)


def test_other_processes_notice_at_once(ring: PersonKeys) -> None:
    other = PersonKeys(ring.folder, SECRETS.__getitem__)
    (ana,) = other.of("acme", ["user:ana"])
    assert other.find("acme", "user:ana") == ana

    ring.destroy("acme", ana.id)

    assert other.find("acme", "user:ana") is None
    assert other.of("acme", ["user:ana"]) != [ana]


def test_held_it_is_out_of_use_but_there(ring: PersonKeys) -> None:
    (ana,) = ring.of("acme", ["user:ana"])

    ring.hold("acme", ana.id)
    (newer,) = ring.of("acme", ["user:ana"])

    assert newer != ana
    assert ring.find_all("acme", "user:ana") == [newer, ana]
    assert ring.by_id("acme", ana.id) == ana
    assert ring.held("acme") == [ana.id]
    ring.destroy("acme", ana.id)
    assert (ring.held("acme"), ring.find_all("acme", "user:ana")) == ([], [newer])


def test_of_many_at_once_all_get_the_same_key(ring: PersonKeys) -> None:
    got: list[list[PersonKey]] = []
    rings = [PersonKeys(ring.folder, SECRETS.__getitem__) for _ in range(8)]
    names = [f"user:{n}" for n in range(20)]
    threads = [threading.Thread(target=lambda one=one: got.append(one.of("acme", names))) for one in rings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(got) == 8
    assert all(each == got[0] for each in got)
    assert len(files(ring)) == 2 * len(names) + 1


def test_a_key_is_on_stable_storage_before_it_is_used(ring: PersonKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real: Callable[[int], None] = os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(person_keys.os, "fsync", note)
    (ana,) = ring.of("acme", ["user:ana"])

    place = ring.folder / "acme"
    assert {str(place / "ids" / ana.id), str(place / "ids"), str(place / "marks")} <= set(synced)


def test_a_key_that_cannot_be_read_is_no_new_key(ring: PersonKeys) -> None:
    (ana,) = ring.of("acme", ["user:ana"])
    path = ring.folder / "acme" / "ids" / ana.id
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(SetupError, match="damaged"):
        ring.of("acme", ["user:ana"])


@pytest.mark.parametrize("id_", ["", "../marks", "x" * 31, "ab/../" + "c" * 26])
def test_what_is_no_id_leads_nowhere(ring: PersonKeys, id_: str) -> None:
    ring.of("acme", ["user:ana"])

    assert ring.by_id("acme", id_) is None
    assert not ring.destroy("acme", id_)
