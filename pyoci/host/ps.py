"""`ps`: the processes of a container."""

from __future__ import annotations

from pyoci.errors import PyociError, UnsupportedError, UsageError, reason
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
        raise UnsupportedError(f"ps {state.id}: it has no cgroup that would name its processes")
    return status.cgroup(state).pids()


def table(pids: list[int], options: list[str]) -> str:
    """The table of ps(1), called with `options`, of these processes. Raises PyociError when it fails."""
    import subprocess

    try:
        command = ["ps", *options]  # found in the caller's PATH, as runc does
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise PyociError(f"run ps: {reason(error)}; pyoci ps --format json does without") from None
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip()
        raise PyociError(f"ps {' '.join(options)}: exit status {done.returncode}: {words}")
    return select_rows(done.stdout.decode("utf-8", "surrogateescape"), set(pids))


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
