"""What ``sekisho.yaml`` may say, and what is said when it cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import SetupError
from gateway.settings import Settings, load


def written(folder: Path, text: str) -> str:
    path = folder / "sekisho.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return str(path)


def test_norway_is_a_jurisdiction_without_quotes(tmp_path: Path) -> None:
    settings = load(written(tmp_path, "site: {name: oslo, jurisdiction: NO}\n"))

    assert settings.site.jurisdiction == "NO"


@pytest.mark.parametrize("word", ["false", "no", "off", "Off", "NO"])
def test_a_truth_is_one_where_a_truth_is_meant(tmp_path: Path, word: str) -> None:
    settings = load(written(tmp_path, f"privacy: {{names: {word}}}\nsite: {{name: on}}\n"))

    assert settings.privacy.names is False
    assert settings.site.name == "on"


def test_no_other_word_is_a_truth(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"Expected `bool`, got `str` - at `\$.privacy.names`"):
        load(written(tmp_path, "privacy: {names: maybe}\n"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("site:\n  name: a\n  name: b\n", "line 3: `name` stands twice"),
        ("site: [\n", "line 2: not valid YAML"),
        ("site: {nmae: a}\n", "unknown field `nmae`"),
        ("limits: {requests_per_minute: -1}\n", r"\$.limits.requests_per_minute"),
        ("source: /etc/passwd\n", "`source` is not a setting"),
        ("\udcff: 1\n", "is not valid YAML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(SetupError, match=problem) as refused:
        load(written(tmp_path, text))
    assert refused.value.exit_code == 2


def test_utc_needs_no_table_of_time_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.settings.ZoneInfo", lambda name: pytest.fail("a table was asked for"))
    assert str(Settings().zone) == "UTC"


@pytest.mark.parametrize("name", ["Europe/Nowhere", "../../etc/passwd", "/etc/localtime", "", "Europe"])
def test_a_time_zone_that_there_is_not_is_refused_at_once(tmp_path: Path, name: str) -> None:
    path = tmp_path / "sekisho.yaml"
    path.write_text(f"site: {{timezone: {name!r}}}\n")
    with pytest.raises(SetupError, match=r"site\.timezone"):
        load(str(path))


def test_models_of_the_fleet_take_the_engines_settings_where_they_say_nothing(tmp_path: Path) -> None:
    text = "engine: {slots: 2, queue: 5}\nfleet: {models: [{model: a, pin: yes, slots: 3}, {model: b, queue: 0}]}\n"

    settings = load(written(tmp_path, text))

    first, second = (settings.engine_for(each) for each in settings.served)
    assert (first.model, first.slots, first.queue) == ("a", 3, 5)
    assert (second.model, second.slots, second.queue) == ("b", 2, 0)
    assert [each.pin for each in settings.served] == [True, False]


def test_without_a_fleet_the_engines_model_is_served_and_kept() -> None:
    (only,) = Settings().served

    assert (only.model, only.pin) == (Settings().engine.model, True)


def test_a_model_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="twice"):
        load(written(tmp_path, "fleet: {models: [{model: a}, {model: a}]}\n"))
