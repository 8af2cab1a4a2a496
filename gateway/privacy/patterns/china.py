"""China: resident id, unified social credit code, permits, social security, accounts, addresses.

The resident id's check (ISO 7064 MOD 11-2), its province and its date together let one random number in some 40,000
through, so it needs no word near it. Telephone numbers and bank cards are other families' job::

    身份证号11010519491231002X -> CN_RESIDENT_ID
    北京市朝阳区建国路88号院3号楼502室 -> LOCATION
"""

from __future__ import annotations

import re

from stdnum.cn import ric, uscc

from gateway.privacy.patterns.proofs import (
    NOT_PERSONAL,
    glued,
    is_date,
    is_short_date,
    labelled,
    trimmed,
)
from gateway.privacy.patterns.rule import Boundary, Proof, Rule, checked
from gateway.privacy.patterns.words import PASSPORT, with_words

PROVINCE_CODES = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83".split()
)
"""First two digits of a region code (GB/T 2260)."""

PROVINCES = (
    "北京 天津 上海 重庆 河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 海南 四川 "
    "贵州 云南 陕西 甘肃 青海 "
    "内蒙古 广西 西藏 宁夏 新疆 香港 澳门 台湾"
).split()


def is_resident_id(value: str) -> bool:
    """Return whether 18 characters are a province, a date of birth, a serial and their check character (GB 11643).

    Region codes below the province are not compared with a list: counties come and go, and lists miss former ones.
    """
    number = ric.compact(value)
    if len(number) != 18 or number[:2] not in PROVINCE_CODES:
        return False
    if not is_date(int(number[6:10]), int(number[10:12]), int(number[12:14])):
        return False
    return ric.calc_check_digit(number) == number[17]


def is_old_resident_id(value: str) -> bool:
    """Return whether 15 digits are a province, a date of birth (two-digit year) and a serial (GB 11643-1989)."""
    return value[:2] in PROVINCE_CODES and is_date(1900 + int(value[6:8]), int(value[8:10]), int(value[10:12]))


_ID_WORDS = (
    "身份证", "身份证号", "证件号", "公民身份", "居民身份", "身分证", "id card", "resident id", "citizen id",
    "id number",
    "national id", "id_card", "idcard", "证件",
)  # fmt: skip
_CREDIT_WORDS = ("信用代码", "税号", "纳税人识别号", "组织机构代码", "营业执照", "social credit code", "uscc", "tax id")

_SOCIAL_LABELS = (
    "社会保障号码?",
    "社保(?:卡)?号码?",
    "社会保险号码?",
    "社保编号",
    "个人社保号",
    "医保(?:卡|证)?号码?",
    "公积金账号",
)
_SOCIAL = r"[0-9]{8,12}|[A-Z0-9]{9,10}|[0-9]{17}[0-9X]"
_MILITARY_LABELS = ("军官证(?:号码?)?", "士兵证(?:号码?)?", "军人证(?:号码?)?", "文职干部证(?:号码?)?",
        "警官证(?:号码?)?", "义务兵证(?:号码?)?",
                    "士官证(?:号码?)?", "军人保障卡(?:号码?)?", "[军武][字]第?")  # fmt: skip
_MILITARY = r"(?:[南北沈兰成济广海空政后装参军武]字?第?)?[0-9]{6,10}"
_CHAT_LABELS = ("微信号?", "微信账号", "wechat(?: id)?[ :]", "weixin(?:号|[ :])", "vx(?:号|[ ]?:)", "wx(?:号|[ ]?:)")
_CHAT = r"[A-Za-z][A-Za-z0-9_-]{5,19}"
_QQ_LABELS = ("qq号码?", "qq", "扣扣号?")
_QQ = r"[1-9][0-9]{4,10}"
_ACCOUNT_LABELS = ("银行账号", "银行账户", "开户账号", "收款账号", "对公账号", "账号", "帐号", "银行卡号", "卡号")
_ACCOUNT = r"[0-9]{12,21}|[0-9]{4}(?:[ -][0-9]{4}){2,4}(?:[ -][0-9]{1,3})?"
_PASSPORT_WORDS = ("护照", "chinese passport", "旅行证件")


def _has_digit(value: str) -> bool:
    return any(c.isdigit() for c in value)


def _confirm_credit_code(text: str, start: int, end: int) -> Proof | None:
    """Eighteen digits without a letter need a word near them: one random number in 31 passes."""
    value = text[start:end]
    return (
        Proof(start, end, "GB 32100 mod 31", 0.3 if value.isdigit() or not value.isupper() else 0.7)
        if uscc.is_valid(value)
        else None
    )


# -- addresses ---------------------------------------------------------------------------------------------------------

