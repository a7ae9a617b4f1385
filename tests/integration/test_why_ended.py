"""A program that the kernel has killed: the log says why, and not only the exit status 137 or 159."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

import pytest
from helpers import cgroup, cgroup_files
from helpers.bundle import Bundle
from helpers.library import Library
from helpers.runtime import TIME_LIMIT, Runtime, until

pytestmark = pytest.mark.beyond_runc("runc says nothing")

GROWS = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"
SWAPS = len(Path("/proc/swaps").read_text().splitlines()) > 1


def limited(bundle: Bundle) -> None:
    bundle.linux["resources"]["memory"] = {"limit": 16 << 20}


def filtered(bundle: Bundle, **seccomp: object) -> None:
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL_PROCESS"}
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule], **seccomp}


@pytest.mark.skipif(SWAPS, reason="this machine swaps: a memory limit is not reached soon")
class TestOutOfMemory:
    WORDS = re.compile(r"the kernel has killed (a process|[0-9]+ processes) of it for lack of memory \(OOM killer\)")

    def test_run_warns(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        limited(bundle)
        bundle.process["args"] = ["/bin/sh", "-c", GROWS]
        result = runtime.run(bundle)
        assert result.status == 137
        assert f"warning: container {next(iter(runtime.known))}: " in result.stderr
        assert self.WORDS.search(result.stderr)
        assert runtime.run(bundle, options=["--log", str(scratch / "log")]).status == 137
        assert self.WORDS.search((scratch / "log").read_text())

    def test_run_warns_of_a_child(self, runtime: Runtime, bundle: Bundle) -> None:
        limited(bundle)
        bundle.process["args"] = ["/bin/sh", "-c", f"sh -c '{GROWS}'; exit $?"]
        result = runtime.run(bundle)
        assert result.status == 137
        assert self.WORDS.search(result.stderr)

    def test_exec_warns(self, runtime: Runtime, bundle: Bundle) -> None:
        limited(bundle)
        bundle.sleeps()
        result = runtime.start(bundle).exec("/bin/sh", "-c", GROWS)
        assert result.status == 137
        assert self.WORDS.search(result.stderr)

    def test_events_say_so_afterwards(self, runtime: Runtime, bundle: Bundle) -> None:
        limited(bundle)
        bundle.process["args"] = ["/bin/sh", "-c", GROWS]
        container = runtime.start(bundle)
        until(lambda: container.status == "stopped")
        words = runtime.fails("events", "--stats", container.id)
        assert "container not running" in words
        assert self.WORDS.search(words)

    def test_state_says_so_afterwards(self, runtime: Runtime, bundle: Bundle) -> None:
        limited(bundle)
        bundle.config["annotations"] = {"who": "me"}
        bundle.process["args"] = ["/bin/sh", "-c", f"while [ ! -e /go ]; do sleep 0.05; done; {GROWS}"]
        container = runtime.start(bundle)
        assert runtime.state(container.id)["annotations"] == {"who": "me"}
        (bundle.rootfs / "go").touch()
        until(lambda: container.status == "stopped")
        assert runtime.state(container.id)["annotations"] == {"who": "me", "org.pyoci.oom-killed": "true"}
        (listed,) = json.loads(runtime.expect("list", "--format", "json").stdout)
        assert listed["annotations"]["org.pyoci.oom-killed"] == "true"

    @pytest.mark.usefixtures("killed_before")
    def test_what_was_killed_in_the_group_before_is_not_told_of(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["args"] = ["/no/where"]
        assert "no such file" in runtime.refuses(bundle)
        bundle.process["args"] = ["/bin/sh", "-c", "sh -c 'kill -9 $$'; exit $?"]
        result = runtime.run(bundle)
        assert result.status == 137
        assert "OOM" not in result.stderr
        container = runtime.start(bundle)
        until(lambda: container.status == "stopped")
        assert not container.state().get("annotations")


@pytest.fixture
def killed_before(bundle: Bundle) -> Iterator[None]:
    """The container's group is there already, and the OOM killer was at work in it."""
    group = cgroup_files.place("memory", bundle.cgroups_path)
    group.parent.mkdir(exist_ok=True)
    if cgroup.is_v2():
        (group.parent / "cgroup.subtree_control").write_text("+memory")
    group.mkdir()
    limit = group / ("memory.max" if cgroup.is_v2() else "memory.limit_in_bytes")
    counter = group / ("memory.events" if cgroup.is_v2() else "memory.oom_control")
    try:
        limit.write_text(str(8 << 20))
        command = f"echo 0 > {group}/cgroup.procs; {GROWS}"
        assert subprocess.run(["sh", "-c", command], check=False, stderr=subprocess.DEVNULL).returncode == -9
        limit.write_text("max" if cgroup.is_v2() else "-1")
        assert "oom_kill 1" in counter.read_text()
        yield
    finally:
        cgroup.remove(group)


