"""Long repetitions: what is folded, and that nothing is lost by it."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.privacy.cascade import Cascade, Parts
from gateway.privacy.folds import KEPT, LEAST, LONGEST_PERIOD, Folded, fold
from gateway.privacy.merge import merge
from gateway.privacy.patterns.catalogue import plan
from gateway.privacy.patterns.scan import Patterns
from gateway.privacy.span import Span
from gateway.settings import PrivacySettings

ENDS = st.text(alphabet="ab1 .\n", max_size=40)


def go_on() -> None:
    pass


@pytest.fixture(scope="module")
def rules() -> Patterns:
    return Patterns(plan())


def covered(text: str, spans: list[Span]) -> set[tuple[str, int]]:
    return {(span.type, at) for span in merge(text, spans) for at in range(span.start, span.end)}


def whole(folded: Folded) -> str:
    """Put back what was left out."""
    text = folded.text
    for each in reversed(folded.folds):
        text = text[: each.at] + text[each.at : each.at + each.zone] * each.times + text[each.at :]
    return text


@settings(max_examples=60, deadline=None)
@given(
    ENDS, st.text(alphabet="ab@.1 \n機", min_size=1, max_size=12), st.integers(LEAST, 3 * LEAST), ENDS, st.booleans()
)
def test_what_was_left_out_can_be_put_back(before: str, word: str, length: int, after: str, twice: bool) -> None:
    stretch = word * (length // len(word))
    text = before + stretch + after + (stretch[::-1] + before if twice else "")
    assert whole(fold(text)) == text


@pytest.mark.parametrize("word", ["a", "機密 ", "a@b.de ", "x" * (LONGEST_PERIOD - 1) + "y"])
def test_a_stretch_is_as_long_folded_whatever_its_length(word: str) -> None:
    some, more = (fold("Hallo " + word * (length // len(word)) + " Ende") for length in (100_000, 1_000_000))
    assert max(len(some.text), len(more.text)) < 2 * KEPT + 3 * LONGEST_PERIOD + 20


@pytest.mark.parametrize("text", ["", "a" * (LEAST - 1), "".join(f"{number} " for number in range(20_000))])
def test_what_does_not_repeat_itself_for_long_stays(text: str) -> None:
    assert fold(text) == Folded(text)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(
        [
            "a@b.de ",
            "機密 ",
            "4111 1111 1111 1111\n",
            "+49 89 1234567, ",
            "WVWZZZ1KZAW000000;",
            "1 2 3 4 5 6 ",
            "10.0.0.1 ",
        ]
    ),
    st.sampled_from(["", "Tel. 089 1234567 ", "mail: joe@plant.example", "password=", "\n"]),
    st.sampled_from(["", " IBAN DE89 3704 0044 0532 0130 00", "x", "@plant.example"]),
    st.integers(LEAST + 5_000, LEAST + 12_000),
)
def test_whatever_is_found_in_the_whole_is_found_in_the_folded(
    rules: Patterns, word: str, before: str, after: str, length: int
) -> None:
    text = before + word * (length // len(word)) + after
    folded = fold(text)
    assume(folded.folds)
    [all_of_it], [some] = rules.find([text], go_on), rules.find([folded.text], go_on)
    assert covered(text, folded.unfold(some)) >= covered(text, all_of_it)
    if word in ("a@b.de ", "WVWZZZ1KZAW000000;"):
        assert set(folded.unfold(some)) == set(all_of_it)


def test_a_finding_over_a_stretch_covers_all_of_it() -> None:
    text = "key=" + "ab" * 40_000 + "="
    folded = fold(text)
    [span] = folded.unfold([Span(0, len(folded.text), "SECRET", 1.0, "pattern:key")])
    assert (span.start, span.end) == (0, len(text))


def test_findings_before_over_and_behind_two_stretches_stand_where_they_stood() -> None:
    text = "first " + "a1 " * 20_000 + " mid " + "b2 " * 30_000 + " last"
    folded = fold(text)
    assert len(folded.folds) == 2

    def places(word: str) -> list[int]:
        found = [at for at in range(len(folded.text)) if folded.text.startswith(word, at)]
        return sorted(span.start for span in folded.unfold(Span(at, at + len(word), "X", 1.0, "x") for at in found))

    for word in ("first", "a1", "mid", "b2", "last"):
        assert places(word) == [at for at in range(len(text)) if text.startswith(word, at)]


def test_every_one_of_many_values_is_found(tmp_path_factory: pytest.TempPathFactory) -> None:
    kept = tmp_path_factory.mktemp("patterns")
    cascade = Cascade(Parts.load(PrivacySettings(names=False), kept=kept))
    # Full-width and an entity: places in the text as it was given are other than in what is searched.
    text = "ｊｏｅ&#64;plant.example " * 2_000
    [found] = cascade.search([text], go_on)
    mails = [span.start for span in found.spans if span.type == "EMAIL_ADDRESS"]
    assert mails == [*range(0, len(text), len(text) // 2_000)]
