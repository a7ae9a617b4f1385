"""The runtime runs under chroot(2): its mount namespace has a root of its own, which no container may reach.

setns(2) into a mount namespace leads to the root of that namespace, whatever the root of its processes is. Where the
runtime's root is another one, pivot_root(2) moves only the runtime's, and `exec` would arrive on the host.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime

# A second view of the whole machine, in which everything has the path that it has outside.
ROOTS = {
    "a mount": 'root=$1; shift; mount --rbind / "$root"; exec chroot "$root" "$@"',
    "a folder": """
root=$1; shift
for path in /*; do
    if [ -L "$path" ]; then cp -d "$path" "$root/"
    elif [ -d "$path" ]; then mkdir "$root$path"; mount --rbind "$path" "$root$path"; fi
done
exec chroot "$root" "$@"
""",
}


@pytest.mark.parametrize("kind", ROOTS)
def test_no_container_that_exec_would_miss(runtime: Runtime, bundle: Bundle, scratch: Path, kind: str) -> None:
    if not runtime.is_pyoci:
        pytest.skip("runc makes such a container")
    bundle.sleeps()
    name = runtime.add(bundle)
    root = scratch / "root"
    root.mkdir()
    command = runtime.arguments("create", "--bundle", str(bundle.path), name)
    said = scratch / "said"  # no pipe: a container that was made would keep it open
    with said.open("wb") as stderr:
        result = subprocess.run(
            ["unshare", "--mount", "sh", "-ec", ROOTS[kind], "sh", str(root), *command],
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            stdin=subprocess.DEVNULL,
            timeout=TIME_LIMIT,
        )
    assert result.returncode == 1
    assert "chroot(2)" in said.read_text()
    assert runtime.call("state", name).status != 0
