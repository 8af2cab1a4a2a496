"""The rule table: reading it, what it means, and what it says when it is wrong."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import DATA_CLASSES
from gateway.errors import SetupError
from gateway.policy.rules import OPERATORS, PRESETS, WITHIN, Row, compile_table, load, operator_for, parse, preset
from gateway.settings import PolicySettings, Settings

HEADER = "class,type,where,operator,note\n"
REST = "*,*,*,pseudonymise,\n"


def _table(*rows: str) -> str:
    return HEADER + "".join(f"{row}\n" for row in rows) + REST


def test_the_first_row_that_fits_wins() -> None:
    rows = parse(_table("strict,PERSON,*,mask,", "*,PERSON,*,keep,", "strict,*,*,mask,"))

    assert operator_for(rows, "strict", "PERSON", "elsewhere") == "mask"
    assert operator_for(rows, "public", "PERSON", "elsewhere") == "keep"
    assert operator_for(rows, "public", "IBAN_CODE", "elsewhere") == "pseudonymise"


@pytest.mark.parametrize(
    ("where", "places"),
    [
        ("same-node", {"same-node"}),
        ("same-site", {"same-node", "same-site"}),
        ("same-jurisdiction", {"same-node", "same-site", "same-jurisdiction"}),
        ("elsewhere", {"elsewhere", "external"}),
        ("external", {"external"}),
        ("*", set(WITHIN)),
    ],
)
def test_a_place_holds_the_nearer_ones(where: str, places: set[str]) -> None:
    rows = parse(_table(f"*,PERSON,{where},mask,"))

    assert {place for place in WITHIN if operator_for(rows, "public", "PERSON", place) == "mask"} == places


def test_compiled_a_type_below_a_catch_all_is_not_reached() -> None:
    table = compile_table(parse(HEADER + "*,*,*,pseudonymise,\n*,PERSON,*,keep,\n"))

    assert table["internal"]["same-node"] == {"*": "pseudonymise", "PERSON": "pseudonymise"}


_rows = st.builds(
    Row,
    data_class=st.sampled_from(["*", *DATA_CLASSES]),
    type=st.sampled_from(["*", "PERSON", "LOCATION"]),
    where=st.sampled_from(["*", *WITHIN]),
    operator=st.sampled_from(OPERATORS),
)


@given(st.lists(_rows, max_size=8))
def test_compiled_it_says_what_the_rows_say(rows: list[Row]) -> None:
    rows = [*rows, Row("*", "*", "*", "mask")]
    table = compile_table(rows)

    for data_class, place, type_ in itertools.product(DATA_CLASSES, WITHIN, ("PERSON", "LOCATION", "URL")):
        found = table[data_class][place]
        assert found.get(type_, found["*"]) == operator_for(rows, data_class, type_, place)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: the columns must be class,type,where,operator,note"),
        ("class,type,operator,where,note\n", "line 1: the columns must be"),
        (_table("secret,*,*,pseudonymise,"), "line 2, column class: `secret` is not one of *, public"),
        (_table("*,PERSON,*,pseudonymise,", "*,person,*,mask,"), "line 3, column type: `person` is not a finding type"),
        (_table("*,PERSON,abroad,pseudonymise,"), "line 2, column where: `abroad` is not one of"),
        (
            _table("*,PERSON,*,tag,"),
            "line 2, column operator: `tag` is not one of keep, pseudonymise, mask, hash, redact",
        ),
        (_table("*,PERSON,*"), "line 2: 3 cells where there must be 5"),
        (_table("*,PERSON,*,pseudonymise,a,b"), "line 2: 6 cells where there must be 5"),
        (HEADER + '*,*,*,pseudonymise,"open\n', "quotes do not match"),
        (HEADER, "line 1: no row for other findings of class public, same-node"),
        (HEADER + "*,*,same-jurisdiction,pseudonymise,\n", "no row for other findings of class public, elsewhere"),
        (HEADER + "*,PERSON,*,pseudonymise,\n", "end with `*,*,*,pseudonymise,`"),
    ],
)
def test_a_wrong_table_is_told_with_line_and_column(text: str, says: str) -> None:
    with pytest.raises(SetupError) as error:
        parse(text)

    assert says in str(error.value)
    assert str(error.value).startswith("rules.csv, line")
    assert error.value.exit_code == 2


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_is_a_sound_table(name: str) -> None:
    assert parse(preset(name))


def test_the_demo_preset_tags_everything() -> None:
    table = compile_table(parse(preset("demo")))

    assert {op for places in table.values() for types in places.values() for op in types.values()} == {"pseudonymise"}


def test_the_strict_preset_gives_no_outsider_a_tag() -> None:
    table = compile_table(parse(preset("strict")))

    assert {table[data_class]["external"]["*"] for data_class in DATA_CLASSES} == {"mask"}


def test_an_unknown_preset_is_told() -> None:
    with pytest.raises(SetupError, match="demo, balanced, strict"):
        preset("lax")


def _at(folder: Path, rules: str = "") -> Settings:
    return Settings(source=str(folder / "sekisho.yaml"), policy=PolicySettings(rules=rules))


def test_without_a_file_the_sites_preset_holds(tmp_path: Path) -> None:
    settings = _at(tmp_path)
    strict = msgspec.structs.replace(settings, site=msgspec.structs.replace(settings.site, preset="strict"))

    assert load(strict) == parse(preset("strict"))


def test_the_file_beside_the_configuration_holds(tmp_path: Path) -> None:
    (tmp_path / "rules.csv").write_text("\ufeff" + HEADER + "*,*,*,mask,所見はすべて隠す\n", encoding="utf-8")

    assert load(_at(tmp_path)) == (Row("*", "*", "*", "mask", "所見はすべて隠す", 2),)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="There is no rule table"):
        load(_at(tmp_path, "mine.csv"))


def test_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "rules.csv").write_bytes(HEADER.encode() + "*,*,*,pseudonymise,gemäß\n".encode("latin-1"))

    with pytest.raises(SetupError, match="not UTF-8"):
        load(_at(tmp_path))
