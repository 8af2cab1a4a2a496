"""Kinds of finding types: what a rule table means by ``@ids``, and what raises the class of a text.

A type is of one kind or of none. Names, contacts, places, vehicles and devices are of none: they are personal data like
any other. Types are Presidio's names where it has one. Pure data; tests compare it with what is searched for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.domain import DataClass

KINDS: Final[Mapping[str, frozenset[str]]] = {
    "secrets": frozenset("ACCESS_TOKEN API_KEY CONNECTION_STRING JWT PASSWORD PRIVATE_KEY URL_CREDENTIALS".split()),
    "ids": frozenset(
        """
        AT_SVNR BE_NN BG_EGN CH_AHV CN_FOREIGNER_ID CN_MILITARY_ID CN_PASSPORT CN_RESIDENT_ID CN_SOCIAL_SECURITY
        CN_TRAVEL_PERMIT CZ_RODNE_CISLO DE_FUEHRERSCHEIN DE_HEALTH_INSURANCE DE_ID_CARD DE_PASSPORT DE_SOCIAL_SECURITY
        DE_TAX_ID DE_TAX_NUMBER DK_CPR DRIVER_LICENSE EE_ISIKUKOOD ES_NIE ES_NIF ES_NSS ES_PASSPORT
        FI_PERSONAL_IDENTITY_CODE FR_DRIVING_LICENCE FR_ID_CARD FR_NIR FR_PASSPORT FR_TAX_NUMBER GR_AFM GR_AMKA
        HEALTH_INSURANCE HR_OIB ID_CARD IE_PPS IT_DRIVER_LICENSE IT_FISCAL_CODE IT_HEALTH_CARD IT_IDENTITY_CARD
        IT_PASSPORT JP_DRIVER_LICENSE JP_EMPLOYMENT_INSURANCE JP_HEALTH_INSURANCE JP_MY_NUMBER JP_PASSPORT
        JP_PENSION_NUMBER JP_RESIDENCE_CARD JP_RESIDENT_RECORD_CODE KR_RRN LT_ASMENS_KODAS MEDICAL_LICENSE
        MEDICAL_RECORD_NUMBER MRZ NL_BSN NO_FODSELSNUMMER PASSPORT PL_PESEL PT_CC PT_NIF RO_CNP SE_PERSONNUMMER
        SI_EMSO UK_DRIVING_LICENCE UK_NHS UK_NINO UK_PASSPORT UK_UTR US_DRIVER_LICENSE US_ITIN US_MBI US_PASSPORT
        US_SSN
        """.split()
    ),
    "accounts": frozenset("CN_BANK_ACCOUNT CREDIT_CARD CRYPTO IBAN_CODE JP_BANK_ACCOUNT US_BANK_NUMBER".split()),
}
"""Secrets open doors; ids are numbers of one natural person; accounts are numbers of a payment."""

KIND_OF: Final[Mapping[str, str]] = {type: kind for kind, types in KINDS.items() for type in types}

RAISES: Final[Mapping[str, DataClass]] = {"secrets": "strict", "ids": "confidential", "accounts": "confidential"}
"""The least class of a text that holds one (GDPR art. 87, recital 75; a secret is nobody else's at all)."""


SPECIAL: Final = ("health", "religion", "politics", "union", "ethnic", "sex", "biometric", "genetic", "crime")
"""Special categories a text may speak of. GDPR Art. 9 (1) in its words: health; religious or philosophical beliefs;
political opinions; trade union membership; racial or ethnic origin; sex life or orientation; biometric; genetic data.
Art. 10: convictions and offences."""


def name_of(kind: str) -> str:
    """Return how a rule table and a decision write a kind: ``@ids``."""
    return f"@{kind}"


GROUP_OF: Final[Mapping[str, str]] = {type: name_of(kind) for type, kind in KIND_OF.items()}
