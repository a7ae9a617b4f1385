"""Id maps of user namespaces: written by the privileged runtime, or by newuidmap(1) for everybody else."""

from __future__ import annotations

import posix

from pyoci.errors import PyociError, SyscallError
from pyoci.kernel import namespace, pidfd, process, procfs, signals, uapi
from pyoci.kernel.call import shown
from pyoci.wire.plan import IdMapping, UserNamespace


def write_maps(pid: int, user: UserNamespace, proc_fd: int) -> None:
    """Give the new user namespace of `pid` its mappings. Groups first: newuidmap may end our privilege."""
    if posix.geteuid() == 0:
        _write(pid, "gid_map", user.gid_mappings, proc_fd)
        _write(pid, "uid_map", user.uid_mappings, proc_fd)
        return
    own_gid, own_uid = _is_own(user.gid_mappings, posix.getegid()), _is_own(user.uid_mappings, posix.geteuid())
    if own_gid:
        # user_namespaces(7): an unprivileged process may map its own group only after giving up setgroups(2)
        procfs.write(proc_fd, f"{pid}/setgroups", "deny")
        _write(pid, "gid_map", user.gid_mappings, proc_fd)
    else:
        _run("newgidmap", pid, user.gid_mappings)
    if own_uid:
        _write(pid, "uid_map", user.uid_mappings, proc_fd)
    else:
        _run("newuidmap", pid, user.uid_mappings)


def as_text(mappings: list[IdMapping]) -> str:
    return "".join(f"{entry.container_id} {entry.host_id} {entry.size}\n" for entry in mappings)


def _is_own(mappings: list[IdMapping], caller: int) -> bool:
    return len(mappings) == 1 and mappings[0].size == 1 and mappings[0].host_id == caller


def _write(pid: int, name: str, mappings: list[IdMapping], proc_fd: int) -> None:
    try:
        procfs.write(proc_fd, f"{pid}/{name}", as_text(mappings))
    except SyscallError as error:
        raise SyscallError(error.errno, f"write {name} {shown(as_text(mappings).strip())!r}").at(
            f"/linux/{name.removesuffix('_map')}Mappings"
        ) from None


def _run(tool: str, pid: int, mappings: list[IdMapping]) -> None:
    """newuidmap(1): setuid, allows what /etc/subuid grants."""
    arguments = [tool, str(pid)]
    for entry in mappings:
        arguments += [str(entry.container_id), str(entry.host_id), str(entry.size)]
    for directory in ("/usr/bin", "/usr/local/bin", "/bin"):
        if posix.access(f"{directory}/{tool}", posix.X_OK):
            break
    else:
        raise PyociError(f"map ids {shown(as_text(mappings).strip())!r}: {tool} is not installed (package uidmap)")
    child = -1
    try:
        with signals.Delayed():
            # without the mask, which Delayed has changed, and without what Python ignores
            environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
            child = posix.posix_spawn(
                f"{directory}/{tool}", arguments, environment, setsigmask=(), setsigdef=signals.BY_PYTHON
            )
        pidfd.until_exit(child)
        _, status = posix.waitpid(child, 0)
    except BaseException:  # it asks a directory service that does not answer, and a signal has asked us to end
        if child > 0:
            posix.kill(child, signals.KILL)  # setuid, but its real user is ours
            posix.waitpid(child, 0)
        raise
    if status:
        ending = signals.ending(posix.waitstatus_to_exitcode(status))
        raise PyociError(f"{shown(' '.join(arguments))} {ending}; /etc/subuid and /etc/subgid say what it allows")


def namespace_of(user: UserNamespace, proc_fd: int) -> int:
    """A descriptor of a user namespace with these mappings and nobody in it: for idmapped mounts."""
    reader, writer = posix.pipe()
    with signals.Delayed():
        pid, fd = process.clone(uapi.CLONE_NEWUSER)
        if pid == 0:
            try:
                posix.close(writer)
                posix.read(reader, 1)  # until the host has opened the namespace, or is gone
            finally:
                posix._exit(0)
    try:
        posix.close(reader)
        write_maps(pid, user, proc_fd)
        return namespace.open_path(f"/proc/{pid}/ns/user", "user")
    finally:
        posix.close(writer)
        posix.waitpid(pid, 0)
        posix.close(fd)
