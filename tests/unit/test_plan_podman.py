"""What podman means by `pids.limit` 0: its --pids-limit=-1, and 0, are no limit."""

from __future__ import annotations

from typing import Any

import pytest

from pyoci.plan import podman

LIBPOD = {"io.container.manager": "libpod"}


@pytest.mark.parametrize(
    "annotations, given, expected",
    [
        (LIBPOD, {"pids": {"limit": 0}, "cpu": {"shares": 2}}, {"pids": {"limit": -1}, "cpu": {"shares": 2}}),
        (LIBPOD, {"pids": {"limit": 1}}, {"pids": {"limit": 1}}),
        (LIBPOD, {"pids": {"limit": -1}}, {"pids": {"limit": -1}}),
        (LIBPOD, {"pids": {}}, {"pids": {}}),
        (LIBPOD, {"pids": None}, {"pids": None}),
        (LIBPOD, {}, {}),
        (LIBPOD, None, None),
        ({}, {"pids": {"limit": 0}}, {"pids": {"limit": 0}}),
        ({"io.container.manager": "cri-o"}, {"pids": {"limit": 0}}, {"pids": {"limit": 0}}),
    ],
)
def test_resources(annotations: dict[str, str], given: dict[str, Any] | None, expected: dict[str, Any] | None) -> None:
    before = repr(given)
    assert podman.resources(given, annotations) == expected
    assert repr(given) == before  # the config that is stored is the engine's
