"""linux.intelRdt through the program, in a file system like the kernel's resctrl (helpers/resctrl_mount.py)."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers import cgroup_files
from helpers.bundle import Bundle
from helpers.checkpoint import Case
from helpers.fake_criu import FakeCriu
from helpers.resctrl_mount import Refused, Resctrl, mounted, program
from helpers.runtime import TIME_LIMIT, Container, Runtime, until

pytestmark = pytest.mark.beyond_runc("the fake has no more than the specification asks for")

DEFAULT = "MB:0= 100;1= 100 L3:0=7ff;1=7ff"


@pytest.fixture
def tree(scratch: Path) -> Iterator[Resctrl]:
    place, tree = scratch / "resctrl", Resctrl()
    place.mkdir()
    try:
        with mounted(place, tree):
            yield tree
    except FileNotFoundError as error:
        pytest.skip(f"no FUSE here: {error}")


@pytest.fixture
def runtime(tree: Resctrl, scratch: Path, runtime: Runtime) -> Runtime:
    """The runtime under test; `tree` is mounted before it, and unmounted when its containers are gone."""
    del tree
    runtime.command = program(scratch, runtime.command)
    return runtime


def schemata(tree: Resctrl, group: str) -> str:
    text = (tree.groups[group].node.children or {})["schemata"].read()
    return " ".join(line.strip() for line in text.splitlines())


def lines(tree: Resctrl) -> list[tuple[str, str]]:
    """What was written to files named schemata."""
    return [(path.rpartition("/")[0], text) for path, text in tree.written if path.endswith("schemata")]


def asleep(bundle: Bundle) -> Bundle:
    bundle.sleeps()
    return bundle


def asks(bundle: Bundle, **values: Any) -> Bundle:
    bundle.linux["intelRdt"] = {name: value for name, value in values.items() if value != ""}
    return bundle


@contextmanager
def another(container: Container) -> Iterator[int]:
    """A process that `exec` has made, in the foreground: pyoci reaps it."""
    file = container.runtime.place / "exec-pid"
    process = container.runtime.quietly("exec", "--pid-file", str(file), container.id, "sleep", "1000")
    yield int(until(lambda: file.exists() and file.read_text(), "the pid file"))
    container.delete("--force")
    assert process.wait(TIME_LIMIT) == 137


def test_without_it_no_resctrl_is_touched(runtime: Runtime, bundle: Bundle, tree: Resctrl) -> None:
    calls: list[str] = []
    tree.before = lambda call, path, _pid: calls.append(f"{call} {path}")
    runtime.start(asleep(bundle)).delete("--force")
    assert calls == []
    assert not tree.tasks


def test_the_containers_own_group_from_create_to_delete(runtime: Runtime, bundle: Bundle, tree: Resctrl) -> None:
    asks(asleep(bundle), l3CacheSchema="L3:0=7", memBwSchema="MB:1=20", schemata=["L3:1=3", "MB:0=50"])
    container = runtime.create(bundle)
    assert tree.controls() == [container.id]
    assert tree.members(container.id) == [container.pid]
    assert [text for _, text in lines(tree)] == ["L3:0=7\n", "MB:1=20\n", "L3:1=3\n", "MB:0=50\n"]
    assert {path for path, _ in lines(tree)} == {container.id}
    container.start()
    with another(container) as pid:
        assert tree.members(container.id) == [container.pid, pid]
    assert tree.controls() == []


def test_a_container_that_has_stopped_keeps_its_group_until_delete(
    runtime: Runtime, bundle: Bundle, tree: Resctrl
) -> None:
    container = runtime.start(asks(asleep(bundle)))
    container.kill("KILL")
    container.wait()
    assert tree.controls() == [container.id]
    container.delete()
    assert tree.controls() == []


def test_without_schemata_none_are_written(runtime: Runtime, bundle: Bundle, tree: Resctrl) -> None:
    container = runtime.create(asks(bundle))
    assert lines(tree) == []
    assert schemata(tree, container.id) == DEFAULT


def test_run_removes_the_group_at_its_end(runtime: Runtime, bundle: Bundle, tree: Resctrl) -> None:
    seen: list[list[str]] = []
    tree.before = lambda _call, _path, _pid: seen.append(tree.controls())
    assert runtime.run(asks(bundle, schemata=["L3:0=1"])).status == 0
    assert any(seen)
    assert tree.controls() == []


def test_a_group_that_closid_names_is_made_shared_and_left(
    runtime: Runtime, new_bundle: Callable[[], Bundle], tree: Resctrl
) -> None:
    first = runtime.create(asks(new_bundle(), closID="gold", l3CacheSchema="L3:0=7"))
    second = runtime.create(asks(new_bundle(), closID="gold", l3CacheSchema="L3:0=007"))
    third = runtime.create(asks(new_bundle(), closID="gold"))
    assert tree.members("gold") == [first.pid, second.pid, third.pid]
    assert len(lines(tree)) == 1
    for schema in ("L3:0=3", "MB:0=20", "L3:9=7", "L2:0=7"):
        assert "the schemata of" in runtime.refuses(asks(new_bundle(), closID="gold", schemata=[schema]))
    for container in (first, second, third):
        container.delete("--force")
    assert tree.controls() == ["gold"]
    assert schemata(tree, "gold") == "MB:0= 100;1= 100 L3:0=007;1=7ff"


def test_a_group_that_closid_names_alone_must_be_there(runtime: Runtime, bundle: Bundle, tree: Resctrl) -> None:
    words = runtime.refuses(asks(bundle, closID="gold"))
    assert "/linux/intelRdt/closID" in words
    assert "gold does not exist" in words
    assert tree.controls() == []


def test_the_default_class(runtime: Runtime, bundle: Bundle, tree: Resctrl) -> None:
    container = runtime.create(asks(bundle, closID="/", schemata=["L3:0=7ff;1=7ff"]))
    assert tree.members("") == [container.pid]
    assert tree.controls() == []
    container.delete("--force")
    assert lines(tree) == []


@pytest.mark.parametrize("name", ["info", "mon_groups", "mon_data", "..", "a/b", "a\nb"])
def test_a_closid_that_is_no_group(runtime: Runtime, bundle: Bundle, tree: Resctrl, name: str) -> None:
    for given in ({"closID": name}, {"closID": name, "schemata": ["L3:0=7"]}):
        assert "intelRdt" in runtime.refuses(asks(bundle, **given))
        assert not cgroup_files.every(bundle.cgroups_path)
    assert tree.controls() == []


@pytest.mark.parametrize("clos", ["", "gold", "/"])
def test_monitoring(runtime: Runtime, bundle: Bundle, tree: Resctrl, clos: str) -> None:
    if clos == "gold":
        tree.make(tree.groups[""].node, "gold")
    container = runtime.create(asks(asleep(bundle), closID=clos, enableMonitoring=True))
    control = {"": container.id, "/": ""}.get(clos, clos)
    monitoring = f"{control}/mon_groups/{container.id}".lstrip("/")
    assert tree.below(control) == [container.id]
    assert tree.members(monitoring) == [container.pid]
    container.start()
    with another(container) as pid:
        assert tree.members(monitoring) == tree.members(control) == [container.pid, pid]
    assert tree.controls() == (["gold"] if clos == "gold" else [])
    assert not any(group.control for group in tree.groups.values())


@pytest.mark.parametrize("limit", ["closids", "rmids"])
@pytest.mark.parametrize("clos", ["", "gold"])
def test_no_more_groups(runtime: Runtime, bundle: Bundle, tree: Resctrl, limit: str, clos: str) -> None:
    tree.closids, tree.rmids = (0, 4) if limit == "closids" else (4, 1)
    words = runtime.refuses(asks(bundle, closID=clos, schemata=["L3:0=7"], enableMonitoring=True))
    assert "no space left on device" in words
    assert "no more classes of service, or monitoring IDs" in words
    assert tree.controls() == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("L3:0=5", "non-consecutive 1-bits"),
        ("L3:0=0", "Need at least 1 bits"),
        ("L3:0=fff", "Mask out of range"),
        ("L3:0=x", "Non-hex character in the mask x"),
        ("L2:0=1", "Unknown or unsupported resource name 'L2'"),
        ("MB:0=5", "MB value 5 out of range [10,100]"),
        ("MB:0=max", "Invalid MB value max"),
        ("L3:9=7", "invalid argument"),
        ("L3 0=7", "is not a line of schemata"),
        ("L3:", "is not a line of schemata"),
    ],
)
@pytest.mark.parametrize("clos", ["", "gold"])
def test_schemata_that_the_kernel_refuses(
    runtime: Runtime, bundle: Bundle, tree: Resctrl, line: str, why: str, clos: str
) -> None:
    words = runtime.refuses(asks(bundle, closID=clos, schemata=["L3:1=3", line]))
    assert why in words
    assert line in words
    assert tree.controls() == []
    assert not cgroup_files.every(bundle.cgroups_path)


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"memBwSchema": "L3:0=7"}, "/linux/intelRdt/memBwSchema"),
        ({"memBwSchema": "MB:0=20\nL3:0=7"}, "/linux/intelRdt/memBwSchema"),
        ({"schemata": ["L3:0=7\nMB:0=20"]}, "/linux/intelRdt/schemata/0"),
        ({"schemata": "L3:0=7"}, "/linux/intelRdt/schemata"),
        ({"enableMonitoring": "yes"}, "/linux/intelRdt/enableMonitoring"),
    ],
)
def test_values_that_the_specification_refuses(
    runtime: Runtime, bundle: Bundle, tree: Resctrl, given: dict[str, Any], where: str
) -> None:
    assert where in runtime.refuses(asks(bundle, **given))
    assert tree.controls() == []


def test_a_create_that_fails_later_leaves_no_group(runtime: Runtime, bundle: Bundle, tree: Resctrl) -> None:
    bundle.hook("createContainer", "exit 1")
    runtime.refuses(asks(bundle, schemata=["L3:0=7"], enableMonitoring=True))
    assert len(lines(tree)) == 1
    assert tree.controls() == []


STEPS = ("mkdir NAME", "write NAME/schemata", "write NAME/tasks", "mkdir MON", "write MON/tasks")


@pytest.mark.thorough
@pytest.mark.parametrize("moment", ["before it is done", "when it is done"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("clos", ["", "gold"])
def test_killed_at_each_step(
    runtime: Runtime, bundle: Bundle, tree: Resctrl, step: str, moment: str, clos: str
) -> None:
    """`delete --force` then removes the groups; one that closID names stays only with all its schemata."""
    name = runtime.new_id()
    group = clos or name
    at = step.replace("MON", f"{group}/mon_groups/{name}").replace("NAME", group)
    reached: list[str] = []

    def kill(call: str, path: str, pid: int) -> None:
        if f"{call} {path}" == at:
            tree.before = lambda _call, _path, _pid: None
            reached.append(at)
            os.kill(pid, signal.SIGKILL)
            if moment == "before it is done":
                raise Refused(4)

    tree.before = kill
    runtime.add(asks(bundle, closID=clos, schemata=["L3:0=7"], enableMonitoring=True), name)
    assert runtime.quietly("create", "--bundle", str(bundle.path), name).wait() == -signal.SIGKILL
    assert reached
    runtime.expect("delete", "--force", name)
    assert not any(one.control for one in tree.groups.values())
    whole = bool(clos) and "L3:0=007" in (schemata(tree, clos) if clos in tree.groups else "")
    assert tree.controls() == ([clos] if whole else [])
    tree.tasks.clear()
    runtime.create(bundle).delete("--force")  # nothing stands in the way of the next one
    assert not cgroup_files.every(bundle.cgroups_path)


def test_a_group_that_others_have_made_anew_is_spared(runtime: Runtime, bundle: Bundle, tree: Resctrl) -> None:
    container = runtime.create(asks(asleep(bundle)))
    root = tree.groups[""].node
    tree.remove(root, container.id)
    tree.make(root, container.id)
    assert "made again" in runtime.fails("update", "--l3-cache-schema", "L3:0=1", container.id)
    container.start()
    assert "made again" in container.exec("true").stderr
    container.delete("--force")
    assert tree.controls() == [container.id]


def test_a_group_of_the_containers_name_that_is_there(runtime: Runtime, bundle: Bundle, tree: Resctrl) -> None:
    name = runtime.add(asks(bundle))
    tree.make(tree.groups[""].node, name)
    assert "exists" in runtime.fails("create", "--bundle", str(bundle.path), name)
    runtime.expect("delete", "--force", name)
    assert tree.controls() == [name]


@pytest.fixture
def updated(runtime: Runtime, bundle: Bundle) -> Container:
    bundle.linux["resources"] = {**bundle.linux.get("resources", {}), "pids": {"limit": 50}}
    return runtime.create(asks(bundle, l3CacheSchema="L3:0=7"))


def pids_limit(bundle: Bundle) -> str:
    return cgroup_files.read(bundle.cgroups_path, "pids.max", "pids.max")


def test_update(runtime: Runtime, bundle: Bundle, tree: Resctrl, updated: Container) -> None:
    runtime.expect("update", "--l3-cache-schema", "L3:0=3;1=1", "--mem-bw-schema=MB:1=25", updated.id)
    assert schemata(tree, updated.id) == "MB:0= 100;1=  30 L3:0=003;1=001"
    runtime.expect("update", "--pids-limit", "60", "--mem-bw-schema", "MB:1=40", updated.id)
    assert schemata(tree, updated.id) == "MB:0= 100;1=  40 L3:0=003;1=001"
    assert pids_limit(bundle) == "60"
    document = runtime.place / "limits"
    document.write_text('{"pids": {"limit": 70}}')
    runtime.expect("update", "-r", str(document), "--pids-limit=80", "--mem-bw-schema", "MB:1=90", updated.id)
    assert schemata(tree, updated.id) == "MB:0= 100;1=  90 L3:0=003;1=001"
    assert pids_limit(bundle) == "70"
    runtime.expect("update", "--resources=", "--pids-limit=80", updated.id)
    assert pids_limit(bundle) == "80"


@pytest.mark.parametrize(
    "words",
    [
        ("--l3-cache-schema=L3:0=3", "--mem-bw-schema=MB:0=5"),
        ("--pids-limit=60", "--l3-cache-schema=L3:0=3;1=5"),
        ("--l3-cache-schema=L3:0=3", "--cpuset-cpus=99999"),
        ("--l3-cache-schema=MB:0=20",),
        ("--mem-bw-schema=L3:0=1",),
        ("--mem-bw-schema=MB:0=20\nL3:0=1",),
    ],
    ids=repr,
)
def test_an_update_that_is_refused_changes_nothing(
    runtime: Runtime, bundle: Bundle, tree: Resctrl, updated: Container, words: tuple[str, ...]
) -> None:
    before = schemata(tree, updated.id)
    runtime.fails("update", *words, updated.id)
    assert schemata(tree, updated.id) == before
    assert pids_limit(bundle) == "50"


def test_events(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.start(asks(asleep(bundle), l3CacheSchema="L3:0=7", enableMonitoring=True))
    event = json.loads(runtime.expect("events", "--stats", container.id).stdout)
    assert event["data"]["intel_rdt"] == {
        "l3_cache_info": {"cbm_mask": "7ff", "min_cbm_bits": 1, "num_closids": 5},
        "l3_cache_schema_root": "L3:0=7ff;1=7ff",
        "l3_cache_schema": "L3:0=007;1=7ff",
        "mem_bw_info": {"bandwidth_gran": 10, "min_bandwidth": 10, "delay_linear": 1},
        "mem_bw_schema_root": "MB:0=100;1=100",
        "mem_bw_schema": "MB:0=100;1=100",
        "mbm_stats": [{"mbm_total_bytes": 77}],
        "cmt_stats": [{"llc_occupancy": 4096}],
    }


@pytest.fixture
def case(runtime: Runtime, bundle: Bundle, scratch: Path) -> Case:
    made = Case(runtime, bundle, scratch, FakeCriu(scratch / "criu"))
    made.make_images()
    bundle.sleeps()
    return made


def test_restore_has_the_group_too(case: Case, tree: Resctrl) -> None:
    """criu itself is moved into the groups: what it forks is in them from its first moment."""
    asks(case.bundle, schemata=["L3:0=7"], enableMonitoring=True)
    name = case.restore()
    moved = {path: int(text) for path, text in tree.written if path.endswith("tasks")}
    assert list(moved) == [f"{name}/tasks", f"{name}/mon_groups/{name}/tasks"]
    assert len(set(moved.values())) == 1
    assert case.runtime.state(name)["pid"] > next(iter(moved.values()))
    assert schemata(tree, name) == "MB:0= 100;1= 100 L3:0=007;1=7ff"
    case.runtime.expect("update", "--mem-bw-schema", "MB:0=20", name)
    case.runtime.expect("delete", "--force", name)
    assert tree.controls() == []


def test_a_restore_that_fails_leaves_no_group(case: Case, tree: Resctrl) -> None:
    asks(case.bundle, schemata=["L3:0=7"], enableMonitoring=True)
    case.criu.does(restore="fail")
    case.restore_fails()
    assert len(lines(tree)) == 1
    assert tree.controls() == []
