"""What the host inherited for the container side before the fork; the descriptors are inherited, close-on-exec."""

from __future__ import annotations

from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.wire.cgroup import CgroupMounts


class Inherited(Record):
    proc_fd: int  # the host's procfs, verified (kernel.procfs)
    start_fd: int = -1  # bound datagram socket in the state directory: `pyoci start` sends to it
    rootfs_fd: int = -1  # a detached clone of the rootfs, where only the host may reach it
    sources: dict[int, int]  # index in plan.mounts -> detached clone of the bind mount's source
    namespaces: list[tuple[str, int]]  # joined namespaces in the order of the config
    cgroup: CgroupMounts | None = None
    seccomp_program: bytes = b""
