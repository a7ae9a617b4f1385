"""Files that the host opens for the container side before the fork; the descriptors are close-on-exec."""

from __future__ import annotations

from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.wire.cgroup import CgroupMounts


class Inherited(Record):
    proc_fd: int  # the host's procfs, verified (kernel.procfs)
    start_fd: int = -1  # bound datagram socket in the state directory: `pyoci start` sends to it
    rootfs_fd: int = -1  # a detached clone of the rootfs, where only the host may reach it
    rootfs_is_attached: bool = False  # the clone lies over the rootfs already: there is no own mount namespace
    devices_fd: int = -1  # a detached tmpfs with nodes by their index in plan.devices, for a user namespace
    sources: dict[int, int]  # index in plan.mounts -> detached clone of the bind mount's source
    asked: tuple[int, ...] = ()  # indices in plan.mounts of sources that the host opens when their turn has come
    namespaces: list[tuple[str, int]]  # joined namespaces in the order of the config
    pid_namespace: int = -1  # for a process that is not in the container's: what a new procfs shows
    procfs: tuple[int, ...] = ()  # such new ones, opened by the host: contexts of fsopen(2)
    cgroup: CgroupMounts | None = None
    seccomp_filter: bytes = b""
