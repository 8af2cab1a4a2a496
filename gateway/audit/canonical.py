"""Canonical JSON (RFC 8785) for the values that records are made of. Standard library only: the verifier uses it too.

Records hold objects, arrays, strings, booleans, null and integers. Numbers are integers of at most 2^53-1: RFC 8785
3.2.2.3 writes numbers as ECMAScript does, and on these every implementation agrees. A fraction is a bug and is refused;
durations are integer microseconds. Larger integers become strings.

::

    canonical({"b": 1, "a": "é"})     # b'{"a":"\\xc3\\xa9","b":1}'
"""

from __future__ import annotations

import json
from typing import Any

LARGEST_INTEGER = 2**53 - 1


def canonical(value: Any) -> bytes:
    """Return canonical JSON of plain values.

    Raises:
        TypeError: a float, or anything else that is not a JSON value with string keys.
        UnicodeEncodeError: a lone surrogate, which has no UTF-8 form.
    """
    return json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _ordered(value: Any) -> Any:
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= LARGEST_INTEGER else str(value)
        case dict():
            if not all(isinstance(key, str) for key in value):
                raise TypeError("keys of a record are strings")
            return {key: _ordered(value[key]) for key in sorted(value, key=_utf16)}
        case list() | tuple():
            return [_ordered(item) for item in value]
    raise TypeError(f"a record holds no {type(value).__name__}")


def _utf16(key: str) -> bytes:
    """Sort key of RFC 8785 3.2.3: UTF-16 code units."""
    return key.encode("utf-16-be", "surrogatepass")
