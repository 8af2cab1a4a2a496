"""What ``sekisho audit templates`` fills documents with: facts of settings, policy, keys and models, with sources.

Only what is named here gets into a document: no value of a secret, no found value, no name of a person. Free text that
people typed (owners, notes, references of contracts) is left where it is, and its place is named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import msgspec

from gateway.audit.evidence.facts import Fact, Groups, file, program, setting
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.evidence.document import Language
    from gateway.domain import Target
    from gateway.policy.life.revisions import InForce, Revision
    from gateway.policy.organisation import Organisation
    from gateway.policy.table.row import Row
    from gateway.settings import Settings

REQUESTS = ("intent", "outcome", "denial", "denial.summed")
_ROLES_SHOWN = ("audit:", "persons:", "break-glass:", "policy:", "keys:")


def gather(settings: Settings, language: Language) -> Groups:
    """Return what can be told without the log, by group. Raises SetupError: a file of the installation is damaged."""
    from gateway.policy import organisation
    from gateway.policy.life.revisions import Revisions

    known = Revisions(settings.state / "policy")
    revision, note = known.in_force(), known.note()
    rows = revision.rulebook.rows if revision else ()
    table = f"state/policy/revisions/{revision.id}/rules.csv" if revision else ""  # that in force, not the draft
    who = organisation.load(settings)
    return {
        "site": list(_site(settings)),
        "policy": list(_policy(settings, revision, note)),
        "rules": list(_rules(rows, table, language)),
        "redaction": list(_redaction(rows, table, language)),
        "detection": list(_detection(settings)),
        "places": list(_places(settings, who)),
        "transfers": list(_transfers(settings, who)),
        "content": list(_content(settings, who)),
        "retention": list(_retention(settings)),
        "keys": list(_keys(settings)),
        "log": list(_log(settings)),
        "access": list(_access(settings)),
        "models": list(_models(settings)),
        "roles": list(_roles()),
        "outbox": list(_outbox(settings)),
        "recorded": list(_recorded(language)),
    }


def _site(settings: Settings) -> Iterator[Fact]:
    from gateway import __version__

    yield Fact("site_name", settings.site.name, setting("site.name"))
    yield Fact("site_country", settings.site.jurisdiction or None, setting("site.jurisdiction"))
    yield Fact("preset", settings.site.preset, setting("site.preset"))
    yield Fact("release", __version__, program("sekisho version"))
    yield Fact("settings_now", settings.digest(), file(Path(settings.source).name or "sekisho.yaml"))


def _policy(settings: Settings, revision: Revision | None, note: InForce | None) -> Iterator[Fact]:
    from gateway.policy.life.signing import signatures, trust_of

    where = file("state/policy/in-force")
    if revision is None or note is None:
        yield Fact("revision", None, where)
        return
    said, manifest = revision.manifest, file(f"state/policy/revisions/{revision.id}/manifest.json")
    yield Fact("revision", revision.id, where)
    yield Fact("in_force_since", note.since, where)
    yield Fact("revision_digest", revision.digest, where)
    yield Fact("bundle_digest", said.bundle, manifest)
    yield Fact("table_digest", said.table, manifest)
    yield Fact("expires", said.expires, manifest)
    yield Fact("tests", f"{said.tests.passed}, {said.tests.failed}", manifest)
    seen = [one for one in signatures(revision, trust_of(settings.keys)) if one.name]  # "": its key counts not
    yield Fact("signatures", tuple(f"{one.key_id} {'+'.join(one.roles)}".strip() for one in seen), manifest)


def _rules(rows: tuple[Row, ...], table: str, language: str) -> Iterator[Fact]:
    from gateway.policy.table.render import sentence

    for row in rows:
        told = sentence(msgspec.structs.replace(row, owner="", note=""), language)
        yield Fact("rule", told, file(f"{table}:{row.line}"), str(row.line))


def _redaction(rows: tuple[Row, ...], table: str, language: str) -> Iterator[Fact]:
    from gateway.policy.words import named

    lines: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.redaction:
            lines[row.redaction].append(str(row.line))
    for operator, found in sorted(lines.items()):
        yield Fact("operator", tuple(found), file(table), named(operator, language))


def _detection(settings: Settings) -> Iterator[Fact]:
    from gateway.domain import DataClass
    from gateway.kinds import SPECIAL
    from gateway.privacy.languages import LANGUAGES
    from gateway.privacy.names.spans import TYPES
    from gateway.privacy.patterns.catalogue import RULES

    said = settings.privacy
    types = tuple(sorted({rule.type for rule in RULES} | (set(TYPES.values()) if said.names else set())))
    yield Fact("detection", said.detection, setting("privacy.detection"))
    yield Fact("names", said.names, setting("privacy.names"))
    yield Fact("languages", LANGUAGES if said.names else (), setting("privacy.names"))
    yield Fact("types", types, file("docs/privacy/index.md"))
    yield Fact("special", SPECIAL, file("docs/privacy/special.md"))
    yield Fact("classes", get_args(DataClass), file("docs/reference/policy-documents.md"))
    own = tuple(sorted({pattern.type for pattern in said.patterns}))
    yield Fact("own_patterns", own, setting("privacy.patterns"))
    yield Fact("recognizers", len(said.recognizers), setting("privacy.recognizers"))
    yield Fact("code_names", len(said.code_names), setting("privacy.code_names"))
    yield Fact("timeout", f"{said.timeout_seconds:g}", setting("privacy.timeout_seconds"))


def _places(settings: Settings, who: Organisation) -> Iterator[Fact]:
    from gateway.fleet.nodes.roster import Roster

    yield Fact("place_own", settings.site.jurisdiction or None, setting("site.jurisdiction"), settings.site.name)
    for name, site in sorted(who.sites.items()):
        yield Fact(
            "place_own", site.jurisdiction or None, file(f"{settings.organisation_file.name}: sites.{name}"), name
        )
    for target, where in _others(settings):
        yield Fact("place_engine", target.jurisdiction or None, setting(where), target.id)
        yield Fact("place_external", target.external, setting(where), target.id)
    for node in Roster(settings.data / "nodes").nodes():
        yield Fact("place_node", (node.jurisdiction, node.site), program(f"sekisho node show {node.name}"), node.name)


def _others(settings: Settings) -> Iterator[tuple[Target, str]]:
    """Return engines that this node does not load itself as the fleet sees them, and the setting that names them."""
    from gateway.cli.models import shelf
    from gateway.house.choice import http_target_of, remote_target_of

    if settings.engine.kind == "openai-http":
        yield http_target_of(settings, shelf(settings)), "engine.url"
    for engine in settings.fleet.engines:
        yield remote_target_of(settings, engine), "fleet.engines"


def _transfers(settings: Settings, who: Organisation) -> Iterator[Fact]:
    for number, way in enumerate(who.transfers):
        where = file(f"{settings.organisation_file.name}: transfers[{number}]")
        yield Fact("transfer", (way.route, way.until.isoformat()), where, f"{way.from_} → {way.to}")


def _content(settings: Settings, who: Organisation) -> Iterator[Fact]:
    name = settings.organisation_file.name
    keeping = {project: said for project, said in sorted(who.projects.items()) if said.keep_content_days}
    for project, said in keeping.items():
        where = file(f"{name}: projects.{project}.keep_content_days")
        yield Fact("content_days", said.keep_content_days, where, project)
    if not keeping:
        yield Fact("no_content", (), file(f"{name}: projects"))
    yield Fact("state_days", settings.responses.keep_days, setting("responses.keep_days"))
    for project, said in sorted(who.projects.items()):
        if said.keep_state_days is not None:
            yield Fact("state_days", said.keep_state_days, file(f"{name}: projects.{project}.keep_state_days"), project)
    yield Fact("store_by_default", settings.responses.store_by_default, setting("responses.store_by_default"))
    yield Fact("file_days", settings.files.keep_days, setting("files.keep_days"))


def _retention(settings: Settings) -> Iterator[Fact]:
    ages = settings.audit.retention
    yield Fact("least_days", ages.default.least_days, setting("audit.retention.default.least_days"))
    yield Fact("longest_days", ages.default.longest_days, setting("audit.retention.default.longest_days"))
    crossing = "audit.retention.cross_border"
    yield Fact("least_days_crossing", ages.cross_border.least_days, setting(f"{crossing}.least_days"))
    yield Fact("longest_days_crossing", ages.cross_border.longest_days, setting(f"{crossing}.longest_days"))
    yield Fact("prune", settings.audit.prune, setting("audit.prune"))


def _keys(settings: Settings) -> Iterator[Fact]:
    from gateway.policy.life.signing import trust_of

    yield Fact("person_keys", True, file("docs/how-to/answer-a-person.md"))
    yield Fact("key_provider", settings.key_store.provider, setting("keys.provider"))
    try:
        keys = [signer.key_id for signer in trust_of(settings.keys).builders]
    except SetupError:
        keys = []
    for number, key in enumerate(keys):
        yield Fact("log_key", key, file("keys/log-vkeys" if number else "keys/log.vkey"))
    if not keys:
        yield Fact("log_key", None, file("keys/log.vkey"))


def _log(settings: Settings) -> Iterator[Fact]:
    said = settings.audit
    yield Fact("checkpoint_seconds", f"{said.checkpoint_seconds:g}", setting("audit.checkpoint_seconds"))
    yield Fact("checkpoint_records", said.checkpoint_records, setting("audit.checkpoint_records"))
    for number, anchor in enumerate(said.anchors):
        kind = str(anchor.__struct_config__.tag)
        yield Fact("anchor", f"{kind}, {anchor.every_seconds:g} s", setting("audit.anchors"), str(number + 1))
    if not said.anchors:
        yield Fact("no_anchor", (), setting("audit.anchors"))


def _access(settings: Settings) -> Iterator[Fact]:
    server = settings.server
    host = settings.address[0]
    yield Fact(
        "listen_loopback", host == "localhost" or host.startswith("127.") or host == "::1", setting("server.listen")
    )
    yield Fact("tls", bool(server.tls_certificate), setting("server.tls_certificate"))
    yield Fact("admin_api", server.admin_api, setting("server.admin_api"))
    yield Fact("issuers", len(settings.identity.issuers), setting("identity.issuers"))
    yield Fact("sandbox", settings.engine.sandbox, setting("engine.sandbox"))


def _models(settings: Settings) -> Iterator[Fact]:
    from gateway.cli.models import shelf

    known = {name: each for each in shelf(settings).manifests() for name in (each.name, *each.aliases)}
    own = settings.fleet.models if settings.engine.kind == "openai-http" else settings.served
    for wish in own:
        found = known.get(wish.model)
        if found is None:
            yield Fact("model", None, program("sekisho models list"), wish.model)
            continue
        where = program(f"sekisho models show {found.name}")
        yield Fact("model_digest", found.sha256, where, found.name)
        yield Fact("model_licence", found.licence or None, where, found.name)
        yield Fact("model_origin", found.origin or None, where, found.name)


def _roles() -> Iterator[Fact]:
    from gateway.identity.roles import TABLE

    for action in TABLE:
        if action.name.startswith(_ROLES_SHOWN):
            yield Fact("may", tuple(role.value for role in action.roles), file("docs/reference/roles.md"), action.name)


def _outbox(settings: Settings) -> Iterator[Fact]:
    """What was carried out of the site last. Raises SetupError: the note of it is damaged."""
    from gateway.audit.outbox_state import FILE, Given

    where = file(f"state/{FILE}")
    try:
        given = msgspec.json.decode((settings.state / FILE).read_bytes(), type=Given)
    except FileNotFoundError:
        given = Given()
    except (OSError, msgspec.DecodeError) as error:
        raise SetupError(f"{settings.state / FILE} is damaged.", "Restore it from a backup.") from error
    yield Fact("outbox_number", given.number or None, where)
    if given.number:
        yield Fact("outbox_until", given.until, where)
        yield Fact("outbox_digest", given.sha256, where)


def _recorded(language: Language) -> Iterator[Fact]:
    """Every type of record, with what it says; its fields are on the page that is named."""
    from gateway.audit.events import EVENTS
    from gateway.audit.evidence.filled import FilledWords
    from gateway.audit.evidence.words import Words

    page, own, others = file("docs/reference/records.md"), FilledWords(language), Words(language)
    for type_ in REQUESTS:
        yield Fact("record", own(f"record_{type_.replace('.', '_')}"), page, type_)
    for type_ in EVENTS:
        yield Fact("record", others.event(type_), page, type_)
