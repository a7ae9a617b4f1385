"""Why a program of a root file system cannot be executed, in words: for an error's sake, and for `validate`.

The files are the container's, and are only looked at (`rootfs_view`): only a regular file is opened, and at most a page
of it read. Where a path leads into a mount whose contents are not known here, nothing is said.
"""

from __future__ import annotations

import _stat as stat
import _struct
import posix

from pyoci.errors import PyociError
from pyoci.host import rootfs_view
from pyoci.host.rootfs_view import Unseen, View
from pyoci.record import Record
from pyoci.spec.words import did_you_mean, show
from pyoci.wire.plan import DEFAULT_PATH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_FURTHER = (*DEFAULT_PATH.split(":"), "/app", "/opt/bin", "/")  # where programs lie that PATH does not name
_PAGE = 4096
_LINE = 256  # of a script, linux/binfmts.h: BINPRM_BUF_SIZE
_SCRIPTS = 4  # interpreters that are scripts themselves, fs/exec.c
_SHOWN = 5
_OF_THE_SHELL = (
    "cd",
    "export",
    "set",
    "source",
    "umask",
    "ulimit",
    "exec",
    "eval",
    "trap",
    "if",
    "for",
    "while",
    "alias",
)
_IMAGES = ("alpine", "ubuntu", "debian", "fedora", "centos", "archlinux", "nginx", "redis", "postgres", "hello-world")
_FOLDERS_OF_A_ROOT = {"bin", "etc", "usr", "lib", "sbin", "var"}

# elf.h: e_machine, and the machine of uname(2) that runs it
_MACHINES = {
    2: "sparc", 3: "i386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 43: "sparc64", 62: "x86_64",
    183: "aarch64", 243: "riscv64", 247: "bpf", 258: "loongarch64",
}  # fmt: skip
_ALSO_RUNS = {"x86_64": ("i386",), "aarch64": ("arm",), "s390x": ("s390x",), "ppc64le": ("ppc64",), "armv7l": ("arm",)}
_FOREIGN = {
    b"MZ": "a program for Windows",
    b"\xcf\xfa\xed\xfe": "a program for macOS",
    b"\xca\xfe\xba\xbe": "a program for macOS",
    b"\x1f\x8b": "a gzip archive",
    b"PK": "a zip archive",
    b"\xef\xbb\xbf": "a text that begins with a byte order mark",
}
_PT_INTERP = 3


class Wanted(Record):
    """The program to be executed, and its user."""

    args: list[str]
    env: list[str]
    cwd: str
    uid: int
    gid: int
    is_typed: bool = False  # on a command line, not in config.json

    @classmethod
    def of_config(cls, process: dict[str, Any]) -> Wanted:
        user = process.get("user") or {}
        return cls(
            args=list(process.get("args") or []),
            env=list(process.get("env") or []),
            cwd=process.get("cwd") or "/",
            uid=user.get("uid") or 0,
            gid=user.get("gid") or 0,
        )


def why(view: View, program: Wanted, *, refused: bool = True) -> str:
    """Words, or nothing when nothing is wrong that can be seen from here.

    `refused`: the kernel has refused the permission, so that what is unusual about it is worth telling.
    """
    try:
        return _why(view, program, refused)
    except (Unseen, OSError, PyociError, ValueError):
        return ""


def _why(view: View, program: Wanted, refused: bool) -> str:
    name = program.args[0] if program.args else ""
    if not name:
        return "/process/args/0 is empty: it names the program"
    if refused and "/" in name:
        words = view.why_noexec(next(_places(program)))
        if words:
            return words
    if refused and program.uid != 0 and "/" in name:
        words = _why_closed(view, program, next(_places(program)))
        if words:
            return words
    place, fd = _look_up(view, program)
    if fd is None:
        return _why_missing(view, program)
    try:
        return _why_not_executable(view, program, place, fd, refused, 0)
    finally:
        posix.close(fd)


def _why_closed(view: View, program: Wanted, place: str) -> str:
    """Words when a folder on the way lets only its owner or its group in."""
    parts = rootfs_view.parts(place)[:-1]
    for count in range(1, len(parts) + 1):
        folder = "/" + "/".join(parts[:count])
        fd = view.open(folder)
        if fd is None:
            return ""
        status = posix.fstat(fd)
        posix.close(fd)
        if stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o001 and status.st_uid != program.uid:
            return (
                f"the mode of the folder {folder} is {stat.S_IMODE(status.st_mode):04o}, its owner on the host is "
                f"{status.st_uid}:{status.st_gid}, and the process is to be {program.uid}:{program.gid}"
            )
    return ""


def _look_up(view: View, program: Wanted) -> tuple[str, int | None]:
    """The path of the program, and a descriptor of it when it is there."""
    for place in _places(program):
        fd = view.open(place)
        if fd is not None:
            return place, fd
    return program.args[0], None


