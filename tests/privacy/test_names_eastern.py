"""Japanese and Chinese: which sentence is which, names that only rules and weights find, and quiet documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.privacy.names.finder import Models, Names
from gateway.privacy.names.prepare import prepare
from gateway.privacy.names.scripts import eastern

Persons = Callable[[str], set[str]]


@pytest.fixture(scope="module")
def persons(tmp_path_factory: pytest.TempPathFactory) -> Persons:
    folder: Path = tmp_path_factory.mktemp("detectors")
    prepare(folder)
    names = Names(Models(folder))

    def found(text: str) -> set[str]:
        return {text[s.start : s.end] for s in names.find([text], lambda: None)[0] if s.type == "PERSON"}

    return found


@pytest.mark.parametrize(
    ("sentence", "languages"),
    [
        ("検査員", {"ja"}),
        ("部品を出荷した。", {"ja"}),
        ("资料已收到", {"zh"}),
        ("王建国", {"ja", "zh"}),
        ("ミサキさんの身份证", {"ja", "zh"}),
        ("昨天收到", {"zh"}),
        ("plain text", set()),
    ],
)
def test_a_sentence_speaks_by_its_own_letters(sentence: str, languages: set[str]) -> None:
    assert {language for language, _, _ in eastern(sentence)} == languages


def test_sentences_of_one_line_may_be_of_two_languages() -> None:
    text = "VINが登録されました。请联系负责人。"
    assert [(language, text[start:end]) for language, start, end in eastern(text)] == [
        ("ja", "VINが登録されました。"),
        ("zh", "请联系负责人。"),
    ]


CHINESE = [
    ("如有疑问请联系贺兰生，电话另附。", "贺兰生"),
    ("报修人：石锦程", "石锦程"),
    ("这套夹具由夏树林设计。", "夏树林"),
    ("Die Teile sind da. 请通知邵文博，谢谢。", "邵文博"),
    ("检验员: 欧阳若兰", "欧阳若兰"),
]


@pytest.mark.parametrize(("text", "name"), CHINESE)
def test_a_chinese_name_behind_a_cue_is_found(persons: Persons, text: str, name: str) -> None:
    assert name in persons(text)


@pytest.mark.parametrize("text", ["The 零件 nu 到货。", "Kreditkarte 已登记，Bitte 确认。", "昨天收到4821的资料。"])
def test_words_beside_chinese_are_no_chinese_names(persons: Persons, text: str) -> None:
    assert not persons(text)
