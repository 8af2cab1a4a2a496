"""Names in prose of encyclopaedias, the press and sports: what the second network sees, with the real models."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gateway.privacy.names.classifier import SEEN
from gateway.privacy.names.features import WIDTH
from gateway.privacy.names.finder import Models, Names
from gateway.privacy.names.prepare import prepare
from gateway.privacy.names.quantise import HIDDEN

Find = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("detectors")
    prepare(folder)
    return Models(folder)


@pytest.fixture(scope="module")
def find(models: Models) -> Find:
    names = Names(models)
    return lambda text: [
        text[span.start : span.end] for span in names.find([text], lambda: None)[0] if span.type == "PERSON"
    ]


NAMED = [
    ("The novel was adapted for the stage by Corinne Aldersley in 1987.", "Corinne Aldersley"),
    ("She was the niece of the painter Han Il-woo and a pupil of Maud Penhallow.", "Han Il-woo"),
    ("Aldersley scored twice before Wrotham was sent off.", "Wrotham"),
    ("Regie führte Annegret Lindenthal.", "Annegret Lindenthal"),
    ("Das Drehbuch stammt von Veit Ostrander und Silke Nordhoff.", "Silke Nordhoff"),
    ("Le rôle principal est tenu par Bertrand Lagarrigue.", "Bertrand Lagarrigue"),
    ("La regia è firmata dal solo Ottavio Bellomo.", "Ottavio Bellomo"),
    ("El reparto incluye a Marisol Iturralde y a Fermín Zabaleta.", "Marisol Iturralde"),
]


@pytest.mark.parametrize(("text", "name"), NAMED)
def test_a_name_in_prose_is_found(find: Find, text: str, name: str) -> None:
    assert name in find(text)


NOBODY = [
    "He moved to Wardhurst United in July and to Saltmere Rovers in 2009.",
    "Der Zweitligist FC Oberlingen verlor gegen den SV Niederau.",
    "La commune de Saint-Vrac est située près de Montfleury.",
    "Il comune di Valdorno si trova nella provincia di Pietraserra.",
    "El río cruza el valle de Montalbo y llega a Riofrío.",
    "The Penhallow Bridge and the Aldersley College were opened in May.",
]


@pytest.mark.parametrize("text", NOBODY)
def test_clubs_towns_and_buildings_are_nobody(find: Find, text: str) -> None:
    assert find(text) == []


@pytest.mark.parametrize(
    "text", ["Riassumi il verbale.", "Résume ce rapport.", "Fasse das zusammen.", "Anote la cota."]
)
def test_a_prompt_that_begins_with_an_order_is_not_read(
    models: Models, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    def look(*_: object) -> None:
        raise AssertionError("the classifier was asked")

    monkeypatch.setattr(models.classifier, "look", look)
    assert Names(models).find([text], lambda: None) == [[]]


def test_a_surname_is_found_again_where_it_stands_alone(find: Find) -> None:
    assert find("Corinne Aldersley checked the pump. The seal was replaced by Aldersley.").count("Aldersley") == 1


def test_a_hyphen_after_a_long_name_does_not_go_on(find: Find) -> None:
    assert "Corinne Aldersley" in find("The plan of Corinne Aldersley-backed buyers failed.")


def test_what_is_read_of_a_word_is_labels_and_the_last_layer(models: Models) -> None:
    text = "Please call Corinne Aldersley."
    words = models.classifier.wordpiece().words(text, 0, len(text))
    read = models.classifier.look(words, lambda: None)
    assert read.shape == (len(words), SEEN + HIDDEN)
    assert ((read[:, :SEEN] >= 0) & (read[:, :SEEN] <= 1.001)).all()


def test_both_networks_give_chances_that_add_up(models: Models) -> None:
    rows, seen = np.zeros((7, WIDTH), np.float32), np.zeros((7, HIDDEN), np.float32)
    for chances in (models.tagger.tag(rows), models.tagger.judge(rows, seen)):
        assert chances.shape == (7, 3)
        assert np.allclose(chances.sum(axis=1), 1, atol=1e-5)
