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
    r"operator|attn|z\. ?hd\.|zu händen|from|von|cc|user|billing address|shipping address|nom|prénom|interlocuteur|responsable|destinataire|rédacteur|"
    r"nome|cognome|referente|responsabile|redatto da|nombre|apellidos?|paciente|médico|contacto|remitente|firmado|"
    r"gezeichnet|gez\.|i\. ?a\.|i\. ?v\.|ppa\.)"
)
_GREETING = (
    r"(?:Dear|Hello|Hi|Hey|Hallo|Liebe[rs]?|Lieber|Servus|Moin|Bonjour|Cher|Chère|Ciao|Caro|Cara|Gentile|Egregio|"
    r"Hola|Querid[oa]|Estimad[oa])"
)
_FAREWELL = (
    r"(?i:(?:mit )?(?:freundlichen?|vielen?|besten?|schönen?|herzlichen?|lieben?) grü(?:ßen|sse|ssen|ße)|gruß|grüße|mfg|lg|vg|"
    r"(?:best|kind|warm|many) (?:regards|thanks)|regards|sincerely|yours (?:sincerely|faithfully)|thanks|cheers|"
    r"(?:bien )?cordialement|(?:sincères|meilleures) salutations|bien à vous|merci|"
    r"(?:cordiali|distinti) saluti|saluti|un (?:cordial )?saludo|saludos(?: cordiales)?|atentamente|gracias|grazie)"
)
_CUE = regex.compile(
    rf"(?<![\p{{L}}\p{{N}}])(?:(?P<title>{_TITLE}[ ])+(?P<titled>{_FULL})"
    rf"|(?P<label>{_LABEL})[ ]?:[ ]{{0,4}}(?:{_TITLE}[ ]){{0,3}}(?P<labelled>{_FULL})"
    rf"|(?P<sign>gez\.|i\. ?A\.|i\. ?V\.|ppa\.)[ ](?P<signed>{_FULL})"
    rf"|(?P<greeting>{_GREETING})[ ](?P<greeted>{_FULL})[ ]?[,!:\n]"
    rf"|(?P<farewell>{_FAREWELL})(?:[,.!]?[ ]{{0,3}}\n{{1,2}}[ ]{{0,4}}|,[ ])(?:{_TITLE}[ ]){{0,2}}(?P<leaving>{_FULL}))"
)
_GROUPS = ("titled", "labelled", "signed", "greeted", "leaving")
_NOT_NAMES = frozenset(
    "team all everyone sir madam customer colleagues kollegen kolleginnen alle zusammen support service "
    "sales quality purchasing einkauf vertrieb qualität kunde kunden kundin everybody folks tous toutes "
    "équipe client clients tutti collègues colleghi cliente equipo todos colegas clientes präsident "
    "präsidentin minister kanzler direktor doktor professor bundeskanzler bundespräsident the der die das "
    "il la le el los las general manager abteilung werk plant unbekannt unknown n/a none keine mujer "
    "varón hombre paciente niño niña patient man woman mann frau".split()
)

_OFFICES = frozenset(
    "team teams abteilung department support service services quality purchasing logistics sales einkauf vertrieb logistik "
    "qualität qualitätssicherung équipe direction atelier reparto ufficio servizio squadra equipo departamento servicio".split()
)


class Cue(NamedTuple):
    """A name is announced at ``start`` and may reach to ``end``. ``strong``: whatever the word looks like."""

    start: int
    end: int
    name: str
    word: str
    strong: bool


def cues(text: str) -> Iterator[Cue]:
    """Yield where a name is announced, in order."""
    for match in _CUE.finditer(text):
        group = next(name for name in _GROUPS if match[name])
        words = match[group].lower().split(" ")
        if words[0] not in _NOT_NAMES and not _OFFICES.intersection(words):
            yield Cue(
                match.start(group), match.end(group), group, match[0].split(" ")[0], group in ("titled", "signed")
            )
