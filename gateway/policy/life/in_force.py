"""How a policy stands: until when it holds, and what differs from it in the files that people edit."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from gateway.errors import SetupError
from gateway.policy.life.assembly import sources, table_now
from gateway.policy.life.manifest import instant
from gateway.policy.life.revisions import Revision
from gateway.settings import Settings

WARNED = timedelta(days=14)


def view_of(revision: Revision, now: datetime) -> dict[str, Any]:
    """Return what the manifest says, for people and scripts."""
    manifest = revision.manifest
    tests, cases = manifest.tests, manifest.cases
    return {
        "revision": manifest.revision,
        "digest": revision.digest,
        "bundle": manifest.bundle,
        "table": manifest.table,
        "created": manifest.created,
        "expires": manifest.expires,
        "days_left": days_left(revision, now),
        "site": manifest.site,
        "opa": manifest.opa,
        "tests": {"passed": tests.passed, "failed": tests.failed, "coverage_percent": tests.coverage_percent},
        "cases": {"passed": cases.passed, "failed": cases.failed} if cases else None,
    }


def days_left(revision: Revision, now: datetime) -> int:
    """Return whole days until it expires; below 0 when it has."""
    return (instant(revision.manifest.expires) - now).days


def expiry(revision: Revision, now: datetime) -> str:
    """Return a warning when a revision expires within 14 days or has expired, else nothing."""
    until = instant(revision.manifest.expires)
    if now >= until:
        return f"The policy in force expired on {until:%Y-%m-%d}: every request is refused."
    if until - now <= WARNED:
        return f"The policy in force expires on {until:%Y-%m-%d}; then every request is refused."
    return ""


def differences(settings: Settings, revision: Revision) -> list[str]:
    """Return which of the files that people edit say something else than the revision; sorted, by name.

    What cannot be read differs.
    """
    found: list[str] = []
    try:
        if hashlib.sha256(table_now(settings)).hexdigest() != revision.manifest.table:
            found.append(settings.rules_file.name)
    except SetupError:
        found.append(settings.rules_file.name)
    now = {source.path: source.sha256 for source in sources(settings.policies)}
    then = {source.path: source.sha256 for source in revision.manifest.sources}
    return found + sorted(path for path in {*now, *then} if now.get(path) != then.get(path))
