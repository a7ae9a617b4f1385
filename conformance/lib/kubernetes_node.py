"""The command `conformance/kubernetes-node`: docs/kubernetes.md on a machine that is thrown away afterwards.

The DaemonSet's own script installs the runtime and has systemd restart containerd; a pod of its RuntimeClass then runs
over CRI, as a kubelet with the cgroup driver "systemd" asks for it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from lib import image
from lib.cri import NODE_NETWORK, Client, Value, message
from lib.shell import Failed

_DOCUMENT = Path(__file__).resolve().parents[2] / "docs/kubernetes.md"
_CONFIGURATION = Path("/etc/containerd/config.toml")
_SOCKET = "/run/containerd/containerd.sock"
_HANDLER = "pyoci"  # docs/kubernetes.md names it so
_SLICE = "kubepods.slice"
_SECONDS = 300.0

_DESCRIPTION = """\
Install a runtime on this node with the script of docs/kubernetes.md's DaemonSet, and run a pod with it over CRI, once
for each configuration of containerd that a node may have. It changes the machine: run it in a guest (hack/vm).
"""


def main(argv: list[str]) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="conformance/kubernetes-node", description=_DESCRIPTION)
    parser.add_argument("--runtime", metavar="PATH", type=Path, required=True, help="the program to install")
    parser.add_argument("--busybox", metavar="PATH", default="busybox", help="a static busybox (from PATH)")
    arguments = parser.parse_args(argv)
    busybox = shutil.which(arguments.busybox)
    if busybox is None or not os.environ.get("PYOCI_VM"):
        print("error: needs a static busybox, and a guest to change (hack/vm sets PYOCI_VM)", file=sys.stderr)
        return 2
    work = Path(tempfile.mkdtemp())
    _, archive = image.build(Path(busybox), work)
    version = _output("containerd", "--version").split()[2]
    own = _CONFIGURATION.read_text() if _CONFIGURATION.exists() else None
    failed = 0
    for name, text in (
        ("none", None),
        ("the distribution's", own),
        ("`containerd config default`", _output("containerd", "config", "default")),
    ):
        if name != "none" and text is None:
            continue
        try:
            _try_one(arguments.runtime, archive, text, work)
            verdict = "ok"
        except Failed as failure:
            verdict, failed = f"not ok: {failure}{_logged_errors()}", 1
        print(f"containerd {version}, configuration: {name}: {verdict}", flush=True)
    return failed


def _try_one(runtime: Path, archive: Path, configuration: str | None, work: Path) -> None:
    _run("systemctl", "stop", "containerd")
    _CONFIGURATION.parent.mkdir(exist_ok=True)
    _CONFIGURATION.unlink(missing_ok=True)
    if configuration is not None:
        _CONFIGURATION.write_text(configuration)
    Path("/usr/local/bin/pyoci").unlink(missing_ok=True)
    before = _runtimes()
    _install(runtime)
    _until(lambda: _status("ctr", "version") == 0, "containerd's socket")
    after = _runtimes()
    if after != before | {"runc", _HANDLER}:
        raise Failed(f"runtimes were {sorted(before)} and are {sorted(after)}")
    _run("ctr", "--namespace", "k8s.io", "images", "import", *_local(), str(archive))
    _run("ctr", "--namespace", "k8s.io", "images", "tag", "--force", image.REFERENCE, _pause())
    _pod(work)


def _install(runtime: Path) -> None:
    """The init container's script, with the mounts that the DaemonSet gives it."""
    blocks = documents()
    for place, source in (("/host/usr/local/bin", "/usr/local/bin"), ("/host/etc/containerd", "/etc/containerd")):
        Path(place).mkdir(parents=True, exist_ok=True)
        if not os.path.ismount(place):
            _run("mount", "--bind", source, place)
    Path("/config").mkdir(exist_ok=True)
    for name in ("runc.toml", "pyoci.toml"):
        Path("/config", name).write_text(blocks[name])
    shutil.copy2(runtime, "/pyoci")
    _run("/bin/sh", "-ec", blocks["-"])


