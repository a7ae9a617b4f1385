"""restore: criu makes the processes of a checkpoint again, as a container of this bundle (runc-restore(8))."""

from __future__ import annotations

import posix

from pyoci import cgroups, log, phase
from pyoci.criu import swrk
from pyoci.errors import CriuError, PyociError, UnsupportedError
from pyoci.host import bundle_plan, image_folder, restored
from pyoci.host import create as creation
from pyoci.host.interrupt import undo_when_asked_to_end
from pyoci.host.report_pid import report_pid
from pyoci.host.restore_request import Container, Restore, check_criu, run_criu
from pyoci.kernel import proc_stat, process, signals
from pyoci.plan import delegation
from pyoci.plan import restore as plans
from pyoci.plan.restore import Wanted
from pyoci.state import model, status
from pyoci.state.store import CONFIG_FILE, READINESS_FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyoci.host.bundle_plan import Options
    from pyoci.host.create import Created
    from pyoci.host.image_folder import Folder
    from pyoci.state.model import State
    from pyoci.wire.plan import Plan

_INVENTORY = "inventory.img"


def restore(
    options: Options,
    switches: Wanted,
    program: str,
    on_terminal: Callable[[int, str], None],
    before_it_runs: Callable[[], object] = int,
) -> Created:
    """Make the container; it runs when this returns. On any error it is as if nothing had been tried.

    `before_it_runs` is called when all is restored. Raises what `create` raises, and CriuError.
    """
    plan, text = bundle_plan.load(options)
    plans.check(plan, switches)
    if posix.geteuid() != 0:
        raise UnsupportedError("restore: criu needs root")
    program = swrk.find(program)
    images = _open_images(switches)
    logs = images
    try:
        logs = image_folder.open(switches.work_path, "work folder") if switches.work_path else images
        version = check_criu(program, plan, switches)
        work = Restore(
            plan=plan,
            options=options,
            switches=switches,
            program=program,
            images=images,
            logs=logs,
            on_terminal=on_terminal,
            before_it_runs=before_it_runs,
            criu_version=version,
            sources={},
            staged=[],
        )
        return _make(work, text)
    finally:
        images.close()
        logs.close()


def _open_images(switches: Wanted) -> Folder:
    images = image_folder.open(switches.image_path or image_folder.DEFAULT, "image folder")
    try:
        images.check_files()
        if images.read(_INVENTORY, 1 << 20) is None:
            raise CriuError(f"image folder {images.path}: there is no checkpoint in it (no {_INVENTORY})")
    except BaseException:
        images.close()
        raise
    return images


def _make(work: Restore, text: bytes) -> Created:
    undo_when_asked_to_end()
    phase("reserve the id, write state")
    plan, options = work.plan, work.options
    signals.hold()  # an interrupt waits until what it would have undone is known
    entry = creation.reserve(options)
    try:
        signals.let_through()
        group = cgroups.prepare(
            plan.cgroups_path,
            options.container_id,
            manager=options.cgroup_manager,
            rootless=False,
            config_resources=plan.resources,
            annotations=plan.annotations,
            adopted=work.leaves_groups_to_criu,
        )
        container = Container(entry=entry, state=creation.first_state(plan, options, group), group=group)
        container.state.work_folder = _path_of(work.logs)
        entry.write(container.state)
        entry.write_file(CONFIG_FILE, text)
        if plan.readiness:
            entry.make_folder(READINESS_FOLDER)
        entry.publish()
        phase("make the cgroup")
        if not work.leaves_groups_to_criu:
            with signals.Delayed():
                container.group = group.create(_owner(plan))
            container.state.cgroup = container.group.save()
            entry.write(container.state)
        try:
            return _finish(
                work, container, run_criu(work, container, lambda *words: _on_notify(work, container, *words))
            )
        except BaseException:
            _abandon(work, container)
            raise
    except BaseException:
        creation.undo(entry)
        raise


def _path_of(folder: Folder) -> str:
    """Its whole path, for the record; empty where JSON cannot hold it."""
    path = posix.readlink(f"/proc/self/fd/{folder.fd}")
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return ""
    return path


def _owner(plan: Plan) -> tuple[int, int] | None:
    return delegation.owner(plan.namespaces, plan.mounts, plan.process)


def _on_notify(work: Restore, container: Container, script: str, pid: int, fd: int) -> None:
    log.debug(f"criu: {script}")
    if script == "orphan-pts-master" and fd >= 0:
        work.on_terminal(fd, "/dev/ptmx")
        return
    if fd >= 0:
        posix.close(fd)
    if script == "setup-namespaces":
        _run_hooks(work, container.state, pid)
    elif script == "post-restore":
        _take_over(work, container, pid)
    elif script == "pre-resume":
        _check(work, container)


