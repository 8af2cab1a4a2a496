"""Vehicle identification numbers (ISO 3779, ISO 3780) and Japanese chassis numbers.

When seventeen characters are a VIN:

1. One of the first three is a letter, the last four are digits (ISO 3779), none is I, O or Q.
2. Where a check digit is law - the United States, Canada and Mexico (49 CFR 565.15) and China (GB 16735) - it holds, or
   it is none; and the maker is known, or it is Chinese, or a word stands near. Those built there for Europe carry
   the filler ``ZZZ`` or ``Z`` in its place; rule 3 is theirs.
3. Elsewhere a maker of :mod:`gateway.privacy.patterns.wmi` proves it together with the filler ``ZZZ``, a check digit
   that holds, or a serial of five digits; a country of ISO 3780 needs a word near it.

A part number of seventeen characters has none of that, and stays.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.privacy.patterns.rule import Proof, Rule
from gateway.privacy.patterns.wmi import country_of, is_known_maker

_VALUES: Final = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", map(int, "123456781234579234567890123456789"), strict=True)
)
_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_REGULATED: Final = frozenset({"US", "CA", "MX", "CN"})
_NO_YEAR: Final = "UZ0"  # 49 CFR 565.15 table VII: never the tenth character

CONTEXT: Final = tuple(
    """vin|vins|vin-nummer|vin code|vin-code|vehicle identification|vehicle id|chassis|chassis no|chassis number|
    frame number|frame no|fin|fin-nummer|fahrgestell|fahrgestellnummer|fahrgestell-nr|fahrgestellnr|fgst|fgnr|fg-nr|
    fzg-id|fahrzeug-ident|fahrzeugident|fahrzeug-id|fahrzeugidentifizierungsnummer|fahrzeug-identifizierungsnummer|
    fahrzeugidentifikationsnummer|identification du véhicule|numéro de châssis|n° de châssis|châssis|
    numéro de série du véhicule|telaio|numero di telaio|n. telaio|bastidor|número de bastidor|nº de bastidor|chasis|
    車台番号|車体番号|車両識別番号|フレーム番号|フレームno|フレームナンバー|シャシー番号|シャーシ番号|
    车架号|车辆识别|识别代号|识别码|大架号|底盘号|車架號""".replace("\n    ", "").split("|")
)
"""Words that say "here stands a VIN"."""

VEHICLE_CONTEXT: Final = tuple(
    """vehicle|car|truck|test car|prototype|fahrzeug|versuchsfahrzeug|prüfling|wagen|véhicule|voiture|veicolo|vettura|
    automobile|vehículo|coche|車両|車輛|試験車|試作車|车辆|整车|试验车""".replace("\n    ", "").split("|")
)

_CHASSIS_CONTEXT: Final = tuple(
    """車台番号|車体番号|車台|フレーム番号|フレームno|フレームナンバー|シャシー番号|シャーシ番号|
    chassis|chassis no|chassis number|frame no|frame number|车架号|车台号""".replace("\n    ", "").split("|")
)

_CHAR: Final = "[A-HJ-NPR-Za-hj-npr-z0-9]"
_LETTER: Final = "[A-HJ-NPR-Za-hj-npr-z]"
_WMI: Final = f"(?:{_LETTER}{_CHAR}{{2}}|[0-9]{_LETTER}{_CHAR}|[0-9]{{2}}{_LETTER})"
_NOT_A_VIN: Final = (
    "part no",
    "part number",
    "p/n",
    "sku",
    "hash",
    "sha1",
    "teilenummer",
    "sachnummer",
    "artikelnummer",
)


def check_digit(vin: str) -> str:
    """Return the ninth character that 49 CFR 565.15 (c) and GB 16735 ask of ``vin``: 17 characters, upper case."""
    remainder = sum(_VALUES[char] * weight for char, weight in zip(vin, _WEIGHTS, strict=True)) % 11
    return "X" if remainder == 10 else str(remainder)


def is_regulated(vin: str) -> bool:
    """Whether ``vin``'s check digit is law: built in North America or China, and not for Europe."""
    return country_of(vin) in _REGULATED and vin[3:6] != "ZZZ" and vin[8] != "Z"


def _plain(text: str) -> str:
    """Return the 17 characters in upper case, empty when both cases are mixed: then it is base64 or a name."""
    value = text.replace(" ", "").replace("-", "")
    return value.upper() if value == value.upper() or value == value.lower() else ""


def _proves_itself(text: str, start: int, end: int) -> Proof | None:
    vin = _plain(text[start:end])
    if not vin or not country_of(vin):
        return None
    holds = check_digit(vin) == vin[8]
    if is_regulated(vin):
        return _regulated(vin, start, end) if holds else None
    if not is_known_maker(vin):
        return None
    if vin[3:6] == "ZZZ":
        return Proof(start, end, "ISO 3780 maker, filler ZZZ", 0.95)
    if holds:
        return Proof(start, end, "ISO 3780 maker, 49 CFR 565 check digit", 0.95)
    plain = vin[12:].isdigit() and text[start:end].isupper()  # hashes are written in lower case
    return Proof(start, end, "ISO 3780 maker, serial of five digits", 0.75) if plain else None


