"""Allow-lists: what a project declared to be no personal data is dropped; never a secret, never a part of a value."""

import re
from fnmatch import translate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import SetupError
from gateway.privacy.allow import AllowList, allow_lists, protected_types
from gateway.privacy.patterns.rule import Rule
from gateway.privacy.span import Span

SECRET = Rule(name="aws", type="CLOUD_KEY", expression="x", family="secrets", score=1.0)
PHONE = Rule(name="phone", type="PHONE_NUMBER", expression="x", family="contact", score=1.0)


def kept(entries: list[str], value: str, type: str = "PHONE_NUMBER") -> bool:
    text = f"see {value} now"
    span = Span(4, 4 + len(value), type, 0.85, "pattern:phone")
    return bool(AllowList(entries, protected_types([SECRET, PHONE])).without_allowed(text, [span]))


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("info@example.com", "INFO@Example.com"),
        ("+49 841 89-0", "＋４９ ８４１  ８９－０"),
        ("4G0-*-???", "4G0-615301-AHK"),
        ("*@example.com", "press@example.com"),
        ("8K0*", "8K0"),
        ("a[1].b*", "a[1].bcd"),
    ],
)
def test_a_whole_value_that_matches_is_dropped(entry: str, value: str) -> None:
    assert not kept(["nothing else", entry], value)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("info@example.com", "xinfo@example.com"),
        ("info@example.com", "info@example.com.evil"),
        ("4G0-*-???", "4G0-615301-AH"),
        ("aab*baa", "aabaa"),
        ("a.b.c", "axbxc"),
        ("ab?ab", "abcabcab"),
        ("4711*", "4711" + "0" * 300),
    ],
)
def test_anything_else_is_kept(entry: str, value: str) -> None:
    assert kept([entry], value)


@pytest.mark.parametrize("type", ["CLOUD_KEY", "URL_CREDENTIALS"])
def test_secrets_are_never_dropped(type: str) -> None:
    assert kept(["AKIA*"], "AKIA4711", type)


@pytest.mark.parametrize("entry", ["*", "", "**?", "a*", "-*-*-"])
def test_an_entry_that_allows_almost_everything_is_refused(entry: str) -> None:
    with pytest.raises(SetupError):
        AllowList([entry], ())


def test_each_project_has_its_own_list() -> None:
    lists = allow_lists({"bodyshop": ["4711*"], "paint": []}, [PHONE])
    span = Span(0, 6, "PHONE_NUMBER", 1.0, "x")
    assert lists["bodyshop"].without_allowed("471123", [span]) == []
    assert lists["paint"].without_allowed("471123", [span]) == [span]


@given(st.text("a*?", max_size=6).map(lambda rest: "aaa" + rest), st.text("a", max_size=9).map(lambda v: "aaa" + v))
def test_globs_match_as_the_standard_librarys_do(entry: str, value: str) -> None:
    expected = re.compile(translate(entry)).match(value) is not None
    assert kept([entry], value) != expected
