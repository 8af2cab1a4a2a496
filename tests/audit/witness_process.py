"""A witness in a process of its own that is killed once, after it remembered a head and before it answered.

Arguments: key file, state folder, public key of the log, Unix socket, and ``die`` or ``live``.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

from gateway.audit.anchor.cosign import parse_cosigner
from gateway.audit.anchor.witness import TrustedLog, WitnessOffice
from gateway.audit.log.note import parse_verifier_key
from gateway.http.listener import Listener
from gateway.http.witness import witness_app


def main(key: str, state: str, vkey: str, path: str, manner: str) -> None:
    die = (lambda: os.kill(os.getpid(), signal.SIGKILL)) if manner == "die" else lambda: None
    cosigner = parse_cosigner(Path(key).read_text())
    office = WitnessOffice(Path(state), cosigner, [TrustedLog(parse_verifier_key(vkey))], remembered=die)
    Path(path).unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(path)
    bound.listen()
    asyncio.run(Listener.on_socket(witness_app(office), bound).run_sockets())


main(*sys.argv[1:])
