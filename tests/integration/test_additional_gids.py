"""config.md, User: additionalGids."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


def groups(runtime: Runtime, bundle: Bundle) -> list[int]:
    return [int(word) for word in runtime.sh(bundle, "grep ^Groups: /proc/self/status").split()[1:]]


def test_they_are_the_supplementary_groups(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [5, 6, 70000]}
    assert groups(runtime, bundle) == [5, 6, 70000]


def test_of_root_too(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["user"]["additionalGids"] = [9]
    assert groups(runtime, bundle) == [9]


@pytest.fixture
def caller_in_groups() -> Iterator[None]:
    """The runtime's caller has some, which the container must not inherit."""
    before = os.getgroups()
    os.setgroups([0, 4242])
    yield
    os.setgroups(before)


@pytest.mark.usefixtures("caller_in_groups")
@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.parametrize("user", [{}, {"additionalGids": []}])
def test_none(runtime: Runtime, bundle: Bundle, user: dict[str, list[int]], uid: int) -> None:
    bundle.process["user"] = {"uid": uid, "gid": 5, **user}
    assert groups(runtime, bundle) == []


def test_they_give_access(runtime: Runtime, bundle: Bundle) -> None:
    secret = bundle.rootfs / "etc/secret"
    secret.write_text("for group 77")
    os.chown(secret, 0, 77)
    secret.chmod(0o040)
    bundle.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [77]}
    bundle.process["capabilities"] = {}
    assert runtime.sh(bundle, "cat /etc/secret") == "for group 77"
