"""`explain`: a plan as steps in their order, what is unsafe as findings, and both as words and as a document."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import golden
from helpers.command_line import pyoci
from jsonschema import Draft7Validator

from pyoci.explain import calls, findings, model, process_steps, steps, words
from pyoci.explain.model import LEVELS, STAGES, Explanation, Finding, Step
from pyoci.kernel import uapi
from pyoci.kernel.uapi import CAPABILITIES
from pyoci.plan import mounts as mount_plan
from pyoci.plan import seccomp as seccomp_plan
from pyoci.plan.build import build
from pyoci.plan.facts import Facts
from pyoci.plan.request import Request
from pyoci.record import Record
from pyoci.spec import template
from pyoci.wire.plan import Plan, Process

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "schemas/explain.json").read_text())
FACTS = Facts(uid=0, gid=0, capabilities=(1 << len(CAPABILITIES)) - 1, apparmor=True, selinux=True)
NOTHING_BUT: list[dict[str, Any]] = [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]
Edit = Callable[[dict[str, Any]], object]


def careful() -> dict[str, Any]:
    """A config in which nothing is found."""
    config = template.default("1.3.0")
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    linux = config["linux"]
    linux["seccomp"] = {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": NOTHING_BUT}
    linux["resources"] |= {"memory": {"limit": 64 << 20}, "pids": {"limit": 20}}
    return config


def planned(config: dict[str, Any]) -> Plan:
    return build(config, Request(container_id="x", bundle="/bundle"), FACTS)


def found(edit: Edit) -> list[tuple[str, str, str]]:
    """(rule, level, pointer) of what is found after `edit`."""
    config = careful()
    edit(config)
    made = findings.findings(config, planned(config), [])
    return [(finding.rule, finding.level, finding.pointer) for finding in made]


def bind(source: str, *options: str) -> Edit:
    return lambda config: config["mounts"].append(
        {"destination": "/mnt", "type": "none", "source": source, "options": ["bind", *options]}
    )


def without(kind: str) -> Edit:
    def edit(config: dict[str, Any]) -> None:
        linux = config["linux"]
        linux["namespaces"] = [entry for entry in linux["namespaces"] if entry["type"] != kind]

    return edit


def joining(kind: str, path: str) -> Edit:
    def edit(config: dict[str, Any]) -> None:
        for entry in config["linux"]["namespaces"]:
            if entry["type"] == kind:
                entry["path"] = path

    return edit


def capability(kind: str, name: str) -> Edit:
    return lambda config: config["process"]["capabilities"].setdefault(kind, []).append(name)


def device_rules(*rules: dict[str, Any]) -> Edit:
    return lambda config: config["linux"]["resources"].update(devices=list(rules))


def device(kind: str, major: int, minor: int) -> Edit:
    entry = {"path": "/dev/thing", "type": kind, "major": major, "minor": minor}
    return lambda config: config["linux"].update(devices=[entry])


def writable(destination: str) -> Edit:
    def edit(config: dict[str, Any]) -> None:
        for mount in config["mounts"]:
            if mount["destination"] == destination:
                mount["options"].remove("ro")

    return edit


def hook(kind: str) -> Edit:
    return lambda config: config.update(hooks={kind: [{"path": "/bin/true"}]})


def user_namespace(config: dict[str, Any]) -> None:
    config["linux"]["namespaces"].append({"type": "user"})
    for key in ("uidMappings", "gidMappings"):
        config["linux"][key] = [{"containerID": 0, "hostID": 1000, "size": 1}]


def filtered(default: str, *rules: dict[str, Any]) -> Edit:
    return lambda config: config["linux"].update(seccomp={"defaultAction": default, "syscalls": list(rules)})


def both(*edits: Edit) -> Edit:
    return lambda config: [edit(config) for edit in edits]


ALLOW_ALL = {"allow": True, "access": "rwm"}
FINDINGS: dict[str, tuple[Edit, list[tuple[str, str, str]]]] = {
    "nothing": (lambda _: None, []),
    "root": (bind("/"), [("host-root-bind", "high", "/mounts/7")]),
    "root, read-only": (bind("//", "ro"), [("host-root-bind", "high", "/mounts/7")]),
    "docker's socket": (bind("/var/run/docker.sock"), [("engine-socket-bind", "high", "/mounts/7")]),
    "a folder of sockets": (bind("/run/"), [("engine-socket-bind", "high", "/mounts/7")]),
    "another file in it": (bind("/run/app.sock"), []),
    "etc": (bind("/etc"), [("host-system-bind", "high", "/mounts/7")]),
    "etc, read-only": (bind("/etc", "ro"), [("host-system-bind-read-only", "medium", "/mounts/7")]),
    "etc, read-only below, too": (bind("/etc", "rro"), [("host-system-bind-read-only", "medium", "/mounts/7")]),
    "usr, read-only": (bind("/usr", "ro"), []),
    "below etc": (bind("/etc/localtime"), []),
    "srv": (bind("/srv"), []),
    "procfs": (bind("/proc", "ro"), [("host-kernel-bind", "high", "/mounts/7")]),
    "sysfs": (bind("/sys"), [("host-kernel-bind", "high", "/mounts/7")]),
    "sysfs, read-only": (bind("/sys", "ro"), []),
    "a device file": (bind("/dev/fuse"), []),
    "shared bind": (bind("/srv", "rshared"), [("shared-mount", "medium", "/mounts/7/options")]),
    "private in the end": (bind("/srv", "shared", "private"), []),
    "shared root": (
        lambda config: config["linux"].update(rootfsPropagation="shared"),
        [("shared-root", "medium", "/linux/rootfsPropagation")],
    ),
    "slave root": (lambda config: config["linux"].update(rootfsPropagation="slave"), []),
    "root user": (
        lambda config: config["process"]["user"].update(uid=0),
        [("host-root-user", "low", "/linux/namespaces")],
    ),
    "root of a user namespace": (both(user_namespace, lambda config: config["process"]["user"].update(uid=0)), []),
    "no mount namespace": (without("mount"), [("host-mount-namespace", "high", "/linux/namespaces")]),
    "no PID namespace": (without("pid"), [("host-pid-namespace", "medium", "/linux/namespaces")]),
    "no network namespace": (without("network"), [("host-network-namespace", "medium", "/linux/namespaces")]),
    "no IPC namespace": (without("ipc"), [("host-ipc-namespace", "medium", "/linux/namespaces")]),
    "no UTS namespace": (without("uts"), [("host-uts-namespace", "low", "/linux/namespaces")]),
    "no cgroup namespace": (without("cgroup"), [("host-cgroup-namespace", "low", "/linux/namespaces")]),
    "the host's namespace by its path": (
        joining("pid", "/proc/1/ns/pid"),
        [("joined-host-namespace", "medium", "/linux/namespaces/0/path")],
    ),
    "another's namespace": (joining("pid", "/proc/12/ns/pid"), []),
    "writable cgroup": (writable("/sys/fs/cgroup"), [("writable-cgroup", "medium", "/mounts/6/options")]),
    "delegated cgroup": (both(user_namespace, writable("/sys/fs/cgroup")), []),
    "writable sysfs": (writable("/sys"), [("writable-sysfs", "high", "/mounts/5/options")]),
    "writable sysfs of a user namespace": (both(user_namespace, writable("/sys")), []),
    "all devices": (device_rules(ALLOW_ALL), [("all-devices", "high", "/linux/resources/devices/0")]),
    "all devices, by numbers": (
        device_rules({"allow": True, "type": "a", "major": -1, "minor": -1}),
        [("all-devices", "high", "/linux/resources/devices/0")],
    ),
    "all devices, then none": (device_rules(ALLOW_ALL, {"allow": False}), []),
    "all devices, to make only": (device_rules({"allow": True, "access": "m"}), []),
    "a disk": (
        device_rules({"allow": True, "type": "b", "major": 8, "access": "r"}),
        [("block-device", "high", "/linux/resources/devices/0")],
    ),
    "a character device": (device_rules({"allow": True, "type": "c", "major": 10, "minor": 229}), []),
    "denied": (device_rules({"allow": False, "type": "b", "major": 8}), []),
    "a disk's node": (device("b", 8, 0), [("block-device", "high", "/linux/devices/0")]),
    "memory": (device("c", 1, 1), [("memory-device", "high", "/linux/devices/0")]),
    "kernel memory": (device("c", 1, 2), [("memory-device", "high", "/linux/devices/0")]),
    "I/O ports": (device("c", 1, 4), [("memory-device", "high", "/linux/devices/0")]),
    "null": (device("c", 1, 3), []),
    "the first minor of all": (device_rules({"allow": True, "type": "c", "major": -1, "minor": 0}), []),
    "cgroup2 as a file system": (
        lambda config: config["mounts"].append({"destination": "/cg", "type": "cgroup2", "source": "none"}),
        [("writable-cgroup", "medium", "/mounts/7/options")],
    ),
    "no mask": (
        lambda config: config["linux"].update(maskedPaths=[]),
        [("unmasked", "medium", "/linux/maskedPaths")],
    ),
    "a mask above": (lambda config: config["linux"].update(maskedPaths=["/proc", "/sys"]), []),
    "nothing read-only": (
        lambda config: config["linux"].update(readonlyPaths=[]),
        [("not-read-only", "medium", "/linux/readonlyPaths")],
    ),
    "no procfs, no sysfs": (
        both(
            lambda config: config.update(mounts=[]),
            lambda config: config["linux"].update(maskedPaths=[], readonlyPaths=[]),
        ),
        [],
    ),
    "no filter": (lambda config: config["linux"].pop("seccomp"), [("no-seccomp", "medium", "/linux/seccomp")]),
    "mount allowed": (
        filtered("SCMP_ACT_ERRNO", {"names": "unshare setns".split(), "action": "SCMP_ACT_ALLOW"}),
        [("seccomp-allows", "low", "/linux/seccomp")],
    ),
    "no no_new_privs": (
        lambda config: config["process"].update(noNewPrivileges=False),
        [("no-new-privileges-missing", "medium", "/process/noNewPrivileges")],
    ),
    "prestart hook": (hook("prestart"), [("host-hook", "low", "/hooks/prestart/0")]),
    "poststop hook": (hook("poststop"), [("host-hook", "low", "/hooks/poststop/0")]),
    "hook in the container": (hook("startContainer"), []),
    "no memory limit": (
        lambda config: config["linux"]["resources"].pop("memory"),
        [("no-memory-limit", "low", "/linux/resources/memory")],
    ),
    "memory limit of v2": (
        lambda config: config["linux"]["resources"].update(memory={}, unified={"memory.max": "1000"}),
        [],
    ),
    "unlimited memory": (
        lambda config: config["linux"]["resources"].update(memory={"limit": -1}),
        [("no-memory-limit", "low", "/linux/resources/memory")],
    ),
    "no process limit": (
        lambda config: config["linux"]["resources"].pop("pids"),
        [("no-pids-limit", "low", "/linux/resources/pids")],
    ),
    "spared": (
        lambda config: config["process"].update(oomScoreAdj=-1),
        [("spared-by-oom", "low", "/process/oomScoreAdj")],
    ),
    "not spared": (lambda config: config["process"].update(oomScoreAdj=0), []),
}


@pytest.mark.parametrize("name", FINDINGS)
def test_finding(name: str) -> None:
    edit, expected = FINDINGS[name]
    assert found(edit) == expected


@pytest.mark.parametrize("name", findings.CAPABILITY_REASONS)
@pytest.mark.parametrize("kind", ["bounding", "permitted", "inheritable"])
def test_capability_is_found_in_each_set(kind: str, name: str) -> None:
    assert found(capability(kind, name)) == [("capability", "high", "/process/capabilities")]
    assert found(both(user_namespace, capability(kind, name))) == []


def test_every_rule_is_shown_by_a_case() -> None:
    shown = {rule for _, expected in FINDINGS.values() for rule, _, _ in expected}
    assert shown | {"capability", "advice"} == set(findings.RULES)


def test_worst_comes_first() -> None:
    levels = [level for _, level, _ in found(both(without("uts"), without("pid"), bind("/")))]
    assert levels == ["high", "medium", "low"]


def test_warnings_are_findings() -> None:
    made = findings.findings(careful(), planned(careful()), ["/hooks/prestart: deprecated: do not", "no pointer"])
    assert [(finding.rule, finding.pointer, finding.message) for finding in made] == [
        ("advice", "/hooks/prestart", "deprecated: do not"),
        ("advice", "", "no pointer"),
    ]


def test_message_has_the_value_and_a_reason() -> None:
    made = findings.made("capability", "/process/capabilities", "CAP_SYS_MODULE")
    assert made.message == "CAP_SYS_MODULE without a user namespace"
    assert made.reason == "it loads code into the host's kernel"


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("threshold", LEVELS)
def test_level_reaches_threshold(level: str, threshold: str) -> None:
    order = {"low": 1, "medium": 2, "high": 3}
    assert model.reaches(level, threshold) == (order[level] >= order[threshold])


# -- system calls ----------------------------------------------------------------------------------------------------


def rule(action: str, *names: str, args: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"names": list(names), "action": f"SCMP_ACT_{action}"} | ({"args": args} if args else {})


ARGS = [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]
VERDICTS: dict[str, tuple[str, list[dict[str, Any]], str]] = {
    "by default": ("ERRNO", [], calls.DENIED),
    "allowed by default": ("ALLOW", [], calls.ALLOWED),
    "logged is allowed": ("LOG", [], calls.ALLOWED),
    "killed": ("KILL_PROCESS", [], calls.DENIED),
    "allowed by rule": ("ERRNO", [rule("ALLOW", "bpf")], calls.ALLOWED),
    "another's rule": ("ERRNO", [rule("ALLOW", "mount")], calls.DENIED),
    "denied by rule": ("ALLOW", [rule("ERRNO", "bpf")], calls.DENIED),
    "by arguments": ("ERRNO", [rule("ALLOW", "bpf", args=ARGS)], calls.PARTLY),
    "the same by arguments": ("ALLOW", [rule("LOG", "bpf", args=ARGS)], calls.ALLOWED),
    "both rules": ("ALLOW", [rule("ERRNO", "bpf"), rule("ALLOW", "bpf", args=ARGS)], calls.PARTLY),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_verdict_on_a_call(name: str) -> None:
    default, rules, expected = VERDICTS[name]
    plan = seccomp_plan.plan({"defaultAction": f"SCMP_ACT_{default}", "syscalls": rules})
    assert plan is not None
    assert calls.verdict(plan, "bpf") == expected


def test_agent_decides() -> None:
    rules = [rule("NOTIFY", "bpf")]
    plan = seccomp_plan.plan({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules, "listenerPath": "/run/a.sock"})
    assert plan is not None
    assert calls.verdict(plan, "bpf") == calls.PARTLY


@pytest.mark.parametrize(
    ("allowed", "state"),
    [([], calls.DENIED), (["unshare"], calls.PARTLY), (["unshare", "setns"], calls.ALLOWED)],
)
def test_state_of_a_group(allowed: list[str], state: str) -> None:
    plan = seccomp_plan.plan({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [rule("ALLOW", "read", *allowed)]})
    assert plan is not None
    group = {group.name: group for group in calls.groups(plan)}["make or join namespaces"]
    assert group.state == state


# -- steps -----------------------------------------------------------------------------------------------------------


def full() -> dict[str, Any]:
    """A config with something of everything."""
    config = careful()
    user_namespace(config)
    config["process"] |= {
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": (1 << 64) - 1}],
        "oomScoreAdj": 100,
        "apparmorProfile": "profile",
        "selinuxLabel": "label",
        "scheduler": {"policy": "SCHED_BATCH", "nice": 3},
        "ioPriority": {"class": "IOPRIO_CLASS_IDLE"},
        "args": ["sh", "-c", "it's"],
    }
    config["process"]["user"] |= {"umask": 0o22, "additionalGids": [5, 6]}
    config["process"]["capabilities"] |= {"inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]}
    config["domainname"] = "example"
    config["hooks"] = {
        kind: [{"path": f"/hooks/{kind}", "timeout": 3}]
        for kind in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
    }
    config["mounts"] += [
        {"destination": "/data", "source": "/srv", "type": "none", "options": ["rbind", "ro", "rslave", "idmap"]},
        {"destination": "/disk", "source": "/dev/sda1", "type": "ext4"},
        {"destination": "/copied", "source": "tmpfs", "type": "tmpfs", "options": ["tmpcopyup"]},
        {"destination": "/proc", "type": "none", "source": "none", "options": ["remount", "noexec"]},
        {"destination": "/srv", "type": "none", "source": "none", "options": ["rprivate"]},
    ]
    config["linux"] |= {
        "cgroupsPath": "/group",
        "devices": [
            {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o600, "uid": 1, "gid": 2},
            {"path": "/dev/pipe", "type": "p"},
        ],
        "namespaces": [*config["linux"]["namespaces"], {"type": "time"}],
        "timeOffsets": {"boottime": {"secs": 3, "nanosecs": 5}},
        "netDevices": {"eth1": {"name": "eth0"}},
        "sysctl": {"net.ipv4.ip_forward": "1"},
        "personality": {"domain": "LINUX32"},
        "intelRdt": {"closID": "gold", "schemata": ["L3:0=f", "MB:0=50"]},
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0"},
    }
    config["linux"]["namespaces"][1]["path"] = "/run/netns/x"
    config["linux"]["resources"] |= {
        "memory": {"limit": 64 << 20, "swappiness": 60},
        "unified": {"cpu.max": "1 2"},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}],
        "devices": [{"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"}],
    }
    return config


GOLDEN = Path(__file__).with_name("explain_full.txt")


def explanation(config: dict[str, Any], layout: str = "v1") -> Explanation:
    plan = planned(config)
    return Explanation(
        bundle="/bundle",
        oci_version="1.3.0",
        layout=layout,
        steps=steps.steps(config, plan, layout),
        findings=findings.findings(config, plan, plan.warnings),
    )


def test_golden_text() -> None:
    """All of it, in order."""
    golden.assert_golden(words.text(explanation(full()), 100), GOLDEN)


def test_every_action_of_seccomp_is_allowed_partly_allowed_or_denied() -> None:
    """One that nobody has thought of must not count as denied."""
    assert {*calls._STATES} == {*uapi.SECCOMP_RET}, "_STATES of explain/calls.py"
    assert {*seccomp_plan.ACTIONS.values()} == {*uapi.SECCOMP_RET.values()}, "SECCOMP_RET of kernel/uapi.py"


@pytest.mark.parametrize("option", [name for name, (_, is_set) in mount_plan._FLAGS.items() if is_set])
def test_a_flag_of_a_mount_that_takes_something_away_is_said(option: str) -> None:
    config = careful()
    config["mounts"] = [{"destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": [option]}]
    actions = [step.action for step in explanation(config).steps]
    config["mounts"][0]["options"] = []
    differs = actions != [step.action for step in explanation(config).steps]
    assert differs is ("atime" not in option), "_ATTRIBUTE_WORDS of explain/file_steps.py"


# Fields that explain says nothing of, and why.
UNSAID: dict[type[Record], dict[str, str]] = {
    Plan: {
        "container_id": "explain is told of a bundle, and not of a container",
        "bundle": "its head names it",
        "oci_version": "its head names it",
        "annotations": "the caller's; what they do is in other fields",
        "mount_label": "it is in the data of the mounts",
        "readiness": "a matter of the caller's environment (NOTIFY_SOCKET)",
        "warnings": "findings.findings has them as an argument",
    },
    Process: {
        "keep_groups": "a matter of the caller's groups",
        "console_size": "it says nothing on what the process may do",
        "cpu_affinity": "of exec only",
        "preserve_fds": "of the command line, and not of the config",
    },
}


@pytest.mark.parametrize("record", UNSAID)
def test_no_field_of_the_plan_is_left_unsaid(record: type[Record]) -> None:
    folder = Path(steps.__file__).parent
    text = "".join(file.read_text() for file in folder.glob("*.py"))
    silent = {field for field in record._defaults if not re.search(rf"\b(plan|process|program)\.{field}\b", text)}
    assert silent == {*UNSAID[record]}, (
        f"explain says nothing of these of {record.__name__} (or does by now): a step in pyoci/explain/*steps.py is "
        f"missing, or a reason in UNSAID: {silent ^ {*UNSAID[record]}}"
    )


@pytest.mark.parametrize("kind", uapi.NAMESPACE_FLAGS)
def test_each_type_of_namespace(kind: str) -> None:
    config = careful()
    config["linux"]["namespaces"] = [{"type": kind, "path": "/run/ns"}]
    plan = planned({**config, "linux": {**config["linux"], "namespaces": []}})
    assert kind in steps._OWN, "_OWN of explain/steps.py"
    joined, *_ = (step for step in steps.steps(config, plan, "v2") if step.stage == "namespaces")
    flag = joined.kernel.removeprefix("setns ")
    assert getattr(uapi, flag) == uapi.NAMESPACE_FLAGS[kind]
    config["linux"]["namespaces"] = [{"type": kind}]
    made, *_ = (step for step in steps.steps(config, plan, "v2") if step.stage == "namespaces")
    assert (made.kernel, made.action.startswith("its own ")) == (f"clone3 {flag}", True)


def test_stages_come_in_the_order_of_init() -> None:
    order = [*STAGES]
    places = [order.index(step.stage) for step in explanation(full()).steps]
    assert places == sorted(places)
    assert set(places) == set(range(len(order)))


@pytest.mark.parametrize("layout", ["v1", "v2"])
def test_every_pointer_leads_to_a_value(layout: str) -> None:
    config = full()
    config["linux"]["resources"]["memory"].pop("swappiness")
    for step in explanation(config, layout).steps:
        if not step.pointer:
            continue
        value: Any = config
        for part in step.pointer[1:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            value = value[int(key)] if isinstance(value, list) else value[key]
        assert value is not None


@pytest.mark.parametrize(
    ("layout", "kernel"),
    [("v1", ["memory.limit_in_bytes = 67108864", "pids.max = 20"]), ("v2", ["pids.max = 20", "memory.max = 67108864"])],
)
def test_limits_are_those_of_the_layout(layout: str, kernel: list[str]) -> None:
    told = [step.kernel for step in explanation(careful(), layout).steps]
    assert [line for line in told if " = " in line] == kernel


def test_without_a_process() -> None:
    config = careful()
    del config["process"]
    made = explanation(config)
    assert made.steps[-1].action == "wait: the config has no process, so start fails"
    assert not [step for step in made.steps if step.stage == "process"]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (64 << 20, "64 MiB"),
        (3 << 30, "3 GiB"),
    ],
)
def test_size(count: int, text: str) -> None:
    assert steps.size(count) == text


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (0, "no capability"),
        (1, "1 of 41 capabilities: CHOWN"),
        ((1 << 41) - 1, "all capabilities"),
        ((1 << 41) - 3, "all capabilities except DAC_OVERRIDE"),
    ],
)
def test_capabilities_in_words(mask: int, text: str) -> None:
    assert process_steps.capability_words(mask) == text


# -- words -----------------------------------------------------------------------------------------------------------


def small(**fields: Any) -> Explanation:
    given: dict[str, Any] = {"bundle": "/b", "oci_version": "1.3.0", "layout": "v1", "steps": [], "findings": []}
    return Explanation(**given | fields)


def test_nothing_found_is_said() -> None:
    assert words.text(small(), 80).endswith("unsafe or surprising\n  nothing\n")


@pytest.mark.parametrize("color", [False, True])
def test_what_a_terminal_would_obey_is_shown(color: bool) -> None:
    """A bundle may come from anybody: its words must not move the cursor or set the title."""
    hostile = "a\033]0;title\007b\r\nc\u202e"
    made = small(
        bundle=hostile,
        oci_version=hostile,
        steps=[Step(stage="start", pointer=hostile, action=hostile, kernel=hostile)],
        findings=[Finding(rule="advice", level="low", pointer=hostile, message=hostile, reason=hostile)],
    )
    text = words.text(made, 80, color)
    assert "\033]" not in text
    assert not {"\007", "\r", "\u202e"} & set(text)
    assert "\\x1b]0;title\\x07b" in text


def test_width() -> None:
    assert words.wrapped("aa bb cc", 5) == ["aa bb", "cc"]
    assert words.wrapped("aaaaaaaa b", 3) == ["aaaaaaaa", "b"]


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("make", [careful, full])
@pytest.mark.parametrize("color", [False, True])
def test_text_fits_into_a_terminal(make: Callable[[], dict[str, Any]], width: int, color: bool) -> None:
    """A word that is longer than a line stays whole: it is there to be copied."""
    text = re.sub("\033\\[[0-9]*m", "", words.text(explanation(make()), width, color))
    for line in text.splitlines():
        margin = len(line) - len(line.lstrip())
        assert len(line) <= width or len(line) == margin + max(map(len, line.split())), line
    wide = words.text(explanation(make()), 1000)
    assert sorted(text.split()) == sorted(wide.split())


@pytest.mark.parametrize("make", [careful, full, lambda: template.rootless("1.3.0", 1000, 1000)])
def test_document_matches_its_schema(make: Callable[[], dict[str, Any]]) -> None:
    document = json.loads(json.dumps(words.document(explanation(make()))))
    Draft7Validator(SCHEMA).validate(document)
    assert SCHEMA["properties"]["steps"]["items"]["properties"]["stage"]["enum"] == [*STAGES]
    assert SCHEMA["properties"]["findings"]["items"]["properties"]["level"]["enum"] == [*LEVELS]


# -- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(careful()))
    return tmp_path


def test_command_for_a_person(bundle: Path) -> None:
    result = pyoci("explain", str(bundle))
    assert (result.returncode, result.stderr) == (0, "")
    assert "unsafe or surprising\n  nothing\n" in result.stdout
    assert "\033" not in result.stdout


def test_command_for_a_program(bundle: Path) -> None:
    result = pyoci("explain", "--json", cwd=bundle)
    assert result.returncode == 0
    document = json.loads(result.stdout)
    Draft7Validator(SCHEMA).validate(document)
    assert document["bundle"] == str(bundle)


@pytest.mark.parametrize("layout", ["v1", "v2"])
def test_command_for_another_layout(bundle: Path, layout: str) -> None:
    assert json.loads(pyoci("explain", "--json", "--cgroup", layout, str(bundle)).stdout)["layout"] == layout


@pytest.mark.parametrize(("level", "status"), [("low", 2), ("medium", 2), ("high", 0)])
def test_fail_on(bundle: Path, level: str, status: int) -> None:
    config = careful()
    config["process"]["noNewPrivileges"] = False
    (bundle / "config.json").write_text(json.dumps(config))
    result = pyoci("explain", "--fail-on", level, str(bundle))
    assert (result.returncode, result.stderr) == (status, "")
    assert "noNewPrivileges" in result.stdout


def test_broken_bundle_is_an_error(bundle: Path) -> None:
    config = careful()
    config["linux"]["namespaces"].append({"type": "pid"})
    (bundle / "config.json").write_text(json.dumps(config))
    result = pyoci("explain", "--fail-on", "high", str(bundle))
    assert result.returncode == 1
    assert "/linux/namespaces/6" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("words", [["--fail-on", "huge"], ["a", "b"], ["--cgroup", "v3"]])
def test_bad_command_line(words: list[str]) -> None:
    assert pyoci("explain", *words).returncode == 1
