"""config.md, POSIX process: rlimits."""

from __future__ import annotations

import resource
from collections.abc import Callable

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime, until

# The type, and its row in /proc/PID/limits.
ROWS = {
    "RLIMIT_NOFILE": "Max open files",
    "RLIMIT_CORE": "Max core file size",
    "RLIMIT_CPU": "Max cpu time",
    "RLIMIT_DATA": "Max data size",
    "RLIMIT_FSIZE": "Max file size",
    "RLIMIT_STACK": "Max stack size",
    "RLIMIT_NPROC": "Max processes",
    "RLIMIT_MEMLOCK": "Max locked memory",
    "RLIMIT_AS": "Max address space",
    "RLIMIT_LOCKS": "Max file locks",
    "RLIMIT_SIGPENDING": "Max pending signals",
    "RLIMIT_MSGQUEUE": "Max msgqueue size",
    "RLIMIT_NICE": "Max nice priority",
    "RLIMIT_RTPRIO": "Max realtime priority",
    "RLIMIT_RTTIME": "Max realtime timeout",
    "RLIMIT_RSS": "Max resident set",
}


def limit(runtime: Runtime, bundle: Bundle, kind: str) -> list[str]:
    text = runtime.sh(bundle, f"grep '^{ROWS[kind]}' /proc/self/limits")
    return text[len(ROWS[kind]) :].split()[:2]


@pytest.mark.parametrize("kind", ROWS)
def test_type(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    # Large enough to run a shell, small enough to need no CAP_SYS_RESOURCE.
    soft, hard = (0, 0) if kind in ("RLIMIT_NICE", "RLIMIT_RTPRIO") else (1000, 2000)
    if kind in ("RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_AS"):
        soft, hard = soft << 20, hard << 20
    bundle.process["rlimits"] = [{"type": kind, "soft": soft, "hard": hard}]
    assert limit(runtime, bundle, kind) == [str(soft), str(hard)]


def test_unlimited(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["rlimits"] = [{"type": "RLIMIT_CPU", "soft": 2**64 - 1, "hard": 2**64 - 1}]
    assert limit(runtime, bundle, "RLIMIT_CPU") == ["unlimited", "unlimited"]


def test_several(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["rlimits"] = [
        {"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
    ]
    assert runtime.sh(bundle, "ulimit -n; ulimit -Hn; ulimit -Hc").split() == ["10", "20", "0"]


@pytest.mark.parametrize("users", ["same", "mapped"])
def test_of_another_user(runtime: Runtime, bundle: Bundle, users: str) -> None:
    # prlimit(2) of a process of another user needs CAP_SYS_RESOURCE, which not every root has.
    if users == "mapped":
        bundle.user_namespace()
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]
    assert limit(runtime, bundle, "RLIMIT_NOFILE") == ["100", "200"]


def test_a_type_given_twice_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 0, "hard": n} for n in (0, 1)]
    runtime.refuses(bundle)


def test_an_unknown_type_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["rlimits"] = [{"type": "RLIMIT_PATIENCE", "soft": 0, "hard": 0}]
    assert "RLIMIT_PATIENCE" in runtime.refuses(bundle)


def test_a_soft_limit_above_the_hard_one_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 20, "hard": 10}]
    runtime.refuses(bundle)


# Less than what init itself needs until it is the program: descriptors, a file for the state that a hook reads.
SMALL = [("RLIMIT_NOFILE", 0), ("RLIMIT_NOFILE", 3), ("RLIMIT_FSIZE", 0)]
WAYS: dict[str, Callable[[Bundle], None]] = {
    "plain": lambda _: None,
    "another user": lambda bundle: bundle.process.update(user={"uid": 1000, "gid": 1000}),
    "user namespace": Bundle.user_namespace,
    "start hook": lambda bundle: bundle.hook("startContainer", "exec /bin/true"),
    "filter": lambda bundle: bundle.linux.update(seccomp={"defaultAction": "SCMP_ACT_ALLOW"}),
}


@pytest.mark.beyond_runc("its init opens a file under the limits of the program")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("kind", "most"), SMALL)
def test_a_limit_that_only_the_program_can_live_with(
    runtime: Runtime, bundle: Bundle, way: str, kind: str, most: int
) -> None:
    WAYS[way](bundle)
    bundle.process["rlimits"] = [{"type": kind, "soft": most, "hard": most}]
    bundle.process["args"] = ["/bin/true"]
    result = runtime.run(bundle)
    assert (result.status, result.stderr) == (0, "")


@pytest.mark.beyond_runc("its init opens a file under the limits of the program")
def test_a_limit_that_only_the_program_can_live_with_in_a_joined_pid_namespace(
    runtime: Runtime, bundle: Bundle, new_bundle: Callable[[], Bundle]
) -> None:
    bundle.sleeps()
    second = new_bundle()
    second.namespace("pid", f"/proc/{runtime.create(bundle).start().pid}/ns/pid")
    second.process["rlimits"] = [{"type": kind, "soft": most, "hard": most} for kind, most in SMALL[1:]]
    second.process["args"] = ["/bin/true"]
    result = runtime.run(second)
    assert (result.status, result.stderr) == (0, "")


@pytest.mark.parametrize("way", ["plain", "start hook"])
def test_an_init_that_cannot_take_a_descriptor_any_more_ends(runtime: Runtime, bundle: Bundle, way: str) -> None:
    """Whoever shares its PID namespace may have taken its limit away; a `run` must not wait for it for ever."""
    WAYS[way](bundle)
    bundle.sleeps()
    container = runtime.create(bundle)
    resource.prlimit(container.pid, resource.RLIMIT_NOFILE, (0, 100))
    runtime.call("start", container.id)
    until(lambda: container.status == "stopped", "init ends")
