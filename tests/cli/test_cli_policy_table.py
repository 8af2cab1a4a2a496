"""sekisho policy render, lint, table export and table import, on an installation of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from openpyxl import load_workbook

from gateway.policy.table.read import COLUMNS, preset

HEADER = ",".join(COLUMNS)
REST = "*,*,*,*,*,allow,pseudonymise,GDPR art. 25,2099-01-01,ana,,"


def write(house: Path, *rows: str) -> None:
    (house / "rules.csv").write_text("\n".join([HEADER, *rows, REST, ""]), encoding="utf-8")


def change(house: Path, section: str, **settings: object) -> None:
    config = yaml.safe_load((house / "sekisho.yaml").read_text())
    config[section] = {**config.get(section, {}), **settings}
    (house / "sekisho.yaml").write_text(yaml.safe_dump(config))


def test_rows_are_said_in_the_sites_language(sekisho, house: Path) -> None:
    write(house, "VIN,*,*,*,external,deny,,,,,,")
    assert sekisho("policy", "render").out.splitlines()[0] == (
        "Line 2: Vehicle identification numbers may not go to outside providers."
    )

    change(house, "site", language="de-AT")
    assert sekisho("policy", "render").out.startswith(
        "Zeile 2: Fahrgestellnummern dürfen nicht an fremde Anbieter gesendet"
    )
    assert sekisho("policy", "render", "--lang", "zh").out.startswith("第2行: 车辆识别代号不得发往外部服务商。")


def test_rows_in_words_for_scripts(sekisho, house: Path) -> None:
    said = sekisho("policy", "render", "--lang", "ja", "--json").json

    assert (said["language"], said["file"]) == ("ja", str(house / "rules.csv"))
    assert said["rows"][0]["line"] == 2
    assert said["rows"][0]["sentence"].startswith("すべてのデータは、すべての送信先へ送ることができます。")


def test_rows_in_words_as_a_file(sekisho, house: Path) -> None:
    assert sekisho("policy", "render", "--lang", "de", "--out", "regeln.md").code == 0
    text = (house / "regeln.md").read_text(encoding="utf-8")
    assert text.startswith("# Die Regeltabelle in Worten\n")
    assert "- **Zeile 2.** Alle Daten dürfen an jedes Ziel gesendet werden" in text

    again = sekisho("policy", "render", "--out", "regeln.md")
    assert (again.code, again.err) == (2, "sekisho: regeln.md exists. Use --force to replace it.\n")
    assert sekisho("policy", "render", "--out", "regeln.md", "--force").code == 0


def test_a_language_that_there_is_not_is_told(sekisho, house: Path) -> None:
    said = sekisho("policy", "render", "--lang", "fr")
    assert (said.code, said.err) == (2, "sekisho: The table is not said in 'fr'. Use one of: en, de, ja, zh.\n")


def day(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def test_lint_tells_what_is_odd_and_goes_on(sekisho, house: Path) -> None:
    write(house, "PERSONS,*,*,*,*,allow,mask,law,2099-01-01,ana,,", REST.replace("ana", ""), REST)
    said = sekisho("policy", "lint")

    file = house / "rules.csv"
    assert said.code == 0
    assert said.out.splitlines() == [
        f"warning: {file}, line 2, column data: nothing finds the type PERSONS here. Did you mean PERSON?",
        f"warning: {file}, line 4: this row decides nothing: lines 2 and 3 come first in every case of it. "
        "Move it above line 2, or take it out.",
        f"warning: {file}, line 5: this row decides nothing: lines 2 and 3 come first in every case of it. "
        "Move it above line 2, or take it out.",
        f"note: {file}, line 3, column owner: it has no owner. An auditor will ask for it.",
        f"note: {file}, line 3: for part of what this row is about, line 2 comes first and decides otherwise. "
        "Nothing to do if those are its exceptions.",
        f"{file}: 0 errors, 3 warnings, 2 notes.",
    ]


def test_lint_says_no_to_an_error(sekisho, house: Path) -> None:
    write(house, f"PERSON,*,*,*,*,deny,,law,{day(40)},ana,observe,")
    said = sekisho("policy", "lint", "--json")

    assert (said.code, said.json["errors"], said.json["warnings"]) == (1, 1, 0)
    assert said.json["remarks"][0]["kind"] == "observe_long"
    assert (said.json["remarks"][0]["lines"], said.json["remarks"][0]["column"]) == ([2], "review_by")


def test_types_of_the_sites_own_are_known(sekisho, house: Path) -> None:
    write(house, "BUNK,*,*,*,*,allow,mask,law,2099-01-01,ana,,")
    assert sekisho("policy", "lint", "--json").json["warnings"] == 1

    change(house, "privacy", patterns=[{"name": "bunk", "type": "BUNK", "mask": "B-999"}])
    assert sekisho("policy", "lint", "--json").json["warnings"] == 0


@pytest.mark.real
def test_a_table_that_is_wrong_does_not_pass_and_is_not_built(sekisho, house: Path, opa_binary: Path) -> None:
    change(house, "policy", opa_binary=str(opa_binary))
    write(house, f"@secrets,*,*,*,*,deny,,law,{day(9)},ana,observe,")

    checked = sekisho("policy", "check")
    assert checked.code == 1
    assert "error: " in checked.out
    assert f"The rule table {house / 'rules.csv'} does not pass." in checked.out
    built = sekisho("policy", "build")
    assert built.code == 2
    assert f"{house / 'rules.csv'}, line 2, column data: nothing observes secrets" in built.err


def test_out_as_a_workbook_and_in_again(sekisho, house: Path) -> None:
    (house / "rules.csv").write_text(preset("strict"))
    change(house, "site", language="zh")
    assert sekisho("policy", "table", "export", "--out", "rules.xlsx").code == 0
    book = load_workbook(house / "rules.xlsx")
    assert book.sheetnames == ["rules", "列说明"]
    book["rules"].cell(2, 12).value = "changed"
    book.save(house / "rules.xlsx")

    said = sekisho("policy", "table", "import", "rules.xlsx", "--json")

    before = house / "rules.csv.before"
    rows = len(preset("strict").splitlines()) - 1
    assert said.json == {"file": str(house / "rules.csv"), "rows": rows, "before": str(before)}
    assert before.read_text() == preset("strict")
    now, then = (house / "rules.csv").read_text().splitlines(), preset("strict").splitlines()
    assert [number for number, (new, old) in enumerate(zip(now, then, strict=True), 1) if new != old] == [2]
    assert now[1].endswith(",changed")


def test_a_workbook_that_is_wrong_changes_nothing(sekisho, house: Path) -> None:
    text = (house / "rules.csv").read_text()
    sekisho("policy", "table", "export", "--out", "rules.xlsx")
    book = load_workbook(house / "rules.xlsx")
    book["rules"]["B2"].value = "=1+1"
    book.save(house / "rules.xlsx")

    said = sekisho("policy", "table", "import", "rules.xlsx")

    assert said.code == 2
    assert said.err.splitlines()[-1] == (
        "sekisho: rules.xlsx, row 2, column collected_in: a formula; write what it shows. Mend the rule table."
    )
    assert (house / "rules.csv").read_text() == text
    assert not (house / "rules.csv.before").exists()


def test_mode_and_link_of_the_file_stay(sekisho, house: Path) -> None:
    (house / "rules.csv").rename(house / "kept.csv")
    (house / "rules.csv").symlink_to("kept.csv")
    (house / "kept.csv").chmod(0o640)
    sekisho("policy", "table", "export", "--out", "rules.xlsx")

    assert sekisho("policy", "table", "import", "rules.xlsx").code == 0

    assert (house / "rules.csv").is_symlink()
    assert (house / "kept.csv").stat().st_mode & 0o777 == 0o640


def test_a_file_that_cannot_be_written_is_told(sekisho, house: Path) -> None:
    text = (house / "rules.csv").read_text()
    sekisho("policy", "table", "export", "--out", "rules.xlsx")
    (house / "rules.csv.new").mkdir()

    said = sekisho("policy", "table", "import", "rules.xlsx")

    assert (said.code, "rules.csv cannot be written (Is a directory). Check its folder" in said.err) == (3, True)
    assert (house / "rules.csv").read_text() == text


@pytest.mark.parametrize("out", ["rules.csv", "rules.xls"])
def test_a_workbook_is_named_as_one(sekisho, house: Path, out: str) -> None:
    said = sekisho("policy", "table", "export", "--out", out)
    assert (said.code, f"{out} does not end in .xlsx" in said.err) == (2, True)


def test_a_site_that_nobody_declared_does_not_pass(sekisho, house: Path) -> None:
    write(house, "VIN,*,*,*,site:ber,deny,,,,,,")

    answer = sekisho("policy", "check")

    assert answer.code == 2
    assert "rules.csv, line 2, column destination: there is no site `ber`" in answer.err


def test_lint_names_each_site_that_nobody_declared(sekisho, house: Path) -> None:
    write(house, "VIN,*,*,*,site:ber,deny,,law,2099-01-01,ana,,", "IBAN_CODE,*,*,*,CN site:par,deny,,,,,,", REST)

    said = sekisho("policy", "lint")

    file = house / "rules.csv"
    mend = "Mend the name, or declare the site in organisation.yaml."
    assert said.code == 1
    assert said.out.splitlines()[:2] == [
        f"error: {file}, line 2, column destination: there is no site `ber`. {mend}",
        f"error: {file}, line 3, column destination: there is no site `par`. {mend}",
    ]
    (house / "organisation.yaml").write_text("sites: {ber: {jurisdiction: DE}, par: {jurisdiction: FR}}\n")
    assert sekisho("policy", "lint").code == 0


def test_a_table_that_is_gone_is_told(sekisho, house: Path) -> None:
    (house / "rules.csv").unlink()

    assert "rules.csv: the table of the preset" in sekisho("policy", "check").out


def test_countries_that_no_law_knows_are_told_with_their_line(sekisho, house: Path) -> None:
    text = "sites:\n  ber: {jurisdiction: DE}\n  par:\n    jurisdiction: FX\ntransfers:\n"
    text += "  - {from: EAA, to: US, route: scc, until: 2099-01-01, reference: x}\n"
    (house / "organisation.yaml").write_text(text, encoding="utf-8")

    answer = sekisho("policy", "check", "--json")

    assert (answer.code, answer.json["passed"]) == (0, True)
    assert [note.partition("organisation.yaml, ")[2].partition(": no law")[0] for note in answer.json["notes"]] == [
        "line 4",
        "line 6",
    ]


def test_a_project_at_a_site_that_nobody_declared_is_told_with_its_line(sekisho, house: Path) -> None:
    text = "sites: {ber: {jurisdiction: DE}}\nprojects:\n  a/b:\n    sites: [ber]\n  a/c:\n    sites: [bre]\n"
    (house / "organisation.yaml").write_text(text, encoding="utf-8")

    answer = sekisho("policy", "check", "--json")

    assert (answer.code, [note.partition("yaml, ")[2] for note in answer.json["notes"]]) == (
        0,
        ["line 6: there is no site `bre`."],
    )


def test_asking_about_a_type_that_nothing_finds_is_told(sekisho, house: Path) -> None:
    answer = sekisho("policy", "ask", "--data", "PERSN=3", "--data", "VIN=1")

    assert "Nothing here finds PERSN" in answer.err
    assert "VIN" not in answer.err
