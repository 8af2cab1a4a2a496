"""What systemd is given: units that it understands, and that an interrupted update is ended when the machine starts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.bundle import places
from gateway.bundle.install.prefix import Prefix
from gateway.bundle.install.site import Site, Wishes
from gateway.bundle.update import link

SERVICES = (
    *("sekisho.service", "sekisho-node.service"),
    *("sekisho-update.service", "sekisho-node-update.service", "sekisho-egress.service"),
)
NAMES = (*SERVICES, "sekisho-egress.timer", "sekisho-node-update.path")
ALL = {  # of every service, whoever runs it
    "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes", "ProtectKernelLogs=yes", "ProtectClock=yes", "ProtectHostname=yes",
    "RestrictRealtime=yes", "LockPersonality=yes", "SystemCallArchitectures=native", "IPAddressDeny=any",
    "IPAddressAllow=localhost", "LimitCORE=0", "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
}  # fmt: skip
SERVING = {  # of those that see prompts
    "MemorySwapMax=0", "CapabilityBoundingSet=", "AmbientCapabilities=", "RestrictSUIDSGID=yes", "RemoveIPC=yes",
    "KeyringMode=private", "ProtectProc=invisible", "SystemCallFilter=@system-service @mount", "UMask=0077",
    "SystemCallErrorNumber=EPERM", "ReadWritePaths=@DATA@", "User=@USER@",
}  # fmt: skip

EXPOSURE = {  # tenths, 0 (nothing) to 100 (all), as systemd 252 counts: the page on installing says them, too
    "sekisho.service": 27, "sekisho-node.service": 27, "sekisho-update.service": 69,
    "sekisho-node-update.service": 69, "sekisho-egress.service": 44,
}  # fmt: skip


@pytest.fixture
def filled(repository: Path, tmp_path: Path) -> Path:
    """The units as an installation fills them in, for folders and a user that there are."""
    (tmp_path / "px" / "current" / "bin").mkdir(parents=True)
    program = tmp_path / "px" / "current" / "bin" / "sekisho"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    for name in NAMES:
        text = (repository / "offline-bundle" / "installer" / "units" / name).read_text(encoding="utf-8")
        for word, value in {"PREFIX": f"{tmp_path}/px", "ETC": "/etc", "DATA": f"{tmp_path}", "USER": "daemon"}.items():
            text = text.replace(f"@{word}@", value)
        assert "@" not in text.replace("@system-service", "").replace("@mount", "")
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
@pytest.mark.parametrize("name", NAMES)
def test_systemd_finds_no_fault_in_a_unit(filled: Path, name: str) -> None:
    command = ["systemd-analyze", "verify", "--man=no", str(filled / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if name in line] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
@pytest.mark.parametrize("name", SERVICES)
def test_systemd_counts_no_more_exposure_than_the_page_says(filled: Path, repository: Path, name: str) -> None:
    page = (repository / "docs" / "how-to" / "install-a-bundle.md").read_text(encoding="utf-8")
    assert f"| `{name}` | {EXPOSURE[name] / 10} |" in page

    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", f"--threshold={EXPOSURE[name]}"]
    done = subprocess.run([*command, str(filled / name)], capture_output=True, text=True, check=False)

    assert f"Overall exposure level for {name}" in done.stdout, done.stderr
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_right_that_it_does_not_need(repository: Path, name: str) -> None:
    lines = (repository / "offline-bundle" / "installer" / "units" / name).read_text(encoding="utf-8").splitlines()
    wanted = ALL | (SERVING if name in SERVICES[:2] else set())

    assert wanted - set(lines) == set()
    assert [line for line in lines if line.startswith("IPAddressAllow=") and line != "IPAddressAllow=localhost"] == []


def test_the_unit_that_ends_an_update_runs_only_where_there_is_one(filled: Path) -> None:
    text = (filled / "sekisho-update.service").read_text(encoding="utf-8")
    assert f"ConditionPathExists={filled}/px/state/update.json" in text
    assert text.count("bundle status") == 1


def test_units_are_those_of_the_version_that_runs_and_follow_it_back(tmp_path: Path) -> None:
    prefix, folder = Prefix(tmp_path / "px"), tmp_path / "systemd"
    folder.mkdir()
    for name, said in (("1-1.0.0", "old"), ("2-1.1.0", "new")):
        units = prefix.versions / name / places.UNITS
        units.mkdir(parents=True)
        (units / "sekisho.service").write_text(
            f"# {said}\nExecStart=@PREFIX@/x @ETC@ @DATA@ @USER@\n", encoding="utf-8"
        )
    site = Site(prefix, Wishes(Path("/etc/s"), Path("/var/s"), "sekisho"))
    link.point(prefix.root, "1-1.0.0")
    assert (site.lay_units(folder), site.lay_units(folder)) == (True, False)
    link.point(prefix.root, "2-1.1.0")
    assert site.lay_units(folder)
    laid = (folder / "sekisho.service").read_text(encoding="utf-8")
    assert laid == f"# new\nExecStart={prefix.root}/x /etc/s /var/s sekisho\n"
    link.point(prefix.root, "1-1.0.0")
    assert site.lay_units(folder)
    assert (folder / "sekisho.service").read_text(encoding="utf-8").startswith("# old")
