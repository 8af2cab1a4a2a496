"""The form of an API key."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.identity.apikey import KEY_CHARS, is_well_formed, new_key, pepper_id, seal
from gateway.keys.files import FileKeyring


def test_new_key_has_the_announced_form() -> None:
    key = new_key()
    assert re.fullmatch(r"sk-sekisho-[a-z2-7]{38}", key)
    assert len(key) == KEY_CHARS
    assert is_well_formed(key)


def test_new_keys_differ() -> None:
    assert len({new_key() for _ in range(1000)}) == 1000


@settings(deadline=None)
@given(st.data(), st.binary(min_size=20, max_size=20))
def test_any_single_typo_is_recognised(data: st.DataObject, secret: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("secrets.token_bytes", lambda size: secret)
        key = new_key()
    place = data.draw(st.integers(0, len(key) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567-").filter(lambda c: c != key[place]))
    assert not is_well_formed(key[:place] + letter + key[place + 1 :])


@settings(deadline=None)
@given(st.text(max_size=80))
def test_no_text_makes_the_form_check_fail_with_an_error(text: str) -> None:
    assert is_well_formed(text) in {True, False}


def test_a_cut_off_key_is_recognised() -> None:
    assert not is_well_formed(new_key()[:-1])


def test_seal_depends_on_the_pepper_and_hides_the_key() -> None:
    key = new_key()
    one, other = seal(b"a" * 32, key), seal(b"b" * 32, key)
    assert one != other
    assert len(one) == 32
    assert key.encode() not in one


def test_pepper_id_is_the_one_the_keyring_gives(tmp_path: Path) -> None:
    keyring = FileKeyring(tmp_path / "keys")
    keyring.create()
    assert pepper_id(keyring.pepper()) == keyring.ids()["pepper"]
