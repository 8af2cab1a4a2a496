"""France: NIR, SIREN and SIRET, tax number, cards, addresses (Belgium's and Luxembourg's, too).

::

    NIR 2 95 10 99 126 111 93             -> FR_NIR
    12 bis rue de la Paix, 75002 Paris    -> LOCATION
"""

from __future__ import annotations

import re

from stdnum.fr import nif, nir, siren, siret

from gateway.privacy.patterns.places import BREAK, CITY, LETTER, SMALL, WORD
from gateway.privacy.patterns.proofs import NOT_PERSONAL, glued, labelled, loose, stepped, trimmed, valid
from gateway.privacy.patterns.rule import Boundary, Proof, Rule, checked
from gateway.privacy.patterns.words import ID_CARD, LICENCE, PASSPORT, with_words

_NIR_WORDS = (
    "nir", "numéro de sécurité sociale", "sécurité sociale", "securite sociale", "n° ss", "insee", "numéro d'assuré",
    "carte vitale", "assuré social", "n° sécu", "numéro de sécu", "social security", "ssn", "nss", "sécu",
)  # fmt: skip
_SIREN_WORDS = ("siren", "rcs", "r.c.s.", "siret", "registre du commerce", "immatriculée", "entreprise n°")
_SIRET_WORDS = ("siret", "siren", "établissement", "insee", "rcs")
_CARD_WORDS = (
    "carte d'identité", "carte nationale d'identité", "cni", "cnie", "pièce d'identité", "carte d’identité",
    "carte nationale d’identité", "identity card", "carte identité", "id card",
)  # fmt: skip
_PASS_WORDS = ("passeport", "french passport")
_LICENCE_WORDS = (
    "permis de conduire",
    "permis n",
    "permis :",
    "permis b",
    "numéro de permis",
    "n° de permis",
    "driving licence",
)
_TAX_WORDS = (
    "numéro fiscal",
    "n° fiscal",
    "spi",
    "référence fiscale",
    "numéro d'identification fiscale",
    "nif",
    "impôts",
    "tin",
)

NIR_FORM = r"[12378][ .]?[0-9]{2}[ .]?[0-9]{2}[ .]?(?:[0-9]{2}|2[ABab])[ .]?[0-9]{3}[ .]?[0-9]{3}"


def is_nir_body(value: str) -> bool:
    """Return whether 13 characters without their key have a month that exists (01 to 12, or one of INSEE's others)."""
    month = int(nir.compact(value)[3:5])
    return 1 <= month <= 12 or 20 <= month <= 42 or 50 <= month <= 99


def _is_nir(value: str) -> bool:
    number = value.replace(" ", "").replace(".", "").replace("-", "").replace("/", "")
    return is_nir_body(number) and nir.is_valid(number)


def _is_letter_licence(value: str) -> bool:
    return any(c.isalpha() for c in value)


def _confirm_siren(text: str, start: int, end: int) -> Proof | None:
    """A group of digits directly before it makes it the end of a longer number."""
    if text[start - 1 : start] == " " and text[start - 2 : start - 1].isdigit():
        return None
    return Proof(start, end, "Luhn") if siren.is_valid(text[start:end]) else None


# -- addresses ---------------------------------------------------------------------------------------------------------

_KINDS = (
    r"(?:rue|avenue|av\.|ave\.?|boulevard|bd\.?|bld\.?|blvd\.?|place|pl\.|chemin|ch\.|allées?|impasse|quai|route|"
    "rte|cours|"
    "square|passage|faubourg|fbg|ruelle|sentier|esplanade|promenade|villa|cité|rond-point|résidence|lotissement|"
    "montée|"
    r"voie|traverse|chaussée|venelle|hameau|z\.?i\.?|z\.?a\.?|zac)"
)
_NAME_AFTER = re.compile(
    rf"[ ]{{1,2}}(?:(?:{SMALL}|[Dd]u|[Dd]e|[Ll]e|[Ll]a)[ ]?){{0,3}}(?:[0-9]{{1,2}}(?:er)?[ "
    rf"])?[{LETTER}][\w'’´.-]{{1,24}}"
    rf"(?:[ -](?:{SMALL}[ ]?){{0,2}}[{LETTER}0-9][\w'’´.-]{{0,24}}(?<![0-9]{{5}})){{0,5}}?"
    rf"(?P<city>(?:{BREAK}(?:Bât(?:iment)?\.?|Apt\.?|Appt\.?|Appartement|Esc(?:alier)?\.?|BP|CS|Étage)[ "
    rf"]?[A-Z0-9]{{1,6}}){{0,2}}"
    rf"{BREAK}(?:F-|FR-|B-|L-)?[0-9]{{4,5}}[ ]{{1,2}}{CITY}(?:[ ]Cedex|[ ]CEDEX)?(?:[ ][0-9]{{1,2}}(?:e|er|"
    "ème)?)?(?:,[ ]?(?:France|Belgique|Luxembourg))?)"
)
_SHORT_NAME = re.compile(
    rf"[ ]{{1,2}}(?:(?:{SMALL}|[Dd]u|[Dd]e|[Ll]e|[Ll]a)[ ]?){{0,3}}(?:[0-9]{{1,2}}(?:er)?[ ])?{WORD}(?:(?:[ -]|[ "
    rf"]?{SMALL}[ ]?){{1,2}}{WORD}){{0,4}}(?:[ ][0-9]{{4}}(?![0-9]))?"
)


