"""Addresses of Germany, Austria and Switzerland: street and number, name and postcode, postcode and town.

Musterstraße 12 a, 70173 Stuttgart       -> LOCATION
Am Beispielfeld 11, 70173 Stuttgart      -> LOCATION
PLZ 70173 Stuttgart                      -> LOCATION
"""

from __future__ import annotations

import re

from gateway.privacy.patterns.places import BREAK, CITY, SUFFIX, UPPER, WORD
from gateway.privacy.patterns.proofs import glued, grown, labelled, trimmed
from gateway.privacy.patterns.rule import Boundary, Proof, Rule

_SURE = r"[Ss]tra(?:ß|ss)e|[Ss]tr\.?|[Aa]llee|[Gg]asse|[Uu]fer|[Cc]haussee|[Pp]romenade|[Dd]amm|[Ss]tieg"
_PERHAPS = (
    "[Ww]eg|[Pp]latz|[Rr]ing|[Ss]teig|[Pp]fad|[Gg]raben|[Mm]arkt|[Ww]all|[Kk]amp|[Zz]eile|[Hh]öhe|[Rr]ain|[Kk]ai|"
    "[Gg]ürtel|[Dd]eich"
)
"""Endings that plants have, too (Kolbenring 12, Stellplatz 4): they need a postcode or a word near them."""
_PLANT = re.compile(
    "(?:Fertigungs|Montage|Lackier|Transfer|Prüf|Test|Schweiß|Produktions|Press(?:en)?|Walz|Wasch|Förder|Band|"
    "Maschinen|"
    r"Roboter|Bearbeitungs|Verpackungs|Sortier|Trocken|Kühl|Anlagen|Daten|Takt|Abfüll|Stanz|Gieß|Schmiede|Biege)-?\Z"
)
_NO_NAME = (
    "(?!(?:Die|Der|Das|Den|Dem|Des|Eine|Einer|Und|Oder|Wir|Sie|Ihre|Unsere|Adresse|Anschrift|Firma|Herr|Frau|Diese|"
    "Dieser|"
    r"Jede|Jeder|Seit|Bis|Von|Nach|Mit|Für|Wohnhaft|Sitz|Lieferung|Standort)\b)"
)
_NAME_BEFORE = re.compile(
    rf"(?<![\w-])(?:(?:Am|An|Auf|In|Im|Zum|Zur|Unter|Bei|Hinter|Vor|Obere[rs]?|Untere[rs]?|St\.)[ ](?:de[rmn][ ])?)?"
    rf"(?:{_NO_NAME}[{UPPER}][\wäöüß'.]{{1,20}}[ -]){{0,3}}(?:[{UPPER}][\wäöüß]{{0,24}}-?)?\Z"
)
_COUNTRY = r"(?:[ ]?[,\n(][ ]?(?:Deutschland|Germany|Österreich|Austria|Schweiz|Switzerland)[)]?)?"
_POSTAL_CITY = (
    rf"(?:{BREAK}(?:D-|DE-|A-|AT-|CH-|D |A |CH )?[0-9]{{4,5}}[ ]{{1,2}}{CITY}(?:[ ][(]?(?:Main|Oder|Saale|Rhein|"
    rf"Ruhr)[)])?{_COUNTRY})?"
)
_AFTER_NUMBER = re.compile(
    rf"{SUFFIX}(?![0-9.,:]?[0-9])(?:[ ]?,?[ ](?:EG|[0-9]\. ?OG|[0-9]\. ?Stock|Whg\. ?[0-9]{{1,3}}|Top [0-9]{{1,3}}|"
    rf"c/o {WORD}(?: {WORD})?))?{_POSTAL_CITY}"
)
_PLAIN = re.compile(r"(?:Prozent|Euro|mm|cm|km|kg|Uhr|Stück|bar|Minuten|Tage|Meter|m\b)")


