"""Values right behind their label, without a blank, as Chinese and Japanese sentences have them: ``VINWVWZZZ1J...``.

As :func:`gateway.privacy.patterns.proofs.glued`, for values of large expressions: the usual labels are looked for with
the value's first character, a digit or a capital letter, and the confirmer reads the value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from gateway.privacy.patterns import contact, devices, finance, plates, positions, vehicles
from gateway.privacy.patterns.rule import Boundary, Proof, Rule

_LONGEST = 80
_COUNTED = "(?:[ -]?(?:nummer|number|no|nr))?"

_LABELS: Sequence[tuple[Sequence[Rule], str]] = (
    (
        [rule for rule in contact.RULES if rule.type in ("IP_ADDRESS", "MAC_ADDRESS")],
        "ip|ipv4|ip[ -]?address|ip[ -]?adresse|adresse ip|host|mac|mac[ -]?address|mac[ -]?adresse",
    ),
    (devices.RULES, "imei|imeisv|iccid|imsi|eid|sim[ -]karte|sim[ -]card|carte sim|tarjeta sim|scheda sim"),
    (finance.RULES, "iban|credit card|card|kreditkarte|carta di credito|carte bancaire|carte de crédit|tarjeta|carta"),
    (
        plates.RULES,
        "kennzeichen|nummernschild|registration|number plate|licen[cs]e plate|plate|reg|immatriculation|plaque|targa|"
        "matr[ií]cula",
    ),
    (
        positions.RULES,
        "gps|lat/lon|lat/lng|latlon|latlng|lon/lat|coordinates?|coords|koordinaten?|coordonnées|coordenadas|position|posizione|posición|posicion|standort|breite/länge",
    ),
    (
        vehicles.RULES,
        "vin|fin|ch[aâ]ssis|fahrgestell|fahrzeug-?ident(?:ifizierungs|ifikations)?|n. de ch[aâ]ssis|telaio|bastidor",
    ),
)


def _stuck(rule: Rule, labels: str) -> Rule:
    behind = "" if rule.boundary is Boundary.START else "(?![0-9A-Za-z])"
    value = re.compile(rf"(?:{rule.expression}){behind}", re.IGNORECASE if rule.caseless else 0)

    def confirm(text: str, start: int, end: int) -> Proof | None:
        found = value.match(text, end - 1, end + _LONGEST)
        if found is None:
            return None
        proof = rule.confirm(text, end - 1, found.end()) if rule.confirm else Proof(end - 1, found.end(), "")
        return None if proof is None else proof._replace(score=rule.context_score)

    return msgspec.structs.replace(
        rule,
        name=f"{rule.name}_glued",
        expression=f"(?i:(?:{labels}){_COUNTED})[0-9A-Z]",
        confirm=confirm,
        boundary=Boundary.START,
        caseless=False,
        needs_context=False,
        context=(),
        example="",
    )


RULES: tuple[Rule, ...] = tuple(
    _stuck(rule, labels)
    for rules, labels in _LABELS
    for rule in rules
    if rule.context and rule.boundary is not Boundary.END and rule.type != "BIC_CODE"
)
