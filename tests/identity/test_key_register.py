"""The key register: making, finding, revoking, and who is let in."""

import asyncio
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from patience import comes_true, soon

from gateway.domain import Role
from gateway.errors import BadRequest, RouteNotFound, SekishoError, SetupError, Unauthenticated, Unavailable
from gateway.identity import keys as keys_module
from gateway.identity.keys import KeyRegister
from gateway.identity.record import NewKey, public_view
from gateway.settings import SiteSettings

PEPPER = b"\x01" * 32
SITE = SiteSettings(name="ingolstadt", node="n1", jurisdiction="DE")
WISH = NewKey(name="ci", tenant="bodyshop")


class Calendar:
    """A wall clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def refusal(register: KeyRegister, key: str) -> type[SekishoError] | None:
    """Return why a key is not let in, ``None`` when it is."""
    try:
        register.identify(f"Bearer {key}")
    except SekishoError as error:
        return type(error)
    return None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "keys.json"


@pytest.fixture
def register(path: Path) -> KeyRegister:
    return KeyRegister(path, PEPPER, SITE)


def test_a_new_key_lets_its_caller_in_at_once(register: KeyRegister) -> None:
    record, key = register.create(NewKey(name="ci", tenant="bodyshop", project="welding", roles=(Role.APP, Role.USER)))
    caller = register.identify(f"Bearer {key}")
    assert (caller.key_id, caller.tenant, caller.project) == (record.id, "bodyshop", "welding")
    assert caller.roles == (Role.APP, Role.USER)


def test_a_caller_has_the_sites_jurisdiction_unless_the_key_says_otherwise(register: KeyRegister) -> None:
    _, plain = register.create(WISH)
    _, other = register.create(NewKey(name="cn", tenant="t", collected_in="CN", access_from="JP"))
    first, second = register.identify(f"Bearer {plain}"), register.identify(f"Bearer {other}")
    assert (first.site, first.jurisdiction, first.collected_in, first.access_from) == ("ingolstadt", "DE", "DE", "DE")
    assert (second.jurisdiction, second.collected_in, second.access_from) == ("DE", "CN", "JP")


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER  {}", "Bearer {} "])
def test_the_scheme_is_read_without_regard_to_case(register: KeyRegister, form: str) -> None:
    record, key = register.create(WISH)
    assert register.identify(form.format(key)).key_id == record.id


@pytest.mark.parametrize(
    "form", [None, "", "Bearer", "Bearer ", "{}", "Basic {}", "Bearer x{}", "Bearer {}x", "Bearer é"]
)
def test_anything_else_is_refused(register: KeyRegister, form: str | None) -> None:
    _, key = register.create(WISH)
    with pytest.raises(Unauthenticated):
        register.identify(form.format(key) if form else form)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_header_is_an_error_of_ours(header: str) -> None:
    register = KeyRegister(Path("/nonexistent/keys.json"), PEPPER, SITE)
    with pytest.raises(Unauthenticated):
        register.identify(header)


def test_wrong_revoked_and_expired_keys_get_the_same_answer(path: Path) -> None:
    calendar = Calendar()
    register = KeyRegister(path, PEPPER, SITE, calendar)
    revoked, revoked_key = register.create(WISH)
    register.revoke(revoked.id)
    _, expired_key = register.create(NewKey(name="old", tenant="t", expires=calendar.now + timedelta(days=1)))
    assert register.identify(f"Bearer {expired_key}")
    calendar.now += timedelta(days=1)
    said = set()
    for header in (None, "Bearer sk-sekisho-" + "a" * 38, f"Bearer {revoked_key}", f"Bearer {expired_key}"):
        with pytest.raises(Unauthenticated) as refusal:
            register.identify(header)
        said.add((refusal.value.code, refusal.value.message))
    assert len(said) == 1


def test_the_file_holds_an_hmac_and_never_the_key(register: KeyRegister, path: Path) -> None:
    _, key = register.create(WISH)
    text = path.read_text()
    assert key[len("sk-sekisho-") :] not in text
    assert json.loads(text)["keys"][0]["seal"] == hmac.digest(PEPPER, key.encode(), "sha256").hex()
    assert path.stat().st_mode & 0o777 == 0o600


def test_keys_and_revocations_survive_a_restart(register: KeyRegister, path: Path) -> None:
    _, kept = register.create(WISH)
    gone, lost = register.create(NewKey(name="gone", tenant="t"))
    register.revoke(gone.id)
    again = KeyRegister(path, PEPPER, SITE)
    assert again.identify(f"Bearer {kept}").tenant == "bodyshop"
    with pytest.raises(Unauthenticated):
        again.identify(f"Bearer {lost}")


def test_a_draft_does_not_work_until_it_is_added(register: KeyRegister) -> None:
    record, key = register.draft(WISH)
    with pytest.raises(Unauthenticated):
        register.identify(f"Bearer {key}")
    register.add(record)
    assert register.identify(f"Bearer {key}")


def test_a_key_that_cannot_be_stored_does_not_work(register: KeyRegister, path: Path) -> None:
    record, key = register.draft(WISH)
    path.parent.parent.joinpath("state").write_text("a file where the folder should be")
    with pytest.raises(SetupError):
        register.add(record)
    with pytest.raises(Unauthenticated):
        register.identify(f"Bearer {key}")


def test_two_live_keys_may_not_share_a_name(register: KeyRegister) -> None:
    first, _ = register.create(WISH)
    with pytest.raises(BadRequest) as refusal:
        register.create(WISH)
    assert refusal.value.code == "identity.key_name_taken"
    register.revoke(first.id)
    assert register.create(WISH)


def test_a_key_is_found_by_id_and_by_name_the_live_one_first(register: KeyRegister) -> None:
    first, _ = register.create(WISH)
    register.revoke(first.id)
    second, _ = register.create(WISH)
    assert register.find("ci").id == second.id
    assert register.find(first.id).id == first.id
    with pytest.raises(RouteNotFound):
        register.find("nobody")


def test_revoking_twice_keeps_the_first_time(path: Path) -> None:
    calendar = Calendar()
    register = KeyRegister(path, PEPPER, SITE, calendar)
    record, _ = register.create(WISH)
    first = register.revoke(record.id)
    calendar.now += timedelta(hours=1)
    assert register.revoke(record.id).revoked == first.revoked


def test_an_expiry_in_the_past_is_refused(register: KeyRegister) -> None:
    with pytest.raises(BadRequest) as refusal:
        register.create(NewKey(name="late", tenant="t", expires=datetime(2020, 1, 1, tzinfo=UTC)))
    assert refusal.value.code == "identity.key_expiry_past"


def test_another_pepper_is_noticed_at_start(register: KeyRegister, path: Path) -> None:
    register.create(WISH)
    with pytest.raises(SetupError, match="another pepper"):
        KeyRegister(path, b"\x02" * 32, SITE)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"pepper": "x", "surprise": 1}'])
def test_a_damaged_file_is_named(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(SetupError, match="damaged"):
        KeyRegister(path, PEPPER, SITE)


def test_what_people_see_of_a_key_has_no_seal(register: KeyRegister) -> None:
    record, key = register.create(WISH)
    view = public_view(record, datetime.now(UTC))
    assert view["state"] == "live"
    assert view["last4"] == key[-4:]
    assert record.seal not in json.dumps(view)


async def test_a_change_by_another_process_takes_effect_within_a_second(register: KeyRegister, path: Path) -> None:
    record, key = register.create(WISH)
    watching = asyncio.ensure_future(register.watch())
    KeyRegister(path, PEPPER, SITE).revoke(record.id)
    assert await comes_true(keys_module.WATCH_SECONDS + 0.4, lambda: refusal(register, key) is Unauthenticated)
    watching.cancel()


async def test_a_file_that_turns_unreadable_lets_nobody_in_until_it_is_back(
    register: KeyRegister, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "WATCH_SECONDS", 0.01)
    _, key = register.create(WISH)
    good = path.read_bytes()  # noqa: ASYNC240
    path.write_bytes(b"{")  # noqa: ASYNC240
    watching = asyncio.ensure_future(register.watch())
    await soon(lambda: refusal(register, key) is Unavailable)
    path.write_bytes(good)  # noqa: ASYNC240
    await soon(lambda: refusal(register, key) is None)
    watching.cancel()


async def test_a_register_that_is_no_longer_looked_at_lets_nobody_in(
    register: KeyRegister, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "STALE_SECONDS", 2.0)
    _, key = register.create(WISH)
    watching = asyncio.ensure_future(register.watch())
    await asyncio.sleep(0.02)
    assert register.identify(f"Bearer {key}")
    watching.cancel()
    await soon(lambda: refusal(register, key) is Unavailable)
