"""Try chat templates in a process of their own. A program, not a module of the gateway: it imports nothing of ours.

Reads a JSON list of templates from standard input. Says nothing and leaves with 0 when the sandbox refuses none, else
says the reason in one line and leaves with 1. Rules:

1. The environment is Jinja's immutable sandbox, as engines have it that run templates in Python, with the functions and
   tags that chat templates may use (transformers' ``apply_chat_template``).
2. A name that leads out of the sandbox is refused wherever it stands, also in a branch that no sample reaches; so is
   what takes in another file.
3. What a template says of the sample messages (that roles must alternate, that something is not defined) is its own
   affair. What it takes is not: its memory, processor time and output are bounded.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NoReturn

from jinja2 import TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

CPU_SECONDS = 3
MEMORY_BYTES = 1024 * 1024 * 1024
MOST_OUTPUT_CHARS = 4_000_000

_CALL = {"id": "c1", "type": "function", "function": {"name": "weigh", "arguments": {"part": "door"}}}
_TOOL = {
    "type": "function",
    "function": {
        "name": "weigh",
        "description": "Weighs a part.",
        "parameters": {"type": "object", "properties": {"part": {"type": "string"}}, "required": ["part"]},
    },
}
_SAMPLES: tuple[tuple[list[dict[str, Any]], list[dict[str, Any]] | None], ...] = (
    ([{"role": "user", "content": "Hello"}], None),
    ([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}], None),
    (
        [
            {"role": "user", "content": "Weigh the door."},
            {"role": "assistant", "content": "", "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "c1", "name": "weigh", "content": "31 kg"},
            {"role": "assistant", "content": "31 kg"},
            {"role": "user", "content": [{"type": "text", "text": "And the bonnet?"}]},
        ],
        [_TOOL],
    ),
)


_TAKING_IN: tuple[type[nodes.Node], ...] = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


class Refused(Exception):
    """The text says why."""


class _Saying(Exception):
    """The template raised an error of its own, about the messages."""


class _Generation(Extension):
    """``{% generation %}``: marks what the model says; without effect here."""

    tags = {"generation"}  # noqa: RUF012  as jinja2 has it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class Sandbox(ImmutableSandboxedEnvironment):
    """Rule 1. Says no at once, where Jinja would go on with an undefined value."""

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation])
        self.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False, default=str)
        self.globals["raise_exception"] = _raise
        self.globals["strftime_now"] = lambda form: datetime.now(UTC).strftime(form)

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        raise SecurityError(f"it reaches for {attribute!r}")


def check(template: str) -> None:
    """Rules 1 to 3. Raises Refused."""
    environment = Sandbox()
    try:
        tree = environment.parse(template)
        if any(next(tree.find_all(each), None) for each in _TAKING_IN):
            raise Refused("it takes in another file")
        for name in _names(tree):
            _check_name(name)
        compiled = environment.from_string(template)
    except TemplateSyntaxError as error:
        raise Refused(f"line {error.lineno}: {str(error.message).rstrip('.')}") from error
    except (RecursionError, MemoryError) as error:
        raise Refused("it is too deep or too large") from error
    for messages, tools in _SAMPLES:
        # Defaults bind the loop's values; mypy cannot infer them.
        _try(lambda messages=messages, tools=tools: compiled.generate(**_given(messages, tools)))  # type: ignore[misc]


def _given(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> dict[str, Any]:
    said = {"add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return {"messages": messages, "tools": tools, "documents": None, **said}


def _try(generate: Callable[[], Iterator[str]]) -> None:
    """Rule 3."""
    length = 0
    try:
        for part in generate():
            length += len(part)
            if length > MOST_OUTPUT_CHARS:
                raise Refused("it makes a book of a greeting")
    except SecurityError as error:
        raise Refused(str(error)) from error
    except (OverflowError, MemoryError, RecursionError) as error:
        raise Refused("it takes more memory than any template needs") from error
    except (TemplateError, _Saying, TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
        return


def _names(tree: nodes.Template) -> Iterator[str]:
    """Return all names that the template takes of values by a constant; rule 2."""
    for node in tree.find_all((nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Call)):
        if isinstance(node, nodes.Getattr):
            yield node.attr
        elif isinstance(node, nodes.Getitem):
            yield from _texts(node.arg)
        elif isinstance(node, nodes.Filter) and node.name in {"attr", "map", "selectattr", "rejectattr", "groupby"}:
            for given in (*node.args, *(pair.value for pair in node.kwargs)):
                yield from (part for text in _texts(given) for part in text.split("."))
        elif isinstance(node, nodes.Call) and _is_format(node.node):
            yield from _fields(node.node)


def _is_format(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Getattr) and node.attr in {"format", "format_map"}


def _fields(node: nodes.Expr) -> Iterator[str]:
    """Return what a text's replacement fields reach for: ``{0.__class__}``."""
    for text in _texts(node):
        yield from text.replace("[", ".").replace("]", ".").replace("}", ".").split(".")[1:]


def _texts(node: nodes.Node) -> Iterator[str]:
    for constant in (node, *node.find_all(nodes.Const)):
        if isinstance(constant, nodes.Const) and isinstance(constant.value, str):
            yield constant.value


def _check_name(name: str) -> None:
    """Names that Python keeps for itself, and those of frames and functions that lead out."""
    if name.startswith("__") or name in _LEADING_OUT:
        raise Refused(f"it reaches for {name[:40]!r}")


_LEADING_OUT = frozenset(
    "func_globals func_code gi_frame gi_code cr_frame cr_code ag_frame ag_code f_globals f_locals f_builtins".split()
)


def _raise(text: object = "") -> NoReturn:
    raise _Saying(str(text)[:200])


def _bound() -> None:
    """Rule 3."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))


def main() -> int:
    templates = json.load(sys.stdin)
    _bound()
    try:
        for template in templates:
            check(template)
    except Refused as refused:
        print(" ".join(str(refused).split())[:300])  # noqa: T201  this is its answer
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
