"""What `update`, `events` and `ps` make of their arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyoci.cli import duration, options, update
from pyoci.errors import ConfigError, PyociError, UsageError
from pyoci.host import ps


def resources(*words: str) -> dict[str, Any]:
    return update.from_options(options.parse([*words, "c1"], update.OPTIONS).options)


def test_every_option_of_update_has_its_property() -> None:
    given = (
        "--memory=64m --memory-reservation=32m --memory-swap=-1 --kernel-memory=1g --kernel-memory-tcp=5 "
        "--cpu-share=512 --cpu-period=100000 --cpu-quota=-1 --cpu-burst=0 --cpu-rt-period=1 --cpu-rt-runtime=0 "
        "--cpu-idle=1 --cpuset-cpus=0-1 --cpuset-mems=0 --pids-limit=-1 --blkio-weight=10"
    )
    assert resources(*given.split()) == {
        "memory": {"limit": 64 << 20, "reservation": 32 << 20, "swap": -1, "kernel": 1 << 30, "kernelTCP": 5},
        "cpu": {
            "shares": 512,
            "period": 100000,
            "quota": -1,
            "burst": 0,
            "realtimePeriod": 1,
            "realtimeRuntime": 0,
            "idle": 1,
            "cpus": "0-1",
            "mems": "0",
        },
        "pids": {"limit": -1},
        "blockIO": {"weight": 10},
    }


@pytest.mark.parametrize(
    "words",
    [["--memory=1x"], ["--memory=-2"], ["--memory= "], ["--cpu-share=-1"], ["--blkio-weight=9"], ["--pids-limit=x"]],
)
def test_bad_options_of_update_are_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        resources(*words)


@pytest.mark.parametrize("words", [[], ["--memory="], ["--cpuset-cpus=", "--cpu-quota=", "--l3-cache-schema="]])
def test_no_options_and_empty_ones_change_nothing(words: list[str]) -> None:
    assert resources(*words) == {}


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("-1", -1),
        ("512", 512),
        ("1k", 1024),
        ("1KB", 1024),
        ("1KiB", 1024),
        ("1.5m", 3 << 19),
        ("2 g", 2 << 30),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert update.size("memory", text) == size


@pytest.mark.parametrize("text", ["9223372036854775808", "18446744073709551616", "9" * 20, "8192p"])
def test_a_size_that_the_kernel_would_cut(text: str) -> None:
    """It is counted in 64 bits: 2^64 bytes would be a limit of 0."""
    assert update.size("memory", "9223372036854775807") == (1 << 63) - 1
    with pytest.raises(UsageError, match=r"^option --memory: .* is more than 9223372036854775807 bytes"):
        update.size("memory", text)


def test_a_file_of_resources_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "resources.json"
    file.write_text('{"memory": {"limit": 5}}')
    assert update.read_resources(str(file)) == {"memory": {"limit": 5}}
    for bad in ('{"memory": {"limit": "5"}}', "[]", '{"memory"'):
        file.write_text(bad)
        with pytest.raises(ConfigError):
            update.read_resources(str(file))
    with pytest.raises(PyociError, match="nowhere"):
        update.read_resources(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5), ("500ms", 0.5), ("1m30s", 90), ("1h", 3600), ("0.5s", 0.5), ("1us", 1e-6)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration.seconds("interval", text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "0s", "-1s", "5x", "1.2.3s", "5 s", "9999999h", "9" * 400 + "s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^option --timeout: "):
        duration.seconds("timeout", text)


PS = "UID          PID    PPID CMD\nroot          12       1 sh -c 13\nroot         112       1 x\n"


def test_ps_keeps_the_head_and_the_rows_of_the_container() -> None:
    assert ps.select_rows(PS, {12}) == "UID          PID    PPID CMD\nroot          12       1 sh -c 13\n"
    assert ps.select_rows(PS, set()) == "UID          PID    PPID CMD\n"


def test_ps_needs_a_column_with_the_pid() -> None:
    with pytest.raises(UsageError, match="PID"):
        ps.select_rows("UID CMD\nroot x\n", {1})
