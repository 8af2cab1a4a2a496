"""The settings that a program has, read from its wheel as text: names of ``settings_help.py``, defaults of its types.

The program is parsed (:mod:`ast`) and never run: a bundle that is only compared is not one that is trusted.

Example: ``{"engine.slots": "4", "site.name": "'site'", …}``.
"""

from __future__ import annotations

import ast
import io
import operator
import zipfile
from collections.abc import Callable, Mapping

_HELP, _ROOT, _SECTIONS = "gateway/settings_help.py", "gateway/settings.py", "gateway/sections.py"
_MOST_BYTES = 1 << 20
_OPERATIONS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Mult: operator.mul,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
}
Classes = Mapping[str, ast.ClassDef]


def settings_of(wheel: bytes) -> dict[str, str] | None:
    """Each setting's name and its default as Python writes it; ``None``: the wheel tells them in no form known here.

    A name whose default is not said has ``?``.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(wheel)) as opened:
            trees = [_tree(opened, name) for name in (_HELP, _ROOT, _SECTIONS)]
    except (zipfile.BadZipFile, KeyError, SyntaxError, ValueError, OSError, RecursionError):
        return None
    names = _names(trees[0])
    classes = {one.name: one for tree in trees[1:] for one in tree.body if isinstance(one, ast.ClassDef)}
    if not names or "Settings" not in classes:
        return None
    return {name: _default(name.split("."), classes) for name in names}


def _tree(opened: zipfile.ZipFile, name: str) -> ast.Module:
    if opened.getinfo(name).file_size > _MOST_BYTES:
        raise ValueError("too long")
    return ast.parse(opened.read(name))


def _names(tree: ast.Module) -> list[str]:
    for one in tree.body:
        if isinstance(one, ast.AnnAssign) and ast.unparse(one.target) == "HELP" and isinstance(one.value, ast.Dict):
            return [key.value for key in one.value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
    return []


def _default(path: list[str], classes: Classes) -> str:
    here = classes["Settings"]
    for number, name in enumerate(path):
        found = _field(here, name)
        if found is None:
            return "?"
        if number == len(path) - 1:
            return _written(found.value)
        below = _class_in(found.annotation, classes)
        if below is None:
            return "?"
        here = below
    return "?"


def _field(of: ast.ClassDef, name: str) -> ast.AnnAssign | None:
    """The field that is written as ``name`` in a file; its own name in the code may be another."""
    fields = [one for one in of.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)]
    return next((one for one in fields if _shown(one) == name), None)


def _shown(field: ast.AnnAssign) -> str:
    if isinstance(field.value, ast.Call):
        for word in field.value.keywords:
            if word.arg == "name" and isinstance(word.value, ast.Constant):
                return str(word.value.value)
    return ast.unparse(field.target)


def _class_in(annotation: ast.expr, classes: Classes) -> ast.ClassDef | None:
    for one in ast.walk(annotation):
        if isinstance(one, ast.Name) and one.id in classes:
            return classes[one.id]
    return None


def _written(value: ast.expr | None) -> str:
    if value is None:
        return "(must be said)"
    if isinstance(value, ast.Call):  # msgspec.field(default=…)
        given = [word.value for word in value.keywords if word.arg in ("default", "default_factory")]
        value = given[0] if given else value
    folded = _folded(value)
    return ast.unparse(value) if folded is None else repr(folded)


def _folded(value: ast.expr) -> object:
    """A constant, also one that is written as a product or sum; ``None``: it is none."""
    if isinstance(value, ast.Constant):
        return value.value
    if isinstance(value, ast.BinOp) and type(value.op) in _OPERATIONS:
        left, right = _folded(value.left), _folded(value.right)
        if isinstance(left, int | float) and isinstance(right, int | float):
            return _OPERATIONS[type(value.op)](left, right)
    return None
