"""config.md, Linux Process: capabilities."""

from __future__ import annotations

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime
from helpers.sandbox import prctl

PR_CAPBSET_DROP = 24

BITS = {"CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_NET_BIND_SERVICE": 10, "CAP_MKNOD": 27, "CAP_AUDIT_WRITE": 29}
SETS = {
    "inheritable": "CapInh",
    "permitted": "CapPrm",
    "effective": "CapEff",
    "bounding": "CapBnd",
    "ambient": "CapAmb",
}


def mask(*names: str) -> int:
    return sum(1 << BITS[name] for name in names)


def sets(runtime: Runtime, bundle: Bundle) -> dict[str, int]:
    text = runtime.sh(bundle, "grep ^Cap /proc/self/status")
    rows = dict(line.split(":\t") for line in text.splitlines())
    return {name: int(rows[row], 16) for name, row in SETS.items()}


def test_each_set_of_a_user_who_is_not_root(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["capabilities"] = {
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_AUDIT_WRITE"],
        "permitted": ["CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_AUDIT_WRITE"],
        "inheritable": ["CAP_KILL", "CAP_NET_BIND_SERVICE"],
        "effective": ["CAP_NET_BIND_SERVICE"],
        "ambient": ["CAP_NET_BIND_SERVICE"],
    }
    got = sets(runtime, bundle)
    # execve keeps the ambient ones only, capabilities(7).
    kept = mask("CAP_NET_BIND_SERVICE")
    assert got["ambient"] == got["permitted"] == got["effective"] == kept
    assert got["inheritable"] == mask("CAP_KILL", "CAP_NET_BIND_SERVICE")
    assert got["bounding"] == mask("CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_AUDIT_WRITE")


def test_root_has_what_bounding_leaves(runtime: Runtime, bundle: Bundle) -> None:
    names = ["CAP_CHOWN", "CAP_MKNOD"]
    bundle.process["capabilities"] = {"bounding": names, "permitted": names, "effective": names}
    got = sets(runtime, bundle)
    assert got["bounding"] == got["permitted"] == got["effective"] == mask(*names)
    assert got["inheritable"] == got["ambient"] == 0


def test_a_user_without_ambient_ones_has_none(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    got = sets(runtime, bundle)
    assert got["permitted"] == got["effective"] == 0


def test_empty_sets(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["capabilities"] = {name: [] for name in SETS}
    assert set(sets(runtime, bundle).values()) == {0}


def test_without_the_property_there_are_none(runtime: Runtime, bundle: Bundle) -> None:
    del bundle.process["capabilities"]
    assert sets(runtime, bundle)["effective"] == 0


def test_an_unknown_name_is_a_warning(runtime: Runtime, bundle: Bundle) -> None:
    for names in bundle.process["capabilities"].values():
        names.append("CAP_FLY")
    assert runtime.sh(bundle, "echo runs") == "runs"


@pytest.mark.beyond_runc("runc 1.1 fails with `operation not permitted`")
def test_one_that_the_runtime_lacks_is_a_warning(runtime: Runtime, bundle: Bundle) -> None:
    names = ["CAP_CHOWN", "CAP_KILL"]
    bundle.process["capabilities"] = {"bounding": names, "permitted": names, "effective": names}
    container = runtime.sh(bundle, "grep ^CapEff /proc/self/status", preexec=drop_kill)
    assert int(container.split()[1], 16) == mask("CAP_CHOWN")


def drop_kill() -> None:
    prctl(PR_CAPBSET_DROP, BITS["CAP_KILL"])


def test_dropped_ones_are_felt(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["capabilities"] = {}
    assert "Operation not permitted" in runtime.sh(bundle, "chown 1 /etc/passwd 2>&1 || true")
