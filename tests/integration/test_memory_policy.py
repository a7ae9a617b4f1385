"""config-linux.md, Memory policy; set_mempolicy(2)."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

pytestmark = [
    pytest.mark.beyond_runc("memoryPolicy is of spec 1.3"),
    pytest.mark.skipif(not Path("/proc/self/numa_maps").exists(), reason="this kernel has no NUMA"),
]


@pytest.mark.parametrize(
    "value, shown",
    [
        ({"mode": "MPOL_BIND", "nodes": "0"}, "bind:0"),
        ({"mode": "MPOL_INTERLEAVE", "nodes": "0"}, "interleave:0"),
        ({"mode": "MPOL_PREFERRED", "nodes": "0"}, "prefer:0"),
        ({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}, "bind=static:0"),
        ({"mode": "MPOL_DEFAULT"}, "default"),
        ({"mode": "MPOL_LOCAL"}, "local"),
    ],
)
def test_mode_and_nodes(runtime: Runtime, bundle: Bundle, value: dict[str, object], shown: str) -> None:
    bundle.linux["memoryPolicy"] = value
    policies = {line.split()[1] for line in runtime.sh(bundle, "cat /proc/self/numa_maps").splitlines()}
    assert shown in policies


@pytest.mark.parametrize(
    "value",
    [
        {"mode": "MPOL_WHIM"},
        {"mode": "MPOL_BIND"},
        {"mode": "MPOL_DEFAULT", "nodes": "0"},
        {"mode": "MPOL_BIND", "nodes": "1000"},
        {"mode": "MPOL_BIND", "nodes": "x"},
        {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_WHIM"]},
    ],
)
def test_what_cannot_be_is_refused(runtime: Runtime, bundle: Bundle, value: dict[str, object]) -> None:
    bundle.linux["memoryPolicy"] = value
    runtime.refuses(bundle)
