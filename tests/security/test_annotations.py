"""Annotations name files of the host, and a pod's author may write them: what hooks print would go to any file."""

from __future__ import annotations

import os
import stat

import pytest
from helpers.bundle import Bundle
from helpers.hostile import Outside
from helpers.runtime import Runtime

pytestmark = pytest.mark.beyond_runc("crun's annotations")
STREAMS = pytest.mark.parametrize("stream", ["stdout", "stderr"])


def ask(bundle: Bundle, stream: str, path: str) -> None:
    bundle.config["annotations"] = {f"run.oci.hooks.{stream}": path}
    for kind in ("createRuntime", "poststart", "poststop"):
        bundle.hook(kind, "echo '* * * * * root evil'; echo evil >&2")


@STREAMS
@pytest.mark.parametrize(
    "path",
    ["{outside}/secret", "{outside}/new.log", "../{bundle}/x.log", "{bundle}/../x.log", "{bundle}/rootfs/x.log",
     "{bundle}/config.json", "config.json", ".log", "{bundle}/.log", "/dev/null", "./x.log", "//x.log"],
)  # fmt: skip
def test_hooks_write_to_no_file_of_the_host(
    runtime: Runtime, bundle: Bundle, outside: Outside, stream: str, path: str
) -> None:
    ask(bundle, stream, path.format(outside=outside.path, bundle=bundle.path))
    before = sorted(os.listdir(bundle.path))
    words = runtime.refuses(bundle)
    assert f"/annotations/run.oci.hooks.{stream}: must be a file NAME.log in the bundle" in words
    assert sorted(os.listdir(bundle.path)) == sorted({*before, "config.json"})
    outside.check()


@STREAMS
@pytest.mark.parametrize("kind", ["link", "dangling link", "fifo", "fifo that is read", "device", "folder"])
def test_nor_by_what_lies_at_the_name(
    runtime: Runtime, bundle: Bundle, outside: Outside, stream: str, kind: str
) -> None:
    place = bundle.path / "hooks.log"
    reader = -1
    if kind.startswith("fifo"):
        os.mkfifo(place)
        reader = os.open(place, os.O_RDONLY | os.O_NONBLOCK) if kind == "fifo that is read" else -1
    elif kind == "device":
        os.mknod(place, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(outside.file if kind == "link" else outside.path / "new")
    ask(bundle, stream, "hooks.log")
    assert "hook" in runtime.refuses(bundle)
    outside.check()
    if reader >= 0:
        os.close(reader)


def test_a_bundle_that_is_gone(runtime: Runtime, bundle: Bundle) -> None:
    """Engines remove it before `delete`; poststop hooks run nevertheless."""
    ask(bundle, "stdout", "hooks.log")
    bundle.hook("poststop", f"touch {bundle.path}.after")
    container = runtime.create(bundle).start()
    container.wait()
    os.rename(bundle.path, f"{bundle.path}.gone")
    container.delete()
    assert os.path.exists(f"{bundle.path}.after")
