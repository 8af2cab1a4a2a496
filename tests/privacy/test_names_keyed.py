"""Names that keys and headers announce in code, tables and forms."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import gateway.privacy.names
from gateway.privacy.names.features import Lexicon
from gateway.privacy.names.keyed import keyed
from gateway.privacy.names.keys import kind_of

LEXICON = Lexicon((Path(gateway.privacy.names.__file__).parent / "lexicon.bin").read_bytes())


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in keyed(text, LEXICON)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"firstName": "Laura", "lastName":"Bianchi"}', ["Laura", "Bianchi"]),
        ("employee_last_name = 'Zschoche'", ["Zschoche"]),
        ("<Vorname>Uwe</Vorname>", ["Uwe"]),
        ("?givenName=Laura&id=3", ["Laura"]),
        ("- Last Name: O'Connell", ["O'Connell"]),
        ("prénom: Élodie", ["Élodie"]),
        ('"full_name": "laura bianchi"', ["laura bianchi"]),
        ('{"姓名": "王小明", "age": 3}', ["王小明"]),
        ("氏名：鈴木　花子", ["鈴木　花子"]),
        ("reported_by: Jana Wolf", ["Jana Wolf"]),
        ('"author": "Rajesh Kumar <r@example.org>"', ["Rajesh Kumar"]),
        ("Prüfer: T. Brandt", ["T. Brandt"]),
        ('"name": "Laura Bianchi"', ["Laura Bianchi"]),
        ("Nachname: Vogl Vorname: Kerstin", ["Vogl", "Kerstin"]),
    ],
)
def test_values_of_keys_for_persons_are_names(text: str, names: list[str]) -> None:
    assert found(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "Name;Personalnummer;Halle\nSchmidt;48213;3\nPfaff;48977;4",
        "| Name | Personalnr. | Tor |\n|---|---|---|\n| Schmidt | 48213 | 3 |\n| Pfaff | 48977 | 4 |",
        "Name,Employee no.,Gate\nSchmidt,48213,3\nPfaff,48977,4",
    ],
)
def test_a_column_of_names_beside_numbers_of_persons_is_theirs(text: str) -> None:
    assert found(text) == ["Schmidt", "Pfaff"]


def test_a_column_of_names_beside_parts_is_not() -> None:
    assert found("Name;Teilenummer;Menge\nHalter;48213;3\nSchmidt;48977;4") == []


def test_a_name_is_known_without_its_marks() -> None:
    assert LEXICON.look("Çelik") == LEXICON.look("Celik") != LEXICON.look("Zzzzq")


@pytest.mark.parametrize(
    "text",
    [
        '{"firstName": {"type": "string"}, "lastName": "string"}',
        "self.lastName = last_name",
        "lastName = getName(user)",
        "lastName: required",
        "file_name: Laura Bianchi.pdf",
        "host_name = Wolf",
        '"name": "Front Left Bracket"',
        '"name": "Laura"',
        "owner: platform-team",
        "owner: Platform Team",
        "author: Docker",
        "driver: Siemens",
        "contact: Support",
        "氏名：未定",
        "担当者：品質保証課",
        "INSERT INTO t (first_name) VALUES (?)",
    ],
)
def test_what_is_no_person_under_such_keys_is_left_alone(text: str) -> None:
    assert not found(text)


def test_columns_under_a_header_are_names_as_far_as_the_table_goes() -> None:
    table = "Name;Abteilung;Nr.\nWeber, Anna;Lack;00123\nKowalczyk, Piotr;Presse;00124\n\nLaura Moser;a;b"

    assert found(table) == ["Weber, Anna", "Kowalczyk, Piotr"]


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("first_name,last_name,email\nLaura,Bianchi,-\nPiet,de Vries,-", ["Laura", "Bianchi", "Piet", "de Vries"]),
        ("| Name | Rolle |\n|---|---|\n| Élodie Dupont | Qualité |", ["Élodie Dupont"]),
        ("氏名,部署\n山田太郎,製造\n鈴木 花子,品質", ["山田太郎", "鈴木 花子"]),
        ("Part name\tQty\nFront Left Bracket\t4\nMain Shaft\t2", []),
        ("Name;Menge\nHalter links;250\nWelle;12", []),
    ],
)
def test_tables_of_any_mark(table: str, names: list[str]) -> None:
    assert found(table) == names


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("lastName", "sure"),
        ("LAST-NAME", "sure"),
        ("contact.last_name", "sure"),
        ("Vor- und Nachname", "sure"),
        ("createdBy", "role"),
        ("file_name", ""),
        ("className", ""),
        ("", ""),
        ("...", ""),
    ],
)
def test_a_key_is_the_same_in_every_convention(key: str, kind: str) -> None:
    assert kind_of(key) == kind


@pytest.mark.parametrize(
    "unit", ["name:", "lastName=", ";", "Name;Nr.\n", '"name": "', "a" * 60 + ": ", "姓名：", "Name,"]
)
def test_time_is_linear_in_the_text(unit: str) -> None:
    began = time.process_time()
    list(keyed(unit * (200_000 // len(unit)), LEXICON))

    assert time.process_time() - began < 2
