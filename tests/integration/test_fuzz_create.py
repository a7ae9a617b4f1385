"""Whole `create` of configurations that were good until a few values were changed: created or refused, and afterwards
mounts, cgroups, processes, files and states are as before.

Values come from lists that name nothing of this machine: a config decides what root does, so a random path or a hook
would not be a hostile input but an order.
"""

from __future__ import annotations

import copy
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import cgroup, fuzz
from helpers.bundle import Bundle
from helpers.runtime import Runtime
from helpers.sandbox import MARK
from hypothesis import given
from hypothesis import strategies as st

EXAMPLES = 70

PATHS = ["/x", "/x/y", "x", "/x/../y", "/../../x", "//x//", "/proc/x", "/proc/self", "/proc/sys", "/dev/x",
         "/dev/null", "/sys/fs/cgroup", "/tmp/link", "/tmp/outside", "/tmp/loop", "/bin/busybox", "", ".", "é",
         "x" * 300, "/x" * 2500, "\n", "/tmp/\x1b[2J"]  # fmt: skip
WORDS = ["ro", "rw", "nosuid", "rprivate", "rslave", "size=1k", "mode=0", "mode=9", "uid=x", "tmpcopyup", "idmap",
         "=", "none", "tmpfs", "proc", "sysfs", "mqueue", "devpts", "cgroup", "max", "0-1", "-1", "2MB", "CAP_KILL",
         "private", "CAP_X", "RLIMIT_NOFILE", "SCMP_ACT_KILL", "SCMP_ACT_ERRNO", "user", "time", "cgroup", "network",
         "A=b", "99"]  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(PATHS),
    st.sampled_from(WORDS),
    st.sampled_from([0, 1, -1, 5, 1000, 4096, 1 << 20, (1 << 31) - 1, 1 << 31, 1 << 32, 1 << 63, 1 << 64, 0.5]),
    st.sampled_from([None, True, False, [], {}, [""], [0], {"x": 0}]),
)
# What is of the machine: these stay as they are.
FIXED = {"root", "cgroupsPath", "hooks", "source", "netDevices", "ociVersion"}


def rich(bundle: Bundle, outside: Path) -> dict[str, Any]:
    config = bundle.config
    config["hostname"] = "h"
    config["annotations"] = {"a": "b"}
    config["mounts"] += [
        {"destination": "/mnt/t", "type": "tmpfs", "source": "tmpfs", "options": ["size=64k", "mode=700"]},
        {"destination": "/mnt/b", "type": "none", "source": str(outside / "given"), "options": ["bind", "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro", "nosuid"]},
    ]
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 64}]
    bundle.process["user"] |= {"umask": 18, "additionalGids": [5]}
    bundle.linux["maskedPaths"] = ["/proc/kcore", "/tmp/x"]
    bundle.linux["readonlyPaths"] = ["/proc/sys"]
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "100"}
    bundle.linux["devices"] = [{"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": 438, "uid": 1}]
    bundle.linux["resources"] |= {"memory": {"limit": 1 << 27}, "pids": {"limit": 50}, "cpu": {"shares": 100}}
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["swapoff", "nonsense"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}],
    }
    # what an image may hold
    (bundle.rootfs / "tmp/link").symlink_to("/proc/self/root")
    (bundle.rootfs / "tmp/outside").symlink_to(f"../../../../../../../..{outside}")
    (bundle.rootfs / "tmp/loop").symlink_to("loop")
    return config


def changeable(config: Any) -> Any:
    """The config without what must not be changed."""
    if isinstance(config, dict):
        return {key: changeable(value) for key, value in config.items() if key not in FIXED}
    if isinstance(config, list):
        return [changeable(value) for value in config]
    return config


def restore(made: Any, config: dict[str, Any]) -> None:
    """Puts that back; a mount that has lost its place in the list gets a source that is nothing."""
    made["ociVersion"], made["root"] = config["ociVersion"], config["root"]
    if isinstance(made.get("linux"), dict):
        made["linux"]["cgroupsPath"] = config["linux"]["cgroupsPath"]
        # Without them sysctl and mounts would be this machine's.
        made["linux"]["namespaces"] = [*config["linux"]["namespaces"], *extra_namespaces(made["linux"])]
    else:
        made["linux"] = copy.deepcopy(config["linux"])
    given = {mount["destination"]: mount["source"] for mount in config["mounts"]}
    if isinstance(made.get("mounts"), list):
        for mount in made["mounts"]:
            if isinstance(mount, dict):
                mount["source"] = given.get(str(mount.get("destination")), "nothing")


