"""Japan: My Number, corporate number, driving licence, residence card, insurance, pension, account.

Numbers of one check digit in eleven (or nine) need a word near them or their own grouping
(:mod:`gateway.privacy.patterns.proofs`); ``番号は123456789018です`` counts too, since a bare "number" in a Japanese
sentence that is no part's or order's is most often a person's::

    マイナンバー 1234-5678-9018      -> JP_MY_NUMBER
    運転免許証 第301234567810号      -> JP_DRIVER_LICENSE

Addresses are in :mod:`gateway.privacy.patterns.japan_places`.
"""

from __future__ import annotations

import re

from stdnum.jp import cn

from gateway.privacy.patterns.proofs import (
    NOT_PERSONAL,
    SEPARATOR,
    digits_of,
    glued,
    labelled,
    loose,
    trimmed,
    valid,
    weighed,
)
from gateway.privacy.patterns.rule import Boundary, Proof, Rule, checked
from gateway.privacy.patterns.words import LICENCE, PASSPORT, VAGUE, with_words

_MY_NUMBER_WORDS = (
    "マイナンバー", "個人番号", "通知カード", "my number", "mynumber", "my_number", "individual number", "個人ナンバー",
    "kojin bango", "特定個人情報",
)  # fmt: skip
_CORPORATE_WORDS = (
    "法人番号", "会社番号", "登録番号", "適格請求書", "インボイス", "corporate number", "corporate_number",
    "法人ナンバー",
    "houjin bango", "t番号",
)  # fmt: skip
_LICENCE_WORDS = (
    "免許証", "免許番号", "運転免許", "driver's license", "driver license", "driving licence", "driver's licence",
    "drivers license", "license number", "licence number", "driver_license",
)  # fmt: skip
_PENSION_WORDS = ("年金番号", "基礎年金", "年金手帳", "pension number", "basic pension")
_ACCOUNT_LABELS = ("口座番号", "口座", "普通預金", "当座預金", "普通", "当座", "貯蓄預金", "ゆうちょ", "記号")
_ACCOUNT = r"[0-9]{7}|[0-9]{5}-(?:[0-9]-)?[0-9]{7,8}"
_HEALTH_LABELS = (
    "被保険者(?:証|等)?(?:の)?(?:記号)?[・ ]?番号", "(?:健康)?保険証(?:の)?(?:記号)?[・ ]?番号", "記号[・ ]?番号",
    "保険証(?:の)? ?記号[:： ]?[0-9]{1,8}[、, ]{0,2}番号",
    "介護保険(?:証)?番号",
    "健康保険(?:証)?(?:の)?番号", "health insurance(?: card)?(?: number| no)",
)  # fmt: skip
_HEALTH = r"[0-9]{4,10}|[0-9]{2,8}[-・ ][0-9]{1,7}"
_RESIDENT_RECORD = "[0-9]{11}|[0-9]{5}[ -][0-9]{6}"

_KANA = re.compile("[ぁ-ゖァ-ヺ]")
_NUMBER_WORDS = re.compile("(?:番号|ナンバー|ID)(?:は|が|を|の|:|)[ 「『(]?\\Z")


def _is_sentence_number(text: str, start: int, end: int) -> bool:
    """Return whether Japanese says directly before it that this is a number, and of nothing technical."""
    before = text[max(0, start - 12) : start]
    if not _NUMBER_WORDS.search(before):
        return False
    return not any(word in before for word in NOT_PERSONAL) and bool(_KANA.search(text[max(0, start - 20) : end + 20]))


_MORE_BEFORE, _MORE_BEHIND = re.compile(r"[0-9]{4}[ -]\Z"), re.compile(r"[ -][0-9]{4}(?![0-9])")
"""Groups of four that go on: a number of sixteen digits."""


