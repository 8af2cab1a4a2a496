"""People of history by one name, places and clubs called after people, titles, two people side by side."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.privacy.names.finder import Models, Names
from gateway.privacy.names.known import KNOWN
from gateway.privacy.names.prepare import prepare
from gateway.privacy.names.vetoes import is_nobody

Find = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def find(tmp_path_factory: pytest.TempPathFactory) -> Find:
    folder = tmp_path_factory.mktemp("detectors")
    prepare(folder)
    names = Names(Models(folder))
    return lambda text: [
        text[span.start : span.end] for span in names.find([text], lambda: None)[0] if span.type == "PERSON"
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Una soluzione per salvare Aristotele dall'accusa.", "Aristotele"),
        ("Secondo Platone la cosa è diversa.", "Platone"),
        ("Le coorti aumentarono sotto Domiziano.", "Domiziano"),
        ("Er zitiert Thukydides und schweigt.", "Thukydides"),
        ("La pièce est attribuée à Eschyle.", "Eschyle"),
        ("El retrato es de Velázquez.", "Velázquez"),
        ("The library was burnt under Diocletian.", "Diocletian"),
    ],
)
def test_who_is_known_by_one_name_is_found(find: Find, text: str, name: str) -> None:
    assert find(text) == [name]


@pytest.mark.parametrize(
    "text",
    [
        "Die Kundin wohnt am Mozart-Platz, das Goethe-Institut ist zu.",
        'x = "Platone"; load(Michelangelo)',
        "Der Newton-Ring und die Pareto-Analyse.",
    ],
)
def test_a_known_name_within_a_word_or_in_code_is_nobody(find: Find, text: str) -> None:
    assert find(text) == []


def test_no_unit_or_method_is_a_known_name() -> None:
    assert not [name for name in KNOWN if is_nobody(name, 0, len(name))]


BORNE = [
    ("Lago ", "Kowalski", "."),
    ("in der Galleria ", "Sciarra", " hängt"),
    ("torrente ", "Degano", ""),
    ("wechselte zum FC ", "Santos", " und"),
    ("signed by ", "Fairweather", " Records in May"),
    ("il comune di ", "Bosentino", ""),
    ("the ", "Putnam", " counties"),
]


@pytest.mark.parametrize(("before", "name", "after"), BORNE)
def test_what_a_place_or_a_club_bears_is_nobody(before: str, name: str, after: str) -> None:
    assert is_nobody(before + name + after, len(before), len(before) + len(name))


@pytest.mark.parametrize(
    ("before", "name", "after"),
    [
        ("sent via ", "Kowalczyk", " to the shift"),
        ("06:00 ", "Huber", " Line 4 stopped"),
        ("La donna del lago di ", "Gioachino Rossini", " fu data"),
        ("col ", "Marco", " in reparto"),
        ("", "Weber", " Station 110"),
        ("Übergabe an ", "Pfaff", " Halle 3"),
        ("Patient ", "Miller", " disease onset 2019"),
    ],
)
def test_words_that_a_log_has_beside_people_take_nobody_away(before: str, name: str, after: str) -> None:
    assert not is_nobody(before + name + after, len(before), len(before) + len(name))


def test_two_people_are_two_names(find: Find) -> None:
    assert find("Contemporaneo di Cartesio e Spinoza, visse nei Paesi Bassi.") == ["Cartesio", "Spinoza"]


def test_an_office_is_no_part_of_a_name(find: Find) -> None:
    assert find("The veto was used by President Calvin Aldersley in May.") == ["Calvin Aldersley"]


def test_a_place_somebody_is_in_is_no_person(find: Find) -> None:
    assert find("Questa varietà viene coltivata anche in Sicilia.") == []


@pytest.mark.parametrize(
    "text",
    [
        "Talora le sinagoghe di ghetto si dotarono di una sala.",
        "Vengono quindi stabilite le quote del pezzo.",
        "In July the Earl visited the plant on his first official tour.",
        "Il fornitore ha impianti nello Jiangsu e a Zhejiang.",
    ],
)
def test_beginnings_ranks_and_provinces_are_nobody(find: Find, text: str) -> None:
    assert find(text) == []


def test_a_given_name_that_sentences_begin_with_stays_one(find: Find) -> None:
    assert find("Nello Rossi ha firmato il verbale.") == ["Nello Rossi"]
