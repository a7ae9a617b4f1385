"""libseccomp, which knows the numbers of system calls and turns rules into a BPF program.

Imported only to compile a profile that is not in the cache: ctypes costs half of a whole `pyoci create`.
It runs on the host's side, where the library is the host's.
"""

from __future__ import annotations

import ctypes
import os

from pyoci.errors import SyscallError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    # index, operator (SCMP_CMP_*), value, second value
    Arg = tuple[int, int, int, int]
    # where it stands in config.json, action (SCMP_ACT_* with its number), names of system calls, comparisons
    Rule = tuple[str, int, Sequence[str], Sequence[Arg]]

_LIBRARY = "libseccomp.so.2"
_UNKNOWN_NAME = -1  # __NR_SCMP_ERROR
_CTL_OPTIMIZE = 8  # SCMP_FLTATR_CTL_OPTIMIZE, since 2.5.0
_BINARY_TREE = 2
# Four system calls are a leaf of the tree, and up to 2.5.4 a tree without rules is wrong; runc's number.
_TREE_PAYS_FROM = 33
_NOTIFY = 0x7FC00000
_NOTIFY_API_LEVEL = 5
# 2.4.0 was the first with seccomp_api_get() and the LOG and KILL_PROCESS actions; 2.5.0 with notifications.
_OLDEST = (2, 4, 0)


class _Version(ctypes.Structure):
    _fields_ = (("major", ctypes.c_uint), ("minor", ctypes.c_uint), ("micro", ctypes.c_uint))


class _ArgCmp(ctypes.Structure):
    """struct scmp_arg_cmp"""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


