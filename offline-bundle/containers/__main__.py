"""Make an OCI image of one bundle: ``python offline-bundle/containers --bundle FILE --root-sha256 HEX --out FILE``.

The bundle is installed into the image by its own installer, so what an image holds is what was verified. Example::

    python offline-bundle/containers --bundle sekisho-1.4.0-cpu.tar --root-sha256 9f3a… --out sekisho-oci.tar
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "deps"))

import base
import layout
import tools as tools_
from image import Image
from progress import Board, StepFailed

_INSTALL = (
    'mount --bind "$1" "$2/mnt" && mount --bind /dev "$2/dev" && mount -t proc proc "$2/proc" && '
    'exec chroot "$2" sh /mnt/install.sh --root-sha256 "$3" --prefix /opt/sekisho --only-files --yes'
)
_MEND = "The log has what the installer said; `install.sh --check` looks at a bundle without installing it."


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for."""

    bundle: Path
    root_sha256: str
    out: Path
    base: Path | None
    mirror: str


def main(arguments: Sequence[str]) -> int:
    """Make the image; print its file, size and digest.

    Returns:
        0; 3 where it could not be made.
    """
    wanted = _wanted(arguments)
    try:
        with tempfile.TemporaryDirectory(dir=wanted.out.resolve().parent, prefix=".image-") as work, Board() as board:
            digest = build(board, wanted, Path(work))
    except StepFailed as failure:
        print(failure.report(), file=sys.stderr)
        return 3
    print(f"{wanted.out}: {wanted.out.stat().st_size / 1e6:.0f} MB, {digest}")
    return 0


def build(board: Board, wanted: Wanted, work: Path) -> str:
    """Make it in ``work``; return the digest of its manifest.

    Raises:
        StepFailed
    """
    if os.geteuid() != 0:
        raise StepFailed("An image's files belong to several users.", "Run it as root, on a machine made for building.")
    tools = tools_.find(board)
    folder, release = unpack(wanted.bundle, work)
    epoch = _epoch_of(release)
    image = Image(board, tools, work, epoch)
    if wanted.base is None:
        base.make(board, tools, work / "debian", wanted.mirror)
    _copy(board, wanted.base or work / "debian", image.rootfs)
    packages = base.packages_of(image.rootfs)
    base.thin(image.rootfs)
    base.add_user(image.rootfs)
    image.layer(f"Debian {base.SUITE}, {len(packages)} packages")
    _install(board, folder, image.rootfs, wanted.root_sha256)
    image.layer(f"Sekisho {release['version']}, profile {release['profile']}")
    image.configure(release["version"], {"org.sekisho.bundle.root": wanted.root_sha256})
    image.archive(wanted.out)
    return image.digest()


def unpack(bundle: Path, work: Path) -> tuple[Path, dict[str, Any]]:
    """Unpack a bundle; its folder, and its ``release.json`` (which the installer verifies, this does not).

    Raises:
        StepFailed
    """
    into = work / "bundle"
    try:
        with tarfile.open(bundle) as tar:
            tar.extractall(into, filter="data")
        [release] = into.glob("*/targets/*.release.json")
        return release.parent.parent, json.loads(release.read_bytes())
    except (OSError, tarfile.TarError, ValueError) as problem:
        raise StepFailed(
            f"{bundle} is no bundle ({type(problem).__name__}).", "Give the file that was built."
        ) from None


def _install(board: Board, bundle: Path, rootfs: Path, root_sha256: str) -> None:
    command = ["unshare", "--mount", "--net", "sh", "-c", _INSTALL, "sh", str(bundle), str(rootfs), root_sha256]
    with board.job("install"):
        board.run(command, layout.LOGS / "container-install.log", _MEND)


def _copy(board: Board, source: Path, rootfs: Path) -> None:
    """Put a root folder into the image, owners, modes and links as they are."""
    board.run(["cp", "-a", f"{source}/.", str(rootfs)], layout.LOGS / "umoci.log", "Is the disk full?")


def _epoch_of(release: dict[str, Any]) -> int:
    return int(os.environ.get("SOURCE_DATE_EPOCH") or datetime.fromisoformat(release["built_at"]).timestamp())


def _wanted(arguments: Sequence[str]) -> Wanted:
    parser = argparse.ArgumentParser(prog="offline-bundle/containers", description="Make an OCI image of one bundle.")
    parser.add_argument("--bundle", type=Path, required=True, help="the bundle, FILE.tar")
    parser.add_argument("--root-sha256", required=True, metavar="HEX", help="as the bundle's builder printed it")
    parser.add_argument("--out", type=Path, required=True, help="where the OCI archive goes")
    parser.add_argument("--base", type=Path, metavar="DIR", help="a root folder of Debian; else one is bootstrapped")
    parser.add_argument("--mirror", default="", metavar="URL", help="of Debian; else debootstrap's own")
    return Wanted(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
