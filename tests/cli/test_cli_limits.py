"""sekisho limits, with no server: under the lock, on record."""

from pathlib import Path

import pytest

from gateway import settings
from gateway.audit.log.reader import logs, search


def test_bounds_are_set_on_record_and_shown_and_taken_back(sekisho, house: Path) -> None:
    said = sekisho("limits", "set", "tenant:bodyshop", "--tokens-per-day", "2000000")
    assert (said.code, said.err) == (0, "")
    (log,) = logs(house / ".sekisho" / "audit")
    (record,) = [each for each in search(log) if each["type"] == "limits.changed"]
    assert record["details"]["details"]["after"]["tokens_per_day"] == 2_000_000
    (view,) = sekisho("limits", "show", "--json").json["data"]
    assert (view["account"], view["bounds"]["tokens_per_day"]) == ("tenant:bodyshop", 2_000_000)
    assert sekisho("limits", "set", "tenant:bodyshop", "--default").code == 0
    assert sekisho("limits", "show", "--json").json == {"data": []}


def test_a_key_is_called_by_its_name_and_what_it_used_is_shown(sekisho, house: Path) -> None:
    made = sekisho("keys", "create", "--name", "ci", "--tenant", "bodyshop", "--json").json
    usage = settings.load().state / "usage"
    usage.mkdir()
    view = sekisho("limits", "set", "key:ci", "--requests-per-minute", "7", "--json").json
    assert view["account"] == f"key:{made['id']}"
    (usage / f"{view['day'][:7]}.tsv").write_text(f"{view['day']}\t{made['id']}\tbodyshop/default\tm\t113\t46\n")
    (shown,) = sekisho("limits", "show", "key:ci", "--json").json["data"]
    assert shown["used"] == {"tokens_day": 113, "money_day": 46, "tokens_month": 113, "money_month": 46}
    assert shown["bounds"]["requests_per_minute"] == 7
    assert "113 / -" in sekisho("limits", "show").out


@pytest.mark.parametrize(
    "words", [("tenant:t",), ("tenant:t", "--default", "--tokens-per-day", "1"), ("nobody", "--tokens-per-day", "1")]
)
def test_what_says_nothing_that_can_be_done_is_used_wrongly(sekisho, house: Path, words: tuple[str, ...]) -> None:
    said = sekisho("limits", "set", *words)
    assert said.code == 2
    assert said.err.count("\n") == 1
