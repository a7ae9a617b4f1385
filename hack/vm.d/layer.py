"""What few runs need beside the image: made once over its tree, kept in the cache, brought to the guest by the payload.

A layer is a script of `layers/`, which runs twice, each time over the untouched tree and with the host's network
(`build-layer`): as `build`, with compilers and headers, for what belongs to a kernel and not to an image; and as
`install`, with the result of that. What `install` adds to the tree is the layer.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import sys
import time
from pathlib import Path
from typing import TextIO

import image

SCRIPT = image.HERE / "build-layer"
LAYERS = image.HERE / "layers"


def names() -> list[str]:
    return sorted(path.name for path in LAYERS.iterdir())


def ensure(name: str, cache: Path, made: image.Image, lock: TextIO) -> Path:
    """The folder of a layer's files, made first if need be. `lock` is the image's. Raises UnavailableError."""
    digest = hashlib.sha256(SCRIPT.read_bytes() + (LAYERS / name).read_bytes()).hexdigest()[:16]
    target = made.tree.parent / f"layer-{name}.{digest}"
    if target.is_dir():
        return target
    fcntl.flock(lock, fcntl.LOCK_EX)  # one makes it, the others wait
    try:
        if not target.is_dir():
            _make(name, digest, cache, made, target)
    finally:
        fcntl.flock(lock, fcntl.LOCK_SH)
    return target


def _make(name: str, digest: str, cache: Path, made: image.Image, target: Path) -> None:
    kernel = next((made.tree / "usr/lib/modules").iterdir()).name
    built = cache / f"built-{name}-{kernel}.{digest}"
    say = f"hack/vm: making {name} for the guest's kernel {kernel}; that takes minutes, once"
    print(say, file=sys.stderr, flush=True)
    began = time.monotonic()
    work = image.build_folder(cache, made.kind)
    release = image.host_release()
    try:
        for step in ("build", "install"):
            result = work / step
            words = [result, built, LAYERS / name, step, release, image.mirror_of(release)]
            if step == "install" or not built.is_dir():
                command = ["sh", str(SCRIPT), str(made.tree), *map(str, words)]
                image.run_step(command, cache / f"build-{name}.log")
        (work / "install").rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"hack/vm: made in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
