"""Rows in words: every word of a table has a name in each language, and a sentence says all that its row says."""

from __future__ import annotations

import json
import re
from datetime import date
from itertools import product
from pathlib import Path

import pytest

from gateway.domain import DATA_CLASSES
from gateway.kinds import KINDS, SPECIAL, name_of
from gateway.policy import words
from gateway.policy.table.lint import lint
from gateway.policy.table.read import COLUMNS, PRESETS, parse, preset
from gateway.policy.table.render import escaped, line, markdown, sentence, title
from gateway.policy.table.row import NEAR, OPERATORS, Row, groups_of
from gateway.policy.table.sheet import explained
from gateway.policy.table.write import cells_of
from gateway.privacy.patterns.catalogue import RULES
from gateway.settings import SHIPPED

LANGUAGES = words.LANGUAGES
EASTERN = ("ja", "zh")
TYPES = sorted({rule.type for rule in RULES} | {t for types in KINDS.values() for t in types} | {"PERSON", "LOCATION"})
PLACES = json.loads((SHIPPED / "policies" / "data" / "jurisdictions.json").read_text(encoding="utf-8"))
GROUPS = {group for entry in PLACES.values() for group in entry["groups"]}
RICH = Row(
    data=("PERSON", "@ids", "special:health"),
    collected_in=("CN", "CH"),
    data_class=("confidential", "strict"),
    purpose=("support", "training"),
    destination=("same-site", "US", "EEA", "site:muc"),
    redaction="mask",
    legal_basis="GDPR art. 9",
    review_by=date(2027, 6, 30),
    owner="Ana",
    note="Read me.",
    line=2,
)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            "In requests classed confidential or strictly confidential, for the purpose “support” or “training”, "
            "names of "
            "persons, numbers of persons and what is said of health collected in China or Switzerland may go to "
            "any machine "
            "of this site, to targets in the United States or the European Economic Area or to the site muc; they and "
            "findings in such texts are at least replaced by the names of their types. Legal basis: GDPR art. 9. To be "
            "reviewed by 30 June 2027. Owner: Ana. Note: Read me.",
        ),
        (
            "de",
            "Namen von Personen, Nummern von Personen und Angaben zum Bereich Gesundheit, die in China oder in "
            "der Schweiz "
            "erhoben wurden, dürfen in Anfragen der Klasse vertraulich oder streng vertraulich zum Zweck "
            "„support“ oder "
            "„training“ an jeden Rechner dieses Standorts, an Ziele in den Vereinigten Staaten oder im Europäischen "
            "Wirtschaftsraum oder an den Standort muc gesendet werden; sie und Fundstellen in solchen Texten werden "
            "mindestens durch den Namen ihres Typs ersetzt. Rechtsgrundlage: GDPR art. 9. Zu prüfen bis 30. Juni 2027. "
            "Verantwortlich: Ana. Anmerkung: Read me.",
        ),
        (
            "ja",
            "機密区分が秘密または極秘の要求に含まれ、「support」または「training」を目的とし、中国またはスイスで収集された"
            "人名、個人の番号および健康に関する内容は、この拠点の各端末、アメリカ合衆国または欧州経済領域（EEA）にある送信先"
            "または拠点「muc」へ送ることができます。これらとそのような文章の検出箇所は少なくとも種類の名前に置き換えられます。"
            "法的根拠：GDPR art. 9。見直し期限：2027年6月30日。責任者：Ana。備考：Read me。",
        ),
        (
            "zh",
            "属于机密或绝密级请求、用于“support”或“training”目的、在中国或瑞士收集的人名、个人号码和涉及健康的内容可以发往"
            "本站点的任何机器、位于美国或欧洲经济区的目标或站点“muc”；这些内容以及此类文本中检出的内容至少以其类型名称代替。"
            "法律依据：GDPR art. 9。复核期限：2027年6月30日。负责人：Ana。备注：Read me。",
        ),
    ],
)
def test_a_sentence_says_all_that_a_row_says(language: str, said: str) -> None:
    assert sentence(RICH, language) == said


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (Row(decision="deny"), "No data may go anywhere."),
        (Row(decision="deny", destination=("external",)), "No data may go to outside providers."),
        (Row(data=("VIN",), decision="deny"), "Vehicle identification numbers may not go anywhere."),
        (Row(redaction="keep"), "All data may go to any target; what is found in them stays as it is."),
        (
            Row(data=("OWN_TYPE", "VIN"), redaction="hash"),
            "Findings of the type OWN_TYPE and vehicle identification numbers may go to any target; they are "
            "replaced by "
            "hashes, by which equal values can be told.",
        ),
        (
            Row(data=("special:*",), redaction="keep"),
            "Special categories of personal data may go to any target; nothing more is asked of findings in such "
            "texts.",
        ),
        (
            Row(data=("VIN", "special:crime"), redaction="keep"),
            "Vehicle identification numbers and what is said of convictions and offences may go to any target; "
            "they stay as "
            "they are.",
        ),
        (
            Row(data=("JWT",), decision="deny", mode="observe", review_by=date(2026, 12, 1)),
            "Only observed until 1 December 2026, that day included: Signed tokens (JWT) may not go anywhere.",
        ),
        (
            Row(data=("*", "VIN"), redaction="redact"),
            "All data may go to any target; what is found in them is blacked out.",
        ),
    ],
)
def test_rows_in_english(row: Row, said: str) -> None:
    assert sentence(row, "en") == said


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", "Nur beobachtet bis einschließlich 1. Dezember 2026: Keine Daten dürfen irgendwohin gesendet werden."),
        ("ja", "2026年12月1日まで（当日を含む）観察のみ：いかなるデータも、どの送信先へも送ることができません。"),
        ("zh", "截至2026年12月1日（含当日）仅作观察：任何数据都不得发往任何目标。"),
    ],
)
def test_a_row_that_observes_says_until_when(language: str, said: str) -> None:
    assert sentence(Row(decision="deny", mode="observe", review_by=date(2026, 12, 1)), language) == said


