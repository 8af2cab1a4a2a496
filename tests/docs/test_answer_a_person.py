"""The page for who answers a person runs as it stands, on a gateway that keeps what its page says."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import Running, install

from tests.docs.test_snippets_run import run_page

PAGE = "how-to/answer-a-person.md"


@pytest.fixture
def keeping(model_file: Path, repository: Path) -> Iterator[Running]:
    """A gateway whose organisation.yaml is the page's own."""
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    install(folder, model_file)
    (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
    said = re.search(r"^```yaml\n(.*?)^```", (repository / "docs" / PAGE).read_text(), re.MULTILINE | re.DOTALL)
    assert said
    (folder / "organisation.yaml").write_text(said[1])
    running = Running(folder)
    try:
        yield running.start()
    finally:
        running.stop()
        shutil.rmtree(folder)


@pytest.mark.real
@pytest.mark.slow
def test_a_person_is_answered_as_the_page_says(keeping: Running, repository: Path) -> None:
    answered, _, shown, item, erased, ended = run_page(keeping, repository / "docs" / PAGE)

    assert "choices" in answered
    assert "1 requests on record, 2 prompts and answers kept." in shown
    held = json.loads((keeping.folder / "u-4711.json").read_text())
    assert "Where is my parcel?" in held["content"][0]["value"]
    assert "Where is my parcel?" in item
    assert "Destroyed: 1 keys, 2 items" in erased
    assert "0 items and 0 keys destroyed" in ended
