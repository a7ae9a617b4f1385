"""The request for a session, and the documents that it becomes. Pure."""

from __future__ import annotations

from pyoci.record import Record
from pyoci.spec import template
from pyoci.spec.words import TRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What root in a container usually has (runc's, podman's and docker's defaults, without AUDIT_WRITE's neighbours).
CAPABILITIES = (
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)
_PERIOD = 100_000  # microseconds, the kernel's own default
# Of the machine's root these hold sockets, devices and processes of the host: the container gets new ones.
FRESH = ("/dev", "/proc", "/run", "/sys", "/tmp")
_KEPT = ("TERM", "LANG", "COLORTERM")
_SHELLS = ("/bin/bash", "/bin/sh")


class Bind(Record):
    """A folder or file of the host that is shown in the container."""

    source: str
    destination: str
    read_only: bool = False


class Request(Record):
    """The options of the command line."""

    args: list[str]
    root: str = "/"
    keep: str = ""
    network: bool = False
    memory: int | None = None  # bytes
    cpus: float | None = None
    pids: int | None = None
    binds: tuple[Bind, ...] = ()
    capabilities: tuple[str, ...] = ()
    diff: bool = False


class Situation(Record):
    """The facts that are known when the config is made.

    rootfs       where the root is mounted
    network      path of the network namespace to join; empty for a new one with a loopback device only
    resolv_conf  host file to show as /etc/resolv.conf; empty for none
    user         whether an ordinary user asks, who is root of a user namespace by now
    many_ids     whether more than that one user's ID is mapped in it
    own_network  whether an ordinary user's process is in a network namespace of its own, which the container shares
    submounts    other file systems of the host below its root, which the overlay does not show
    """

    container_id: str
    version: str
    rootfs: str
    cwd: str = "/"
    env: dict[str, str]
    terminal: bool = False
    network: str = ""
    resolv_conf: str = ""
    user: bool = False
    many_ids: bool = True
    own_network: bool = False
    submounts: tuple[str, ...] = ()


def config(request: Request, situation: Situation) -> dict[str, Any]:
    """The config.json of the container."""
    document = template.default(situation.version)
    process, linux = document["process"], document["linux"]
    document["root"] = {"path": situation.rootfs, "readonly": False}
    document["hostname"] = situation.container_id
    document["annotations"] = {TRY: request.root}
    process["args"] = request.args
    process["terminal"] = situation.terminal
    process["cwd"] = situation.cwd
    process["env"] = [f"{name}={value}" for name, value in environment(situation).items()]
    granted = sorted({*CAPABILITIES, *request.capabilities})
    process["capabilities"] = dict.fromkeys(("bounding", "effective", "permitted"), granted)
    del process["rlimits"]
    document["mounts"] += _fresh(request) + _shown(situation) + [_bind(bind) for bind in request.binds]
    if situation.resolv_conf:
        bind = Bind(source=situation.resolv_conf, destination="/etc/resolv.conf", read_only=True)
        document["mounts"].append(_bind(bind))
    if situation.network:
        for namespace in linux["namespaces"]:
            if namespace["type"] == "network":
                namespace["path"] = situation.network
    linux["resources"] |= _limits(request)
    if situation.user:
        _for_user(document, situation)
    return document


def environment(situation: Situation) -> dict[str, str]:
    """PATH, HOME and what a program needs to know of the terminal and the language, nothing else of the caller's."""
    kept: dict[str, str] = {name: situation.env[name] for name in _KEPT if name in situation.env}
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": situation.env.get("HOME", "/") if situation.user else "/root",
        "TERM": "xterm",
        "container": "pyoci",
        **kept,
    }


def _fresh(request: Request) -> list[dict[str, Any]]:
    """A new /run and /tmp in place of the host's; another root keeps its own."""
    if request.root != "/":
        return []
    return [
        {
            "destination": destination,
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "nodev", f"mode={mode}"],
        }
        for destination, mode in (("/run", "755"), ("/tmp", "1777"))
    ]


def _shown(situation: Situation) -> list[dict[str, Any]]:
    return [_bind(Bind(source=path, destination=path, read_only=True)) for path in situation.submounts]


def _bind(bind: Bind) -> dict[str, Any]:
    options = ["rbind", "rprivate", *(["ro", "rro"] if bind.read_only else [])]
    return {"destination": bind.destination, "type": "none", "source": bind.source, "options": options}


def _limits(request: Request) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if request.memory is not None:
        limits["memory"] = {"limit": request.memory}
    if request.cpus is not None:
        limits["cpu"] = {"quota": max(1000, round(request.cpus * _PERIOD)), "period": _PERIOD}
    if request.pids is not None:
        limits["pids"] = {"limit": request.pids}
    return limits


def _for_user(document: dict[str, Any], situation: Situation) -> None:
    """For root of a user namespace: no device rules, the host's sysfs, group 5 (tty) only where it is mapped."""
    linux = document["linux"]
    del linux["resources"]["devices"]
    if not linux["resources"]:
        del linux["resources"]
    if situation.own_network:
        linux["namespaces"] = [entry for entry in linux["namespaces"] if entry["type"] != "network"]
    for mount in document["mounts"]:
        if mount["type"] == "sysfs":
            mount |= {"type": "none", "source": "/sys", "options": ["rbind", *mount["options"], "rro"]}
        elif not situation.many_ids and "options" in mount:
            mount["options"] = [option for option in mount["options"] if option != "gid=5"]


