"""Random changes of what a container sees of files: mounts, the root, devices, masked and read-only paths."""

from __future__ import annotations

import random

from lib.random_case import BUNDLE, SOURCES, Case, Config, some

_FLAGS = (
    "ro rw nosuid suid nodev dev noexec exec noatime atime diratime nodiratime relatime norelatime strictatime "
    "nostrictatime nosymfollow symfollow sync async dirsync mand nomand iversion noiversion defaults"
).split()


_RECURSIVE_FLAGS = "rro rrw rnosuid rsuid rnodev rnoexec rnoatime rrelatime rstrictatime rnosymfollow".split()


_PROPAGATION = "private rprivate slave rslave shared rshared unbindable runbindable".split()


_DESTINATIONS = (
    "/mnt /mnt/new /mnt/a/b/c /mnt/file /mnt//x/ /mnt/../opt/y mnt/relative /link/in /dangling /opt/dir/f /dev/thing "
    "/dev/shm/x /proc/cpuinfo /proc/uptime /proc/acpi /sys/kernel /run/x /etc/hosts /tmp /link /dangling-folder/x"
).split()


_SOURCES = (
    "folder file tree flagged shared private slave unbindable missing link dangling fifo socket device empty".split()
)


def bind(r: random.Random, case: Case) -> None:
    options = [r.choice(("bind", "rbind", "rbind"))]
    options += some(r, _FLAGS, 3) if r.random() < 0.7 else []
    options += some(r, _PROPAGATION, 2) if r.random() < 0.4 else []
    options += some(r, _RECURSIVE_FLAGS, 1) if r.random() < 0.15 else []
    options += some(r, "idmap ridmap tmpcopyup mode=755 size=5m x-foo dest-nofollow".split(), 1)[: r.random() < 0.1]
    r.shuffle(options)
    mount: Config = {
        "destination": r.choice(_DESTINATIONS),
        "source": f"{SOURCES}/{r.choice(_SOURCES)}",
        "options": options,
    }
    kind = r.choice(("bind", "bind", "none", "", None, "tmpfs"))
    if kind is not None:
        mount["type"] = kind
    case.config["mounts"].append(mount)


def host_mount(r: random.Random, case: Case) -> None:
    case.host_mount = some(r, "ro nosuid nodev noexec noatime nodiratime strictatime nosymfollow".split(), 4, 1)
    bind(r, case)
    case.config["mounts"][-1]["source"] = f"{SOURCES}/flagged"


def tmpfs(r: random.Random, case: Case) -> None:
    pool = (
        "size=1m size=10% mode=1777 mode=0700 uid=7 gid=9 nr_inodes=100 tmpcopyup notmpcopyup huge=never inode64"
    ).split()
    options = some(r, pool, 3) + some(r, _FLAGS, 2) + some(r, _PROPAGATION, 1)[: r.random() < 0.3]
    options += some(r, ["frobnicate", "size=x", "mode=9", "rro", "rnoexec"], 1)[: r.random() < 0.1]
    r.shuffle(options)
    case.config["mounts"].append(
        {
            "destination": r.choice((*_DESTINATIONS, "/etc", "/var/lib")),
            "type": "tmpfs",
            "source": "tmpfs",
            "options": options,
        }
    )


def kernel_mount(r: random.Random, case: Case) -> None:
    fstype = r.choice("proc sysfs mqueue devpts cgroup cgroup cgroup ramfs devtmpfs debugfs".split())
    options = some(r, _FLAGS, 3) + some(r, _PROPAGATION, 1)[: r.random() < 0.4]
    if fstype == "proc":
        options += some(r, ["hidepid=2", "subset=pid", "gid=5"], 1)
    if fstype == "devpts":
        options += some(r, ["newinstance", "ptmxmode=0666", "mode=620", "gid=5", "max=3"], 2)
    destination = {"cgroup": "/sys/fs/cgroup", "proc": "/proc", "sysfs": "/sys"}.get(fstype, "/mnt/new")
    if r.random() < 0.2:
        destination = r.choice(_DESTINATIONS)
    case.config["mounts"].append({"destination": destination, "type": fstype, "source": fstype, "options": options})


