"""Names that somebody is told to have, in five languages: what announces them, and what looks like it and does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.privacy.names.announcements import BEFORE, LAST_WORDS
from gateway.privacy.names.cues import cues
from gateway.privacy.names.finder import Models, Names
from gateway.privacy.names.prepare import prepare

Find = Callable[[str], set[str]]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Names:
    folder = tmp_path_factory.mktemp("detectors")
    prepare(folder)
    return Names(Models(folder))


def _values(names: Names, text: str, type: str) -> set[str]:
    [spans] = names.find([text], lambda: None)
    return {text[span.start : span.end] for span in spans if span.type == type}


@pytest.fixture
def find(names: Names) -> Find:
    return lambda text: _values(names, text, "PERSON")


@pytest.fixture
def places(names: Names) -> Find:
    return lambda text: _values(names, text, "LOCATION")


TOLD = [
    ("Hello, my name is Zofia Wrzesniewska and I cannot log in.", "Zofia Wrzesniewska"),
    ("Her maiden name is Tamborini.", "Tamborini"),
    ("Please call me Ferdi.", "Ferdi"),
    ("I spoke with Renate from billing twice.", "Renate"),
    ("Could you add my daughter Xanthe to the plan?", "Xanthe"),
    ("Follow up with Oddvar Brattli in two months.", "Oddvar Brattli"),
    ("Karin Z. Ueltschi\nPersonal assistant", "Karin Z. Ueltschi"),
    ("Ove lives on the ground floor.", "Ove"),
    ("Kuno, can you send me the bill again?", "Kuno"),
    ("Sehr geehrter Herr Kollege Jansen, lieber Gisbert,\nvielen Dank.", "Gisbert"),
    ("Sehr geehrter Herr Kollege Jansen, lieber Gisbert,\nvielen Dank.", "Jansen"),
    ("Guten Tag, mein Name ist Iwona Gründl.", "Iwona Gründl"),
    ("Ich heiße Burkhard Oelschlägel und wohne nebenan.", "Burkhard Oelschlägel"),
    ("Bonjour, je m'appelle Solveig Kermarrec.", "Solveig Kermarrec"),
    ("Mon voisin Anatole a téléphoné.", "Anatole"),
    ("Buongiorno, mi chiamo Iolanda Scarpellini.", "Iolanda Scarpellini"),
    ("Hola, me llamo Eulalia Ormaechea.", "Eulalia Ormaechea"),
    ("Doreen: I never said that.\nWinfried: you did, twice.", "Winfried"),
    ("[10:42] Svetlana: are we on?\n[10:43] Gunnar: give me a minute", "Svetlana"),
    ("Mrs. Ingeborg Vestli Suite 12", "Ingeborg Vestli"),
]


@pytest.mark.parametrize(("text", "name"), TOLD)
def test_a_name_that_is_told_is_found_as_far_as_it_reaches(find: Find, text: str, name: str) -> None:
    assert any(name in value for value in find(text))


QUIET = [
    "The file name is Release and the module is called Parser.",
    "This is Production, please hold.",
    "I am Canadian and I am at Gate 4.",
    "Monday, can we ship the parts?",
    "Follow up with Purchasing and with the Supplier.",
    "The valve lives in the left cabinet.",
    "Ich bin Schichtleiter in Halle 2.",
    "Type B Sensor and Class A Housing were tested.",
    "Je suis Responsable de la ligne 3.",
    "Result: all parts passed\nNote: see the second page\nCause: worn out seal",
    "Ursache: die Dichtung war alt\nMaßnahme: wir tauschen sie",
    "I'm Supervisor of this shift.",
]


@pytest.mark.parametrize("text", QUIET)
def test_what_only_looks_announced_is_no_name(find: Find, text: str) -> None:
    assert find(text) == set()


@pytest.mark.parametrize("word", ["my wife", "mein Bruder", "ma sœur", "mia madre", "su vecino", "spoke to", "c/o"])
def test_the_last_word_of_what_stands_before_a_name_is_known(word: str) -> None:
    assert word.rpartition(" ")[2].lower() in LAST_WORDS
    assert {form.name for form in BEFORE} >= {cue.name for cue in cues(f"und {word} Eberhard")} > set()


@pytest.mark.parametrize("text", ["my name is " * 20_000, "A" * 200_000, "a, " * 60_000, "Xaver lives " * 20_000])
def test_cues_take_time_in_proportion(text: str) -> None:
    assert len(cues(text)) <= len(text)


def test_small_names_and_whereabouts_are_asked_by_the_finder(find: Find, places: Find) -> None:
    assert "brenda larsson" in find("my name is brenda larsson")
    assert "Ystrad" in places("I grew up in Ystrad and work nights.")


FAREWELLS = (
    "Mit freundlichen Grüßen|Viele Grüße|Beste Grüsse|Lieben Gruß|Herzlichen Grüssen|Gruß|Grüße|MfG|mfg|LG|VG|lg|vg|"
    "Best regards|Kind Regards|Many thanks|With best wishes|Regards|Sincerely|Yours sincerely|Yours faithfully|"
    "Yours truly|Thanks|Thank you|Best|Cheers|Cordialement|Bien cordialement|Meilleures salutations|Bien à vous|Merci|"
    "Cordiali saluti|Saluti|Un cordial saludo|Saludos|Saludos cordiales|Atentamente|Gracias|Grazie"
)


@pytest.mark.parametrize("farewell", FAREWELLS.split("|"))
@pytest.mark.parametrize("gap", [",\n", "\n\n  ", "!  \n", ", ", ".\n"])
def test_who_takes_leave_is_announced(farewell: str, gap: str) -> None:
    assert "leaving" in [cue.name for cue in cues(f"{farewell}{gap}Lena Holt")]


def test_who_is_asked_is_announced() -> None:
    asked = (f"Lena Holt, {word} you" for word in ("can", "could", "please", "thanks", "I'm", "let", "have"))
    assert all("asked" in [cue.name for cue in cues(text)] for text in asked)
