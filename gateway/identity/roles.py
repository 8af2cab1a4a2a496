"""Who may do what: one row an action, one column a role. Code asks this table, and so does a test, cell by cell.

An action is reached by routes of the admin API and by verbs of the command line; each route and each verb belongs to
exactly one. A caller may do what any of its roles may. What no row names, nobody may.

Duties are kept apart: who writes rules does not sign them, who runs the machine does not look into what was said, and
who gives out keys (``admin``) does neither. ``MACHINE`` rows are for whoever is logged in as the server's own user:
no key opens them.

Example::

    may((Role.AUDITOR,), BY_ROUTE["GET", "/admin/v1/keys"])   # True
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from gateway.domain import Role

APP, USER, OPERATOR, AUTHOR = Role.APP, Role.USER, Role.OPERATOR, Role.POLICY_AUTHOR
APPROVER, AUDITOR, PRIVACY, ADMIN = Role.APPROVER, Role.AUDITOR, Role.PRIVACY_OFFICER, Role.ADMIN

OFFICES = (OPERATOR, AUTHOR, APPROVER, AUDITOR, PRIVACY, ADMIN)
EVERYBODY = (APP, USER, *OFFICES)
MACHINE: tuple[Role, ...] = ()


class Action(NamedTuple):
    """One row. ``routes`` are ``METHOD path``, paths below ``/admin/v1/``; ``verbs`` what follows ``sekisho``."""

    name: str
    text: str
    roles: tuple[Role, ...]
    routes: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()


TABLE: tuple[Action, ...] = (
    Action("models:ask", "send prompts to models (`/v1/…`, `/api/…`)", (APP, USER)),
    Action(
        "roles:show",
        "see this table, and whether it lets one do something",
        EVERYBODY,
        ("GET roles", "POST roles/verbs"),
        ("version", "doctor"),
    ),
    Action(
        "files:judge",
        "judge or make files that one has in one's hands; nothing of the installation changes",
        EVERYBODY,
        (),
        (
            *("audit verify", "audit report", "import litellm", "bench"),
            *("policy render", "policy lint", "policy check", "policy test", "policy cases", "policy verify"),
            *("policy sign", "policy signer create", "policy break-glass sign", "audit subject sign"),
            *("policy table export", "policy table import", "privacy eval", "privacy explain", "privacy scan"),
            *("audit witness create", "audit witness serve", "audit witness status", "audit witness forget"),
            *("bundle build", "bundle verify", "bundle keys create", "bundle keys rotate", "bundle keys sign"),
            *("bundle keys show", "bundle client init", "bundle client refresh", "bundle client download"),
            *("bundle break-glass create", "bundle break-glass sign", "bundle break-glass show"),
            "bundle diff",
        ),
    ),
    Action(
        "installation:change",
        "update what is installed, go back, and see which version runs",
        (OPERATOR, ADMIN),
        (),
        ("bundle update", "bundle rollback", "bundle status", "bundle uninstall"),
    ),
    Action("status:show", "see whether the server stands", OFFICES, ("GET status",)),
    Action("keys:show", "see keys, never their text", (OPERATOR, AUDITOR, ADMIN), ("GET keys",), ("keys list",)),
    Action(
        "keys:change",
        "make, rotate and revoke keys, and find out whose one is",
        (ADMIN,),
        ("POST keys", "DELETE keys/{key}", "POST keys/{key}/rotate", "DELETE keys/{key}/overlap"),
        ("keys create", "keys revoke", "keys check"),
    ),
    Action("secrets:show", "see ids of secrets", (OPERATOR, AUDITOR, ADMIN), ("GET secrets",), ("keys secrets",)),
    Action(
        "secrets:rotate",
        "rotate secrets of the installation",
        (ADMIN,),
        ("POST secrets/{purpose}/rotate", "DELETE secrets/{purpose}/overlap"),
        ("keys rotate",),
    ),
    Action(
        "limits:show",
        "see bounds and what was used",
        (OPERATOR, AUDITOR, ADMIN),
        ("GET limits", "GET limits/{account:path}"),
        ("limits show",),
    ),
    Action(
        "limits:change",
        "change bounds",
        (ADMIN,),
        ("PUT limits/{account:path}", "DELETE limits/{account:path}"),
        ("limits set",),
    ),
    Action(
        "organisation:show",
        "see tenants and projects, and what depends on them",
        (OPERATOR, AUTHOR, AUDITOR, PRIVACY, ADMIN),
        ("GET tenants", "GET tenants/{name}", "GET projects", "GET projects/{name:path}"),
        ("tenants list", "tenants show", "projects list", "projects show"),
    ),
    Action(
        "organisation:change",
        "declare tenants and projects",
        (ADMIN,),
        ("POST tenants/{name}", "POST projects/{name:path}"),
        (
            *("tenants add", "tenants change", "tenants remove"),
            *("projects add", "projects change", "projects remove"),
        ),
    ),
    Action(
        "batches:show",
        "see batches: whose each is and how far, never what stands in one",
        (OPERATOR, AUDITOR, ADMIN),
        ("GET batches", "GET batches/{batch}"),
        ("batches list", "batches show"),
    ),
    Action(
        "batches:cancel",
        "end others' batches",
        (OPERATOR, ADMIN),
        ("POST batches/{batch}/cancel",),
        ("batches cancel",),
    ),
    Action(
        "models:show",
        "see models, the keys that sign them, and what runs where",
        (OPERATOR, AUDITOR, ADMIN),
        ("GET models", "GET model-keys", "GET fleet"),
        (
            *("models list", "models show", "models verify", "models fit", "models keys list"),
            *("fleet status", "engines list", "engines show"),
        ),
    ),
    Action(
        "models:change",
        "add, sign, alias, load and remove models and engines",
        (OPERATOR,),
        (
            *("POST models", "PUT aliases/{alias:path}", "PUT models/{name}/signature", "DELETE models/{name}"),
            *("POST fleet/orders", "POST engines", "DELETE engines/{digest}"),
        ),
        (
            *("models add", "models alias", "models remove", "models sign", "models quantise"),
            *("models load", "models unload", "models pin", "engines build", "engines remove"),
        ),
    ),
    Action(
        "models:trust",
        "say whose signatures of models count",
        (ADMIN,),
        ("POST model-keys", "DELETE model-keys/{name}"),
        ("models keys add", "models keys remove"),
    ),
    Action("nodes:show", "see joined machines", (OPERATOR, AUDITOR, ADMIN), ("GET nodes",), ("node list", "node show")),
    Action(
        "nodes:change",
        "let machines join, drain, update and remove them",
        (OPERATOR,),
        (
            *("POST nodes/tokens", "DELETE nodes/{name}", "POST nodes/{name}/drain", "DELETE nodes/{name}/drain"),
            *("POST nodes/{name}/trust", "GET nodes/{name}/update", "POST nodes/{name}/update"),
        ),
        ("node token", "node drain", "node trust", "node remove", "node update"),
    ),
    Action(
        "policy:show",
        "see policies, signers, exceptions and what a canary policy found; ask what a policy would say",
        (OPERATOR, AUTHOR, APPROVER, AUDITOR),
        (
            *("GET policy", "GET policy/revisions/{revision}", "GET policy/signers"),
            *("GET policy/break-glass", "GET policy/shadow"),
        ),
        (
            *("policy status", "policy show", "policy diff", "policy ask", "policy explain", "policy replay"),
            *("policy signer list", "policy break-glass list", "policy shadow status"),
        ),
    ),
    Action("policy:write", "build revisions of rules", (AUTHOR,), ("POST policy/revisions",), ("policy build",)),
    Action(
        "policy:rehearse",
        "run a policy beside the one in force",
        (AUTHOR, OPERATOR),
        ("POST policy/shadow", "DELETE policy/shadow"),
        ("policy shadow start", "policy shadow stop"),
    ),
    Action(
        "policy:sign",
        "hand in a signature of a revision (it counts by its key, not by who brings it)",
        (AUTHOR, APPROVER),
        ("POST policy/revisions/{revision}/signatures",),
    ),
    Action(
        "policy:activate",
        "put a signed revision in force, or the one before",
        (APPROVER,),
        ("PUT policy/in-force", "POST policy/rollback"),
        ("policy activate", "policy rollback"),
    ),
    Action(
        "policy:signers",
        "say whose signatures of policies count",
        (ADMIN,),
        ("POST policy/signers", "DELETE policy/signers/{name}"),
        ("policy signer add", "policy signer remove"),
    ),
    Action(
        "break-glass:ask",
        "ask for an exception to the rules, and end one",
        (OPERATOR, APPROVER),
        ("POST policy/break-glass", "DELETE policy/break-glass/{grant}"),
        ("policy break-glass request", "policy break-glass end"),
    ),
    Action(
        "break-glass:sign",
        "hand in an approver's signature of an exception",
        (APPROVER,),
        ("POST policy/break-glass/{grant}/signatures",),
    ),
    Action(
        "audit:show",
        "search the log, fill documents from it, and see where its heads go and what is held",
        (AUDITOR, PRIVACY),
        ("GET audit", "POST audit/searches", "GET audit/holds", "GET audit/anchors"),
        ("audit search", "audit tail", "audit hold list", "audit index status", "audit templates"),
    ),
    Action(
        "audit:export",
        "export the log, and hand over evidence",
        (AUDITOR,),
        ("POST audit/exports", "POST audit/evidence"),
        ("audit export", "bundle outbox create", "bundle outbox verify", "bundle outbox show"),
    ),
    Action(
        "egress:look",
        "put on record whom the server's processes talk to",
        (OPERATOR, AUDITOR),
        ("POST egress", "POST egress/proofs"),
    ),
    Action(
        "audit:carry",
        "see how the log stands and carry its heads away",
        (OPERATOR, AUDITOR),
        ("POST audit/carried",),
        ("audit status", "audit anchor"),
    ),
    Action(
        "audit:hold",
        "hold logs against pruning, and end that",
        (AUDITOR, PRIVACY),
        ("POST audit/holds", "DELETE audit/holds"),
        ("audit hold set", "audit hold clear"),
    ),
    Action("audit:prune", "cut old records off", (PRIVACY,), ("POST audit/prune",), ("audit prune",)),
    Action(
        "persons:search",
        "search for a person, and look at what was kept, each with the signatures that it needs",
        (PRIVACY,),
        (
            *("GET persons/searches", "POST persons/searches", "POST persons/searches/{search}/signatures"),
            *("POST persons/searches/{search}/result", "POST content/{item}"),
        ),
        ("audit subject request", "audit subject list", "audit subject show", "audit content"),
    ),
    Action(
        "persons:erase",
        "erase a person, and what has ended",
        (PRIVACY,),
        ("POST persons/erasures", "POST content-ends"),
        ("audit erase", "audit expire"),
    ),
    Action(
        "machine:run",
        "set up, serve, seal and mend this machine",
        MACHINE,
        (),
        ("init", "serve", "keys protect", "audit recover", "audit index rebuild", "node join", "node serve"),
    ),
)

BY_NAME = {action.name: action for action in TABLE}
BY_ROUTE = {
    (method, f"/admin/v1/{path}"): action
    for action in TABLE
    for method, _, path in (route.partition(" ") for route in action.routes)
}
BY_VERB = {verb: action for action in TABLE for verb in action.verbs}


def may(roles: Collection[Role], action: Action) -> bool:
    """Whether who has these roles may do it."""
    return not set(action.roles).isdisjoint(roles)


def sentence(roles: Collection[Role], action: Action) -> str:
    """Return why somebody with these roles may not, and who may."""
    theirs = " and ".join(sorted(roles)) or "none"
    if not action.roles:
        return f"To {action.text} one must be logged in as the server's own user; no key's role is enough."
    return f"This key's role ({theirs}) may not {action.text}; that needs {' or '.join(action.roles)}."
