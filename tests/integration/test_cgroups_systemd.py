"""--systemd-cgroup: scopes that systemd makes, with the properties that match the resources."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers import cgroup, cgroup_files
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Container, Runtime, until
from helpers.sandbox import MARK

pytestmark = pytest.mark.skipif(not os.path.isdir("/run/systemd/system"), reason="this system is not run by systemd")

SYSTEMD = ["--systemd-cgroup"]
MIB = 1 << 20


class Scope:
    def __init__(self, bundle: Bundle) -> None:
        self.unit = f"{MARK}-{bundle.path.parent.name}.scope"
        bundle.linux["cgroupsPath"] = f"system.slice:{MARK}:{bundle.path.parent.name}"

    def show(self, name: str) -> str:
        command = ["systemctl", "show", "--property", name, "--value", self.unit]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    @property
    def loaded(self) -> bool:
        return self.show("LoadState") == "loaded"

    @property
    def path(self) -> str:
        return self.show("ControlGroup")


@pytest.fixture
def scope(bundle: Bundle) -> Iterator[Scope]:
    found = Scope(bundle)
    yield found
    # `stop` alone would wait for a container that takes no SIGTERM.
    for command in (["kill", "--signal=KILL"], ["stop"], ["reset-failed"]):
        subprocess.run(["systemctl", *command, found.unit], capture_output=True)


def create(runtime: Runtime, bundle: Bundle, resources: dict[str, Any] | None = None) -> Container:
    bundle.linux["resources"].update(resources or {})
    bundle.sleeps()
    return runtime.create(bundle, options=SYSTEMD)


def test_the_container_is_in_its_scope_in_every_hierarchy(runtime: Runtime, bundle: Bundle, scope: Scope) -> None:
    container = create(runtime, bundle)
    groups = cgroup.of_process(container.pid)
    assert set(groups.values()) == {f"/system.slice/{scope.unit}"}
    assert scope.show("ActiveState") == "active"
    assert scope.show("Slice") == "system.slice"
    assert scope.show("Delegate") == "yes"


def test_limits_are_in_the_files_and_in_the_properties(runtime: Runtime, bundle: Bundle, scope: Scope) -> None:
    create(runtime, bundle, {"memory": {"limit": 64 * MIB}, "pids": {"limit": 30}, "cpu": {"quota": 20000}})
    assert cgroup_files.read(scope.path, "memory.limit_in_bytes", "memory.max") == str(64 * MIB)
    assert cgroup_files.read(scope.path, "pids.max", "pids.max") == "30"
    assert scope.show("TasksMax") == "30"
    assert scope.show("MemoryMax" if cgroup.is_v2() else "MemoryLimit") == str(64 * MIB)
    assert scope.show("CPUQuotaPerSecUSec") == "200ms"


@pytest.mark.parametrize("how", [[], ["--force"]], ids=["delete", "by force"])
def test_a_later_unit_of_that_name_in_another_slice(
    runtime: Runtime, new_bundle: Callable[[], Bundle], how: list[str]
) -> None:
    """A unit ends with its last process, and its name is free before its container is deleted."""
    first_bundle, second_bundle = new_bundle(), new_bundle()
    first_bundle.sh("true")
    first_bundle.linux["cgroupsPath"] = f"system.slice:{MARK}:twice"
    first = runtime.start(first_bundle, options=SYSTEMD)
    first.wait()
    second_bundle.linux["cgroupsPath"] = f"machine.slice:{MARK}:twice"
    second_bundle.sleeps()
    second = runtime.start(second_bundle, options=SYSTEMD)
    first.delete(*how)
    assert second.status == "running"
    assert os.waitpid(second.pid, os.WNOHANG) == (0, 0)
    second.delete("--force")
    second.wait()
    assert not cgroup_files.every(f"/machine.slice/{MARK}-twice.scope")


def test_annotations_are_properties_of_the_unit(runtime: Runtime, bundle: Bundle, scope: Scope) -> None:
    bundle.config["annotations"] = {
        "org.systemd.property.TimeoutStopUSec": "uint64 123000000",
        "org.systemd.property.CollectMode": "'inactive-or-failed'",
        "org.systemd.property.Description": "'asked for'",
    }
    create(runtime, bundle)
    assert scope.show("TimeoutStopUSec") == "2min 3s"
    assert scope.show("CollectMode") == "inactive-or-failed"
    assert scope.show("Description") == "asked for"


@pytest.mark.usefixtures("scope")
def test_an_annotation_that_is_no_property_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["annotations"] = {"org.systemd.property.CollectMode": "inactive"}
    assert "org.systemd.property.CollectMode" in runtime.refuses(bundle, options=SYSTEMD)


@pytest.mark.usefixtures("scope")
def test_a_unit_that_fails_at_once_is_told_with_the_annotated_properties(runtime: Runtime, bundle: Bundle) -> None:
    """systemd takes the property, and the unit has had its time when it begins."""
    bundle.config["annotations"] = {"org.systemd.property.RuntimeMaxUSec": "uint64 0"}
    name = runtime.add(bundle)
    result = runtime.call("create", "--bundle", str(bundle.path), name, options=SYSTEMD)
    assert result.status == 0 or "RuntimeMaxUSec" in result.stderr


WORDS = r"""100% \\t "q" $HOME ; # %n"""
# property -> its annotation, and the words of systemctl show
ORDINARY = {
    "After": ("['network.target']", "network.target system.slice"),
    "Before": ("['multi-user.target']", "multi-user.target"),
    "CollectMode": ("'inactive-or-failed'", "inactive-or-failed"),
    "DefaultDependencies": ("false", "no"),
    "Description": (f"'{WORDS}'", WORDS.replace("\\\\", "\\")),
    "Documentation": ("['man:foo(1)']", "man:foo(1)"),
    "FinalKillSignal": ("9", "9"),
    "KillSignal": ("2", "2"),
    "RuntimeMaxUSec": ("uint64 60000000", "1min"),
    "SendSIGHUP": ("true", "yes"),
    "TimeoutStopUSec": ("uint64 123000000", "2min 3s"),
}
ODD = {
    "After": ("@as []", "system.slice"),
    "Description": (f"'{'x' * 131070}'", "x" * 131070),
    "Documentation": ("@as []", ""),
    "FinalKillSignal": ("64", "64"),
    "KillSignal": ("0x1", "1"),
    "RuntimeMaxSec": ("90.5", "1min 30.500000s"),
    "TimeoutStopUSec": ("uint64 18446744073709551615", "infinity"),
}