_ROAD = "(?:路|街|大道|道|巷|弄|胡同|村|里|园|区|镇|段|组|屯|庄|湾|城|苑|花园|小区|新村|公寓|广场)"
_UNIT = "(?:[ ]?[A-Z0-9一二三四五六七八九十甲乙东西南北]{1,5}(?:号楼|号院|号|栋|幢|座|单元|室|层|楼|弄|户|房|门|院))"
_NAMED = (
    "(?:[一-鿿A-Za-z0-9]{2,12}(?:小区|大厦|花园|公寓|广场|中心|园区|科技园|产业园|新村|家园|苑|城|"
    "楼)(?![一-鿿]{0,1}市))"
)
_AFTER = re.compile(
    rf"(?:{_UNIT}|[(][一-鿿A-Za-z0-9]{{1,16}}[)]|{_NAMED}(?={_UNIT})){{0,7}}(?:[0-9]{{3,4}}(?![0-9A-Za-z年月日元]))?"
)
_PROVINCE = rf"(?:{'|'.join(PROVINCES)})(?:省|市|壮族自治区|回族自治区|维吾尔自治区|自治区|特别行政区)?"
_STEPS = r"(?:[ ]?[一-鿿]{1,8}?(?:自治州|地区|盟|市|新区|开发区|区|县|旗|镇|乡|街道|村)){1,5}"
_BEFORE = re.compile(rf"{_PROVINCE}(?:{_STEPS})?[一-鿿A-Za-z0-9 ]{{0,16}}\Z|[一-鿿]{{2,5}}市[一-鿿A-Za-z0-9]{{0,24}}\Z|"
                     rf"[一-鿿]{{2,4}}[区县][一-鿿A-Za-z0-9]{{1,16}}\Z|[一-鿿]{{2,6}}\Z")  # fmt: skip
_LEAD = re.compile(
    r"^(?:.{0,12}?(?:住在|住于|位于|地址为|地址是|地址|住址|寄到|送到|送至|寄往|家住|现住|居住在|居住于|坐落于|在|"
    "是|为|于|到|至|从|由)"
    r"(?=[一-鿿]{2}))+"
)


def _without_lead(value: str) -> int:
    """Return how many characters at the beginning belong to the sentence, not to the address."""
    lead = _LEAD.match(value)
    return lead.end() if lead else 0


_ROADS = re.compile("[県国府省县]道|号[线線文令机]")
"""What has numbers like an address and is none."""


def _confirm_address(text: str, start: int, end: int) -> Proof | None:
    """The anchor is a road and its number; the address begins at a province, a city, a district, or the road's name."""
    origin = max(0, start - 44)
    ahead = _BEFORE.search(text, origin, start)
    behind = _AFTER.match(text, end, min(len(text), end + 60))
    if ahead is None or _ROADS.search(text, max(0, start - 1), end + 1):
        return None
    begin = ahead.start()
    named = any(text.startswith(province, begin) for province in PROVINCES)
    if not named:
        begin += _without_lead(text[begin:start])
    if start - begin < 1:
        return None
    score = 0.95 if named else 0.75 if any(c in text[begin:start] for c in "市区县镇") else 0.45
    return Proof(begin, behind.end() if behind else end, "province, city, road, number", score)


