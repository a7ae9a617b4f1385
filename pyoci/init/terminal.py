"""`process.terminal`: a pseudoterminal of the container's own devpts, bound to /dev/console (config.md, "Process").

The pair is opened by descriptor: the slave comes from TIOCGPTPEER, not from a path that could have been swapped
(CVE-2025-52565).
"""

from __future__ import annotations

import _stat as stat
import errno
import posix

from pyoci.errors import SyscallError, UnsupportedError
from pyoci.kernel import mount, streams, uapi
from pyoci.kernel.beneath import Root, openat2
from pyoci.kernel.deferred import Call
from pyoci.wire import messages
from pyoci.wire.messages import Channel
from pyoci.wire.plan import Process

_CONSOLE = "/dev/console"
_NO_DEVPTS = "open a terminal: /dev/pts is not a devpts; mount one there in config.json"


def open_console(root: Root, process: Process, channel: Channel, *, device: bool = True) -> int:
    """Make the pair, send the master to the host, put the slave at /dev/console (`device`); returns the slave."""
    master = _open_master(root)
    try:
        slave = streams.peer(master)
        if process.console_size is not None:
            streams.set_size(slave, *process.console_size)
        channel.send(messages.TERMINAL, "/dev/ptmx", master)
    finally:
        posix.close(master)
    if device:
        _bind_console(slave, root)
    return slave


def _open_master(root: Root) -> int:
    """/dev/pts is looked at before ptmx is opened: to open a device of the image's choice can do things."""
    folder = root.find("/dev/pts")
    if folder is None:
        raise UnsupportedError(_NO_DEVPTS)
    try:
        if mount.magic(folder) != uapi.DEVPTS_SUPER_MAGIC:
            raise UnsupportedError(_NO_DEVPTS)
        # a devpts has no links, and what is mounted on its ptmx is not its own
        return openat2(folder, "ptmx", posix.O_RDWR | posix.O_NOCTTY, uapi.RESOLVE_NO_XDEV)
    except SyscallError as error:
        mounted = ", on which something else is mounted" if error.errno == errno.EXDEV else ""
        raise SyscallError(error.errno, f"open a terminal: open /dev/pts/ptmx{mounted}").at(
            "/process/terminal"
        ) from None
    finally:
        posix.close(folder)


def _bind_console(slave: int, root: Root) -> None:
    tree = mount.open_tree(slave, "", what="bind the terminal")
    target = console_place(root)
    try:
        mount.move(tree, target, f"mount the terminal on {_CONSOLE}")
    finally:
        posix.close(target)
        posix.close(tree)


def console_place(root: Root) -> int:
    """A descriptor of it. A link of the image must not choose the place, which may be a file of /proc."""
    target = root.open_entry(_CONSOLE)
    if target is None:
        _make_console(root)
        target = root.open_entry(_CONSOLE)
    mode = posix.fstat(target).st_mode if target is not None else stat.S_IFLNK
    if target is not None and not stat.S_ISLNK(mode) and not stat.S_ISDIR(mode):
        return target
    kind = "link" if stat.S_ISLNK(mode) else "folder"
    raise UnsupportedError(
        f"mount the terminal on {_CONSOLE}: the rootfs has a {kind} there: remove it, or mount a tmpfs on /dev"
    )


def _make_console(root: Root) -> None:
    parent, name = root.parent(_CONSOLE)
    flags = posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW | posix.O_CLOEXEC
    try:
        posix.close(posix.open(name, flags, 0o644, dir_fd=parent))
    except FileExistsError:
        pass  # of a moment ago
    except OSError as error:
        raise SyscallError(error.errno or 0, f"make file {_CONSOLE}") from None
    finally:
        posix.close(parent)


def attach(slave: int) -> None:
    """Make it the controlling terminal and the standard streams of this session."""
    connect(slave)
    control().make()


def connect(slave: int) -> None:
    """Make it the standard streams."""
    for number in (0, 1, 2):
        posix.dup2(slave, number)
    posix.close(slave)


def control() -> Call:
    """Make standard input the controlling terminal of the session that the process leads."""
    return Call(name="ioctl", arguments=(0, uapi.TIOCSCTTY, 0), words="take the controlling terminal")