def extra_namespaces(linux: dict[str, Any]) -> list[Any]:
    found = linux.get("namespaces")
    if not isinstance(found, list):
        return []
    return [entry for entry in found if not isinstance(entry, dict) or entry.get("type") in ("user", "time", "cgroup")]


def tree(place: Path) -> dict[str, tuple[int, int, int, int]]:
    """Every file below, with what may not change."""
    found = {}
    for folder, folders, files in os.walk(place):
        for name in [*folders, *files]:
            facts = os.lstat(f"{folder}/{name}")
            size = facts.st_size if stat.S_ISREG(facts.st_mode) else 0
            found[f"{folder}/{name}"] = (facts.st_mode, facts.st_uid, facts.st_gid, size)
    return found


@pytest.fixture
def outside(scratch: Path) -> Path:
    """What a container gets a part of, or nothing."""
    place = scratch / "outside"
    (place / "given").mkdir(parents=True)
    (place / "given/file").write_text("x")
    (place / "secret").write_text("secret")
    return place


@pytest.fixture
def machine() -> Iterator[None]:
    """Folders in which a container that is set up on the host's root would leave something."""
    places = ["/", "/dev", "/mnt", "/tmp", "/run", "/etc", "/proc/sys/net/ipv4/ip_forward"]
    before = {place: sorted(os.listdir(place)) for place in [*places[:3], "/etc"]}
    forward = Path(places[-1]).read_text()
    yield
    assert {place: sorted(os.listdir(place)) for place in before} == before
    assert Path(places[-1]).read_text() == forward


@pytest.mark.beyond_runc("its refusals are worded in another way, and it accepts what the schema refuses")
@pytest.mark.usefixtures("machine")
def test_create(runtime: Runtime, bundle: Bundle, outside: Path) -> None:
    config = rich(bundle, outside)
    runtime.create(bundle).delete("--force")
    before = tree(outside)
    changes = fuzz.changed(changeable(config), changes=2, values=VALUES)
    verdicts: list[int] = []

    @fuzz.budget(EXAMPLES)
    @given(changes, st.booleans())
    def clean(made: Any, starts: bool) -> None:
        restore(made, config)
        bundle.config = made
        name = runtime.add(bundle)
        result = runtime.call("create", "--bundle", str(bundle.path), name)
        verdicts.append(result.status)
        check(result.status, result.stderr)
        if result.status == 0 and starts:
            started = runtime.call("start", name)
            check(started.status, started.stderr)
        elif result.status != 0:
            assert not (runtime.root / name).exists(), result.stderr
            assert not groups(), result.stderr
        runtime.expect("delete", "--force", name)
        del runtime.known[name]
        assert not groups()
        assert tree(outside) == before

    clean()
    assert verdicts.count(0) > EXAMPLES // 10, "hardly any configuration is valid: this proves little"


@pytest.mark.beyond_runc("runc quotes them in another way")
@pytest.mark.parametrize("character", ["\n", "\x1b", "\x7f", "\u202e", "\udcff"])
def test_an_error_with_characters_that_are_not_printed(runtime: Runtime, bundle: Bundle, character: str) -> None:
    """Also once init is gone from the host's root: no codec is looked for."""
    words = runtime.fails("create", "--bundle", f"{bundle.path}{character}x", runtime.new_id())
    assert words.count("\n") == 1
    assert ascii(character)[1:-1] in words or character == "\udcff"
    if character != "\udcff":
        bundle.mount("/mnt", f"tmpfs{character}x")
        assert ascii(character)[1:-1] in runtime.refuses(bundle)


def check(status: int, words: str) -> None:
    assert status in (0, 1), words
    assert "Traceback" not in words, words
    assert "internal error" not in words, words
    assert (status == 0) or words.startswith("pyoci: "), words


def groups() -> list[Path]:
    return [group for group in cgroup.named(MARK) if group.name != MARK]
