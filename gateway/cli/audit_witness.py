"""``sekisho audit witness``: be the second node that sees the heads of other machines' logs, and cosigns them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.session import USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.anchor.cosign import Cosigner
    from gateway.audit.anchor.witness import TrustedLog, WitnessOffice
    from gateway.http.listener import Listener

app = group("witness", "Cosign the heads of other machines' logs, as a second node.")

_PATH_BYTES = 100
_MODE = 0o660

KeyFile = Annotated[Path, typer.Option("--key", metavar="FILE", help="The witness's private key.")]
State = Annotated[Path, typer.Option("--state", metavar="DIR", help="Its memory. Never restore an older copy of it.")]
Logs = Annotated[
    list[Path], typer.Option("--log", metavar="FILE", help="Public key of a site's logs, its log.vkey; more than once.")
]
Origins = Annotated[str, typer.Option(help="Only logs of such names, such as berlin/*.")]
Listen = Annotated[str, typer.Option(help="address:port to listen on; beyond loopback only with TLS files.")]
SocketPath = Annotated[
    Path | None, typer.Option("--socket", metavar="PATH", help="A Unix socket to listen on instead.")
]
Certificate = Annotated[str, typer.Option("--tls-certificate", help="PEM file with the certificate chain.")]
CertificateKey = Annotated[str, typer.Option("--tls-key", help="PEM file with its private key.")]


@command(app, "create", examples=["sekisho audit witness create --name witness.example/w1 --key witness.key"])
def create(
    session: Session,
    key: KeyFile,
    name: Annotated[str, typer.Option(help="The witness's name: an address without https://, for people.")],
) -> None:
    """Make a witness's key, and print the public one that logs need. The file never leaves this machine."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from gateway.audit.anchor.cosign import Cosigner
    from gateway.audit.log.note import NoteError

    try:
        cosigner = Cosigner(name, Ed25519PrivateKey.generate())
        descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except NoteError as error:
        raise SetupError(
            f"{name!r} is no name: {error}.", "Give one such as w1.example.", exit_code=USED_WRONGLY
        ) from error
    except FileExistsError as error:
        raise SetupError(f"{key} exists.", "Keep it, or name another file.", exit_code=USED_WRONGLY) from error
    except OSError as error:
        raise SetupError(f"{key} cannot be written ({error.strerror}).", "Check its folder.") from error
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{cosigner.private_line()}\n")
        file.flush()
        os.fsync(file.fileno())
    line = cosigner.verifier_key()
    session.output.result({"name": name, "key": line, "file": str(key)}, line)
    session.output.note("Put that line into audit.anchors of the machines whose logs it is to see: kind: node, key: …")


@command(
    app,
    "serve",
    examples=[
        "sekisho audit witness serve --key witness.key --state memory --log berlin.vkey --listen 127.0.0.1:8090",
        "sekisho audit witness serve --key witness.key --state memory --log a.vkey --log b.vkey --socket /run/w.sock",
    ],
)
def serve(
    session: Session,
    key: KeyFile,
    state: State,
    log: Logs,
    origins: Origins = "*",
    listen: Listen = "127.0.0.1:8090",
    socket_path: SocketPath = None,
    tls_certificate: Certificate = "",
    tls_key: CertificateKey = "",
) -> None:
    """Answer until stopped. A head that does not continue what was seen gets no cosignature, ever."""
    import uvloop

    from gateway.audit.anchor.witness import WitnessOffice
    from gateway.cli.address import refuse_open_address
    from gateway.settings import ServerSettings
    from gateway.telemetry import log as logs

    server = ServerSettings(listen, tls_certificate=tls_certificate, tls_key=tls_key)
    if socket_path is None:
        refuse_open_address(server)
    cosigner, trusted = _cosigner(key), [each for path in log for each in _trusted(path, origins)]
    logs.configure()
    with closing(WitnessOffice(state, cosigner, trusted)) as office:
        uvloop.run(_live(session, office, server, socket_path))
    if socket_path is not None:
        socket_path.unlink(missing_ok=True)


