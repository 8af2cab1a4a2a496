"""Redis from Debian's packages, unpacked: which files of it travel, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from gateway.bundle import places
from gateway.bundle.build.items import About
from gateway.bundle.build.licences import Declared
from gateway.errors import SetupError

_LIB = "lib/x86_64-linux-gnu"

#: (file below usr/, place in an installed version, Debian's package)
REDIS = (
    ("bin/redis-server", places.REDIS, "redis-tools"),
    ("bin/redis-cli", "bin/redis-cli", "redis-tools"),
    (f"{_LIB}/libjemalloc.so.2", "lib/redis/libjemalloc.so.2", "libjemalloc2"),
    (f"{_LIB}/liblzf.so.1", "lib/redis/liblzf.so.1", "liblzf1"),
    (f"{_LIB}/libatomic.so.1", "lib/redis/libatomic.so.1", "libatomic1"),
)
_LAST_FREE = (7, 2)  # from 7.4 on Redis is RSALv2 or SSPLv1


def about(folder: Path, package: str, declared: Mapping[str, Declared]) -> About:
    """Read name, version and copyright of an unpacked package.

    Raises:
        SetupError: it is not there, or it is a Redis under another licence than BSD.
    """
    files = sorted(folder.glob(f"{package}_*.deb"))
    if not files:
        raise SetupError(f"The package {package} is not in {folder.name}.", "Run: make deps (it takes apt-get)")
    version = files[-1].name.split("_")[1].replace("%3a", ":")
    number = re.match(r"(?:\d+:)?(\d+)\.(\d+)", version)
    if package.startswith("redis") and (not number or (int(number[1]), int(number[2])) > _LAST_FREE):
        raise SetupError(f"Redis {version} is not under the BSD licence.", "Take one of at most 7.2.")
    copying = folder / "usr/share/doc" / package / "copyright"
    said = declared.get(package)
    texts = {"copyright": copying.read_bytes()} if copying.is_file() else {}
    if said and said.notice:
        texts["NOTICE"] = f"{said.notice}\n".encode()
    return About(
        name=package,
        version=version,
        licence=said.licence if said else "",
        purl=f"pkg:deb/debian/{package}@{quote(version, safe='')}?arch=amd64",
        type="application" if package.startswith("redis") else "library",
        texts=texts,
    )
