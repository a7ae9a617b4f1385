"""The program of a release on other kernels, processors and architectures: each in an emulated guest of its own, which
has nothing but a distribution's kernel, the program and a busybox (hack/release.d/kernels.py).

`hack/release --kernels` fetches the kernels. Programs for other architectures stand beside the one for x86_64.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.release import ROOT, find_program

sys.path.insert(0, str(ROOT / "hack/release.d"))

import kernels
from inputs import Unavailable

pytestmark = pytest.mark.root

SECCOMP = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}],
}
RESOURCES = {
    "memory": {"limit": 64 << 20},
    "pids": {"limit": 20},
    "cpu": {"quota": 50000, "period": 100000},
    "devices": [{"allow": False, "access": "rwm"}],
}
PREPARE = """
mkdir -p /shared
for folder in bin proc dev tmp shared; do mkdir -p /bundle/rootfs/$folder; done
cp /bin/busybox /bundle/rootfs/bin
for applet in sh sleep cat mkdir id touch true; do ln -s busybox /bundle/rootfs/bin/$applet; done
cat >/bundle/config.json <<'END'
{config}
END
pyoci() {{ /usr/bin/pyoci "$@"; }}
uname -r
"""
LIFE = """
pyoci --version
pyoci create --bundle /bundle --pid-file /pid one
pyoci state one | grep '"status"'
for file in memory.max pids.max cpu.max; do echo "$file: $(cat /sys/fs/cgroup/one/$file)"; done
pyoci start one
pyoci exec one /bin/sh -c 'mkdir /tmp/new || echo mkdir is refused'
pyoci exec one /bin/sh -c 'id -u; cat /proc/1/cmdline'; echo
pyoci exec one /bin/sh -c 'touch /shared/file || echo shared is read-only'
pyoci exec one /bin/sh -c 'cat /dev/kmsg || echo kmsg is refused'
pyoci pause one && pyoci state one | grep '"status"'
pyoci resume one
pyoci update --memory 33554432 one && cat /sys/fs/cgroup/one/memory.max
pyoci ps one | wc -l
pyoci events --stats one | grep -o '"pids":{"current":[0-9]*' || pyoci events --stats one
pyoci kill one KILL
while pyoci state one | grep -q '"running"'; do sleep 0.1; done
pyoci delete one
cat /told
pyoci list --quiet
ls -d /sys/fs/cgroup/one || true
"""


def programs() -> dict[str, Path]:
    own = find_program()
    beside = {path.name.rpartition("-")[2]: path for path in own.parent.glob("pyoci-*-*[0-9]")}
    return {**beside, "x86_64": own}


def configuration(**linux: Any) -> dict[str, Any]:
    hook = {"path": "/bin/sh", "args": ["sh", "-c", "echo hook of $0 >>/told"]}
    kinds = ("mount", "pid", "ipc", "uts", "network", "cgroup")
    return {
        "ociVersion": "1.2.0",
        "process": {
            "args": ["/bin/sleep", "1000"],
            "cwd": "/",
            "env": ["PATH=/bin"],
            "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 100}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "inside",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
            {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
            {"destination": "/shared", "type": "bind", "source": "/shared", "options": ["rbind", "rro"]},
        ],
        "hooks": {
            name: [{**hook, "args": [*hook["args"], name]}] for name in ("createRuntime", "poststart", "poststop")
        },
        "linux": {
            "namespaces": [{"type": kind} for kind in kinds],
            "cgroupsPath": "/one",
            "maskedPaths": ["/proc/kcore"],
            "readonlyPaths": ["/proc/sys"],
            "resources": RESOURCES,
            "seccomp": SECCOMP,
            **linux,
        },
    }


def run(script: str, name: str, machine: str, *, processor: str = "", **linux: Any) -> str:
    program = programs().get(machine) or pytest.skip(f"there is no release for {machine}: hack/release makes it")
    prepare = PREPARE.format(config=json.dumps(configuration(**linux), indent=1))
    try:
        return kernels.run(prepare + script, program, name, machine, processor=processor)
    except Unavailable as reason:
        pytest.skip(str(reason))


GUESTS = [
    pytest.param("jammy", "x86_64", "", id="Linux 5.15"),
    pytest.param("bookworm", "x86_64", "", id="Linux 6.1"),
    pytest.param("trixie", "x86_64", "", id="Linux 6.12"),
    pytest.param("sid", "x86_64", "", id="the newest of sid"),
    # Fewer features than any machine that builds: no AVX, no XSAVE, no RDRAND; with two of them no SSE 4.2 either.
    pytest.param("bookworm", "x86_64", "qemu64", id="Linux 6.1 on qemu64"),
    pytest.param("trixie", "x86_64", "core2duo", id="Linux 6.12 on core2duo"),
    pytest.param("trixie", "x86_64", "Nehalem", id="Linux 6.12 on Nehalem"),
    pytest.param("jammy", "aarch64", "", id="Linux 5.15 on aarch64"),
    pytest.param("bookworm", "aarch64", "", id="Linux 6.1 on aarch64"),
    pytest.param("trixie", "aarch64", "", id="Linux 6.12 on aarch64"),
    pytest.param("sid", "aarch64", "", id="the newest of sid on aarch64"),
    pytest.param("bookworm", "aarch64", "cortex-a53", id="Linux 6.1 on a small aarch64"),
]


@pytest.mark.parametrize(("name", "machine", "processor"), GUESTS)
def test_life_of_a_container(name: str, machine: str, processor: str) -> None:
    """Limits of cgroup v2, seccomp, hooks, exec, a recursively read-only mount, devices, pause, update, events."""
    said = run(LIFE, name, machine, processor=processor)
    lines = said.partition("=== end")[0].splitlines()
    assert "=== end 0" in said, said
    assert f"snapshot: {'yes' if machine == 'x86_64' else 'no'}" in lines, said
    assert '  "status": "created",' in lines and '  "status": "paused",' in lines
    assert {"memory.max: 67108864", "pids.max: 20", "cpu.max: 50000 100000", "33554432"} <= set(lines)
    assert {"mkdir is refused", "0", "shared is read-only", "kmsg is refused"} <= set(lines), said
    assert [line for line in lines if line.startswith("hook of")] == [
        f"hook of {stage}" for stage in ("createRuntime", "poststart", "poststop")
    ]
    assert "one" not in lines and "ls: /sys/fs/cgroup/one: No such file or directory" in lines, said


@pytest.mark.parametrize(("name", "machine", "processor"), GUESTS)
def test_namespaces_of_users_and_of_time(name: str, machine: str, processor: str) -> None:
    ids = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    kinds = ("mount", "pid", "ipc", "uts", "network", "cgroup", "user", "time")
    script = """
