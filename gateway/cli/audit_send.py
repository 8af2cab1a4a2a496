"""``sekisho audit export --to tls://HOST:PORT``: an export in syslog's form, sent to a receiver over TLS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.cli.session import USED_WRONGLY, Session
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.anchor.syslog import SyslogLink
    from gateway.audit.export.sending import Parcel

FORM = "syslog"


@dataclass(frozen=True)
class Receiver:
    """Where to send. ``ca`` is the authority that its certificate must be by; else the system's."""

    to: str
    ca: Path | None
    server_name: str

    def check(self, form: str) -> None:
        """Raises SetupError where it cannot be sent to."""
        address = urlsplit(self.to)
        if address.scheme != "tls" or not address.netloc or address.path.strip("/"):
            mend = "Give --to tls://HOST:PORT, such as tls://siem.example:6514. Nothing is sent in the open."
            raise SetupError(f"{self.to!r} is no receiver.", mend, exit_code=USED_WRONGLY)
        if form != FORM:
            raise SetupError("Only syslog can be sent.", f"Give --format {FORM} with --to.", exit_code=USED_WRONGLY)
        self.link()

    def link(self) -> SyslogLink:
        """Return a connection that is not open yet. Raises SetupError."""
        from gateway.audit.anchor.door import AnchorTrouble
        from gateway.audit.anchor.syslog import SyslogLink, tls_context

        try:
            return SyslogLink(urlsplit(self.to).netloc, tls_context(self.ca), server_name=self.server_name)
        except AnchorTrouble as error:
            raise SetupError(f"{error}", error.mend, exit_code=USED_WRONGLY) from error


def send_export(session: Session, out: Path, receiver: Receiver) -> None:
    """Send a whole export, from where it stopped. Raises SetupError; OSError when the file cannot be read."""
    from gateway.audit.export.sending import send

    parcel = _parcel(out, receiver.to)
    address = urlsplit(receiver.to).netloc
    with session.output.bar(f"Sending to {address}") as progress:
        sent = send(parcel, receiver.link, progress)
    size = out.stat().st_size
    data = {"to": receiver.to, "messages": sent.messages, "unconfirmed": sent.unconfirmed, "bytes": size}
    lines = [f"Sent {sent.messages} messages to {address}."]
    if sent.unconfirmed:
        lines.append(
            f"Of {sent.unconfirmed} the receiver did not say that it has read them: it does not end TLS in order."
        )
    session.output.result(data, *lines)


def _parcel(out: Path, to: str) -> Parcel:
    """Return the file with its digest, which MUST be its manifest's."""
    from gateway.audit.export.manifest import SUFFIX, ManifestError, opened
    from gateway.audit.export.run import digest
    from gateway.audit.export.sending import Parcel

    try:
        said = opened(Path(f"{out}{SUFFIX}").read_bytes()).said
    except (OSError, ManifestError) as error:
        mend = "Use --force to export anew."
        raise SetupError(f"{out} has no manifest beside it.", mend, exit_code=USED_WRONGLY) from error
    size, sha256 = digest(out)
    if (said["format"], said["file"]["bytes"], said["file"]["sha256"]) != (FORM, size, sha256):
        raise SetupError(f"{out} is not what its manifest says.", "Use --force to export anew.")
    return Parcel(out, sha256, to)
