"""containerd with its own runc shim, and with the section that makes the runtime a RuntimeClass."""

from __future__ import annotations

from lib.engine import Cases, Context, Engine, leftover_cgroups, leftover_states
from lib.image import REFERENCE
from lib.shell import Failed, Result
from lib.snapshotters import grounds

# From the first "containerd.runtimes" on it is what README.md tells a node's administrator to add. Naming any
# runtime drops the built-in list, and without the default one (runc) the CRI plug-in does not load.
_CONFIGURATION = """\
version = 2
root = "{base}/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{base}/opt"
{snapshotters}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{image}"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{base}/cni/bin"
  conf_dir = "{base}/cni/net.d"
{default}[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{handler}]
  runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{handler}.options]
    BinaryName = "{runtime}"
"""
_DEFAULT = """\
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
"""


class Containerd(Engine):
    """Runs `containerd` and `ctr`."""

    name = "containerd"
    programs = ("containerd", "ctr", "containerd-shim-runc-v2")
    covers = ("/etc/cni", "/var/lib/containerd")
    socket = "/run/containerd/containerd.sock"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.configuration = self.base / "config.toml"
        self.handler = context.runtime.name.replace(".", "-")
        self._log = self.base / "containerd.log"
        self.log_file = self._log

    def start(self) -> None:
        # `ctr container create` has no --runc-binary: the shim then looks for runc in containerd's PATH
        folder = self.base / "bin"
        folder.mkdir()
        (folder / "runc").symlink_to(self.runtime)
        self.shell.environment["PATH"] = f"{folder}:{self.shell.environment['PATH']}"
        self.grounds = grounds(self.shell, self.base)
        usable = [ground.configuration() for ground in self.grounds.values() if not ground.why_not]
        for name in ("cni/bin", "cni/net.d"):
            (self.base / name).mkdir(parents=True)
        self.configuration.write_text(
            _CONFIGURATION.format(
                base=self.base,
                snapshotters="".join(usable),
                image=REFERENCE,
                default="" if self.handler == "runc" else _DEFAULT,
                handler=self.handler,
                runtime=self.runtime,
            )
        )
        self.shell.daemon(["containerd", "--config", self.configuration], self._log)
        self.shell.until(lambda: self.ctr("version").status == 0, "containerd's socket")
        self.import_image("overlayfs")

    def import_image(self, snapshotter: str) -> None:
        """Load the image and unpack it for `snapshotter`."""
        words = ("images", "import", "--snapshotter", snapshotter)
        done = self.ctr(*words, self.archive)
        if done.status != 0 and "no unpack platforms" in done.err:
            # Since containerd 2.0 the daemon unpacks, for the snapshotters that its configuration names; ctr still can.
            done = self.ctr(*words, "--local", self.archive)
        done.ok()

    def stop(self) -> None:
        self.shell.stop_daemons()
        for ground in self.grounds.values():
            ground.remove()

    def clean(self) -> None:
        for row in self.ctr("containers", "list", "--quiet").ok().out.split():
            self.ctr("task", "delete", "--force", row)
            self.ctr("containers", "delete", row).ok()
        left = leftover_cgroups("default/*")
        if left:
            raise Failed(f"cgroups left: {', '.join(left[:3])}")
        states = leftover_states("/run/containerd/runc/default")
        if states:
            raise Failed(f"state of the runtime left: {', '.join(states[:3])}")

    def ctr(self, *words: object, stdin: str | None = None) -> Result:
        """Run ctr to its end."""
        return self.shell.run(self.command(*words), stdin=stdin)

    def command(self, *words: object) -> list[object]:
        """`ctr` with this containerd's socket before `words`."""
        return ["ctr", "--address", self.socket, *words]

    def options(self) -> list[object]:
        """What `ctr run` needs to use the runtime."""
        return ["--runtime", "io.containerd.runc.v2", "--runc-binary", self.runtime]

    def run(self, name: str, *words: object, options: tuple[object, ...] = ()) -> Result:
        """`ctr run --rm` of `words` in container `name`."""
        return self.ctr("run", "--rm", *self.options(), *options, REFERENCE, name, *words)

    def detached(self, name: str, *words: object, options: tuple[object, ...] = ()) -> None:
        """`ctr run --detach`; raises Failed."""
        self.ctr("run", "--detach", *self.options(), *options, REFERENCE, name, *words).ok()

    def exec(self, name: str, *words: object, options: tuple[object, ...] = ()) -> Result:
        """`ctr task exec` of `words`."""
        return self.ctr("task", "exec", "--exec-id", "e", *options, name, *words)

    def status(self, name: str) -> str:
        """The task's status as ctr lists it, for example RUNNING; empty if there is no task."""
        for line in self.ctr("task", "list").ok().out.splitlines():
            fields = line.split()
            if fields and fields[0] == name:
                return fields[-1]
        return ""


CASES: Cases[Containerd] = Cases()
