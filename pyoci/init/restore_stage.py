"""Before a restore: the container's mounts made once as `create` makes them, in a mount namespace that criu then uses.

criu mounts by paths, and a link in a rootfs or a volume bends a path (CVE-2026-119101, CVE-2026-115520). So whatever
criu is given as a source lies at a path of ours: it is found here, beneath the rootfs and by descriptors, and a copy of
the mount is put below PLACE. Mount points that are missing are made on the way, as on create. All of it is attached in
this namespace only: whoever dies, nothing stays mounted.
"""

from __future__ import annotations

import _stat as stat
import posix

from pyoci.errors import SyscallError
from pyoci.init import terminal
from pyoci.init.outside import devices, masked_paths, mounts, readonly_paths, rootfs
from pyoci.kernel import mount, namespace, read_text, uapi
from pyoci.kernel.beneath import Root, openat2
from pyoci.wire.inherited import Inherited
from pyoci.wire.messages import Channel
from pyoci.wire.plan import PLACEHOLDER, Mount, Plan

# A path that everybody may search: with a user namespace criu mounts as its root. What criu leaves there ends with it.
PLACE = "/tmp"
ROOT = f"{PLACE}/pyoci-root"
_STAGE = f"{PLACE}/pyoci-stage"
_SOURCES = f"{PLACE}/pyoci-sources"
SOURCE = "SOURCE"  # the message: number of the source, a space, its name in the image
# the message: 1 where config.json names its place, else 0, a space, a line of mountinfo with a path of the container
MOUNT = "MOUNT"
_NO_LINKS = uapi.RESOLVE_BENEATH | uapi.RESOLVE_NO_SYMLINKS
# Mounted for real, because mounts of the config lie on their files; of others an empty tmpfs holds the place.
_REAL = ("proc", "sysfs")
_TO_KEEP = posix.O_PATH | posix.O_CLOEXEC


def source_path(number: str) -> str:
    """Where criu finds the source of that number."""
    return f"{_SOURCES}/{number}"


def prepare(plan: Plan, inherited: Inherited, work: int, channel: Channel) -> None:
    """In the process that becomes criu. Tells of every source by a message.

    `work` is a detached copy of the mount of criu's work folder: criu mounts things in it.
    """
    umask = posix.umask(0)
    _stage(plan, inherited, work, channel)
    posix.umask(umask)  # the files that criu makes are as the caller wants them


def _stage(plan: Plan, inherited: Inherited, work: int, channel: Channel) -> None:
    namespace.unshare(uapi.CLONE_NEWNS, "mount namespace")
    rootfs.stop_propagation(uapi.MS_SLAVE)
    tree = mount.open_tree(uapi.AT_FDCWD, plan.rootfs.path, recursive=True)
    plain = mount.open_tree(uapi.AT_FDCWD, plan.rootfs.path, recursive=True)
    _open_sources(plan, inherited)
    places = _make_place()
    mount.setattr(work, propagation=uapi.MS_PRIVATE)  # what criu mounts on it would come to the host, and stay there
    mount.move(work, _reopen(places, "pyoci-work"), "mount criu's work folder")
    mount.move(plain, _reopen(places, "pyoci-root"), f"mount rootfs {plan.rootfs.path}")
    mount.move(tree, _reopen(places, "pyoci-stage"), f"mount rootfs {plan.rootfs.path}")
    root = Root(tree)
    names = _build(plan, inherited, root)
    sources = _reopen(places, "pyoci-sources")
    for number, (name, fd) in enumerate(_find(names, root)):
        _put(fd, sources, str(number))
        posix.close(fd)
        channel.send(SOURCE, f"{number} {name}")
    for is_named, line in _made(plan, root):
        channel.send(MOUNT, f"{is_named:d} {line}")


def _open_sources(plan: Plan, inherited: Inherited) -> None:
    """Before PLACE hides what may lie there."""
    for index, entry in enumerate(plan.mounts):
        if entry.kind == "bind" and index not in inherited.sources:
            tree = mount.open_tree(uapi.AT_FDCWD, entry.source, recursive=entry.recursive)
            inherited.sources[index] = tree


