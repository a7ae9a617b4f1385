"""cgroupsPath and resources as systemd knows them."""

from __future__ import annotations

from typing import Any, cast

import pytest

from pyoci.cgroups import resources_v1, resources_v2, systemd
from pyoci.cgroups import systemd_units as units
from pyoci.errors import CgroupError


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("system.slice:docker:abc", ("system.slice", "docker-abc.scope")),
        ("machine.slice:libpod:abc", ("machine.slice", "libpod-abc.scope")),
        (":runc:abc", ("system.slice", "runc-abc.scope")),
        ("system.slice::abc", ("system.slice", "abc.scope")),
        ("a-b.slice:x:own.slice", ("a-b.slice", "own.slice")),
        ("-.slice:p:n", ("-.slice", "p-n.scope")),
        (None, ("system.slice", "pyoci-c1.scope")),
        ("", ("system.slice", "pyoci-c1.scope")),
    ],
)
def test_the_path_is_slice_prefix_name(path: str | None, expected: tuple[str, str]) -> None:
    assert units.parse(path, "c1", user=False) == expected


def test_a_users_containers_lie_in_the_users_slice() -> None:
    assert units.parse(":p:n", "c1", user=True)[0] == "user.slice"


@pytest.mark.parametrize(
    "broken",
    ["/a/b", "a:b", "a.slice:b:c:d", "a.slice:b:", "a:b:c", "../x.slice:b:c", "a.slice:b:c/d", "a--b.slice:p:n",
     "-a.slice:p:n", "a.slice:p:" + "n" * 250],
)  # fmt: skip
def test_a_broken_path_is_refused(broken: str) -> None:
    with pytest.raises(CgroupError, match=r"cgroupsPath|slice") as refusal:
        units.parse(broken, "c1", user=False)
    assert broken in str(refusal.value) or "a dash names a parent" in str(refusal.value)


@pytest.mark.parametrize(
    ("path", "container_id", "words"),
    [
        ("a:b", "c1", "/linux/cgroupsPath: 'a:b' must have the form SLICE:PREFIX:NAME with --systemd-cgroup"),
        ("a.slice:b:", "c1", "/linux/cgroupsPath: 'a.slice:b:' has an empty NAME"),
        ("a:b:c", "c1", "/linux/cgroupsPath: 'a:b:c': 'a' is not the name of a slice unit ("),
        ("a.slice:b:c/d", "c1", "/linux/cgroupsPath: 'a.slice:b:c/d': 'b-c/d.scope' is not the name of a scope unit ("),
        (None, "c/1", "container id 'c/1': 'pyoci-c/1.scope' is not the name of a scope unit ("),
    ],
)
def test_a_refusal_names_the_value_and_the_kind_of_unit(path: str | None, container_id: str, words: str) -> None:
    with pytest.raises(CgroupError) as refusal:
        units.parse(path, container_id, user=False)
    assert str(refusal.value).startswith(words)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("-.slice", ""),
        ("system.slice", "/system.slice"),
        ("a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice"),
    ],
)
def test_dashes_in_a_slice_name_its_parents(name: str, path: str) -> None:
    assert units.expand_slice(name) == path


def test_properties_for_v2() -> None:
    resources: dict[str, Any] = {
        "memory": {"limit": 1000, "swap": 3000, "reservation": -1},
        "cpu": {"shares": 1024, "quota": 25000, "period": 50000, "cpus": "0,2-3"},
        "pids": {"limit": -1},
        "blockIO": {"weight": 1000},
        "unified": {"memory.high": "77", "cpu.max": "max 20000", "io.max": "8:0 rbps=1"},
    }
    assert dict(units.properties(resources_v2.plan(resources, {}), True, {})) == {
        "MemoryMax": ("t", 1000),
        "MemoryLow": ("t", units.INFINITY),
        "MemorySwapMax": ("t", 2000),
        "CPUWeight": ("t", 100),
        "CPUQuotaPerSecUSec": ("t", units.INFINITY),
        "CPUQuotaPeriodUSec": ("t", 50000),
        "AllowedCPUs": ("ay", b"\x0d"),
        "TasksMax": ("t", units.INFINITY),
        "IOWeight": ("t", 10000),
        "MemoryHigh": ("t", 77),
    }


def test_properties_for_v1() -> None:
    resources = {"memory": {"limit": -1}, "cpu": {"shares": 512}, "blockIO": {"weight": 10}, "pids": {"limit": 5}}
    assert units.properties(resources_v1.plan(resources), False, {}) == [
        ("MemoryLimit", ("t", units.INFINITY)),
        ("CPUShares", ("t", 512)),
        ("TasksMax", ("t", 5)),
        ("BlockIOWeight", ("t", 10)),
    ]


