"""sekisho privacy: rows in, rows out, in order and bounded; explanations; figures. The detector is the test's own."""

import io
import json
import re
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.cli import privacy_search
from gateway.cli.privacy_rows import Row, plain_row, rows_of, search_rows, windows
from gateway.errors import SetupError
from gateway.privacy.span import Span


@dataclass(frozen=True)
class Found:
    spans: Sequence[Span]
    jurisdictions: Sequence[str] = ("DE",)
    classes: Sequence[str] = ()
    languages: Sequence[str] = ("en",)
    marks: Sequence[str] = ()


class Capitals:
    """Finds every word in capitals and calls it a PERSON; remembers how much it was given at once."""

    def __init__(self) -> None:
        self.most = 0

    def search(self, texts: Sequence[str], proceed) -> list[Found]:
        self.most = max(self.most, len(texts))
        return [
            Found([Span(m.start(), m.end(), "PERSON", 0.85, "cue:capitals", "in capitals", "Mr") for m in found])
            for found in (re.finditer(r"\b[A-Z]{2,}\b", text) for text in texts)
        ]


@pytest.fixture
def given_capitals(monkeypatch: pytest.MonkeyPatch) -> Capitals:
    """Every command searches with :class:`Capitals`: the real detector is slow to load and not what is tested here."""
    capitals = Capitals()
    monkeypatch.setattr(privacy_search, "load", lambda settings, project="": capitals)
    return capitals


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_rows_come_back_in_order_with_offsets_in_code_points(sekisho, house: Path, given_capitals) -> None:
    rows = [{"id": f"r{n}", "text": "😀" * n + " ANNA is here"} for n in range(3)]
    said = sekisho("privacy", "scan", "--format", "jsonl", given="\n".join(map(json.dumps, rows)))
    answer = lines(said.out)
    assert (said.code, [row["id"] for row in answer]) == (0, ["r0", "r1", "r2"])
    assert answer[2]["spans"] == [{"start": 3, "end": 7, "type": "PERSON", "score": 0.85, "source": "cue:capitals"}]
    assert (answer[2]["jurisdictions"], answer[2]["classes"], answer[2]["languages"]) == (["DE"], [], ["en"])


def test_one_text_is_one_row_named_after_its_file(sekisho, house: Path, given_capitals) -> None:
    (house / "letter.txt").write_text("Dear ANNA,\nit is late.")
    said = sekisho("privacy", "scan", "letter.txt", "--fail-when-found")
    assert (said.code, lines(said.out)[0]["id"]) == (1, "letter.txt")
    assert "ANNA" not in said.out + said.err


def test_values_are_shown_only_when_told_to(sekisho, house: Path, given_capitals) -> None:
    said = sekisho("privacy", "scan", "--show", given="Ask ANNA.")
    assert lines(said.out)[0]["spans"][0]["value"] == "ANNA"
    assert "value" not in plain_row(Row("x", "Ask ANNA."), Found([Span(4, 8, "PERSON", 1, "x")]), False)["spans"][0]


def test_classes_are_special_categories_and_what_marks_speak_of() -> None:
    row = plain_row(Row("x", "?"), Found([], classes=("health",), marks=("confidential",)), False)
    assert row == {
        "id": "x",
        "spans": [],
        "jurisdictions": ["DE"],
        "classes": ["health", "confidential"],
        "languages": ["en"],
    }


def test_nothing_found_is_0_even_when_finding_fails(sekisho, house: Path, given_capitals) -> None:
    said = sekisho("privacy", "scan", "--fail-when-found", given="nobody")
    assert (said.code, lines(said.out)[0]["spans"]) == (0, [])


@pytest.mark.parametrize(
    "bad",
    ["{", "[]", '{"id": "b"}', '{"id": null, "text": "x"}', '{"id": "b", "text": 7}', '{"id": "b", "text": "\\ud800"}'],
)
def test_a_bad_row_is_named_after_those_before_it_are_answered(sekisho, house, given_capitals, bad: str) -> None:
    said = sekisho("privacy", "scan", "--format", "jsonl", given='{"id": 1, "text": "ANNA"}\n\n' + bad + "\n")
    assert (said.code, [row["id"] for row in lines(said.out)]) == (2, [1])
    assert "Row 3 " in said.err
    assert len([line for line in said.err.splitlines() if line.startswith("sekisho:")]) == 1


def test_further_keys_and_a_byte_order_mark_are_left_alone() -> None:
    source = io.BytesIO(b'\xef\xbb\xbf{"id": "a", "lang": "de", "spans": [], "text": "x"}\r\n')
    assert list(rows_of(source)) == [Row("a", "x")]


def test_fifty_thousand_rows_take_no_more_memory_than_five_thousand() -> None:
    def peak(count: int) -> int:
        rows = (Row(number, f"Row {number} names ANNA") for number in range(count))
        capitals = Capitals()
        tracemalloc.start()
        ids = sum(row.id for row, _ in search_rows(capitals, rows))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert ids == count * (count - 1) // 2
        assert capitals.most <= 256
        return used

    # A peak lies higher or lower with how many windows wait when a thread is late; what grows with the rows shows in
    # every run. What is made once, for the first rows, is no growth.
    usual = max(peak(5_000) for _ in range(5))
    assert min(peak(50_000) for _ in range(3)) < 1.2 * usual


