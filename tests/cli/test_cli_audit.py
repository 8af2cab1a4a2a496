"""sekisho audit: verify, export, search, tail."""

from pathlib import Path

import pytest

from gateway.audit.log.reader import logs


@pytest.fixture
def written(sekisho, house: Path) -> Path:
    """An installation with three records."""
    for name in ("one", "two"):
        assert sekisho("keys", "create", "--name", name, "--tenant", "t").code == 0
    assert sekisho("keys", "revoke", "one").code == 0
    return house


def test_a_sound_log_verifies(sekisho, written: Path) -> None:
    said = sekisho("audit", "verify", "--json")
    assert said.code == 0
    assert (said.json["ok"], said.json["logs"][0]["records"]) == (True, 3)


def test_a_flipped_byte_is_found_and_named(sekisho, written: Path) -> None:
    (log,) = logs(written / ".sekisho" / "audit")
    bundle = log / "tile/entries/000"
    content = bytearray(bundle.read_bytes())
    content[content.index(b'"two"') + 1] ^= 1
    bundle.write_bytes(bytes(content))
    said = sekisho("audit", "verify")
    assert said.code == 1
    assert "tile/entries/000, record 1" in said.out


def test_an_export_verifies_on_its_own(sekisho, written: Path) -> None:
    said = sekisho("audit", "export", "--format", "jsonl", "--out", "out.jsonl", "--json")
    assert (said.code, said.json["records"]) == (0, 3)
    key = str(written / ".sekisho/keys/log.vkey")
    assert sekisho("audit", "verify", "out.jsonl", "--key", key).code == 0
    (written / "out.jsonl").write_text("{}\n")
    assert sekisho("audit", "verify", "out.jsonl").code == 1


def test_an_export_replaces_nothing_without_force(sekisho, written: Path) -> None:
    (written / "out.jsonl").write_text("mine")
    assert sekisho("audit", "export", "--out", "out.jsonl").code == 2
    assert (written / "out.jsonl").read_text() == "mine"
    assert sekisho("audit", "export", "--out", "out.jsonl", "--force").code == 0


@pytest.mark.parametrize(
    ("flags", "count"),
    [
        ((), 3),
        (("--type", "key"), 3),
        (("--type", "key.revoked"), 1),
        (("--text", '"two"'), 1),
        (("--since", "2999-01-01T00:00:00Z"), 0),
        (("--origin", "plant/" + "x"), None),
        (("--limit", "2"), 2),
    ],
)
def test_search_finds_what_fits(sekisho, written: Path, flags: tuple[str, ...], count: int | None) -> None:
    said = sekisho("audit", "search", *flags, "--json")
    assert said.code == (2 if count is None else 0)
    assert count is None or len(said.json["data"]) == count


def test_tail_shows_the_newest(sekisho, written: Path) -> None:
    assert [r["type"] for r in sekisho("audit", "tail", "-n", "1", "--json").json["data"]] == ["key.revoked"]
    assert "two" in sekisho("audit", "tail").out


def test_without_a_log_it_says_so(sekisho, house: Path) -> None:
    assert sekisho("audit", "verify").code == 3
    assert sekisho("audit", "search").code == 3


@pytest.mark.parametrize("arguments", [("nowhere",), ("--key", "nowhere"), ("--key", "sekisho.yaml")])
def test_wrong_places_are_told(sekisho, written: Path, arguments: tuple[str, ...]) -> None:
    said = sekisho("audit", "verify", *arguments)
    assert said.code in {2, 3}
    assert said.err.count("\n") <= 2
