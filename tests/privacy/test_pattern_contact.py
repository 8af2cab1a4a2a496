"""E-mail, links, addresses, telephone numbers: what is one, and what only looks like one."""

import pytest

from gateway.privacy.patterns import contact, finance
from gateway.privacy.patterns.scan import Patterns, Plan

PATTERNS = Patterns(Plan((*contact.RULES, *finance.RULES)))
COUNTS = 0.4


def values(text: str, type: str) -> set[str]:
    spans = PATTERNS.find([text], lambda: None)[0]
    return {text[span.start : span.end] for span in spans if span.type == type and span.score >= COUNTS}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("連絡先はtaro@plant.exampleまで", "taro@plant.example"),
        ("joe.o-neil+x@mail.plant-7.example.", "joe.o-neil+x@mail.plant-7.example"),
        ("<jürgen@werk.example>", "jürgen@werk.example"),
        ("an müller@müller-werke.example!", "müller@müller-werke.example"),
        ("taro@工場.exampleへ", "taro@工場.example"),
        ("to lisa@presshop, please", "lisa@presshop"),
        ("ssh root@10.20.30.40", "root@10.20.30.40"),
        ("joe@plant.example.Then", "joe@plant.example"),
        ("a@b.example@c.example", "a@b.example"),
        ("write to t.yamada(at)plant-7.example", "t.yamada(at)plant-7.example"),
        ("write to t.yamada @ plant-7.example today", "t.yamada @ plant-7.example"),
        ("Mail an anna @firma.example bitte", "anna @firma.example"),
        ("t.yamada [at] plant-7 [dot] example, please", "t.yamada [at] plant-7 [dot] example"),
    ],
)
def test_an_e_mail_address(text: str, value: str) -> None:
    assert value in values(text, "EMAIL_ADDRESS")


@pytest.mark.parametrize(
    "text",
    [
        "pad@1.3.0",
        "icon@2x.png",
        "A@B",
        "w = x@y",
        "@foreman",
        "lodash@4.17.21",
        "foreman@",
        "a @ b.example",
        "5 bar (at) 20.5 C",
        "Lunch @ Mario.it",
        "12 pcs @ 4.50 EUR, 3 @ 5.bar",
        "torque @ station.py",
        "f(at)x",
        "pump (at) station.py",
    ],
)
def test_no_e_mail_address(text: str) -> None:
    assert values(text, "EMAIL_ADDRESS") == set()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(see https://a.example/b?c=d#e).", "https://a.example/b?c=d#e"),
        ("www.plant.exampleをご覧", "www.plant.example"),
        ("HTTP://A.EXAMPLE", "HTTP://A.EXAMPLE"),
    ],
)
def test_a_link(text: str, value: str) -> None:
    assert values(text, "URL") == {value}


@pytest.mark.parametrize(
    "text", ["np.array", "e.g.", "http://", "file.txt", "https://json-schema.org/draft/x", "http://www.w3.org/2001/x"]
)
def test_no_link(text: str) -> None:
    assert values(text, "URL") == set()


def test_a_link_with_a_password_is_a_type_of_its_own() -> None:
    assert values("ftp://press:Inv3nted-pw@files.example/x", "URL_CREDENTIALS") == {
        "ftp://press:Inv3nted-pw@files.example/x"
    }
    assert values("http://user:${PASSWORD}@files.example/x", "URL_CREDENTIALS") == set()
    assert values("http://files.example:8080/@x", "URL_CREDENTIALS") == set()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10.20.30.40:8080", "10.20.30.40"),
        ("サーバ192.168.7.9です", "192.168.7.9"),
        ("10.20.30.0/24", "10.20.30.0"),
        ("2001:db8:17::4a", "2001:db8:17::4a"),
        ("fe80::1ff:fe23:4567:890a", "fe80::1ff:fe23:4567:890a"),
    ],
)
def test_an_ip_address(text: str, value: str) -> None:
    assert values(text, "IP_ADDRESS") == {value}


@pytest.mark.parametrize(
    "text",
    [
        "version 12.34.56.78",
        "v203.45.67.89",
        "1.2.3.4.5",
        "300.1.1.1",
        "127.0.0.1",
        "std::vector",
        "10:11:12",
        "a::b",
        "1:2:3:4:5:6:7:8:9",
        "Kapitel 3.2.1.4",
    ],
)
def test_no_ip_address(text: str) -> None:
    assert values(text, "IP_ADDRESS") == set()


def test_a_mac_address() -> None:
    assert values("eth0 02:1A:4B:7C:9D:E5", "MAC_ADDRESS") == {"02:1A:4B:7C:9D:E5"}
    assert values("02-1a-4b-7c-9d-e5、", "MAC_ADDRESS") == {"02-1a-4b-7c-9d-e5"}
    assert values("02:1A:4B:7C:9D:E5:11:22 00:00:00:00:00:00 02:1A-4B:7C:9D:E5", "MAC_ADDRESS") == set()


@pytest.mark.parametrize(
    "number",
    [
        "+49 841 123456",
        "+49 (0)841 123456",
        "0049 841 123456",
        "0841 123456",
        "0841/12345-67",
        "(0841) 123456",
        "0151 23456789",
        "+81 3-1234-5678",
        "03-1234-5678",
        "090-1234-5678",
        "+86 138 1234 5678",
        "138-1234-5678",
        "13812345678",
        "010-12345678",
        "+33 1 23 45 67 89",
        "01 23 45 67 89",
        "06.12.34.56.78",
        "+39 06 1234 5678",
        "+34 612 345 678",
        "612 345 678",
        "+44 20 7946 0958",
        "020 7946 0958",
        "07700 900123",
        "(202) 555-0143",
        "202-555-0143",
        "+1 202 555 0143",
        "+41 44 123 45 67",
        "044 123 45 67",
        "+43 1 2345678",
    ],
)
def test_a_telephone_number(number: str) -> None:
    for text in (f"Tel. {number}", f"電話{number}です", f"{number}, {number}"):
        assert number in values(text, "PHONE_NUMBER"), text


@pytest.mark.parametrize(
    "text",
    [
        "part no 0841-4711-22",
        "order number 0123456789",
        "品番0841-123456",
        "2024-01-02 10:11:12",
        "01.02.2024",
        "3.0841123456",
        "1700000000",
        "1700000000123",
        "AB-0841-123456",
        "0000 0000 0000",
        "10.1234567",
        "013.404954",
        "12345678",
        "4711-0815",
        "52.520008, 13.404954",
        "0x08411234567",
        "uuid 0841a123-4567-8901",
        "+/- 0.0841 12345",
        "00:11:22",
        "1111-2222-3333-4444",
        "8D-Report 19303642621",
        "Lieferschein 13812345678",
        "報告書番号 03-1234-5678",
    ],
)
def test_no_telephone_number(text: str) -> None:
    assert values(text, "PHONE_NUMBER") == set()


@pytest.mark.parametrize(
    "text",
    [
        "plano A 072 455 52 84 y",
        "Codice 0 022 225 077 staffa",
        "bracket 01500-79968 from lot 79",
        "art 592 011 115 010",
    ],
)
def test_a_part_number_that_begins_like_a_telephone_number_does_not_count(text: str) -> None:
    assert values(text, "PHONE_NUMBER") == set()
