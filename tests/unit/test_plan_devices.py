"""plan/devices.py: `linux.devices` and the default devices."""

from __future__ import annotations

from typing import Any

import pytest

from pyoci.plan import devices
from pyoci.wire.plan import Device

# config-linux.md, "Default Devices"; numbers of Documentation/admin-guide/devices.txt
DEFAULTS = {
    "/dev/null": (1, 3),
    "/dev/zero": (1, 5),
    "/dev/full": (1, 7),
    "/dev/random": (1, 8),
    "/dev/urandom": (1, 9),
    "/dev/tty": (5, 0),
}


def default(path: str, how: str = "mknod") -> Device:
    major, minor = DEFAULTS[path]
    return Device(path=path, kind="c", major=major, minor=minor, mode=None, uid=None, gid=None, how=how, default=True)


@pytest.mark.parametrize("entries", [None, []])
def test_the_default_devices(entries: list[dict[str, Any]] | None) -> None:
    assert devices.plan(entries, True) == [default(path) for path in DEFAULTS]


def test_none_in_a_dev_of_somebody_else() -> None:
    assert devices.plan(None, False) == []
    assert len(devices.plan([{"path": "/dev/x", "type": "p"}], False)) == 1


@pytest.mark.parametrize("path", DEFAULTS)
@pytest.mark.parametrize("spelled", ["{}", "{}/", "/{}", "/dev/../{}"])
def test_an_entry_takes_the_place_of_a_default(path: str, spelled: str) -> None:
    planned = devices.plan([{"path": spelled.format(path), "type": "c", "major": 9, "minor": 8}], True)
    assert [device.path for device in planned] == [other for other in DEFAULTS if other != path] + [path]
    assert (planned[-1].major, planned[-1].minor, planned[-1].default) == (9, 8, False)


def test_the_whole_record() -> None:
    entry = {"path": "dev//x", "type": "b", "major": 7, "minor": 1, "fileMode": 0o60640, "uid": 3, "gid": 4}
    expected = Device(path="/dev/x", kind="b", major=7, minor=1, mode=0o640, uid=3, gid=4, how="mknod", default=False)
    assert devices.plan([entry], False) == [expected]


def test_what_is_left_out() -> None:
    expected = Device(path="/f", kind="p", major=0, minor=0, mode=None, uid=None, gid=None, how="mknod", default=False)
    assert devices.plan([{"path": "/f", "type": "p"}], False) == [expected]


@pytest.mark.parametrize("kind, planned", [("c", "c"), ("u", "c"), ("b", "b"), ("p", "p")])
def test_kinds(kind: str, planned: str) -> None:
    assert devices.plan([{"path": "/x", "type": kind}], False)[0].kind == planned


@pytest.mark.parametrize("mode", [0, 0o644, 0o4755, 0o7777])
def test_modes(mode: int) -> None:
    assert devices.plan([{"path": "/x", "type": "p", "fileMode": mode | 0o010000}], False)[0].mode == mode


def test_zero_is_an_owner() -> None:
    (device,) = devices.plan([{"path": "/x", "type": "p", "uid": 0, "gid": 0}], False)
    assert (device.uid, device.gid) == (0, 0)


@pytest.mark.parametrize(
    "uid, kind, how", [(0, "c", "outside"), (0, "b", "outside"), (0, "p", "mknod"), (1000, "c", "bind")]
)
def test_in_a_user_namespace(uid: int, kind: str, how: str) -> None:
    planned = devices.plan([{"path": "/x", "type": kind, "major": 1, "minor": 2}], True, True, uid)
    assert planned[-1].how == how
    assert planned[:-1] == [default(path, "bind") for path in DEFAULTS]


def test_entries_keep_their_order() -> None:
    paths = ["/dev/z", "/dev/a", "/dev/m"]
    assert [device.path for device in devices.plan([{"path": path, "type": "p"} for path in paths], False)] == paths
