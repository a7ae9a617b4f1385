"""restore: criu makes the processes of a checkpoint again, as a container of this bundle (runc-restore(8))."""

from __future__ import annotations

import posix

from pyoci import cgroups, jsontext, log, phase
from pyoci.criu import rpc, swrk
from pyoci.errors import CriuError, PyociError, UnsupportedError, reason
from pyoci.host import create as creation
from pyoci.host import image_folder, open_for_init, restored
from pyoci.host.announce import announce
from pyoci.host.interrupt import undo_when_asked_to_end
from pyoci.init import restore_stage
from pyoci.init.inside import limits
from pyoci.kernel import mount, proc_stat, process, signals
from pyoci.plan import criu, delegation, mountinfo
from pyoci.plan import restore as plans
from pyoci.plan.restore import Found, Wanted
from pyoci.record import Record
from pyoci.state import model, status
from pyoci.state.store import CONFIG_FILE, READINESS_FOLDER, START_SOCKET, Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyoci.cgroups import Cgroup
    from pyoci.host.create import Created, Options
    from pyoci.host.image_folder import Folder
    from pyoci.plan.mountinfo import MountPoint
    from pyoci.state.model import State
    from pyoci.state.store import Entry
    from pyoci.wire.inherited import Inherited
    from pyoci.wire.messages import Channel
    from pyoci.wire.plan import Plan

DEFAULT_FOLDER = "checkpoint"
_DESCRIPTORS_MAX = 4096  # bytes
_INVENTORY = "inventory.img"


class _Restore(Record):
    """The common things of the steps of one restore. `criu` is its process number once it has started."""

    plan: Plan
    options: Options
    wanted: Wanted
    program: str
    images: Folder
    logs: Folder
    on_terminal: Callable[[int, str], None]
    before_it_runs: Callable[[], object]
    criu_version: int
    hooks_ran: bool = False  # those whose work the poststop hooks undo
    criu: int = 0
    staged: list[tuple[bool, MountPoint]]


class _Container(Record):
    """The container as far as it exists."""

    entry: Entry
    state: State
    group: Cgroup


def restore(
    options: Options,
    wanted: Wanted,
    program: str,
    on_terminal: Callable[[int, str], None],
    before_it_runs: Callable[[], object] = int,
) -> Created:
    """Make the container; it runs when this returns. On any error it is as if nothing had been tried.

    `before_it_runs` is called when all is restored. Raises what `create` raises, and CriuError.
    """
    plan, text = creation.load(options)
    plans.check(plan, wanted)
    if posix.geteuid() != 0:
        raise UnsupportedError("restore: criu needs root")
    program = swrk.find(program)
    images = _open_images(wanted)
    logs = images
    try:
        logs = image_folder.open(wanted.work_path, "work folder") if wanted.work_path else images
        version = _check_criu(program, plan, wanted)
        work = _Restore(
            plan=plan,
            options=options,
            wanted=wanted,
            program=program,
            images=images,
            logs=logs,
            on_terminal=on_terminal,
            before_it_runs=before_it_runs,
            criu_version=version,
            staged=[],
        )
        return _make(work, text)
    finally:
        images.close()
        logs.close()


def _open_images(wanted: Wanted) -> Folder:
    images = image_folder.open(wanted.image_path or DEFAULT_FOLDER, "image folder")
    try:
        images.check_files()
        if images.read(_INVENTORY, 1 << 20) is None:
            raise CriuError(f"image folder {images.path}: there is no checkpoint in it (no {_INVENTORY})")
    except BaseException:
        images.close()
        raise
    return images


def _check_criu(program: str, plan: Plan, wanted: Wanted) -> int:
    """criu's version."""
    phase("criu's version and features")
    reasons = criu.reasons(plan, wanted, _config_file(plan), joins=True)
    reasons += ["--lsm-profile"] if wanted.lsm_profile else []
    reasons += ["--lsm-mount-context"] if wanted.lsm_mount_context else []
    version = swrk.version(program)
    criu.require_version(version, reasons)
    if wanted.lazy_pages:
        swrk.require_feature(program, "lazy_pages", "--lazy-pages")
    return version


