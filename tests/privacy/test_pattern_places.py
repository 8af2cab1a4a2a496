"""Addresses of forms, letters and sentences whatever the country."""

from __future__ import annotations

import pytest

from gateway.privacy.patterns.catalogue import plan
from gateway.privacy.patterns.scan import Patterns


def found(text: str) -> set[str]:
    spans = Patterns(plan()).find([text], lambda: None)[0]
    return {text[span.start : span.end] for span in spans if span.type == "LOCATION" and span.score >= 0.4}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("PLZ: 70173", "70173"),
        ("CP: 10 200. NHC", "10 200"),
        ("my zip code is 45671", "45671"),
        ("ZIP: 394 13", "394 13"),
        ("Sent to PSC 1310 Box 2277\nAPO AE 09204 today", "PSC 1310 Box 2277\nAPO AE 09204"),
        ("to unit 4410 box 9021 dpo ap 71442 for mail", "unit 4410 box 9021 dpo ap 71442"),
        ("We met at the corner of Sample Street and Elm Lane.", "at the corner of Sample Street and Elm Lane"),
        (
            ">12 Testveien 4\n>Suite 881\n>Nordvik\n>Iceland 40112",
            "12 Testveien 4\n>Suite 881\n>Nordvik\n>Iceland 40112",
        ),
        (
            "Firma ??? 7 Testsvei 14 ??? suite 220 ??? nordvik ??? iceland 40112",
            "7 Testsvei 14 ??? suite 220 ??? nordvik ??? iceland 40112",
        ),
    ],
)
def test_an_address_is_found_whole(text: str, value: str) -> None:
    assert value in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "cap: 2.500 EUR",
        "CP: 3.3 uF",
        "The corner of the part and the edge of it",
        "unit 3 box 4 on the shelf",
        "USS Enterprise is a ship",
    ],
)
def test_what_only_begins_like_one_is_left(text: str) -> None:
    assert found(text) == set()
