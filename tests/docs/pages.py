"""The pages that are made from code: ``python tests/docs/pages.py`` writes them, a test compares them.

Settings come from :mod:`gateway.settings`, errors from the tree in :mod:`gateway.errors` and what ``sekisho doctor``
says of each code, the command line from the commands' own help, policy documents from the types that write them, the
tables of ``docs/privacy/`` from the rules. What stands below the line ``<!-- by hand -->`` of a page is kept.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import export_pages
import msgspec
import privacy_pages
import roles_page
import runbook_page
import sizing_page
import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from gateway.audit.events import EVENTS
from gateway.audit.persons.schema import persons_schemas
from gateway.audit.receipt.schema import ENVELOPE
from gateway.audit.receipt.schema import SCHEMA as RECEIPT
from gateway.audit.schema import record_schema
from gateway.cli.codes import explanations
from gateway.cli.main import app
from gateway.errors import SekishoError
from gateway.http.parameters import TABLES
from gateway.policy.schema import schemas
from gateway.settings import HELP, Settings

REFERENCE = Path(__file__).resolve().parent.parent.parent / "docs" / "reference"
BY_HAND = "<!-- by hand -->"
NOT_SETTINGS = {"source"}
NOT_OWN = {"config", "as_json", "help"}

SETTINGS_HEAD = """\
# Settings

All settings of `sekisho.yaml`. Each has a default, so that an empty file is valid; an unknown one is refused by name.
Units are in the names. Relative paths are relative to the file. A dot stands for a level of YAML:

```yaml
site:
  name: ingolstadt
  jurisdiction: DE
server:
  listen: "127.0.0.1:8080"
```

The file is found as [Files and folders](files.md) says.

"""

ERRORS_HEAD = """\
# Errors

Each refusal has OpenAI's shape, and a code that does not change:

```json
{"error": {"message": "Too many requests.", "type": "rate_limit_error", "param": null, "code": "rate_limit_exceeded"}}
```

"Again" says whether trying again can help: then the answer carries `retry-after`, else `x-should-retry: false`. A
refusal by policy also has the decision's id, which is in the log.

## Kinds

| Status | Type | Code | Again | Message |
| --- | --- | --- | --- | --- |
"""


def settings_page() -> str:
    """Return the table of all settings, one section for each level of the file."""
    sections: dict[str, list[str]] = {}
    for name, kind, default in _settings(Settings):
        line = f"| `{name}` | {_default(default)} | {_values(kind)} | {_cell(HELP[name])} |"
        sections.setdefault(name.rpartition(".")[0], []).append(line)
    head = "| Setting | Default | Values | What it does |\n| --- | --- | --- | --- |\n"
    tables = [f"## {title or 'Places'}\n\n{head}" + "\n".join(lines) + "\n" for title, lines in sections.items()]
    return SETTINGS_HEAD + "\n".join(tables)


CODES_HEAD = """
## Codes

`sekisho doctor CODE` says the same. Codes without a status stand in records and decisions only. For the operator the
[runbook](../how-to/runbook.md) has them by what one sees: how urgent it is, what to run first, when it is over.

| Code | Status | What it means | Who can mend it | How |
| --- | --- | --- | --- | --- |
"""

COMMANDS_HEAD = """\
# Command line

