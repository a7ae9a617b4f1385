"""Root file systems of other releases of Debian, without Python, for the tests of a release to run in."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from inputs import ReleaseError, Unavailable

NAMES = ("bullseye", "bookworm", "trixie", "sid")
MIRROR = "http://deb.debian.org/debian"


def folder() -> Path:
    return Path(os.environ.get("PYOCI_RELEASE_CACHE", "/var/cache/pyoci-release")) / "roots"


def make(names: tuple[str, ...] = NAMES) -> None:
    """Make those that are missing; each takes half a minute and 250 MiB. Raises Unavailable, ReleaseError."""
    if shutil.which("debootstrap") is None:
        raise Unavailable("debootstrap is missing: install it")
    if os.geteuid() != 0:
        raise ReleaseError("debootstrap needs root")
    for name in names:
        target = folder() / name
        if target.exists():
            continue
        new = target.with_name(f".{name}.{os.getpid()}")
        command = ["debootstrap", "--variant=minbase", name, str(new), MIRROR]
        # In namespaces of its own: debootstrap mounts /proc there, and leaves it when it is interrupted.
        contained = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", *command]
        new.parent.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run(
                contained,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                raise Unavailable(
                    f"debootstrap of {name} failed: {(done.stdout.splitlines() or ['it said nothing'])[-1]}"
                )
            for left in (new / "var/cache/apt/archives").glob("*.deb"):
                left.unlink()
            new.rename(target)
        finally:
            shutil.rmtree(new, ignore_errors=True)
