"""A standard stream that is a device of the host: the container must not change that device by its descriptor.

Without a user namespace root in the container owns the inode: `chmod 600 /proc/self/fd/0` needs no capability, and
would take /dev/null from everybody on the host. Engines give it to every container that runs in the background.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime, until

NULL = Path("/dev/null")
ZERO = Path("/dev/zero")
ATTACK = "for n in 0 1 2; do chmod 600 /proc/self/fd/$n; chown 7:7 /proc/self/fd/$n; done 2>/tmp/said; exit 5"
NULLS: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)


@pytest.fixture(autouse=True)
def devices_as_they_were() -> Iterator[None]:
    before = {path: path.stat() for path in (NULL, ZERO)}
    yield
    for path, status in before.items():
        os.chmod(path, status.st_mode)
        os.chown(path, status.st_uid, status.st_gid)


def facts(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mode, status.st_uid, status.st_gid


def armed(bundle: Bundle) -> None:
    every = ["CAP_FOWNER", "CAP_CHOWN", "CAP_DAC_OVERRIDE"]
    bundle.process["capabilities"] = dict.fromkeys(("bounding", "permitted", "effective"), every)


@pytest.mark.parametrize("command", ["run", "create"])
def test_the_first_process(runtime: Runtime, bundle: Bundle, command: str) -> None:
    armed(bundle)
    bundle.process["args"] = ["sh", "-c", ATTACK]
    before = facts(NULL)
    container = runtime.add(bundle)
    status = runtime.popen(command, "--bundle", str(bundle.path), container, **NULLS).wait(TIME_LIMIT)
    if command == "create":
        assert status == 0
        runtime.expect("start", container)
        until(lambda: runtime.state(container)["status"] == "stopped")
    else:
        assert status == 5
    assert (bundle.rootfs / "tmp/said").exists()
    assert facts(NULL) == before


@pytest.mark.parametrize("how", ["command", "document"])
def test_a_further_process(runtime: Runtime, bundle: Bundle, tmp_path: Path, how: str) -> None:
    armed(bundle)
    bundle.sleeps()
    container = runtime.start(bundle)
    words = [container.id, "sh", "-c", ATTACK]
    if how == "document":
        document = tmp_path / "process.json"
        document.write_text(json.dumps({**bundle.process, "args": words[1:]}))
        words = ["--process", str(document), container.id]
    before = facts(NULL)
    assert runtime.popen("exec", *words, **NULLS).wait(TIME_LIMIT) == 5
    assert (bundle.rootfs / "tmp/said").exists()
    assert facts(NULL) == before


def test_the_stream_is_the_null_device_of_the_container(runtime: Runtime, bundle: Bundle) -> None:
    """tar and grep compare a stream with /dev/null by device and inode."""
    words = ["sh", "-c", "test /proc/self/fd/0 -ef /dev/null && readlink /proc/self/fd/0"]
    bundle.process["args"] = words
    assert runtime.run(bundle).stdout == "/dev/null\n"
    bundle.sleeps()
    assert runtime.start(bundle).exec(*words).stdout == "/dev/null\n"


@pytest.mark.parametrize("stream", ["stdin", "stdout"])
def test_the_user_is_not_given_a_device_of_the_host(runtime: Runtime, bundle: Bundle, stream: str) -> None:
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["args"] = ["true"]
    before = facts(ZERO)
    with open(ZERO, "r+b") as zero:
        streams = {**NULLS, stream: zero}
        container = runtime.add(bundle)
        assert runtime.popen("run", "--bundle", str(bundle.path), container, **streams).wait(TIME_LIMIT) == 0
    assert facts(ZERO) == before


def test_a_container_without_a_null_device(runtime: Runtime, bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    bundle.config["mounts"] = [
        entry for entry in bundle.config["mounts"] if not entry["destination"].startswith("/dev")
    ]
    bundle.bind(tmp_path / "dev", "/dev")
    armed(bundle)
    bundle.process["args"] = ["sh", "-c", ATTACK]
    before = facts(NULL)
    container = runtime.add(bundle)
    assert runtime.popen("run", "--bundle", str(bundle.path), container, **NULLS).wait(TIME_LIMIT) == 5
    assert (bundle.rootfs / "tmp/said").exists()
    assert not (tmp_path / "dev/null").exists()
    assert facts(NULL) == before


@pytest.mark.parametrize("instead", ["echo > /dev/null", "mkfifo /dev/null", "ln -s null /dev/null", "true"])
def test_exec_where_the_container_has_no_null_device_any_more(runtime: Runtime, bundle: Bundle, instead: str) -> None:
    armed(bundle)
    bundle.sleeps()
    container = runtime.start(bundle)
    container.exec("sh", "-c", f"rm /dev/null; {instead}")
    before = facts(NULL)
    assert runtime.popen("exec", container.id, "sh", "-c", ATTACK, **NULLS).wait(TIME_LIMIT) == 5
    assert (bundle.rootfs / "tmp/said").exists()
    assert facts(NULL) == before
    words = ["sh", "-c", "cat; echo x > /proc/self/fd/1"]
    assert runtime.popen("exec", container.id, *words, **NULLS).wait(TIME_LIMIT) == 0
