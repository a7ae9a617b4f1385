"""CVE-2026-119101, CVE-2026-115520 (crun): `restore` binds a folder of the host that a link of the image names.

criu mounts by paths, and takes `mnt[NAME]:SOURCE` apart at the first bracket. So a link of the image that the runtime
resolves can name a folder of the host, or end the name and go on with a source of its own.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest
from helpers import cgroup
from helpers.bundle import Bundle
from helpers.checkpoint import Case, why_not
from helpers.fake_criu import FakeCriu
from helpers.hostile import Outside
from helpers.runtime import TIME_LIMIT, Runtime, until

RESTORE = 2


@pytest.fixture
def case(runtime: Runtime, bundle: Bundle, scratch: Path) -> Case:
    """With a criu that notes what it is asked for."""
    if not runtime.is_pyoci:
        pytest.skip("asks how pyoci speaks to criu")
    return Case(runtime, bundle, scratch, FakeCriu(scratch / "criu"))


@pytest.fixture
def real(runtime: Runtime, bundle: Bundle, scratch: Path) -> Case:
    if why_not():
        pytest.skip(why_not())
    return Case(runtime, bundle, scratch)


def volume(scratch: Path) -> Path:
    folder = scratch / "volume"
    folder.mkdir()
    (folder / "own").write_text("the container's own")
    return folder


def sources(case: Case) -> dict[str, str]:
    """What criu may bind, by the names in the image."""
    (asked,) = case.criu.requests(RESTORE)
    return dict(word.removeprefix("mnt[").split("]:", 1) for word in asked["37"])


def test_link_that_ends_the_name_and_goes_on(case: Case, scratch: Path, outside: Outside) -> None:
    (case.bundle.rootfs / "evil").symlink_to(f"/x]:{outside.path}")
    case.bundle.bind(volume(scratch), "/evil")
    case.make_images()
    assert "bracket" in case.restore_fails()
    assert not case.criu.requests(RESTORE)
    outside.check()


@pytest.mark.parametrize("link", ["{outside}", "../../../../../../..{outside}", "/proc/self/root{outside}"])
def test_link_to_a_folder_of_the_host_is_no_source(case: Case, scratch: Path, outside: Outside, link: str) -> None:
    (case.bundle.rootfs / "evil").symlink_to(link.format(outside=outside.path))
    case.bundle.bind(volume(scratch), "/evil")
    case.make_images()
    try:
        case.restore()
    except AssertionError:
        outside.check()
        return
    for name, source in sources(case).items():
        assert source.startswith("/tmp/pyoci-sources/"), name
    outside.check()


@pytest.mark.parametrize("kind", ["readonlyPaths", "maskedPaths"])
def test_link_in_a_volume_is_no_source(case: Case, scratch: Path, outside: Outside, kind: str) -> None:
    folder = volume(scratch)
    (folder / "evil").symlink_to(outside.path)
    case.bundle.bind(folder, "/v")
    case.bundle.linux[kind] = ["/v/evil"]
    case.make_images()
    case.restore()
    assert "/v/evil" not in sources(case)
    outside.check()


def test_mount_points_are_made_beneath_the_rootfs(case: Case, scratch: Path, outside: Outside) -> None:
    (case.bundle.rootfs / "link").symlink_to(outside.path)
    case.bundle.bind(volume(scratch), "/link/new/place")
    case.bundle.mount("/link/another", "tmpfs")
    case.make_images()
    case.restore()
    outside.check()
    assert (case.bundle.rootfs / str(outside.path).lstrip("/") / "new/place").is_dir()


def test_real_restore_through_a_link(real: Case, scratch: Path, outside: Outside) -> None:
    """The rootfs changes between checkpoint and restore: the mount point becomes a link to the host."""
    real.bundle.bind(volume(scratch), "/data")
    container = real.start()
    real.checkpoint(container.id)
    container.wait()
    (real.bundle.rootfs / "data").rmdir()
    (real.bundle.rootfs / "data").symlink_to(outside.path)
    _try_to_see(real, "/data/secret", outside)


def test_real_restore_of_a_read_only_path_in_a_volume(real: Case, scratch: Path, outside: Outside) -> None:
    """Another container swaps the folder in the volume for a link (CVE-2026-119614 is criu's part of it)."""
    folder = volume(scratch)
    (folder / "ro").mkdir()
    real.bundle.bind(folder, "/v")
    real.bundle.linux["readonlyPaths"] = ["/v/ro"]
    container = real.start()
    real.checkpoint(container.id)
    container.wait()
    (folder / "ro").rmdir()
    (folder / "ro").symlink_to(outside.path)
    _try_to_see(real, "/v/ro/secret", outside)


def _try_to_see(case: Case, path: str, outside: Outside) -> None:
    name = case.runtime.add(case.bundle)
    if case.runtime.call(*case.restore_words(), name, options=case.options).status == 0:
        pid = case.runtime.state(name)["pid"]
        mounts = Path(f"/proc/{pid}/mountinfo").read_text()
        assert str(outside.path) not in mounts
        assert outside.SECRET not in case.runtime.exec(name, "cat", path).stdout
    outside.check()


@pytest.mark.parametrize("name", ["pages-1.img", "restore.log", "descriptors.json", "inventory.img"])
def test_links_in_the_image_folder(case: Case, outside: Outside, name: str) -> None:
    """criu would read a file of the host into the container's memory, or write its log over it."""
    case.make_images()
    (case.images / name).unlink(missing_ok=True)
    (case.images / name).symlink_to(outside.file)
    assert "not a plain file" in case.restore_fails()
    outside.check()


def test_links_in_the_folder_of_a_parent(case: Case, scratch: Path, outside: Outside) -> None:
    case.make_images()
    (scratch / "before").mkdir()
    (scratch / "before/pages-1.img").symlink_to(outside.file)
    (case.images / "parent").symlink_to("../before")
    assert "not a plain file" in case.restore_fails()


def test_link_in_the_folder_of_a_checkpoint(case: Case, outside: Outside) -> None:
    case.images.mkdir(mode=0o700)
    (case.images / "pages-1.img").symlink_to(outside.file)
    container = case.start()
    assert "not a plain file" in case.checkpoint_fails(container.id)
    outside.check()
    assert container.status == "running"


def test_link_in_place_of_a_log(case: Case, outside: Outside) -> None:
    case.work.mkdir()
    for name in ("dump.log", "restore.log"):
        (case.work / name).symlink_to(outside.file)
    container = case.start()
    case.checkpoint(container.id, "--work-path", str(case.work))
    container.wait()
    case.restore("--work-path", str(case.work))
    outside.check()


@pytest.mark.parametrize(("mode", "owner"), [(0o707, 0), (0o777, 0), (0o775, 0), (0o700, 1000)])
def test_image_folder_that_others_can_change(case: Case, mode: int, owner: int) -> None:
    case.make_images()
    os.chmod(case.images, mode)
    os.chown(case.images, owner, 1000)
    words = case.restore_fails()
    assert "others may write" in words or "belongs to user 1000" in words


@pytest.mark.parametrize(("mode", "owner"), [(0o602, 0), (0o666, 0), (0o660, 0), (0o600, 1000)])
@pytest.mark.parametrize("where", ["", "parent"])
def test_image_file_that_others_can_change(case: Case, scratch: Path, where: str, mode: int, owner: int) -> None:
    case.make_images()
    folder = case.images
    if where:
        folder = scratch / "before"
        folder.mkdir(mode=0o700)
        (case.images / "parent").symlink_to("../before")
    pages = folder / "pages-1.img"
    pages.write_text("memory")
    os.chmod(pages, mode)
    os.chown(pages, owner, 1000)
    words = case.restore_fails()
    assert "pages-1.img" in words
    assert "others may write" in words or "belongs to user 1000" in words


@pytest.mark.parametrize("how", ["a folder of theirs", "a link of theirs", "a writable folder"])
@pytest.mark.parametrize("command", ["restore", "checkpoint"])
def test_parent_whose_way_others_can_change(case: Case, scratch: Path, how: str, command: str) -> None:
    """criu follows it after it was looked at: by then it could lead to the pages of another container."""
    good, theirs = scratch / "good", scratch / "theirs"
    good.mkdir(mode=0o700)
    theirs.mkdir(mode=0o755)
    if how == "a link of theirs":
        theirs.chmod(0o1777)
        (theirs / "before").symlink_to(good)
        os.chown(theirs / "before", 1000, 1000, follow_symlinks=False)
    else:
        (theirs / "before").mkdir(mode=0o700)
        theirs.chmod(0o777 if how == "a writable folder" else 0o755)
        os.chown(theirs, 0 if how == "a writable folder" else 1000, 0)
    if command == "restore":
        case.make_images()
        (case.images / "parent").symlink_to("../theirs/before")
        words = case.restore_fails()
    else:
        container = case.start()
        words = case.checkpoint_fails(container.id, "--parent-path", "../theirs/before")
        assert container.status == "running"
    assert "another user may change where '../theirs/before' leads" in words or "parent' leads" in words


def test_parent_of_another_user(case: Case, scratch: Path) -> None:
    before = scratch / "before"
    before.mkdir(mode=0o700)
    os.chown(before, 1000, 1000)
    container = case.start()
    assert "belongs to user 1000" in case.checkpoint_fails(container.id, "--parent-path", "../before")


@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "loop of parents", "parent that is a file"])
def test_what_is_no_image(case: Case, kind: str) -> None:
    case.make_images()
    place = case.images / "pages-1.img"
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "socket":
        os.mknod(place, 0o600 | stat.S_IFSOCK)
    elif kind == "device":
        os.mknod(place, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    elif kind == "loop of parents":
        (case.images / "parent").symlink_to(".")
    else:
        (case.images / "parent").symlink_to("inventory.img")
    words = case.restore_fails(limit=10)
    assert "not a plain file" in words or "parents" in words or "ENOTDIR" in words


@pytest.mark.parametrize(
    "text", ["", "[", "{}", "[1, 2, 3]", '["a", "b", "c", "d"]', "null", "\0", "\udce4", '"' * 4000]
)
def test_descriptors_that_are_no_descriptors(case: Case, text: str) -> None:
    case.make_images()
    (case.images / "descriptors.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert "descriptors.json" in case.restore_fails()


def test_init_has_left_the_cgroup(case: Case) -> None:
    """criu freezes the container's cgroup, and would look at processes that go on."""
    container = case.start()
    groups = [line.split(":", 2)[1:] for line in Path(f"/proc/{container.pid}/cgroup").read_text().splitlines()]
    tops = {Path("/sys/fs/cgroup", *([names.removeprefix("name=")] if names else [])) for names, _ in groups}
    for top in sorted(tops):
        for place in (top, top / "unified"):
            if (place / "cgroup.procs").exists():
                (place / "cgroup.procs").write_text(str(container.pid))
    assert "has left the container's cgroup" in case.checkpoint_fails(container.id)
    assert not case.images.exists()
    assert container.status == "running"
    os.kill(container.pid, signal.SIGKILL)


def test_another_process_has_the_number_of_init_meanwhile(case: Case) -> None:
    """criu goes by a number: it must not end whoever has it by the time that it looks."""
    container = case.start()
    case.criu.does(dump="wait", scripts=["pre-dump", "post-dump"])
    process = case.runtime.popen(*case.words(), container.id, options=case.options, stderr=subprocess.PIPE)
    until(lambda: case.criu.reached, "dump")
    os.kill(container.pid, signal.SIGKILL)
    container.wait()
    (case.criu.folder / "go").touch()
    _, words = process.communicate(timeout=TIME_LIMIT)
    assert process.returncode == 1
    assert b"its first process has ended meanwhile" in words
    assert not case.images.exists()


@pytest.mark.parametrize("names", [["file[1]:/etc/passwd]"], ["mnt[/]"], ["pipe:[1]", "x" * 5000]])
def test_descriptors_of_the_image_name_descriptors_only(case: Case, names: list[str]) -> None:
    case.make_images()
    (case.images / "descriptors.json").write_text(json.dumps(names))
    if len(json.dumps(names)) > 4096:
        assert "larger" in case.restore_fails()
        return
    case.restore()
    (asked,) = case.criu.requests(RESTORE)
    assert "27" not in asked


@pytest.mark.parametrize("kind", ["mnt", "pid", "net", "ipc", "uts"])
def test_image_without_a_namespace(case: Case, kind: str) -> None:
    """What config.json takes, no image gives back: the process is killed before it has run."""
    case.make_images()
    case.criu.does(without=[kind])
    assert "host's" in case.restore_fails()


@pytest.mark.parametrize("option", ["ro", "noexec"])
def test_image_without_the_mounts(case: Case, scratch: Path, option: str) -> None:
    case.bundle.bind(volume(scratch), "/v", option)
    case.make_images()
    case.criu.does(mounts_nothing=True)
    assert "nothing is mounted there" in case.restore_fails()


@pytest.mark.parametrize("shared", [False, True], ids=["own PID namespace", "the host's"])
def test_image_with_a_process_outside_of_the_cgroup(case: Case, shared: bool) -> None:
    """No limit would hold it, `pause` and `delete` would not find it, and nobody would look at it."""
    if shared:
        namespaces = case.bundle.linux["namespaces"]
        namespaces[:] = [entry for entry in namespaces if entry["type"] != "pid"]
    case.make_images()
    top = cgroup.hierarchies()["" if cgroup.is_v2() else "freezer"]
    case.criu.does(stray=str(top / "cgroup.procs"), without=["pid"] if shared else [])
    assert "is not in the container's cgroup" in case.restore_fails()


@pytest.mark.parametrize(("more", "said"), [("capable", "capabilities"), ("may_gain", "gain privileges")])
def test_image_with_more_rights(case: Case, more: str, said: str) -> None:
    case.bundle.process["noNewPrivileges"] = True
    case.make_images()
    case.criu.does(version=[3, 19, 0], **{more: True})
    assert said in case.restore_fails()


@pytest.mark.parametrize("version", [[3, 17, 1], [3, 18, 0]])
def test_old_criu_cannot_let_processes_gain_privileges(case: Case, version: list[int]) -> None:
    """criu restores no_new_privs from 3.19 on; an older one has it, and so have the processes that it makes."""
    case.bundle.process["noNewPrivileges"] = True
    case.make_images()
    case.criu.does(version=version, may_gain=True)
    name = case.restore()
    assert "NoNewPrivs:\t1" in Path(f"/proc/{case.runtime.state(name)['pid']}/status").read_text()


def test_image_without_the_seccomp_filter(case: Case) -> None:
    case.bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"}
    case.make_images()
    assert "seccomp" in case.restore_fails()
