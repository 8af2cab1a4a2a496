"""What a bundle does in a bare Debian 12 and as an image, without a network: ``make image-proof``.

Three lives, each in namespaces of its own with nothing but loopback, each in a root folder and not on this machine's:
``image`` (user 10001, no right, root file system read-only), ``root`` and ``plain`` (``install.sh`` in a debootstrapped
Debian with python3, openssl and libgomp1, then a chat, then removal). What was seen goes to one JSON file::

    python tests/bundle/prove_roots.py --bundle FILE.tar --root-sha256 HEX --out docs/assets/roots.json

It needs root, and debootstrap and umoci as ``offline-bundle/containers`` does. What does not hold ends it with 1.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TREE = Path(__file__).resolve().parents[2]
CONTAINERS = TREE / "offline-bundle" / "containers"
CACHE = TREE / ".cache" / "containers"
DEBIAN = ("python3", "openssl", "libgomp1")
AT = ("127.0.0.1", 8080)
APART = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child")
PREFIX = {"root": "/opt/sekisho", "plain": "/home/plain/.local/share/sekisho"}
CONFIG = {"root": "/etc/sekisho/sekisho.yaml", "plain": PREFIX["plain"] + "/etc/sekisho.yaml"}
SERVES = {"root": "sekisho:sekisho", "plain": "10002:10002"}
DATA = {"root": "/var/lib/sekisho", "plain": PREFIX["plain"] + "/data"}


def main() -> int:
    """Prove all three lives and write what was seen."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--bundle", type=Path, required=True)
    asked.add_argument("--root-sha256", required=True)
    asked.add_argument("--out", type=Path, required=True)
    told = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="roots-") as name:
        work = Path(name)
        seen = {"schema": "sekisho.roots/1", "image": as_image(told.bundle, told.root_sha256, work)}
        with tarfile.open(told.bundle) as tar:
            tar.extractall(work / "bundle", filter="data")
        (bundle,) = (work / "bundle").iterdir()
        for who in ("root", "plain"):
            seen[who] = as_debian(who, bundle, told.root_sha256, work)
    told.out.write_text(json.dumps(seen, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(json.dumps(seen, indent=2, sort_keys=True))
    return 0


def as_image(bundle: Path, root_sha256: str, work: Path) -> dict[str, Any]:
    """Build the image, unpack it as a runtime would, start it."""
    archive, oci, unpacked = work / "image.tar", work / "oci", work / "unpacked"
    began = time.monotonic()
    run(sys.executable, CONTAINERS, "--bundle", bundle, "--root-sha256", root_sha256, "--out", archive)
    built = time.monotonic() - began
    with tarfile.open(archive) as tar:
        tar.extractall(oci, filter="data")
    umoci = shutil.which("umoci") or CACHE / "usr/bin/umoci"
    run(umoci, "unpack", "--image", f"{oci}:sekisho", unpacked)
    config = json.loads((unpacked / "config.json").read_bytes())["process"]
    return {"megabytes": round(archive.stat().st_size / 1e6), "build_seconds": round(built)} | apart(
        "image", unpacked / "rootfs", work, user=config["user"]["uid"], entry=config["args"]
    )


def as_debian(who: str, bundle: Path, root_sha256: str, work: Path) -> dict[str, Any]:
    """Install into a fresh copy of the bare Debian."""
    rootfs = work / who
    run("cp", "-a", bare_debian(), rootfs)
    return apart(who, rootfs, work, bundle=str(bundle), root_sha256=root_sha256)


def bare_debian() -> Path:
    """The bare Debian 12: fetched once, then kept in ``.cache/containers``."""
    folder = CACHE / "bare"
    if not (folder / "var/lib/dpkg/status").exists() or (folder / "debootstrap").exists():
        shutil.rmtree(folder, ignore_errors=True)
        own = CACHE / "usr/sbin/debootstrap"
        program = shutil.which("debootstrap") or own
        env = dict(os.environ) | ({"DEBOOTSTRAP_DIR": str(CACHE / "usr/share/debootstrap")} if program == own else {})
        words = ["--variant=minbase", f"--include={','.join(DEBIAN)}", "bookworm", str(folder)]
        subprocess.run([str(program), *words], check=True, env=env, stdout=subprocess.DEVNULL)
    return folder


def apart(what: str, rootfs: Path, work: Path, **told: Any) -> dict[str, Any]:
    """Run one life in namespaces of its own; what it saw."""
    seen = work / f"{what}.json"
    order = json.dumps({"what": what, "rootfs": str(rootfs), "seen": str(seen), **told})
    run(*APART, sys.executable, Path(__file__).resolve(), "--inside", order)
    return dict(json.loads(seen.read_bytes()))


# --- inside the namespaces


def inside(told: dict[str, Any]) -> None:
    """One life, in a namespace that has no network but loopback."""
    rootfs = Path(told["rootfs"])
    run("ip", "link", "set", "lo", "up")
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    assert re.findall(r"(?m)^\d+: ([\w@]+):.*state (?!DOWN)", links) == ["lo"], links
    lives: dict[str, Callable[[dict[str, Any], Path], dict[str, Any]]] = {"image": life_of_image}
    seen = lives.get(told["what"], life_of_installation)(told, rootfs)
    Path(told["seen"]).write_text(json.dumps(seen), encoding="utf-8")


def life_of_image(told: dict[str, Any], rootfs: Path) -> dict[str, Any]:
    """Init, serve, chat, log; nothing can be written but the two volumes."""
    run("mount", "--bind", rootfs, rootfs)
    run("mount", "-o", "remount,ro,bind", rootfs)
    for name in ("etc/sekisho", "var/lib/sekisho"):
        own = rootfs.parent / name.replace("/", "-")
        own.mkdir(mode=0o700)
        os.chown(own, told["user"], told["user"])
        run("mount", "--bind", own, rootfs / name)
    run("mount", "-t", "tmpfs", "-o", "mode=1777,noexec,nosuid,nodev", "tmpfs", rootfs / "tmp")
    devices(rootfs)
    user, program = f"{told['user']}:{told['user']}", told["entry"][0]
    words = ("--dir", "/etc/sekisho", "--jurisdiction", "DE", "--preset", "demo", "--anchor", "none", "--yes")
    within(rootfs, user, program, "init", *words)
    seen = served(rootfs, user, [*told["entry"]], [program])
    assert within(rootfs, "0:0", "touch", "/x", check=False).returncode != 0, "the root file system can be written"
    return {"user": told["user"], **seen}


def life_of_installation(told: dict[str, Any], rootfs: Path) -> dict[str, Any]:
    """``install.sh``, serve, chat, removal: log and keys stay."""
    who = told["what"]
    installer, prefix = ("0:0" if who == "root" else SERVES[who]), PREFIX[who]
    if who == "plain":
        (rootfs / "home/plain").mkdir(mode=0o755)
        os.chown(rootfs / "home/plain", 10002, 10002)
        within(rootfs, "0:0", "useradd", "--uid", "10002", "--home-dir", "/home/plain", "plain")
    run("mount", "--bind", told["bundle"], rootfs / "mnt")
    devices(rootfs)
    began = time.monotonic()
    given = ("--root-sha256", told["root_sha256"], "--site", "werk", "--jurisdiction", "DE", "--yes", "--json")
    receipt = json.loads(within(rootfs, installer, "sh", "/mnt/install.sh", *given).stdout)
    took = time.monotonic() - began
    program = [f"{prefix}/current/bin/sekisho", "--config", CONFIG[who]]
    seen = served(rootfs, SERVES[who], [*program, "serve"], program)
    before = kept(rootfs / DATA[who].lstrip("/"))
    within(rootfs, installer, *program, "bundle", "uninstall", "--yes")
    left = sorted(path.name for path in (rootfs / prefix.lstrip("/")).iterdir())
    assert before, "no log and no keys were made"
    assert not {"current", "versions", "store"} & set(left), left
    assert kept(rootfs / DATA[who].lstrip("/")) == before
    assert "doctor, and a first answer" in receipt["seconds"]
    return {"install_seconds": round(took), "smoke_seconds": receipt["seconds"]["doctor, and a first answer"], **seen,
            "files_of_log_and_keys_kept": len(before)}  # fmt: skip


def served(rootfs: Path, user: str, serve: list[str], program: list[str]) -> dict[str, Any]:
    """Start it, ask the small model through the API, let the log be verified, stop it."""
    key_of = re.compile(r"sk-sekisho-[A-Za-z0-9_-]+")
    log = rootfs.parent / f"{rootfs.name}.log"
    began = time.monotonic()
    with log.open("wb") as out:
        server = subprocess.Popen(["chroot", f"--userspec={user}", rootfs, *serve, "--demo-key"], stdout=out,
                                  stderr=out, env=environment(rootfs))  # fmt: skip
    try:
        until(ready, server, log)
        seconds_ready = time.monotonic() - began
        found = key_of.search(log.read_text(encoding="utf-8"))
        assert found, log.read_text(encoding="utf-8")
        answer = chat(found[0])
        seconds_answer = time.monotonic() - began
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(90)
    assert status == 0, f"the server ended with {status}"
    within(rootfs, user, *program, "audit", "verify")
    assert answer["usage"]["completion_tokens"] > 0, answer
    return {
        "start_to_ready_seconds": round(seconds_ready, 1),
        "start_to_first_answer_seconds": round(seconds_answer, 1),
        "model": answer["model"],
        "completion_tokens": answer["usage"]["completion_tokens"],
    }


def chat(key: str) -> dict[str, Any]:
    """One request to the real small model."""
    body = {"model": "smollm2", "max_tokens": 8, "messages": [{"role": "user", "content": "Say hello."}]}
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    status, raw = asked("POST", "/v1/chat/completions", json.dumps(body), headers)
    assert status == 200, raw
    return dict(json.loads(raw))


def ready() -> bool:
    """Whether ``/health/ready`` says 200."""
    try:
        return asked("GET", "/health/ready")[0] == 200
    except OSError:
        return False


def asked(method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Status and body of one request."""
    connection = http.client.HTTPConnection(*AT, timeout=120)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def until(holds: Callable[[], bool], server: subprocess.Popen[bytes], log: Path, seconds: float = 180) -> None:
    """Wait; a server that ends, or is late, is an error with its own words."""
    end = time.monotonic() + seconds
    while not holds():
        if server.poll() is not None or time.monotonic() > end:
            raise SystemExit(log.read_text(encoding="utf-8"))
        time.sleep(0.2)


def kept(data: Path) -> dict[str, int]:
    """The files of log and keys, by length."""
    files = [path for name in ("audit", "keys") for path in (data / name).rglob("*")]
    return {str(path.relative_to(data)): path.stat().st_size for path in files if path.is_file()}


def devices(rootfs: Path) -> None:
    """What every process may expect."""
    run("mount", "--rbind", "/dev", rootfs / "dev")
    run("mount", "-t", "proc", "proc", rootfs / "proc")


def environment(rootfs: Path) -> dict[str, str]:
    """Nothing of this machine's but a path and a home."""
    home = "/home/plain" if (rootfs / "home/plain").exists() else "/var/lib/sekisho"
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": home, "LANG": "C.UTF-8"}


def within(rootfs: Path, user: str, *words: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program of the root folder, as that user."""
    command = ["chroot", f"--userspec={user}", str(rootfs), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(rootfs))
    if check and done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def run(*words: object) -> None:
    """Run a program of this machine; its failure is ours."""
    subprocess.run([str(word) for word in words], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(json.loads(sys.argv[2]))
    else:
        sys.exit(main())
