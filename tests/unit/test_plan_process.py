"""`plan/process.py` and `plan/lsm.py`: each property of `process` and what the plan has of it."""

from __future__ import annotations

from typing import Any

import pytest

from pyoci.errors import ConfigError, UnsupportedError
from pyoci.plan import lsm
from pyoci.plan import process as process_plan
from pyoci.plan.facts import Facts
from pyoci.plan.request import Request
from pyoci.wire.plan import MemoryPolicy, Mount, Process, Scheduler

FACTS = Facts(uid=0, gid=0, capabilities=1 << 5, apparmor=True, selinux=True)
KILL = 1 << 5


def planned(
    linux: dict[str, Any] | None = None,
    facts: Facts = FACTS,
    user_namespace: bool = False,
    annotations: dict[str, str] | None = None,
    **properties: Any,
) -> Process:
    config = {"args": ["x"], "cwd": "/", **properties}
    request = Request(container_id="x", bundle="/b", preserve_fds=2, keyring="ring")
    made = process_plan.plan(config, linux or {}, request, facts, user_namespace, [], annotations)
    assert made is not None
    return made


def one(name: str, value: object, facts: Facts) -> Process:
    properties: dict[str, Any] = {name: value}
    return planned(facts=facts, **properties)


def test_what_it_is_without_anything() -> None:
    made = planned()
    assert (made.args, made.env, made.cwd) == (["x"], [], "/")
    assert (made.uid, made.gid, made.umask, made.additional_gids, made.keep_groups) == (0, 0, None, [], False)
    assert (made.terminal, made.console_size, made.no_new_privileges) == (False, None, False)
    assert (made.rlimits, made.oom_score_adj, made.scheduler, made.io_priority) == ([], None, None, None)
    assert (made.cpu_affinity, made.seccomp, made.apparmor_profile, made.selinux_label) == (None, None, "", "")
    assert (made.preserve_fds, made.keyring) == (2, "ring")


@pytest.mark.parametrize("config", [None, {}])
def test_none(config: dict[str, Any] | None) -> None:
    request = Request(container_id="x", bundle="/b")
    assert process_plan.plan(config, {}, request, FACTS, False, []) is None


