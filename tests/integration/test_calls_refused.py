"""A seccomp filter around pyoci, as of a container that it runs in: one call refused at a time."""

from __future__ import annotations

import errno
import platform
from collections.abc import Callable
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.filtered import refusing
from helpers.runtime import Runtime

_IS_ARM = platform.machine() == "aarch64"
# asm/unistd.h: those from 403 on have one number everywhere
NUMBERS = {
    "execveat": 281 if _IS_ARM else 322,
    "prlimit64": 261 if _IS_ARM else 302,
    "keyctl": 219 if _IS_ARM else 250,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "pidfd_open": 434,
    "clone3": 435,
    "close_range": 436,
    "openat2": 437,
    "faccessat2": 439,
    "mount_setattr": 442,
}
ANSWERS = [errno.ENOSYS, errno.EPERM]


def _time_offsets(bundle: Bundle) -> None:
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"monotonic": {"secs": 100}}


BUNDLES: dict[str, Callable[[Bundle], Any]] = {
    "of the template": lambda _: None,
    "with a user namespace": lambda bundle: bundle.user_namespace(),
    "with a cgroup namespace": lambda bundle: bundle.namespace("cgroup"),
    "with a network namespace that it joins": lambda bundle: bundle.namespace("network", "/proc/self/ns/net"),
    "with a time namespace": _time_offsets,
}


@pytest.mark.parametrize("answer", ANSWERS, ids=errno.errorcode.get)
@pytest.mark.parametrize("kind", BUNDLES)
@pytest.mark.parametrize("call", ["clone3", "execveat"])
def test_what_has_an_elder_works(runtime: Runtime, bundle: Bundle, call: str, kind: str, answer: int) -> None:
    """A filter cannot see the flags of clone3(2), so many refuse it, and programs take clone(2)."""
    BUNDLES[kind](bundle)
    bundle.sleeps()
    name = runtime.add(bundle)
    filtered = refusing(call, answer)
    runtime.expect("create", "--bundle", str(bundle.path), name, preexec=filtered)
    runtime.expect("start", name, preexec=filtered)
    assert runtime.call("exec", name, "echo", "hello", preexec=filtered).stdout == "hello\n"
    runtime.expect("kill", name, "KILL", preexec=filtered)


@pytest.mark.parametrize("answer", ANSWERS, ids=errno.errorcode.get)
def test_clone3_with_a_pid_namespace_that_is_joined(
    runtime: Runtime, new_bundle: Callable[[], Bundle], answer: int
) -> None:
    holder = new_bundle()
    holder.sleeps()
    pid = runtime.start(holder).pid
    second = new_bundle()
    second.namespace("pid", f"/proc/{pid}/ns/pid")
    second.process["args"] = ["/bin/echo", "hello"]
    assert runtime.run(second, preexec=refusing("clone3", answer)).stdout == "hello\n"


NEEDED = sorted({*NUMBERS} - {"clone3", "execveat", "keyctl", "pidfd_open"})


@pytest.mark.parametrize(
    ("call", "answer"),
    # the C library has another way where faccessat2(2) is ENOSYS
    [(call, answer) for call in NEEDED for answer in ANSWERS if (call, answer) != ("faccessat2", errno.ENOSYS)],
)
def test_what_has_none_is_named(runtime: Runtime, bundle: Bundle, call: str, answer: int) -> None:
    """docs/decisions/0005: there is no second way through what nobody tries."""
    name = runtime.add(bundle)
    said = runtime.fails("create", "--bundle", str(bundle.path), name, preexec=refusing(call, answer))
    assert f"a seccomp filter around pyoci refuses the call {call}," in said
    assert runtime.call("state", name).status != 0


@pytest.mark.parametrize("answer", ANSWERS, ids=errno.errorcode.get)
def test_no_call_is_named_that_is_not_refused(runtime: Runtime, bundle: Bundle, answer: int) -> None:
    bundle.process["args"] = ["/etc/passwd"]
    said = runtime.refuses(bundle, preexec=refusing("clone3", answer))
    assert "permission denied" in said
    assert "seccomp" not in said


@pytest.mark.parametrize("command", ["exec", "kill"])
def test_a_command_on_a_running_container_names_the_call(runtime: Runtime, bundle: Bundle, command: str) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    words = ["exec", container.id, "true"] if command == "exec" else ["kill", container.id, "KILL"]
    said = runtime.fails(*words, preexec=refusing("pidfd_open", errno.ENOSYS))
    assert "pidfd_open" in said
    assert command == "kill" or "a seccomp filter around pyoci refuses the call pidfd_open," in said


def test_a_keyring_is_left_out_when_asked(runtime: Runtime, bundle: Bundle) -> None:
    """docker's profile refuses keyctl(2)."""
    filtered = refusing("keyctl", errno.EPERM)
    assert "--no-new-keyring" in runtime.refuses(bundle, preexec=filtered)
    bundle.process["args"] = ["/bin/echo", "hello"]
    assert runtime.run(bundle, "--no-new-keyring", preexec=filtered).stdout == "hello\n"
