"""How many keys, how many signatures, how long: ``bundle-roles.yaml``, or what holds without one.

::

    root: {keys: 3, threshold: 2, days: 365}
    targets: {keys: 1, threshold: 1, days: 180}
    snapshot: {keys: 1, threshold: 1, days: 90}
    timestamp: {keys: 1, threshold: 1, days: 90}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from gateway.errors import SetupError

NAMES = ("root", "targets", "snapshot", "timestamp")

_Count = Annotated[int, msgspec.Meta(ge=1, le=16)]


class Role(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One role: how many keys it has, how many of them must sign, and for how many days a signature is good."""

    keys: _Count = 1
    threshold: _Count = 1
    days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 90


class Roles(msgspec.Struct, frozen=True):
    """All four."""

    root: Role = Role(3, 2, 365)
    targets: Role = Role(1, 1, 180)
    snapshot: Role = Role(1, 1, 90)
    timestamp: Role = Role(1, 1, 90)

    def of(self, name: str) -> Role:
        return {"root": self.root, "targets": self.targets, "snapshot": self.snapshot, "timestamp": self.timestamp}[
            name
        ]


def read(path: Path | None) -> Roles:
    """Read the file; without one, what holds by default.

    Raises:
        SetupError: names the file and the field.
    """
    if path is None:
        return Roles()
    mend = "It names root, targets, snapshot and timestamp, each with keys, threshold and days."
    try:
        said: Mapping[str, Role] = msgspec.yaml.decode(path.read_bytes(), type=dict[str, Role])
    except OSError as problem:
        raise SetupError(f"{path} cannot be read ({problem.strerror}).", mend) from None
    except (msgspec.DecodeError, msgspec.ValidationError) as problem:
        raise SetupError(f"{path}: {problem}.", mend, exit_code=2) from None
    for name, role in said.items():
        if name not in NAMES:
            raise SetupError(f"{path}: there is no role {name}.", mend, exit_code=2)
        if role.threshold > role.keys:
            raise SetupError(f"{path}: {name} has fewer keys than must sign.", "Raise keys.", exit_code=2)
    return Roles(**said)