@pytest.mark.beyond_runc("it takes no seconds, and a wrong type is told as systemd says it")
@pytest.mark.parametrize("values", [ORDINARY, ODD], ids=["ordinary", "odd"])
def test_systemd_has_each_value(
    runtime: Runtime, bundle: Bundle, scope: Scope, values: dict[str, tuple[str, str]]
) -> None:
    bundle.config["annotations"] = {f"org.systemd.property.{name}": text for name, (text, _) in values.items()}
    create(runtime, bundle)
    for name, (_, words) in values.items():
        shown = scope.show(name.replace("MaxSec", "MaxUSec"))
        if name == "Documentation":
            shown = shown.replace('"', "")  # some versions of systemctl put quotes around each
        assert sorted(shown.split()) == sorted(words.split()), name


@pytest.mark.beyond_runc("it says what systemd says")
def test_a_value_that_systemd_refuses_is_told_with_its_property(runtime: Runtime, bundle: Bundle, scope: Scope) -> None:
    bundle.config["annotations"] = {"org.systemd.property.KillSignal": "999"}
    assert "KillSignal" in runtime.refuses(bundle, options=SYSTEMD)
    assert not scope.loaded


REFUSED = [
    *(("After", text) for text in ("'network.target'", "['nonsense']", "['']", "[5]", "['../x.service']")),
    ("Before", "['/dev/sda1']"),
    *(("CollectMode", text) for text in ("'bogus'", "''", "true", "['inactive']")),
    *(("DefaultDependencies", text) for text in ("'no'", "0", "1.0")),
    *(("Description", text) for text in ("5", "' x'", r"'new\nline'", r"'back\\'", f"'{'x' * (1 << 21)}'")),
    *(("Documentation", text) for text in ("['not a uri']", "['']", "'man:x(1)'")),
    *(("FinalKillSignal", text) for text in ("65", "-1", "'SIGKILL'", "2147483648")),
    *(("KillSignal", text) for text in ("999", "1.5", "byte 9", "[15]")),
    *(("RuntimeMaxUSec", text) for text in ("60000000", "1.5", "'infinity'", "uint64 18446744073709551616")),
    *(("RuntimeMaxSec", text) for text in ("double inf", "double nan", "-1", "18446744073710", "1e-9")),
    *(("SendSIGHUP", text) for text in ("1", "'yes'")),
    *(("TimeoutStopUSec", text) for text in ("int64 5", "double 5.0")),
    ("TimeoutStopSec", "'10s'"),
]


