"""config.md, Process: env."""

from __future__ import annotations

import os

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


def environment(runtime: Runtime, bundle: Bundle) -> list[str]:
    """What /proc/self/environ holds for the first process."""
    bundle.process["args"] = ["/bin/cat", "/proc/self/environ"]
    result = runtime.run(bundle)
    assert result.status == 0, result.stderr
    return result.stdout.rstrip("\0").split("\0")


def test_it_is_exactly_that_of_the_config(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["env"] = ["PATH=/bin", "HOME=/x", "EMPTY=", "EQUALS=a=b=c", "SPACE=a b", "LANG=C", "UMLAUT=ä"]
    assert environment(runtime, bundle) == bundle.process["env"]


def test_of_a_name_given_twice_the_last_counts(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["env"] = ["PATH=/nowhere", "A=1", "HOME=/x", "B=2", "A=3", "PATH=/bin"]
    assert sorted(environment(runtime, bundle)) == ["A=3", "B=2", "HOME=/x", "PATH=/bin"]


def test_nothing_of_the_callers(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sh("env")
    caller = {**os.environ, "SECRET": "secret", "PYTHONPATH": "/secret", "LC_ALL": "secret"}
    assert "secret" not in runtime.run(bundle, env=caller).stdout


@pytest.mark.parametrize("user, home", [(0, "/root"), (1000, "/home/alice")])
def test_home_comes_from_the_containers_passwd(runtime: Runtime, bundle: Bundle, user: int, home: str) -> None:
    bundle.process["user"] = {"uid": user, "gid": user}
    assert f"HOME={home}" in environment(runtime, bundle)


def test_home_of_the_config_is_kept(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["env"].append("HOME=/elsewhere")
    assert [entry for entry in environment(runtime, bundle) if entry.startswith("HOME")] == ["HOME=/elsewhere"]


def test_home_of_a_user_without_an_entry(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["user"] = {"uid": 4711, "gid": 0}
    assert "HOME=/" in environment(runtime, bundle)


def test_home_without_a_passwd(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "etc/passwd").unlink()
    assert "HOME=/" in environment(runtime, bundle)


@pytest.mark.beyond_runc("runc reads `notanumber` as 0")
def test_broken_lines_of_passwd_are_passed_over(runtime: Runtime, bundle: Bundle) -> None:
    lines = [b"nonsense", b"::::", b"x:x:notanumber:0::/x:", b"\xff:x:1:1:\xff:/:", b"r:x:0:0::/r:", b""]
    (bundle.rootfs / "etc/passwd").write_bytes(b"\n".join(lines))
    assert "HOME=/r" in environment(runtime, bundle)


def test_a_passwd_that_links_out_of_the_rootfs_is_read_inside(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "etc/passwd").rename(bundle.rootfs / "etc/users")
    (bundle.rootfs / "etc/passwd").symlink_to("/etc/users")
    assert "HOME=/root" in environment(runtime, bundle)


@pytest.mark.parametrize("home", [b"/ro\0ot", b"/a" * 100_000, b""], ids=["NUL", "too long", "empty"])
def test_a_home_that_no_program_can_have_is_none(runtime: Runtime, bundle: Bundle, home: bytes) -> None:
    """passwd(5) is the image's, or a container's that has changed it."""
    (bundle.rootfs / "etc/passwd").write_bytes(b"root:x:0:0:root:" + home + b":/bin/sh\n")
    assert "HOME=/" in environment(runtime, bundle)
    bundle.sleeps()
    assert runtime.create(bundle).start().exec("/bin/sh", "-c", "echo $HOME").stdout == "/\n"


def test_without_env(runtime: Runtime, bundle: Bundle) -> None:
    del bundle.process["env"]
    assert environment(runtime, bundle) == ["HOME=/root"]


@pytest.mark.beyond_runc("runc's main branch finds no program without PATH")
def test_a_program_is_found_without_path(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["env"] = ["A=1"]
    bundle.process["args"] = ["sh", "-c", "echo runs"]
    assert runtime.run(bundle).stdout == "runs\n"
