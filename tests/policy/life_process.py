"""Activates a policy and is killed at a step. Usage: life_process.py FOLDER PRESET STEP COMMAND ARGUMENT.

With the real log and the real OPA; ``STEP`` is one that :data:`gateway.policy.life.revisions.Step` names, or ``-``.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fakes"))

from policy_house import PolicyHouse

from gateway.audit.book import LogBook
from gateway.policy.client import OpaPolicy
from gateway.policy.life.activation import PolicyLife

ORIGIN = "muc/n/w0"


def main(folder: str, preset: str, at: str, command: str, argument: str = "") -> None:
    house = PolicyHouse.reopened(Path(folder), preset)

    def step(name: str) -> None:
        if name == at:
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(_live(house, step, command, argument))


async def _live(house: PolicyHouse, step: object, command: str, argument: str) -> None:
    settings = house.settings
    book = LogBook(settings.data / "audit", origin=ORIGIN, log_key=house.keyring.log_key(), settings=settings.audit)
    book.open()
    policy = OpaPolicy(settings)
    life = PolicyLife(settings, house.keyring, book, policy, step=step, clock=house.clock())  # type: ignore[arg-type]
    try:
        if command == "announce":
            await life.announce()
            await policy.start()  # what is in force is whole: OPA takes it
            await policy.push_facts([])
        elif command == "build":
            await life.build("ana")
        elif command == "rollback":
            await life.rollback("ana")
        else:
            assert (await life.activate(argument, "ana"))["in_force"]
    finally:
        await policy.stop()
        book.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