def until_logged(words: str, kill: Callable[[], str]) -> None:
    """Kills programs until pyoci says so: in five seconds the kernel logs ten deaths and drops the others.

    Documentation/admin-guide/sysctl/kernel.rst, printk_ratelimit. Other tests kill programs, too. Where an auditd takes
    these records, or seccomp/actions_logged has them off, there is nothing to say.
    """
    if not (os.access("/dev/kmsg", os.R_OK) and sees_the_first_namespace()):
        kill()
        return
    with open("/dev/kmsg", "rb", buffering=0) as log:
        os.set_blocking(log.fileno(), False)
        log.seek(0, os.SEEK_END)
        deadline = time.monotonic() + TIME_LIMIT / 2
        while words not in (said := kill()):
            if time.monotonic() > deadline:
                assert not any(b'comm="mkdir"' in record for record in records(log)), said
                pytest.skip("the kernel's log names no system call for which seccomp kills")
            time.sleep(1)


def records(log: FileIO) -> Iterator[bytes]:
    """Those that have come since the log was opened."""
    while True:
        try:
            record = log.read(8192)
        except BrokenPipeError:
            continue  # some were overwritten meanwhile
        if record is None:
            return
        yield record


class TestSeccomp:
    @pytest.mark.parametrize("command", ["run", "exec"])
    def test_it_warns(self, runtime: Runtime, bundle: Bundle, command: str) -> None:
        filtered(bundle)

        def kill() -> str:
            if command == "run":
                bundle.process["args"] = ["/bin/mkdir", "/tmp/x"]
                result = runtime.run(bundle)
            else:
                bundle.sleeps()
                result = runtime.start(bundle).exec("/bin/mkdir", "/tmp/x")
            assert result.status == 159
            assert "the program was killed by /linux/seccomp (SIGSYS), for " in result.stderr
            return result.stderr

        until_logged("for the system call mkdir", kill)

    def test_events_say_so_afterwards(self, runtime: Runtime, bundle: Bundle) -> None:
        filtered(bundle)
        bundle.process["args"] = ["/bin/mkdir", "/tmp/x"]

        def kill() -> str:
            container = runtime.start(bundle)
            until(lambda: container.status == "stopped")
            time.sleep(0.1)  # a thread of the kernel's writes its log, when it has time
            said = runtime.fails("events", "--stats", container.id)
            assert "container not running" in said
            return said

        until_logged("was killed by /linux/seccomp (SIGSYS), for the system call mkdir", kill)

    def test_a_call_that_is_logged_only_has_killed_nobody(self, runtime: Runtime, bundle: Bundle) -> None:
        filtered(bundle)
        bundle.linux["seccomp"]["syscalls"][0]["action"] = "SCMP_ACT_LOG"
        bundle.process["args"] = ["/bin/mkdir", "/tmp/x"]
        container = runtime.start(bundle)
        until(lambda: container.status == "stopped")
        assert "seccomp" not in runtime.fails("events", "--stats", container.id)

    def test_state_says_so_where_somebody_waited(self, library: Library) -> None:
        filter = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL_PROCESS"}],
        }
        for config, noted in (
            (library.config.with_seccomp(filter), {"org.pyoci.seccomp-killed": "true"}),
            (library.config.without_namespace("pid"), {}),
        ):
            script = "exec mkdir /tmp/x" if noted else "kill -SYS $$"
            with library.started(script, config=config) as container:
                assert container.wait(TIME_LIMIT).signal == 31
                assert container.annotations == noted

    def test_a_call_that_the_profile_does_not_name(self, runtime: Runtime, bundle: Bundle) -> None:
        filtered(bundle, syscalls=[])
        bundle.linux["seccomp"]["defaultAction"] = "SCMP_ACT_KILL_PROCESS"
        bundle.linux["seccomp"]["syscalls"] = [
            {"names": ["execve", "brk", "arch_prctl", "mmap", "exit_group"], "action": "SCMP_ACT_ALLOW"}
        ]
        result = runtime.run(bundle)
        assert result.status == 159
        assert "the program was killed by /linux/seccomp (SIGSYS), for " in result.stderr


def test_state_of_a_container_that_nothing_has_killed(runtime: Runtime, bundle: Bundle) -> None:
    limited(bundle)
    bundle.process["args"] = ["/bin/sh", "-c", "kill -KILL $$"]
    container = runtime.start(bundle)
    until(lambda: container.status == "stopped")
    assert not any(name.startswith("org.pyoci.") for name in runtime.state(container.id).get("annotations") or {})


@pytest.mark.parametrize(("signal", "status"), [("KILL", 137), ("SYS", 159), ("TERM", 143)])
def test_nothing_is_said_of_a_signal_from_elsewhere(runtime: Runtime, bundle: Bundle, signal: str, status: int) -> None:
    bundle.no_namespace("pid")
    bundle.process["args"] = ["/bin/sh", "-c", f"kill -{signal} $$"]
    result = runtime.run(bundle)
    assert (result.status, result.stderr) == (status, "")


def sees_the_first_namespace() -> bool:
    """Whether numbers of processes here are those of the kernel's log: PROC_PID_INIT_INO, linux/proc_ns.h."""
    return os.readlink("/proc/self/ns/pid") == "pid:[4026531836]"
