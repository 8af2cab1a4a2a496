"""Japan: addresses and postal codes.

An address begins with its prefecture, its city or its postal code, and ends with the numbers of block and house, the
building and the room::

    住所:〒460-0001 愛知県名古屋市中区三の丸3-1-2 サンプルビル5階   -> LOCATION
    横浜市西区みなとみらい2-3-1                                   -> LOCATION
"""

from __future__ import annotations

import re

from gateway.privacy.patterns.rule import Boundary, Proof, Rule

PREFECTURES = (
    "北海道 青森県 岩手県 宮城県 秋田県 山形県 福島県 茨城県 栃木県 群馬県 埼玉県 千葉県 東京都 神奈川県 新潟県 "
    "富山県 石川県 福井県 "
    "山梨県 長野県 岐阜県 静岡県 愛知県 三重県 滋賀県 京都府 大阪府 兵庫県 奈良県 和歌山県 鳥取県 島根県 岡山県 "
    "広島県 山口県 徳島県 "
    "香川県 愛媛県 高知県 福岡県 佐賀県 長崎県 熊本県 大分県 宮崎県 鹿児島県 沖縄県"
).split()

_POSTAL_WORDS = ("郵便番号", "〒", "postal code", "zip code", "住所", "所在地", "送付先", "postcode")

_HAN = "一-鿿々ヶケヵノ"
_TOWN = f"(?:[{_HAN}ぁ-ゖァ-ヺー]|[0-9]{{1,2}}(?=条|線))"
_ROOM = (
    r"(?:[ 　]?(?:[ァ-ヺー一-鿿A-Za-z]{2,16}(?:ビル|マンション|ハイツ|コーポ|タワー|荘|館|棟|ビルディング|アパート|"
    "レジデンス|"
    r"メゾン|ハウス|パーク|プラザ|センター|団地|寮)(?:[A-Z]棟?)?))?"
    r"(?:[ 　]?[0-9]{1,4}(?:号室|号|階|F)(?![0-9A-Za-z]))*"
)
_COUNT = "[0-9一二三四五六七八九十]{1,4}"
_NUMBERS = (
    rf"(?:{_COUNT}(?:丁目|番地の?|番町|番|号)[ ]?|[0-9]{{1,5}}(?:-|の)(?=[0-9])){{1,4}}(?:[0-9]{{1,5}}(?:号室|号|"
    "番地|番)?)?"
    r"(?![0-9日月年個台本名時分回件人円%.])"
)
_MUNICIPALITY = f"{_TOWN}{{1,8}}?[市区郡町村]"
_AFTER_PREFECTURE = re.compile(
    rf"[ 　]?(?:{_MUNICIPALITY}[ 　]?){{1,3}}{_TOWN}{{0,14}}?[ 　]?{_NUMBERS}{_ROOM}|[ "
    rf"　]?{_MUNICIPALITY}(?:{_TOWN}{{0,10}}?[町丁目])?"
)
_POSTAL_BEFORE = re.compile(r"〒?[ ]?[0-9]{3}-?[0-9]{4}[ 　、,\n]{0,2}\Z")
_BEFORE_HOUSE = re.compile(
    rf"(?:(?:{'|'.join(PREFECTURES)})[ 　]?)?[{_HAN}]{{1,6}}[市区郡町村][ 　]?(?:[{_HAN}]{{1,6}}[区町村][ "
    rf"　]?)?{_TOWN}{{0,12}}\Z"
)
_AFTER_HOUSE = re.compile(rf"{_NUMBERS}{_ROOM}")
_LOOSE_LEAD = re.compile(r"(?:住所|所在地|勤務地|自宅|本社|現住所|送付先)[はが]?")


_ROADS = re.compile("[国県府都市町]道|号線|第[0-9]")
"""What has numbers like an address and is none."""


def _with_postal_code(text: str, start: int) -> int:
    """Return where the address begins when a postal code stands directly before it."""
    ahead = _POSTAL_BEFORE.search(text, max(0, start - 14), start)
    return start if ahead is None else ahead.start()


def _confirm_prefecture(text: str, start: int, end: int) -> Proof | None:
    """An address that begins with its prefecture, with a house number, a postal code or a word for addresses."""
    behind = _AFTER_PREFECTURE.match(text, end, min(len(text), end + 90))
    if behind is None:
        return None
    origin = _with_postal_code(text, start)
    if _ROADS.search(behind.group()):
        return None
    if any(c.isdigit() for c in behind.group()):
        return Proof(origin, behind.end(), "prefecture, municipality, number", 0.95)
    labelled = _LOOSE_LEAD.search(text, max(0, start - 10), start)
    if origin == start and not labelled:
        return None
    return Proof(origin, behind.end(), "prefecture, municipality", 0.85)


def _confirm_house(text: str, start: int, end: int) -> Proof | None:
    """An address that begins with its city: ``横浜市西区みなとみらい2-3-1``. The anchor is a number with its unit."""
    start += 1  # the anchor begins with the character before the number
    slice_start = max(0, start - 36)
    ahead = _BEFORE_HOUSE.search(text, slice_start, start)
    behind = _AFTER_HOUSE.match(text, start, min(len(text), start + 50))
    if ahead is None or behind is None or _ROADS.search(ahead.group()):
        return None
    units = behind.group().count("-") + sum(unit in behind.group() for unit in ("丁目", "番地", "番", "号"))
    if not units:
        return None
    return Proof(_with_postal_code(text, ahead.start()), behind.end(), "municipality, number", 0.75)


RULES: tuple[Rule, ...] = (
    Rule(
        name="jp_postal_code",
        type="JP_POSTAL_CODE",
        expression="〒[ ]?[0-9]{3}-?[0-9]{4}",
        score=0.9,
        boundary=Boundary.DIGIT,
        jurisdiction="JP",
        family="addresses",
        reference="郵便番号 (7 digits since 1998)",
        example="〒460-0001",
    ),
    Rule(
        name="jp_postal_code_in_context",
        type="JP_POSTAL_CODE",
        expression="[0-9]{3}-[0-9]{4}",
        context=_POSTAL_WORDS,
        needs_context=True,
        score=0.4,
        context_score=0.85,
        context_before=12,
        context_after=0,
        boundary=Boundary.TOKEN,
        jurisdiction="JP",
        family="addresses",
        reference="郵便番号 (7 digits since 1998)",
        example="460-0001",
    ),
    Rule(
        name="jp_address",
        type="LOCATION",
        expression="|".join(PREFECTURES),
        confirm=_confirm_prefecture,
        boundary=Boundary.NONE,
        score=0.95,
        context_score=0.95,
        context_after=40,
        jurisdiction="JP",
        family="addresses",
        reference="住居表示に関する法律 (Act 119 of 1962)",
        example="愛知県名古屋市中区三の丸3-1-2",
    ),
    Rule(
        name="jp_address_without_prefecture",
        type="LOCATION",
        expression="[ぁ-ヺー一-鿿][0-9]{1,4}(?:丁目|番地|番[0-9]|-[0-9])",
        confirm=_confirm_house,
        boundary=Boundary.NONE,
        score=0.75,
        context_score=0.9,
        context=("住所", "所在地", "自宅", "address"),
        jurisdiction="JP",
        family="addresses",
        reference="住居表示に関する法律 (Act 119 of 1962)",
        example="横浜市西区みなとみらい2-3-1",
    ),
)
