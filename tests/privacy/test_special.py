"""Special categories: one strong word or two weak ones; a plant's own words say nothing."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kinds import SPECIAL as CLASSES
from gateway.privacy.special import Special

SPEAKS = [
    ("He was diagnosed with a chronic illness.", "health"),
    ("Die Krankmeldung von Frau Beispiel liegt vor.", "health"),
    ("Krebserkrankung seit 2019", "health"),
    ("elle est en arrêt maladie depuis lundi", "health"),
    ("è in congedo per malattia", "health"),
    ("está de baja médica", "health"),
    ("社員は糖尿病です", "health"),
    ("她患有抑郁症", "health"),
    ("He had cancer and went to hospital.", "health"),
    ("Her religious affiliation is on file; she is a muslim.", "religion"),
    ("römisch-katholisch, Kirchensteuer wird abgeführt", "religion"),
    ("宗教信仰:佛教", "religion"),
    ("Gewerkschaftsmitglied seit 2001", "union"),
    ("工会会员名单", "union"),
    ("她加入了工会", "union"),
    ("労働組合の組合員", "union"),
    ("iscritto al sindacato dal 2010", "union"),
    ("Sie ist Parteimitglied.", "politics"),
    ("他是中共党员", "politics"),
    ("origine ethnique du salarié", "ethnic"),
    ("su orientación sexual", "sex"),
    ("指紋データを登録した", "biometric"),
    ("Le test génétique est positif", "genetic"),
    ("er ist vorbestraft", "crime"),
    ("有犯罪记录", "crime"),
]

QUIET = [
    "The European Union health check of the server is mission critical.",
    "orientation of the part, race condition, cross section, gender of the plug",
    "Der Ausfall der Anlage betrug 12 Minuten, ich glaube an einen Sensorfehler.",
    "The pump suffers from cavitation; stroke 80 mm, feature disabled.",
    "耐久性向上のためゲインを調整し、組み合わせを変更した",
    "导出柜的线性的特性, 方案底部",
    "la máquina sufre de vibraciones, línea detenida por avería",
    "l'enceinte de la machine, la depressione dell'impianto",
    "reunion of the communion committee",
]


@pytest.mark.parametrize(("text", "of_class"), SPEAKS)
def test_class_is_that_of_the_words(text: str, of_class: str) -> None:
    assert of_class in Special().classes(text)


@pytest.mark.parametrize("text", QUIET)
def test_words_of_a_plant_say_nothing(text: str) -> None:
    assert Special().classes(text) == frozenset()


def test_one_weak_word_is_not_enough_however_it_is_inflected() -> None:
    assert Special().classes("allergies") == frozenset()


def test_word_is_found_on_every_place_of_a_long_text() -> None:
    special = Special()
    for before in (0, 1490, 1500, 2870, 10_000):
        assert special.classes("x " * (before // 2) + "Krankmeldung") == {"health"}


def test_two_weak_words_far_apart_do_not_join() -> None:
    assert Special().classes("cancer " + "x " * 5000 + "hospital") == frozenset()


@given(st.text())
def test_classes_are_known_ones(text: str) -> None:
    assert Special().classes(text) <= set(CLASSES)


def test_a_megabyte_takes_a_fraction_of_a_second() -> None:
    special = Special()
    begin = time.process_time()
    special.classes("癌" * 1_000_000)
    assert time.process_time() - begin < 5