def _config_file(plan: Plan) -> str:
    known = {path: posix.access(path, posix.F_OK) for path in criu.CONFIG_FILES}
    return criu.config_file(plan.annotations, known)


def _make(work: _Restore, text: bytes) -> Created:
    undo_when_asked_to_end()
    phase("reserve the id, write state")
    plan, options = work.plan, work.options
    signals.hold()  # an interrupt waits until what it would have undone is known
    entry = Store(options.root).reserve(options.container_id)
    try:
        signals.let_through()
        group = cgroups.prepare(
            plan.cgroups_path,
            options.container_id,
            manager=options.cgroup_manager,
            rootless=False,
            config_resources=plan.resources,
            annotations=plan.annotations,
            adopted=_leaves_groups_to_criu(work),
        )
        made = _Container(entry=entry, state=creation.first_state(plan, options, group), group=group)
        entry.write(made.state)
        entry.write_file(CONFIG_FILE, text)
        if plan.readiness:
            entry.make_folder(READINESS_FOLDER)
        entry.publish()
        phase("make the cgroup")
        if not _leaves_groups_to_criu(work):
            with signals.Delayed():
                made.group = group.create(_owner(plan))
            made.state.cgroup = made.group.save()
            entry.write(made.state)
        try:
            return _finish(work, made, _run_criu(work, made))
        except BaseException:
            _abandon(work, made)
            raise
    except BaseException:
        creation.undo(entry)
        raise


def _owner(plan: Plan) -> tuple[int, int] | None:
    return delegation.owner(plan.namespaces, plan.mounts, plan.process)


def _leaves_groups_to_criu(work: _Restore) -> bool:
    """In the mode `strict` criu makes the groups, and refuses those that are there."""
    return work.wanted.manage_cgroups_mode == "strict"


def _open(plan: Plan, made: _Container) -> Inherited:
    phase("open what criu needs")
    inherited = open_for_init.open_all(plan, made.entry)
    # nobody waits for a start
    posix.close(inherited.start_fd)
    inherited.start_fd = -1
    made.entry.unlink(START_SOCKET)
    if any(entry.kind == "cgroup" for entry in plan.mounts):
        inherited.cgroup = made.group.mounts(False)
    return inherited


def _run_criu(work: _Restore, made: _Container) -> int:
    """The number of the container's first process. Raises CriuError."""
    inherited = _open(work.plan, made)
    streams = _streams(work.images)
    # of the same file system, but a mount that criu's mount namespace can have
    folder = mount.open_tree(work.logs.fd, "")
    work.logs.unlink(criu.RESTORE_LOG)
    try:
        answer = _ask_criu(work, made, inherited, streams, {"images_dir_fd": work.images.fd, "work_dir_fd": folder})
    except BaseException:
        work.logs.remove_yards()
        raise
    finally:
        for fd in (folder, *(fd for _, fd in streams)):
            posix.close(fd)
        open_for_init.let_go(inherited)
    if answer.get("success"):
        return int((answer.get("restore") or {}).get("pid", 0))
    text = swrk.read_log(work.logs.fd, criu.RESTORE_LOG)
    if log.is_verbose():
        log.debug(f"criu's log: {text.decode('utf-8', 'replace')}")
    why = swrk.why_failed(answer, text)
    raise CriuError(f"restore: criu failed: {why} (see {work.logs.path}/{criu.RESTORE_LOG}){plans.lead(why)}")


