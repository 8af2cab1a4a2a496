"""Making a revision from what the settings name: checked, tested, built, signed by this gateway, put on the shelf."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from gateway.errors import SetupError
from gateway.policy import organisation
from gateway.policy.facts import Rulebook
from gateway.policy.life import build, dsse
from gateway.policy.life.manifest import TYPE, BundleKey, Manifest, Source, Tested, said, written
from gateway.policy.life.names import require_known_sites
from gateway.policy.life.revisions import BUNDLE, MANIFEST, TABLE, Revision, Revisions
from gateway.policy.opa.program import Opa
from gateway.policy.table import read
from gateway.policy.table.lint import require_sound
from gateway.policy.table.row import groups_of
from gateway.policy.trials import case, cases
from gateway.settings import Settings


class Secrets(Protocol):
    """What building takes of the keyring."""

    def log_key(self) -> dsse.SigningKey: ...

    def bundle_key_file(self) -> Path:
        """Return the file of the P-256 key for bundles, a PKCS #8 PEM; it is made at its first use."""


def assemble(opa: Opa, settings: Settings, secrets: Secrets, revisions: Revisions, now: datetime) -> Revision:
    """Return the revision of what policies, data and rule table say now; it is on the shelf, and not in force.

    Its id is a digest of all of that and of the day on which it expires: built twice on one day it is the same.

    Raises:
        SetupError: table, policies or data are malformed; names file and line. Tests that fail do not refuse: the
            manifest says so, and such a revision cannot be activated.
    """
    table, book = checked(opa, settings, now.date())
    report = build.test(opa, settings.policies)
    key = signing_key(secrets.bundle_key_file())
    expires = said(_end(now, settings.policy.valid_days))
    with revisions.draft() as folder:
        (folder / TABLE).write_bytes(table)
        digest = hashlib.sha256(table).hexdigest()
        notes = {"table": digest, "expires": expires}
        bundle = build.build_signed(opa, settings.policies, folder / BUNDLE, key, notes)
        manifest = Manifest(
            revision=bundle.revision,
            created=said(now),
            expires=expires,
            site=settings.site.name,
            opa=opa.version,
            bundle=bundle.digest,
            table=digest,
            key=BundleKey(id=key.public.id, pem=key.public.pem),
            sources=sources(settings.policies),
            tests=Tested(passed=report.passed, failed=len(report.failed), coverage_percent=int(report.coverage)),
            cases=_cases(opa, settings, bundle, book),
        )
        envelope = dsse.sign(TYPE, written(manifest), [secrets.log_key()])
        (folder / MANIFEST).write_bytes(dsse.write_envelope(envelope))
        return revisions.keep(folder)


def checked(opa: Opa, settings: Settings, today: date) -> tuple[bytes, Rulebook]:
    """Return the rule table, as it is in a revision and as it reads, when it and the policies are as they must be.

    Raises:
        SetupError: names file and line: the table, a name that nothing goes by, a rule's form, metadata, builtins.
    """
    text, name = read.source(settings)
    groups = groups_of(build.law(settings.policies).get("jurisdictions", {}))
    rows = read.parse(text, name, frozenset().union(*groups.values()))
    build.check(opa, settings.policies)
    require_sound(name, rows, groups, today)
    require_known_sites(settings, organisation.load(settings), rows, name)
    return text.encode(), Rulebook(rows, groups)


def _end(now: datetime, days: int) -> datetime:
    """Return the midnight that many days on. Raises SetupError: no calendar goes so far."""
    try:
        return now.replace(hour=0, minute=0, second=0) + timedelta(days=days)
    except OverflowError as error:
        raise SetupError(f"policy.valid_days: {days} days end after the year 9999.", "Use 365.", exit_code=2) from error


def sources(directory: Path) -> tuple[Source, ...]:
    """Return the files that a bundle is built from, by path."""
    names = ["main", *build.rules_in(directory)]
    files = [path for name in names for path in (directory / name).glob("*.rego")]
    files += [*(directory / "data").glob("*.json")]
    found = {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return tuple(Source(path=path, sha256=found[path]) for path in sorted(found))


def table_now(settings: Settings) -> bytes:
    """Return the rule table that the settings name, as a revision would hold it. Raises SetupError."""
    return read.source(settings)[0].encode()


def signing_key(path: Path) -> build.SigningKey:
    """Return the key for bundles. Raises SetupError when the file is not a P-256 key."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise SetupError(f"The key file {path} is not a P-256 private key in PKCS #8 PEM.", "Restore it from a backup.")
    public = key.public_key()
    id_ = hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()[:16]
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
    return build.SigningKey(path, build.VerifyingKey(id_, pem))


def _cases(opa: Opa, settings: Settings, bundle: build.Bundle, book: Rulebook) -> Tested | None:
    told = case.load(settings.policies)
    outcomes = cases.run(opa, bundle, told, book) if told else ()
    failed = sum(bool(outcome.differences) for outcome in outcomes)
    return Tested(passed=len(outcomes) - failed, failed=failed) if outcomes else None