def documents() -> dict[str, str]:
    """The texts that follow a `NAME: |` or the `- |` of the arguments in docs/kubernetes.md."""
    indented = r"(?P<text>(?:(?P=indent)[ ]{2,}.*\n|\n)+)"
    found = re.finditer(rf"^(?P<indent> +)(?P<name>\S+):? \|\n{indented}", _DOCUMENT.read_text(), re.MULTILINE)
    return {match["name"].rstrip(":"): textwrap.dedent(match["text"]) for match in found}


def _pod(work: Path) -> None:
    client = Client(_SOCKET, _SECONDS)
    logs = Path(tempfile.mkdtemp(dir=work))
    name = logs.name
    security = message({1: message({1: NODE_NETWORK})})
    linux = message({1: _SLICE, 2: security})
    pod: dict[int, Value] = {1: message({1: name, 2: f"uid-{name}", 3: "default"}), 3: str(logs), 8: linux}
    sandbox = _name(client.call("RunPodSandbox", {1: message(pod), 2: _HANDLER}))
    try:
        config: dict[int, Value] = {
            1: message({1: "main"}),
            2: message({1: image.REFERENCE}),
            3: ["sh", "-c", "echo started; exec sleep 1000"],
            11: "main.log",
        }
        container = _name(client.call("CreateContainer", {1: sandbox, 2: message(config), 3: message(pod)}))
        client.call("StartContainer", {1: container})
        _until(lambda: "started" in (logs / "main.log").read_text(), "the container's log")
        executed = client.call("ExecSync", {1: container, 2: ["cat", "/etc/original"], 3: 60})
        if executed.get(1) != f"{image.ORIGINAL}\n".encode():
            raise Failed(f"ExecSync: {executed}")
        if not list(Path("/sys/fs/cgroup", _SLICE).glob(f"**/cri-containerd-{container}.scope")):
            raise Failed("systemd has no scope for the container")
        if not list(Path("/run/containerd/runc/k8s.io", container).glob("*")):
            raise Failed("the runtime keeps no state where containerd's shim has it")
        info = _output("ctr", "--namespace", "k8s.io", "tasks", "list")
        if container not in info:
            raise Failed(f"no task of {container}: {info}")
        client.call("StopContainer", {1: container, 2: 1})
        client.call("RemoveContainer", {1: container})
    finally:
        client.call("StopPodSandbox", {1: sandbox})
        client.call("RemovePodSandbox", {1: sandbox})
    _until(lambda: not list(Path("/sys/fs/cgroup", _SLICE).glob("**/*.scope")), "the scopes to go")


def _runtimes() -> set[str]:
    """That containerd knows with the configuration as it is."""
    told = _output("containerd", "--config", str(_CONFIGURATION), "config", "dump") if _CONFIGURATION.exists() else ""
    return set(re.findall(r"containerd\.runtimes\.([\w-]+)\]", told))


def _pause() -> str:
    """The image of a pod's sandbox."""
    told = _output("containerd", "--config", str(_CONFIGURATION), "config", "dump")
    found = re.search(r"sandbox(?:_image)? = ['\"](\S+/pause:\S+)['\"]", told)
    if found is None:
        raise Failed("the configuration names no sandbox image")
    return found[1]


def _local() -> list[str]:
    """Since containerd 2.0 the daemon unpacks, for the snapshotters that its configuration names; ctr still can."""
    return ["--local"] if "--local" in _output("ctr", "images", "import", "--help") else []


def _logged_errors() -> str:
    """The last ones of containerd, which say why it refused."""
    lines = _output("journalctl", "--unit", "containerd", "--output", "cat", "--lines", "200").splitlines()
    errors = [line for line in lines if "level=error" in line or "level=warning" in line][-4:]
    return f" | log: {' / '.join(errors)}" if errors else ""


def _name(answer: dict[int, int | bytes]) -> str:
    name = answer.get(1)
    if not isinstance(name, bytes):
        raise Failed("an answer of CRI holds no id")
    return name.decode()


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise Failed(f"waited {_SECONDS:.0f} s for {what}")
        time.sleep(0.2)


def _output(*command: str) -> str:
    return _run(*command).stdout


def _status(*command: str) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)[:100]} exited {done.returncode}: {done.stderr.strip()[-400:]}")
    return done
