"""IMEI, ICCID, IMSI and their kin: check digits, and the order numbers that hold them by chance."""

from __future__ import annotations

import pytest
from stdnum import luhn

from gateway.privacy.patterns.devices import RULES
from gateway.privacy.patterns.scan import Patterns, Plan


def luhned(body: str) -> str:
    return body + luhn.calc_check_digit(body)


def broken(number: str) -> str:
    return number[:-1] + str((int(number[-1]) + 1) % 10)


IMEI = luhned("35471147114711")
OTHER_IMEI = luhned("49471147114711")
ICCID = luhned("894914711471147114")
CHINESE_ICCID = luhned("8986014711471147114")


def eid() -> str:
    body = "890490471147114711471147114711"
    return body + f"{98 - int(body) * 100 % 97:02d}"


@pytest.fixture(scope="module")
def patterns() -> Patterns:
    return Patterns(Plan(RULES))


def found(patterns: Patterns, text: str) -> list[tuple[str, str]]:
    return sorted({(text[span.start : span.end], span.type) for span in patterns.find([text], lambda: None)[0]})


@pytest.mark.parametrize(
    ("text", "value", "type"),
    [
        (IMEI, IMEI, "IMEI"),
        (f"设备IMEI号{OTHER_IMEI}", OTHER_IMEI, "IMEI"),
        ("IMEI: 35-471147-114711-" + IMEI[-1], "35-471147-114711-" + IMEI[-1], "IMEI"),
        (f"SIM im Werk: 35-471147-114711-{IMEI[-1]}", f"35-471147-114711-{IMEI[-1]}", "IMEI"),
        (f"tracker 35471 14711 4711{IMEI[-1]}", f"35471 14711 4711{IMEI[-1]}", "IMEI"),
        ("IMEISV 3547114711471101", "3547114711471101", "IMEI"),
        ("MEID A0000047114711", "A0000047114711", "IMEI"),
        (ICCID, ICCID, "ICCID"),
        (f"SIMカード{CHINESE_ICCID}を交換", CHINESE_ICCID, "ICCID"),
        (f"eUICC EID {eid()}", eid(), "ICCID"),
        ("IMSI 262014711471147", "262014711471147", "IMSI"),
    ],
)
def test_finds_a_device_number(patterns: Patterns, text: str, value: str, type: str) -> None:
    assert found(patterns, text) == [(value, type)]


@pytest.mark.parametrize(
    "text",
    [
        f"IMEI {broken(IMEI)}",
        OTHER_IMEI,  # no type allocation code of today, no word
        f"order no {IMEI}",
        f"订单号{IMEI}",
        IMEI + "0",
        f"ICCID {broken(ICCID)}",
        "8949" + "0" * 15,
        "262014711471147",
        "IMSI 209994711471147",  # no such country
        "4711471147114711",
        "timestamp 1795312345678901",
    ],
)
def test_leaves_other_numbers(patterns: Patterns, text: str) -> None:
    assert found(patterns, text) == []