@pytest.mark.parametrize(
    ("cpu", "in_force", "quota"),
    [
        ({"period": 50000}, {}, (-1, 100000)),
        ({"quota": 50000}, {}, (50000, 100000)),
        ({"quota": 50000}, {"cpu.cfs_quota_us": "1000", "cpu.cfs_period_us": "50000"}, (50000, 50000)),
        ({"period": 50000}, {"cpu.cfs_quota_us": "1000", "cpu.cfs_period_us": "100000"}, (1000, 50000)),
    ],
)
def test_of_quota_and_period_of_v1_the_one_that_stays_is_the_one_in_force(
    cpu: dict[str, int], in_force: dict[str, str], quota: tuple[int, int]
) -> None:
    assert units.properties(resources_v1.plan({"cpu": cpu}), False, in_force) == units.quota(*quota)


@pytest.mark.parametrize("name", ["cpus", "mems"])
def test_a_list_that_systemd_cannot_get_is_refused_by_its_property(name: str) -> None:
    with pytest.raises(CgroupError, match=rf"^cpu\.{name}: 'x' must be a list such as 0-3,7$"):
        units.properties(resources_v2.plan({"cpu": {name: "x"}}, {}), True, {})


@pytest.mark.parametrize(
    ("microseconds", "period", "in_second"),
    [
        (100000, 100000, 1_000_000),
        (25000, 50000, 500_000),
        (1000, 300000, 10_000),
        (0, 100000, 0),
        (33333, 100000, 340_000),
        (700_000_000_000, 3, 233_333_333_333_340_000),  # beyond what a float holds
    ],
)
def test_a_quota_is_rounded_up_to_whole_per_cents(microseconds: int, period: int, in_second: int) -> None:
    assert units.quota(microseconds, period)[0] == ("CPUQuotaPerSecUSec", ("t", in_second))


@pytest.mark.parametrize(
    ("text", "per_second"),
    [("max 100000", units.INFINITY), ("max", units.INFINITY), ("5000 10000", 500_000), ("100000", 1_000_000)],
)
def test_cpu_max_as_a_quota(text: str, per_second: int) -> None:
    batches = resources_v2.plan({"unified": {"cpu.max": text}}, {})
    assert dict(units.properties(batches, True, {}))["CPUQuotaPerSecUSec"] == ("t", per_second)


@pytest.mark.parametrize("text", ["", "-5 10000", "abc", "+5", "\u0665 10000", "min 10000"])
def test_a_quota_that_only_the_kernel_understands_is_left_to_it(text: str) -> None:
    batches = resources_v2.plan({"unified": {"cpu.max": text}}, {})
    assert units.properties(batches, True, {}) == []


@pytest.mark.parametrize(
    ("text", "mask"), [("0", b"\x01"), ("7", b"\x80\x00"), ("8", b"\x00\x01"), ("1-2,9", b"\x06\x02")]
)
def test_a_list_of_cpus_as_a_mask(text: str, mask: bytes) -> None:
    assert units.cpu_mask(text, "cpu.cpus").rstrip(b"\0") == mask.rstrip(b"\0")


@pytest.mark.parametrize("text", ["x", "3-1", "1-", "-1", "99999"])
def test_no_list_of_cpus(text: str) -> None:
    with pytest.raises(CgroupError, match=r"cpu.cpus"):
        units.cpu_mask(text, "cpu.cpus")


class Ended:
    """The manager of a unit that is in `state`; it does not answer when that is None."""

    def __init__(self, state: str | None) -> None:
        self.state = state

    def __enter__(self) -> Ended:
        return self

    def __exit__(self, *_exception: object) -> None:
        pass

    def call(self, *_words: object) -> tuple[str]:
        if self.state is None:
            raise CgroupError("no answer")
        return ("/unit",)

    def property(self, *_words: object) -> str | None:
        return self.state


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("failed", "start x.scope in system.slice: it is failed by now (annotations set RuntimeMaxUSec)"),
        ("", "start x.scope in system.slice: it is gone by now (annotations set RuntimeMaxUSec)"),
        ("active", "write to pids.max: refused"),
        (None, "write to pids.max: refused"),
    ],
)
def test_a_unit_that_ends_while_it_is_made_is_why(
    monkeypatch: pytest.MonkeyPatch, state: str | None, words: str
) -> None:
    class Inner:
        def create(self, _owner: object) -> None:
            raise CgroupError("write to pids.max: refused")

    monkeypatch.setattr(systemd, "_manager", lambda _user: Ended(state))
    monkeypatch.setattr(systemd.SystemdCgroup, "_start", lambda *_: None)
    asked: list[units.Property] = [("RuntimeMaxUSec", ("t", 1)), ("TasksMax", ("t", 1))]
    group = systemd.SystemdCgroup(cast(Any, Inner()), "x.scope", "system.slice", False, asked=asked)
    with pytest.raises(CgroupError) as raised:
        group.create(None).add(7)
    assert str(raised.value) == words
