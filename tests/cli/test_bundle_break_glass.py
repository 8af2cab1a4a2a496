"""`sekisho bundle break-glass`: made on the maker's side, signed by each holder apart, shown before it is believed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SNAPSHOT = "1795427167"


@pytest.fixture
def maker(sekisho, tmp_path) -> Path:
    """A maker's folder with three keys of the root."""
    assert sekisho("bundle", "keys", "create", "--dir", str(tmp_path / "maker")).code == 0
    return tmp_path / "maker"


@pytest.fixture
def glass(sekisho, tmp_path) -> Path:
    """A statement that nobody has signed."""
    file = tmp_path / "glass.json"
    words = ["--snapshot", SNAPSHOT, "--until", "2099-01-31", "--reason", "the line stands still", "--out", str(file)]
    assert sekisho("bundle", "break-glass", "create", *words).code == 0
    return file


def sign(sekisho, glass: Path, maker: Path, *names: str) -> None:
    for name in names:
        assert sekisho("bundle", "break-glass", "sign", str(glass), "--key", f"{maker}/keys/{name}.pem").code == 0


def test_a_statement_says_what_it_was_told_until_the_end_of_the_day(sekisho, glass):
    done = sekisho("bundle", "break-glass", "show", str(glass), "--json")
    told = json.loads(done.out)
    assert (told["snapshot"], told["until"]) == (int(SNAPSHOT), "2099-01-31T23:59:59Z")
    assert (told["reason"], told["signatures"]) == ("the line stands still", [])


@pytest.mark.parametrize(
    ("names", "code", "words"),
    [
        (("root-1", "root-3"), 0, "yes"),
        (("root-1",), 1, "keys 1 signed it, and 2 must"),
        (("root-1", "root-1"), 1, "keys 1 signed it"),
        (("root-2", "targets-1"), 1, "signature that does not count"),
    ],
)
def test_with_a_root_it_says_whether_it_counts(sekisho, maker, glass, names, code, words):
    sign(sekisho, glass, maker, *names)
    done = sekisho("bundle", "break-glass", "show", str(glass), "--root", f"{maker}/roots/1.root.json")
    assert done.code == code
    assert words in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"--until": "2001-01-01"}, "is past"),
        ({"--until": "soon"}, "no time with a zone"),
        ({"--until": "2099-01-01T00:00:00"}, "no time with a zone"),
        ({"--reason": ""}, "1 to 400"),
        ({"--snapshot": "0"}, "One of --snapshot and --bundle"),
    ],
)
def test_what_it_cannot_say_is_refused_in_one_line(sekisho, tmp_path, change, words):
    said = {"--snapshot": SNAPSHOT, "--until": "2099-01-31", "--reason": "why", "--out": f"{tmp_path}/x.json"} | change
    done = sekisho("bundle", "break-glass", "create", *(word for pair in said.items() for word in pair))
    assert (done.code, words in done.err) == (2, True)
    assert not (tmp_path / "x.json").exists()


def test_a_statement_is_never_replaced(sekisho, glass):
    words = ["--snapshot", "1", "--until", "2099-01-31", "--reason", "why", "--out", str(glass)]
    assert sekisho("bundle", "break-glass", "create", *words).code == 2


def test_what_is_no_statement_is_refused_by_name(sekisho, tmp_path):
    (tmp_path / "other").write_bytes(b"\0" * 100_000)
    done = sekisho("bundle", "break-glass", "show", f"{tmp_path}/other")
    assert (done.code, "bundle.break_glass" in done.err) == (3, True)
