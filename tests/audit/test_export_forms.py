"""Each form says what the record says, in a way that whoever reads it cannot be led astray by what a caller typed."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.canonical import canonical
from gateway.audit.export import parquet
from gateway.audit.export.cef import KEYS, LABELLED, Cef
from gateway.audit.export.columns import COLUMNS, Row, flat
from gateway.audit.export.csv import Csv, defused, separator_for, undefused
from gateway.audit.export.forms import Ways
from gateway.audit.export.syslog import Syslog
from gateway.audit.log.merkle import leaf_hash
from gateway.audit.log.reader import raw_records
from gateway.domain import Outcome, Usage
from tests.audit.conftest import CALLER, DECISION, question
from tests.audit.exports import HOSTILE, leaves_of, make, manifest_of, proves

Log = Any  # conftest.OpenLog
ZONE = ZoneInfo("Europe/Berlin")


@pytest.fixture
def hostile(open_log: Callable[..., Log]) -> Log:
    """A log in which callers named models and projects so that readers of exports do what they must not."""
    log = open_log()
    for number, text in enumerate(HOSTILE):
        log.intent(number, text).close(Outcome("done", usage=Usage(3, 4), finish_reason=text))
    asked = question("01JDENIED", "=cmd|x")
    log.book.denial(code="policy.residency", status=403, caller=CALLER, question=asked, decision=DECISION, source="::1")
    log.book.event("key.created", by="=2+2", details={"key": {"name": "\n=1"}})
    log.book.close()
    return log


def rows(log: Log) -> list[Row]:
    return [Row(n, leaf_hash(data), data, "default", ZONE) for n, data in enumerate(raw_records(log.folder))]


def read_csv(out: Path, separator: str = ",") -> list[dict[str, str]]:
    text = out.read_bytes().removeprefix(b"\xef\xbb\xbf").decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator))


# --- columns


def test_a_row_tells_place_hash_and_both_times(hostile: Log) -> None:
    row = rows(hostile)[0]
    said = flat(row)

    assert (said["leaf_index"], said["leaf_hash"], said["type"]) == (0, leaf_hash(row.data).hex(), "intent")
    assert said["time"] == datetime.fromisoformat(row.record["time"]) and said["time"].tzinfo is UTC
    assert datetime.fromisoformat(said["site_time"]) == said["time"]
    assert re.search(r"\+0[12]:00$", said["site_time"])
    assert (said["tenant"], said["data_class"], said["allowed"], said["reasons"]) == (
        "acme", "internal", True, "policy.residency",
    )  # fmt: skip


def test_what_was_not_decided_is_neither_allowed_nor_denied(hostile: Log) -> None:
    found = [(row.record["type"], flat(row)["allowed"]) for row in rows(hostile)[-3:]]

    assert found == [("outcome", None), ("denial", False), ("key.created", None)]


def test_columns_have_names_and_meanings_of_their_own() -> None:
    assert len({column.name for column in COLUMNS}) == len({column.meaning for column in COLUMNS} | {""}) >= 30


# --- csv


def test_no_cell_of_a_csv_runs_and_all_can_be_read_back(hostile: Log, tmp_path: Path) -> None:
    done = make(hostile, tmp_path / "out.csv", "csv")
    found = read_csv(done.out)

    assert not [cell for row in found for cell in row.values() if cell[:1] in "=+-@\t\r\n＝＋－＠" and cell]
    models = [undefused(row["model"]) for row in found if row["type"] == "intent"]
    assert models[:-1] == [*HOSTILE[:-2], "nul␀bell␇"]
    assert [int(row["leaf_index"]) for row in found] == list(range(done.rows))
    leaves = {int(row["leaf_index"]): bytes.fromhex(row["leaf_hash"]) for row in found}
    assert proves(manifest_of(done.out, hostile.vkey).said["logs"][0], leaves)


def test_a_csv_opens_in_excel(hostile: Log, tmp_path: Path) -> None:
    raw = make(hostile, tmp_path / "out.csv", "csv", ways=Ways(ZONE, ";")).out.read_bytes()

    assert raw.startswith(b"\xef\xbb\xbfleaf_index;leaf_hash;")
    assert raw.endswith(b"\r\n")
    assert b"\x00" not in raw
    assert len(read_csv(tmp_path / "out.csv", ";")[0]) == len(COLUMNS)


@pytest.mark.parametrize("other", [",", ";", "\t"])
def test_a_reader_with_another_separator_runs_nothing_either(hostile: Log, tmp_path: Path, other: str) -> None:
    text = make(hostile, tmp_path / "out.csv", "csv").out.read_bytes().decode("utf-8-sig")

    cells = [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=other) for cell in row]
    assert not [cell for cell in cells if cell[:1] and cell[:1] in "=+@＝＋－＠"]


@pytest.mark.parametrize(
    ("locale", "separator"),
    [("de", ";"), ("de-DE", ";"), ("de_AT", ";"), ("ja", ","), ("ja-JP", ","), ("zh-CN", ","), ("en", ","), ("fr", ";"),
     ("de-CH", ","), ("DE", ";"), ("", ","), ("xx", ",")],
)  # fmt: skip
def test_the_separator_is_what_the_locale_expects(locale: str, separator: str) -> None:
    assert separator_for(locale) == separator


@given(st.text(st.sampled_from("=+-@'\t\r\n,;a ＝"), max_size=12) | st.text(max_size=12))
def test_defusing_is_exact_and_leaves_nothing_that_runs(text: str) -> None:
    safe = defused(text)

    assert undefused(safe) == text
    assert not re.search(r"(?:^|[,;\t\r\n])[=+\-@＝＋－＠]", safe)


# --- parquet


def test_parquet_has_types_and_the_record(hostile: Log, tmp_path: Path) -> None:
    done = make(hostile, tmp_path / "out.parquet", "parquet")
    table = pq.read_table(done.out)

    assert table.schema.equals(parquet.SCHEMA)
    assert [text.encode() for text in table["record"].to_pylist()] == list(raw_records(hostile.folder))
    assert table["model"].to_pylist()[:-3:2] == [*HOSTILE, ]  # fmt: skip
    assert table.schema.field("time").type.tz == "UTC"
    leaves = {
        n: bytes.fromhex(h)
        for n, h in zip(table["leaf_index"].to_pylist(), table["leaf_hash"].to_pylist(), strict=True)
    }
    assert proves(manifest_of(done.out, hostile.vkey).said["logs"][0], leaves)


def test_row_groups_of_parquet_are_bounded(hostile: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 10)

    done = make(hostile, tmp_path / "out.parquet", "parquet")
    told = pq.ParquetFile(done.out).metadata

    sizes = [told.row_group(number).num_rows for number in range(told.num_row_groups)]
    assert (sum(sizes), max(sizes)) == (done.rows, 10)


# --- cef


def cef_fields(line: str) -> tuple[list[str], dict[str, str]]:
    """Read a line as ArcSight's specification says: seven fields, then keys without a space before an equals sign."""
    head = re.split(r"(?<!\\)(?:\\\\)*\|", line, maxsplit=7)
    found = re.findall(r"(?:^| )(\w+)=((?:\\.|[^=\\])*)(?= \w+=|$)", head[7])
    return head[:7], {key: re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), v) for key, v in found}