TABLE: list[tuple[dict[str, Any], str, object]] = [
    ({"args": ["a", "b"]}, "args", ["a", "b"]),
    ({"cwd": "/c"}, "cwd", "/c"),
    ({"env": ["A=1", "B=2"]}, "env", ["A=1", "B=2"]),
    ({"env": ["A=1", "B=2", "A=3"]}, "env", ["B=2", "A=3"]),
    ({"env": ["A=1", "A"]}, "env", ["A"]),
    ({"user": {"uid": 5}}, "uid", 5),
    ({"user": {"gid": 6}}, "gid", 6),
    ({"user": {"umask": 0}}, "umask", 0),
    ({"user": {"umask": 63}}, "umask", 63),
    ({"user": {"additionalGids": [7, 8]}}, "additional_gids", [7, 8]),
    ({"terminal": True}, "terminal", True),
    ({"terminal": True, "consoleSize": {"height": 5, "width": 6}}, "console_size", (5, 6)),
    ({"terminal": True, "consoleSize": {"height": 5}}, "console_size", (5, 0)),
    ({"terminal": True, "consoleSize": {"width": 6}}, "console_size", (0, 6)),
    ({"consoleSize": {"height": 5, "width": 6}}, "console_size", None),
    ({"noNewPrivileges": True}, "no_new_privileges", True),
    ({"oomScoreAdj": 0}, "oom_score_adj", 0),
    ({"oomScoreAdj": -5}, "oom_score_adj", -5),
    ({"apparmorProfile": "p"}, "apparmor_profile", "p"),
    ({"selinuxLabel": "l"}, "selinux_label", "l"),
    ({"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}]}, "rlimits", [("RLIMIT_NOFILE", 7, 1, 2)]),
    ({"ioPriority": {"class": "IOPRIO_CLASS_RT", "priority": 3}}, "io_priority",
     (1, 3, "class=IOPRIO_CLASS_RT priority=3")),
    ({"ioPriority": {"class": "IOPRIO_CLASS_BE"}}, "io_priority", (2, 0, "class=IOPRIO_CLASS_BE priority=0")),
    ({"ioPriority": {"class": "IOPRIO_CLASS_IDLE"}}, "io_priority", (3, 0, "class=IOPRIO_CLASS_IDLE priority=0")),
    ({"execCPUAffinity": {"initial": "0-2,5", "final": ""}}, "cpu_affinity", ("0,1,2,5", "")),
    ({"execCPUAffinity": {"final": " 1 , 2 "}}, "cpu_affinity", ("", "1,2")),
]  # fmt: skip


@pytest.mark.parametrize(("properties", "field", "expected"), TABLE, ids=[str(row[0])[:50] for row in TABLE])
def test_property(properties: dict[str, Any], field: str, expected: object) -> None:
    made = planned(**properties)
    assert getattr(made, field) == expected
    bare = planned()
    others = {name for name in Process._defaults if getattr(made, name) != getattr(bare, name)}
    assert others <= {field, "terminal"}


@pytest.mark.parametrize(
    ("policy", "number"),
    [("SCHED_OTHER", 0), ("SCHED_FIFO", 1), ("SCHED_RR", 2), ("SCHED_BATCH", 3), ("SCHED_IDLE", 5),
     ("SCHED_DEADLINE", 6)],
)  # fmt: skip
def test_scheduler(policy: str, number: int) -> None:
    given = {"policy": policy, "nice": 1, "priority": 2, "runtime": 3, "deadline": 4, "period": 5}
    made = planned(scheduler=given).scheduler
    assert made is not None
    words = made.words
    assert made == Scheduler(policy=number, flags=0, nice=1, priority=2, runtime=3, deadline=4, period=5, words=words)
    assert policy in words
    assert ("runtime=3 deadline=4 period=5" in words) == (policy == "SCHED_DEADLINE")


def test_a_scheduler_that_names_its_policy_only() -> None:
    made = planned(scheduler={"policy": "SCHED_OTHER"}).scheduler
    words = "policy=SCHED_OTHER priority=0 nice=0"
    assert made == Scheduler(policy=0, flags=0, nice=0, priority=0, runtime=0, deadline=0, period=0, words=words)
    deadline = planned(scheduler={"policy": "SCHED_DEADLINE"}).scheduler
    assert deadline is not None and "runtime=0 deadline=0 period=0" in deadline.words
    both = planned(scheduler={"policy": "SCHED_FIFO", "priority": 7, "nice": 3}).scheduler
    assert both is not None and both.words == "policy=SCHED_FIFO priority=7 nice=3"


@pytest.mark.parametrize(
    ("name", "bit"),
    [("RESET_ON_FORK", 1), ("RECLAIM", 2), ("DL_OVERRUN", 4), ("KEEP_POLICY", 8), ("KEEP_PARAMS", 16),
     ("UTIL_CLAMP_MIN", 32), ("UTIL_CLAMP_MAX", 64)],
)  # fmt: skip
def test_scheduler_flags(name: str, bit: int) -> None:
    made = planned(scheduler={"policy": "SCHED_OTHER", "flags": [f"SCHED_FLAG_{name}"]}).scheduler
    assert made is not None
    assert made.flags == bit
    both = planned(
        scheduler={"policy": "SCHED_OTHER", "flags": [f"SCHED_FLAG_{name}", "SCHED_FLAG_RESET_ON_FORK"]}
    ).scheduler
    assert both is not None
    assert both.flags == bit | 1


def test_a_policy_of_another_kernel() -> None:
    with pytest.raises(UnsupportedError, match="SCHED_ISO is not in this kernel"):
        planned(scheduler={"policy": "SCHED_ISO"})


def test_an_unknown_limit() -> None:
    with pytest.raises(ConfigError, match="/process/rlimits/1/type"):
        planned(rlimits=[{"type": kind, "soft": 1, "hard": 1} for kind in ("RLIMIT_CPU", "RLIMIT_X")])


def test_no_arguments() -> None:
    with pytest.raises(ConfigError, match="/process/args"):
        planned(args=[])


def test_capabilities_that_the_runtime_has() -> None:
    sets = {"permitted": ["CAP_KILL", "CAP_CHOWN"]}
    assert planned(capabilities=sets).capabilities.permitted == KILL
    assert planned(capabilities=sets, user_namespace=True).capabilities.permitted == KILL | 1


def test_descriptors_of_socket_activation() -> None:
    facts = Facts(uid=0, gid=0, capabilities=0, apparmor=False, selinux=False, listen_fds=3)
    made = planned(facts=facts, env=["LISTEN_PID=9", "A=1"])
    assert made.preserve_fds == 5
    assert made.env == ["LISTEN_PID=1", "A=1", "LISTEN_FDS=3"]


def test_a_filter_is_the_process_s() -> None:
    assert planned(linux={"seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}}).seccomp is not None


@pytest.mark.parametrize("value", ["1", "true"])
def test_groups_of_the_caller(value: str) -> None:
    """crun's annotation, which podman's --group-add keep-groups sets."""
    annotations = {"run.oci.keep_original_groups": value}
    assert planned(annotations=annotations).keep_groups
    with pytest.raises(ConfigError, match="additionalGids"):
        planned(annotations=annotations, user={"additionalGids": [5]})


def test_groups_of_the_caller_are_not_kept() -> None:
    assert not planned(annotations={"run.oci.keep_original_groups": "0", "x": "1"}).keep_groups


@pytest.mark.parametrize(("domain", "number"), [("LINUX", 0), ("LINUX32", 8)])
def test_personality(domain: str, number: int) -> None:
    assert process_plan.personality({"domain": domain}) == number
    assert process_plan.personality({}) is None
    with pytest.raises(UnsupportedError):
        process_plan.personality({"domain": domain, "flags": ["x"]})


@pytest.mark.parametrize(
    ("policy", "mode", "nodes"),
    [
        ({"mode": "MPOL_DEFAULT"}, 0, b""),
        ({"mode": "MPOL_PREFERRED", "nodes": "1"}, 1, b"\2" + bytes(7)),
        ({"mode": "MPOL_BIND", "nodes": "0,2"}, 2, b"\5" + bytes(7)),
        ({"mode": "MPOL_INTERLEAVE", "nodes": "64"}, 3, bytes(8) + b"\1" + bytes(7)),
        ({"mode": "MPOL_LOCAL"}, 4, b""),
        ({"mode": "MPOL_PREFERRED_MANY", "nodes": "0"}, 5, b"\1" + bytes(7)),
        ({"mode": "MPOL_WEIGHTED_INTERLEAVE", "nodes": "0"}, 6, b"\1" + bytes(7)),
        ({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_NUMA_BALANCING"]}, 2 | 1 << 13, b"\1" + bytes(7)),
        ({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_RELATIVE_NODES"]}, 2 | 1 << 14, b"\1" + bytes(7)),
        ({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}, 2 | 1 << 15, b"\1" + bytes(7)),
    ],
)
def test_memory_policy(policy: dict[str, Any], mode: int, nodes: bytes) -> None:
    made = process_plan.memory_policy(policy)
    words = f"mode={policy['mode']} nodes={policy.get('nodes', '')!r}"
    assert made == MemoryPolicy(mode=mode, nodemask=nodes, words=words)


@pytest.mark.parametrize("policy", [None, {}, {"nodes": "0"}])
def test_no_memory_policy(policy: Any) -> None:
    assert process_plan.memory_policy(policy) is None


def test_nodes_are_fewer_than_cpus() -> None:
    assert process_plan.memory_policy({"mode": "MPOL_BIND", "nodes": "1023"}) is not None
    with pytest.raises(ConfigError, match=r"^/linux/memoryPolicy/nodes: must be numbers and ranges below 1024"):
        process_plan.memory_policy({"mode": "MPOL_BIND", "nodes": "1024"})


def test_an_affinity_that_cannot_be_read_names_its_place() -> None:
    for key in ("initial", "final"):
        with pytest.raises(ConfigError, match=f"^/process/execCPUAffinity/{key}: .*'x'"):
            planned(execCPUAffinity={key: "x"})


def test_a_personality_without_a_domain_is_plain_linux() -> None:
    assert process_plan.personality({"flags": []}) == 0


@pytest.mark.parametrize("text", ["a", "1-", "-1", "2-1", "8192", "0-8192", "1--2", "٣"])
def test_lists_of_cpus_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError, match="/here"):
        process_plan.cpu_list(text, "/here")


class TestLabels:
    @pytest.mark.parametrize(("name", "module"), [("apparmorProfile", "AppArmor"), ("selinuxLabel", "SELinux")])
    def test_refused_where_the_kernel_has_none(self, name: str, module: str) -> None:
        facts = Facts(uid=0, gid=0, capabilities=0, apparmor=False, selinux=False)
        with pytest.raises(UnsupportedError, match=f"/process/{name}: 'p' cannot be applied: {module} is not enabled"):
            one(name, "p", facts)
        assert one(name, "", facts).apparmor_profile == ""

    def test_of_mounts(self) -> None:
        with pytest.raises(UnsupportedError, match="/linux/mountLabel"):
            lsm.mount_label({"mountLabel": "l"}, False)
        assert lsm.mount_label({"mountLabel": "l"}, True) == "l"
        assert lsm.mount_label({}, False) == ""

    def test_which_mounts_have_it(self) -> None:
        kinds = ["tmpfs", "proc", "sysfs", "cgroup", "cgroup2", "mqueue"]
        mounts = [Mount(kind="filesystem", destination="/", fstype=kind) for kind in kinds]
        mounts.append(Mount(kind="bind", destination="/b", source="/x"))
        lsm.label_mounts(mounts, "l", "rootcontext")
        assert [mount.data for mount in mounts] == [(("rootcontext", "l"),), (), (), (), (), (), ()]
        assert [mount.root_label for mount in mounts] == ["", "", "", "", "", "l", ""]

    def test_the_option_of_the_annotation(self) -> None:
        assert lsm.context_type({}) == "context"
        for word in ("context", "fscontext", "defcontext", "rootcontext"):
            assert lsm.context_type({"run.oci.mount_context_type": word}) == word
        with pytest.raises(ConfigError, match=r"run\.oci\.mount_context_type: must be one of "):
            lsm.context_type({"run.oci.mount_context_type": "x"})