def _make_place() -> int:
    target = posix.open(PLACE, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    place = mount.filesystem("tmpfs", "tmpfs", (), (("mode", "1777"),))
    mount.setattr(place, propagation=uapi.MS_PRIVATE)
    mount.move(place, target, f"mount {PLACE}")
    posix.close(target)
    for name in ("pyoci-work", "pyoci-root", "pyoci-stage", "pyoci-sources"):
        posix.mkdir(name, 0o755, dir_fd=place)
    return place


def _reopen(place: int, name: str) -> int:
    return posix.open(name, posix.O_PATH | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=place)


def _build(plan: Plan, inherited: Inherited, root: Root) -> list[str]:
    """The mounts of config.json in their order, what lies on them, and the devices; the names of the bind mounts."""
    plan.mounts[:] = [_placeholder(index, entry) for index, entry in enumerate(plan.mounts)]
    _, own_mounts = mounts.apply(plan, inherited, root, inherited.sources.__getitem__)  # all of them are open
    devices.apply(plan, inherited, root, own_mounts)
    if plan.process is not None and plan.process.terminal:
        posix.close(terminal.console_place(root))  # criu mounts there by the path
    readonly_paths.apply(plan.readonly_paths, root)
    masked_paths.apply(plan.masked_paths, "", root)
    return [entry.destination for entry in plan.mounts if entry.kind == "bind"]


def _placeholder(index: int, entry: Mount) -> Mount:
    if entry.kind != "filesystem" or entry.fstype in _REAL:
        return entry
    # writable: mount points are made in it, and it goes with this namespace
    return Mount(
        kind="filesystem", destination=entry.destination, source=f"{PLACEHOLDER}{index}", fstype="tmpfs", data=()
    )


def _find(names: list[str], root: Root) -> list[tuple[str, int]]:
    """(name in the image, descriptor of its mount) of all that was mounted beneath the root.

    A bind mount goes by its destination in config.json, and like all others by where it lies now.
    """
    places = [(name, root.open(name)) for name in names]
    text = read_text("/proc/self/mountinfo")
    for line in filter(None, text.split("\n")):
        path = uapi.unescape(line.split(" ", 5)[4])
        if path.startswith(f"{_STAGE}/"):
            name = path[len(_STAGE) :]
            try:
                places.append((name, openat2(root.fd, name[1:], _TO_KEEP, _NO_LINKS)))
            except SyscallError:
                continue  # another mount lies over it
    return places


def _made(plan: Plan, root: Root) -> list[tuple[bool, str]]:
    """Mounts that a path of the container can reach: whether config.json names the place, and the line of mountinfo."""
    named = {_mount_id(root.fd)}
    for path in (*(entry.destination for entry in plan.mounts), *plan.readonly_paths, *plan.masked_paths):
        fd = root.find(path)
        if fd is not None:
            named.add(_mount_id(fd))
            posix.close(fd)
    mounts = []
    for line in read_text("/proc/self/mountinfo").split("\n"):
        fields = line.split(" ")
        if len(fields) > 5 and f"{fields[4]}/".startswith(f"{_STAGE}/"):
            fields[4] = fields[4][len(_STAGE) :] or "/"
            mounts.append((int(fields[0]) in named, " ".join(fields)))
    return mounts


def _mount_id(fd: int) -> int:
    for line in read_text(f"/proc/self/fdinfo/{fd}").split("\n"):
        if line.startswith("mnt_id:"):
            return int(line[7:])
    return -1


def _put(fd: int, sources: int, number: str) -> None:
    """A copy of the mount itself, without what lies on it: that has a name of its own."""
    copy = mount.open_tree(fd, "", what=f"bind source {number} of the restore")
    if stat.S_ISDIR(posix.fstat(fd).st_mode):
        posix.mkdir(number, 0o755, dir_fd=sources)
    else:
        posix.close(posix.open(number, posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, 0o644, dir_fd=sources))
    target = posix.open(number, posix.O_PATH | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=sources)
    mount.move(copy, target, f"mount source {number} of the restore")
    posix.close(target)
    posix.close(copy)
