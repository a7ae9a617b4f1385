"""The compiled system call filter of a profile, from the cache or from libseccomp.

Compiling takes 2 ms and more, a look into the cache 0.1 ms: engines give nearly every
container the same profile. The container's side gets bytes and loads them with one call.

An entry of the cache is one file, named by the hash of what is compiled, that only its owner can touch:

    pyoci-seccomp HASH        BLAKE2b of all that follows
    PATH INODE SIZE MTIME     the libseccomp that made it, or `linked VERSION HASH` where it is part of the program;
                              another one means compiling again
    NAME NUL NAME NUL NUL     system calls that it does not know
    sock_filter[]             to the end
"""

from __future__ import annotations

import _stat as stat
import posix
from _blake2 import blake2b  # beneath hashlib, which would load OpenSSL (+8 ms)

from pyoci import log
from pyoci.errors import UnsupportedError, reason
from pyoci.host import user_folder
from pyoci.kernel import write_all
from pyoci.kernel.call import encode
from pyoci.wire.seccomp import SeccompProgram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.kernel.libseccomp import Library
    from pyoci.wire.seccomp import SeccompPlan

# Not in the state root, which an engine may share with another runtime: `runc list` complains of what is not a
# container.
DIRECTORY = "pyoci-seccomp"

# Raised when this compiler makes other bytes of the same profile, so that older entries are not found.
_COMPILER = 1
_MAGIC = b"pyoci-seccomp"
_MAX_ENTRY = 1 << 17  # the longest program has 32 KiB; unknown names are few
_MAX_ENTRIES = 64  # one engine has one or two profiles; a cluster's node has tens
_LOAD_ARCH = b"\x20\0\0\0\x04\0\0\0"
_LOAD_ARCH_BIG_ENDIAN = b"\0\x20\0\0\0\0\0\x04"


def for_container(plan: SeccompPlan) -> bytes:
    """The filter from the cache, or compiled; what is odd about it goes to the log."""
    compiled = program(plan, cache_directory())
    for words in compiled.warnings:
        log.warning(words)
    for name in compiled.unknown:
        log.debug(f"seccomp: this libseccomp does not know {name}, no rule for it")
    return compiled.code


def cache_directory() -> str:
    """Where this user's filters are; empty when there is no such place."""
    return user_folder.path(DIRECTORY)


def program(plan: SeccompPlan, directory_path: str) -> SeccompProgram:
    """The filter as bytes for `kernel.seccomp.load`.

    `directory_path` is made when it is missing; one that others could write to is not used, and the result
    says so in `warnings`. Empty for none. UnsupportedError when libseccomp is missing or refuses a rule.
    """
    if not directory_path:
        return _compile(plan, ())[0]
    name = _name(plan)
    try:
        directory = _open_directory(directory_path)
    except OSError as error:
        return _compile(plan, (f"seccomp filters are not cached in {directory_path}: {reason(error)}",))[0]
    try:
        cached = _look_up(directory, name)
        if cached is not None:
            return cached
        compiled, stamp = _compile(plan, ())
        try:
            _store(directory, name, stamp, compiled)
        except OSError as error:
            compiled.warnings = (f"seccomp filter is not cached in {directory_path}: {reason(error)}",)
        return compiled
    finally:
        posix.close(directory)


def _name(plan: SeccompPlan) -> str:
    """The hash of all that decides about the bytes, except for a library outside of the program (see `_look_up`)."""
    rules = [
        (rule.action, rule.names, [(arg.index, arg.op, arg.value, arg.value_two) for arg in rule.args])
        for rule in plan.rules
    ]
    machine = posix.uname().machine
    # Two programs, such as a release and a build from source, would replace each other's entry in turns.
    linked = _stamp("")
    text = repr((_COMPILER, linked, machine, plan.default_action, plan.architectures, plan.enosys, rules))
    return _hash(text.encode("utf-8", "surrogatepass"))


def _open_directory(path: str) -> int:
    flags = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC
    try:
        fd = posix.open(path, flags)
    except FileNotFoundError:
        try:
            posix.mkdir(path, 0o700)
        except FileExistsError:
            pass  # another pyoci was faster
        fd = posix.open(path, flags)
    if not _is_ours(posix.fstat(fd)):
        posix.close(fd)
        raise OSError("it is not a directory of this user alone (mode 0700)")
    return fd


def _is_ours(status: posix.stat_result) -> bool:
    """A file that others can write would be their choice of system calls for the container."""
    return status.st_uid == posix.geteuid() and not status.st_mode & 0o077


