"""Japan: numbers by their checks, glued to kanji and kana; addresses by their structure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.jp import cn, in_

from gateway.privacy.normal import normalise
from gateway.privacy.patterns.catalogue import plan
from gateway.privacy.patterns.japan import is_my_number
from gateway.privacy.patterns.scan import Patterns

COUNTS = 0.4


def found(text: str) -> set[tuple[str, str]]:
    text = normalise(text).text
    spans = Patterns(plan()).find([text], lambda: None)[0]
    return {(span.type, text[span.start : span.end]) for span in spans if span.score >= COUNTS}


def types(text: str) -> set[str]:
    return {type_ for type_, _ in found(text)}


def my_number(body: str) -> str:
    return body + in_.calc_check_digit(body)


def corporate(body: str) -> str:
    return cn.calc_check_digit(body) + body


MINE = my_number("41235678901")
WRONG = MINE[:-1] + str((int(MINE[-1]) + 1) % 10)
COMPANY = corporate("700150004321")

HOLDS = [
    (f"番号は{MINE}です", "JP_MY_NUMBER", MINE),
    (f"マイナンバー：{MINE[:4]}-{MINE[4:8]}-{MINE[8:]}を登録", "JP_MY_NUMBER", f"{MINE[:4]}-{MINE[4:8]}-{MINE[8:]}"),
    (f"My Number {MINE[:4]} {MINE[4:8]} {MINE[8:]}, see file", "JP_MY_NUMBER", f"{MINE[:4]} {MINE[4:8]} {MINE[8:]}"),
    (f"法人番号{COMPANY}の会社", "JP_CORPORATE_NUMBER", COMPANY),
    (f"登録番号 T{COMPANY}", "JP_CORPORATE_NUMBER", f"T{COMPANY}"),
    ("運転免許証番号は301234567810です", "JP_DRIVER_LICENSE", "301234567810"),
    ("在留カードAB12345678CDを確認", "JP_RESIDENCE_CARD", "AB12345678CD"),
    ("基礎年金番号は1234-567890", "JP_PENSION_NUMBER", "1234-567890"),
    ("旅券番号TK1234567", "JP_PASSPORT", "TK1234567"),
    ("被保険者番号：12345678", "JP_HEALTH_INSURANCE", "12345678"),
    ("振込先は普通預金 1234567 です", "JP_BANK_ACCOUNT", "1234567"),
    ("住民票コード:12345678901", "JP_RESIDENT_RECORD_CODE", "12345678901"),
    ("〒460-0001 へ送付", "JP_POSTAL_CODE", "〒460-0001"),
    (
        "住所は〒460-0001 愛知県名古屋市中区三の丸3-1-2 見本ビル5階です",
        "LOCATION",
        "〒460-0001 愛知県名古屋市中区三の丸3-1-2 見本ビル5階",
    ),
    ("北海道札幌市中央区北3条西6丁目にある", "LOCATION", "北海道札幌市中央区北3条西6丁目"),
    ("自宅は横浜市西区みなとみらい2-3-1です", "LOCATION", "横浜市西区みなとみらい2-3-1"),
]

NEAR_MISSES = [
    (f"マイナンバーは{WRONG}です", "JP_MY_NUMBER"),
    (f"品番{MINE}", "JP_MY_NUMBER"),
    (f"order {MINE} shipped", "JP_MY_NUMBER"),
    (f"Los {MINE[:4]} {MINE[4:8]} {MINE[8:]} 4711", "JP_MY_NUMBER"),
    (f"Los 4711-{MINE[:4]}-{MINE[4:8]}-{MINE[8:]}", "JP_MY_NUMBER"),
    (f"JANコード {COMPANY}", "JP_CORPORATE_NUMBER"),
    ("免許証番号は301234567820です", "JP_DRIVER_LICENSE"),
    ("口座番号の欄は7桁です", "JP_BANK_ACCOUNT"),
    ("愛知県豊田市の工場で3台を検査した", "LOCATION"),
    ("国道121号を福島県喜多方市まで", "LOCATION"),
    ("ライン3-4で停止", "LOCATION"),
]


@pytest.mark.parametrize(("text", "type_", "value"), HOLDS)
def test_japan_number_or_address_is_found(text: str, type_: str, value: str) -> None:
    assert (type_, value) in found(text)


@pytest.mark.parametrize(("text", "type_"), NEAR_MISSES)
def test_japan_near_miss_is_left_alone(text: str, type_: str) -> None:
    assert type_ not in types(text)


@given(st.from_regex(r"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}", fullmatch=True))
def test_a_my_number_is_what_python_stdnum_takes_for_one(value: str) -> None:
    others = [value[:-1] + digit for digit in "0123456789"]  # one of ten or more has the right check digit

    assert [is_my_number(each) for each in others] == [
        in_.is_valid(each) and len({*each} - {" ", "-"}) > 1 for each in others
    ]
