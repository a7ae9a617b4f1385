"""Container.copy_in and copy_out against a hostile container: CVE-2018-15664, -2019-14271, -2021-41089 of docker cp.

What the container can do: place links and devices, swap names all the time, make files that never end. What counts is
the folder outside: nothing in it may change, none of it may come into the container.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.hostile import Outside, swapping
from helpers.library import Library, descriptors
from helpers.runtime import TIME_LIMIT, until

import pyoci
from pyoci import Container

SECRET = Outside.SECRET.encode()


@pytest.fixture
def container(library: Library) -> Iterator[Container]:
    config = library.config.with_tmpfs("/tmp").with_capabilities("CAP_MKNOD", "CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN")
    with library.started(config=config) as container:
        yield container


def inside(container: Container, script: str) -> str:
    return container.exec(["sh", "-ec", script], text=True, check=True, timeout=TIME_LIMIT).stdout


def test_files_and_folders_keep_their_modes(container: Container, scratch: Path) -> None:
    source = scratch / "source"
    (source / "deep/er").mkdir(parents=True)
    (source / "deep/er/file").write_bytes(b"content" * 100_000)
    (source / "script").write_text("#!/bin/sh\n")
    (source / "script").chmod(0o751)
    (source / "deep").chmod(0o710)
    (source / "hole").write_bytes(b"x" + bytes(5 << 20) + b"y")
    (source / "link").symlink_to("deep/er/file")
    (source / "dangling").symlink_to("/no/such")
    before = descriptors()
    container.copy_in(source, "/tmp/new")
    container.copy_in(source, "/tmp")  # a folder: under its own name
    container.copy_in(source / "script", "/tmp/new/other")
    assert inside(container, "stat -c '%a %u:%g' /tmp/new/script /tmp/new/deep").split() == ["751", "0:0", "710", "0:0"]
    assert inside(container, "ls /tmp/source; readlink /tmp/new/link; cat /tmp/new/other").split() == [
        "dangling", "deep", "hole", "link", "script", "deep/er/file", "#!/bin/sh",
    ]  # fmt: skip
    container.copy_out("/tmp/new", scratch / "back")
    for name in ("deep/er/file", "script", "hole"):
        assert (scratch / "back" / name).read_bytes() == (source / name).read_bytes()
        assert (scratch / "back" / name).stat().st_mode == (source / name).stat().st_mode
        assert (scratch / "back" / name).stat().st_mtime_ns == (source / name).stat().st_mtime_ns
    assert stat.S_IMODE((scratch / "back/deep").stat().st_mode) == 0o710
    assert os.readlink(scratch / "back/link") == "deep/er/file"
    assert os.readlink(scratch / "back/dangling") == "/no/such"
    container.copy_out("/tmp/new/script", scratch)
    assert (scratch / "script").read_text() == "#!/bin/sh\n"
    assert descriptors() <= before


def test_names_that_exist_are_replaced(container: Container, scratch: Path) -> None:
    (scratch / "a").write_text("new")
    inside(container, "echo old > /tmp/a; ln /tmp/a /tmp/b")
    container.copy_in(scratch / "a", "/tmp/a")
    assert inside(container, "cat /tmp/a /tmp/b") == "newold\n"
    (scratch / "host").write_text("old")
    container.copy_out("/tmp/a", scratch / "host")
    assert (scratch / "host").read_text() == "new"


def test_owner(library: Library, scratch: Path) -> None:
    (scratch / "a").write_text("x")
    with library.started(config=library.config.with_tmpfs("/tmp")) as container:
        container.copy_in(scratch / "a", "/tmp/a", owner=(1000, 7))
        assert inside(container, "stat -c %u:%g /tmp/a") == "1000:7\n"


def test_owner_in_a_user_namespace(library: Library, scratch: Path) -> None:
    (scratch / "a").write_text("x")
    config = library.config.with_user_namespace([(0, 100000, 65536)]).with_tmpfs("/tmp")
    for path in [library.rootfs, *library.rootfs.rglob("*")]:
        os.chown(path, 100000, 100000, follow_symlinks=False)
    with library.started(config=config) as container:
        container.copy_in(scratch / "a", "/tmp/a")
        container.copy_in(scratch / "a", "/tmp/b", owner=(5, 6))
        assert inside(container, "stat -c %u:%g /tmp/a /tmp/b").split() == ["0:0", "5:6"]
        with pytest.raises(pyoci.ConfigError, match="must be mapped"):
            container.copy_in(scratch / "a", "/tmp/c", owner=(70000, 0))


def test_a_stopped_container(library: Library, scratch: Path) -> None:
    (scratch / "a").write_text("x")
    with library.started("echo made > /root/file; ln -s / /root/up") as container:
        container.wait(TIME_LIMIT)
        container.copy_out("/root/file", scratch / "file")
        assert (scratch / "file").read_text() == "made\n"
        container.copy_in(scratch / "a", "/root/up/etc/a")
    assert (library.rootfs / "etc/a").read_text() == "x"


LINKS: list[Callable[[Path], str]] = [
    lambda out: f"ln -s {out}/secret /tmp/x",
    lambda out: f"ln -s {out} /tmp/y; ln -s /tmp/y/secret /tmp/x",
    lambda out: f"ln -s ../../../../../../..{out}/secret /tmp/x",
    lambda out: f"ln -s /proc/1/root{out}/secret /tmp/x",
    lambda out: f"ln -s /proc/self/root{out}/secret /tmp/x",
    lambda out: f"ln -s /proc/self/cwd/..{out}/secret /tmp/x",
]


@pytest.mark.parametrize("make", LINKS)
def test_links_lead_to_nothing_outside(
    container: Container, outside: Outside, scratch: Path, make: Callable[[Path], str]
) -> None:
    inside(container, make(outside.path))
    (scratch / "mine").write_text("mine")
    with pytest.raises(pyoci.PyociError):
        container.copy_out("/tmp/x", scratch / "got")
    assert not (scratch / "got").exists()
    container.copy_in(scratch / "mine", "/tmp/x")  # in the place of the link
    assert inside(container, "cat /tmp/x") == "mine"
    outside.check()


def test_links_below_are_copied_and_not_followed(container: Container, outside: Outside, scratch: Path) -> None:
    inside(container, f"mkdir /tmp/d; ln -s {outside.path} /tmp/d/l; ln -s {outside.path}/secret /tmp/d/f")
    container.copy_out("/tmp/d", scratch / "got")
    assert os.readlink(scratch / "got/l") == str(outside.path)
    # once more, over what is there now: the link must not lead the copy out of it
    inside(container, "rm /tmp/d/l; mkdir /tmp/d/l; echo evil > /tmp/d/l/secret")
    os.rename(scratch / "got", scratch / "d")
    with pytest.raises(pyoci.PyociError):
        container.copy_out("/tmp/d", scratch)
    outside.check()


def test_links_in_the_target_are_not_followed(container: Container, outside: Outside, scratch: Path) -> None:
    (scratch / "tree/l").mkdir(parents=True)
    (scratch / "tree/l/secret").write_text("evil")
    inside(container, f"mkdir /tmp/tree; ln -s {outside.path} /tmp/tree/l")
    with pytest.raises(pyoci.PyociError):
        container.copy_in(scratch / "tree", "/tmp")
    outside.check()


def test_magic_links_are_not_followed(container: Container, outside: Outside, scratch: Path) -> None:
    """CVE-2024-21626's way: a descriptor that a process of the host would have."""
    for path in (f"/proc/1/root{outside.path}/secret", "/proc/self/exe", "/proc/self/fd/0", "/proc/thread-self/root"):
        with pytest.raises(pyoci.PyociError):
            container.copy_out(path, scratch / "got")
    (scratch / "mine").write_text("x")
    for path in ("/proc/self/cwd/x", "/proc/self/root/tmp/x", "/proc/sys/kernel/hostname", "/proc/x", "/sys/x"):
        with pytest.raises(pyoci.PyociError):
            container.copy_in(scratch / "mine", path)
    outside.check()


