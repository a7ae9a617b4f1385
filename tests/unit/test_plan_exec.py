"""`plan/exec.py`: the container's config and what exec is told become one process."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from helpers.schemas import SCHEMAS

from pyoci.errors import ConfigError, UsageError
from pyoci.plan import exec as exec_plan
from pyoci.plan import process as process_plan
from pyoci.plan.exec import Changes
from pyoci.plan.facts import Facts
from pyoci.plan.request import Request
from pyoci.wire.plan import ExecPlan, Plan, Process

FACTS = Facts(uid=0, gid=0, capabilities=(1 << 41) - 1, apparmor=True, selinux=True)
KILL, CHOWN = 1 << 5, 1 << 0
LONG = "x" * 100

# Each property of `process` with a value that is not the default one.
OWN: dict[str, Any] = {
    "args": ["/own"],
    "cwd": "/own",
    "env": ["OWN=1"],
    "user": {"uid": 1, "gid": 2, "umask": 7, "additionalGids": [3]},
    "terminal": True,
    "consoleSize": {"height": 5, "width": 6},
    "capabilities": {kind: ["CAP_KILL"] for kind in ("bounding", "effective", "permitted", "inheritable", "ambient")},
    "rlimits": [{"type": "RLIMIT_CORE", "soft": 1, "hard": 2}],
    "noNewPrivileges": True,
    "apparmorProfile": "own",
    "selinuxLabel": "own",
    "oomScoreAdj": 7,
    "scheduler": {"policy": "SCHED_BATCH", "nice": 5},
    "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 6},
    "execCPUAffinity": {"initial": "0", "final": "1"},
}


def changes(**words: Any) -> Changes:
    given: dict[str, Any] = {"args": [], "env": [], "additional_gids": [], "capabilities": []}
    return Changes(**given | words)


def planned(config: dict[str, Any], **words: Any) -> ExecPlan:
    return exec_plan.plan(config, changes(**words), Request(container_id="x", bundle="/b"), FACTS)


def document(own: dict[str, Any] | None = None, **words: Any) -> dict[str, Any]:
    config = {} if own is None else {"process": own}
    return exec_plan.process_document(config, changes(**words))


class TestCommandLine:
    def test_what_the_process_has_of_the_containers_own(self) -> None:
        made = document(OWN, args=["x"])
        assert made == OWN | {"args": ["x"], "terminal": False}

    @pytest.mark.parametrize(
        ("words", "name", "expected"),
        [
            ({"terminal": True}, "terminal", True),
            ({"cwd": "/x"}, "cwd", "/x"),
            ({"env": ["A=1", "B=2"]}, "env", ["OWN=1", "A=1", "B=2"]),
            ({"user": "9"}, "user", {"uid": 9, "gid": 2, "umask": 7, "additionalGids": [3]}),
            ({"user": "9:8"}, "user", {"uid": 9, "gid": 8, "umask": 7, "additionalGids": [3]}),
            ({"additional_gids": [4]}, "user", {"uid": 1, "gid": 2, "umask": 7, "additionalGids": [3, 4]}),
            ({"apparmor_profile": "x"}, "apparmorProfile", "x"),
            ({"selinux_label": "x"}, "selinuxLabel", "x"),
        ],
    )
    def test_what_it_changes(self, words: dict[str, Any], name: str, expected: object) -> None:
        assert document(OWN, args=["x"], **words)[name] == expected

    def test_the_containers_own_stays_as_it_is(self) -> None:
        own = {**OWN, "user": dict(OWN["user"])}
        document(own, args=["x"], user="5:5", additional_gids=[6], env=["B=1"], capabilities=["CAP_CHOWN"])
        assert own == OWN

    def test_no_new_privileges(self) -> None:
        own = {"args": ["/own"], "cwd": "/"}
        assert "noNewPrivileges" not in document(own, args=["x"])
        assert document(own, args=["x"], no_new_privileges=True)["noNewPrivileges"] is True
        assert document({**own, "noNewPrivileges": True}, args=["x"])["noNewPrivileges"] is True

    def test_no_new_privileges_taken_back_by_name(self) -> None:
        """`--no-new-privs=false`, as with runc."""
        assert (
            document({**OWN, "noNewPrivileges": True}, args=["x"], no_new_privileges=False)["noNewPrivileges"] is False
        )

    def test_a_container_without_a_process(self) -> None:
        assert document(None, args=["x"]) == {"args": ["x"], "cwd": "/", "env": [], "terminal": False}

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ({"args": ["x"], "env": ["A"]}, "option --env: must be NAME=value, not 'A'"),
            ({"args": ["x"], "env": ["=A"]}, "option --env: must be NAME=value, not '=A'"),
            ({"args": ["x"], "env": [LONG]}, f"option --env: must be NAME=value, not '{LONG[:80]}'"),
            ({"args": []}, "/args: "),
            ({"args": ["x"], "cwd": "relative"}, "option --cwd: must be an absolute path, not 'relative'"),
            ({"args": ["x"], "cwd": LONG}, f"option --cwd: must be an absolute path, not '{LONG[:80]}'"),
        ],
    )
    def test_what_is_refused(self, words: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError) as refusal:
            document(OWN, **words)
        assert str(refusal.value).startswith(message)

    @pytest.mark.parametrize("entry", ["A=", "A=B=C"])
    def test_a_variable_may_be_empty_or_have_the_sign_in_its_value(self, entry: str) -> None:
        assert document(OWN, args=["x"], env=[entry])["env"] == ["OWN=1", entry]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (LONG, f"--user: must be UID or UID:GID in numbers, not '{LONG[:80]}'"),
            ("5" * 100, f"--user: {'5' * 80} is greater than 4294967295, the greatest ID"),
        ],
    )
    def test_a_message_about_a_user_is_short(self, text: str, message: str) -> None:
        with pytest.raises(UsageError) as refusal:
            exec_plan.parse_user(text)
        assert str(refusal.value) == message

    def test_the_greatest_user(self) -> None:
        assert exec_plan.parse_user("4294967295:4294967294") == {"uid": 4294967295, "gid": 4294967294}

    @pytest.mark.parametrize(
        "text", ["root", "-1", "1:", ":1", "4294967296", "1:2:3", "٣", " 1", "1" * 5000, "00000000001"]
    )
    def test_user_is_a_number(self, text: str) -> None:
        with pytest.raises(UsageError, match="--user") as raised:
            document(OWN, args=["x"], user=text)
        assert len(str(raised.value)) < 200


class TestCapabilities:
    def test_bounding_effective_and_permitted(self) -> None:
        made = exec_plan.with_capabilities({}, ["CAP_KILL"])
        assert made == {kind: ["CAP_KILL"] for kind in ("bounding", "effective", "permitted")}

    def test_ambient_where_the_config_has_it_inheritable(self) -> None:
        sets = {"inheritable": ["CAP_KILL"], "ambient": ["CAP_CHOWN"], "permitted": ["CAP_CHOWN"]}
        made = exec_plan.with_capabilities(sets, ["CAP_KILL", "CAP_MKNOD"])
        assert made["ambient"] == ["CAP_CHOWN", "CAP_KILL"]
        assert made["inheritable"] == ["CAP_KILL"]
        assert made["permitted"] == ["CAP_CHOWN", "CAP_KILL", "CAP_MKNOD"]

    def test_of_a_user(self) -> None:
        own = {"args": ["x"], "cwd": "/", "capabilities": {"inheritable": ["CAP_KILL"]}}
        sets = planned({"process": own}, args=["x"], user="1000:1000", capabilities=["CAP_KILL"]).process.capabilities
        assert (sets.bounding, sets.effective, sets.permitted, sets.ambient) == (KILL, KILL, KILL, KILL)
        assert sets.inheritable == KILL

    def test_not_inheritable_on_its_own(self) -> None:
        own = {"args": ["x"], "cwd": "/", "capabilities": {}}
        sets = planned({"process": own}, args=["x"], capabilities=["CAP_CHOWN"]).process.capabilities
        assert (sets.permitted, sets.inheritable, sets.ambient) == (CHOWN, 0, 0)


class TestDocument:
    FILE: dict[str, Any] = {"args": ["x"], "cwd": "/x"}
    INHERITED = (
        "apparmorProfile capabilities execCPUAffinity ioPriority oomScoreAdj rlimits scheduler selinuxLabel"
    ).split()

    @pytest.mark.parametrize("name", sorted(OWN.keys() - {"args", "cwd"}))
    def test_each_property_it_does_not_name(self, name: str) -> None:
        made = document(OWN, document=self.FILE)
        others = {"user": {"uid": 0, "gid": 0, "umask": OWN["user"]["umask"]}}  # of the user only this
        assert made.get(name) == (OWN[name] if name in self.INHERITED else others.get(name)), (
            "INHERITED of this class and _INHERITED of plan/exec.py differ"
        )

    @pytest.mark.parametrize("name", INHERITED)
    def test_each_property_it_names(self, name: str) -> None:
        made = document({name: "other"}, document={**self.FILE, name: OWN[name]})
        assert made == {**self.FILE, name: OWN[name]}

    @pytest.mark.parametrize(("name", "empty"), [("apparmorProfile", ""), ("selinuxLabel", ""), ("rlimits", [])])
    def test_an_empty_value_is_none(self, name: str, empty: object) -> None:
        assert document({name: OWN[name]}, document={**self.FILE, name: empty})[name] == OWN[name]

    @pytest.mark.parametrize(
        ("user", "umask"), [(None, 0o77), ({"uid": 5, "gid": 5}, 0o77), ({"uid": 5, "gid": 5, "umask": 0}, 0)]
    )
    def test_the_umask_of_the_container(self, user: dict[str, int] | None, umask: int) -> None:
        config = {"process": {"cwd": "/", "user": {"uid": 9, "gid": 9, "umask": 0o77}}}
        document = {"args": ["x"], "cwd": "/", **({"user": user} if user else {})}
        process = planned(config, document=document).process
        assert (process.umask, process.uid) == (umask, user["uid"] if user else 0)

    def test_no_capabilities_are_none(self) -> None:
        assert document(OWN, document={**self.FILE, "capabilities": {}})["capabilities"] == {}

    @pytest.mark.parametrize("file", [{}, {"args": ["x"]}, {"args": [], "cwd": "/"}, {"args": "x", "cwd": "/"}])
    def test_what_is_refused(self, file: dict[str, Any]) -> None:
        with pytest.raises(ConfigError):
            document(OWN, document=file)

    def test_a_config_is_not_the_document_of_a_process(self) -> None:
        with pytest.raises(UsageError) as refusal:
            document(OWN, document={"ociVersion": "1.2.0" + LONG, **self.FILE})
        assert str(refusal.value) == (
            f"option --process: the file is a config.json (ociVersion '1.2.0{LONG[:15]}'); "
            "write its /process into a file of its own"
        )


class TestPlan:
    def test_all_of_it(self) -> None:
        """Every property of a process, and of `linux` what is a process's: each is in the plan."""
        linux = {
            "namespaces": [{"type": "pid"}, {"type": "mount", "path": "/x"}],
            "personality": {"domain": "LINUX32"},
            "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0"},
            "seccomp": {"defaultAction": "SCMP_ACT_ALLOW"},
            "resources": {"pids": {"limit": 3}},
        }
        plan = planned({"process": OWN, "linux": linux}, document=OWN)
        process = plan.process
        assert (process.args, process.cwd, process.env) == (["/own"], "/own", ["OWN=1"])
        assert (process.uid, process.gid, process.umask, process.additional_gids) == (1, 2, 7, [3])
        assert (process.terminal, process.console_size) == (True, (5, 6))
        sets = process.capabilities
        assert {sets.bounding, sets.effective, sets.permitted, sets.inheritable, sets.ambient} == {KILL}
        assert process.rlimits == [("RLIMIT_CORE", 4, 1, 2)]
        assert process.no_new_privileges
        assert (process.apparmor_profile, process.selinux_label, process.oom_score_adj) == ("own", "own", 7)
        assert process.scheduler is not None
        assert (process.scheduler.policy, process.scheduler.nice) == (3, 5)
        assert process.io_priority == (2, 6, "class=IOPRIO_CLASS_BE priority=6")
        assert process.cpu_affinity == ("0", "1")
        assert process.seccomp is not None
        assert process.keyring is not None
        default = {field for field, value in Process._defaults.items() if getattr(process, field) == value}
        assert default == {"keep_groups", "preserve_fds"}, "these of Process are of an annotation, and of an option"
        assert plan.namespaces == ["pid", "mount"]
        assert plan.personality == 8
        assert plan.memory_policy is not None
        assert (plan.memory_policy.mode, plan.memory_policy.nodemask) == (2, b"\1" + bytes(7))
        assert plan.pids_limited

    @pytest.mark.parametrize(
        ("user", "inheritable", "warned"),
        [("0", [], False), ("1000", [], True), ("1000", ["CAP_KILL"], False), ("0:5", [], False), ("5:0", [], True)],
    )
    def test_a_capability_that_the_user_does_not_get(self, user: str, inheritable: list[str], warned: bool) -> None:
        """runc warns of it, too: it cannot raise the ambient capability."""
        config = {"process": {"cwd": "/", "capabilities": {"inheritable": inheritable}}}
        plan = planned(config, args=["x"], user=user, capabilities=["CAP_KILL"])
        assert (
            plan.warnings
            == [
                f"--cap CAP_KILL: user {user.partition(':')[0]} does not get it,"
                " since it is not in /process/capabilities/inheritable of config.json"
            ]
            * warned
        )

    @pytest.mark.parametrize(
        ("name", "words"),
        [("CAP_KIL", "'CAP_KIL'; did you mean CAP_KILL?"), (LONG, f"'{LONG[:80]}'")],
    )
    def test_a_capability_that_the_kernel_does_not_have(self, name: str, words: str) -> None:
        plan = planned({"process": {"cwd": "/"}}, args=["x"], user="0", capabilities=[name, "CAP_KILL"])
        assert plan.warnings == [f"option --cap: ignoring unknown capability {words}"]
        assert plan.process.capabilities.permitted == KILL

    @pytest.mark.parametrize(
        ("resources", "limited"),
        [
            (None, False),
            ({}, False),
            ({"pids": {}}, False),
            ({"pids": {"limit": -1}}, False),
            ({"pids": {"limit": 1}}, True),
        ],
    )
    def test_whether_processes_are_limited(self, resources: Any, limited: bool) -> None:
        assert planned({"linux": {"resources": resources}}, args=["x"]).pids_limited is limited

    @pytest.mark.parametrize(
        ("capabilities", "kinds", "itself"),
        [((1 << 41) - 1, [], False), (~(1 << 24), [], True), (0, ["user"], False), (1 << 24, ["user"], False)],
    )
    def test_who_sets_the_limits(self, capabilities: int, kinds: list[str], itself: bool) -> None:
        """prlimit(2) on another user's process takes CAP_SYS_RESOURCE in its user namespace."""
        facts = Facts(uid=0, gid=0, capabilities=capabilities, apparmor=True, selinux=True)
        config = {"process": {"cwd": "/"}, "linux": {"namespaces": [{"type": kind} for kind in kinds]}}
        request = Request(container_id="x", bundle="/b")
        assert exec_plan.plan(config, changes(args=["x"]), request, facts).limits_itself is itself

    @pytest.mark.parametrize(
        ("namespaces", "has_root"),
        [
            ([], False),
            ([{"type": "pid"}], False),
            ([{"type": "mount"}], True),
            ([{"type": "mount", "path": "/x"}], False),
            ([{"type": "pid"}, {"type": "mount"}], True),
        ],
    )
    def test_whose_root_the_mount_namespace_has(self, namespaces: list[dict[str, str]], has_root: bool) -> None:
        assert planned({"linux": {"namespaces": namespaces}}, args=["x"]).has_root is has_root

    def test_the_containers_annotations_count(self) -> None:
        own = {"cwd": "/"}
        config = {"process": own, "annotations": {process_plan.KEEP_GROUPS: "1"}}
        assert planned(config, args=["x"]).process.keep_groups
        assert not planned({"process": own}, args=["x"]).process.keep_groups

    def test_nothing_but_a_command(self) -> None:
        plan = planned({}, args=["x"])
        assert (plan.namespaces, plan.personality, plan.memory_policy, plan.warnings) == ([], None, None, [])

    def test_a_user_namespace_grants_every_capability(self) -> None:
        facts = Facts(uid=1000, gid=1000, capabilities=0, apparmor=False, selinux=False)
        request = Request(container_id="x", bundle="/b")
        for kinds, expected in (["user"], KILL), ([], 0):
            config = {"linux": {"namespaces": [{"type": kind} for kind in kinds]}}
            plan = exec_plan.plan(config, changes(args=["x"], capabilities=["CAP_KILL"]), request, facts)
            assert plan.process.capabilities.permitted == expected
            assert bool(plan.warnings) == (not expected)


