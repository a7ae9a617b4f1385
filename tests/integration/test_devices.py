"""config-linux.md, Devices."""

from __future__ import annotations

import os
import stat

import pytest
from helpers.bundle import Bundle, Config
from helpers.runtime import Runtime


def device(path: str, kind: str, major: int | None = None, minor: int | None = None, **more: int) -> Config:
    numbers = {} if major is None else {"major": major, "minor": minor}
    return {"path": path, "type": kind, **numbers, **more}


@pytest.mark.parametrize("kind, same", [("c", stat.S_ISCHR), ("u", stat.S_ISCHR), ("b", stat.S_ISBLK)])
def test_type_and_numbers(runtime: Runtime, bundle: Bundle, kind: str, same: object) -> None:
    bundle.linux["devices"] = [device("/dev/thing", kind, 10, 229, fileMode=0o600)]
    facts = runtime.create(bundle).path("/dev/thing").stat()
    assert callable(same) and same(facts.st_mode)
    assert facts.st_rdev == os.makedev(10, 229)


def test_a_fifo_has_no_numbers(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["devices"] = [device("/dev/pipe", "p", fileMode=0o640)]
    mode = runtime.create(bundle).path("/dev/pipe").stat().st_mode
    assert stat.S_ISFIFO(mode)
    assert stat.S_IMODE(mode) == 0o640


def test_mode_and_owner(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["devices"] = [device("/dev/fuse", "c", 10, 229, fileMode=0o666, uid=1000, gid=1001)]
    assert runtime.sh(bundle, "umask 077; stat -c %a:%u:%g /dev/fuse") == "666:1000:1001"


def test_mode_does_not_depend_on_the_callers_umask(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["devices"] = [device("/dev/fuse", "c", 10, 229, fileMode=0o666)]
    bundle.sh("stat -c %a /dev/fuse /dev/null")
    assert runtime.run(bundle, preexec=lambda: os.umask(0o77) and None).stdout.split() == ["666", "666"]


def test_outside_dev(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["devices"] = [device("/opt/deep/thing", "c", 1, 3, fileMode=0o666)]
    assert stat.S_ISCHR(runtime.create(bundle).path("/opt/deep/thing").stat().st_mode)


def test_in_a_user_namespace(runtime: Runtime, bundle: Bundle) -> None:
    # mknod is not permitted there: the machine's own node is bound.
    bundle.user_namespace()
    if not os.path.exists("/dev/kmsg"):
        pytest.skip("the machine has no /dev/kmsg to bind")
    bundle.linux["devices"] = [device("/dev/kmsg", "c", 1, 11)]
    assert runtime.create(bundle).path("/dev/kmsg").stat().st_rdev == os.makedev(1, 11)


def test_it_works_when_the_cgroup_allows_it(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["devices"] = [device("/dev/fuse", "c", 10, 229, fileMode=0o666)]
    rules = bundle.linux["resources"]["devices"]
    script = "(: < /dev/fuse) 2>&1 || true"
    assert "Operation not permitted" in runtime.sh(bundle, script)
    rules.append({"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"})
    assert "Operation not permitted" not in runtime.sh(bundle, script)


@pytest.mark.beyond_runc("runc leaves the file as it is")
def test_another_file_at_the_path_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "opt").mkdir()
    (bundle.rootfs / "opt/thing").write_text("a file")
    bundle.linux["devices"] = [device("/opt/thing", "c", 10, 229)]
    assert "/opt/thing" in runtime.refuses(bundle)


def test_the_same_device_at_the_path_is_kept(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "opt").mkdir()
    os.mknod(bundle.rootfs / "opt/thing", 0o600 | stat.S_IFCHR, os.makedev(10, 229))
    bundle.linux["devices"] = [device("/opt/thing", "c", 10, 229, fileMode=0o600)]
    assert runtime.create(bundle).path("/opt/thing").stat().st_rdev == os.makedev(10, 229)


def test_no_devices_of_the_machine(runtime: Runtime, bundle: Bundle) -> None:
    expected = set("console core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero".split())
    assert set(runtime.sh(bundle, "ls /dev").split()) <= expected


def test_an_unknown_type_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["devices"] = [device("/dev/thing", "x", 1, 3)]
    runtime.refuses(bundle)


@pytest.mark.beyond_runc("runc 1.1 makes it with the numbers 0:0")
def test_a_device_without_numbers_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["devices"] = [device("/dev/thing", "c")]
    assert "major" in runtime.refuses(bundle)