def _regulated(vin: str, start: int, end: int) -> Proof | None:
    if vin[9] in _NO_YEAR or vin[3:].isdigit():
        return None
    if is_known_maker(vin):
        return Proof(start, end, "ISO 3780 maker, check digit", 0.95)
    return Proof(start, end, "GB 16735 check digit", 0.75) if vin[0] == "L" else None


def _holds_in_context(text: str, start: int, end: int) -> Proof | None:
    vin = _plain(text[start:end])
    if not vin or not country_of(vin) or vin[2:].isdigit():
        return None
    holds = check_digit(vin) == vin[8]
    if is_regulated(vin) and not holds:
        return None
    return Proof(start, end, "49 CFR 565 check digit" if holds else f"ISO 3780: {country_of(vin)}")


def _holds_whole(text: str, start: int, end: int) -> Proof | None:
    """Confirm 17 characters that end in letters: only by their check digit (generated and damaged numbers)."""
    vin = _plain(text[start:end])
    if not vin or vin[13:].isdigit() or sum(map(str.isdigit, vin)) < 3 or check_digit(vin) != vin[8]:
        return None
    return Proof(start, end, "49 CFR 565 check digit")


_CHASSIS = re.compile(r"[A-Z]{1,4}[0-9]{1,4}[A-Z]{0,4}-[0-9]{5,7}", re.IGNORECASE)


def _is_chassis(text: str, start: int, end: int) -> Proof | None:
    held = _CHASSIS.fullmatch(text, start, end)
    return Proof(start, end, "model code, hyphen, serial") if held else None


RULES: tuple[Rule, ...] = (
    Rule(
        name="vin",
        type="VIN",
        expression=f"{_WMI}{_CHAR}{{10}}[0-9]{{4}}",
        confirm=_proves_itself,
        family="vehicles",
        score=0.85,
        context=CONTEXT,
        context_score=1.0,
        against=_NOT_A_VIN,
        reference="ISO 3779:2009, ISO 3780:2009, 49 CFR 565.15, GB 16735-2019",
        example="WVWZZZ1JZXW004711",
    ),
    Rule(
        name="vin_in_context",
        type="VIN",
        expression=f"{_WMI}{_CHAR}{{10}}[0-9]{{4}}",
        confirm=_holds_in_context,
        family="vehicles",
        score=0.6,
        context=CONTEXT,
        context_score=0.95,
        needs_context=True,
        reference="ISO 3779:2009, ISO 3780:2009",
        example="VIN TXX3K1D2R5A004711",
    ),
    Rule(
        name="vin_by_check_digit",
        type="VIN",
        expression=f"{_CHAR}{{8}}[0-9Xx]{_CHAR}{{8}}",
        confirm=_holds_whole,
        family="vehicles",
        score=0.4,
        context=(*CONTEXT, *VEHICLE_CONTEXT),
        context_score=0.85,
        needs_context=True,
        against=_NOT_A_VIN,
        reference="49 CFR 565.15",
    ),
    Rule(
        name="vin_grouped",
        type="VIN",
        expression=(
            f"{_WMI}[ -](?:{_CHAR}{{6}}[ -]{_CHAR}{{4}}[0-9]{{4}}|{_CHAR}{{6}}[ -]{_CHAR}{{2}}[ -][0-9]{{6}}"
            f"|{_CHAR}{{3}}[ -]{_CHAR}{{2,3}}[ -]{_CHAR}{{2,3}}[ -]?[0-9]{{6}})"
            f"|{_WMI}{_CHAR}{{2}}[ -]{_CHAR}{{5}}[ -]{_CHAR}{{3}}[0-9]{{4}}"
            f"|{_WMI}{_CHAR}[ -]{_CHAR}{{4}}[ -]{_CHAR}{{4}}[ -]{_CHAR}[0-9]{{4}}"
        ),
        confirm=lambda text, start, end: (
            _holds_in_context(text, start, end) if len(_plain(text[start:end])) == 17 else None
        ),
        family="vehicles",
        score=0.6,
        context=CONTEXT,
        context_score=0.95,
        needs_context=True,
        reference="ISO 3779:2009",
        example="FIN: WVW ZZZ 1JZ XW 004711",
    ),
    Rule(
        name="jp_chassis_number",
        type="VIN",
        expression="[A-Za-z]{1,4}[0-9]{1,4}[A-Za-z]{0,4}-[0-9]{5,7}",
        confirm=_is_chassis,
        family="vehicles",
        score=0.4,
        context=_CHASSIS_CONTEXT,
        needs_context=True,
        jurisdiction="JP",
        reference="道路運送車両法 (Act 185 of 1951) art. 29",
        example="車台番号 ZVW30-0047110",
    ),
)