def _confirm_street(text: str, start: int, end: int) -> Proof | None:
    """The anchor is a street's ending and its number; a name in capitals stands before it."""
    proof = _street(text, start, end)
    if proof is None or proof.start == start or _PLAIN.match(text, end + (text[end : end + 1] == " ")):
        return None
    if _POSTAL.search(text, end, proof.end):
        return Proof(proof.start, proof.end, "street, number, postcode, city", 0.95)
    if not _SURE_ENDING.match(text, start) or _PLANT.search(text, proof.start, start):
        return Proof(proof.start, proof.end, "street, number", 0.3)
    return Proof(proof.start, proof.end, "street, number", 0.75)


_POSTAL = re.compile("[0-9]{4,5} ")
_SURE_ENDING = re.compile(_SURE)
_UNITS = re.compile("(?:Stück|Stk|Teile|Euro|EUR|Uhr|Meter|Prozent|Einheiten|Paletten|Kilometer)\\b")
_ANY_NAME = re.compile(
    rf"(?<![\w-])(?:(?:Am|An|Auf|In|Im|Zum|Zur|Unter|Bei|Hinter|Vor|St\.)[ ](?:de[rmn][ ])?)?"
    rf"[{UPPER}][\w.'-]{{2,24}}(?:[ ][{UPPER}][\w.'-]{{2,24}}){{0,2}}[ ]\Z"
)


def _confirm_by_postcode(text: str, start: int, end: int) -> Proof | None:
    """The anchor is a house number, a postcode and a capital letter: ``Am Beispielfeld 11, 70173 Stuttgart``."""
    ahead = _ANY_NAME.search(text, max(0, start - 64), start)
    city = _CITY.match(text, end - 1, min(len(text), end + 60))
    if ahead is None or city is None or _UNITS.match(text, end - 1):
        return None
    return Proof(ahead.start(), city.end(), "name, number, postcode, city")


_CITY = re.compile(f"{CITY}{_COUNTRY}")
_street = grown(_NAME_BEFORE, _AFTER_NUMBER, "street, number", width=64)

_RULES: tuple[Rule, ...] = (
    Rule(
        name="de_address",
        type="LOCATION",
        expression=f"(?:{_SURE}|{_PERHAPS})[ ]{{1,2}}[0-9]{{1,4}}",
        confirm=_confirm_street,
        boundary=Boundary.NONE,
        score=0.75,
        context=("adresse", "anschrift", "wohnhaft", "wohnt", "address", "sitz", "lieferadresse", "straße"),
        context_score=0.95,
        context_after=40,
        jurisdiction="DE",
        family="addresses",
        reference="DIN 5008",
        example="Musterstraße 12 a, 70173 Stuttgart",
    ),
    Rule(
        name="de_address_by_postcode",
        type="LOCATION",
        expression="[0-9]{1,4}[ ]?[a-z]?(?:,[ ]?|[ ]?\\n)(?:(?:D|DE)[- ])?[0-9]{5}[ ][A-ZÄÖÜ]",
        confirm=_confirm_by_postcode,
        boundary=Boundary.NONE,
        score=0.75,
        context_score=0.95,
        context=("adresse", "anschrift", "wohnhaft", "wohnt", "address", "indirizzo", "domicilio", "dirección"),
        jurisdiction="DE",
        family="addresses",
        reference="DIN 5008",
        example="Am Beispielfeld 11, 70173 Stuttgart",
    ),
    Rule(
        name="de_postal_city",
        type="LOCATION",
        expression=labelled(("plz/ort", "plz und ort", "plz, ort", "postleitzahl", "plz", "wohnort"), "[0-9]{5}"),
        confirm=trimmed("[0-9]{5}", behind=re.compile(f"[ ]{CITY}")),
        score=0.8,
        boundary=Boundary.ALNUM,
        jurisdiction="DE",
        family="addresses",
        reference="DIN 5008",
        example="PLZ 70173 Stuttgart",
    ),
)

RULES: tuple[Rule, ...] = (*_RULES, *glued(_RULES))
