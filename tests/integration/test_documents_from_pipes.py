"""Documents that commands read: from files, pipes and standard input, up to a size."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime

PROCESS = {"args": ["/bin/echo", "from a pipe"], "cwd": "/"}
COMMANDS: dict[str, tuple[list[str], object]] = {
    "exec": (["exec", "--process"], PROCESS),
    "update": (["update", "--resources"], {"pids": {"limit": 77}}),
    "mounts": (["mounts", "add"], [{"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"}]),
}


@pytest.mark.parametrize("how", ["pipe", "stdin", "fifo"])
@pytest.mark.parametrize(
    "command",
    ["exec", "update", pytest.param("mounts", marks=pytest.mark.beyond_runc("runc has no such command"))],
)
def test_it_is_read(runtime: Runtime, bundle: Bundle, how: str, command: str) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    words, document = COMMANDS[command]
    after = [] if command == "mounts" else [container.id]
    words = [*words, container.id] if command == "mounts" else words
    reader, writer = os.pipe()
    os.write(writer, json.dumps(document).encode())
    os.close(writer)
    try:
        if how == "pipe":
            result = runtime.call(*words, f"/dev/fd/{reader}", *after, pass_fds=[reader])
        elif how == "stdin":
            result = runtime.call(*words, "/dev/stdin", *after, stdin=reader)
        else:
            fifo = bundle.path / "fifo"
            os.mkfifo(fifo)
            with subprocess.Popen(["sh", "-c", f"cat > {fifo}"], stdin=reader):
                result = runtime.call(*words, str(fifo), *after)
    finally:
        os.close(reader)
    assert result.status == 0, result.stderr
    if command == "exec":
        assert result.stdout == "from a pipe\n"


@contextlib.contextmanager
def written(fifo: Path, text: str) -> Iterator[None]:
    """Somebody writes the text into a FIFO, made in the place of a file."""
    fifo.unlink(missing_ok=True)
    os.mkfifo(fifo)
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.seek(0)
        writer = subprocess.Popen(["sh", "-c", 'exec cat > "$0"', str(fifo)], stdin=file)
    try:
        yield
        assert writer.wait(TIME_LIMIT) == 0
    finally:
        writer.kill()
        writer.wait()


def long_config(bundle: Bundle) -> str:
    """More than a pipe holds at once."""
    bundle.config["annotations"] = {f"org.example.{number}": "x" * 1000 for number in range(200)}
    return json.dumps(bundle.config)


@pytest.mark.parametrize("command", ["create", "explain", "validate"])
def test_the_config_of_a_bundle(runtime: Runtime, bundle: Bundle, command: str) -> None:
    """As somebody has it who generates each config, and wants it on no disk."""
    text = long_config(bundle)
    name = runtime.add(bundle)
    with written(bundle.path / "config.json", text):
        if command == "create":
            runtime.expect("create", "--bundle", str(bundle.path), name)
            assert runtime.state(name)["annotations"]["org.example.199"] == "x" * 1000
        elif not runtime.is_pyoci:
            pytest.skip(f"runc has no {command}")
        else:
            runtime.expect(command, str(bundle.path))


@pytest.mark.beyond_runc("has no --config")
@pytest.mark.parametrize("how", ["pipe", "stdin", "fifo"])
def test_a_config_elsewhere(runtime: Runtime, bundle: Bundle, scratch: Path, how: str) -> None:
    text = long_config(bundle)
    name = runtime.add(bundle)
    (bundle.path / "config.json").unlink()
    fifo = scratch / "fifo"
    with (
        written(fifo, text),
        subprocess.Popen(["cat", str(fifo)], stdout=subprocess.PIPE)
        if how != "fifo"
        else (contextlib.nullcontext()) as cat,
    ):
        reader = cat.stdout.fileno() if cat is not None and cat.stdout is not None else -1
        path = {"pipe": f"/dev/fd/{reader}", "stdin": "/dev/stdin", "fifo": str(fifo)}[how]
        calls: dict[str, dict[str, Any]] = {"pipe": {"pass_fds": [reader]}, "stdin": {"stdin": reader}, "fifo": {}}
        runtime.expect("create", "--bundle", str(bundle.path), "--config", path, name, **calls[how])
    assert runtime.state(name)["annotations"]["org.example.199"] == "x" * 1000


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/", "/no/such"])
@pytest.mark.parametrize("words", [("exec", "--process"), ("update", "--resources")])
def test_what_is_no_document(runtime: Runtime, bundle: Bundle, words: tuple[str, ...], path: str) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    said = runtime.fails(*words, path, container.id)
    assert len(said) < 400
