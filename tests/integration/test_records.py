"""A command whose record cannot be written: it fails before it has done anything, or it has done it and says so."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers import cgroup, sandbox
from helpers.bundle import Bundle
from helpers.filtered import refusing
from helpers.library import Library
from helpers.runtime import Runtime

pytestmark = pytest.mark.beyond_runc("its start fails, too, while the program runs")


@pytest.fixture
def state_root(runtime: Runtime) -> Iterator[Path]:
    """A file system of its own, with room for a few containers."""
    runtime.root.mkdir()
    with sandbox.mounted("-t", "tmpfs", "-o", "mode=700,size=1m,nr_inodes=64", "tmpfs", at=runtime.root):
        yield runtime.root
        runtime.clean_up()


@contextmanager
def read_only(place: Path) -> Iterator[None]:
    sandbox.mount("-o", "remount,ro", place)
    try:
        yield
    finally:
        sandbox.mount("-o", "remount,rw", place)


@contextmanager
def full(place: Path) -> Iterator[None]:
    """No block and no inode is left."""
    stuffing = place / "@stuffing"
    stuffing.mkdir()
    try:
        with pytest.raises(OSError, match="No space left"), open(stuffing / "blocks", "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        with pytest.raises(OSError, match="No space left"):
            for count in range(1000):
                (stuffing / str(count)).touch()
        yield
    finally:
        for file_name in os.listdir(stuffing):
            (stuffing / file_name).unlink()
        stuffing.rmdir()


FAULTS = {"read-only": read_only, "full": full}


@pytest.mark.parametrize("fault", FAULTS)
def test_create_makes_nothing(runtime: Runtime, bundle: Bundle, state_root: Path, fault: str) -> None:
    name = runtime.add(bundle)
    with FAULTS[fault](state_root):
        words = runtime.fails("create", "--bundle", str(bundle.path), name)
    assert {"read-only": "read-only file system", "full": "no space left"}[fault] in words
    assert str(state_root) in words
    assert not cgroup.named(bundle.cgroups_path.strip("/"))
    assert os.listdir(state_root) == []
    runtime.create(bundle, name=name)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_needs_no_record_goes_on(runtime: Runtime, bundle: Bundle, state_root: Path, fault: str) -> None:
    bundle.sleeps()
    container = runtime.create(bundle)
    pid_file = runtime.place / "pid"
    with FAULTS[fault](state_root):
        runtime.expect("start", container.id)
        assert container.status == "running"
        assert "already running" in runtime.fails("start", container.id)
        runtime.expect("exec", "--pid-file", str(pid_file), container.id, "true")
        runtime.expect("update", "--pids-limit", "37", container.id)
        runtime.expect("pause", container.id)
        assert container.status == "paused"
        runtime.expect("resume", container.id)
        runtime.expect("kill", container.id, "TERM")
        assert container.wait() == 143
        assert container.status == "stopped"
    container.delete()


def test_start_says_that_its_record_stays(runtime: Runtime, bundle: Bundle, state_root: Path) -> None:
    bundle.sleeps()
    container = runtime.create(bundle)
    with read_only(state_root):
        words = runtime.expect("start", container.id).stderr
    assert words.startswith(f"pyoci: warning: container {container.id} runs, but remove {state_root}/{container.id}/")
    assert "read-only file system" in words
    assert container.status == "running"


def test_start_runs_its_hooks_nevertheless(runtime: Runtime, bundle: Bundle, state_root: Path) -> None:
    bundle.sleeps()
    bundle.hook("poststart", f"cat >{runtime.place}/seen")
    container = runtime.create(bundle)
    with read_only(state_root):
        runtime.expect("start", container.id)
    assert json.loads((runtime.place / "seen").read_text())["status"] == "running"


@pytest.mark.parametrize("call", ["unlinkat", "rmdir", "renameat"])
def test_start_under_every_refusal(runtime: Runtime, bundle: Bundle, call: str) -> None:
    bundle.sleeps()
    container = runtime.create(bundle)
    runtime.expect("start", container.id, preexec=refusing(call, errno.EIO))
    assert container.status == "running"


def becomes_read_only_at_start(bundle: Bundle, state_root: Path) -> None:
    """The last thing that happens before the program runs; it is the file system that changes, not one mount of it."""
    bundle.bind(state_root, "/mnt")
    for name in ("bounding", "effective", "permitted"):
        bundle.process["capabilities"][name].append("CAP_SYS_ADMIN")
    bundle.hook("startContainer", "mount -o remount,ro /mnt")


@pytest.fixture
def writable_at_last(state_root: Path) -> Iterator[None]:
    yield
    sandbox.mount("-o", "remount,rw", state_root)


@pytest.mark.usefixtures("writable_at_last")
def test_run_has_the_status_of_the_program(runtime: Runtime, bundle: Bundle, state_root: Path) -> None:
    becomes_read_only_at_start(bundle, state_root)
    bundle.sh("echo ran; exit 7")
    result = runtime.run(bundle)
    assert (result.status, result.stdout) == (7, "ran\n"), result.stderr
    start, end = result.stderr.splitlines()
    for line in (start, end):
        assert line.startswith("pyoci: warning: ")
        assert "read-only file system" in line


@pytest.mark.usefixtures("writable_at_last")
def test_a_detached_run_goes_on(runtime: Runtime, bundle: Bundle, state_root: Path) -> None:
    becomes_read_only_at_start(bundle, state_root)
    bundle.sleeps()
    name = runtime.add(bundle)
    runtime.expect("run", "--detach", "--bundle", str(bundle.path), name)
    assert runtime.state(name)["status"] == "running"


def in_a_folder_that_is_read_only(place: Path) -> str:
    folder = place / "fixed"
    folder.mkdir(exist_ok=True)
    sandbox.mount("-t", "tmpfs", "-o", "ro", "tmpfs", folder)
    return str(folder / "pid")


@pytest.mark.parametrize("command", ["create", "run", "exec"])
def test_without_its_pid_file_nothing_runs(runtime: Runtime, new_bundle: Callable[[], Bundle], command: str) -> None:
    mark = runtime.place / "mark"
    mark.mkdir()
    bundle = new_bundle()
    bundle.bind(mark, "/mnt")
    path = in_a_folder_that_is_read_only(runtime.place)
    try:
        if command == "exec":
            bundle.sleeps()
            container = runtime.start(bundle)
            words = runtime.fails("exec", "--detach", "--pid-file", path, container.id, "touch", "/mnt/ran")
            assert container.status == "running"
        else:
            bundle.sh("touch /mnt/ran")
            name = runtime.add(bundle)
            words = runtime.fails(command, "--bundle", str(bundle.path), "--pid-file", path, name)
            assert "does not exist" in runtime.fails("state", name)
    finally:
        sandbox.unmount(Path(path).parent)
    assert f"write pid file {path}: read-only file system" in words
    assert os.listdir(mark) == []


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("action", ["add", "remove"])
def test_mounts_stay_as_they_are_recorded(
    runtime: Runtime, bundle: Bundle, state_root: Path, action: str, fault: str
) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    file = runtime.place / "mounts.json"
    file.write_text(json.dumps([{"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"}]))
    if action == "remove":
        runtime.expect("mounts", "add", container.id, str(file))
    before = container.proc("mountinfo")
    with FAULTS[fault](state_root):
        words = runtime.fails("mounts", action, container.id, str(file))
    assert f"write {state_root}/{container.id}/config.json" in words
    assert sorted(os.listdir(state_root / container.id)) == ["config.json", "state.json"]
    assert container.proc("mountinfo") == before
    runtime.expect("mounts", action, container.id, str(file))
    assert container.proc("mountinfo") != before


def test_delete_is_done_once_it_can_be(runtime: Runtime, bundle: Bundle, state_root: Path) -> None:
    bundle.hook("poststop", f"echo once >>{runtime.place}/seen")
    container = runtime.start(bundle)
    container.wait()
    with read_only(state_root):
        words = runtime.fails("delete", container.id)
        assert f"remove {state_root}/{container.id}: read-only file system" in words
        assert container.status == "stopped"
    assert not (runtime.place / "seen").exists()
    container.delete()
    assert (runtime.place / "seen").read_text() == "once\n"


def test_one_cgroup_that_stays_keeps_no_other(runtime: Runtime, bundle: Bundle) -> None:
    """On v1 there is one for each hierarchy."""
    container = runtime.start(bundle)
    container.wait()
    first, *others = cgroup.named(bundle.cgroups_path.strip("/"))
    with sandbox.mounted("--bind", str(first), at=first):
        assert f"remove {first}: " in runtime.fails("delete", container.id)
        assert not [group for group in others if group.exists()]
        assert container.status == "stopped"
    container.delete()


def test_a_folder_that_stays_empty_does_not_keep_the_id(runtime: Runtime, bundle: Bundle) -> None:
    """The record is gone, so nobody could delete again: the poststop hooks run now."""
    bundle.hook("poststop", f"echo once >>{runtime.place}/seen")
    container = runtime.start(bundle)
    container.wait()
    entry = runtime.root / container.id
    with sandbox.mounted("--bind", str(entry), at=entry):
        said = runtime.expect("delete", container.id).stderr
    assert "pyoci: warning: remove " in said
    assert "device or resource busy" in said
    assert (runtime.place / "seen").read_text() == "once\n"
    assert "does not exist" in runtime.fails("state", container.id)
    runtime.create(bundle, name=container.id)


@pytest.mark.usefixtures("writable_at_last")
@pytest.mark.parametrize("command", ["start", "run"])
def test_a_failure_is_told_although_it_cannot_be_undone(
    runtime: Runtime, bundle: Bundle, state_root: Path, command: str
) -> None:
    """The hook's failure is the reason; that the record stays is a warning."""
    becomes_read_only_at_start(bundle, state_root)
    bundle.sleeps()
    bundle.hook("poststart", "echo the reason >&2; exit 3")
    if command == "start":
        name = runtime.create(bundle).id
        words = runtime.fails("start", name)
    else:
        name = runtime.add(bundle)
        words = runtime.fails("run", "--detach", "--bundle", str(bundle.path), name)
    *warnings, reason = words.splitlines()
    assert len({*warnings}) == 2
    for line in warnings:
        assert line.startswith("pyoci: warning: ")
        assert "read-only file system" in line
    assert "the reason" in reason
    assert runtime.state(name)["status"] == "stopped"


