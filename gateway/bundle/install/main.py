"""The installer behind ``install.sh``: ``main([BUNDLE, ROOT, words of install.sh …])``. The order of an installation.

1. Verify all of it. 2. Does it fit, is there room? (``--check`` ends here.) 3. Store and stage. 4. Configuration
and keys. 5. Doctor, and a prompt that is answered. 6. Switch the link, then accept. What fails before
that removes what was staged; configuration and keys, once made, stay.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.bundle.install import machine, stage
from gateway.bundle.install.prefix import Accepted, Prefix
from gateway.bundle.install.site import Site, Wishes
from gateway.bundle.install.verify import Verified, verify
from gateway.bundle.refusal import BundleRefused
from gateway.bundle.repository.reference_time import latest
from gateway.bundle.update import link
from gateway.bundle.update.told import Spool, glass_used
from gateway.errors import SetupError

#: Passed on to `sekisho init`.
INIT = ("site", "jurisdiction", "language", "preset", "listen", "tls-certificate", "tls-key", "anchor")


class Teller:
    """Says what goes on: a line when a step begins, and how long it took; nothing where JSON is wanted."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent
        self._began, self._name = time.monotonic(), ""
        self.seconds: dict[str, float] = {}

    def step(self, name: str) -> None:
        """The next step begins; the one before is done."""
        self.end()
        self._began, self._name = time.monotonic(), name
        if not self._silent:
            print(f"  ..  {name}", flush=True)

    def end(self) -> None:
        if self._name:
            self.seconds[self._name] = round(time.monotonic() - self._began, 1)
            if not self._silent:
                print(f"  ok  {self._name} ({self.seconds[self._name]:.1f} s)", flush=True)
        self._name = ""

    def line(self, text: str) -> None:
        if not self._silent:
            print(text, flush=True)


Witness = Callable[[Path], datetime | None]
"""Says what time it is at least, by what the data folder of an earlier installation holds."""


def nobody(data: Path) -> None:
    """There is nothing that bears witness of the time."""


def main(arguments: Sequence[str], witness: Witness = nobody) -> int:
    """Install, or check.

    Args:
        arguments: the unpacked bundle, the file of the root that was believed, and install.sh's own words.
        witness: of the time, beside the clock and what was accepted here.

    Returns:
        0; 2 used wrongly; 3, 4, 5 as :mod:`gateway.bundle.refusal` says.
    """
    bundle, root, *words = arguments
    said = _said(words)
    teller = Teller(said.json)
    try:
        with tempfile.TemporaryDirectory(prefix="sekisho-verify-") as scratch:
            told = install(Path(bundle), Path(root).read_bytes(), said, teller, Path(scratch), witness)
    except SetupError as refused:
        print(f"install.sh: {refused}", file=sys.stderr)
        return refused.exit_code
    except OSError as problem:
        code = "bundle.disk_full" if problem.errno == 28 else "bundle.permission"
        print(f"install.sh: {BundleRefused(code, f'A file cannot be written ({problem.strerror}).')}", file=sys.stderr)
        return 5
    if said.json:
        print(json.dumps(told, indent=1))
    return 0


def install(
    bundle: Path, root: bytes, said: argparse.Namespace, teller: Teller, scratch: Path, witness: Witness = nobody
) -> dict[str, Any]:
    """Carry it out; what was done, for the receipt.

    Raises:
        BundleRefused, OSError
    """
    prefix = Prefix(Path(os.path.abspath(said.prefix)))
    teller.step("verify")
    here = machine.Machine.this()
    at = latest(here.now, prefix.accepted_at(), witness(Path(said.data)))
    glass = _glass(said.break_glass)
    verified = verify(bundle, root, scratch, trusted=prefix.trusted, at=at, has=prefix.stored(), break_glass=glass)
    teller.step("fit")
    machine.check_fit(verified.release, here)
    machine.check_libraries()
    machine.check_room(verified.release, prefix.root, prefix.stored())
    if os.geteuid() == 0 and said.user != "root":
        machine.check_python_for_all()
    teller.end()
    outcome = {"release": verified.release.version, "profile": verified.release.profile, "snapshot": verified.snapshot}
    if said.check:
        teller.line(f"Sekisho {verified.release.version} ({verified.release.profile}) is whole and fits this machine.")
        return {**outcome, "checked": True, "seconds": teller.seconds}
    before = prefix.accepted()
    if before is not None and before.release_sha256 == verified.release_sha256 and prefix.current.exists():
        teller.line(f"Sekisho {before.version} is installed here already: {prefix.current}")
        return {**outcome, "folder": before.folder, "already": True, "seconds": teller.seconds}
    folder = prefix.next_folder(verified.release.version)
    if verified.glass is not None:
        Spool.of(prefix.root).tell(glass_used(verified.glass, "install.sh"))
    _lay(verified, prefix, folder, said, teller)
    _accept(verified, prefix, folder, at)
    site = Site(prefix, _wishes(said))
    if not said.only_files:
        teller.step("service")
        site.serve()
    teller.end()
    for line in site.next_words():
        teller.line(line)
    receipt = {**outcome, "folder": folder, "installed_at": _now(), "seconds": teller.seconds}
    (prefix.root / "state" / "receipt.json").write_text(json.dumps(receipt, indent=1) + "\n", encoding="utf-8")
    return receipt


