# ruff: noqa: E501 - documents have long lines
"""Documents in which nobody's number stands: the national families say nothing."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.privacy.patterns import (
    births,
    britain,
    china,
    europe,
    france,
    germany,
    italy,
    japan,
    spain,
    states,
    travel,
)
from gateway.privacy.patterns.catalogue import plan
from gateway.privacy.patterns.scan import Patterns

FAMILIES = (births, britain, china, europe, france, germany, italy, japan, spain, states, travel)
RULES = {rule.name: rule for family in FAMILIES for rule in family.RULES}

QUIET = {
    "code": 'def station(address: int = 0x7FFF_0000, retries: int = 3) -> str:\n    for line in range(12):\n        return f"via {line}"\n',
    "log": "2025-03-12T06:41:07.123Z INFO plc[4711] cycle=1744363001569 order=PO-9801458 lot=7343/110 rc=0 pid=536904\n"
    * 5,
    "schema": '{"type": "object", "properties": {"address": {"type": "string"}, "birth_date": {"type": "string", "format": "date"}}}',
    "parts": "Pos;Teilenummer;Menge\n10;5Q0 407 271 AB;12\n20;A 205 320 04 30;4\n30;90915-YZZD3;8\n40;N 908 132 02;16\n",
    "japanese parts": "品番 48609-0K040 数量 12 ロット 20250312-03\n図番 A-1234-5678 改訂3 1工程3-4号機",
    "chinese parts": "零件号 6R0 407 151 F 数量 4 批次号 20250312001 第3号工位 生产线2号",
    "french parts": "Réf. 7701208339, lot 25/110, quantité 12, commande 4500123456, indice v3.29.20",
    "italian parts": "Codice articolo 0 445 110 183, lotto 25071, quantità 12, via bus CAN 500 kbit/s",
    "spanish parts": "Pieza 1K0 615 301 AA, pedido 4500123456, lote 2503-12, calle de fresado 3",
    "hardness": "HRB 85 nach 12 Stunden bei 180 Grad, Kolbenring 12, Dichtring 40, Bremsweg 38 m, Fertigungsstraße 2",
}


def names(text: str) -> list[str]:
    spans = Patterns(plan()).find([text], lambda: None)[0]
    found = [span.source.removeprefix("pattern:") for span in spans if span.score >= 0.4]
    return [name for name in found if name in RULES]


@pytest.mark.parametrize("text", QUIET.values(), ids=QUIET.keys())
def test_document_without_persons_is_quiet(text: str) -> None:
    assert names(text) == []


def test_random_numbers_raise_fewer_than_one_alarm_in_two_thousand() -> None:
    random.seed(7)
    numbers = ["".join(random.choices(string.digits, k=random.randint(5, 18))) for _ in range(8000)]
    assert len(names(" ; ".join(numbers))) <= 4


def test_every_rule_finds_its_own_example() -> None:
    Patterns(plan()).self_test()


@given(st.sampled_from(sorted(RULES)), st.data())
@settings(max_examples=150, deadline=None)
def test_no_confirmer_raises_on_anything_its_expression_matches(name: str, data: st.DataObject) -> None:
    rule = RULES[name]
    if rule.confirm is None:
        return
    value = data.draw(st.from_regex(rule.expression, fullmatch=True))
    text = f"{data.draw(st.text(max_size=8))}{value}{data.draw(st.text(max_size=8))}"
    start = text.index(value)
    proof = rule.confirm(text, start, start + len(value))
    assert proof is None or 0 <= proof.start < proof.end <= len(text)