def shell(env: dict[str, str], root: str, there: tuple[str, ...]) -> list[str]:
    """The shell for a person: the caller's own if the root has it, else one of the usual. `there`: those it has."""
    preferred = env.get("SHELL", "")
    if root == "/" and preferred.startswith("/") and preferred in there:
        return [preferred]
    for path in _SHELLS:
        if path in there:
            return [path]
    return ["/bin/sh"]


def shells(env: dict[str, str]) -> tuple[str, ...]:
    """The shells that `shell` chooses from."""
    return (env.get("SHELL", ""), *_SHELLS)


def working_directory(cwd: str, root: str) -> str:
    """Where the caller is, if the container shows it; else the root."""
    if root != "/" or any(cwd == place or cwd.startswith(f"{place}/") for place in FRESH):
        return "/"
    return cwd


# -- mounts of the host ----------------------------------------------------------------------------------------------

# On disks or of other machines; all others are the kernel's, an engine's or a user's.
_DISKS = frozenset(
    "bcachefs btrfs erofs exfat ext2 ext3 ext4 f2fs iso9660 nfs nfs4 ntfs3 squashfs vfat xfs zfs".split()
)
_NOT_SHOWN = (*FRESH, "/mnt", "/media", "/snap", "/var/lib/docker", "/var/lib/containers", "/var/lib/containerd")


def submounts(mountinfo: str) -> tuple[str, ...]:
    """Folders of the host that are file systems of their own, from /proc/self/mountinfo; none below another."""
    places: list[str] = []
    for line in mountinfo.split("\n"):
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or after.partition(" ")[0] not in _DISKS or fields[4] == "/" or "\\" in fields[4]:
            continue
        if not any(fields[4] == place or fields[4].startswith(f"{place}/") for place in _NOT_SHOWN):
            places.append(fields[4])
    ordered = sorted(set(places))
    return tuple(place for place in ordered if not any(place.startswith(f"{other}/") for other in ordered))


# -- the network -----------------------------------------------------------------------------------------------------

POOL = (10, 231)  # 10.231.0.0/16: 16384 pairs of addresses
_SLOTS = 1 << 14


class Addresses(Record):
    """A /30: the host's end, which is the container's gateway, and the container's."""

    network: str
    host: str
    container: str


def addresses(slot: int) -> Addresses:
    high, low = divmod(slot * 4, 256)
    base = f"{POOL[0]}.{POOL[1]}.{high}"
    return Addresses(network=f"{base}.{low}/30", host=f"{base}.{low + 1}", container=f"{base}.{low + 2}")


def free_slot(taken: set[int], routes: list[tuple[int, int]], start: int) -> int | None:
    """A slot from `start` on that nobody has and that no route of the host overlaps; None when there is none.

    `routes` are (address, prefix length) as numbers.
    """
    for step in range(_SLOTS):
        slot = (start + step) % _SLOTS
        first = (POOL[0] << 24) | (POOL[1] << 16) | slot * 4
        if slot not in taken and not any(_overlaps(first, address, length) for address, length in routes):
            return slot
    return None


def _overlaps(first: int, address: int, length: int) -> bool:
    if length == 0:
        return False  # the default route leads everywhere else
    shift = 32 - min(length, 30)
    return first >> shift == address >> shift


def resolv_conf(text: str, behind_stub: str) -> str:
    """The host's resolv.conf for a container: without servers on the host's loopback device, which it cannot reach.

    `behind_stub` is systemd-resolved's list of the real servers, for a host that has only its stub.
    """
    for source in (text, behind_stub):
        lines = source.split("\n")
        servers = [line for line in lines if _server(line) and not _is_loopback(_server(line))]
        if servers:
            others = [line for line in lines if line.split(" ")[0] in ("search", "domain", "options")]
            return "\n".join([*servers, *others]) + "\n"
    return ""


def _server(line: str) -> str:
    words = line.split()
    return words[1] if len(words) > 1 and words[0] == "nameserver" else ""


def _is_loopback(server: str) -> bool:
    return server.startswith("127.") or server == "::1"


# -- what changed ----------------------------------------------------------------------------------------------------


class Seen(Record):
    """A file as lstat(2) sees it, as far as it shows a change. `kind` is a letter of ls(1), `w` for a whiteout."""

    kind: str
    mode: int = 0
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: int = 0
    target: str = ""  # of a symbolic link
    opaque: bool = False  # a folder that hides what the lower layer has in it


def change(upper: Seen, lower: Seen | None) -> str:
    """A (added), C (changed), D (deleted), or nothing: a folder that only holds changes, a file copied up as it was."""
    if upper.kind == "w":
        return "D" if lower is not None else ""
    if lower is None:
        return "A"
    same_owner = (upper.mode, upper.uid, upper.gid) == (lower.mode, lower.uid, lower.gid)
    if upper.kind != lower.kind or not same_owner:
        return "C"
    if upper.kind == "-":
        return "" if (upper.size, upper.mtime) == (lower.size, lower.mtime) else "C"
    if upper.kind == "l":
        return "" if upper.target == lower.target else "C"
    return ""
