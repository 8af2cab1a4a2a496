"""Numbers of people at work behind the nouns of seven languages, and the numbers of things that look alike."""

from __future__ import annotations

import pytest

from gateway.privacy.normal import normalise
from gateway.privacy.patterns.plant import RULES
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
        ("Mitarb.-Nr.: 20417", "20417"),
        ("MA-Nr. K-20417", "K-20417"),
        ("Bediener-ID = 20417", "20417"),
        ("Personalnummer (SAP): 00020417", "00020417"),
        ("Die Personalnummer lautet 20417.", "20417"),
        ("Personalnummer:\n20417\n", "20417"),
        ("20417 (Personalnummer)", "20417"),
        ("| Werksausweis | E204177 |", "E204177"),
        ("Besucherausweis Nr. 20417", "20417"),
        ("Zutrittskarte 20417", "20417"),
        ("Emp. No. 20417", "20417"),
        ("Employee #20417", "20417"),
        ("operator ID: OP-20417", "OP-20417"),
        ("his badge number was E20417", "E20417"),
        ("<td>Badge ID</td><td>20417</td>", "20417"),
        ("visitor badge 20417", "20417"),
        ("matricule du salarié : 20417", "20417"),
        ("n° de badge 20417", "20417"),
        ("numéro d'opérateur : 20417", "20417"),
        ("badge d'accès n° 20417", "20417"),
        ("cod. dipendente: 20417", "20417"),
        ("tesserino di riconoscimento n. 20417", "20417"),
        ("nº de operario: 20417", "20417"),
        ("tarjeta de acceso 20417", "20417"),
        ("作業者コード:20417", "20417"),
        ("入館証の番号は20417です", "20417"),
        ("担当者ID「A-2041」", "A-2041"),
        ("员工卡号20417", "20417"),
        ("操作员编号：GH20417", "GH20417"),
        ("胸牌20417，", "20417"),
    ],
)
def test_finds_the_number_behind_its_noun(patterns: Patterns, text: str, number: str) -> None:
    assert found(patterns, text) == [number]


@pytest.mark.parametrize(
    "text",
    [
        "Personalbedarf 2041 Stunden",
        "Personalnummer 20.11.2026",
        "Mitarbeiter 2041",
        "Mitarbeiterschulung Nr. 2041",
        "Fahrer 20417 km",
        "Ausweis 2026",
        "Werkzeug-Nr. 20417",
        "Prüfplan-Nr. 20417",
        "operator 20417",
        "employee handbook 20417",
        "badge reader 20417",
        "Badge 2026-11",
        "card no. 20417",
        "tornio mod. matricola 20417",
        "matricule 20417,5",
        "agent 20417",
        "número de pieza 20417",
        "operario 2041 horas",
        "作業者は2041名",
        "作業番号20417",
        "员工2041人",
        "竣工号20417",
        "badges:\n20417 printed",
    ],
)
def test_leaves_the_numbers_of_things(patterns: Patterns, text: str) -> None:
    assert found(patterns, text) == []
