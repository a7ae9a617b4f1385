"""A session keyring is joined by its name: a container must not get into another one's by choosing a name."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path

from helpers.bundle import Bundle
from helpers.forked import forked
from helpers.hostile import USUAL, check, inside, libc
from helpers.runtime import Runtime

KEYCTL = {"x86_64": 250, "aarch64": 219}[platform.machine()]
JOIN, SETPERM = 1, 5


def join(name: str) -> int:
    return check(libc.syscall(KEYCTL, JOIN, name.encode(), 0, 0, 0), "join")


def names() -> list[str]:
    """Of all session keyrings that this process can see."""
    return [line.split()[-2] for line in Path("/proc/keys").read_text().splitlines() if "_ses" in line]


def test_another_container_does_not_find_it(runtime: Runtime, new_bundle: Callable[[], Bundle]) -> None:
    first, second = new_bundle(), new_bundle()
    first.sleeps()
    second.sleeps()
    victim, attacker = runtime.start(first), runtime.start(second)
    own = [line for line in victim.exec("cat", "/proc/keys").stdout.splitlines() if f"_ses.{victim.id}" in line]
    assert own, "the victim has no keyring of its own"
    serial = int(own[0].split()[0], 16)

    def attack() -> tuple[list[str], list[int]]:
        seen = names()
        joined = [join(name) for name in (f"_ses.{victim.id}", "_ses", *[name.rstrip(":") for name in seen])]
        return seen, joined

    seen, joined = inside(attacker.pid, attack, USUAL)
    assert not [name for name in seen if victim.id in name]
    assert serial not in joined


def test_one_that_waits_under_the_name_is_not_joined(runtime: Runtime, new_bundle: Callable[[], Bundle]) -> None:
    second = new_bundle()
    second.sleeps()
    name = runtime.new_id()

    def call() -> bool:
        serial = join(f"_ses.{name}")
        check(libc.syscall(KEYCTL, SETPERM, serial, 0x3F3F3F3F, 0, 0), "let everybody in")
        victim = runtime.start(second, name=name)
        lines = victim.exec("cat", "/proc/keys").stdout.splitlines()
        own = [line for line in lines if f"_ses.{name}." in line]
        return bool(own) and int(own[0].split()[0], 16) != serial

    runtime.known[name] = second
    assert forked(call) or not runtime.is_pyoci


def test_exec_shares_the_containers(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    lines = [
        {
            line.split()[0]
            for line in container.exec("cat", "/proc/keys").stdout.splitlines()
            if f"_ses.{container.id}." in line
        }
        for _ in range(2)
    ]
    assert lines[0] == lines[1] and len(lines[0]) == 1
