"""sekisho audit templates: what is to be filled in comes with the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli import audit_templates
from tests.docs.test_compliance_templates import ASKED, FOLDER


def test_all_are_listed_with_what_they_are_for(sekisho, house: Path) -> None:
    said = sekisho("audit", "templates", "--json")

    assert {each["name"] for each in said.json} == set(ASKED)
    assert all(each["title"] for each in said.json)


def test_one_is_shown_as_it_stands_but_for_links_into_the_documentation(sekisho, house: Path) -> None:
    text = sekisho("audit", "templates", "dpia", "--json").json["text"]

    assert "the life of a request" in text
    assert ".md)" not in text
    assert text.count("[…") == (FOLDER / "dpia.md").read_text().count("[…")


def test_all_are_written_into_a_folder_and_nothing_is_replaced_unasked(sekisho, house: Path, tmp_path: Path) -> None:
    out = tmp_path / "new"
    assert sekisho("audit", "templates", "--out", str(out)).code == 0
    (out / "dpia.md").write_text("filled in")
    (out / "pipia.md").unlink()

    said = sekisho("audit", "templates", "--out", str(out))

    assert (said.code, "dpia.md" in said.err) == (2, True)
    assert (out / "dpia.md").read_text() == "filled in"
    assert not (out / "pipia.md").exists()
    assert sekisho("audit", "templates", "dpia", "--out", str(out / "dpia.md"), "--force").code == 0
    assert (out / "dpia.md").read_text() != "filled in"


def test_a_name_that_is_none_is_answered_with_those_there_are(sekisho, house: Path) -> None:
    said = sekisho("audit", "templates", "dpai")

    assert (said.code, "dpia" in said.err) == (2, True)


def test_an_installation_without_them_says_so(
    sekisho, house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_templates, "FOLDER", tmp_path)

    assert sekisho("audit", "templates").code == 3
