"""What podman must be able to do for an ordinary user."""

from __future__ import annotations

import os
from pathlib import Path

from lib import kernel
from lib.image import REFERENCE
from lib.podman import CASES, SLEEP, Podman
from lib.shell import Failed, Result

_UID = 4321
_NAME = "conformance"
_RANGE = f"{_NAME}:400000:65536\n"


class Rootless:
    """podman as an ordinary user with subordinate ids, whom only this cell knows."""

    def __init__(self, podman: Podman) -> None:
        self._podman = podman
        self._home = podman.base / "home-rootless"
        self._runtime_dir = Path(f"/run/user/{_UID}")
        tun = Path("/dev/net/tun")
        if tun.exists():
            tun.chmod(0o666)  # the cell's own copy; udev gives it this mode, and slirp4netns needs it
        for path in (self._home, self._runtime_dir):
            path.mkdir(parents=True, mode=0o700, exist_ok=True)
            os.chown(path, _UID, _UID)
        self._configuration = podman.base / "rootless.conf"
        podman.write_configuration(self._configuration)
        self._know_user()

    def _know_user(self) -> None:
        if f"{_NAME}:" in Path("/etc/passwd").read_text():
            return
        lines = {
            "passwd": f"{_NAME}:x:{_UID}:{_UID}::{self._home}:/bin/sh\n",
            "group": f"{_NAME}:x:{_UID}:\n",
            "subuid": _RANGE,
            "subgid": _RANGE,
        }
        for name, line in lines.items():
            original = Path("/etc", name)
            if not original.exists():
                raise Failed(f"the host has no /etc/{name} to add the user to")
            ours = self._podman.base / name
            ours.write_text(original.read_text() + line)
            ours.chmod(0o644)
            kernel.mount(str(ours), str(original), "", kernel.MS_BIND)

    def podman(self, *words: object, stdin: str | None = None) -> Result:
        """Run podman as the user, with the user's own storage."""
        environment = {
            "HOME": str(self._home),
            "USER": _NAME,
            "XDG_RUNTIME_DIR": str(self._runtime_dir),
            "CONTAINERS_CONF": str(self._configuration),
        }
        become = ["setpriv", f"--reuid={_UID}", f"--regid={_UID}", "--clear-groups", "--inh-caps=-all"]
        command = ["podman", "--runtime", self._podman.runtime, "--storage-driver", "overlay", *words]
        return self._podman.shell.run([*become, *command], env=environment, cwd=str(self._home), stdin=stdin)

    def end(self) -> None:
        """Remove the containers and podman's pause process."""
        self.podman("rm", "--force", "--all", "--time", "0").ok()
        self.podman("system", "migrate").ok()


@CASES.case(limit=120)
def rootless(podman: Podman) -> None:
    """An ordinary user runs, executes in, stops and removes a container, root inside and itself outside."""
    user = Rootless(podman)
    user.podman("load", "--input", podman.archive).ok()
    try:
        user.podman("run", "--rm", REFERENCE, "sh", "-c", "id -u; cat /proc/self/uid_map; exit 6").exits(6).shows(
            "4321"
        )
        user.podman("run", "--rm", "--network", "none", "--user", "1234", REFERENCE, "id", "-u").ok().prints("1234")
        user.podman("run", "--rm", "--userns", "keep-id", REFERENCE, "id", "-u").ok().prints(str(_UID))
        user.podman("run", "--detach", "--name", "r", REFERENCE, *SLEEP).ok()
        user.podman("exec", "r", "sh", "-c", "echo in; exit 3").exits(3).prints("in")
        pid = user.podman("inspect", "--format", "{{.State.Pid}}", "r").ok().out.strip()
        if os.stat(f"/proc/{pid}").st_uid != _UID:
            raise Failed(f"on the host the container is user {os.stat(f'/proc/{pid}').st_uid}")
        user.podman("stop", "--time", "0", "r").ok()
        user.podman("rm", "r").ok()
        user.podman("run", "--rm", REFERENCE, "no-such").exits(127)
    finally:
        user.end()