def test_no_value_of_cef_begins_a_field_or_a_line_of_its_own(hostile: Log, tmp_path: Path) -> None:
    done = make(hostile, tmp_path / "out.cef", "cef")
    text = done.out.read_bytes().decode()

    assert text.count("\n") == done.rows and "\r" not in text and "\0" not in text
    known = {*KEYS, *LABELLED, *(f"{key}Label" for key in LABELLED), "rt", "act", "dtz", "customerExternalID", "src",
             "c6a2", "shost"}  # fmt: skip
    for number, line in enumerate(text.split("\n")[:-1]):
        head, said = cef_fields(line)
        assert (head[0], head[1], int(said["cn1"])) == ("CEF:0", "Sekisho", number)
        assert set(said) <= known
    models = [cef_fields(line)[1].get("cs4") for line in text.split("\n")[: 2 * len(HOSTILE) : 2]]
    assert models[:13] == [model.replace("\t", "␉") for model in HOSTILE[:13]]


def test_cef_says_what_was_refused_and_from_where(hostile: Log, tmp_path: Path) -> None:
    make(hostile, tmp_path / "out.cef", "cef")
    line = (tmp_path / "out.cef").read_text().split("\n")[-3]
    head, said = cef_fields(line)

    assert head[4:] == ["denial", "denial policy.residency", "3"]
    assert (said["act"], said["reason"], said["c6a2"], said["cs1Label"]) == (
        "denied",
        "policy.residency",
        "::1",
        "leafHash",
    )


# --- syslog


def octet_counted(raw: bytes) -> list[bytes]:
    """Read frames as RFC 5425 says."""
    found = []
    while raw:
        length, _, rest = raw.partition(b" ")
        found.append(rest[: int(length)])
        raw = rest[int(length) :]
    return found


