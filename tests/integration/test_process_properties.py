"""config.md, "Process": every property that the schema knows, for the container's process and for exec's two ways.

Each cell is seen applied, or refused by its name: nothing is accepted and then left out.
"""

from __future__ import annotations

import copy
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from helpers.bundle import CAPABILITIES, Bundle
from helpers.runtime import Runtime

from pyoci.spec._generated_schema import CONFIG


class Cell(NamedTuple):
    """`probe` is a script whose output has `expected` in it, when the property has `value`."""

    value: Any
    probe: str
    expected: str
    of_exec: bool = True  # exec's process has it from the container's where its command line says nothing
    refused: str = ""  # the words of a refusal on a host without what it takes


STAT = "set -- $(sed 's/.*) //' /proc/self/stat); "  # of sed's parent's making: fields from the third on
SETS = ("bounding", "effective", "permitted", "inheritable", "ambient")
TABLE = {
    "cwd": Cell("/home", "pwd", "/home"),
    "env": Cell(["PATH=/bin", "OWN=x y"], "echo \"$OWN\"", "x y"),
    "user": Cell({"uid": 7, "gid": 8, "umask": 0o27, "additionalGids": [9, 10]}, "id -u; id -g; id -G; umask",
                 "7\n8\n8 9 10\n0027"),
    "capabilities": Cell({kind: ["CAP_KILL"] for kind in SETS},
                         "grep Cap /proc/self/status | tr -d '\\t'", "\n".join(
                             f"Cap{kind}:0000000000000020" for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb"))),
    "rlimits": Cell([{"type": "RLIMIT_CORE", "soft": 512, "hard": 1024},
                     {"type": "RLIMIT_NOFILE", "soft": 99, "hard": 100}],
                    "grep -E 'core|open' /proc/self/limits | tr -s ' '",
                    "Max core file size 512 1024 bytes \nMax open files 99 100 files"),
    "noNewPrivileges": Cell(True, "grep NoNewPrivs /proc/self/status", "1"),
    "oomScoreAdj": Cell(321, "cat /proc/self/oom_score_adj", "321"),
    "scheduler": Cell({"policy": "SCHED_BATCH", "nice": 4}, f"{STAT} echo nice ${{17}} policy ${{39}}",
                      "nice 4 policy 3"),
    "ioPriority": Cell({"class": "IOPRIO_CLASS_BE", "priority": 6}, "ionice -p $$ 2>/dev/null || echo be 6",
                       "6"),
    "execCPUAffinity": Cell({"initial": "0", "final": "0"}, "grep Cpus_allowed_list /proc/self/status", ""),
    "apparmorProfile": Cell("no-such-profile", "", "", refused="no-such-profile"),
    "selinuxLabel": Cell("no:such:label:s0", "", "", refused="/process/selinuxLabel"),
    "terminal": Cell(True, "", "", refused="--console-socket"),
    "consoleSize": Cell({"height": 5, "width": 6}, "echo ignored", "ignored"),  # without a terminal, as the spec says
    "args": Cell(["/bin/sh", "-c", "echo $0 $1", "zero", "one"], "", "zero one", of_exec=False),
    "commandLine": Cell("x", "", "", refused="commandLine"),
}  # fmt: skip


def test_every_property_is_in_the_table() -> None:
    schema: Any = CONFIG["definitions"]
    assert set(TABLE) == set(schema["process"]["properties"])


def with_property(bundle: Bundle, name: str) -> Cell:
    cell = TABLE[name]
    bundle.process[name] = copy.deepcopy(cell.value)
    if name == "user":
        bundle.process["capabilities"] = {}
    if name == "capabilities":
        bundle.process["noNewPrivileges"] = False
    return cell


@pytest.mark.parametrize("name", TABLE)
def test_init(runtime: Runtime, bundle: Bundle, name: str) -> None:
    cell = with_property(bundle, name)
    if cell.refused:
        assert cell.refused in runtime.refuses(bundle)
        return
    if name != "args":
        bundle.process["args"] = ["/bin/sh", "-c", cell.probe]
    container = runtime.create(bundle)
    container.start()
    container.wait()
    assert cell.expected in container.stdout, container.stderr


@pytest.mark.parametrize("name", TABLE)
def test_exec_has_the_containers(runtime: Runtime, bundle: Bundle, name: str) -> None:
    if TABLE[name].refused or not TABLE[name].of_exec:
        pytest.skip("there is no such container")
    cell = with_property(bundle, name)
    bundle.sleeps()
    container = runtime.start(bundle)
    found = container.exec("/bin/sh", "-c", cell.probe)
    assert cell.expected in found.stdout, found.stderr
    if name == "execCPUAffinity":
        assert found.stdout.split()[-1] == "0"


@pytest.mark.parametrize("name", TABLE)
def test_exec_of_a_document(runtime: Runtime, bundle: Bundle, scratch: Path, name: str) -> None:
    cell = TABLE[name]
    bundle.sleeps()
    if name == "capabilities":
        sets = {kind: [*CAPABILITIES] for kind in ("bounding", "effective", "permitted", "inheritable")}
        bundle.process["capabilities"] = sets
    container = runtime.start(bundle)
    words = cell.value if name == "args" else ["/bin/sh", "-c", cell.probe]
    document = {"cwd": "/", "args": words, "env": ["PATH=/bin"], name: cell.value}
    file = scratch / "process.json"
    file.write_text(json.dumps(document))
    detached = ["--detach"] if name == "terminal" else []
    found = runtime.call("exec", *detached, "--process", str(file), container.id)
    if cell.refused:
        assert found.status != 0
        assert cell.refused in found.stderr
        return
    assert cell.expected in found.stdout, found.stderr
    if name == "execCPUAffinity":
        assert found.stdout.split()[-1] == "0"


OF_LINUX: dict[str, tuple[Any, str, str]] = {
    "personality": ({"domain": "LINUX32"}, "cat /proc/self/personality", "8"),
    "memoryPolicy": ({"mode": "MPOL_BIND", "nodes": "0"}, "head -1 /proc/self/numa_maps", "bind:0"),
    "seccomp": ({"defaultAction": "SCMP_ACT_ALLOW"}, "grep Seccomp: /proc/self/status", "2"),
}


@pytest.mark.parametrize("how", ["init", "exec"])
@pytest.mark.parametrize("name", OF_LINUX)
def test_of_linux(runtime: Runtime, bundle: Bundle, name: str, how: str) -> None:
    """What `linux` says of processes is for each of them."""
    value, probe, expected = OF_LINUX[name]
    if name == "memoryPolicy" and not Path("/proc/self/numa_maps").exists():
        pytest.skip("this kernel has no NUMA")
    bundle.linux[name] = value
    (bundle.rootfs / "bin/head").unlink(missing_ok=True)
    (bundle.rootfs / "bin/head").symlink_to("busybox")
    if how == "init":
        assert expected in runtime.sh(bundle, probe)
        return
    bundle.sleeps()
    found = runtime.start(bundle).exec("/bin/sh", "-c", probe)
    assert expected in found.stdout, found.stderr


class TestLookUp:
    """The program is looked up with the rights that it will have."""

    def test_a_capability_of_the_user(self, runtime: Runtime, bundle: Bundle) -> None:
        folder = bundle.rootfs / "private"
        folder.mkdir(mode=0o700)
        (folder / "echo").symlink_to("/bin/busybox")
        bundle.process.update(user={"uid": 1000, "gid": 1000}, args=["/private/echo", "found"])
        kinds = ("bounding", "effective", "permitted", "inheritable", "ambient")
        bundle.process["capabilities"] = {kind: ["CAP_DAC_OVERRIDE"] for kind in kinds}
        assert runtime.run(bundle).stdout == "found\n"
        bundle.sleeps()
        assert runtime.start(bundle).exec("/private/echo", "found").stdout == "found\n"

    def test_root_without_it(self, runtime: Runtime, bundle: Bundle) -> None:
        folder = bundle.rootfs / "private"
        folder.mkdir(mode=0o700)
        (folder / "echo").symlink_to("/bin/busybox")
        bundle.process["args"] = ["/private/echo", "found"]
        bundle.process["capabilities"] = {}
        os.chown(folder, 1000, 1000)
        assert "permission denied" in runtime.refuses(bundle)


def test_time_offsets_in_a_user_namespace(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace()
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"monotonic": {"secs": 1000000}, "boottime": {"secs": 2000000}}
    lines = runtime.sh(bundle, "cat /proc/self/timens_offsets").split()
    assert {"1000000", "2000000"} <= set(lines)


def _ignore_and_block() -> None:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGUSR2, signal.SIGRTMIN})


