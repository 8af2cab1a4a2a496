"""Classification marks: written as one they raise the class, in prose and code they do not."""

from __future__ import annotations

import pytest

from gateway.privacy.patterns.marks import CLASS_OF, RULES
from gateway.privacy.patterns.scan import Patterns, Plan

RANK = ["public", "internal", "confidential", "strict"]


@pytest.fixture(scope="module")
def patterns() -> Patterns:
    return Patterns(Plan(RULES))


def level(patterns: Patterns, text: str) -> str:
    """Return the highest class that marks in ``text`` speak of, "" when there is none."""
    names = [span.source.removeprefix("pattern:") for span in patterns.find([text], lambda: None)[0]]
    return max((CLASS_OF[name] for name in names), key=RANK.index, default="")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CONFIDENTIAL\nGearbox report", "confidential"),
        ("Acme AG – STRENG VERTRAULICH – Seite 3", "strict"),
        ("STRICTLY CONFIDENTIAL. Do not copy.", "strict"),
        ("VERTRAULICH", "confidential"),
        ("Nur für internen Gebrauch".upper(), "internal"),
        ("Document CONFIDENTIEL, exemplaire 2", "confidential"),
        ("RISERVATO", "confidential"),
        ("CONFIDENCIAL", "confidential"),
        ("[INTERNAL] shift log", "internal"),
        ("Acme | INTERNAL | 2026-11-22", "internal"),
        ("(SECRET)", "confidential"),
        ("Classification: internal", "internal"),
        ('{"classification": "Confidential"}', "confidential"),
        ("Einstufung: streng vertraulich", "strict"),
        ("Schutzklasse: öffentlich", "public"),
        ("機密区分:社外秘", "confidential"),
        ("密级:绝密", "strict"),
        ("【社外秘】図面一式", "confidential"),
        ("社外秘\n設計変更", "confidential"),
        ("極秘 試作車", "strict"),
        ("(秘)", "confidential"),
        ("取扱注意\n", "internal"),
        ("[机密]", "confidential"),
        ("内部资料 请勿外传", "internal"),
        ("関係者外秘", "confidential"),
        ("VS-NfD", "confidential"),
        ("VS-VERTRAULICH", "strict"),
        ("TLP:RED", "strict"),
        ("TLP:AMBER+STRICT", "strict"),
        ("TLP: AMBER", "confidential"),
        ("TLP:GREEN", "internal"),
        ("TLP:CLEAR", "public"),
        ("TISAX: strictly confidential", "strict"),
        ("TISAX proto vehicles", "strict"),
        ("TISAX - confidential", "confidential"),
        ("PROTOTYPENSCHUTZ", "strict"),
        ("Streng vertraulich: Plan der Presse 4", "strict"),
        ("Strictly Confidential\n\nDear team,", "strict"),
        ("Vertraulich!", "confidential"),
        ("Confidential | Gearbox report", "confidential"),
    ],
)
def test_finds_a_mark_and_its_class(patterns: Patterns, text: str, expected: str) -> None:
    assert level(patterns, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Confidential information is not sent by mail.",
        "Vertraulich ist das nicht.",
        "Das Gespräch war streng vertraulich: niemand sprach.",
        "- Confidential: true\n- Retention: 10",
        "This meeting was confidential, and internal only.",
        "Die Unterlagen sind vertraulich zu behandeln.",
        "enum Level { PUBLIC, INTERNAL, CONFIDENTIAL, STRICT }",
        "HTTP 500 INTERNAL SERVER ERROR",
        "SELECT * FROM PUBLIC.orders",
        "CONFIDENTIAL_LEVEL = 3",
        '"CONFIDENTIAL"',
        "- INTERNAL\n- PUBLIC\n",
        "| INTERNAL | yes |",
        "f(SECRET)",
        "it is NOT CONFIDENTIAL at all",
        "機密保持契約を締結",
        "社外秘の資料を扱う",
        "技術上の社外秘",
        "秘密鍵を生成する",
        "保密协议",
        "双方应对本合同保密。",
        "classification of defects: surface",
        "VS-Code",
        "TLP: yellow",
        "TISAX assessment",
        "公開 API",
    ],
)
def test_leaves_prose_and_code(patterns: Patterns, text: str) -> None:
    assert level(patterns, text) == ""


def test_every_rule_has_a_class_and_one_type() -> None:
    assert {rule.name for rule in RULES} == set(CLASS_OF)
    assert {rule.type for rule in RULES} == {"CLASSIFICATION_MARK"}
    assert set(CLASS_OF.values()) <= set(RANK)