class Library:
    """The functions of seccomp.h that compiling takes. UnsupportedError without it, or if it is old."""

    def __init__(self) -> None:
        try:
            self._calls = ctypes.CDLL(_LIBRARY)
        except OSError as error:
            raise UnsupportedError(
                f"compile the seccomp profile: {_LIBRARY} cannot be loaded ({error}); install libseccomp 2.4 or later"
            ) from None
        if self.version() < _OLDEST:
            raise UnsupportedError(f"compile the seccomp profile: libseccomp {self.version_text()} is older than 2.4")
        self._declare()

    def _declare(self) -> None:
        calls, pointer, number, word = self._calls, ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32
        calls.seccomp_init.restype = pointer
        calls.seccomp_init.argtypes = (word,)
        calls.seccomp_release.restype = None
        calls.seccomp_release.argtypes = (pointer,)
        calls.seccomp_arch_native.restype = word
        calls.seccomp_arch_native.argtypes = ()
        calls.seccomp_arch_add.argtypes = (pointer, word)
        calls.seccomp_attr_set.argtypes = (pointer, number, word)
        calls.seccomp_rule_add_array.argtypes = (
            pointer,
            word,
            number,
            ctypes.c_uint,
            ctypes.POINTER(_ArgCmp),
        )
        calls.seccomp_export_bpf.argtypes = (pointer, number)
        calls.seccomp_syscall_resolve_name.argtypes = (ctypes.c_char_p,)
        calls.seccomp_syscall_resolve_name_arch.argtypes = (word, ctypes.c_char_p)
        calls.seccomp_api_get.restype = ctypes.c_uint
        calls.seccomp_api_get.argtypes = ()

    def version(self) -> tuple[int, int, int]:
        self._calls.seccomp_version.restype = ctypes.POINTER(_Version)
        found = self._calls.seccomp_version().contents
        return found.major, found.minor, found.micro

    def version_text(self) -> str:
        return ".".join(map(str, self.version()))

    def api_level(self) -> int:
        """What library and kernel can do together: seccomp_api_get(3)."""
        return int(self._calls.seccomp_api_get())

    def native(self) -> int:
        """The SCMP_ARCH_* number of this machine."""
        return int(self._calls.seccomp_arch_native())

    def number(self, name: str) -> int | None:
        """The system call's number here, or a negative stand-in where only other architectures have it."""
        found = int(self._calls.seccomp_syscall_resolve_name(name.encode("utf-8", "surrogateescape")))
        return None if found == _UNKNOWN_NAME else found

    def highest(self, names: Iterable[str], arch: int) -> int | None:
        """The highest number that these system calls have on `arch`; None when it has none of them."""
        resolve = self._calls.seccomp_syscall_resolve_name_arch
        numbers = [resolve(arch, name.encode("utf-8", "surrogateescape")) for name in names]
        # 0 counts as none, as in runc: with read(2) as the limit, all of the rest would get ENOSYS.
        return max((number for number in numbers if number > 0), default=None)

    def compile(
        self, default_action: int, architectures: Sequence[int], rules: Sequence[Rule]
    ) -> tuple[bytes, list[str]]:
        """The filter as an array of struct sock_filter, and the names of system calls that are unknown.

        The native architecture is always in it; a call of an architecture that is not kills the thread, which
        is libseccomp's default (SCMP_FLTATR_ACT_BADARCH). Rules with the default action are left out, since
        libseccomp refuses them. UnsupportedError names the rule or the architecture that the library refuses.
        """
        if any(action == _NOTIFY for _, action, _, _ in rules) and self.api_level() < _NOTIFY_API_LEVEL:
            raise UnsupportedError(
                f"SCMP_ACT_NOTIFY needs libseccomp 2.5 and Linux 5.0 (API level {_NOTIFY_API_LEVEL}); found"
                f" libseccomp {self.version_text()}, API level {self.api_level()}"
            )
        context = self._calls.seccomp_init(default_action)
        if not context:
            raise UnsupportedError(f"libseccomp {self.version_text()} refuses default action {default_action:#x}")
        try:
            for arch in architectures:
                self._add_architecture(context, arch)
            unknown = self._add_rules(context, default_action, rules)
            return self._export(context), unknown
        finally:
            self._calls.seccomp_release(context)

    def _add_architecture(self, context: int, arch: int) -> None:
        error = -self._calls.seccomp_arch_add(context, arch)
        if error and error != _EEXIST:
            raise UnsupportedError(
                f"libseccomp {self.version_text()} cannot add architecture {arch:#x} to a filter here:"
                f" {os.strerror(error).lower()}"
            )

    def _add_rules(self, context: int, default_action: int, rules: Sequence[Rule]) -> list[str]:
        unknown: list[str] = []
        added = 0
        for where, action, names, args in rules:
            if action == default_action:
                continue
            conditions = (_ArgCmp * len(args))(*(_ArgCmp(*arg) for arg in args))
            for name in names:
                number = self.number(name)
                if number is None:
                    unknown.append(name)
                    continue
                error = -self._calls.seccomp_rule_add_array(context, action, number, len(args), conditions)
                if error:
                    raise UnsupportedError(
                        f"{where}: libseccomp {self.version_text()} refuses the rule for {name}:"
                        f" {os.strerror(error).lower()}{_HINTS.get(error, '')}"
                    )
                added += 1
        if added >= _TREE_PAYS_FROM:
            # Fails before 2.5.0: that filter then asks for each call in turn, slower, with the same answers.
            self._calls.seccomp_attr_set(context, _CTL_OPTIMIZE, _BINARY_TREE)
        return unknown

    def _export(self, context: int) -> bytes:
        fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
        try:
            error = -self._calls.seccomp_export_bpf(context, fd)
            if error:
                raise SyscallError(error, f"export the seccomp filter with libseccomp {self.version_text()}")
            size = os.fstat(fd).st_size
            return os.pread(fd, size, 0)
        finally:
            os.close(fd)

    def path(self) -> str:
        """The file that the library was loaded from."""
        with open("/proc/self/maps", "rb") as maps:
            for line in maps:
                if b"/libseccomp.so" in line:
                    return os.fsdecode(line.split(maxsplit=5)[5].rstrip(b"\n"))
        raise UnsupportedError(f"find the file of {_LIBRARY}: it is not in /proc/self/maps")


_EEXIST = 17
_HINTS = {_EEXIST: " (another entry gives this call a different action)"}
