"""Random bundles: what a case is, and the plain bundle that every case begins with."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

Config = dict[str, Any]


BUNDLE = "/tmp/bundle"


SOURCES = "/tmp/sources"


CONTAINER = "box"


PROBE = ["/bin/sh", "/bin/probe"]


CAPABILITIES = (
    "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_SETUID CAP_SETGID CAP_SYS_ADMIN CAP_NET_BIND_SERVICE "
    "CAP_AUDIT_WRITE CAP_SYS_PTRACE CAP_MKNOD CAP_PERFMON"
).split()


@dataclass
class Case:
    """A bundle, and what is done with it."""

    seed: int
    config: Config
    changes: list[str] = field(default_factory=list)
    create_options: list[str] = field(default_factory=list)
    caller: Config = field(default_factory=dict)  # umask, rlimits, oom_score_adj, ignored signals of the caller
    host_mount: list[str] = field(default_factory=list)  # flags of the mount that the source "flagged" is
    steps: list[list[Any]] = field(default_factory=list)  # commands after start
    use_run: bool = False
    raw: str | None = None  # the text of config.json where it is no JSON of `config`

    def text(self) -> str:
        """What config.json holds."""
        return self.raw if self.raw is not None else json.dumps(self.config, indent=1)


def plain() -> Config:
    """A bundle that every runtime runs: what `spec` writes, but with a probe as its program."""
    standard = ["nosuid", "noexec", "nodev"]
    return {
        "ociVersion": "1.2.0",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": list(PROBE),
            "env": ["PATH=/usr/bin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), CAPABILITIES[:4]),
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs"},
        "hostname": "box",
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
                "options": "nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5".split(),
            },
            {
                "destination": "/dev/shm",
                "type": "tmpfs",
                "source": "shm",
                "options": [*standard, "mode=1777", "size=65536k"],
            },
            {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": standard},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [*standard, "ro"]},
        ],
        "linux": {
            "namespaces": [{"type": name} for name in ("pid", "network", "ipc", "uts", "mount")],
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "maskedPaths": ["/proc/kcore", "/proc/keys"],
            "readonlyPaths": ["/proc/sys", "/proc/bus"],
        },
    }


def some(r: random.Random, choices: tuple[str, ...] | list[str], most: int, least: int = 0) -> list[str]:
    return [r.choice(choices) for _ in range(r.randint(least, most))]
