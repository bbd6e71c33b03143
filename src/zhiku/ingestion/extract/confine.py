"""Takes from the calling process whatever reading a file does not need; nothing of it can be taken back."""

import contextlib
import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from pathlib import Path

from zhiku.ingestion.extract.parts import PATIENCE, Limits

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2

# Address space counts what is only reserved (thread stacks, heaps, libraries: 440 MB when idle); memory_bytes
# bounds what is written, and this much more bounds the rest, shared memory included.
RESERVED_BYTES = 2 << 30
OPEN_FILES = 256

LOAD_WORD, JUMP_EQUAL, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
EACCES, ENOSYS = 13, 38
# Offsets in struct seccomp_data; both architectures are little-endian, so an argument's low half comes first.
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT = 0, 4, 16
CLONE_THREAD = 0x10000

# audit architecture, then the system calls' numbers, x86-64 and aarch64 (None: the architecture has no such call).
ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
REFUSED: dict[str, tuple[int | None, int | None]] = {
    # Network. socketpair stays: an event loop wakes itself with one. io_uring could open sockets unseen.
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "io_uring_setup": (425, 425),
    # Other programs and processes.
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "bpf": (321, 280),
    "keyctl": (250, 219),
    "shmget": (29, 194),
    # The file system, reading too: the content is in memory by then, and other people's files are none of a parser's.
    "open": (2, None),
    "openat": (257, 56),
    "open_by_handle_at": (304, 265),
    "creat": (85, None),
    "truncate": (76, 45),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
}
# Refused unless it starts a thread.
CLONE: tuple[int, int] = (56, 220)
# The arguments of clone3 and openat2 lie in memory where no filter can look; the C library falls back.
ABSENT: tuple[int, ...] = (435, 437)
X32_CALLS = 0x40000000


def die_with_parent(parent: int) -> None:
    """Have the kernel end this process when its parent ends (Linux); it ends now if that has happened already."""
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def bound_resources(limits: Limits) -> None:
    """Bound memory, computing and files, and take the lowest priority.

    A system that does not know a limit goes without it; files cannot grow on any, and a timer of the process's own
    ends it should its parent have died.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Past the fork server's own deadline, so it only matters when there is no fork server any more.
    signal.setitimer(signal.ITIMER_REAL, limits.seconds * PATIENCE + 5)
    os.umask(0o077)
    take_lowest_priority()
    bound(resource.RLIMIT_CORE, 0)
    bound(resource.RLIMIT_FSIZE, 0)
    bound(resource.RLIMIT_NOFILE, OPEN_FILES)
    bound(resource.RLIMIT_CPU, max(1, round(limits.cpu_seconds)))
    bound(resource.RLIMIT_DATA, limits.memory_bytes)
    bound(resource.RLIMIT_AS, limits.memory_bytes + RESERVED_BYTES)


def bound(kind: int, most: int) -> None:
    """Lower one limit, never raise it; a system that does not know it leaves it as it is."""
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    # A second more for the hard limit: the soft one then ends the process with a signal that tells why.
    ceiling = most + 1 if kind == resource.RLIMIT_CPU and hard == resource.RLIM_INFINITY else most
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (most, ceiling))


def take_lowest_priority() -> None:
    """Yield to every other process, and be the first to go when the machine runs out of memory."""
    with contextlib.suppress(OSError):
        os.nice(19)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def refuse_system_calls() -> bool:
    """Refuse files, network and other processes to this thread and all it starts; whether the system took it.

    Needs Linux on x86-64 or aarch64. What is open stays usable; everything that opens, makes or reaches something
    new fails with EACCES.
    """
    if FILTER is None:
        return False
    described = struct.pack("HP", len(FILTER) // 8, ctypes.addressof(FILTER))
    program = ctypes.create_string_buffer(described, len(described))
    LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) == 0


def build_filter(machine: str) -> bytes | None:
    """The seccomp program for a machine as `platform.machine()` names it, None for one without."""
    if machine not in ARCHITECTURES:
        return None
    architecture, column = ARCHITECTURES[machine]
    out = [instruction(LOAD_WORD, ARCHITECTURE_AT), instruction(JUMP_EQUAL, architecture, 1, 0), answer_with(KILL)]
    out.append(instruction(LOAD_WORD, NUMBER_AT))
    if machine == "x86_64":
        out += [instruction(JUMP_ANY_BIT, X32_CALLS, 0, 1), answer_with(KILL)]
    for numbers in REFUSED.values():
        out += refuse_call(numbers[column])
    out += [
        instruction(JUMP_EQUAL, CLONE[column], 0, 4),
        instruction(LOAD_WORD, FIRST_ARGUMENT_AT),
        instruction(JUMP_ANY_BIT, CLONE_THREAD, 0, 1),
        answer_with(ALLOW),
        answer_with(REFUSE | EACCES),
    ]
    for number in ABSENT:
        out += [instruction(JUMP_EQUAL, number, 0, 1), answer_with(REFUSE | ENOSYS)]
    out.append(answer_with(ALLOW))
    return b"".join(out)


def refuse_call(number: int | None) -> list[bytes]:
    """The instructions that refuse one system call."""
    if number is None:
        return []
    return [instruction(JUMP_EQUAL, number, 0, 1), answer_with(REFUSE | EACCES)]


def instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One struct sock_filter; the jumps count the instructions to pass over."""
    return struct.pack("=HBBI", code, if_true, if_false, value)


def answer_with(value: int) -> bytes:
    """The instruction that ends the program with this answer."""
    return instruction(RETURN, value)


# Made before any file is read: a child forked from a process with other threads should allocate little.
LIBC = ctypes.CDLL(None, use_errno=True)
PROGRAM = build_filter(platform.machine()) if sys.platform == "linux" else None
FILTER = ctypes.create_string_buffer(PROGRAM, len(PROGRAM)) if PROGRAM else None
