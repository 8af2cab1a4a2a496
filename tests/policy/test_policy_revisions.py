"""Revisions on the shelf: whole or not at all, found again, the last ones kept; and what stands in force."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest
from policy_house import PolicyHouse

from gateway.errors import SetupError
from gateway.policy.life import dsse
from gateway.policy.life.in_force import differences
from gateway.policy.life.manifest import TYPE, written
from gateway.policy.life.revisions import IN_FORCE, KEPT, Revision, Revisions, open_revision

pytestmark = pytest.mark.real


async def _built(house: PolicyHouse, mark: str = "a") -> Revision:
    house.mark(mark)
    life = house.life()
    return life.revisions.get((await life.build("ana"))["revision"])


async def test_a_revision_is_found_by_id_by_its_beginning_and_by_folder(house: PolicyHouse) -> None:
    made = await _built(house)
    shelf = house.life().revisions

    assert {shelf.get(name).id for name in (made.id, made.id[:6], str(made.folder))} == {made.id}
    assert [one.id for one in shelf.list()] == [made.id]


@pytest.mark.parametrize("reference", ["abc", "none-such", "", "*", "../../keys", "ffff"])
async def test_what_is_not_there_is_told(house: PolicyHouse, reference: str) -> None:
    await _built(house)

    with pytest.raises(SetupError):
        house.life().revisions.get(reference)


async def test_built_twice_it_is_the_same_and_the_signatures_stay(house: PolicyHouse) -> None:
    first = await _built(house)
    house.person("ana", "approver")
    await house.sign(house.life(), first.id, "ana")

    again = await _built(house)

    assert again.id == first.id
    assert len(again.envelope.signatures) == 2


@pytest.mark.parametrize("change", ["table", "data", "rule", "day"])
async def test_whatever_it_is_made_from_makes_another(house: PolicyHouse, change: str) -> None:
    first = await _built(house)
    if change == "table":
        house.rules.write_text(house.rules.read_text().replace("pseudonymise", "mask"))
    elif change == "rule":
        (house.policies / "plain" / "more.rego").write_text("package rules.plain\n\nother := true\n")
    elif change == "day":
        house.now = house.now.replace(day=23)

    second = await _built(house, "b" if change == "data" else "a")

    assert second.id != first.id


@pytest.mark.parametrize("name", ["bundle.tar.gz", "rules.csv", "manifest.json"])
@pytest.mark.parametrize("harm", ["change", "cut", "remove"])
async def test_a_file_that_is_not_what_was_built_is_refused(house: PolicyHouse, name: str, harm: str) -> None:
    path = (await _built(house)).folder / name
    content = path.read_bytes()
    if harm == "remove":
        path.unlink()
    else:
        path.write_bytes(content[:-9] if harm == "cut" else content.replace(content[40:42], b"zz", 1))

    with pytest.raises(SetupError, match="no whole policy revision"):
        open_revision(path.parent)
    assert house.life().revisions.list() == []


async def test_a_revision_whose_id_is_a_path_is_none(house: PolicyHouse, tmp_path: Path) -> None:
    made = await _built(house)
    house.person("ana", "approver")
    spoilt = msgspec.structs.replace(made.manifest, revision="../../keys")
    shutil.copytree(made.folder, tmp_path / "from")
    envelope = dsse.sign(TYPE, written(spoilt), [house.keys["ana"], house.keyring.log_key()])
    (tmp_path / "from" / "manifest.json").write_bytes(dsse.write_envelope(envelope))

    with pytest.raises(SetupError, match="its revision is no 32 hex digits") as refusal:
        await house.life().take(tmp_path / "from", "ana")

    assert str(tmp_path / "from") in refusal.value.problem  # not the copy that was looked at
    assert house.settings.keys.is_dir()


async def test_another_revision_in_the_place_of_the_one_in_force_is_refused(house: PolicyHouse) -> None:
    one, other = await _built(house), await _built(house, "b")
    shelf = house.life().revisions
    shelf.put_in_force(one, "2026-11-22T09:00:00Z")
    shutil.rmtree(one.folder)
    shutil.copytree(other.folder, one.folder)

    with pytest.raises(SetupError, match="not what was activated"):
        shelf.in_force()


async def test_a_damaged_note_is_told(house: PolicyHouse) -> None:
    made = await _built(house)
    shelf = house.life().revisions
    shelf.put_in_force(made, "2026-11-22T09:00:00Z")
    (shelf.folder / IN_FORCE).write_bytes(b'{"revision":')

    with pytest.raises(SetupError, match="is damaged"):
        shelf.in_force()


async def test_the_last_ten_are_kept(house: PolicyHouse, tmp_path: Path) -> None:
    made = await _built(house)
    shelf = Revisions(tmp_path)
    names = [f"{number:032x}" for number in range(14)]
    for name in names:  # copies under other names: what is kept hangs on names alone
        folder = tmp_path / "revisions" / name
        shutil.copytree(made.folder, folder)
        renamed = open_revision(folder)
        object.__setattr__(renamed, "manifest", _renamed(renamed, name))
        shelf.put_in_force(renamed, "2026-11-22T09:00:00Z")

    note = shelf.note()
    assert note is not None
    assert [note.revision, *note.before] == names[:-11:-1]
    assert len(note.before) == KEPT - 1


def _renamed(revision: Revision, name: str) -> object:
    import msgspec

    return msgspec.structs.replace(revision.manifest, revision=name)


async def test_old_ones_that_were_never_in_force_are_dropped(house: PolicyHouse) -> None:
    made = []
    for number in range(KEPT + 2):
        house.now = house.now.replace(minute=number)
        made.append(await _built(house, f"m{number}"))
    shelf = house.life().revisions

    shelf.put_in_force(made[0], "2026-11-22T09:00:00Z")
    shelf.drop_old()

    left = {one.id for one in shelf.list()}
    assert left == {made[0].id, *(one.id for one in made[-KEPT:])}


async def test_what_differs_from_the_files_is_named(house: PolicyHouse) -> None:
    made = await _built(house)
    assert differences(house.settings, made) == []

    house.rules.write_text(house.rules.read_text().replace("pseudonymise", "mask"))
    house.mark("b")

    assert differences(house.settings, made) == ["rules.csv", "data/mark.json"]


async def test_leftovers_of_a_killed_build_are_no_revisions_and_go(house: PolicyHouse) -> None:
    left = house.settings.state / "policy" / "revisions" / ".new-killed"
    left.mkdir(parents=True)

    made = await _built(house)

    assert not left.exists()
    assert [one.id for one in house.life().revisions.list()] == [made.id]


@pytest.mark.parametrize("days", [3_000_000, 10**12])
async def test_an_end_that_no_calendar_knows_is_told(house: PolicyHouse, days: int) -> None:
    with pytest.raises(SetupError, match=r"policy\.valid_days: \d+ days end after the year 9999"):
        await house.life(settings=house.with_policy(valid_days=days)).build("ana")
