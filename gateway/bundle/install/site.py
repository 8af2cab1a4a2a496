"""What is this site's own: configuration, keys, log, the user that runs it, and whether it answers.

A site that has a configuration keeps it: nothing here replaces a file of ``ETC`` or ``DATA``.
"""

from __future__ import annotations

import http.client
import json
import os
import pwd
import re
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway import durable
from gateway.bundle import places
from gateway.bundle.install.child import bound
from gateway.bundle.install.prefix import Prefix
from gateway.bundle.refusal import BundleRefused

READY_SECONDS = 180
UNITS = Path("/etc/systemd/system")
_COMMAND_SECONDS = 300
_INSTALLER = "installer"  # name and tenant of the key with which a version is tried
_KEY = re.compile(r"sk-sekisho-[a-z0-9]+")
_ADDRESS = re.compile(r"(?m)^\s+listen:\s*\"?([^\"\s#]+)")
_TLS = re.compile(r"(?m)^\s+tls_certificate:\s*\"?[^\"\s#]+")


@dataclass(frozen=True)
class Wishes:
    """What install.sh was told of the site. ``init`` are words passed on to ``sekisho init``."""

    etc: Path
    data: Path
    user: str
    init: tuple[str, ...] = ()
    no_start: bool = False
    role: str = "gateway"


