"""plan/paths.py: masked and read-only paths, sysctls, and how a path is cleaned."""

from __future__ import annotations

import pytest

from pyoci.plan import paths


@pytest.mark.parametrize(
    "given, planned",
    [
        (None, []),
        ([], []),
        (["/proc/kcore", "proc/keys", "/proc/kcore/", "//proc/kcore"], ["/proc/kcore", "/proc/keys"]),
        (["/a", "/a/b"], ["/a", "/a/b"]),
        (["/"], ["/"]),
        # what links make of it is the kernel's business
        (["/a/../b", "/./c"], ["/a/../b", "/./c"]),
    ],
)
def test_masked_and_read_only_paths(given: list[str] | None, planned: list[str]) -> None:
    assert paths.plan(given) == planned


@pytest.mark.parametrize(
    "path, cleaned",
    [
        ("/", "/"),
        ("", "/"),
        (".", "/"),
        ("..", "/"),
        ("/..", "/"),
        ("/a", "/a"),
        ("a", "/a"),
        ("a/", "/a"),
        ("//a//b//", "/a/b"),
        ("/a/./b/.", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/b/..", "/a"),
        ("/../../a/../b/c/../d", "/b/d"),
        ("/...", "/..."),
        ("/..a/.b", "/..a/.b"),
    ],
)
def test_clean(path: str, cleaned: str) -> None:
    assert paths.clean(path) == cleaned


@pytest.mark.parametrize(
    "key, path",
    [
        ("kernel.shmmax", "kernel/shmmax"),
        ("net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding"),
        ("net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding"),
        ("kernel", "kernel"),
        ("kernel/domainname", "kernel/domainname"),
        ("a.b/c", "a/b.c"),
        (".a/b", "/a.b"),
        ("/a.b", "/a.b"),
    ],
)
def test_sysctl_names(key: str, path: str) -> None:
    assert paths.sysctl({key: "7"}) == [(path, "7")]


def test_sysctls_keep_their_order() -> None:
    assert paths.sysctl({"b.c": "1", "a.b": "2"}) == [("b/c", "1"), ("a/b", "2")]
    assert paths.sysctl(None) == []
