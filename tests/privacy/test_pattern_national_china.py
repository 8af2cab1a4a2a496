"""China: the resident id by check, date and province; codes in context; addresses."""

from __future__ import annotations

import pytest
from stdnum.cn import ric, uscc

from gateway.privacy.normal import normalise
from gateway.privacy.patterns.catalogue import plan
from gateway.privacy.patterns.scan import Patterns

COUNTS = 0.4


def found(text: str) -> set[tuple[str, str]]:
    text = normalise(text).text
    spans = Patterns(plan()).find([text], lambda: None)[0]
    return {(span.type, text[span.start : span.end]) for span in spans if span.score >= COUNTS}


def types(text: str) -> set[str]:
    return {type_ for type_, _ in found(text)}


def resident(body: str) -> str:
    return body + ric.calc_check_digit(body + "0")


def credit(body: str) -> str:
    return body + uscc.calc_check_digit(body)


PERSON = resident("11010519850312123")
OTHER_DAY = resident("11010519850231123")
COMPANY = credit("91110105MA01ABCD2")

HOLDS = [
    (f"身份证号{PERSON}，请核实", "CN_RESIDENT_ID", PERSON),
    (f"员工{PERSON}已入职", "CN_RESIDENT_ID", PERSON),
    ("身份证：110105850312123", "CN_RESIDENT_ID", "110105850312123"),
    (f"统一社会信用代码{COMPANY}", "CN_CREDIT_CODE", COMPANY),
    ("护照号码E12345678已过期", "CN_PASSPORT", "E12345678"),
    ("港澳居民来往内地通行证H12345678", "CN_TRAVEL_PERMIT", "H12345678"),
    ("台胞证号12345678", "CN_TRAVEL_PERMIT", "12345678"),
    ("外国人永久居留身份证USA110090010112", "CN_FOREIGNER_ID", "USA110090010112"),
    ("社保号：123456789012", "CN_SOCIAL_SECURITY", "123456789012"),
    ("军官证号12345678", "CN_MILITARY_ID", "12345678"),
    ("微信号：li_wei88", "CN_WECHAT_ID", "li_wei88"),
    ("QQ：123456789", "CN_QQ_NUMBER", "123456789"),
    ("他住在北京市朝阳区建国路88号院3号楼502室，", "LOCATION", "北京市朝阳区建国路88号院3号楼502室"),
    ("寄到深圳市南山区样例路15号A座12层", "LOCATION", "深圳市南山区样例路15号A座12层"),
    ("邮编:100020", "CN_POSTAL_CODE", "100020"),
]

NEAR_MISSES = [
    (f"身份证号{PERSON[:-1]}A", "CN_RESIDENT_ID"),
    (f"身份证号{OTHER_DAY}", "CN_RESIDENT_ID"),
    (f"身份证号{PERSON[:-1]}{(int(PERSON[-1], 36) + 1) % 10}", "CN_RESIDENT_ID"),
    (f"信用代码{COMPANY[:-1]}Z", "CN_CREDIT_CODE"),
    ("编号G12345678的订单", "CN_PASSPORT"),
    ("版本E20250101已发布", "CN_PASSPORT"),
    ("微信扫码登录", "CN_WECHAT_ID"),
    ("图号VXY-477166-32", "CN_WECHAT_ID"),
    ("第3号机床", "LOCATION"),
]


@pytest.mark.parametrize(("text", "type_", "value"), HOLDS)
def test_china_number_or_address_is_found(text: str, type_: str, value: str) -> None:
    assert (type_, value) in found(text)


@pytest.mark.parametrize(("text", "type_"), NEAR_MISSES)
def test_china_near_miss_is_left_alone(text: str, type_: str) -> None:
    assert type_ not in types(text)