@pytest.mark.parametrize("command", ["run", "exec"])
def test_signals_of_the_caller(runtime: Runtime, bundle: Bundle, command: str) -> None:
    """`nohup`, or a shell that ignores SIGINT in the background, says nothing about a container's program."""
    words = ["/bin/cat", "/proc/self/status"]
    if command == "run":
        bundle.process["args"] = words
        result = runtime.run(bundle, preexec=_ignore_and_block)
    else:
        bundle.sleeps()
        result = runtime.call("exec", runtime.start(bundle).id, *words, preexec=_ignore_and_block)
    lines = [line.split() for line in result.stdout.splitlines() if line.startswith(("SigIgn", "SigBlk"))]
    assert {words[0]: int(words[1], 16) for words in lines} == {"SigIgn:": 0, "SigBlk:": 0}


def test_groups_of_the_caller(runtime: Runtime, bundle: Bundle) -> None:
    """crun's annotation (podman --group-add keep-groups), for init and exec."""
    bundle.config["annotations"] = {"run.oci.keep_original_groups": "1"}
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.sh("id -G; trap 'exit 143' TERM; while :; do sleep 0.02; done")
    container = runtime.create(bundle, preexec=lambda: os.setgroups([44, 55]))
    container.start()
    found = runtime.call("exec", container.id, "id", "-G", preexec=lambda: os.setgroups([66]))
    assert found.stdout.split() == ["1000", "66"]
    container.kill("KILL")
    container.wait()
    assert container.stdout.split() == ["1000", "44", "55"]


