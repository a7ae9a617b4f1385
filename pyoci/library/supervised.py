"""A call of `pyoci supervise`: it makes a container or a process, and reports how that ends (pyoci.host.supervise)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

from pyoci import errors
from pyoci.errors import PyociError
from pyoci.kernel import signals, write_all
from pyoci.library.outcome import Exit
from pyoci.library.program import Stream, environment, starting, warn
from pyoci.library.waiting import Deadline, until_readable

_MESSAGE_MAX = 1 << 17
_PATIENCE = 15.0  # seconds: longer than the runtime waits for a killed process


class SupervisorLost(PyociError):
    """The supervisor was killed: what it was at work on may be left."""


class Supervised:
    """A supervisor and its program. Owns the process (a child of ours for `run` and `exec`), streams, descriptors."""

    def __init__(
        self,
        program: str,
        root: str,
        words: Sequence[str],
        *,
        stdin: Stream = subprocess.DEVNULL,
        stdout: Stream = subprocess.DEVNULL,
        stderr: Stream = subprocess.DEVNULL,
        config: bytes | None = None,
        die_with_parent: bool = True,
        size: tuple[int, int] | None = None,
        global_options: Sequence[str] = (),
        keywords: dict[str, Any] | None = None,
    ) -> None:
        self.pid = 0
        self.pidfd = -1
        self.terminal = -1
        self.exit: Exit | None = None
        self._lock = threading.Lock()
        self._report, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        passed = {"--report": theirs.fileno()}
        try:
            if die_with_parent:
                passed["--caller"] = os.pidfd_open(os.getpid())
            if config is not None:
                passed["--config"] = _memory_file(config)
            options = [word for name, fd in passed.items() for word in (name, str(fd))]
            if size is not None:
                options += ["--size", "{}x{}".format(*size)]
            # Messages must not come out where the program writes; warnings come over the socket.
            quiet = ["--log", "/dev/null", *global_options]
            command = [program, "--root", root, *quiet, "supervise", *options, *words]
            streams: dict[str, Any] = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
            with starting(program):
                self.popen: subprocess.Popen[Any] = subprocess.Popen(
                    command, pass_fds=passed.values(), env=environment(), **streams, **(keywords or {})
                )
        except BaseException:
            self._report.close()
            raise
        finally:
            del passed["--report"]
            for fd in passed.values():
                os.close(fd)
            theirs.close()

    @property
    def report_fd(self) -> int:
        """Readable once there is something to `note`."""
        return self._report.fileno()

    def until_created(self, deadline: Deadline | None = None, cancel: int = -1) -> None:
        """Wait until it is there. Raises why it could not be made, Timeout, Cancelled."""
        while not self.pid:
            until_readable(self.report_fd, deadline or Deadline(None), "the program has not started", cancel)
            if self.note() is False and not self.pid:
                status = self.popen.wait(_PATIENCE)
                how = "was killed" if status in (0, -9) else f"{signals.ending(status)} without a message"
                raise SupervisorLost(f"pyoci {how}: the program has not started")

    def wait(self, deadline: Deadline | None = None, cancel: int = -1) -> Exit:
        """Wait for the program's end. Raises Timeout, Cancelled, PyociError when the supervisor was killed."""
        while self.exit is None:
            until_readable(self.report_fd, deadline or Deadline(None), "the program has not ended", cancel)
            if self.note() is False and self.exit is None:
                self._send_kill()
                self.popen.wait(_PATIENCE)
                raise SupervisorLost("the program's supervisor was killed: how the program ended is not known")
        self.popen.wait(_PATIENCE)
        return self.exit

    def note(self) -> bool | None:
        """Take a message; None if there is none now, False if none will come. Raises what the supervisor reports."""
        with self._lock:  # of two threads that wait, one gets the message
            try:
                flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
                packet, fds, _, _ = socket.recv_fds(self._report, _MESSAGE_MAX, 2, flags)
            except BlockingIOError:
                return None
            except OSError:
                return False
            if not packet:
                return False
            message = json.loads(packet)
            event = message["event"]
            if event == "terminal":
                self.terminal = fds[0]
            elif event == "warning":
                warn(message["message"])
            elif event == "created":
                self.pid, self.pidfd = message["pid"], fds[0]
            elif event == "exited":
                self.exit = Exit(message["code"], message["signal"], message["oom_killed"])
            elif event == "failed":
                self.popen.wait(_PATIENCE)
                raise errors.from_data(message["error"])
            return True

    def disown(self) -> bool:
        """Want no more what `create` makes: True if it is there already, else the supervisor takes it back itself."""
        try:
            self._report.shutdown(socket.SHUT_RDWR)  # from here on it cannot say that it is there
        except OSError:
            pass
        try:
            while self.note():
                pass
        except PyociError:
            pass  # it could not be made
        return bool(self.pid)

    def abandon(self) -> None:
        """Kill what was made, with all that descends from it, and wait until it is gone."""
        if self.popen.returncode is None:
            try:
                self._report.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            try:
                if not self.pid:
                    self.popen.terminate()
                self.popen.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._send_kill()
                self.popen.kill()
                self.popen.wait()
        try:
            while self.exit is None and self.note():
                pass
        except PyociError:
            pass  # what failed does not matter any more

    def close(self) -> None:
        """Let go of sockets, streams and descriptors. Idempotent."""
        with self._lock:
            self._report.close()
            for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
                if stream is not None:
                    try:
                        stream.close()
                    except OSError:
                        pass  # what was still to be written has no reader
            if self.pidfd >= 0:
                os.close(self.pidfd)
            self.pidfd = -1

    def __del__(self) -> None:
        """The descriptor that is a number; the socket and the streams close themselves."""
        if self.pidfd >= 0:
            os.close(self.pidfd)

    def _send_kill(self) -> None:
        import signal

        if self.pidfd >= 0:
            try:
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
            except OSError:
                pass  # it has ended


def _memory_file(data: bytes) -> int:
    fd = os.memfd_create("pyoci-config")
    write_all(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
