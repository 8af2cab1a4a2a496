"""Makes anchors out of settings."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from gateway.audit.anchor.compare import Disagreement, disagreement_of, heads_at
from gateway.audit.anchor.cosign import WitnessKey, parse_witness_key
from gateway.audit.anchor.door import Anchor, AnchorTrouble
from gateway.audit.anchor.file import NEWEST, FileAnchor, file_in
from gateway.audit.anchor.forward import RecordForwarder
from gateway.audit.anchor.node import NodeAnchor, WitnessHttp
from gateway.audit.anchor.office import Placed
from gateway.audit.anchor.syslog import SyslogAnchor, SyslogLink, tls_context
from gateway.audit.anchor.witnesses import Witness
from gateway.audit.log.note import NoteError, Verifier, parse_verifier_key
from gateway.audit.log.reader import logs
from gateway.audit.log.site import origin_of
from gateway.errors import SetupError
from gateway.settings import (
    AnchorSettings,
    FileAnchorSettings,
    NodeAnchorSettings,
    Settings,
    SyslogAnchorSettings,
)

_USED_WRONGLY = 2
_PUT_BACK = (
    "If a backup was put back: sekisho audit recover --reason …, by two. If that is done: keep that file of heads, and "
    "begin a new one."
)


def anchors_of(settings: Settings) -> list[Placed]:
    """Return the anchors that the settings name. Reads keys and certificates; connects to nothing.

    Raises:
        SetupError: an address, a key or a certificate cannot be used.
    """
    with _told():
        return [Placed(_made(each, settings), each.every_seconds) for each in settings.audit.anchors]


def witness_keys(settings: Settings) -> list[WitnessKey]:
    """Return the keys of all nodes that cosign. Raises SetupError."""
    nodes = (each for each in settings.audit.anchors if isinstance(each, NodeAnchorSettings))
    with _told():
        return [witness_key(node.key, settings.base) for node in nodes]


def heads_files(settings: Settings) -> list[Path]:
    """Return the files on other media that heads go to."""
    files = (each for each in settings.audit.anchors if isinstance(each, FileAnchorSettings))
    return [file_in(settings.base / each.path) for each in files]


def public_keys(settings: Settings) -> list[bytes]:
    """Return the log's public keys, of all its generations. Raises SetupError."""
    try:
        paths = [path for path in (settings.keys / "log.vkey", settings.keys / "log-vkeys") if path.exists()]
        lines = [line for path in paths for line in path.read_text(encoding="utf-8").split()]
        return list(dict.fromkeys(parse_verifier_key(line).public for line in lines))
    except (OSError, UnicodeDecodeError, NoteError) as error:
        raise SetupError(f"The log's public key in {settings.keys} cannot be read.", "Run: sekisho doctor") from error


def heads_on_media(settings: Settings, origin: str) -> list[Witness]:
    """Return the newest heads of a log in the files that heads go to, as far as these are there and can be read."""
    verifiers = [Verifier(origin, each) for each in public_keys(settings)]
    found: list[Witness] = []
    for path in heads_files(settings):
        with suppress(OSError):
            found += heads_at(path, verifiers, origin, newest=NEWEST)
    return found


def refuse_contradicted(settings: Settings) -> None:
    """Refuse to write a log that heads on other media contradict: one that was put back from a backup, whole.

    What cannot be reached says nothing. Raises SetupError; OSError where a log itself cannot be read.
    """
    for folder, found in contradicted(settings):
        raise SetupError(f"The audit log {folder} was {found}.", _PUT_BACK)


def contradicted(settings: Settings) -> Iterator[tuple[Path, Disagreement]]:
    """Yield the logs that heads on other media contradict, and how. Raises SetupError, OSError as above."""
    base = settings.data / "audit"
    for folder in logs(base):
        origin, _, retention_class = folder.relative_to(base).as_posix().rpartition("/")
        found = disagreement_of(folder, heads_on_media(settings, origin_of(folder, origin, retention_class)))
        if found:
            yield folder, found


def _made(wanted: AnchorSettings, settings: Settings) -> Anchor:
    base = settings.base
    if isinstance(wanted, FileAnchorSettings):
        keys = partial(public_keys, settings)
        return FileAnchor(base / wanted.path, settings.data, same_disk=wanted.same_disk, keys=keys)
    if isinstance(wanted, SyslogAnchorSettings):
        return _syslog(wanted, settings)
    if bool(wanted.url) == bool(wanted.socket):
        raise AnchorTrouble("A witness is reached by url or by socket.", "Give one of the two.")
    context = _tls(wanted, base) if wanted.url.startswith("https:") else None
    socket_path = base / wanted.socket if wanted.socket else None
    http = WitnessHttp(wanted.url, socket_path=socket_path, context=context)
    return NodeAnchor(http, witness_key(wanted.key, base))


def _syslog(wanted: SyslogAnchorSettings, settings: Settings) -> Anchor:
    context, host = _tls(wanted, settings.base), f"{settings.site.name}.{settings.site.node}"
    if not wanted.records:
        return SyslogAnchor(SyslogLink(wanted.address, context, server_name=wanted.server_name), host)
    link = SyslogLink(wanted.address, context, server_name=wanted.server_name, seals=False)
    return RecordForwarder(link, host, settings.state / "anchors", settings.zone)


def _tls(wanted: SyslogAnchorSettings | NodeAnchorSettings, base: Path) -> ssl.SSLContext:
    files: Sequence[Path | None] = [
        base / name if name else None for name in (wanted.ca, wanted.certificate, wanted.certificate_key)
    ]
    return tls_context(*files)


def witness_key(text: str, base: Path) -> WitnessKey:
    """Return a key that is given as such, or as the file that holds it. Raises AnchorTrouble."""
    try:
        return parse_witness_key(text)
    except NoteError:
        pass
    try:
        return parse_witness_key((base / text).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, NoteError) as error:
        mend = "Give the line that `sekisho audit witness create` printed, or a file that holds it."
        raise AnchorTrouble(f"{text!r} is no witness's key.", mend) from error


@contextmanager
def _told() -> Iterator[None]:
    """Tell what is wrong as an error of the installation."""
    try:
        yield
    except AnchorTrouble as trouble:
        raise SetupError(f"audit.anchors: {trouble}", trouble.mend, exit_code=_USED_WRONGLY) from trouble
