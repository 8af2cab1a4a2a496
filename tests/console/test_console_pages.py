"""The two pages for browsers: complete in themselves, nothing inline, nothing from elsewhere, readable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser

import pytest

from gateway.console import api_docs, page

STYLE = page.ASSETS["/console/page.css"][0].decode()
SCRIPT = page.ASSETS["/console/page.js"][0].decode()
SERVED_ELSEWHERE = {"/", "/docs", "/metrics", "/health/ready", "/openapi.json"}
PAGES = [page.status_page("0.1.0"), api_docs.docs_page()]
ALL_ASSETS: Mapping[str, tuple[bytes, str]] = {**page.ASSETS, **api_docs.ASSETS}


class Reader(HTMLParser):
    """Collects what a browser would fetch or run, every id, and every reference to an id."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.addresses += [found[name] for name in ("src", "href", "data-openapi") if name in found]
        self.inline += [name for name in found if name == "style" or name.startswith("on")]
        self.inline += ["script"] if tag == "script" and "src" not in found else ["style"] if tag == "style" else []
        self.ids += [found["id"]] if "id" in found else []
        for name in ("aria-labelledby", "aria-describedby", "data-copies"):
            self.references += found.get(name, "").split()


@pytest.mark.parametrize("html", PAGES)
def test_every_address_on_a_page_is_our_own_and_served(html: bytes) -> None:
    addresses = [address for address in Reader(html).addresses if not address.startswith("#")]

    assert addresses
    assert set(addresses) <= SERVED_ELSEWHERE | set(ALL_ASSETS)


@pytest.mark.parametrize("html", PAGES)
def test_nothing_is_inline_so_the_strict_policy_holds(html: bytes) -> None:
    assert Reader(html).inline == []


@pytest.mark.parametrize("headers", [page.HEADERS, api_docs.HEADERS])
def test_the_policy_allows_this_origin_only(headers: Mapping[str, str]) -> None:
    directives = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))

    assert directives["default-src"] == "'none'"
    assert {value for sources in directives.values() for value in sources.split()} <= {"'none'", "'self'", "data:"}
    assert headers["x-content-type-options"] == "nosniff"


def test_our_own_files_name_no_other_host() -> None:
    ours = [
        *PAGES,
        *(content for content, _ in page.ASSETS.values()),
        api_docs.ASSETS["/docs/assets/docs.js"][0],
    ]

    hosts = {host for text in ours for host in re.findall(rb"https?://([\w.-]+)", text)}

    assert hosts <= {b"www.w3.org"}  # the name of the SVG namespace


def test_swagger_ui_is_complete_and_may_not_ask_its_validator() -> None:
    bundle, kind = api_docs.ASSETS["/docs/assets/swagger-ui-bundle.js"]
    script = api_docs.ASSETS["/docs/assets/docs.js"][0]

    assert b"SwaggerUIBundle" in bundle
    assert len(bundle) > 1_000_000
    assert kind.startswith("text/javascript")
    assert b"validatorUrl: null" in script


def test_the_version_is_shown_and_cannot_break_out() -> None:
    assert b">0.1.0<" in page.status_page("0.1.0")
    assert b"<script>alert" not in page.status_page("<script>alert(1)</script>")
    assert b'"><b>' not in api_docs.docs_page('/x"><b>')


def test_every_label_and_every_script_reference_leads_somewhere() -> None:
    reader = Reader(page.status_page("0.1.0"))
    wanted = {*reader.references, *re.findall(r'byId\("(\w+)"\)', SCRIPT)}

    assert wanted <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))


def test_the_snippets_name_the_variable_the_base_and_a_model() -> None:
    html = page.status_page("0.1.0").decode()

    assert "curl $BASE/chat/completions" in html
    assert 'os.environ["SEKISHO_API_KEY"]' in html
    assert html.count("$MODEL") == 2


def test_the_script_writes_text_never_html() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", SCRIPT)


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("text", ["ink", "quiet", "open", "shut", "wait"])
@pytest.mark.parametrize("ground", ["ground", "panel"])
def test_text_has_contrast_in_both_schemes(scheme: int, text: str, ground: str) -> None:
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", blocks[scheme]))
    brighter, darker = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)

    assert (brighter + 0.05) / (darker + 0.05) >= 4.5  # WCAG 2.2, 1.4.3
