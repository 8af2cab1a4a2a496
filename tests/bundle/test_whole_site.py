"""A bundle carried to a machine: refused where it is damaged or does not fit, installed, served, removed.

The real bundle of this tree, its real ``install.sh``, a network namespace with nothing but loopback. One installation
serves all tests of its life; refusals are tried on copies that share their files (hard links) but the damaged one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]

ALONE_IN_THE_NET = ["unshare", *([] if os.geteuid() == 0 else ["-r"]), "--net", "--mount", "--pid", "--fork",
                    "--kill-child", "--mount-proc"]  # fmt: skip
NO_NET = ["unshare", *([] if os.geteuid() == 0 else ["-r"]), "--net"]
LOOPBACK = "ip link set lo up; "
LISTEN = "127.0.0.1:8391"
CLOCK = r"""
#include <sys/time.h>
#include <time.h>
time_t time(time_t *t) { if (t) *t = 1000; return 1000; }
int gettimeofday(struct timeval *v, void *z) { v->tv_sec = 1000; v->tv_usec = 0; return 0; }
static int real(clockid_t, struct timespec *);
int clock_gettime(clockid_t id, struct timespec *s) {
  if (id != CLOCK_REALTIME) return real(id, s);
  s->tv_sec = 1000; s->tv_nsec = 0; return 0;
}
#include <sys/syscall.h>
#include <unistd.h>
static int real(clockid_t id, struct timespec *s) { return syscall(SYS_clock_gettime, id, s); }
"""


@dataclass(frozen=True)
class Carried:
    """An unpacked bundle; ``tell`` is what the site was told by another way."""

    folder: Path
    root_sha256: str

    def copy(self, place: Path) -> Carried:
        """The same files under other names: a test replaces one and changes none."""
        shutil.copytree(self.folder, place, copy_function=os.link)
        return Carried(place, self.root_sha256)

    def install(
        self, prefix: Path, *words: str, before: str = "", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run install.sh in a namespace without a network; ``before``: shell to run there first."""
        given = [str(self.folder / "install.sh"), "--root-sha256", self.root_sha256, "--prefix", str(prefix), "--user",
                 "root", *words]  # fmt: skip
        script = LOOPBACK + before + 'exec "$@"'
        return subprocess.run(
            [*ALONE_IN_THE_NET, "sh", "-c", script, "sh", *given],
            capture_output=True, text=True, timeout=600, check=False, env={**os.environ, **(env or {})},
        )  # fmt: skip


@pytest.fixture(scope="module")
def barred() -> str:
    """Why no namespace can be made here; "" when it can."""
    done = subprocess.run([*ALONE_IN_THE_NET, "sh", "-c", LOOPBACK], capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""


@pytest.fixture(scope="module")
def carried(real_bundle: object, barred: str, tmp_path_factory: pytest.TempPathFactory) -> Carried:
    if barred:
        pytest.skip(f"no network namespace here: {barred}")
    folder = tmp_path_factory.mktemp("carried")
    with tarfile.open(real_bundle.file) as tar:  # type: ignore[attr-defined]
        tar.extractall(folder, filter="data")
    (top,) = folder.iterdir()
    return Carried(top, real_bundle.root_sha256)  # type: ignore[attr-defined]


def replace(path: Path, content: bytes) -> None:
    """Another file under that name; the one that other copies share is not touched."""
    path.unlink()
    path.write_bytes(content)


def flipped(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    replace(path, bytes(raw))


def one(folder: Path, pattern: str) -> Path:
    return min(folder.glob(pattern))


DAMAGES: dict[str, tuple[Callable[[Path], None], str, int]] = {
    "half copied": (lambda top: one(top, "targets/*.gguf").unlink(), "bundle.truncated", 3),
    "cut": (lambda top: replace(one(top, "targets/*.gguf"), b"cut"), "bundle.truncated", 3),
    "a bit of a part": (lambda top: flipped(one(top, "targets/*.licences.tar.gz")), "bundle.tampered", 3),
    "a bit of the first program": (lambda top: flipped(top / "bootstrap.json"), "bundle.signature", 3),
    "a bit of a wheel that runs early": (lambda top: flipped(one(top, "targets/*.tuf-*.whl")), "bundle.tampered", 3),
    "a part that nobody signed": (lambda top: (top / "targets" / "more.txt").write_text("x") and None,
                                  "bundle.tampered", 3),
    "no first program": (lambda top: (top / "bootstrap.py").unlink(), "bundle.truncated", 3),
    "no metadata": (lambda top: (top / "metadata" / "timestamp.json").unlink(), "bundle.truncated", 3),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_refused_in_one_line_and_nothing_is_there(
    carried: Carried, tmp_path: Path, damage: str
) -> None:
    harm, code, status = DAMAGES[damage]
    copy = carried.copy(tmp_path / "bundle")
    harm(copy.folder)

    done = copy.install(tmp_path / "site")

    assert (done.returncode, f"[{code}]" in done.stderr) == (status, True), done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "site").exists()


def test_another_root_is_refused(carried: Carried, tmp_path: Path) -> None:
    done = Carried(carried.folder, "0" * 64).install(tmp_path / "site")

    assert (done.returncode, "[bundle.root_unknown]" in done.stderr) == (3, True), done.stderr
    assert not (tmp_path / "site").exists()


def test_a_clock_at_1970_is_refused(carried: Carried, tmp_path: Path) -> None:
    source, library = tmp_path / "clock.c", tmp_path / "clock.so"
    source.write_text(CLOCK, encoding="ascii")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True, capture_output=True)

    done = carried.install(tmp_path / "site", env={"LD_PRELOAD": str(library)})

    assert (done.returncode, "[bundle.clock]" in done.stderr) == (5, True), done.stderr
    assert not (tmp_path / "site").exists()


def test_another_python_is_refused(carried: Carried, tmp_path: Path) -> None:
    for name in ("python3", "python3.11"):
        (tmp_path / name).write_text("#!/bin/sh\necho 3.9\n", encoding="ascii")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.defpath}"

    done = carried.install(tmp_path / "site", env={"PATH": path, "PYTHON": ""})

    assert (done.returncode, "[bundle.python]" in done.stderr) == (4, True), done.stderr


