"""create: a bundle becomes a container that waits for start (runtime.md, "Create")."""

from __future__ import annotations

import posix

from pyoci import cgroups, log, phase
from pyoci.errors import CgroupError, ContainerError, ContainerExists, PyociError, UnsupportedError
from pyoci.host import bundle_plan, handshake, open_for_init, spawn
from pyoci.host.bundle_plan import Options
from pyoci.host.interrupt import undo_when_asked_to_end
from pyoci.host.report_pid import report_pid
from pyoci.init import sequence
from pyoci.kernel import pidfd, proc_stat, signals
from pyoci.plan import delegation
from pyoci.record import Record
from pyoci.state import model
from pyoci.state.model import CREATING, STOPPED, State
from pyoci.state.store import CONFIG_FILE, EXIT_FILE, READINESS_FOLDER, Entry, Store
from pyoci.wire.plan import UNSEEN, Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyoci.cgroups import Cgroup
    from pyoci.wire.inherited import Inherited
    from pyoci.wire.plan import IntelRdt


class Created(Record):
    """A container that waits for start."""

    entry: Entry
    state: State
    plan: Plan
    pid: int
    pidfd: int


def create(options: Options, on_terminal: Callable[[int, str], None]) -> Created:
    """Make the container. On any error it is as if nothing had been tried."""
    plan, config_json = bundle_plan.load(options)
    undo_when_asked_to_end()
    phase("reserve the id, write state")
    signals.hold()  # an interrupt waits until what it would have undone is known
    entry = reserve(options)
    state = None
    try:
        signals.let_through()
        group = cgroups.prepare(
            plan.cgroups_path,
            options.container_id,
            manager=options.cgroup_manager,
            rootless=options.rootless,
            config_resources=_first_resources(plan),
            annotations=plan.annotations,
        )
        state = first_state(plan, options, group)
        entry.write(state)
        entry.write_file(CONFIG_FILE, config_json)
        if options.supervised:
            entry.write_file(EXIT_FILE, b"")
        if plan.readiness:
            entry.make_folder(READINESS_FOLDER)
        entry.publish()
        return _prepare_and_make(plan, options, entry, state, group, on_terminal)
    except BaseException as error:
        undo(entry)
        if state is not None and state.pid:
            _run_poststop(state)
        if isinstance(error, PyociError):
            from pyoci.host import advice

            advice.of_create(error, config_json, plan.bundle, plan.rootfs.path)
        raise


def reserve(options: Options) -> Entry:
    """The entry of the new container. Raises what `Store.reserve` does, with words about the one that has the ID."""
    store = Store(options.root)
    try:
        return store.reserve(options.container_id)
    except ContainerExists as error:
        from pyoci.host import advice

        advice.of_taken_id(error, store)
        raise


def _resctrl(plan: Plan) -> dict[str, Any]:
    if plan.intel_rdt is None:
        return {}
    from pyoci.cgroups import resctrl

    return resctrl.prepare(plan.intel_rdt)


def join_resctrl(plan: IntelRdt, entry: Entry, state: State, pid: int) -> None:
    """Make the groups and move the process in. Whoever kills us meanwhile finds in the record what `delete` removes."""
    from pyoci.cgroups import resctrl

    prepared = state.resctrl
    state.resctrl = resctrl.begun(prepared)
    entry.write(state)
    state.resctrl = prepared
    state.resctrl = resctrl.join(plan, prepared, pid)


def _first_resources(plan: Plan) -> dict[str, Any] | None:
    """The limits until init is ready: where another process prepares it, there are two."""
    return {**(plan.resources or {}), "pids": {"limit": 2}} if _pids_limit_is_below_two(plan) else plan.resources


def _pids_limit_is_below_two(plan: Plan) -> bool:
    limit = ((plan.resources or {}).get("pids") or {}).get("limit")
    return plan.namespaces.birth == UNSEEN and limit in (0, 1)


