"""Words for limits of the machine: user_namespaces(7), /proc/sys/fs/mount-max, fork(2)."""

from __future__ import annotations

import pytest

from pyoci.host import kernel_limits
from pyoci.kernel import uapi

SYSCTLS = "/proc/sys/user/max_"


def read(path: str) -> str:
    return {f"{SYSCTLS}pid_namespaces": "0", "/proc/sys/fs/mount-max": "100000"}.get(path, "500")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "clone3 namespaces=pid|network|parent: no space left on device (ENOSPC)",
            f"no such namespace may be made here: {SYSCTLS}pid_namespaces is 0",
        ),
        (
            "clone3 namespaces=network|user|parent: no space left on device (ENOSPC)",
            "a limit of namespaces is reached, here or in a user namespace around: "
            f"{SYSCTLS}net_namespaces, {SYSCTLS}user_namespaces; "
            "user and PID namespaces nest 32 deep (user_namespaces(7))",
        ),
        (
            "unshare cgroup namespace: no space left on device (ENOSPC)",
            "a limit of namespaces is reached, here or in a user namespace around: "
            f"{SYSCTLS}cgroup_namespaces (user_namespaces(7))",
        ),
        (
            "bind /rootfs: no space left on device (ENOSPC)",
            "a mount namespace has at most 100000 mounts (/proc/sys/fs/mount-max)",
        ),
        ("clone3 namespaces=pid: resource temporarily unavailable (EAGAIN)", "a limit of processes is reached: "),
        ("clone3 namespaces=pid: operation not permitted (EPERM)", ""),
        ("write /run/x/config.json: no space left on device (ENOSPC)", ""),
        ("mount src=x dst=/m type=tmpfs: tmpcopyup: no space left on device (ENOSPC)", ""),
    ],
)
def test_words(text: str, words: str) -> None:
    told = kernel_limits.words(text, read)
    assert told.startswith(words)
    assert bool(told) == bool(words)


def test_every_namespace_has_its_sysctl() -> None:
    """user_namespaces(7) lists them."""
    names = {"user", "pid", "net", "ipc", "uts", "mnt", "cgroup", "time"}
    assert {kernel_limits._path(kind) for kind in uapi.NAMESPACE_FLAGS} == {
        f"{SYSCTLS}{name}_namespaces" for name in names
    }
