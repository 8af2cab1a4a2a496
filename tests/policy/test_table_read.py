"""The rule table: what may stand in it, and how a wrong one is told."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec
import pytest

from gateway.domain import DATA_CLASSES
from gateway.errors import SetupError
from gateway.policy.table.read import COLUMNS, PRESETS, load, parse, preset
from gateway.policy.table.row import NEAR, Case, Row, Spot, first_row
from gateway.settings import PolicySettings, Settings

HEADER = ",".join(COLUMNS) + "\n"
REST = "*,*,*,*,*,allow,pseudonymise,,,,,\n"
PLACES = frozenset({"DE", "CN", "EU", "EEA"})


def _table(*rows: str) -> str:
    return HEADER + "".join(f"{row}\n" for row in rows) + REST


def _parse(text: str) -> tuple[Row, ...]:
    return parse(text, "rules.csv", PLACES)


def _case(near: str = "same-node", data_class: str = "internal", **changes: object) -> Case:
    spot = Spot(near, frozenset({"DE", "EU"}), "muc")
    return msgspec.structs.replace(Case(spot, data_class, frozenset({"DE", "EU"}), "support"), **changes)


def test_every_column_is_read() -> None:
    rows = _parse(
        _table(
            "PERSON @ids special:health,CN EU,strict,training support,elsewhere site:muc,allow,mask,"
            '"GDPR art. 9, recital 51",2027-06-30,ana,enforce,why',
            "*,CN,*,*,EEA,deny,,PIPL art. 38,2026-12-31,bo,observe,",
        )
    )

    assert rows[0] == Row(
        data=("PERSON", "@ids", "special:health"),
        collected_in=("CN", "EU"),
        data_class=("strict",),
        purpose=("training", "support"),
        destination=("elsewhere", "site:muc"),
        redaction="mask",
        legal_basis="GDPR art. 9, recital 51",
        review_by=date(2027, 6, 30),
        owner="ana",
        note="why",
        line=2,
    )
    assert (rows[1].decision, rows[1].redaction, rows[1].mode) == ("deny", None, "observe")


@pytest.mark.parametrize(
    ("destination", "nears"),
    [
        ("same-node", {"same-node"}),
        ("same-site", {"same-node", "same-site"}),
        ("same-jurisdiction", {"same-node", "same-site", "same-jurisdiction"}),
        ("elsewhere", {"elsewhere", "external"}),
        ("external", {"external"}),
        ("same-node external", {"same-node", "external"}),
        ("EU", set(NEAR)),
        ("CN", set()),
        ("site:muc", set(NEAR)),
        ("site:ber", set()),
        ("*", set(NEAR)),
    ],
)
def test_a_destination_holds_the_nearer_ones(destination: str, nears: set[str]) -> None:
    rows = _parse(_table(f"PERSON,*,*,*,{destination},allow,mask,,,,,"))

    assert {near for near in NEAR if first_row(rows, "PERSON", _case(near)) is rows[0]} == nears


@pytest.mark.parametrize(
    ("row", "item", "fits"),
    [
        ("@ids,*,*,*,*", "US_SSN", True),
        ("@ids,*,*,*,*", "PERSON", False),
        ("PERSON,*,*,*,*", "*", False),
        ("special:*,*,*,*,*", "special:union", True),
        ("special:health,*,*,*,*", "special:union", False),
        ("special:health,*,*,*,*", "PERSON", False),
        ("*,EU,*,*,*", "PERSON", True),
        ("*,CN,*,*,*", "PERSON", False),
        ("*,*,public,*,*", "PERSON", False),
        ("*,*,public internal,*,*", "PERSON", True),
        ("*,*,*,support,*", "PERSON", True),
        ("*,*,*,training,*", "PERSON", False),
    ],
)
def test_the_first_row_that_fits_decides(row: str, item: str, fits: bool) -> None:
    rows = _parse(_table(f"{row},deny,,,,,,"))

    assert (first_row(rows, item, _case()) is rows[0]) is fits


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: the columns must be data,collected_in,class,"),
        (_table("*,*,secret,*,*,allow,mask"), "line 2, column class: `secret` is not one of *, public"),
        (_table(REST.strip(), "person,*,*,*,*,allow,mask"), "line 3, column data: `person` is not a finding type"),
        (_table("special:luck,*,*,*,*,allow,mask"), "column data: `special:luck`"),
        (_table("*,Germany,*,*,*,allow,mask"), "column collected_in: `Germany` is not a country or group"),
        (_table("*,*,*,*,abroad,allow,mask"), "column destination: `abroad` is not one of *, same-node"),
        (_table("*,*,*,*,site:Muc,allow,mask"), "column destination: `site:Muc`"),
        (_table("*,*,*,Training,*,allow,mask"), "column purpose: `Training` is not a purpose"),
        (_table("*,*,*,*,*,perhaps,mask"), "column decision: `perhaps` is not one of allow, deny"),
        (_table("*,*,*,*,*,allow,tag"), "column redaction: `tag` is not one of keep, pseudonymise, hash, mask, redact"),
        (_table("*,*,*,*,*,allow,"), "column redaction: `` is not one of"),
        (_table("*,*,*,*,*,deny,mask"), "column redaction: what may not go is not redacted"),
        (_table("*,*,*,*,*,allow,mask,,soon"), "column review_by: `soon` is not a day such as 2027-06-30"),
        (_table("*,*,*,*,*,allow,mask,,20270630"), "column review_by: `20270630` is not a day such as 2027-06-30"),
        (_table("*,*,*,*,*,allow,mask,,2027-W26-3"), "column review_by: `2027-W26-3` is not a day"),
        (_table("*,*,*,*,*,allow,mask,,30.6.2027"), "`30.6.2027` is not a day such as 2027-06-30; write 2027-06-30"),
        (_table("*,*,*,*,*,allow,mask,,2027/11/3"), "not a day such as 2027-06-30; write 2027-11-03"),
        (_table("*,*,*,*,*,allow,mask,,2027年11月3日"), "not a day such as 2027-06-30; write 2027-11-03"),
        (_table("*,*,*,*,*,allow,mask,,31.6.2027"), "`31.6.2027` is not a day such as 2027-06-30. Mend"),
        (_table("*,*,*,*,*,allow,mask,,03/11/2027"), "`03/11/2027` is not a day such as 2027-06-30. Mend"),
        ("Daten,class\n", "mode,note; `Daten` is none of them"),
        (HEADER.replace("owner", "note"), "mode,note; `note` is there more than once"),
        (HEADER.replace(",owner", ""), "mode,note; `owner` is missing"),
        (HEADER.replace("owner,mode", "mode,owner"), "mode,note; they stand in another order"),
        (_table('*,*,*,*,*,allow,mask,"art. 1\nart. 2"'), "line 2, column legal_basis: it holds a line break or"),
        (
            _table("*,*,*,*,*,allow,mask,,,a\x1b[2J"),
            "column owner: it holds a line break or a character that nobody sees (U+001B)",
        ),
        (
            _table("*,*,*,*,*,allow,mask,,,,,a\u202eb"),
            "column note: it holds a line break or a character that nobody sees (U+202E)",
        ),
        (_table('"PERSON\nVIN",*,*,*,*,allow,mask', "VIN,*,*,*,*,allow,tag"), "line 4, column redaction: `tag`"),
        (_table("\x1b[2J,*,*,*,*,allow,mask"), "column data: `\\u001b[2J` is not a finding type"),
        (_table("V" * 999 + ",*,*,*,*,allow,mask"), "V…. Mend the rule table."),
        (HEADER + "*,*,*,*,*,deny\n" * 2001, "line 2002: more than 2000 rows"),
        (_table("*,*,*,*,*,allow,mask,,,,watch"), "column mode: `watch` is not one of enforce, observe"),
        (_table("*,*,*,*,*,allow,mask,,,,observe"), "column mode: only a row that denies can observe"),
        (_table("*,*,*,*,*,deny,,,,,observe"), "column review_by: a row that observes needs the day"),
        (_table(",*,*,*,*,allow,mask"), "column data: it is empty; * means any"),
        (_table("*,*,*,*,*,allow,mask," + "x" * 201), "column legal_basis: longer than 200 characters"),
        (_table("*,*,*,*,*,allow,mask,,,,,,more"), "line 2: 13 cells where there must be 12"),
        (HEADER + '*,*,*,*,*,allow,"open\n', "quotes do not match"),
        (HEADER, "line 1: no row for other data of class public, same-node"),
        (HEADER + "*,*,*,*,same-jurisdiction,allow,mask\n", "no row for other data of class public, elsewhere"),
        (HEADER + "*,DE,*,*,*,allow,mask\n", "end with `*,*,*,*,*,allow,pseudonymise`"),
    ],
)
def test_a_wrong_table_is_told_with_line_and_column(text: str, says: str) -> None:
    with pytest.raises(SetupError) as error:
        _parse(text)

    assert says in str(error.value)
    assert str(error.value).startswith("rules.csv, line")
    assert error.value.exit_code == 2


def test_a_table_with_semicolons_is_read_too() -> None:
    row = 'PERSON;*;*;*;external;allow;mask;"GDPR art. 5, 6; BDSG";2027-06-30'

    lines = [HEADER.strip().replace(",", ";"), row, REST.strip().replace(",", ";")]

    assert _parse("\r\n".join(lines))[0] == Row(
        data=("PERSON",),
        destination=("external",),
        redaction="mask",
        legal_basis="GDPR art. 5, 6; BDSG",
        review_by=date(2027, 6, 30),
        line=2,
    )


def test_empty_lines_and_cells_behind_the_table_are_passed_over() -> None:
    rows = _parse(f"{HEADER.strip()},,\n,,,\n\n{REST.strip()},,,\n")

    assert [row.line for row in rows] == [4]


def test_texts_are_in_normal_form() -> None:
    (row, _) = _parse(_table("*,*,*,*,*,allow,mask,,,Mu\u0308ller"))

    assert row.owner == "M\u00fcller"


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_is_a_sound_table(name: str) -> None:
    assert parse(preset(name), name, frozenset())


@pytest.mark.parametrize("near", NEAR)
@pytest.mark.parametrize("data_class", DATA_CLASSES)
def test_under_the_strict_preset_nothing_leaves_this_machine(near: str, data_class: str) -> None:
    said = first_row(parse(preset("strict"), "strict", frozenset()), "*", _case(near, data_class))

    assert said and said.decision == ("allow" if near == "same-node" else "deny")


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("item", ["API_KEY", "PASSWORD", "US_SSN", "CREDIT_CARD", "PERSON"])
def test_no_preset_shows_a_finding_to_outsiders(name: str, item: str) -> None:
    rows = parse(preset(name), name, frozenset())

    for data_class in DATA_CLASSES:
        row = first_row(rows, item, _case("external", data_class))
        assert row and row.redaction != "keep"
        assert name == "demo" or item not in ("API_KEY", "PASSWORD") or row.redaction in ("mask", "redact")


@pytest.mark.parametrize(("item", "data_class"), [("special:health", "internal"), ("*", "strict")])
def test_the_balanced_preset_keeps_back_from_outsiders(item: str, data_class: str) -> None:
    rows = parse(preset("balanced"), "balanced", frozenset())

    said = [first_row(rows, item, _case(near, data_class)) for near in NEAR]
    assert [row.decision for row in said if row] == ["allow", "allow", "allow", "allow", "deny"]


def test_an_unknown_preset_is_told() -> None:
    with pytest.raises(SetupError, match="demo, balanced, strict"):
        preset("lax")


def _at(folder: Path, rules: str = "") -> Settings:
    return Settings(source=str(folder / "sekisho.yaml"), policy=PolicySettings(rules=rules))


def test_without_a_file_the_sites_preset_holds(tmp_path: Path) -> None:
    settings = _at(tmp_path)
    strict = msgspec.structs.replace(settings, site=msgspec.structs.replace(settings.site, preset="strict"))

    assert load(strict, PLACES) == parse(preset("strict"), "strict", PLACES)


def test_the_file_beside_the_configuration_holds(tmp_path: Path) -> None:
    text = "\ufeff" + HEADER + "*,*,*,*,*,allow,mask,,,,,所見はすべて隠す\n"
    (tmp_path / "rules.csv").write_text(text, encoding="utf-8")

    assert load(_at(tmp_path), PLACES) == (Row(redaction="mask", note="所見はすべて隠す", line=2),)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="There is no rule table"):
        load(_at(tmp_path, "mine.csv"), PLACES)


def test_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "rules.csv").write_bytes(HEADER.encode() + "*,*,*,*,*,allow,pseudonymise,gemäß\n".encode("latin-1"))

    with pytest.raises(SetupError, match="not UTF-8"):
        load(_at(tmp_path), PLACES)


@pytest.mark.parametrize(
    ("row", "encoding", "where"),
    [
        ("PERSON,*,*,*,*,allow,mask,Gesetz für,,,,", "cp1252", ", line 2, column legal_basis: byte 0xFC is not UTF-8."),
        ('PERSON;*;*;*;*;allow;mask;"a;b";;für;;', "cp1252", ", line 2, column owner: byte 0xFC is not UTF-8."),
        ("PERSON,*,*,*,*,allow,mask,,,,,個人情報", "cp932", ", line 2, column note: byte 0x8C is not UTF-8."),
        ("PERSON,*,*,*,*,allow,mask,个人信息,,,,", "gb18030", ", line 2, column legal_basis: byte 0xB8 is not UTF-8."),
        ("PERSON,*,*,*,*,allow,mask,,,,,", "utf-16", ", line 1: it is UTF-16, not UTF-8."),
    ],
)
def test_what_spreadsheets_of_other_countries_write_is_told_by_its_place(
    tmp_path: Path, row: str, encoding: str, where: str
) -> None:
    path = tmp_path / "rules.csv"
    header = HEADER.replace(",", ";") if ";" in row else HEADER
    path.write_bytes(f"{header}{row}\n{REST}".encode(encoding))

    with pytest.raises(SetupError) as refusal:
        load(Settings(source=str(tmp_path / "sekisho.yaml")), PLACES)

    assert refusal.value.problem == f"{path}{where}"
    assert "sekisho policy table import" in refusal.value.mend


@pytest.mark.parametrize("what", ["folder", "dangling link", "link to what cannot be read"])
def test_a_table_that_is_there_and_no_file_is_not_replaced_by_the_presets(tmp_path: Path, what: str) -> None:
    path = tmp_path / "rules.csv"
    if what == "folder":
        path.mkdir()
    else:
        path.symlink_to("/proc/self/mem" if "read" in what else tmp_path / "away" / "rules.csv")

    with pytest.raises(SetupError, match=r"rules\.csv cannot be read \("):
        load(Settings(source=str(tmp_path / "sekisho.yaml")), PLACES)


def test_a_day_as_a_spreadsheets_number_is_told_with_the_day() -> None:
    with pytest.raises(SetupError, match=r"line 2, column review_by: `46568` is not a day .* write 2027-06-30\."):
        _parse(_table("PERSON,*,*,*,*,allow,mask,x,46568,,,"))
