"""Numbers of papers right behind what the seven languages call them, and what is called otherwise."""

from __future__ import annotations

import pytest

from gateway.privacy.normal import normalise
from gateway.privacy.patterns.papers import RULES
from gateway.privacy.patterns.scan import Patterns, Plan


@pytest.fixture(scope="module")
def patterns() -> Patterns:
    return Patterns(Plan(RULES))


def found(patterns: Patterns, text: str) -> list[str]:
    normal = normalise(text).text
    return sorted({normal[span.start : span.end] for span in patterns.find([normal], lambda: None)[0]})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Personalausweis-Nr.: L01 X00 T47", "L01 X00 T47"),
        ("Ausweisnummer lautet L01X00T471", "L01X00T471"),
        ("identity card no. L01X00T47", "L01X00T47"),
        ("carte d'identité n° 880692310285", "880692310285"),
        ("CARTA D'IDENTITÀ N. CA12345AB", "CA12345AB"),
        ("documento de identidad: 20417204", "20417204"),
        ("身分証番号：L01X00T47", "L01X00T47"),
        ("证件号码为L01X00T47", "L01X00T47"),
        ("document no. L01X00T47", "L01X00T47"),
        ("Führerschein: B072RRE2I55", "B072RRE2I55"),
        ("permis de conduire n° 990475100123", "990475100123"),
        ("運転免許証 第3012-3456-7810号", "3012-3456-7810"),
        ("免許証番号は301234567810です", "301234567810"),
        ("驾驶证号 301234567810", "301234567810"),
        ("Versichertennummer 108310440", "108310440"),
        ("numéro d'assuré : 2041720417", "2041720417"),
        ("健康保険証 記号・番号 1234・567", "1234・567"),
        ("医保卡号：204172041", "204172041"),
    ],
)
def test_finds_the_number_behind_its_paper(patterns: Patterns, text: str, number: str) -> None:
    assert found(patterns, text) == [number]


@pytest.mark.parametrize(
    "text",
    [
        "Dokument-Nr. QM-20417",
        "document no. LX2041720",
        "Ausweiskopie 20417",
        "20417 (Ausweiskopie)",
        "Lizenznummer 301234567810",
        "license no. B072RRE2I55",
        "numero documento 20417204",
        "Führungsschiene 204172041",
        "Versicherung der Ladung 204172041",
        "品番 301234567810",
        "证明 20417",
        "carte électronique n° 880692310285",
        "permis de feu n° 204172",
    ],
)
def test_leaves_what_is_called_otherwise(patterns: Patterns, text: str) -> None:
    assert found(patterns, text) == []