def _look_up(directory: int, name: str) -> SeccompProgram | None:
    """The entry, or None when there is none that is whole and made by the libseccomp of today."""
    try:
        fd = posix.open(name, posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return None  # absent; or a link or a socket, which storing replaces
    try:
        status = posix.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or not _is_ours(status) or status.st_size > _MAX_ENTRY:
            return None
        data = posix.read(fd, _MAX_ENTRY)
    finally:
        posix.close(fd)
    head, _, body = data.partition(b"\n")
    if head != _head(body):
        return None
    stamp, _, rest = body.partition(b"\n")
    names, _, code = rest.partition(b"\0\0")
    library = b"" if stamp.startswith(b"linked ") else stamp.rsplit(b" ", 3)[0]
    if stamp != _stamp(_decode(library)) or not _is_filter(code):
        return None
    return SeccompProgram(code=code, unknown=tuple(_decode(names).split("\0") if names else ()))


def _decode(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def _hash(data: bytes) -> str:
    return str(blake2b(data, digest_size=32).hexdigest())


def _head(body: bytes) -> bytes:
    return b"%b %b" % (_MAGIC, _hash(body).encode())


def _stamp(library: str) -> bytes:
    """Which libseccomp: a new package has a new file. `library` is its path, or "" where it is part of the program."""
    if not library:
        from pyoci.kernel._seccomp import LINKED

        return b"linked %b" % LINKED.encode() if LINKED else b""
    try:
        status = posix.stat(library)
    except OSError:
        return b""
    return b"%b %d %d %d" % (encode(library), status.st_ino, status.st_size, status.st_mtime_ns)


def _is_filter(code: bytes) -> bool:
    """Whole instructions; the first loads the architecture, in libseccomp's filters and in our prologue."""
    return len(code) % 8 == 0 and code[:8] in (_LOAD_ARCH, _LOAD_ARCH_BIG_ENDIAN)


def _compile(plan: SeccompPlan, warnings: tuple[str, ...]) -> tuple[SeccompProgram, bytes]:
    """The program, and the stamp of the library that made it."""
    from pyoci.host.seccomp_enosys import prologue
    from pyoci.kernel.libseccomp import Library

    library = Library()
    rules = [
        (
            rule.where,
            rule.action,
            rule.names,
            [(arg.index, arg.op, arg.value, arg.value_two) for arg in rule.args],
        )
        for rule in plan.rules
    ]
    code, unknown = library.compile(plan.default_action, _named(plan.architectures), rules)
    if not _is_filter(code):
        # The prologue leaves a system call's number in the accumulator; the filter must not build on it.
        raise UnsupportedError(f"libseccomp {library.version_text()} made a filter that does not begin as expected")
    if plan.enosys:
        code = prologue(_limits(library, plan)) + code
    compiled = SeccompProgram(code=code, unknown=tuple(dict.fromkeys(unknown)), warnings=warnings)
    return compiled, _stamp(library.path())


def _named(architectures: tuple[int, ...]) -> list[tuple[str, int]]:
    from pyoci.plan.seccomp import ARCHS

    names = {number: name for name, number in ARCHS.items()}
    return [(names[number], number) for number in architectures]


def _limits(library: Library, plan: SeccompPlan) -> dict[int, int]:
    """The highest system call number that the profile names, for each architecture of the filter."""
    names = {name for rule in plan.rules for name in rule.names}
    limits = {}
    for arch in {library.native(), *plan.architectures}:
        highest = library.highest(names, arch)
        if highest is not None:
            limits[arch] = highest
    return limits


def _store(directory: int, name: str, stamp: bytes, compiled: SeccompProgram) -> None:
    """Write the entry under its name at once, whole; OSError leaves nothing behind."""
    if not stamp:
        return  # the library's file is gone, upgraded meanwhile: nobody could tell when the entry is stale
    _make_room(directory)
    body = b"%b\n%b\0\0%b" % (stamp, encode("\0".join(compiled.unknown)), compiled.code)
    data = b"%b\n%b" % (_head(body), body)
    temporary = f"{name}.{posix.urandom(6).hex()}"  # a number of a process may come again, and have left a file
    fd = posix.open(temporary, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, 0o600, dir_fd=directory)
    try:
        try:
            write_all(fd, data)
        finally:
            posix.close(fd)
        posix.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        posix.unlink(temporary, dir_fd=directory)
        raise


def _make_room(directory: int) -> None:
    """Forget the oldest entries, and what killed processes left half-written with them."""
    names = posix.listdir(directory)
    if len(names) < _MAX_ENTRIES:
        return
    ages = []
    for name in names:
        try:
            ages.append((posix.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime_ns, name))
        except FileNotFoundError:
            pass  # another pyoci makes room as well
    for _, name in sorted(ages)[: len(names) - _MAX_ENTRIES // 2]:
        try:
            posix.unlink(name, dir_fd=directory)
        except FileNotFoundError:
            pass
