"""What a kubelet asks of containerd for a pod whose RuntimeClass names the runtime."""

from __future__ import annotations

import base64
import json

from lib.containerd import CASES, Containerd
from lib.cri import NODE_NETWORK, Client, Value, message
from lib.image import REFERENCE
from lib.shell import Failed


def _pod(name: str, logs: str) -> dict[int, Value]:
    """PodSandboxConfig of a pod on the node's network: no CNI plug-in is needed for it."""
    namespaces = message({1: NODE_NETWORK})
    security = message({1: namespaces})
    return {
        1: message({1: name, 2: f"uid-of-{name}", 3: "default"}),
        3: logs,
        8: message({1: "/kubepods", 2: security}),
    }


@CASES.case()
def runtime_class_pod(containerd: Containerd) -> None:
    """Over CRI: a pod with the runtime's handler is made, a container runs, executes, stops and is removed."""
    containerd.ctr("--namespace", "k8s.io", "images", "import", containerd.archive).ok()
    client = Client(containerd.socket, containerd.shell.seconds_left())
    logs = containerd.base / "pod-logs"
    logs.mkdir()
    pod = _pod("pod", str(logs))
    sandbox = _name(client.call("RunPodSandbox", {1: message(pod), 2: containerd.handler}))
    try:
        config: dict[int, Value] = {
            1: message({1: "main"}),
            2: message({1: REFERENCE}),
            3: ["sh", "-c", "echo started; exec sleep 1000"],
            11: "main.log",
        }
        made = client.call("CreateContainer", {1: sandbox, 2: message(config), 3: message(pod)})
        container = _name(made)
        client.call("StartContainer", {1: container})
        containerd.shell.until(lambda: "started" in (logs / "main.log").read_text(), "the container's log")
        executed = client.call("ExecSync", {1: container, 2: ["sh", "-c", "cat /etc/original; exit 3"], 3: 10})
        if (executed.get(1), executed.get(3)) != (b"as the image has it\n", 3):
            raise Failed(f"ExecSync: {executed}")
        _uses_runtime(containerd, container)
        client.call("StopContainer", {1: container, 2: 1})
        client.call("RemoveContainer", {1: container})
    finally:
        client.call("StopPodSandbox", {1: sandbox})
        client.call("RemovePodSandbox", {1: sandbox})


def _uses_runtime(containerd: Containerd, container: str) -> None:
    info = json.loads(containerd.ctr("--namespace", "k8s.io", "containers", "info", container).ok().out)
    options = base64.b64decode(info["Runtime"]["Options"]["value"])  # the shim's, a protobuf message
    if str(containerd.runtime).encode() not in options:
        raise Failed(f"the container does not use {containerd.runtime}, but {options!r}")


def _name(answer: dict[int, int | bytes]) -> str:
    name = answer.get(1)
    if not isinstance(name, bytes):
        raise Failed("an answer of CRI holds no id")
    return name.decode()