def _prepare_and_make(
    plan: Plan,
    options: Options,
    entry: Entry,
    state: State,
    group: Cgroup,
    on_terminal: Callable[[int, str], None],
) -> Created:
    phase("open what init needs")
    opened = open_for_init.open_all(plan, entry)
    open_for_init.open_procfs(plan, opened)
    if plan.process is not None and plan.process.seccomp is not None:
        phase("seccomp program")
        from pyoci.host import seccomp

        opened.seccomp_filter = seccomp.for_container(plan.process.seccomp)
    if plan.rootfs.pivot == "chroot":
        _attach_rootfs(plan, entry, state, opened)
    try:
        return _make_child(plan, options, entry, state, group, opened, on_terminal)
    except BaseException:
        if state.rootfs_mount:
            from pyoci.host import rootfs_mount

            rootfs_mount.detach(plan.rootfs.path, state.rootfs_mount)
        raise


def _attach_rootfs(plan: Plan, entry: Entry, state: State, opened: Inherited) -> None:
    from pyoci.host import rootfs_mount

    def record(number: int) -> None:
        state.rootfs_mount = number
        entry.write(state)  # `delete` takes it away whatever happens

    if rootfs_mount.needed(plan):
        rootfs_mount.attach(plan, opened, record)


def _make_child(
    plan: Plan,
    options: Options,
    entry: Entry,
    state: State,
    group: Cgroup,
    opened: Inherited,
    on_terminal: Callable[[int, str], None],
) -> Created:
    phase("make the cgroup")
    signals.hold()  # until `spawn` has made init (signals.Delayed): before that, an interrupt would leave the group
    # removes what it made when it fails, and nothing that others made
    owner = delegation.owner(plan.namespaces, plan.mounts, plan.process)
    group = group.create(None if plan.annotations.get(cgroups.DELEGATE) else owner)
    try:
        child = _spawn(plan, state, group, opened)
    except BaseException:
        _destroy_group(group)
        raise
    try:
        open_for_init.close_given(opened)
        _join_groups(plan, entry, state, group, child)
        entry.write(state)
        _until_ready(plan, state, child, opened, on_terminal)
        _finish(plan, state, group, child, owner)
        entry.write(state)
        report_pid(child.pid, child.pidfd, options.pid_file, options.pidfd_socket)
        signals.hold()  # too late for an interrupt: whoever goes on lets them through
        handshake.commit(child)
        return Created(entry=entry, state=state, plan=plan, pid=child.pid, pidfd=child.pidfd)
    except BaseException as error:
        out_of_memory = isinstance(error, PyociError) and _lacked_memory(group)
        _abandon(child, group)
        state.pid = child.pid  # written no more: there was an init, whose poststop hooks are due
        _remove_resctrl(state)
        if out_of_memory:
            log.debug(f"create failed with: {error}")  # what the killed process left undone, as a rule
            words = "container init was OOM-killed: its memory limit is too low"
            raise ContainerError(words).at("/linux/resources/memory") from None
        raise


def _spawn(plan: Plan, state: State, group: Cgroup, opened: Inherited) -> spawn.Child:
    if any(mount.kind == "cgroup" for mount in plan.mounts):
        opened.cgroup = group.mounts("cgroup" in plan.namespaces.new)
    return spawn.spawn(
        plan.namespaces,
        opened,
        group,
        plan.process.preserve_fds if plan.process is not None else 0,
        lambda channel: sequence.create(plan, opened, channel, model.document(state, CREATING)),
    )


def _join_groups(plan: Plan, entry: Entry, state: State, group: Cgroup, child: spawn.Child) -> None:
    """Before init goes on: if create is killed now, `delete --force` kills what is in the recorded directories, and
    nothing that it cannot identify. Those that a rootless runtime was not allowed to make are not recorded.
    """
    phase("join the cgroup")
    group.add(child.pid)
    state.cgroup = group.save()
    if plan.intel_rdt is not None:
        join_resctrl(plan.intel_rdt, entry, state, child.pid)


def _until_ready(
    plan: Plan, state: State, child: spawn.Child, opened: Inherited, on_terminal: Callable[[int, str], None]
) -> None:
    """Init's way from its first message to READY."""
    handshake.release(plan, child, opened)
    handshake.until_ready(
        plan,
        child,
        model.document(state, CREATING, child.pid),
        on_terminal,
        lambda index: _open_in_turn(plan, index, child, opened),
    )


