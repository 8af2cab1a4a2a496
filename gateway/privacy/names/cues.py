"""Names that stand where only a name stands: after a title, a form's label, a salutation, above a signature.

Cues need no model and cost one pass. ``Herr Kowalczyk``, ``Ansprechpartner: Jana Wolf``, ``Sehr geehrte Frau
Lindqvist``, ``gez. T. Brandt``, ``Mme Lefèvre``, ``Sig.ra Bianchi``, ``Estimado Sr. Ibarra``. How far the name
reaches is the tagger's word: a cue makes its first word a name, and the words after it likelier.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import regex  # type: ignore[import-untyped]

_UPPER = r"\p{Lu}[\p{L}\p{M}'’\-]{0,30}"
_INITIAL = r"\p{Lu}\."
_PARTICLE = r"(?:von|van|zu|zur|zum|de|del|della|di|da|du|des|dos|der|den|ter|la|le|el|al|bin|ibn|y)"
_FULL = rf"(?:{_INITIAL}[ ]?|{_UPPER}[ ])?(?:(?:{_INITIAL}[ ]?|{_UPPER}[ ]|{_PARTICLE}[ ]){{0,4}})(?:{_UPPER})"

_TITLE = (
    r"(?:Herrn?|Frau|Hr\.|Fr\.|Frl\.|Mr\.?|Mrs\.?|Ms\.?|Miss|Mister|Mme|Mlle|Monsieur|Madame|Mademoiselle|"
    r"Sig\.(?:ra|na)?|Signor[ae]?|Signorina|Dott\.(?:ssa)?|Sr\.|Sra\.|Srta\.|Señor(?:a|ita)?|Don|Doña|Dña\.|D\.ª|"
    r"Dr\.|Dra\.|Prof\.|Professor(?:in)?|Dipl\.-Ing\.|Maître)"
)
_LABEL = (
    r"(?i:name|vorname|nachname|familienname|ansprechpartner(?:in)?|bearbeiter(?:in)?|sachbearbeiter(?:in)?|"
    r"kontakt(?:person)?|contact(?: person)?|patient(?:in)?|teilnehmer|mitarbeiter(?:in)?|schichtleiter(?:in)?|"
    r"verantwortlich(?:er|e)?|responsible|owner|author|autor|reviewer|prepared by|approved by|signed by|reported by|"
    r"operator|attn|z\. ?hd\.|zu händen|from|von|cc|user|billing address|shipping address|nom|prénom|interlocuteur|"
    r"responsable|destinataire|rédacteur|"
    r"nome|cognome|referente|responsabile|redatto da|nombre|apellidos?|paciente|médico|contacto|remitente|firmado|"
    r"gezeichnet|gez\.|i\. ?a\.|i\. ?v\.|ppa\.)"
)
_GREETING = (
    r"(?:Dear|Hello|Hi|Hey|Hallo|Liebe[rs]?|Lieber|Servus|Moin|Bonjour|Cher|Chère|Ciao|Caro|Cara|Gentile|Egregio|"
    r"Hola|Querid[oa]|Estimad[oa])"
)
_FAREWELL = (
    r"(?:(?:[Mm]it )?(?:[Ff]reundliche[nr]?|[Vv]iele[n]?|[Bb]este[n]?|[Ss]chöne[n]?|[Hh]erzliche[n]?|[Ll]iebe[n]?) "
    r"[Gg]r(?:üße|üsse|üßen|üssen|uß)|Gruß|Grüße|MfG|mfg|LG|VG|lg|vg|"
    r"(?:Best|Kind|Warm|Many|With best) (?:regards|thanks|Regards)|Regards|Sincerely|Yours (?:sincerely|faithfully)|"
    r"Thanks|"
    r"Cheers|(?:Bien )?[Cc]ordialement|(?:Sincères|Meilleures) salutations|Bien à vous|Merci|"
    r"(?:Cordiali|Distinti) saluti|Saluti|Un (?:cordial )?saludo|Saludos(?: cordiales)?|Atentamente|Gracias|Grazie)"
)
_CUES = tuple(  # one by one they take less time than one expression with all of them
    (name, regex.compile(rf"(?<![\p{{Latin}}\p{{N}}])(?:{form})"))
    for name, form in (
        ("titled", rf"(?:{_TITLE}[ ])+({_FULL})"),
        ("labelled", rf"{_LABEL}[ ]?:[ ]{{0,4}}(?:{_TITLE}[ ]){{0,3}}({_FULL})"),
        ("signed", rf"(?:gez\.|i\. ?A\.|i\. ?V\.|ppa\.)[ ]({_FULL})"),
        ("greeted", rf"{_GREETING}[ ]({_FULL})[ ]?[,!:\n]"),
        (
            "leaving",
            rf"{_FAREWELL}(?:[,.!]?[ ]{{0,3}}\n{{1,2}}[ ]{{0,4}}|,[ ])(?:{_TITLE}[ ]){{0,2}}({_FULL})",
        ),
    )
)
_NOT_NAMES = frozenset(
    "team all everyone sir madam customer colleagues kollegen kolleginnen alle zusammen support service "
    "sales quality purchasing einkauf vertrieb qualität kunde kunden kundin everybody folks tous toutes "
    "équipe client clients tutti collègues colleghi cliente equipo todos colegas clientes präsident "
    "präsidentin minister kanzler direktor doktor professor bundeskanzler bundespräsident the der die das "
    "il la le el los las general manager abteilung werk plant unbekannt unknown n/a none keine mujer "
    "varón hombre paciente niño niña patient man woman mann frau".split()
)

_OFFICES = frozenset(
    "team teams abteilung department support service services quality purchasing logistics sales einkauf vertrieb "
    "logistik "
    "qualität qualitätssicherung équipe direction atelier reparto ufficio servizio squadra equipo departamento "
    "servicio".split()
)


class Cue(NamedTuple):
    """A name is announced at ``start`` and may reach to ``end``. ``strong``: whatever the word looks like."""

    start: int
    end: int
    name: str
    word: str
    strong: bool


def cues(text: str) -> list[Cue]:
    """Return where names are announced, in order of their start."""
    return sorted(cue for name, form in _CUES for cue in _of(text, name, form))


def _of(text: str, name: str, form: regex.Pattern[str]) -> Iterator[Cue]:
    for match in form.finditer(text):
        words = match[1].lower().split(" ")
        if words[0] not in _NOT_NAMES and not _OFFICES.intersection(words):
            yield Cue(match.start(1), match.end(1), name, match[0].split(" ")[0], name in ("titled", "signed"))
