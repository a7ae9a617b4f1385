"""What is measured with: a cgroup that counts the CPU time of everything below it, and the machine's own noise."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

CGROUPS = Path("/sys/fs/cgroup")
_CLONE_NEWNS, _MS_REC, _MS_PRIVATE = 0x20000, 0x4000, 1 << 18
_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE = 10.0  # seconds


class Failed(Exception):
    """A command that is measured did not do what it should."""


# pyoci's compiled seccomp filters (pyoci/host/seccomp.py), here those of the measurement alone.
FILTERS = Path("/run/pyoci-seccomp")


class Sample(NamedTuple):
    """Milliseconds that a command took: CPU time of it and all its children, and time by the wall clock."""

    cpu: float
    wall: float


def separate() -> None:
    """A mount namespace of our own; where v1 and v2 are mixed, without the v2 half, which crun before 1.9 refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) or libc.mount(b"", b"/", None, _MS_REC | _MS_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "make a private mount namespace")
    if is_hybrid():
        subprocess.run(["umount", CGROUPS / "unified"], check=True)
        # Beneath lies a folder of the machine's, in which a runtime may make files.
        subprocess.run(["mount", "-t", "tmpfs", "none", CGROUPS / "unified"], check=True)
    FILTERS.mkdir(mode=0o700, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0700", "none", FILTERS], check=True)
    # The container's init is left to us when `create` has ended, to be waited for.
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "become a subreaper")


@contextmanager
def in_memory(folder: str) -> Iterator[None]:
    """`folder` as a tmpfs: /run is one everywhere, but not on every machine that is made for tests."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0700", "none", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def is_hybrid() -> bool:
    return os.path.ismount(CGROUPS / "unified") and not is_unified()


def is_unified() -> bool:
    return (CGROUPS / "cgroup.controllers").exists()


class Meter:
    """Runs commands and tells what they cost.

    The CPU time is that of a cgroup that holds this program and every container, less this program's own. So it counts
    threads and processes that nobody waits for (a container's init after `create`), to the nanosecond (v1) or
    microsecond (v2).
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._group = (CGROUPS if is_unified() else CGROUPS / "cpuacct") / name
        self._before = _own_cgroup()
        self._file = self._group / ("cpu.stat" if is_unified() else "cpuacct.usage")

    def __enter__(self) -> Meter:
        (self._group / "self").mkdir(parents=True)
        (self._group / "self/cgroup.procs").write_text(str(os.getpid()))
        return self

    def __exit__(self, *_exception: object) -> None:
        (self._group.parent / self._before / "cgroup.procs").write_text(str(os.getpid()))
        hierarchies = {CGROUPS} if is_unified() else {path.resolve() for path in CGROUPS.iterdir()}
        for hierarchy in hierarchies - {CGROUPS / "unified"}:
            for folder, _, _ in os.walk(hierarchy / self.name, topdown=False):
                os.rmdir(folder)

    def run(self, *command: str, then: Callable[[], None] | None = None) -> Sample:
        """Run a command, and `then` something that lasts until what the command set going has come to rest."""
        actions = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
        cpu, begin = self._cpu(), time.perf_counter_ns()
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
        _, status = os.waitpid(pid, 0)
        wall = time.perf_counter_ns() - begin
        if status:
            raise Failed(f"status {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
        if then is not None:
            then()
        return Sample((self._cpu() - cpu) / 1e6, wall / 1e6)

    def total(self) -> int:
        """Nanoseconds of CPU time of everything in the cgroup."""
        # Asking for our own time makes the kernel bring the account up to date.
        time.process_time_ns()
        text = self._file.read_text()
        return int(text.split()[1]) * 1000 if is_unified() else int(text)  # usage_usec is the first

    def _cpu(self) -> int:
        own = time.process_time_ns()
        return self.total() - own


def peak_memory(*command: str) -> int:
    """KiB of the largest process of a command (resident, high-water mark).

    Told by busybox: execve(2) lets a process inherit the mark of whoever forked it, and this program is larger than
    what it measures. busybox takes the kernel's KiB for pages, so it is asked for something known, too.
    """
    words = ("busybox", "grep", "VmHWM", "/proc/self/status")
    known = int(output(*words).split()[1])
    factor = round(_peak_by_busybox(*words) / known)
    return _peak_by_busybox(*command) // max(factor, 1)


def _peak_by_busybox(*command: str) -> int:
    done = subprocess.run(
        ["busybox", "time", "-v", *command],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    return int(done.stderr.partition("Maximum resident set size (kbytes):")[2].split()[0])


def wait_until_asleep(pid: int) -> None:
    """Until every thread of the process waits for something."""
    deadline = time.monotonic() + _PATIENCE
    while any(_state(task) not in "SZX" for task in Path(f"/proc/{pid}/task").iterdir()):
        if time.monotonic() > deadline:
            raise Failed(f"process {pid} does not come to rest")
        time.sleep(0.001)


def wait_until_executed(pid: int, program: str) -> None:
    """Until the process has become a program of that name, and waits for something."""
    deadline = time.monotonic() + _PATIENCE
    while os.path.basename(os.readlink(f"/proc/{pid}/exe")) != program:
        if time.monotonic() > deadline:
            raise Failed(f"process {pid} does not become {program}")
        time.sleep(0.001)
    wait_until_asleep(pid)


def reap(pid: int) -> None:
    """Wait for the end of a container's init, which was left to us."""
    os.waitpid(pid, 0)


def reap_strays() -> None:
    """Wait for what else was left to us and has ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def proportional_memory(pid: int) -> int:
    """KiB (PSS): memory that several processes share counts in parts."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def output(*command: str) -> str:
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout


def descendants(pid: int = 0) -> list[int]:
    """All processes below `pid`, or below this one."""
    pid = pid or os.getpid()
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


class Noise:
    """What else the machine did: CPU time that was not ours, as a share of all CPUs."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._begin = self._now()

    def report(self) -> dict[str, float]:
        wall, busy, stolen, ours = (now - then for now, then in zip(self._now(), self._begin, strict=True))
        capacity = wall * (os.cpu_count() or 1)
        return {
            "seconds": round(wall, 1),
            "others_percent": round(max(busy - ours, 0) / capacity * 100, 1),
            "stolen_percent": round(stolen / capacity * 100, 1),
            "load_average": os.getloadavg()[0],
        }

    def _now(self) -> tuple[float, float, float, float]:
        fields = [int(word) / os.sysconf("SC_CLK_TCK") for word in Path("/proc/stat").read_text().split()[1:9]]
        user, nice, system, _idle, _iowait, interrupts, soft, stolen = fields
        return time.monotonic(), user + nice + system + interrupts + soft, stolen, self._meter.total() / 1e9


def describe() -> dict[str, str]:
    """The machine, for the report."""
    cpu = _value("/proc/cpuinfo", "model name", ":") or platform.machine()
    return {
        "cpus": f"{os.cpu_count()} x {cpu}",
        "kernel": os.uname().release,
        "system": _value("/etc/os-release", "PRETTY_NAME", "="),
        "cgroups": "v2" if is_unified() else "v1",
    }


def _value(path: str, key: str, separator: str) -> str:
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(separator)
        if name.strip() == key:
            return value.strip(' "')
    return ""


def _own_cgroup() -> str:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if (is_unified() and not controllers) or "cpuacct" in controllers.split(","):
            return path.lstrip("/")
    return ""


def _state(task: Path) -> str:
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"
