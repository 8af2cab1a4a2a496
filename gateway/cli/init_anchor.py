"""The one way out of the machine that ``sekisho init`` sets up for the log's heads: ``--anchor``.

::

    file:/mnt/heads/berlin.heads          a file on other media; ",same_disk=true" allows the log's own disk
    syslog:siem.example:6514,ca=ca.pem    a collector, by syslog over TLS
    node:https://w1.example:8090,key=FILE a second node that cosigns; ",ca=…"; or node:/run/w1.sock,key=FILE
    none                                  nobody sees the log but this machine
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.session import USED_WRONGLY
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.settings import AnchorSettings

NONE = "none"
QUESTION = """\
A log that only this machine has seen can be changed by whoever holds this machine. So its signed heads leave it:
  file:PATH                a file, or a folder for it, on another disk, a share or a stick that stays in
  syslog:HOST:PORT,ca=FILE your collector (SIEM), by syslog over TLS
  node:URL,key=FILE        a second node that cosigns: sekisho audit witness serve
  none                     not now; by hand: sekisho audit anchor --to DIR
Where do the log's heads go"""
UNANSWERED = "Say where the audit log's heads go: what only this machine has seen, its holder can change."
MEND = "Give --anchor file:PATH (on another disk), syslog:HOST:PORT,ca=FILE, node:URL,key=FILE, or none."

_FORM = re.compile(r"(file|syslog|node):([^,\s][^,]*)((?:,[a-z_]+=[^,]+)*)")
_OPTIONS = {
    "file": ("same_disk",),
    "syslog": ("ca", "server_name", "certificate", "certificate_key"),
    "node": ("key", "ca", "certificate", "certificate_key"),
}
_FILES = ("ca", "certificate", "certificate_key", "key")


def anchor_problem(text: str) -> str:
    """Return what is wrong with an answer, or an empty text. An empty answer is none yet."""
    if text in ("", NONE):
        return ""
    found = _FORM.fullmatch(text)
    if not found:
        return f"{text!r} is no anchor: file:PATH, syslog:HOST:PORT, node:URL,key=FILE or none."
    kind, _, rest = found.groups()
    options = _options(rest)
    unknown = [name for name in options if name not in _OPTIONS[kind]]
    if unknown:
        return f"An anchor of kind {kind} has no {unknown[0]}; it has {', '.join(_OPTIONS[kind])}."
    if kind == "node" and "key" not in options:
        return "A node is believed by its key: node:URL,key=FILE."
    return ""


def anchor_settings(text: str) -> dict[str, Any]:
    """Return the anchor as ``audit.anchors`` has it, with absolute files. The answer MUST have no problem."""
    found = _FORM.fullmatch(text)
    if not found:
        return {}
    kind, place, rest = found.groups()
    options: dict[str, Any] = {name: _read(name, value) for name, value in _options(rest).items()}
    if kind == "file":
        return {"kind": kind, "path": str(Path(place).absolute()), **options}
    if kind == "syslog":
        return {"kind": kind, "address": place, **options}
    at = {"socket": str(Path(place).absolute())} if place.startswith(("/", ".")) else {"url": place}
    return {"kind": kind, **at, **options}


def anchor_yaml(text: str) -> str:
    """Return the lines for ``sekisho.yaml``."""
    wanted = anchor_settings(text)
    if not wanted:
        return "audit:\n  anchors: []  # heads leave this machine by hand alone: sekisho audit anchor --to DIR\n"
    fields = ", ".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in wanted.items())
    return f"audit:\n  anchors:  # where the log's heads go; see: sekisho audit status\n    - {{{fields}}}\n"


def refuse_unusable(text: str, folder: Path) -> None:
    """Return when heads could go there: key and certificates are what they must be, the file is on another disk.

    Connects to nothing. Raises SetupError.
    """
    import msgspec

    from gateway.audit.anchor.build import anchors_of
    from gateway.audit.anchor.door import AnchorTrouble
    from gateway.audit.anchor.file import FileAnchor
    from gateway.settings import AnchorSettings, AuditSettings, Settings

    wanted = anchor_settings(text)
    if not wanted:
        return
    place = folder.absolute()
    there = next(each for each in (place, *place.parents) if each.is_dir())
    anchors = (msgspec.convert(wanted, AnchorSettings),)
    (placed,) = anchors_of(Settings(audit=AuditSettings(anchors=anchors), data_dir=str(there)))
    try:
        if isinstance(placed.anchor, FileAnchor):
            placed.anchor.refuse_same_disk()
    except (AnchorTrouble, OSError) as trouble:
        mend = "Name a file on a mounted medium, or add ,same_disk=true if something else carries it away."
        raise SetupError(f"--anchor: {trouble}", mend, exit_code=USED_WRONGLY) from trouble


def told(anchors: Sequence[AnchorSettings]) -> str:
    """Return what to say of the anchors that were set up."""
    if not anchors:
        return "The log's heads stay on this machine: nothing shows whether it was changed. See: sekisho audit anchor"
    return f"The log's heads go to {', '.join(_place(each) for each in anchors)}. See: sekisho audit status"


def _place(anchor: AnchorSettings) -> str:
    for name in ("path", "address", "url", "socket"):
        if getattr(anchor, name, ""):
            return str(getattr(anchor, name))
    return ""


def _options(rest: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in rest.split(",") if part)


def _read(name: str, value: str) -> str | bool:
    if name == "same_disk":
        return value == "true"
    is_key_itself = name == "key" and "+" in value
    return str(Path(value).absolute()) if name in _FILES and not is_key_itself else value
