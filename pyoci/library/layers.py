"""Unpack a layer of an image: a tar, perhaps compressed, whose whiteouts remove what lower layers have (layer.md).

A layer is nobody's word to trust. Every path is resolved by the kernel below the target (kernel.beneath), links of the
layer lead to no other place; what it may hold, how much it may unpack to, and how long a name may be is bounded.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, cast

from pyoci.errors import ConfigError, SyscallError
from pyoci.kernel import beneath, write_all
from pyoci.library.layer_bytes import CHUNK, Limits, Plain, Reader, decompressed

_HEADER_MAX = 1 << 18  # of a pax header and a GNU long name, which tarfile keeps in memory
_PATH_MAX = 4096
_TIMES_MAX = 1 << 26  # characters of the paths of folders that wait for their times
_DEPTH_MAX = 200  # folders: what removes them holds a descriptor for each
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_XATTR = "SCHILY.xattr."
# Others are the host's to set: trusted.* steers overlayfs, security.* labels files.
_XATTRS = ("security.capability", "user.")
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


def unpack(blob: Reader, media_type: str, target: str, diff_id: str, limits: Limits, *, devices: bool = False) -> None:
    """Unpack one layer into the folder `target`, over what is there. Raises PyociError, ConfigError, SyscallError.

    `diff_id` is the digest of the layer when it is not compressed.
    """
    algorithm, _, digest = str(diff_id).partition(":")
    if algorithm not in ("sha256", "sha384", "sha512"):
        raise ConfigError(f"image: the diff_id {str(diff_id)[:80]!r} must be of sha256 or sha512")
    plain = Plain(decompressed(blob, media_type), hashlib.new(algorithm), limits)
    root = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with _refusals_named(diff_id):
            stream = cast(IO[bytes], plain)
            plain.expect_headers(True)
            with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member, errorlevel=2) as archive:
                layer = _Layer(root, limits, devices=devices)
                while (member := archive.next()) is not None:
                    plain.expect_headers(False)
                    layer.add(archive, member)
                    cast(Any, archive).members.clear()  # it would keep all headers in memory
                    plain.expect_headers(True)
                plain.expect_headers(False)
                layer.finish()
            plain.drain()
    finally:
        os.close(root)
    if plain.digest() != digest:
        raise ConfigError(f"image: layer {diff_id} has the digest {plain.digest()} when unpacked")


@contextmanager
def _refusals_named(diff_id: str) -> Iterator[None]:
    try:
        yield
    except RecursionError:  # of tarfile's: header upon header, and no entry
        raise ConfigError(f"image: layer {diff_id} cannot be read: too many headers before one entry") from None
    except (tarfile.TarError, EOFError, zlib.error, ValueError, UnicodeError, OverflowError) as error:
        raise ConfigError(f"image: layer {diff_id} cannot be read: {str(error)[:200]}") from None
    except OSError as error:
        if error.errno is None:  # gzip's own words
            raise ConfigError(f"image: layer {diff_id} cannot be read: {str(error)[:200]}") from None
        raise SyscallError(error.errno, f"unpack layer {diff_id}") from None


class _Member(tarfile.TarInfo):
    """A header that does not make tarfile read what has no bound."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.size < 0 or self.offset < 0:
            raise tarfile.ReadError("a size below zero")
        if self.type in _HEADERS and self.size > _HEADER_MAX:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        if self.type == tarfile.XGLTYPE:
            _count_global(archive, self.size)
        member: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]  # the stubs leave it out
        if member.size < 0:
            raise tarfile.ReadError("a size below zero")
        return member


def _count_global(archive: tarfile.TarFile, size: int) -> None:
    """Those for all later entries stay in memory, and are copied for each of these."""
    total = getattr(archive, "global_bytes", 0) + size
    if total > _HEADER_MAX:
        raise tarfile.ReadError(f"headers for all entries of {total} bytes")
    archive.global_bytes = total  # type: ignore[attr-defined]


