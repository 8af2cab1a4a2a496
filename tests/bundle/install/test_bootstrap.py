"""Stage one runs stage two only for a bundle that the root's own people signed, to the last byte."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.bundle import bootstrap
from gateway.bundle.repository import metadata as md

PROOF = "stage two ran"
MAIN = f"def main(words):\n    print({PROOF!r}, len(words))\n    return 0\n"


def wheel() -> bytes:
    """A wheel that is stage two, and says that it ran."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("gateway/__init__.py", "")
        archive.writestr("gateway/installing.py", MAIN)
    return made.getvalue()


class Unpacked:
    """An unpacked bundle as its maker made it, to be spoiled."""

    def __init__(self, maker, folder: Path, repository: Path) -> None:
        self.maker, self.folder = maker, folder
        (folder / "targets").mkdir(parents=True)
        for name in ("install.sh", "bootstrap.py"):
            (folder / name).write_bytes((repository / "offline-bundle/installer" / name).read_bytes())
        content = wheel()
        self.wheel = f"targets/{hashlib.sha256(content).hexdigest()}.sekisho-1-py3-none-any.whl"
        (folder / self.wheel).write_bytes(content)
        self.files = {name: self.hash_of(name) for name in ("install.sh", "bootstrap.py")}
        self.stage_two = {self.wheel: self.hash_of(self.wheel)}
        self.sign()

    def hash_of(self, name: str) -> str:
        return hashlib.sha256((self.folder / name).read_bytes()).hexdigest()

    def sign(self) -> None:
        raw = bootstrap.encode(bootstrap.Bootstrap(files=self.files, stage_two=self.stage_two))
        (self.folder / "bootstrap.json").write_bytes(raw)
        (self.folder / "bootstrap.sigs").write_bytes(bootstrap.sign(raw, self.maker.signers["targets"]))
        roots = self.folder / "metadata"
        roots.mkdir(exist_ok=True)
        for path in self.maker.metadata.glob("*.root.json"):
            (roots / path.name).write_bytes(path.read_bytes())

    def run(self, sha256: str = "") -> subprocess.CompletedProcess[str]:
        """Run stage one as install.sh does."""
        wanted = sha256 or hashlib.sha256(self.maker.first_root).hexdigest()
        words = [str(self.folder / "bootstrap.py"), str(self.folder), "--root-sha256", wanted]
        command = [sys.executable, "-I", "-S", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def unpacked(maker, tmp_path: Path, repository: Path) -> Unpacked:
    return Unpacked(maker, tmp_path / "bundle", repository)


def assert_refused(done: subprocess.CompletedProcess[str], code: str) -> None:
    assert done.returncode == 3, done
    assert PROOF not in done.stdout
    assert f"[{code}]" in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_what_was_signed_runs(unpacked):
    done = unpacked.run()
    assert (done.returncode, done.stdout) == (0, f"{PROOF} 4\n"), done.stderr


def test_a_chain_of_roots_is_walked(unpacked):
    for role in ("root", "targets", "root"):
        unpacked.maker.rotate(role)
    unpacked.sign()
    assert PROOF in unpacked.run().stdout


def test_a_root_in_the_middle_may_be_the_one_that_is_known(unpacked):
    unpacked.maker.rotate("root")
    unpacked.sign()
    assert PROOF in unpacked.run(unpacked.hash_of("metadata/2.root.json")).stdout


def test_another_root_is_unknown(unpacked):
    assert_refused(unpacked.run("0" * 64), "bundle.root_unknown")


@pytest.mark.parametrize("who", ["one of the old and the new key", "two of the old, one of which went"])
def test_a_new_root_needs_the_threshold_of_the_old_and_its_own(unpacked, who):
    gone, stays, _ = unpacked.maker.signers["root"]
    unpacked.maker.rotate("root")
    fresh = unpacked.maker.signers["root"][-1]
    unpacked.maker.root.signatures.clear()
    md.sign(unpacked.maker.root, [stays, fresh] if who.startswith("one") else [gone, stays])
    unpacked.maker.write_root()
    unpacked.sign()
    assert_refused(unpacked.run(), "bundle.signature")


def test_a_key_counts_once_under_two_names(unpacked):
    root = unpacked.maker.root
    first = unpacked.maker.signers["root"][0]
    told = json.loads(md.encode(root))
    alias = "ab" * 32
    told["signed"]["keys"][alias] = told["signed"]["keys"][first.public_key.keyid]
    told["signed"]["roles"]["root"]["keyids"].append(alias)
    changed = md.Metadata[md.Root].from_dict(json.loads(json.dumps(told)))
    changed.signatures.clear()
    changed.sign(first)
    raw = json.loads(changed.to_bytes(md._JSON))
    raw["signatures"].append({"keyid": alias, "sig": raw["signatures"][0]["sig"]})
    path = unpacked.folder / "metadata/1.root.json"
    path.write_text(json.dumps(raw), encoding="utf-8")
    assert_refused(unpacked.run(hashlib.sha256(path.read_bytes()).hexdigest()), "bundle.signature")


def test_only_the_targets_role_vouches(unpacked):
    raw = (unpacked.folder / "bootstrap.json").read_bytes()
    (unpacked.folder / "bootstrap.sigs").write_bytes(bootstrap.sign(raw, unpacked.maker.signers["timestamp"]))
    assert_refused(unpacked.run(), "bundle.signature")


@pytest.mark.parametrize("name", ["install.sh", "bootstrap.py", "wheel"])
def test_a_changed_file_is_refused(unpacked, name):
    path = unpacked.folder / (unpacked.wheel if name == "wheel" else name)
    path.write_bytes(path.read_bytes() + b"\n")
    assert_refused(unpacked.run(), "bundle.tampered")


def test_a_changed_list_is_refused(unpacked):
    unpacked.stage_two = {}
    raw = bootstrap.encode(bootstrap.Bootstrap(files=unpacked.files, stage_two={}))
    (unpacked.folder / "bootstrap.json").write_bytes(raw)
    assert_refused(unpacked.run(), "bundle.signature")


@pytest.mark.parametrize("name", ["../elsewhere.whl", "targets/x.whl", "/tmp/x.whl", f"targets/{'a' * 64}.x.sh"])
def test_names_that_are_no_wheels_are_refused_even_if_signed(unpacked, name):
    unpacked.stage_two = {name: "0" * 64}
    unpacked.sign()
    assert_refused(unpacked.run(), "bundle.malformed")


def _link(path: Path) -> None:
    other = path.with_name("elsewhere")
    path.rename(other)
    path.symlink_to(other)


@pytest.mark.parametrize("name", ["wheel", "metadata/1.root.json", "bootstrap.json", "bootstrap.sigs", "install.sh"])
@pytest.mark.parametrize("spoil", [_link, Path.unlink], ids=["link", "gone"])
def test_links_and_gaps_are_refused(unpacked, name: str, spoil: Callable[[Path], None]):
    spoil(unpacked.folder / (unpacked.wheel if name == "wheel" else name))
    done = unpacked.run()
    assert done.returncode == 3 and PROOF not in done.stdout and done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["bootstrap.json", "bootstrap.sigs", "metadata/1.root.json"])
@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"signed": 1}', b"[" * 100_000, b"\xff\xfe", b" " * 600_000]
)
def test_rubbish_is_refused_in_one_line(unpacked, name: str, content: bytes):
    path = unpacked.folder / name
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest() if name.startswith("metadata") else ""
    done = unpacked.run(sha256)
    assert done.returncode == 3 and PROOF not in done.stdout and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("said", ["", "abc", "g" * 64])
def test_without_a_fingerprint_nothing_is_looked_at(unpacked, said):
    words = ["--root-sha256", said] if said else []
    command = [sys.executable, "-I", "-S", str(unpacked.folder / "bootstrap.py"), str(unpacked.folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2 and PROOF not in done.stdout


def test_a_changed_root_changes_its_fingerprint(unpacked):
    path = unpacked.folder / "metadata/1.root.json"
    path.write_bytes(path.read_bytes() + b" ")
    assert_refused(unpacked.run(), "bundle.root_unknown")
