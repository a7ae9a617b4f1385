"""pyoci validate, spec, features."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pyoci.cli import features
from pyoci.cli import main as cli
from pyoci.cli.features import document
from pyoci.spec import template
from pyoci.spec.bundle import check_document


def run(capfd: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    status = cli.main(list(argv))
    out, err = capfd.readouterr()
    return status, out, err


def bundle(folder: Path, **sections: Any) -> str:
    config = {**template.default("1.3.0"), **sections}
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def test_validate_says_valid(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, "validate", bundle(tmp_path)) == (0, "valid\n", "")


def test_validate_takes_the_current_directory(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert run(capfd, "validate") == (0, "valid\n", "")


def test_validate_tells_all_problems(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = bundle(tmp_path, ociVersion="2.0.0", linux={}, mounts=[])
    assert run(capfd, "validate", path) == (
        1,
        '/ociVersion: found "2.0.0", expected a version 1.x.y (SemVer 2.0)\n'
        '/hostname: found "pyoci", expected none, or a uts namespace in /linux/namespaces\n',
        "",
    )


def test_validate_warns(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = bundle(tmp_path, mounts=[{"destination": "proc", "type": "proc"}])
    status, out, _ = run(capfd, "validate", path)
    assert status == 0
    assert out.startswith('warning: /mounts/0/destination: found "proc"')
    assert out.endswith("\nvalid\n")


def test_validate_without_a_config(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capfd, "validate", str(tmp_path))
    assert (status, out) == (1, "")
    assert f"read {tmp_path}/config.json: no such file or directory" in err


def test_spec_writes_a_valid_config(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, "spec", "--bundle", str(tmp_path)) == (0, "", "")
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["process"]["args"] == ["sh"]
    assert run(capfd, "validate", str(tmp_path)) == (0, "valid\n", "")


def test_spec_writes_to_the_current_directory(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(capfd, "spec") == (0, "", "")
    assert (tmp_path / "config.json").exists()


def test_spec_does_not_overwrite(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text("mine")
    status, _, err = run(capfd, "spec", "-b", str(tmp_path))
    assert status == 1
    assert "it exists; remove it first" in err
    assert (tmp_path / "config.json").read_text() == "mine"


def test_spec_does_not_follow_a_dangling_link(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").symlink_to(tmp_path / "elsewhere")
    assert run(capfd, "spec", "-b", str(tmp_path))[0] == 1
    assert not (tmp_path / "elsewhere").exists()


def test_spec_rootless(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, "spec", "--rootless", "-b", str(tmp_path)) == (0, "", "")
    linux = json.loads((tmp_path / "config.json").read_text())["linux"]
    assert linux["uidMappings"] == [{"containerID": 0, "hostID": os.geteuid(), "size": 1}]
    assert {"type": "user"} in linux["namespaces"]
    assert {"type": "network"} not in linux["namespaces"]
    assert "resources" not in linux
    assert run(capfd, "validate", str(tmp_path)) == (0, "valid\n", "")


def test_features_follow_their_schema(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capfd, "features")
    assert status == 0
    assert json.loads(out) == document()
    check_document(document(), "features")


def test_features_are_those_of_the_specification() -> None:
    made = document()
    must = (
        "async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime "
        "noexec noiversion nolazytime norelatime nostrictatime nosuid private rbind relatime remount ro rprivate "
        "rshared rslave runbindable rw shared silent slave strictatime suid sync unbindable"
    )
    assert set(must.split()) <= set(made["mountOptions"])
    assert len(made["linux"]["namespaces"]) == 8
    assert len(made["linux"]["capabilities"]) == 41
    assert made["hooks"] == [
        "prestart",
        "createRuntime",
        "createContainer",
        "startContainer",
        "poststart",
        "poststop",
    ]


def test_features_are_what_is_built() -> None:
    package = Path(features.__file__).parent.parent
    assert (package / "cgroups" / "systemd.py").exists() == features.SYSTEMD
    assert (package / "host" / "net_devices.py").exists() == features.NET_DEVICES
    assert (package / "plan" / "intel_rdt.py").exists() == features.INTEL_RDT
