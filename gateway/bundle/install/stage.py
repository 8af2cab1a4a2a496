"""From verified parts to a version's folder. Whatever stops it leaves no version behind, only parts in the store."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway import durable
from gateway.bundle import places, release
from gateway.bundle.install.child import bound
from gateway.bundle.install.compiling import compile_all
from gateway.bundle.install.prefix import Prefix
from gateway.bundle.install.verify import Verified, sha256_of
from gateway.bundle.refusal import BundleRefused
from gateway.bundle.release import Part
from gateway.bundle.unpack import unpack

_MOST_SECONDS = 1800
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
_PATTERNS = (
    "import sys; from pathlib import Path; from gateway.privacy.compiled import Compiler; "
    "from gateway.privacy.patterns import catalogue; from gateway.privacy.patterns.scan import Plan; "
    "from gateway.privacy.special import Lexicon; folder = Path(sys.argv[1]); "
    "compiler = Compiler(folder, prepared=folder); Plan(catalogue.RULES, (), compiler); Lexicon(compiler)"
)
Told = Callable[[str], None]
"""Hears the name of the next thing that is done."""


def keep(verified: Verified, prefix: Prefix) -> None:
    """Put every part into the store, under its hash, read again as it is copied.

    Raises:
        BundleRefused: one is neither in the bundle nor in the store, or was changed meanwhile.
    """
    prefix.store.mkdir(mode=0o755, parents=True, exist_ok=True)
    for part in verified.release.parts:
        kept = prefix.store / part.sha256
        if kept.is_file() and kept.stat().st_size == part.length and sha256_of(kept) == part.sha256:
            continue
        if part.sha256 not in verified.present:
            raise BundleRefused("bundle.base_missing", f"{part.name} is neither in this bundle nor here.")
        _copy(verified.file(part), kept, part)
    durable.sync_folder(prefix.store)


def stage(verified: Verified, prefix: Prefix, folder: str, told: Told = lambda what: None) -> Path:
    """Make ``versions/<folder>``, whole and on stable storage when this returns; its place.

    Raises:
        BundleRefused: a wheel cannot be installed, an archive leads out of its place. The folder is gone then.
    """
    version = prefix.versions / folder
    try:
        version.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        told("Python environment")
        _run([sys.executable, "-I", "-m", "venv", "--without-pip", str(version)], "The Python environment")
        told("packages")
        _install_wheels(verified, prefix, version)
        told("programs, models, documents")
        for part in verified.release.parts:
            if not part.place.startswith(f"{places.WHEELS}/"):
                _lay(part, prefix.store / part.sha256, version)
        told("patterns for this processor")
        _run(
            [str(version / "bin/python"), "-I", "-c", _PATTERNS, str(version / places.DETECTORS / "patterns")],
            "Patterns",
        )
        (version / places.SHARE / release.NAME).write_bytes(release.encode(verified.release))
        os.sync()
    except BaseException:
        shutil.rmtree(version, ignore_errors=True)
        raise
    return version


def sweep(prefix: Prefix, folder: str) -> None:
    """Remove a version, and what of the store no other version names. Never the one that runs.

    Raises:
        BundleRefused: it is the one that runs.
    """
    if prefix.current.is_symlink() and Path(os.readlink(prefix.current)).name == folder:
        raise BundleRefused("bundle.busy", f"{folder} is what runs.")
    shutil.rmtree(prefix.versions / folder, ignore_errors=True)
    named: set[str] = set()
    for path in prefix.versions.glob(f"*/{places.SHARE}/{release.NAME}"):
        named |= {part.sha256 for part in release.decode(path.read_bytes()).parts}
    for kept in prefix.store.glob("*"):
        if kept.name not in named:
            kept.unlink()


def _install_wheels(verified: Verified, prefix: Prefix, version: Path) -> None:
    house = version / ".wheels"
    house.mkdir()
    for part in verified.release.parts:
        if part.place.startswith(f"{places.WHEELS}/"):
            _link(prefix.store / part.sha256, house / Path(part.place).name)
    lock = next(prefix.store / part.sha256 for part in verified.release.of_kind("lock"))
    pip = next(house.glob("pip-*.whl"))
    options = ["--isolated", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--quiet"]
    options += [
        "--no-compile",
        "--no-index",
        "--find-links",
        str(house),
        "--require-hashes",
        "--no-deps",
        "--requirement",
        str(lock),
    ]
    _run([str(version / "bin/python"), "-I", f"{pip}/pip", "install", *options], "The packages")
    shutil.rmtree(house)
    compile_all(version / "bin/python", next(version.glob("lib/python3.*/site-packages")), _ENVIRONMENT)


def _lay(part: Part, kept: Path, version: Path) -> None:
    place = version / part.place
    if not part.unpack:
        place.parent.mkdir(parents=True, exist_ok=True)
        _link(kept, place)
        return
    place.mkdir(parents=True, exist_ok=True)
    unpack(kept, place, part.name)


def _copy(source: Path, kept: Path, part: Part) -> None:
    beside = kept.with_name(f".{part.sha256}.new")
    try:
        with source.open("rb") as reading, beside.open("wb") as writing:
            shutil.copyfileobj(reading, writing, 1 << 20)
            writing.flush()
            os.fsync(writing.fileno())
        if sha256_of(beside) != part.sha256:
            raise BundleRefused("bundle.tampered", f"{part.name} was changed while it was copied.")
        beside.chmod(0o755 if part.executable else 0o644)
        beside.replace(kept)
    finally:
        beside.unlink(missing_ok=True)


def _link(kept: Path, place: Path) -> None:
    try:
        os.link(kept, place)
    except OSError:  # another file system, or one without links
        shutil.copy2(kept, place)


def _run(command: Sequence[str], what: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603  words of ours
            command,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_MOST_SECONDS,
            check=False,
            preexec_fn=bound(),
        )
    except subprocess.TimeoutExpired:
        raise BundleRefused("bundle.busy", f"{what} took over {_MOST_SECONDS} s.", "Try again later.") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise BundleRefused("bundle.malformed", f"{what} could not be installed: {said[:200]}")
