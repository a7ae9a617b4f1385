"""The program of a release: PYOCI_RELEASE names it, else it is looked for in dist/, where hack/release puts it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOTS = Path(os.environ.get("PYOCI_RELEASE_CACHE", "/var/cache/pyoci-release")) / "roots"
RELEASES = ("bullseye", "bookworm", "trixie", "sid")
APPLETS = "sh cat sleep mkdir ip true mount umount pivot_root grep sed tr".split()


def find_program() -> Path:
    named = os.environ.get("PYOCI_RELEASE")
    made = [Path(named)] if named else sorted((ROOT / "dist").glob(f"pyoci-*-{platform.machine()}"))
    if not made:
        pytest.skip("there is no release: hack/release makes it")
    return made[-1]


class EmptyRoot:
    """Commands run in a mount namespace of their own, so what is mounted goes with it.

    `below` is the root file system that the root is made of; none: an empty one.
    """

    def __init__(self, folder: Path, program: Path, below: Path | None = None) -> None:
        self.folder = folder
        self.below = below
        self.rootfs = folder / "bundle/rootfs"
        for name in ("proc", "run", "tmp", "dev", "sys/fs/cgroup"):
            (folder / name).mkdir(parents=True)
        for name in ("bin", "proc", "dev", "sys"):
            (self.rootfs / name).mkdir(parents=True)
        shutil.copy2(program, folder / "pyoci")
        busybox = shutil.which("busybox")
        if busybox is None or b"statically" not in subprocess.run(["file", busybox], capture_output=True).stdout:
            busybox = busybox or pytest.skip("busybox-static is not installed")
        shutil.copy2(busybox, self.rootfs / "bin/busybox")
        for name in APPLETS:
            (self.rootfs / "bin" / name).symlink_to("busybox")

    def script(self, *lines: str) -> subprocess.CompletedProcess[str]:
        """Shell lines in the mount and network namespaces of one run, whose root is the empty one.

        With pivot_root(2), as containers and initramfs have it: what joins a mount namespace gets its root, so under
        chroot(2) alone `exec` would be in the root outside. The shell is the bundle's.
        """
        mount = f"mount --bind {self.folder} {self.folder}"
        if self.below is not None:
            work = self.folder.with_name("work")
            work.mkdir(exist_ok=True)
            layers = f"lowerdir={self.below},upperdir={self.folder},workdir={work}"
            mount = f"mount -t overlay -o {layers} overlay {self.folder}"
        head = [
            mount,
            f"cd {self.folder}",
            "mount -t proc proc proc",
            "mount --rbind /sys/fs/cgroup sys/fs/cgroup",
            "mkdir -p old",
            "pivot_root . old",
            "cd /",
            "export PATH=/usr/sbin:/usr/bin:/sbin:/bin:/bundle/rootfs/bin",
            "umount -l /old",
            'pyoci() { /pyoci "$@"; }',
        ]
        shell = f"{self.rootfs}/bin/sh"
        command = ["unshare", "--mount", "--net", shell, "-ec", "\n".join([*head, *lines])]
        environment = {"PATH": f"{self.rootfs}/bin:/usr/bin:/bin"}
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )

    def pyoci(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.script("pyoci " + " ".join(words))

    def configure(self, **linux: Any) -> dict[str, Any]:
        done = self.pyoci("spec", "--bundle", "/bundle")
        path = self.folder / "bundle/config.json"
        if not path.exists():
            raise AssertionError(done.stderr)
        config: dict[str, Any] = json.loads(path.read_text())
        config["process"]["terminal"] = False
        config["process"]["args"] = ["/bin/sleep", "1000"]
        config["linux"].update(linux)
        path.write_text(json.dumps(config))
        return config
