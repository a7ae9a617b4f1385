"""`delete`: undo what `create` did (runtime.md, Lifecycle, steps 12 and 13)."""

from __future__ import annotations

import posix

from pyoci import log, phase
from pyoci.errors import ContainerNotFound, StateError
from pyoci.host import kill
from pyoci.kernel import pidfd, signals
from pyoci.state import status
from pyoci.state.store import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.state.model import State
    from pyoci.state.store import Entry, Store

# Seconds: a killed process may have much memory to free, or be in a system call that must end first.
PATIENCE = 10.0
_MOMENT = 1.0


def delete(store: Store, container_id: str, force: bool = False) -> None:
    """Delete a stopped container; with `force` also one that has not stopped, one half made, or none at all.

    Raises StateError when it has not stopped (runtime.md, Delete: a created one too, which runc deletes),
    ContainerNotFound, SyscallError, CgroupError.
    """
    try:
        with store.open(container_id) as entry:
            if force:
                _delete_by_force(entry)
            else:
                _delete_stopped(entry)
    except ContainerNotFound:
        # Engines clean up with --force after a failed create, and more than once.
        if not force:
            raise
    if force:
        store.remove_half_made(container_id)


def destroy(entry: Entry, state: State, killed: bool = False) -> None:
    """Once init has exited: kill what is left in the cgroup, remove cgroup and entry, run poststop hooks.

    `killed`: init was killed just now, so that nobody else can have taken the cgroup since.
    """
    phase("remove the cgroup")
    group = status.cgroup_left(state)
    if group is not None:
        from pyoci import cgroups

        left = cgroups.DIRECT if killed else cgroups.NOBODY
        why = group.destroy(left if state.own_pid_namespace else cgroups.ALL)
        if why:
            log.warning(why)
    if state.resctrl and status.is_this_boot(state):
        from pyoci.cgroups import resctrl

        resctrl.remove(state.resctrl)
    if state.rootfs_mount:
        from pyoci.host import rootfs_mount

        rootfs_mount.detach(state.rootfs, state.rootfs_mount)
    if state.work_folder:
        from pyoci.host import image_folder

        image_folder.remove_yards(state.work_folder)
    phase("remove the state")
    _remove(entry)
    hooks = state.hooks.get("poststop")
    if hooks:
        phase("poststop hooks")
        from os.path import isdir

        from pyoci.host import hooks as runner
        from pyoci.state.model import document

        # An engine may have removed the bundle before it deletes the container; the hooks run nevertheless.
        cwd = state.bundle if isdir(state.bundle) else "/"
        runner.run_all(hooks, document(state, status.STOPPED), "poststop", cwd)
    if "@" in state.bundle:  # it may be a library's, whose supervisor removes it unless it was killed
        from pyoci.host import config_bundle

        config_bundle.remove_bundles(entry.root, entry.id)


def _remove(entry: Entry) -> None:
    """An empty folder is in nobody's way, and no `delete` finds the container again: so its end goes on."""
    try:
        entry.remove()
    except StateError as error:
        if posix.listdir(entry.dirfd):
            raise
        log.warning(str(error))


def stop(state: State) -> bool:
    """Kill the container's init, or the `create` that has not recorded one yet, and wait until it is gone.

    Returns whether there was one; otherwise the container had stopped long ago, for all that is known. Raises
    StateError when it does not go within PATIENCE seconds.
    """
    if state.pid:
        init = status.hold_init(state)
    elif state.creator_pid != posix.getpid():
        init = status.hold_creator(state)
    else:
        init = None
    if init is None:
        return not state.pid  # a create that was killed: what it has put into the cgroup may still be there
    phase("stop init")
    try:
        if state.pid:
            kill.send(state, init, signals.KILL)
        else:
            # Its end closes the pipe that the container side waits on, which then exits too.
            pidfd.send(init, signals.KILL)
        phase("wait for its end")
        if not pidfd.wait(init, _MOMENT):
            _kill_all(state)
        if not pidfd.wait(init, PATIENCE):
            raise StateError(
                f"kill container {state.id}: process {state.pid or state.creator_pid} "
                f"still there {PATIENCE:.0f} s after SIGKILL"
            )
    finally:
        pidfd.close(init)
    return True


def _kill_all(state: State) -> None:
    """A tracer of a container's process keeps init from ending: criu, when its `restore` was killed, or strace."""
    group = status.cgroup_left(state) if state.own_pid_namespace else None
    if group is not None:
        group.kill(signals.KILL)


def _delete_stopped(entry: Entry) -> None:
    phase("status")
    # Read before the lock, which `create` holds while its hooks may call us; what was made does not change any more.
    state = status.made(entry, "cannot delete container")
    entry.lock()
    current = status.status(entry, state)
    if current != status.STOPPED:
        error = StateError(f"cannot delete container {entry.id} that is not stopped: {current}")
        error.lead_on(f"pyoci delete --force {entry.id} kills it first")
        raise error
    destroy(entry, state, killed=not state.pid)


def _delete_by_force(entry: Entry) -> None:
    # Before the lock: a `start` that waits for a hook of the container holds it until the container dies.
    state = _read_if_whole(entry)
    killed = state is not None and stop(state)
    entry.lock()
    state = _read_if_whole(entry)
    if state is None:
        from pyoci.state import others

        if others.are_in(entry.dirfd):
            raise StateError(f"remove {entry.path}: {others.WORDS}")
        other = others.foreign(entry.dirfd, NAMES)
        if other:
            raise StateError(
                f"remove {entry.path}: it is not a container's folder, since it holds {other!r}; see --root"
            )
        log.warning(f"container {entry.id} has no readable state: only {entry.path} could be removed")
        entry.remove()
        return
    killed |= stop(state)  # again: meanwhile `create` may have come to its end
    destroy(entry, state, killed)


def _read_if_whole(entry: Entry) -> State | None:
    try:
        return entry.read()
    except StateError as error:
        if entry.is_removed():
            raise
        log.debug(str(error))
        return None
