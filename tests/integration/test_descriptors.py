"""runtime-linux.md, File descriptors."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import cgroup_files
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime

# What ls sees when only the standard streams are open: 3 is the folder that it reads.
ONLY_STANDARD = ["0", "1", "2", "3"]


def test_only_the_standard_streams_are_open(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["args"] = ["/bin/ls", "/proc/self/fd"]
    assert runtime.run(bundle).stdout.split() == ONLY_STANDARD


def test_the_callers_other_descriptors_are_closed(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.process["args"] = ["/bin/ls", "/proc/self/fd"]
    secret = os.open(scratch, os.O_RDONLY)
    high = os.dup2(secret, 200, inheritable=True)
    result = runtime.run(bundle, pass_fds=(secret, high))
    os.close(secret)
    os.close(high)
    assert result.stdout.split() == ONLY_STANDARD


def test_after_create_and_start(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["args"] = ["/bin/ls", "/proc/self/fd"]
    assert runtime.create(bundle).exits().split() == ONLY_STANDARD


def test_the_streams_are_the_callers(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    files = [open(scratch / name, "w+b") for name in ("in", "out", "err")]
    files[0].write(b"from the caller")
    files[0].seek(5)
    bundle.sh("cat; echo err >&2")
    runtime.run(bundle, stdin=files[0], stdout=files[1], stderr=files[2])
    assert [(scratch / name).read_bytes() for name in ("out", "err")] == [b"the caller", b"err\n"]
    for file in files:
        file.close()


@pytest.mark.beyond_runc("Debian's runc 1.1.5 leaves /sys/fs/cgroup there, CVE-2024-21626")
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_closed_standard_stream_is_no_hole(runtime: Runtime, bundle: Bundle, number: int) -> None:
    # A file of the runtime that took the free number would be the container's standard stream.
    bundle.sleeps()
    name = runtime.add(bundle)
    process = runtime.quietly("run", "--detach", "--bundle", str(bundle.path), name, preexec=lambda: os.close(number))
    assert process.wait(TIME_LIMIT) == 0
    pid = runtime.state(name)["pid"]
    assert {os.readlink(f"/proc/{pid}/fd/{n}") for n in range(3) if n != number} == {"/dev/null"}
    hole = Path(f"/proc/{pid}/fd/{number}")
    assert not os.path.lexists(hole) or os.readlink(hole) == "/dev/null"


def test_signals_are_as_a_program_expects_them(runtime: Runtime, bundle: Bundle) -> None:
    # Python ignores SIGPIPE (13) and SIGXFSZ (25), and an ignored signal stays ignored over execve.
    bundle.process["args"] = ["/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]
    masks = [int(line.split()[1], 16) for line in runtime.run(bundle).stdout.splitlines()]
    assert masks == [0, 0]


def test_all_processors_may_be_used(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["args"] = ["/bin/grep", "Cpus_allowed_list", "/proc/self/status"]
    assert runtime.run(bundle).stdout.split()[1] == f"0-{(os.cpu_count() or 1) - 1}".replace("0-0", "0")


@pytest.mark.beyond_runc("runc 1.1 leaves the caller's affinity")
def test_the_callers_affinity_is_reset(runtime: Runtime, bundle: Bundle) -> None:
    if (os.cpu_count() or 1) < 2:
        pytest.skip("one processor only")
    bundle.process["args"] = ["/bin/grep", "Cpus_allowed_list", "/proc/self/status"]
    result = runtime.run(bundle, preexec=lambda: os.sched_setaffinity(0, {0}))
    assert result.stdout.split()[1] == f"0-{(os.cpu_count() or 1) - 1}"


@pytest.mark.beyond_runc("runc 1.1.5 hangs with some of these")
@pytest.mark.parametrize("count", range(6, 26))
def test_too_few_descriptors_leave_nothing(runtime: Runtime, bundle: Bundle, count: int) -> None:
    """A hard limit: `create` works, or says which limit was too low, and leaves nothing."""
    bundle.sleeps()
    name = runtime.add(bundle)
    limit = (count, count)
    made = runtime.call(
        "create",
        "--bundle",
        str(bundle.path),
        name,
        preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit),
    )
    if made.status == 0:
        runtime.expect("start", name)
        return
    assert "too many open files (EMFILE); the caller's limit of open files is too low (ulimit -n)" in made.stderr
    assert runtime.call("state", name).status != 0
    assert not (runtime.root / name).exists()
    assert not cgroup_files.every(bundle.cgroups_path)


@pytest.mark.beyond_runc("asks what pyoci's init holds")
@pytest.mark.parametrize("joined", [False, True], ids=["new", "joined"])
def test_an_init_that_sets_itself_up_holds_nothing_of_the_runtime(
    runtime: Runtime, bundle: Bundle, scratch: Path, namespace_holder: Callable[..., int], joined: bool
) -> None:
    """No log, no record, no cgroup: a link of procfs to one of them would lead to the host (CVE-2024-21626)."""
    if joined:
        bundle.namespace("uts", f"/proc/{namespace_holder('uts')}/ns/uts")
    bundle.no_namespace("pid")
    bundle.hook("createContainer", f"ls -l /proc/$PPID/fd > {scratch}/held")
    with open(scratch / "callers", "w") as of_the_caller:
        fd = os.dup2(of_the_caller.fileno(), 150, inheritable=True)
        runtime.create(bundle, options=["--log", str(scratch / "log"), "--debug"], pass_fds=(fd,))
        os.close(fd)
    held = (scratch / "held").read_text()
    assert "/proc" in held or "socket:" in held
    for place in (runtime.root, scratch / "log", scratch / "callers", "/sys/fs/cgroup", "uts:"):
        assert f"-> {place}" not in held, held
