"""Addresses of Europe and America: a street and its number, then perhaps a postcode and a city.

An anchor is found (a street's ending or kind, beside a number) and widened to what belongs to it; see
:func:`gateway.privacy.patterns.proofs.grown`. A street without a number, a city alone, a postcode alone are places,
not addresses: models find those.
"""

from __future__ import annotations

import re

from gateway.privacy.patterns.rule import Proof, Rule

UPPER = "A-ZÀ-ÖØ-ÞŒ"
LOWER = "a-zß-öø-ÿœ"
LETTER = f"{UPPER}{LOWER}"
WORD = rf"[{UPPER}][{LETTER}'’´.-]{{0,24}}"
"""A word with a capital letter: part of the name of a street or a city."""

SMALL = (
    "(?:de|du|des|d'|d’|la|le|les|l'|l’|en|sur|sous|aux?|et|del|della|dei|degli|delle|dello|di|da|dal|dalla|dell'|"
    "dell’|d|e|y|los|las|el|i|in|am|an|der|dem|den|im|bei|zu|zum|zur|vor|ob|auf|of|the|upon|von|vom|und)"
)
"""Small words within the name of a street or a city, in six languages."""

NAME = rf"(?:(?:{SMALL}[ ]?){{0,3}}{WORD}[ ]?|[0-9]{{1,2}}(?:er|º|°)?[ ]){{1,5}}"
SUFFIX = (
    r"(?:[a-zA-Z](?![\w])|[ ][A-Z](?![\w.])|[ ][a-f](?=[,;.)\n]|\Z))?(?:[ ]?[-/+][ ]?[0-9]{1,4}[ ]?[a-zA-Z]?(?![\w-]))?"
)
"""What follows a house number: 12 a, 12-14, 12/3."""

CITY = rf"{WORD}(?:(?<![{LOWER}]{{3}}\.)(?:[ -](?:{SMALL}[ -])?|-{SMALL}-|/)(?:{WORD})){{0,3}}(?<![.'’´-])"
"""A city: Frankfurt am Main, Saint-Denis, Reggio di Calabria; without the full stop of its sentence."""

BREAK = r"(?:[ ]?[,;·|][ ]?\n?[ ]?|[ ]?\n[ ]{0,4}|[ ]|[ ][-–][ ])"
"""What stands between the lines of an address."""

_PLACE_LABELS = (
    "city|town|country|state/province|county|place of residence|wohnort|ort|stadt|land|ville|pays|commune|città|"
    "comune|paese|provincia|"
    "ciudad|localidad|población|país|municipio|localidad/ ?provincia|domicilio|place of birth|birthplace|geburtsort|"
    "lieu de naissance|"
    "luogo di nascita|lugar de nacimiento|hometown|location"
)
_ADDRESS_LABELS = (
    "(?:home|street|postal|mailing|billing|shipping|delivery|residential|private|current|company|office)?[ _]?address|"
    "(?:privat|liefer|rechnungs|wohn|post)?(?:adresse|anschrift)|adresse(?: postale| de livraison)?|domicile|"
    "indirizzo|residenza|"
    "dirección|domicilio|住所|現住所|所在地|地址|住址|家庭住址|通讯地址|收货地址"
)
_SEPARATED = r"\"?[ \t]{0,2}[:=][ \t]{0,3}\"?"
_PLACE = re.compile(
    rf"{_SEPARATED}(?P<value>{WORD}(?:[ -](?:{SMALL}[ ])?{WORD}){{0,3}}(?:[ ]?[/,(][ ]?{WORD}[)]?)?)(?=[ "
    rf"\t]?(?:[\"\n,;.|]|\Z))"
)
_ADDRESS = re.compile(rf"{_SEPARATED}(?P<value>[{LETTER}0-9一-鿿぀-ヿ][^\n\"|;<>{{}}=@]{{5,90}})")
_NEXT_SENTENCE = re.compile(rf"(?<=[{LOWER}]{{3}})(?<!str)[.][ ](?=[{UPPER}][{LOWER}])")
_ENOUGH = re.compile(r"[0-9]{1,4}[ ,]|[ ,][0-9]{1,5}|[0-9]号|[0-9]-[0-9]")


