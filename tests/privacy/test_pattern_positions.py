"""Positions in all their notations, and the numbers that only look like one."""

from __future__ import annotations

from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.patterns.positions import RULES
from gateway.privacy.patterns.scan import Patterns, Plan


@pytest.fixture(scope="module")
def patterns() -> Patterns:
    return Patterns(Plan(RULES))


def found(patterns: Patterns, text: str) -> list[str]:
    """Return the longest matches."""
    spans = patterns.find([text], lambda: None)[0]
    values = {text[span.start : span.end] for span in spans}
    return sorted(value for value in values if not any(value != other and value in other for other in values))


def sentence(body: str) -> str:
    return f"${body}*{reduce(xor, body.encode()):02X}"


GGA = sentence("GPGGA,104711.00,4828.2660,N,01108.8480,E,1,08,0.9,471.1,M,47.0,M,,")
RMC = sentence("GNRMC,104711.00,A,4828.2660,N,01108.8480,E,0.0,47.1,221126,,,A")


@pytest.mark.parametrize(
    ("text", "positions"),
    [
        ("48.471147, 11.147471", ["48.471147, 11.147471"]),
        ("座標は35.471147,139.471147です", ["35.471147,139.471147"]),
        ("51.471147, -0.114711", ["51.471147, -0.114711"]),
        ("GPS 48.471, 11.147", ["48.471, 11.147"]),
        ("maps/@-33.471147,151.147471,17z", ["-33.471147,151.147471"]),
        ("48.4711° N, 11.1474° E", ["48.4711° N, 11.1474° E"]),
        ("N 48.4711 E 11.1474", ["N 48.4711 E 11.1474"]),
        ('{"latitude": 48.47114, "longitude": 11.14711}', ["11.14711", "48.47114"]),
        ("緯度:35.4711 経度:139.4711", ["139.4711", "35.4711"]),
        ("北緯35度28分16秒 東経139度08分50秒", ["北緯35度28分16秒 東経139度08分50秒"]),
        ("北纬31.4711°,东经121.4711°", ["北纬31.4711°,东经121.4711°"]),
        ("48°28'16\"N 11°08'50\"E", ["48°28'16\"N 11°08'50\"E"]),
        ("48° 28.266' N, 11° 8.848' E", ["48° 28.266' N, 11° 8.848' E"]),
        ("bei 48°28'16\"N", ["48°28'16\"N"]),
        (f"rx {GGA}\n", [GGA]),
        (RMC, [RMC]),
        ("+48.4711+011.1474/", ["+48.4711+011.1474/"]),
        ("geo:48.4711,11.1474;u=35", ["geo:48.4711,11.1474;u=35"]),
        ("8FWH4HX8+QR", ["8FWH4HX8+QR"]),
        ("MGRS 32U PU 47114 71147", ["32U PU 47114 71147"]),
        ("UTM 32U 671147 5347114", ["32U 671147 5347114"]),
        ("48.471147 / 11.147471", ["48.471147 / 11.147471"]),
        ("Fahrzeugstandort 48,4711 / 11,1474", ["48,4711 / 11,1474"]),
        ("garé : 48,4711; 11,1474", ["48,4711; 11,1474"]),
        ("駐車位置 35.4711|139.4711", ["35.4711|139.4711"]),
        ("GPS 48.4711° - 11.1474°", ["48.4711° - 11.1474"]),
        ("POINT(11.1474 48.4711)", ["11.1474 48.4711"]),
        ("Lat.: 48.47114", ["48.47114"]),
        ("| Latitude | 48.47114 |", ["48.47114"]),
        ("Breite: 48,47114", ["48,47114"]),
    ],
)
def test_finds_a_position(patterns: Patterns, text: str, positions: list[str]) -> None:
    assert found(patterns, text) == positions


@pytest.mark.parametrize(
    "text",
    [
        "[0.471147, 0.114711]",
        "12.345678, 45.678912, 78.912345",  # a list of numbers
        "1.234567, 245.678912",  # no longitude
        "95.471147, 100.471147",  # no latitude
        "12.34, 45.67",
        "torque 12.345, 45.678",
        "angle 12°30'15\"",
        "48°28'76\"N",  # 76 seconds
        GGA[:-2] + "00",
        "latency: 48.47114",
        "flat: 48.47114",
        "v1.2.3, 4.5.6",
        "2+2, ABCD+EF",
        "32U PU 47114 71147",
        "geo:120.5,100.5",
        "temperature 48° N 11",
        "Breite: 12,345 mm",
        "Länge Ø12.45 +0.081/-0.013",
        "Länge 120,0000 mm",
        "Breite 12,345",
        "POINT(1200.5 48.4)",
        "12,345 / 45,678",
    ],
)
def test_leaves_other_numbers(patterns: Patterns, text: str) -> None:
    assert found(patterns, text) == []


@given(latitude=st.floats(1, 89), longitude=st.floats(2, 179))
def test_every_pair_in_range_is_found_whole(patterns: Patterns, latitude: float, longitude: float) -> None:
    text = f"{latitude:.6f}, {longitude:.6f}"
    assert found(patterns, text) == ([text] if f"{latitude:.6f}" != f"{longitude:.6f}" else [])
