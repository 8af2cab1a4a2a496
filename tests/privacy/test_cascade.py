"""All steps together: places in the original text, memory by tenant, a customer's own rules, errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import SetupError
from gateway.privacy.cascade import Cascade, Found, Parts
from gateway.privacy.span import Proceed, Span
from gateway.settings import ConfiguredPattern, PrivacySettings


def go_on() -> None:
    pass


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("patterns")


@pytest.fixture(scope="module")
def cascade(kept: Path) -> Cascade:
    return Cascade(Parts.load(PrivacySettings(), kept=kept))


Search = Callable[[str], Found]


@pytest.fixture
def search(cascade: Cascade) -> Search:
    return lambda text: cascade.search([text], go_on)[0]


def values(text: str, found: Found) -> set[tuple[str, str]]:
    return {(span.type, text[span.start : span.end]) for span in found.spans}


@pytest.mark.parametrize(
    ("text", "type", "value"),
    [
        (
            "😀 ＤＥ８９　３７０４　００４４　０５３２　０１３０　００！",
            "IBAN_CODE",
            "ＤＥ８９　３７０４　００４４　０５３２　０１３０　００",
        ),
        ("mail joe&#64;plant.example now", "EMAIL_ADDRESS", "joe&#64;plant.example"),
        ("card 4242\u200b 4242\u200b 4242 4242.", "CREDIT_CARD", "4242\u200b 4242\u200b 4242 4242"),
        ("マイナンバーは１２３４５６７８９０１８です", "JP_MY_NUMBER", "１２３４５６７８９０１８"),
        ("Herr Jür\u00adgen Pfaff kommt", "PERSON", "Jür\u00adgen Pfaff"),
    ],
)
def test_spans_are_places_in_the_text_as_it_was_given(search: Search, text: str, type: str, value: str) -> None:
    assert (type, value) in values(text, search(text))


def test_languages_mix_in_one_sentence(search: Search) -> None:
    text = "Bitte 山田太郎様 anrufen, ring +44 20 7946 0018, 车牌 京A12345, targa AB 123 CD."
    assert {"PERSON", "PHONE_NUMBER", "LICENSE_PLATE"} <= {span.type for span in search(text).spans}


def test_marks_and_special_categories_are_no_spans(search: Search) -> None:
    found = search("社外秘\n糖尿病の診断書を添付します。")
    assert (found.marks, found.classes) == (("confidential",), ("health",))
    assert "CLASSIFICATION_MARK" not in {span.type for span in found.spans}


def test_ids_tell_their_jurisdictions(search: Search) -> None:
    assert search("Steuer-ID 86095742719, マイナンバー 123456789018").jurisdictions == ("DE", "JP")


def test_all_texts_of_a_request_are_answered_in_their_order(cascade: Cascade) -> None:
    texts = ["nothing", "joe@plant.example", "nothing", "", "ann@plant.example"]
    assert [len(found.spans) for found in cascade.search(texts, go_on)] == [0, 1, 0, 0, 1]


class Counting:
    """The pattern tier, counting what it is asked."""

    def __init__(self, cascade: Cascade) -> None:
        self._inner = cascade._patterns
        self.version = self._inner.version
        self.asked: list[str] = []
        self.error: Exception | None = None

    def find(self, texts: list[str], proceed: Proceed) -> list[list[Span]]:
        self.asked += texts
        if self.error:
            raise self.error
        return self._inner.find(texts, proceed)


@pytest.fixture
def counting(cascade: Cascade, monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting(cascade)
    monkeypatch.setattr(cascade, "_patterns", counting)
    return counting


def test_a_text_is_searched_once_for_each_tenant(cascade: Cascade, counting: Counting) -> None:
    first = cascade.search(["known joe@plant.example", "known joe@plant.example"], go_on, "acme")
    again = cascade.search(["known joe@plant.example"], go_on, "acme")
    assert first[0] == first[1] == again[0]
    assert len(counting.asked) == 1

    cascade.search(["known joe@plant.example"], go_on, "other")
    assert len(counting.asked) == 2


def test_an_error_passes_through_and_is_not_remembered(cascade: Cascade, counting: Counting) -> None:
    counting.error = ValueError()
    with pytest.raises(ValueError):
        cascade.search(["fresh joe@plant.example"], go_on)
    counting.error = None
    assert len(cascade.search(["fresh joe@plant.example"], go_on)[0].spans) == 1


def test_whoever_no_longer_waits_ends_the_search(cascade: Cascade) -> None:
    class Gone(Exception):
        pass

    def stop() -> None:
        raise Gone

    with pytest.raises(Gone):
        cascade.search(["never seen before joe@plant.example"], stop)


def test_a_customers_own_rules_are_found_beside_all_others(kept: Path, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "recognizers:\n"
        "  - {name: Tool, type: custom, supported_language: de, supported_entity: TOOL_NUMBER,\n"
        "     patterns: [{name: tool, regex: 'WZG-\\d{6}', score: 0.8}]}\n"
    )
    settings = PrivacySettings(
        names=False,
        patterns=(ConfiguredPattern(name="badge", type="BADGE_NUMBER", mask="W-99999"),),
        code_names=("Project Falcon",),
        recognizers=("own.yaml", "more-countries"),
    )
    own = Cascade(Parts.load(settings, tmp_path, kept))
    text = "W-40711 cut PROJECT-FALCON with WZG-471108, ABN 51 824 753 556, joe@plant.example"

    assert {type for type, _ in values(text, own.search([text], go_on)[0])} == {
        "BADGE_NUMBER", "CODE_NAME", "TOOL_NUMBER", "AU_ABN", "EMAIL_ADDRESS",
    }  # fmt: skip


def test_settings_are_part_of_the_version(kept: Path) -> None:
    versions = {
        Cascade(Parts.load(PrivacySettings(names=False, **change), kept=kept)).version  # type: ignore[arg-type]
        for change in ({}, {"score_threshold": 0.6}, {"code_names": ("Falcon",)})
    }
    assert len(versions) == 3


def test_a_cascade_that_finds_too_little_does_not_pass_its_self_test(kept: Path) -> None:
    with pytest.raises(SetupError):
        Cascade(Parts.load(PrivacySettings(names=False, score_threshold=0.99), kept=kept)).self_test()
