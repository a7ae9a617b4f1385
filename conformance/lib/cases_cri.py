"""What a kubelet asks of containerd for a pod whose RuntimeClass names the runtime."""

from __future__ import annotations

import base64
import json
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

from lib import criu
from lib.containerd import CASES, Containerd
from lib.cri import NODE_NETWORK, Client, Value, message
from lib.image import REFERENCE
from lib.shell import Failed, Skipped


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


@CASES.case(limit=120.0)
def forensic_checkpoint(containerd: Containerd) -> None:
    """Over CRI, as the kubelet asks: a checkpoint of a container that runs on, as an archive."""
    with _checkpointed(containerd) as (client, _, _, container, archive):
        before = _last(client, container)
        containerd.shell.until(lambda: _last(client, container) > before, "it goes on after the checkpoint")
        with tarfile.open(archive) as tar:
            names = {name.removeprefix("./").rstrip("/") for name in tar.getnames()}
        if not {"config.dump", "spec.dump", "checkpoint/inventory.img"} <= names:
            raise Failed(f"the archive holds {sorted(names)[:20]}")


@CASES.case(limit=120.0)
def forensic_restore(containerd: Containerd) -> None:
    """Over CRI: a container made of the archive of another one counts on."""
    with _checkpointed(containerd) as (client, sandbox, pod, container, archive):
        before = _last(client, container)
        client.call("StopContainer", {1: container, 2: 1})
        client.call("RemoveContainer", {1: container})
        try:
            again = _created(client, sandbox, pod, "again", archive)
        except Failed as failed:
            # containerd 2.1.9, issue 14096: it looks for the base image by a digest, before it calls any runtime
            raise Skipped(f"this containerd makes no container of its own archive: {failed}") from failed
        client.call("StartContainer", {1: again})
        containerd.shell.until(lambda: _last(client, again) >= before, "the restored container counts on")
        if _executed(client, again, "cat", "/starts") != "started\n":
            raise Failed("the program began anew")
        _uses_runtime(containerd, again)


@contextmanager
def _checkpointed(containerd: Containerd) -> Iterator[tuple[Client, str, dict[int, Value], str, str]]:
    """Client, sandbox and its config, a container that counts and runs on, the archive with its checkpoint."""
    criu.needed(containerd.shell)
    version = re.search(r" v?(\d+)\.", containerd.versions())
    if version is None or int(version[1]) < 2:
        raise Skipped("CheckpointContainer came with containerd 2.0")
    containerd.ctr("--namespace", "k8s.io", "images", "import", containerd.archive).ok()
    client = Client(containerd.socket, containerd.shell.seconds_left())
    with _sandbox(containerd, client) as (sandbox, pod):
        container = _created(client, sandbox, pod, "counter", REFERENCE)
        client.call("StartContainer", {1: container})
        containerd.shell.until(lambda: _last(client, container) > 1, "it counts")
        archive = str(containerd.base / "checkpoint.tar")
        client.call("CheckpointContainer", {1: container, 2: archive, 3: 60})
        yield client, sandbox, pod, container, archive


@contextmanager
def _sandbox(containerd: Containerd, client: Client) -> Iterator[tuple[str, dict[int, Value]]]:
    logs = containerd.base / "pod-logs"
    logs.mkdir(exist_ok=True)
    pod = _pod("pod", str(logs))
    sandbox = _name(client.call("RunPodSandbox", {1: message(pod), 2: containerd.handler}))
    try:
        yield sandbox, pod
    finally:
        client.call("StopPodSandbox", {1: sandbox})
        client.call("RemovePodSandbox", {1: sandbox})


def _created(client: Client, sandbox: str, pod: dict[int, Value], name: str, image: str) -> str:
    config: dict[int, Value] = {
        1: message({1: name}),
        2: message({1: image, 18: image}),  # as the kubelet, with the pod's own words for it
        3: list(criu.COUNT),
        11: f"{name}.log",
    }
    return _name(client.call("CreateContainer", {1: sandbox, 2: message(config), 3: message(pod)}))


def _executed(client: Client, container: str, *words: str) -> str:
    output = client.call("ExecSync", {1: container, 2: list(words), 3: 10}).get(1, b"")
    return output.decode() if isinstance(output, bytes) else ""


def _last(client: Client, container: str) -> int:
    return int(_executed(client, container, "cat", "/last").strip() or 0)
