"""state.json of pyoci 0.1.0 (format 1) is read as this version would have written it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pyoci import cgroups
from pyoci.errors import StateError
from pyoci.kernel import proc_stat
from pyoci.state import model


def document(**fields: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "oci_version": "1.2.0",
        "id": "x",
        "bundle": "/b",
        "rootfs": "/b/rootfs",
        "created": "2026-11-24T00:00:00.000000000Z",
        "owner": "",
        "pid": os.getpid(),
        "pid_start": proc_stat.start_time(os.getpid()),
        "boot_id": proc_stat.boot_id(),
        "creator_pid": 1,
        "creator_start": 1,
        "cgroup": {},
        "systemd_cgroup": False,
        "rootless": False,
        "terminal": False,
        "own_pid_namespace": True,
        "no_new_keyring": False,
        "annotations": {},
        "hooks": {},
        **fields,
    }


def read(**fields: Any) -> model.State:
    return model.from_bytes(json.dumps(document(**fields)).encode(), "state.json")


def test_what_format_1_has_stays() -> None:
    state = read(pid=7, annotations={"a": "b"})
    assert (state.format, state.id, state.pid, state.annotations) == (2, "x", 7, {"a": "b"})
    assert (state.resctrl, state.rootfs_mount) == ({}, 0)


@pytest.mark.parametrize(("no_new_keyring", "name"), [(False, "_ses.x"), (True, "")])
def test_the_keyring_has_the_name_that_it_had(no_new_keyring: bool, name: str) -> None:
    assert read(no_new_keyring=no_new_keyring).keyring == name


@pytest.mark.parametrize("layout", ["v1", "v2"])
@pytest.mark.parametrize("lives", [True, False])
def test_a_cgroup_is_known_by_its_directory_while_init_lives(tmp_path: Path, layout: str, lives: bool) -> None:
    (tmp_path / "group").mkdir()
    v2 = {"layout": "v2", "mount": str(tmp_path), "group": f"{tmp_path}/group", "rootless": False}
    v1 = {"layout": "v1", "groups": {"memory": [str(tmp_path), "/group"]}, "rootless": False}
    state = read(cgroup=v2 if layout == "v2" else v1, **({} if lives else {"pid_start": 1}))
    inode = (tmp_path / "group").stat().st_ino if lives else 0
    assert list(state.cgroup["groups"].values()) == [[str(tmp_path), "/group", inode, True]]
    assert cgroups.reopen(state.cgroup).save() == state.cgroup


def test_of_another_boot_nothing_is_taken_for_the_containers(tmp_path: Path) -> None:
    saved = {"layout": "v1", "groups": {"memory": [str(tmp_path), ""]}, "rootless": False}
    assert read(cgroup=saved, boot_id="another").cgroup["groups"]["memory"][2] == 0


@pytest.mark.parametrize("broken", [{"cgroup": {"layout": "v1"}}, {"cgroup": 7}, {"pid": "x"}, {"cgroup": {}, "id": 7}])
def test_what_is_broken_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(StateError, match=r"state\.json: "):
        read(**broken)


def test_a_format_of_the_future_is_refused() -> None:
    with pytest.raises(StateError, match="another version"):
        read(format=3)