def overlay(r: random.Random, case: Case) -> None:
    lower = ":".join(
        f"{SOURCES}/{name}" for name in r.sample(("folder", "tree", "empty", "link", "missing"), r.randint(1, 3))
    )
    options = [f"lowerdir={lower}", *some(r, _FLAGS, 2)]
    if r.random() < 0.5:
        options += [f"upperdir={SOURCES}/upper", f"workdir={SOURCES}/work"]
    if r.random() < 0.2:
        options += some(r, ["userxattr", "index=off", "volatile", "metacopy=off"], 2)
    case.config["mounts"].append(
        {"destination": r.choice(_DESTINATIONS), "type": "overlay", "source": "overlay", "options": options}
    )


def mount_change(r: random.Random, case: Case) -> None:
    mounts = case.config["mounts"]
    mount = r.choice(mounts)
    action = r.choice("drop drop flag flag swap twice option".split())
    if action == "drop":
        mounts.remove(mount)
    elif action == "flag":
        mount.setdefault("options", []).insert(0 if r.random() < 0.5 else 99, r.choice(_FLAGS + _PROPAGATION))
    elif action == "swap":
        first, second = r.randrange(len(mounts)), r.randrange(len(mounts))
        mounts[first], mounts[second] = mounts[second], mounts[first]
    elif action == "twice":
        mounts.append(dict(mount))
    else:
        options = mount.get("options", [])
        if options:
            options.pop(r.randrange(len(options)))


def root(r: random.Random, case: Case) -> None:
    root = case.config["root"]
    if r.random() < 0.6:
        root["readonly"] = r.random() < 0.8
    if r.random() < 0.3:
        root["path"] = r.choice(
            (f"{BUNDLE}/rootfs", "./rootfs/", "rootfs-link", "missing", "../bundle/rootfs", "rootfs/etc/hosts", "")
        )
    if r.random() < 0.6:
        case.config["linux"]["rootfsPropagation"] = r.choice((*_PROPAGATION, "frob", ""))


def paths(r: random.Random, case: Case) -> None:
    pool = (
        "/proc/kcore /proc/sys /proc/sysrq-trigger /sys/firmware /etc /etc/hosts /not/there "
        "/tmp / /link /dangling /dev/null relative /proc/self/environ /bin /proc /etc/../tmp "
        "/mnt"
    ).split()
    for name in ("maskedPaths", "readonlyPaths"):
        if r.random() < 0.7:
            case.config["linux"][name] = some(r, pool, 4)


def devices(r: random.Random, case: Case) -> None:
    def device() -> Config:
        kind = r.choice("ccccbup")
        entry: Config = {
            "path": r.choice(
                (
                    "/dev/x /dev/null /dev/d/e/f /x /dev/fuse /dev/ptmx /link/d /dev/console dev/y "
                    "/dev/../y /dev/stdin /dev/shm"
                ).split()
            ),
            "type": kind,
            "major": r.choice((1, 10, 5, 7)),
            "minor": r.choice((3, 5, 200, 229, 0)),
        }
        if kind == "p":
            del entry["major"], entry["minor"]
        if r.random() < 0.5:
            entry["fileMode"] = r.choice((0o666, 0o600, 0, 0o4777, 0o20666, 438))
        if r.random() < 0.4:
            entry.update(uid=r.choice((0, 7)), gid=r.choice((0, 9)))
        return entry

    case.config["linux"]["devices"] = [device() for _ in range(r.randint(1, 2))]
    if r.random() < 0.6:
        rules = case.config["linux"]["resources"].setdefault("devices", [])
        for _ in range(r.randint(1, 3)):
            rule: Config = {"allow": r.random() < 0.7, "access": r.choice(("rwm", "r", "rw", "m", "", "x", "rr"))}
            if r.random() < 0.7:
                rule["type"] = r.choice("cba")
            if r.random() < 0.6:
                rule["major"] = r.choice((1, 10, 5, -1, 0))
            if r.random() < 0.6:
                rule["minor"] = r.choice((3, 200, -1, 0))
            rules.append(rule)