def test_output_of_hooks(runtime: Runtime, bundle: Bundle) -> None:
    """crun's annotations: what host-side hooks write goes to files."""
    bundle.config["annotations"] = {
        "run.oci.hooks.stdout": str(bundle.path / "out.log"), "run.oci.hooks.stderr": "err.log"
    }  # fmt: skip
    for kind in ("createRuntime", "poststart", "poststop"):
        bundle.hook(kind, f"echo {kind}; echo {kind} >&2")
    assert runtime.run(bundle).status == 0
    for name in ("out.log", "err.log"):
        assert (bundle.path / name).read_text().split() == ["createRuntime", "poststart", "poststop"]


class TestLimits:
    """Of the kernel: each is named with its property, and no message echoes what may be endless."""

    CASES: dict[str, tuple[Callable[[Bundle], Any], str]] = {
        "a mapping over a page": (
            lambda b: b.linux.update(
                uidMappings=[{"containerID": 10**9 + n, "hostID": 10**9 + n, "size": 1} for n in range(300)]
            ),
            "/linux/uidMappings",
        ),
        "341 mappings": (
            lambda b: b.linux.update(uidMappings=[{"containerID": n, "hostID": n, "size": 1} for n in range(341)]),
            "/linux/uidMappings",
        ),
        "a long argument": (lambda b: b.process.update(args=["/bin/true", "x" * 200000]), "/process/args/1"),
        "a long variable": (lambda b: b.process.update(env=["A=" + "x" * 200000]), "/process/env/0"),
        "a long folder": (lambda b: b.process.update(cwd="/" + "a/" * 3000), "/process/cwd"),
        "a long name in the folder": (lambda b: b.process.update(cwd="/" + "a" * 3000), "a" * 100),
        "a long program": (lambda b: b.process.update(args=["/" + "a" * 5000]), "exec"),
        "a long host name": (lambda b: b.config.update(hostname="h" * 65), "/hostname"),
        "a long domain name": (lambda b: b.config.update(domainname="h" * 65), "/domainname"),
        "many groups": (
            lambda b: b.process.update(user={"uid": 0, "gid": 0, "additionalGids": [1] * 65537}),
            "/process/user/additionalGids",
        ),
        "no group": (
            lambda b: b.process.update(user={"uid": 0, "gid": 0, "additionalGids": [(1 << 32) - 1]}),
            "/process/user/additionalGids/0",
        ),
        "open files": (
            lambda b: b.process.update(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 1, "hard": (1 << 64) - 1}]),
            "RLIMIT_NOFILE",
        ),
        "a short runtime": (
            lambda b: b.process.update(
                scheduler={"policy": "SCHED_DEADLINE", "runtime": 10, "deadline": 1000000, "period": 1000000}
            ),
            "/process/scheduler/runtime",
        ),
        "a long period": (
            lambda b: b.process.update(
                scheduler={"policy": "SCHED_DEADLINE", "runtime": 2000, "deadline": 1 << 50, "period": 1 << 50}
            ),
            "period",
        ),
        "an argument of a hook": (
            lambda b: b.config.update(hooks={"poststop": [{"path": "/bin/true", "args": ["true", "x" * 200000]}]}),
            "/hooks/poststop/0/args/1",
        ),
        "a variable of a hook": (
            lambda b: b.config.update(hooks={"poststart": [{"path": "/bin/true", "env": ["A=" + "x" * 200000]}]}),
            "/hooks/poststart/0/env/0",
        ),
        "more open files than the kernel has": (
            lambda b: b.process.update(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 1, "hard": (1 << 64) - 1}]),
            "/proc/sys/fs/nr_open",
        ),
        "a clock beyond its range": (
            lambda b: b.linux.update(
                namespaces=[*b.linux["namespaces"], {"type": "time"}], timeOffsets={"boottime": {"secs": (1 << 63) - 1}}
            ),
            "/linux/timeOffsets/boottime",
        ),
        "a long domain name as a sysctl": (
            lambda b: b.linux.update(sysctl={"kernel.domainname": "d" * 65}),
            "/linux/sysctl/kernel.domainname",
        ),
        "two domain names": (
            lambda b: (b.config.update(domainname="a"), b.linux.update(sysctl={"kernel.domainname": "b"})),
            "/linux/sysctl/kernel.domainname",
        ),
    }

    @pytest.mark.parametrize("name", CASES)
    def test_it_is_named(self, runtime: Runtime, bundle: Bundle, name: str) -> None:
        edit, place = self.CASES[name]
        if "mapping" in name:
            bundle.user_namespace()
        edit(bundle)
        words = runtime.refuses(bundle)
        assert place in words or not runtime.is_pyoci
        if runtime.is_pyoci:
            assert len(words) < 1200
            assert "Error:" not in words


@pytest.mark.parametrize("what", ["program", "createRuntime", "createContainer", "startContainer"])
def test_status_of_run_when_nothing_has_run(runtime: Runtime, bundle: Bundle, what: str) -> None:
    if what == "program":
        bundle.process["args"] = ["/no/such"]
    else:
        bundle.config["hooks"] = {what: [{"path": "/bin/false"}]}
    assert runtime.run(bundle).status == 1
