"""Which keyring an installation has: from ``keys.provider`` and what the operator gives to open it.

A passphrase, or the PIN of a token, comes from the first of these that there is, and never from the environment:

1. the file descriptor that ``--passphrase-fd`` or ``keys.passphrase_fd`` names, up to its first end of line;
2. the systemd credential ``sekisho-passphrase`` (``LoadCredentialEncrypted=``);
3. the terminal.
"""

from __future__ import annotations

import errno
import getpass
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import SetupError
from gateway.keys import seal
from gateway.keys.files import FileKeyring
from gateway.keys.seal import Lock, Unlock
from gateway.keys.vault import FileVault, Vault
from gateway.settings import KeySettings, Settings, credentials_directory

if TYPE_CHECKING:
    from gateway.keys.token import Token

PASSPHRASE_CREDENTIAL = "sekisho-passphrase"  # noqa: S105  the name of one
_MOST_BYTES = 4096
_known: dict[tuple[str, tuple[int, ...]], str] = {}
_WAYS = "Give it by --passphrase-fd, by the systemd credential sekisho-passphrase, or at a terminal."


def open_keyring(settings: Settings) -> FileKeyring:
    """Return the keyring of an installation, opened; what opened it is asked for once in a process.

    Raises:
        SetupError: it cannot be opened; says what to mend.
    """
    return FileKeyring(settings.keys, _vault(settings.keys, settings.key_store))


def create_keyring(settings: Settings) -> FileKeyring:
    """Return the keyring, made where there is none: the seal first, then every secret that is missing.

    Raises:
        SetupError: it cannot be made.
    """
    wanted = settings.key_store
    if wanted.provider != "files":
        lock, unlock = locks(wanted, new=not seal.is_sealed(settings.keys))
        seal.make(settings.keys, lock, unlock)
    keyring = open_keyring(settings)
    keyring.create()
    return keyring


def reopen() -> None:
    """Open keyrings anew from now on: how they are sealed has changed."""
    _vault.cache_clear()


def forget() -> None:
    """Forget what opened keyrings, too: it is asked for again."""
    reopen()
    _known.clear()
    token_of.cache_clear()


@lru_cache(maxsize=64)
def _vault(folder: Path, wanted: KeySettings) -> Vault:
    if wanted.provider == "files":
        return FileVault(folder)
    opened = seal.open_seal(folder, locks(wanted)[1])
    if wanted.provider == "pkcs11":
        from gateway.keys.token import TokenVault  # noqa: PLC0415  loads the library that few need

        return TokenVault(folder, opened, token_of(wanted))
    return FileVault(folder, opened)


def locks(wanted: KeySettings, *, new: bool = False) -> tuple[Lock, Unlock]:
    """Return how the provider seals and opens.

    Args:
        new: a passphrase is being chosen: it is asked for twice, and must not be short.

    Raises:
        SetupError: what opens the keys is not there.
    """
    if wanted.provider == "systemd":
        return seal.by_credential(_credential(wanted.credential))
    if wanted.provider == "pkcs11":
        from gateway.keys.token import by_token  # noqa: PLC0415  as above

        return by_token(token_of(wanted))
    passphrase = _given(wanted.passphrase_fd, "passphrase of the keys", twice=new)
    return seal.by_passphrase(_long_enough(passphrase) if new else passphrase.encode())


@lru_cache(maxsize=8)
def token_of(wanted: KeySettings) -> Token:
    """Return the token of the settings. Raises SetupError when they name none, or there is no PIN."""
    from gateway.keys.token import Token  # noqa: PLC0415  as above

    if not wanted.pkcs11_module or not wanted.pkcs11_token:
        problem = "keys.provider is pkcs11, and keys.pkcs11_module or keys.pkcs11_token is empty."
        raise SetupError(problem, "Name the library and the token's label.", exit_code=2)
    if not Path(wanted.pkcs11_module).is_file():
        raise SetupError(f"There is no PKCS #11 library {wanted.pkcs11_module}.", "Set keys.pkcs11_module.")
    return Token(wanted.pkcs11_module, wanted.pkcs11_token, _given(wanted.passphrase_fd, "PIN of the token"))