def _ask_criu(
    work: _Restore,
    made: _Container,
    inherited: Inherited,
    streams: list[tuple[str, int]],
    folders: dict[str, int],
) -> dict[str, Any]:
    sources: dict[str, str] = {}

    def note_source(kind: str, text: str) -> None:
        number, _, name = text.partition(" ")
        if kind == restore_stage.SOURCE:
            sources.setdefault(name, restore_stage.source_path(number))
        elif kind == restore_stage.MOUNT:
            work.staged += [(number == "1", made) for made in mountinfo.parse(name)]

    own = f"/proc/{posix.getpid()}/fd"
    namespaces = {kind: (fd, f"{own}/{fd}") for kind, fd in inherited.namespaces if kind != "cgroup"}
    passed = (*(fd for _, fd in streams), *(fd for fd, _ in namespaces.values()))
    with swrk.Conversation(
        work.program,
        passed,
        lambda channel: _prepare(work, inherited, folders["work_dir_fd"], channel),
        note_source,
    ) as conversation:
        work.criu = conversation.pid
        if not _leaves_groups_to_criu(work):
            phase("criu joins the cgroup")
            made.group.add(conversation.pid)
        if work.plan.intel_rdt is not None:
            # what criu forks is in its resctrl group, every thread (dup_task_struct)
            creation.join_resctrl(work.plan.intel_rdt, made.entry, made.state, conversation.pid)
            made.entry.write(made.state)
        found = Found(
            root=restore_stage.ROOT,
            sources=list(sources.items()),
            namespaces=namespaces,
            streams=streams,
            groups=criu.places(made.group.save()),
            config_file=_config_path(work.plan),
        )
        request = plans.options(work.plan, work.wanted, found)
        request |= folders
        phase("criu restore")
        try:
            return conversation.request(rpc.RESTORE, request, lambda *words: _on_notify(work, made, *words))
        except BaseException:
            if made.state.pid:
                # criu holds them still, and takes no refusal any more: what it lets go must be dead
                restored.kill(made.state.pid, made.group.pids(), work.criu)
                conversation.kill()
            raise


def _prepare(work: _Restore, inherited: Inherited, folder: int, channel: Channel) -> None:
    """In the process that becomes criu."""
    restore_stage.prepare(work.plan, inherited, folder, channel)
    # No image of criu's has the first two; what it forks inherits all three.
    limits.place_memory(work.plan.memory_policy)
    program = work.plan.process
    if program is not None:
        limits.prioritize_io(program)
    if program is not None and program.no_new_privileges and not criu.keeps_no_new_privileges(work.criu_version):
        process.set_no_new_privs()


def _config_path(plan: Plan) -> str:
    """criu's configuration by a descriptor of ours: its own /tmp is an empty one."""
    path = _config_file(plan)
    if not path:
        return ""
    try:
        return f"/proc/{posix.getpid()}/fd/{posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)}"
    except OSError as error:
        raise CriuError(f"{criu.CONFIG_ANNOTATION}: open {path}: {reason(error)}") from None


def _streams(images: Folder) -> list[tuple[str, int]]:
    """Our standard streams take the place of those that the processes had: copies, which criu may use up."""
    data = images.read(criu.DESCRIPTORS_FILE, _DESCRIPTORS_MAX)
    if data is None:
        return []
    import fcntl

    names = plans.streams(jsontext.loads(data, what=f"{images.path}/{criu.DESCRIPTORS_FILE}"))
    found: dict[str, int] = {}
    for number, name in enumerate(names):
        if name and name not in found:
            found[name] = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 10)
    return list(found.items())


def _on_notify(work: _Restore, made: _Container, script: str, pid: int, fd: int) -> None:
    log.debug(f"criu: {script}")
    if script == "orphan-pts-master" and fd >= 0:
        work.on_terminal(fd, "/dev/ptmx")
        return
    if fd >= 0:
        posix.close(fd)
    if script == "setup-namespaces":
        _run_hooks(work, made.state, pid)
    elif script == "post-restore":
        _take_over(work, made, pid)
    elif script == "pre-resume":
        _check(work, made)


def _run_hooks(work: _Restore, state: State, pid: int) -> None:
    """The namespaces are there, and empty: engines put the network into one by a hook."""
    hooks = work.plan.hooks
    if not (hooks.get("prestart") or hooks.get("createRuntime")):
        return
    from pyoci.host import hooks as runner

    phase("prestart and createRuntime hooks")
    work.hooks_ran = True
    document = model.document(state, status.CREATING, pid)
    for name in ("prestart", "createRuntime"):
        runner.run(hooks.get(name) or [], document, name, work.plan.bundle)


