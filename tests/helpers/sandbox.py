"""The place where integration tests run: a mount namespace of their own, orphans that come home, a scratch tmpfs.

Like a host with systemd, every mount in it is shared, so that a runtime whose mounts propagate is caught;
unlike such a host, nothing propagates to the machine.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNS = 0x20000
PR_SET_CHILD_SUBREAPER = 36

#: In the name of every container, cgroup and folder made by this session.
MARK = f"pyoci-test-{os.getpid()}"

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{call}: {os.strerror(error)}")


def prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, value, 0, 0, 0), f"prctl {option}")


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True, timeout=120)


def unmount(path: str | Path) -> None:
    """Detaches the mount and all below it, busy or not."""
    subprocess.run(["umount", "--recursive", "--lazy", "--quiet", str(path)], check=False, timeout=120)


@contextmanager
def mounted(*arguments: str, at: Path) -> Iterator[None]:
    mount(*arguments, at)
    try:
        yield
    finally:
        unmount(at)


@contextmanager
def private_place() -> Iterator[Path]:
    """Moves this process into a mount namespace of its own and yields a scratch folder that dies with it."""
    # Orphaned container processes become our children: their exit status and their leaks are ours to see.
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    folder = Path(tempfile.mkdtemp(prefix=f"{MARK}-"))
    _check(_libc.unshare(CLONE_NEWNS), "unshare CLONE_NEWNS")
    mount("--make-rprivate", "/")
    mount("--make-rshared", "/")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    try:
        yield folder
    finally:
        unmount(folder)
        folder.rmdir()