chmod 755 /bundle /bundle/rootfs
pyoci create --bundle /bundle one
pyoci start one
pyoci exec one /bin/sh -c 'cat /proc/self/uid_map'
pyoci exec one /bin/sh -c 'cat /proc/uptime'
pyoci delete --force one
"""
    said = run(
        script,
        name,
        machine,
        processor=processor,
        namespaces=[{"type": kind} for kind in kinds],
        uidMappings=ids,
        gidMappings=ids,
        timeOffsets={"boottime": {"secs": 1000000}},
    )
    assert "=== end 0" in said, said
    assert any(line.split() == ["0", "100000", "65536"] for line in said.splitlines()), said
    assert any(line.startswith("10000") and line.count(".") == 2 for line in said.splitlines()), said


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_an_older_kernel_is_refused_by_name(machine: str) -> None:
    """Linux 5.10, which has no mount_setattr(2): nothing is left of the container, and files can be checked."""
    script = (
        "pyoci validate /bundle; pyoci create --bundle /bundle one || pyoci list --quiet; ls /sys/fs/cgroup/one || true"
    )
    said = run(script, "bullseye", machine)
    assert "function not implemented (ENOSYS); pyoci needs Linux 5.15, and this is 5.10." in said, said
    assert "valid" in said.splitlines() and "one" not in said.splitlines()
    assert "ls: /sys/fs/cgroup/one: No such file or directory" in said, said