def _take_over(work: _Restore, made: _Container, pid: int) -> None:
    """The processes are there, and nothing runs yet: write it down before it does."""
    phase("write state")
    if _leaves_groups_to_criu(work):
        made.group.create(_owner(work.plan))
    restored.check_place(work.plan, pid, made.group.pids(), work.criu)
    work.before_it_runs()
    made.state.cgroup = made.group.save()
    made.state.pid, made.state.pid_start = pid, proc_stat.start_time(pid)
    made.entry.write(made.state)


def _check(work: _Restore, made: _Container) -> None:
    """All is restored, credentials too, and every thread stands still."""
    phase("check what was restored")
    restored.check(work.plan, made.state.pid, made.group.pids(), work.criu, work.wanted.lsm_profile)
    restored.check_mounts(work.plan, made.state.pid, work.staged)
    if work.plan.rootfs.readonly:
        restored.make_root_readonly(made.state.pid)


def _finish(work: _Restore, made: _Container, pid: int) -> Created:
    if not pid or pid != made.state.pid:
        raise CriuError(f"criu restored process {pid}, but told of {made.state.pid}")
    pidfd = posix.pidfd_open(pid)
    announce(pid, pidfd, work.options.pid_file, work.options.pidfd_socket)
    made.entry.unlock()  # a hook may call pyoci for this very container
    hooks = made.state.hooks.get("poststart")
    if hooks:
        from pyoci.host import hooks as runner

        phase("poststart hooks")
        work.hooks_ran = True
        runner.run(hooks, model.document(made.state, status.RUNNING), "poststart", made.state.bundle)
    return creation.Created(entry=made.entry, state=made.state, plan=work.plan, pid=pid, pidfd=pidfd)


def _abandon(work: _Restore, made: _Container) -> None:
    """criu has killed what it made; what it could not is in the cgroup."""
    phase("undo")
    try:
        if made.state.pid:
            from pyoci.host import delete

            delete.stop(made.state)
        made.group.kill(signals.KILL)
        _reap(made.state.pid)
        made.group.destroy(cgroups.NOBODY)
        if made.state.resctrl:
            from pyoci.cgroups import resctrl

            resctrl.remove(made.state.resctrl)
    except PyociError as error:
        log.warning(str(error))
    poststop = work.plan.hooks.get("poststop")
    if poststop and work.hooks_ran:
        made.entry.unlock()
        from pyoci.host import hooks as runner

        runner.run_all(poststop, model.document(made.state, status.STOPPED), "poststop", work.plan.bundle)


def _reap(pid: int) -> None:
    """The container's first process is our child."""
    try:
        if pid:
            posix.waitpid(pid, 0)
        while posix.waitpid(-1, posix.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def run(options: Options, wanted: Wanted, program: str, *, subreaper: bool) -> int:
    """Restore; unless detached, wait for the container's end, delete it and return its exit status."""
    from pyoci.host.send_fd import ConsoleSocket

    if options.detach:
        restore(options, wanted, program, ConsoleSocket(options.console_socket))
        return 0
    from pyoci.host import delete
    from pyoci.host.relay import Relay

    if subreaper:
        process.become_subreaper()
    relay, watches = Relay(), []
    on_terminal = ConsoleSocket(options.console_socket) if options.console_socket else relay.adopt
    try:
        # from here on a signal is the container's, as soon as there is one that could run
        created = restore(options, wanted, program, on_terminal, lambda: watches.append(relay.__enter__()))
        exit_status = relay.wait(created.pid, created.pidfd)
    finally:
        if watches:
            relay.__exit__()
    try:
        delete.destroy(created.entry, created.state)
    except PyociError as error:
        log.warning(str(error))
    return exit_status
