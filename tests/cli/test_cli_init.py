"""sekisho init: a configuration that works, safe by default, never overwritten."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as options
from hypothesis import strategies as st

from gateway import settings
from gateway.cli.address import is_loopback, listen_problem
from gateway.cli.init import Answers
from gateway.cli.init_file import yaml_text
from gateway.policy.table.read import preset


def test_flags_end_up_in_the_settings(sekisho, short_dir: Path) -> None:
    flags = ("--site", "plant", "--jurisdiction", "de", "--language", "de", "--preset", "strict", "--anchor", "none")
    said = sekisho("init", "--dir", str(short_dir), *flags, "--listen", "[::1]:9000")
    assert said.code == 0, said.err
    written = settings.load(str(short_dir / "sekisho.yaml"))
    assert (written.site.name, written.site.jurisdiction, written.site.language) == ("plant", "DE", "de")
    assert (written.site.preset, written.address) == ("strict", ("::1", 9000))
    assert (short_dir / "rules.csv").read_text() == preset("strict")


def test_without_a_terminal_it_asks_nothing_and_takes_defaults(sekisho, short_dir: Path) -> None:
    assert sekisho("init", "--dir", str(short_dir)).code == 0
    written = settings.load(str(short_dir / "sekisho.yaml"))
    assert written.site.jurisdiction == ""
    assert written.server.listen == "127.0.0.1:8080"


def test_secrets_are_for_this_user_alone(house: Path) -> None:
    keys = house / ".sekisho" / "keys"
    assert keys.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in keys.iterdir() if path.suffix != ".vkey"} == {0}


def test_a_configuration_is_never_overwritten_without_force(sekisho, house: Path) -> None:
    before = (house / "sekisho.yaml").read_bytes()
    assert sekisho("init", "--site", "other").code == 2
    assert (house / "sekisho.yaml").read_bytes() == before


def test_force_replaces_the_configuration_but_no_secret(sekisho, house: Path) -> None:
    pepper = (house / ".sekisho/keys/pepper").read_bytes()
    assert sekisho("init", "--site", "other", "--force").code == 0
    assert settings.load(str(house / "sekisho.yaml")).site.name == "other"
    assert (house / ".sekisho/keys/pepper").read_bytes() == pepper


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "10.0.0.5:8443", "[::]:80", "gateway.plant:443"])
def test_beyond_loopback_needs_tls(sekisho, short_dir: Path, listen: str) -> None:
    said = sekisho("init", "--dir", str(short_dir), "--listen", listen)
    assert said.code == 2
    assert "TLS" in said.err
    assert list(short_dir.iterdir()) == []


def test_beyond_loopback_is_fine_with_tls_files(sekisho, short_dir: Path) -> None:
    for name in ("site.pem", "site.key"):
        (short_dir / name).write_text("x")
    tls = ("--tls-certificate", str(short_dir / "site.pem"), "--tls-key", str(short_dir / "site.key"))
    assert sekisho("init", "--dir", str(short_dir), "--listen", "10.0.0.5:8443", *tls).code == 0
    assert settings.load(str(short_dir / "sekisho.yaml")).server.tls_key == str(short_dir / "site.key")


@pytest.mark.parametrize(
    "flag",
    [
        ("--site", "Ümlaut"),
        ("--jurisdiction", "Germany"),
        ("--language", "d"),
        ("--preset", "wild"),
        ("--listen", "8080"),
        ("--listen", "127.0.0.1:99999"),
        ("--tls-key", "/nonexistent"),
    ],
)
def test_a_wrong_answer_is_refused_and_nothing_written(sekisho, short_dir: Path, flag: tuple[str, str]) -> None:
    assert sekisho("init", "--dir", str(short_dir), *flag).code == 2
    assert list(short_dir.iterdir()) == []


def test_a_long_path_gets_a_short_folder_for_sockets(sekisho, short_dir: Path) -> None:
    deep = short_dir / ("x" * 80)
    assert sekisho("init", "--dir", str(deep)).code == 0
    assert len(str(settings.load(str(deep / "sekisho.yaml")).run)) < 60


def test_json_says_where_everything_is(sekisho, short_dir: Path) -> None:
    said = sekisho("init", "--dir", str(short_dir), "--json")
    assert Path(said.json["config"]) == short_dir / "sekisho.yaml"


PRINTABLE = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=30)


@options(deadline=None)
@given(PRINTABLE, st.sampled_from(["no", "true", "1e3", "~", "null"]))
def test_any_text_survives_the_file(site: str, language: str) -> None:
    answers = Answers(site=site, language=language)
    read = yaml.safe_load(yaml_text(answers, "./.sekisho", ""))
    assert (read["site"]["name"], read["site"]["language"]) == (site, language)


@pytest.mark.parametrize(
    ("listen", "own"),
    [("127.0.0.1:1", True), ("127.8.8.8:1", True), ("[::1]:1", True), ("localhost:1", True), ("0.0.0.0:1", False)],
)
def test_loopback_is_told_from_the_rest(listen: str, own: bool) -> None:
    assert listen_problem(listen) == ""
    assert is_loopback(listen) is own


def test_at_a_terminal_it_asks_again_until_an_answer_is_good(sekisho, short_dir: Path) -> None:
    answers = "plant\nGermany\nDE\nde\nwild\nstrict\n127.0.0.1:9000\n\nsomewhere\nnone\n"
    said = sekisho("init", "--dir", str(short_dir), given=answers, terminal=True)
    assert said.code == 0, said.err
    assert "two letters" in said.err
    assert "'somewhere' is no anchor" in said.err
    written = settings.load(str(short_dir / "sekisho.yaml"))
    assert (written.site.name, written.site.jurisdiction, written.site.preset) == ("plant", "DE", "strict")


def test_yes_asks_nothing_even_at_a_terminal(sekisho, short_dir: Path) -> None:
    assert sekisho("init", "--yes", "--dir", str(short_dir), terminal=True).code == 0


def test_where_what_seals_the_keys_is_not_there_the_same_command_works_later(
    sekisho, short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = short_dir / "credentials"
    credentials.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    given = ("init", "--yes", "--dir", str(short_dir / "plant"), "--key-provider", "systemd")

    early = sekisho(*given)
    (credentials / "sekisho-keys").write_bytes(bytes(32))

    assert (early.code, "no systemd credential" in early.err) == (3, True), early.err
    assert sekisho(*given).code == 0
