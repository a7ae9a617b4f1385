"""--no-pivot: the host's root stays below the container's, and no procfs or sysfs of the host may be left in it.

With CAP_SYS_ADMIN a container can unmount its own root, and stands in the host's then.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.forked import forked
from helpers.runtime import Container, Mount, Runtime

from pyoci.kernel import mount, namespace, uapi


def of_the_host(places: Path) -> list[tuple[str, Path]]:
    """More than one place, on one another, and with a character that mountinfo escapes."""
    return [("proc", Path("/proc")), ("proc", places / "a b"), ("sysfs", places / "sys"), ("proc", places / "sys")]


def below_its_root(container: Container) -> list[Mount]:
    """What the container sees after it has unmounted its root."""
    own = os.open(f"/proc/{container.pid}/ns/mnt", os.O_RDONLY)
    proc = os.open("/proc", os.O_PATH)

    def unmount() -> str:
        namespace.join(own, uapi.CLONE_NEWNS, "mount namespace")
        mount.detach_here("unmount its root")
        namespace.join(own, uapi.CLONE_NEWNS, "mount namespace")
        with open(os.open("self/mountinfo", os.O_RDONLY, dir_fd=proc)) as file:
            return file.read()

    try:
        return [Mount.parse(line) for line in forked(unmount).splitlines()]
    finally:
        os.close(own)
        os.close(proc)


@pytest.mark.parametrize("user_namespace", [False, True], ids=["", "user namespace"])
def test_no_procfs_of_the_host_is_left_below(
    runtime: Runtime, bundle: Bundle, scratch: Path, user_namespace: bool
) -> None:
    if user_namespace:
        bundle.user_namespace()
        os.chmod(scratch, 0o755)

    def prepare() -> None:
        namespace.unshare(uapi.CLONE_NEWNS, "mount namespace")
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        for kind, place in of_the_host(scratch):
            place.mkdir(exist_ok=True)
            subprocess.run(["mount", "-t", kind, kind, str(place)], check=True)

    container = runtime.create(bundle, "--no-pivot", preexec=prepare)
    mounts = below_its_root(container)
    assert "/" in {entry.point for entry in mounts}
    reachable = {entry.point.replace("\\040", " "): entry for entry in mounts}  # of stacked ones the topmost
    for _, place in of_the_host(scratch):
        entry = reachable.get(str(place))
        assert entry is None or entry.kind == "tmpfs", f"{entry} is left"
    whole = [entry.point for entry in reachable.values() if entry.root == "/" and entry.kind in ("proc", "sysfs")]
    assert not [point for point in whole if not point.startswith(str(bundle.rootfs))]
