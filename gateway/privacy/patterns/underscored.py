"""Telephone numbers behind their label and an underscore, as names of files and keys have them: ``tel_08912345678_x``.

Between underscores a number is part of a longer code as a rule; the label says that it is not. Only what the numbering
plans of :mod:`gateway.privacy.patterns.phones` know counts, and nothing that runs on with a letter or digit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.privacy.patterns import phones
from gateway.privacy.patterns.rule import Boundary, Confirm, Proof, Rule

_LABELS = (
    "telefon|telephone|téléphone|teléfono|telefono|phone|tel|mobiltelefon|mobile|mobil|handy|whatsapp|fax|rufnummer|"
    "móvil|movil|cellulare"
)
_LONGEST = 40
_SCORE = 0.85
_FORMS: Sequence[tuple[re.Pattern[str], Confirm]] = [
    (re.compile(rf"(?:{rule.expression})(?![0-9A-Za-z])", re.ASCII), rule.confirm)
    for rule in phones.RULES
    if rule.confirm and not rule.needs_context
]


def _behind_label(text: str, start: int, end: int) -> Proof | None:
    begin = text.rindex("_", start, end) + 1
    for form, confirm in _FORMS:
        found = form.match(text, begin, begin + _LONGEST)
        if found is None or text[found.end() : found.end() + 1].isalnum():
            continue
        proof = confirm(found[0], 0, len(found[0]))  # by itself: what is around it is the name of a file or key
        if proof is not None:
            return Proof(begin + proof.start, begin + proof.end, proof.check, _SCORE)
    return None


RULES: tuple[Rule, ...] = (
    Rule(
        name="phone_underscored",
        type="PHONE_NUMBER",
        expression=rf"(?i:(?:{_LABELS})(?:[_-]?(?:nummer|number|no|nr))?_{{1,2}})[+]?[0-9]",
        boundary=Boundary.START,
        confirm=_behind_label,
        family="contact",
        score=_SCORE,
        reference="ITU-T E.164, national numbering plans",
        example="tel_08912345678_x",
    ),
)
