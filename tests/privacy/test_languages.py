"""Which languages a text is in, or partly in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.languages import LANGUAGES, languages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The line stopped and the operator was not there.", {"en"}),
        ("Die Anlage ist seit gestern nicht in Betrieb.", {"de"}),
        ("La machine est en panne et nous sommes dans l'atelier.", {"fr"}),
        ("La macchina è ferma e non sono nello stabilimento.", {"it"}),
        ("La máquina está parada y no se puede arrancar por el fallo.", {"es"}),
        ("生産ラインが停止しました。", {"ja"}),
        ("生产线已经停止，请尽快处理。", {"zh"}),
        ("Bitte prüfen Sie den Bericht und die Teile: 納期は来週です。", {"de", "ja"}),
        ("Please check the report and send it to us. 请尽快处理这个订单。", {"en", "zh"}),
        ("会議は東京です。\n请联系欧阳文博处理订单", {"ja", "zh"}),
        ("氏名　鈴木　花子　生年月日　昭和58年4月12日", {"ja"}),
        ("Il sig. Esposito abita in via Garibaldi, all'interno 12.", {"it"}),
        ("L'atelier n’a pas l'outil qu'il faut.", {"fr"}),
        ("It's the operator's fault, isn't it?", {"en"}),
        ("x = 12; y[3] += 0x7f", set()),
        ("ghp_16d7l42c292n6912s7710c838347j", set()),
        ("9fceb02d0ae598e95dc970b74767f19372d61af8 00:1c:2b:3d:4d:5e", set()),
        ("le_type = la_valeur_2", set()),
        ("", set()),
    ],
)
def test_languages_are_those_the_text_is_written_in(text: str, expected: set[str]) -> None:
    assert set(languages(text)) == expected


def test_strongest_language_comes_first() -> None:
    assert languages("Der Bericht ist nicht da. " * 9 + "The report is not there and it was late.")[0] == "de"


@given(st.text())
def test_languages_are_known_ones(text: str) -> None:
    assert set(languages(text)) <= set(LANGUAGES)
