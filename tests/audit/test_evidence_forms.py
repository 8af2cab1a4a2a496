"""One document, two forms: the page and the paper, and charts that are the same on both."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.evidence import fonts, html, paper
from gateway.audit.evidence.charts import WIDTH, Box, Word, nice, picture
from gateway.audit.evidence.document import (
    Bars,
    Block,
    Chapter,
    Code,
    Days,
    Document,
    Points,
    Table,
    Text,
    Tile,
    Tiles,
    number,
)
from gateway.audit.evidence.history import Event
from gateway.audit.evidence.pen import Pen, told
from gateway.errors import SetupError
from tests.audit.evidence_parts import PlainHouse

BLOCKS: tuple[Block, ...] = (
    Text("plain"),
    Text("a warning", "warn"),
    Points(("one", "two")),
    Code(("python verify.py PACK.zip",)),
    Tiles((Tile("1 847", "decisions"), Tile("0", "breaks", "good"))),
    Table(("name", "count"), (("日本", "12"), ("<b>", "3")), "A table", frozenset({1}), (3, 1), frozenset({0})),
    Bars("By place", ("allowed", "refused"), (("Germany", (12, 3)), ("Japan", (1, 0)))),
    Days("By day", ("allowed",), ("2026-07-01", "2026-07-02"), ((3,), (0,))),
)


def document(*blocks: Block, language: str = "en") -> Document:
    chapter = Chapter("summary", "1  Summary", blocks or BLOCKS)
    return Document(language, "Evidence", "for tests", (("Site", "plant"),), "Contents", "made here", (chapter,))


def test_the_page_has_every_block_and_is_well_formed() -> None:
    page = html.render(document()).decode()

    for said in ("plain", "a warning", "one", "PACK.zip", "decisions", "日本", "By place", "By day", "made here"):
        assert said in page
    assert "&lt;b&gt;" in page
    body = page[page.index("<body>") : page.index("</html>")]
    ET.fromstring(body)  # noqa: S314  our own


def test_the_page_says_what_a_chart_shows_in_words() -> None:
    page = html.render(document()).decode()

    assert "<desc>Germany: allowed 12, refused 3; Japan: allowed 1, refused 0</desc>" in page


@pytest.mark.parametrize("language", ["en", "de", "ja", "zh"])
def test_the_paper_is_a_pdf_with_chapters_and_no_date(language: str) -> None:
    raw = paper.render(document(language=language))

    assert raw.startswith(b"%PDF-")
    assert re.search(rb"/Outlines \d+ 0 R", raw)
    assert re.findall(rb"D:(\d{14})", raw) in ([b"20000101000000"] * 2, [])
    assert raw == paper.render(document(language=language))


def test_a_long_table_goes_over_pages_with_its_heading() -> None:
    rows = tuple((f"row {count}", str(count)) for count in range(200))

    raw = paper.render(document(Table(("name", "count"), rows, "Long")))

    assert raw.count(b"/Type /Page\n") > 3


def test_a_font_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    wrong = tmp_path / "font.ttf"
    wrong.write_bytes(b"no font")

    with pytest.raises(SetupError, match=r"font\.ttf is no TrueType font"):
        paper.render(document(), wrong)


def test_a_font_that_is_one_is_put_into_the_file() -> None:
    import reportlab

    font = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"

    raw = paper.render(document(Text("łódź")), font)

    assert b"Vera" in raw or b"BitstreamVera" in raw
    assert b"/FontFile2" in raw


@pytest.mark.parametrize(
    ("there", "language", "found"),
    [
        ((), "ja", None),
        (("opentype/ipafont-gothic/ipag.ttf",), "ja", "ipag.ttf"),
        (("opentype/ipafont-gothic/ipag.ttf",), "zh", None),
        (("truetype/droid/DroidSansFallbackFull.ttf", "truetype/wqy/wqy-zenhei.ttc"), "zh", "wqy-zenhei.ttc"),
        (("truetype/droid/DroidSansFallbackFull.ttf",), "ja", "DroidSansFallbackFull.ttf"),
        (("truetype/droid/DroidSansFallbackFull.ttf",), "de", None),
    ],
)
def test_the_best_font_of_the_machine_is_found(
    tmp_path: Path, there: tuple[str, ...], language: str, found: str | None
) -> None:
    for name in there:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    font = fonts.font_for(language, tmp_path)

    assert (font.name if font else None) == found


HOSTILE = (
    "<para>&amp;</para>",
    "</font></para>",
    "&#0;&bogus;",
    "\x00\x07\x1b[31m",
    "`日本` `<b>`",
    "\u202eright to left",
    "a" * 3000,
    "日" * 3000,
    "words " * 900,
    "{name} %s",
    "<img src=x onerror=alert(1)>",
    "\u00ad\u200b\ufeff",
    "\U0001f600",
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("language", ["en", "ja"])
def test_whatever_a_name_is_both_forms_are_made(text: str, language: str) -> None:
    found = document(
        Text(text), Points((text,)), Table((text, "b"), ((text, text),), text), Bars(text, ("a",), ((text, (1,)),)),
        language=language,
    )  # fmt: skip

    page = html.render(found).decode()
    assert paper.render(found).startswith(b"%PDF-")
    assert "<img" not in page
    assert "<para>" not in page


def test_a_narrow_column_with_a_long_name_stays_on_its_page() -> None:
    rows = (("x" * 5000,) * 8, ("日" * 5000,) * 8, ("two words " * 500,) * 8)
    table = Table(tuple("abcdefgh"), rows, "Narrow", frozenset({7}), (9, 1, 1, 1, 1, 1, 1, 0.5))

    assert paper.render(document(table, language="ja")).startswith(b"%PDF-")


def test_what_fits_is_not_shortened() -> None:
    assert paper.fitted("word " * 20, 30, 36) == "word " * 20
    assert paper.fitted("x" * 500, 10, 2) == f"{'x' * 25}…"


@given(st.text(st.characters(codec="utf-8"), max_size=40))
@settings(max_examples=25)
def test_any_text_makes_a_paper(text: str) -> None:
    assert paper.render(document(Text(text), Table(("a",), ((text,),)))).startswith(b"%PDF-")


# --- charts


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (1, 1), (2, 2), (3, 5), (7, 10), (10, 10), (11, 20), (450, 500), (501, 1000)]
)
def test_an_axis_ends_at_a_round_number(most: int, top: int) -> None:
    assert nice(most or 1) == top


values = st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)), min_size=1, max_size=120)


@given(values)
def test_columns_stay_on_their_plane(found: list[tuple[int, int]]) -> None:
    chart = Days("t", ("a", "b"), tuple(str(at) for at in range(len(found))), tuple(found))

    drawn = picture(chart)

    boxes = [shape for shape in drawn.shapes if isinstance(shape, Box)]
    assert all(box.x >= 0 and box.x + box.width <= WIDTH + 0.01 for box in boxes)
    assert all(box.y >= -0.01 and box.y + box.height <= drawn.height for box in boxes)


@given(values)
def test_bars_are_as_long_as_their_numbers(found: list[tuple[int, int]]) -> None:
    drawn = picture(Bars("t", ("a", "b"), tuple((str(at), parts) for at, parts in enumerate(found[:15]))))

    boxes = [shape for shape in drawn.shapes if isinstance(shape, Box)][2:]  # without the legend
    told = [part for parts in found[:15] for part in parts if part]
    assert len(boxes) == len(told)
    longest = max(boxes, key=lambda box: box.width, default=None)
    assert longest is None or told[boxes.index(longest)] >= max(told) * 0.99 or longest.width <= 1.0


def test_a_long_name_is_shortened_also_where_letters_are_wide() -> None:
    drawn = picture(Bars("t", ("a",), (("自動車" * 20, (1,)), ("x" * 80, (1,)))))

    words = [shape.text for shape in drawn.shapes if isinstance(shape, Word) and shape.text.endswith("…")]
    assert len(words) == 2
    assert len(words[0]) < len(words[1])


def test_numbers_are_in_groups_of_three() -> None:
    assert (number(999), number(1234567)) == ("999", "1\u202f234\u202f567")


@pytest.mark.parametrize(
    ("text", "letters", "lines"),
    [
        ("ingolstadt/node/w0/default", 22, ["ingolstadt/node/w0/", "default"]),
        ("policy.residency_same_jurisdiction", 24, ["policy.residency_same_", "jurisdiction"]),
        ("0123456789abcdef" * 4, 32, ["0123456789abcdef" * 2] * 2),
        ("short", 22, ["short"]),
        ("a/" + "b" * 20, 10, ["a/bbbbbbbb", "b" * 10, "bb"]),
    ],
)
def test_a_path_is_parted_where_its_parts_end(text: str, letters: int, lines: list[str]) -> None:
    assert paper.broken(text, letters) == lines


def test_a_root_hash_stands_in_one_line() -> None:
    """The widest column of the last chapter: 64 hexadecimal digits in Courier."""
    weights = (1.7, 1.6, 4.8)
    inner = paper.TEXT_WIDTH * weights[2] / sum(weights) - 8
    assert inner / (7.2 * 0.6) >= 64


def test_details_say_what_people_look_for_first_and_lists_too() -> None:
    key = {"by": "mia", "details": {"class_floor": "internal", "name": "ci", "state": "live", "tenant": "hr"}}
    export = {"file": {"bytes": 12, "sha256": "ab"}, "filter": {}, "format": "csv", "logs": [["plant/node/w0", 3, 4]]}

    assert told(key) == "name: ci; tenant: hr; class_floor: internal; state: live"
    assert told({"by": "mia", "details": export}) == "format: csv; file: bytes 12, sha256 ab; logs: plant/node/w0 3 4"
    assert told({"first": True}) == "first"


def test_a_change_that_stands_in_several_logs_is_told_once(tmp_path: Path) -> None:
    details = {"by": "mia", "purpose": "log", "new": "b"}
    rotated = [Event(f"plant/node/{log}", 3, "2026-07-01T10:00:00Z", "key.rotated", details) for log in ("w0", "w1")]
    again = Event("plant/node/w0", 9, "2026-07-02T10:00:00Z", "key.rotated", details)

    (table,) = Pen("en", PlainHouse(tmp_path)).events([*rotated, again])

    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["2026-07-01 10:00:00", "2026-07-02 10:00:00"]


def test_a_long_table_begins_on_the_page_of_its_heading() -> None:
    rows = tuple((f"row {at}", "x") for at in range(30))
    half = [Text("a paragraph")] * 14

    raw = paper.render(document(*half, Table(("a", "b"), rows, "A table"), *half))

    assert raw.count(b"/Type /Page\n") == 3  # the first one, and two that are filled: no half of one is left empty
