"""docker's daemon with data, sockets and a containerd of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence

from lib.engine import Cases, Context, Engine, leftover_cgroups
from lib.image import REFERENCE
from lib.podman import split
from lib.shell import Failed, Result

HANDLER = "conformance"
_SOCKET = "unix:///run/docker-conformance.sock"


class Docker(Engine):
    """Runs `dockerd` and `docker`."""

    name = "docker"
    programs = ("dockerd", "docker", "containerd", "containerd-shim-runc-v2", "iptables")
    covers = ("/etc/docker", "/var/lib/docker")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._log = self.base / "dockerd.log"
        self.log_file = self._log

    def start(self) -> None:
        command = [
            "dockerd",
            "--host", _SOCKET,
            "--data-root", self.base / "docker",
            "--exec-root", "/run/docker-conformance",
            "--pidfile", "/run/docker-conformance.pid",
            "--storage-driver", "overlay2",
            "--experimental",  # for `docker checkpoint`
            "--add-runtime", f"{HANDLER}={self.runtime}",
            "--default-runtime", HANDLER,  # for `docker build`, which cannot name one
        ]  # fmt: skip
        self.shell.daemon(command, self._log)
        self.shell.until(lambda: self.docker("info").status == 0, "docker's socket")
        self.docker("load", "--input", self.archive).ok()

    def clean(self) -> None:
        containers = self.docker("ps", "--all", "--quiet").ok().out.split()
        if containers:
            self.docker("rm", "--force", "--volumes", *containers).ok()
        left = leftover_cgroups("docker/*")
        deadline = time.monotonic() + 5  # the shim removes them after docker has answered
        while left and time.monotonic() < deadline:
            time.sleep(0.1)
            left = leftover_cgroups("docker/*")
        if left:
            raise Failed(f"cgroups left: {', '.join(left[:3])}")

    def docker(self, *words: object, stdin: str | None = None) -> Result:
        """Run the client to its end."""
        return self.shell.run(self._command(*words), stdin=stdin, env={"DOCKER_BUILDKIT": "0"})

    def terminal(self, *words: object, talk: Sequence[tuple[str, str]], rows: int = 24, columns: int = 80) -> Result:
        """Run the client on a terminal to its end."""
        return self.shell.terminal(self._command(*words), talk, rows=rows, columns=columns)

    def run(self, *words: object, stdin: str | None = None) -> Result:
        """`docker run --rm --runtime`: options, then `--`, then the command."""
        options, command = split(words)
        return self.docker("run", "--rm", "--runtime", HANDLER, *options, REFERENCE, *command, stdin=stdin)

    def detached(self, name: str, *words: object) -> None:
        """`docker run --detach --name`: options, then `--`, then the command; raises Failed."""
        options, command = split(words)
        self.docker("run", "--detach", "--runtime", HANDLER, "--name", name, *options, REFERENCE, *command).ok()

    def inspect(self, name: str, template: str) -> str:
        """A field of a container."""
        return self.docker("inspect", "--format", template, name).ok().out.strip()

    def _command(self, *words: object) -> list[object]:
        return ["docker", "--host", _SOCKET, *words]


CASES: Cases[Docker] = Cases()
