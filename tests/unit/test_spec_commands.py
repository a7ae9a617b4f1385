"""pyoci validate, spec, features."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from helpers import elf
from helpers.schemas import valid

from pyoci.cli import features, spec
from pyoci.cli import main as cli
from pyoci.cli.features import document
from pyoci.kernel import seccomp, uapi
from pyoci.kernel.libseccomp import Library
from pyoci.spec import template


def run(capfd: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    status = cli.main(list(argv))
    out, err = capfd.readouterr()
    return status, out, err


def bundle(folder: Path, **sections: Any) -> str:
    config = {**template.default("1.3.0"), **sections}
    (folder / "config.json").write_text(json.dumps(config))
    rootfs(folder)
    return str(folder)


def rootfs(folder: Path) -> None:
    (folder / "rootfs/bin").mkdir(parents=True, exist_ok=True)
    (folder / "rootfs/bin/sh").write_bytes(elf.program())
    (folder / "rootfs/bin/sh").chmod(0o755)


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
        '/ociVersion: must be a version 1.x.y (SemVer 2.0), not "2.0.0"\n'
        '/hostname: needs a uts namespace in /linux/namespaces (it is "pyoci")\n',
        "",
    )


def test_validate_warns(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = bundle(tmp_path, mounts=[{"destination": "proc", "type": "proc"}])
    status, out, _ = run(capfd, "validate", path)
    assert status == 0
    assert out.startswith('warning: /mounts/0/destination: should be an absolute path, not "proc": relative')
    assert out.endswith("\nvalid\n")


def changed(config: dict[str, Any], place: str, value: object) -> dict[str, Any]:
    """`config` with `value` at the pointer; `-` appends to a list."""
    at: Any = config
    *parts, last = place.strip("/").split("/")
    for part in parts:
        at = at[int(part)] if isinstance(at, list) else at.setdefault(part, {})
    if isinstance(at, list) and last == "-":
        at.append(value)
    else:
        at[last] = value
    return config


DOUBTS = [
    ("/hostName", "x", "/hostName: the specification has no such property; did you mean hostname?"),
    ("/process/Cwd", "/", "/process/Cwd: the specification has no such property; did you mean cwd?"),
    ("/process/frobnicate", 1, "/process/frobnicate: the specification has no such property"),
    ("/linux/maskedpaths", [], "did you mean maskedPaths?"),
    ("/linux/resources/memory/limits", 5, "did you mean limit?"),
    ("/mounts/0/option", ["ro"], "/mounts/0/option: the specification has no such property; did you mean options?"),
    ("/ociVersion", "1.9.0", '/ociVersion: "1.9.0" is newer than 1.3'),
    ("/process/capabilities/bounding/-", "CAP_NET_RAV", "did you mean CAP_NET_RAW?"),
    ("/linux/cgroupsPath", "system.slice:a:b", '"system.slice:a:b" is for --systemd-cgroup'),
    ("/root/path", "elsewhere", '/root/path: "elsewhere": no such file or directory'),
    ("/process/args", ["/bin/none"], '/process/args/0: "/bin/none" cannot be executed: the root file system'),
    ("/process/args", ["nobody"], '/process/args/0: "nobody" cannot be executed: the root file system'),
    ("/process/args", ["echo hello world"], "/process/args is a list with one word in each string"),
    ("/mounts/1/options/-", "noexce", 'no option of a mount of type tmpfs is called "noexce"; did you mean noexec?'),
    ("/mounts/1/options/-", "sized=1m", "did you mean size?"),
    ("/linux/resources/cpu/quota", 500, "cpu.quota: 500 is not between 1000 and "),
    (
        "/mounts/-",
        {"destination": "/d", "source": "/etc", "options": ["bind", "mode=755"]},
        'no option of a mount of type bind is called "mode"',
    ),
    (
        "/mounts/-",
        {"destination": "/d", "source": "/nowhere", "options": ["rbind"]},
        '/source: there is no "/nowhere" to bind',
    ),
]


@pytest.mark.parametrize(("place", "value", "words"), DOUBTS)
def test_validate_tells_what_is_probably_wrong(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], place: str, value: object, words: str
) -> None:
    path = bundle(tmp_path, **changed(template.default("1.3.0"), place, value))
    status, out, err = run(capfd, "validate", path)
    assert (status, err) == (0, "")
    assert out.startswith("warning: ") and words in out and out.endswith("\nvalid\n")
    assert out.count("warning: ") == 1
    status, out, _ = run(capfd, "validate", "--strict", path)
    assert status == 1
    assert words in out and "valid\n" not in out


def test_validate_judges_this_host(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = changed(template.default("1.3.0"), "/linux/resources/cpu/cpus", "0,8000-8001")
    path = bundle(tmp_path, **config)
    assert "8000" not in run(capfd, "validate", path)[1]
    out = run(capfd, "validate", "--host", path)[1]
    assert '/linux/resources/cpu/cpus: "0,8000-8001" names CPU 8000, 8001, and this host has 0' in out


HOST_DOUBTS = [
    ("/linux/resources/memory/limit", 4096, "/linux/resources/memory/limit: 4096 bytes; a container starts with "),
    ("/mounts/-", {"destination": "/d", "type": "tmpsf"}, 'has no file system "tmpsf"'),
    ("/linux/namespaces/-", {"type": "user", "path": "/no/ns"}, 'there is no "/no/ns" to join'),
    ("/hooks", {"createRuntime": [{"path": "/no/hook"}]}, 'createRuntime/0/path: there is no program "/no/hook"'),
    ("/linux/sysctl", {"net.ipv4.ip_fowrard": "1"}, "no sysctl net.ipv4.ip_fowrard; did you mean net.ipv4.ip_forward?"),
    ("/linux/sysctl", {"net/ipv4/ip_fowrard": "1"}, "no sysctl net/ipv4/ip_fowrard; did you mean net/ipv4/ip_forward?"),
]


@pytest.mark.parametrize(("place", "value", "words"), HOST_DOUBTS)
def test_validate_looks_at_this_host(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], place: str, value: object, words: str
) -> None:
    path = bundle(tmp_path, **changed(template.default("1.3.0"), place, value))
    assert words not in run(capfd, "validate", path)[1]
    assert words in run(capfd, "validate", "--host", path)[1]


def test_validate_of_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capfd, "validate", bundle(tmp_path) + "/config.json")
    assert status == 1
    assert "is a file; it takes the bundle, the folder that holds config.json" in err


def test_validate_follows_links_inside_the_rootfs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = bundle(tmp_path)
    (tmp_path / "rootfs/bin/sh").rename(tmp_path / "rootfs/bin/busybox")
    (tmp_path / "rootfs/bin/sh").symlink_to("/bin/busybox")
    assert run(capfd, "validate", path) == (0, "valid\n", "")


def test_validate_without_a_config(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capfd, "validate", str(tmp_path))
    assert (status, out) == (1, "")
    assert f"read {tmp_path}/config.json: no such file or directory (ENOENT); a bundle holds a config.json" in err
    assert "pyoci spec writes one" in err


def test_validate_of_a_folder_beside_the_bundle(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bundle"
    path.mkdir()
    bundle(path)
    assert f"{path} has one" in run(capfd, "validate", str(tmp_path))[2]
    assert "the folder above it has one" in run(capfd, "validate", str(path / "rootfs"))[2]
    assert f"there is no folder {tmp_path}/nowhere" in run(capfd, "validate", str(tmp_path / "nowhere"))[2]


@pytest.mark.parametrize("name", ["opennat", "opanat", "openta", "openatt"])
def test_validate_knows_a_system_call_that_is_alike(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    rule = {"names": [name], "action": "SCMP_ACT_ERRNO"}
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}
    path = bundle(tmp_path, **changed(template.default("1.3.0"), "/linux/seccomp", profile))
    words = "/linux/seccomp/syscalls/0/names/0: libseccomp "
    for options in ([], ["--host"]):
        out = run(capfd, "validate", *options, path)[1]
        assert words in out and f'knows no system call "{name}"; did you mean open' in out
        assert out.count(name) == 1


def test_validate_takes_a_system_call_for_known_that_is_newer_than_libseccomp(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rule = {"names": ["mseal", "listns", "read", "s390_pci_mmio_read"], "action": "SCMP_ACT_ERRNO"}
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}
    path = bundle(tmp_path, **changed(template.default("1.3.0"), "/linux/seccomp", profile))
    assert run(capfd, "validate", path) == (0, "valid\n", "")
    out = run(capfd, "validate", "--host", path)[1]
    assert "names/2" not in out and "names/3" not in out
    if Library().number("listns") is None:
        assert "/linux/seccomp/syscalls/0/names/1: libseccomp " in out and 'knows no system call "listns"\n' in out


def test_spec_writes_a_valid_config(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, "spec", "--bundle", str(tmp_path)) == (0, "", "")
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["process"]["args"] == ["sh"]
    rootfs(tmp_path)
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
    rootfs(tmp_path)
    assert run(capfd, "validate", str(tmp_path)) == (0, "valid\n", "")


def test_features_follow_their_schema(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capfd, "features")
    assert status == 0
    assert json.loads(out) == document()
    valid(document(), "features")


def test_features_are_those_of_the_specification() -> None:
    made = document()
    must = (
        "async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime "
        "noexec noiversion nolazytime norelatime nostrictatime nosuid private rbind relatime remount ro rprivate "
        "rshared rslave runbindable rw shared silent slave strictatime suid sync unbindable"
    )
    assert set(must.split()) <= set(made["mountOptions"])
    assert set(made["linux"]["namespaces"]) == set(uapi.NAMESPACE_FLAGS)
    assert len(made["linux"]["capabilities"]) == 41
    assert made["hooks"] == [
        "prestart",
        "createRuntime",
        "createContainer",
        "startContainer",
        "poststart",
        "poststop",
    ]


def test_features_name_every_annotation_that_changes_what_is_done() -> None:
    package = Path(features.__file__).parent.parent
    sources = "".join(file.read_text() for file in package.rglob("*.py") if file.parent.name in ("plan", "cgroups"))
    read = set(re.findall(r'"((?:run\.oci|org\.criu|org\.systemd|io\.container)\.[a-z_.0-9-]+)"', sources))
    assert read == set(document()["potentiallyUnsafeConfigAnnotations"])


def test_features_tell_only_seccomp_flags_that_this_kernel_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """features-linux.md: the runtime MUST support those in `supportedFlags`; some are newer than our oldest kernel."""
    flags = uapi.SECCOMP_FILTER_FLAG
    monkeypatch.setattr(seccomp, "supported_flags", lambda: flags["LOG"] | flags["NEW_LISTENER"])
    told = document()["linux"]["seccomp"]
    assert told["supportedFlags"] == ["SECCOMP_FILTER_FLAG_LOG"]
    assert len(told["knownFlags"]) == 4


@pytest.mark.parametrize("rootless", [False, True])
@pytest.mark.parametrize("unified", [False, True])
def test_spec_has_a_cgroup_namespace_on_version_2_only(
    monkeypatch: pytest.MonkeyPatch, rootless: bool, unified: bool
) -> None:
    """As `runc spec`: on version 1 the groups are bound one by one, and need no namespace."""
    monkeypatch.setattr("pyoci.cgroups.is_unified", lambda: unified)
    kinds = [entry["type"] for entry in spec.document(rootless)["linux"]["namespaces"]]
    assert ("cgroup" in kinds) == unified
