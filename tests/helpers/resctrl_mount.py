"""A resctrl file system for the real program: FUSE, with the rules of the kernel's fs/resctrl/rdtgroup.c.

No test machine has the hardware, and a machine without it has no resctrl. `mounted` serves a tree that makes groups at
mkdir(2), parses schemata, moves tasks and refuses as the kernel does, by a thread. `program` is a command that runs the
runtime with a /proc/self/mountinfo that calls this mount one of type resctrl: nothing else tells the two apart.
"""

from __future__ import annotations

import errno
import itertools
import os
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from helpers.hostile import check, libc

SOURCE = "resctrl"
MNT_DETACH = 2
HEADER, ANSWER = "=IIQQIIII", "=IiQ"  # struct fuse_in_header and fuse_out_header, fuse.h
INIT_OUT = struct.pack("=IIIIHHIIHHI28x", 7, 31, 1 << 16, 0, 12, 10, 1 << 16, 1, 0, 0, 0)
DIRECT_IO = 1  # FOPEN_DIRECT_IO: each read(2) asks, whatever the size
LOOKUP, FORGET, GETATTR, SETATTR, MKDIR, RMDIR, OPEN, READ, WRITE = 1, 2, 3, 4, 9, 11, 14, 15, 16
RELEASE, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, INTERRUPT, BATCH_FORGET = 18, 25, 26, 27, 28, 29, 36, 42
DIRECTORY, FILE = 0o040755, 0o100644
ROOT = 1

MASK, MIN_BITS = 0x7FF, 1
GRANULE, MIN_BANDWIDTH = 10, 10
CACHES = ("0", "1")

_WRAPPER = """\
#!/bin/sh
exec unshare --mount --propagation private sh -c '
file={folder}/mountinfo.$$
sed "s/ - fuse {source} / - resctrl resctrl /" /proc/self/mountinfo > $file
mount --bind $file /proc/$$/mountinfo && rm $file && exec "$0" "$@"' {program} "$@"
"""


class Refused(Exception):
    """errno, and what the kernel writes to info/last_cmd_status."""

    def __init__(self, number: int, words: str = "") -> None:
        super().__init__(number, words)
        self.number, self.words = number, words


class Node:
    """A file or a directory; numbers are never given twice, as in kernfs."""

    numbers = itertools.count(ROOT)

    def __init__(self, parent: Node | None = None, children: dict[str, Node] | None = None) -> None:
        self.number = ROOT if parent is None and children is not None else next(self.numbers) + ROOT
        self.parent = parent
        self.children = children
        self.read: Callable[[], str] = lambda: ""
        self.write: Callable[[str], None] = _not_permitted


def _not_permitted(_text: str) -> None:
    raise Refused(errno.EPERM)


class Group:
    """What a CTRL_MON or MON group has; `control` is the group that a MON group lies in."""

    def __init__(self, path: str, node: Node, control: Group | None) -> None:
        self.path, self.node, self.control = path, node, control
        self.masks = dict.fromkeys(CACHES, MASK)
        self.bandwidth = dict.fromkeys(CACHES, 100)