class Site:
    """One site, seen from the installer."""

    def __init__(self, prefix: Prefix, wishes: Wishes) -> None:
        self._prefix, self._wishes = prefix, wishes
        self._config = wishes.etc / "sekisho.yaml"
        self._root = os.geteuid() == 0

    def set_up(self, version: Path) -> None:
        """Have user, folders, configuration and keys; what is there stays.

        Raises:
            BundleRefused: `sekisho init` or `useradd` said no.
        """
        self._have_user()
        for folder in (self._wishes.etc, self._wishes.data):
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        if not self._config.exists():
            words = ["init", "--dir", str(self._wishes.etc), "--data-dir", str(self._wishes.data), "--yes"]
            anchor = [] if "--anchor" in self._wishes.init else ["--anchor", "none"]
            self._sekisho(version, [*words, *self._wishes.init, *anchor], "sekisho init")
        self._give_away()

    def look(self, version: Path, *words: str) -> None:
        """Run a command of that version on this site's configuration.

        Raises:
            BundleRefused: ``bundle.unhealthy``: it did not end well.
        """
        self._sekisho(version, ["--config", str(self._config), *words], f"sekisho {words[0]}")

    def is_ready(self) -> bool:
        """Whether the server at this site's address says that it is ready."""
        try:
            return self._call("GET", "/health/ready", "", {})[0] == 200
        except OSError:
            return False

    def becomes_ready(self) -> bool:
        """Whether it does within :data:`READY_SECONDS`."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            if self.is_ready():
                return True
            time.sleep(0.25)
        return False

    def try_out(self, version: Path) -> None:
        """Doctor must find nothing that keeps it from serving, and a prompt must be answered.

        Raises:
            BundleRefused: ``bundle.unhealthy``.
        """
        self._sekisho(version, ["--config", str(self._config), "doctor"], "sekisho doctor")
        with self._served(version), self._a_key(version) as key:
            time.sleep(1.1)  # a key is known everywhere within a second
            self._ask(key)

    def serve(self) -> None:
        """Install the units and start them, where systemd runs and this is root.

        Raises:
            BundleRefused
        """
        if not (self._root and Path("/run/systemd/system").is_dir()):
            return
        self._have_user()
        self.lay_units()
        if not self._wishes.no_start and self._wishes.role == "gateway":
            _run(["systemctl", "enable", "--now", "sekisho.service"], "systemctl", {})
            _run(["systemctl", "enable", "sekisho-update.service"], "systemctl", {})  # it has work after a power cut
            _run(["systemctl", "enable", "--now", "sekisho-egress.timer"], "systemctl", {})

    def lay_units(self, folder: Path = UNITS) -> bool:
        """Have the units of the version that ``current`` leads to, filled in for this site; drop-ins stay as they are.

        Returns:
            Whether one was another; then systemd has read them again.

        Raises:
            BundleRefused: systemd could not. OSError: one cannot be written.
        """
        changed = False
        filled = {"PREFIX": self._prefix.root, "ETC": self._wishes.etc, "DATA": self._wishes.data}
        for unit in sorted((self._prefix.current / places.UNITS).glob("sekisho*")):
            text, place = unit.read_text(encoding="utf-8"), folder / unit.name
            for name, value in {**filled, "USER": self._wishes.user}.items():
                text = text.replace(f"@{name}@", str(value))
            if not place.exists() or place.read_text(encoding="utf-8") != text:
                durable.replace(place, text.encode(), mode=0o644)
                changed = True
        if changed and folder == UNITS:
            _run(["systemctl", "daemon-reload"], "systemctl", {})
        return changed

    def next_words(self) -> Iterator[str]:
        """What the person at the machine does next."""
        program = self._prefix.current / "bin/sekisho"
        yield f"Installed: {self._prefix.current} -> {os.readlink(self._prefix.current)}"
        if self._wishes.role == "engine":
            yield f"Next, with a token of the gateway: {program} node join URL --token TOKEN --address HOST:8443"
        elif self._config.exists():
            yield f"Configuration {self._config}, data {self._wishes.data}"
            yield f"Next: {program} --config {self._config} serve"

    # --- how

    @contextmanager
    def _a_key(self, version: Path) -> Iterator[str]:
        """A key for one trial. That of a trial that was killed is still alive and has the name: it goes first."""
        keys = ["--config", str(self._config), "keys"]

        def revoke_all() -> None:
            known = self._sekisho(version, [*keys, "list", "--live", "--json"], "sekisho keys list")
            for one in json.loads(known)["data"]:
                if (one["name"], one["tenant"]) == (_INSTALLER, _INSTALLER):
                    self._sekisho(version, [*keys, "revoke", one["id"]], "sekisho keys revoke")

        revoke_all()
        words = ["create", "--name", _INSTALLER, "--tenant", _INSTALLER, "--expires", "1h"]
        found = _KEY.search(self._sekisho(version, [*keys, *words], "sekisho keys create"))
        if found is None:
            raise BundleRefused("bundle.unhealthy", "No API key could be made.")
        try:
            yield found[0]
        except BaseException:
            with suppress(BundleRefused):  # what failed first is what is told
                revoke_all()
            raise
        revoke_all()

    def _have_user(self) -> None:
        if not self._root:
            return
        try:
            pwd.getpwnam(self._wishes.user)
        except KeyError:
            home = str(self._wishes.data)
            options = [
                "--system",
                "--user-group",
                "--no-create-home",
                "--home-dir",
                home,
                "--shell",
                "/usr/sbin/nologin",
            ]
            _run([shutil.which("useradd") or "/usr/sbin/useradd", *options, self._wishes.user], "useradd", {})

    def _give_away(self) -> None:
        """Configuration is read by the user that serves, data are its own."""
        if not self._root:
            return
        known = pwd.getpwnam(self._wishes.user)
        for folder in (self._wishes.etc, self._wishes.data):
            for path in (folder, *folder.rglob("*")):
                os.chown(path, known.pw_uid, known.pw_gid, follow_symlinks=False)

    @contextmanager
    def _served(self, version: Path) -> Iterator[None]:
        if self.is_ready():  # it would be asked in place of the one on trial
            raise BundleRefused("bundle.unhealthy", "Another server answers at this site's address already.")
        log = self._wishes.data / "first-start.log"
        with log.open("wb") as output:
            command = [str(version / "bin/sekisho"), "--config", str(self._config), "serve"]
            process = subprocess.Popen(  # noqa: S603  words of ours
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=_environment(), cwd="/",
                preexec_fn=bound(), **self._as_user(),  # noqa: PLW1509  no thread of ours holds a lock that it takes
            )  # fmt: skip
        try:
            self._wait_until_ready(process, log)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        log.unlink(missing_ok=True)

    def _wait_until_ready(self, process: subprocess.Popen[bytes], log: Path) -> None:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            if process.poll() is not None:
                said = (log.read_text(encoding="utf-8", errors="replace").strip() or "no word").splitlines()[-1]
                raise BundleRefused("bundle.unhealthy", f"The server ended at its first start: {said[:300]}")
            if self.is_ready():
                return
            time.sleep(0.25)
        raise BundleRefused("bundle.unhealthy", f"The server was not ready within {READY_SECONDS} s; see {log}.")

    def _ask(self, key: str) -> None:
        body = {"model": self._model(), "max_tokens": 4, "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        status, answer = self._call("POST", "/v1/chat/completions", json.dumps(body), headers)
        if status != 200 or not json.loads(answer).get("choices"):
            raise BundleRefused("bundle.unhealthy", f"The first prompt was answered with {status}.")

    def _model(self) -> str:
        found = re.search(r"(?m)^\s+model:\s*\"?([^\"\s#]+)", self._config.read_text(encoding="utf-8"))
        return found[1] if found else "smollm2-135m-instruct"

    def _call(self, method: str, path: str, body: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """One request to our own server at its own address; the certificate is not the question here."""
        text = self._config.read_text(encoding="utf-8")
        address = found[1] if (found := _ADDRESS.search(text)) else "127.0.0.1:8080"
        host, _, port = address.rpartition(":")
        host = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))  # noqa: S104  what it listens on
        if _TLS.search(text):
            unchecked = ssl._create_unverified_context()  # noqa: S323  a health check of this very machine
            calling: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, int(port), timeout=60, context=unchecked
            )
        else:
            calling = http.client.HTTPConnection(host, int(port), timeout=60)
        try:
            calling.request(method, path, body or None, headers)
            answer = calling.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as problem:
            raise OSError(type(problem).__name__) from problem
        finally:
            calling.close()

    def _sekisho(self, version: Path, words: Sequence[str], what: str) -> str:
        self._give_away()
        return _run([str(version / "bin/sekisho"), *words], what, self._as_user())

    def _as_user(self) -> dict[str, Any]:
        """As whom the program runs: the system user where this is root, else whoever this is."""
        if not self._root:
            return {}
        known = pwd.getpwnam(self._wishes.user)
        return {"user": known.pw_uid, "group": known.pw_gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}


def _run(command: Sequence[str], what: str, as_user: Mapping[str, Any]) -> str:
    try:
        done = subprocess.run(  # noqa: S603  words of ours
            command, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=_COMMAND_SECONDS, check=False, cwd="/",
            preexec_fn=bound(), **as_user,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise BundleRefused("bundle.unhealthy", f"{what} could not be run ({type(problem).__name__}).") from problem
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise BundleRefused("bundle.unhealthy", f"{what} said: {said[:300]}")
    return str(done.stdout)
