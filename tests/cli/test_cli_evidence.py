"""``sekisho audit export --format evidence``, on a real installation, with and without its server."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import quarter
import yaml

from gateway import settings
from gateway.audit.book import LogBook
from gateway.audit.log.reader import search
from gateway.keys.opening import open_keyring
from gateway.policy.life.revisions import Revisions

EXPORT = ("audit", "export", "--format", "evidence", "--out", "pack.zip")


@pytest.fixture
def used_house(house: Path) -> Path:
    """An installation with two days of records, made under the revision that is in force there."""
    here = settings.load(None)
    in_force = Revisions(here.state / "policy").in_force()
    assert in_force is not None
    keys = open_keyring(here).log_keys()
    book = LogBook(here.data / "audit", origin=here.origin, log_key=keys, settings=here.audit)
    book.open()
    with quarter.clock() as time:
        quarter.write(book, time, days=2, each_day=8, revision=in_force.id)
    book.close()
    return house


def records(pack: str = "pack.zip", log: str = "plant/node/w0") -> list[dict]:
    with zipfile.ZipFile(pack) as archive:
        lines = archive.read(f"logs/{log}/default/records.jsonl").splitlines()
    return [json.loads(line) for line in lines]


def report(pack: str = "pack.zip") -> str:
    with zipfile.ZipFile(pack) as archive:
        return archive.read("report.html").decode()


def test_a_pack_is_made_and_verifies(sekisho, used_house: Path) -> None:
    made = sekisho(*EXPORT, "--no-pdf", "--json")

    assert made.code == 0, made.err
    assert made.json["records"] > 10
    assert made.json["left_out"] == []
    verified = sekisho("audit", "verify", "pack.zip")
    assert verified.code == 0, verified.out


def test_its_making_is_on_record(sekisho, used_house: Path) -> None:
    sekisho(*EXPORT, "--no-pdf")

    written = search(used_house / ".sekisho" / "audit" / "plant" / "node" / "admin" / "default")
    found = [record["details"] for record in written if record["type"] == "admin.exported"]
    assert [told["details"]["format"] for told in found][-1] == "evidence"
    assert all(told["by"] for told in found)


def test_reasons_countries_and_laws_are_named_in_the_language(sekisho, used_house: Path) -> None:
    for language, words in {
        "de": ("Angemessenheitsbeschluss", "Vereinigte Staaten", "das Gateway selbst"),
        "ja": ("十分性認定", "アメリカ合衆国", "個人情報の保護に関する法律"),
        "zh": ("充分性认定", "美国", "《个人信息保护法》"),
    }.items():
        assert sekisho(*EXPORT, "--no-pdf", "--force", "--language", language).code == 0
        page = report()
        assert [word for word in words if word not in page] == [], language


def test_without_a_language_it_is_the_sites(sekisho, used_house: Path) -> None:
    config = used_house / "sekisho.yaml"
    known = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(known | {"site": known["site"] | {"language": "de-AT"}}))

    sekisho(*EXPORT, "--no-pdf")

    assert '<html lang="de">' in report()


def test_the_revision_that_decided_is_in_it_with_its_signatures(sekisho, used_house: Path) -> None:
    sekisho(*EXPORT, "--no-pdf")

    in_force = sekisho("policy", "status", "--json").json["in_force"]["revision"]
    with zipfile.ZipFile("pack.zip") as archive:
        names = {name for name in archive.namelist() if name.startswith("policies/")}
        manifest = json.loads(archive.read(f"policies/{in_force}/manifest.json"))
    assert names == {f"policies/{in_force}/{name}" for name in ("bundle.tar.gz", "rules.csv", "manifest.json")}
    assert manifest["signatures"]


def test_no_secret_is_in_it(sekisho, used_house: Path) -> None:
    sekisho(*EXPORT, "--no-pdf")

    secrets = [path.read_bytes() for path in (used_house / ".sekisho" / "keys").rglob("*") if _is_secret(path)]
    assert len(secrets) >= 3
    with zipfile.ZipFile("pack.zip") as archive:
        files = [archive.read(name) for name in archive.namelist()]
        assert not any("PRIVATE KEY" in name for name in archive.namelist())
    assert not any(secret in content for secret in secrets for content in files)


def _is_secret(path: Path) -> bool:
    return path.is_file() and path.stat().st_mode & 0o077 == 0 and path.stat().st_size >= 16


def test_a_period_is_the_sites_time(sekisho, used_house: Path) -> None:
    made = sekisho(*EXPORT, "--no-pdf", "--since", "2026-07-02", "--until", "2026-07-03", "--json")

    assert made.code == 0, made.err
    assert {record["time"][:10] for record in records()} == {"2026-07-02"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--out", "pack.tar"), "ZIP"),
        (("--language", "fr"), "no texts in 'fr'"),
        (("--origin", "plant/node/none"), "no log of plant/node/none"),
        (("--since", "yesterday"), "no time"),
        (("--to", "tls://127.0.0.1:9"), "not sent to a receiver"),
        (("--filter", "colour=red"), "is no filter"),
        (("--font", "sekisho.yaml"), "no TrueType font"),
        (("--out", "nowhere/pack.zip"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(sekisho, used_house: Path, more: tuple[str, ...], said: str) -> None:
    done = sekisho(*EXPORT, *more)

    assert done.code in (2, 3)
    assert said in done.err
    assert "Traceback" not in done.err
    assert not list(used_house.glob("*.zip"))


def test_a_filter_takes_one_tenants_records(sekisho, used_house: Path) -> None:
    made = sekisho(*EXPORT, "--no-pdf", "--filter", "tenant=sales")

    assert made.code == 0, made.err
    assert {record["caller"]["tenant"] for record in records()} == {"sales"}
    assert sekisho("audit", "verify", "pack.zip").code == 0


def test_a_pack_that_is_there_is_not_replaced_by_accident(sekisho, used_house: Path) -> None:
    sekisho(*EXPORT, "--no-pdf")
    before = Path("pack.zip").read_bytes()

    done = sekisho(*EXPORT, "--no-pdf")

    assert (done.code, "--force" in done.err) == (2, True)
    assert Path("pack.zip").read_bytes() == before


def test_a_key_that_did_not_sign_the_logs_makes_no_pack(sekisho, used_house: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from gateway.audit.log.note import Signer

    other = Signer("sekisho-log", Ed25519PrivateKey.generate()).verifier_key()
    for name in ("log.vkey", "log-vkeys"):
        if (used_house / ".sekisho" / "keys" / name).exists():
            (used_house / ".sekisho" / "keys" / name).write_text(f"{other}\n")

    done = sekisho(*EXPORT, "--no-pdf")

    assert done.code == 3, done.err
    assert "cannot be verified" in done.err
    assert not Path("pack.zip").exists()


def test_a_pack_after_a_rotation_is_checked_by_either_key(sekisho, used_house: Path) -> None:
    key = used_house / ".sekisho" / "keys" / "log.vkey"
    before = key.read_text()
    assert sekisho("keys", "rotate", "log", "--overlap", "1h").code == 0
    (used_house / "before.vkey").write_text(before)

    assert sekisho(*EXPORT, "--no-pdf").code == 0

    assert key.read_text() != before
    for which in ("before.vkey", str(key)):
        verified = sekisho("audit", "verify", "pack.zip", "--key", which)
        assert verified.code == 0, verified.out
