"""What attacks share: a folder of the host that must stay as it is, names that swap, and code run in a container."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helpers.bundle import Bundle
from helpers.forked import forked

#: What docker gives its containers: no CAP_SYS_PTRACE, no CAP_SYS_ADMIN.
USUAL = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID", "SETPCAP", "MKNOD", "SYS_CHROOT"}
TRACER = USUAL | {"SYS_PTRACE"}
_NUMBERS = {
    "CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8,
    "SYS_CHROOT": 18, "SYS_PTRACE": 19, "SYS_ADMIN": 21, "MKNOD": 27,
}  # fmt: skip
_LAST_CAPABILITY = 40

PR_CAPBSET_DROP = 24
RENAME_EXCHANGE = 2
AT_FDCWD = -100

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


def error_of(attempt: Callable[[], Any]) -> int:
    """The errno that the kernel refuses `attempt` with; 0 when it does not."""
    try:
        attempt()
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def facts(path: Path) -> tuple[Any, ...]:
    """All that an attack could change about one file, but its access time."""
    found = path.lstat()
    if stat.S_ISREG(found.st_mode):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    elif stat.S_ISLNK(found.st_mode):
        content = os.readlink(path)
    else:
        content = ""
    attributes = [] if stat.S_ISLNK(found.st_mode) else sorted(os.listxattr(path))
    numbers = (found.st_mode, found.st_uid, found.st_gid, found.st_nlink, found.st_size, found.st_mtime_ns)
    return (*numbers, found.st_ino, content, attributes)


class Outside:
    """A folder of the host, outside of every rootfs, that holds a secret and must not change."""

    SECRET = "a secret of the host"

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.file = path / "secret"
        self.file.write_text(self.SECRET)
        (path / "folder").mkdir()
        self.watch()

    def watch(self) -> None:
        """What is there now is how it must be."""
        self._before = self._now()

    def _now(self) -> dict[str, tuple[Any, ...]]:
        return {str(path): facts(path) for path in [self.path, *self.path.rglob("*")]}

    def check(self) -> None:
        now = self._now()
        changed = [path for path in now.keys() | self._before.keys() if now.get(path) != self._before.get(path)]
        assert not changed, f"changed on the host: {sorted(changed)}"


@contextmanager
def swapping(one: Path, other: Path) -> Iterator[None]:
    """Exchanges two names in a process of its own, as fast as it can."""
    pid = os.fork()
    if pid == 0:
        first, second = os.fsencode(one), os.fsencode(other)
        while True:
            libc.renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


class MountTable:
    """The mounts in the container's namespace before its root changes, as a hook sees them: host's ones too."""

    def __init__(self, bundle: Bundle, path: Path) -> None:
        self._path = path
        self._rootfs = bundle.rootfs
        bundle.hook("createContainer", f"cat /proc/self/mountinfo > {path}")

    def strays(self) -> list[str]:
        """Mount points of the container that do not lie in its rootfs."""
        own = {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
        points = [line.split()[4] for line in self._path.read_text().splitlines()]
        return [point for point in points if point not in own and not Path(point).is_relative_to(self._rootfs)]


def inside(pid: int, attack: Callable[[], Any], capabilities: set[str] | None = None, uid: int = 0) -> Any:
    """What `attack` returns when it runs in the namespaces of `pid`, with these capabilities (None: all).

    Its modules must be imported already: the files that it sees are the container's.
    """

    def enter() -> Any:
        kinds = ("user", "mnt", "pid", "net", "ipc", "uts")
        other = [
            kind for kind in kinds if os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}")
        ]
        opened = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in other]
        for fd in opened:
            check(libc.setns(fd, 0), "setns")
            os.close(fd)
        return forked(become)

    def become() -> Any:
        kept = {_NUMBERS[name] for name in capabilities} if capabilities is not None else set()
        if capabilities is not None:
            for number in set(range(_LAST_CAPABILITY + 1)) - kept:
                check(libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0), "PR_CAPBSET_DROP")
        if _groups_may_be_set():
            os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        if capabilities is not None and uid == 0:
            _limit_capabilities(sum(1 << number for number in kept))
        return attack()

    return forked(enter)


def spied_on(pid: int, tmp: Path, spy: Callable[[], Any], meanwhile: Callable[[], object], limit: float) -> Any:
    """What `spy` returns, run in a container with CAP_SYS_PTRACE, while `meanwhile` is called again and again.

    `tmp` is the container's /tmp. There `spy` makes `watching` when it looks, and `enough` when it has seen enough;
    `done` is there when nothing more comes. A spy that does not look is waited for `limit` seconds.
    """
    tmp.chmod(0o777)
    caller = os.fork()
    if caller == 0:
        deadline = time.monotonic() + limit
        while not (tmp / "watching").exists() and time.monotonic() < deadline:
            time.sleep(0.002)
        try:
            for _ in range(400):  # on a busy machine the spy is seldom in time
                if (tmp / "enough").exists():
                    break
                meanwhile()
        finally:
            (tmp / "done").touch()
            os._exit(0)
    found = inside(pid, spy, TRACER)
    os.waitpid(caller, 0)
    return found


def _groups_may_be_set() -> bool:
    try:
        return Path("/proc/self/setgroups").read_text().strip() != "deny"
    except FileNotFoundError:
        return True  # no procfs there


def _limit_capabilities(mask: int) -> None:
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    check(libc.capset(header, (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)), "capset")


class FakeProc:
    """A folder that looks like a procfs to somebody who writes to one by its path."""

    SYSCTL = "net.ipv4.ip_unprivileged_port_start"
    VALUE = "777"

    def __init__(self, path: Path) -> None:
        self.path = path
        setting = "sys/" + self.SYSCTL.replace(".", "/")
        for process in ("self", "1", "thread-self"):
            for name in ("attr/exec", "attr/apparmor/exec", "attr/keycreate", "oom_score_adj", "setgroups", "uid_map"):
                self._put(f"{process}/{name}")
        self._put(setting)
        self._before = self._now()

    def _put(self, name: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("0")

    def _now(self) -> dict[str, str]:
        return {str(file): file.read_text() for file in self.path.rglob("*") if file.is_file()}

    def check(self) -> None:
        assert self._now() == self._before, "the runtime wrote to a procfs of the image"

    @staticmethod
    def setting(pid: int) -> str:
        """What the sysctl is in the network namespace of `pid`, by the host's procfs."""
        with open(f"/proc/{pid}/ns/net") as namespace:

            def read() -> str:
                check(libc.setns(namespace.fileno(), 0), "setns")
                return Path("/proc/sys", FakeProc.SYSCTL.replace(".", "/")).read_text().strip()

            return forked(read)  # type: ignore[no-any-return]
