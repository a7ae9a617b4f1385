"""The runtime's processes in a container's namespaces cannot be looked into, traced or copied from."""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.hostile import USUAL, check, error_of, inside, libc
from helpers.runtime import Runtime

PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 434, 438
ONE = ctypes.c_ulong(1)
REFUSED = {errno.EACCES, errno.EPERM}


class _IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def intrusions(pid: int) -> dict[str, int]:
    """What a process tries on another one, and the errno of each try."""
    folder = f"/proc/{pid}"
    pidfd = check(libc.syscall(SYS_PIDFD_OPEN, pid, 0), "pidfd_open")
    buffer = ctypes.create_string_buffer(8)
    local = _IoVec(ctypes.cast(buffer, ctypes.c_void_p), 8)
    remote = _IoVec(ctypes.c_void_p(0x400000), 8)

    def read_memory() -> None:
        check(
            libc.process_vm_readv(pid, ctypes.byref(local), ONE, ctypes.byref(remote), ONE, ctypes.c_ulong(0)), "readv"
        )

    tries = {
        "attach": lambda: check(libc.ptrace(PTRACE_ATTACH, pid, 0, 0), "ptrace"),
        "seize": lambda: check(libc.ptrace(PTRACE_SEIZE, pid, 0, 0), "ptrace"),
        "fd": lambda: os.stat(f"{folder}/fd/0"),  # the numbers alone are no secret
        "exe": lambda: os.open(f"{folder}/exe", os.O_RDONLY),
        "exe path": lambda: os.open(f"{folder}/exe", os.O_PATH),
        "root": lambda: os.listdir(f"{folder}/root/"),
        "cwd": lambda: os.listdir(f"{folder}/cwd/"),
        "mem": lambda: os.open(f"{folder}/mem", os.O_RDWR),
        "environ": lambda: os.read(os.open(f"{folder}/environ", os.O_RDONLY), 1),
        "maps": lambda: os.read(os.open(f"{folder}/maps", os.O_RDONLY), 1),
        "namespace": lambda: os.open(f"{folder}/ns/mnt", os.O_RDONLY),
        "getfd": lambda: check(libc.syscall(SYS_PIDFD_GETFD, pidfd, 0, 0), "pidfd_getfd"),
        "memory": read_memory,
    }
    return {name: error_of(attempt) for name, attempt in tries.items()}


def assert_refused(found: dict[str, int]) -> None:
    assert {name: code for name, code in found.items() if code not in REFUSED} == {}


def test_a_waiting_init_by_root_of_its_container(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    assert_refused(inside(container.pid, lambda: intrusions(1), USUAL))


@pytest.mark.parametrize("joins", ["clone", "bootstrap"])
def test_a_waiting_init_by_all_capabilities_of_its_user_namespace(runtime: Runtime, bundle: Bundle, joins: str) -> None:
    # CAP_SYS_PTRACE there is none over a memory image that was made outside.
    bundle.user_namespace()
    if joins == "bootstrap":
        bundle.namespace("time")
    container = runtime.create(bundle)
    assert_refused(inside(container.pid, lambda: intrusions(1)))


def test_a_waiting_init_by_the_user_that_it_will_be(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    container = runtime.create(bundle)
    assert_refused(inside(container.pid, lambda: intrusions(1), set(), uid=1000))


def test_the_program_is_as_dumpable_as_any(runtime: Runtime, bundle: Bundle) -> None:
    """The tries would be noticed: they succeed on a program of the container."""
    bundle.process["capabilities"] = {}
    bundle.sleeps()
    container = runtime.start(bundle)
    found = inside(container.pid, lambda: intrusions(1), USUAL)
    assert {name for name, code in found.items() if code == 0} >= {"attach", "fd", "exe", "root", "mem", "getfd"}


ENTERING = {
    "create": ("create", "--bundle", "BUNDLE", "OTHER"),
    "exec": ("exec", "ID", "/bin/true"),
    "exec as another user": ("exec", "--user", "1000:1000", "ID", "/bin/true"),
    "mounts add": ("mounts", "add", "ID", "FILE"),
    "mounts remove": ("mounts", "remove", "ID", "FILE"),
}


@pytest.mark.beyond_runc("tells no calls")
@pytest.mark.parametrize("users", ["same", "mapped"])
@pytest.mark.parametrize("command", ENTERING)
def test_from_its_first_moment_and_after_each_change_of_ids(
    runtime: Runtime, new_bundle: Callable[[], Bundle], scratch: Path, command: str, users: str
) -> None:
    """Wherever a process of the runtime is seen (the host's PID namespace), and whatever fs.suid_dumpable says, which
    setresuid(2) goes by.
    """
    bundle, second = new_bundle(), new_bundle()
    if users == "mapped":
        bundle.user_namespace()
        second.user_namespace()
    bundle.sleeps()
    second.write()
    container = runtime.start(bundle)
    file = scratch / "mounts.json"
    file.write_text('[{"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"}]')
    if command == "mounts remove":
        runtime.expect("mounts", "add", container.id, str(file))
    place = {"ID": container.id, "OTHER": runtime.add(second), "BUNDLE": str(second.path), "FILE": str(file)}
    log = scratch / "log"
    words = [place.get(word, word) for word in ENTERING[command]]
    runtime.expect(*words, options=["--debug", "--log", str(log)])
    calls = [line for line in log.read_text().splitlines() if "call: " in line or "side: " in line]
    cleared = [at for at, line in enumerate(calls) if "PR_SET_DUMPABLE, arg2=0" in line]
    clone = next(at for at, line in enumerate(calls) if "clone3(" in line)
    assert any(at < clone for at in cleared), calls
    changes = [at for at, line in enumerate(calls) if "setresuid(" in line and "side: " in line]
    for change, until in itertools.pairwise([*changes, len(calls)]):
        assert any(change < at < until for at in cleared if "side: " in calls[at]), calls[change:until]