@pytest.mark.thorough
@pytest.mark.beyond_runc("it says what systemd says")
def test_a_value_that_a_property_cannot_have_is_told_with_its_name(
    runtime: Runtime, bundle: Bundle, scope: Scope
) -> None:
    for name, text in REFUSED:
        bundle.config["annotations"] = {f"org.systemd.property.{name}": text}
        words = runtime.refuses(bundle, options=SYSTEMD)
        assert name in words, (name, text[:100], words)
        assert len(words) < 700, words
        assert not scope.loaded


@pytest.mark.beyond_runc("runc passes every property on")
@pytest.mark.parametrize("name", ["SuccessAction", "DevicePolicy", "PIDs", "MemoryMax"])
def test_an_annotation_that_reaches_beyond_the_unit_is_refused(
    runtime: Runtime, bundle: Bundle, scope: Scope, name: str
) -> None:
    bundle.config["annotations"] = {f"org.systemd.property.{name}": "'poweroff-force'"}
    assert f"org.systemd.property.{name}" in runtime.refuses(bundle, options=SYSTEMD)
    assert not scope.loaded


def test_a_reload_of_systemd_keeps_limits_and_devices(runtime: Runtime, bundle: Bundle, scope: Scope) -> None:
    container = create(runtime, bundle, {"memory": {"limit": 64 * MIB}, "pids": {"limit": 30}})
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    assert cgroup_files.read(scope.path, "memory.limit_in_bytes", "memory.max") == str(64 * MIB)
    assert cgroup_files.read(scope.path, "pids.max", "pids.max") == "30"
    container.start()
    assert "denied" in container.exec("/bin/sh", "-c", "mknod /dev/x c 1 11; head -c 0 /dev/x || echo denied").stdout


GPU = {"type": "c", "major": 1, "minor": 11}  # the numbers of /dev/kmsg, which any machine has


@pytest.mark.parametrize("options", [SYSTEMD, []], ids=["systemd", "cgroupfs"])
@pytest.mark.usefixtures("scope")
def test_a_reload_of_systemd_keeps_devices_that_are_allowed(
    runtime: Runtime, bundle: Bundle, options: list[str]
) -> None:
    """GPUs were lost by it with runc 1.0 to 1.1.2 (opencontainers/runc#3708 and its kin)."""
    if not options:
        bundle.linux["cgroupsPath"] = f"/{MARK}/gpu"
    bundle.linux["devices"] = [{"path": "/dev/gpu", **GPU, "fileMode": 0o666}]
    bundle.linux["resources"]["devices"].append({"allow": True, **GPU, "access": "rw"})
    for names in bundle.process["capabilities"].values():
        names.append("CAP_SYSLOG")
    bundle.sleeps()
    container = runtime.create(bundle, options=options).start()
    opens = ["/bin/sh", "-c", "head -c 0 /dev/gpu && echo gpu; mknod /dev/x c 1 1; head -c 0 /dev/x || echo no"]
    for _ in range(2):
        assert container.exec(*opens).stdout.split() == ["gpu", "no"]
        subprocess.run(["systemctl", "daemon-reload"], check=True)
    assert container.exec(*opens).stdout.split() == ["gpu", "no"]


