"""What the program may do: capabilities, no_new_privs, labels, seccomp (capabilities(7), seccomp(2)).

The order is forced: the bounding set needs CAP_SETPCAP, a filter without no_new_privs needs CAP_SYS_ADMIN, and the
filter goes last, so that it need not allow anything that pyoci does, but execve(2).
"""

from __future__ import annotations

from pyoci.kernel import capabilities, lsm, process, seccomp
from pyoci.kernel.deferred import Call
from pyoci.kernel.uapi import CAP_SYS_ADMIN
from pyoci.record import Record
from pyoci.wire.plan import Process


class Confinement(Record):
    """What still has to be done."""

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

    def calls(self) -> list[Call]:
        """The last calls before execve(2); none when `listen` has made them."""
        if self.applied:
            return []
        wanted = self.process
        sets = wanted.capabilities
        drop = [
            capabilities.capset(sets.effective, sets.permitted, sets.inheritable),
            *capabilities.ambient(sets.ambient),
        ]
        load = [seccomp.load(self.program, wanted.seccomp.flags if wanted.seccomp else 0)] if self.program else []
        if wanted.no_new_privileges:
            return [*drop, process.no_new_privs(), *load]
        return [*(_regain_for_seccomp() if load else ()), *load, *drop]

    def confine(self) -> None:
        for call in self.calls():
            call.make()

    def listen(self) -> int:
        """Make the calls already now; the notify descriptor of the filter."""
        listener = -1
        for call in self.calls():
            result = call.make()
            if call.name == "seccomp":
                listener = result
        self.applied = True
        return listener


def prepare(wanted: Process, proc_fd: int, program: bytes) -> Confinement:
    """Before the ids change: what takes the privileges that go with them."""
    effective, permitted, _ = capabilities.get()
    # before the bounding set shrinks: capset(2) refuses to add an inheritable capability that is not in it
    capabilities.set(effective, permitted, wanted.capabilities.inheritable)
    capabilities.limit_bounding(wanted.capabilities.bounding)
    capabilities.set_keep(True)
    return Confinement(process=wanted, proc_fd=proc_fd, program=program)


def _regain_for_seccomp() -> list[Call]:
    """A change of uid cleared the effective set, not the permitted one (PR_SET_KEEPCAPS)."""
    effective, permitted, inheritable = capabilities.get()
    if effective >> CAP_SYS_ADMIN & 1:
        return []
    return [capabilities.capset(permitted, permitted, inheritable)]
