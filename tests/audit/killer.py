"""Kills a writer under load, again and again, on one log: ``killer.py FOLDER CYCLES SEED``.

Each cycle forks a writer, which recovers the log, lets eight callers write intents, waits until each is durable and
only then says so into a pipe, and closes two in three. It is killed with SIGKILL at a moment of chance; now and then
its log gets a torn tail, as a power cut leaves it: half a record, zeros, or a bundle more. Prints what was
acknowledged, as JSON: ``[[sequence, request], …]``. A test, and a longer one of the soak, compare it with the log.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
import sys
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from conftest import OpenLog  # noqa: E402
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402

from gateway.audit.log.layout import bundle_indexes, tile_path  # noqa: E402
from gateway.domain import Outcome  # noqa: E402
from gateway.settings import AuditSettings  # noqa: E402

CALLERS = 8
MOST_ACKNOWLEDGED = 150  # in one cycle
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TAILS = (b"\x05\xdc{half a record", b"\0" * 4096, b"\xff", b"")


async def write(folder: Path, cycle: int, pipe: int) -> None:
    """Write until killed. Each line of the pipe is a sequence and the number of its request."""
    log = OpenLog(folder, KEY, AuditSettings(checkpoint_records=32, checkpoint_seconds=0.05))
    numbers = itertools.count(cycle * 1_000_000)

    async def caller() -> None:
        while True:
            number = next(numbers)
            entry = log.intent(number)
            await entry.durable()
            os.write(pipe, f"{entry.sequence} {number}\n".encode())
            if number % 3:
                entry.close(Outcome("done"))

    await asyncio.gather(*(caller() for _ in range(CALLERS)))


def cycle(folder: Path, number: int, chance: random.Random) -> list[tuple[int, int]]:
    """Let a writer run, kill it, and return what it acknowledged."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        try:
            asyncio.run(write(folder, number, writer))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(writer)
    enough, lines = chance.randint(1, MOST_ACKNOWLEDGED), b""
    with open(reader, "rb", buffering=0) as told:
        while lines.count(b"\n") < enough and (more := told.read(4096)):
            lines += more
        os.kill(child, signal.SIGKILL)
        lines += told.read() or b""  # what it still said
        while more := told.read():
            lines += more
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the writer ended by itself"
    return [(int(a), int(b)) for a, b in (line.split() for line in lines.split(b"\n")[:-1])]


def tear(folder: Path, chance: random.Random) -> None:
    """Leave a torn end, in one of three."""
    log = folder / "berlin/node1/w0/default"
    indexes = bundle_indexes(log)
    if not indexes or chance.random() > 1 / 3:
        return
    index = indexes[-1] + chance.randint(0, 1)
    with (log / tile_path("entries", index)).open("ab") as file:
        file.write(chance.choice(TAILS))
    with (log / "checkpoints").open("ab") as file:
        file.write(chance.choice((b"", b"berlin/node1/w0\n9")))


def main(folder: Path, cycles: int, seed: int) -> None:
    chance, acknowledged = random.Random(seed), []
    for number in range(cycles):
        acknowledged += cycle(folder, number, chance)
        tear(folder, chance)
    print(json.dumps(acknowledged))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