def test_a_window_ends_with_its_characters_too() -> None:
    sizes = [len(window) for window in windows(Row(n, "x" * 40_000) for n in range(5))]
    assert sizes == [2, 2, 1]


def test_an_endless_line_is_refused_and_never_held() -> None:
    class Endless(io.RawIOBase):
        def readline(self, size: int = -1) -> bytes:
            return b"x" * size

    with pytest.raises(SetupError, match="Row 1 is too long"):
        next(rows_of(Endless()))


def test_text_that_is_not_utf8_and_files_that_are_not_there(sekisho, house: Path, given_capitals) -> None:
    (house / "latin.txt").write_bytes(b"M\xfcller")
    assert sekisho("privacy", "scan", "latin.txt").code == 2
    assert sekisho("privacy", "scan", "nowhere.txt").code == 3
    assert sekisho("privacy", "scan", terminal=True).code == 2


def test_with_detection_off_there_is_nothing_to_scan_with(sekisho, house: Path) -> None:
    config = house / "sekisho.yaml"
    config.write_text(config.read_text() + "\nprivacy: {detection: off}\n")
    said = sekisho("privacy", "scan", given="a@b.de")
    assert (said.code, said.out) == (2, "")
    assert "off" in said.err


def test_an_explanation_says_recognizer_check_and_context(sekisho, house: Path, given_capitals) -> None:
    said = sekisho("privacy", "explain", "Ask Mr ANNA [bold].")
    for part in ("cue:capitals", "in capitals", "Mr", "PERSON", "0.85", "ANNA [bold]."):
        assert part in said.out
    data = sekisho("privacy", "explain", "--json", given="Ask Mr ANNA.").json
    assert data["spans"][0]["check"] == "in capitals"
    assert data["spans"][0]["value"] == "ANNA"


def labelled(house: Path, *rows: dict) -> str:
    (house / "set.jsonl").write_text("\n".join(json.dumps({"id": n, **row}) for n, row in enumerate(rows)))
    return "set.jsonl"


def test_an_evaluation_gives_recall_and_precision_by_kind_and_language(sekisho, house, given_capitals) -> None:
    rows = [{"lang": "en", "text": "ANNA met Bob in ROME", "spans": [[0, 4, "PERSON"], [9, 12, "PERSON"]]}]
    said = sekisho("privacy", "eval", labelled(house, *rows), "--show-misses", "5", "--json")
    assert said.json["by_kind"]["PERSON"] == {"wanted": 2, "recall": 0.5, "recall_as_kind": 0.5, "precision": 0.5}
    assert [miss["what"] for miss in said.json["misses"]] == ["missed", "not labelled"]
    assert said.json["chars_per_second"] > 0


def test_an_evaluation_is_a_table_for_people(sekisho, house, given_capitals) -> None:
    data = labelled(house, {"lang": "ja", "text": "担当はANNA", "spans": [[3, 7, "vin"]]})
    said = sekisho("privacy", "eval", data, "--show-misses", "1")
    assert said.code == 0
    for part in ("character precision", "ID", "ja", "vin", "a second"):
        assert part in said.out


def test_a_data_set_without_labels_counts_false_alarms(sekisho, house, given_capitals) -> None:
    said = sekisho("privacy", "eval", labelled(house, {"text": "see PART 4711", "spans": []}), "--json")
    alarms = said.json["false_alarms"]
    assert (alarms["spans"], alarms["tokens"], alarms["by_type"]) == (1, 3, {"PERSON": 1})


def test_a_span_outside_of_its_text_is_named(sekisho, house, given_capitals) -> None:
    said = sekisho("privacy", "eval", labelled(house, {"text": "x", "spans": [[0, 2, "ID"]]}))
    assert said.code == 2
    assert "Row 1 " in said.err


@pytest.mark.real
@pytest.mark.slow
def test_the_real_detector_answers_in_rows_without_values(sekisho, house: Path) -> None:
    (house / "letter.txt").write_text("Please write to anna.schmidt@example.com today.")
    said = sekisho("privacy", "scan", "letter.txt", "--fail-when-found")
    assert (said.code, [span["type"] for span in lines(said.out)[0]["spans"]]) == (1, ["EMAIL_ADDRESS"])
    assert "anna" not in said.out + said.err


@pytest.mark.real
@pytest.mark.slow
def test_what_a_projects_list_allows_is_left_out_for_that_project(sekisho, house: Path) -> None:
    config = house / "sekisho.yaml"
    config.write_text(config.read_text() + '\nprivacy: {names: false, allow: {press: ["news@*.example.com"]}}\n')
    text = "Write to news@plant.example.com or anna@plant.example.com."
    for project, count in (("press", 1), ("paint", 2)):
        said = sekisho("privacy", "scan", "--project", project, given=text)
        assert len(lines(said.out)[0]["spans"]) == count
