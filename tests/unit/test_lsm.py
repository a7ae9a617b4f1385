from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyoci.errors import SyscallError, UnsupportedError
from pyoci.kernel import lsm as kernel
from pyoci.kernel import procfs
from pyoci.plan import lsm
from pyoci.plan import mounts as planner
from pyoci.wire.plan import Mount, Namespaces

NO_NAMESPACES = Namespaces(new=[], joined=[], time_offsets=[])
LABEL = "system_u:object_r:container_file_t:s0:c1,c2"


def test_labels_are_taken_where_the_kernel_enforces_them() -> None:
    assert lsm.apparmor_profile({"apparmorProfile": "docker-default"}, True) == "docker-default"
    assert lsm.selinux_label({"selinuxLabel": LABEL}, True) == LABEL
    assert lsm.mount_label({"mountLabel": LABEL}, True) == LABEL


def test_no_label_asks_for_nothing() -> None:
    assert lsm.apparmor_profile({}, False) == lsm.selinux_label({"selinuxLabel": ""}, False) == ""
    assert lsm.mount_label({}, False) == ""


def test_a_label_that_nothing_would_enforce_is_an_error() -> None:
    with pytest.raises(UnsupportedError, match=r"/process/apparmorProfile: 'x' .* AppArmor is not enabled"):
        lsm.apparmor_profile({"apparmorProfile": "x"}, False)
    with pytest.raises(UnsupportedError, match=r"/process/selinuxLabel: 'x' .* SELinux is not enabled"):
        lsm.selinux_label({"selinuxLabel": "x"}, False)
    with pytest.raises(UnsupportedError, match=r"/linux/mountLabel: 'x' .* SELinux is not enabled"):
        lsm.mount_label({"mountLabel": "x"}, False)


def labelled(fstype: str, *options: str) -> Mount:
    mounts = planner.plan(
        [{"destination": "/x", "type": fstype, "source": "/x", "options": list(options)}], "/bundle", NO_NAMESPACES
    )
    lsm.label_mounts(mounts, LABEL)
    return mounts[0]


@pytest.mark.parametrize("fstype", ["tmpfs", "devpts", "ext4", "overlay"])
def test_new_file_systems_take_the_mount_label(fstype: str) -> None:
    assert labelled(fstype, "x=y").data == (("x", "y"), ("context", LABEL))


@pytest.mark.parametrize("fstype", ["proc", "sysfs", "cgroup", "cgroup2", "mqueue"])
def test_file_systems_that_take_no_mount_label(fstype: str) -> None:
    assert labelled(fstype).data == ()


@pytest.mark.parametrize("option", ["bind", "rbind", "remount"])
def test_views_of_files_that_have_labels(option: str) -> None:
    mount = labelled("tmpfs", option)
    assert ("context", LABEL) not in mount.data
    assert not mount.root_label


def test_mqueue_is_labelled_once_it_is_mounted() -> None:
    assert labelled("mqueue").root_label == LABEL
    assert not labelled("tmpfs").root_label


@pytest.fixture
def attributes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /proc/self, as the kernel side opens it."""
    (tmp_path / "attr").mkdir()

    def open_self(_proc_fd: int, path: str, flags: int) -> int:
        try:
            return os.open(tmp_path / path, flags)
        except OSError as error:
            raise SyscallError(error.errno or 0, f"open {path}") from None

    monkeypatch.setattr(procfs, "open_self", open_self)
    return tmp_path / "attr"


def test_apparmor_is_told_in_its_own_file(attributes: Path) -> None:
    (attributes / "exec").touch()
    (attributes / "apparmor").mkdir()
    (attributes / "apparmor/exec").touch()
    kernel.set_apparmor_exec(-1, "docker-default")
    assert (attributes / "apparmor/exec").read_text() == "exec docker-default"
    assert (attributes / "exec").read_text() == ""


def test_apparmor_falls_back_to_the_shared_file(attributes: Path) -> None:
    (attributes / "exec").touch()
    kernel.set_apparmor_exec(-1, "docker-default")
    assert (attributes / "exec").read_text() == "exec docker-default"


def test_selinux_labels_go_where_they_count(attributes: Path) -> None:
    for name in ("exec", "keycreate"):
        (attributes / name).touch()
    kernel.set_selinux_exec(-1, LABEL)
    kernel.set_selinux_key(-1, "key:label")
    assert (attributes / "exec").read_text() == LABEL
    assert (attributes / "keycreate").read_text() == "key:label"


@pytest.mark.usefixtures("attributes")
def test_a_label_without_a_place_is_an_error() -> None:
    with pytest.raises(SyscallError, match="attr/exec"):
        kernel.set_apparmor_exec(-1, "docker-default")
    with pytest.raises(SyscallError, match="attr/exec"):
        kernel.set_selinux_exec(-1, LABEL)
