"""What an evidence pack needs of policy, registry and keys, brought together (:mod:`gateway.audit.evidence.door`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.evidence.door import Revision
    from gateway.policy.life.revisions import Revisions
    from gateway.settings import Settings

PUBLIC = ("log.vkey", "log-vkeys", "policy-signers.json")
"""Files of the key folder that hold public keys only."""

_LAWS = ("EEA", "GB", "CH", "CN", "JP")


class PackHouse:
    """The :class:`~gateway.audit.evidence.door.House` of an installation. Reads files only, beside a server too."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _revisions(self) -> Revisions:
        from gateway.policy.life.revisions import Revisions

        return Revisions(self._settings.state / "policy")

    @cached_property
    def _groups(self) -> Mapping[str, frozenset[str]]:
        """Countries with the groups that the law in force knows them in; none where no policy is in force."""
        try:
            revision = self._revisions.in_force()
        except SetupError:
            revision = None
        known = revision.law.get("jurisdictions", {}) if revision else {}
        return {country: frozenset(said["groups"]) for country, said in known.items()}

    def revision(self, id_: str) -> Revision | None:
        from gateway.audit.evidence.door import Approval, Revision
        from gateway.policy.life.revisions import BUNDLE, MANIFEST, TABLE
        from gateway.policy.life.signing import signatures, trust_of

        try:
            found = self._revisions.get(id_)
        except SetupError:
            return None
        if found is None or found.id != id_:
            return None
        said = found.manifest
        seen = signatures(found, trust_of(self._settings.keys))
        return Revision(
            id=found.id,
            created=said.created,
            expires=said.expires,
            built_with=said.opa,
            tests_passed=said.tests.passed,
            cases_passed=said.cases.passed if said.cases else 0,
            approvals=tuple(Approval(one.key_id, one.name, one.roles) for one in seen),
            files={name: found.folder / name for name in (BUNDLE, TABLE, MANIFEST)},
        )

    def models(self) -> Sequence[Mapping[str, Any]]:
        import msgspec

        from gateway.cli.models import shelf

        try:
            return [msgspec.to_builtins(manifest) for manifest in shelf(self._settings).manifests()]
        except SetupError:
            return []

    def sentence(self, code: str, params: Mapping[str, str], language: str) -> str:
        from gateway.domain import Reason
        from gateway.policy.words import sentence

        return sentence(Reason(code, "", params=dict(params)), language)

    def meaning(self, code: str, language: str) -> str:
        """Policy's own codes have a sentence in each language; of the others the explanation is in English."""
        from gateway.cli.codes import explanations
        from gateway.policy.words import texts

        explained = explanations().get(code)
        if code in texts("en") and (language != "en" or explained is None):
            return self.sentence(code, {}, language)
        return explained.what if explained else ""

    def name(self, word: str, language: str) -> str:
        from gateway.policy.words import named

        return named(word, language)

    def law_of(self, country: str) -> str:
        groups = self._groups.get(country, frozenset())
        return next((law for law in _LAWS if law == country or law in groups), "")

    def key_files(self) -> Mapping[str, bytes]:
        folder = self._settings.keys
        return {name: (folder / name).read_bytes() for name in PUBLIC if _is_file(folder / name)}


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
