"""Names that stand where only a name stands: after a title, a form's label, a salutation, above a signature.

Cues need no model and cost one pass. ``Herr Kowalczyk``, ``Ansprechpartner: Jana Wolf``, ``Sehr geehrte Frau
Lindqvist``, ``gez. T. Brandt``, ``Mme Lefèvre``, ``Sig.ra Bianchi``, ``Estimado Sr. Ibarra``. How far the name
reaches is the tagger's word: a cue makes its first word a name, and the words after it likelier.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile
from typing import NamedTuple

import regex

from gateway.privacy.names.announcements import BEFORE, BEHIND, FORMS, FULL, LABELLED, LAST_WORDS, SPEAKING, TITLE, Form
from gateway.privacy.names.features import ROLES

_START = r"(?<![\p{Latin}\p{N}])"
_CUES = tuple((form, regex.compile(f"{_START}(?:{form.expression})")) for form in FORMS)  # one by one: faster
_BEFORE = tuple((form, regex.compile(rf"{_START}(?:{form.expression}),?[ ]\Z")) for form in BEFORE)
_COLON = re.compile(r":(?=[ ]{0,4}[A-ZÀ-ÞĀ-Ž])")
_LABEL = regex.compile(rf"(?r){_START}{LABELLED.expression}[ ]?")  # read backwards from the colon
_ENTRY = regex.compile(rf":[ ]{{0,4}}(?:{TITLE}[ ]){{0,3}}({FULL})")
_SPEAKING = regex.compile(SPEAKING.expression)
_NAME = regex.compile(FULL)
_NAME_AT_END = regex.compile(rf"{_START}{FULL}\Z")
_CAPITAL = re.compile(r" (?=[A-ZÀ-ÞĀ-Ž])")  # before a word with a capital; begins with a sign, which is found fast
_BEHIND = re.compile(rf" (?={BEHIND.expression}\b)")
_LONGEST_WORD, _LONGEST_BEFORE, _LONGEST_NAME = 16, 48, 80  # characters
_NOT_NAMES = frozenset(
    "team all everyone sir madam customer colleagues kollegen kolleginnen alle zusammen support service "
    "sales quality purchasing einkauf vertrieb qualität kunde kunden kundin everybody folks tous toutes "
    "équipe client clients tutti collègues colleghi cliente equipo todos colegas clientes präsident "
    "präsidentin minister kanzler direktor doktor professor bundeskanzler bundespräsident the der die das "
    "il la le el los las general manager abteilung werk plant unbekannt unknown n/a none keine mujer "
    "varón hombre paciente niño niña patient man woman mann frau "
    "monday tuesday wednesday thursday friday saturday sunday montag dienstag mittwoch donnerstag freitag samstag "
    "sonntag lundi mardi mercredi jeudi vendredi samedi dimanche lunedì martedì mercoledì giovedì venerdì sabato "
    "domenica lunes martes miércoles jueves viernes sábado domingo "
    "american canadian british english irish scottish german french italian spanish japanese chinese indian austrian "
    "swiss dutch belgian polish czech swedish danish norwegian finnish greek turkish russian portuguese mexican "
    "brazilian australian korean deutscher deutsche französin italiano italiana español española français française "
    "muslim catholic jewish here there currently i".split()
)

_OFFICES = frozenset(
    "team teams abteilung department support service services quality purchasing logistics sales einkauf vertrieb "
    "logistik "
    "qualität qualitätssicherung équipe direction atelier reparto ufficio servizio squadra equipo departamento "
    "servicio".split()
)

_ROLE_ENDINGS = (
    *("leiter", "leiterin", "führer", "führerin", "techniker", "technikerin", "meister", "meisterin", "arbeiter"),
    *("visor", "nician", "nicien", "nicienne", "nico", "nica", "ista", "neer", "nieur", "nieurin", "able", "abile"),
    *("ologist", "specialist", "spezialist", "planer", "prüfer", "fahrer", "bediener", "worker", "driver", "student"),
)
_AFTER_NAMES = frozenset("suite apt apartment unit flat floor box".split())


class Cue(NamedTuple):
    """A name is announced at ``start`` and may reach to ``end``. ``strong``: whatever the word looks like."""

    start: int
    end: int
    name: str
    word: str
    strong: bool


def cues(text: str) -> list[Cue]:
    """Return where names are announced, in order of their start."""
    found = [
        cue for form, expression in _CUES if form.key in text and form.may(text) for cue in _of(text, form, expression)
    ]
    return sorted((*found, *_labelled(text), *_speaking(text), *_told(text), *_doing(text)))


def _of(text: str, form: Form, expression: regex.Pattern[str]) -> Iterator[Cue]:
    for match in expression.finditer(text):
        yield from _cue(form, match, 1, match[0].split(" ")[0])


def _labelled(text: str) -> Iterator[Cue]:
    """Yield names that a form's label announces."""
    for colon in _COLON.finditer(text):
        at = colon.start()
        label = _LABEL.match(text, max(0, at - _LONGEST_BEFORE), at)
        name = _ENTRY.match(text, at, at + _LONGEST_NAME) if label else None
        if label and name:
            yield from _cue(LABELLED, name, 1, label[0].strip())


def _speaking(text: str) -> Iterator[Cue]:
    """Yield who speaks, where two lines or more are lines of a conversation."""
    lines = list(_SPEAKING.finditer(text)) if text.count(":") > 1 else ()
    for line in lines if len(lines) > 1 else ():
        yield from _cue(SPEAKING, line, 1, ":")


def _told(text: str) -> Iterator[Cue]:
    """Yield names of whom it is said before how they are called, or who they are."""
    for place in _CAPITAL.finditer(text):
        at = place.end()
        word = text[max(0, at - _LONGEST_WORD) : at].lower().rstrip(", ").rpartition(" ")[2]
        if word not in LAST_WORDS:
            continue
        name = _NAME.match(text, at, at + _LONGEST_NAME)
        for form, expression in _BEFORE if name else ():
            if expression.search(text, max(0, at - _LONGEST_BEFORE), at):
                yield from _cue(form, name, 0, word)


def _doing(text: str) -> Iterator[Cue]:
    """Yield names of whom it is said behind what only people do."""
    for place in _BEHIND.finditer(text):
        name = _NAME_AT_END.search(text, max(0, place.start() - _LONGEST_NAME), place.start())
        if name:
            yield from _cue(BEHIND, name, 0, "")


def _cue(form: Form, match: regex.Match[str], group: int, word: str) -> Iterator[Cue]:
    words = match[group].lower().split(" ")
    if words[0] in _NOT_NAMES or _OFFICES.intersection(words) or (form.name == "told" and _is_role(words[0])):
        return
    start = match.start(group)
    end = start + sum(len(part) + 1 for part in takewhile(_may_be_part, words)) - 1
    if end > start:
        yield Cue(start, end, form.name, word, form.strong)


def _is_role(word: str) -> bool:
    """Whether what somebody is, not who: ``Ich bin Schichtleiter``."""
    return word in ROLES or word.endswith(_ROLE_ENDINGS)


def _may_be_part(word: str) -> bool:
    """Whether a word is none that follows a name in an address: ``Ms Ng Suite 4``."""
    return word not in _AFTER_NAMES