def _places(program: Wanted) -> Iterator[str]:
    name = program.args[0]
    if "/" in name:
        yield name if name.startswith("/") else f"{program.cwd}/{name}"
        return
    for folder in _search_path(program.env).split(":"):
        yield f"{folder or program.cwd}/{name}" if (folder or "/").startswith("/") else f"{program.cwd}/{folder}/{name}"


def _search_path(env: list[str]) -> str:
    return next((entry[5:] for entry in env if entry.startswith("PATH=")), DEFAULT_PATH)


def _why_missing(view: View, program: Wanted) -> str:
    name = program.args[0]
    names = [other for other in view.names("/") if other not in view.mount_points]
    if len(name.split()) > 1:
        words = [*name.split(), *program.args[1:]]
        if program.is_typed:
            return f"the program and its arguments are words of their own: write {show(' '.join(words))[1:-1]}"
        return f"/process/args is a list with one word in each string: write {show(words)}"
    if view.root_of_try:
        hint = _why_no_program_of_try(name)
        if hint:
            return hint
    rootfs = view.name
    if name.startswith(f"{view.path}/"):
        return f"the path is the host's: in the container it is {name[len(view.path) :]}"
    if "=" in name and "/" not in name.partition("=")[0]:
        if program.is_typed:
            return f"env sets variables: write env {show(name)[1:-1]} PROGRAM"
        return "variables are in /process/env of config.json, and /process/args begins with the program"
    if not names:
        return f"{rootfs} is empty: unpack an image into it"
    if not _FOLDERS_OF_A_ROOT & set(names):
        for inner in names[:_SHOWN]:
            if len(_FOLDERS_OF_A_ROOT & set(view.names(f"/{inner}"))) > 1:
                option = f"name it by --root {view.root_of_try.rstrip('/')}" if view.root_of_try else ""
                return f"{rootfs} holds only {_listed(names)}: {option or f'set /root/path to {view.path}'}/{inner}"
        return f"{rootfs} holds only {_listed(names)}"
    if "/" in name:
        folder, _, last = ("/" + "/".join(rootfs_view.parts(next(_places(program))))).rpartition("/")
        seen = view.names(folder or "/")
        if not seen:
            return f"{rootfs} has no folder {folder}" + ("" if name.startswith("/") else f" (cwd is {program.cwd})")
        if last in seen:
            return _why_no_target(view, f"{folder}/{last}", rootfs)
        return f"{rootfs} has no such file" + did_you_mean(last, seen, f"{folder}/")
    return _why_not_in_path(view, program, rootfs)


def _why_no_program_of_try(name: str) -> str:
    """Words for what an engine would take there: an image, or a volume."""
    source, colon, place = name.partition(":")
    if source.startswith(("/", ".")):
        return f"a folder of the host is shown with --bind {show(name)[1:-1]}" if colon and place[:1] == "/" else ""
    first, *rest = source.split("/")
    if (first if not rest else rest[-1]) in _IMAGES or (rest and "." in first):
        return "pyoci knows no images: the command runs over this machine's root, or over that of --root DIR"
    return ""


def _why_not_in_path(view: View, program: Wanted, rootfs: str) -> str:
    name, path = program.args[0], _search_path(program.env)
    folders = path.split(":")
    if name in _OF_THE_SHELL:
        script = " ".join(program.args)
        if program.is_typed:
            return f"{name} is a word of the shell: write sh -c '{show(script)[1:-1]}'"
        return f"{name} is a word of the shell: write {show(['sh', '-c', script])}"
    for folder in _FURTHER:
        if folder not in folders:
            fd = view.open(f"{folder}/{name}")
            rootfs_view.close(fd)
            if fd is not None:
                return f"{folder.rstrip('/')}/{name} is there, and PATH in /process/env is {show(path)}"
    if not any(entry.startswith("PATH=") for entry in program.env):
        return f"/process/env has no PATH, and {rootfs} has no {name} in {path}"
    for folder in folders:
        if folder.startswith("/") and name in view.names(folder):
            return _why_no_target(view, f"{folder}/{name}", rootfs)
    seen = [other for folder in folders if folder.startswith("/") for other in view.names(folder)]
    return f"{rootfs} has none in {path}" + did_you_mean(name, seen)


def _why_no_target(view: View, place: str, rootfs: str) -> str:
    """Words for a name that is there, and is a link to nothing."""
    folder, _, name = place.rpartition("/")
    parent = view.open(folder or "/")
    if parent is None:
        raise Unseen
    try:
        target = posix.readlink(name, dir_fd=parent)
    finally:
        posix.close(parent)
    return f"{place} of {rootfs} is a symbolic link to {show(target)}, which leads to no file in it"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(show(name) for name in names[:_SHOWN]) + more


def _why_not_executable(view: View, program: Wanted, place: str, fd: int, refused: bool, depth: int) -> str:
    status = posix.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        return f"{place} is a folder: a program in it must be named"
    if not stat.S_ISREG(status.st_mode):
        return f"{place} is not a regular file"
    if refused and posix.fstatvfs(fd).f_flag & posix.ST_NOEXEC:
        return f"{place} lies on a file system of the host that is mounted with noexec"
    mode = stat.S_IMODE(status.st_mode)
    if not mode & 0o111:
        return f"the mode of {place} is {mode:04o}, without an execute bit: chmod +x"
    if refused and mode & 0o111 != 0o111 and program.uid != 0:
        return (
            f"the mode of {place} is {mode:04o}, its owner on the host is {status.st_uid}:{status.st_gid}, and the "
            f"process is to be {program.uid}:{program.gid}"
        )
    data = _read(fd, 0)
    if data.startswith(b"#!"):
        return _why_not_script(view, program, place, data, refused, depth)
    if data.startswith(b"\x7fELF"):
        return _why_not_elf(view, place, fd, data)
    if not data:
        return f"{place} is empty"
    for begin, kind in _FOREIGN.items():
        if data.startswith(begin):
            return f"{place} is {kind}"
    return f"{place} is neither an ELF program nor a script: a script begins with #! and its interpreter"


def _why_not_script(view: View, program: Wanted, place: str, data: bytes, refused: bool, depth: int) -> str:
    line, end, _ = data[2:_LINE].partition(b"\n")
    words = line.strip(b" \t").replace(b"\t", b" ").split(b" ")
    interpreter = words[0].decode("utf-8", "surrogateescape")
    if not interpreter or "\0" in interpreter:
        return f"the first line of {place} names no interpreter after #!"
    if not end and len(words) == 1 and len(data) >= _LINE:
        return f"the first line of {place} is longer than the {_LINE} bytes that the kernel reads"
    if line.endswith(b"\r"):
        last = line.split(b" ")[-1].decode("utf-8", "replace")
        return (
            f"the first line of {place} ends with a carriage return (CRLF, as Windows has it), which the kernel takes "
            f"for a part of {show(last)}: save it with line feeds only"
        )
    inner = interpreter if interpreter.startswith("/") else f"{program.cwd}/{interpreter}"
    fd = view.open(inner)
    if fd is None:
        return f"the first line of {place} asks for the interpreter {show(interpreter)}, which is not there"
    try:
        if depth >= _SCRIPTS:
            return f"{place} is a script whose interpreter is a script, and so on: the kernel stops after {_SCRIPTS}"
        return _why_not_executable(view, program, inner, fd, refused, depth + 1)
    finally:
        posix.close(fd)


def _why_not_elf(view: View, place: str, fd: int, data: bytes) -> str:
    """elf(5)."""
    if len(data) < 64 or data[4] not in (1, 2) or data[5] not in (1, 2):
        return f"{place} begins like an ELF program, but is not complete: was it cut off?"
    order = "<" if data[5] == 1 else ">"
    machine = _struct.unpack_from(f"{order}H", data, 18)[0]
    host = posix.uname().machine
    name = _MACHINES.get(machine, f"machine {machine} of elf.h")
    if machine == 21 and data[5] == 1:
        name = "ppc64le"
    if name != host and name not in _ALSO_RUNS.get(host, ()) and not host.startswith(name):
        return f"{place} is a program for {name}, and this host is {host}"
    loader = _loader(fd, data, order)
    if not loader:
        return ""
    loader_fd = view.open(loader)
    rootfs_view.close(loader_fd)
    if loader_fd is not None:
        return ""
    return (
        f"{place} needs the loader {show(loader)}, which is not there: the root file system must have the libraries "
        "that the program was built with, or the program must be static"
    )


def _loader(fd: int, data: bytes, order: str) -> str:
    """PT_INTERP of the program headers; empty for a static program."""
    wide = data[4] == 2
    start = _struct.unpack_from(f"{order}Q" if wide else f"{order}I", data, 32 if wide else 28)[0]
    size, count = _struct.unpack_from(f"{order}HH", data, 54 if wide else 42)
    table = _read(fd, start) if start < 1 << 40 else b""
    least = 56 if wide else 32
    for index in range(min(count, _PAGE // least)):
        header = table[index * size : index * size + least]
        if size < least or len(header) < least:
            return ""
        if _struct.unpack_from(f"{order}I", header)[0] == _PT_INTERP:
            form, offset_at, size_at = (f"{order}Q", 8, 32) if wide else (f"{order}I", 4, 16)
            offset, length = (_struct.unpack_from(form, header, at)[0] for at in (offset_at, size_at))
            text = _read(fd, offset)[:length] if offset < 1 << 40 else b""
            return text.partition(b"\0")[0].decode("utf-8", "surrogateescape")
    return ""


def _read(path_fd: int, offset: int) -> bytes:
    """A page of a regular file. O_NONBLOCK: somebody may have a lease on it (fcntl(2), F_SETLEASE)."""
    fd = posix.open(f"/proc/self/fd/{path_fd}", posix.O_RDONLY | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC)
    try:
        return posix.pread(fd, _PAGE, offset)
    finally:
        posix.close(fd)
