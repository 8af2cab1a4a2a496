"""One attempt to leave, as one instrument saw it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sighting:
    """`what` is the call or protocol, `to` an address, a name or a path; `port` is 0 where there is none."""

    instrument: str
    what: str
    to: str
    port: int = 0

    def __str__(self) -> str:
        return f"{self.instrument}: {self.what} to {self.to}" + (f" port {self.port}" if self.port else "")
