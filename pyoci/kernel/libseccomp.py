"""libseccomp, which knows the numbers of system calls and turns rules into a BPF program.

Imported only to compile a profile that is not in the cache. It runs on the host's side. The library is part of the
program where its archive was there when the program was built, else the host's shared object.
"""

from __future__ import annotations

import posix

from pyoci.errors import SyscallError, UnsupportedError, reason
from pyoci.kernel import uapi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyoci.kernel._seccomp import Context

    # index, operator (SCMP_CMP_*), value, second value
    Arg = tuple[int, int, int, int]
    # where it stands in config.json, action (SCMP_ACT_* with its number), names of system calls, comparisons
    Rule = tuple[str, int, Sequence[str], Sequence[Arg]]

_UNKNOWN_NAME = -1  # __NR_SCMP_ERROR
_HERE = 0  # as an architecture: this machine's
_CTL_OPTIMIZE = 8  # SCMP_FLTATR_CTL_OPTIMIZE, since 2.5.0
_BINARY_TREE = 2
# Four system calls are a leaf of the tree, and up to 2.5.4 a tree without rules is wrong; runc's number.
_TREE_PAYS_FROM = 33
_NOTIFY = uapi.SECCOMP_RET["NOTIFY"]
_NOTIFY_API_LEVEL = 5
# 2.4.0 was the first with seccomp_api_get() and the LOG and KILL_PROCESS actions; 2.5.0 with notifications.
_OLDEST = (2, 4, 0)


class Library:
    """The functions of seccomp.h that compiling takes. UnsupportedError where they are missing or old."""

    def __init__(self) -> None:
        try:
            from pyoci.kernel import _seccomp
        except ImportError as error:
            raise UnsupportedError(
                f"compile the seccomp profile: libseccomp cannot be loaded ({error}); install libseccomp 2.4 or later"
            ) from None
        self._calls = _seccomp
        if self.version() < _OLDEST:
            raise UnsupportedError(f"compile the seccomp profile: libseccomp {self.version_text()} is older than 2.4")

    def version(self) -> tuple[int, int, int]:
        return self._calls.version()

    def version_text(self) -> str:
        return ".".join(map(str, self.version()))

    def api_level(self) -> int:
        """The level of features that library and kernel share: seccomp_api_get(3)."""
        return self._calls.api_level()

    def native(self) -> int:
        """The SCMP_ARCH_* number of this machine."""
        return self._calls.native()

    def number(self, name: str) -> int | None:
        """The system call's number here, or a negative stand-in where only other architectures have it."""
        number = self._resolve(name, _HERE)
        return None if number == _UNKNOWN_NAME else number

    def highest(self, names: Iterable[str], arch: int) -> int | None:
        """The highest number that these system calls have on `arch`; None when it has none of them."""
        numbers = [self._resolve(name, arch) for name in names]
        # 0 counts as none, as in runc: with read(2) as the limit, all of the rest would get ENOSYS.
        return max((number for number in numbers if number > 0), default=None)

    def _resolve(self, name: str, arch: int) -> int:
        if "\0" in name:
            return _UNKNOWN_NAME  # C would read up to the NUL
        return self._calls.resolve(name.encode("utf-8", "surrogateescape"), arch)

    def compile(
        self, default_action: int, architectures: Sequence[tuple[str, int]], rules: Sequence[Rule]
    ) -> tuple[bytes, list[str]]:
        """The filter as an array of struct sock_filter, and the names of system calls that are unknown.

        The native architecture is always in it; a call of an architecture that is not kills the thread, which
        is libseccomp's default (SCMP_FLTATR_ACT_BADARCH). Rules with the default action are left out, since
        libseccomp refuses them. UnsupportedError names the rule or the architecture that the library refuses.
        """
        if any(action == _NOTIFY for _, action, _, _ in rules) and self.api_level() < _NOTIFY_API_LEVEL:
            raise UnsupportedError(
                f"SCMP_ACT_NOTIFY needs libseccomp 2.5 and Linux 5.0 (API level {_NOTIFY_API_LEVEL}), not"
                f" libseccomp {self.version_text()} with API level {self.api_level()}"
            )
        context = self._calls.new(default_action)
        if context is None:
            raise UnsupportedError(f"libseccomp {self.version_text()} refuses default action {default_action:#x}")
        for name, arch in architectures:
            self._add_architecture(context, name, arch)
        unknown = self._add_rules(context, default_action, rules)
        return self._export(context), unknown

    def _add_architecture(self, context: Context, name: str, arch: int) -> None:
        error = self._calls.add_arch(context, arch)
        if error and error != _EEXIST:
            raise UnsupportedError(
                f"/linux/seccomp/architectures: libseccomp {self.version_text()} cannot add {name} to a filter here:"
                f" {reason(error)}"
            )

    def _add_rules(self, context: Context, default_action: int, rules: Sequence[Rule]) -> list[str]:
        unknown: list[str] = []
        added = 0
        for where, action, names, args in rules:
            if action == default_action:
                continue
            comparisons = list(args)
            for number, name in self._numbers(names, unknown):
                error = self._calls.add_rule(context, action, number, comparisons)
                if error:
                    raise UnsupportedError(
                        f"{where}: libseccomp {self.version_text()} refuses the rule for {name}:"
                        f" {reason(error)}{_HINTS.get(error, '')}"
                    )
                added += 1
        if added >= _TREE_PAYS_FROM:
            # Fails before 2.5.0: that filter then asks for each call in turn, slower, with the same answers.
            self._calls.set_attribute(context, _CTL_OPTIMIZE, _BINARY_TREE)
        return unknown

    def _numbers(self, names: Iterable[str], unknown: list[str]) -> list[tuple[int, str]]:
        """The system calls of one entry by number, the highest first; a name without a number goes to `unknown`.

        libseccomp keeps a sorted list, and looks for each new number from its lower end: this order saves 1.5 of 20 ms
        for docker's profile.
        """
        numbers = []
        for name in names:
            number = self.number(name)
            if number is None:
                unknown.append(name)
            else:
                numbers.append((number, name))
        return sorted(numbers, reverse=True)

    def _export(self, context: Context) -> bytes:
        fd = posix.memfd_create("seccomp", posix.MFD_CLOEXEC)
        try:
            error = self._calls.export(context, fd)
            if error:
                raise SyscallError(error, f"export the seccomp filter with libseccomp {self.version_text()}")
            size = posix.fstat(fd).st_size
            return posix.pread(fd, size, 0)
        finally:
            posix.close(fd)

    def path(self) -> str:
        """The file that the library was loaded from; "" where it is part of the program."""
        if self._calls.LINKED:
            return ""
        fd = posix.open("/proc/self/maps", posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            maps = b"".join(iter(lambda: posix.read(fd, 1 << 16), b""))
        finally:
            posix.close(fd)
        for line in maps.split(b"\n"):
            if b"/libseccomp.so" in line:
                return line.split(maxsplit=5)[5].decode("utf-8", "surrogateescape")
        raise UnsupportedError("find the file of libseccomp: it is not in /proc/self/maps")


_EEXIST = 17
_HINTS = {_EEXIST: " (another entry gives this call a different action)"}