@pytest.mark.parametrize(
    ("mount", "code"),
    [
        ("mount -t tmpfs -o size=64m none {0} && ", "bundle.disk_full"),
        ("mount --bind {0} {0} && mount -o remount,ro,bind {0} && ", "bundle.permission"),
    ],
)
def test_a_machine_that_cannot_now_says_so(carried: Carried, tmp_path: Path, mount: str, code: str) -> None:
    room = tmp_path / "room"
    room.mkdir()

    done = carried.install(room / "site", before=mount.format(room))

    assert (done.returncode, f"[{code}]" in done.stderr) == (5, True), done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
    assert list(room.iterdir()) == []


def test_check_changes_nothing(carried: Carried, tmp_path: Path) -> None:
    done = carried.install(tmp_path / "site", "--check")

    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "site").exists()


# --- one installation's life


@pytest.fixture(scope="module")
def site(carried: Carried, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An installation; each test leaves it a step further in its life."""
    prefix = tmp_path_factory.mktemp("life") / "sekisho"
    done = carried.install(prefix, "--listen", LISTEN, "--site", "werk", "--jurisdiction", "DE", "--yes", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    receipt = json.loads(done.stdout)
    assert "doctor, and a first answer" in receipt["seconds"]
    yield prefix
    shutil.rmtree(prefix, ignore_errors=True)


def sekisho(prefix: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(prefix / "current/bin/sekisho"), "--config", str(prefix / "etc/sekisho.yaml"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd="/")


def test_it_is_installed_and_its_first_answers_are_in_a_log_that_verifies(site: Path) -> None:
    status = json.loads(sekisho(site, "bundle", "status", "--json").stdout)
    verified = sekisho(site, "audit", "verify", "--json")

    assert status["runs"] == status["versions"][0]
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert os.readlink(site / "current") == f"versions/{status['runs']}"


def test_given_again_it_changes_nothing(carried: Carried, site: Path) -> None:
    before = listing(site)

    done = carried.install(site, "--listen", LISTEN, "--site", "werk", "--jurisdiction", "DE", "--yes")

    assert (done.returncode, "is installed here already" in done.stdout) == (0, True), done.stderr
    assert listing(site) == before


def test_it_is_not_removed_while_it_serves(site: Path) -> None:
    command = [str(site / "current/bin/sekisho"), "--config", str(site / "etc/sekisho.yaml"), "serve"]
    script = LOOPBACK + 'exec "$@"'
    with (site / "serve.log").open("wb") as log:
        server = subprocess.Popen([*NO_NET, "sh", "-c", script, "sh", *command], stdout=log, stderr=log)
    try:
        wait_for(lambda: sekisho(site, "fleet", "status").returncode == 0, server)
        refused = sekisho(site, "bundle", "uninstall", "--yes")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(90)
        (site / "serve.log").unlink()

    assert refused.returncode != 0
    assert "The server runs." in refused.stderr


def test_it_is_removed_and_log_and_keys_stay(carried: Carried, site: Path) -> None:
    made = {name: held for name, held in listing(site).items() if name.startswith(("data/", "etc/"))}
    looked = sekisho(site, "bundle", "uninstall", "--check", "--json")
    assert json.loads(looked.stdout)["done"] is False
    assert {name: held for name, held in listing(site).items() if name.startswith(("data/", "etc/"))} == made

    done = sekisho(site, "bundle", "uninstall", "--yes", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["done"] is True
    assert {path.name for path in site.iterdir()} == {"etc", "data", "state"}
    assert {name: held for name, held in listing(site).items() if name.startswith(("data/", "etc/"))} == made
    assert any(name.startswith("data/audit/") for name in made)
    assert any(name.startswith("data/keys/") for name in made)


def wait_for(holds: Callable[[], bool], server: subprocess.Popen[bytes], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert server.poll() is None, "the server ended"
        assert time.monotonic() < end, "the server is not ready"
        time.sleep(0.5)


def listing(root: Path) -> dict[str, Sequence[int]]:
    """Every file with its length and the time it was written; what a look leaves in caches does not count."""
    return {
        str(path.relative_to(root)): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in root.rglob("*")
        if not path.is_dir() and "__pycache__" not in path.parts
    }
