"""What is run: runc's default config with busybox, and three variations of it."""

from __future__ import annotations

import json
import os
import platform
import shutil
from pathlib import Path
from typing import Any

Config = dict[str, Any]

TRUE, SLEEP = ["/bin/true"], ["/bin/sleep", "1000"]
MANY = 500
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_AUDIT = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
_CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
_MASKED = [
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
]  # fmt: skip
_READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


class Bundles:
    """Bundles below one folder, with one root file system. Each is a folder to give to --bundle."""

    def __init__(self, place: Path, cgroup: str) -> None:
        self._place = place
        self._cgroup = cgroup
        self._rootfs = place / "rootfs"
        for name in ("bin", "dev", "etc", "proc", "sys", "source"):
            (self._rootfs / name).mkdir(parents=True)
        for number in range(MANY):
            (self._rootfs / "many" / str(number)).mkdir(parents=True)
        shutil.copy2(busybox(), self._rootfs / "bin/busybox")
        for applet in ("true", "sleep"):
            (self._rootfs / "bin" / applet).symlink_to("busybox")

    def make(self, name: str, config: Config) -> Path:
        folder = self._place / name
        folder.mkdir()
        config["root"]["path"] = str(self._rootfs)
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    def cgroups_path(self, name: str) -> str:
        return f"{self._cgroup}/{name}"

    def default(self, args: list[str]) -> Config:
        """As `runc spec` writes it, without a terminal. (Not its ambient capabilities, which the kernel refuses.)"""
        restricted = ["nosuid", "noexec", "nodev"]
        mounts = [
            _mount("/proc", "proc", []),
            _mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            _mount("/dev/pts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            _mount("/dev/shm", "tmpfs", [*restricted, "mode=1777", "size=65536k"]),
            _mount("/dev/mqueue", "mqueue", restricted),
            _mount("/sys", "sysfs", [*restricted, "ro"]),
            _mount("/sys/fs/cgroup", "cgroup", [*restricted, "relatime", "ro"]),
        ]
        return {
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": 0, "gid": 0},
                "args": args,
                "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
                "cwd": "/",
                "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), _CAPABILITIES),
                "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
                "noNewPrivileges": True,
            },
            "root": {"path": "rootfs", "readonly": True},
            "hostname": "bench",
            "mounts": mounts,
            "linux": {
                "cgroupsPath": self.cgroups_path("container"),
                "resources": {"devices": [{"allow": False, "access": "rwm"}]},
                "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
                "maskedPaths": _MASKED,
                "readonlyPaths": _READ_ONLY,
            },
        }

    def many(self) -> Config:
        """500 bind mounts, 500 devices, 500 environment variables."""
        config = self.default(TRUE)
        source = str(self._rootfs / "source")
        config["mounts"] += [
            {"destination": f"/many/{number}", "type": "none", "source": source, "options": ["bind", "ro", "nosuid"]}
            for number in range(MANY)
        ]
        config["linux"]["devices"] = [
            {"path": f"/dev/many{number}", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666, "uid": 0, "gid": 0}
            for number in range(MANY)
        ]
        config["process"]["env"] += [f"VARIABLE_{number}=value number {number}" for number in range(MANY)]
        return config


def busybox() -> str:
    found = shutil.which("busybox")
    if found is None:
        raise FileNotFoundError("busybox is missing: install busybox-static")
    return found


def seccomp(profile: Path) -> Config:
    """A profile in the format of docker and podman as the section of config.json that they would make of it."""
    document = json.loads(profile.read_text())
    machine = platform.machine()
    audit = _AUDIT.get(machine, "")
    architectures = [audit]
    for entry in document.get("archMap") or ():
        if entry["architecture"] == audit:
            architectures += entry.get("subArchitectures") or ()
    syscalls = []
    for entry in document["syscalls"]:
        if _applies(entry, _ARCHITECTURES.get(machine, "")):
            rule = {"names": entry["names"], "action": entry["action"]}
            if entry.get("args"):
                rule["args"] = entry["args"]
            if "errnoRet" in entry:
                rule["errnoRet"] = entry["errnoRet"]
            syscalls.append(rule)
    section = {"defaultAction": document["defaultAction"], "architectures": architectures, "syscalls": syscalls}
    if "defaultErrnoRet" in document:
        section["defaultErrnoRet"] = document["defaultErrnoRet"]
    return section


def _applies(entry: Config, architecture: str) -> bool:
    includes, excludes = entry.get("includes") or {}, entry.get("excludes") or {}
    if not set(includes.get("caps") or ()).issubset(_CAPABILITIES):
        return False
    if not set(excludes.get("caps") or ()).isdisjoint(_CAPABILITIES):
        return False
    if includes.get("arches") and architecture not in includes["arches"]:
        return False
    if architecture in (excludes.get("arches") or ()):
        return False
    oldest = includes.get("minKernel")
    return not oldest or _version(oldest) <= _version(os.uname().release)


def _version(text: str) -> list[int]:
    return [int(part) for part in text.partition("-")[0].split(".")[:2]]


def _mount(destination: str, kind: str, options: list[str]) -> Config:
    return {"destination": destination, "type": kind, "source": kind, "options": options}
