"""Values of vehicles and plants in full width, glued to kanji, with invisible characters."""

from __future__ import annotations

import pytest

from gateway.privacy.normal import normalise
from gateway.privacy.patterns import devices, marks, plant, plates, positions, secrets, vehicles
from gateway.privacy.patterns.scan import Patterns, Plan

FAMILIES = (vehicles, plates, positions, devices, plant, secrets, marks)
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}

VALUES = [
    ("WVWZZZ1KZAW471147", "VIN"),
    ("M-XY 4711", "LICENSE_PLATE"),
    ("FX-471-GP", "LICENSE_PLATE"),
    ("沪A47G11", "LICENSE_PLATE"),
    ("品川330さ47-11", "LICENSE_PLATE"),
    ("48.471147, 11.147471", "GPS_COORDINATE"),
    ("354711471147110", "IMEI"),
    ("8949147114711471147", "ICCID"),
    ("TLP:AMBER", "CLASSIFICATION_MARK"),
    ("VS-NfD", "CLASSIFICATION_MARK"),
]


@pytest.fixture(scope="module")
def patterns() -> Patterns:
    return Patterns(Plan(rule for family in FAMILIES for rule in family.RULES))


def found(patterns: Patterns, text: str) -> set[tuple[str, str]]:
    normal = normalise(text).text
    return {(normal[span.start : span.end], span.type) for span in patterns.find([normal], lambda: None)[0]}


@pytest.mark.parametrize(("value", "type"), VALUES)
def test_full_width_is_found(patterns: Patterns, value: str, type: str) -> None:
    assert (value, type) in found(patterns, value.translate(FULL_WIDTH))


@pytest.mark.parametrize(("value", "type"), VALUES)
def test_glued_to_kanji_and_kana_is_found(patterns: Patterns, value: str, type: str) -> None:
    assert (value, type) in found(patterns, f"対象は{value}です。")


@pytest.mark.parametrize(("value", "type"), VALUES)
def test_invisible_characters_hide_nothing(patterns: Patterns, value: str, type: str) -> None:
    assert (value, type) in found(patterns, value[:3] + "\u200b" + value[3:5] + "\u00ad" + value[5:])


@pytest.mark.parametrize(
    ("text", "value", "type"),
    [
        ("車台番号：ＺＶＷ３０－０４７１１４７", "ZVW30-0471147", "VIN"),
        ("社員番号：Ａ－４７１１", "A-4711", "EMPLOYEE_ID"),
        ("パスワード：Ｗｅｒｋ７ｔｏｒ", "Werk7tor", "PASSWORD"),
        ("緯度：３５．４７１１　経度：１３９．４７１１", "139.4711", "GPS_COORDINATE"),
        ("48º28'16\"N 11º08'50\"E", "48o28'16\"N 11o08'50\"E", "GPS_COORDINATE"),
        ("nº de empleado: 47114", "47114", "EMPLOYEE_ID"),
        ("機密区分：社外秘", "社外秘", "CLASSIFICATION_MARK"),
        ("㊙ 試作車", "秘", "CLASSIFICATION_MARK"),
        ("48°28′16″N 11°08′50″E", "48°28′16′′N 11°08′50′′E", "GPS_COORDINATE"),
    ],
)
def test_labels_in_full_width_name_what_they_name(patterns: Patterns, text: str, value: str, type: str) -> None:
    assert (value, type) in found(patterns, text)
