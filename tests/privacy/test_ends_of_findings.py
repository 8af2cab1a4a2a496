"""Where a finding begins and ends in its sentence: no article, no next word, no neighbour's name is part of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.privacy.cascade import Cascade, Found, Parts
from gateway.settings import PrivacySettings

Search = Callable[[str], Found]


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Search:
    cascade = Cascade(Parts.load(PrivacySettings(), kept=tmp_path_factory.mktemp("patterns")))
    return lambda text: cascade.search([text], lambda: None)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Termin in der Lindenstraße 5, 80331 München ist bestätigt.", [("LOCATION", "Lindenstraße 5, 80331 München")]),
        (
            "vive en Calle Mayor 3, 28013 Madrid, matrícula 1234 BCD.",
            [("LOCATION", "Calle Mayor 3, 28013 Madrid"), ("LICENSE_PLATE", "1234 BCD")],
        ),
        ("abita in via Roma 12, 20121 Milano.", [("LOCATION", "via Roma 12, 20121 Milano")]),
        ("Adresse : 14 rue des Lilas, 69003 Lyon. Merci", [("LOCATION", "14 rue des Lilas, 69003 Lyon")]),
        ("Hauptstraße 5, 66111 St. Ingbert. Danke", [("LOCATION", "Hauptstraße 5, 66111 St. Ingbert")]),
        (
            "张伟和李娜今天在北京市海淀区中关村大街27号开会。",
            [("PERSON", "张伟"), ("PERSON", "李娜"), ("LOCATION", "北京市海淀区中关村大街27号")],
        ),
        ("我住在上海市浦东新区张江路88号。", [("LOCATION", "上海市浦东新区张江路88号")]),
        ("地址广东省深圳市南山区科技园南路10号。", [("LOCATION", "广东省深圳市南山区科技园南路10号")]),
    ],
)
def test_an_address_is_found_alone(search: Search, text: str, expected: list[tuple[str, str]]) -> None:
    assert [(span.type, text[span.start : span.end]) for span in search(text).spans] == expected


@pytest.mark.parametrize(
    ("text", "password"), [("password: Sommer2024! und", "Sommer2024!"), ("Kennwort: Werk7tor?.", "Werk7tor?")]
)
def test_a_mark_that_ends_a_password_is_part_of_it(search: Search, text: str, password: str) -> None:
    assert [text[span.start : span.end] for span in search(text).spans] == [password]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (
            "8D-Report D3: Sofortmaßnahme durch T. Brandstätter, Teile-Nr. 8K0 615 301 M, Charge 20241103-07.",
            "Brandstätter",
        ),
        ("検査者 ワン・シャオミン", "ワン・シャオミン"),
        ("検査者：グエン・ヴァン・アン", "グエン・ヴァン・アン"),
    ],
)
def test_a_name_in_a_plants_paper_is_found(search: Search, text: str, name: str) -> None:
    assert [text[span.start : span.end] for span in search(text).spans if span.type == "PERSON"] == [name]


@pytest.mark.parametrize(
    "text", ["TLP:RED, 社外秘, 机密, TISAX", "机床坏了。", "10 Stück A. Dichtring 4711-08, 20 Stück B. Halter 0815-3"]
)
def test_what_only_looks_like_a_name_is_left(search: Search, text: str) -> None:
    assert not search(text).spans
