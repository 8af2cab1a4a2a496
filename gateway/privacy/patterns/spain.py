"""Spain: DNI, NIE, CIF, social security number, passport, addresses.

::

    DNI 12.345.678-Z               -> ES_NIF
    Calle Mayor 5, 28013 Madrid    -> LOCATION
"""

from __future__ import annotations

import re

from stdnum.es import cif, dni, nie

from gateway.privacy.patterns.places import BREAK, CITY, LETTER, SMALL, SUFFIX, UPPER, WORD
from gateway.privacy.patterns.proofs import NOT_PERSONAL, digits_of, glued, labelled, trimmed
from gateway.privacy.patterns.rule import Boundary, Proof, Rule, checked
from gateway.privacy.patterns.words import PASSPORT, with_words

_NIF_WORDS = (
    "dni",
    "nif",
    "d.n.i.",
    "n.i.f.",
    "documento nacional",
    "identidad",
    "identificación fiscal",
    "national id",
)
_NIE_WORDS = ("nie", "n.i.e.", "extranjero", "identidad de extranjero", "residencia", "tie", "dni", "nif")
_CIF_WORDS = (
    "cif",
    "c.i.f.",
    "nif",
    "n.i.f.",
    "identificación fiscal",
    "sociedad",
    "empresa",
    "s.l.",
    "s.a.",
    "vat",
    "tax id",
)
_NSS_WORDS = ("seguridad social", "nss", "n.s.s.", "nuss", "número de afiliación", "afiliación", "naf",
        "social security",
              "núm. ss", "nº ss", "n° ss")  # fmt: skip
_PASS_WORDS = ("pasaporte", "spanish passport")


def _bare(value: str) -> str:
    return value.replace(" ", "").replace(".", "").replace("-", "").upper()


def is_social_security_number(value: str) -> bool:
    """Return whether 12 digits are a province, a serial and the two control digits (mod 97).

    A serial below ten million is taken without its leading zero, as the Treasury of social security computes it.
    """
    digits = digits_of(value)
    province, serial = int(digits[:2]), int(digits[2:10])
    if not (1 <= province <= 53 or province == 66):
        return False
    body = province * 10_000_000 + serial if serial < 10_000_000 else int(digits[:10])
    return body % 97 == int(digits[10:])


_KINDS = (
    r"(?:calle|c/|avenida|avda\.?|av\.|avd\.|plaza|pza\.?|pl\.|paseo|p[ºo]\.?|pso\.?|camino|cno\.?|carretera|"
    r"ctra\.?|ronda|"
    r"travesía|trav\.|glorieta|rambla|vía|gran vía|callejón|cuesta|alameda|bulevar|polígono|urbanización|urb\.|carrer|"
    r"avinguda|plaça|passeig|rúa|kalea|costanilla|pasaje|senda|barrio)"
)
_AFTER_KIND = re.compile(
    rf"[ ]?(?:(?:{SMALL}|[Dd]e|[Dd]el|[Ll]a|[Ll]os|[Ll]as|[Ee]l)[ ]?){{0,3}}(?:[0-9]{{1,2}}[ ](?:de[ "
    rf"]))?[{LETTER}][\w'’´.ªº·]{{1,24}}"
    rf"(?:[ -](?:{SMALL}[ ]?){{0,2}}[{LETTER}][\w'’´.ªº·]{{0,24}}){{0,5}}?"
    rf"(?P<number>,?[ ]{{1,2}}(?:n[º°o.][ ]?|núm\.?[ ]?|número[ ]|nro\.?[ ]|s/n|km\.?[ "
    rf"])?(?:[0-9]{{1,4}}{SUFFIX}(?![0-9])|(?<=s/n)))"
    rf"(?P<flat>(?:[ ]?,?[ ](?:[0-9]{{1,2}}[ºª°oa][ ]?[A-Z0-9]?(?![\w])|piso[ ][0-9]{{1,2}}|puerta[ ][A-Z0-9]{{1,3}}|"
    rf"esc\.?(?:alera)?[ ]?[A-Z0-9]{{1,3}}|portal[ ][A-Z0-9]{{1,3}}|bajo|ático|(?:izq|dcha|izda|der)\.?|"
    rf"[0-9][A-D](?![\w])|planta[ ][0-9]{{1,2}})){{0,4}})"
    rf"(?P<city>{BREAK}(?:E-|ES-|C\.?P\.?:?[ ]?)?[0-9]{{5}},?[ ]{{1,2}}{CITY}(?:[ ]?[,(][ ]?{WORD}[)]?)?(?:,[ "
    "]?España)?)?"
)


