"""A place of this namespace that no path leads to: for what must be mounted before it may be moved to its target.

mount(2) mounts on attached mounts only, and finds its target by a path that others may change meanwhile; a copy of a
part of a file system can be made of attached ones only (open_tree(2), before Linux 6.15). So a tmpfs is put on top of
the rootfs: whoever has come to the rootfs already, as all of this process has, does not see what lies over it.
"""

from __future__ import annotations

import posix

from pyoci.errors import SyscallError
from pyoci.kernel import mount
from pyoci.kernel.beneath import Root

_DIRECTORY = posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC


def attach(root: Root, tree: int) -> None:
    """Put the detached mount `tree` there; `detach` takes it away."""
    mount.move(tree, root.fd, "mount a staging place")


def detach(tree: int) -> None:
    """Take it away; what was moved out of it meanwhile stays, and so do copies."""
    here = posix.open(".", _DIRECTORY)
    try:
        posix.fchdir(tree)
        mount.detach_here("unmount the staging place")
        posix.fchdir(here)
    finally:
        posix.close(here)


def classic(root: Root, target: int, source: str, fstype: str, flags: int, data: str, what: str) -> int:
    """mount(2), and the new mount moved onto `target`: a descriptor of its root."""
    place = mount.filesystem("tmpfs", "", (), (("mode", "700"),))
    try:
        attach(root, place)
        try:
            return _mount_in(place, target, source, fstype, flags, data, what)
        finally:
            detach(place)
    finally:
        posix.close(place)


def _mount_in(place: int, target: int, source: str, fstype: str, flags: int, data: str, what: str) -> int:
    posix.mkdir("new", 0o700, dir_fd=place)
    here, new = posix.open(".", _DIRECTORY), posix.open("new", _DIRECTORY, dir_fd=place)
    try:
        posix.fchdir(new)
        mount.classic(source, fstype, flags, data, what)
    finally:
        posix.fchdir(here)
        posix.close(here)
        posix.close(new)
    tree = posix.open("new", _DIRECTORY, dir_fd=place)
    try:
        mount.move(tree, target, what)
    except SyscallError:
        posix.close(tree)
        raise
    return tree
