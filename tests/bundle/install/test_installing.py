"""``install.sh`` hears the site's log: a clock that was turned back does not make old metadata young."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from importlib.metadata import distribution
from pathlib import Path

import pytest

from gateway import installing
from gateway.bundle import places
from gateway.bundle import release as release_
from gateway.bundle.install import main as installer
from gateway.bundle.install.machine import Machine
from tests.bundle.install.test_verify import FILES, a_release


@pytest.fixture
def words(maker, tmp_path) -> list[str]:
    """What ``install.sh --check`` is started with, for a bundle that fits this machine."""
    this = Machine.this()
    glibc = f"{this.glibc[0]}.{this.glibc[1]}"
    fits = {"python": this.python, "platform": f"manylinux_{glibc.replace('.', '_')}_{this.processor}", "glibc": glibc}
    maker.release({**FILES, release_.NAME: release_.encode(a_release(FILES, **fits))})
    root = tmp_path / "first.root.json"
    root.write_bytes(maker.first_root)
    place = ["--user", "root", "--prefix", str(tmp_path / "opt"), "--data", str(tmp_path / "data")]
    return [str(maker.metadata.parent), str(root), "--root-sha256", "0" * 64, "--check", "--json", *place]


def end_of_timestamp(maker) -> datetime:
    return maker.at + timedelta(days=maker.roles.timestamp.days)


@pytest.mark.parametrize(("days", "code"), [(-1, 0), (1, 3)], ids=["within", "past its end"])
def test_what_bears_witness_of_a_later_time_than_the_clock_is_believed(words, maker, capsys, days, code):
    asked = []

    def log(data: Path) -> datetime:
        asked.append(data)
        return end_of_timestamp(maker) + timedelta(days=days)

    assert installer.main(words, log) == code
    assert ("[bundle.expired]" in capsys.readouterr().err) is bool(code)
    assert asked == [Path(words[-1])]


def test_the_newest_record_of_all_logs_is_the_witness(words, maker, monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(installing, "newest_time", lambda base: seen.append(base) or end_of_timestamp(maker))

    assert installing.main(words) == 3
    assert seen == [tmp_path / "data" / "audit"]


def test_a_log_that_cannot_be_read_refuses(words, monkeypatch, capsys):
    def broken(base: Path) -> datetime:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(installing, "newest_time", broken)

    assert installing.main(words) == 5
    assert "[bundle.permission]" in capsys.readouterr().err


def test_no_log_is_no_witness(tmp_path):
    assert installing.log_time_of(tmp_path / "audit") is None


def test_it_runs_from_the_wheels_of_stage_two_alone(tmp_path, repository):
    (tmp_path / "gateway").symlink_to(repository / "gateway")
    for name in set(places.STAGE_TWO) - {"sekisho"}:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or () if ".." not in file.parts}:
            (tmp_path / top).symlink_to(found.locate_file(top))

    run = "import sys; sys.path[:0] = [sys.argv[1]]; import gateway.installing; print(len(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", run, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr
