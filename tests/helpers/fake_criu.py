"""A program that speaks criu's RPC, for what a real criu does seldom or never: to fail, to lie, to die.

`FakeCriu(folder)` writes it there. It reads `behaviour.json` beside it at every request and writes down what it was
asked for, field numbers as keys. Its codec is its own, so that it does not share an error of pyoci's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_PROGRAM = '''#!{python} -IS
import array, ctypes, json, os, select, signal, socket, sys

# On restore /tmp is another one than the caller's, who may be killed.
HERE = f"/proc/self/fd/{{os.open(f'/proc/{{os.getppid()}}/root' + {here!r}, os.O_PATH)}}"
DUMP, RESTORE, PRE_DUMP, NOTIFY, FEATURE_CHECK, VERSION = 1, 2, 4, 6, 9, 10
CLONE_PARENT, NAMESPACES = 0x8000, {{"mnt": 0x20000, "uts": 0x4000000, "ipc": 0x8000000, "pid": 0x20000000,
                                   "net": 0x40000000}}


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def number_at(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def read(data, nested=()):
    """number -> list of values; those of `nested` as messages."""
    found, at = {{}}, 0
    while at < len(data):
        tag, at = number_at(data, at)
        if tag & 7 == 0:
            value, at = number_at(data, at)
            if value >> 63:
                value -= 1 << 64
        else:
            length, at = number_at(data, at)
            value, at = data[at : at + length], at + length
            value = read(value) if tag >> 3 in nested else value.decode("utf-8", "replace")
        found.setdefault(tag >> 3, []).append(value)
    return found


link = socket.socket(fileno=int(sys.argv[2]))
data = link.recv(1 << 20)
if not data:
    sys.exit(1)
request = read(data)
kind = request[1][0]
options = {{}}
at = 0
while at < len(data):
    tag, at = number_at(data, at)
    if tag & 7 == 0:
        _, at = number_at(data, at)
        continue
    length, at = number_at(data, at)
    if tag >> 3 == 2:
        options = read(data[at : at + length], (11, 25, 27, 39))
    at += length
with open(HERE + "/behaviour.json") as file:
    does = json.load(file)
with open(HERE + "/requests", "a") as file:
    how = {{"umask": os.umask(0), "in_own_group": os.getpgrp() == os.getpid()}}
    how["status"] = open("/proc/self/status").read()
    os.umask(how["umask"])
    asked = {{"type": kind, "options": options, "mounts": open("/proc/self/mountinfo").read(), "how": how}}
    file.write(json.dumps(asked) + "\\n")


def answer(kind, success, *fields):
    link.send(field(1, kind) + field(2, success) + b"".join(fields))


def notify(script, pid=0, fd=-1):
    message = field(1, NOTIFY) + field(2, 1) + field(5, field(1, script.encode()) + (field(2, pid) if pid else b""))
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd >= 0 else []
    try:
        link.sendmsg([message], rights)
        reply = link.recv(1 << 16)
    except (BrokenPipeError, ConnectionResetError):
        return None  # as a criu: it goes on, or undoes what it did, as far as it can
    return read(reply).get(3) == [1] if reply else None


def folder(number):
    return f"/proc/{{os.getppid()}}/fd/{{options[number][0]}}"


def write(place, name, text):
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with open(os.open(f"{{place}}/{{name}}", flags, 0o600), "w") as file:
        file.write(text)


def undo():
    write(HERE, "undone", "")


def misbehave(point):
    if does.get(point) == "die":
        os._exit(1)
    if does.get(point) == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if does.get(point) == "wait":
        write(HERE, "reached", point)
        while not os.path.exists(HERE + "/go"):
            select.select([], [], [], 0.01)
    if does.get(point) == "hang":
        write(HERE, "reached", point)
        poller = select.poll()
        poller.register(link, 0)
        poller.poll(30000)  # until the caller is gone
        if point not in ("restored", "resumed"):
            undo()
            os._exit(1)
    if does.get(point) == "garbage":
        link.send(bytes(range(256)))
        os._exit(1)


if kind == VERSION:
    misbehave("version_asked")
    major, minor, sublevel = does.get("version", [3, 17, 1])
    answer(VERSION, 1, field(10, field(1, major) + field(2, minor) + field(4, sublevel)))
    sys.exit()
if kind == FEATURE_CHECK:
    answer(FEATURE_CHECK, 1, field(8, b"".join(field(n, 1) for n in does.get("features", [1, 2]))))
    sys.exit()

work = folder(17 if 17 in options else 1)
log = does.get("log", "(00.1) Error (criu/fake.c:1): first\\n(00.2) Error (criu/fake.c:2): last\\n"
                      "(00.3) Error (criu/fake.c:3): Dumping FAILED.\\n")
write(work, options[10][0], log)

if kind in (DUMP, PRE_DUMP):
    write(folder(1), "pages-1.img", "memory")
    if does.get("freezes"):
        unified = os.path.exists(options[44][0] + "/cgroup.freeze")
        write(options[44][0], *(("cgroup.freeze", "1") if unified else ("freezer.state", "FROZEN")))
    misbehave("dump")
    for script in does.get("scripts", ["pre-dump", "network-lock"]):
        if not notify(script):
            answer(kind, 0)
            sys.exit(1)
    if "fail" in (does.get("dump"), does.get("then")):
        answer(kind, 0, field(7, 95))
        sys.exit(1)
    write(folder(1), "inventory.img", "inventory")
    if kind == DUMP and not options.get(3):
        os.kill(options[2][0], signal.SIGKILL)
    answer(kind, 1)
    sys.exit()

STAGE, BIND, FLAGS = "/tmp/pyoci-stage", 4096, {{"ro": 1, "nosuid": 2, "nodev": 4, "noexec": 8}}


def mount_all():
    """What is staged, with the file systems of config.json in place of those that keep their places."""
    with open(HERE + "/../bundle0/config.json") as file:
        wanted = json.load(file)["mounts"]
    libc.mount(None, b"/", None, 0x4C000, None)  # MS_REC | MS_PRIVATE
    made = []
    for line in open("/proc/self/mountinfo").read().splitlines():
        path, source = line.split(" ")[4], line.partition(" - ")[2].split(" ")[1]
        if path.startswith(STAGE + "/"):
            made.append((path, source, os.open(path, os.O_PATH)))
    for path, source, fd in made:
        if source.startswith("pyoci:"):
            entry = wanted[int(source[6:])]
            flags = sum(FLAGS.get(option, 0) for option in entry.get("options", []))
            os.makedirs(path, exist_ok=True)
            done = libc.mount(b"none", path.encode(), entry["type"].encode(), flags, None)
        else:
            if os.path.isdir(f"/proc/self/fd/{{fd}}"):
                os.makedirs(path, exist_ok=True)
            elif not os.path.exists(path):
                open(path, "w").close()
            done = libc.mount(f"/proc/self/fd/{{fd}}".encode(), path.encode(), None, BIND, None)
        if done:
            raise OSError(ctypes.get_errno(), path)
        os.close(fd)


misbehave("restore")
flags = sum(flag for name, flag in NAMESPACES.items() if name not in does.get("without", []))
libc = ctypes.CDLL(None, use_errno=True)
go, went = os.pipe()
confined, told = os.pipe()
pid = libc.syscall(56, flags | CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
if pid == 0:
    os.close(went)
    if "mnt" not in does.get("without", []) and not does.get("mounts_nothing"):
        mount_all()
        os.chroot(STAGE)
    else:
        os.chroot(options[13][0])
    os.chdir("/")
    if not does.get("capable"):
        for number in range(64):
            libc.prctl(24, number, 0, 0, 0)
        libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(0, 0, 0, 0, 0, 0))
    if not does.get("may_gain"):
        libc.prctl(38, 1, 0, 0, 0)
    if does.get("stray") and os.fork() == 0:
        while True:
            signal.pause()
    os.write(told, b"c")
    if os.read(go, 1) != b"g":
        os._exit(1)
    os.execv("/bin/busybox", ["sh", "-c", "trap 'exit 7' TERM; : > /ran; while :; do sleep 0.02; done"])
os.close(go)
os.read(confined, 1)
if does.get("stray"):  # the file in which a group of the host has its processes
    with open(f"/proc/{{pid}}/task/{{pid}}/children") as file:
        stray = file.read().strip()
    with open(f"/proc/{{os.getppid()}}/root{{does['stray']}}", "w") as file:
        file.write(stray)
    write(HERE, "stray", stray)


def give_up():
    os.kill(pid, signal.SIGKILL)
    if does.get("stray"):
        os.kill(int(stray), signal.SIGKILL)
    answer(RESTORE, 0)
    sys.exit(1)


for script in does.get("scripts", ["pre-restore", "setup-namespaces", "post-setup-namespaces"]):
    if not notify(script, pid if script == "setup-namespaces" else 0):
        give_up()
if 50 in options:
    master, slave = os.openpty()
    if not notify("orphan-pts-master", 0, master):
        give_up()
if does.get("restore") == "fail":
    give_up()
if not notify("post-restore", pid):
    give_up()
misbehave("restored")
if notify("pre-resume") is False:
    while True:
        signal.pause()  # criu waits for the first process, which waits for the others that criu traces
try:
    os.write(went, b"g")
except BrokenPipeError:
    pass  # the runtime has killed it
misbehave("resumed")
notify("post-resume")
answer(RESTORE, 1, field(4, field(1, does.get("pid", pid))))
'''


class FakeCriu:
    """The program in `folder`, and what it is to do."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.path = folder / "criu"
        # the virtual environment may lie below /tmp, which is another one on restore
        python = Path(sys.executable).resolve()
        self.path.write_text(_PROGRAM.format(python=python, here=str(folder)))
        self.path.chmod(0o755)
        self.does()

    def does(self, **behaviour: Any) -> None:
        """From now on; see the program for the words."""
        (self.folder / "behaviour.json").write_text(json.dumps(behaviour))

    @property
    def reached(self) -> bool:
        """Whether it hangs where it was told to."""
        return (self.folder / "reached").exists()

    def requests(self, kind: int) -> list[dict[str, Any]]:
        """Options by their field numbers, of all requests of that type."""
        asked = self.folder / "requests"
        found = [json.loads(line) for line in asked.read_text().splitlines()] if asked.exists() else []
        return [request["options"] for request in found if request["type"] == kind]

    def mounts(self, kind: int) -> str:
        """The mount table that it saw at the last request of that type."""
        return str(self._last(kind)["mounts"])

    def how(self, kind: int) -> dict[str, Any]:
        """What it was at the last request of that type: `umask`, `in_own_group`, /proc/PID/`status`."""
        return dict(self._last(kind)["how"])

    def _last(self, kind: int) -> dict[str, Any]:
        lines = map(json.loads, (self.folder / "requests").read_text().splitlines())
        return dict([line for line in lines if line["type"] == kind][-1])
