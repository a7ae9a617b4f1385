"""Paths of a container, resolved by the kernel beneath its root file system.

Every path of the config that lies inside the rootfs goes through here and comes back as a descriptor. Absolute
links and `..` stay inside (openat2(2), RESOLVE_IN_ROOT); magic links of procfs are refused (CVE-2021-30465,
CVE-2025-31133). What has to be made is made step by step below descriptors, without following anything that
appeared meanwhile (CVE-2024-45310).
"""

from __future__ import annotations

import _stat as stat
import _struct
import errno
import posix

from pyoci.errors import SyscallError
from pyoci.kernel import uapi
from pyoci.kernel.call import SYS, encode, shown, syscall
from pyoci.kernel.mount import magic

_IN_ROOT = uapi.RESOLVE_IN_ROOT | uapi.RESOLVE_NO_MAGICLINKS
_ENTRY = uapi.RESOLVE_BENEATH | uapi.RESOLVE_NO_MAGICLINKS
_AGAIN_MAX = 128
_O_PATH = posix.O_PATH | posix.O_CLOEXEC


def openat2(dirfd: int, path: str, flags: int, resolve: int, mode: int = 0, full_path: str = "") -> int:
    """openat2(2); EAGAIN (a rename or mount raced with a `..`) is tried again. `full_path`: as errors name it."""
    how = _struct.pack("=QQQ", flags | posix.O_CLOEXEC, mode, resolve)
    name = encode(path)
    for _ in range(_AGAIN_MAX):
        try:
            return syscall(SYS["openat2"], dirfd, name, how, len(how))
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EINTR):
                raise SyscallError(error.errno or 0, f"open {shown(full_path or path)}") from None
    raise SyscallError(errno.EAGAIN, f"open {shown(full_path or path)}")


class Root:
    """A directory that paths cannot leave. `fd` stays owned by the caller.

    With a list `places`, each file or directory that is made is noted there, for `remove_made`: a descriptor of the
    directory that it lies in, its name, and whether it is a file.
    """

    __slots__ = ("fd", "places")

    def __init__(self, fd: int, places: list[tuple[int, str, bool]] | None = None) -> None:
        self.fd = fd
        self.places = places

    def open(self, path: str, flags: int = _O_PATH) -> int:
        """A descriptor of what is at `path` (links followed inside). SyscallError when it is not there."""
        return openat2(self.fd, path.lstrip("/") or ".", flags, _IN_ROOT, full_path=path)

    def find(self, path: str, flags: int = _O_PATH) -> int | None:
        """Like `open`, None when there is nothing at `path`."""
        try:
            return self.open(path, flags)
        except SyscallError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return None
            raise

    def find_unlinked(self, path: str) -> int | None:
        """Like `find`, where no link leads to it: it lies at `path` then, as the kernel has it."""
        try:
            return openat2(self.fd, path.lstrip("/") or ".", _O_PATH, _IN_ROOT | uapi.RESOLVE_NO_SYMLINKS)
        except SyscallError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return None
            raise

    def find_for(self, path: str, purpose: str) -> int | None:
        """Like `find`; the words of a SyscallError say what the path was wanted for."""
        try:
            return self.find(path)
        except SyscallError as error:
            magic_link = "; no link of procfs (fd, cwd, root) is followed" if error.errno == errno.ELOOP else ""
            raise SyscallError(error.errno, f"{purpose} {shown(path)!r}{magic_link}") from None

    def make_directory(self, path: str, mode: int = 0o755) -> int:
        """A descriptor of the directory at `path`; it and its parents are made where missing."""
        fd = self.find(path)
        if fd is not None:
            if stat.S_ISDIR(posix.fstat(fd).st_mode):
                return fd
            posix.close(fd)
            raise SyscallError(errno.ENOTDIR, f"make directory {shown(path)}")
        return self.make_missing_directory(path, mode)

    def make_missing_directory(self, path: str, mode: int = 0o755) -> int:
        """`make_directory` after `find` has found nothing."""
        return self._walk(_components(path), mode, path)

    def make_file(self, path: str) -> int:
        """A descriptor of what is at `path`, an empty file made where there is nothing.

        A link that dangles is followed inside the root, and the file made where it leads.
        """
        fd = self.find(path)
        if fd is not None:
            return fd
        return self._walk(_components(path), 0o755, path, file=True)

    def open_entry(self, path: str) -> int | None:
        """A descriptor of the entry `path` itself, a link not followed; None when there is none.

        The directory that it lies in is made where missing.
        """
        parent, name = self.parent(path)
        try:
            return openat2(parent, name, _O_PATH | posix.O_NOFOLLOW, _ENTRY, full_path=path)
        except SyscallError as error:
            if error.errno == errno.ENOENT:
                return None
            raise
        finally:
            posix.close(parent)

    def parent(self, path: str) -> tuple[int, str]:
        """A descriptor of the directory that `path` lies in (made where missing) and the last name in it."""
        parts = _components(path)
        if not parts or parts[-1] == "..":
            raise SyscallError(errno.EINVAL, f"open {shown(path)}")
        directory = "/".join(parts[:-1])
        return self.make_directory(directory) if directory else posix.dup(self.fd), parts[-1]

    def _walk(self, parts: list[str], mode: int, path: str, *, file: bool = False) -> int:
        """Walk `parts`, making what is missing (as the last one a `file`); a link is followed inside the root."""
        stack = [posix.dup(self.fd)]
        links = 0
        try:
            while parts:
                name = parts.pop(0)
                if name == "..":
                    if len(stack) > 1:
                        posix.close(stack.pop())
                    continue
                target = _step(stack[-1], name, mode, path, self.places, file=file and not parts)
                if isinstance(target, int):
                    stack.append(target)
                    continue
                links += 1
                if links > uapi.MAXSYMLINKS:
                    raise SyscallError(errno.ELOOP, f"make directory {shown(path)}")
                if target.startswith("/"):
                    while len(stack) > 1:
                        posix.close(stack.pop())
                parts[:0] = _components(target)
            return stack.pop()
        finally:
            for fd in stack:
                posix.close(fd)


