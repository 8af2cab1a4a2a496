"""How a target was chosen, in words."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cli.choice_words import told_choice
from gateway.policy.words import LANGUAGES

CHOICE: dict[str, Any] = {
    "why": "soonest",
    "prompt_tokens": 900,
    "output_tokens": 120,
    "candidates": 2,
    "considered": [
        {"target": "s/n/gpu:m", "first_ms": 80, "total_ms": 900, "wait_ms": 0, "cached_tokens": 700},
        {"target": "s/n/cpu:m", "first_ms": 4000, "total_ms": 9000, "wait_ms": 2500, "cached_tokens": 0},
    ],
}


def test_the_chosen_one_is_first_and_marked() -> None:
    assert told_choice(CHOICE, "en") == [
        "Chosen among 2, for a prompt of about 900 tokens and an answer of about 120: the soonest answer",
        "* s/n/gpu:m: first token after 80 ms, last after 900 ms; 0 ms of that waiting, 700 tokens cached",
        "  s/n/cpu:m: first token after 4000 ms, last after 9000 ms; 2500 ms of that waiting, 0 tokens cached",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("why", ["soonest", "cheapest", "tie", "over-limit", "only", "trial"])
def test_each_reason_has_words_in_each_language(language: str, why: str) -> None:
    head = told_choice({**CHOICE, "why": why}, language)[0]

    assert "900" in head
    assert not head.endswith(why)


def test_an_energy_is_told_with_whose_watts_it_is_made_of() -> None:
    gpu, cpu = CHOICE["considered"]
    measured, said = ({"energy_mj": 12_345, "energy_from": word} for word in ("measured", "configured"))

    rows = told_choice({**CHOICE, "considered": [{**gpu, **measured}, {**cpu, **said}, cpu]}, "en")[1:]

    assert rows[0].endswith("700 tokens cached; about 12.3 J, by measured watts")
    assert rows[1].endswith("0 tokens cached; about 12.3 J, by the watts of the settings")
    assert rows[2].endswith("0 tokens cached")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("word", ["measured", "configured"])
def test_an_energy_has_words_in_each_language(language: str, word: str) -> None:
    row = told_choice({**CHOICE, "considered": [{"energy_mj": 12_345, "energy_from": word}]}, language)[1]

    assert "12.3 J" in row


def test_a_word_of_a_later_release_is_shown_as_it_is() -> None:
    assert told_choice({**CHOICE, "why": "coolest", "considered": []}, "en")[0].endswith(": coolest")
