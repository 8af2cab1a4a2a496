"""A real witness, served by the command, in a process of its own: over loopback, TLS and a Unix socket; killed too."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.anchor.cosign import parse_cosigner, parse_witness_key
from gateway.audit.anchor.door import AnchorTrouble
from gateway.audit.anchor.node import NodeAnchor, WitnessHttp
from gateway.audit.anchor.syslog import tls_context
from gateway.audit.anchor.witness import MOST_BODY_BYTES, remembered
from tests.audit.anchor_parts import Authority, TileLog, wait_for

SEKISHO = Path(sys.executable).parent / "sekisho"
PROCESS = Path(__file__).parent / "witness_process.py"
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.real


class Served:
    """A witness: its key, and where it answers."""

    def __init__(self, folder: Path, log: TileLog) -> None:
        self.folder, self.key_file, self.state = folder, folder / "witness.key", folder / "memory"
        self.vkey = folder / "log.vkey"
        self.vkey.write_text(log.signer.verifier_key())
        self.socket = folder / "w.sock"
        made = subprocess.run(
            [SEKISHO, "audit", "witness", "create", "--name", "w1.example", "--key", self.key_file],
            capture_output=True,
            text=True,
            check=True,
        )
        self.key = parse_witness_key(made.stdout)
        self.processes: list[subprocess.Popen[str]] = []

    def serve(self, *more: Any) -> dict[str, Any]:
        """Start the command; return what it says once it is ready."""
        place = ["--key", self.key_file, "--state", self.state, "--log", self.vkey]
        command = [SEKISHO, "audit", "witness", "serve", "--json", *place, *more]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.processes.append(process)
        text = ""
        while not text.endswith("}\n"):
            line = process.stdout.readline()  # type: ignore[union-attr]
            assert line, process.stderr.read()  # type: ignore[union-attr]
            text += line
        return dict(json.loads(text))

    def die(self, manner: str) -> subprocess.Popen[str]:
        command = [sys.executable, PROCESS, self.key_file, self.state, self.vkey.read_text(), self.socket, manner]
        process = subprocess.Popen(command, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
        self.processes.append(process)
        wait_for(self._answers)
        return process

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def end(self) -> list[int]:
        """End every process in order; return how they left."""
        for process in self.processes:
            process.terminate()
        codes = [process.wait(10) for process in self.processes]
        for process in self.processes:
            for pipe in (process.stdout, process.stderr):
                if pipe:
                    pipe.close()
        self.processes = []
        return codes

    def sizes(self) -> list[int]:
        cosigner = parse_cosigner(self.key_file.read_text())
        return [each.checkpoint.size for each in remembered(self.state, cosigner)]


@pytest.fixture
def log(tmp_path: Path) -> TileLog:
    return TileLog(tmp_path / "audit")


@pytest.fixture
def served(short_dir: Path, log: TileLog) -> Iterator[Served]:
    made = Served(short_dir, log)
    yield made
    made.end()


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_log_grows_under_the_eyes_of_a_witness_over_loopback(served: Served, log: TileLog, port: int) -> None:
    ready = served.serve("--listen", f"127.0.0.1:{port}")
    anchor = NodeAnchor(WitnessHttp(ready["url"]), served.key)

    found = [anchor.deliver([log.grow(count)])[0][1] for count in (1, 300, 5)]
    anchor.close()

    assert [(witness.place, witness.size) for witness in found] == [("w1.example", n) for n in (1, 301, 306)]
    assert all(witness.cosignature.startswith("— w1.example ") for witness in found)
    assert served.end() == [0]
    assert served.sizes() == [306]


def test_over_a_unix_socket_and_after_a_restart(served: Served, log: TileLog) -> None:
    served.serve("--socket", served.socket)
    anchor = NodeAnchor(WitnessHttp("", socket_path=served.socket), served.key)
    assert anchor.deliver([log.grow(3)])[0][1].size == 3
    served.end()
    assert not served.socket.exists()

    with pytest.raises(OSError, match=r"[Nn]o such file"):
        anchor.deliver([log.grow(1)])
    served.serve("--socket", served.socket)

    assert anchor.deliver([log.grow(1)])[0][1].size == 5
    anchor.close()


def test_over_tls_by_its_authority_alone(served: Served, log: TileLog, port: int, tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path / "ca"), Authority(tmp_path / "other")
    certificate, key = authority.issue()
    ready = served.serve("--listen", f"127.0.0.1:{port}", "--tls-certificate", certificate, "--tls-key", key)

    anchor = NodeAnchor(WitnessHttp(ready["url"], context=tls_context(authority.ca)), served.key)
    assert anchor.deliver([log.grow(3)])[0][1].size == 3
    anchor.close()

    with pytest.raises(OSError, match="certificate verify failed"):
        NodeAnchor(WitnessHttp(ready["url"], context=tls_context(stranger.ca)), served.key).deliver([log.grow(1)])


def test_a_rolled_back_log_is_refused_by_the_running_witness(served: Served, log: TileLog, port: int) -> None:
    ready = served.serve("--listen", f"127.0.0.1:{port}")
    anchor = NodeAnchor(WitnessHttp(ready["url"]), served.key)
    anchor.deliver([log.grow(10)])
    log.cut(6)

    with pytest.raises(AnchorTrouble) as told:
        anchor.deliver([log.grow(40, "another")])

    anchor.close()
    assert told.value.conflict
    assert served.sizes() == [10]


def test_killed_between_remembering_and_answering_it_stays_with_what_it_remembered(
    served: Served, log: TileLog
) -> None:
    process = served.die("die")
    anchor = NodeAnchor(WitnessHttp("", socket_path=served.socket), served.key)

    with pytest.raises(OSError):  # whichever way a connection breaks
        anchor.deliver([log.grow(10)])
    assert process.wait(10) == -signal.SIGKILL
    assert served.sizes() == [10]

    log.cut(7)
    served.die("live")
    with pytest.raises(AnchorTrouble) as told:
        anchor.deliver([log.grow(20, "another")])
    assert told.value.conflict
    anchor.close()


def test_killed_so_the_same_log_goes_on(served: Served, log: TileLog) -> None:
    process = served.die("die")
    anchor = NodeAnchor(WitnessHttp("", socket_path=served.socket), served.key)
    with pytest.raises(OSError):
        anchor.deliver([log.grow(10)])
    process.wait(10)

    served.die("live")

    assert anchor.deliver([log.grow(5)])[0][1].size == 15
    anchor.close()


@pytest.fixture
def ask(served: Served, port: int) -> Iterator[Callable[..., tuple[int, str]]]:
    """Ask a served witness anything; returns status and content type."""
    served.serve("--listen", f"127.0.0.1:{port}")
    connection = HTTPConnection("127.0.0.1", port, timeout=10)

    def asked(method: str, path: str, body: bytes = b"") -> tuple[int, str]:
        connection.request(method, path, body)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.headers.get("content-type", "")

    yield asked
    connection.close()


def test_it_answers_one_call_and_no_other(ask: Callable[..., tuple[int, str]], log: TileLog) -> None:
    note = log.grow(3).note
    assert ask("POST", "/add-checkpoint", b"old 2\n\n" + note) == (409, "text/x.tlog.size")
    assert ask("POST", "/add-checkpoint", b"old 0\n\n" + note)[0] == 200
    assert ask("POST", "/add-checkpoint", b"nonsense")[0] == 400
    assert ask("POST", "/add-checkpoint", b"x" * (MOST_BODY_BYTES + 1))[0] == 413
    assert ask("GET", "/add-checkpoint")[0] == 405
    assert ask("GET", "/")[0] == 404


# --- the command


def run(*arguments: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SEKISHO, "audit", "witness", *arguments], capture_output=True, text=True, check=False)


def test_a_key_is_made_once_and_for_this_user_alone(tmp_path: Path) -> None:
    key = tmp_path / "w.key"
    made = run("create", "--name", "w1.example", "--key", key)

    assert made.returncode == 0
    assert key.stat().st_mode & 0o777 == 0o600
    assert parse_cosigner(key.read_text()).verifier_key() == made.stdout.strip()
    assert run("create", "--name", "w1.example", "--key", key).returncode == 2
    assert run("create", "--name", "two words", "--key", tmp_path / "x").returncode == 2
    assert not (tmp_path / "x").exists()


def test_what_it_remembers_is_shown(served: Served, log: TileLog) -> None:
    served.serve("--socket", served.socket)
    anchor = NodeAnchor(WitnessHttp("", socket_path=served.socket), served.key)
    anchor.deliver([log.grow(3)])
    anchor.close()

    shown = run("status", "--key", served.key_file, "--state", served.state, "--json")

    assert [(each["origin"], each["size"]) for each in json.loads(shown.stdout)["data"]] == [(log.origin, 3)]


@pytest.mark.parametrize(
    ("change", "code", "why"),
    [
        ({"--key": "/nonexistent"}, 3, "no witness's key"),
        ({"--log": "/nonexistent"}, 2, "no public key of a log"),
        ({"--listen": "0.0.0.0:8090"}, 2, "no TLS"),
        ({"--listen": "8090"}, 2, "no address"),
        ({"--state": "/proc/nothing"}, 3, "cannot be used"),
    ],
)
def test_what_is_used_wrongly_is_told_in_one_line(served: Served, change: dict[str, str], code: int, why: str) -> None:
    options = {"--key": served.key_file, "--state": served.state, "--log": served.vkey, **change}
    flags = [part for option in options.items() for part in option]

    said = run("serve", *flags)

    assert (said.returncode, said.stderr.count("\n")) == (code, 1), said.stderr
    assert why in said.stderr.replace("is not address:port", "no address")


def test_a_key_that_others_may_read_is_refused(served: Served) -> None:
    served.key_file.chmod(0o644)

    said = run("serve", "--key", served.key_file, "--state", served.state, "--log", served.vkey)

    assert said.returncode == 3
    assert "chmod 600" in said.stderr
