"""A bundle made of busybox, with a configuration to edit: `bundle.config["hostname"] = "x"`."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

Config = dict[str, Any]

BUSYBOX = shutil.which("busybox") or "/bin/busybox"
APPLETS = (
    "sh ash cat chmod chown cp cut dd df echo env false grep head hostname id ip ipcs kill ln ls mkdir mkfifo mknod "
    "mount mv nproc nsenter od ps pwd readlink renice rm rmdir sed seq setpriv sleep sort stat stty sync sysctl tail "
    "tee test time timeout touch tr true tty umount uname unshare wc which xargs"
).split()

CAPABILITIES = [
    f"CAP_{name}"
    for name in (
        "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP "
        "SETUID SYS_CHROOT"
    ).split()
]


class Bundle:
    """A bundle folder. The runtime fixture writes `config` to config.json just before it is used."""

    def __init__(self, path: Path, cgroups_path: str) -> None:
        self.path = path
        self.rootfs = path / "rootfs"
        self.config = _config(cgroups_path)
        _make_rootfs(self.rootfs)

    @property
    def process(self) -> Config:
        return self.config["process"]  # type: ignore[no-any-return]

    @property
    def linux(self) -> Config:
        return self.config["linux"]  # type: ignore[no-any-return]

    @property
    def cgroups_path(self) -> str:
        return self.linux["cgroupsPath"]  # type: ignore[no-any-return]

    def write(self) -> None:
        (self.path / "config.json").write_text(json.dumps(self.config, indent=2))

    def sh(self, script: str) -> None:
        """Makes the container's process a shell that runs `script` and stops at the first failure."""
        self.process["args"] = ["/bin/sh", "-ec", script]

    def sleeps(self) -> None:
        """Makes the container's process one that stays, and that SIGTERM ends although it is PID 1."""
        self.sh("trap 'exit 143' TERM; while :; do sleep 0.02; done")

    def mount(self, destination: str, kind: str, options: list[str] | None = None, source: str = "") -> Config:
        """Adds a mount; returns the entry for further edits."""
        entry: Config = {"destination": destination, "type": kind, "source": source or kind}
        if options is not None:
            entry["options"] = options
        self.config["mounts"].append(entry)
        return entry

    def bind(self, source: str | Path, destination: str, *options: str, how: str = "bind") -> Config:
        return self.mount(destination, "none", [how, *options], source=str(source))

    def namespace(self, kind: str, path: str | None = None) -> None:
        """Replaces or adds the entry of that type: a new namespace, or the one at `path`."""
        self.no_namespace(kind)
        self.linux["namespaces"].append({"type": kind} if path is None else {"type": kind, "path": path})

    def no_namespace(self, kind: str) -> None:
        self.linux["namespaces"] = [entry for entry in self.linux["namespaces"] if entry["type"] != kind]

    def user_namespace(self, host_id: int = 100000, size: int = 65536) -> None:
        """Adds a user namespace whose root is `host_id` outside, owner of the rootfs."""
        self.namespace("user")
        for kind in ("uidMappings", "gidMappings"):
            self.linux[kind] = [{"containerID": 0, "hostID": host_id, "size": size}]
        for folder, _, files in os.walk(self.rootfs):
            for name in [folder, *(os.path.join(folder, file) for file in files)]:
                os.chown(name, host_id, host_id, follow_symlinks=False)

    def hook(self, kind: str, script: str, **properties: Any) -> None:
        """Adds a hook that runs `script` with the machine's (for startContainer: the container's) shell."""
        entry = {"path": "/bin/sh", "args": ["sh", "-ec", script], "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}
        self.config.setdefault("hooks", {}).setdefault(kind, []).append({**entry, **properties})


def _make_rootfs(rootfs: Path) -> None:
    for name in ("bin", "dev", "etc", "mnt", "proc", "root", "sys", "tmp", "home"):
        (rootfs / name).mkdir(parents=True)
    shutil.copy2(BUSYBOX, rootfs / "bin/busybox")
    for applet in APPLETS:
        (rootfs / "bin" / applet).symlink_to("busybox")
    (rootfs / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000:Alice:/home/alice:/bin/sh\n")
    (rootfs / "etc/group").write_text("root:x:0:\nalice:x:1000:\n")


def _config(cgroups_path: str) -> Config:
    sets = ("bounding", "effective", "permitted")
    return {
        "ociVersion": "1.0.2",
        "root": {"path": "rootfs"},
        "process": {
            "args": ["/bin/true"],
            "cwd": "/",
            "env": ["PATH=/bin"],
            "user": {"uid": 0, "gid": 0},
            "capabilities": {name: list(CAPABILITIES) for name in sets},
            "noNewPrivileges": True,
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {
                "destination": "/dev",
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
            },
            {
                "destination": "/dev/pts",
                "type": "devpts",
                "source": "devpts",
                "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
            },
            {
                "destination": "/dev/shm",
                "type": "tmpfs",
                "source": "shm",
                "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
            },
            {
                "destination": "/dev/mqueue",
                "type": "mqueue",
                "source": "mqueue",
                "options": ["nosuid", "noexec", "nodev"],
            },
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
            "cgroupsPath": cgroups_path,
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        },
    }
