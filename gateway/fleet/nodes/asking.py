"""What is said when a node is enrolled: by operator, node and gateway, and the lines that a node is refused with."""

from __future__ import annotations

from typing import Annotated

import msgspec

from gateway.fleet.nodes import tokens
from gateway.fleet.nodes.tokens import Country, Instant, Name

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Request = Annotated[str, msgspec.Meta(max_length=8192)]


class NewToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an operator asks for. Without a site the gateway's own is meant, with its jurisdiction."""

    name: Name
    site: Name | None = None
    jurisdiction: Country | None = None
    seconds: Annotated[int, msgspec.Meta(ge=60, le=int(tokens.LONGEST.total_seconds()))] = 3600


class Asking(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a node says when it joins or renews; ``token`` only when it joins."""

    request: Request  # PKCS #10, PEM
    address: Short  # host:port, where it will listen
    version: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[0-9A-Za-z.+-]*$")]
    time: Instant  # by its own clock
    token: Annotated[str, msgspec.Meta(max_length=256)] = ""


class Papers(msgspec.Struct, frozen=True):
    """What a node gets."""

    name: str
    site: str
    certificate: str  # PEM
    authority: str  # PEM
    gateway: str  # the role that the node has to ask of whoever calls it


class Greeting(msgspec.Struct, frozen=True):
    """What a gateway says to everybody. Counts only where the authority has the hash that a token pins."""

    authority: str  # PEM
    site: Annotated[str, msgspec.Meta(max_length=63)]


WRONG = "This gateway does not know the token. Copy it whole, or make another one: sekisho node token"
UNKNOWN = "This certificate is not one of a joined node. Let it join again: sekisho node token"
USED = (
    "This token was used already. If it was not you, remove the node that has it (sekisho node remove {name}) and make "
    "another token: sekisho node token"
)
OVER = "The time of this token is over. Make another one: sekisho node token"
TAKEN = "A node called {name} is joined already. Remove it first (sekisho node remove {name}), or take another name."
ADDRESS = (
    "The address is not host:port, or is one at which nobody can be called.",
    "Give --address, such as gpu1.plant:8443.",
)
CLOCK = "The clocks of gateway and node differ by {minutes} minutes. Set both by the site's time server, and try again."

RECORDED = frozenset(
    {
        "node.address",
        "node.certificate_request",
        "node.clock",
        "node.name_taken",
        "node.not_due",
        "node.token_expired",
        "node.token_used",
    }
)
"""Codes of refusals that have left a record of their own, ``node.refused``, when they are raised."""
