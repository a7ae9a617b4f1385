"""A new file system with its options, however long they are.

fsconfig(2) takes values of 255 bytes at most, mount(2) a page of everything and cuts the rest silently. The
layers of an overlay are given one by one, where the kernel takes them so (Linux 6.7: `lowerdir+`).
"""

from __future__ import annotations

import errno
import posix

from pyoci.errors import ContainerError, SyscallError, UnsupportedError
from pyoci.init.outside import staging
from pyoci.kernel import mount, namespace, process, procfs, uapi
from pyoci.kernel.beneath import Root
from pyoci.kernel.call import encode, shown
from pyoci.wire.inherited import Inherited
from pyoci.wire.plan import Mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Data = tuple[tuple[str, str | None], ...]

_INTERFERED = "mount type=proc: somebody in the PID namespace has had something else opened in the place of its procfs"


def make(entry: Mount, data: Data, open_procfs: Callable[[], int] | None = None) -> int | None:
    """A detached mount with the entry's attributes; None when only mount(2) can make it, see `make_on`.

    `open_procfs` opens a procfs that is to show another PID namespace than this process's.
    """
    if not entry.classic_flags:
        if not _is_long(entry.source) and not any(_is_long(value or "") for _, value in data):
            if entry.fstype == "proc" and open_procfs is not None:
                return _procfs(entry, data, open_procfs())
            return mount.filesystem(entry.fstype, entry.source, entry.superblock, data, entry.attributes_set)
        if entry.fstype == "overlay" and not _is_long(entry.source):
            return _overlay(entry, data)
    if entry.fstype == "proc" and open_procfs is not None:
        raise UnsupportedError(
            f"mount type=proc dst={shown(entry.destination)}: in a joined PID namespace it takes no option that only "
            "mount(2) knows, and none of more than 255 bytes"
        )
    return None


def open_procfs(inherited: Inherited, pid_namespace: int) -> int:
    """The context of a procfs that shows this PID namespace, which this process is not in.

    The host has opened it, unless only this process has the right to: rootless, in the user namespace. There it is not
    dumpable, and so the container sees nothing of it even with CAP_SYS_PTRACE.
    """
    if inherited.procfs:
        context, *rest = inherited.procfs
        inherited.procfs = tuple(rest)
        return context
    late = mount.open_procfs(pid_namespace)
    if late is not None:
        return late
    namespace.join(pid_namespace, uapi.CLONE_NEWPID, "pid namespace")
    process.forget_caller()
    return mount.open_procfs_in_child()


def _procfs(entry: Mount, data: Data, context: int) -> int:
    """Before Linux 6.18 somebody in the PID namespace may have led the process that opened the context to something
    else: another file system is not made, and a procfs with the host's processes is not mounted.
    """
    if not mount.is_procfs(context):
        posix.close(context)
        raise ContainerError(_INTERFERED)
    tree = mount.filesystem(entry.fstype, entry.source, entry.superblock, data, entry.attributes_set, context)
    if not procfs.is_of_another_namespace(tree):
        posix.close(tree)
        raise ContainerError(_INTERFERED)
    return tree


def make_on(entry: Mount, data: Data, target: int, root: Root, what: str) -> int:
    """A mount on `target`, made by mount(2); without the entry's attributes."""
    text = ",".join(key if value is None else f"{key}={_quoted(key, value)}" for key, value in data)
    size = len(encode(text))
    if size > mount.CLASSIC_DATA_MAX:
        hint = "; Linux 6.7 and later take the layers of an overlay one by one" if entry.fstype == "overlay" else ""
        raise UnsupportedError(
            f"{what}: its options have {size} bytes, and mount(2) takes {mount.CLASSIC_DATA_MAX}: shorten them{hint}"
        )
    flags = entry.classic_flags
    for name in entry.superblock:
        flags |= uapi.SUPERBLOCK_FLAGS[name]
    return staging.classic(root, target, entry.source or entry.fstype, entry.fstype, flags, text, what)


def _is_long(value: str) -> bool:
    return len(value) > mount.FSCONFIG_STRING_MAX or len(encode(value)) > mount.FSCONFIG_STRING_MAX


def _quoted(key: str, value: str) -> str:
    """Commas separate options in a string, and the categories in a context (mount(8), "context=")."""
    return f'"{value}"' if key.endswith("context") and "," in value else value


def _overlay(entry: Mount, data: Data) -> int | None:
    """By fsconfig(2), a call for each layer; None where this kernel does not know `lowerdir+`."""
    opened: list[int] = []
    try:
        parts: list[tuple[str, str | None]] = []
        for key, value in data:
            if key != "lowerdir":
                parts.append((key, _short(_unescaped(value or ""), opened) if _is_long(value or "") else value))
                continue
            for option, layer in layers(value or ""):
                parts.append((option, _short(layer, opened)))
        try:
            return mount.filesystem(entry.fstype, entry.source, entry.superblock, tuple(parts), entry.attributes_set)
        except SyscallError as error:
            if error.errno != errno.EINVAL:
                raise
            return None  # mount(2) has the last word: a kernel before 6.7, or something wrong with the layers
    finally:
        for fd in opened:
            posix.close(fd)


def layers(value: str) -> list[tuple[str, str]]:
    """`lowerdir=` taken apart: `:` separates layers, `::` comes before one of data alone, a backslash escapes."""
    parts: list[tuple[str, str]] = []
    option, layer, escaped = "lowerdir+", "", False
    for character in value:
        if escaped or character not in "\\:":
            layer, escaped = layer + character, False
        elif character == "\\":
            escaped = True
        elif layer:
            parts.append((option, layer))
            layer, option = "", "lowerdir+"
        else:
            option = "datadir+"
    return [*parts, (option, layer)] if layer else parts


def _unescaped(value: str) -> str:
    return "".join(layer for _, layer in layers(value.replace(":", "\\:"))) if "\\" in value else value


def _short(path: str, opened: list[int]) -> str:
    """A name of that folder that fsconfig(2) takes; `opened` gets the descriptor that it stands for."""
    if not _is_long(path):
        return path
    try:
        opened.append(posix.open(path, posix.O_PATH | posix.O_CLOEXEC))
    except OSError as error:
        raise SyscallError(error.errno or 0, f"open layer {shown(path)}") from None
    return f"/proc/self/fd/{opened[-1]}"
