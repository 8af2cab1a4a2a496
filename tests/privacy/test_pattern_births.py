"""Dates of birth: beside a word for being born, in seven languages; dates alone never."""

from __future__ import annotations

import pytest

from gateway.privacy.normal import normalise
from gateway.privacy.patterns.catalogue import plan
from gateway.privacy.patterns.scan import Patterns


def births(text: str) -> list[str]:
    text = normalise(text).text
    spans = Patterns(plan()).find([text], lambda: None)[0]
    return [text[span.start : span.end] for span in spans if span.type == "DATE_OF_BIRTH"]


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("geboren am 12.03.1985 in Ulm", "12.03.1985"),
        ("Geburtsdatum: 12. März 1985", "12. März 1985"),
        ("geb. 1985-03-12", "1985-03-12"),
        ("der am 12.03.1985 geborene", "12.03.1985"),
        ("(*12.03.1985)", "12.03.1985"),
        ("née le 12 mars 1985", "12 mars 1985"),
        ("date de naissance : 12/03/1985", "12/03/1985"),
        ("nato a Torino il 12/03/1985", "12/03/1985"),
        ("data di nascita: 12 marzo 1985", "12 marzo 1985"),
        ("nacida el 12 de marzo de 1985", "12 de marzo de 1985"),
        ("Fecha de nacimiento: 12-03-1985", "12-03-1985"),
        ("born March 12, 1985", "March 12, 1985"),
        ("DOB: 03/12/85", "03/12/85"),
        ('{"date_of_birth": "1985-03-12"}', "1985-03-12"),
        ("she was born on 12th March 1985", "12th March 1985"),
        ("生年月日:昭和60年3月12日", "昭和60年3月12日"),
        ("1985年3月12日生まれ", "1985年3月12日"),
        ("平成2年4月1日生の社員", "平成2年4月1日"),
        ("出生日期:1985年3月12日", "1985年3月12日"),
        ("他生于1985年3月12日", "1985年3月12日"),
    ],
)
def test_date_of_birth_is_found_without_its_word(text: str, date: str) -> None:
    assert date in births(text)


@pytest.mark.parametrize(
    "text",
    [
        "released on 12.03.1985",
        "Lieferdatum 12.03.2025",
        "2025-03-12 ERROR newborn process started",
        "2025年3月12日生産開始",
        "生産日2025年3月12日",
        "born in a plant with 12 lines",
        "a stubborn 12/03/2025",
        "発生日:2025年3月12日",
    ],
)
def test_other_date_is_left_alone(text: str) -> None:
    assert births(text) == []