_CAPITAL = re.compile(f"[{UPPER}]")


def _confirm_street(text: str, start: int, end: int) -> Proof | None:
    """The anchor is a kind of street; a name and a number follow, with a postcode and a city or without."""
    found = _AFTER_KIND.match(text, end, min(len(text), end + 150))
    if found is None or not (text[end - 1] == "/" or text[end : end + 1] == " "):
        return None
    if found["city"]:
        return Proof(start, found.end(), "street, number, postcode, city", 0.95)
    return Proof(start, found.end(), "street, number", 0.7 if _CAPITAL.search(text, start, found.end()) else 0.3)


_RULES: tuple[Rule, ...] = (
    Rule(
        name="es_nif",
        type="ES_NIF",
        expression=r"[0-9]{8}[ -]?[A-HJ-NP-TV-Z]|[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}[ -]?[A-HJ-NP-TV-Z]",
        confirm=checked(lambda value: dni.is_valid(_bare(value).zfill(9)), "mod 23"),
        caseless=True,
        context=_NIF_WORDS,
        score=0.6,
        context_score=1.0,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="ES",
        family="national",
        reference="RD 1553/2005; Orden EHA/451/2008",
        example="54362315-K",
    ),
    Rule(
        name="es_nie",
        type="ES_NIE",
        expression=r"[XYZ][ -]?[0-9]{7}[ -]?[A-HJ-NP-TV-Z]|[XYZ][ -]?[0-9]\.[0-9]{3}\.[0-9]{3}[ -]?[A-HJ-NP-TV-Z]",
        confirm=checked(lambda value: nie.is_valid(_bare(value)), "mod 23"),
        caseless=True,
        context=_NIE_WORDS,
        score=0.7,
        context_score=1.0,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="ES",
        family="national",
        reference="RD 557/2011 art. 206; Orden INT/2058/2008",
        example="X2482300W",
    ),
    Rule(
        name="es_cif",
        type="ES_CIF",
        expression="[A-HJNP-SUVW][ -]?[0-9]{7}[ -]?[0-9A-J]|[A-HJNP-SUVW][ -]?[0-9]{2}\\.[0-9]{3}\\.[0-9]{2}[0-9A-J]",
        confirm=checked(lambda value: cif.is_valid(_bare(value)), "Luhn"),
        context=_CIF_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.95,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="ES",
        family="national",
        reference="RD 1065/2007; Orden EHA/451/2008",
        example="J99216582",
    ),
    Rule(
        name="es_nss",
        type="ES_NSS",
        expression="[0-9]{2}[ /-]?[0-9]{8}[ /-]?[0-9]{2}|[0-9]{2}[ ][0-9]{4}[ ][0-9]{4}[ ][0-9]{2}",
        confirm=checked(is_social_security_number, "mod 97"),
        context=_NSS_WORDS,
        score=0.3,
        context_score=1.0,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="ES",
        family="national",
        reference="RD 84/1996 art. 21; Orden TAS/2865/2003",
        example="28/12345678/40",
    ),
    Rule(
        name="es_passport",
        type="ES_PASSPORT",
        expression="[A-Z]{2,3}[ -]?[0-9]{6}",
        context=_PASS_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.9,
        context_before=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="ES",
        family="travel",
        reference="RD 896/2003",
        example="PAA123456",
    ),
    Rule(
        name="es_address",
        type="LOCATION",
        expression=_KINDS,
        confirm=_confirm_street,
        caseless=True,
        score=0.7,
        context=("dirección", "domicilio", "reside", "vive", "residente", "domiciliado", "address", "sede"),
        context_score=0.95,
        context_after=40,
        jurisdiction="ES",
        family="addresses",
        reference="Callejero del Censo Electoral (INE): kinds of ways",
        example="Calle Mayor 5, 28013 Madrid",
    ),
    Rule(
        name="es_postal_code",
        type="LOCATION",
        expression=labelled(("código postal", "c\\.p\\.", "cp"), "[0-9]{5}"),
        confirm=trimmed("[0-9]{5}", behind=re.compile(f"[ ]{CITY}")),
        score=0.75,
        jurisdiction="ES",
        family="addresses",
        reference="Códigos postales (Correos)",
        example="código postal 28013 Madrid",
    ),
)

RULES: tuple[Rule, ...] = (*with_words(_RULES, {"es_passport": PASSPORT}), *glued(_RULES))