@pytest.mark.parametrize("kind", ["proc", "mqueue"])
def test_files_of_the_kernels_own_are_left_alone(container: Container, scratch: Path, kind: str) -> None:
    inside(container, f"mkdir -p /tmp/d/own; mount -t {kind} own /tmp/d/own; echo x > /tmp/d/a")
    inside(container, "cd /tmp/d/own; [ -e uptime ] || touch uptime")
    container.copy_out("/tmp/d", scratch / "got")
    assert os.listdir(scratch / "got") == ["a"]
    with pytest.raises(pyoci.PyociError, match="procfs"):
        container.copy_out("/tmp/d/own/uptime", scratch / "more")
    (scratch / "mine").write_text("mine")
    with pytest.raises(pyoci.PyociError):
        container.copy_in(scratch / "mine", "/tmp/d/own/mine")


def test_devices_fifos_and_sockets(container: Container, scratch: Path) -> None:
    inside(
        container,
        "mkdir /tmp/d; mkfifo /tmp/d/fifo; mknod /tmp/d/zero c 1 5; mknod /tmp/d/disk b 7 0; echo x > /tmp/d/a",
    )
    container.copy_out("/tmp/d", scratch / "got")
    assert os.listdir(scratch / "got") == ["a"]
    for name in ("fifo", "zero", "disk"):
        with pytest.raises(pyoci.PyociError, match="neither a file nor a folder"):
            container.copy_out(f"/tmp/d/{name}", scratch / "more")
    (scratch / "mine").write_text("mine")
    container.copy_in(scratch / "mine", "/tmp/d/fifo")
    assert inside(container, "cat /tmp/d/fifo") == "mine"


