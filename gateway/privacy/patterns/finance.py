"""Accounts, banks, cards and wallets."""

from __future__ import annotations

import contextlib
import re
from functools import cache

from schwifty import registry
from schwifty.domain import IBANSpec
from schwifty.exceptions import InvalidCountryCode
from stdnum import luhn

from gateway.privacy.patterns import wallets
from gateway.privacy.patterns.rule import Boundary, Proof, Rule

_ACCOUNT_WORDS = ("iban", "konto", "account", "compte", "cuenta", "conto", "bank", "口座", "账户", "账号")


_COUNTRIES = frozenset(
    "AD AE AF AG AI AL AM AO AR AS AT AU AW AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BW BY BZ CA CD CF CG CH CI "
    "CK CL CM CN CO CR CU CV CW CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL "
    "GM GN GP GQ GR GT GU GW GY HK HN HR HT HU ID IE IL IM IN IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ "
    "LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG "
    "NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SK SL SM "
    "SN SO SR SS ST SV SX SY SZ TC TD TG TH TJ TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VG VI VN VU WF WS XK "
    "YE YT ZA ZM ZW".split()
)


_LINE_END = r"[ ]{0,2}\r?\n[ \t>|*]{0,12}"


@cache
def _iban_specs() -> dict[str, IBANSpec]:
    specs = {}
    for country in _COUNTRIES:
        with contextlib.suppress(InvalidCountryCode):  # a country without IBANs
            specs[country] = registry.get_iban_spec(country)
    return specs


@cache
def _iban_form(country: str) -> re.Pattern[str]:
    """Return what follows the country: check digits and account.

    A blank or hyphen is allowed before each character, or a line's end with what quotes or indents the next.
    """
    length = _iban_specs()[country].iban_length - 2
    return re.compile(rf"(?:(?:[ -]|{_LINE_END})?[0-9A-Za-z]){{{length}}}(?![0-9A-Za-z])")


def _iban(text: str, start: int, end: int) -> Proof | None:
    country = text[start : start + 2].upper()
    rest = _iban_form(country).match(text, start + 2)
    if not rest:
        return None
    account = re.sub("[^0-9A-Za-z]", "", rest[0]).upper()
    if not re.fullmatch(_iban_specs()[country].regex, account[2:]):
        return None
    moved = account[2:] + country + account[:2]
    if int("".join(str(int(character, 36)) for character in moved)) % 97 != 1:
        return None
    return Proof(start, rest.end(), "ISO 7064 MOD 97-10", 1.0)


# --- cards ------------------------------------------------------------------------------------------------------------

_ISSUERS = (
    ("Visa", re.compile(r"4[0-9]{15}|4[0-9]{18}|4[0-9]{12}")),
    ("Mastercard", re.compile(r"(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}")),
    ("American Express", re.compile(r"3[47][0-9]{13}")),
    ("Diners Club", re.compile(r"3(?:0[0-5]|[689][0-9])[0-9]{11}(?:[0-9]{2})?")),
    ("Discover", re.compile(r"(?:6011|64[4-9][0-9]|65[0-9]{2})[0-9]{12}(?:[0-9]{3})?")),
    ("JCB", re.compile(r"(?:2131|1800)[0-9]{11}|35(?:2[89]|[3-8][0-9])[0-9]{12}(?:[0-9]{3})?")),
    ("UnionPay", re.compile(r"62[0-9]{14,17}|81[0-9]{14,17}")),
    ("Maestro", re.compile(r"(?:5018|5020|5038|5893|6304|6759|676[1-3])[0-9]{8,15}")),
    ("Mir", re.compile(r"220[0-4][0-9]{12}")),
    ("RuPay", re.compile(r"(?:60|508|82)[0-9]{13,14}")),
)

_LOOSE = ("no issuer today", re.compile(r"(?:35|50|5[6-8]|6)[0-9]{10,17}"))  # counts beside a word only


def _card(text: str, start: int, end: int) -> Proof | None:
    value = text[start:end]
    if len({*re.findall("[ -]", value)}) > 1 or _runs_on(text, start, end):
        return None
    digits = re.sub("[ -]", "", value)
    issuer = next((name for name, form in (*_ISSUERS, _LOOSE) if form.fullmatch(digits)), "")
    if not issuer or not luhn.is_valid(digits) or len({*digits}) < 2:
        return None
    # Cards of 13 digits are no longer issued, and articles are numbered with 13 (EAN).
    score = 0.3 if issuer == _LOOSE[0] or len(digits) == 13 else 0.6 if len(digits) < 15 else 1.0
    return Proof(start, end, f"Luhn, range of {issuer}", score)


def _runs_on(text: str, start: int, end: int) -> bool:
    """Whether it is a part of a decimal or of a longer row of groups: a full-width comma before a kanji is neither."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return (before[1:] in (".", ",", "-", "_") and before[:1].isalnum() and before[:1].isascii()) or (
        after[:1] in (".", ",", "-", "_") and after[1:].isalnum() and after[1:].isascii()
    )


# --- banks ----------------------------------------------------------------------------------------------------------


def _bic(text: str, start: int, end: int) -> Proof | None:
    return Proof(start, end, "ISO 9362 form, real country") if text[start + 4 : start + 6] in _COUNTRIES else None


RULES: tuple[Rule, ...] = (
    Rule(
        name="iban",
        type="IBAN_CODE",
        expression=rf"(?:{'|'.join(sorted(_iban_specs()))})[ ]?[0-9][ ]?[0-9]",
        boundary=Boundary.START,
        caseless=True,
        confirm=_iban,
        family="finance",
        score=1.0,
        context=_ACCOUNT_WORDS,
        reference="ISO 13616-1",
        example="DE02 1203 0000 0000 2020 51",
    ),
    Rule(
        name="credit_card",
        type="CREDIT_CARD",
        expression=r"[1-68][0-9]{11,18}|[1-68][0-9]{3}(?:[ \-][0-9]{4}){3}(?:[ \-]?[0-9]{3})?"
        r"|3[0-9]{3}[ \-][0-9]{6}[ \-][0-9]{4,5}",
        confirm=_card,
        family="finance",
        score=0.85,
        context=(
            "card",
            "cc",
            "visa",
            "mastercard",
            "kreditkarte",
            "karte",
            "carte",
            "tarjeta",
            "carta",
            "カード",
            "卡",
        ),
        reference="ISO/IEC 7812-1",
        example="4242 4242 4242 4242",
    ),
    Rule(
        name="bic",
        type="BIC_CODE",
        expression=r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?",
        boundary=Boundary.TOKEN,
        confirm=_bic,
        family="finance",
        score=0.6,
        context=("bic", "swift", "bank", "iban", "銀行", "银行"),
        needs_context=True,
        reference="ISO 9362",
        example="ZZZZDE2A",
    ),
    *wallets.RULES,
)
