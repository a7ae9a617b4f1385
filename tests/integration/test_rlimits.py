"""config.md, POSIX process: rlimits."""

from __future__ import annotations

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

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
