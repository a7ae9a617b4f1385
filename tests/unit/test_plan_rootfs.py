"""plan/rootfs.py: `root`, `rootfsPropagation`, and how the rootfs becomes the root."""

from __future__ import annotations

from typing import Any

import pytest

from pyoci.kernel import uapi
from pyoci.plan import rootfs
from pyoci.wire.plan import Mount, Namespaces, Rootfs

PRIVATE, SLAVE, SHARED, UNBINDABLE = uapi.MS_PRIVATE, uapi.MS_SLAVE, uapi.MS_SHARED, uapi.MS_UNBINDABLE
OWN = Namespaces(new=["mount"], joined=[], time_offsets=[])


def planned(
    config: dict[str, Any] | None = None,
    namespaces: Namespaces = OWN,
    mounts: list[Mount] | None = None,
    no_pivot: bool = False,
) -> Rootfs:
    return rootfs.plan({"root": {"path": "rootfs"}, **(config or {})}, "/bundle", namespaces, mounts or [], no_pivot)


def test_the_whole_record() -> None:
    assert planned() == Rootfs(
        path="/bundle/rootfs",
        readonly=False,
        propagation="",
        host_propagation=SLAVE,
        first_propagation=PRIVATE,
        last_propagation=0,
        shared_mounts=False,
        pivot="pivot_root",
        set_up_dev=True,
    )


@pytest.mark.parametrize("path, absolute", [("rootfs", "/bundle/rootfs"), ("/r", "/r"), ("a/b", "/bundle/a/b")])
def test_path(path: str, absolute: str) -> None:
    assert planned({"root": {"path": path}}).path == absolute


@pytest.mark.parametrize("readonly", [True, False])
def test_readonly(readonly: bool) -> None:
    assert planned({"root": {"path": "r", "readonly": readonly}}).readonly is readonly


# word -> the host's mounts, the rootfs at first, at last, every mount shared
PROPAGATION = {
    "": (SLAVE, PRIVATE, 0, False),
    "private": (PRIVATE, PRIVATE, 0, False),
    "rprivate": (PRIVATE, PRIVATE, 0, False),
    "slave": (SLAVE, SLAVE, 0, False),
    "rslave": (SLAVE, SLAVE, 0, False),
    "shared": (SLAVE, SLAVE, SHARED, False),
    "rshared": (SLAVE, SLAVE, SHARED, True),
    "unbindable": (PRIVATE, PRIVATE, UNBINDABLE, False),
    "runbindable": (PRIVATE, PRIVATE, UNBINDABLE, False),
}


@pytest.mark.parametrize("word", PROPAGATION)
def test_propagation(word: str) -> None:
    root = planned({"linux": {"rootfsPropagation": word} if word else {}})
    found = (root.host_propagation, root.first_propagation, root.last_propagation, root.shared_mounts)
    assert found == PROPAGATION[word]
    assert root.propagation == word.removeprefix("r")


def test_no_linux_section() -> None:
    assert planned({"linux": None}).propagation == ""


@pytest.mark.parametrize(
    "namespaces, no_pivot, pivot",
    [
        (OWN, False, "pivot_root"),
        (OWN, True, "move"),
        (Namespaces(new=["pid"], joined=[], time_offsets=[]), False, "chroot"),
        (Namespaces(new=[], joined=[("mount", "/proc/1/ns/mnt")], time_offsets=[]), True, "chroot"),
    ],
)
def test_pivot(namespaces: Namespaces, no_pivot: bool, pivot: str) -> None:
    assert planned(namespaces=namespaces, no_pivot=no_pivot).pivot == pivot


@pytest.mark.parametrize(
    "kind, destination, set_up",
    [
        ("bind", "/dev", False),
        ("bind", "/dev/pts", True),
        ("bind", "/device", True),
        ("filesystem", "/dev", True),
        ("remount", "/dev", True),
    ],
)
def test_whose_dev_it_is(kind: str, destination: str, set_up: bool) -> None:
    assert planned(mounts=[Mount(kind=kind, destination=destination)]).set_up_dev is set_up
