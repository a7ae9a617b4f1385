"""Clone into namespaces that exist: the host steps into them for this one system call, and out again.

The process that makes init must be in the namespaces already: setns(2) into a PID namespace acts on children only, and
a child that joined the others by itself would be seen in that PID namespace, by /proc/PID/root, with the host's files
(CVE-2016-9962). A process of its own for it, `init.bootstrap`, costs 1.3 ms in every `exec`.
"""

from __future__ import annotations

import posix

from pyoci import log
from pyoci.errors import SyscallError
from pyoci.kernel import namespace, process, uapi

_DIRECTORY = posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC


class NamespaceVisit:
    """The way back: the host's own namespaces, by their types, its root and its working directory."""

    __slots__ = ("_cwd", "_former", "_root")

    def __init__(self, former: list[tuple[str, int]], root: int, cwd: int) -> None:
        self._former = former
        self._root = root
        self._cwd = cwd

    def clone(self, namespaces: list[tuple[str, int]], flags: int, cgroup_fd: int) -> tuple[int, int]:
        """`kernel.process.clone` in those namespaces: (pid, pidfd), pid 0 in the child, which stays.

        The caller delays interrupts (`kernel.signals.Delayed`) until the host is back: who cleans up after one must
        not do so to the container's files.
        """
        pid = -1
        try:
            _join(namespaces)
            pid, pidfd = process.clone(flags, cgroup_fd)
        finally:
            if pid != 0:
                self._come_back()
        return pid, pidfd

    def go_back(self) -> None:
        """Raises SyscallError and OSError."""
        _join(self._former)
        # setns(2) into a mount namespace has set both to its root
        posix.fchdir(self._root)
        posix.chroot(".")
        posix.fchdir(self._cwd)

    def close(self) -> None:
        for fd in (*(fd for _, fd in self._former), self._root, self._cwd):
            posix.close(fd)

    def _come_back(self) -> None:
        try:
            self.go_back()
        except BaseException as error:  # noqa: BLE001  # as follows
            # whatever the host did from here on, it would do to the container's files, taken for its own
            try:
                log.error(f"return from the container's namespaces: {error}")
            finally:
                posix._exit(1)


def prepare(kinds: list[str]) -> NamespaceVisit | None:
    """None where there would be no way back: it is tried before anybody leaves.

    A mount namespace that belongs to an outer user namespace, for one, lets nobody in again.
    """
    try:
        former = [
            (kind, posix.open(f"/proc/self/ns/{_file(kind)}", posix.O_RDONLY | posix.O_CLOEXEC)) for kind in kinds
        ]
        visit = NamespaceVisit(former, posix.open("/", _DIRECTORY), posix.open(".", _DIRECTORY))
        visit.go_back()
    except (SyscallError, OSError):
        return None
    return visit


def _file(kind: str) -> str:
    return "pid_for_children" if kind == "pid" else uapi.NAMESPACE_FILES[kind]


def _join(namespaces: list[tuple[str, int]]) -> None:
    for kind, fd in namespaces:
        namespace.join(fd, uapi.NAMESPACE_FLAGS[kind], f"{kind} namespace")
