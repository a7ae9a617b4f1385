"""CVE-2026-61801 (moby/sys/user): a huge passwd or group of the image takes all memory of the runtime."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

MEMORY = 256 << 20


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


def sparse(path: Path) -> None:
    path.write_text("root:x:0:0:root:/root:/bin/sh")
    os.truncate(path, 1 << 34)


def one_line(path: Path) -> None:
    path.write_bytes(b"root:x:0:0:" + b"a" * (64 << 20))


def many_lines(path: Path) -> None:
    path.write_bytes(b"a:x:0:0::/:\n" * (6 << 20))


def endless(path: Path) -> None:
    os.mknod(path, 0o20666, os.makedev(1, 5))  # /dev/zero


@pytest.mark.parametrize("kind", [sparse, one_line, many_lines, endless], ids=lambda kind: kind.__name__)
def test_it_is_read_in_part(runtime: Runtime, bundle: Bundle, kind: object) -> None:
    for name in ("passwd", "group"):
        (bundle.rootfs / "etc" / name).unlink()
        kind(bundle.rootfs / "etc" / name)  # type: ignore[operator]
    bundle.sleeps()
    container = runtime.create(bundle, preexec=limit)
    runtime.expect("start", container.id, preexec=limit)
    result = runtime.expect("exec", "--user", "1000:1000", container.id, "echo", "runs", preexec=limit)
    assert result.stdout.strip() == "runs"
