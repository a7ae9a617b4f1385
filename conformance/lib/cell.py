"""A cell: a piece of work in namespaces of its own, of which nothing is left when it ends.

    runner                 keeper                          init (pid 1 of the cell)      worker
    fork ----------------> join cgroups, unshare
                           fork --------------------------> mounts, network
                                                            fork -----------------------> work()
                           <------------------------------- exit status of the worker <-- exit
    <- exit status         all processes of the cell die with its init (pid_namespaces(7))
    remove the cgroups

The cell sees a fresh /proc, /dev, /run and /tmp, its own cgroups as the whole of /sys/fs/cgroup, and a
network of loopback only. All mounts are shared among themselves, as systemd's hosts have them, but not with
the host.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from lib import kernel
from lib.cgroups import Subtree

FRESH = ("/run", "/tmp")
_DEATH_SECONDS = 20.0
_NAMESPACES = (
    kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWCGROUP
)
INTERNAL_ERROR = 70


class Cell:
    """Runs `work` in the cell; use as a context manager, which ends everything.

    `keep` are paths that must stay visible although something fresh covers them; `fresh` are further folders
    to cover with an empty tmpfs; `unified=False` hides the cgroup2 mount of a hybrid host.
    """

    def __init__(self, name: str, *, keep: Sequence[str] = (), fresh: Sequence[str] = (), unified: bool = True) -> None:
        # Two runs in PID namespaces of their own may have one process number, and one hierarchy of cgroups.
        self.cgroups = Subtree(f"conformance-{os.urandom(4).hex()}-{name}", unified)
        self.left: list[str] = []
        self._keep = keep
        self._fresh = (*FRESH, *fresh)
        self._keeper = 0
        self._status: int | None = None

    def __enter__(self) -> Cell:
        self.cgroups.create()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.left = self.cgroups.destroy()
        for line in self.left:
            print(f"warning: could not remove cgroup {line}", file=sys.stderr)

    def start(self, work: Callable[[], int]) -> None:
        """Begin `work`; its return value is the cell's exit status."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._keeper = os.fork()
        if self._keeper == 0:
            _in_child(lambda: self._keep_init(work))

    def wait(self, seconds: float) -> int | None:
        """The work's exit status (128+N after signal N), or None if it did not end in time."""
        deadline = time.monotonic() + seconds
        while self._status is None and self._keeper:
            pid, status = os.waitpid(self._keeper, os.WNOHANG)
            if pid:
                self._status = _exit_status(status)
            elif time.monotonic() > deadline:
                return None
            else:
                time.sleep(0.02)
        return self._status

    def stop(self) -> None:
        """Kill every process of the cell and wait until they are gone."""
        if not self._keeper or self._status is not None:
            return
        os.kill(self._keeper, signal.SIGTERM)
        deadline = time.monotonic() + _DEATH_SECONDS
        while self.wait(0.1) is None:
            self.cgroups.thaw()
            if time.monotonic() > deadline:
                os.kill(self._keeper, signal.SIGKILL)
                deadline += _DEATH_SECONDS

    def _keep_init(self, work: Callable[[], int]) -> int:
        os.setsid()  # Ctrl-C on the terminal is for the runner, which ends the cell in order
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        kernel.die_with_parent(signal.SIGTERM)
        self.cgroups.join()
        kernel.unshare(_NAMESPACES)
        self.cgroups.enter_leaf()
        init = os.fork()
        if init == 0:
            kernel.die_with_parent(signal.SIGKILL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            _in_child(lambda: self._init(work))
        signal.signal(signal.SIGTERM, lambda *_: os.kill(init, signal.SIGKILL))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        _, status = os.waitpid(init, 0)
        return _exit_status(status)

    def _init(self, work: Callable[[], int]) -> int:
        kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
        self.cgroups.mount()
        kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
        _private_dev()
        for folder in self._fresh:
            _cover(folder, self._keep)
        kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_SHARED)
        kernel.loopback_up()
        worker = os.fork()
        if worker == 0:
            os.setsid()
            _in_child(work)
        while True:
            pid, status = os.wait()  # also reaps whatever loses its parent
            if pid == worker:
                return _exit_status(status)


def _in_child(work: Callable[[], int]) -> None:
    """Run `work` as all that this forked process does."""
    code = INTERNAL_ERROR
    try:
        code = work()
    except BaseException:  # noqa: BLE001 - whatever happened must not return into the parent's program
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _exit_status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _cover(folder: str, keep: Sequence[str]) -> None:
    """Mount an empty tmpfs on `folder`, and put back the entries of it that `keep` lies in."""
    if not os.path.isdir(folder):
        return
    mode = stat.S_IMODE(os.stat(folder).st_mode)
    kept = {}
    for path in map(os.path.realpath, keep):
        if path.startswith(folder + "/"):
            entry = os.path.join(folder, path[len(folder) + 1 :].split("/")[0])
            kept[entry] = os.open(entry, os.O_PATH)
    kernel.mount("tmpfs", folder, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, f"mode={mode:o}")
    for entry, descriptor in kept.items():
        source = f"/proc/self/fd/{descriptor}"
        if os.path.isdir(source):
            os.mkdir(entry)
        else:
            Path(entry).touch()
        kernel.mount(source, entry, "", kernel.MS_BIND | kernel.MS_REC)
        os.close(descriptor)


def _private_dev() -> None:
    """Replace /dev by a copy, so that a runtime that damages a device node damages ours."""
    nodes = []
    for folder, folders, files in os.walk("/dev"):
        folders[:] = [name for name in folders if not os.path.ismount(os.path.join(folder, name))]
        nodes += [os.path.join(folder, name) for name in (*folders, *files)]
    found = [(path, os.lstat(path)) for path in nodes]
    links = {path: os.readlink(path) for path, info in found if stat.S_ISLNK(info.st_mode)}
    kernel.mount("tmpfs", "/dev", "tmpfs", kernel.MS_NOSUID, "mode=755")
    for path, info in found:
        if path in links:
            os.symlink(links[path], path)
        elif stat.S_ISDIR(info.st_mode):
            os.mkdir(path)
        elif stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
            os.mknod(path, info.st_mode, info.st_rdev)
            os.chmod(path, stat.S_IMODE(info.st_mode))
            os.chown(path, info.st_uid, info.st_gid)
    for name in ("pts", "shm", "mqueue"):
        os.makedirs(f"/dev/{name}", exist_ok=True)
    pts = "mode=620,ptmxmode=666,gid=5"
    kernel.mount("devpts", "/dev/pts", "devpts", kernel.MS_NOSUID | kernel.MS_NOEXEC, pts)
    kernel.mount("shm", "/dev/shm", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=1777")
    if not os.path.lexists("/dev/ptmx"):
        os.symlink("pts/ptmx", "/dev/ptmx")