A noun, then a verb: `sekisho audit verify`. Every command takes `--config FILE` and `--json`; `--help` shows examples.
Reading commands work beside a running server; changing ones go through it, or work alone when there is none. Exit codes
are in [Files and folders](files.md#exit-codes).
"""


def errors_page() -> str:
    """Return the table of all classes of refusal with their default codes, then that of all codes."""
    rows = [
        f"| {kind.status} | `{kind.openai_type}` | `{kind.default_code}` | {'yes' if kind.retryable else 'no'} "
        f"| {_cell(kind.default_message)} |"
        for kind in sorted(_tree(SekishoError), key=lambda kind: kind.status)
    ]
    codes = [
        f"| `{code}` | {said.status or ''} | {_cell(said.what)} | {_cell(said.who)} | {_cell(said.mend)} |"
        for code, said in explanations().items()
    ]
    return ERRORS_HEAD + "\n".join(rows) + "\n" + CODES_HEAD + "\n".join(codes) + "\n"


def commands_page() -> str:
    """Return every command with its help, its options and its examples."""
    root = typer.main.get_command(app)
    return COMMANDS_HEAD + "".join(_command(path, found) for path, found in _commands(root, "sekisho"))


DOCUMENTS_HEAD = """\
# Policy documents

What the gateway asks, what it was answered, and what it can prove afterwards: JSON Schemas (draft 2020-12), made from
the types that write and read these documents. Every string is bounded or enumerated and in Unicode form NFC; a question
whose names are not is refused with `policy.input_unfit`. No document holds text of a prompt. Integers beyond 2^53 - 1
travel as strings (RFC 8785). A version that is not known is refused.

| Document | Written by | Found in |
| --- | --- | --- |
| `sekisho.input/1` | the gateway, before each attempt | `input` of each `intent`, `denial` and `preview` record |
| `sekisho.decision/1` | OPA; the gateway stamps ids, revision and digests on it | `decision` of the same records |
| `sekisho.receipt/1` | the gateway, on demand | the payload of `GET /v1/decisions/{id}/receipt` |
| `sekisho.break-glass/1` | whoever asks; two approvers sign it | `state/policy/break-glass/`, in a DSSE envelope |
| `sekisho.signer-change/1` | approvers sign it | nowhere: their signatures go with the change of signers |

[Decisions and receipts](../how-to/prove-where-a-prompt-ran.md) shows how to get and check them.
"""


def documents_page() -> str:
    """Return the schemas of question, decision and receipt."""
    found = {**schemas(), "sekisho.receipt/1": RECEIPT, "The envelope of a receipt": ENVELOPE}
    sections = (f"\n## {name}\n\n```json\n{_schema(schema)}\n```\n" for name, schema in found.items())
    return DOCUMENTS_HEAD + "".join(sections)


RECORDS_HEAD = """\
# Records

What the [audit log](../explanation/the-book.md) holds: one JSON object each, canonical (RFC 8785), at most 60 KiB,
`sekisho.record/1`. No record has a field for text of a prompt, a found value, a tag or a key. Numbers are integers up
to 2^53 - 1, larger ones are text; `*_us` are microseconds; `time` is RFC 3339 in UTC, and `clock` says whether anything
keeps it right.

## Of requests

| Type | Says |
| --- | --- |
| `intent` | one attempt, written before a byte of the prompt leaves the process |
| `outcome` | how that attempt ended; each intent has exactly one |
| `denial` | a known caller was refused |
| `denial.summed` | refusals before it was known who calls, summed for each second |
| `preview` | a caller asked what would become of a request |

## Of everything else

`.failed` follows a record whose change could not be carried out, `.refused` one that the operator was told no to.

| Type | Says |
| --- | --- |
"""


PERSONS_HEAD = """
## Documents about persons

Beside the log; see [Answer a person](../how-to/answer-a-person.md). What officers sign are DSSE envelopes over
canonical JSON (RFC 8785).

| Document | Written by | Found in |
| --- | --- | --- |
| `sekisho.person-search/1` | whoever asks; an auditor and a privacy officer sign it | `state/persons/` |
| `sekisho.content-reading/1` | a privacy officer signs it | nowhere: it is good for five minutes |
| `sekisho.content/1` | the gateway | the head of each item in `content/` |
"""


def records_page() -> str:
    """Return the types of records and their schema."""
    rows = "".join(f"| `{type}` | {said} |\n" for type, said in sorted(EVENTS.items()))
    page = f"{RECORDS_HEAD}{rows}\n## Schema\n\n```json\n{_schema(record_schema())}\n```\n"
    return page + PERSONS_HEAD + "".join(_section(*each) for each in persons_schemas().items())


def _section(name: str, schema: Any) -> str:
    return f"\n### {name}\n\n```json\n{_schema(schema)}\n```\n"


def _schema(schema: Any) -> str:
    return json.dumps(_on_one_line(schema), indent=2, ensure_ascii=False)


def _on_one_line(value: Any) -> Any:
    """Return a schema with each description, which is a docstring, as one line."""
    if isinstance(value, dict):
        return {key: _on_one_line(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_on_one_line(item) for item in value]
    return " ".join(value.split()) if isinstance(value, str) else value


PARAMETERS_HEAD = """\
# Parameters

What becomes of each parameter of OpenAI's specification. It is **honoured**, by an engine or in its place by the
gateway; **kept** for the gateway, and no engine is told of it; or **refused**: 400, `unsupported_parameter`, with its
name in `param`. Nothing is ignored in silence. What stands below a refused parameter is refused with it; `null` is as
if the parameter were not there; one that is not in this table is a 400, `unknown_parameter`.

With the header `x-sekisho-drop-params: true`, or for everybody with `server.drop_params`, what would be refused as
`unsupported_parameter` is taken out instead, and the answer names it in `x-sekisho-dropped-params`. What is in a list
(`messages[]`, `tools[]`) is refused even then, and so is what says of itself that it is never dropped.

Chat and text completions also take `top_k` (0 to 1000) and `min_p` (0 to 1), which llama.cpp knows and OpenAI does not.
"""


def parameters_page() -> str:
    """Return one table for each API of OpenAI's."""
    parts = [PARAMETERS_HEAD]
    for table in TABLES:
        rows = [f"| `{row.name}`{_only(row.only)} | {row.does} | {_cell(row.how)} |" for row in table.rows]
        head = f"\n## `{table.path}`\n\n| Parameter | Is | How |\n| --- | --- | --- |\n"
        parts.append(head + "\n".join(rows) + "\n")
    return "".join(parts)


def _only(values: tuple[Any, ...]) -> str:
    return f" (only {' or '.join(f'`{json.dumps(value)}`' for value in values)})" if values else ""


PAGES = {
    "parameters.md": parameters_page,
    "roles.md": roles_page.roles_page,
    "policy-documents.md": documents_page,
    "exports.md": export_pages.exports_page,
    "records.md": records_page,
    "settings.md": settings_page,
    "errors.md": errors_page,
    "command-line.md": commands_page,
    "../how-to/runbook.md": runbook_page.page,
    "sizing.md": sizing_page.page,
    **privacy_pages.pages(),
}


def expected(name: str) -> str:
    """Return a page as it should be: made from code, then what was written by hand."""
    path = REFERENCE / name
    there = path.read_text(encoding="utf-8") if path.is_file() else ""
    _, mark, by_hand = there.partition(BY_HAND)
    return PAGES[name]() + (f"\n{mark}{by_hand}" if mark else "")


def _settings(kind: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    hints = msgspec.inspect.type_info(kind)
    assert isinstance(hints, msgspec.inspect.StructType)
    for field in hints.fields:
        name = prefix + field.encode_name
        if isinstance(field.type, msgspec.inspect.StructType):
            yield from _settings(field.type.cls, f"{name}.")
        elif name not in NOT_SETTINGS:
            made = field.default is msgspec.NODEFAULT
            yield name, field.type, field.default_factory() if made else field.default


def _tree(kind: type[SekishoError]) -> Iterator[type[SekishoError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == SekishoError.__module__:
            yield from _tree(child)


def _commands(command: TyperGroup | TyperCommand, path: str) -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(command, TyperGroup):
        for name, child in command.commands.items():
            yield from _commands(child, f"{path} {name}")
    else:
        yield path, command


def _command(path: str, command: TyperCommand) -> str:
    own = [parameter for parameter in command.params if parameter.name not in NOT_OWN]
    rows = [f"| `{_spelling(parameter)}` | {_cell(getattr(parameter, 'help', None) or '')} |" for parameter in own]
    table = "\n| Takes | |\n| --- | --- |\n" + "\n".join(rows) + "\n" if rows else ""
    examples = [line.strip() for line in (command.epilog or "").splitlines() if line.startswith("  ")]
    shown = "\n```bash\n" + "\n".join(examples) + "\n```\n" if examples else ""
    return f"\n## {path}\n\n{_cell((command.help or '').strip())}\n{table}{shown}"


def _spelling(parameter: Any) -> str:
    if isinstance(parameter, TyperOption):
        return ", ".join(parameter.opts)
    return parameter.metavar or (parameter.name or "").upper()


def _default(value: Any) -> str:
    return "empty" if value in ("", (), {}) else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _values(kind: Any) -> str:
    match kind:
        case msgspec.inspect.LiteralType(values=values):
            return ", ".join(f"`{value}`" for value in values)
        case msgspec.inspect.IntType(ge=lowest):
            return "whole number" if lowest is None else f"whole number, {lowest} or more"
        case msgspec.inspect.FloatType(gt=lowest):
            return "number" if lowest is None else f"number above {lowest}"
        case msgspec.inspect.StrType(pattern=pattern):
            return "text" if pattern is None else f"text like `{_cell(pattern)}`"
    plain = {"BoolType": "`true`, `false`", "VarTupleType": "list", "DictType": "map"}
    return plain.get(type(kind).__name__, "text")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for page in PAGES:
        text = expected(page)
        (REFERENCE / page).write_text(text, encoding="utf-8")
        print(REFERENCE / page, file=sys.stderr)