class Resctrl:
    """The tree and its rules. `closids` and `rmids` are how many groups there can be beside the root."""

    def __init__(self, closids: int = 4, rmids: int = 4) -> None:
        self.closids, self.rmids = closids, rmids
        self.status = ""
        self.written: list[tuple[str, str]] = []  # file and text, in the order in which they came
        self.tasks: dict[int, Group] = {}
        self.before: Callable[[str, str, int], None] = lambda _call, _path, _pid: None
        self.nodes: dict[int, Node] = {}
        self.groups: dict[str, Group] = {}
        root = self._add(None, "", directory=True)
        self._fill(Group("", root, None))
        info = self._add(root, "info", directory=True)
        self._file(info, "last_cmd_status", lambda: (self.status or "ok") + "\n")
        for kind, values in (
            ("L3", {"cbm_mask": f"{MASK:x}", "min_cbm_bits": str(MIN_BITS), "num_closids": str(closids + 1)}),
            ("MB", {"bandwidth_gran": str(GRANULE), "min_bandwidth": str(MIN_BANDWIDTH), "delay_linear": "1"}),
            ("L3_MON", {"mon_features": "llc_occupancy\nmbm_total_bytes\nmbm_local_bytes", "num_rmids": str(rmids)}),
        ):
            folder = self._add(info, kind, directory=True)
            for name, value in values.items():
                self._file(folder, name, lambda value=value: value + "\n")  # type: ignore[misc]

    def below(self, group: str = "") -> list[str]:
        """The MON groups of a CTRL_MON group."""
        return sorted(one.path.rpartition("/")[2] for one in self.groups.values() if one.control is self.groups[group])

    def controls(self) -> list[str]:
        """The CTRL_MON groups beside the root."""
        return sorted(path for path, group in self.groups.items() if path and group.control is None)

    def members(self, path: str) -> list[int]:
        """As `tasks` shows them: a CTRL_MON group has those of its MON groups, too."""
        group = self.groups[path]
        return [
            pid
            for pid, there in self.tasks.items()
            if group in (there, there.control) and os.path.exists(f"/proc/{pid}")
        ]

    def make(self, parent: Node, name: str) -> Node:
        if name in (parent.children or {}):
            raise Refused(errno.EEXIST)
        above = next((group for group in self.groups.values() if group.node is parent), None)
        control = next((group for group in self.groups.values() if group.control is None
                        and (group.node.children or {}).get("mon_groups") is parent), None)  # fmt: skip
        if (above is None or above.path) and control is None:
            raise Refused(errno.EPERM)
        if "\n" in name:
            raise Refused(errno.EINVAL)
        if control is None and len(self.controls()) >= self.closids:
            raise Refused(errno.ENOSPC, "Out of CLOSIDs")
        if len(self.groups) - 1 >= self.rmids:
            raise Refused(errno.ENOSPC, "Out of RMIDs")
        path = f"{control.path}/mon_groups/{name}".lstrip("/") if control else name
        node = self._add(parent, name, directory=True)
        self._fill(Group(path, node, control))
        return node

    def remove(self, parent: Node, name: str) -> None:
        node = (parent.children or {}).get(name)
        if node is None:
            raise Refused(errno.ENOENT)
        gone = next((group for group in self.groups.values() if group.node is node and group.path), None)
        if gone is None:
            raise Refused(errno.EPERM)
        for pid, there in self.tasks.items():
            if gone in (there, there.control):
                self.tasks[pid] = gone.control or self.groups[""]
        self.groups = {path: group for path, group in self.groups.items() if gone not in (group, group.control)}
        del (parent.children or {})[name]

    def path(self, node: Node) -> str:
        names = []
        while node.parent is not None:
            names += [name for name, child in (node.parent.children or {}).items() if child is node]
            node = node.parent
        return "/".join(reversed(names))

    def _add(self, parent: Node | None, name: str, *, directory: bool = False) -> Node:
        node = Node(parent, {} if directory else None)
        if parent is not None and parent.children is not None:
            parent.children[name] = node
        self.nodes[node.number] = node
        return node

    def _file(
        self, parent: Node, name: str, read: Callable[[], str], write: Callable[[str], None] = _not_permitted
    ) -> None:
        node = self._add(parent, name)
        node.read, node.write = read, write

    def _fill(self, group: Group) -> None:
        self.groups[group.path] = group
        node = group.node
        self._file(
            node,
            "tasks",
            lambda: "".join(f"{pid}\n" for pid in self.members(group.path)),
            lambda text: self._move(group, text),
        )
        counts = self._add(self._add(node, "mon_data", directory=True), "mon_L3_00", directory=True)
        for name, text in (("llc_occupancy", "4096"), ("mbm_total_bytes", "77"), ("mbm_local_bytes", "Unavailable")):
            self._file(counts, name, lambda text=text: text + "\n")  # type: ignore[misc]
        if group.control is None:
            self._file(node, "schemata", lambda: _shown(group), lambda text: self._set(group, text))
            self._file(node, "mode", lambda: "shareable\n")
            self._add(node, "mon_groups", directory=True)

    def _move(self, group: Group, text: str) -> None:
        """rdtgroup_tasks_write: one thread for each number."""
        for word in text.strip().split(","):
            if not word.strip().lstrip("-").isdigit():
                raise Refused(errno.EINVAL, f"Task list parsing error pid {word}")
            pid = int(word)
            if pid < 0:
                raise Refused(errno.EINVAL, f"Invalid pid {pid}")
            if not os.path.exists(f"/proc/{pid}"):
                raise Refused(errno.ESRCH, f"No task {pid}")
            now = self.tasks.get(pid, self.groups[""])
            if group.control is not None and group.control not in (now, now.control):
                raise Refused(errno.EINVAL, "Can't move task to different control group")
            self.tasks[pid] = group

    def _set(self, group: Group, text: str) -> None:
        """rdtgroup_schemata_write: all of it or none."""
        if not text.endswith("\n"):
            raise Refused(errno.EINVAL)
        masks, bandwidth = dict(group.masks), dict(group.bandwidth)
        for line in text.splitlines():
            name, colon, rest = line.partition(":")
            if not colon:
                raise Refused(errno.EINVAL, "Missing ':'")
            if not rest:
                raise Refused(errno.EINVAL, f"Missing '{name.strip()}' value")
            if name.strip() not in ("L3", "MB"):
                raise Refused(errno.EINVAL, f"Unknown or unsupported resource name '{name.strip()}'")
            for part in rest.split(";"):
                cache, equals, value = part.partition("=")
                value = value.strip()
                if not equals or not cache.isdigit():
                    raise Refused(errno.EINVAL, "Missing '=' or non-numeric domain")
                if cache not in CACHES:
                    raise Refused(errno.EINVAL)
                if name.strip() == "L3":
                    masks[cache] = _mask(value)
                else:
                    bandwidth[cache] = _bandwidth(value)
        group.masks, group.bandwidth = masks, bandwidth


