"""Numbers of mobile devices and their cards: IMEI, IMEISV, MEID, ICCID, EID, IMSI, device serials.

A Luhn digit alone is held by one order number in ten: an IMEI counts alone only when it begins as type allocation codes
of today do (01, 35, 86), an ICCID only with its 89 and a country code. Everything else needs its name near it.
"""

from __future__ import annotations

import re
from typing import Final

from stdnum import imei, imsi, luhn, meid

from gateway.privacy.patterns.rule import Proof, Rule

_IMEI_WORDS: Final = (
    "imei",
    "imeisv",
    "imei1",
    "imei2",
    "串号",
    "机身码",
    "端末識別番号",
    "製造番号 imei",
    "移动设备识别码",
    "设备识别码",
)
_DEVICE_WORDS: Final = tuple(
    """geräte-id|gerätenummer|gerätenr|gerätekennung|mobilgerät|diensthandy|handy|smartphone|telematik|telematikeinheit|
    tracker|modem|tcu|obu|device id|device_id|deviceid|handset|phone id|telematics|terminal id|n° de téléphone mobile|
    identifiant de l'appareil|boîtier télématique|boîtier|codice dispositivo|id dispositivo|centralina telematica|
    id del dispositivo|centralita|端末番号|端末id|携帯端末|車載端末|通信機|通信モジュール|设备号|设备id|终端号|终端编号|
    车载终端|通信模块""".replace("\n    ", "").split("|")
)
"""Words for devices that have an IMEI: they speak for fifteen digits whose check digit holds."""

_SIM_WORDS: Final = (
    "iccid",
    "sim",
    "sim card",
    "sim-karte",
    "carte sim",
    "scheda sim",
    "tarjeta sim",
    "simカード",
    "sim卡",
    "usim",
    "esim",
)
_SIM_WORDS_STRICT: Final = (
    "iccid",
    "icc-id",
    "sim id",
    "sim number",
    "sim serial",
    "sim-nummer",
    "sim番号",
    "sim卡号",
    "卡号",
)
_NOT: Final = tuple(
    """order|order no|order number|part no|part number|po number|invoice|tracking|tracking number|material|charge|
    lot|batch|auftrag|auftragsnummer|bestellnummer|sendungsnummer|commande|pedido|ordine|timestamp|注文番号|
    伝票番号|追跡番号|品番|订单号|运单号|快递单号|流水号|料号""".replace("\n    ", "").split("|")
)


def _digits(text: str) -> str:
    return re.sub("[^0-9]", "", text)


def _imei(text: str, start: int, end: int) -> Proof | None:
    return Proof(start, end, "Luhn, type allocation code") if imei.is_valid(_digits(text[start:end])) else None


def _imei_alone(text: str, start: int, end: int) -> Proof | None:
    """Hold only for serials that are no round or counted-up number."""
    number = _digits(text[start:end])
    return Proof(start, end, "Luhn, type allocation code") if imei.is_valid(number) and len(set(number)) > 4 else None


def _imei_grouped(text: str, start: int, end: int) -> Proof | None:
    """Hold for the grouping that only IMEIs have (2-6-6-1, 6-2-6-1) with a type allocation code of today."""
    issued = text[start : start + 2] in ("01", "35", "86") and re.fullmatch(_GROUPED, text[start:end])
    return _imei_alone(text, start, end) if issued else None


def _iccid(text: str, start: int, end: int) -> Proof | None:
    """ITU-T E.118: Luhn over all digits; cards of 19 digits may be written with a filler F."""
    number = _digits(text[start:end])
    return Proof(start, end, "ITU-T E.118, Luhn") if luhn.is_valid(number) and len(set(number)) > 4 else None


def _eid(text: str, start: int, end: int) -> Proof | None:
    """SGP.29: 32 digits, remainder 1 modulo 97."""
    return Proof(start, end, "GSMA SGP.29, modulo 97") if int(_digits(text[start:end])) % 97 == 1 else None


def _imsi(text: str, start: int, end: int) -> Proof | None:
    return Proof(start, end, "country and network of ITU-T E.212") if imsi.is_valid(text[start:end]) else None


def _meid(text: str, start: int, end: int) -> Proof | None:
    value = text[start:end]
    return (
        Proof(start, end, "3GPP2 S.R0048 manufacturer code")
        if value[0] in "ABCDEFabcdef9" and meid.is_valid(value)
        else None
    )