def test_what_comes_out_has_no_rights_of_its_own(container: Container, scratch: Path) -> None:
    """A set-user-ID program of the container's root would be one of the host's root."""
    inside(container, "mkdir /tmp/d; echo x > /tmp/d/s; chmod 6755 /tmp/d/s; chmod 7777 /tmp/d")
    container.copy_out("/tmp/d", scratch / "got")
    assert stat.S_IMODE((scratch / "got/s").stat().st_mode) == 0o755
    assert stat.S_IMODE((scratch / "got").stat().st_mode) == 0o777
    assert (scratch / "got/s").stat().st_uid == os.geteuid()


def test_sizes_are_bounded(container: Container, scratch: Path) -> None:
    inside(container, "dd if=/dev/zero of=/tmp/huge bs=1 count=1 seek=1000000000000 2>/dev/null")
    with pytest.raises(pyoci.PyociError, match=r"more than \d+ bytes"):
        container.copy_out("/tmp/huge", scratch / "got")
    with pytest.raises(pyoci.PyociError, match="more than 10 bytes"):
        container.copy_out("/bin/busybox", scratch / "got", max_bytes=10)
    assert os.listdir(scratch).count("got") == 0
    assert not [name for name in os.listdir(scratch) if name.startswith(".pyoci")]


def test_a_file_that_grows_has_an_end(container: Container, scratch: Path) -> None:
    with container.popen(["sh", "-c", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxx; done > /tmp/grows"]):
        until(Path(f"/proc/{container.pid}/root/tmp/grows").exists)
        container.copy_out("/tmp/grows", scratch / "got")
    (scratch / "got").unlink()


def test_depth_is_bounded(container: Container, scratch: Path) -> None:
    inside(container, "cd /tmp; i=0; while [ $i -lt 400 ]; do mkdir d; cd d; i=$((i+1)); done")
    with pytest.raises(pyoci.PyociError, match="200 folders deep"):
        container.copy_out("/tmp/d", scratch / "got")


def test_a_folder_that_becomes_a_link_meanwhile(container: Container, outside: Outside, scratch: Path) -> None:
    """CVE-2018-15664: between the look and the copy, a folder is swapped for a link."""
    inside(container, f"mkdir /tmp/a; echo safe > /tmp/a/secret; ln -s {outside.path} /tmp/l")
    tree = scratch / "a"
    tree.mkdir()
    (tree / "secret").write_text("evil")
    attempts: list[Callable[[], None]] = [
        lambda: container.copy_in(tree / "secret", "/tmp/a/secret"),
        lambda: container.copy_in(tree, "/tmp"),
        lambda: container.copy_out("/tmp/a/secret", scratch / "got"),
        lambda: container.copy_out("/tmp/a", scratch / "gottree"),
    ]
    seen: set[bool] = set()
    place = Path(f"/proc/{container.pid}/root/tmp")
    began = time.monotonic()
    with swapping(place / "a", place / "l"):
        while (age := time.monotonic() - began) < 8 or (len(seen) < 2 and age < TIME_LIMIT):
            for attempt in attempts:
                try:
                    attempt()
                    seen.add(True)
                except pyoci.PyociError:
                    seen.add(False)
            for path in (scratch / "got", scratch / "gottree/secret"):
                if path.is_file():
                    assert SECRET not in path.read_bytes()
    assert seen == {True, False}  # the race was on
    outside.check()


def test_from_threads(container: Container, scratch: Path) -> None:
    (scratch / "a").write_text("x" * 100_000)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            container.copy_in(scratch / "a", f"/tmp/{number}")
            container.copy_out(f"/tmp/{number}", scratch / f"out{number}")
        except BaseException as error:  # noqa: BLE001  # told below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert all((scratch / f"out{number}").stat().st_size == 100_000 for number in range(6))
