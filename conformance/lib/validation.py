"""Runs the validation programs of opencontainers/runtime-tools, each in a cell."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lib import tap
from lib.cell import INTERNAL_ERROR, Cell
from lib.results import Program

# The programs write the newest spec version that they know into every config.json.
_WRAPPER = """\
#!/bin/sh
bundle=.
for word in "$@"; do
    [ "$previous" = --bundle ] && bundle=$word
    previous=$word
done
if [ -e "$bundle/config.json" ]; then
    sed -i 's/"ociVersion": *"1\\.[0-9.]*"/"ociVersion":"{version}"/' "$bundle/config.json"
fi
exec '{runtime}' "$@"
"""


class Unusable(Exception):
    """The folder or the runtime that was given cannot be used; the words say why."""


@dataclass(frozen=True)
class Setup:
    """What every program runs with.

    `limit` is in seconds; `oci_version` replaces the ociVersion of every bundle, for runtimes that know only
    older specs; `unified=False` hides the cgroup2 mount.
    """

    tools: Path
    runtime: Path
    limit: float
    unified: bool
    oci_version: str | None


def programs(tools: Path) -> list[str]:
    """The names of the built programs, sorted; raises Unusable if something needed is missing."""
    found = sorted(path.stem for path in tools.glob("validation/*/*.t"))
    if not found:
        raise Unusable(f"no validation/*/*.t in {tools}: build them there with `make validation-executables`")
    if not os.access(tools / "runtimetest", os.X_OK):
        raise Unusable(f"no runtimetest in {tools}: build it there with `make runtimetest`")
    if not list(tools.glob("rootfs-*.tar.gz")):
        raise Unusable(f"no rootfs-ARCH.tar.gz in {tools}: the programs unpack it as the container's root")
    return found


def _add_interface() -> None:
    """Give the cell a second network interface: linux_cgroups_network takes the first two for granted."""
    if shutil.which("ip"):
        command = ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1"]
        subprocess.run(command, stderr=subprocess.DEVNULL, check=False)


def run(name: str, setup: Setup) -> Program:
    """Run one program and judge what it printed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:

        def work() -> int:
            _add_interface()
            runtime = setup.runtime
            if setup.oci_version:
                runtime = Path("/run/conformance", setup.runtime.name)
                runtime.parent.mkdir()
                runtime.write_text(_WRAPPER.format(version=setup.oci_version, runtime=setup.runtime))
                runtime.chmod(0o755)
            # The programs find rootfs-ARCH.tar.gz and runtimetest in the working directory, and the runtime
            # in RUNTIME. /tmp and /run are the cell's: bundles and the runtime's state go with it.
            environment = {
                "PATH": os.environ["PATH"],
                "HOME": "/root",
                "TMPDIR": "/tmp",
                "RUNTIME": str(runtime),
            }
            command = [str(setup.tools / "validation" / name / f"{name}.t")]
            done = subprocess.run(
                command,
                cwd=setup.tools,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                check=False,
            )
            return done.returncode if done.returncode >= 0 else 128 - done.returncode

        with Cell(name, keep=[str(setup.tools), str(setup.runtime)], unified=setup.unified) as cell:
            cell.start(work)
            status = cell.wait(setup.limit)
            cell.stop()
        out.seek(0)
        err.seek(0)
        stdout = out.read().decode(errors="replace")
        stderr = err.read().decode(errors="replace")
    if status == INTERNAL_ERROR and not stdout:
        raise Unusable(f"the cell for {name} could not be set up")
    seen = tap.parse(stdout)
    verdict, reason = tap.judge(seen, status, stderr)
    return Program(verdict=verdict, ok=seen.ok, not_ok=seen.not_ok, exit=status, reason=reason)
