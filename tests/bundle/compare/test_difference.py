"""What one release changes against another: packages, advisories, models, policies row by row, settings, sizes."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from gateway.bundle.compare import advisories, policies
from gateway.bundle.compare.difference import Change, compare
from gateway.bundle.compare.settings import settings_of
from gateway.bundle.compare.side import of_bundle
from gateway.bundle.refusal import BundleRefused
from tests.bundle.build import world
from tests.cli.conftest import sekisho  # noqa: F401 the fixture

HEADER = "data,collected_in,decision\n"


def archive(files: dict[str, str]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(raw.getvalue())


def wheel(settings: str, names: str, sections: str = "") -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as opened:
        opened.writestr("gateway/settings_help.py", f"HELP: dict[str, str] = {names}")
        opened.writestr("gateway/settings.py", settings)
        opened.writestr("gateway/sections.py", sections)
    return raw.getvalue()


# --- policies


def test_a_rule_is_told_by_name_with_date_and_hash() -> None:
    old = archive({"residency/rule.rego": '# custom:\n#   date: "2026-01-01"\n', "gone/rule.rego": "x"})
    new = archive({"residency/rule.rego": '# custom:\n#   date: "2026-02-02"\n', "ccpa/rule.rego": "y"})
    said = policies.compare(old, new, same=False)
    assert [(one.name, one.change) for one in said.rules] == [
        ("ccpa", "added"),
        ("gone", "removed"),
        ("residency", "changed"),
    ]
    assert (said.rules[2].before[:10], said.rules[2].after[:10]) == ("2026-01-01", "2026-02-02")


def test_a_table_is_told_row_by_row() -> None:
    old = archive({"rules.csv": HEADER + "*,EU,allow\n*,US,allow\n*,US,allow\n"})
    new = archive({"rules.csv": HEADER + "*,EU,allow\n*,US,deny\n*,US,allow\n"})
    [table] = policies.compare(old, new, same=False).tables
    assert (table.added, table.removed) == (["* | US | deny"], ["* | US | allow"])


@pytest.mark.parametrize(
    "broken",
    [b"", b"no archive", gzip.compress(b"no tar" * 200, mtime=0), None],
    ids=["empty", "no-archive", "gzip-of-no-tar", "missing"],
)
def test_an_archive_that_cannot_be_read_is_not_called_the_same(broken: bytes | None) -> None:
    said = policies.compare(archive({}), broken, same=False)
    assert (said.same, said.known) == (False, False)


# --- advisories

VEX = {"@context": "https://openvex.dev/ns/v0.2.0", "author": "a", "timestamp": "t"}


def vex(**said: str) -> bytes:
    statements = [{"vulnerability": {"name": id.replace("_", "-")}, "status": status} for id, status in said.items()]
    return json.dumps(VEX | {"statements": statements}).encode()


def osv(name: str, introduced: str, fixed: str) -> bytes:
    events = [{"introduced": introduced}, {"fixed": fixed}]
    affected = [{"package": {"name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]
    return json.dumps([{"id": "GHSA-1", "modified": "t", "affected": affected}]).encode()


def told(before: bytes | None, after: bytes | None, old: str = "1.0", new: str = "2.0") -> tuple[list[str], list[str]]:
    said = advisories.compare(before, after, {"some-lib": old}, {"some-lib": new})
    return [one.id for one in said.fixed], [one.id for one in said.open]


@pytest.mark.parametrize(
    ("before", "after", "fixed", "still_open"),
    [
        (vex(CVE_1="affected"), vex(CVE_1="fixed"), ["CVE-1"], []),
        (None, vex(CVE_1="fixed"), ["CVE-1"], []),
        (vex(CVE_1="fixed"), vex(CVE_1="fixed"), [], []),
        (vex(), vex(CVE_1="under_investigation"), [], ["CVE-1"]),
        (vex(CVE_1="affected"), vex(CVE_1="not_affected"), [], []),
        (None, osv("Some_Lib", "0", "1.5"), ["GHSA-1"], []),
        (None, osv("some-lib", "0", "3"), [], ["GHSA-1"]),
        (None, osv("some-lib", "2.0", "3"), [], ["GHSA-1"]),
        (None, osv("other", "0", "1.5"), [], []),
        (None, osv("some-lib", "0", "not a version"), [], ["GHSA-1"]),
    ],
)
def test_what_is_fixed_and_what_is_open(before, after, fixed, still_open) -> None:
    assert told(before, after) == (fixed, still_open)


def test_osv_calls_nothing_fixed_that_the_earlier_version_was_not_in() -> None:
    assert told(None, osv("some-lib", "1.2", "1.5"), old="1.0", new="2.0") == ([], [])


def test_cyclonedx_and_csaf_say_it_too() -> None:
    cyclonedx = {"bomFormat": "CycloneDX", "vulnerabilities": [{"id": "CVE-2", "analysis": {"state": "resolved"}}]}
    csaf = {"document": {}, "vulnerabilities": [{"cve": "CVE-3", "product_status": {"fixed": ["p"]}}]}
    assert told(None, json.dumps(cyclonedx).encode()) == (["CVE-2"], [])
    assert told(None, json.dumps(csaf).encode()) == (["CVE-3"], [])


@pytest.mark.parametrize(
    "raw", [None, b"", b"[]", b"{}", b'{"statement": "none"}', b'{"@context": 1, "statements": [3]}']
)
def test_where_no_document_was_given_it_is_said(raw: bytes | None) -> None:
    assert advisories.compare(None, raw, {}, {}).given is False


# --- settings


def test_every_setting_of_this_program_has_a_default_that_is_found(tmp_path: Path, repository: Path) -> None:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as opened:
        for name in ("settings_help", "settings", "sections"):
            opened.write(repository / "gateway" / f"{name}.py", f"gateway/{name}.py")
    found = settings_of(raw.getvalue())
    assert found is not None
    assert [name for name, default in found.items() if default == "?"] == []
    assert (found["engine.slots"], found["server.max_body_bytes"]) == ("4", str(16 * 1024 * 1024))


def test_a_program_in_another_form_tells_no_settings() -> None:
    assert settings_of(b"no wheel") is None
    assert settings_of(wheel("x = (", "{}")) is None
    assert settings_of(wheel("class Settings: pass", "make()")) is None


# --- all of it


def bundle(tmp_path: Path, name: str, slots: str, maker, rules: str) -> Path:
    """A small bundle; its program has one setting, its policies one table."""
    found = world.parts(tmp_path)
    kept = [one for one in found if one.part.kind != "policies"]
    own = next(one.about for one in found if one.part.kind == "policies")
    kept.append(
        world.item("policies", archive({"rules.csv": HEADER + rules}), "policies.tar.gz", "p", about=own, unpack=True)
    )
    program = wheel("class Settings:\n slots: int = " + slots, '{"slots": "how many"}')
    kept.append(world.item("program", program, "sekisho_x-1.0-py3-none-any.whl", "wheels/sekisho_x-1.0.whl", about=own))
    world.build(tmp_path / name, kept, maker)
    return tmp_path / name


@pytest.fixture
def maker():
    return world.a_maker()


@pytest.fixture
def two(tmp_path: Path, maker) -> tuple[Path, Path]:
    return bundle(tmp_path, "a.tar", "4", maker, "*,EU,allow\n"), bundle(
        tmp_path, "b.tar", "2 * 4", maker, "*,EU,deny\n"
    )


def test_two_bundles_of_one_root(two, maker) -> None:
    said = compare(*(of_bundle(file, maker.roots[1]) for file in two))
    assert said.settings == [Change("slots", "changed", "4", "8")]
    assert [one.name for one in said.packages] == ["sekisho-x"]
    assert (said.policies.tables[0].added, said.models) == (["* | EU | deny"], [])
    assert said.a.trust.startswith("signed")


def test_without_a_root_it_says_that_nobody_looked(two) -> None:
    assert compare(*map(of_bundle, two)).b.trust == "not verified"


def test_under_another_root_it_is_refused(two) -> None:
    other = world.a_maker()
    with pytest.raises(BundleRefused) as caught:
        of_bundle(two[0], other.roots[1])
    assert caught.value.code == "bundle.signature"


def test_a_part_that_was_changed_is_refused_also_where_nobody_looks_at_signatures(two) -> None:
    raw = two[1].read_bytes()
    where = raw.index(b"how many")  # stored, not deflated, in the program's wheel
    two[1].write_bytes(raw[:where] + b"HOW MANY" + raw[where + 8 :])
    with pytest.raises(BundleRefused) as caught:
        compare(*map(of_bundle, two))
    assert caught.value.code == "bundle.tampered"


@pytest.mark.parametrize("content", [b"", b"no tar" * 500])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(BundleRefused):
        of_bundle(tmp_path / "x.tar")


def test_the_document_has_the_fields_that_scripts_read(two, sekisho, maker, tmp_path) -> None:  # noqa: F811
    (tmp_path / "root.json").write_bytes(maker.roots[1])
    done = sekisho("bundle", "diff", str(two[0]), str(two[1]), "--root", f"{tmp_path}/root.json", "--json")
    said = json.loads(done.out)
    assert (done.code, said["schema"]) == (0, "sekisho.bundle-diff/1")
    assert set(said) == {"schema", "a", "b", "packages", "models", "advisories", "policies", "settings", "sizes"}
    assert set(said["a"]) == {"name", "trust", "snapshot", "facts", "bytes"}
    assert set(said["policies"]) == {"same", "known", "rules", "tables", "files"}
    shown = sekisho("bundle", "diff", str(two[0]), str(two[1]))
    assert "not verified" in shown.out
