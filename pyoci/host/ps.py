"""`ps`: the processes of a container."""

from __future__ import annotations

import posix

from pyoci.errors import NO_CGROUP, PyociError, UnsupportedError, UsageError, reason
from pyoci.kernel import read_all, signals
from pyoci.state import status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.state.store import Entry


def pids(entry: Entry) -> list[int]:
    """Process numbers as the caller's PID namespace has them, sorted; a stopped container may have none.

    Raises UnsupportedError when there is no cgroup that would name them, CgroupError.
    """
    state = status.made(entry, "cannot list the processes of container")
    if not state.cgroup:
        raise UnsupportedError(f"ps {state.id}: {NO_CGROUP}; pyoci exec {state.id} ps shows its processes")
    return status.cgroup(state).pids()


def table(pids: list[int], options: list[str]) -> str:
    """The table of ps(1), called with `options`, of these processes. Raises PyociError when it fails."""
    try:
        status, output, words = _run(["ps", *options])  # found in the caller's PATH, as runc does
    except OSError as error:
        raise PyociError(f"run ps: {reason(error)}; pyoci ps --format json does without") from None
    if status:
        message = words.decode("utf-8", "replace").strip().partition("\n")[0].strip()  # its usage follows
        raise PyociError(f"ps {' '.join(options)} {signals.ending(status)}: {message}; see ps(1)")
    return select_rows(output.decode("utf-8", "surrogateescape"), set(pids))


def _run(command: list[str]) -> tuple[int, bytes, bytes]:
    """A program's exit status and what it writes. Not by `subprocess`, whose file may be gone. Raises OSError."""
    output, words = posix.memfd_create("ps-output"), posix.memfd_create("ps-words")
    try:
        streams = [
            (posix.POSIX_SPAWN_OPEN, 0, "/dev/null", posix.O_RDONLY, 0),
            (posix.POSIX_SPAWN_DUP2, output, 1),
            (posix.POSIX_SPAWN_DUP2, words, 2),
        ]
        pid = posix.posix_spawnp(command[0], command, posix.environ, file_actions=streams, setsigdef=signals.BY_PYTHON)
        status = posix.waitstatus_to_exitcode(posix.waitpid(pid, 0)[1])
        return status, _all_of(output), _all_of(words)
    finally:
        posix.close(output)
        posix.close(words)


def _all_of(fd: int) -> bytes:
    posix.lseek(fd, 0, 0)
    return read_all(fd)


def select_rows(text: str, pids: set[int]) -> str:
    """The head of a table of ps(1) and the rows of `pids`. Pure; UsageError without a column PID."""
    head, *rows = text.split("\n")
    names = head.split()
    if "PID" not in names:
        raise UsageError(f"ps: its options give no column PID: {head!r}")
    column = names.index("PID")
    kept = [head]
    for row in rows:
        words = row.split()
        if len(words) > column and words[column].isdigit() and int(words[column]) in pids:
            kept.append(row)
    return "\n".join(kept) + "\n"
