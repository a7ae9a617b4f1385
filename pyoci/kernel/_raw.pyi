"""System calls that the os module does not offer (compiled from _raw.c)."""

from typing import NoReturn

SYS: dict[str, int]
"""The number of each system call that pyoci makes by its name, for the architecture that this was compiled for."""

def syscall(number: int, /, *arguments: int | bytes | bytearray | None) -> int:
    """Make a system call with up to six arguments; OSError when the kernel refuses it, EINTR too.

    An int is passed as it is (-2**63 to 2**64-1, OverflowError beyond), bytes and bytearray by their address,
    None as a null pointer. Only a bytearray may be written to by the kernel.
    """

def address(buffer: bytes | bytearray, /) -> int:
    """Where the buffer's bytes are, to put into a structure; keep the buffer alive and do not resize it."""

def clone3(flags: int, cgroup_fd: int = -1) -> tuple[int, int]:
    """Fork with clone3(2)'s `flags`: (pid, pidfd) in the parent, (0, -1) in the child.

    The child starts in the cgroup (v2) that `cgroup_fd` has open. The pidfd is close-on-exec.
    """

def open_procfs_in_child() -> int:
    """fsopen(2) of a procfs, made by a child in the PID namespace that this process has joined.

    The child has this process's descriptors and a copy of its memory, and is there for that call only. OSError,
    ETIMEDOUT when somebody stops it for 5 seconds.
    """

def end_with_procfs(channel_fd: int, /) -> NoReturn:
    """`open_procfs_in_child` by a process that gives its memory back first, and may make hardly a call from then on.

    The descriptor goes to `channel_fd` as the message PROCFS, or a failure as ERROR.
    """

def end(
    start_fd: int, report_fd: int, in_child: bool, block: bytes, relocations: bytes, table: int, count: int
) -> NoReturn:
    """Make the calls in `block`, as kernel.deferred lays them out, after START has come to `start_fd` (-1: at once).

    `in_child`: a child makes them, once GO has come to `report_fd`. Python's memory is given back before either wait.
    OSError only when there is no memory to begin with.
    """

def end_when_asked() -> list[int]:
    """Have SIGHUP, SIGINT, SIGQUIT and SIGTERM end this process at once, without Python; those that were ignored."""

def forget_caller() -> None:
    """Overwrite the command line and the environment that /proc/PID/cmdline and environ show of this process.

    Where Python itself was started by the caller (in tests) nothing happens.
    """