# Fields of the container's plan that a further process has no use for, and why.
OF_CREATE_ONLY = {
    **dict.fromkeys(("container_id", "bundle", "oci_version"), "the record of the container has them"),
    **dict.fromkeys(("annotations", "hooks", "readiness"), "they are of the container's own life"),
    **dict.fromkeys(
        ("rootfs", "mounts", "devices", "masked_paths", "readonly_paths", "mount_label"), "it joins the root"
    ),
    **dict.fromkeys(("sysctl", "hostname", "domainname", "net_devices"), "they are of namespaces, which it joins"),
    **dict.fromkeys(("cgroups_path", "resources", "intel_rdt"), "it joins the groups"),
}


def test_each_field_of_a_plan_is_of_a_further_process_too_or_has_a_reason() -> None:
    missing = {*Plan._defaults} - {*ExecPlan._defaults} - {*OF_CREATE_ONLY}
    assert not missing, (
        f"{missing}: into ExecPlan (plan/exec.py, init/exec_sequence.py), or a reason into OF_CREATE_ONLY"
    )
    assert {*OF_CREATE_ONLY} <= {*Plan._defaults} - {*ExecPlan._defaults}


def test_what_a_further_process_has_is_carried_out() -> None:
    """By the host or by its own side: no field is only planned."""
    folder = Path(exec_plan.__file__).parents[1]
    files = ("host/exec.py", "host/spawn.py", "host/handshake.py", "init/exec_sequence.py")
    text = "".join((folder / file).read_text() for file in files)
    assert not [field for field in ExecPlan._defaults if f"plan.{field}" not in text]