def _finish(plan: Plan, state: State, group: Cgroup, child: spawn.Child, owner: tuple[int, int] | None) -> None:
    """Limits that init has no right to raise, and its number.

    With that, the record is of a created container, for everybody who reads it: so not before.
    """
    phase("limits, state")
    if plan.process is not None and plan.namespaces.has("user"):
        handshake.raise_hard_limits(plan.process, child.pid)
    state.pid, state.pid_start = child.pid, proc_stat.start_time(child.pid)
    if _pids_limit_is_below_two(plan):
        group.update({"pids": {"limit": 1}})
    _delegate(plan, state, child.pid, owner)


def _delegate(plan: Plan, state: State, pid: int, owner: tuple[int, int] | None) -> None:
    """Into the group that the container manages by itself: not before, since its cgroup namespace begins above it."""
    if plan.annotations.get(cgroups.DELEGATE):
        from pyoci.cgroups import subgroups

        path = subgroups.delegated(plan.annotations, unified=True)
        state.cgroup = subgroups.hand_over(state.cgroup, path, pid, owner)


def _open_in_turn(plan: Plan, index: str, child: spawn.Child, opened: Inherited) -> int:
    from pyoci.host import source_in_turn

    number = next((number for number in opened.asked if str(number) == index), None)
    if number is None:
        raise ContainerError(f"container side asked for the source of mount {index[:20]!r}, whose turn it is not")
    opened.asked = tuple(other for other in opened.asked if other != number)
    return source_in_turn.open_for(plan, index, child.pid, opened.proc_fd)


def _lacked_memory(group: Cgroup) -> bool:
    try:
        return group.oom_kills() > 0
    except CgroupError:
        return False  # there is a failure already, with words of its own, and all to be undone


def first_state(plan: Plan, options: Options, group: Cgroup) -> State:
    """Written before anything is made: whatever happens next, `delete` finds what there may be to remove."""
    runtime_pid = posix.getpid()
    return State(
        oci_version=plan.oci_version,
        id=options.container_id,
        bundle=plan.bundle,
        rootfs=plan.rootfs.path,
        created=model.now(),
        creator_pid=runtime_pid,
        creator_start=proc_stat.start_time(runtime_pid),
        boot_id=proc_stat.boot_id(),
        cgroup=group.save(),
        resctrl=_resctrl(plan),
        own_pid_namespace="pid" in plan.namespaces.new,
        keyring=(plan.process.keyring or "") if plan.process is not None else "",
        annotations=plan.annotations,
        hooks={kind: plan.hooks[kind] for kind in ("poststart", "poststop") if kind in plan.hooks},
    )


def _abandon(child: spawn.Child, group: Cgroup) -> None:
    """runtime.md: a failed create stops the container and undoes it (step 12)."""
    phase("undo")
    if child.net_devices is not None:
        child.net_devices.put_back()
    # Frozen in a cgroup of v1, init dies only when the group is thawed.
    pidfd.send(child.pidfd, signals.KILL)
    try:
        group.kill(signals.KILL)
    except UnsupportedError:
        pass  # there is no cgroup
    except CgroupError as error:
        _warn(error)
    spawn.destroy(child)
    _destroy_group(group)


def _warn(error: CgroupError) -> None:
    """Of undoing, unless it is the reason of the failure itself: a systemd that does not answer is asked again."""
    cause = error.__context__
    while cause is not None and str(cause) != str(error):
        cause = cause.__context__
    if cause is None:
        log.warning(str(error))


def _destroy_group(group: Cgroup) -> None:
    """On the way out of a failure, whose words must be the last ones."""
    try:
        group.destroy(cgroups.NOBODY)
    except CgroupError as error:
        _warn(error)


def _remove_resctrl(state: State) -> None:
    if not state.resctrl:
        return
    from pyoci.cgroups import resctrl

    try:
        resctrl.remove(state.resctrl)
    except CgroupError as error:
        log.warning(str(error))


def _run_poststop(state: State) -> None:
    """runtime.md, step 13. Without the lock and the entry: a hook may call pyoci for this very container."""
    poststop = state.hooks.get("poststop")
    if poststop:
        from pyoci.host import hooks

        hooks.run_all(poststop, model.document(state, STOPPED), "poststop", state.bundle)


def undo(entry: Entry) -> None:
    try:
        entry.remove()
    except PyociError as error:
        log.warning(str(error))
    entry.close()
