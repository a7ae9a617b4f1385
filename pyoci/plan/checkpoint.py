"""checkpoint: what the container is, and what the command line says -> what criu is asked for. Pure."""

from __future__ import annotations

from pyoci.errors import UnsupportedError, UsageError
from pyoci.kernel import uapi
from pyoci.plan import criu
from pyoci.plan.mountinfo import MountPoint
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.wire.plan import Plan

_CGROUPS = ("cgroup", "cgroup2")
# What criu mounts again from its own notes: its files, if any, are in the image.
_MADE_ANEW = ("proc", "sysfs", "tmpfs", "devpts", "mqueue", "devtmpfs", "binfmt_misc", "debugfs", "tracefs", "overlay")


class Wanted(criu.Switches):
    """The command line of `checkpoint`."""

    parent_path: str = ""
    leave_running: bool = False
    tcp_skip_in_flight: bool = False
    link_remap: bool = False
    status_fd: int = -1
    page_server: tuple[str, int] | None = None
    pre_dump: bool = False


class Found(Record):
    """The kernel's facts about the container.

    mounts      all of its mount namespace
    placed      path of config.json -> ID of the mount that is there now, for all paths that something is mounted on
    namespaces  kind -> inode, of those that it has joined
    streams     names of its standard streams as criu knows them, empty for what is the container's own
    """

    pid: int
    mounts: list[MountPoint]
    placed: dict[str, int]
    namespaces: dict[str, int]
    streams: list[str]
    freezer: str = ""
    config_file: str = ""


def options(plan: Plan, switches: Wanted, facts: Found) -> dict[str, Any]:
    """criu_opts, except for the descriptors of the folders. Raises CriuError, UsageError, UnsupportedError."""
    if "mount" not in plan.namespaces.new:
        raise UnsupportedError("checkpoint: the container has no mount namespace of its own, which criu needs")
    criu.check_groups(plan.annotations, "checkpoint")
    request = criu.common(switches, criu.empty_namespaces(switches.empty_ns, uapi.CLONE_NEWNET), facts.config_file)
    request |= {"pid": facts.pid, "log_file": criu.DUMP_LOG, "ext_masters": True, "ext_sharing": True}
    for name in ("leave_running", "tcp_skip_in_flight", "link_remap"):
        if getattr(switches, name):
            request[name] = True
    if switches.parent_path:
        request["parent_img"] = switches.parent_path
    if switches.pre_dump or switches.parent_path:
        request["track_mem"] = True
    if switches.page_server is not None:
        address, port = switches.page_server
        request["ps"] = {"address": address, "port": port}
    if switches.status_fd >= 0:
        request["status_fd"] = switches.status_fd
    if facts.freezer:
        request["freeze_cgroup"] = facts.freezer
    if plan.process is not None and plan.process.terminal:
        request["orphan_pts_master"] = True
    if not switches.pre_dump:
        request["external"] = [
            *dict.fromkeys(criu.external("mnt", path, key) for path, key in external_mounts(plan, facts)),
            *_external_namespaces(facts.namespaces),
            *(stream for stream in dict.fromkeys(facts.streams) if stream.startswith(("file[", "tty["))),
        ]
    return request


def external_mounts(plan: Plan, facts: Found) -> list[tuple[str, str]]:
    """(mount point, name in the image) of the mounts that are not the container's own.

    Those are the bind mounts of config.json, what pyoci bound besides them (masks, devices, read-only paths), cgroups,
    and what came along with them. A bind mount that the container has made of its own root file system is refused:
    criu would look for its source by a path of the container's, where a link may wait by then.
    """
    binds, fresh = _placed(plan, facts)
    ours = {facts.placed[path] for path in _covered(plan) if path in facts.placed}
    root = next((mount for mount in facts.mounts if mount.path == "/"), None)
    again = {mount.device for mount in facts.mounts if _is_made_anew(mount) and mount.id in fresh | ours}
    outside: set[int] = set()
    external = []
    for mount in facts.mounts:
        if root is None or mount.path == "/":
            continue
        if mount.id in binds:
            name = binds[mount.id]
        elif mount.fstype in _CGROUPS:
            name = mount.path
        elif mount.device in again or mount.id in fresh:
            continue
        elif _is_made_anew(mount) and mount.parent not in outside:
            continue  # the container's doing
        elif _is_within(mount, root) and mount.id not in ours:
            raise UnsupportedError(
                f"checkpoint: the container has bound {mount.root!r} of its own root file system on {mount.path!r}; "
                "unmount it first"
            )
        else:
            name = mount.path
        external.append((mount.path, name))
        outside.add(mount.id)
    return external


def _is_within(mount: MountPoint, root: MountPoint) -> bool:
    return mount.device == root.device and mount.root.startswith(root.root.rstrip("/") + "/")


def _placed(plan: Plan, facts: Found) -> tuple[dict[int, str], set[int]]:
    """Mounts of config.json by their IDs: bind mounts with their destinations, and file systems."""
    binds, fresh = {}, set()
    for entry in plan.mounts:
        mount_id = facts.placed.get(entry.destination, -1)
        if entry.kind == "bind":
            binds[mount_id] = entry.destination
        elif entry.kind == "filesystem":
            fresh.add(mount_id)
            binds.pop(mount_id, None)  # of two at one place the later one is on top
    return binds, fresh


def _covered(plan: Plan) -> list[str]:
    """Paths that pyoci itself may have mounted something on."""
    return [*plan.masked_paths, *plan.readonly_paths, *(device.path for device in plan.devices)]


def paths(plan: Plan) -> list[str]:
    """All paths whose mounts must be known: the keys of `Found.placed`."""
    return [*(entry.destination for entry in plan.mounts), *_covered(plan)]


def _is_made_anew(mount: MountPoint) -> bool:
    return mount.fstype in _MADE_ANEW and mount.root == "/"


def _external_namespaces(inodes: dict[str, int]) -> list[str]:
    names = []
    if "network" in inodes:
        names.append(criu.external("net", str(inodes["network"]), criu.NETWORK))
    if "pid" in inodes:
        names.append(criu.external("pid", str(inodes["pid"]), criu.PID))
    return names


def page_server(text: str) -> tuple[str, int] | None:
    """ADDRESS:PORT; an IPv6 address in brackets. Raises UsageError."""
    if not text:
        return None
    address, colon, port = text.rpartition(":")
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    elif ":" in address:
        colon = ""
    if not (colon and address and port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise UsageError(f"option --page-server: {text!r} is not ADDRESS:PORT, such as 127.0.0.1:27182")
    return address, int(port)


def check(switches: Wanted) -> None:
    """Raise UsageError for options that contradict each other."""
    if switches.lazy_pages and switches.page_server is None:
        raise UsageError("option --lazy-pages needs --page-server ADDRESS:PORT, where the pages are fetched from")
    if switches.status_fd >= 0 and not switches.lazy_pages:
        raise UsageError("option --status-fd needs --lazy-pages")
    if switches.pre_dump and switches.lazy_pages:
        raise UsageError("options --pre-dump and --lazy-pages exclude each other")
