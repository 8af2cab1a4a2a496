"""The runbook: what one sees at night, grouped by ``runbook.yaml``; what each code means comes from ``codes.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from gateway.cli.codes import explanations

FILE = Path(__file__).with_name("runbook.yaml")
URGENCY = {"now": "**now: get up**", "today": "in working hours", "none": "not urgent"}

HEAD = """\
# Runbook

Something refuses, it is night, and you have a shell on the machine. Run the commands as the user who serves; they read
beside a running server and change nothing (a search of the log is itself on record). Every refusal has a code: in
`error.code` of the answer, in its record, and counted by `sekisho_refusals_total` at `/metrics`. Three commands come
first, whatever it is:

```bash
sekisho doctor
sekisho audit status
sekisho audit search --type denial --since 1d
```

`sekisho doctor CODE` tells on the machine what stands here. Where something is lost, a disk or a key, go to
[Disaster](disaster.md).

![From what one sees to what to do](../img/runbook.svg)

## What do you see?

| You see | How urgent | Go to |
| --- | --- | --- |
"""

FIND = """
## By code

| Code | Status | Section |
| --- | --- | --- |
"""


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that an operator sees: ``first`` are commands to run; ``over_first`` shows that it is over."""

    seen: str
    anchor: str
    title: str
    urgency: Literal["now", "today", "none"]
    means: str
    first: tuple[str, ...]
    over: str
    over_first: str
    codes: tuple[str, ...]
    then: str = ""


def groups() -> tuple[Group, ...]:
    """Return the groups in the file's order."""
    return msgspec.yaml.decode(FILE.read_bytes(), type=tuple[Group, ...])


def page() -> str:
    """Return the whole page: by what is seen, each group with its codes, then every code in the alphabet's order."""
    found = groups()
    rows = [f"| {each.seen} | {URGENCY[each.urgency]} | [{each.title}](#{each.anchor}) |" for each in found]
    known = explanations()
    where = sorted((code, each) for each in found for code in each.codes)
    by_code = [f"| `{code}` | {known[code].status or ''} | [{each.title}](#{each.anchor}) |" for code, each in where]
    return HEAD + "\n".join(rows) + "\n" + "".join(map(_section, found)) + FIND + "\n".join(by_code) + "\n"


def _section(group: Group) -> str:
    first = "\n".join(group.first)
    text = f"\n## {group.title}\n\n{group.means}\n\nUrgent: {URGENCY[group.urgency]}. First:\n\n```bash\n{first}\n```\n"
    if group.then:
        text += f"\n{group.then}\n"
    text += f"\nIt is over when: {group.over}\n\n```bash\n{group.over_first}\n```\n"
    return text + (_codes(group.codes) if group.codes else "")


def _codes(codes: tuple[str, ...]) -> str:
    known = explanations()
    rows = [
        f"| `{code}` | {known[code].status or ''} | {_cell(known[code].what)} | {_cell(known[code].who)} "
        f"| {_cell(known[code].mend)} |"
        for code in codes
    ]
    return "\n| Code | Status | What it means | Who | How |\n| --- | --- | --- | --- | --- |\n" + "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
