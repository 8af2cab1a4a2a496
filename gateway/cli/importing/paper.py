"""A configuration of another program, read leaf by leaf, so that what nobody took can be named.

Example::

    paper = Paper({"a": {"b": 1, "c": None}})
    paper.take("a", "b")  # 1
    [leaf.path for leaf in paper.left()]  # [] - `c` says nothing
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

Step = str | int


class Leaf(NamedTuple):
    """A field that was not taken: where it stands, written as in ``model_list[0].litellm_params.rpm``."""

    steps: tuple[Step, ...]

    @property
    def path(self) -> str:
        said = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.steps)
        return said.removeprefix(".")


class Paper:
    """A tree of mappings and lists. Leaves are scalars; what is empty or null says nothing and is no leaf."""

    def __init__(self, tree: Any) -> None:
        self._tree = tree
        self._taken: set[tuple[Step, ...]] = set()

    def at(self, *steps: Step) -> Any:
        """Return what stands there, ``None`` where nothing does; it is not taken by that."""
        found = self._tree
        for step in steps:
            if isinstance(step, int):
                found = found[step] if isinstance(found, list) and step < len(found) else None
            else:
                found = found.get(step) if isinstance(found, dict) else None
        return found

    def take(self, *steps: Step) -> Any:
        """Return what stands there, with all below it counted as taken."""
        found = self.at(*steps)
        if found is not None:
            self._taken.add(steps)
        return found

    def number(self, *steps: Step) -> float | None:
        """Take a number that is not negative; what is none of these stays where it is, to be named."""
        found = self.at(*steps)
        usable = isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found < float("inf")
        return self.take(*steps) if usable else None

    def positive(self, *steps: Step) -> float | None:
        """Take a number above 0; 0 and what is no number stay where they are, to be named."""
        return self.number(*steps) if self.at(*steps) else None

    def text(self, *steps: Step) -> str:
        """Take a text; what is none stays where it is, to be named."""
        found = self.at(*steps)
        return str(self.take(*steps)) if isinstance(found, str) else ""

    def leave(self, *steps: Step) -> None:
        """Count something as not taken after all."""
        self._taken.discard(steps)

    def length(self, *steps: Step) -> int:
        found = self.at(*steps)
        return len(found) if isinstance(found, list) else 0

    def left(self) -> Iterator[Leaf]:
        """Yield the leaves that nobody took, in their order."""
        return self._left(self._tree, ())

    def taken(self) -> int:
        """Return how many leaves were taken."""
        return sum(1 for _ in _leaves(self._tree)) - sum(1 for _ in self.left())

    def _left(self, found: Any, steps: tuple[Step, ...]) -> Iterator[Leaf]:
        if steps in self._taken:
            return
        if isinstance(found, dict):
            for name, below in found.items():
                yield from self._left(below, (*steps, str(name)))
        elif isinstance(found, list):
            for index, below in enumerate(found):
                yield from self._left(below, (*steps, index))
        elif found is not None and found != "":
            yield Leaf(steps)


def _leaves(found: Any) -> Iterator[Any]:
    if isinstance(found, dict | list):
        for below in found.values() if isinstance(found, dict) else found:
            yield from _leaves(below)
    elif found is not None and found != "":
        yield found
