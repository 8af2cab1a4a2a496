"""What the locks bar, tried from inside a process that took them; and the same attempts without, which succeed."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.engines import kernel, sandbox, seccomp

pytestmark = pytest.mark.real

PROBE = """
import ctypes, errno, json, os, socket, sys
from pathlib import Path
from gateway.engines import kernel, landlock, sandbox, seccomp
folder, port, lock = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
rules = [(folder / "weights", landlock.READ), (folder / "run" / "engine", landlock.SOCKETS)]
parent = os.getppid()
if lock == "all":
    sandbox.lock_in(rules)
elif lock != "none":
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
if lock == "network namespace":
    sandbox._leave_network()
if lock == "landlock":
    landlock.restrict([*sandbox.program_rules(), *rules])
if lock == "seccomp":
    seccomp.apply()

def attempt(work):
    try:
        work()
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]

def connect(family, address):
    with socket.socket(family) as s:
        s.settimeout(2)
        s.connect(address)

def bind():
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(folder / "run" / "engine" / "e.sock"))

def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)

print(json.dumps({
    "tcp": attempt(lambda: connect(socket.AF_INET, ("127.0.0.1", port))),
    "udp": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port))),
    "netlink": attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()),
    "opa": attempt(lambda: connect(socket.AF_UNIX, str(folder / "run" / "opa.sock"))),
    "abstract": attempt(lambda: connect(socket.AF_UNIX, "\\0" + folder.name)),
    "read keys": attempt(lambda: (folder / "keys" / "pepper").read_bytes()),
    "list keys": attempt(lambda: os.listdir(folder / "keys")),
    "read log": attempt(lambda: (folder / "audit" / "log").read_bytes()),
    "write log": attempt(lambda: (folder / "audit" / "log").open("ab").close()),
    "around": attempt(lambda: Path(f"/proc/self/root{folder}/keys/pepper").read_bytes()),
    "parent": attempt(lambda: Path(f"/proc/{parent}/environ").read_bytes()),
    "signal": attempt(lambda: os.kill(parent, 0)),
    "program": attempt(lambda: os.posix_spawn("/bin/true", ["true"], {})),
    "fork": attempt(fork),
    "io_uring": attempt(lambda: kernel.syscall(425, 1, ctypes.create_string_buffer(120))),
    "weights": attempt(lambda: (folder / "weights").read_bytes()),
    "own socket": attempt(bind),
}))
"""
OWN = {"weights": "done", "own socket": "done"}
ALLOWED_WITHOUT = {
    "tcp",
    "udp",
    "netlink",
    "opa",
    "abstract",
    "read keys",
    "list keys",
    "read log",
    "write log",
    "around",
}
ALLOWED_WITHOUT |= {"parent", "signal", "program", "fork", "weights", "own socket"}


@pytest.fixture
def house() -> Iterator[tuple[Path, int]]:
    """A data folder with secrets, OPA's socket beside the engine's, and something that listens on TCP."""
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    for name in ("keys/pepper", "audit/log", "weights", "run/engine/x"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("secret")
    tcp, opa, abstract = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX), None
    opa.bind(str(folder / "run" / "opa.sock"))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0{folder.name}")
    for listener in (opa, abstract):
        listener.listen()
    yield folder, tcp.getsockname()[1]
    for listener in (tcp, opa, abstract):
        listener.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def probe(house: tuple[Path, int], repository: Path) -> Callable[[str], dict[str, str]]:
    """Runs all attempts in a process with that lock; returns what came of each."""
    folder, port = house

    def run(lock: str) -> dict[str, str]:
        command = [sys.executable, "-c", PROBE, str(folder), str(port), lock]
        done = subprocess.run(command, cwd=repository, capture_output=True, check=True, timeout=60)
        result: dict[str, str] = json.loads(done.stdout)
        return result

    return run


def test_without_locks_every_attempt_succeeds(probe: Callable[[str], dict[str, str]]) -> None:
    attempts = probe("none")

    assert {name for name, result in attempts.items() if result == "done"} >= ALLOWED_WITHOUT


def test_with_all_locks_nothing_but_its_own_succeeds(probe: Callable[[str], dict[str, str]]) -> None:
    attempts = probe("all")

    assert {name: result for name, result in attempts.items() if result == "done"} == OWN


@pytest.mark.parametrize(
    ("lock", "barred"),
    [
        ("network namespace", {"tcp", "udp", "abstract"}),
        (
            "landlock",
            {"tcp", "abstract", "read keys", "list keys", "read log", "write log", "around", "parent", "signal"},
        ),
        ("seccomp", {"tcp", "udp", "netlink", "opa", "abstract", "signal", "program", "fork", "io_uring"}),
    ],
)
def test_each_lock_stands_alone(probe: Callable[[str], dict[str, str]], lock: str, barred: set[str]) -> None:
    attempts = probe(lock)

    assert {name for name in barred if attempts[name] == "done"} == set()
    assert {name: attempts[name] for name in OWN} == OWN


def test_available_locks_are_tried_and_named() -> None:
    locks = sandbox.available_locks()

    assert locks.keys() >= {"network namespace", "landlock", "seccomp", "capabilities", "core files"}
    assert all(state.startswith(("on", "off: ")) for state in locks.values())


ALL = dict.fromkeys(("network namespace", "landlock", "seccomp"), "on")


@pytest.mark.parametrize(
    ("missing", "kept"),
    [((), True), (("network namespace",), True), (("landlock",), False), (("seccomp",), False), (tuple(ALL), False)],
)
def test_promises_that_locks_keep(missing: tuple[str, ...], kept: bool) -> None:
    locks = {**ALL, **dict.fromkeys(missing, "off: Operation not permitted")}

    assert (sandbox.unmet(locks) == []) is kept


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_filter_is_well_formed(architecture: str) -> None:
    code = seccomp.program(architecture)
    steps = [code[at : at + 8] for at in range(0, len(code), 8)]
    jumps = [(at, step[2], step[3]) for at, step in enumerate(steps) if step[0] in (0x15, 0x35, 0x45)]

    assert len(code) % 8 == 0
    assert len(steps) < 4096  # BPF_MAXINSNS
    assert all(at + 1 + max(yes, no) < len(steps) for at, yes, no in jumps)
    assert steps[-1] == bytes([6, 0, 0, 0, 0, 0, 0xFF, 0x7F])  # what is not named is allowed


def test_other_machines_have_no_filter() -> None:
    with pytest.raises(KeyError):
        seccomp.program("riscv64")


def test_failing_system_call_raises_its_errno() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        kernel.syscall(446, -1, 0)  # landlock_restrict_self
