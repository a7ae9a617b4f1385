"""Freezing, killing and removing groups: nested ones, frozen ones, processes that the PID namespace does not
hold.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import cgroup, cgroup_files
from helpers.bundle import Bundle
from helpers.open_files import open_files
from helpers.runtime import Container, Runtime, until

NewBundle = Callable[[], Bundle]
COUNT = "n=0; while :; do n=$((n+1)); echo $n; sleep 0.01; done"


def counts(container: Container) -> int:
    return len(container.stdout.split())


def test_pause_stops_everything_and_resume_lets_it_go_on(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sh(COUNT)
    container = runtime.start(bundle)
    until(lambda: counts(container) > 2, "it counts")
    runtime.expect("pause", container.id)
    assert container.status == "paused"
    stood = counts(container)
    time.sleep(0.2)
    assert counts(container) == stood
    runtime.expect("resume", container.id)
    assert container.status == "running"
    until(lambda: counts(container) > stood, "it goes on")


def test_a_created_container_can_be_paused(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    runtime.expect("pause", container.id)
    assert container.status == "paused"
    runtime.expect("resume", container.id)
    assert container.status == "created"


def test_pause_and_resume_are_refused_where_they_make_no_sense(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    assert "not paused" in runtime.fails("resume", container.id)
    runtime.expect("pause", container.id)
    runtime.fails("pause", container.id)
    runtime.expect("resume", container.id)
    container.kill("KILL")
    container.wait()
    for command in ("pause", "resume"):
        runtime.fails(command, container.id)
        assert "does not exist" in runtime.fails(command, "nobody")


def test_a_paused_container_dies_of_sigkill(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    runtime.expect("pause", container.id)
    container.kill("KILL")
    assert container.wait() == -9


def test_delete_by_force_of_a_paused_container(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    runtime.expect("pause", container.id)
    container.delete("--force")
    container.wait()
    assert not cgroup_files.every(bundle.cgroups_path)


def nest(bundle: Bundle, *names: str) -> list[Path]:
    """Nested groups, in every hierarchy, as a container with a writable cgroup mount may make them."""
    made = []
    for folder in cgroup_files.every(bundle.cgroups_path):
        for name in names:
            (folder / name).mkdir(parents=True)
            made.append(folder / name)
    return made


def test_nested_groups_are_frozen_and_listed_too(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sh(f"sh -c '{COUNT}' & wait")
    container = runtime.start(bundle)
    until(lambda: counts(container) > 2, "it counts")
    # Not by its name: a shell that has just forked for `sleep` is called the same, and soon gone.
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split()
    shells = [container.pid, int(children[0])]
    for folder in nest(bundle, "inner", "inner/most"):
        for name in ("cpuset.cpus", "cpuset.mems"):
            if (folder / name).exists() and not cgroup.is_v2():
                (folder / name).write_text((folder.parent / name).read_text())
        (folder / "cgroup.procs").write_text(str(shells[-1]))
    assert set(shells) <= set(listed(runtime, container))
    runtime.expect("pause", container.id)
    stood = counts(container)
    time.sleep(0.2)
    assert counts(container) == stood
    container.delete("--force")
    container.wait()
    assert not cgroup_files.every(bundle.cgroups_path)


def test_delete_removes_what_the_container_nested(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    nest(bundle, "a", "a/b", "a/b/c", "d")
    container.start()
    container.wait()
    container.delete()
    assert not cgroup_files.every(bundle.cgroups_path)


def test_a_fork_bomb_does_not_escape_delete(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["resources"]["pids"] = {"limit": 60}
    # A shell ends when it may not fork: one in the middle of them, and PID 1 forks no more, and waits for all of them.
    bundle.sh("bomb() { while :; do bomb & sleep 0.01; done; }; sleep 600 & bomb 2>/dev/null & wait")
    container = runtime.start(bundle)
    group = cgroup_files.place("pids", bundle.cgroups_path)
    until(lambda: int((group / "pids.current").read_text()) > 20, "it forks")
    container.delete("--force")
    container.wait()
    assert not group.exists()


def test_without_a_pid_namespace_all_die_with_it(runtime: Runtime, bundle: Bundle) -> None:
    bundle.no_namespace("pid")
    bundle.sh("setsid=1; (trap '' TERM HUP; while :; do sleep 0.02; done) & (while :; do sleep 0.02; done) & wait")
    container = runtime.start(bundle)
    until(lambda: len(json.loads(runtime.expect("ps", "-f", "json", container.id).stdout)) > 2, "they run")
    runtime.expect("kill", "--all", container.id, "KILL")
    container.wait()
    until(lambda: not any(folder.joinpath("cgroup.procs").read_text() for folder in [first(bundle)]), "all are gone")
    container.delete()


def first(bundle: Bundle) -> Path:
    return cgroup_files.every(bundle.cgroups_path)[0]


def test_a_stranger_in_the_group_is_killed_by_delete(runtime: Runtime, bundle: Bundle) -> None:
    # A process that is in the container's cgroup, and outside of its PID namespace.
    bundle.sleeps()
    container = runtime.start(bundle)
    pid = os.fork()
    if pid == 0:
        os.execvp("sleep", ["sleep", "60"])
    for folder in cgroup_files.every(bundle.cgroups_path):
        (folder / "cgroup.procs").write_text(str(pid))
    container.delete("--force")
    container.wait()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9
    assert not cgroup_files.every(bundle.cgroups_path)


def test_a_group_is_removed_only_when_it_is_empty(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    for folder in cgroup_files.every(bundle.cgroups_path):
        with pytest.raises(OSError, match="busy"):
            folder.rmdir()
    assert "running" in runtime.fails("delete", container.id)
    assert cgroup_files.every(bundle.cgroups_path)


def test_ps(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sh("sleep 100 & wait")
    container = runtime.start(bundle)
    pids = until(lambda: len(found := listed(runtime, container)) == 2 and found, "both run")
    assert container.pid in pids
    rows = runtime.expect("ps", container.id).stdout.splitlines()
    assert rows[0].split()[:2] == ["UID", "PID"]
    assert sorted(int(row.split()[1]) for row in rows[1:]) == pids
    rows = runtime.expect("ps", container.id, "-o", "pid,args").stdout.splitlines()
    assert "sleep 100" in "".join(rows)


def listed(runtime: Runtime, container: Container) -> list[int]:
    return json.loads(runtime.expect("ps", "--format", "json", container.id).stdout)  # type: ignore[no-any-return]


def test_a_run_holds_no_descriptor_of_the_cgroup(runtime: Runtime, bundle: Bundle) -> None:
    """On cgroup v2 init is cloned into it by one, which is closed again: the command stays as long as the container."""
    bundle.sleeps()
    name = runtime.add(bundle)
    with runtime.quietly("run", "--bundle", str(bundle.path), name) as command:
        until(lambda: runtime.call("state", name).status == 0 and runtime.state(name)["status"] == "running", "it runs")
        held = open_files(command.pid).values()
        runtime.expect("kill", name, "KILL")
    assert command.returncode == 137
    assert not [target for target in held if target.startswith("/sys/fs/cgroup")], held
