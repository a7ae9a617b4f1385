"""podman with storage, networks and configuration of its own."""

from __future__ import annotations

import json
import resource
from collections.abc import Sequence
from pathlib import Path

from lib.engine import Cases, Context, Engine, leftover_cgroups
from lib.image import REFERENCE
from lib.shell import Failed, Result

_CONF = """\
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
{engine}
[network]
network_backend = "netavark"
{networks}
"""

# Podman 5 warns on standard error, where cases look for the containers' own words.
_QUIET = {"PODMAN_IGNORE_CGROUPSV1_WARNING": "1"}
POLICY = {"default": [{"type": "insecureAcceptAnything"}]}


class Podman(Engine):
    """Runs `podman` as root; `as_user` in cases gives an ordinary user's."""

    name = "podman"
    programs = ("podman", "conmon")
    covers = ("/etc/containers", "/var/lib/containers")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.configuration = self.base / "containers.conf"

    def start(self) -> None:
        Path("/etc/containers/policy.json").write_text(json.dumps(POLICY))
        networks = self.base / "networks"
        networks.mkdir()
        self.write_configuration(self.configuration, networks=f'network_config_dir = "{networks}"')
        self.podman("load", "--input", self.archive).ok()

    def stop(self) -> None:
        self.podman("system", "prune", "--all", "--force", "--volumes").ok()

    def clean(self) -> None:
        self.podman("pod", "rm", "--force", "--all", "--time", "0").ok()
        self.podman("rm", "--force", "--all", "--volumes", "--time", "0").ok()
        left = leftover_cgroups("libpod_parent/libpod-*") + leftover_cgroups("libpod_parent/*/libpod-*")
        if left:
            raise Failed(f"cgroups left: {', '.join(left[:3])}")

    def write_configuration(self, path: Path, *, engine: str = "", networks: str = "") -> None:
        """Write a containers.conf that anyone may read."""
        path.write_text(configuration(engine=engine, networks=networks))
        path.chmod(0o644)

    def command(self, *words: object) -> list[object]:
        """`podman` with this engine's options before `words`."""
        return [
            "podman",
            "--root", self.base / "podman",
            "--runroot", "/run/podman-conformance",
            "--tmpdir", "/run/podman-tmp",
            "--storage-driver", "overlay",
            "--runtime", self.runtime,
            *words,
        ]  # fmt: skip

    def podman(self, *words: object, stdin: str | None = None, conf: Path | None = None) -> Result:
        """Run podman to its end."""
        # conmon writes its `oom` file into the folder that it is started in
        return self.shell.run(
            self.command(*words),
            stdin=stdin,
            env={**_QUIET, "CONTAINERS_CONF": str(conf or self.configuration)},
            cwd=str(self.base),
        )

    def terminal(self, *words: object, talk: Sequence[tuple[str, str]], rows: int = 24, columns: int = 80) -> Result:
        """Run podman on a terminal to its end."""
        environment = {**_QUIET, "CONTAINERS_CONF": str(self.configuration)}
        return self.shell.terminal(self.command(*words), talk, env=environment, rows=rows, columns=columns)

    def run(self, *words: object, stdin: str | None = None) -> Result:
        """`podman run --rm`: options, then `--`, then the command."""
        options, command = split(words)
        return self.podman("run", "--rm", *options, REFERENCE, *command, stdin=stdin)

    def detached(self, name: str, *words: object) -> Result:
        """`podman run -d --name`: options, then `--`, then the command; checked."""
        options, command = split(words)
        return self.podman("run", "--detach", "--name", name, *options, REFERENCE, *command).ok()

    def inspect(self, name: str, template: str) -> str:
        """A field of a container."""
        return self.podman("inspect", "--format", template, name).ok().out.strip()


def split(words: tuple[object, ...]) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """Options before `--` and the command after it; without `--` all is the command."""
    if "--" not in words:
        return (), words
    place = words.index("--")
    return words[:place], words[place + 1 :]


def configuration(*, engine: str = "", networks: str = "") -> str:
    """A containers.conf; the kernel refuses podman's default limits where the caller's own are lower."""
    files = _highest(resource.RLIMIT_NOFILE, 1048576)
    processes = _highest(resource.RLIMIT_NPROC, 4194304)
    return _CONF.format(files=files, processes=processes, engine=engine, networks=networks)


def _highest(limit: int, wanted: int) -> int:
    hard = resource.getrlimit(limit)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


CASES: Cases[Podman] = Cases()
SLEEP = ("sleep", "1000")
