"""What an update does on a node, with the program itself: whether a version starts, and the order that is taken."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from joined_nodes import papers

from gateway.bundle import ordered
from gateway.bundle.install.prefix import Prefix
from gateway.bundle.install.site import Wishes
from gateway.bundle.refusal import BundleRefused
from gateway.bundle.update import link, node_steps
from gateway.bundle.update.node_steps import InstalledNode
from gateway.fleet.nodes import membership
from gateway.fleet.nodes.authority import gateway_role
from gateway.fleet.nodes.membership import Membership

pytestmark = pytest.mark.real


class Machine:
    """A machine that has joined, and an installation whose program is the one under test."""

    def __init__(self, folder: Path, port: int) -> None:
        self.listen, self.etc, self.data = f"127.0.0.1:{port}", folder / "etc", folder / "data"
        self.prefix = Prefix(folder / "px")
        (self.prefix.versions / "1-1.0.0" / "bin").mkdir(parents=True)
        (self.prefix.versions / "1-1.0.0" / "bin" / "sekisho").symlink_to(Path(sys.executable).with_name("sekisho"))
        link.point(self.prefix.root, "1-1.0.0")
        (self.prefix.root / "state").mkdir(exist_ok=True)
        self.etc.mkdir()
        config = {"data_dir": str(self.data), "run_dir": str(folder / "run"), "engine": {"model": "none"}}
        (self.etc / "sekisho.yaml").write_text(json.dumps(config), encoding="utf-8")
        its = papers(folder / "gateway").folder
        self.data.mkdir()
        its.rename(self.data / membership.FOLDER)
        known = Membership(
            name="gpu1", site="plant", gateway=gateway_role("plant"), url="https://127.0.0.1:1", listen=self.listen,
            address=self.listen, since=datetime.now(UTC),
        )  # fmt: skip
        membership.write(self.data / membership.FOLDER, known)

    def watch(self) -> None:
        user = Path("/proc/self").owner()
        InstalledNode(self.prefix, Wishes(self.etc, self.data, user), lambda what: None, self.listen).watch()

    def sekisho(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("sekisho")), "--config", str(self.etc / "sekisho.yaml"), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def machine(short_dir: Path, free_port: int) -> Machine:
    return Machine(short_dir, free_port)


def test_a_version_that_listens_is_healthy_and_is_ended(machine: Machine) -> None:
    machine.watch()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(machine.listen.rpartition(":")[2])), 1).close()


def test_one_that_cannot_listen_is_not_and_why_is_said(machine: Machine) -> None:
    said = r"A first start of the node ended with status [1-9]\d* before it was ready\. \[bundle\.unhealthy\]"
    with (
        socket.create_server(("127.0.0.1", int(machine.listen.rpartition(":")[2]))),
        pytest.raises(BundleRefused, match=said),
    ):
        machine.watch()


def test_one_that_never_says_so_is_not(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_steps, "_READY_SECONDS", 0)
    with pytest.raises(BundleRefused, match="was not ready within 0 s"):
        machine.watch()


def test_an_order_waits_while_the_node_serves_and_nobody_could_start_it_anew(machine: Machine) -> None:
    folder = machine.data / "bundles"
    folder.mkdir()
    given = ordered.give(folder, "0" * 64)
    words = ("bundle", "update", "--ordered", "--prefix", str(machine.prefix.root))
    config = ("--config", str(machine.etc / "sekisho.yaml"))
    serving = subprocess.Popen(
        [str(Path(sys.executable).with_name("sekisho")), *config, "node", "serve", "--json"], stdout=subprocess.PIPE
    )
    try:
        assert serving.stdout is not None
        assert serving.stdout.readline()
        said = machine.sekisho(*words)
        assert (said.returncode, "Stop it" in said.stderr) == (3, True)
        assert ordered.waits(folder) == given
    finally:
        serving.terminate()
        serving.wait(20)
        if serving.stdout is not None:
            serving.stdout.close()

    said = machine.sekisho(*words)

    assert said.returncode != 0
    found = ordered.ended(machine.prefix.root)
    assert found is not None
    assert (found.id, found.how, found.code) == (given.id, "refused", "bundle.truncated")
    assert ordered.waits(folder) is None
    assert "No update is ordered" in machine.sekisho(*words).stderr
    assert os.listdir(folder) == []
