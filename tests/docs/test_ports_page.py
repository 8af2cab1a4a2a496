"""The page of ports names every setting that is an address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec.inspect
import pytest

from gateway.settings import Settings

ADDRESSES = ("url", "address", "listen")


def addresses(kind: Any, name: str = "") -> Iterator[str]:
    """Yield settings that are an address, as ``fleet.engines[].url``."""
    if isinstance(kind, msgspec.inspect.StructType):
        for field in kind.fields:
            yield from addresses(field.type, f"{name}.{field.encode_name}" if name else field.encode_name)
    elif isinstance(kind, msgspec.inspect.UnionType):
        for one in kind.types:
            yield from addresses(one, name)
    elif isinstance(kind, msgspec.inspect.VarTupleType | msgspec.inspect.ListType):
        yield from addresses(kind.item_type, f"{name}[]")
    elif name.rpartition(".")[2] in ADDRESSES:
        yield name


NAMES = sorted(set(addresses(msgspec.inspect.type_info(Settings))))


def test_there_are_some() -> None:
    assert {"server.listen", "nodes.listen", "fleet.engines[].url", "limits.redis.url", "policy.url"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_on_the_page(repository: Path, name: str) -> None:
    assert f"`{name}`" in (repository / "docs" / "reference" / "ports.md").read_text(encoding="utf-8")
