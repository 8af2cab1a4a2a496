"""The locks: everything by hash, nothing by address, and each one a part of what it is used with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LOCKS = Path(__file__).resolve().parent.parent.parent / "offline-bundle" / "locks"
NAMES = tuple("bench build clients detect dev embedding go llama-cpp-python model pip providers run".split())


def requirements(name: str) -> dict[str, list[str]]:
    """The pinned requirements of a lock, each with its hashes."""
    found: dict[str, list[str]] = {}
    for line in (LOCKS / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        words = line.split("#", 1)[0].split()
        if words:
            found[words[0]] = words[1:]
    return found


def test_there_are_no_other_locks() -> None:
    assert sorted(path.stem for path in LOCKS.glob("*.txt")) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_requirement_is_one_version_with_hashes(name: str) -> None:
    wrong = [
        requirement
        for requirement, hashes in requirements(name).items()
        if not re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z0-9,_-]+\])?==[A-Za-z0-9.+!]+", requirement)
        or not hashes
        or not all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", word) for word in hashes)
    ]

    assert requirements(name)
    assert wrong == []


@pytest.mark.parametrize("path", sorted(LOCKS.rglob("*")), ids=lambda path: path.name)
def test_no_lock_names_an_address(path: Path) -> None:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""

    assert "://" not in text
    assert re.search(r"--(extra-)?index-url|--find-links|--trusted-host", text) is None


def test_dev_holds_all_of_run_in_the_same_versions() -> None:
    assert requirements("run").keys() <= requirements("dev").keys()


def test_every_module_of_opa_has_a_hash() -> None:
    module = (LOCKS / "opa" / "go.mod").read_text(encoding="utf-8")
    hashed = {tuple(line.split()[:2]) for line in (LOCKS / "opa" / "go.sum").read_text(encoding="utf-8").splitlines()}
    required = re.findall(r"^(?:require )?\t?(\S+/\S+) (v\S+)", module, re.MULTILINE)

    assert ("github.com/open-policy-agent/opa", "v1.22.2") in required
    assert [name for name in required if (name[0], f"{name[1]}/go.mod") not in hashed] == []


@pytest.mark.parametrize("lock", ["bench", "clients", "providers"])
def test_litellm_is_no_tampered_version(lock: str) -> None:
    (version,) = [name for name in requirements(lock) if name.startswith(("litellm==", "litellm["))]

    assert version.endswith("==1.106.2")  # 1.82.7, 1.82.8 and 1.107.0 carried a credential stealer
