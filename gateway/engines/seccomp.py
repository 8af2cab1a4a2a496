"""A system call filter that an engine needs nothing beyond, written as classic BPF.

It refuses (EPERM) what leads out of the process: sockets other than Unix streams, ``connect`` to anything, new
processes and programs, other processes' memory, kernel facilities with a history. Calls of another architecture's
table kill the process; calls newer than this list answer ENOSYS, as on an older kernel, and so does ``clone3``, whose
flags a filter cannot read (the C library falls back to ``clone``, which may make threads only).

Numbers: the kernel's ``arch/x86/entry/syscalls/syscall_64.tbl`` and ``include/uapi/asm-generic/unistd.h``.
"""

from __future__ import annotations

import ctypes
import errno
import struct

from gateway.engines import kernel

_NUMBERS: dict[str, tuple[int, int]] = {  # name: (x86_64, aarch64); -1 where there is no such call
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_settime": (227, 112),
    "connect": (42, 203),
    "delete_module": (176, 106),
    "execve": (59, 221),
    "execveat": (322, 281),
    "finit_module": (313, 273),
    "fork": (57, -1),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, -1),
    "iopl": (172, -1),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "kill": (62, 129),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "socketpair": (53, 199),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vfork": (58, -1),
}
_SOCKET = (41, 198)
_CLONE = (56, 220)
_CLONE3 = 435
_NEWEST = 462  # mseal; one table for all architectures since 424
_X32_BIT = 0x40000000

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER = 1
_GET_ACTION_AVAIL = 2
_FLAG_TSYNC = 1  # all threads of the process, not this one alone

_KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000
_ALLOW = 0x7FFF0000

# struct seccomp_data: nr, arch, instruction pointer, six arguments of 64 bits, low word first on both machines
_AT_NUMBER, _AT_ARCH, _AT_ARGUMENT_0, _AT_ARGUMENT_1 = 0, 4, 16, 24
_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06  # LD|W|ABS, ALU|AND|K, RET|K
_IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT = 0x15, 0x35, 0x45  # JMP|JEQ|K, JMP|JGE|K, JMP|JSET|K

_AF_UNIX, _SOCK_STREAM, _SOCK_TYPE_MASK = 1, 1, 0xF
_CLONE_THREAD = 0x00010000

Instruction = tuple[int, int, int, int]
"""``struct sock_filter``: code, jump if true, jump if false, operand."""


def _answer(value: int) -> Instruction:
    return (_RETURN, 0, 0, value)


_DENY = _answer(_ERRNO | errno.EPERM)
_NOT_KNOWN = _answer(_ERRNO | errno.ENOSYS)


def _when(test: int, operand: int, *then: Instruction) -> list[Instruction]:
    """``then`` if the test holds for the loaded word, else skip it."""
    return [(test, 0, len(then), operand), *then]


def program(architecture: str) -> bytes:
    """Return the filter for that machine as an array of ``struct sock_filter``.

    Raises:
        KeyError: an architecture whose numbers are not in the table.
    """
    column = {"x86_64": 0, "aarch64": 1}[architecture]
    only_unix_streams = (
        (_LOAD, 0, 0, _AT_ARGUMENT_0),
        (_IF_EQUAL, 0, 4, _AF_UNIX),
        (_LOAD, 0, 0, _AT_ARGUMENT_1),
        (_AND, 0, 0, _SOCK_TYPE_MASK),
        (_IF_EQUAL, 0, 1, _SOCK_STREAM),
        _answer(_ALLOW),
        _DENY,
    )
    only_threads = ((_LOAD, 0, 0, _AT_ARGUMENT_0), (_IF_ANY_BIT, 0, 1, _CLONE_THREAD), _answer(_ALLOW), _DENY)
    code: list[Instruction] = [(_LOAD, 0, 0, _AT_ARCH), (_IF_EQUAL, 1, 0, _AUDIT_ARCH[architecture])]
    code += [_answer(_KILL_PROCESS), (_LOAD, 0, 0, _AT_NUMBER)]
    if architecture == "x86_64":
        code += _when(_IF_AT_LEAST, _X32_BIT, _answer(_KILL_PROCESS))
    code += _when(_IF_AT_LEAST, _NEWEST + 1, _NOT_KNOWN)
    code += _when(_IF_EQUAL, _CLONE3, _NOT_KNOWN)
    code += _when(_IF_EQUAL, _SOCKET[column], *only_unix_streams)
    code += _when(_IF_EQUAL, _CLONE[column], *only_threads)
    for numbers in _NUMBERS.values():
        if numbers[column] >= 0:
            code += _when(_IF_EQUAL, numbers[column], _DENY)
    code.append(_answer(_ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def apply() -> None:
    """Put every thread of this process under the filter. It cannot be taken off again.

    Raises:
        OSError: the kernel has no seccomp, or ``no_new_privs`` is not set.
        KeyError: see :func:`program`.
    """
    code = ctypes.create_string_buffer(program(kernel.ARCHITECTURE))
    length = (len(code) - 1) // 8
    header = ctypes.create_string_buffer(struct.pack("@HP", length, ctypes.addressof(code)))  # struct sock_fprog
    kernel.syscall(_SECCOMP[kernel.ARCHITECTURE], _SET_MODE_FILTER, _FLAG_TSYNC, header)
