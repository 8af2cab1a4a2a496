"""The built documentation opens from a folder, without a network: nothing in it is loaded from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

LOADING = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "object": "data"}
IS_ELSEWHERE = re.compile(r"^\s*(https?:)?//", re.IGNORECASE)
CSS_ELSEWHERE = re.compile(r"(url\(\s*['\"]?|@import\s+['\"])(https?:)?//", re.IGNORECASE)


class Loads(HTMLParser):
    """Collects what a page loads by itself, and its links within the site."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in LOADING and values.get(LOADING[tag]):
            self.loaded.append(str(values[LOADING[tag]]))
        if tag == "a" and values.get("href"):
            self.links.append(str(values["href"]))


@pytest.fixture(scope="module")
def site(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    mkdocs = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(mkdocs, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def read(page: Path) -> Loads:
    loads = Loads()
    loads.feed(page.read_text(encoding="utf-8"))
    return loads


def pages(site: Path) -> list[Path]:
    found = [page for page in sorted(site.rglob("*.html")) if page.name != "404.html"]  # that one needs a server
    assert len(found) > 10
    return found


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    elsewhere = [
        (page.name, address) for page in pages(site) for address in read(page).loaded if IS_ELSEWHERE.match(address)
    ]

    assert elsewhere == []


def test_all_that_pages_load_lies_in_the_site(site: Path) -> None:
    missing = [
        (page.name, address)
        for page in pages(site)
        for address in read(page).loaded
        if not address.startswith("data:") and not (page.parent / address.partition("?")[0].partition("#")[0]).is_file()
    ]

    assert missing == []


def test_no_style_sheet_loads_anything_from_elsewhere(site: Path) -> None:
    sheets = [*site.rglob("*.css"), *site.rglob("*.svg")]

    assert [sheet.name for sheet in sheets if CSS_ELSEWHERE.search(sheet.read_text(encoding="utf-8"))] == []


def test_links_within_the_site_name_files(site: Path) -> None:
    broken = [
        (page.name, link)
        for page in pages(site)
        for link in read(page).links
        if ":" not in link and link.partition("#")[0] and not (page.parent / link.partition("#")[0]).is_file()
    ]

    assert broken == []