@command(app, "status", examples=["sekisho audit witness status --key witness.key --state /var/lib/sekisho-witness"])
def status(session: Session, key: KeyFile, state: State) -> None:
    """Show the last head of each log that this witness cosigned. Reads its memory, also while it serves."""
    from gateway.audit.anchor.witness import remembered
    from gateway.audit.log.note import NoteError

    try:
        known = [each.checkpoint for each in remembered(state, _cosigner(key))]
    except (OSError, NoteError) as error:
        mend = "Do not start it anew: find out who changed it."
        raise SetupError(f"The memory in {state} cannot be used: {error}.", mend) from error
    data = [{"origin": each.origin, "size": each.size, "root": each.root.hex()} for each in known]
    rows = [(each.origin, str(each.size), each.root.hex()[:16]) for each in known]
    session.output.table("Cosigned", ("log", "records", "root"), rows, {"data": data}, "Nothing was cosigned yet.")


@command(
    app,
    "forget",
    examples=[
        "sekisho audit witness forget berlin/node1/w0 --key witness.key --state memory --reason 'restored, gap 1'"
    ],
)
def forget(
    session: Session,
    origin: Annotated[str, typer.Argument(help="The log, as `witness status` names it.")],
    key: KeyFile,
    state: State,
    reason: Annotated[str, typer.Option(help="Why, in one line; it is kept beside the head that was cosigned.")],
) -> None:
    """Let one log begin anew, after its house has told you why it does not continue. Stop the witness first."""
    from gateway.audit.anchor.witness import forget as forgotten
    from gateway.audit.log.note import NoteError

    if not reason.strip():
        raise SetupError("A reason is wanted.", "Give --reason.", exit_code=USED_WRONGLY)
    try:
        known = forgotten(state, origin, _cosigner(key), reason).checkpoint
    except (OSError, NoteError) as error:
        mend = "Find out who changed it."
        raise SetupError(f"The memory in {state} cannot be used: {error}.", mend) from error
    data = {"origin": origin, "size": known.size, "root": known.root.hex(), "reason": reason}
    session.output.result(
        data, f"{origin} may begin anew; that it had {known.size} records is kept in {state}/forgotten."
    )


async def _live(session: Session, office: WitnessOffice, server: Any, path: Path | None) -> None:
    from gateway.http.listener import Listener
    from gateway.http.witness import witness_app

    app = witness_app(office)
    listener: Listener = Listener.on_socket(app, _bound(path)) if path else Listener.on_address(app, server)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, setattr, listener, "should_exit", True)
    async with asyncio.TaskGroup() as serving:
        serving.create_task(listener.run_sockets())
        await listener.began()
        where = f"unix:{path}" if path else f"{'https' if server.tls_certificate else 'http'}://{server.listen}"
        session.output.result({"event": "ready", "url": where}, f"Witness at {where}. Stop it with Ctrl-C.")


def _bound(path: Path) -> socket.socket:
    """Return a Unix socket that the user's group can open too; one left by a dead process is replaced."""
    if len(str(path).encode()) >= _PATH_BYTES:
        raise SetupError(f"The socket path {path} is too long.", "Give a shorter one.", exit_code=USED_WRONGLY)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(_MODE)
    except OSError as error:
        listener.close()
        raise SetupError(f"Nothing can listen on {path}.", "Check the owner of its folder.") from error
    listener.listen(64)
    return listener


def _cosigner(path: Path) -> Cosigner:
    from gateway.audit.anchor.cosign import parse_cosigner
    from gateway.audit.log.note import NoteError

    try:
        if path.stat().st_mode & 0o077:
            raise SetupError(f"Others may read {path}.", f"Run: chmod 600 {path}")
        return parse_cosigner(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, NoteError) as error:
        raise SetupError(f"{path} holds no witness's key.", "Make one: sekisho audit witness create") from error


def _trusted(path: Path, origins: str) -> list[TrustedLog]:
    from gateway.audit.anchor.witness import TrustedLog
    from gateway.audit.log.note import NoteError, parse_verifier_key

    try:
        return [TrustedLog(parse_verifier_key(line), origins) for line in path.read_text(encoding="utf-8").split()]
    except (OSError, UnicodeDecodeError, NoteError) as error:
        mend = "Take log.vkey or log-vkeys from the keys/ of the machine whose logs it is to see."
        raise SetupError(f"{path} holds no public key of a log.", mend, exit_code=USED_WRONGLY) from error
