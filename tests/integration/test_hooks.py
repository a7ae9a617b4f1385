"""config.md, POSIX-platform Hooks; runtime.md, Lifecycle."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest
from helpers import cgroup
from helpers.bundle import BUSYBOX, Bundle
from helpers.runtime import TIME_LIMIT, Container, Runtime, until

# In the order of the lifecycle.
CREATE = ["prestart", "createRuntime", "createContainer"]
START = ["startContainer", "poststart"]
DELETE = ["poststop"]
KINDS = CREATE + START + DELETE
OUTSIDE = ["prestart", "createRuntime", "poststart", "poststop"]


def log(bundle: Bundle, kind: str) -> str:
    """A file of the rootfs, as a hook of that kind sees it."""
    return "/log" if kind == "startContainer" else f"{bundle.rootfs}/log"


def logged(bundle: Bundle) -> list[str]:
    path = bundle.rootfs / "log"
    return path.read_text().splitlines() if path.exists() else []


def live(runtime: Runtime, bundle: Bundle) -> Container:
    """create, start, wait, delete."""
    container = runtime.create(bundle)
    container.start()
    container.wait()
    container.delete()
    return container


@pytest.mark.beyond_runc("runc 1.1 runs poststart hooks in create")
def test_all_run_in_the_order_of_the_lifecycle(runtime: Runtime, bundle: Bundle) -> None:
    for kind in reversed(KINDS):
        bundle.hook(kind, f"echo {kind} >> {log(bundle, kind)}")
    bundle.sh("echo process >> /log; sleep 0.2")
    container = runtime.create(bundle)
    assert logged(bundle) == CREATE
    container.start()
    assert set(logged(bundle)) - {"process"} == set(CREATE + START)
    container.wait()
    container.delete()
    lines = logged(bundle)
    assert lines.index("startContainer") < lines.index("process")
    assert [line for line in lines if line != "process"] == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_those_of_a_kind_run_in_the_listed_order(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    for number in range(4):
        bundle.hook(kind, f"echo {number} >> {log(bundle, kind)}")
    live(runtime, bundle)
    assert logged(bundle) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("kind", KINDS)
def test_state_on_standard_input(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    bundle.config["annotations"] = {"com.example.key": "välue"}
    bundle.hook(kind, f"cat > {log(bundle, kind)}")
    container = live(runtime, bundle)
    state: dict[str, Any] = json.loads("\n".join(logged(bundle)))
    assert state["id"] == container.id
    assert state["bundle"] == str(bundle.path)
    assert state["annotations"]["com.example.key"] == "välue"
    assert state["ociVersion"]


@pytest.mark.parametrize(
    "kind, status",
    [("prestart", "creating"), ("createRuntime", "creating"), ("createContainer", "creating"), ("poststop", "stopped")],
)
def test_status_in_that_state(runtime: Runtime, bundle: Bundle, kind: str, status: str) -> None:
    bundle.hook(kind, f"cat > {log(bundle, kind)}")
    live(runtime, bundle)
    assert json.loads("\n".join(logged(bundle)))["status"] == status


@pytest.mark.parametrize(
    "kind, status",
    [
        ("startContainer", "created"),
        pytest.param("poststart", "running", marks=pytest.mark.beyond_runc("runc 1.1 runs them in create")),
    ],
)
def test_status_in_that_state_at_start(runtime: Runtime, bundle: Bundle, kind: str, status: str) -> None:
    bundle.hook(kind, f"cat > {log(bundle, kind)}")
    bundle.sleeps()
    runtime.start(bundle)
    assert json.loads("\n".join(logged(bundle)))["status"] == status


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "poststart"])
def test_pid_as_the_runtime_sees_it(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    bundle.hook(kind, f"cat > {log(bundle, kind)}")
    bundle.sleeps()
    container = runtime.start(bundle)
    assert json.loads("\n".join(logged(bundle)))["pid"] == container.pid


@pytest.mark.beyond_runc("runc gives the host's pid, or none, to hooks inside")
@pytest.mark.parametrize("kind", ["createContainer", "startContainer"])
def test_pid_as_the_container_sees_it(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    bundle.hook(kind, f"cat > {log(bundle, kind)}")
    bundle.sleeps()
    runtime.start(bundle)
    assert json.loads("\n".join(logged(bundle)))["pid"] == 1


NAMESPACES = ("mnt", "uts", "ipc", "net", "pid")


def namespaces_of(bundle: Bundle, kind: str) -> None:
    # mnt by the process's own link; a shell of startContainer is the container's.
    bundle.hook(kind, f"for n in {' '.join(NAMESPACES)}; do readlink /proc/self/ns/$n >> {log(bundle, kind)}; done")


@pytest.mark.parametrize("kind", OUTSIDE)
def test_runtime_namespace(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    namespaces_of(bundle, kind)
    live(runtime, bundle)
    assert logged(bundle) == [os.readlink(f"/proc/self/ns/{name}") for name in NAMESPACES]


@pytest.mark.parametrize("kind", ["createContainer", "startContainer"])
def test_container_namespace(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    namespaces_of(bundle, kind)
    bundle.sleeps()
    container = runtime.start(bundle)
    assert logged(bundle) == [container.namespace(name) for name in NAMESPACES]


def test_namespaces_exist_at_create_runtime(runtime: Runtime, bundle: Bundle) -> None:
    script = "sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/' | tr -dc 0-9"
    bundle.hook("createRuntime", f"pid=$({script}); readlink /proc/$pid/ns/net > {log(bundle, 'createRuntime')}")
    container = runtime.create(bundle)
    assert logged(bundle) == [container.namespace("net")]


def test_mounts_are_made_before_create_container_and_the_machine_is_still_there(
    runtime: Runtime, bundle: Bundle
) -> None:
    bundle.mount("/mnt", "tmpfs")
    script = f"grep -c ' {bundle.rootfs}/mnt ' /proc/self/mounts > {bundle.rootfs}/log; ls -d /usr"
    bundle.hook("createContainer", script)
    runtime.create(bundle)
    assert logged(bundle) == ["1"]


@pytest.mark.parametrize("kind", KINDS)
def test_environment_is_exactly_that_of_the_hook(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    environment = ["A=1", "B=two words", "PATH=/bin:/usr/bin"]
    bundle.hook(kind, f"env > {log(bundle, kind)}", env=environment)
    live(runtime, bundle)
    added_by_the_shell = ("PWD=", "OLDPWD=", "SHLVL=", "_=")
    assert sorted(line for line in logged(bundle) if not line.startswith(added_by_the_shell)) == environment


def test_with_an_empty_env_nothing_of_the_callers(runtime: Runtime, bundle: Bundle) -> None:
    bundle.hook("createRuntime", f"export > {log(bundle, 'createRuntime')}", env=[])
    runtime.create(bundle, env={**os.environ, "SECRET": "secret"})
    assert "SECRET" not in "".join(logged(bundle))


@pytest.mark.parametrize("kind", KINDS)
def test_arguments(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    script = f'printf "%s\\n" "$0" "$@" > {log(bundle, kind)}'
    bundle.hook(kind, "", args=["sh", "-ec", script, "zero", "two words", ""])
    live(runtime, bundle)
    assert logged(bundle) == ["zero", "two words", ""]


def test_the_name_may_be_another_than_the_path(runtime: Runtime, bundle: Bundle) -> None:
    bundle.hook("createRuntime", "", args=["another-name", "-ec", f"echo $0 > {log(bundle, 'createRuntime')}"])
    runtime.create(bundle)
    assert logged(bundle) == ["another-name"]


def test_without_arguments_the_path_is_the_name(runtime: Runtime, bundle: Bundle) -> None:
    tool = bundle.path / "tool"
    tool.write_text(f"#!/bin/sh\necho $# $0 > {bundle.rootfs}/log\n")
    tool.chmod(0o755)
    bundle.config["hooks"] = {"createRuntime": [{"path": str(tool)}]}
    runtime.create(bundle)
    assert logged(bundle) == [f"0 {tool}"]


@pytest.mark.parametrize("kind", CREATE)
def test_a_failing_one_stops_create(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    bundle.hook(kind, "echo the reason >&2; exit 3")
    bundle.hook(kind, f"echo second >> {log(bundle, kind)}")
    bundle.hook("poststop", f"echo poststop >> {log(bundle, 'poststop')}")
    words = runtime.refuses(bundle)
    assert "hook" in words
    assert "second" not in logged(bundle)
    assert not cgroup.folder("pids", bundle.cgroups_path).exists()


@pytest.mark.beyond_runc("runc runs no poststop hooks after a hook that failed")
@pytest.mark.parametrize("kind", CREATE)
def test_poststop_follows_a_failing_one(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    bundle.hook(kind, "exit 3")
    bundle.hook("poststop", f"echo poststop >> {log(bundle, 'poststop')}")
    runtime.refuses(bundle)
    assert logged(bundle) == ["poststop"]


def test_a_failing_start_container_stops_the_container(runtime: Runtime, bundle: Bundle) -> None:
    bundle.hook("startContainer", "exit 3")
    bundle.sh("echo ran >> /log")
    container = runtime.create(bundle)
    runtime.call("start", container.id)
    until(lambda: container.pid in reaped(container.pid), "it ends")
    assert logged(bundle) == []
    state = runtime.call("state", container.id)
    if runtime.is_pyoci:
        assert "does not exist" in state.stderr
    else:
        assert state.status != 0 or json.loads(state.stdout)["status"] == "stopped"


@pytest.mark.beyond_runc("runc's start has returned before the hook runs")
def test_a_failing_start_container_is_an_error_of_start(runtime: Runtime, bundle: Bundle) -> None:
    bundle.hook("startContainer", "exit 3")
    container = runtime.create(bundle)
    assert "hook" in runtime.fails("start", container.id)


@pytest.mark.beyond_runc("runc's start succeeds")
def test_a_failing_poststart_stops_the_container(runtime: Runtime, bundle: Bundle) -> None:
    bundle.hook("poststart", "exit 3")
    bundle.sleeps()
    container = runtime.create(bundle)
    assert "hook" in runtime.fails("start", container.id)
    container.wait(TIME_LIMIT)


@pytest.mark.beyond_runc("runc 1.1 runs none of the others")
def test_a_failing_poststop_is_a_warning(runtime: Runtime, bundle: Bundle) -> None:
    bundle.hook("poststop", "exit 3")
    bundle.hook("poststop", f"echo second >> {log(bundle, 'poststop')}")
    container = live(runtime, bundle)
    assert logged(bundle) == ["second"]
    assert runtime.call("state", container.id).status != 0


@pytest.mark.parametrize("kind", CREATE)
def test_one_that_cannot_be_executed_stops_create(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    bundle.hook(kind, "", path="/nowhere/hook")
    assert "/nowhere/hook" in runtime.refuses(bundle)


@pytest.mark.parametrize("kind", CREATE)
def test_timeout(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    bundle.hook(kind, "exec sleep 1000", timeout=1)
    began = time.monotonic()
    runtime.refuses(bundle)
    assert time.monotonic() - began > 0.9


@pytest.mark.parametrize("kind", CREATE)
def test_within_its_timeout(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    bundle.hook(kind, f"echo done > {log(bundle, kind)}", timeout=20)
    runtime.create(bundle)
    assert logged(bundle) == ["done"]


def test_one_that_does_not_read_its_input(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["annotations"] = {"big": "x" * 200000}  # more than a pipe holds
    bundle.hook("createRuntime", f"exec <&-; echo done > {log(bundle, 'createRuntime')}")
    runtime.create(bundle)
    assert logged(bundle) == ["done"]


def test_a_big_state_arrives_whole(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["annotations"] = {"big": "x" * 200000}
    bundle.hook("createRuntime", f"cat > {bundle.path}/state")
    runtime.create(bundle)
    assert len(json.loads((bundle.path / "state").read_text())["annotations"]["big"]) == 200000


@pytest.mark.parametrize("change", [{"path": "bin/sh"}, {"timeout": 0}, {"timeout": -1}, {"path": None}])
@pytest.mark.beyond_runc("runc 1.1 does not check hooks before they run")
def test_what_the_spec_forbids_is_refused(runtime: Runtime, bundle: Bundle, change: dict[str, object]) -> None:
    bundle.hook("poststop", "true", **change)
    if change.get("path", "") is None:
        del bundle.config["hooks"]["poststop"][0]["path"]
    assert "hooks" in runtime.refuses(bundle)


def reaped(pid: int) -> list[int]:
    try:
        return [os.waitpid(pid, os.WNOHANG)[0]]
    except ChildProcessError:
        return [pid]


def test_hooks_may_be_empty(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["hooks"] = {kind: [] for kind in KINDS}
    live(runtime, bundle)


def test_create_runtime_may_set_up_the_network(runtime: Runtime, bundle: Bundle) -> None:
    enter = "pid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/' | tr -dc 0-9); nsenter --net=/proc/$pid/ns/net"
    bundle.hook("createRuntime", f"{enter} {BUSYBOX} ip addr add 10.11.12.13/32 dev lo")
    assert "10.11.12.13/32" in runtime.sh(bundle, "ip addr show lo")
