"""Id maps of user namespaces: written by the privileged runtime, or by newuidmap(1) for everybody else."""

from __future__ import annotations

import posix

from pyoci.errors import PyociError, SyscallError
from pyoci.kernel import namespace, pidfd, process, procfs, signals, uapi
from pyoci.kernel.call import shown
from pyoci.wire.plan import IdMapping, UserNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    Places = tuple[str, str]  # where config.json has the mappings of users and of groups

# The last three are NixOS's and Guix's, where the others are empty.
_FOLDERS = ("/usr/bin", "/usr/local/bin", "/bin", "/run/wrappers/bin", "/run/privileged/bin", "/run/setuid-programs")
OF_CONTAINER = ("/linux/uidMappings", "/linux/gidMappings")


def write_maps(pid: int, user: UserNamespace, proc_fd: int, places: Places = OF_CONTAINER) -> None:
    """Give the new user namespace of `pid` its mappings, which config.json has at `places`.

    Groups first: newuidmap may end our privilege.
    """
    if posix.geteuid() == 0:
        _write(pid, "gid_map", user.gid_mappings, proc_fd, places[1])
        _write(pid, "uid_map", user.uid_mappings, proc_fd, places[0])
        return
    own_gid, own_uid = _is_own(user.gid_mappings, posix.getegid()), _is_own(user.uid_mappings, posix.geteuid())
    if own_gid:
        # user_namespaces(7): an unprivileged process may map its own group only after giving up setgroups(2)
        procfs.write(proc_fd, f"{pid}/setgroups", "deny")
        _write(pid, "gid_map", user.gid_mappings, proc_fd, places[1])
    else:
        _run("newgidmap", pid, user.gid_mappings)
    if own_uid:
        _write(pid, "uid_map", user.uid_mappings, proc_fd, places[0])
    else:
        _run("newuidmap", pid, user.uid_mappings)


def as_text(mappings: list[IdMapping]) -> str:
    return "".join(f"{entry.container_id} {entry.host_id} {entry.size}\n" for entry in mappings)


def _is_own(mappings: list[IdMapping], caller: int) -> bool:
    return len(mappings) == 1 and mappings[0].size == 1 and mappings[0].host_id == caller


def _write(pid: int, name: str, mappings: list[IdMapping], proc_fd: int, place: str) -> None:
    try:
        procfs.write(proc_fd, f"{pid}/{name}", as_text(mappings))
    except SyscallError as error:
        raise SyscallError(error.errno, f"write {name} {shown(as_text(mappings).strip())!r}").at(place) from None


def _run(tool: str, pid: int, mappings: list[IdMapping]) -> None:
    """newuidmap(1): setuid, allows what /etc/subuid grants."""
    arguments = [tool, str(pid)]
    for entry in mappings:
        arguments += [str(entry.container_id), str(entry.host_id), str(entry.size)]
    path = next((f"{folder}/{tool}" for folder in _FOLDERS if posix.access(f"{folder}/{tool}", posix.X_OK)), "")
    if not path:
        raise PyociError(f"map ids {shown(as_text(mappings).strip())!r}: {tool} is not installed (package uidmap)")
    child = -1
    reader, writer = posix.pipe2(posix.O_CLOEXEC | posix.O_NONBLOCK)
    try:
        with signals.Delayed():
            # without the mask, which Delayed has changed, and without what Python ignores
            environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
            actions = [(posix.POSIX_SPAWN_DUP2, writer, 2)]
            child = posix.posix_spawn(
                path, arguments, environment, file_actions=actions, setsigmask=(), setsigdef=signals.BY_PYTHON
            )
        pidfd.until_exit(child)
        _, status = posix.waitpid(child, 0)
        words = _words_of(reader)
    except BaseException:  # it asks a directory service that does not answer, and a signal has asked us to end
        if child > 0:
            posix.kill(child, signals.KILL)  # setuid, but its real user is ours
            posix.waitpid(child, 0)
        raise
    finally:
        posix.close(reader)
        posix.close(writer)
    if status:
        ending = signals.ending(posix.waitstatus_to_exitcode(status))
        kind = tool[3:6]
        raise PyociError(
            f"{shown(' '.join(arguments))} {ending}{words}; /etc/sub{kind} says what it allows to user "
            f"{posix.geteuid()}, and /linux/{kind}Mappings what is asked for"
        )


def _words_of(reader: int) -> str:
    """The words of the tool on standard error, as a part of our own message: an engine reads the log alone."""
    try:
        text = posix.read(reader, 400).decode("utf-8", "replace")
    except BlockingIOError:
        return ""
    return f" ({shown(' '.join(text.split()))})" if text.strip() else ""


def namespace_of(user: UserNamespace, proc_fd: int, places: Places) -> int:
    """A descriptor of a user namespace with these mappings and nobody in it: for an idmapped mount."""
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
        write_maps(pid, user, proc_fd, places)
        return namespace.open_path(f"/proc/{pid}/ns/user", "user")
    finally:
        posix.close(writer)
        posix.waitpid(pid, 0)
        posix.close(fd)