def _given(descriptor: int, what: str, *, twice: bool = False) -> str:
    """Return what the operator gives, asked for once: a descriptor can be read only once. Raises SetupError."""
    source = _source(descriptor)
    if (what, source) not in _known:
        _known[what, source] = _fetch(descriptor, what, twice=twice)
    return _known[what, source]


def _source(descriptor: int) -> tuple[int, ...]:
    """Return what tells one file from another one that gets its number later."""
    try:
        status = os.fstat(descriptor) if descriptor >= 0 else None
    except OSError as error:
        raise _unreadable(descriptor) from error
    return (descriptor, status.st_dev, status.st_ino) if status else ()


def _fetch(descriptor: int, what: str, *, twice: bool) -> str:
    if descriptor >= 0:
        return _from_descriptor(descriptor)
    folder = credentials_directory()
    if folder and (folder / PASSPHRASE_CREDENTIAL).exists():
        return _line((folder / PASSPHRASE_CREDENTIAL).read_bytes())
    if not sys.stdin.isatty():
        raise SetupError(f"There is nobody to ask for the {what}.", _WAYS)
    return _asked(what, twice=twice)


def chosen(descriptor: int) -> bytes:
    """Return a new passphrase: from a descriptor, else asked for, twice. Raises SetupError when it is too short."""
    if descriptor >= 0:
        return _long_enough(_from_descriptor(descriptor))
    if not sys.stdin.isatty():
        raise SetupError("There is nobody to ask for the new passphrase.", "Give it by --new-passphrase-fd.")
    return _long_enough(_asked("new passphrase of the keys", twice=True))


def _asked(what: str, *, twice: bool) -> str:
    given = getpass.getpass(f"{what[0].upper()}{what[1:]}: ")
    if twice and given != getpass.getpass("Once more: "):
        raise SetupError("These were not the same.", "Try again.")
    return given


def _long_enough(passphrase: str) -> bytes:
    if len(passphrase) < seal.LEAST_PASSPHRASE_CHARS:
        mend = "A few words that nobody else would choose are easy to keep in mind."
        raise SetupError(f"The passphrase has less than {seal.LEAST_PASSPHRASE_CHARS} characters.", mend)
    return passphrase.encode()


def _from_descriptor(descriptor: int) -> str:
    raw = bytearray()
    try:
        while b"\n" not in raw and len(raw) <= _MOST_BYTES and (part := _read(descriptor, len(raw))):
            raw += part
    except OSError as error:
        raise _unreadable(descriptor) from error
    return _line(bytes(raw))


def _read(descriptor: int, at: int) -> bytes:
    """Read on: a file from its beginning, whoever read of it before; a pipe as it comes. Raises OSError."""
    try:
        return os.pread(descriptor, _MOST_BYTES, at)
    except OSError as error:
        if error.errno != errno.ESPIPE:
            raise
    return os.read(descriptor, _MOST_BYTES)


def _unreadable(descriptor: int) -> SetupError:
    mend = f"Open it for this command, such as: {descriptor}< FILE"
    return SetupError(f"The file descriptor {descriptor} cannot be read.", mend)


def _line(raw: bytes) -> str:
    try:
        line = raw.split(b"\n", 1)[0].decode().rstrip("\r")
    except UnicodeDecodeError as error:
        raise SetupError("The passphrase is not UTF-8.", "Choose one of letters and digits.") from error
    if not line:
        raise SetupError("The passphrase is empty.", _WAYS)
    return line


def _credential(name: str) -> bytes:
    folder = credentials_directory()
    try:
        if folder is None:
            raise FileNotFoundError
        return (folder / name).read_bytes()
    except OSError as error:
        problem = f"There is no systemd credential {name}."
        mend = f"Start it as the unit does, with LoadCredentialEncrypted={name}; systemd-run takes that too."
        raise SetupError(problem, mend) from error
