"""What is said of a config that cannot be applied: the value, bounded, in words that are not Python's."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

pytestmark = pytest.mark.beyond_runc("says it in its own words")

LONG = "x" * 5000
SHOWN = 310  # characters of a value
# names of Python's classes, and what its own messages say of C
PYTHON = re.compile(
    r"\b[A-Z]\w*(Error|Exception|Warning|Interrupt)\b|_Py|NoneType|<class|object at 0x|Traceback|codec|"
    r"internal error|\bC (int|long|ssize)|embedded null|argument \d+ must"
)
NOTIFY = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["swapon"], "action": "SCMP_ACT_NOTIFY"}]}
IDS = [{"containerID": 0, "hostID": 0, "size": 1}]


def linux(**sections: Any) -> Callable[[Bundle], Any]:
    return lambda bundle: bundle.linux.update(sections)


def process(**properties: Any) -> Callable[[Bundle], Any]:
    return lambda bundle: bundle.process.update(properties)


def config(**properties: Any) -> Callable[[Bundle], Any]:
    return lambda bundle: bundle.config.update(properties)


def listener(path: str) -> Callable[[Bundle], Any]:
    return linux(seccomp={**NOTIFY, "listenerPath": path})


def device(path: str) -> Callable[[Bundle], Any]:
    return linux(devices=[{"path": path, "type": "c", "major": 1, "minor": 7}])


def hook(**properties: Any) -> Callable[[Bundle], Any]:
    return config(hooks={"createRuntime": [{"path": "/bin/false", **properties}]})


def time_offset(**seconds: int) -> Callable[[Bundle], Any]:
    def change(bundle: Bundle) -> None:
        bundle.namespace("time")
        bundle.linux["timeOffsets"] = {clock: {"secs": number} for clock, number in seconds.items()}

    return change


def mapped(entries: list[dict[str, int]]) -> Callable[[Bundle], Any]:
    def change(bundle: Bundle) -> None:
        bundle.namespace("user")
        bundle.linux.update(uidMappings=entries, gidMappings=IDS)

    return change


def fifo(bundle: Bundle) -> None:
    os.mkfifo(bundle.path / "fifo")
    bundle.namespace("network", str(bundle.path / "fifo"))


def mount(kind: str, *options: str, source: str = "", destination: str = "/t") -> Callable[[Bundle], Any]:
    return lambda bundle: bundle.mount(destination, kind, list(options), source)


WRONG: dict[str, Callable[[Bundle], Any]] = {
    "listenerPath that is relative": listener("no/such"),
    "listenerPath beyond a path": listener("/" + LONG),
    "listenerPath beyond sun_path": listener("/" + "x" * 150),
    "listenerPath with a NUL": listener("\0a"),
    "sysctl with ..": linux(sysctl={"net/../kernel/shmmax": "1"}),
    "sysctl with a long name": linux(sysctl={f"net.{LONG}": "1"}),
    "sysctl with a long value": linux(sysctl={"net.ipv4.ip_forward": LONG * 20}),
    "hostname": config(hostname=LONG),
    "hostname with half a surrogate pair": config(hostname="a\ud800"),
    "domainname": config(domainname=LONG),
    "ociVersion": config(ociVersion=LONG),
    "root that is a file": config(root={"path": "config.json"}),
    "root too long": config(root={"path": "/" + "a/" * 3000}),
    "oomScoreAdj": process(oomScoreAdj=10**30),
    "rlimits twice": process(rlimits=[{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}] * 2),
    "rlimit of an unknown type": process(rlimits=[{"type": LONG, "soft": 1, "hard": 1}]),
    "rlimit beyond 64 bits": process(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 10**30, "hard": 10**30}]),
    "uid": process(user={"uid": 2**32 - 1, "gid": 0}),
    "additionalGids": process(user={"uid": 0, "gid": 0, "additionalGids": [1] * 100000}),
    "cwd": process(cwd="/" + LONG),
    "args with a name that is too long": process(args=["/" + LONG]),
    "args that are too long": process(args=["/bin/sh", LONG * 40]),
    "env": process(env=["A=" + LONG * 40]),
    "apparmorProfile": process(apparmorProfile=LONG),
    "ioPriority": process(ioPriority={"class": "IOPRIO_CLASS_RT", "priority": 99}),
    "execCPUAffinity": process(execCPUAffinity={"initial": "0-99999999999"}),
    "consoleSize": process(terminal=True, consoleSize={"height": 10**30, "width": 1}),
    "scheduler": process(
        scheduler={"policy": "SCHED_DEADLINE", "runtime": 10**18, "deadline": 10**18, "period": 10**18}
    ),
    "device with a long name": device("/dev/" + "x" * 300),
    "device that is the root": device("/"),
    "device above the root": device("/dev/.."),
    "device without a path": device(""),
    "device over a folder": device("/dev/pts"),
    "device below a file": device("/etc/passwd/x"),
    "netDevices": linux(netDevices={"nosuch": {"name": "lo"}}),
    "timeOffsets beyond the clock": time_offset(monotonic=10**17),
    "timeOffsets beyond 64 bits": time_offset(monotonic=10**30),
    "timeOffsets below zero": time_offset(boottime=-(10**12)),
    "uidMappings beyond 340": mapped([{"containerID": n, "hostID": n, "size": 1} for n in range(341)]),
    "uidMappings beyond a page": mapped(
        [*IDS, *({"containerID": 4 * 10**9 + n, "hostID": 4 * 10**9 + n, "size": 1} for n in range(200))]
    ),
    "mount data beyond a page": mount("tmpfs", "size=" + "1" * 5000),
    "mount option with a wrong value": mount("tmpfs", "mode=999999"),
    "mount option that nobody knows": mount("tmpfs", f"nosuch={LONG}"),
    "mount type": mount(LONG),
    "mount source of a file system": mount("tmpfs", source="x" * 5000),
    "mount source of a bind": mount("none", "bind", source="/" + LONG),
    "mount source that is not there": mount("none", "bind", source="/no/such"),
    "mount destination": mount("tmpfs", destination="/" + "x" * 300),
    "overlay": mount("overlay", "lowerdir=" + ":".join(f"/no/such/{n}" for n in range(2000))),
    "maskedPaths": linux(maskedPaths=["/" + "x" * 300]),
    "cgroupsPath with a long name": linux(cgroupsPath="/" + "x" * 300),
    "cgroupsPath too long": linux(cgroupsPath="/x" * 3000),
    "cgroupsPath with a line feed": linux(cgroupsPath="/pyoci-test/a\nb"),
    "unified": linux(resources={"unified": {"../memory.high": LONG}}),
    "cpus": linux(resources={"cpu": {"cpus": LONG}}),
    "hugepageLimits": linux(resources={"hugepageLimits": [{"pageSize": LONG, "limit": 1}]}),
    "quota": linux(resources={"cpu": {"quota": 1}}),
    "namespace of another type": lambda bundle: bundle.namespace("network", "/proc/self/ns/uts"),
    "namespace that is not there": lambda bundle: bundle.namespace("network", "/no/such"),
    "namespace that is a device": lambda bundle: bundle.namespace("network", "/dev/null"),
    "namespace that is a FIFO": fifo,
    "hook that is not there": hook(path="/no/such"),
    "hook that says much": hook(path="/bin/sh", args=["sh", "-c", "yes | tr -d '\\n' | head -c 100000; exit 3"]),
    "hook with a timeout beyond all clocks": hook(timeout=10**30),
    "hook with a timeout beyond poll(2)": hook(timeout=10**7),
    "seccomp architecture": linux(seccomp={"defaultAction": "SCMP_ACT_ALLOW", "architectures": [LONG]}),
    "personality": linux(personality={"domain": LONG}),
    "memoryPolicy": linux(memoryPolicy={"mode": "MPOL_BIND", "nodes": "9" * 4000}),
    "intelRdt": linux(intelRdt={"closID": LONG}),
}


@pytest.mark.parametrize("what", WRONG)
def test_refused(runtime: Runtime, bundle: Bundle, what: str) -> None:
    WRONG[what](bundle)
    judge(runtime.refuses(bundle), hook_output="says much" in what)


def judge(words: str, *, hook_output: bool = False) -> None:
    for line in words.splitlines():
        assert not PYTHON.search(line)
        parts = line.split(": ")
        assert all(part != following for part, following in pairwise(parts)), line
        assert len(line) <= (2400 if hook_output else 800), line
        assert "x" * SHOWN not in line


def test_a_warning_is_bounded(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["capabilities"]["bounding"] = [LONG]
    name = runtime.add(bundle)
    said = runtime.expect("create", "--bundle", str(bundle.path), name).stderr
    assert "unknown capability" in said
    judge(said)


@pytest.mark.parametrize(
    "words",
    [
        ("state", LONG),
        ("state", "a/b"),
        ("kill", "none", LONG),
        ("update", "--memory", LONG, "none"),
        ("exec", "none", LONG),
        ("exec", "--user", LONG, "none", "true"),
        ("run", "--bundle", f"/{LONG}", "name"),
        ("create", "--preserve-fds", "9" * 5000, "name"),
        (LONG,),
        (f"--{LONG}",),
        ("--log", f"/{LONG}", "list"),
        ("--log-format", LONG, "list"),
        ("list", "--format", LONG),
    ],
    ids=lambda words: " ".join(word[:20] for word in words),
)
def test_command_lines(runtime: Runtime, words: tuple[str, ...]) -> None:
    judge(runtime.fails(*words))