def _lay(verified: Verified, prefix: Prefix, folder: str, said: argparse.Namespace, teller: Teller) -> None:
    teller.step("store")
    old = link.current(prefix.root) if prefix.current.is_symlink() else ""
    try:
        stage.keep(verified, prefix)
        version = stage.stage(verified, prefix, folder, teller.step)
        if not said.only_files and said.role == "gateway":
            site = Site(prefix, _wishes(said))
            teller.step("configuration and keys")
            site.set_up(version)
            teller.step("doctor, and a first answer")
            site.try_out(version)
        teller.step("switch")
        link.point(prefix.root, folder)
        if said.only_files:  # an image is never updated in place: its wheels are not kept a second time
            shutil.rmtree(prefix.store)
    except BaseException:
        if not old:
            prefix.current.unlink(missing_ok=True)
        _remove(prefix, folder, first=not old)
        raise


def _remove(prefix: Prefix, folder: str, *, first: bool) -> None:
    """Leave nothing of an installation that failed."""
    stage.sweep(prefix, folder)
    if first:
        for path in (prefix.versions, prefix.store):
            shutil.rmtree(path, ignore_errors=True)
        if prefix.accepted() is None:  # else something was installed and removed here, and what it trusted counts
            shutil.rmtree(prefix.root / "state", ignore_errors=True)
        for path in (prefix.root, *prefix.root.parents):
            try:
                path.rmdir()
            except OSError:
                break


def _accept(verified: Verified, prefix: Prefix, folder: str, at: datetime) -> None:
    said = Accepted(
        version=verified.release.version,
        folder=folder,
        release_sha256=verified.release_sha256,
        snapshot=verified.snapshot,
        at=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    prefix.accept(said, verified.accepted)


def _glass(file: str | None) -> bytes | None:
    """The statement that was given, if one was. Raises BundleRefused: it cannot be read."""
    try:
        return Path(file).read_bytes() if file else None
    except OSError as problem:
        said = f"{file} cannot be read ({problem.strerror})."
        raise BundleRefused("bundle.break_glass", said, "Give the file of a break-glass statement.") from problem


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _wishes(said: argparse.Namespace) -> Wishes:
    words = []
    for name in INIT:
        value = getattr(said, name.replace("-", "_"))
        if value is not None:
            words += [f"--{name}", value]
    return Wishes(
        Path(os.path.abspath(said.etc)),
        Path(os.path.abspath(said.data)),
        said.user,
        tuple(words),
        no_start=said.no_start,
        role=said.role,
    )


def _said(words: Sequence[str]) -> argparse.Namespace:
    """What install.sh was told; where nothing was said of a folder, the place for root or for a plain user."""
    root = os.geteuid() == 0
    home = os.path.expanduser("~/.local/share/sekisho")
    parser = argparse.ArgumentParser(prog="install.sh", add_help=False)
    parser.add_argument("--root-sha256", required=True)
    parser.add_argument("--prefix", default="/opt/sekisho" if root else home)
    parser.add_argument("--role", choices=("gateway", "engine"), default="gateway")
    parser.add_argument("--user", default="sekisho")
    for name in ("check", "only-files", "no-start", "json", "yes"):
        parser.add_argument(f"--{name}", action="store_true")
    for name in ("etc", "data", "break-glass", *INIT):
        parser.add_argument(f"--{name}")
    said = parser.parse_args(words)
    own = root and said.prefix == "/opt/sekisho"
    said.etc = said.etc or ("/etc/sekisho" if own else f"{said.prefix}/etc")
    said.data = said.data or ("/var/lib/sekisho" if own else f"{said.prefix}/data")
    return said