# Properties of `process` that a document of --process has of its own, or not at all.
OF_THE_DOCUMENT = ("args", "commandLine", "consoleSize", "cwd", "env", "noNewPrivileges", "terminal", "user")
PROPERTIES = {*SCHEMAS["config"]["definitions"]["process"]["properties"]}


def test_each_property_of_a_process_is_in_the_table_of_this_file() -> None:
    assert {*OWN} == PROPERTIES - {"commandLine"}, "OWN of this file has a value for each property of the schema"


def test_each_property_of_a_process_is_inherited_or_of_the_document() -> None:
    differ = {*exec_plan._INHERITED, *OF_THE_DOCUMENT} ^ PROPERTIES
    assert not differ, f"{differ}: into _INHERITED of plan/exec.py, or into OF_THE_DOCUMENT of this file"


# Steps that only one of the two orders has, and why.
OF_ONE_ORDER = {
    **dict.fromkeys(("main.report", "waiting.for_start", "rights.listen"), "a created container waits for start"),
    **dict.fromkeys(("hooks.create_container", "hooks.run"), "hooks are of the container's own life"),
    "working_directory.make": "exec makes nothing in the root",
    "limits.raise_hard_limits": "host/exec.py does it, or limits_itself",
    "rights.label": "execute.prepare does it at once, where no start is waited for",
    **dict.fromkeys(("bootstrap.join_all", "bootstrap.set_affinity"), "init has its own namespaces, and all CPUs"),
}


def test_exec_has_each_step_of_create_or_a_reason() -> None:
    """Those that set up the process: a property that is applied by `create` alone would be missing in `exec`."""
    folder = Path(exec_plan.__file__).parents[1] / "init"
    modules = "bootstrap|confine|execute|hooks|limits|main|rights|terminal|user|waiting|working_directory"
    steps, of_exec = (
        {*re.findall(rf"(?<!\.)\b((?:{modules})\.\w+)\(", (folder / file).read_text())}
        for file in ("sequence.py", "exec_sequence.py")
    )
    differ = (steps ^ of_exec) ^ {*OF_ONE_ORDER}
    assert not differ, f"{differ}: into init/sequence.py and init/exec_sequence.py, or with a reason into OF_ONE_ORDER"
