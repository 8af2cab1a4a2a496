"""YAML in which words stay words, for files that persons write by hand.

Only ``true`` and ``false`` are truths: ``NO`` is Norway, and no refusal. A day is a text, to be read by whoever knows
that it is one. No key stands twice: of two declarations about one project neither is silently the weaker.
"""

from __future__ import annotations

import re
from typing import Any, cast

import yaml


class Words(yaml.SafeLoader):
    """The loader; raises :class:`yaml.constructor.ConstructorError` with the line of a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if not name or name in seen:
                problem = f"`{name}` stands twice" if name else "a key is no word"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(name)
        return cast(dict[Any, Any], super().construct_mapping(node, deep))


Words.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Words.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))


def read(text: str) -> Any:
    """Return what a document says, ``None`` when it is empty. Raises yaml.YAMLError."""
    loader = Words(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def problem_of(error: yaml.YAMLError) -> tuple[int, str]:
    """Return the line that an error is about, 0 when it is not known, and what is wrong there."""
    mark = getattr(error, "problem_mark", None)
    known = isinstance(error, yaml.constructor.ConstructorError) and error.problem
    return (mark.line + 1 if mark else 0), str(known or "not valid YAML")