_POSTCODE_LABELS = (
    r"zip(?:[ -]?code)?|post(?:al)?[ -]?code|plz|postleitzahl|c\.?p\.?|code[ ]postal|c[óo]digo[ ]postal|cap|"
    "codice postale|codice di avviamento postale|邮编|邮政编码"
)
_POSTCODE = re.compile(
    r"(?:[\"]?[ \t]{0,2}[:=][ \t]{0,3}[\"]?|[ ](?:is|ist|est|es|è)[ ])"
    r"(?P<value>[0-9]{2,3}[ ][0-9]{2,3}|(?:[A-Z]{1,2}-)?[0-9]{3,8}(?:-[0-9]{3,4})?)(?![\w]|[.,:/-][0-9])"
)


def _confirm_postcode(text: str, start: int, end: int) -> Proof | None:
    found = _POSTCODE.match(text, end, min(len(text), end + 30))
    return Proof(*found.span("value"), "labelled field") if found else None


_CORNER = re.compile(
    rf"[ ](?P<value>(?:[0-9]{{1,5}}[ ])?[^\W\d_][^\n,;:?!<>]{{2,48}}?[ ](?:and|&)[ ]"
    rf"(?:[0-9]{{1,5}}[ ])?{WORD}(?:[ ]{WORD}){{0,3}}(?:[ ][0-9]{{1,4}}\b)?)"
)


def _confirm_corner(text: str, start: int, end: int) -> Proof | None:
    found = _CORNER.match(text, end, min(len(text), end + 120))
    return Proof(start, end + len(found[0].rstrip(".")), "two streets") if found else None


def _confirm_place(text: str, start: int, end: int) -> Proof | None:
    found = _PLACE.match(text, end, min(len(text), end + 90))
    return Proof(found.start("value"), found.end("value"), "labelled field") if found else None


def _confirm_line(text: str, start: int, end: int) -> Proof | None:
    """The rest of the line behind the label: it must have a number, and words that are no number's base or host."""
    found = _ADDRESS.match(text, end, min(len(text), end + 110))
    if found is None:
        return None
    value = _NEXT_SENTENCE.split(found["value"], 1)[0].rstrip(" ,.")
    words = sum(len(word) > 2 and word.isalpha() for word in re.split("[ ,.-]", value))
    if not _ENOUGH.search(value) or not words or value.startswith("0x"):
        return None
    return Proof(found.start("value"), found.start("value") + len(value), "labelled field")


FIELDS: tuple[Rule, ...] = (
    Rule(
        name="place_field",
        type="LOCATION",
        expression=_PLACE_LABELS,
        confirm=_confirm_place,
        caseless=True,
        score=0.7,
        context_score=0.7,
        family="addresses",
        reference="fields of forms",
        example="Wohnort: Stuttgart",
    ),
    Rule(
        name="address_field",
        type="LOCATION",
        expression=_ADDRESS_LABELS,
        confirm=_confirm_line,
        caseless=True,
        score=0.75,
        context_score=0.75,
        family="addresses",
        reference="fields of forms",
        example="Anschrift: Am Beispielfeld 11, 70173 Stuttgart",
    ),
    Rule(
        name="postcode_field",
        type="LOCATION",
        expression=_POSTCODE_LABELS,
        confirm=_confirm_postcode,
        caseless=True,
        score=0.75,
        context_score=0.75,
        family="addresses",
        reference="fields of forms",
        example="PLZ: 70173",
    ),
    Rule(
        name="street_corner",
        type="LOCATION",
        expression="(?:at |on )?(?:the )?corner of",
        confirm=_confirm_corner,
        caseless=True,
        score=0.75,
        context_score=0.75,
        family="addresses",
        reference="two streets that cross",
        example="the corner of Sample Street and Elm Lane",
    ),
)
"""Places behind the label of a form's field, in any of the languages."""