def test_syslog_lines_are_rfc_5424_and_counted(hostile: Log, tmp_path: Path) -> None:
    done = make(hostile, tmp_path / "out.log", "syslog")
    messages = octet_counted(done.out.read_bytes())

    assert len(messages) == done.rows
    head = re.compile(
        rb"<(\d{1,3})>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z berlin\.node1 sekisho w0 ([!-~]{1,32}) "
        rb'\[timeQuality tzKnown="1" isSynced="[01]"\](?:\[meta sequenceId="\d+"\])? \xef\xbb\xbf(.*)'
    )
    for number, message in enumerate(messages):
        found = head.fullmatch(message)
        assert found and int(found[1]) // 8 == 13
        said = json.loads(found[3])
        assert (said["leaf_index"], said["type"].encode()) == (number, found[2])
        assert b"\n" not in message and b"\0" not in message
    assert json.loads(head.fullmatch(messages[0])[3])["model"] == HOSTILE[0]  # type: ignore[index]


def test_the_weight_of_a_record_is_its_severity(hostile: Log, tmp_path: Path) -> None:
    make(hostile, tmp_path / "out.log", "syslog")
    found = [int(message[1:4]) % 8 for message in octet_counted((tmp_path / "out.log").read_bytes())]

    assert found[0] == 6 and found[-2:] == [5, 5]


# --- json lines


def test_json_lines_are_the_leaves(hostile: Log, tmp_path: Path) -> None:
    lines = make(hostile, tmp_path / "out", "jsonl").out.read_bytes().split(b"\n")[:-1]

    assert lines == list(raw_records(hostile.folder))
    assert leaves_of(lines) == {row.index: row.leaf for row in rows(hostile)}


# --- whatever a caller types


def row_of(text: str) -> Row:
    """Return the row of a refusal in which text of others stands wherever it may."""
    record = {
        "origin": "berlin/node1/w0", "sequence": 7, "time": "2026-03-29T00:59:59.999999Z", "type": "denial",
        "version": "sekisho.record/1", "monotonic_ns": "1", "clock": "free", "request": text, "code": text,
        "status": 403, "source": text, "caller": {"key_id": text, "tenant": text, "project": text},
        "input": {"request": {"model": text, "endpoint": text, "purpose": text}, "data": {"class": text}},
        "decision": {"id": text, "allow": False, "revision": text, "reasons": [{"code": text, "rule": text}]},
        "decision_id": text,
    }  # fmt: skip
    data = canonical(record)
    return Row(7, leaf_hash(data), data, "default", ZONE)


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40) | st.text(
    "|=\\ \n\r\t,;\"'+-@cs4cn1=", min_size=1, max_size=20
)


@given(ANY_TEXT)
def test_cef_gives_back_whatever_was_typed(text: str) -> None:
    line = _form("cef").line(row_of(text)).decode()

    head, said = cef_fields(line.removesuffix("\n"))
    assert line.count("\n") == 1 and "\r" not in line
    assert len(head) == 7 and head[4] == "denial"
    assert said["cn1"] == "7"
    assert said["cs4"] == "".join(_picture(each) for each in text)


@given(ANY_TEXT)
def test_syslog_gives_back_whatever_was_typed(text: str) -> None:
    (message,) = octet_counted(_form("syslog").line(row_of(text)))

    assert b"\n" not in message
    said = json.loads(message.partition(b"\xef\xbb\xbf")[2])
    assert said["model"] == text
    assert (said["time"], said["site_time"]) == ("2026-03-29T00:59:59.999999Z", "2026-03-29T01:59:59.999999+01:00")


@given(ANY_TEXT)
def test_csv_gives_back_whatever_was_typed(text: str) -> None:
    line = _form("csv").line(row_of(text)).decode()

    (cells,) = csv.reader(io.StringIO(line, newline=""))
    said = dict(zip((column.name for column in COLUMNS), cells, strict=True))
    assert undefused(said["model"]) == "".join(each if each in "\t\r\n" else _picture(each) for each in text)


def _form(name: str) -> Any:
    """Return a form that has no file: its lines alone are looked at."""
    kind = {"cef": Cef, "csv": Csv, "syslog": Syslog}[name]
    made = kind.__new__(kind)
    made.ways = Ways(ZONE)
    return made


def _picture(character: str) -> str:
    """Return how a control character is shown."""
    code = ord(character)
    if character in "\r\n":
        return character
    return chr(0x2400 + code) if code < 0x20 else "␡" if code == 0x7F else character
