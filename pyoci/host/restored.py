"""The processes that criu made, before they run: nothing in an image may give back what config.json takes."""

from __future__ import annotations

import posix

from pyoci.errors import ContainerError, CriuError, SyscallError
from pyoci.host import process_tree
from pyoci.kernel import child, mount, namespace, pidfd, proc_stat, read_text, signals, uapi
from pyoci.plan import mountinfo
from pyoci.plan import restore as plans
from pyoci.plan.mountinfo import MountPoint
from pyoci.plan.restore import Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cgroups import Cgroup
    from pyoci.wire.plan import Plan


def check_place(plan: Plan, init: int, pids: list[int], criu: int) -> None:
    """Raise CriuError when the processes are not in the container's namespaces and cgroup.

    `pids` are those in the cgroup, where the process `criu` and its helpers work, too.
    """
    for pid in (init, *process_tree.descendants(init)):
        # an image names groups of its own for each process; `delete` and `kill` find all processes by the container's
        if pids and pid not in pids and not _has_ended(pid):
            raise CriuError(f"restored process {pid} is not in the container's cgroup")
    allowed = plans.confinement(plan)
    _check(plans.Confinement(namespaces=allowed.namespaces), init, pids, criu)


def check(plan: Plan, init: int, pids: list[int], criu: int, lsm_profile: str) -> None:
    """Raise CriuError when a process is less confined than config.json says, once it has its credentials back."""
    _check(plans.confinement(plan, lsm_profile), init, pids, criu)


def check_mounts(plan: Plan, init: int, staged: list[tuple[bool, MountPoint]]) -> None:
    """Raise CriuError when a mount shows more than config.json says, or may be written to, or run from.

    A container that may mount can have changed its mounts itself.
    """
    if not plans.limits_mounts(plan):
        return
    why = plans.mounts_differ(plan, staged, mountinfo.parse(read_text(f"/proc/{init}/mountinfo")))
    if why:
        raise CriuError(f"restored process {init} is not confined as config.json says: {why}")


def kill(init: int, start: int, group: Cgroup, criu: int) -> None:
    """Kill the processes of the container, and not criu: those of its group, and all that descend from its init.

    By descriptors, since others may end a process meanwhile, and its number be another's. What is held counts when
    it is found a second time.
    """
    held: dict[int, int] = {}
    first = pidfd.open(init, start)
    try:
        for pid in _all_of_container(init, first, group, criu):
            try:
                held[pid] = posix.pidfd_open(pid)
            except OSError:
                continue  # it has ended
        for pid in _all_of_container(init, first, group, criu).intersection(held):
            pidfd.send(held[pid], signals.KILL)
        if first is not None:
            pidfd.send(first, signals.KILL)
    finally:
        for fd in (*held.values(), *([] if first is None else [first])):
            posix.close(fd)


def _all_of_container(init: int, held: int | None, group: Cgroup, criu: int) -> set[int]:
    """Without init, which the descriptor `held` is of."""
    below = process_tree.descendants(init) if held is not None else []
    if held is not None and pidfd.wait(held, 0):
        below = []  # the number is free by now
    return {*_of_container(group.pids(), criu), *below} - {init}


def make_root_readonly(init: int) -> None:
    """criu before 4.2 leaves the flags of the root out. Raises SyscallError."""
    place = posix.open(f"/proc/{init}/ns/mnt", posix.O_RDONLY | posix.O_CLOEXEC)
    pid = child.run(lambda: _make_readonly_there(place))
    posix.close(place)
    number = posix.waitstatus_to_exitcode(posix.waitpid(pid, 0)[1])
    what = f"make the root of restored process {init} read-only"
    if number < 0:
        raise ContainerError(f"{what}: the process for it {signals.ending(number)}")
    if number:
        raise SyscallError(number, what)


def _make_readonly_there(place: int) -> int:
    """An error number, or 0. This process ends with it: setns(2) has given it the container's root."""
    try:
        namespace.join(place, uapi.CLONE_NEWNS, "mount namespace")
        mount.setattr(posix.open("/", posix.O_PATH | posix.O_CLOEXEC), set=uapi.MOUNT_ATTR_RDONLY)
    except (OSError, SyscallError) as error:
        return error.errno or 255
    except BaseException:  # noqa: BLE001  # whatever it is, it must not go on in the container
        return 255
    return 0


def _check(allowed: plans.Confinement, init: int, pids: list[int], criu: int) -> None:
    # criu's mount namespace is a copy of the host's
    of_the_host = {
        kind: (_namespace("self", kind), _namespace(str(criu), kind)) for kind in (*allowed.namespaces, "user")
    }
    users = _namespace(str(init), "user") if "user" in allowed.namespaces else of_the_host["user"][0]
    for pid in {init, *_of_container(pids, criu)}:
        try:
            why = plans.escapes(allowed, _look(pid, of_the_host, users))
        except FileNotFoundError:
            continue  # it has ended
        if why:
            raise CriuError(f"restored process {pid} is not confined as config.json says: {why}")


def _of_container(pids: list[int], criu: int) -> list[int]:
    return [pid for pid in pids if pid != criu and _parent(pid) != criu]


def _look(pid: int, of_the_host: dict[str, tuple[str, str]], users: str) -> Process:
    return Process(
        pid=pid,
        with_host=[kind for kind, names in of_the_host.items() if _namespace(str(pid), kind) in names],
        own_users=_namespace(str(pid), "user") != users,
        status=read_text(f"/proc/{pid}/status"),
        label=_label(pid),
        limits=read_text(f"/proc/{pid}/limits"),
        oom_score_adj=int(read_text(f"/proc/{pid}/oom_score_adj")),
    )


def _has_ended(pid: int) -> bool:
    """A zombie, which checkpoints have, too, is in no group's list."""
    facts = proc_stat.stat(pid)
    return facts is None or facts[0] in proc_stat.DEAD


def _label(pid: int) -> str:
    """AppArmor's, or that of the only module that has labels; empty without one."""
    for name in ("apparmor/current", "current"):
        try:
            return read_text(f"/proc/{pid}/attr/{name}").strip("\0\n")
        except OSError:
            continue
    return ""


def _parent(pid: int) -> int:
    try:
        lines = read_text(f"/proc/{pid}/status").split("\n")
    except FileNotFoundError:
        return 0
    return next((int(line[5:]) for line in lines if line.startswith("PPid:")), 0)


def _namespace(process: str, kind: str) -> str:
    try:
        return posix.readlink(f"/proc/{process}/ns/{uapi.NAMESPACE_FILES[kind]}")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SyscallError(error.errno or 0, f"look at the {kind} namespace of process {process}") from None
