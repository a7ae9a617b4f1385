"""Files into a container and out of it, while its processes try to lead us elsewhere.

Every name is looked up below a descriptor. On the way to the place itself, the kernel follows links inside of the
container (kernel.beneath); below it none is followed. Nothing is opened before it is known to be a regular file: to
open a device can do things, and a FIFO waits. A file is written under a new name that nobody else has, and then takes
the place of what was there: a link is replaced, not written through. See CVE-2018-15664 and CVE-2019-14271 (docker cp).
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from pyoci.errors import ConfigError, PyociError, SyscallError
from pyoci.kernel import beneath, capabilities, uapi, write_all
from pyoci.kernel.mount import magic

MAX_BYTES = 16 << 30
MAX_FILES = 1_000_000
MAX_DEPTH = 200  # each level holds two descriptors
_CHUNK = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_RESOLVE = uapi.RESOLVE_BENEATH | uapi.RESOLVE_NO_MAGICLINKS
Range = tuple[int, int, int]  # in the container, outside, how many
_ALL_IDS = (0, 0, (1 << 32) - 1)


class Files:
    """A container's root folder as its processes see it, and what its IDs are outside."""

    def __init__(self, path: str, uids: list[Range], gids: list[Range]) -> None:
        """`uids` and `gids`: what /proc/PID/uid_map says."""
        try:
            self.fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise SyscallError(error.errno or 0, f"open the container's root {path}") from None
        self._ids = (uids, gids)

    def __enter__(self) -> Files:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        os.close(self.fd)

    @contextmanager
    def as_root(self) -> Iterator[None]:
        """Files that this thread makes belong to the container's root.

        A file system that was mounted in a user namespace takes none of an ID that is not mapped there: EOVERFLOW.
        """
        if os.geteuid() != 0 or (self._ids[0][:1] == self._ids[1][:1] == [_ALL_IDS]):
            yield
            return
        capabilities.set_file_ids(*self.outside((0, 0)))
        try:
            yield
        finally:
            capabilities.set_file_ids(0, os.getegid())

    def outside(self, owner: tuple[int, int]) -> tuple[int, int]:
        """The host's IDs for the container's. ConfigError for one that is not mapped."""
        numbers = []
        for number, ranges in zip(owner, self._ids, strict=True):
            for inside, host, count in ranges:
                if inside <= number < inside + count:
                    numbers.append(host + number - inside)
                    break
            else:
                raise ConfigError(f"owner: must be mapped in the container's user namespace, and {number} is not")
        return numbers[0], numbers[1]


def id_ranges(text: str) -> list[Range]:
    """/proc/PID/uid_map, user_namespaces(7)."""
    ranges = []
    for line in text.splitlines():
        inside, outside, count = map(int, line.split())
        ranges.append((inside, outside, count))
    return ranges


def copy_in(files: Files, source: str, destination: str, owner: tuple[int, int], max_bytes: int) -> None:
    """From the host into the container. Raises SyscallError, ConfigError, PyociError."""
    host = files.outside(owner)
    fd = _open_host(source, os.O_PATH | os.O_CLOEXEC, f"copy {source}")
    try:
        parent, name = _target(beneath.Root(files.fd), destination, os.path.basename(os.path.abspath(source)))
        try:
            _refuse_kernels_own(parent, destination)
            with files.as_root():
                _Copy(max_bytes, host, 0o7777, f"{destination} of the container").node(fd, parent, name, source, 0)
        finally:
            os.close(parent)
    finally:
        os.close(fd)


def copy_out(files: Files, source: str, destination: str, max_bytes: int) -> None:
    """From the container to the host. Raises as `copy_in` does."""
    fd = _open_inside(beneath.Root(files.fd), source, os.O_PATH, f"copy {source} of the container")
    try:
        _refuse_kernels_own(fd, source)
        name = os.path.basename(os.path.normpath(source)) or "rootfs"
        folder = os.path.abspath(destination)
        if not os.path.isdir(folder):
            folder, name = os.path.split(folder)
        parent = _open_host(
            folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, f"copy to {destination}: open {folder}"
        )
        try:
            # A set-user-ID file of the container's would be one of the caller's outside.
            _Copy(max_bytes, None, 0o777, destination).node(fd, parent, name, source, 0)
        finally:
            os.close(parent)
    finally:
        os.close(fd)