@pytest.mark.parametrize("command", ["create", "run"])
def test_a_create_that_cannot_be_undone_tells_why_it_failed(runtime: Runtime, bundle: Bundle, command: str) -> None:
    bundle.hook("createRuntime", "echo the reason >&2; exit 3")
    bundle.hook("poststop", f"echo once >>{runtime.place}/seen")
    name = runtime.add(bundle)
    words = runtime.fails(command, "--bundle", str(bundle.path), name, preexec=refusing("rmdir", errno.EIO))
    *warnings, reason = words.splitlines()
    assert "the reason" in reason
    assert (runtime.place / "seen").read_text() == "once\n"
    assert warnings
    for line in warnings:
        assert line.startswith("pyoci: warning: ")
    assert "does not exist" in runtime.fails("state", name)
    for folder in set(cgroup.hierarchies().values()):
        (folder / bundle.cgroups_path.strip("/")).rmdir()


@pytest.mark.usefixtures("writable_at_last")
def test_the_library_tells_the_status_of_a_program_whose_record_stays(
    library: Library, bundle: Bundle, state_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    becomes_read_only_at_start(bundle, state_root)

    def edit(document: dict[str, Any]) -> None:
        document |= {name: bundle.config[name] for name in ("hooks", "mounts")}
        document["process"]["capabilities"] = bundle.process["capabilities"]

    finished = library.sh("echo ran; exit 7", config=library.config.with_changes(edit))
    assert (finished.returncode, finished.stdout) == (7, "ran\n")
    assert "read-only file system" in caplog.text
