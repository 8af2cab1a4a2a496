"""The page on exports: forms, columns, keys of CEF and the manifest's schema, from the code that writes them."""

from __future__ import annotations

import json
from typing import Any

from gateway.audit.export import cef, ocsf, syslog
from gateway.audit.export.columns import COLUMNS
from gateway.audit.export.parquet import GROUP_ROWS, RECORD
from gateway.audit.export.schema import ENVELOPE, SCHEMA

HEAD = """\
# Exports

What `sekisho audit export` writes. [Export the log](../how-to/export-the-log.md) shows how to use it.

| `--format` | What it is | Has the record itself |
| --- | --- | --- |
| `jsonl` | the records' bytes, one a line: each line is a leaf of its log's tree | yes |
| `csv` | the columns below, UTF-8 with byte order mark, CRLF | no |
| `parquet` | the columns below, typed, and the record as text; row groups of at most {group} rows | `{record}` |
| `ocsf` | OCSF {ocsf}, API Activity ({ocsf_class}), one event a line | `raw_data` |
| `cef` | ArcSight CEF, version 0, one line a record | no |
| `syslog` | RFC 5424 messages, each after its length in bytes (RFC 5425) | no |
| `evidence` | a ZIP to hand over, with reports, policies, keys and the verifier | yes |

Records of one log stand together, in the order of the log; logs in the order in which the manifest names them. Beside
`FILE` lie `FILE.manifest.json` and the public key `FILE.vkey`, and, where `FILE` is one whole log as `jsonl`, its head
as `FILE.checkpoint`, which earlier releases verify by.

## Columns

Of `csv` and `parquet`; `syslog` has them as JSON. A cell is empty where the record has no such value.

| Column | Type | Says |
| --- | --- | --- |
"""

CSV = """\

### CSV

The separator is a semicolon where the locale (`--locale`, else `site.language`) writes fractions with a comma, as in
German and French, and a comma elsewhere, as in Japanese, Chinese and English.

Nothing in it runs. Wherever a cell begins with `=`, `+`, `-`, `@`, a tab, a line break or one of `＝＋－＠`, and
wherever one would begin for a reader with another separator (after a comma, a semicolon, a tab or a line break), an
apostrophe stands before it. To have the text back, take that apostrophe away again:

```python
import re


def undefused(cell):
    return re.sub(r"(?:^|(?<=[,;\\t\\r\\n]))'(?='*[=+\\-@\\t\\r\\n＝＋－＠])", "", cell)


assert undefused("'=1+1") == "=1+1"
assert undefused("a,'@b") == "a,@b"
assert undefused("it's") == "it's"
```

Control characters other than tab and line breaks are shown as the pictures of Unicode's block U+2400 (`␀`), which
cannot be undone. Times are RFC 3339 text; true and false are `true` and `false`.

## CEF

`CEF:0|Sekisho|Sekisho|version|type|type and code|severity|…`. The severity is {cef_severities}.

| Key | Label | Holds |
| --- | --- | --- |
| `rt` |  | `time`, in milliseconds since 1970 |
| `act` |  | `allowed` or `denied` |
| `customerExternalID` |  | `tenant` |
| `src`, `c6a2`, `shost` |  | `source`: an IPv4 address, an IPv6 address, anything else |
| `dtz` |  | the site's time zone |
"""

SYSLOG = """\

## Syslog

Facility {facility} (log audit); severity {severities}. HOSTNAME is `site.node`, APP-NAME `sekisho`, PROCID the worker,
MSGID the record's type. `timeQuality` says whether something kept the clock right, `meta` has the leaf index as
`sequenceId` from 1 to 2147483647. The message is the columns in JSON, empty ones left out, after a byte order mark.
Receivers must take messages of 2048 bytes, and should take 8192 (RFC 5425, 4.3.1); these have about 1000.

Weights of CEF, OCSF and syslog: *grave* are gaps, repairs, break-glass and a clock that went back; *trouble* is an
attempt that failed; *notice* are refusals and changes; all else is *usual*.

## Manifest

A DSSE envelope (secure-systems-lab/dsse 1.0.0) over canonical JSON (RFC 8785), signed with the log's Ed25519 key. How
to check it without Sekisho:

1. `payload` is base64 of the manifest; the signature is over `DSSEv1`, the lengths and texts of `payloadType` and
   payload, as DSSE says.
2. `file.sha256` and `file.bytes` are the file's.
3. For each of `logs`, take `rows` rows of the file. Their leaf hashes are RFC 6962's: SHA-256 over a zero byte and the
   record's bytes; every form has them as `leaf_hash` or gives those bytes.
4. `before` are the roots of the perfect subtrees over the leaves from 0 up to `range[0]`, largest first. Each run of
   `omitted`, `[first, count, hashes]`, stands for leaves that are not in the file: the hashes are the roots of the
   largest perfect subtrees in the run, each aligned to its size, in order. Between them stand the rows.
5. Put together in order of the leaf index they give the root of the tree of `range[1]` leaves, which `checkpoint`
   signs. A record that is missing without being named gives another root.
6. `keys` are the details of the records `key.rotated`, for who holds an older key.

`witnessed` says how far heads of that log were seen elsewhere when the export was made. That is the exporting
machine's word, but for `cosignature`: a witness's signature line over the head of that `size` and `root`, which
`--witness` of the [verifier](verifying.md) checks. Runs that were left out end at such a size, so that its root can
be computed. `pruned`
is the first record that the log still had.

"""


def exports_page() -> str:
    """Return the page."""
    facts = {"group": GROUP_ROWS, "record": RECORD, "ocsf": ocsf.VERSION, "ocsf_class": ocsf.CLASS}
    columns = "".join(f"| `{each.name}` | {each.kind} | {each.meaning} |\n" for each in COLUMNS)
    extra = f"\nParquet has one more, `{RECORD}`: the record's bytes as text.\n"
    said = CSV.replace("{cef_severities}", _severities(cef.SEVERITIES))
    keys = "".join(f"| `{key}` |  | `{column}` |\n" for key, column in cef.KEYS.items())
    labelled = "".join(f"| `{key}` | `{label}` | `{column}` |\n" for key, (label, column) in cef.LABELLED.items())
    syslogs = SYSLOG.format(facility=syslog.AUDIT, severities=_severities(syslog.SEVERITIES))
    schemas = f"```json\n{_json(SCHEMA)}\n```\n\nIts envelope:\n\n```json\n{_json(ENVELOPE)}\n```\n"
    return "".join((HEAD.format(**facts), columns, extra, said, keys, labelled, syslogs, schemas))


def _severities(by_weight: dict[Any, int]) -> str:
    return ", ".join(f"{number} ({weight.name.lower()})" for weight, number in by_weight.items())


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