def test_germans_say_where_in_their_own_way() -> None:
    said = [
        sentence(Row(data=("VIN",), destination=(place,), decision="deny"), "de") for place in ("GB", "FO", "NL", "FR")
    ]

    assert [re.search(r"an Ziele (.*) gesendet", text)[1] for text in said] == [  # type: ignore[index]
        "im Vereinigten Königreich",
        "auf den Färöern",
        "in den Niederlanden",
        "in Frankreich",
    ]


def names(language: str) -> dict[str, str]:
    """Each word that a table may hold, and the sentence of a row with it."""
    by_column = {
        "data": ["*", *TYPES, *map(name_of, KINDS), "special:*", *(f"special:{name}" for name in SPECIAL)],
        "collected_in": [*PLACES, *GROUPS],
        "data_class": list(DATA_CLASSES),
        "destination": ["*", *NEAR, *PLACES, *GROUPS, "site:muc"],
    }
    rows = {f"{column} {w}": Row(**{column: (w,)}, redaction="mask") for column, ws in by_column.items() for w in ws}
    verdicts = {
        f"{op} {data}": Row(data=data, redaction=op)
        for op, data in product(OPERATORS, [("*",), ("VIN",), ("special:*",)])
    }
    return {name: sentence(row, language) for name, row in {**rows, **verdicts}.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_has_a_name_of_its_own(language: str) -> None:
    said = names(language)

    assert [
        name for name, text in said.items() if name.split()[-1].strip("@") in text.split() and "site:" not in name
    ] == []
    assert not any(re.search(r"[{}_]|special:|@|\b(same|else)-?where", text) for text in said.values())
    of_data = [text for name, text in said.items() if name.startswith("data ")]
    assert len(set(of_data)) == len(of_data)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_of_two_languages(language: str) -> None:
    for name, text in names(language).items():
        assert bool(re.search("[一-龯ぁ-ん]", text)) == (language in EASTERN), name
        assert bool(re.search("[ぁ-んァ-ヶ]", text)) == (language == "ja"), name
        assert text.endswith("。" if language in EASTERN else "."), name
        assert ("  " not in text, text[0].isupper() or language in EASTERN) == (True, True), name


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_said_whole(name: str, language: str) -> None:
    rows = parse(preset(name), name, frozenset(PLACES) | GROUPS)

    text = markdown(rows, language, explained(LANGUAGES.index(language))[2])
    assert text.startswith(f"# {title(language)}\n")
    assert text.count("\n- **") == len(rows)
    assert all(escaped(row.owner) in text and line(row.line, language) in text for row in rows)


def test_the_example_of_the_docs_is_sound_and_said_as_they_say(repository: Path) -> None:
    page = (repository / "docs" / "how-to" / "write-rules.md").read_text(encoding="utf-8")
    texts = re.findall(r"^```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    rows = parse(texts[0], "rules.csv", frozenset(PLACES) | GROUPS)
    groups = groups_of(PLACES)

    assert [r for r in lint(rows, groups, date(2026, 11, 22)) if r.severity != "note"] == []
    assert f"{line(4, 'en')}: {sentence(rows[2], 'en')}" == " ".join(texts[1].split())
    cells = [
        [cell.strip().strip("`") for cell in found.strip("|").split("|")]
        for found in page.splitlines()
        if found[:1] == "|"
    ]
    assert cells[2:7] == [list(cells_of(row))[:-1] for row in rows]


def test_markdown_shows_what_a_person_wrote_as_it_is() -> None:
    row = Row(redaction="mask", note="<b>*bold*</b> [x](http://y) `z` | a_b", line=2)

    assert r"\<b\>\*bold\*\</b\> \[x\]\(http://y\) \`z\` \| a\_b" in markdown([row], "en", "")


@pytest.mark.parametrize("language", range(len(LANGUAGES)))
def test_each_column_is_explained(language: int) -> None:
    _, (_, *columns), order = explained(language)

    assert [name for name, _, _ in columns] == list(COLUMNS)
    assert all(said for _, said, _ in columns)
    assert order


def test_no_file_is_beside_the_point() -> None:
    """Every language of the sentences has the same phrases."""
    import msgspec

    texts = msgspec.yaml.decode((Path(words.__file__).parent / "table" / "sentences.yaml").read_bytes())
    optional = {"placed", "months"}
    assert set(texts) == set(LANGUAGES)
    assert {frozenset(phrases) - optional for phrases in texts.values()} == {frozenset(texts["en"]) - optional}
    assert {frozenset(phrases["near"]) for phrases in texts.values()} == {frozenset(NEAR)}