def _mask(text: str) -> int:
    try:
        value = int(text, 16)
    except ValueError:
        raise Refused(errno.EINVAL, f"Non-hex character in the mask {text}") from None
    if value & ~MASK:
        raise Refused(errno.EINVAL, "Mask out of range")
    if not value:
        raise Refused(errno.EINVAL, f"Need at least {MIN_BITS} bits in the mask")
    if "0" in f"{value:b}".rstrip("0"):
        raise Refused(errno.EINVAL, f"The mask {value:x} has non-consecutive 1-bits")
    return value


def _bandwidth(text: str) -> int:
    if not text.isdigit():
        raise Refused(errno.EINVAL, f"Invalid MB value {text}")
    if not MIN_BANDWIDTH <= int(text) <= 100:
        raise Refused(errno.EINVAL, f"MB value {text} out of range [{MIN_BANDWIDTH},100]")
    return -(-int(text) // GRANULE) * GRANULE


def _shown(group: Group) -> str:
    bandwidth = ";".join(f"{cache}={value:4d}" for cache, value in group.bandwidth.items())
    masks = ";".join(f"{cache}={value:03x}" for cache, value in group.masks.items())
    return f"    MB:{bandwidth}\n    L3:{masks}\n"


class Server:
    """Answers the kernel's requests until the device is closed."""

    def __init__(self, device: int, tree: Resctrl) -> None:
        self._device, self.tree = device, tree
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                request = os.read(self._device, 1 << 17)
            except OSError:
                return  # ENODEV: unmounted
            _, opcode, unique, number, _, _, pid, _ = struct.unpack_from(HEADER, request)
            if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
                continue
            try:
                error, body = 0, self._answer(opcode, number, pid, request[struct.calcsize(HEADER) :])
            except Refused as refused:
                error, body = -refused.number, b""
            with suppress(OSError):  # ENOENT: the caller was killed meanwhile
                os.write(self._device, struct.pack(ANSWER, 16 + len(body), error, unique) + body)

    def _answer(self, opcode: int, number: int, pid: int, body: bytes) -> bytes:
        if opcode == INIT:
            return INIT_OUT
        node = self.tree.nodes.get(number)
        if node is None:
            raise Refused(errno.ENOENT)
        match opcode:
            case 1:  # LOOKUP
                child = (node.children or {}).get(_name(body))
                if child is None:
                    raise Refused(errno.ENOENT)
                return _entry(child)
            case 3 | 4:  # GETATTR, SETATTR
                return struct.pack("=QII", 0, 0, 0) + _attributes(node)
            case 9 | 11:  # MKDIR, RMDIR
                return self._change(opcode, node, pid, _name(body[8:] if opcode == MKDIR else body))
            case 14 | 27:  # OPEN, OPENDIR
                return struct.pack("=QII", 0, DIRECT_IO, 0)
            case 15 | 28:  # READ, READDIR
                _, offset, size = struct.unpack_from("=QQI", body)
                data = node.read().encode() if opcode == READ else _listed(node, offset)
                return data[offset : offset + size] if opcode == READ else data[:size]
            case 16:  # WRITE
                size = struct.unpack_from("=QQI", body)[2]
                return self._write(node, pid, body[40 : 40 + size])
            case 18 | 25 | 29:  # RELEASE, FLUSH, RELEASEDIR
                return b""
        raise Refused(errno.ENOSYS)

    def _change(self, opcode: int, node: Node, pid: int, name: str) -> bytes:
        path = f"{self.tree.path(node)}/{name}".lstrip("/")
        self.tree.before("mkdir" if opcode == MKDIR else "rmdir", path, pid)
        if opcode == RMDIR:
            self.tree.remove(node, name)
            return b""
        with self._told():
            return _entry(self.tree.make(node, name))

    def _write(self, node: Node, pid: int, data: bytes) -> bytes:
        path, text = self.tree.path(node), data.decode()
        self.tree.before("write", path, pid)
        with self._told():
            node.write(text)
        self.tree.written.append((path, text))
        return struct.pack("=II", len(data), 0)

    @contextmanager
    def _told(self) -> Iterator[None]:
        self.tree.status = ""
        try:
            yield
        except Refused as refused:
            self.tree.status = refused.words
            raise


def _name(body: bytes) -> str:
    return body.split(b"\0")[0].decode()


def _attributes(node: Node) -> bytes:
    mode = FILE if node.children is None else DIRECTORY
    return struct.pack("=6Q10I", node.number, 0, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def _entry(node: Node) -> bytes:
    return struct.pack("=QQQQII", node.number, 0, 0, 0, 0, 0) + _attributes(node)


def _listed(node: Node, offset: int) -> bytes:
    rows = b""
    for place, (name, child) in enumerate(list((node.children or {}).items())[offset:], offset + 1):
        encoded = name.encode()
        row = struct.pack("=QQII", child.number, place, len(encoded), 8 if child.children is None else 4) + encoded
        rows += row + bytes(-len(row) % 8)
    return rows


@contextmanager
def mounted(place: Path, tree: Resctrl) -> Iterator[None]:
    """`tree` at the folder `place`. Raises OSError where there is no FUSE."""
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    try:
        options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
        check(libc.mount(SOURCE.encode(), os.fsencode(place), b"fuse", 0, options.encode()), "mount fuse")
        server = Server(device, tree)
        try:
            yield
        finally:
            check(libc.umount2(os.fsencode(place), MNT_DETACH), "umount")
            server.join()
    finally:
        os.close(device)


def program(folder: Path, command: list[str]) -> list[str]:
    """A command that does what `command` does, and finds the mount to be of type resctrl."""
    script = folder / "with-resctrl"
    script.write_text(_WRAPPER.format(folder=folder, source=SOURCE, program=command[0]))
    script.chmod(0o755)
    return [str(script), *command[1:]]
