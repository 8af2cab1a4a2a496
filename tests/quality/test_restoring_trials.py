"""The rules of the restoring measurement; the model itself is asked by hand."""

from __future__ import annotations

import pytest
from restoring import fate, findings, restored, table
from restoring_prompts import TASKS, Value, trials

from gateway.privacy.redact import redact

KEY = b"k" * 32


def test_prompts_are_always_the_same_and_hold_what_they_say() -> None:
    first, again = list(trials(len(TASKS) * 3, 1)), list(trials(len(TASKS) * 3, 1))

    assert first == again
    assert len({trial.text for trial in first}) > len(TASKS) * 2
    assert all(value.text in trial.text for trial in first for value in trial.values)
    assert all(set(trial.wanted) <= set(trial.values) for trial in first)


def test_no_value_is_left_in_a_redacted_prompt() -> None:
    for trial in trials(len(TASKS), 2):
        redaction = redact([trial.text], findings(trial), {}, KEY)

        assert not any(value.text in redaction.texts[0] for value in trial.values)
        assert restored(redaction, redaction.texts[0]) == trial.text


@pytest.mark.parametrize(
    ("said", "expected"),
    [("{tag}.", "exact"), ("{tag}s and {lower}", "exact"), ("{lower}", "bent"), ("{tag:.14}!", "bent"),
     ("{core:.6}x", "lost"), ("a person", "unsaid"), ("", "unsaid")],
)  # fmt: skip
def test_what_became_of_a_tag(said: str, expected: str) -> None:
    trial = next(trials(1, 3))
    redaction = redact([trial.text], findings(trial), {}, KEY)
    value: Value = trial.values[0]
    tag = redaction.book.tag(value.type, value.text)

    answer = said.format(tag=tag, lower=tag.lower(), core=tag[-16:])

    assert fate(value, redaction, answer) == expected


def test_the_table_adds_up() -> None:
    rows = [
        {"fates": ["exact", "lost"], "on": 1, "off": 2, "wanted": 2},
        {"fates": ["bent", "unsaid"], "on": 1, "off": 1, "wanted": 2},
    ]

    assert table("m", rows).splitlines()[2] == "| m | 2 | 4 | 1 | 1 | 1 | 1 | 0.667 | 0.500 | 0.750 |"
