"""The program's rights: capabilities, no_new_privs, labels, seccomp (capabilities(7), seccomp(2)).

The order is forced: the bounding set needs CAP_SETPCAP, a filter without no_new_privs needs CAP_SYS_ADMIN, and the
filter goes last, so that it need not allow anything that pyoci does, but execve(2).

`reduce` makes what can be made before the process is seen by others, or waits: a container that may trace it
(CAP_SYS_PTRACE, and no user namespace between) gets with it what `calls` still need, and no more.
"""

from __future__ import annotations

from pyoci.kernel import capabilities, lsm, process, seccomp
from pyoci.kernel.deferred import Call
from pyoci.kernel.uapi import CAP_SYS_ADMIN, CAP_SYS_NICE
from pyoci.record import Record
from pyoci.wire.plan import Process


class Confinement(Record):
    """The confinement that is left to do."""

    process: Process
    proc_fd: int
    seccomp_filter: bytes
    labelled: bool = False
    reduced: bool = False
    applied: bool = False

    def label(self) -> None:
        """The part that is written to procfs, and so takes a descriptor: the LSM's label for the next execve(2).

        A child has it, too (apparmor_task_alloc, selinux_cred_prepare).
        """
        if self.labelled:
            return
        self.labelled = True
        if self.process.apparmor_profile:
            lsm.set_apparmor_exec(self.proc_fd, self.process.apparmor_profile)
        if self.process.selinux_label:
            lsm.set_selinux_exec(self.proc_fd, self.process.selinux_label)

    def reduce(self, *, schedules: bool = False) -> None:
        """Keep no capability but the program's own, and what `calls` need; `schedules`: a scheduler is among these."""
        sets = self.process.capabilities
        needed = 1 << CAP_SYS_NICE if schedules else 0
        if self.seccomp_filter and not self.process.no_new_privileges:
            needed |= 1 << CAP_SYS_ADMIN
        if needed & ~sets.effective == 0:
            self.reduced = True
            for call in self._drop():
                call.make()
            return
        _, permitted, _ = capabilities.get()
        capabilities.set(permitted & (sets.effective | needed), permitted & (sets.permitted | needed), sets.inheritable)

    def calls(self) -> list[Call]:
        """The last calls before execve(2); none when `listen` has made them."""
        if self.applied:
            return []
        planned = self.process
        drop = [] if self.reduced else self._drop()
        flags = planned.seccomp.flags if planned.seccomp else 0
        load = [seccomp.load(self.seccomp_filter, flags)] if self.seccomp_filter else []
        if planned.no_new_privileges:
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

    def _drop(self) -> list[Call]:
        sets = self.process.capabilities
        return [
            capabilities.capset(sets.effective, sets.permitted, sets.inheritable),
            *capabilities.ambient(sets.ambient),
        ]


def prepare(planned: Process, proc_fd: int, seccomp_filter: bytes) -> Confinement:
    """Before the ids change: what takes the privileges that go with them."""
    effective, permitted, _ = capabilities.get()
    # before the bounding set shrinks: capset(2) refuses to add an inheritable capability that is not in it
    capabilities.set(effective, permitted, planned.capabilities.inheritable)
    capabilities.limit_bounding(planned.capabilities.bounding)
    capabilities.set_keep(True)
    return Confinement(process=planned, proc_fd=proc_fd, seccomp_filter=seccomp_filter)


def _regain_for_seccomp() -> list[Call]:
    """A change of uid cleared the effective set, not the permitted one (PR_SET_KEEPCAPS)."""
    effective, permitted, inheritable = capabilities.get()
    if effective >> CAP_SYS_ADMIN & 1:
        return []
    return [capabilities.capset(permitted, permitted, inheritable)]
