"""Rotation: on record first; for a while both count; then the old secret is gone. Old records still verify."""

from __future__ import annotations

import base64
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.log import layout
from gateway.audit.log.note import NoteError, open_signed, parse_verifier_key
from gateway.audit.log.reader import logs
from gateway.audit.verify import verify
from gateway.errors import AuditUnavailable, SetupError, Unauthenticated
from gateway.keys.generations import PURPOSES, Purpose
from gateway.keys.succession import vkey_of
from tests.keys.installation import ORIGIN, Installation

BOTH = ("default", "cross-border")


def vkeys(house: Installation) -> list[str]:
    return (house.keyring.folder / "log-vkeys").read_text().splitlines()


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_new_secret_is_in_force_and_the_old_one_counts_beside_it(house: Installation, purpose: Purpose) -> None:
    before = house.keyring.ids()

    view = house.run(house.office.rotate(purpose, "mia", timedelta(days=3)))

    until = (house.now + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert view["id"] == house.keyring.ids()[purpose] != before[purpose]
    assert view["beside"] == [{"id": before[purpose], "until": until}]
    assert {p: i for p, i in house.keyring.ids().items() if p != purpose} == {
        p: i for p, i in before.items() if p != purpose
    }


@pytest.mark.parametrize("purpose", ["pepper", "tenants"])
def test_it_is_on_record_with_the_ids_alone(house: Installation, purpose: Purpose) -> None:
    before = house.keyring.ids()[purpose]

    house.run(house.office.rotate(purpose, "mia", timedelta(days=1)))

    (said,) = house.events("key.rotated")
    assert (said["purpose"], said["by"], said["old"]) == (purpose, "mia", before)
    assert said["new"] == house.keyring.ids()[purpose]
    assert sorted(said) == ["by", "new", "old", "purpose", "since", "until"]


@pytest.mark.parametrize("purpose", PURPOSES)
def test_after_a_restart_it_is_the_same(house: Installation, purpose: Purpose) -> None:
    view = house.run(house.office.rotate(purpose, "mia"))

    house.restart()

    assert view in house.office.show()
    assert len(house.events("key.rotated")) == 1


@pytest.mark.parametrize("purpose", PURPOSES)
def test_when_the_overlap_is_over_the_old_secret_is_gone(house: Installation, purpose: Purpose) -> None:
    before, files = house.keyring.ids()[purpose], house.secret_files()
    house.run(house.office.rotate(purpose, "mia", timedelta(days=3)))
    new = set(house.secret_files()) - set(files)

    house.later(days=2)
    house.tick()
    assert house.events("key.retired") == []
    house.later(days=1)
    house.tick()

    (said,) = house.events("key.retired")
    assert (said["purpose"], said["ids"]) == (purpose, [before])
    assert house.office.show()[PURPOSES.index(purpose)]["beside"] == []
    first = {"log": "log.pem", "pepper": "pepper", "tenants": "tenants"}[purpose]
    assert first not in house.secret_files()
    assert new <= set(house.secret_files())
    house.restart()


@pytest.mark.parametrize("purpose", PURPOSES)
def test_while_an_overlap_runs_there_is_no_other_rotation(house: Installation, purpose: Purpose) -> None:
    house.run(house.office.rotate(purpose, "mia"))
    files = house.secret_files()

    with pytest.raises(SetupError, match=f"keys rotate {purpose} --end-overlap"):
        house.run(house.office.rotate(purpose, "mia"))
    assert house.secret_files() == files

    house.run(house.office.end_overlap(purpose, "mia"))
    house.run(house.office.rotate(purpose, "mia"))
    assert [each["by"] for each in house.events("key.overlap_ended")] == ["mia"]


def test_an_overlap_that_does_not_run_cannot_be_ended(house: Installation) -> None:
    with pytest.raises(SetupError, match="no overlap"):
        house.run(house.office.end_overlap("log", "mia"))


def test_no_overlap_means_that_the_old_secret_is_gone_at_once(house: Installation) -> None:
    key = house.new_api_key("ci")

    house.run(house.office.rotate("pepper", "mia", timedelta(0)))

    with pytest.raises(Unauthenticated):
        house.register.identify(f"Bearer {key}")
    assert "pepper" not in house.secret_files()


# --- the log key


def test_the_log_verifies_across_two_rotations_from_any_key_of_the_chain(house: Installation) -> None:
    for _ in range(2):
        house.book.event("model.added", by="mia")
        house.run(house.office.rotate("log", "mia", timedelta(days=1)))
        house.later(days=2)
        house.tick()
    house.stop()

    assert len(vkeys(house)) == 3
    for name in BOTH:
        for vkey in vkeys(house):
            report = verify(house.folder / "audit" / ORIGIN / name, vkey)
            assert report.ok, (name, report.problems)
    house.start()


def test_every_open_log_says_it_and_both_keys_have_signed_it(house: Installation) -> None:
    old = vkey_of(house.keyring.log_key())

    house.run(house.office.rotate("log", "mia"))

    for name in BOTH:
        (said,) = house.events("key.rotated", retention_class=name)
        assert (said["old"], said["new"]) == (old, vkey_of(house.keyring.log_key()))
        assert all(len(base64.b64decode(said[field])) == 64 for field in ("old_signs", "new_signs"))


def test_a_log_that_was_closed_says_it_when_it_is_opened(house: Installation) -> None:
    house.stop()
    house.start("muc/n/admin")
    house.book.event("model.added", by="mia")
    house.stop()
    house.start()
    house.run(house.office.rotate("log", "mia", timedelta(0)))
    house.stop()

    house.start("muc/n/admin")
    house.book.event("model.added", by="ben")
    house.stop()

    assert len(house.events("key.rotated", "muc/n/admin")) == 1
    assert verify(house.folder / "audit/muc/n/admin/default", vkeys(house)[0]).ok
    house.start()


def test_logs_that_nobody_writes_now_are_told_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    house = Installation(tmp_path)
    for origin in ("muc/n/w1", "muc/n/admin"):
        house.start(origin)
        house.book.event("model.added", by="mia")
        house.stop()
    damaged = tmp_path / "audit/muc/n/w1/default/tile/entries/000"
    damaged.write_bytes(damaged.read_bytes().replace(b"model", b"modem"))
    house.start()

    house.run(house.office.rotate("log", "mia", timedelta(0)))

    house.stop()
    newest = (house.keyring.folder / "log.vkey").read_text()
    told = {log.relative_to(tmp_path / "audit").as_posix(): verify(log, newest).ok for log in logs(tmp_path / "audit")}
    behind = {name for name, ok in told.items() if not ok}
    assert behind == {"muc/n/w1/default"}  # damaged: that is no reason to rotate nothing
    assert len(told) == 6
    assert [record.getMessage().split(" ")[0] for record in caplog.records] == ["muc/n/w1/default"]


def test_auditors_find_the_newest_key_and_the_whole_chain(house: Installation) -> None:
    first = (house.keyring.folder / "log.vkey").read_text().strip()

    house.run(house.office.rotate("log", "mia"))

    newest = (house.keyring.folder / "log.vkey").read_text().strip()
    assert vkeys(house) == [first, newest] == [first, vkey_of(house.keyring.log_key())]
    for name in ("log.vkey", "log-vkeys"):
        assert (house.keyring.folder / name).stat().st_mode & 0o777 == 0o644


def test_heads_have_two_signatures_until_the_overlap_is_over(house: Installation) -> None:
    house.run(house.office.rotate("log", "mia", timedelta(days=1)))
    house.restart()  # the key before it is opened again, too
    house.book.event("model.added", by="mia")
    house.restart()
    during = _signers_of_the_last_head(house)
    house.later(days=1)
    house.tick()
    house.book.event("model.added", by="mia")
    house.restart()

    assert during == vkeys(house)
    assert _signers_of_the_last_head(house) == vkeys(house)[1:]


def _signers_of_the_last_head(house: Installation) -> list[str]:
    house.book.close()
    raw = (house.folder / "audit" / ORIGIN / "default" / layout.HISTORY).read_bytes()
    *_, (_, note) = layout.notes(raw)
    known = {parse_verifier_key(vkey).public: vkey for vkey in vkeys(house)}
    signed = {key.public for key in open_signed(note, [parse_verifier_key(vkey) for vkey in known.values()])[1]}
    house.start()
    return [vkey for public, vkey in known.items() if public in signed]


# --- the pepper


def test_a_key_is_recognised_under_both_peppers_and_sealed_anew_when_it_is_seen(house: Installation) -> None:
    seen, unseen = house.new_api_key("seen"), house.new_api_key("unseen")
    house.run(house.office.rotate("pepper", "mia", timedelta(days=1)))
    made = house.new_api_key("made")

    assert house.register.identify(f"Bearer {seen}").key_id
    house.register.reseal()
    house.later(days=1)
    house.tick()

    for key in (seen, made):
        assert house.register.identify(f"Bearer {key}").tenant == "t"
    with pytest.raises(Unauthenticated):
        house.register.identify(f"Bearer {unseen}")


def test_a_key_that_nobody_used_is_revoked_on_record(house: Installation) -> None:
    house.new_api_key("unseen")
    house.run(house.office.rotate("pepper", "mia", timedelta(days=1)))
    house.later(days=1)
    house.tick()
    house.restart()

    (record,) = house.register.records()
    (said,) = house.events("key.retired")
    assert said["revoked"] == [record.id]
    assert record.revoked is not None


def test_keys_that_nobody_used_yet_are_named(house: Installation) -> None:
    used, _ = house.new_api_key("used"), house.new_api_key("unused")
    house.run(house.office.rotate("pepper", "mia", timedelta(days=1)))
    house.register.identify(f"Bearer {used}")

    assert house.office.show()[PURPOSES.index("pepper")]["unused"] == ["unused"]
    assert house.run(house.office.end_overlap("pepper", "mia"))["revoked"] == ["unused"]
    assert "unused" not in house.office.show()[PURPOSES.index("pepper")]


def test_a_key_seen_at_the_very_end_is_kept(house: Installation) -> None:
    key = house.new_api_key("late")
    house.run(house.office.rotate("pepper", "mia", timedelta(days=1)))
    house.later(hours=23)
    house.register.identify(f"Bearer {key}")
    house.later(hours=1)
    house.tick()  # nobody has sealed it anew yet

    assert house.register.identify(f"Bearer {key}").tenant == "t"
    assert house.events("key.retired")[0]["revoked"] == []


def test_after_its_end_the_old_pepper_counts_no_more_even_before_it_is_gone(house: Installation) -> None:
    key = house.new_api_key("late")
    house.run(house.office.rotate("pepper", "mia", timedelta(days=1)))
    house.later(days=1)

    with pytest.raises(Unauthenticated):
        house.register.identify(f"Bearer {key}")


def test_the_register_is_read_during_and_after_an_overlap(house: Installation) -> None:
    key = house.new_api_key("ci")
    house.run(house.office.rotate("pepper", "mia", timedelta(days=1)))
    house.restart()
    assert house.register.identify(f"Bearer {key}").tenant == "t"
    house.register.reseal()
    house.later(days=1)
    house.restart()

    assert house.register.identify(f"Bearer {key}").tenant == "t"


# --- the tenants' key


def test_tags_are_of_the_new_key_and_the_old_one_is_still_known(house: Installation) -> None:
    before = house.keyring.tag_key("acme")
    assert house.keyring.tag_keys("acme") == (before,)

    house.run(house.office.rotate("tenants", "mia", timedelta(days=1)))

    after = house.keyring.tag_key("acme")
    assert after != before
    assert house.keyring.tag_keys("acme") == (after, before)
    house.run(house.office.end_overlap("tenants", "mia"))
    assert house.keyring.tag_keys("acme") == (after,)


# --- what cannot be put on record does not happen


class Broken:
    """A book that cannot be written."""

    def event(self, type: str, **details: Any) -> None:
        raise AuditUnavailable

    def change_key(self, keys: object) -> None:
        raise AuditUnavailable

    async def durable(self) -> None:
        raise AuditUnavailable


@pytest.mark.parametrize("purpose", ["pepper", "tenants"])
def test_without_a_record_there_is_no_rotation(house: Installation, purpose: Purpose) -> None:
    before, files = house.keyring.ids(), house.secret_files()
    house.office._book = Broken()

    with pytest.raises(AuditUnavailable):
        house.run(house.office.rotate(purpose, "mia"))

    assert house.keyring.ids() == before
    assert [name for name in house.secret_files() if name != "generations.json"] == files
    house.restart()
    assert house.events("key.rotated") == []


def test_a_log_key_that_some_log_may_know_already_follows_as_soon_as_it_can(house: Installation) -> None:
    before, office, book = house.keyring.ids()["log"], house.office, house.office._book
    office._book = Broken()
    with pytest.raises(AuditUnavailable):
        house.run(office.rotate("log", "mia"))
    assert house.keyring.ids()["log"] == before
    assert office.show()[0]["under_way"]

    office._book = book
    house.tick()

    assert house.keyring.ids()["log"] != before
    assert len(house.events("key.rotated")) == 1


def test_an_overlap_goes_on_when_its_end_cannot_be_put_on_record(house: Installation) -> None:
    key = house.new_api_key("ci")
    house.run(house.office.rotate("pepper", "mia"))
    house.office._book = Broken()

    with pytest.raises(AuditUnavailable):
        house.run(house.office.end_overlap("pepper", "mia"))

    assert house.register.identify(f"Bearer {key}").tenant == "t"
    assert "pepper" in house.secret_files()


def test_a_head_by_the_new_key_is_bound_before_the_last_log_knows_of_it(house: Installation) -> None:
    """One log has gone over to the new key, the next one refuses: the site's heads stay bound, and nothing breaks."""
    late, change = house.book.books["cross-border"], house.book.books["cross-border"].change_key

    def refuse(keys: object) -> None:
        raise AuditUnavailable

    late.change_key = refuse  # type: ignore[method-assign]
    with pytest.raises(AuditUnavailable):
        house.run(house.office.rotate("log", "mia", timedelta(0)))
    house.book.event("model.added", by="mia")
    _until_published(house)
    assert house.book.ready()

    late.change_key = change  # type: ignore[method-assign]
    house.tick()

    assert len(vkeys(house)) == 2
    assert house.book.ready()


def _until_published(house: Installation) -> None:
    """Wait until the site's checkpoint has bound a head that the new key alone has signed."""
    newest = parse_verifier_key(house.keyring.log_keys().rotations[-1]["new"])
    published = house.folder / "audit" / ORIGIN / "default" / layout.CHECKPOINT
    bound = house.folder / "audit/muc/site-heads"
    for _ in range(200):
        try:
            size = open_signed(published.read_bytes(), [newest])[0].size
            seen = f"{ORIGIN}/default {size} " in bound.read_text()
        except (OSError, NoteError):
            seen = False
        if seen or not house.book.ready():
            return
        time.sleep(0.05)
    raise AssertionError