def is_my_number(value: str) -> bool:
    """Return whether 12 digits, not all the same, hold the check digit of Ordinance 85 of 2014, art. 5 (mod 11)."""
    digits = digits_of(value)
    if len(digits) != 12 or len({*digits}) == 1:
        return False
    remainder = weighed(digits[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return int(digits[11]) == (0 if remainder <= 1 else 11 - remainder)


def _confirm_my_number(text: str, start: int, end: int) -> Proof | None:
    value = text[start:end]
    if not is_my_number(value) or _MORE_BEFORE.search(text[max(0, start - 6) : start]) or _MORE_BEHIND.match(text, end):
        return None
    bare = 0.6 if _is_sentence_number(text, start, end) else 0.3
    return Proof(start, end, "mod 11", bare if value.isdigit() else 0.5)


def is_driving_licence(value: str) -> bool:
    """Return whether 12 digits are office (10 to 97, 00 abroad), year, serial, mod 11 check digit and reissues."""
    digits = digits_of(value)
    if len(digits) != 12 or not ("10" <= digits[:2] <= "97" or digits[:2] == "00"):
        return False
    return (11 - weighed(digits[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 10 == int(digits[10])


def is_insurer(value: str) -> bool:
    """Return whether 8 digits hold the check digit of an insurer's number (weights 2, 1, cross sums, mod 10)."""
    products = [int(digit) * weight for digit, weight in zip(value[:7], (2, 1, 2, 1, 2, 1, 2), strict=True)]
    return (10 - sum(p // 10 + p % 10 for p in products) % 10) % 10 == int(value[7])


_RULES: tuple[Rule, ...] = (
    Rule(
        name="jp_my_number",
        type="JP_MY_NUMBER",
        expression=loose(4, 4, 4),
        confirm=_confirm_my_number,
        context=_MY_NUMBER_WORDS,
        score=0.5,
        context_score=1.0,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="JP",
        family="national",
        reference="番号法 (Act 27 of 2013); Ordinance 85 of 2014 art. 5",
        example="123456789018",
    ),
    Rule(
        name="jp_corporate_number",
        type="JP_CORPORATE_NUMBER",
        expression=f"[0-9]{SEPARATOR}?{loose(4, 4, 4)}",
        confirm=valid(cn, "mod 9"),
        context=_CORPORATE_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.95,
        context_after=40,
        against=NOT_PERSONAL,
        jurisdiction="JP",
        family="national",
        reference="番号法 art. 39; Ordinance 70 of 2014",
        example="5835678256246",
    ),
    Rule(
        name="jp_invoice_number",
        type="JP_CORPORATE_NUMBER",
        expression=f"T-?[0-9]{SEPARATOR}?{loose(4, 4, 4)}",
        confirm=checked(lambda value: cn.is_valid(value[1:]), "mod 9"),
        context=_CORPORATE_WORDS,
        score=0.7,
        context_score=1.0,
        context_after=40,
        against=NOT_PERSONAL,
        jurisdiction="JP",
        family="national",
        reference="消費税法 art. 57-2 (qualified invoice issuer: T and the corporate number)",
        example="T5835678256246",
    ),
    Rule(
        name="jp_driver_license",
        type="JP_DRIVER_LICENSE",
        expression=loose(4, 4, 4),
        confirm=checked(is_driving_licence, "mod 11"),
        context=_LICENCE_WORDS,
        needs_context=True,
        score=0.4,
        context_score=1.0,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="JP",
        family="national",
        reference="道路交通法 art. 93; the check digit as observed, not published",
        example="301234567810",
    ),
    Rule(
        name="jp_residence_card",
        type="JP_RESIDENCE_CARD",
        expression="[A-Z]{2}[ -]?[0-9]{8}[ -]?[A-Z]{2}",
        context=("在留カード", "在留", "特別永住者", "residence card", "zairyu", "外国人登録"),
        score=0.5,
        context_score=0.95,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="JP",
        family="national",
        reference="出入国管理及び難民認定法 art. 19-4",
        example="AB12345678CD",
    ),
    Rule(
        name="jp_pension_number",
        type="JP_PENSION_NUMBER",
        expression="[0-9]{4}[ -]?[0-9]{6}",
        context=_PENSION_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.9,
        context_before=24,
        context_after=0,
        against=NOT_PERSONAL,
        jurisdiction="JP",
        family="national",
        reference="国民年金法 art. 14 (基礎年金番号)",
        example="1234-567890",
    ),
    Rule(
        name="jp_resident_record",
        type="JP_RESIDENT_RECORD_CODE",
        expression=labelled(("住民票コード", "resident record code", "juminhyo code"), _RESIDENT_RECORD),
        confirm=trimmed(_RESIDENT_RECORD),
        score=0.9,
        jurisdiction="JP",
        family="national",
        reference="住民基本台帳法 art. 7 (13)",
        example="住民票コード:12345678901",
    ),
    Rule(
        name="jp_employment_insurance",
        type="JP_EMPLOYMENT_INSURANCE",
        expression="[0-9]{4}-[0-9]{6}-[0-9]",
        context=("雇用保険", "被保険者番号", "employment insurance"),
        needs_context=True,
        score=0.4,
        context_score=0.9,
        jurisdiction="JP",
        family="national",
        reference="雇用保険法施行規則 art. 10",
        example="1234-567890-1",
    ),
    Rule(
        name="jp_insurer_number",
        type="JP_HEALTH_INSURANCE",
        expression="[0-9]{8}",
        confirm=checked(is_insurer, "mod 10"),
        context=("保険者番号", "insurer number"),
        needs_context=True,
        score=0.4,
        context_score=0.9,
        context_before=20,
        context_after=0,
        jurisdiction="JP",
        family="national",
        reference="保険者番号等の設定要領 (Ministry of Health, 1976)",
        example="06130017",
    ),
    Rule(
        name="jp_health_insurance",
        type="JP_HEALTH_INSURANCE",
        expression=labelled(_HEALTH_LABELS, _HEALTH),
        confirm=trimmed(_HEALTH),
        score=0.8,
        jurisdiction="JP",
        family="national",
        reference="健康保険法施行規則 (記号・番号)",
        example="被保険者番号:12345678",
    ),
    Rule(
        name="jp_bank_account",
        type="JP_BANK_ACCOUNT",
        expression=labelled(_ACCOUNT_LABELS, _ACCOUNT),
        confirm=trimmed(_ACCOUNT),
        score=0.85,
        jurisdiction="JP",
        family="national",
        reference="Zengin format: 7 digits; Japan Post Bank: 5 and 8 digits",
        example="普通 1234567",
    ),
    Rule(
        name="jp_passport",
        type="JP_PASSPORT",
        expression="[A-Z]{2}[0-9]{7}",
        context=("旅券番号", "旅券", "パスポート", "japanese passport"),
        needs_context=True,
        score=0.4,
        context_score=0.95,
        context_after=40,
        against=NOT_PERSONAL,
        jurisdiction="JP",
        family="travel",
        reference="旅券法 art. 6",
        example="TK1234567",
    ),
)

_WORDS = {"jp_driver_license": (*LICENCE, *VAGUE), "jp_passport": PASSPORT}
RULES: tuple[Rule, ...] = (*with_words(_RULES, _WORDS), *glued(_RULES))
