from __future__ import annotations

import re

import pytest

from gateway.privacy.tags import canonical, core, mask, scope_key, tag_type

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("type", "one", "other"),
    [
        ("PERSON", "Ada  Lovelace", "ADA\nLOVELACE"),
        ("PERSON", "Ａｄａ", "ada"),
        ("PERSON", "Strauß", "STRAUSS"),
        ("PHONE_NUMBER", "+49 841 / 12-34", "+498411234"),
        ("IBAN_CODE", "DE89 3704 0044 0532 0130 00", "de89370400440532013000"),
        ("CREDIT_CARD", "4111-1111-1111-1111", "4111 1111 1111 1111"),
    ],
)
def test_spellings_of_a_value_are_equal(type: str, one: str, other: str) -> None:
    assert canonical(type, one) == canonical(type, other)


@pytest.mark.parametrize(
    ("type", "one", "other"),
    [("PERSON", "Ada", "Eda"), ("PHONE_NUMBER", "+49 841", "49 841"), ("URL", "http://a/b", "http://ab")],
)
def test_different_values_stay_different(type: str, one: str, other: str) -> None:
    assert canonical(type, one) != canonical(type, other)


def test_a_core_is_16_characters_of_crockfords_alphabet() -> None:
    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{16}", core(KEY, "PERSON", str(number))) for number in range(200))


def test_a_core_depends_on_key_type_and_value_and_on_where_they_are_parted() -> None:
    cores = {
        core(KEY, "A", "b"),
        core(KEY, "B", "b"),
        core(KEY, "A", "c"),
        core(b"x" * 32, "A", "b"),
        core(KEY, "Ab", ""),
    }

    assert len(cores) == 5


def test_scopes_have_keys_of_their_own() -> None:
    keys = {scope_key(KEY, "project", "a"), scope_key(KEY, "request", "a"), scope_key(KEY, "project", "b")}

    assert len(keys) == 3


@pytest.mark.parametrize(
    ("type", "expected"), [("PERSON", "PERSON"), ("x-badge id", "X_BADGE_ID"), ("", "VALUE"), ("A" * 90, "A" * 32)]
)
def test_a_type_in_a_tag_is_an_identifier(type: str, expected: str) -> None:
    assert tag_type(type) == expected
    assert mask(type) == f"<{expected}>"