def remove_made(places: list[tuple[int, str, bool]]) -> None:
    """Take away what `Root.places` has noted, the last first; what is in use meanwhile stays."""
    while places:
        dirfd, name, file = places.pop()
        try:
            (posix.unlink if file else posix.rmdir)(name, dir_fd=dirfd)
        except OSError:
            pass  # a directory with something in it, or gone
        posix.close(dirfd)


def _step(
    dirfd: int, name: str, mode: int, path: str, places: list[tuple[int, str, bool]] | None, *, file: bool = False
) -> int | str:
    """A descriptor of `name` in `dirfd`, made if missing (a directory, or a `file`), or where the link there points."""
    kind = "file" if file else "directory"
    for _ in range(_AGAIN_MAX):
        try:
            fd = openat2(dirfd, name, _O_PATH | posix.O_NOFOLLOW, _ENTRY, full_path=path)
        except SyscallError as error:
            if error.errno != errno.ENOENT:
                raise
            try:
                _make(dirfd, name, mode, file)
                if places is not None:
                    places.append((posix.dup(dirfd), name, file))
            except FileExistsError:
                pass  # somebody else made it: the descriptor opened next is what counts
            except OSError as failure:
                raise SyscallError(failure.errno or 0, f"make {kind} {shown(path)}") from None
            continue
        file_type = posix.fstat(fd).st_mode
        if stat.S_ISDIR(file_type) or (file and not stat.S_ISLNK(file_type)):
            return fd
        try:
            if stat.S_ISLNK(file_type):
                if magic(fd) == uapi.PROC_SUPER_MAGIC:
                    raise SyscallError(errno.ELOOP, f"make {kind} {shown(path)}")  # /proc/PID/fd/N names a host's path
                return posix.readlink("", dir_fd=fd)
            raise SyscallError(errno.ENOTDIR, f"make {kind} {shown(path)}")
        finally:
            posix.close(fd)
    raise SyscallError(errno.EAGAIN, f"make {kind} {shown(path)}")


def _make(dirfd: int, name: str, mode: int, file: bool) -> None:
    if file:
        flags = posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW | posix.O_CLOEXEC
        posix.close(posix.open(name, flags, mode & ~0o111, dir_fd=dirfd))  # nobody runs a place for a mount
    else:
        posix.mkdir(name, mode, dir_fd=dirfd)


def _components(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