def test_update_changes_files_and_properties(runtime: Runtime, bundle: Bundle, scope: Scope) -> None:
    container = create(runtime, bundle, {"cpu": {"quota": 20000, "period": 50000}})
    runtime.expect("update", "--pids-limit=44", "--memory=32m", "--cpu-quota=10000", container.id)
    assert scope.show("TasksMax") == "44"
    assert cgroup_files.read(scope.path, "pids.max", "pids.max") == "44"
    assert cgroup_files.read(scope.path, "memory.limit_in_bytes", "memory.max") == str(32 * MIB)
    assert cgroup_files.read(scope.path, "cpu.cfs_period_us", "cpu.max").split()[-1] == "50000"


def test_delete_removes_the_unit(runtime: Runtime, bundle: Bundle, scope: Scope) -> None:
    container = create(runtime, bundle)
    path = scope.path
    container.delete("--force")
    container.wait()
    assert not scope.loaded
    assert not cgroup_files.every(path)


def test_the_unit_goes_with_a_container_that_ends_by_itself(runtime: Runtime, bundle: Bundle, scope: Scope) -> None:
    container = create(runtime, bundle).start()
    path = scope.path
    container.kill("KILL")
    container.wait()
    container.delete()
    assert not scope.loaded
    assert not cgroup_files.every(path)


def test_pause_resume_exec_and_ps(runtime: Runtime, bundle: Bundle, scope: Scope) -> None:
    container = create(runtime, bundle).start()
    runtime.expect("pause", container.id)
    assert container.status == "paused"
    runtime.expect("resume", container.id)
    assert container.exec("/bin/cat", "/proc/self/cgroup").stdout.count(scope.unit) >= 1
    assert str(container.pid) in runtime.expect("ps", "--format", "json", container.id).stdout


def test_a_slice_is_made_with_its_parents(runtime: Runtime, bundle: Bundle, scope: Scope) -> None:
    name = MARK.replace("-", "_")
    bundle.linux["cgroupsPath"] = f"{name}-inner.slice:{MARK}:{bundle.path.parent.name}"
    container = create(runtime, bundle)
    assert f"/{name}.slice/{name}-inner.slice/{scope.unit}" in cgroup.of_process(container.pid).values()
    container.delete("--force")
    container.wait()
    subprocess.run(["systemctl", "stop", f"{name}.slice"], check=True)


@pytest.mark.parametrize("path", ["/a/b", "system.slice:only-two", "nonsense:p:n", "a--b.slice:p:n"])
def test_a_broken_path_is_refused(runtime: Runtime, bundle: Bundle, path: str) -> None:
    bundle.linux["cgroupsPath"] = path
    assert path.split(":", maxsplit=1)[0] in runtime.refuses(bundle, options=SYSTEMD)


def test_a_refused_value_leaves_no_unit_behind(runtime: Runtime, bundle: Bundle, scope: Scope) -> None:
    bundle.linux["resources"]["cpu"] = {"cpus": "4000"}
    runtime.refuses(bundle, options=SYSTEMD)
    until(lambda: not scope.loaded, "the unit is gone")


def test_a_unit_that_failed_earlier_is_in_nobodys_way(runtime: Runtime, bundle: Bundle, scope: Scope) -> None:
    command = ["systemd-run", "--scope", "--unit", scope.unit, "--property=RuntimeMaxSec=1", "sleep", "60"]
    subprocess.run(command, capture_output=True, timeout=TIME_LIMIT)
    create(runtime, bundle)
    assert scope.show("ActiveState") == "active"
