"""A restore as criu is asked for it, and the answer that it gives. `restore` has the order of all."""

from __future__ import annotations

import posix

from pyoci import jsontext, log, phase
from pyoci.criu import rpc, swrk
from pyoci.errors import CgroupError, CriuError, reason
from pyoci.host import create as creation
from pyoci.host import open_for_init, restored
from pyoci.init import restore_stage
from pyoci.init.inside import limits
from pyoci.kernel import mount, process, signals
from pyoci.plan import criu, mountinfo
from pyoci.plan import restore as plans
from pyoci.plan.restore import Found, Wanted
from pyoci.record import Record
from pyoci.state.store import START_SOCKET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyoci.cgroups import Cgroup
    from pyoci.host.bundle_plan import Options
    from pyoci.host.image_folder import Folder
    from pyoci.plan.mountinfo import MountPoint
    from pyoci.state.model import State
    from pyoci.state.store import Entry
    from pyoci.wire.inherited import Inherited
    from pyoci.wire.messages import Channel
    from pyoci.wire.plan import Plan

_DESCRIPTORS_MAX = 4096  # bytes


class Restore(Record):
    """The common things of the steps of one restore. `criu` is its process number once it has started."""

    plan: Plan
    options: Options
    switches: Wanted
    program: str
    images: Folder
    logs: Folder
    on_terminal: Callable[[int, str], None]
    before_it_runs: Callable[[], object]
    criu_version: int
    hooks_ran: bool = False  # those whose work the poststop hooks undo
    criu: int = 0
    sources: dict[str, str]
    staged: list[tuple[bool, MountPoint]]

    @property
    def leaves_groups_to_criu(self) -> bool:
        """In the mode `strict` criu makes the groups, and refuses those that are there."""
        return self.switches.manage_cgroups_mode == "strict"


class Container(Record):
    """The container as far as it exists."""

    entry: Entry
    state: State
    group: Cgroup


def check_criu(program: str, plan: Plan, switches: Wanted) -> int:
    """criu's version."""
    phase("criu's version and features")
    reasons = criu.reasons(plan, switches, _config_file(plan), joins=True)
    reasons += ["--lsm-profile"] if switches.lsm_profile else []
    reasons += ["--tcp-close"] if switches.tcp_close else []
    reasons += ["--lsm-mount-context"] if switches.lsm_mount_context else []
    version = swrk.version(program)
    criu.require_version(version, reasons)
    if switches.lazy_pages:
        swrk.require_feature(program, "lazy_pages", "--lazy-pages")
    return version


def _config_file(plan: Plan) -> str:
    known = {path: posix.access(path, posix.F_OK) for path in criu.CONFIG_FILES}
    return criu.config_file(plan.annotations, known)


def _open(plan: Plan, container: Container) -> Inherited:
    phase("open what criu needs")
    inherited = open_for_init.open_all(plan, container.entry)
    # nobody waits for a start
    posix.close(inherited.start_fd)
    inherited.start_fd = -1
    container.entry.unlink(START_SOCKET)
    if any(entry.kind == "cgroup" for entry in plan.mounts):
        inherited.cgroup = container.group.mounts(False)
    return inherited


def run_criu(work: Restore, container: Container, on_notify: Callable[[str, int, int], None]) -> int:
    """The number of the container's first process. `on_notify` gets what criu reports meanwhile. Raises CriuError."""
    inherited = _open(work.plan, container)
    streams = _streams(work.images)
    # of the same file system, but a mount that criu's mount namespace can have
    folder = mount.open_tree(work.logs.fd, "", what="bind the folder for criu's log")
    work.logs.unlink(criu.RESTORE_LOG)
    try:
        folders = {"images_dir_fd": work.images.fd, "work_dir_fd": folder}
        answer = _ask_criu(work, container, inherited, streams, folders, on_notify)
    except BaseException:
        work.logs.remove_yards()
        raise
    finally:
        for fd in (folder, *(fd for _, fd in streams)):
            posix.close(fd)
        open_for_init.close_given(inherited)
    if answer.get("success"):
        return int((answer.get("restore") or {}).get("pid", 0))
    text = swrk.read_log(work.logs.fd, criu.RESTORE_LOG)
    if log.is_verbose():
        log.debug(f"criu's log: {text.decode('utf-8', 'replace')}")
    why = swrk.why_failed(answer, text)
    raise CriuError(f"restore: criu failed: {why} (see {work.logs.path}/{criu.RESTORE_LOG}){plans.lead(why)}")


def _ask_criu(
    work: Restore,
    container: Container,
    inherited: Inherited,
    streams: list[tuple[str, int]],
    folders: dict[str, int],
    on_notify: Callable[[str, int, int], None],
) -> dict[str, Any]:
    descriptors = f"/proc/{posix.getpid()}/fd"
    namespaces = {kind: (fd, f"{descriptors}/{fd}") for kind, fd in inherited.namespaces if kind != "cgroup"}
    passed = (*(fd for _, fd in streams), *(fd for fd, _ in namespaces.values()))
    with swrk.Conversation(
        work.program,
        passed,
        lambda channel: _prepare(work, inherited, folders["work_dir_fd"], channel),
        lambda *message: _note_mount(work, *message),
        own_group=not work.switches.shell_job,  # else its group becomes that of the processes
    ) as conversation:
        work.criu = conversation.pid
        _join_groups(work, container)
        prepared = Found(
            root=restore_stage.ROOT,
            sources=list(work.sources.items()),
            namespaces=namespaces,
            streams=streams,
            groups=criu.places(container.group.save()),
            config_file=_config_path(work.plan),
        )
        request = plans.options(work.plan, work.switches, prepared)
        request |= folders
        phase("criu restore")
        if not work.leaves_groups_to_criu:
            conversation.watch(container.group.why_stuck)
        try:
            return conversation.request(rpc.RESTORE, request, on_notify)
        except BaseException:
            if not work.leaves_groups_to_criu and not _thaw(container):
                container.group.kill(signals.KILL)  # what is frozen does not undo its work
            if container.state.pid:
                # criu holds them still, and takes no refusal any more: what it lets go must be dead
                init = container.state.pid, container.state.pid_start
                restored.kill(*init, container.group, work.criu)
                conversation.kill()
            raise


def _thaw(container: Container) -> bool:
    """False when it stays frozen: a parent is."""
    try:
        if container.group.is_frozen():
            container.group.freeze(False)
        return not container.group.is_frozen()
    except CgroupError as error:
        log.debug(str(error))
        return False


def _note_mount(work: Restore, kind: str, text: str) -> None:
    """A message of `restore_stage`: a mount that it has made for criu, or its source."""
    number, _, name = text.partition(" ")
    if kind == restore_stage.SOURCE:
        work.sources.setdefault(name, restore_stage.source_path(number))
    elif kind == restore_stage.MOUNT:
        work.staged += [(number == "1", point) for point in mountinfo.parse(name)]


def _join_groups(work: Restore, container: Container) -> None:
    """criu's process; each that it forks is in the same groups, with every thread (dup_task_struct)."""
    if not work.leaves_groups_to_criu:
        phase("criu joins the cgroup")
        container.group.add(work.criu)
    if work.plan.intel_rdt is not None:
        creation.join_resctrl(work.plan.intel_rdt, container.entry, container.state, work.criu)
        container.entry.write(container.state)


def _prepare(work: Restore, inherited: Inherited, folder: int, channel: Channel) -> None:
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
    copies: dict[str, int] = {}
    for number, name in enumerate(names):
        if name and name not in copies:
            copies[name] = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 10)
    return list(copies.items())
