"""Locks an engine's process in: no network, no files but its own, no way to other processes.

Model files come from outside, and so do prompts; a parser's flaw must not lead to keys, log or the next machine. Each
lock stands alone, and a machine that lacks one still has the others; :func:`unmet` says what is missing for the
promise "no network, no sight of keys and log" to hold. :func:`lock_in` cannot be undone: it is called in the engine's
own process, before that starts its first thread. ::

    locks = lock_in([(Path("/models/m.gguf"), landlock.READ)])
    if unmet(locks): ...                                          # refuse to start
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from gateway.engines import kernel, landlock, seccomp

Rules = Sequence[tuple[Path, int]]

_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/etc/ld.so.cache")
_FACTS = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/sys/devices/system", "/sys/fs/cgroup")
NETWORK_FACTS = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/ssl",
                 "/usr/share/ca-certificates", "/usr/local/share/ca-certificates", "/etc/ca-certificates")  # fmt: skip
"""What a process that may use the network reads to find other machines, and to know them."""

_GPU = ("/dev/nvidia*", "/dev/nvidia-caps", "/dev/dri", "/dev/kfd")
_GPU_FACTS = ("/sys", "/proc/driver/nvidia", "/proc/devices", "/usr/share/vulkan", "/etc/vulkan", "/etc/OpenCL")


def program_rules() -> Rules:
    """Return what any Python program here must read: interpreter, libraries, this package; never a data folder."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    python = [sysconfig.get_path(name) for name in names] + [sysconfig.get_config_var("LIBDIR") or ""]
    package = Path(__file__).resolve().parent.parent
    readable = [*_LIBRARIES, *_FACTS, "/dev/urandom", *(path for path in python if path), str(package)]
    return [*((Path(path), landlock.READ) for path in readable), (Path("/dev/null"), landlock.DEVICE)]


def gpu_rules() -> Rules:
    """Return the device files of graphics processors on this machine, and what their drivers read."""
    devices = [path for pattern in _GPU for path in Path("/").glob(pattern.lstrip("/"))]
    facts = [(Path(path), landlock.READ) for path in _GPU_FACTS] if devices else []
    return [*((path, landlock.DEVICE) for path in devices), *facts]


def _leave_network() -> str:
    try:
        kernel.unshare(kernel.CLONE_NEWNET)
    except PermissionError:  # not root: a user namespace of its own gives the right to make one
        kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNET)
    return "on: own and empty"


def _forbid_privileges() -> str:
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    return "on"


def _filter_calls() -> str:
    seccomp.apply()
    return "on: Unix streams only, no connect, no programs, no other process"


def _drop_capabilities() -> str:
    kernel.drop_capabilities()
    return "on: none left"


def _forbid_core_files() -> str:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    return "on"


def _attempt(lock: Callable[[], str]) -> str:
    try:
        return lock()
    except OSError as error:
        return f"off: {error.strerror}"
    except KeyError:
        return f"off: not known for {kernel.ARCHITECTURE}"


def lock_in(rules: Rules) -> dict[str, str]:
    """Take every lock that this machine has; return each by name, ``on...`` or ``off: why``.

    ``rules`` come on top of :func:`program_rules`. The order matters: namespaces need privileges, Landlock and seccomp
    need ``no_new_privs``, and a change of credentials would make the process dumpable again.
    """
    allowed = [*program_rules(), *rules]
    locks = {
        "network namespace": _attempt(_leave_network),
        "no new privileges": _attempt(_forbid_privileges),
        "landlock": _attempt(lambda: f"on: ABI {landlock.restrict(allowed)}"),
        "capabilities": _attempt(_drop_capabilities),
        "seccomp": _attempt(_filter_calls),
        "core files": _attempt(_forbid_core_files),
    }
    return locks


def lock_in_files(rules: Rules) -> dict[str, str]:
    """As :func:`lock_in`, for a process that has to reach a provider: the network and its system calls stay open."""
    allowed = [*program_rules(), *rules]
    return {
        "no new privileges": _attempt(_forbid_privileges),
        "landlock": _attempt(lambda: f"on: ABI {landlock.restrict(allowed, network=True)}"),
        "capabilities": _attempt(_drop_capabilities),
        "core files": _attempt(_forbid_core_files),
    }


def die_with(parent: int) -> None:
    """Be killed when the process ``parent`` ends, even now. Call it after :func:`lock_in`, which would undo it."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the line above
        os._exit(0)


def unmet(locks: dict[str, str]) -> list[str]:
    """Return which promises these locks do not keep, as sentences; empty when all are kept."""
    holds = {name for name, state in locks.items() if state.startswith("on")}
    missing = []
    if not holds & {"network namespace", "seccomp"}:
        missing.append("Neither a network namespace nor seccomp bars the network.")
    if "landlock" not in holds:
        missing.append("Without Landlock the engine could read keys and log.")
    if "seccomp" not in holds:
        missing.append("Without seccomp the engine could connect to other programs' sockets on this machine.")
    return missing


def available_locks() -> dict[str, str]:
    """Try every lock in a short-lived process; return as :func:`lock_in` does. Takes about 0.1 s; for `doctor`."""
    command = [sys.executable, "-m", "gateway.engines.sandbox"]
    root = Path(__file__).resolve().parent.parent.parent
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, cwd=root, env={}, check=True)  # noqa: S603
        return msgspec.json.decode(done.stdout, type=dict[str, str])
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError):
        return {"probe": "off: the probing process did not end well"}


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(lock_in([])))