class _Layer:
    """One layer on its way into the folder `root`."""

    def __init__(self, root: int, limits: Limits, *, devices: bool) -> None:
        self._root = beneath.Root(root)
        self._limits = limits
        self._devices = devices
        self._is_root = os.geteuid() == 0
        self._base = os.readlink(f"/proc/self/fd/{root}").count("/")
        self._own: set[int] = set()  # inodes of this layer, which its whiteouts do not remove
        self._times: dict[str, int] = {}
        self._times_size = 0

    def add(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        self._limits.take_file()
        parts = _parts(member.name or ".")  # tarfile makes "" of "/", as some tools name the root
        if not parts:
            if member.isdir():
                self._dress(os.dup(self._root.fd), member)
            return
        folder, name = "/".join(parts[:-1]), parts[-1]
        parent = self._parent(folder)
        try:
            if name == _OPAQUE:
                self._clear(parent)
            elif name.startswith(_WHITEOUT):
                self._hide(parent, name.removeprefix(_WHITEOUT))
            else:
                self._make(archive, member, parent, name, "/".join(parts))
        finally:
            os.close(parent)

    def finish(self) -> None:
        """A folder's time is that of its last change: it is set once all is in it."""
        times, self._times, self._times_size = self._times, {}, 0
        for path, mtime in times.items():
            fd = self._root.find(path)
            if fd is not None:
                try:
                    os.utime(f"/proc/self/fd/{fd}", ns=(mtime, mtime))
                finally:
                    os.close(fd)

    def _parent(self, folder: str) -> int:
        """The folder that an entry lies in, and all above it, made where the layer does not name them."""
        path = self._root.make_directory(folder) if folder else os.dup(self._root.fd)
        try:
            fd = os.open(".", _FOLDER, dir_fd=path)
        finally:
            os.close(path)
        # Not only the names of one path: a link may lead deep down already.
        if os.readlink(f"/proc/self/fd/{fd}").count("/") - self._base > _DEPTH_MAX:
            os.close(fd)
            raise ConfigError(f"image: {folder[:80]!r} is more than {_DEPTH_MAX} folders deep")
        self._own.add(os.fstat(fd).st_ino)
        while folder:  # an opaque whiteout above keeps what leads to this layer's own files
            folder = folder.rpartition("/")[0]
            above = self._root.find(folder or ".")
            if above is not None:
                self._own.add(os.fstat(above).st_ino)
                os.close(above)
        return fd

    def _make(self, archive: tarfile.TarFile, member: tarfile.TarInfo, parent: int, name: str, path: str) -> None:
        if member.isdir():
            fd = self._make_folder(parent, name)
            self._times[path] = int(member.mtime * 1e9)
            self._times_size += len(path)
            if self._times_size > _TIMES_MAX:
                self.finish()
            self._dress(fd, member)
            return
        self._remove(parent, name)
        if member.isreg():
            self._dress(self._write(archive, member, parent, name), member)
        elif member.issym():
            os.symlink(_short(member.linkname), name, dir_fd=parent)
            self._own_link(parent, name, member)
        elif member.islnk():
            self._make_hard_link(member, parent, name)
        elif member.isfifo():
            os.mkfifo(name, 0o600, dir_fd=parent)
            self._dress_node(parent, name, member)
        elif member.ischr() or member.isblk():
            self._make_device(member, parent, name)
        else:
            raise ConfigError(f"image: {path[:200]} has the type {member.type!r}, which no layer may have")

    def _make_folder(self, parent: int, name: str) -> int:
        try:
            os.mkdir(name, 0o755, dir_fd=parent)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                self._remove(parent, name)
                os.mkdir(name, 0o755, dir_fd=parent)
        return os.open(name, _FOLDER, dir_fd=parent)

    def _write(self, archive: tarfile.TarFile, member: tarfile.TarInfo, parent: int, name: str) -> int:
        content = archive.extractfile(member)
        fd = os.open(name, _NEW, 0o600, dir_fd=parent)
        try:
            left = member.size
            if member.issparse():
                self._limits.take(left)  # holes do not come out of the archive
            while content is not None and left > 0:
                data = content.read(min(CHUNK, left))
                if not data:
                    raise ConfigError(f"image: {member.name[:200]} is cut off")
                left -= len(data)
                write_all(fd, data)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _make_hard_link(self, member: tarfile.TarInfo, parent: int, name: str) -> None:
        parts = _parts(member.linkname)
        if not parts:
            raise ConfigError(f"image: {member.name[:200]} is a hard link to nothing")
        folder = self._root.open("/".join(parts[:-1]) or ".", os.O_PATH | os.O_DIRECTORY)
        try:
            os.link(parts[-1], name, src_dir_fd=folder, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(folder)
        self._own.add(os.stat(name, dir_fd=parent, follow_symlinks=False).st_ino)

    def _make_device(self, member: tarfile.TarInfo, parent: int, name: str) -> None:
        if not (self._devices and self._is_root):
            return  # what a container needs in /dev, its runtime makes
        kind = stat.S_IFCHR if member.ischr() else stat.S_IFBLK
        os.mknod(name, kind | 0o600, os.makedev(member.devmajor, member.devminor), dir_fd=parent)
        self._dress_node(parent, name, member)

    def _dress(self, fd: int, member: tarfile.TarInfo) -> None:
        """Owner, mode, attributes and time of a file or folder; closes it."""
        try:
            if self._is_root:
                os.fchown(fd, *_owner(member))
            # After chown, which takes set-user-ID away. A user other than root must be able to go on in folders.
            more = 0 if self._is_root or not member.isdir() else 0o700
            os.fchmod(fd, member.mode & 0o7777 | more)
            for name, value in _attributes(member.pax_headers):
                if self._is_root or name.startswith("user."):
                    os.setxattr(fd, name, value)
            os.utime(fd, ns=(int(member.mtime * 1e9),) * 2)
            self._own.add(os.fstat(fd).st_ino)
        finally:
            os.close(fd)

    def _dress_node(self, parent: int, name: str, member: tarfile.TarInfo) -> None:
        """Of what must not be opened."""
        if self._is_root:
            os.chown(name, *_owner(member), dir_fd=parent, follow_symlinks=False)
        os.chmod(name, member.mode & 0o7777, dir_fd=parent)  # ours, and made just now: no link
        self._own.add(os.stat(name, dir_fd=parent, follow_symlinks=False).st_ino)

    def _own_link(self, parent: int, name: str, member: tarfile.TarInfo) -> None:
        if self._is_root:
            os.chown(name, *_owner(member), dir_fd=parent, follow_symlinks=False)
        mtime = int(member.mtime * 1e9)
        os.utime(name, ns=(mtime, mtime), dir_fd=parent, follow_symlinks=False)
        self._own.add(os.stat(name, dir_fd=parent, follow_symlinks=False).st_ino)

    def _hide(self, parent: int, name: str) -> None:
        """A whiteout: what lower layers have under that name. This layer's own is not meant."""
        if name in ("", ".", ".."):
            raise ConfigError(f"image: a whiteout of {name!r}")
        try:
            facts = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return
        if facts.st_ino not in self._own:
            self._remove(parent, name)
        elif stat.S_ISDIR(facts.st_mode):
            self._clear_below(parent, name)

    def _clear(self, folder: int) -> None:
        """An opaque whiteout: all that lower layers have in that folder."""
        for name in os.listdir(folder):
            self._hide(folder, name)

    def _clear_below(self, parent: int, name: str) -> None:
        fd = os.open(name, _FOLDER, dir_fd=parent)
        try:
            self._clear(fd)
        finally:
            os.close(fd)

    def _remove(self, parent: int, name: str) -> None:
        """A file, or a folder with all in it, no link followed."""
        try:
            os.unlink(name, dir_fd=parent)
        except FileNotFoundError:
            return
        except IsADirectoryError:
            from shutil import rmtree

            rmtree(name, dir_fd=parent)


def _parts(path: str) -> list[str]:
    """The names of a path in a layer. ConfigError for one that leads out, or is too long."""
    _short(path)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ConfigError(f"image: the path {path[:200]!r} leads out of the layer")
    if len(parts) > _DEPTH_MAX:
        raise ConfigError(f"image: {path[:80]!r} is more than {_DEPTH_MAX} folders deep")
    return parts


def _short(path: str) -> str:
    if not path or len(path) > _PATH_MAX or "\0" in path:
        raise ConfigError(f"image: the path {path[:80]!r} must have 1 to {_PATH_MAX} characters and no NUL")
    return path


def _owner(member: tarfile.TarInfo) -> tuple[int, int]:
    for number in (member.uid, member.gid):
        if not 0 <= number < (1 << 32) - 1:
            raise ConfigError(f"image: {member.name[:200]} belongs to {number}, which is not an ID")
    return member.uid, member.gid


def _attributes(headers: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    for key, value in headers.items():
        name = key.removeprefix(_XATTR)
        if name != key and name.startswith(_XATTRS):
            yield name, value.encode("utf-8", "surrogateescape")
