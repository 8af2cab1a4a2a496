"""Landlock: a process gives up all files but those it names, TCP, and abstract Unix sockets, without being root.

Numbers and structures: the kernel's ``include/uapi/linux/landlock.h``. What the kernel cannot do yet is left out, by
its ABI version; :func:`restrict` returns that version, so that the caller can say what holds.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

from gateway.engines import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on all architectures
_ASK_VERSION = 1
_RULE_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_FOLDER, _MAKE_FOLDER = 1 << 4, 1 << 7
_REMOVE_FILE, _MAKE_REGULAR, _MAKE_SOCKET = 1 << 5, 1 << 8, 1 << 9
_TRUNCATE, _IOCTL_DEVICE = 1 << 14, 1 << 15
_RESOLVE_UNIX = 1 << 16
_FILE_RIGHTS = 1 | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE

_HIGHEST_FILE_RIGHT = {1: 12, 2: 13, 3: 14, 4: 14, 5: 15, 6: 15, 7: 15, 8: 15, 9: 16}  # by ABI version
_NEWEST_KNOWN = 9
_NETWORK_ABI, _SCOPE_ABI = 4, 6
_TCP_BIND_AND_CONNECT = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11

READ = _READ_FILE | _READ_DIR
SOCKETS = _WRITE_FILE | READ | _REMOVE_FILE | _MAKE_SOCKET
WRITTEN = READ | _WRITE_FILE | _TRUNCATE
SCRATCH = SOCKETS | _REMOVE_FOLDER | _MAKE_FOLDER | _MAKE_REGULAR | _TRUNCATE
DEVICE = READ | _WRITE_FILE | _IOCTL_DEVICE


def version() -> int:
    """Return the kernel's Landlock ABI version. Raises OSError where there is none, or it is switched off."""
    return kernel.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)


def _ruleset(abi: int, network: bool) -> tuple[int, int]:
    """Return a ruleset that handles all this kernel can, and its mask of file rights. ``network`` leaves TCP open."""
    files = (1 << (_HIGHEST_FILE_RIGHT[abi] + 1)) - 1
    attributes = struct.pack("=Q", files)
    if abi >= _NETWORK_ABI:
        attributes += struct.pack("=Q", 0 if network else _TCP_BIND_AND_CONNECT)
    if abi >= _SCOPE_ABI:
        attributes += struct.pack("=Q", _ABSTRACT_SOCKETS_AND_SIGNALS)
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    return kernel.syscall(_CREATE_RULESET, buffer, len(attributes), 0), files


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this machine: nothing to allow
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= _FILE_RIGHTS
        attributes = ctypes.create_string_buffer(struct.pack("=Qi", rights, opened), 12)
        kernel.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, attributes, 0)
    finally:
        os.close(opened)


def restrict(rules: Iterable[tuple[Path, int]], *, network: bool = False) -> int:
    """Give up everything but ``rules`` (a path and its rights, all beneath it included); return the ABI version.

    TCP is given up too, unless ``network``.

    This thread and those it starts from now on are bound, for good. Paths that do not exist are skipped.

    Raises:
        OSError: no Landlock, or ``no_new_privs`` is not set.
    """
    abi = min(version(), _NEWEST_KNOWN)
    ruleset, files = _ruleset(abi, network)
    try:
        for path, rights in rules:
            _allow(ruleset, path, rights & files)
        kernel.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return abi
