"""``sekisho doctor``: the checks of the installation: configuration, secrets, policies, model, sockets, address."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

from gateway.cli.address import refuse_open_address
from gateway.cli.audit_status import anchors
from gateway.cli.checks import MACHINE, Check, State
from gateway.cli.checks_audit import logs_as_seen, report_font, retention
from gateway.cli.checks_content import kept_content
from gateway.cli.checks_models import room_for_models
from gateway.cli.checks_nodes import joined_nodes, this_node
from gateway.cli.checks_workers import workers
from gateway.cli.server import running_server
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.settings import Settings

_LONGEST_SOCKET_NAME = 24
_SOCKET_PATH_BYTES = 100
_SOON = timedelta(days=30)
_SHOW_GRANTS = "See: sekisho policy break-glass list"


def configuration(settings: Settings) -> Check:
    if not settings.source:
        return Check("configuration", "warning", "none: all defaults", "Run: sekisho init")
    if not settings.site.jurisdiction:
        said = f"{settings.source}; no jurisdiction: prompts stay on this machine"
        return Check("configuration", "warning", said, "Set site.jurisdiction if other machines may take prompts.")
    return Check("configuration", "ok", settings.source)


def address(settings: Settings) -> Check:
    """The port is free, or our own server answers there."""
    refuse_open_address(settings.server)
    if running_server(settings.run) is not None:
        return _answering(settings)
    try:
        family = socket.AF_INET6 if ":" in settings.address[0] else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(settings.address)
    except OSError as error:
        said = f"{settings.server.listen} cannot be used ({error.strerror})"
        return Check("address", "fails", said, "End the program that holds it, or set server.listen.")
    return Check("address", "ok", f"{settings.server.listen} is free")


def _answering(settings: Settings) -> Check:
    if settings.server.tls_certificate:
        return Check("address", "ok", f"a server runs on {settings.server.listen}")
    waiting = _not_ready(settings)
    if waiting is None:
        return Check("address", "fails", "a server runs and does not answer", "See its log, and the other lines here.")
    if not waiting:
        return Check("address", "ok", f"a server runs on {settings.server.listen} and is ready")
    mend = "See its log, and the other lines here."
    if "audit" in waiting:
        mend = f"See its log, the room on the disk of {settings.data / 'audit'}, and: sekisho audit verify"
    return Check("address", "fails", f"a server runs and is not ready: {', '.join(waiting)}", mend)


def _not_ready(settings: Settings) -> list[str] | None:
    """Return the rooms of the running server that are not ready; ``None`` where it does not answer as one."""
    connection = HTTPConnection(*settings.address, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        rooms = json.loads(connection.getresponse().read())["rooms"]
        return sorted(name for name, room in rooms.items() if room["ready"] is not True)
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return None
    finally:
        connection.close()


def tls(settings: Settings) -> Check:
    certificate = settings.server.tls_certificate
    if not certificate:
        return Check("tls", "ok", "not used: loopback only")
    from cryptography import x509

    try:
        chain = x509.load_pem_x509_certificates((settings.base / certificate).read_bytes())
        (settings.base / settings.server.tls_key).read_bytes()
    except (OSError, ValueError):
        return Check("tls", "fails", "certificate or key cannot be read", "Check server.tls_certificate and tls_key.")
    ends = chain[0].not_valid_after_utc
    left = ends - datetime.now(UTC)
    state: State = "fails" if left < timedelta(0) else "warning" if left < _SOON else "ok"
    mend = "" if state == "ok" else "Put a new certificate in its place."
    return Check("tls", state, f"certificate ends {ends:%Y-%m-%d}", mend)


def secrets(settings: Settings) -> Check:
    """They are whole and open to nobody else; what keeps them answers; and a rotation left nothing behind."""
    from gateway.keys.office import views
    from gateway.keys.opening import open_keyring

    server, provider = running_server(settings.run), settings.key_store.provider
    if server is not None and provider != "files":  # it has them open; nobody is asked for a passphrase here
        data = server.get("secrets")["data"]
    else:
        keyring = open_keyring(settings)
        keyring.check()
        data = views(keyring)
    if any(view["under_way"] for view in data):
        return Check("secrets", "warning", "a rotation was interrupted", "Start the server: it is carried out then.")
    sealed = "not sealed: whoever copies the folder has them" if provider == "files" else f"sealed by {provider}"
    said = f"{settings.keys}, readable by this user alone, {sealed}"
    rotated = [f"{view['purpose']} until {view['beside'][-1]['until'][:10]}" for view in data if view["beside"]]
    return Check("secrets", "ok", said + (f"; overlap of {', '.join(rotated)}" if rotated else ""))


def api_keys(settings: Settings) -> Check:
    from gateway.cli.keys import stored_keys

    now = datetime.now(UTC)
    live = sum(record.is_live(now) for record in stored_keys(settings))
    mend = "" if live else "Make one: sekisho keys create --name NAME --tenant TENANT"
    return Check("api keys", "ok" if live else "warning", f"{live} live", mend)


def opa(settings: Settings) -> Check:
    from gateway.policy.opa.program import find_opa

    found = find_opa(settings)
    said = f"OPA {found.version} at {found.path}"
    return Check("opa", "ok", f"{said}; decided by {_your_opa(settings)}" if settings.policy.url else said)


def _your_opa(settings: Settings) -> str:
    """Return what can be seen of your own OPA. Raises SetupError: it cannot be asked now."""
    from gateway.policy.client import standing_in_force
    from gateway.policy.opa.external import seen

    name = asyncio.run(seen(settings, standing_in_force(settings)))
    return f"{name} at {settings.policy.url}, which has the revision in force"


def rules(settings: Settings) -> Check:
    from gateway.policy.life.build import rules_in

    if not settings.policies.is_dir():
        return Check("policies", "fails", f"no folder {settings.policies}", "Set policy.directory, or reinstall.")
    said = f"{', '.join(rules_in(settings.policies))} in {settings.policies}"
    if settings.source and not settings.rules_file.is_file():
        return Check("policies", "warning", f"{said}; no {settings.rules_file}", "Run: sekisho init --force")
    return Check("policies", "ok", said)


def policy(settings: Settings) -> Check:
    """A revision is in force, whole, and for long enough; and it says what the files say."""
    from gateway.policy.client import vouched_in_force
    from gateway.policy.life.in_force import differences, expiry
    from gateway.policy.life.manifest import instant

    revision = vouched_in_force(settings)
    now = datetime.now(UTC)
    until = f"{revision.id[:12]}, until {revision.manifest.expires[:10]}"
    if warning := expiry(revision, now):
        state: State = "fails" if now >= instant(revision.manifest.expires) else "warning"
        return Check(
            "policy in force", state, warning, "Run: sekisho policy build, then have it signed and activate it."
        )
    changed = differences(settings, revision)
    if changed:
        said = f"{until}; {', '.join(changed[:3])} differ{'s' if len(changed) == 1 else ''} from it"
        return Check("policy in force", "ok", said)
    return Check("policy in force", "ok", until)


def grants(settings: Settings) -> Check:
    """Break-glass grants: one that holds is worth a look, a damaged one opens nothing and is worth two."""
    from gateway.policy.glass import grant as break_glass
    from gateway.policy.glass.office import grants_of

    known = [each.view() for each in grants_of(settings).all(break_glass.now())]
    damaged = [view["id"] for view in known if view["state"] == "damaged"]
    if damaged:
        return Check("break-glass", "warning", f"{', '.join(damaged)} cannot be read and opens nothing", _SHOW_GRANTS)
    holding = [f"{view['project']} until {view['until']}" for view in known if view["state"] == "in force"]
    if holding:
        return Check("break-glass", "warning", f"in force: {'; '.join(holding)}", _SHOW_GRANTS)
    return Check("break-glass", "ok", "no grant is in force")


def counters(settings: Settings) -> Check:
    """Persons whose data left their country are counted from the logs; where one cannot be read, nobody is counted."""
    from gateway.audit.log import reader
    from gateway.policy.persons.counters import EVENT, Counters

    logs = reader.events_by_log(settings.data / "audit", EVENT)
    snapshot = settings.state / "policy" / "subjects"
    try:
        Counters(key=_no_key, write=lambda *_: None, logs=lambda: logs, snapshot=snapshot).open()
    except (OSError, ValueError):
        said = "a log cannot be read: transfers that hang on numbers are refused"
        return Check("counters", "fails", said, "Run: sekisho audit verify")
    return Check("counters", "ok", f"persons are counted from {len(logs)} log{'s' if len(logs) != 1 else ''}")


def _no_key(year: int) -> bytes:
    raise SetupError("Nobody is counted here.", "")


def model(settings: Settings) -> Check:
    from gateway.cli.models import loaded, shelf

    elsewhere = settings.engine.kind == "openai-http"
    kept = f"{settings.engine.model}, kept by the engine at {settings.engine.url}" if elsewhere else ""
    store = shelf(settings)
    checks = [store.verify(name) for name in loaded(settings, store)]
    wrong = [check for check in checks if check.status != "ok"]
    bad = [f"{check.manifest.name}: {check.status} ({check.why or check.path})" for check in wrong]
    if bad:
        return Check("model", "fails", "; ".join(bad), "Run: sekisho models add FILE")
    names = ", ".join(check.manifest.name for check in checks)
    return Check("model", "ok", "; ".join(filter(None, (kept, f"{names}, SHA-256 as manifests say" if names else ""))))


def detectors(settings: Settings) -> Check:
    """The name models are there, and are the ones that were prepared."""
    from gateway.privacy.names.weights import SOURCES, Weights, default_folder

    if not settings.privacy.detection or not settings.privacy.names:
        said = "names are not searched for" if settings.privacy.detection else "nothing is searched for"
        return Check("detectors", "warning", said, "Remove privacy.detection and privacy.names from sekisho.yaml.")
    named = settings.privacy.weights_dir
    folder = settings.base / named if named else default_folder()
    try:
        weights = Weights(folder)
        for name in SOURCES:
            weights.read(name)
    except SetupError as error:
        return Check("detectors", "fails", error.problem, error.mend)
    return Check("detectors", "ok", f"name models in {folder}")


def sockets(settings: Settings) -> Check:
    length = len(str(settings.run).encode()) + 1 + _LONGEST_SOCKET_NAME
    fits = length < _SOCKET_PATH_BYTES
    mend = "" if fits else "Set run_dir in sekisho.yaml to a shorter path."
    return Check("sockets", "ok" if fits else "fails", f"{settings.run}, paths of up to {length} bytes", mend)


def sandbox(settings: Settings) -> Check:
    from gateway.engines.sandbox import available_locks, unmet

    locks = available_locks()
    missing = unmet(locks)
    on = [name for name, state in locks.items() if state.startswith("on")]
    if not missing:
        return Check("engine sandbox", "ok", ", ".join(on))
    required = settings.engine.sandbox == "required"
    mend = "Use a kernel with Landlock and seccomp (5.13 or newer)"
    mend += ", or set engine.sandbox: best-effort and accept the risk." if required else "."
    return Check("engine sandbox", "fails" if required else "warning", " ".join(missing), mend)


SITE = (
    configuration,
    secrets,
    api_keys,
    opa,
    rules,
    policy,
    grants,
    counters,
    logs_as_seen,
    retention,
    kept_content,
    anchors,
    report_font,
    model,
    room_for_models,
    joined_nodes,
    this_node,
    detectors,
    sockets,
    address,
    workers,
    tls,
    sandbox,
)


def all_checks(settings: Settings) -> list[Check]:
    """Return every check's outcome, machine first. What cannot be found out fails, with the mend of its error."""
    return [_carried_out(check, settings) for check in (*MACHINE, *SITE)]


def _carried_out(check: Callable[[Settings], Check], settings: Settings) -> Check:
    try:
        return check(settings)
    except SetupError as error:
        return Check(check.__name__.replace("_", " "), "fails", error.problem, error.mend)
