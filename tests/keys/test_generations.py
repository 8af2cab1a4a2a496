"""The file that says which secrets count: refused when damaged, and never a reason to destroy what it does not name."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import SetupError
from gateway.keys import generations
from gateway.keys.files import FileKeyring
from gateway.keys.generations import PURPOSES, Generation, Generations, Pending, Purpose
from tests.keys.installation import Installation

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def damaged(content: dict[str, object]) -> list[dict[str, object]]:
    first = content["pepper"][0]  # type: ignore[index]
    return [
        {},
        {**content, "version": "sekisho.key-generations/2"},
        {**content, "more": 1},
        {**content, "pepper": []},
        {**content, "pepper": [first]},  # nothing is in force
        {**content, "log": [{"file": "log.pem", "until": "yesterday"}]},
    ]


@pytest.mark.parametrize("number", range(6))
def test_a_damaged_file_is_refused_by_name(house: Installation, number: int) -> None:
    house.run(house.office.rotate("pepper", "mia"))
    path = house.keyring.folder / generations.FILE
    path.write_text(json.dumps(damaged(json.loads(path.read_text()))[number]))

    with pytest.raises(SetupError, match=r"generations\.json is damaged"):
        FileKeyring(house.keyring.folder).check()


def test_what_it_does_not_name_is_left_alone(house: Installation) -> None:
    """An older generations.json from a backup, beside newer secrets: nothing of them may be lost."""
    house.run(house.office.rotate("pepper", "mia"))
    before = (house.keyring.folder / generations.FILE).read_bytes()
    house.run(house.office.end_overlap("pepper", "mia"))
    house.run(house.office.rotate("pepper", "mia"))
    secrets = [name for name in house.secret_files() if name.startswith("pepper-")]
    house.stop()
    (house.keyring.folder / generations.FILE).write_bytes(before)

    with pytest.raises(SetupError, match="no key file"):
        house.start()

    assert [name for name in house.secret_files() if name.startswith("pepper-")] == secrets


def test_set_up_again_makes_no_secret_that_was_retired(house: Installation) -> None:
    for purpose in PURPOSES:
        house.run(house.office.rotate(purpose, "mia", timedelta(0)))
    files, ids = house.secret_files(), house.keyring.ids()

    FileKeyring(house.keyring.folder).create()

    assert house.secret_files() == files
    assert FileKeyring(house.keyring.folder).ids() == ids


def rotated(known: Generations, purpose: Purpose, file: str, until: datetime) -> Generations:
    return known.drafting(file).decided(Pending(purpose, file, NOW, until, {"file": file})).carried_out()


@given(st.lists(st.tuples(st.sampled_from(PURPOSES), st.integers(0, 48)), max_size=12), st.integers(0, 72))
def test_exactly_one_is_in_force_and_no_secret_is_forgotten_while_it_counts(
    rotations: list[tuple[Purpose, int]], hours: int
) -> None:
    known, now = Generations(log=(Generation("log.pem"),)), NOW + timedelta(hours=hours)
    for number, (purpose, lasting) in enumerate(rotations):
        known = rotated(known, purpose, f"{purpose}-{number}", NOW + timedelta(hours=lasting))
    for purpose in PURPOSES:
        counting, over = known.counting(purpose, now), known.over(purpose, now)

        assert counting[0] == known.newest(purpose)
        assert sorted(g.file for g in (*counting, *over)) == sorted(g.file for g in known.of(purpose))
        after = known.without(purpose, over)
        assert {g.file for g in after.of(purpose)} == {g.file for g in counting}
        assert set(after.leftover) - set(known.leftover) == {g.file for g in over}
        assert after.ended(purpose, now).counting(purpose, now) == (known.newest(purpose),)
    assert [r["file"] for r in known.rotations] == [f"log-{n}" for n, (p, _) in enumerate(rotations) if p == "log"]


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    known = rotated(Generations(log=(Generation("log.pem"),)), "log", "log-1.pem", NOW)
    known = known.drafting("pepper-1").decided(Pending("pepper", "pepper-2", NOW, NOW, {"by": "mia"}))
    tmp_path.chmod(0o700)

    generations.write(tmp_path, known)

    assert generations.read(tmp_path, "log.pem") == known
