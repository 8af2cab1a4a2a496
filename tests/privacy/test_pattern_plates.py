"""Number plates of seven countries, and the part numbers that resemble them."""

from __future__ import annotations

import pytest

from gateway.privacy.patterns.offices import GERMAN_DISTRICTS, JAPANESE_OFFICES
from gateway.privacy.patterns.plates import RULES
from gateway.privacy.patterns.scan import Patterns, Plan


@pytest.fixture(scope="module")
def patterns() -> Patterns:
    return Patterns(Plan(RULES))


def found(patterns: Patterns, text: str) -> list[str]:
    """Return the longest matches."""
    spans = patterns.find([text], lambda: None)[0]
    values = {text[span.start : span.end] for span in spans}
    return sorted(value for value in values if not any(value != other and value in other for other in values))


@pytest.mark.parametrize(
    ("text", "plate"),
    [
        ("M-XY 4711 stand vor Tor 3", "M-XY 4711"),
        ("S-GP 471E", "S-GP 471E"),
        ("Saison: HD-XY 471 04-10", "HD-XY 471 04-10"),
        ("Kennzeichen WÜ XY 47", "WÜ XY 47"),
        ("Kennzeichen: HH-06471", "HH-06471"),
        ("Dienstwagen M-XY4711", "M-XY4711"),
        ("Kennzeichen: m-xy 4711", "m-xy 4711"),
        ("amtl. Kennzeichen M - XY 4711 E", "M - XY 4711 E"),
        ("Kfz-Kz. M-XY-4711", "M-XY-4711"),
        ("plate MXY4711", "MXY4711"),
        ("targa gp471xv", "gp471xv"),
        ("Erprobungsträger M XY471E", "M XY471E"),
        ("FX-471-GP", "FX-471-GP"),
        ("véhicule immatriculé FX 471 GP", "FX 471 GP"),
        ("immatriculation 471 GPX 75", "471 GPX 75"),
        ("targa GP 471XV", "GP 471XV"),
        ("vettura GP471XV in officina", "GP471XV"),
        ("matrícula 4711 GPX", "4711 GPX"),
        ("el coche 4711-GPX", "4711-GPX"),
        ("matrícula M-4711-GP", "M-4711-GP"),
        ("品川330さ47-11", "品川330さ47-11"),
        ("車両は尾張小牧 500 あ ・・12です", "尾張小牧 500 あ ・・12"),
        ("なにわ 33A わ 4711", "なにわ 33A わ 4711"),
        ("車両番号とちぎ581く・471", "とちぎ581く・471"),
        ("车牌沪A·47G11", "沪A·47G11"),
        ("车牌号京A47115的司机", "京A47115"),
        ("粤BD47114", "粤BD47114"),
        ("苏E47114D", "苏E47114D"),
        ("京A4711警", "京A4711警"),
        ("粤Z4711港", "粤Z4711港"),
        ("使471114", "使471114"),
        ("van GP17 XYZ at gate 3", "GP17 XYZ"),
        ("registration P471 GPX", "P471 GPX"),
        ("registration GPX 471P", "GPX 471P"),
        ("number plate: GPX 471", "GPX 471"),
    ],
)
def test_finds_a_plate(patterns: Patterns, text: str, plate: str) -> None:
    assert found(patterns, text) == [plate]


@pytest.mark.parametrize(
    "text",
    [
        "DIN-EN 1234 und EN-AW 6082, PE-HD 100",
        "QX-AB 471",  # no district
        "Kennzeichen: qx-ab 471",
        "Kennzeichen der Norm 4711",
        "plateau 44",
        "M-XY 0471",  # no leading zero
        "Teilenummer M-XY 4711",
        "HH-XY 12345",
        "A-M-XY 4711-B",
        "part no AB-123-CD",
        "FX-471-GP-02",  # a piece of a longer code
        "SS-471-GP",
        "FI-471-GP",  # an I
        "GP 471 XV",
        "4711 GPX",
        "vehicle at 3000 RPM, 1500 MHZ",
        "matrícula 4711 AEI",
        "山田500あ47-11",  # no office
        "品川300あ00-00",
        "品川500人",
        "最新A12345版",
        "京ABCDEF",
        "京I47114",
        "GP17 XYZ",
        "van GP47 XYZ",  # no such age identifier
        "P471 GPX",
        "5Q0 615 301 F",
    ],
)
def test_leaves_what_only_looks_like_a_plate(patterns: Patterns, text: str) -> None:
    assert found(patterns, text) == []


def test_tables_hold_what_the_law_lists() -> None:
    assert {"B", "M", "HH", "WÜ", "SÜW", "ZZ"} <= GERMAN_DISTRICTS
    assert not {"QX", "SS", "SA", "HJ", "KZ", "NS"} & GERMAN_DISTRICTS
    assert {"品川", "尾張小牧", "いわき", "袖ヶ浦"} <= JAPANESE_OFFICES


def test_says_which_country_a_plate_points_to() -> None:
    countries = {rule.jurisdiction for rule in RULES}
    assert {"DE", "FR", "IT", "ES", "JP", "CN", "GB"} <= countries
    assert {rule.type for rule in RULES} == {"LICENSE_PLATE"}
