"""Look at the host: each mechanism is tried, in a child process that is thrown away with all that it made."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable

from pyoci import cgroups
from pyoci.cgroups import hierarchies
from pyoci.doctor import engines
from pyoci.doctor.model import Host
from pyoci.errors import CgroupError, PyociError, reason
from pyoci.host.file_text import beginning
from pyoci.host.why_user_namespace import around_caller
from pyoci.kernel import beneath, child, keyring, mount, namespace, pidfd, proc_stat, process, seccomp, signals, uapi

_SUBORDINATE = ("subuid", "subgid")
_TOOLS = ("newuidmap", "newgidmap", "pasta", "slirp4netns", "criu")
_SYSCTLS = (
    "user.max_user_namespaces",
    "kernel.unprivileged_userns_clone",
    "kernel.apparmor_restrict_unprivileged_userns",
)
_SECONDS = 20.0
_NOBODY = 65534
# v1's names of controllers, by those of v2
_V1_NAMES = {"io": "blkio"}


def look(state_root: str, version: str) -> Host:
    """Everything that `judge` needs to know. Never raises: what cannot be seen is a reason."""
    layout, controllers, cgroup_error = _cgroups()
    user = _user()
    return Host(
        kernel=os.uname().release,
        machine=os.uname().machine,
        user=user,
        root=os.geteuid() == 0,
        tried=_mechanisms(),
        layout=layout,
        controllers=controllers,
        cgroup_error=cgroup_error,
        systemd=os.path.isdir("/run/systemd/system"),
        subordinate={file: _subordinate_ids(f"/etc/{file}", user) for file in _SUBORDINATE},
        tools={tool: shutil.which(tool) is not None for tool in _TOOLS},
        tun=os.path.exists("/dev/net/tun"),
        sysctls={name: value for name in _SYSCTLS if (value := beginning(f"/proc/sys/{name.replace('.', '/')}"))},
        libraries={
            **{name: _loads(name) for name in ("jsonschema", "jeepney", "pyroute2", "prctl", "rich")},
            "libseccomp": _libseccomp(),
            "the standard library": _loads("ctypes", "json", "socket", "tomllib"),
        },
        lsm=tuple(name for name in beginning("/sys/kernel/security/lsm").split(",") if name),
        seccomp_actions=tuple(name for name, number in uapi.SECCOMP_RET.items() if seccomp.has_action(number)),
        resctrl=_resctrl(),
        criu=_criu(),
        state_root=state_root,
        state_error=_state_error(state_root),
        program=_program(),
        version=version,
        package_version=_package_version(),
        engines=tuple(engines.installed(home=os.path.expanduser("~"))),
    )


def attempt(action: Callable[[], object], *, private: bool = False) -> str:
    """Run `action` in a child; the reason for its failure, or nothing.

    With `private`, in a mount namespace of its own, and for an ordinary user in a user namespace as well: there it
    may mount.
    """
    reader, writer = os.pipe()

    def try_it() -> None:
        os.write(writer, _failure(action, private).encode("utf-8", "backslashreplace")[:4096])

    pid = child.run(try_it)
    os.close(writer)
    with open(reader, "rb") as words_of_child:
        failure = words_of_child.read().decode("utf-8", "replace")
    _, status = os.waitpid(pid, 0)
    return failure if status == 0 or failure else f"the attempt {signals.ending(os.waitstatus_to_exitcode(status))}"


def _failure(action: Callable[[], object], private: bool) -> str:
    try:
        if private:
            if os.geteuid() != 0:
                _become_root_of_user_namespace()
            namespace.unshare(uapi.CLONE_NEWNS, "mount namespace")
            _make_private()
        action()
    except (PyociError, OSError, ValueError) as error:
        return str(error) or "it failed without a reason"
    return ""


def _mechanisms() -> dict[str, str]:
    tried = {kind: _try_namespace(kind) for kind in uapi.NAMESPACE_FLAGS}
    return {
        **tried,
        "clone3": attempt(lambda: _exit_if_child(process.clone(0)[0])),
        "openat2": attempt(lambda: beneath.openat2(os.open("/", os.O_PATH), "proc", os.O_PATH, uapi.RESOLVE_BENEATH)),
        "pidfd": attempt(lambda: pidfd.open(os.getpid(), proc_stat.start_time(os.getpid()))),
        "close_range": attempt(lambda: process.close_on_exec_from(1000)),
        "mount API": attempt(_try_mount_api, private=True),
        "procfs": attempt(_try_procfs),
        "idmapped mounts": attempt(_try_idmapped_mount, private=True),
        "overlay": _try_overlay(),
        "keyring": attempt(lambda: keyring.join_session("pyoci-doctor", others_may_search=False)),
    }


def _exit_if_child(pid: int) -> None:
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _try_namespace(kind: str) -> str:
    if kind == "user":
        # What counts is an ordinary user: root may always.
        return attempt(_try_user_namespace)

    def enter() -> None:
        if os.geteuid() != 0:
            _become_root_of_user_namespace()
        namespace.unshare(uapi.NAMESPACE_FLAGS[kind], f"{kind} namespace")

    return attempt(enter)


def _try_user_namespace() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    namespace.unshare(uapi.CLONE_NEWUSER, "user namespace")
    # AppArmor allows the call and then takes the capabilities away (kernel.apparmor_restrict_unprivileged_userns).
    namespace.unshare(uapi.CLONE_NEWUTS, "UTS namespace in a new user namespace")


def _become_root_of_user_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    namespace.unshare(uapi.CLONE_NEWUSER, "user namespace")
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _make_private() -> None:
    """Nothing that the child mounts reaches the host."""
    fd = os.open("/", os.O_PATH)
    mount.setattr(fd, propagation=uapi.MS_PRIVATE, recursive=True)
    os.close(fd)


def _try_mount_api() -> None:
    mount_fd = mount.filesystem("tmpfs", "tmpfs", (), (("mode", "755"),))
    mount.setattr(mount_fd, set=uapi.MOUNT_ATTR_RDONLY)
    # With all below it: in a user namespace nobody may look behind the host's mounts.
    mount.open_tree(uapi.AT_FDCWD, "/", recursive=True)


def _try_procfs() -> None:
    if os.geteuid() != 0:
        _become_root_of_user_namespace()
    namespace.unshare(uapi.CLONE_NEWPID | uapi.CLONE_NEWNS, "PID and mount namespaces")
    failure = attempt(lambda: mount.filesystem("proc", "proc", (), ()))
    if failure:
        raise PyociError(failure)


def _try_idmapped_mount() -> None:
    from pyoci.host import idmap
    from pyoci.kernel import procfs
    from pyoci.wire.plan import IdMapping, UserNamespace

    if around_caller():
        raise PyociError("only root of the host may map the IDs of a mount")
    mapping = [IdMapping(container_id=0, host_id=100000, size=1)]
    proc_fd = procfs.open_root()
    user = idmap.namespace_of(UserNamespace(uid_mappings=mapping, gid_mappings=mapping), proc_fd, ("", ""))
    tree = mount.open_tree(uapi.AT_FDCWD, tempfile.gettempdir())
    mount.setattr(tree, set=uapi.MOUNT_ATTR_IDMAP, userns_fd=user)


def _try_overlay() -> str:
    with tempfile.TemporaryDirectory(prefix="pyoci-doctor-") as folder:

        def make() -> None:
            target = os.open(folder, os.O_PATH)
            mount.move(mount.filesystem("tmpfs", "tmpfs", (), ()), target, folder)
            for name in ("lower", "upper", "work"):
                os.mkdir(f"{folder}/{name}")
            layers = tuple((f"{name}dir", f"{folder}/{name}") for name in ("lower", "upper", "work"))
            options = (*layers, ("userxattr", None)) if around_caller() else layers
            mount.filesystem("overlay", "overlay", (), options)

        return attempt(make, private=True)


def _cgroups() -> tuple[str, tuple[str, ...], str]:
    """The layout, the controllers that a container can have, and why no group can be made."""
    try:
        unified = cgroups.is_unified()
        mounted = hierarchies.mounted()
        own_groups = hierarchies.own_groups()
    except CgroupError as error:
        return "", (), str(error)
    if not mounted:
        return "", (), "no cgroup file system is mounted"
    if unified:
        place = "/sys/fs/cgroup" + own_groups.get("", "/").rpartition("/")[0]
        names = beginning(f"{place}/cgroup.controllers").split()
        # Part of the core of v2, and by BPF.
        return "v2", (*names, "freezer", "devices"), attempt(lambda: _make_group(place))
    names = [name for hierarchy in mounted for name in hierarchy.controllers.split(",")]
    layout = "hybrid" if "" in names else "v1"
    controllers = tuple(next((new for new, old in _V1_NAMES.items() if old == name), name) for name in names if name)
    first = next((hierarchy for hierarchy in mounted if "memory" in hierarchy.controllers), mounted[0])
    below = hierarchies.below_mount(own_groups.get(first.controllers, "/"), first.root)
    return layout, controllers, attempt(lambda: _make_group(first.mount + below.rpartition("/")[0]))


def _make_group(place: str) -> None:
    path = f"{place}/pyoci-doctor-{os.urandom(6).hex()}"
    try:
        os.mkdir(path)
    except OSError as error:
        raise PyociError(f"make {path}: {reason(error)}") from None
    os.rmdir(path)


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _subordinate_ids(file: str, user: str) -> int:
    """How many IDs the user has in /etc/subuid or /etc/subgid: subuid(5)."""
    total = 0
    for line in beginning(file).split("\n"):
        fields = line.split(":")
        if len(fields) == 3 and fields[0] in (user, str(os.geteuid())) and fields[2].isdigit():
            total += int(fields[2])
    return total


def _loads(*names: str) -> str:
    for name in names:
        try:
            __import__(name)
        except ImportError as error:
            return str(error)
    return ""


def _libseccomp() -> str:
    try:
        from pyoci.kernel.libseccomp import Library

        Library()
    except (PyociError, ImportError) as error:
        return str(error)
    return ""


def _resctrl() -> str:
    if "resctrl" not in beginning("/proc/filesystems").split():
        return ""
    return "mounted" if os.path.exists("/sys/fs/resctrl/schemata") else "in the kernel, not mounted"


def _criu() -> str:
    program = shutil.which("criu")
    if program is None:
        return "CRIU is not installed"
    if os.geteuid() != 0:
        return "only root may use CRIU"
    try:
        done = subprocess.run([program, "check"], capture_output=True, timeout=_SECONDS, check=False, text=True)
    except (OSError, subprocess.SubprocessError) as error:
        return f"criu check: {error}"
    lines = [line for line in (done.stderr + done.stdout).splitlines() if "Error" in line or "failed" in line]
    return f"criu check: {lines[0].strip() if lines else signals.ending(done.returncode)}" if done.returncode else ""


def _state_error(root: str) -> str:
    """Why no state can be kept below `root`; the folder itself is made when it is needed."""
    place = root
    while not os.path.isdir(place) and place != os.path.dirname(place):
        place = os.path.dirname(place)
    return "" if os.access(place, os.W_OK | os.X_OK) else f"{place} cannot be written"


def _program() -> str:
    path = os.readlink("/proc/self/exe")
    return path if os.path.basename(path).startswith("pyoci") else f"{sys.executable or path} -m pyoci"


def _package_version() -> str:
    """The version of the package in files that belongs to this program."""
    import re

    import pyoci

    for folder in pyoci.__path__:
        match = re.search(r'^VERSION = "([^"]+)"', beginning(f"{folder}/cli/main.py"), re.MULTILINE)
        if match:
            return match[1]
    return ""
