"""An OCI image from root folders: one layer a step, the same bytes for the same folders.

umoci keeps an *unpacked image* (a folder with ``rootfs`` and its own notes); :meth:`Image.layer` writes what changed in
``rootfs`` since the last one. The archive is an OCI image layout in a ``.tar``: ``podman load``, ``docker load`` (25 or
newer) and ``skopeo copy oci-archive:`` read it. It is named by the SHA-256 of its manifest, which is what
``image@sha256:…`` means everywhere.
"""

from __future__ import annotations

import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import base
import layout
from progress import Board
from tools import Tools

_TAG = "sekisho"
_MEND = "The log says what umoci met; a full disk is the usual cause (a build takes three times the image's size)."
ENTRY = "/opt/sekisho/current/bin/sekisho"


class Image:
    """One image under way, in ``folder``; ``rootfs`` is where its files are put."""

    def __init__(self, board: Board, tools: Tools, folder: Path, epoch: int) -> None:
        self._board, self._umoci, self._epoch = board, str(tools.umoci), epoch
        self.oci, self._bundle = folder / "oci", folder / "unpacked"
        self.rootfs = self._bundle / "rootfs"
        self._created = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._run("init", "--layout", str(self.oci))
        self._run("new", "--image", self._name)
        self._run("unpack", "--image", self._name, str(self._bundle))

    def layer(self, what: str) -> None:
        """Close a layer: what was put into ``rootfs``, or changed there, since the last one."""
        base.settle(self.rootfs, self._epoch)
        with self._board.job(f"layer: {what}"):
            self._run("repack", "--refresh-bundle", *self._history(what), "--image", self._name, str(self._bundle))

    def configure(self, version: str, labels: dict[str, str]) -> None:
        """Say how it is run: as nobody in particular, from a root that may be read-only."""
        told = {
            "org.opencontainers.image.title": "Sekisho",
            "org.opencontainers.image.version": version,
            "org.opencontainers.image.licenses": "Apache-2.0",
            "org.opencontainers.image.created": self._created,
        }
        options = [f"--config.label={name}={value}" for name, value in sorted((told | labels).items())]
        self._run(
            "config",
            f"--image={self._name}",
            f"--created={self._created}",
            "--no-history",
            f"--config.user={base.NUMBER}:{base.NUMBER}",
            f"--config.entrypoint={ENTRY}",
            "--config.cmd=serve",
            "--config.workingdir=/var/lib/sekisho",
            "--config.volume=/etc/sekisho",
            "--config.volume=/var/lib/sekisho",
            "--config.exposedports=8080/tcp",
            "--config.stopsignal=SIGTERM",
            *options,
        )
        self._run("gc", "--layout", str(self.oci))

    def digest(self) -> str:
        """``sha256:…`` of the manifest."""
        index = json.loads((self.oci / "index.json").read_bytes())
        return str(index["manifests"][0]["digest"])

    def archive(self, out: Path) -> None:
        """Write the image layout as one file, members in order of their names."""
        partial = out.with_name(out.name + ".partial")
        with self._board.job(f"archive {out.name}"), tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as tar:
            for path in sorted(self.oci.rglob("*")):
                tar.add(path, path.relative_to(self.oci).as_posix(), recursive=False, filter=self._plain)
        partial.replace(out)

    @property
    def _name(self) -> str:
        return f"{self.oci}:{_TAG}"

    def _plain(self, member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime = self._epoch
        member.mode = 0o755 if member.isdir() else 0o644
        return member

    def _history(self, what: str) -> list[str]:
        return [f"--history.created={self._created}", f"--history.created_by=sekisho: {what}"]

    def _run(self, *words: str) -> None:
        self._board.run([self._umoci, *words], layout.LOGS / "umoci.log", _MEND)
