"""An update of a real installation, killed -9 at its real steps: the old or the new version serves, never neither.

One installation for all tests here, in their order; the update carries policies alone, and still stages a whole
version, tries it and watches it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from patience import within

from gateway.audit.log.reader import logs, search
from gateway.identity.record import read_file
from tests.bundle.conftest import RealBundle

pytestmark = pytest.mark.real
_LONG_SECONDS = 600


class Site:
    """An installation without systemd, for the user who runs the tests."""

    def __init__(self, prefix: Path, policies: Path) -> None:
        self.prefix, self.policies = prefix, policies

    def command(self, *words: str) -> list[str]:
        return [f"{self.prefix}/current/bin/sekisho", "--config", f"{self.prefix}/etc/sekisho.yaml", *words]

    def run(self, *words: str) -> str:
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=_LONG_SECONDS, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def killed(self, moment: str, *words: str, after: float = 1.0, seen: Callable[[], bool] | None = None) -> None:
        """Run a command until it says that a step begins, and ``after`` seconds or until ``seen``; then kill it."""
        with subprocess.Popen(self.command(*words), stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if line.startswith(moment):
                    if seen is None:
                        time.sleep(after)
                    else:
                        assert within(120.0, seen), said
                    process.kill()
                    break
            assert process.wait() == -9, said

    @property
    def runs(self) -> str:
        return Path(os.readlink(self.prefix / "current")).name

    @property
    def versions(self) -> list[str]:
        return sorted(path.name for path in (self.prefix / "versions").iterdir())

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.run("bundle", "status", "--json")))

    def key_is_out(self) -> bool:
        """Whether the key with which a version is tried is alive."""
        keys = read_file(self.prefix / "data" / "state" / "keys.json").keys
        return any(key.wish.name == "installer" and key.is_live(datetime.now(UTC)) for key in keys)

    def processes(self) -> list[str]:
        """Command lines of what still runs out of this installation."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                line = (folder / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            found += [line] if f"{self.prefix}/" in line else []
        return found

    def serves(self) -> bool:
        """Start what `current` leads to, and see it ready."""
        with subprocess.Popen(
            self.command("serve"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as one:
            assert one.stdout is not None
            greeted = any("/v1" in line for line in one.stdout)
            one.terminate()
            one.wait(60)
            return greeted


@pytest.fixture(scope="module")
def site(real_bundle: RealBundle, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Install the whole bundle, and build policies alone on it: those that ship, with one row in another word."""
    work = Path(tmp_path_factory.mktemp("kill"))
    shutil.copytree(repository / "policies", work / "policies", ignore=shutil.ignore_patterns(".*"))
    table = work / "policies" / "presets" / "strict.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("nor an account", "nor any account"), encoding="utf-8")
    with tarfile.open(work / "policies.tar.gz", "w:gz") as tar:
        tar.add(work / "policies", ".")
    build = [str(repository / ".venv/bin/sekisho"), "bundle", "build", "--keys", str(real_bundle.maker), "--carries"]
    build += ["policies", "--base", str(real_bundle.file), "--policies", str(work / "policies.tar.gz")]
    done = subprocess.run([*build, "--out", f"{work}/policies.tar"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with tarfile.open(real_bundle.file) as tar:
        tar.extractall(work / "bundle", filter="data")
    [top] = (work / "bundle").iterdir()
    prefix = work / "px"
    words = ["--prefix", prefix, "--etc", prefix / "etc", "--data", prefix / "data", "--user", "root", "--yes"]
    words += ["--listen", "127.0.0.1:8617", "--site", "werk", "--jurisdiction", "DE", "--preset", "demo"]
    installed = subprocess.run(
        [top / "install.sh", "--root-sha256", real_bundle.root_sha256, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr
    shutil.rmtree(work / "bundle")
    yield Site(prefix, work / "policies.tar")
    shutil.rmtree(work)


@pytest.mark.parametrize("moment", ["store", "packages", "trial: a first answer"])
def test_killed_before_the_switch_the_old_one_runs_and_status_removes_the_rest(site: Site, moment: str) -> None:
    old, store = site.runs, set(os.listdir(site.prefix / "store"))
    site.killed(moment, "bundle", "update", str(site.policies), after={"store": 0.0, "packages": 2.0}.get(moment, 4.0))
    assert site.runs == old
    assert within(5.0, lambda: not site.processes()), site.processes()
    beside = site.prefix / "state" / "beside"
    scratch = Path(beside.read_text()) if moment.startswith("trial") else site.prefix / "none"
    assert scratch.exists() == moment.startswith("trial")
    assert site.status()["runs"] == old
    assert not scratch.exists()
    assert not beside.exists()
    assert (site.versions, set(os.listdir(site.prefix / "store"))) == ([old], store)
    assert site.serves()


def test_killed_while_the_new_one_is_watched_status_ends_it_although_it_is_killed_too(site: Site) -> None:
    old = site.runs
    site.killed("watch", "bundle", "update", str(site.policies), seen=site.key_is_out)
    fresh = site.runs
    assert fresh != old
    assert within(5.0, lambda: not site.processes()), site.processes()
    assert site.key_is_out()  # and has the name that the next trial's key will have
    site.killed("watch", "bundle", "status", after=3.0)
    assert within(5.0, lambda: not site.processes()), site.processes()
    said = site.status()
    assert (said["runs"], said["accepted"]["snapshot"] > 0, site.versions) == (fresh, True, [old, fresh])
    assert not site.key_is_out()
    assert site.serves()


def test_killed_while_it_goes_back_status_ends_that_too(site: Site) -> None:
    fresh = site.runs
    site.killed("watch", "bundle", "rollback", after=2.0)
    assert site.status()["runs"] != fresh
    assert fresh in site.versions
    assert site.serves()


def test_the_audit_log_has_each_of_them_once(site: Site) -> None:
    records = [record for log in logs(site.prefix / "data" / "audit") for record in search(log)]
    told = [record["type"] for record in records if record["type"].startswith("update.")]
    assert told == [*["update.interrupted"] * 3, "update.accepted", "update.rolled_back"]
    ids = [record["details"]["id"] for record in records if record["type"].startswith("update.")]
    assert len(set(ids)) == len(ids)
    assert site.status()["not_in_log"] == []


def test_the_same_bundle_is_not_taken_twice_and_the_line_says_how_it_runs_again(site: Site) -> None:
    command = site.command("bundle", "update", str(site.policies))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "bundle rollback --to 2-" in done.stderr) == (3, True)
