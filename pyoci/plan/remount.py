"""`remount`: a mount has the flags that are named and no others, as mount(2) has it (MS_REMOUNT).

A remount that names no flag, but options of the file system, leaves the flags as they are.
"""

from __future__ import annotations

from pyoci.kernel import uapi
from pyoci.wire.plan import Mount

# fs/fs_context.c, common_clear_sb_flag; dirsync stays, as with mount(2)
_OPPOSITES = {"ro": "rw", "sync": "async", "lazytime": "nolazytime"}


def complete(mount: Mount, earlier: Mount, flags: tuple[str, ...], pseudo: tuple[str, ...]) -> tuple[str, ...]:
    """Finish the plan of a remount (without `bind`) of the new file system that `earlier` makes.

    `flags`: those of `_OPPOSITES` that its superblock has by then; returns those that it has from then on. To the file
    systems in `pseudo` read-only is a matter of the mount alone.
    """
    if not mount.attributes_set and not mount.attributes_clear:
        return flags
    read_only = bool(mount.attributes_set & uapi.MOUNT_ATTR_RDONLY)
    if earlier.fstype == "tmpfs":
        earlier.read_only_last = read_only  # the last word about it: mount points and devices are made in it first
        mount.attributes_set &= ~uapi.MOUNT_ATTR_RDONLY
    elif read_only and earlier.fstype not in pseudo:
        mount.superblock += ("ro",)
    named = mount.superblock
    mount.superblock += tuple(_OPPOSITES[flag] for flag in flags if flag in _OPPOSITES and flag not in named)
    return named
