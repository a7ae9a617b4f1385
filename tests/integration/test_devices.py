"""config-linux.md, Devices."""

from __future__ import annotations

import os
import stat
from pathlib import Path

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


@pytest.mark.beyond_runc("runc makes the node where a link leads, and leaves a folder as it is")
@pytest.mark.parametrize("kind", ["link to nothing", "link to a file", "folder"])
def test_a_link_or_folder_at_the_path_is_refused(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    """config-linux.md, Devices: where a file is that is not the device, the runtime MUST generate an error."""
    place = bundle.rootfs / "var/node"
    place.parent.mkdir(exist_ok=True)
    if kind == "folder":
        place.mkdir()
    else:
        place.symlink_to("/var/nothing" if kind == "link to nothing" else "/etc/passwd")
    bundle.linux["devices"] = [{"path": "/var/node", "type": "c", "major": 1, "minor": 3}]
    word = kind.partition(" ")[0]
    assert f"device /var/node: a {word} that is not c 1:3 is already there" in runtime.refuses(bundle)
    assert not (bundle.rootfs / "var/nothing").exists()


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


@pytest.mark.beyond_runc("runc leaves a node that is there as it is")
@pytest.mark.parametrize("where", ["rootfs", "tmpfs"])
def test_a_node_that_is_there_gets_the_mode_and_owner_of_the_config(
    runtime: Runtime, bundle: Bundle, where: str
) -> None:
    if where == "tmpfs":
        bundle.mount("/opt", "tmpfs", ["tmpcopyup"])
    (bundle.rootfs / "opt").mkdir()
    os.mknod(bundle.rootfs / "opt/thing", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    bundle.linux["devices"] = [device("/opt/thing", "c", 1, 3, fileMode=0o664, uid=5, gid=6)]
    assert runtime.sh(bundle, "stat -c %a:%u:%g /opt/thing") == "664:5:6"


@pytest.mark.parametrize("more, expected", [({}, "600:1:2"), ({"uid": 5}, "600:5:2"), ({"fileMode": 0o640}, "640:1:2")])
def test_what_the_config_leaves_out_stays(
    runtime: Runtime, bundle: Bundle, more: dict[str, int], expected: str
) -> None:
    if not runtime.is_pyoci and more:
        pytest.skip("runc leaves a node that is there as it is")
    (bundle.rootfs / "opt").mkdir()
    os.mknod(bundle.rootfs / "opt/thing", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    os.chown(bundle.rootfs / "opt/thing", 1, 2)
    bundle.linux["devices"] = [device("/opt/thing", "c", 1, 3, **more)]
    assert runtime.sh(bundle, "stat -c %a:%u:%g /opt/thing") == expected


@pytest.mark.beyond_runc("runc leaves a node that is there as it is")
def test_a_node_of_the_host_keeps_its_own(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    (scratch / "nodes").mkdir()
    node = scratch / "nodes/thing"
    os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    bundle.bind(scratch / "nodes", "/opt")
    bundle.linux["devices"] = [device("/opt/thing", "c", 1, 3, fileMode=0o664)]
    assert "bind mount" in runtime.refuses(bundle)
    assert stat.S_IMODE(node.stat().st_mode) == 0o600
    bundle.linux["devices"] = [device("/opt/thing", "c", 1, 3, fileMode=0o600, uid=0)]
    runtime.create(bundle)


@pytest.mark.beyond_runc("runc binds the host's node")
@pytest.mark.parametrize("path", ["/dev/nowhere-on-this-host", "/opt/thing"])
def test_in_a_user_namespace_whatever_the_host_has(runtime: Runtime, bundle: Bundle, path: str) -> None:
    bundle.user_namespace()
    bundle.linux["devices"] = [device(path, "c", 1, 3, fileMode=0o640, uid=5, gid=6), device("/dev/pipe", "p")]
    script = f"stat -c %a:%u:%g:%t:%T {path}; echo x > {path}; test -p /dev/pipe"
    assert runtime.sh(bundle, script) == "640:5:6:1:3"


def test_an_owner_that_is_not_mapped_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace(size=10)
    bundle.linux["devices"] = [device("/dev/thing", "c", 1, 3, uid=11)]
    assert "thing" in runtime.refuses(bundle)


def bind_at_dev(bundle: Bundle, folder: Path, *options: str) -> None:
    mounts = bundle.config["mounts"]
    bundle.config["mounts"] = [entry for entry in mounts if not entry["destination"].startswith("/dev")]
    bundle.bind(folder, "/dev", *options)


MISSING = [device("/dev/thing", "c", 1, 3), device("/dev/new/thing", "c", 1, 3), device("/dev/pipe", "p")]


@pytest.mark.beyond_runc("runc and crun leave the device out without a word")
@pytest.mark.parametrize("how", ["rbind", "read-only", "user namespace"])
@pytest.mark.parametrize("missing", MISSING, ids=lambda entry: str(entry["path"]))
def test_nothing_is_made_in_a_folder_that_is_bound_at_dev(
    runtime: Runtime, bundle: Bundle, scratch: Path, how: str, missing: Config
) -> None:
    """It is most often the host's /dev, and outlives the container."""
    (scratch / "nodes").mkdir()
    os.mknod(scratch / "nodes/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    if how == "user namespace":
        bundle.user_namespace()
        os.chown(scratch / "nodes", 100000, 100000)
    options = ["ro"] if how == "read-only" else []
    bind_at_dev(bundle, scratch / "nodes", *options)
    bundle.linux["devices"] = [missing]
    message = runtime.refuses(bundle)
    assert missing["path"] in message and "bound at /dev" in message
    assert os.listdir(scratch / "nodes") == ["null"]
    bundle.linux["devices"] = [device("/dev/null", "c", 1, 3)]
    runtime.create(bundle)
    assert os.listdir(scratch / "nodes") == ["null"]


def test_a_filesystem_of_the_container_in_a_bound_dev_takes_devices(
    runtime: Runtime, bundle: Bundle, scratch: Path
) -> None:
    (scratch / "nodes/shm").mkdir(parents=True)
    bind_at_dev(bundle, scratch / "nodes")
    bundle.mount("/dev/shm", "tmpfs")
    bundle.linux["devices"] = [device("/dev/shm/thing", "c", 1, 3)]
    if runtime.is_pyoci:  # others make nothing there
        assert stat.S_ISCHR(runtime.create(bundle).path("/dev/shm/thing").stat().st_mode)
    assert os.listdir(scratch / "nodes/shm") == []
