"""Puts up the cordon around a server and returns what each instrument saw.

Example::

    report = watch(Plan(["sekisho", "serve"], "http://127.0.0.1:8080", requests=[{"method": "GET", "path": "/"}]))
    assert report.sightings == []
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cordon import trace
from cordon.sighting import Sighting

HERE = Path(__file__).parent
PLANTED = {"PYTHONPATH": str(HERE / "planted"), "SEKISHO_AIRGAP_CONTROL": "phone home"}
"""Environment that puts the library that phones home into a Python program."""


class Barred(Exception):
    """The cordon cannot be put up here, so nothing is proven. `str()` names what is barred, and how it was refused."""


@dataclass(frozen=True)
class Plan:
    """What to start and what to ask.

    Requests are `{"method", "path", "body"?, "headers"?, "key"?}`, to loopback only. `key_file` is a JSON file that the
    command has written when it is ready; its field `key` goes with every request that says `"key": True`.
    """

    command: Sequence[str]
    base_url: str
    requests: Sequence[Mapping[str, Any]]
    ready_path: str = "/health/ready"
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = "/"
    key_file: str = ""
    start_seconds: float = 60.0
    linger_seconds: float = 1.0


@dataclass(frozen=True)
class Report:
    """What each instrument saw, and what the server answered."""

    traced: list[Sighting]
    packets: list[Sighting]
    names: list[Sighting]
    answers: list[dict[str, Any]]
    ready: bool
    exit_status: int | None
    started_seconds: float
    server_log: str

    @property
    def sightings(self) -> list[Sighting]:
        """All attempts to leave; a page that makes a browser fetch from elsewhere is one too."""
        pages = [Sighting("page", a["path"], url) for a in self.answers for url in a.get("beyond", ())]
        return [*self.traced, *self.packets, *self.names, *pages]


def _as_root() -> list[str]:
    """Return what makes a new namespace possible for somebody who is not root: one of users around it."""
    return [] if os.geteuid() == 0 else ["--user", "--map-root-user"]


def require() -> None:
    """Return when a cordon can be put up here.

    Raises:
        Barred: a tool is missing, or the machine does not let us have namespaces, a wire or a trace.
    """
    for tool, package in (("unshare", "util-linux"), ("ip", "iproute2"), ("strace", "strace"), ("mount", "mount")):
        if shutil.which(tool) is None:
            raise Barred(f"{tool} is not installed (apt-get install {package})")
    namespace = ["unshare", *_as_root(), "--net", "--mount", "--pid", "--fork", "--mount-proc"]
    _try("network namespaces are barred", [*namespace, "true"])
    _try("virtual Ethernet is barred", [*namespace, "ip", "link", "add", "far", "type", "veth", "peer", "name", "near"])
    _try("tracing is barred", ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "true"])


def _try(problem: str, command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Barred(f"{problem} ({said[-1] if said else f'exit status {done.returncode}'})")


def watch(plan: Plan, folder: Path, own_folders: Sequence[Path] = ()) -> Report:
    """Run the plan behind the cordon; files of the run go to `folder`, which must be empty.

    Args:
        own_folders: where Unix sockets of the server may be.

    Raises:
        Barred: the cordon could not be put up.
    """
    require()
    plan_file = folder / "plan.json"
    plan_file.write_text(json.dumps(asdict(plan)), encoding="utf-8")
    command = ["unshare", *_as_root(), "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    seconds = plan.start_seconds + plan.linger_seconds + 30 + 10 * len(plan.requests)
    done = subprocess.run(
        [*command, sys.executable, str(HERE / "outside.py"), str(plan_file)],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        raise Barred(f"the cordon did not stand (exit status {done.returncode}: {done.stderr.strip()[-300:]})")
    return _report(folder, [str(folder), *map(str, own_folders)])


def _report(folder: Path, own_folders: Sequence[str]) -> Report:
    inside, outside = (
        json.loads((folder / name).read_text(encoding="utf-8")) for name in ("inside.json", "outside.json")
    )
    with (folder / "trace.log").open(encoding="utf-8", errors="replace") as lines:
        traced = trace.read(lines, own_folders)
    return Report(
        traced=traced,
        packets=[Sighting(**seen) for seen in outside["packets"] + inside["loopback"]],
        names=[Sighting(**seen) for seen in outside["names"]],
        answers=inside["answers"],
        ready=inside["ready"],
        exit_status=inside["exit_status"],
        started_seconds=inside["started_seconds"],
        server_log=(folder / "server.log").read_text(encoding="utf-8", errors="replace"),
    )
