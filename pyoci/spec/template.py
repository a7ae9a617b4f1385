"""The config.json that `pyoci spec` writes: a shell in namespaces, few rights, a read-only root."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CAPABILITIES = ("CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE")
_CAREFUL = ("nosuid", "noexec", "nodev")
_TERMINALS = ("ptmxmode=0666", "mode=0620")
_NAMESPACES = ("pid", "network", "ipc", "uts", "mount", "cgroup")
# Files that show, or reach, the host's kernel and hardware
MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
)
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def default(version: str) -> dict[str, Any]:
    """A config for the host's root; `version` is that of the specification."""
    return {
        "ociVersion": version,
        "process": {
            "terminal": True,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {name: list(_CAPABILITIES) for name in ("bounding", "effective", "permitted")},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "pyoci",
        "mounts": [
            _mount("/proc", "proc"),
            _mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            _mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", *_TERMINALS, "gid=5"),
            {**_mount("/dev/shm", "tmpfs", *_CAREFUL, "mode=1777", "size=65536k"), "source": "shm"},
            _mount("/dev/mqueue", "mqueue", *_CAREFUL),
            _mount("/sys", "sysfs", *_CAREFUL, "ro"),
            _mount("/sys/fs/cgroup", "cgroup", *_CAREFUL, "relatime", "ro"),
        ],
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": name} for name in _NAMESPACES],
            "maskedPaths": list(MASKED),
            "readonlyPaths": list(READ_ONLY),
        },
    }


def rootless(version: str, uid: int, gid: int) -> dict[str, Any]:
    """A config for the user `uid`, who is root inside and has no more than that one id, nor limits to set."""
    config = default(version)
    linux = config["linux"]
    del linux["resources"]
    # The network stays the host's: making one of use takes privileges on the host.
    linux["namespaces"] = [{"type": name} for name in (*_NAMESPACES, "user") if name != "network"]
    linux["uidMappings"] = [{"containerID": 0, "hostID": uid, "size": 1}]
    linux["gidMappings"] = [{"containerID": 0, "hostID": gid, "size": 1}]
    config["mounts"] = [_rootless_mount(mount) for mount in config["mounts"]]
    return config


def _mount(destination: str, kind: str, *options: str) -> dict[str, Any]:
    mount: dict[str, Any] = {"destination": destination, "type": kind, "source": kind}
    return {**mount, "options": list(options)} if options else mount


def _rootless_mount(mount: dict[str, Any]) -> dict[str, Any]:
    if mount["type"] == "sysfs":
        # sysfs can be mounted by the owner of the network namespace only (fs/sysfs/mount.c): take the host's.
        return {**mount, "type": "none", "source": "/sys", "options": ["rbind", *mount["options"]]}
    # Group 5, tty, is not mapped.
    options = [option for option in mount.get("options", ()) if option != "gid=5"]
    return {**mount, "options": options} if options else mount
