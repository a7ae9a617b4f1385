"""buildah with storage of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from lib.engine import Cases, Engine, leftover_states
from lib.image import REFERENCE
from lib.podman import POLICY, configuration
from lib.shell import Failed, Result


class Buildah(Engine):
    """Runs `buildah`."""

    name = "buildah"
    programs = ("buildah",)
    covers = ("/etc/containers", "/var/lib/containers")

    def start(self) -> None:
        Path("/etc/containers/policy.json").write_text(json.dumps(POLICY))
        (self.base / "containers.conf").write_text(configuration())
        self.buildah("pull", f"docker-archive:{self.archive}").ok()

    def clean(self) -> None:
        self.buildah("rm", "--all").ok()
        self.buildah("rmi", "--prune").ok()
        left = leftover_states(f"/run/{self.runtime.name}")
        if left:
            raise Failed(f"state of the runtime left: {', '.join(left[:3])}")

    def buildah(self, *words: object) -> Result:
        """Run buildah to its end."""
        return self.shell.run(self._command(*words), env=self._environment(), cwd=os.fspath(self.base))

    def working(self) -> str:
        """A new working container from the image."""
        return self.buildah("from", "--pull-never", REFERENCE).ok().out.strip()

    def run(self, *words: object) -> Result:
        """`buildah run` in a new working container."""
        return self.buildah("run", *self.options(), self.working(), "--", *words)

    def terminal(self, *words: object, talk: Sequence[tuple[str, str]]) -> Result:
        """`buildah run --tty` in a new working container, on a terminal."""
        command = self._command("run", *self.options(), "--tty", self.working(), "--", *words)
        return self.shell.terminal(command, talk, env=self._environment())

    def options(self) -> list[object]:
        """What `run` and `build` need to use the runtime and no network plug-ins."""
        return ["--runtime", self.runtime, "--isolation", "oci", "--network", "none"]

    def _environment(self) -> dict[str, str]:
        return {"CONTAINERS_CONF": str(self.base / "containers.conf")}

    def _command(self, *words: object) -> list[object]:
        root = ["--root", self.base / "storage", "--runroot", "/run/buildah-storage"]
        return ["buildah", *root, "--storage-driver", "overlay", *words]


CASES: Cases[Buildah] = Cases()
case = CASES.case


@case()
def run(buildah: Buildah) -> None:
    """`run --runtime`: output and exit status come through."""
    buildah.run("sh", "-c", "echo out; echo $FROM_IMAGE").ok().prints("out\nyes")
    failed = buildah.run("sh", "-c", "exit 7")
    failed.exits(7)


@case()
def run_options(buildah: Buildah) -> None:
    """User, working directory, volumes and capabilities of `run`."""
    folder = buildah.base / "volume"
    folder.mkdir()
    (folder / "file").write_text("from host\n")
    options = (
        "--user",
        "tester",
        "--workingdir",
        "/tmp",
        "--volume",
        f"{folder}:/v:ro",
        "--cap-drop",
        "CAP_CHOWN",
    )
    command = ("sh", "-c", "id -u; pwd; cat /v/file")
    seen = buildah.buildah("run", *buildah.options(), *options, buildah.working(), "--", *command)
    seen.ok().prints("1234\n/tmp\nfrom host")


@case()
def run_terminal(buildah: Buildah) -> None:
    """`run --tty` gives a terminal to which one can type."""
    talk = [("#", "test -t 0 && echo a-$((1+1))\n"), ("a-2", "exit 5\n")]
    buildah.terminal("sh", talk=talk).exits(5)


@case()
def build(buildah: Buildah) -> None:
    """RUN of a Containerfile, and its failure."""
    path = buildah.base / "Containerfile"
    path.write_text(f"FROM {REFERENCE}\nRUN echo built > /built && id -u\nRUN cat /built\nUSER tester\nRUN id -un\n")
    command = ("build", *buildah.options(), "--pull-never", "--file", path)
    buildah.buildah(*command, "--tag", "built", buildah.base / "home").ok().shows("built\n").shows("tester\n")
    path.write_text(f"FROM {REFERENCE}\nRUN exit 9\n")
    failed = buildah.buildah(*command, buildah.base / "home")
    if failed.status == 0 or "exit status 9" not in failed.err:
        raise Failed(f"a failing step: {failed.words}")


@case()
def not_found(buildah: Buildah) -> None:
    """A command that is not there fails in words that say so."""
    failed = buildah.run("no-such-program")
    if failed.status == 0 or "executable file not found" not in failed.err:
        raise Failed(f"run of a missing program: {failed.words}")
