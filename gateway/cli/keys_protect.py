"""How ``sekisho keys protect`` seals a key folder that lies there plain, and puts it under another passphrase.

The caller holds the data folder's lock, and no server runs. Whoever dies in between leaves some secrets sealed and some
not; nothing is lost, the next start refuses by name, and the command done again goes on.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from gateway.cli.changes import admin_book
from gateway.cli.server import operator
from gateway.cli.session import USED_WRONGLY
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.settings import KeySettings, Settings

_SECRET = re.compile(
    r"(pepper|tenants)(-[0-9a-z]{26})?|log(-[0-9a-z]{26})?\.(pem|token)|subjects-[0-9]{4}|node-authority"
)
RECORD = "key.sealed"


def protect_keys(settings: Settings, by: str, module: str, token: str) -> dict[str, Any]:
    """Seal every secret, and let ``sekisho.yaml`` say so; on record before.

    Raises:
        SetupError: they are sealed by something else, or what seals them is not there.
    """
    from gateway.fleet.nodes.authority import take_in
    from gateway.keys import seal
    from gateway.keys.opening import locks, reopen
    from gateway.keys.vault import FileVault

    wanted = _wanted(settings, by, module, token)
    begun = seal.is_sealed(settings.keys)
    lock, unlock = locks(wanted.key_store, new=not begun)
    if not begun:
        _record(settings, by)
    sealed = seal.make(settings.keys, lock, unlock)
    take_in(settings.data / "nodes", FileVault(settings.keys, sealed))
    _keep_the_log_key(settings, wanted)
    count = _seal_all(settings.keys, sealed)
    config = _say_so(settings, wanted.key_store)
    reopen()
    if begun:
        _record(wanted, by)
    return {"sealed": count, "by": by, "config": config}


def new_passphrase(settings: Settings, descriptor: int) -> None:
    """Let another passphrase open the keys. No secret changes.

    Args:
        descriptor: holds the new one; -1: it is asked for.

    Raises:
        SetupError: the old one is wrong, the new one is short, or they are not sealed by one.
    """
    from gateway.keys import seal
    from gateway.keys.opening import chosen, locks, reopen

    if settings.key_store.provider != "passphrase":
        raise SetupError("The keys are not sealed by a passphrase.", "See keys.provider.", exit_code=USED_WRONGLY)
    _, unlock = locks(settings.key_store)
    unlock(seal.read(settings.keys))  # the old one first: nobody types a new one twice for nothing
    lock, _ = seal.by_passphrase(chosen(descriptor))
    _record(settings, "passphrase")
    seal.change(settings.keys, lock, unlock)
    reopen()


def _wanted(settings: Settings, by: str, module: str, token: str) -> Settings:
    from msgspec.structs import replace

    now = settings.key_store
    if now.provider not in ("files", by):
        raise SetupError(f"The keys are sealed by {now.provider} already.", "Nothing is to be done.", exit_code=2)
    if not settings.source:
        raise SetupError("There is no sekisho.yaml that could say so.", "Run: sekisho init", exit_code=USED_WRONGLY)
    module, token = module or now.pkcs11_module, token or now.pkcs11_token
    store = replace(now, provider=cast(Any, by), pkcs11_module=module, pkcs11_token=token)
    return replace(settings, key_store=store)


def _keep_the_log_key(settings: Settings, wanted: Settings) -> None:
    """Where a token is to keep the next log key, say that the one in force lies in a file."""
    from gateway.keys import generations

    if wanted.key_store.provider == "pkcs11" and not (settings.keys / generations.FILE).exists():
        generations.write(settings.keys, generations.read(settings.keys, "log.pem"))


def _seal_all(folder: Path, sealed: Any) -> int:
    """Seal what is not sealed yet; return how many secrets are."""
    from gateway.keys import folder as files
    from gateway.keys.seal import MAGIC

    found = [path for path in sorted(folder.iterdir()) if _SECRET.fullmatch(path.name)]
    for path in found:
        raw = files.read_secret(path)
        if not raw.startswith(MAGIC):
            files.replace(path, sealed.closed(path.name, raw))
    return len(found)


def _say_so(settings: Settings, wanted: KeySettings) -> str:
    """Write the provider into the configuration; return what is left to be done by hand, or nothing."""
    import yaml

    config = Path(settings.source)
    lines: dict[str, str] = {"provider": wanted.provider}
    if wanted.provider == "pkcs11":
        lines |= {"pkcs11_module": wanted.pkcs11_module, "pkcs11_token": wanted.pkcs11_token}
    text = config.read_text(encoding="utf-8")
    said = (yaml.safe_load(text) or {}).get("keys") or {}
    if all(said.get(name) == value for name, value in lines.items()):
        return ""
    if said:
        told = ", ".join(f"{name}: {value}" for name, value in lines.items())
        return f"Now write into {config}, under keys: {told}"
    block = "".join(f'  {name}: "{value}"\n' for name, value in lines.items())
    fresh = config.with_name(config.name + ".new")
    fresh.write_text(f"{text.rstrip()}\n\nkeys:\n{block}", encoding="utf-8")
    fresh.replace(config)
    return f"{config} says so."


def _record(settings: Settings, provider: str) -> None:
    with admin_book(settings) as book:
        book.event(RECORD, by=operator(), provider=provider)
        asyncio.run(book.durable())
