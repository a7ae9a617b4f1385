"""config-linux.md, "IntelRdt", rule by rule, in a resctrl tree that behaves as the kernel's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.fake_resctrl import FakeResctrl

from pyoci.cgroups import files, resctrl
from pyoci.cli import update as update_command
from pyoci.errors import CgroupError, UnsupportedError, UsageError
from pyoci.plan import intel_rdt

PID = 4242


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeResctrl:
    return FakeResctrl(tmp_path / "resctrl", monkeypatch)


def made(given: dict[str, Any], container_id: str = "c1") -> dict[str, Any]:
    wanted = intel_rdt.plan(given, container_id)
    assert wanted is not None
    return resctrl.join(wanted, resctrl.prepare(wanted), PID)


def test_not_set_means_not_touched() -> None:
    assert intel_rdt.plan(None, "c1") is None


@pytest.mark.parametrize(
    ("given", "group", "named"),
    [({}, "c1", False), ({"closID": "gold"}, "gold", True), ({"closID": "/"}, "", True), ({"closID": ""}, "c1", False)],
)
def test_which_group(given: dict[str, Any], group: str, named: bool) -> None:
    wanted = intel_rdt.plan(given, "c1")
    assert wanted is not None
    assert (wanted.group, wanted.named, wanted.schemata, wanted.monitoring) == (group, named, [], "")


def test_order_of_the_lines() -> None:
    given = {"schemata": ["L2:0=f", "", "L3:0=1"], "memBwSchema": "MB:0=20", "l3CacheSchema": "L3:0=7"}
    assert intel_rdt.lines(given) == ["L3:0=7", "MB:0=20", "L2:0=f", "L3:0=1"]


def test_without_closid_the_group_is_the_containers_and_goes_with_it(tree: FakeResctrl) -> None:
    saved = made({"l3CacheSchema": "L3:0=7", "memBwSchema": "MB:1=20", "schemata": ["L3:1=3"]})
    assert tree.groups() == ["c1"]
    assert tree.tasks("c1") == [str(PID)]
    assert [text for _, name, text in tree.written if name == "schemata"] == ["L3:0=7\n", "MB:1=20\n", "L3:1=3\n"]
    assert resctrl.parse((tree.root / "c1/schemata").read_text()) == {
        "MB": {"0": "100", "1": "20"},
        "L3": {"0": "7", "1": "3"},
    }
    resctrl.remove(saved)
    assert tree.groups() == []


def test_without_schemata_nothing_is_written_to_them(tree: FakeResctrl) -> None:
    made({})
    assert [name for _, name, _ in tree.written] == ["tasks"]


def test_a_group_of_that_name_that_is_there_is_not_the_containers(tree: FakeResctrl) -> None:
    tree.make(tree.root / "c1")
    with pytest.raises(CgroupError, match=r"/c1 exists"):
        made({})


def test_closid_with_schemata_makes_a_group_that_stays(tree: FakeResctrl) -> None:
    saved = made({"closID": "gold", "l3CacheSchema": "L3:0=7"})
    assert tree.tasks("gold") == [str(PID)]
    resctrl.remove(saved)
    assert tree.groups() == ["gold"]


@pytest.mark.parametrize("line", ["L3:0=007;1=7FF", "MB:0=100", "L3: 1 = 7ff"])
def test_a_group_that_is_there_with_the_same_schemata_is_joined(tree: FakeResctrl, line: str) -> None:
    made({"closID": "gold", "l3CacheSchema": "L3:0=7"})
    made({"closID": "gold", "schemata": [line]}, "c2")
    assert len(tree.tasks("gold")) == 2
    assert len([name for _, name, _ in tree.written if name == "schemata"]) == 1


@pytest.mark.parametrize("line", ["L3:0=3", "MB:0=20", "L3:5=7ff", "L2:0=f"])
def test_with_others_it_is_refused(tree: FakeResctrl, line: str) -> None:
    tree.make(tree.root / "gold")
    with pytest.raises(CgroupError, match=r"the schemata of .*/gold differ from"):
        made({"closID": "gold", "schemata": [line]})
    assert tree.tasks("gold") == []


def test_closid_without_schemata_must_be_there(tree: FakeResctrl) -> None:
    with pytest.raises(CgroupError, match=r"^/linux/intelRdt/closID: .*/gold does not exist"):
        made({"closID": "gold"})
    tree.make(tree.root / "gold")
    resctrl.remove(made({"closID": "gold"}))
    assert tree.groups() == ["gold"]
    assert tree.tasks("gold") == [str(PID)]


def test_the_root_is_the_default_class(tree: FakeResctrl) -> None:
    resctrl.remove(made({"closID": "/"}))
    assert tree.tasks("") == [str(PID)]


@pytest.mark.parametrize(("given", "group"), [({}, "c1"), ({"closID": "gold", "schemata": ["L3:0=7"]}, "gold")])
def test_monitoring_has_a_group_of_its_own(tree: FakeResctrl, given: dict[str, Any], group: str) -> None:
    saved = made({**given, "enableMonitoring": True})
    assert tree.monitors(group) == ["c1"]
    assert tree.tasks(f"{group}/mon_groups/c1") == [str(PID)]
    resctrl.add(saved, PID + 1)
    assert tree.tasks(f"{group}/mon_groups/c1") == tree.tasks(group) == [str(PID), str(PID + 1)]
    resctrl.remove(saved)
    assert tree.groups() == (["gold"] if group == "gold" else [])
    assert group != "gold" or tree.monitors("gold") == []


def test_too_many_monitoring_groups_are_an_error_that_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = FakeResctrl(tmp_path / "resctrl", monkeypatch, rmids=0)
    with pytest.raises(CgroupError, match="no space left"):
        made({"enableMonitoring": True})
    assert tree.groups() == []


def test_a_line_that_the_kernel_refuses_is_told_with_its_reason(tree: FakeResctrl) -> None:
    with pytest.raises(CgroupError, match=r"write 'L3:9=1' to .*/c1/schemata: .*Unknown domain 9$"):
        made({"schemata": ["L3:9=1"]})
    assert tree.groups() == []


@pytest.mark.parametrize("line", ["L3", "L3:", "L3:0", "L3:0=", ":0=1;", "x" * 5000])
def test_no_line_of_schemata(tree: FakeResctrl, line: str) -> None:
    with pytest.raises(CgroupError, match="is not a line of schemata") as raised:
        made({"schemata": [line]})
    assert len(str(raised.value)) < 400
    assert tree.groups() == []


def test_only_what_was_made_is_removed(tree: FakeResctrl) -> None:
    """The group was removed, and another one made of that name: by its number it is not the container's."""
    saved = made({"enableMonitoring": True})
    tree._rmdir(str(tree.root / "c1"))
    (tree.root / "keeps-the-number").mkdir()
    tree.make(tree.root / "c1")
    if (tree.root / "c1").stat().st_ino == saved["inode"]:
        pytest.skip("this file system gives numbers again, unlike resctrl")
    resctrl.remove(saved)
    assert "c1" in tree.groups()
    with pytest.raises(CgroupError, match="made again"):
        resctrl.update(saved, ["L3:0=1"])
    with pytest.raises(CgroupError, match="made again"):
        resctrl.add(saved, PID)


