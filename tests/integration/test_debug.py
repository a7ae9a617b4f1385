"""--debug: what is done, call by call, on both sides; and nothing of it without."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

pytestmark = pytest.mark.beyond_runc("has other words")


def entries(path: Path) -> list[str]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert {line["level"] for line in lines} <= {"debug", "warning"}
    return [line["msg"] for line in lines]


@pytest.fixture
def log(scratch: Path) -> tuple[str, ...]:
    return ("--debug", "--log", str(scratch / "log"), "--log-format", "json")


def test_create_tells_the_calls_of_both_sides(
    runtime: Runtime, bundle: Bundle, scratch: Path, log: tuple[str, ...]
) -> None:
    bundle.mount("/mnt", "tmpfs", ["ro", "nosuid", "size=64k"])
    bundle.config["hostname"] = "told"
    runtime.create(bundle, options=log)
    told = entries(scratch / "log")
    inside = [words.partition(": ")[2] for words in told if words.startswith("container's side: ")]
    assert any(words.startswith("call: open(") for words in told)
    assert any("fsopen(fsname='tmpfs', flags=FSOPEN_CLOEXEC)" in words for words in inside), inside[:40]
    assert any("key='size', value='64k'" in words for words in inside)
    assert any(words.startswith("move_mount(") and "to_path=" in words for words in inside)
    assert any("pivot_root(" in words for words in inside)
    assert any("sethostname(" in words for words in inside)
    assert any("to be made without Python: exec " in words for words in inside)


def test_exec_tells_them_too(runtime: Runtime, bundle: Bundle, scratch: Path, log: tuple[str, ...]) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    runtime.expect("exec", container.id, "/bin/true", options=log)
    told = entries(scratch / "log")
    assert any("setns(fd=" in words and "nstype=CLONE_NEW" in words for words in told)
    assert any(words.startswith("plan: ") for words in told)
    assert any("to be made without Python: exec /bin/true" in words for words in told)


@pytest.mark.parametrize("command", ["state", "kill", "delete"])
def test_others_tell_theirs(
    runtime: Runtime, bundle: Bundle, scratch: Path, log: tuple[str, ...], command: str
) -> None:
    container = runtime.create(bundle)
    options = {"state": (), "kill": (), "delete": ("--force",)}[command]
    runtime.expect(command, *options, container.id, options=log)
    assert any(words.startswith("call: ") for words in entries(scratch / "log"))


TOLD: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "create": (("create", "--bundle", "BUNDLE", "OTHER"), ("clone3(flags=CLONE_NEW", "move_mount(", "rename(")),
    "exec": (("exec", "ID", "/bin/true"), ("clone3(flags=0", "setns(", "setresuid(")),
    "start": (("start", "CREATED"), ("connect(fd=", "data=b'START'")),
    "run": (("run", "--detach", "--bundle", "BUNDLE", "OTHER"), ("bind(fd=", "data=b'START'", "unlink(")),
    "resume": (("resume", "ID"), ("write(",)),
    "kill": (("kill", "ID", "WINCH"), ("pidfd_send_signal(",)),
    "kill all": (("kill", "--all", "ID", "WINCH"), ("pidfd_send_signal(",)),
    "pause": (("pause", "ID"), ("write(",)),
    "update": (("update", "--pids-limit", "77", "ID"), ("data=b'77'",)),
    "mounts add": (("mounts", "add", "ID", "FILE"), ("clone3(flags=0", "setns(", "move_mount(", "rename(")),
    "delete": (("delete", "--force", "ID"), ("pidfd_send_signal(", "rmdir(path='/sys/fs/cgroup/", "unlink(")),
}


@pytest.mark.parametrize("command", TOLD)
def test_each_call_that_changes_something_is_told(
    runtime: Runtime, new_bundle: Callable[[], Bundle], scratch: Path, log: tuple[str, ...], command: str
) -> None:
    """By whichever module makes it, and by those that are imported only for this command."""
    bundle, second, third = new_bundle(), new_bundle(), new_bundle()
    bundle.sleeps()
    second.write()
    container = runtime.start(bundle)
    if command == "resume":
        runtime.expect("pause", container.id)
    mounts = scratch / "mounts.json"
    mounts.write_text('[{"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"}]')
    created = runtime.create(third).id if command == "start" else ""
    place = {
        "CREATED": created,
        "ID": container.id,
        "OTHER": runtime.add(second),
        "BUNDLE": str(second.path),
        "FILE": str(mounts),
    }
    words, calls = TOLD[command]
    runtime.expect(*(place.get(word, word) for word in words), options=log)
    told = "\n".join(entries(scratch / "log"))
    for call in calls:
        assert call in told


def test_a_refused_call_has_its_number(runtime: Runtime, bundle: Bundle, scratch: Path, log: tuple[str, ...]) -> None:
    bundle.mount("/mnt", "nosuchfs")
    name = runtime.add(bundle)
    assert runtime.call("create", "--bundle", str(bundle.path), name, options=log).status == 1
    text = (scratch / "log").read_text()
    assert "fsopen(fsname='nosuchfs'" in text
    assert "= -1 ENODEV (no such device)" in text


def test_without_it_nothing_is_told(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    runtime.create(bundle, options=("--log", str(scratch / "log")))
    assert not (scratch / "log").exists() or "level=debug" not in (scratch / "log").read_text()
