"""`start`: tell the waiting init to become the user's program (runtime.md, Lifecycle, steps 6 to 9)."""

from __future__ import annotations

import _socket
import errno
import posix

from pyoci import log, phase
from pyoci.errors import (
    ContainerError,
    ExecutableError,
    HookError,
    Interrupted,
    PyociError,
    StateError,
    SyscallError,
)
from pyoci.host.interrupt import undo_when_asked_to_end
from pyoci.kernel import scm_rights, signals
from pyoci.state import status
from pyoci.state.store import START_SOCKET
from pyoci.wire import messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.host.readiness import Readiness
    from pyoci.state.model import State
    from pyoci.state.store import Entry

_REFUSALS = {
    status.RUNNING: "cannot start an already running container",
    status.STOPPED: "cannot start a container that has stopped",
}


def start(entry: Entry) -> Readiness | None:
    """Run the program of a created container and then its poststart hooks.

    Returns what waits for the program's READY=1, when a service manager wants to know (NOTIFY_SOCKET).
    Raises StateError when it is not created; ExecutableError or ContainerError with the container side's
    words, the container has then stopped; HookError when a startContainer or poststart hook failed, Interrupted
    when a signal asked to end while it was waited for: the container is then destroyed.
    """
    phase("status")
    # Read before the lock, which `create` holds while its hooks may call us; what was made does not change any more.
    state = status.made(entry, "cannot start container")
    entry.lock()
    current = status.status(entry, state)
    if current != status.CREATED:
        refusal = _REFUSALS.get(current, f"cannot start a container in the {current} state")
        raise StateError(f"{refusal}: {entry.id}")
    phase("start: init becomes the program")
    readiness = _listen(entry, state)
    try:
        undo_when_asked_to_end("the container was stopped and deleted")
        signals.let_through()
        _execute(entry, state)
        signals.hold()  # too late for an interrupt: whoever goes on lets them through
    except (HookError, Interrupted):
        _give_up(entry, state)
        raise
    except (ContainerError, ExecutableError) as error:
        from pyoci.host import advice

        advice.of_start(error, entry, state)
        raise
    phase("started")
    _forget_socket(entry)
    # A hook may call pyoci for this very container.
    entry.unlock()
    _run_poststart(entry, state)
    return readiness


def _forget_socket(entry: Entry) -> None:
    """It spares the others a connection, and nothing more. The program runs: no failure takes that back."""
    try:
        entry.unlink(START_SOCKET)
    except StateError as error:
        log.warning(f"container {entry.id} runs, but {error}")


def _listen(entry: Entry, state: State) -> Readiness | None:
    if not posix.environ.get(b"NOTIFY_SOCKET"):
        return None
    from pyoci.host import readiness

    return readiness.listen(entry, state)


def _execute(entry: Entry, state: State) -> None:
    """Send init one end of a pair; the other reads an error, or the end of file that execve causes."""
    ours, theirs = messages.pair()
    try:
        _send(entry, theirs.fd)
    finally:
        theirs.close()
    ours.watch(lambda: _why_stuck(state))
    try:
        ours.expect("")
    finally:
        ours.close()


def _why_stuck(state: State) -> str | None:
    """For `Channel.watch`. Where others are in init's PID namespace, they may have copied its sockets: with
    CAP_SYS_PTRACE, by pidfd_getfd(2). Then its end of the pair stays open, or START has gone to another process.
    """
    from pyoci.host import why_stuck
    from pyoci.kernel import proc_stat
    from pyoci.kernel.call import SYS

    process_stat = proc_stat.stat(state.pid)
    if process_stat is None or process_stat[0] in proc_stat.DEAD or proc_stat.has_executed(state.pid):
        return None
    words = why_stuck.why(state.pid, status.cgroup(state))
    if not words and proc_stat.is_in(state.pid, SYS["recvmsg"]):
        return f"process {state.pid} waits for start still: another process has taken the message away from it"
    return words


def _send(entry: Entry, fd: int) -> None:
    init = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    try:
        init.connect(status.start_path(entry))
        scm_rights.send(init, messages.START.encode(), fd, _socket.MSG_DONTWAIT)
    except BlockingIOError:
        raise ContainerError(f"{entry.id}: init does not answer: earlier starts still wait for it") from None
    except OSError as error:
        if error.errno == errno.ECONNREFUSED:
            raise StateError(f"{_REFUSALS[status.STOPPED]}: {entry.id}") from None
        raise SyscallError(error.errno or 0, f"tell the init of {entry.id} to start") from None
    finally:
        init.close()


def _run_poststart(entry: Entry, state: State) -> None:
    hooks = state.hooks.get("poststart")
    if not hooks:
        return
    phase("poststart hooks")
    from pyoci.host import hooks as runner
    from pyoci.state.model import document

    try:
        signals.let_through()
        runner.run(hooks, document(state, status.RUNNING), "poststart", state.bundle)
        signals.hold()
    except (HookError, Interrupted):
        if entry.lock_unless_gone():
            _give_up(entry, state)
        raise


def _give_up(entry: Entry, state: State) -> None:
    """A hook failed: stop the container and destroy it (runtime.md, Lifecycle, steps 7 and 9)."""
    from pyoci.host import delete

    log.debug(f"stop and destroy container {entry.id}: a hook failed, or the start was interrupted")
    try:
        delete.destroy(entry, state, killed=delete.stop(state))
    except PyociError as error:
        log.warning(f"container {entry.id} is not deleted: {error}")  # why it had to be comes after this
