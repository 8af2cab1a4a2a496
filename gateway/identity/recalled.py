"""A key that is meant without its text: what was left to be done for it is done as it, as it is then.

It travels where a request's ``authorization`` else would, as a type of its own: no header, whatever it says, is ever
one. Who is behind it is looked up when it is used, so a key that was revoked or has expired does nothing any more.
"""

from __future__ import annotations


class RecalledKey(str):
    """The id of a key. Nothing that a client wrote may become one, but by what was stored with that key."""

    __slots__ = ()