class _Copy:
    """One copy: what it may still cost, and whom it belongs to."""

    def __init__(self, max_bytes: int, owner: tuple[int, int] | None, mode: int, to: str) -> None:
        self._to = to  # for words
        self._max = max_bytes
        self._bytes = max_bytes
        self._files = MAX_FILES
        self._owner = owner
        self._mode = mode

    def node(self, fd: int, parent: int, name: str, path: str, depth: int) -> None:
        """Copy what `fd` (O_PATH) is to `name` in the folder `parent`; `path` is for words."""
        self._files -= 1
        if self._files < 0:
            raise PyociError(f"copy {path}: more than {MAX_FILES} files")
        facts = os.fstat(fd)
        try:
            if stat.S_ISREG(facts.st_mode):
                self._file(fd, parent, name, path, facts)
            elif stat.S_ISDIR(facts.st_mode):
                self._folder(fd, parent, name, path, facts, depth)
            elif stat.S_ISLNK(facts.st_mode):
                self._link(fd, parent, name)
            elif depth == 0:
                raise PyociError(f"copy {path}: it is neither a file nor a folder")
        except OSError as error:
            raise SyscallError(error.errno or 0, f"copy {path} to {self._to}") from None

    def _file(self, fd: int, parent: int, name: str, path: str, facts: os.stat_result) -> None:
        self._bytes -= facts.st_size
        if self._bytes < 0:
            raise PyociError(f"copy {path}: more than {self._max} bytes (max_bytes)")
        temporary = _temporary_name()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        # It is a regular file: this is what the descriptor is of, whatever has its name now.
        reader = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            writer = os.open(temporary, flags, 0o600, dir_fd=parent)
            try:
                _copy_bytes(reader, writer, facts.st_size)
                self._finish(writer, facts)
                os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                _unlink(temporary, parent)
                raise
            finally:
                os.close(writer)
        finally:
            os.close(reader)

    def _link(self, fd: int, parent: int, name: str) -> None:
        temporary = _temporary_name()
        os.symlink(os.readlink("", dir_fd=fd), temporary, dir_fd=parent)
        try:
            if self._owner is not None:
                os.chown(temporary, *self._owner, dir_fd=parent, follow_symlinks=False)
            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            _unlink(temporary, parent)
            raise

    def _folder(self, fd: int, parent: int, name: str, path: str, facts: os.stat_result, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise PyociError(f"copy {path[:200]}: more than {MAX_DEPTH} folders deep")
        is_new = True
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            is_new = False
        target = os.open(name, _FOLDER, dir_fd=parent)
        try:
            source = os.open(".", _FOLDER, dir_fd=fd)
            try:
                for entry in os.listdir(source):
                    self._entry(source, entry, target, f"{path}/{entry}", depth)
            finally:
                os.close(source)
            if is_new:
                self._finish(target, facts)
        finally:
            os.close(target)

    def _entry(self, source: int, entry: str, target: int, path: str, depth: int) -> None:
        try:
            fd = beneath.openat2(source, entry, _LOOK, _RESOLVE)
        except SyscallError as error:
            if error.errno == errno.ENOENT:
                return  # gone since the folder was read
            raise
        try:
            if magic(fd) not in uapi.KERNEL_FILESYSTEMS:
                self.node(fd, target, entry, path, depth + 1)
        finally:
            os.close(fd)

    def _finish(self, fd: int, facts: os.stat_result) -> None:
        if self._owner is not None:
            os.fchown(fd, *self._owner)
        os.fchmod(fd, stat.S_IMODE(facts.st_mode) & self._mode)  # after chown, which takes set-user-ID away
        os.utime(fd, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _target(root: beneath.Root, destination: str, name: str) -> tuple[int, str]:
    """The folder in the container that something goes to, and its name there."""
    try:
        fd = root.find(destination)
    except SyscallError as error:
        if error.errno != errno.ELOOP:
            raise
        fd = None  # a link into /proc, or in a circle: it is replaced
    if fd is not None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            return fd, name
        os.close(fd)
    folder, own_name = os.path.split(destination)
    if own_name in ("", ".", ".."):
        raise ConfigError(f"destination: must be a folder of the container, which {destination[:200]!r} is not")
    call = f"copy to {destination} of the container: open {folder}"
    return _open_inside(root, folder, os.O_PATH | os.O_DIRECTORY, call), own_name


def _refuse_kernels_own(fd: int, path: str) -> None:
    if magic(fd) in uapi.KERNEL_FILESYSTEMS:
        raise PyociError(f"copy {path}: it lies in a file system of the kernel's own, such as procfs")


def _open_host(path: str, flags: int, call: str) -> int:
    try:
        return os.open(path, flags)
    except OSError as error:
        raise SyscallError(error.errno or 0, call) from None


def _open_inside(root: beneath.Root, path: str, flags: int, call: str) -> int:
    try:
        return root.open(path, flags)
    except SyscallError as error:
        raise SyscallError(error.errno, call) from None


def _copy_bytes(reader: int, writer: int, size: int) -> None:
    """As many as there were when it was looked at: a file may grow for ever. Holes stay holes."""
    left = size
    while left > 0:
        data = os.read(reader, min(_CHUNK, left))
        if not data:
            break
        left -= len(data)
        if data.count(0) == len(data):
            os.lseek(writer, len(data), os.SEEK_CUR)
            continue
        write_all(writer, data)
    os.ftruncate(writer, os.lseek(writer, 0, os.SEEK_CUR))


def _temporary_name() -> str:
    return f".pyoci-copy-{secrets.token_hex(8)}"


def _unlink(name: str, parent: int) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except OSError:
        pass
