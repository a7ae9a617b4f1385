"""Why the kernel killed a program, for the log: an exit status of 137 or 159 does not tell.

Only for a program that a signal has ended, and whose caller waited for it in the foreground.
"""

from __future__ import annotations

import posix

from pyoci import jsontext, log
from pyoci.errors import PyociError
from pyoci.state import status
from pyoci.state.store import CONFIG_FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.state.model import State
    from pyoci.state.store import Entry

_BY_SIGNAL = 128
_KILL, _SYS = 9, 31
_RECORDS = 100_000  # of the kernel's log, whose longest is some 10 000 of these
_RECORD = 8192  # bytes, PRINTK_MESSAGE_MAX and the dictionary


def tell(exit_status: int, entry: Entry, pid: int) -> None:
    """A warning about the container's program `pid` with that exit status, where the kernel says why it was killed."""
    try:
        if exit_status == _BY_SIGNAL + _KILL:
            words = out_of_memory(entry.read())
        elif exit_status == _BY_SIGNAL + _SYS:
            words = _forbidden_call(jsontext.loads(entry.read_file(CONFIG_FILE), what=CONFIG_FILE), pid)
        else:
            return
    except PyociError:
        return  # somebody has deleted the container
    if words:
        log.warning(words)


def out_of_memory(state: State) -> str:
    """Words when the OOM killer was at work in the container. Raises CgroupError when its group is gone."""
    group = status.cgroup_left(state)
    kills = group.oom_kills() if group is not None else 0
    if not kills:
        return ""
    what = "a process" if kills == 1 else f"{kills} processes"
    return (
        f"container {state.id}: the kernel has killed {what} of it for lack of memory (OOM killer); "
        "/linux/resources/memory/limit is its limit, and pyoci top shows what it uses"
    )


def _forbidden_call(config: dict[str, Any], pid: int) -> str:
    seccomp = (config.get("linux") or {}).get("seccomp")
    if not seccomp:
        return ""  # somebody else's signal
    number = _logged_call(pid)
    call = f"the system call {_name(seccomp, number)}" if number >= 0 else "a system call that it forbids"
    hint = "" if number >= 0 else "; the kernel's log names it (journalctl -k --grep type=1326)"
    return f"the program was killed by /linux/seccomp (SIGSYS), for {call}{hint}"


def _logged_call(pid: int) -> int:
    """The number of the last system call for which the kernel has killed that process; -1 when it does not tell.

    Documentation/ABI/testing/dev-kmsg. The number of the process is that of the first PID namespace.
    """
    number = -1
    try:
        fd = posix.open("/dev/kmsg", posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC)
    except OSError:
        return number  # root's alone, as a rule
    try:
        for _ in range(_RECORDS):
            try:
                record = posix.read(fd, _RECORD)
            except BlockingIOError:
                break
            except BrokenPipeError:
                continue  # overwritten meanwhile: the next one follows
            if b" type=1326 " in record and f" pid={pid} ".encode() in record:
                digits = record.partition(b" syscall=")[2].split(b" ")[0]
                number = int(digits) if digits.isdigit() else number
    except OSError:
        pass
    finally:
        posix.close(fd)
    return number


def _name(seccomp: dict[str, Any], number: int) -> str:
    """Its name, where the profile names it."""
    from pyoci.kernel.libseccomp import Library

    try:
        library = Library()
    except PyociError:
        return f"number {number}"
    names = (name for rule in seccomp.get("syscalls") or () for name in rule["names"])
    return next((name for name in names if library.number(name) == number), f"number {number}")
