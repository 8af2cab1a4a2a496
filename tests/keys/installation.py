"""An installation of secrets, API keys and logs, all real, that a test rotates, leaves and takes up again.

::

    house = Installation(tmp_path)
    house.start()                                    # as a server does: opens the logs, carries out what was left
    house.run(house.office.rotate("log", "mia"))
    house.later(days=8)                              # the clock; overlaps end with the next `tick`
    house.tick()
    house.stop()
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from gateway.audit.catching_up import catch_up
from gateway.audit.log import reader
from gateway.audit.shelf import Shelf
from gateway.identity.keys import KeyRegister
from gateway.identity.record import NewKey
from gateway.keys.files import FileKeyring
from gateway.keys.office import RotationOffice, Step, unwatched
from gateway.keys.vault import Vault
from gateway.settings import AuditSettings, SiteSettings

SITE = SiteSettings(name="muc", node="n", jurisdiction="DE")
ORIGIN = "muc/n/w0"
T = TypeVar("T")


class Installation:
    """One data folder. ``vault`` says how secrets lie there: plain files when nothing is said."""

    def __init__(self, folder: Path, vault: Vault | None = None, step: Step = unwatched) -> None:
        self.folder, self._vault, self._step = folder, vault, step
        self.now = datetime.now(UTC).replace(microsecond=0)
        self._new_keyring().create()

    def start(self, origin: str = ORIGIN) -> None:
        self.keyring = self._new_keyring()
        self.keyring.check()
        audit = AuditSettings(checkpoint_records=4, checkpoint_seconds=0.05)
        self.book = Shelf(self.folder / "audit", origin=origin, log_key=self.keyring.log_keys(), settings=audit)
        self.register = KeyRegister(self.folder / "keys.json", self.keyring.peppers(), SITE, lambda: self.now)
        others = partial(catch_up, self.folder / "audit", settings=audit)
        self.office = RotationOffice(
            self.keyring, self.book, self.register, others=others, step=self._step, clock=lambda: self.now
        )
        self.book.open()
        self.tick()

    def stop(self) -> None:
        self.book.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def later(self, **age: float) -> None:
        self.now += timedelta(**age)

    def tick(self) -> None:
        self.run(self.office.resume())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def new_api_key(self, name: str) -> str:
        return self.register.create(NewKey(name=name, tenant="t"))[1]

    def events(self, type: str, origin: str = ORIGIN, retention_class: str = "default") -> list[dict[str, Any]]:
        """Return the details of all records of a type in one log."""
        folder = self.folder / "audit" / origin / retention_class
        return [record["details"] for record in reader.search(folder, reader.Filter(type=type))]

    def secret_files(self) -> list[str]:
        return sorted(path.name for path in self.keyring.folder.iterdir())

    def _new_keyring(self) -> FileKeyring:
        return FileKeyring(self.folder / "keys", self._vault, lambda: self.now)
