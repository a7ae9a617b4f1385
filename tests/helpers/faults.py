"""Commands of pyoci in which the N-th system call fails, or is the last of its process.

`python -IS faults.py FOLDER` reads one request a line and forks for each: the command runs in that child as in any
process, only that every function by which Python code reaches the kernel is counted. It answers with one line.

    request   {"argv": [...], "stderr": PATH, "side": SIDE, "fail": [N, ERRNO]}     `fail` may be null
    answer    {"status": EXIT STATUS OR MINUS SIGNAL, "calls": ["name arguments", ...]}

SIDE is `host` or `init`, the two processes of docs/architecture.md; ERRNO is a number or `kill`.
"""

from __future__ import annotations

import builtins
import json
import mmap
import os
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from typing import Any

# What a command calls to look at or change something outside of itself. close is not there: on Linux the
# descriptor is gone whatever it says; nor access, which says no for every error.
WRAPPED = """
chdir chmod chown dup dup2 fchdir fchmod fchown fork fstat getxattr link listdir lstat memfd_create mkdir mkfifo
mknod open pidfd_open pipe pipe2 read readlink remove rename replace rmdir scandir set_inheritable stat statvfs symlink
truncate unlink waitid waitpid write writev
""".split()
SOCKET = "bind connect sendmsg recvmsg send recv".split()
SIGKILL = 9
# Imported before the forks, so that what is counted is not the importer's
MODULES = [f"cli.{name}" for name in ("create", "delete", "exec", "start", "state")]
PACKAGES = "spec spec/rules plan host init init/outside init/inside kernel state cgroups".split()
UNUSED = ("explain.py", "__init__.py", "net_devices.py", "dbus.py", "systemd.py")


class Counter:
    """Counts the calls of one side, and lets one of them fail. Both sides write to the same memory."""

    def __init__(self) -> None:
        self.host = 0
        self.request: dict[str, Any] = {}
        self.memory = mmap.mmap(-1, 1 << 20)

    def begin(self, request: dict[str, Any]) -> None:
        self.host, self.request = posix.getpid(), request

    def count(self, name: str, arguments: tuple[Any, ...]) -> None:
        if self.host == 0 or (posix.getpid() == self.host) != (self.request["side"] == "host"):
            return
        position = self.memory.tell()
        number = self.memory[:position].count(b"\n")
        self.memory.write(f"{name} {' '.join(repr(item)[:60] for item in arguments)}\n".encode())
        at, how = self.request["fail"] or (-1, 0)
        if number == at:
            if how == "kill":
                end()
            raise OSError(how, os.strerror(how))

    def take(self) -> list[str]:
        """What was counted since the last time."""
        text = self.memory[: self.memory.find(b"\0")].decode()
        self.memory[: len(self.memory)] = bytes(len(self.memory))
        return text.splitlines()


counter = Counter()
posix_kill, posix_exit = posix.kill, posix._exit


def end() -> None:
    """Without any clean-up. SIGKILL does nothing to the init of a PID namespace that sends it to itself."""
    posix_kill(posix.getpid(), SIGKILL)
    posix_exit(128 + SIGKILL)


def wrap(function: Any, name: str) -> Any:
    def wrapped(*arguments: Any, **keywords: Any) -> Any:
        counter.count(name, arguments)
        return function(*arguments, **keywords)

    return wrapped


def install() -> None:
    """Before any module of pyoci binds a name of these."""
    import _socket

    from pyoci.kernel import _raw

    for name in WRAPPED:
        if hasattr(posix, name):
            made = wrap(getattr(posix, name), name)
            setattr(posix, name, made)
            setattr(os, name, made)
    names = {number: name for name, number in _raw.SYS.items()}
    call = _raw.syscall

    def syscall(number: int, *arguments: Any) -> int:
        counter.count(names[number], arguments)
        return call(number, *arguments)

    _raw.syscall = syscall
    _raw.clone3 = wrap(_raw.clone3, "clone3")
    builtins.open = wrap(builtins.open, "open")
    original = _socket.socket

    def __init__(self: Any, *arguments: Any, **keywords: Any) -> None:  # noqa: N807
        counter.count("socket", arguments)
        original.__init__(self, *arguments, **keywords)

    methods = {name: wrap(getattr(original, name), name) for name in SOCKET}
    counting: Any = type("socket", (original,), {"__init__": __init__, "__slots__": (), **methods})
    setattr(_socket, "socket", counting)  # noqa: B010  # an assignment would be one to a type
    _socket.socketpair = wrap(_socket.socketpair, "socketpair")


def command(request: dict[str, Any]) -> int:
    from pyoci.cli.main import main

    null = posix.open("/dev/null", posix.O_RDWR)
    errors = posix.open(request["stderr"], posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND, 0o644)
    for fd, source in ((0, null), (1, null), (2, errors)):
        posix.dup2(source, fd)
    for fd in {null, errors}:
        posix.close(fd)
    counter.begin(request)
    return main(request["argv"])


def serve(folder: str) -> None:
    """Answer requests until there are no more."""
    install()
    for name in MODULES:
        __import__(f"pyoci.{name}")
    for package in PACKAGES:
        for name in os.listdir(f"{folder}/pyoci/{package}"):
            if name.endswith(".py") and name not in UNUSED:
                __import__(f"pyoci.{package.replace('/', '.')}.{name.removesuffix('.py')}")
    for line in sys.stdin:
        pid = posix.fork()
        if pid == 0:
            status = 70
            try:
                status = command(json.loads(line))
            finally:
                posix_exit(status)
        status = os.waitstatus_to_exitcode(posix.waitpid(pid, 0)[1])
        sys.stdout.write(json.dumps({"status": status, "calls": counter.take()}) + "\n")
        sys.stdout.flush()


class Faults:
    """The other end, in the tests' process."""

    def __init__(self, folder: str) -> None:
        import subprocess

        import pyoci

        self._stderr = f"{folder}/faults.stderr"
        pipe = subprocess.PIPE
        command = [sys.executable, "-IS", __file__, os.path.dirname(os.path.dirname(pyoci.__file__))]
        self._process: subprocess.Popen[str] = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    def run(
        self, *argv: str, side: str = "host", fail: tuple[int, int | str] | None = None
    ) -> tuple[int, list[str], str]:
        """(exit status, the calls that were made, standard error)."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        open(self._stderr, "w").close()
        request = {"argv": argv, "stderr": self._stderr, "side": side, "fail": fail}
        print(json.dumps(request), file=process.stdin, flush=True)
        answer = json.loads(process.stdout.readline())
        with open(self._stderr, errors="replace") as file:
            return answer["status"], answer["calls"], file.read()

    def close(self) -> None:
        for end_of_pipe in (self._process.stdin, self._process.stdout):
            if end_of_pipe is not None:
                end_of_pipe.close()
        self._process.wait(10)


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    serve(sys.argv[1])
