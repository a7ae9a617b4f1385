"""checkpoint: criu writes the processes of a container to files (runc-checkpoint(8)).

Whatever fails, the container runs on and the files are gone; only after criu has said that all is written does the
container end.
"""

from __future__ import annotations

import _stat as stat
import errno
import posix

from pyoci import jsontext, log, phase
from pyoci.criu import rpc, swrk
from pyoci.errors import (
    NOT_RUNNING,
    CgroupError,
    CriuError,
    PyociError,
    StateError,
    SyscallError,
    UnsupportedError,
    UsageError,
)
from pyoci.host import delete, image_folder
from pyoci.host.interrupt import undo_when_asked_to_end
from pyoci.kernel import namespace, pidfd, read_text
from pyoci.kernel.beneath import Root
from pyoci.plan import checkpoint as plans
from pyoci.plan import criu, mountinfo
from pyoci.plan import facts as host_facts
from pyoci.plan.build import build
from pyoci.plan.checkpoint import Found, Wanted
from pyoci.plan.mountinfo import MountPoint
from pyoci.plan.request import Request
from pyoci.record import Record
from pyoci.state import freezer_lock, status
from pyoci.state.store import CONFIG_FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.host.image_folder import Folder
    from pyoci.state.model import State
    from pyoci.state.store import Entry
    from pyoci.wire.plan import Plan

_TERMINALS = (4, 5, *range(136, 144))  # major numbers: admin-guide/devices.txt


class Held(Record):
    """Descriptors for the time of a checkpoint: a pidfd of the container's init, and the lock of its freezer."""

    init: int
    freezer: int


def checkpoint(entry: Entry, switches: Wanted, program: str) -> None:
    """Write a running or paused container's processes to `switches.image_path`, and end it unless it shall go on.

    Raises StateError, UsageError, UnsupportedError, CriuError, SyscallError; the container then runs as before.
    """
    plans.check(switches)
    if posix.geteuid() != 0:
        raise UnsupportedError("checkpoint: criu needs root")
    program = swrk.find(program)
    phase("status")
    # Read before the lock, which `create` holds while its hooks may call us; what was made does not change any more.
    state = status.made(entry, "cannot checkpoint container")
    entry.lock()
    with freezer_lock.take(entry, makes_it=True) as freezer:
        was_frozen = _check_status(entry, state)
        init = status.hold_init(state)
        if init is None:
            raise StateError(f"checkpoint: {NOT_RUNNING}: {state.id!r} is stopped")
        try:
            _checkpoint(entry, state, switches, program, was_frozen, Held(init=init, freezer=freezer.dirfd))
        finally:
            pidfd.close(init)


def _checkpoint(entry: Entry, state: State, switches: Wanted, program: str, was_frozen: bool, held: Held) -> None:
    plan = _plan_of(entry, state)
    facts = _look(plan, state)
    _check_criu(program, plan, switches, facts)
    options = plans.options(plan, switches, facts)
    switches.image_path = switches.image_path or image_folder.DEFAULT
    images = image_folder.make(switches.image_path, "image folder")
    work = None
    undo_when_asked_to_end("the container goes on")
    try:
        images.check_files()
        work = image_folder.make(switches.work_path, "work folder") if switches.work_path else None
        options |= _folders(images, work, switches)
        if not switches.pre_dump:
            # before criu: with --lazy-pages the restore begins while criu still hands out memory
            images.write(criu.DESCRIPTORS_FILE, jsontext.dumps(facts.streams).encode("ascii"))
        _dump(program, switches, options, images, work or images, held)
    except BaseException:
        # a log in a folder of its own stays: containerd and podman show it
        images.undo()
        _thaw(state, was_frozen)
        raise
    finally:
        images.close()
        if work is not None:
            work.close()
    if not (switches.leave_running or switches.pre_dump):
        _end(entry, state)


def _check_status(entry: Entry, state: State) -> bool:
    """Whether it is frozen."""
    current = status.status(entry, state)
    if current not in (status.RUNNING, status.PAUSED):
        raise StateError(f"checkpoint: {NOT_RUNNING}: {state.id!r} is {current}")
    return current == status.PAUSED


def _plan_of(entry: Entry, state: State) -> Plan:
    config = jsontext.loads(entry.read_file(CONFIG_FILE), what=f"{entry.path}/{CONFIG_FILE}")
    request = Request(container_id=state.id, bundle=state.bundle)
    return build(config, request, host_facts.gather())


def _look(plan: Plan, state: State) -> Found:
    phase("look at the container")
    pid = state.pid
    mounts = mountinfo.parse(_read(f"/proc/{pid}/mountinfo"))
    annotations = plan.annotations
    known = {path: posix.access(path, posix.F_OK) for path in criu.CONFIG_FILES}
    freezer = criu.freezer(state.cgroup)
    if freezer and pid not in status.cgroup(state).pids():
        raise CgroupError(f"checkpoint: process {pid} has left the container's cgroup, which criu would freeze")
    return Found(
        pid=pid,
        mounts=mounts,
        placed=_placed(plan, pid),
        namespaces={
            kind: _namespace_inode(path, kind) for kind, path in plan.namespaces.joined if kind in ("network", "pid")
        },
        streams=[_stream(pid, number, mounts) for number in range(3)],
        freezer=freezer,
        config_file=criu.config_file(annotations, known),
    )


def _placed(plan: Plan, pid: int) -> dict[str, int]:
    """Which mount lies at each path of config.json now: looked up beneath the container's root."""
    try:
        fd = posix.open(f"/proc/{pid}/root", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"open the root of process {pid}") from None
    root, mount_ids = Root(fd), {}
    try:
        for path in plans.paths(plan):
            try:
                place = root.find(path)
            except SyscallError:
                continue  # a loop of links, or what root may not search: nothing of ours lies there
            if place is not None:
                mount_ids[path] = _mount_id(f"/proc/self/fdinfo/{place}")
                posix.close(place)
    finally:
        posix.close(fd)
    return mount_ids


