"""A process that writes a log until it is killed: a third of its intents stay open. Prints each sequence once written.

Usage: writer_process.py FOLDER
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from conftest import OpenLog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain import Outcome
from gateway.settings import AuditSettings


async def main(folder: Path) -> None:
    log = OpenLog(folder, Ed25519PrivateKey.from_private_bytes(bytes(range(32))), AuditSettings(checkpoint_records=32))
    number = 0
    while True:
        entry = log.intent(number)
        print(entry.sequence, flush=True)
        if number % 3:
            await entry.durable()
            entry.close(Outcome("done"))
        number += 1


asyncio.run(main(Path(sys.argv[1])))
