"""A system call filter: `linux.seccomp` after `plan.seccomp` has checked it, and the compiled bytes.

Numbers are those of libseccomp's `seccomp.h` and linux/seccomp.h, so that neither side looks a name up again.
"""

from __future__ import annotations

from pyoci.record import Record


class SeccompArg(Record):
    """One comparison of an argument of a system call: `args[]` of the spec."""

    index: int
    op: int
    value: int
    value_two: int = 0


class SeccompRule(Record):
    """System calls and what to do on them when all of `args` hold."""

    names: tuple[str, ...]
    action: int
    args: tuple[SeccompArg, ...] = ()
    where: str = ""  # JSON pointer of the entry it came from


class SeccompPlan(Record):
    """A filter to compile (all except `flags` and the listener), and how to load it.

    `enosys`: calls with a higher number than any that the profile names get ENOSYS, not the default action.
    `flags`: SECCOMP_FILTER_FLAG_* for seccomp(2), with NEW_LISTENER when `uses_notify`.
    """

    default_action: int
    architectures: tuple[int, ...]
    rules: tuple[SeccompRule, ...]
    enosys: bool
    flags: int
    uses_notify: bool
    listener_path: str | None = None
    listener_metadata: str | None = None


class SeccompProgram(Record):
    """The bytes that the kernel takes (an array of struct sock_filter), and what to tell a person of them.

    `unknown` are the names that this libseccomp does not know and the filter therefore has no rule for;
    `warnings` say why the compiled filter could not be cached.
    """

    code: bytes
    unknown: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
