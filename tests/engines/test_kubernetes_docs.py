"""docs/kubernetes.md: what the DaemonSet does to a node leaves containerd's configuration whole."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "conformance"))

from lib.kubernetes_node import documents  # noqa: E402 - found in conformance, not installed

OWN_RUNC = """
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = true
"""


class Node:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configuration = folder / "host/etc/containerd/config.toml"
        for name in ("host/usr/local/bin", "host/etc/containerd", "config", "bin"):
            (folder / name).mkdir(parents=True)
        (folder / "pyoci").write_text("the program")
        for name, text in documents().items():
            (folder / "config" / name).write_text(text)
        (folder / "bin/nsenter").write_text(f'#!/bin/sh\necho "$@" >>{folder}/restarted\n')
        (folder / "bin/nsenter").chmod(0o755)

    def install(self) -> None:
        script = re.sub(r"(?<=[ \"])/(?=pyoci|host|config)", f"{self.folder}/", documents()["-"])
        script = script.replace("config=/host", f"config={self.folder}/host")
        environment = {"PATH": f"{self.folder}/bin:/usr/bin:/bin"}
        subprocess.run(["/bin/sh", "-ec", script], env=environment, check=True)

    def dump(self) -> str:
        """What containerd makes of its configuration."""
        if shutil.which("containerd") is None:
            pytest.skip("containerd is not installed")
        command = ["containerd", "--config", str(self.configuration), "config", "dump"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("page", ["docs/kubernetes.md", "README.md"])
def test_manifests_are_valid(page: str) -> None:
    """Against the schemas of the oldest and the newest Kubernetes that docs/kubernetes.md names."""
    validate = pytest.importorskip("kubernetes_validate", reason="PyPI's kubernetes-validate is not installed")
    yaml = pytest.importorskip("yaml")
    parts = re.findall(r"^```yaml\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    manifests = [manifest for part in parts for manifest in yaml.safe_load_all(part)]
    assert "RuntimeClass" in [manifest["kind"] for manifest in manifests]
    for manifest in manifests:
        for version in ("1.25", "1.37"):
            validate.validate(manifest, version, strict=True)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.mark.parametrize("runc", ["", OWN_RUNC], ids=["built-in runc", "its own runc"])
def test_a_nodes_own_settings_stay(node: Node, runc: str) -> None:
    cri = '[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "registry.example/pause"\n'
    node.configuration.write_text(f"version = 2\n{cri}{runc}")
    node.install()
    told = node.dump()
    assert 'sandbox_image = "registry.example/pause"' in told
    assert told.count("containerd.runtimes.runc]") == told.count("containerd.runtimes.pyoci]") == 1
    assert 'BinaryName = "/usr/local/bin/pyoci"' in told
    assert told.count("SystemdCgroup = true") == (2 if runc else 1)
    assert (node.folder / "host/usr/local/bin/pyoci").read_text() == "the program"
    assert (node.folder / "restarted").read_text() == "-t 1 -m -- systemctl restart containerd\n"


def test_a_second_time_changes_nothing(node: Node) -> None:
    node.install()
    first = node.configuration.read_text()
    node.install()
    assert node.configuration.read_text() == first
    assert (node.folder / "restarted").read_text().count("restart") == 1
    assert "containerd.runtimes.pyoci]" in node.dump()


def test_the_section_has_the_name_of_the_files_version(node: Node) -> None:
    node.configuration.write_text("version = 3\n")
    node.install()
    told = node.configuration.read_text()
    assert '[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.pyoci.options]' in told
    assert '[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]' in told
    assert "grpc" not in told
