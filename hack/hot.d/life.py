"""The life of a container as engines lead it, which hack/hot-modules and hack/hot-functions watch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def lead(program: Path, folder: Path, run: Callable[..., None]) -> None:
    """Call `run` with the words of each command, and delete the container at the end. `program` makes the bundles."""
    name = f"pyoci-hot-{os.getpid()}"
    root = ("--root", str(folder / "state"))
    stays, ends = (_make_bundle(program, folder / words[0], *words) for words in (("sleep", "60"), ("true",)))
    try:
        for words in (
            ("run", "--bundle", str(ends), f"{name}-run"),
            ("create", "--bundle", str(stays), name),
            ("state", name),
            ("kill", name, "0"),
            ("start", name),
            ("exec", name, "/bin/busybox", "true"),
            ("kill", name, "KILL"),
        ):
            run(*root, *words)
    finally:
        run(*root, "delete", "--force", name)


def _make_bundle(program: Path, bundle: Path, *applet: str) -> Path:
    busybox = shutil.which("busybox") or sys.exit(f"{sys.argv[0]}: busybox is missing: install busybox-static")
    Path(bundle, "rootfs/bin").mkdir(parents=True)
    shutil.copy(busybox, bundle / "rootfs/bin/busybox")
    subprocess.run([str(program), "spec", "--bundle", str(bundle)], check=True)
    file = bundle / "config.json"
    config = json.loads(file.read_text())
    config["process"].update(terminal=False, args=["/bin/busybox", *applet])
    config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"}  # engines' containers have a filter
    file.write_text(json.dumps(config))
    return bundle
