"""What the program may do: capabilities, no_new_privs, labels, seccomp (capabilities(7), seccomp(2)).

The order is forced: the bounding set needs CAP_SETPCAP, a filter without no_new_privs needs CAP_SYS_ADMIN, and the
filter goes last, so that it need not allow anything that pyoci does, but execve(2).
"""

from __future__ import annotations

from pyoci.kernel import capabilities, lsm, process, seccomp
from pyoci.kernel.uapi import CAP_SYS_ADMIN
from pyoci.wire.plan import Process
from pyoci.wire.record import Record


class Rights(Record):
    """What `apply` still has to do."""

    process: Process
    proc_fd: int
    program: bytes
    applied: bool = False

    def label(self) -> None:
        """What is written to procfs, and so takes a descriptor: the LSM's label for the next execve(2)."""
        if self.process.apparmor_profile:
            lsm.set_apparmor_exec(self.proc_fd, self.process.apparmor_profile)
        if self.process.selinux_label:
            lsm.set_selinux_exec(self.proc_fd, self.process.selinux_label)

    def confine(self) -> None:
        """`apply`, for callers that have no use for a notify descriptor."""
        apply(self)


def prepare(wanted: Process, proc_fd: int, program: bytes) -> Rights:
    """Before the ids change: what takes the privileges that go with them."""
    effective, permitted, _ = capabilities.get()
    # before the bounding set shrinks: capset(2) refuses to add an inheritable capability that is not in it
    capabilities.set(effective, permitted, wanted.capabilities.inheritable)
    capabilities.limit_bounding(wanted.capabilities.bounding)
    capabilities.set_keep(True)
    return Rights(process=wanted, proc_fd=proc_fd, program=program)


def apply(rights: Rights) -> int | None:
    """The last steps before execve(2). Returns the notify descriptor of a seccomp filter that has one."""
    if rights.applied:
        return None
    rights.applied = True
    wanted = rights.process
    listener = None
    if rights.program and not wanted.no_new_privileges:
        _regain_for_seccomp()
        listener = _load(rights)
    _drop(wanted)
    if wanted.no_new_privileges:
        process.set_no_new_privs()
        if rights.program:
            listener = _load(rights)
    return listener


def _load(rights: Rights) -> int | None:
    plan = rights.process.seccomp
    return seccomp.load(rights.program, plan.flags if plan is not None else 0)


def _regain_for_seccomp() -> None:
    """A change of uid cleared the effective set, not the permitted one (PR_SET_KEEPCAPS)."""
    effective, permitted, inheritable = capabilities.get()
    if not effective >> CAP_SYS_ADMIN & 1:
        capabilities.set(permitted, permitted, inheritable)


def _drop(wanted: Process) -> None:
    sets = wanted.capabilities
    capabilities.set(sets.effective, sets.permitted, sets.inheritable)
    capabilities.set_ambient(sets.ambient)
