"""The page of roles, from the table that the doors ask."""

from __future__ import annotations

from gateway.domain import Role
from gateway.identity.roles import TABLE, Action

HEAD = """\
# Roles

Who may do what, as the gateway's own table has it. A key has one role or several
(`sekisho keys create --role auditor`), a token those that its issuer's map leads to; any of them is enough.
What no row names, nobody may. A refusal is 403 `identity.role`, says who may instead, and is on record
(`admin.forbidden`).

- **On the machine**, whoever is logged in as the server's own user may do everything through the admin socket (its
  mode is 0600). With `sekisho --key-fd N` one is held to the roles of the key that the file descriptor holds.
- **Elsewhere** the admin API is served at the gateway's own address where `server.admin_api` is on, and a key, a token
  or a client certificate opens it, row by row.

Duties are kept apart: who writes rules does not put them in force, who runs the machine does not look into what was
said, and who gives out keys does neither. An `admin` can make a key of any role, which is on record: have somebody
else read that record. Policies, exceptions and searches for persons need signatures beside a role, by keys that no role
replaces.

"""


def roles_page() -> str:
    """Return the page: one row an action, one column a role, then what each row opens."""
    lines = [f"| to | {' | '.join(Role)} |", f"| --- |{' --- |' * len(Role)}"]
    for row in TABLE:
        cells = " | ".join("yes" if role in row.roles else "" for role in Role)
        lines.append(f"| {row.text} | {cells} |")
    opens = [
        "",
        "## What each row opens",
        "",
        "| action | routes below `/admin/v1/` | commands |",
        "| --- | --- | --- |",
    ]
    return HEAD + "\n".join([*lines, *opens, *map(_opens, TABLE)]) + "\n"


def _opens(row: Action) -> str:
    routes = ", ".join(f"`{route.replace(':path', '')}`" for route in row.routes)
    verbs = ", ".join(f"`sekisho {verb}`" for verb in row.verbs)
    return f"| {row.name} | {routes} | {verbs} |"
