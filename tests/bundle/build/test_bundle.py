"""A small bundle, whole and partial: the same bytes each time, and a real TUF client believes it."""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from securesystemslib.dsse import Envelope

from gateway.bundle import release
from gateway.bundle.build import assemble, gather, partial
from gateway.bundle.build.items import About, item
from gateway.bundle.repository.client import Client, trust
from gateway.errors import SetupError
from tests.bundle.build.world import HEADING, NOON, ORIGIN, a_maker, build, parts


def _unpacked(file: Path, folder: Path) -> Path:
    with tarfile.open(file) as tar:
        tar.extractall(folder, filter="data")
    (top,) = folder.iterdir()
    return top


def _target(made: assemble.Made, kind: str) -> bytes:
    (part,) = made.release.of_kind(kind)
    with tarfile.open(made.file) as tar:
        (member,) = [one for one in tar if one.name.endswith(f"/targets/{part.sha256}.{part.name}")]
        opened = tar.extractfile(member)
        assert opened
        return opened.read()


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    maker = a_maker()
    (tmp_path / "again").mkdir()

    one = build(tmp_path / "one.tar", parts(tmp_path), maker)
    two = build(tmp_path / "two.tar", list(reversed(parts(tmp_path / "again"))), maker)

    assert one.sha256 == hashlib.sha256(one.file.read_bytes()).hexdigest() == two.sha256


def test_members_are_in_order_and_say_nothing_of_who_packed_them(tmp_path: Path) -> None:
    made = build(tmp_path / "one.tar", parts(tmp_path), a_maker())

    with tarfile.open(made.file, "r:") as tar:
        members = tar.getmembers()
    assert [one.name for one in members] == sorted(one.name for one in members)
    assert {(one.uid, one.gid, one.uname, one.gname, one.mtime) for one in members} == {
        (0, 0, "", "", int(NOON.timestamp()))
    }
    assert {one.mode for one in members if one.name.endswith("/install.sh")} == {0o755}
    assert not any(one.pax_headers for one in members)


def test_a_tuf_client_believes_every_part_of_it(tmp_path: Path) -> None:
    maker = a_maker()
    made = build(tmp_path / "one.tar", parts(tmp_path), maker)
    top = _unpacked(made.file, tmp_path / "unpacked")
    trust(maker.roots[1], tmp_path / "trusted")
    client = Client(tmp_path / "trusted", top / "metadata", top / "targets", NOON)

    client.refresh()

    found = release.decode(client.download(release.NAME, tmp_path / "got").read_bytes())
    assert found == made.release
    for part in found.parts:
        assert hashlib.sha256(client.download(part.name, tmp_path / "got").read_bytes()).hexdigest() == part.sha256


def test_stage_one_is_signed_by_the_targets_role(tmp_path: Path) -> None:
    maker = a_maker()
    top = _unpacked(build(tmp_path / "one.tar", parts(tmp_path), maker).file, tmp_path / "unpacked")
    document = (top / "bootstrap.json").read_bytes()
    (signature,) = json.loads((top / "bootstrap.sigs").read_bytes())["signatures"]

    public = maker.signers["targets"][0].public_key.keyval["public"]
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature["sig"]), document)
    said = json.loads(document)
    for name, sha256 in {**said["files"], **said["stage_two"]}.items():
        assert hashlib.sha256((top / name).read_bytes()).hexdigest() == sha256


