"""The side store on disk: stored, read, ended, held."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.audit.content import seal, store
from gateway.audit.content.door import UNAVAILABLE, About
from gateway.audit.content.ends import prune
from gateway.audit.content.room import ContentRoom
from gateway.audit.content.store import SideStore
from gateway.audit.persons.keys import PersonKeys
from gateway.domain import Caller, Kept, Role
from gateway.errors import AuditUnavailable

ORIGIN = "berlin/node1/w0"
ABOUT = About("01JREQUEST", "acme", "support", 30)
CALLER = Caller("k1", "acme", "support", (Role.APP,), "help", "berlin", "DE", "DE", "DE", vouches_for_users=True)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Book:
    def __init__(self, side: SideStore) -> None:
        self.side, self.events = side, []

    def event(self, type: str, **details: object) -> None:
        self.events.append((type, details, len(list(self.side.heads()))))

    async def durable(self) -> None: ...


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def side(tmp_path: Path, clock: Clock) -> SideStore:
    keys = PersonKeys(tmp_path / "persons", lambda tenant: (b"s" * 32,))
    return SideStore(tmp_path / "content", keys, tmp_path / "audit", clock)


@pytest.fixture
def room(side: SideStore) -> ContentRoom:
    return ContentRoom(side, ORIGIN)


Keep = Callable[..., Kept]


@pytest.fixture
def keep(side: SideStore) -> Keep:
    def put(*persons: str, content: bytes = b"content", days: int = 30) -> Kept:
        about = About("01JREQUEST", "acme", "support", days)
        sealed = side.seal("prompt", about, ORIGIN, side.keys_for(about, persons), content)
        side.put(sealed)
        return sealed.kept

    return put


def read(side: SideStore, kept: Kept) -> bytes:
    path = side.find(kept.item)
    assert path is not None
    head, content, digest = side.open(path)
    assert (head.item, digest) == (kept.item, kept.sha256)
    return content


def left_in(folder: Path, *words: bytes) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(word in path.read_bytes() + str(path).encode() for word in words)]


async def test_prompt_and_answer_are_kept(side: SideStore, room: ContentRoom) -> None:
    keeping = await room.keep(ABOUT, ["user:ana"], b"prompt")
    answer = keeping.answer(b"answer")
    room.close()

    assert (read(side, keeping.prompt), read(side, answer)) == (b"prompt", b"answer")
    assert [head.kind for _, head in side.heads()] == ["prompt", "answer"]


async def test_nothing_of_it_stands_on_the_disk_in_plain(side: SideStore, room: ContentRoom, tmp_path: Path) -> None:
    keeping = await room.keep(ABOUT, ["user:anastasia", "found:benjamin"], b"a plain prompt")
    keeping.answer(b"a plain answer")
    room.close()

    assert left_in(tmp_path, b"plain", b"anastasia", b"benjamin") == []


@pytest.mark.parametrize("call", ["fsync", "open"])
async def test_what_cannot_be_stored_is_503(
    room: ContentRoom, side: SideStore, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*arguments: object, **more: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(store.os, call, full)
    with pytest.raises(AuditUnavailable) as refused:
        await room.keep(ABOUT, ["user:ana"], b"prompt")

    assert (refused.value.code, refused.value.status) == (UNAVAILABLE, 503)


async def test_an_answer_that_cannot_be_stored_is_said(
    room: ContentRoom, side: SideStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping = await room.keep(ABOUT, [], b"prompt")

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(side, "write", full)
    assert keeping.answer(b"answer") == Kept("", "")


async def test_too_many_persons_are_refused_not_left_out(room: ContentRoom) -> None:
    with pytest.raises(AuditUnavailable):
        await room.keep(ABOUT, [f"found:{n}" for n in range(store.MOST_PERSONS + 1)], b"prompt")


async def test_a_vouched_end_user_gets_a_pseudonym_and_others_none(room: ContentRoom) -> None:
    ana = await room.recognise(CALLER, "ana")
    assert len(ana.person) == 32
    assert await room.recognise(CALLER, "ana") == ana
    assert (await room.recognise(CALLER, "ben")).person != ana.person
    assert await room.recognise(CALLER, "") == CALLER
    plain = Caller("k1", "acme", "support", (Role.APP,), "help", "berlin", "DE", "DE", "DE")
    assert await room.recognise(plain, "ana") == plain


def test_nobody_else_may_look_into_the_folders(side: SideStore, keep: Keep) -> None:
    path = side.find(keep("user:ana").item)

    assert path is not None
    places = [side.folder, path.parent, path, *side.keys.folder.rglob("*")]
    assert [each for each in places if each.stat().st_mode & 0o077 and each.name != "CACHEDIR.TAG"] == []


def test_with_a_person_erased_what_was_shared_is_gone_for_all(side: SideStore, keep: Keep) -> None:
    shared, own = keep("user:ana", "user:ben"), keep("user:ben")
    (ana,) = side.keys.of("acme", ["user:ana"])

    side.keys.destroy("acme", ana.id)

    path = side.find(shared.item)
    assert path is not None
    with pytest.raises(seal.Noise):
        side.open(path)
    assert read(side, own) == b"content"


def test_a_copy_of_the_store_is_noise_too(side: SideStore, keep: Keep, tmp_path: Path) -> None:
    kept = keep("user:ana")
    path = side.find(kept.item)
    assert path is not None
    copy = tmp_path / "backup" / path.name
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    (ana,) = side.keys.of("acme", ["user:ana"])

    assert side.open(copy)[1] == b"content"
    side.keys.destroy("acme", ana.id)
    with pytest.raises(seal.Noise):
        side.open(copy)


def test_an_exchanged_file_is_noticed(side: SideStore, keep: Keep) -> None:
    one, other = keep("user:ana"), keep("user:ana", content=b"other")
    here, there = side.find(one.item), side.find(other.item)
    assert here
    assert there
    here.write_bytes(there.read_bytes())

    with pytest.raises(seal.NotAnItem, match="another item's name"):
        side.open(here)


@pytest.mark.parametrize("item", ["", "*", "../persons", "?" * 26])
def test_what_is_no_item_is_not_found(side: SideStore, keep: Keep, item: str) -> None:
    keep()
    assert side.find(item) is None


def test_items_end_with_their_day_and_their_key_before(side: SideStore, keep: Keep, clock: Clock) -> None:
    short, long = keep(days=1), keep(days=2)
    copy = (side.find(short.item) or Path()).read_bytes()

    clock.now += timedelta(days=1, hours=11)
    assert side.prune().items == 0
    clock.now += timedelta(hours=1)
    pruned = side.prune()

    assert (pruned.items, pruned.held, pruned.keys) == (1, 0, 1)
    assert side.find(short.item) is None
    assert read(side, long) == b"content"
    back = side.folder / "2026-01-02" / short.item
    back.parent.mkdir()
    back.write_bytes(copy)
    with pytest.raises(seal.Noise):
        side.open(back)


def test_a_legal_hold_keeps_what_has_ended_until_it_is_lifted(side: SideStore, keep: Keep, clock: Clock) -> None:
    hold = side.folder.parent / "audit" / ORIGIN / "default" / "hold"
    hold.parent.mkdir(parents=True)
    hold.write_text("{}")
    kept = keep("user:ana", days=1)
    clock.now += timedelta(days=5)

    assert (side.prune().items, side.prune().held) == (0, 1)
    assert read(side, kept) == b"content"
    hold.unlink()
    assert side.prune().items == 1


def test_a_key_that_waited_goes_when_the_hold_is_lifted(side: SideStore, keep: Keep) -> None:
    hold = side.folder.parent / "audit" / ORIGIN / "default" / "hold"
    hold.parent.mkdir(parents=True)
    hold.write_text("{}")
    kept = keep("user:ana")
    (ana,) = side.keys.of("acme", ["user:ana"])
    side.keys.hold("acme", ana.id)

    side.prune()
    assert read(side, kept) == b"content"
    hold.unlink()
    assert side.prune().keys == 1
    assert side.find(kept.item) is None
    assert side.keys.by_id("acme", ana.id) is None


def test_a_destroyed_item_is_written_over_first(side: SideStore, keep: Keep, tmp_path: Path) -> None:
    path = side.find(keep("user:ana").item)
    assert path is not None
    other_name = tmp_path / "other name"
    os.link(path, other_name)
    _, end = seal.read_head(path.read_bytes())

    assert side.destroy([path]) == 1
    assert set(other_name.read_bytes()[:end]) == {0}
    assert side.destroy([path]) == 0


def test_half_made_keys_are_swept_after_a_day(side: SideStore, keep: Keep, clock: Clock) -> None:
    keep("user:ana")
    place = side.keys.folder / "acme"
    (ana,) = side.keys.of("acme", ["user:ana"])
    for path in (place / "marks").iterdir():  # killed before the name was there
        path.unlink()
    now = datetime.now(UTC)

    clock.now = now
    assert side.prune().keys == 0
    clock.now = now + timedelta(days=2)
    assert side.prune().keys == 2
    assert side.keys.by_id("acme", ana.id) is None


async def test_what_ends_is_on_record_first(side: SideStore, keep: Keep, clock: Clock) -> None:
    keep(days=1)
    book = Book(side)
    await prune(side, book, "cron")
    assert book.events == []

    clock.now += timedelta(days=3)
    await prune(side, book, "cron")

    ((kind, details, there),) = book.events
    assert (kind, there) == ("erasure.expired", 1)
    assert details == {"by": "cron", "days": ("2026-01-02",), "items": 1, "held": 0}
    assert list(side.heads()) == []


def age(side: SideStore, id_: str, days: float) -> None:
    at = datetime.now(UTC).timestamp() - days * 86_400
    os.utime(side.keys.folder / "acme" / "ids" / id_, (at, at))


def test_keys_of_persons_not_seen_for_as_long_as_records_last_go(side: SideStore, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    side = SideStore(tmp_path / "content", side.keys, tmp_path / "audit", lambda: now, unused_days=365)
    old, kept, fresh = side.keys.of("acme", ["user:old", "user:kept", "user:fresh"])
    about = About("01J", "acme", "support", 3650)
    side.put(side.seal("prompt", about, ORIGIN, side.keys_for(about, ["user:kept"]), b"x"))
    for key in (old, kept):
        age(side, key.id, 400)
    hold = tmp_path / "audit" / ORIGIN / "default" / "hold"
    hold.parent.mkdir(parents=True)
    hold.write_text("{}")

    assert side.prune().keys == 0
    hold.unlink()
    assert side.prune().keys == 1
    assert [side.keys.has("acme", key.id) for key in (old, kept, fresh)] == [False, True, True]


def test_a_key_that_is_used_is_seen(side: SideStore) -> None:
    (ana,) = side.keys.of("acme", ["user:ana"])
    assert side.keys.find("acme", "user:ana") == ana
    age(side, ana.id, 400)

    assert side.keys.find("acme", "user:ana") == ana
    path = side.keys.folder / "acme" / "ids" / ana.id
    assert datetime.now(UTC).timestamp() - path.stat().st_mtime < 60


def test_a_stored_prompt_is_on_stable_storage(side: SideStore, keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real: Callable[[int], None] = os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(store.os, "fsync", note)
    path = side.find(keep("user:ana").item)

    assert path is not None
    assert {str(path), str(path.parent), str(side.folder), str(side.folder.parent)} <= set(synced)
    assert synced.index(str(path)) < synced.index(str(path.parent))


async def test_a_prompt_is_synced_before_it_goes_and_an_answer_at_the_latest_when_the_room_closes(
    side: SideStore, room: ContentRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(side, "sync", lambda sealed: synced.append(sealed.kept.item))

    keeping = await room.keep(ABOUT, [], b"prompt")
    assert synced == [keeping.prompt.item]
    answer = keeping.answer(b"answer")
    room.close()

    assert synced == [keeping.prompt.item, answer.item]
    assert keeping.answer(b"too late") == Kept("", "")