def _confirm_street(text: str, start: int, end: int) -> Proof | None:
    """The anchor is a number and a kind of street; the name follows, with a postcode and a city or without."""
    limit = min(len(text), end + 130)
    whole = _NAME_AFTER.match(text, end, limit)
    if whole is not None:
        return Proof(start, whole.end(), "number, street, postcode, city", 0.95)
    name = _SHORT_NAME.match(text, end, limit)
    return Proof(start, name.end(), "number, street", 0.75) if name else None


_RULES: tuple[Rule, ...] = (
    Rule(
        name="fr_nir",
        type="FR_NIR",
        expression=rf"{NIR_FORM}[ .|/-]?[ ]?[0-9]{{2}}",
        confirm=checked(_is_nir, "mod 97"),
        context=_NIR_WORDS,
        score=0.95,
        context_score=1.0,
        context_after=40,
        jurisdiction="FR",
        family="national",
        reference="Décret n° 82-103 du 22 janvier 1982; INSEE",
        example="2 95 10 99 126 111 93",
    ),
    Rule(
        name="fr_nir_body",
        type="FR_NIR",
        expression=NIR_FORM,
        confirm=checked(is_nir_body, "form"),
        context=_NIR_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.85,
        context_before=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="FR",
        family="national",
        reference="Décret n° 82-103 du 22 janvier 1982; INSEE",
        example="2 95 10 99 126 111",
    ),
    Rule(
        name="fr_siren",
        type="FR_SIREN",
        expression=loose(3, 3, 3, separator="[ .]"),
        confirm=_confirm_siren,
        context=_SIREN_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.95,
        context_before=32,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="FR",
        family="national",
        reference="Code de commerce R123-220; ISO/IEC 7812",
        example="732 829 320",
    ),
    Rule(
        name="fr_siret",
        type="FR_SIRET",
        expression=r"[0-9]{3}[ .]?[0-9]{3}[ .]?[0-9]{3}[ .]?[0-9]{5}",
        confirm=stepped(siret.is_valid, "Luhn", (0.3, 0.6)),
        context=_SIRET_WORDS,
        score=0.3,
        context_score=1.0,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="FR",
        family="national",
        reference="Code de commerce R123-221; La Poste: sum of digits divisible by 5",
        example="732 829 320 00074",
    ),
    Rule(
        name="fr_tax_number",
        type="FR_TAX_NUMBER",
        expression=r"[0-3][0-9][ ]?[0-9]{2}[ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{3}",
        confirm=valid(nif, "mod 511"),
        context=_TAX_WORDS,
        score=0.35,
        context_score=1.0,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="FR",
        family="national",
        reference="Numéro SPI (DGFiP), 13 digits",
        example="30 23 217 600 053",
    ),
    Rule(
        name="fr_id_card",
        type="FR_ID_CARD",
        expression=r"[0-9]{2}(?:0[1-9]|1[0-2])[0-9AB]{2}[0-9]{6}|[A-Z0-9]{2}[0-9]?[A-Z][A-Z0-9]{5,6}",
        confirm=checked(lambda value: sum(c.isdigit() for c in value) >= 2 and len(value) in {9, 12}, "form"),
        context=_CARD_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.85,
        context_before=36,
        context_after=0,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="FR",
        family="national",
        reference="Décret n° 55-1397 (12 digits; 9 characters since 2021)",
        example="880692310285",
    ),
    Rule(
        name="fr_passport",
        type="FR_PASSPORT",
        expression=r"[0-9]{2}[ ]?[A-Z]{2}[ ]?[0-9]{5}",
        context=_PASS_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.95,
        context_before=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="FR",
        family="travel",
        reference="Décret n° 2005-1726; 2 digits, 2 letters, 5 digits",
        example="12AB34567",
    ),
    Rule(
        name="fr_driving_licence",
        type="FR_DRIVING_LICENCE",
        expression=r"[0-9]{2}(?:0[1-9]|1[0-2])[ ]?[0-9]{2}[ ]?[0-9]{6}|[0-9]{2}[A-Z]{2}[0-9]{5}",
        context=_LICENCE_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.9,
        context_before=36,
        context_after=0,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="FR",
        family="national",
        reference="Arrêté du 20 avril 2012 (permis de conduire)",
        example="990475100123",
    ),
    Rule(
        name="fr_address",
        type="LOCATION",
        expression=(
            rf"[0-9]{{1,4}}(?:[ ]?(?:bis|ter|quater|[A-Da-d]))?(?:[ ]?[-/][ ]?[0-9]{{1,4}})?,?[ ]{{1,2}}{_KINDS}"
        ),
        confirm=_confirm_street,
        caseless=True,
        score=0.75,
        context=(
            "adresse",
            "domicile",
            "demeurant",
            "habite",
            "domicilié",
            "domiciliée",
            "réside",
            "siège",
            "address",
            "sise",
        ),
        context_score=0.95,
        context_after=40,
        jurisdiction="FR",
        family="addresses",
        reference="NF Z 10-011",
        example="12 bis rue de la Paix, 75002 Paris",
    ),
    Rule(
        name="fr_postal_code",
        type="LOCATION",
        expression=labelled(("code postal", "cp"), "[0-9]{5}"),
        confirm=trimmed("[0-9]{5}", behind=re.compile(f"[ ]{CITY}")),
        score=0.75,
        jurisdiction="FR",
        family="addresses",
        reference="NF Z 10-011",
        example="code postal 75002 Paris",
    ),
)

_WORDS = {"fr_id_card": ID_CARD, "fr_passport": PASSPORT, "fr_driving_licence": LICENCE}
RULES: tuple[Rule, ...] = (*with_words(_RULES, _WORDS), *glued(_RULES))
