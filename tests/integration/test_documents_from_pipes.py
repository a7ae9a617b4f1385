"""Documents that commands read: from files, pipes and standard input, up to a size."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

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


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/", "/no/such"])
@pytest.mark.parametrize("words", [("exec", "--process"), ("update", "--resources")])
def test_what_is_no_document(runtime: Runtime, bundle: Bundle, words: tuple[str, ...], path: str) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    said = runtime.fails(*words, path, container.id, limit=20)
    assert len(said) < 400