def _stream(pid: int, number: int, mounts: list[MountPoint]) -> str:
    """The name that criu has for a standard stream which the container got from outside; else empty."""
    try:
        target = posix.readlink(f"/proc/{pid}/fd/{number}")
        if target.startswith(("pipe:[", "socket:[")):
            return target
        facts = posix.stat(f"/proc/{pid}/fd/{number}")
        mount_id = _mount_id(f"/proc/{pid}/fdinfo/{number}")
    except (OSError, SyscallError):
        return ""  # closed
    if any(mount.id == mount_id for mount in mounts):
        return ""
    if stat.S_ISCHR(facts.st_mode) and posix.major(facts.st_rdev) in _TERMINALS:
        return f"tty[{facts.st_rdev:x}:{facts.st_dev:x}]"
    return f"file[{mount_id:x}:{facts.st_ino:x}]"


def _mount_id(path: str) -> int:
    for line in _read(path).split("\n"):
        key, _, value = line.partition(":")
        if key == "mnt_id":
            return int(value)
    raise CriuError(f"{path} has no mnt_id")


def _namespace_inode(path: str, kind: str) -> int:
    fd = namespace.open_path(path, kind)
    try:
        return posix.fstat(fd).st_ino
    finally:
        posix.close(fd)


def _check_criu(program: str, plan: Plan, switches: Wanted, facts: Found) -> None:
    phase("criu's version and features")
    reasons = criu.reasons(plan, switches, facts.config_file, joins=False)
    criu.require_version(swrk.version(program), reasons)
    if switches.pre_dump or switches.parent_path:
        swrk.require_feature(program, "mem_track", "--pre-dump" if switches.pre_dump else "--parent-path")
    if switches.lazy_pages:
        swrk.require_feature(program, "lazy_pages", "--lazy-pages")


def _folders(images: Folder, work: Folder | None, switches: Wanted) -> dict[str, object]:
    (work or images).unlink(criu.DUMP_LOG)
    options: dict[str, object] = {"images_dir_fd": images.fd}
    if work is not None:
        options["work_dir_fd"] = work.fd
    if switches.parent_path:
        options["parent_img"] = _parent(images, switches.parent_path)
    return options


def _parent(images: Folder, path: str) -> str:
    """The pre-dump's folder relative to the images': criu keeps it as a link, which must survive a move of both."""
    from os.path import join, realpath, relpath

    folder = realpath(f"/proc/self/fd/{images.fd}")
    whole = path if path.startswith("/") else join(folder, path)
    if not posix.access(f"{whole}/.", posix.F_OK):
        raise UsageError(f"option --parent-path: {path!r} is not a folder (a relative path starts in the image folder)")
    image_folder.check_way(images.fd, path, "option --parent-path")
    image_folder.open(whole, "option --parent-path: folder").close()
    return relpath(realpath(whole), folder) if path.startswith("/") else path


def _dump(program: str, switches: Wanted, options: dict[str, object], images: Folder, logs: Folder, held: Held) -> None:
    phase("criu dump")

    def on_notify(script: str, _pid: int, fd: int) -> None:
        log.debug(f"criu: {script}")
        if fd >= 0:
            posix.close(fd)
        # criu holds the processes since before `network-lock`, and kills them after `post-dump`: as long as init has
        # not ended, its number stands for no other process
        if pidfd.wait(held.init, 0):
            raise StateError(f"checkpoint: {NOT_RUNNING}: its first process has ended meanwhile")

    # criu has the lock, too: it thaws the container, even when we have been killed
    with swrk.Conversation(program, (held.freezer,)) as process:
        answer = process.request(rpc.PRE_DUMP if switches.pre_dump else rpc.DUMP, options, on_notify)
    if answer.get("success"):
        return
    text = swrk.read_log(logs.fd, criu.DUMP_LOG)
    if log.is_verbose():
        log.debug(f"criu's log: {text.decode('utf-8', 'replace')}")
    place = f" (see {logs.path}/{criu.DUMP_LOG})" if logs is not images else ""
    raise CriuError(f"checkpoint: criu failed: {swrk.why_failed(answer, text)}{place}")


def _thaw(state: State, was_frozen: bool) -> None:
    """A criu that was killed may have left it frozen."""
    try:
        if not was_frozen and status.is_frozen(state):
            status.cgroup(state).freeze(False)
    except PyociError as error:
        log.warning(str(error))


def _end(entry: Entry, state: State) -> None:
    """criu has killed the processes; the checkpoint is good, whatever becomes of the rest."""
    _thaw(state, was_frozen=False)  # what is frozen does not die in cgroup v1
    try:
        init = status.hold_init(state)
        if init is not None:
            gone = pidfd.wait(init, delete.PATIENCE)
            pidfd.close(init)
            if not gone:
                raise StateError(f"container {entry.id}: process {state.pid} still runs after its checkpoint")
        delete.destroy(entry, state)
    except PyociError as error:
        log.warning(f"the checkpoint is written, but the container is not removed: {error}")


def _read(path: str) -> str:
    """Of a process of the container. mountinfo of one that has ended is EINVAL until it is reaped."""
    try:
        return read_text(path)
    except OSError as error:
        gone = error.errno == errno.ENOENT and "/fdinfo/" not in path  # not just a descriptor that was closed
        if gone or error.errno in (errno.EINVAL, errno.ESRCH):
            raise StateError(f"checkpoint: {NOT_RUNNING}: its first process has ended meanwhile") from None
        raise SyscallError(error.errno or 0, f"read {path}") from None
