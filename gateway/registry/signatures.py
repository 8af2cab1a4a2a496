"""A site's signatures over models, and the public keys whose signatures count there.

::

    store/signatures/<SHA-256 of the model's file>.json    a signature that was made or brought here
    state/model-keys/<name>.pem                            a key that counts

Private keys never come here: who signs does it with a key of his own, best on a machine that has no network. Both
folders are read anew for each verdict, so a key or a signature that comes or goes counts at once.
"""

from __future__ import annotations

import re
from pathlib import Path

from gateway.errors import SetupError
from gateway.registry import intake
from gateway.registry.manifest import Manifest
from gateway.registry.signature import MOST_BUNDLE_BYTES, BadKey, TrustedKey, Verdict, judge, pem_of, read_key

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_WORST_FIRST = ("bad", "signed", "unknown key", "unsigned")


class Signatures:
    """Args:
    signatures: the folder of signatures; made when one comes.
    keys: the folder of public keys; ``None`` for an installation that has none.
    """

    def __init__(self, signatures: Path, keys: Path | None) -> None:
        self._signatures = signatures
        self._keys = keys

    def verdict(self, manifest: Manifest) -> Verdict:
        """Return what is known of a model's signature: a bad one counts before a good one, a good one before none.

        Raises:
            SetupError: a key or a signature cannot be read.
        """
        keys = self.trusted()
        brought = (manifest.signature.encode(), self._read(manifest))
        found = [judge(bundle, manifest.sha256, keys) for bundle in brought]
        return min(found, key=lambda verdict: _WORST_FIRST.index(verdict.status))

    def require_not_bad(self, manifest: Manifest) -> None:
        """Raises SetupError when a signature of the model is bad: nothing loads it."""
        verdict = self.verdict(manifest)
        if verdict.status == "bad":
            problem = f"The signature of the model {manifest.name} is bad: {verdict.why}."
            mend = "Do not use this file. Get it and its signature again, or sign it anew: sekisho models sign"
            raise SetupError(problem, mend)

    def put(self, manifest: Manifest, bundle: str) -> Verdict:
        """Keep a signature of a model, on stable storage, in place of the one before it.

        Raises:
            SetupError: it is bad, or not by a key that counts here.
        """
        verdict = judge(bundle.encode(), manifest.sha256, self.trusted())
        if verdict.status != "signed":
            why = verdict.why or "there is none"
            mend = "If the key is one that shall count: sekisho models keys add NAME FILE"
            raise SetupError(f"That is no signature of {manifest.name} that counts here: {why}.", mend)
        intake.write_text(self._path(manifest), bundle)
        return verdict

    def kept(self, manifest: Manifest) -> bool:
        """Return whether a signature was made or brought here, whatever it is worth; one in the manifest is none."""
        return self._path(manifest).is_file()

    def forget(self, manifest: Manifest) -> None:
        """Take a model's signature away. Raises SetupError."""
        intake.remove(self._path(manifest))

    def trusted(self) -> tuple[TrustedKey, ...]:
        """Return the keys that count, by name. Raises SetupError when one cannot be read."""
        if self._keys is None or not self._keys.is_dir():
            return ()
        return tuple(_read(path) for path in sorted(self._keys.glob("*.pem")))

    def trust(self, name: str, pem: str) -> TrustedKey:
        """Let a key's signatures count; on stable storage when this returns.

        Raises:
            SetupError: no name, no key that can be used, or the name or the key is known already; exit code 2.
        """
        if self._keys is None:
            raise SetupError("This installation has no folder for keys of models.", "Set data_dir in sekisho.yaml.")
        if not _NAME.fullmatch(name):
            raise SetupError("That is no name for a key.", "Use a-z, 0-9, and . _ - inside.", exit_code=2)
        try:
            key = read_key(name, pem.encode())
        except BadKey as error:
            mend = "Give the public key that belongs to the one that signs: openssl ec -in key.pem -pubout"
            raise SetupError(f"That key cannot be used: {error}.", mend, exit_code=2) from error
        for known in self.trusted():
            if name == known.name or key.id == known.id:
                problem = f"The key {known.name} ({known.id[:16]}) counts already."
                raise SetupError(problem, f"Take it away first: sekisho models keys remove {known.name}", exit_code=2)
        intake.write_text(self._keys / f"{name}.pem", pem_of(key.key).decode("ascii"))
        return key

    def distrust(self, name: str) -> TrustedKey:
        """Let a key's signatures count no more. Raises SetupError: there is none of that name; exit code 2."""
        gone = next((key for key in self.trusted() if key.name == name), None)
        if gone is None or self._keys is None:
            known = ", ".join(key.name for key in self.trusted()) or "none"
            raise SetupError(f"There is no key {name!r}.", f"Keys: {known}.", exit_code=2)
        intake.remove(self._keys / f"{name}.pem")
        return gone

    def _path(self, manifest: Manifest) -> Path:
        return self._signatures / f"{manifest.sha256}.json"

    def _read(self, manifest: Manifest) -> bytes:
        path = self._path(manifest)
        try:
            with path.open("rb") as stream:
                return stream.read(MOST_BUNDLE_BYTES + 1)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise SetupError(f"{path} cannot be read ({error.strerror}).", "Check its owner and mode.") from error


def _read(path: Path) -> TrustedKey:
    try:
        return read_key(path.stem, path.read_bytes())
    except (OSError, BadKey) as error:
        raise SetupError(f"{path} is no public key that can be used.", "Restore it, or take it away.") from error
