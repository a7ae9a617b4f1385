"""Why the kernel killed a program: an exit status of 137 or 159 does not tell.

`run` and `exec` tell it in the log, `events` of a container that has stopped in its error, and `state` in annotations.
"""

from __future__ import annotations

import posix

from pyoci import jsontext, log
from pyoci.errors import PyociError
from pyoci.kernel import pidfd, signals
from pyoci.kernel.call import SYS
from pyoci.state import status
from pyoci.state.store import CONFIG_FILE, EXIT_FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from pyoci.state.model import State
    from pyoci.state.store import Entry

# Annotations of a container that has stopped, each "true" or absent.
OOM_KILLED, SECCOMP_KILLED = "org.pyoci.oom-killed", "org.pyoci.seccomp-killed"
_BY_SIGNAL = 128
_KILL, _SYS = 9, 31
_RECORDS = 100_000  # of the kernel's log, whose longest is some 10 000 of these
_A_MOMENT = 1.0  # seconds
_CLOCK_ERROR = 1.0  # seconds: the stamps of audit are coarse
_RECORD = 8192  # bytes, PRINTK_MESSAGE_MAX and the dictionary


def tell(exit_status: int, entry: Entry, pid: int) -> None:
    """A warning about the container's program `pid` with that exit status, where the kernel says why it was killed."""
    try:
        if exit_status == _BY_SIGNAL + _KILL:
            words = out_of_memory(entry.read())
        elif exit_status == _BY_SIGNAL + _SYS:
            words = _forbidden_call(_seccomp_of(entry), logged_call(_kernel_log(), pid))
        else:
            return
    except PyociError:
        return  # somebody has deleted the container
    if words:
        log.warning(words)


def of_child(pid: int) -> str:
    """Words about a child of ours that a signal has killed, with the forbidden system call; else empty."""
    code = pidfd.how_ended(pid, _A_MOMENT)
    if code is None or code >= 0:
        return ""
    words = signals.ending(code)
    if code != -_SYS:
        return words
    number = logged_call(_kernel_log(), pid)
    name = next((name for name, other in SYS.items() if other == number), f"number {number}")
    call = f"system call {name}" if number >= 0 else "system call"
    return f"{words}, for a {call} that a seccomp filter forbids, /linux/seccomp or one around pyoci"


def afterwards(entry: Entry, state: State) -> str:
    """Words about a container that has stopped, whose exit status nobody here knows."""
    try:
        words = out_of_memory(state)
    except PyociError:
        words = ""  # its group is gone
    return words or _forbidden_call_in_log(entry, state)


def as_annotations(entry: Entry, state: State) -> dict[str, str]:
    """For the state document of a container that has stopped: what costs a file or two to know."""
    annotations = {}
    ended = _recorded(entry)
    if ended.get("oom_killed") is True or _oom_kills(state):
        annotations[OOM_KILLED] = "true"
    if ended.get("signal") == _SYS and _seccomp_of(entry):
        annotations[SECCOMP_KILLED] = "true"
    return annotations


def _oom_kills(state: State) -> int:
    try:
        group = status.cgroup_left(state)
        return group.oom_kills() if group is not None else 0
    except PyociError:
        return 0  # its group is gone


def _recorded(entry: Entry) -> dict[str, Any]:
    """The exit that a supervisor has written down (host/supervise.py)."""
    try:
        ended = jsontext.loads(entry.read_file(EXIT_FILE), what=EXIT_FILE)
    except PyociError:
        return {}  # it had none, or nothing is written yet
    return ended if isinstance(ended, dict) else {}


def _seccomp_of(entry: Entry) -> dict[str, Any]:
    try:
        config = jsontext.loads(entry.read_file(CONFIG_FILE), what=CONFIG_FILE)
    except PyociError:
        return {}  # somebody has deleted the container
    return (config.get("linux") or {}).get("seccomp") or {}


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


def _forbidden_call_in_log(entry: Entry, state: State) -> str:
    if not status.is_this_boot(state):
        return ""
    number = logged_call(_kernel_log(), state.pid, not_before=_wall_clock(state.pid_start) - _CLOCK_ERROR)
    return _forbidden_call(_seccomp_of(entry), number) if number >= 0 else ""


def _forbidden_call(seccomp: dict[str, Any], number: int) -> str:
    if not seccomp:
        return ""  # somebody else's signal
    call = f"the system call {_name(seccomp, number)}" if number >= 0 else "a system call that it forbids"
    hint = "" if number >= 0 else "; the kernel's log may name it (journalctl -k --grep type=1326)"
    return f"the program was killed by /linux/seccomp (SIGSYS), for {call}{hint}"


def logged_call(records: Iterable[bytes], pid: int, not_before: float = 0.0) -> int:
    """The number of the last system call for which the kernel has killed that process; -1 when it does not tell.

    Documentation/ABI/testing/dev-kmsg. The number of the process is that of the first PID namespace. `not_before`: in
    seconds since 1970, since an earlier record is of another process with that number.
    """
    number = -1
    for record in records:
        # SCMP_ACT_LOG writes such a record, too, with sig=0
        is_kill = b" type=1326 " in record and b" sig=31 " in record
        if is_kill and f" pid={pid} ".encode() in record and _time_of(record) >= not_before:
            digits = record.partition(b" syscall=")[2].split(b" ")[0]
            number = int(digits) if digits.isdigit() else number
    return number


def _kernel_log() -> Iterator[bytes]:
    """Its records, oldest first; none when this process may not read them."""
    try:
        fd = posix.open("/dev/kmsg", posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC)
    except OSError:
        return  # root's alone, as a rule
    try:
        for _ in range(_RECORDS):
            try:
                yield posix.read(fd, _RECORD)
            except BlockingIOError:
                break
            except BrokenPipeError:
                continue  # overwritten meanwhile: the next one follows
    except OSError:
        pass
    finally:
        posix.close(fd)


def _time_of(record: bytes) -> float:
    """Seconds since 1970, of `audit(SECONDS.MILLISECONDS:SERIAL)`.

    Not the stamp of the log itself: its clock stands still while the machine sleeps, and nobody adjusts its speed.
    After a day it is tens of milliseconds away from the clock by which the kernel says when a process began, and some
    containers live no longer.
    """
    stamp = record.partition(b" audit(")[2].partition(b":")[0]
    try:
        return float(stamp)
    except ValueError:
        return 0.0


def _wall_clock(ticks: int) -> float:
    """Seconds since 1970, of a number of clock ticks since boot (proc_pid_stat(5), starttime)."""
    import time

    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / posix.sysconf("SC_CLK_TCK")
    return time.time() - age


def _name(seccomp: dict[str, Any], number: int) -> str:
    """Its name, where the profile names it."""
    from pyoci.kernel.libseccomp import Library

    try:
        library = Library()
    except PyociError:
        return f"number {number}"
    names = (name for rule in seccomp.get("syscalls") or () for name in rule["names"])
    return next((name for name in names if library.number(name) == number), f"number {number}")
