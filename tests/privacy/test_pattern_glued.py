"""Values right behind their label, without a blank, as Chinese and Japanese sentences have them."""

from __future__ import annotations

import pytest

from gateway.privacy.patterns.catalogue import plan
from gateway.privacy.patterns.scan import Patterns


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Kennzeichen" + "VC 426 GF" + "を登録した。", "VC 426 GF"),
        ("license plate" + "4410 BCD" + "已录入", "4410 BCD"),
        ("IMEI" + "490154203237518" + "を登録", "490154203237518"),
        ("IBAN" + "DE02 1203 0000 0000 2020 51" + "已录入", "DE02 1203 0000 0000 2020 51"),
        ("Kreditkarte" + "4111 1111 1111 1111" + "です", "4111 1111 1111 1111"),
        ("GPS" + "48.77512, 9.18245" + "です", "48.77512, 9.18245"),
    ],
)
def test_a_value_right_behind_its_label_is_found(text: str, value: str) -> None:
    spans = Patterns(plan()).find([text], lambda: None)[0]

    assert value in {text[span.start : span.end] for span in spans if span.score >= 0.4}


@pytest.mark.parametrize("text", ["IMEI490154203237519x", "REGION4410 BCD", "PLATEAU 44", "GPS2000", "SIM4410"])
def test_what_only_begins_with_a_label_is_left(text: str) -> None:
    assert not [span for span in Patterns(plan()).find([text], lambda: None)[0] if span.score >= 0.4]


@pytest.mark.parametrize(
    "text",
    [
        "Anlagen-Nr. 015005286516, Inventar-Nr. 015005286516, Werkzeug-Nr. 01616260236",
        "Numero di inventario: 01616260236",
        "| 17026696560 |",
        "n° d'article 373 876 551",
        "伝票番号0834 7192 0182",
        "50;15392850460;4",
    ],
)
def test_a_number_of_parts_is_no_telephone_number(text: str) -> None:
    assert not [span for span in Patterns(plan()).find([text], lambda: None)[0] if span.score >= 0.4]


@pytest.mark.parametrize(
    "text", ["Prüfplan-Nr. 772260412254; Dokument-Nr. 4711/2", "Inventory no. 772260412254, document no. 7"]
)
def test_a_number_of_plans_or_things_is_no_licence(text: str) -> None:
    assert not [span for span in Patterns(plan()).find([text], lambda: None)[0] if span.score >= 0.4]