_S: Final = "[ ./-]"
_GROUPED: Final = f"[0-9]{{2}}{_S}[0-9]{{6}}{_S}[0-9]{{6}}{_S}[0-9]|[0-9]{{6}}{_S}[0-9]{{2}}{_S}[0-9]{{6}}{_S}[0-9]"
_REGROUPED: Final = (
    f"[0-9]{{8}}{_S}[0-9]{{6}}{_S}[0-9]|[0-9]{{5}}{_S}[0-9]{{5}}{_S}[0-9]{{5}}|[0-9]{{3}}(?:{_S}[0-9]{{3}}){{4}}"
    f"|[0-9]{{4}}(?:{_S}[0-9]{{4}}){{2}}{_S}[0-9]{{3}}"
)

RULES: tuple[Rule, ...] = (
    Rule(
        name="imei",
        type="IMEI",
        expression="(?:01|35|86)[0-9]{13}",
        confirm=_imei_alone,
        family="devices",
        score=0.6,
        context=_IMEI_WORDS,
        context_score=1.0,
        against=_NOT,
        reference="3GPP TS 23.003 6.2, ISO/IEC 7812 (Luhn)",
        example="354711471147110",
    ),
    Rule(
        name="imei_grouped",
        type="IMEI",
        expression=f"(?:[0-9]{{15}}|{_GROUPED}|{_REGROUPED})",
        confirm=_imei_grouped,
        family="devices",
        score=0.6,
        context=_IMEI_WORDS,
        context_score=1.0,
        against=_NOT,
        reference="3GPP TS 23.003 6.2",
        example="35-471147-114711-0",
    ),
    Rule(
        name="imei_in_context",
        type="IMEI",
        expression=f"(?:[0-9]{{15}}|{_GROUPED}|{_REGROUPED})",
        confirm=_imei,
        family="devices",
        score=0.4,
        context=(*_IMEI_WORDS, *_DEVICE_WORDS),
        context_score=0.95,
        needs_context=True,
        reference="3GPP TS 23.003 6.2",
        example="IMEI 49-471147-114711-1",
    ),
    Rule(
        name="imeisv",
        type="IMEI",
        expression="(?:[0-9]{16}|[0-9]{2}[ -][0-9]{6}[ -][0-9]{6}[ -][0-9]{2})",
        family="devices",
        score=0.4,
        context=("imeisv", "imei-sv", "imei sv"),
        context_score=0.85,
        needs_context=True,
        context_before=30,
        reference="3GPP TS 23.003 6.2.2",
        example="IMEISV 3547114711471101",
    ),
    Rule(
        name="meid",
        type="IMEI",
        expression="[A-Fa-f9][0-9A-Fa-f]{13}",
        confirm=_meid,
        family="devices",
        score=0.4,
        context=("meid",),
        needs_context=True,
        context_before=30,
        reference="3GPP2 S.R0048",
        example="MEID A0000047114711",
    ),
    Rule(
        name="iccid",
        type="ICCID",
        expression="89[0-9]{17,18}[Ff]?",
        confirm=_iccid,
        family="devices",
        score=0.7,
        context=(*_SIM_WORDS, *_SIM_WORDS_STRICT),
        context_score=1.0,
        against=_NOT,
        reference="ITU-T E.118",
        example="8949147114711471147",
    ),
    Rule(
        name="iccid_grouped",
        type="ICCID",
        expression="89[0-9]{2}[ -](?:[0-9]{4}[ -]){3}[0-9]{3,4}",
        confirm=_iccid,
        family="devices",
        score=0.6,
        context=(*_SIM_WORDS, *_SIM_WORDS_STRICT),
        context_score=1.0,
        against=_NOT,
        reference="ITU-T E.118",
    ),
    Rule(
        name="eid",
        type="ICCID",
        expression="89[0-9]{30}",
        confirm=_eid,
        family="devices",
        score=1.0,
        context=("eid", "euicc", "esim"),
        context_score=1.0,
        reference="GSMA SGP.29",
    ),
    Rule(
        name="imsi",
        type="IMSI",
        expression="[2-79][0-9]{13,14}",
        confirm=_imsi,
        family="devices",
        score=0.4,
        context=("imsi", "subscriber identity", "国际移动用户识别码", "加入者識別番号"),
        needs_context=True,
        context_before=40,
        reference="ITU-T E.212",
        example="IMSI 262014711471147",
    ),
)
