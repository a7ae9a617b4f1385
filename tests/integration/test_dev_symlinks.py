"""runtime-linux.md, Dev symbolic links."""

from __future__ import annotations

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


@pytest.mark.parametrize(
    "link, target",
    [
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
    ],
)
def test_links_to_the_standard_streams(runtime: Runtime, bundle: Bundle, link: str, target: str) -> None:
    assert runtime.sh(bundle, f"readlink {link}") == target


@pytest.mark.parametrize("has_devpts", [True, False])
def test_ptmx(runtime: Runtime, bundle: Bundle, has_devpts: bool) -> None:
    if not has_devpts:
        bundle.config["mounts"] = [entry for entry in bundle.config["mounts"] if entry["type"] != "devpts"]
    assert runtime.sh(bundle, "readlink /dev/ptmx") == "pts/ptmx"


def test_they_work(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sh("echo out > /dev/stdout; echo err > /dev/stderr")
    result = runtime.run(bundle)
    assert (result.stdout, result.stderr) == ("out\n", "err\n")
