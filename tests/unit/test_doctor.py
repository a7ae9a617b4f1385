"""`doctor`: from what was seen of a host to checks, words and a document; which engines have pyoci registered."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from helpers.command_line import pyoci
from jsonschema import Draft7Validator

from pyoci.doctor import engines, judge, probe, words
from pyoci.doctor.model import CALLS, LIMITED, MISSING, NAMESPACES, OK, Check, Engine, Host
from pyoci.errors import PyociError
from pyoci.kernel import uapi

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "schemas/doctor.json").read_text())
ENGINE = Engine(name="podman", program="/usr/bin/podman")


def host(**changes: Any) -> Host:
    """A host that has everything, as its root sees it."""
    given: dict[str, Any] = {
        "kernel": "6.1",
        "machine": "x86_64",
        "user": "root",
        "root": True,
        "tried": dict.fromkeys((*NAMESPACES, *CALLS), ""),
        "layout": "v2",
        "controllers": ("memory", "cpu", "pids", "cpuset", "io", "freezer", "devices", "hugetlb"),
        "cgroup_error": "",
        "systemd": True,
        "subordinate": {"subuid": 65536, "subgid": 65536},
        "tools": dict.fromkeys(("newuidmap", "newgidmap", "pasta", "slirp4netns", "criu"), True),
        "tun": True,
        "sysctls": {},
        "libraries": dict.fromkeys(judge._LIBRARIES, ""),
        "lsm": ("capability", "apparmor"),
        "seccomp_actions": ("KILL_THREAD", "ERRNO", "ALLOW"),
        "resctrl": "mounted",
        "criu": "",
        "state_root": "/run/pyoci",
        "state_error": "",
        "program": "/usr/bin/pyoci",
        "version": "1.0",
        "package_version": "1.0",
        "engines": (),
    }
    return Host(**given | changes)


def failing(name: str, error: str = "no (ENOSYS)") -> dict[str, str]:
    return {**host().tried, name: error}


def without(*names: str) -> dict[str, str]:
    return {**host().libraries, **dict.fromkeys(names, "No module")}


USER: dict[str, Any] = {"root": False, "user": "alice"}
LACKING = ("memory", "cpu", "pids", "cpuset", "io", "devices", "hugetlb")

# changes of a host that has everything -> (name, status, needed, a part of the remedy) of what is not ok
JUDGED: dict[str, tuple[dict[str, Any], list[tuple[str, str, bool, str]]]] = {
    "root with everything": ({}, []),
    "user with everything": (USER, []),
    **{
        f"no {name} namespace": (
            {"tried": failing(name)},
            [
                (
                    f"{name} namespace",
                    MISSING,
                    name in ("mount", "pid", "network", "ipc", "uts"),
                    "a kernel with CONFIG_",
                )
            ],
        )
        for name in NAMESPACES
        if name != "user"
    },
    **{
        f"no {name}": ({"tried": failing(name)}, [(name, MISSING, needed, remedy)])
        for name, needed, remedy in (
            ("clone3", True, "Linux 5.3"),
            ("openat2", True, "Linux 5.6"),
            ("pidfd", True, "Linux 5.3"),
            ("close_range", True, "Linux 5.9"),
            ("mount API", True, "Linux 5.12"),
            ("procfs", True, "nothing mounted over"),
            ("idmapped mounts", False, "Linux 5.12"),
            ("overlay", False, "modprobe overlay"),
            ("keyring", False, "--no-new-keyring"),
        )
    },
    "root without CAP_SYS_ADMIN": (
        {"tried": failing("mount", "no (EPERM)")},
        [("mount namespace", MISSING, True, "CAP_SYS_ADMIN")],
    ),
    "user without": (
        {**USER, "tried": failing("mount", "no (EPERM)")},
        [("mount namespace", MISSING, True, "a kernel with")],
    ),
    "no user namespaces for root": ({"tried": failing("user")}, [("create", MISSING, False, "CONFIG_USER_NS")]),
    "no user namespaces for a user": (
        {**USER, "tried": failing("user")},
        [("create", MISSING, True, "CONFIG_USER_NS")],
    ),
    "switched off": (
        {**USER, "tried": failing("user"), "sysctls": {"user.max_user_namespaces": "0"}},
        [("create", MISSING, True, "sysctl -w user.max_user_namespaces=15000")],
    ),
    "restricted by AppArmor": (
        {"sysctls": {"kernel.apparmor_restrict_unprivileged_userns": "1", "user.max_user_namespaces": "100"}},
        [("kernel.apparmor_restrict_unprivileged_userns", LIMITED, False, "=0")],
    ),
    "a switch that is on": ({"sysctls": {"kernel.unprivileged_userns_clone": "1"}}, []),
    "no subordinate IDs for a user": (
        {**USER, "subordinate": {"subuid": 65535, "subgid": 65536}},
        [("subordinate IDs", LIMITED, False, "usermod --add-subuids 100000-165535 alice")],
    ),
    "no newuidmap": (
        {**USER, "tools": {**host().tools, "newuidmap": False}},
        [("subordinate IDs", LIMITED, False, "apt install uidmap")],
    ),
    "no subordinate IDs for root": ({"subordinate": {"subuid": 0, "subgid": 0}}, []),
    "no cgroups": ({"layout": ""}, [("layout", MISSING, True, "mount -t cgroup2")]),
    "no systemd": ({"systemd": False}, []),
    "no group for root": ({"cgroup_error": "no"}, [("make a group", MISSING, True, "read-write")]),
    "no group for a user": ({**USER, "cgroup_error": "no"}, [("make a group", LIMITED, False, "Delegate=yes")]),
    "no controllers": (
        {"controllers": ()},
        [
            ("controllers", LIMITED, False, ""),
            *(
                (f"{name} controller", LIMITED, False, f"a kernel with {name}")
                for name in ("memory", "cpu", "pids", "cpuset", "io", "freezer", "devices")
            ),
        ],
    ),
    "memory is not delegated": (
        {**USER, "controllers": ("cpu", "pids", "cpuset", "io", "freezer", "devices")},
        [("memory controller", LIMITED, False, "Delegate=")],
    ),
    "no seccomp": ({"seccomp_actions": ("ALLOW", "ERRNO")}, [("seccomp", MISSING, False, "CONFIG_SECCOMP_FILTER")]),
    "no LSM": ({"lsm": ("capability", "yama")}, [("security modules", LIMITED, False, "apparmor")]),
    "no CRIU": ({"criu": "not installed"}, [("checkpoint and restore", MISSING, False, "apt install criu")]),
    "no resctrl": ({"resctrl": ""}, [("resctrl", MISSING, False, "Intel RDT")]),
    "resctrl not mounted": ({"resctrl": "in the kernel"}, [("resctrl", LIMITED, False, "mount -t resctrl")]),
    "no network for a user": (
        {**USER, "tools": {**host().tools, "pasta": False, "slirp4netns": False}},
        [("network of an ordinary user", LIMITED, False, "passt")],
    ),
    "no device for it": ({**USER, "tun": False}, [("network of an ordinary user", LIMITED, False, "modprobe tun")]),
    "one of the two": ({**USER, "tools": {**host().tools, "pasta": False}}, []),
    "another version beside it": ({"package_version": "0.9"}, [("pyoci", LIMITED, True, "install both again")]),
    "no package beside it": ({"package_version": ""}, []),
    "no libseccomp": ({"libraries": without("libseccomp")}, [("libseccomp", MISSING, False, "libseccomp2")]),
    "no standard library": (
        {"libraries": without("the standard library")},
        [("the standard library", MISSING, True, "same Python")],
    ),
    "no place for states": ({"state_error": "no"}, [("state folder", MISSING, True, "--root DIR")]),
    "engine without pyoci": ({"engines": (ENGINE,)}, [("podman", LIMITED, False, "README")]),
    "engine with pyoci": (
        {"engines": (Engine(name="podman", program="/p", registered="/usr/bin/pyoci", settings="/etc/x"),)},
        [],
    ),
    "engine with a wrong path": (
        {"engines": (Engine(name="podman", program="/p", registered="/no", settings="/etc/x", usable=False),)},
        [("podman", LIMITED, False, "/usr/bin/pyoci")],
    ),
}


@pytest.mark.parametrize("name", JUDGED)
def test_judged(name: str) -> None:
    changes, expected = JUDGED[name]
    found = judge.checks(host(**changes))
    bad = [check for check in found if check.status != OK]
    assert [(check.name, check.status, check.needed) for check in bad] == [line[:3] for line in expected]
    for check, (_, _, _, remedy) in zip(bad, expected, strict=True):
        assert remedy in check.remedy
        assert check.remedy or check.name == "controllers"
    assert all(not check.remedy for check in found if check.status == OK)
    assert judge.is_fit(found) == (not any(needed and status == MISSING for _, status, needed, _ in expected))


@pytest.mark.parametrize("changes", [{}, USER, {"layout": ""}, {"engines": (ENGINE,)}])
def test_document_matches_its_schema(changes: dict[str, Any]) -> None:
    seen = host(**changes)
    found = judge.checks(seen)
    document = words.document(seen, found, judge.is_fit(found))
    Draft7Validator(SCHEMA).validate(json.loads(json.dumps(document)))
    assert document["fit"] == bool(seen.layout)


def test_text() -> None:
    checks = [
        Check(group="a", name="one", status=OK, needed=True, detail="works"),
        Check(group="a", name="three", status=LIMITED, needed=False, detail="half", remedy="do this"),
        Check(group="b", name="x", status=MISSING, needed=True, detail="gone", remedy="do that"),
    ]
    assert words.text(host(), checks, fit=False).splitlines() == [
        "pyoci 1.0 on Linux 6.1 (x86_64), as root",
        "",
        "a",
        "  ok       one    works",
        "  limited  three  half",
        "                  do this",
        "",
        "b",
        "  missing  x      gone",
        "                  do that",
        "",
        "1 ok, 1 limited, 1 missing: containers cannot run here: see `missing` above",
    ]
    assert words.text(host(), checks, fit=True).endswith("1 missing: containers can run here\n")
    assert "\033[31mmissing" in words.text(host(), checks, fit=False, color=True)


# -- probes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "width", "indent"), [(200, 80, 26), (80, 80, 26), (40, 40, 11), (30, 30, 11), (0, 30, 11)]
)
@pytest.mark.parametrize("color", [False, True])
def test_text_fits_into_its_columns(columns: int, width: int, indent: int, color: bool) -> None:
    """Every word of detail and remedy is there, below one another; a path that is longer stays whole."""
    path = "/srv/" + "x" * 90
    detail = " ".join(f"word{number}" for number in range(40))
    checks = [
        Check(
            group="a",
            name="a longer name",
            status=MISSING,
            needed=False,
            detail=detail,
            remedy=f"see {path} and {detail}",
        ),
        Check(group="a", name="b", status=OK, needed=False, detail=""),
    ]
    text = re.sub("\033\\[[0-9]*m", "", words.text(host(), checks, fit=True, columns=columns, color=color))
    lines = text.splitlines()
    assert max(len(line) for line in lines if path not in line) <= width
    told = " ".join(text.split())
    assert " ".join([detail, "see", path, "and", detail]) in told
    margins = {len(line) - len(line.lstrip()) for line in lines if line.startswith("     ")}
    assert margins == {indent}


def test_attempt_tells_why_it_failed() -> None:
    def refuse() -> None:
        raise PyociError("because")

    assert probe.attempt(lambda: None) == ""
    assert probe.attempt(refuse) == "because"
    assert "No such file" in probe.attempt(lambda: os.stat("/no/such/file"))
    assert probe.attempt(lambda: os._exit(3)) == "the attempt exited with status 3"


def test_everything_that_is_judged_is_tried() -> None:
    seen = probe.look("/run/pyoci", "1.0")
    assert {*NAMESPACES} == {*uapi.NAMESPACE_FLAGS}, (
        "NAMESPACES of doctor/model.py and NAMESPACE_FLAGS of kernel/uapi.py"
    )
    assert {*judge._KERNEL_OPTION} >= {*NAMESPACES} - {"user"}, "_KERNEL_OPTION of doctor/judge.py"
    assert set(seen.tried) == {*NAMESPACES, *CALLS}
    assert set(seen.libraries) == set(judge._LIBRARIES)
    assert judge.checks(seen)


@pytest.mark.parametrize(
    ("text", "count"),
    [("alice:100000:65536", 65536), ("bob:1:2", 0), ("alice:1:2\nalice:7:3\n", 5), ("alice:1:x\nalice", 0)],
)
def test_subordinate_ids(tmp_path: Path, text: str, count: int) -> None:
    file = tmp_path / "subuid"
    file.write_text(text)
    assert probe._subordinate_ids(str(file), "alice") == count
    assert probe._subordinate_ids(str(tmp_path / "none"), "alice") == 0


# -- engines ---------------------------------------------------------------------------------------------------------

SETTINGS = {
    "podman": ("etc/containers/containers.conf", '[engine.runtimes]\npyoci = ["/opt/pyoci"]\n'),
    "buildah": ("usr/share/containers/containers.conf", '[engine.runtimes]\npyoci = ["/opt/pyoci"]\n'),
    "docker": ("etc/docker/daemon.json", '{"runtimes": {"pyoci": {"path": "/opt/pyoci"}}}'),
    "containerd": (
        "etc/containerd/config.toml",
        '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.pyoci.options]\nBinaryName = "/opt/pyoci"\n',
    ),
    "cri-o": ("etc/crio/crio.conf.d/pyoci.conf", '[crio.runtime.runtimes.pyoci]\nruntime_path = "/opt/pyoci"\n'),
}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with all engines in PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in engines._PROGRAMS.values():
        (folder / program).write_text("")
        (folder / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.parametrize("name", SETTINGS)
def test_registered_in_each_engine(programs: Path, name: str) -> None:
    file, text = SETTINGS[name]
    write(programs, file, text)
    found = {engine.name: engine for engine in engines.installed(str(programs))}
    assert found[name].registered == "/opt/pyoci"
    assert found[name].settings == str(programs / file)
    assert not found[name].usable
    shares = {"podman", "buildah"}
    assert [other for other in found if found[other].registered and other != name] == [*(shares - {name})] * (
        name in shares
    )


def test_path_that_can_be_executed(programs: Path) -> None:
    write(programs, "etc/docker/daemon.json", f'{{"runtimes": {{"pyoci": {{"path": "{programs}/bin/podman"}}}}}}')
    assert {engine.name: engine.usable for engine in engines.installed(str(programs))}["docker"]


def test_own_settings_come_last(programs: Path) -> None:
    write(programs, "etc/containers/containers.conf", '[engine.runtimes]\npyoci = ["/a"]\n')
    write(programs, "etc/containers/containers.conf.d/10.conf", '[engine.runtimes]\npyoci = ["/b"]\n')
    assert next(engines.installed(str(programs))).registered == "/b"
    write(programs, "home/.config/containers/containers.conf", '[engine.runtimes]\npyoci = ["/c"]\n')
    assert next(engines.installed(str(programs), home=str(programs / "home"))).registered == "/c"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"runtimes": 3}', '{"runtimes": {"pyoci": 3}}', "[" * 100000])
def test_settings_that_cannot_be_read(programs: Path, text: str) -> None:
    write(programs, "etc/docker/daemon.json", text)
    assert [engine.registered for engine in engines.installed(str(programs))] == [""] * 5


def test_no_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not list(engines.installed())


# -- the command -----------------------------------------------------------------------------------------------------


def test_command_for_a_program() -> None:
    result = pyoci("doctor", "--json")
    assert result.stderr == ""
    document = json.loads(result.stdout)
    Draft7Validator(SCHEMA).validate(document)
    assert result.returncode == (0 if document["fit"] else 1)


def test_command_for_a_person() -> None:
    result = pyoci("doctor")
    assert "\nkernel\n" in result.stdout
    assert "\033" not in result.stdout


def test_command_takes_no_arguments() -> None:
    assert pyoci("doctor", "x").returncode == 1