def _run_hooks(work: Restore, state: State, pid: int) -> None:
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


def _take_over(work: Restore, container: Container, pid: int) -> None:
    """The processes are there, and nothing runs yet. From here on criu waits for ever when we are killed: by the group
    `delete` finds it.
    """
    phase("take over the processes")
    state = container.state
    if work.leaves_groups_to_criu:
        container.group.create(_owner(work.plan))
        container.group.add(work.criu)
    state.cgroup = container.group.save()  # systemd has made a scope meanwhile, for criu
    container.entry.write(state)
    restored.check_place(work.plan, pid, container.group.pids(), work.criu)
    work.before_it_runs()
    state.pid, state.pid_start = pid, proc_stat.start_time(pid)


def _check(work: Restore, container: Container) -> None:
    """All is restored, credentials too, and every thread stands still. It runs after this, so it is written down.

    Others see no container before criu has let go of it: a process that `exec` puts into the cgroup would be taken for
    a restored one, and `pause` would freeze criu.
    """
    phase("check what was restored")
    state = container.state
    restored.check(work.plan, state.pid, container.group.pids(), work.criu, work.switches.lsm_profile)
    restored.check_mounts(work.plan, state.pid, work.staged)
    if work.plan.rootfs.readonly:
        restored.make_root_readonly(state.pid)
    phase("write state")
    init = state.pid, state.pid_start
    state.restored_pid, state.restored_start = init
    state.pid = state.pid_start = 0
    try:
        container.entry.write(state)
    finally:
        state.pid, state.pid_start = init


def _finish(work: Restore, container: Container, pid: int) -> Created:
    if not pid or pid != container.state.pid:
        raise CriuError(f"criu restored process {pid}, and reported {container.state.pid}")
    pidfd = posix.pidfd_open(pid)
    # Once an engine can know of the container, a signal is the container's: `relay.wait` lets it through.
    signals.hold()
    container.state.restored_pid = container.state.restored_start = 0
    container.state.work_folder = ""
    container.entry.write(container.state)
    report_pid(pid, pidfd, work.options.pid_file, work.options.pidfd_socket)
    container.entry.unlock()  # a hook may call pyoci for this very container
    hooks = container.state.hooks.get("poststart")
    if hooks:
        from pyoci.host import hooks as runner

        phase("poststart hooks")
        work.hooks_ran = True
        signals.let_through()  # a hook may take long
        runner.run(hooks, model.document(container.state, status.RUNNING), "poststart", container.state.bundle)
        signals.hold()
    return creation.Created(entry=container.entry, state=container.state, plan=work.plan, pid=pid, pidfd=pidfd)


def _abandon(work: Restore, container: Container) -> None:
    """criu has killed what it made; what it could not is in the cgroup."""
    phase("undo")
    try:
        if container.state.pid:
            from pyoci.host import delete

            delete.stop(container.state)
        container.group.kill(signals.KILL)
        _reap(container.state.pid)
        container.group.destroy(cgroups.NOBODY)
        if container.state.resctrl:
            from pyoci.cgroups import resctrl

            resctrl.remove(container.state.resctrl)
    except PyociError as error:
        log.warning(str(error))
    poststop = work.plan.hooks.get("poststop")
    if poststop and work.hooks_ran:
        container.entry.unlock()
        from pyoci.host import hooks as runner

        runner.run_all(poststop, model.document(container.state, status.STOPPED), "poststop", work.plan.bundle)


def _reap(pid: int) -> None:
    """The container's first process is our child."""
    try:
        if pid:
            posix.waitpid(pid, 0)
        while posix.waitpid(-1, posix.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def run(options: Options, switches: Wanted, program: str, *, subreaper: bool) -> int:
    """Restore; unless detached, wait for the container's end, delete it and return its exit status."""
    from pyoci.host.send_fd import ConsoleSocket

    if options.detach:
        restore(options, switches, program, ConsoleSocket(options.console_socket))
        return 0
    from pyoci.host import delete
    from pyoci.host.relay import Relay

    if subreaper:
        process.become_subreaper()
    relay, watches = Relay(), []
    on_terminal = ConsoleSocket(options.console_socket) if options.console_socket else relay.adopt
    try:
        created = restore(options, switches, program, on_terminal, lambda: watches.append(relay.__enter__()))
        exit_status = relay.wait(created.pid, created.pidfd)
    finally:
        if watches:
            relay.__exit__()
    if exit_status > 128:
        from pyoci.host import why_ended

        why_ended.tell(exit_status, created.entry, created.pid)
    try:
        if created.entry.lock_unless_gone():
            delete.destroy(created.entry, created.state)
    except PyociError as error:
        log.warning(str(error))
    return exit_status
