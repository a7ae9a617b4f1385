"""CVE-2026-30892: a user that `exec --user` cannot parse becomes root."""

from __future__ import annotations

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Container, Runtime

MALFORMED = [
    "alice", "root", "1000:", ":1000",
    ":", "1000:alice", "alice:1000", "1000x", "x1000", "0x3e8", "01e3", "1e3", "1_000",
    "-1", "+1000", "-0", " 1000", "1000 ", "1000\n", "1000:1000:0", "1000:-1", "4294967296", "4294967295",
    "18446744073709551616", "18446744073709552616", "1000:4294967296", "١٠٠٠", "1000,0", "1000;0", "1000.0", "²",
]  # fmt: skip


@pytest.fixture
def container(runtime: Runtime, bundle: Bundle) -> Container:
    bundle.process["user"] = {"uid": 2000, "gid": 2000}
    bundle.sleeps()
    return runtime.start(bundle)


@pytest.mark.parametrize("user", MALFORMED)
def test_a_malformed_user_runs_nothing(runtime: Runtime, container: Container, user: str) -> None:
    result = runtime.call("exec", "--user", user, container.id, "id")
    assert result.stdout == ""
    assert result.status != 0
    assert "Traceback" not in result.stderr


def test_an_empty_user_is_the_containers(runtime: Runtime, container: Container) -> None:
    result = runtime.call("exec", "--user", "", container.id, "id", "-u")
    assert result.stdout.strip() in ("", "2000")


@pytest.mark.parametrize(("user", "ids"), [("1000", "1000 2000"), ("1000:3000", "1000 3000"), ("0:0", "0 0")])
def test_numbers_are_taken(runtime: Runtime, container: Container, user: str, ids: str) -> None:
    result = runtime.expect("exec", "--user", user, container.id, "sh", "-c", "echo $(id -u) $(id -g)")
    assert result.stdout.strip() == ids


@pytest.mark.parametrize("user", [{"uid": 4294967295, "gid": 0}, {"uid": 1000, "gid": 4294967295}])
def test_an_id_that_means_no_change_is_refused(runtime: Runtime, bundle: Bundle, user: dict[str, int]) -> None:
    """setresuid(2) and setresgid(2) leave the id as it is for -1."""
    bundle.process["user"] = user
    bundle.process["args"] = ["id"]
    result = runtime.run(bundle)
    assert result.status != 0
    assert result.stdout == ""
