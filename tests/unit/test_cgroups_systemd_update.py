"""An update of a unit: in the kernel's files and in systemd's properties, or in neither, whatever fails.

The systemd of these tests does what cgroup_context_apply() of the real one does: it writes all files of a controller.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from pyoci.cgroups import convert, files, systemd, writes
from pyoci.cgroups.dbus_refusal import Refused
from pyoci.cgroups.limits import Limits
from pyoci.errors import CgroupError

# an idle group with a quota that systemd would round, which only the kernel knows
BEFORE = {"pids.max": "3", "cpu.idle": "1", "cpu.weight": "0", "cpu.max": "33333 100000", "io.weight": "default 100"}
OF_SYSTEMD = {"TasksMax": ("t", 3), "CPUWeight": ("t", 2**64 - 1)}
ASKED: dict[str, Any] = {"pids": {"limit": 7}, "cpu": {"idle": 0, "shares": 2048}}
WEIGHT = convert.cpu_weight(2048)
AFTER = BEFORE | {"pids.max": "7", "cpu.idle": "0", "cpu.weight": str(WEIGHT)}


class Inner:
    """The groups of a container; `trouble` is raised for the rules of devices."""

    def __init__(self, folder: Path, trouble: BaseException | None = None) -> None:
        self.folder = folder
        self.trouble = trouble

    def save(self) -> dict[str, Any]:
        return {"groups": {"": [str(self.folder), "", 1, True]}}

    def plan_update(self, resources: dict[str, Any]) -> Limits:
        from pyoci.cgroups import limits

        return limits.of_update(resources, {}, unified=True)

    def apply_update(self, planned: Limits) -> None:
        writes.apply(planned.batches, lambda _: str(self.folder), restore=True)
        if planned.devices is not None and self.trouble:
            raise self.trouble


class Systemd:
    """A manager of units with the properties of one; `fails` is asked before it answers to a change."""

    def __init__(self, folder: Path, fails: Callable[[Systemd], object]) -> None:
        self.folder = folder
        self.properties: dict[str, Any] = dict(OF_SYSTEMD)
        self.late: list[Any] = []
        self.changes = 0  # that were asked for with an answer
        self.fails = fails

    def __enter__(self) -> Systemd:
        return self

    def __exit__(self, *_exception: object) -> None:
        for properties in self.late:
            self.set(properties)

    def call(self, method: str, _signature: str, *values: Any) -> tuple[str]:
        if method == "SetUnitProperties":
            asked, self.asked = values[2], values[2]
            self.changes += 1
            self.fails(self)
            self.set(asked)
        return ("/unit",)

    def tell(self, _method: str, _signature: str, *values: Any) -> None:
        self.late.append(values[2])

    def property(self, _path: str, _interface: str, name: str) -> Any:
        return self.properties[name][1]

    def set(self, properties: list[Any]) -> None:
        self.properties |= dict(properties)
        weight = self.properties["CPUWeight"][1]
        for name, value in {
            "cpu.idle": "0",
            "cpu.weight": "100" if weight == 2**64 - 1 else str(weight),
            "cpu.max": "34000 100000",
            "pids.max": str(self.properties["TasksMax"][1]),
        }.items():
            (self.folder / name).write_text(value)


def refuses(_: Systemd) -> None:
    raise Refused("x", "no")


def answers_late(manager: Systemd) -> None:
    manager.late.append(manager.asked)
    raise CgroupError("no answer")


def is_interrupted(manager: Systemd) -> None:
    manager.late.append(manager.asked)
    raise KeyboardInterrupt


def is_gone(_: Systemd) -> None:
    raise CgroupError("the connection was closed")


def does(_: Systemd) -> None:
    pass


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in BEFORE.items():
        (tmp_path / name).write_text(value)
    monkeypatch.setattr(systemd, "is_unified", lambda: True)
    # a file of the kernel has what was written last, and nothing after it
    monkeypatch.setattr(files, "write_raw", lambda path, text: Path(path).write_text(text))
    return tmp_path


def contents(group: Path) -> dict[str, str]:
    return {name: (group / name).read_text() for name in BEFORE}


def update(monkeypatch: pytest.MonkeyPatch, manager: Systemd, inner: Inner, asked: dict[str, Any]) -> None:
    monkeypatch.setattr(systemd, "_manager", lambda _user: manager)
    systemd.SystemdCgroup(cast(Any, inner), "x.scope", "system.slice", False).update(asked)


def test_what_systemd_writes_over_is_written_back(group: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Systemd(group, does)
    update(monkeypatch, manager, Inner(group), ASKED)
    assert contents(group) == AFTER
    assert manager.properties == {"TasksMax": ("t", 7), "CPUWeight": ("t", WEIGHT)}
    update(monkeypatch, manager, Inner(group), {"pids": {"limit": 8}})
    assert contents(group) == AFTER | {"pids.max": "8"}


@pytest.mark.parametrize("fails", [refuses, answers_late, is_interrupted, is_gone])
def test_an_update_that_systemd_does_not_take_leaves_all_as_it_was(
    group: Path, monkeypatch: pytest.MonkeyPatch, fails: Callable[[Systemd], object]
) -> None:
    manager = Systemd(group, fails)
    with pytest.raises((CgroupError, KeyboardInterrupt)) as raised:
        update(monkeypatch, manager, Inner(group), ASKED)
    if fails is refuses:
        assert str(raised.value) == "change limits of x.scope: systemd: no"
        assert manager.late == []
    assert manager.properties == OF_SYSTEMD
    assert manager.changes == 1, "it does not answer, or it has changed nothing"
    if not manager.late:
        assert contents(group) == BEFORE
    else:
        # what it does late is its own grain of what was there
        assert contents(group)["pids.max"] == BEFORE["pids.max"]


def test_rules_of_devices_that_are_refused_leave_all_as_it_was(group: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Systemd(group, does)
    with pytest.raises(CgroupError, match="bpf"):
        update(monkeypatch, manager, Inner(group, CgroupError("bpf")), ASKED | {"devices": [{"allow": False}]})
    assert (manager.changes, manager.late) == (2, []), "what is written back comes after what systemd writes"
    assert manager.properties == OF_SYSTEMD
    assert contents(group) == BEFORE


def test_a_value_that_the_kernel_does_not_take_back_is_an_error_and_leaves_all_as_it_was(
    group: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Systemd(group, does)
    write = files.write

    def takes_no_quota(path: str, text: str) -> None:
        if path.endswith("cpu.max") and manager.properties != OF_SYSTEMD:
            raise CgroupError(f"write {text!r} to cpu.max: invalid argument")
        write(path, text)

    monkeypatch.setattr(files, "write", takes_no_quota)
    with pytest.raises(CgroupError, match=r"^write '33333 100000' to cpu.max: .*; systemd has changed it meanwhile$"):
        update(monkeypatch, manager, Inner(group), ASKED)
    assert manager.properties == OF_SYSTEMD
    assert contents(group) == BEFORE


@pytest.mark.parametrize("error", [CgroupError("connect"), ImportError("jeepney")], ids=repr)
def test_without_systemd_nothing_is_changed(group: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def connect(_user: bool) -> Systemd:
        raise error

    monkeypatch.setattr(systemd, "_manager", connect)
    with pytest.raises(type(error)):
        systemd.SystemdCgroup(cast(Any, Inner(group)), "x.scope", "system.slice", False).update(ASKED)
    assert contents(group) == BEFORE
