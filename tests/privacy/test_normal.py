"""What normalising changes, and that every place leads back."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.normal import normalise

HARD = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "a1 &;#x\\u%40%20%C3%BCnп аЕ\u0301\u3099カﾊﾟー０＠㍿ﬁ\u200b\u00ad\ufdfa①②③²\u2011\U000e0041\ud800ΑΟ"
        ),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Ｔｅｌ：０３ー１２３４", "Tel:03-1234"),
        ("ﾊﾟﾅｿﾆｯｸ", "パナソニック"),
        ("te\u200bst\u00ad@\u2060x\ufeff.example", "test@x.example"),
        ("cafe\u0301", "café"),
        ("1234\u00a05678\u30009012", "1234 5678 9012"),
        ("12\u20113456\u22127", "12-3456-7"),
        ("٣٤٥ ۶۷ १२", "345 67 12"),
        ("pаypаl", "paypal"),
        ("А123ВС", "A123BC"),
        ("jоe@mаil.ехample", "joe@mail.example"),
        ("joe&#64;mail&period;example &amp;", "joe@mail.example &"),
        ("joe%40mail.example", "joe@mail.example"),
        ("n=Ute%20M%C3%BCller&tel=%2B49%2030", "n=Ute Müller&tel=+49 30"),
        ("%E5%B1%B1%E7%94%B0%E3%81%AE", "山田の"),
        ("Tel%3A%20030", "Tel: 030"),
        ("%F0%9F%98%80", "😀"),
        ("\\u5c71\\u7530 \\ud83d\\ude00", "山田 😀"),
        ("Tel:\\n0841", "Tel:\n0841"),
        ("①②③", "123"),
        ("\ud800", "\ufffd"),
    ],
)
def test_what_is_written_otherwise_reads_alike(written: str, read: str) -> None:
    assert normalise(written).text == read


@pytest.mark.parametrize(
    "text",
    [
        "Привет, мир",
        "5км",
        "Αθήνα",
        "①090-1234",
        "m²",
        "カー",
        "データ",
        "C:\\new",
        "100 %40",
        "100%20 of",
        "5%2B",
        "%E5%B1",
        "a 20% 2,5",
        "a & b",
        "山田太郎",
        "\ufdfa",
    ],
)
def test_what_is_meant_so_stays(text: str) -> None:
    assert normalise(text).text == text


@given(st.text(st.characters(max_codepoint=127, exclude_characters="&\\%")))
def test_ascii_is_untouched(text: str) -> None:
    normal = normalise(text)

    assert normal.text is text
    assert not normal.moved


@given(HARD)
def test_every_character_has_a_place_in_the_original_and_places_never_go_back(text: str) -> None:
    normal = normalise(text)
    places = [normal.original(at, at + 1) for at in range(len(normal.text))]

    assert all(0 <= start < end <= len(text) for start, end in places)
    assert places == sorted(places)
    assert [end for _, end in places] == sorted(end for _, end in places)


@given(HARD)
def test_the_whole_of_a_part_reads_as_the_part_does(text: str) -> None:
    normal = normalise("x " + text + " y")
    start, end = normal.original(0, len(normal.text))

    assert (start, end) == (0, len(text) + 4)


@given(HARD, st.integers(0, 60), st.integers(1, 20))
def test_a_span_is_as_wide_as_its_characters_together(text: str, start: int, length: int) -> None:
    normal = normalise(text)
    end = min(start + length, len(normal.text))
    if start >= end:
        return

    assert normal.original(start, end) == (normal.original(start, start + 1)[0], normal.original(end - 1, end)[1])


@given(HARD)
def test_characters_that_stand_for_one_lead_back_to_all_of_it(text: str) -> None:
    normal = normalise(text + "&#64;")

    assert normal.text.endswith("@")
    assert normal.original(len(normal.text) - 1, len(normal.text)) == (len(text), len(text) + 5)


@pytest.mark.parametrize(
    "unit", ["\ufdfa", "a" + "\u0301" * 99, "㌀", "&amp;", "e\u0301", "\\u0041", "&", "а1", "a\u200b"]
)
def test_no_text_explodes(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    before = time.process_time()

    normal = normalise(text)

    assert len(normal.text) <= 6 * len(text)
    assert time.process_time() - before < 2
