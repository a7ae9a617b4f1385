"""Access to devices in cgroup v2: the program for the rules, attached to the group. See bpf(2)."""

from __future__ import annotations

import posix

from pyoci.cgroups import device_program
from pyoci.errors import CgroupError, SyscallError, reason
from pyoci.kernel import bpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cgroups.devices import Rule

# Programs of others (systemd's, an engine's) on the same group stay: all must agree, BPF_F_ALLOW_MULTI.
PROGRAM_NAME = "pyoci_devices"


def restrict(group: str, rules: list[Rule]) -> None:
    """Attach the program for the rules, in place of the one that an earlier call attached. Raises
    CgroupError.

    It stays as long as the group does, whoever exits.
    """
    program = device_program.build(rules)
    try:
        group_fd = posix.open(group, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
    except OSError as error:
        raise CgroupError(f"open {group}: {reason(error)}") from None
    try:
        fd = bpf.load_device_program(program, PROGRAM_NAME)
        try:
            _swap(group_fd, fd)
        finally:
            posix.close(fd)
    except SyscallError as error:
        raise CgroupError(f"restrict devices in {group}: {error}") from None
    finally:
        posix.close(group_fd)


def _swap(group_fd: int, fd: int) -> None:
    former = bpf.attached_device_programs(group_fd, PROGRAM_NAME)
    try:
        bpf.attach_device_program(group_fd, fd, former[0] if former else -1)
        for extra in former[1:]:
            bpf.detach_device_program(group_fd, extra)
    finally:
        for old in former:
            posix.close(old)
