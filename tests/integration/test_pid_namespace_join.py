"""A PID namespace joined by path: init is made outside of it, and is a member like any other in the end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Container, Runtime

Edit = Callable[[Bundle], Any]


@pytest.fixture
def holder(runtime: Runtime, new_bundle: Callable[[], Bundle]) -> Container:
    first = new_bundle()
    first.sleeps()
    return runtime.start(first)


@pytest.fixture
def second(holder: Container, new_bundle: Callable[[], Bundle]) -> Bundle:
    bundle = new_bundle()
    bundle.namespace("pid", f"/proc/{holder.pid}/ns/pid")
    return bundle


@pytest.mark.usefixtures("holder")
def test_it_sees_the_others_in_its_procfs(runtime: Runtime, second: Bundle) -> None:
    words = runtime.sh(second, "echo $$; cat /proc/1/comm; ls -d /proc/[0-9]* | wc -l; readlink /proc/self").split()
    assert int(words[0]) > 1
    assert words[1] == "sh"
    assert int(words[2]) < 10
    assert int(words[3]) > 1


def test_the_state_has_the_process_that_runs(runtime: Runtime, second: Bundle, holder: Container) -> None:
    second.sleeps()
    container = runtime.create(second)
    assert container.namespace("pid") == holder.namespace("pid")
    assert container.status == "created"
    assert container.proc("comm").strip() == "pyoci:init" or not runtime.is_pyoci
    container.start()
    assert container.status == "running"
    assert container.proc("comm").strip() == "sh"
    assert runtime.exec(container.id, "true").status == 0
    container.kill("KILL")
    container.wait()
    container.delete()


def test_it_leads_a_session_of_its_own(runtime: Runtime, second: Bundle) -> None:
    assert runtime.sh(second, "set -- $(cat /proc/self/stat); pid=$$; test $6 = $pid && echo leads") == "leads"


def test_its_status(runtime: Runtime, second: Bundle) -> None:
    second.sh("exit 7")
    assert runtime.run(second).status == 7


@pytest.mark.parametrize("limit", [1, 2])
def test_a_limit_of_processes(runtime: Runtime, second: Bundle, limit: int) -> None:
    second.linux["resources"]["pids"] = {"limit": limit}
    second.process["args"] = ["/bin/cat", "/proc/self/comm"]
    container = runtime.start(second)
    container.wait()
    assert container.stdout.strip() == "cat"


EDITS: dict[str, Edit] = {
    "user": lambda bundle: bundle.process.update(user={"uid": 1000, "gid": 1000, "additionalGids": [5]}),
    "limits": lambda bundle: bundle.process.update(
        rlimits=[{"type": "RLIMIT_NPROC", "soft": 3, "hard": 3}, {"type": "RLIMIT_CORE", "soft": 1, "hard": 1}]
    ),
    "scheduler": lambda bundle: bundle.process.update(scheduler={"policy": "SCHED_BATCH", "nice": 5}),
    "scheduler that no child has": lambda bundle: bundle.process.update(
        scheduler={"policy": "SCHED_BATCH", "nice": 5, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}
    ),
    "time namespace": lambda bundle: bundle.linux.update(
        timeOffsets={"monotonic": {"secs": 1000000}}, namespaces=[*bundle.linux["namespaces"], {"type": "time"}]
    ),
    "start hook": lambda bundle: bundle.hook("startContainer", "echo $$ > /hooked"),
    "all hooks": lambda bundle: bundle.config.update(
        hooks={
            kind: [{"path": "/bin/true"}] for kind in ("prestart", "createRuntime", "createContainer", "startContainer")
        }
    ),
    "filter": lambda bundle: bundle.linux.update(seccomp={"defaultAction": "SCMP_ACT_ALLOW"}),
    "cgroup namespace": lambda bundle: bundle.namespace("cgroup"),
    "no new privileges": lambda bundle: bundle.process.update(noNewPrivileges=False),
}


@pytest.mark.parametrize("name", EDITS)
def test_with(runtime: Runtime, second: Bundle, name: str) -> None:
    (second.rootfs / "tmp").chmod(0o777)
    (second.rootfs).chmod(0o777)
    EDITS[name](second)
    second.process["args"] = ["/bin/cat", "/proc/self/status"]
    container = runtime.start(second)
    assert container.wait() == 0, container.stderr
    assert "Name:\tcat" in container.stdout


def test_scheduler(runtime: Runtime, second: Bundle) -> None:
    EDITS["scheduler that no child has"](second)
    second.process["args"] = ["/bin/cat", "/proc/self/stat"]
    fields = runtime.run(second).stdout.rpartition(")")[2].split()
    assert (fields[16], fields[38]) == ("5", "3")


def test_without_a_process(runtime: Runtime, second: Bundle) -> None:
    del second.config["process"]
    container = runtime.create(second)
    assert container.status == "created"
    if runtime.is_pyoci:
        assert int(next(line.split()[1] for line in container.proc("status").splitlines() if "CapPrm" in line), 16) == 0
    assert "no process is set" in runtime.fails("start", container.id) or not runtime.is_pyoci


def test_a_user_namespace_of_its_own(runtime: Runtime, second: Bundle, holder: Container) -> None:
    """The kernel refuses a procfs of a PID namespace that is not its own; without one it is possible."""
    second.user_namespace()
    second.config["mounts"] = [entry for entry in second.config["mounts"] if entry["destination"] != "/proc"]
    second.sleeps()
    container = runtime.call("create", "--bundle", str(second.path), name := runtime.add(second))
    if container.status != 0 and not runtime.is_pyoci:
        pytest.skip(container.stderr)
    assert container.status == 0, container.stderr
    pid = runtime.state(name)["pid"]
    assert os.readlink(f"/proc/{pid}/ns/pid") == holder.namespace("pid")


def test_an_error_leaves_nothing(runtime: Runtime, second: Bundle) -> None:
    second.process["args"] = ["/no/such"]
    assert "no such file" in runtime.refuses(second)


@pytest.mark.usefixtures("holder")
def test_the_runtime_is_killed(runtime: Runtime, second: Bundle) -> None:
    """Neither the process that prepares init nor init outlives a runtime that is killed."""
    second.hook("createContainer", "sleep 5")
    name = runtime.add(second)
    creating = runtime.quietly("create", "--bundle", str(second.path), name)
    time.sleep(0.3)
    creating.kill()
    creating.wait(TIME_LIMIT)
    runtime.call("delete", "--force", name)