def test_before_it_was_made_nothing_is_removed(tree: FakeResctrl) -> None:
    wanted = intel_rdt.plan({}, "c1")
    assert wanted is not None
    saved = resctrl.prepare(wanted)
    tree.make(tree.root / "c1")
    resctrl.remove(saved)
    assert tree.groups() == ["c1"]


def test_update(tree: FakeResctrl) -> None:
    saved = made({"l3CacheSchema": "L3:0=7"})
    resctrl.update(saved, ["L3:0=3", "MB:0=30"])
    assert resctrl.parse((tree.root / "c1/schemata").read_text())["MB"]["0"] == "30"
    given = dict.fromkeys(("l3-cache-schema", "mem-bw-schema"))
    assert update_command.schemata(given) == []
    assert update_command.schemata({"mem-bw-schema": "MB:0=1", "l3-cache-schema": "L3:0=1"}) == ["L3:0=1", "MB:0=1"]
    for name, text in (("l3-cache-schema", "MB:0=1"), ("mem-bw-schema", "L3:0=1"), ("mem-bw-schema", "MB:0=1\nL3:0=1")):
        with pytest.raises(UsageError, match=f"--{name}"):
            update_command.schemata({**given, name: text})


@pytest.mark.usefixtures("tree")
def test_statistics() -> None:
    saved = made({"l3CacheSchema": "L3:0=7", "enableMonitoring": True})
    assert resctrl.stats(saved) == {
        "l3_cache_schema_root": "L3:0=7ff;1=7ff",
        "l3_cache_schema": "L3:0=7;1=7ff",
        "mem_bw_schema_root": "MB:0=100;1=100",
        "mem_bw_schema": "MB:0=100;1=100",
        "l3_cache_info": {"cbm_mask": "7ff", "min_cbm_bits": 1, "num_closids": 16},
        "mem_bw_info": {"min_bandwidth": 10},
        "mbm_stats": [{"mbm_total_bytes": 77}],
        "cmt_stats": [{"llc_occupancy": 4096}],
    }


def test_a_machine_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "read", lambda _path: "22 1 0:21 / /proc rw - proc proc rw\n")
    with pytest.raises(UnsupportedError, match=r"^/linux/intelRdt: no resctrl file system is mounted"):
        resctrl.mount_point()
    line = "40 23 0:40 / /sys/fs/resctrl rw,relatime - resctrl resctrl rw\n"
    monkeypatch.setattr(files, "read", lambda _path: line)
    assert resctrl.mount_point() == "/sys/fs/resctrl"