_RULES: tuple[Rule, ...] = (
    Rule(
        name="cn_resident_id",
        type="CN_RESIDENT_ID",
        expression=(
            "[1-8][0-9]{5}[ -]?(?:18|19|20)[0-9]{2}[ -]?(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[ -]?[0-9]{3}[0-9Xx]"
        ),
        confirm=checked(
            lambda value: is_resident_id(value.replace(" ", "").replace("-", "")), "ISO 7064 MOD 11-2, date"
        ),
        context=_ID_WORDS,
        score=0.95,
        context_score=1.0,
        context_after=40,
        jurisdiction="CN",
        family="national",
        reference="GB 11643-1999; GB/T 2260",
        example="11010519491231002X",
    ),
    Rule(
        name="cn_resident_id_15",
        type="CN_RESIDENT_ID",
        expression="[1-8][0-9]{7}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}",
        confirm=checked(is_old_resident_id, "region and date"),
        context=_ID_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.85,
        context_before=30,
        against=NOT_PERSONAL,
        jurisdiction="CN",
        family="national",
        reference="GB 11643-1989 (15 digits, until 2013)",
        example="110105491231002",
    ),
    Rule(
        name="cn_credit_code",
        type="CN_CREDIT_CODE",
        expression="[1-9A-HJ-NP-RTUW-Y][1-59][0-9]{6}[0-9A-HJ-NP-RTUW-Y]{10}",
        confirm=_confirm_credit_code,
        caseless=True,
        context=_CREDIT_WORDS,
        score=0.7,
        context_score=1.0,
        context_after=40,
        against=NOT_PERSONAL,
        jurisdiction="CN",
        family="national",
        reference="GB 32100-2015",
        example="91110000600037341L",
    ),
    Rule(
        name="cn_travel_permit",
        type="CN_TRAVEL_PERMIT",
        expression="[HMhm][0-9]{8}(?:[0-9]{2})?",
        context=("通行证", "回乡证", "来往内地", "港澳居民", "港澳台", "home return permit", "travel permit"),
        needs_context=True,
        score=0.4,
        context_score=0.9,
        context_before=30,
        jurisdiction="CN",
        family="travel",
        reference="港澳居民来往内地通行证 (H or M and 8 digits, and 2 of reissue)",
        example="H12345678",
    ),
    Rule(
        name="cn_taiwan_permit",
        type="CN_TRAVEL_PERMIT",
        expression="[0-9]{8}(?:[0-9]{2})?(?:[(][A-Z0-9][)])?",
        context=("台湾居民来往大陆", "台胞证", "台湾居民"),
        needs_context=True,
        score=0.4,
        context_score=0.85,
        context_before=24,
        context_after=0,
        jurisdiction="CN",
        family="travel",
        reference="台湾居民来往大陆通行证 (8 digits)",
        example="12345678",
    ),
    Rule(
        name="cn_exit_permit",
        type="CN_TRAVEL_PERMIT",
        expression="[CW][A-Z0-9][0-9]{7}",
        context=("往来港澳", "港澳通行证", "往来台湾", "台湾通行证", "通行证"),
        needs_context=True,
        score=0.4,
        context_score=0.9,
        context_before=30,
        jurisdiction="CN",
        family="travel",
        reference="往来港澳通行证",
        example="C12345678",
    ),
    Rule(
        name="cn_foreigner_id",
        type="CN_FOREIGNER_ID",
        expression="[A-Z]{3}[0-9]{12}",
        confirm=checked(lambda value: is_short_date(value[7:9], value[9:11], value[11:13]), "date"),
        context=("永久居留", "外国人", "居留证", "permanent resident", "五星卡"),
        score=0.35,
        context_score=0.95,
        context_after=40,
        jurisdiction="CN",
        family="national",
        reference="外国人永久居留身份证 (GA 424, 15 characters)",
        example="USA110090010112",
    ),
    Rule(
        name="cn_passport",
        type="CN_PASSPORT",
        expression="[EGDSP][A-Z]?[0-9]{7,8}|1[45][0-9]{7}",
        context=_PASSPORT_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.9,
        context_before=30,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="CN",
        family="travel",
        reference="护照法; ordinary passports E, G; official D, S, P",
        example="E12345678",
    ),
    Rule(
        name="cn_social_security",
        type="CN_SOCIAL_SECURITY",
        expression=labelled(_SOCIAL_LABELS, _SOCIAL),
        confirm=trimmed(_SOCIAL, holds=_has_digit),
        score=0.85,
        jurisdiction="CN",
        family="national",
        reference="社会保险法 art. 58",
        example="社保号123456789012",
    ),
    Rule(
        name="cn_military_id",
        type="CN_MILITARY_ID",
        expression=labelled(_MILITARY_LABELS, _MILITARY),
        confirm=trimmed(_MILITARY),
        score=0.85,
        jurisdiction="CN",
        family="national",
        reference="军官证, 士兵证",
        example="军官证号12345678",
    ),
    Rule(
        name="cn_wechat",
        type="CN_WECHAT_ID",
        expression=labelled(_CHAT_LABELS, _CHAT),
        confirm=trimmed(_CHAT, holds=lambda value: _has_digit(value) or "_" in value),
        score=0.75,
        boundary=Boundary.ALNUM,
        jurisdiction="CN",
        family="contact",
        reference="WeChat: 6 to 20 letters, digits, - and _, a letter first",
        example="微信号:zhang_wei88",
    ),
    Rule(
        name="cn_qq",
        type="CN_QQ_NUMBER",
        expression=labelled(_QQ_LABELS, _QQ),
        confirm=trimmed(_QQ),
        score=0.8,
        jurisdiction="CN",
        family="contact",
        reference="QQ: 5 to 11 digits",
        example="QQ号:123456789",
    ),
    Rule(
        name="cn_bank_account",
        type="CN_BANK_ACCOUNT",
        expression=labelled(_ACCOUNT_LABELS, _ACCOUNT),
        confirm=trimmed(_ACCOUNT),
        score=0.8,
        jurisdiction="CN",
        family="finance",
        reference="人民币银行结算账户管理办法",
        example="银行账号:6222021234567890123",
    ),
    Rule(
        name="cn_postal_code",
        type="CN_POSTAL_CODE",
        expression=labelled(("邮政编码", "邮编"), "[0-9]{6}"),
        confirm=trimmed("[0-9]{6}"),
        score=0.85,
        jurisdiction="CN",
        family="addresses",
        reference="邮政编码 (6 digits)",
        example="邮编:100020",
    ),
    Rule(
        name="cn_address",
        type="LOCATION",
        expression=f"{_ROAD}[0-9]{{1,5}}(?:弄|号|巷)",
        confirm=_confirm_address,
        boundary=Boundary.NONE,
        score=0.75,
        context=("地址", "住址", "住在", "寄往", "送到", "address", "居住"),
        context_score=0.95,
        context_after=40,
        jurisdiction="CN",
        family="addresses",
        reference="GB/T 23705 (编制地址的规则)",
        example="北京市朝阳区建国路88号",
    ),
)

RULES: tuple[Rule, ...] = (*with_words(_RULES, {"cn_passport": PASSPORT}), *glued(_RULES))
