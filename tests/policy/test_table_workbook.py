"""The table as a workbook: out and in again as the same rows, nothing is a formula, and what is no table is refused."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from gateway.domain import DATA_CLASSES
from gateway.errors import SetupError
from gateway.kinds import SPECIAL
from gateway.policy.table.read import COLUMNS, PRESETS, parse, preset
from gateway.policy.table.row import NEAR, OPERATORS, Row
from gateway.policy.table.sheet import workbook_of
from gateway.policy.table.workbook import read_workbook
from gateway.policy.table.write import cells_of, text_of
from gateway.policy.words import LANGUAGES

PLACES = frozenset({"DE", "CN", "EU", "EEA"})
REST = ("*", "*", "*", "*", "*", "allow", "pseudonymise")
DAY = date(2027, 6, 30)
SOME = settings().max_examples // 4  # each writes a file


def words(*choices: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(["*", *choices]), min_size=1, max_size=4, unique=True).map(tuple)


SEEN = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"), exclude_characters="\ufffe\uffff")
TEXTS = st.one_of(
    st.text(SEEN, max_size=40).map(str.strip),
    st.sampled_from(["=1+1", "+49 89 1", "-", "@ids", '=HYPERLINK("x")', "'quoted", 'a "b", c;', "_x0041_", "０１"]),
)
ROWS = st.builds(
    Row,
    data=words("PERSON", "@ids", "@secrets", "OWN_TYPE", *(f"special:{name}" for name in SPECIAL)),
    collected_in=words(*PLACES),
    data_class=words(*DATA_CLASSES),
    purpose=words("training", "a-1"),
    destination=words(*NEAR, *PLACES, "site:muc-1"),
    legal_basis=TEXTS,
    owner=TEXTS,
    note=TEXTS,
)


def _finished(row: Row, verdict: tuple[str, str | None, str], day: date | None) -> list[str]:
    cells = list(cells_of(row))
    decision, redaction, mode = verdict
    changed = {
        "decision": decision,
        "redaction": redaction or "",
        "mode": mode,
        "review_by": day.isoformat() if day else "",
    }
    return [changed.get(name, cell) for name, cell in zip(COLUMNS, cells, strict=True)]


VERDICTS = st.one_of(
    st.tuples(st.just("allow"), st.sampled_from(OPERATORS), st.just("enforce")),
    st.just(("deny", None, "enforce")),
    st.just(("deny", None, "observe")),
)
DAYS = st.dates(date(2020, 1, 1), date(2099, 12, 31))


def csv_of(lines: list[list[str]]) -> str:
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in [[*COLUMNS], *lines, [*REST]]]
    return "\n".join(quoted) + "\n"


@settings(max_examples=SOME)
@given(st.lists(st.builds(_finished, ROWS, VERDICTS, DAYS), max_size=6))
def test_out_and_in_again_are_the_same_rows(tmp_path_factory: pytest.TempPathFactory, lines: list[list[str]]) -> None:
    rows = parse(csv_of(lines), "rules.csv", PLACES)
    path = tmp_path_factory.mktemp("book") / "rules.xlsx"

    workbook_of(rows, "en").save(path)

    assert read_workbook(path, PLACES) == rows
    assert parse(text_of(rows), "rules.csv", PLACES) == rows


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_preset_goes_there_and_back(tmp_path: Path, name: str, language: str) -> None:
    workbook_of(parse(preset(name), name, PLACES), language).save(tmp_path / "rules.xlsx")

    assert text_of(read_workbook(tmp_path / "rules.xlsx", PLACES)) == preset(name)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_text_that_looks_like_a_formula_is_text(tmp_path: Path, text: str) -> None:
    row = Row(redaction="mask", note=text, owner=text, line=2)

    workbook_of([row], "en").save(tmp_path / "rules.xlsx")

    cell = load_workbook(tmp_path / "rules.xlsx")["rules"].cell(2, len(COLUMNS))
    assert (cell.value, cell.data_type, cell.number_format, cell.quotePrefix) == (text, "s", "@", True)
    with zipfile.ZipFile(tmp_path / "rules.xlsx") as packed:
        assert b"<f>" not in packed.read("xl/worksheets/sheet1.xml")


def test_a_person_finds_choices_a_header_and_explanations(tmp_path: Path) -> None:
    workbook_of(parse(preset("strict"), "strict", PLACES), "de").save(tmp_path / "rules.xlsx")

    book = load_workbook(tmp_path / "rules.xlsx")
    sheet = book["rules"]
    choices = {str(v.sqref): (v.formula1, v.showErrorMessage) for v in sheet.data_validations.dataValidation}
    assert choices["F2:F2001"] == ('"allow,deny"', True)
    assert choices["G2:G2001"] == ('"keep,pseudonymise,hash,mask,redact"', True)
    assert choices["K2:K2001"] == ('"enforce,observe"', True)
    assert choices["C2:C2001"] == ('"*,public,internal,confidential,strict"', False)  # a cell may hold several
    assert (sheet.freeze_panes, sheet["A1"].font.bold, sheet.column_dimensions["L"].width) == ("A2", True, 50)
    assert isinstance(sheet["I2"].value, datetime)
    assert [cell.value for cell in book["Spalten"]["A"]][1:13] == list(COLUMNS)
    assert "erhoben" in book["Spalten"]["B3"].value


def sheet_of(*lines: tuple[Any, ...], title: str = "rules") -> Workbook:
    book = Workbook()
    book.active.title = title
    for line in [COLUMNS, *lines]:
        book.active.append(line)
    return book


def saved(book: Workbook, folder: Path) -> Path:
    book.save(folder / "rules.xlsx")
    return folder / "rules.xlsx"


@pytest.mark.parametrize("day", [DAY, datetime(2027, 6, 30), "2027-06-30", " 2027-06-30 "])
def test_a_day_is_a_day_or_text(tmp_path: Path, day: object) -> None:
    rows = read_workbook(saved(sheet_of((*REST, "", day)), tmp_path), PLACES)

    assert rows[0].review_by == DAY


def test_numbers_are_texts_and_empty_rows_are_passed_over(tmp_path: Path) -> None:
    book = sheet_of((), ("PERSON", *REST[1:], 25, None, 4711.0), (None, None), REST)
    book.create_sheet("notes").append(["=1+1"])

    rows = read_workbook(saved(book, tmp_path), PLACES)

    assert [(row.line, row.legal_basis, row.owner) for row in rows] == [(3, "25", "4711"), (5, "", "")]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (("PERSONS!", *REST[1:]), "row 3, column data: `PERSONS!`"),
        (("PERSON", "=A1", *REST[2:]), "row 3, column collected_in: a formula; write what it shows"),
        ((*REST, "=TODAY()"), "row 3, column legal_basis: a formula"),
        ((*REST, "#N/A"), "row 3, column legal_basis: an error of the spreadsheet"),
        ((*REST, "", datetime(2027, 6, 30, 12)), "row 3, column review_by: a time of day"),
        ((*REST, DAY), "row 3, column legal_basis: a time of day, or a day where text must be"),
        ((*REST, "", "30.6.2027"), "row 3, column review_by: `30.6.2027` is not a day"),
        ((*REST, "", "", True), "row 3, column owner: neither text nor a day"),
        ((*REST, "", timedelta(hours=3)), "row 3, column review_by: neither text nor a day"),
        ((*REST, *[""] * 5, "more"), "row 3: 13 cells where there must be 12"),
        ((*REST, *[""] * 20, "=1"), "row 3, column 28: a formula"),
    ],
)
def test_what_is_wrong_is_told_with_row_and_column(tmp_path: Path, line: tuple[Any, ...], says: str) -> None:
    with pytest.raises(SetupError) as error:
        read_workbook(saved(sheet_of(REST, line), tmp_path), PLACES)

    assert says in str(error.value)
    assert error.value.exit_code == 2


def test_a_sheet_by_another_name_counts_where_it_is_the_only_one(tmp_path: Path) -> None:
    book = sheet_of(REST, title="Tabelle1")
    assert len(read_workbook(saved(book, tmp_path), PLACES)) == 1

    book.create_sheet("Tabelle2")
    with pytest.raises(SetupError, match="has no sheet `rules`"):
        read_workbook(saved(book, tmp_path), PLACES)


def packed(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def changed(book: Path, part: str, change: Callable[[bytes], bytes]) -> bytes:
    with zipfile.ZipFile(book) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return packed({**parts, part: change(parts[part])})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no XLSX workbook"),
        (b"data,collected_in", "is no XLSX workbook"),
        (packed({"a.txt": b"x"}), "is no XLSX workbook"),
        (b"PK" + bytes(5 * 1024 * 1024), "is larger than"),
        (packed({"xl/worksheets/sheet1.xml": bytes(33 * 1024 * 1024)}), "bytes when unpacked"),
        (packed({f"{n}.xml": b"" for n in range(257)}), "bytes when unpacked"),
    ],
    ids=["empty", "csv", "zip", "large", "bomb", "parts"],
)
def test_what_is_no_workbook_or_too_large_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "rules.xlsx").write_bytes(content)

    with pytest.raises(SetupError, match=says):
        read_workbook(tmp_path / "rules.xlsx", PLACES)


BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/workbook.xml"])
def test_entities_are_not_read(tmp_path: Path, part: str) -> None:
    path = saved(sheet_of(REST), tmp_path)
    path.write_bytes(
        changed(path, part, lambda text: BOMB + text.partition(b"?>")[2] if b"?>" in text else BOMB + text)
    )

    with pytest.raises(SetupError, match="is no XLSX workbook, or a broken one"):
        read_workbook(path, PLACES)


def test_a_row_far_down_ends_the_reading(tmp_path: Path) -> None:
    path = saved(sheet_of(REST), tmp_path)
    path.write_bytes(changed(path, "xl/worksheets/sheet1.xml", lambda text: text.replace(b'r="2"', b'r="900000000"')))

    with pytest.raises(SetupError, match="goes on behind row 20000"):
        read_workbook(path, PLACES)


def test_without_defusedxml_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openpyxl.DEFUSEDXML", False)

    with pytest.raises(SetupError, match="OPENPYXL_DEFUSEDXML"):
        read_workbook(saved(sheet_of(REST), tmp_path), PLACES)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"cannot be read \(No such file or directory\)"):
        read_workbook(tmp_path / "rules.xlsx", PLACES)


DAMAGE = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8)


@settings(max_examples=SOME)
@given(DAMAGE)
def test_a_damaged_workbook_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[float, int]]
) -> None:
    path = saved(sheet_of(REST), tmp_path_factory.mktemp("book"))
    content = bytearray(path.read_bytes())
    for place, byte in damage:
        content[int(place * len(content))] = byte
    path.write_bytes(content)

    try:
        read_workbook(path, PLACES)
    except SetupError as error:
        assert error.exit_code == 2
