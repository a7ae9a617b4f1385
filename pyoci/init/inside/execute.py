"""`process.args`: find the program, and make ready to become it (config.md: `execvp` semantics)."""

from __future__ import annotations

import _stat as stat
import posix

from pyoci.errors import EXECUTABLE_NOT_FOUND, NO_SUCH_FILE, PERMISSION_DENIED, ExecutableError
from pyoci.init.inside.confine import Confinement
from pyoci.kernel import deferred, signals, uapi
from pyoci.kernel import process as kernel_process
from pyoci.kernel.call import shown
from pyoci.kernel.deferred import Call
from pyoci.wire.plan import DEFAULT_PATH, Process


def look_up(name: str, env: list[str]) -> str:
    """The program's path, found in the container's PATH; the words of a failure are what engines look for."""
    if "/" in name:
        _check(name, name)
        return name
    if not name:
        raise ExecutableError(f'exec: "": {EXECUTABLE_NOT_FOUND}')
    denied = False
    for directory in _search_path(env).split(":"):
        path = f"{directory or '.'}/{name}"
        try:
            _check(name, path)
        except ExecutableError as error:
            denied = denied or PERMISSION_DENIED in str(error)
            continue
        return path
    if denied:
        raise ExecutableError(f'exec: "{shown(name)}": {PERMISSION_DENIED}')
    raise ExecutableError(f'exec: "{shown(name)}": {EXECUTABLE_NOT_FOUND}')


def _search_path(env: list[str]) -> str:
    for entry in env:
        if entry.startswith("PATH="):
            return entry[5:]
    return DEFAULT_PATH


def _check(name: str, path: str) -> None:
    try:
        status = posix.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        if _leads_through_self(path):
            return
        raise ExecutableError(f'exec: "{shown(name)}": stat {shown(path)}: {NO_SUCH_FILE}') from None
    except OSError as error:
        raise ExecutableError(
            f'exec: "{shown(name)}": stat {shown(path)}: {posix.strerror(error.errno or 0).lower()}'
        ) from None
    if stat.S_ISDIR(status.st_mode):
        raise ExecutableError(f'exec: "{shown(name)}": is a directory: {PERMISSION_DENIED}')
    if not posix.access(path, posix.X_OK, effective_ids=True):
        raise ExecutableError(f'exec: "{shown(name)}": {PERMISSION_DENIED}')


def _leads_through_self(path: str) -> bool:
    """Only execve(2) can tell: /proc/self leads nowhere for us, who have not gone into procfs' PID namespace ourselves.

    It is a link that cannot be read then (proc(5)). The way to it is `path` or links on it, e.g. /dev/fd.
    """
    for _ in range(uapi.MAXSYMLINKS):
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            link = "/".join(parts[:count])
            try:
                target = posix.readlink(link or "/")
            except FileNotFoundError:
                return _is_there(link)
            except OSError:
                continue  # not a link
            path = "/".join([target if target[:1] == "/" else f"{link.rpartition('/')[0]}/{target}", *parts[count:]])
            break
        else:
            return False
    return False


def _is_there(path: str) -> bool:
    try:
        posix.lstat(path)
    except OSError:
        return False
    return True


def prepare(
    path: str,
    process: Process,
    env: list[str],
    confinement: Confinement,
    *keep: int,
    first: list[Call] | tuple[()] = (),
) -> list[Call]:
    """The calls that are left, `first` before the others.

    No descriptor is left, except the standard streams, `keep` and what is preserved.
    Close-on-exec would be too late: while the kernel looks for the program, /proc/self/fd/N still leads through each
    descriptor, and `/proc/self/fd/N/../bin/sh` through the host's procfs to the host's files (CVE-2024-21626).
    """
    confinement.label()
    kernel_process.close_all_but([*range(3, 3 + process.preserve_fds), *keep])
    kernel_process.close_on_exec_from(3 + process.preserve_fds)
    signals.reset()
    return deferred.told([*first, *confinement.calls(), deferred.execve(path, process.args, env)])
