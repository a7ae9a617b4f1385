"""The places that may be mounted over: decided by where the target is, however the destination is spelled.

A link of the image may lead a volume over /proc, where its files would be taken for the kernel's (CVE-2019-16884,
CVE-2019-19921, CVE-2025-52881), or over /dev, where the runtime would make device nodes in a folder of the host.
"""

from __future__ import annotations

import posix

from pyoci.errors import UnsupportedError
from pyoci.kernel import mount, uapi
from pyoci.kernel.beneath import Root
from pyoci.kernel.call import shown
from pyoci.wire.plan import Mount

# What lxcfs and others show of a container's own limits, and two settings: the list is runc's.
_EMULATED = (
    *("cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo", "net/dev"),
    *("sys/kernel/ns_last_pid", "sys/crypto/fips_enabled"),
)


class Places:
    """Names, below the root, of what descriptors stand for: as the kernel has them, not the config."""

    __slots__ = ("_prefix", "_proc_fd")

    def __init__(self, root: Root, proc_fd: int) -> None:
        self._proc_fd = proc_fd
        self._prefix = self._path(root.fd).rstrip("/")

    def name(self, fd: int) -> str:
        """`/` for the root itself; empty for what does not lie below it."""
        path = self._path(fd)
        if path == (self._prefix or "/"):
            return "/"
        return path[len(self._prefix) :] if path.startswith(self._prefix + "/") else ""

    def _path(self, fd: int) -> str:
        return posix.readlink(f"self/fd/{fd}", dir_fd=self._proc_fd)


def check(entry: Mount, tree: int, name: str, what: str) -> None:
    """UnsupportedError when `entry` may not be mounted at `name`; `tree` is its source, -1 for a new file system."""
    if name == "/":
        raise UnsupportedError(f"{what}: it leads to the root, which /root decides, not a mount")
    if name == "/proc":
        if not _is_procfs(entry, tree):
            raise UnsupportedError(
                f"{what}: it cannot be mounted because it is not of type proc: only a whole procfs may lie there"
            )
    elif name.startswith("/proc/"):
        if entry.kind != "bind" or not _is_emulated(name.removeprefix("/proc/")):
            raise UnsupportedError(f"{what}: it lies inside /proc, where only what lxcfs emulates may be replaced")
    elif _is_led_by_a_link(entry.destination, name):
        raise UnsupportedError(f"{what}: a link in the rootfs leads it to {shown(name)}; name that path in the config")


def check_change(entry: Mount, name: str, what: str) -> None:
    """UnsupportedError when a link leads `entry`, which changes the mount at `name`, to one that it does not name."""
    if entry.destination == name:
        return
    if name in ("/", "/proc") or name.startswith("/proc/") or _is_led_by_a_link(entry.destination, name):
        raise UnsupportedError(f"{what}: a link in the rootfs leads it to {shown(name)}; name that path in the config")


def _is_emulated(name: str) -> bool:
    process, _, rest = name.partition("/")
    return name in _EMULATED or (process.isdigit() and rest == "net/dev")  # /proc/net is a link


def _is_led_by_a_link(destination: str, name: str) -> bool:
    for top in ("/sys", "/dev"):
        if name == top or (top == "/sys" and name.startswith("/sys/")):
            return destination != top and not destination.startswith(f"{top}/")
    return False


def _is_procfs(entry: Mount, tree: int) -> bool:
    if tree < 0:
        return entry.fstype == "proc"
    return mount.magic(tree) == uapi.PROC_SUPER_MAGIC and posix.fstat(tree).st_ino == uapi.PROC_ROOT_INO