def test_the_bill_is_strict_cyclonedx_with_a_model_card(tmp_path: Path) -> None:
    made = build(tmp_path / "one.tar", parts(tmp_path), a_maker())
    bill = _target(made, "sbom")

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.decode()) is None
    components = {one["name"]: one for one in json.loads(bill)["components"]}
    assert components["tuf"]["purl"] == "pkg:pypi/tuf@1.0"
    assert components["tuf"]["licenses"] == [{"license": {"id": "MIT"}}]
    assert components["small"]["modelCard"]["modelParameters"]["task"] == "chat"
    assert components["small"]["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(b"weights").hexdigest()}]


def test_the_licence_report_has_each_part_and_its_text(tmp_path: Path) -> None:
    from gateway.bundle.build.archive import read_tar_gz

    found = read_tar_gz(_target(build(tmp_path / "one.tar", parts(tmp_path), a_maker()), "licences"))

    assert found["tuf-1.0/licenses-LICENSE"].content == b"Copyright of a test"
    table = found["LICENCES.md"].content
    assert isinstance(table, bytes)
    assert b"| tuf | 1.0 | MIT |" in table


def test_provenance_is_signed_and_names_every_other_part(tmp_path: Path) -> None:
    maker = a_maker()
    made = build(tmp_path / "one.tar", parts(tmp_path), maker)
    envelope = Envelope.from_dict(json.loads(_target(made, "provenance")))

    envelope.verify([maker.signers["targets"][0].public_key], 1)
    statement = json.loads(envelope.payload)
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert {one["digest"]["sha256"] for one in statement["subject"]} == {
        part.sha256 for part in made.release.parts if part.kind != "provenance"
    }


def test_a_part_without_a_licence_stops_the_build_by_name(tmp_path: Path) -> None:
    inside = About(name="github.com/nobody/knows", version="v1", licence="")
    program = About(name="opa", version="1", licence="Apache-2.0", inside=(inside,))
    bad = [
        item("opa", b"1", "opa", "bin/opa", about=program),
        item("wheel", b"2", "x.whl", "wheels/x.whl", about=About(name="x", version="1", licence="all mine")),
    ]

    with pytest.raises(SetupError, match=r"these are: github\.com/nobody/knows, x\."):
        build(tmp_path / "one.tar", [*parts(tmp_path), *bad], a_maker())
    assert not (tmp_path / "one.tar").exists()


def test_too_few_signatures_leave_no_file(tmp_path: Path) -> None:
    maker = a_maker()

    with pytest.raises(SetupError, match="snapshot needs 1"):
        build(tmp_path / "one.tar", parts(tmp_path), replace(maker, signers={**maker.signers, "snapshot": []}))
    assert list(tmp_path.glob("*.tar*")) == []


def test_a_part_that_needs_a_newer_glibc_is_named() -> None:
    found = gather.Found((), {"old.whl": (2, 17), "new.whl": (2, 36)})

    with pytest.raises(SetupError, match=r"new\.whl needs glibc 2\.36"):
        gather.least_glibc([found], (2, 34))
    assert gather.least_glibc([found], (2, 36)) == (2, 36)


@pytest.fixture
def maker() -> assemble.Maker:
    return a_maker()


def _fresh(content: bytes = b"new rules") -> list:  # type: ignore[type-arg]
    own = About(name="policies", version="", licence="Apache-2.0", type="data")
    return [item("policies", content, "policies.tar.gz", "share/sekisho/policies", about=own, unpack=True)]


def test_a_partial_bundle_leaves_files_out_and_no_lines(tmp_path: Path, maker: assemble.Maker) -> None:
    whole = build(tmp_path / "one.tar", parts(tmp_path), maker)
    base = partial.read_base(whole.file, maker)
    heading = partial.heading_on(base, "policies", NOON)  # the same commit: it must be later all the same
    items = partial.exchanged(base, _fresh(), heading, ORIGIN, maker)

    made = assemble.write(tmp_path / "two.tar", items, heading, maker, leaves_out=partial.left_out(base, items))

    top = _unpacked(made.file, tmp_path / "unpacked")
    carried = {path.name.partition(".")[2] for path in (top / "targets").iterdir()}
    assert carried == {"licences.tar.gz", "policies.tar.gz", "provenance.json", "release.json", "sbom.cdx.json"}
    assert {part.name for part in made.release.parts} == {part.name for part in whole.release.parts}
    assert made.release.base == base.sha256
    trust(maker.roots[1], tmp_path / "trusted")
    old = _unpacked(whole.file, tmp_path / "old")
    Client(tmp_path / "trusted", old / "metadata", old / "targets", NOON).refresh()
    Client(tmp_path / "trusted", top / "metadata", top / "targets", NOON + timedelta(days=1)).refresh()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(_target(made, "sbom").decode()) is None


def test_a_base_that_others_signed_or_that_was_changed_is_refused(tmp_path: Path, maker: assemble.Maker) -> None:
    whole = build(tmp_path / "one.tar", parts(tmp_path), maker)
    with pytest.raises(SetupError, match="not signed by a key of these roots"):
        partial.read_base(whole.file, a_maker())

    (bill,) = whole.release.of_kind("sbom")
    raw = bytearray(whole.file.read_bytes())
    at = raw.index(f"{bill.sha256}.{bill.name}".encode(), raw.index(b"metadata/timestamp.json") + 1)
    raw[raw.index(b'"bomFormat"', at) + 2] ^= 1
    (tmp_path / "changed.tar").write_bytes(bytes(raw))
    with pytest.raises(SetupError, match="no bundle that can be built on"):
        partial.read_base(tmp_path / "changed.tar", maker)


def test_a_partial_bundle_that_changes_nothing_is_refused(tmp_path: Path, maker: assemble.Maker) -> None:
    base = partial.read_base(build(tmp_path / "one.tar", parts(tmp_path), maker).file, maker)

    with pytest.raises(SetupError, match="The policies are those of the base"):
        partial.exchanged(base, _fresh(b"rules"), replace(HEADING, carries="policies"), ORIGIN, maker)
