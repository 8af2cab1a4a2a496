"""Numbers of care: what stands behind a label, and what does not count although it does."""

from __future__ import annotations

import pytest

from gateway.privacy.normal import normalise
from gateway.privacy.patterns.catalogue import plan
from gateway.privacy.patterns.records import is_dea_number
from gateway.privacy.patterns.scan import Patterns

TYPES = {"MEDICAL_RECORD_NUMBER", "MEDICAL_LICENSE", "ES_NSS"}


def found(text: str) -> set[tuple[str, str]]:
    text = normalise(text).text
    spans = Patterns(plan()).find([text], lambda: None)[0]
    return {(span.type, text[span.start : span.end]) for span in spans if span.type in TYPES and span.score >= 0.4}


@pytest.mark.parametrize(
    ("text", "type", "value"),
    [
        ("Paciente ingresado. NHC: 4410027.", "MEDICAL_RECORD_NUMBER", "4410027"),
        ("CIPA: nhc-441002. Alta.", "MEDICAL_RECORD_NUMBER", "441002"),
        ("Episodio: 90233117", "MEDICAL_RECORD_NUMBER", "90233117"),
        ("Historia clínica nº 771 es otra; historia: 7710442", "MEDICAL_RECORD_NUMBER", "7710442"),
        ("The chart says MRN 00817723, room 4", "MEDICAL_RECORD_NUMBER", "00817723"),
        ("Patienten-Nr.: 5512087, Fall-Nr. A-7712045", "MEDICAL_RECORD_NUMBER", "5512087"),
        ("Patienten-Nr.: 5512087, Fall-Nr. A-7712045", "MEDICAL_RECORD_NUMBER", "A-7712045"),
        ("Dossier patient n° 8812345", "MEDICAL_RECORD_NUMBER", "8812345"),
        ("診察券番号は0041277です", "MEDICAL_RECORD_NUMBER", "0041277"),
        ("住院号：20771543", "MEDICAL_RECORD_NUMBER", "20771543"),
        ("Médica: L. Soto NºCol: 28 28 10442. Informe", "MEDICAL_LICENSE", "28 28 10442"),
        ("Nº de colegiado 08-08-10442", "MEDICAL_LICENSE", "08-08-10442"),
        ("LANR: 123456601", "MEDICAL_LICENSE", "123456601"),
        ("prescriber registration BX1234563", "MEDICAL_LICENSE", "BX1234563"),
        ("NASS: 28 10442718 09. Domicilio", "ES_NSS", "28 10442718 09"),
    ],
)
def test_a_number_behind_its_label_is_found(text: str, type: str, value: str) -> None:
    assert (type, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "Historia: 12/03/2004",
        "Historia de 20000 años",
        "episodio 4 de la serie",
        "Episodio: 2004-05-06",
        "NHC 12.345,20 EUR",
        "no column 12345",
        "Medical record: see page 12",
        "prescriber registration BX1234564",
        "colegiado 12",
    ],
)
def test_what_only_looks_like_one_is_left(text: str) -> None:
    assert found(text) == set()


def test_the_check_digit_of_a_dea_number_is_one_of_ten() -> None:
    assert [digit for digit in "0123456789" if is_dea_number(f"BX123456{digit}")] == ["3"]
