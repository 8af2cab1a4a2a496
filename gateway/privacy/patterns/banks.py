"""Bank identifier codes that no "BIC" announces: beside an account's IBAN, or behind the word for the bank.

Eight or eleven capitals are an ordinary word as often as a code (CUSTOMER, DELIVERY have a country at the right place),
so the country alone proves nothing::

    Virement sur FR76 3000 6000 0112 3456 7890 189 / AGRIFRPP      -> beside an IBAN whose check digits hold
    Hausbank: BYLADEM1                                             -> behind its noun
"""

from __future__ import annotations

import re
from typing import Final

from gateway.privacy.patterns.behind import Value, behind, spelled
from gateway.privacy.patterns.finance import RULES as FINANCE
from gateway.privacy.patterns.rule import Boundary, Proof, Rule

_BIC: Final = next(rule for rule in FINANCE if rule.name == "bic")
_IBAN: Final = next(rule for rule in FINANCE if rule.name == "iban")
_NEAR: Final = 64
_ACCOUNT: Final = re.compile(f"(?<![0-9A-Za-z])(?:{_IBAN.expression})", re.IGNORECASE)

_BANKS: Final = (
    "bank|hausbank|bankname|bankverbindung|kreditinstitut|geldinstitut|institut|sparkasse|volksbank|"
    "bank identifier|bank code|routing code|banque|code banque|établissement bancaire|domiciliation|"
    "banca|banca d'appoggio|istituto di credito|filiale|banco|entidad|entidad bancaria|"
    "金融機関|金融機関コード|銀行|銀行コード|振込先|送金先|银行|开户行|开户银行|收款行|银行代码|银行识别码|国际代码"
)


def _has_country(value: str) -> bool:
    return value.isupper() and _BIC.confirm is not None and _BIC.confirm(value, 0, len(value)) is not None


def _beside_account(text: str, start: int, end: int) -> Proof | None:
    if not _has_country(text[start:end]):
        return None
    near = ((max(0, start - _NEAR), start), (end, end + _NEAR))
    accounts = (found for low, high in near for found in _ACCOUNT.finditer(text, low, high))
    if any(_IBAN.confirm and _IBAN.confirm(text, *found.span()) for found in accounts):
        return Proof(start, end, "ISO 9362 form, real country, beside an IBAN")
    return None


RULES: tuple[Rule, ...] = (
    Rule(
        name="bic_beside_iban",
        type="BIC_CODE",
        expression=_BIC.expression,
        boundary=_BIC.boundary,
        confirm=_beside_account,
        family="finance",
        score=0.85,
        reference="ISO 9362; ISO 13616-1",
    ),
    *(
        Rule(
            name="bic_named" if caseless else "bic_named_accented",
            type="BIC_CODE",
            expression=banks,
            boundary=Boundary.START,
            caseless=caseless,
            confirm=behind(
                Value(_BIC.expression, "ISO 9362 form, real country, behind its bank", _has_country, digits=False)
            ),
            family="finance",
            score=0.75,
            reference="ISO 9362",
            example="Hausbank: BYLADEM1" if caseless else "开户行:BYLADEM1",
        )
        for banks, caseless in spelled(_BANKS.split("|"))
    ),
)
