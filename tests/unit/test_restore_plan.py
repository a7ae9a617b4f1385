"""What restore asks criu for, and what it accepts of the result: pure functions."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import plans

from pyoci.criu import swrk
from pyoci.errors import CriuError, UnsupportedError, UsageError
from pyoci.plan import mountinfo, mounts, restore
from pyoci.plan.restore import Confinement, Found, Process, Wanted
from pyoci.wire.plan import Plan

KINDS = ("pid", "mount", "network", "ipc", "uts", "time", "cgroup")


def plan_of(**changes: Any) -> Plan:
    return plans.plan_of(KINDS, **changes)


def found(**more: Any) -> Found:
    values: dict[str, Any] = {"sources": [], "namespaces": {}, "streams": [], "groups": {}, **more}
    return Found(root="/tmp/root", **values)


def wanted(**options: Any) -> Wanted:
    return Wanted(empty_ns=[], **options)


def test_plain() -> None:
    assert restore.options(plan_of(), wanted(), found(groups={"": "/g"})) == {
        "log_level": 4,
        "notify_scripts": True,
        "manage_cgroups_mode": 3,
        "log_file": "restore.log",
        "root": "/tmp/root",
        "rst_sibling": True,
        "ext_masters": True,
        "ext_sharing": True,
        "mntns_compat_mode": True,
        "cg_root": [{"path": "/g"}],
        "external": [],
        "inherit_fd": [],
        "join_ns": [],
    }


def test_processes_go_into_the_groups_of_the_new_container() -> None:
    groups = {"cpu,cpuacct": "/a", "name=systemd": "/b", "": "/c"}
    made = restore.options(plan_of(), wanted(), found(groups=groups))
    assert made["cg_root"] == [
        {"ctrl": "cpu", "path": "/a"},
        {"ctrl": "cpuacct", "path": "/a"},
        {"ctrl": "name=systemd", "path": "/b"},
        {"path": "/c"},
    ]
    assert "cg_root" not in restore.options(plan_of(), wanted(manage_cgroups_mode="ignore"), found(groups=groups))


def test_sources_are_named_as_in_the_image() -> None:
    made = restore.options(plan_of(), wanted(), found(sources=[("/data", "/tmp/0")]))
    assert made["external"] == ["mnt[/data]:/tmp/0"]


@pytest.mark.parametrize("name", ["/evil]:/etc", "/evil]", "/[x"])
def test_a_source_cannot_speak_for_another(name: str) -> None:
    """CVE-2026-119101, CVE-2026-115520: `mnt[/evil]:/etc]:/source` binds /etc on /evil."""
    with pytest.raises(CriuError, match="bracket"):
        restore.options(plan_of(), wanted(), found(sources=[(name, "/tmp/0")]))


def test_what_only_some_containers_need() -> None:
    plain = restore.options(plan_of(), wanted(), found())
    assert restore.options(plan_of(process={"terminal": True}), wanted(), found()) == {
        **plain,
        "orphan_pts_master": True,
    }
    assert restore.options(plan_of(), wanted(tcp_close=True), found()) == {**plain, "tcp_close": True}
    asked = Wanted(empty_ns=["network"])
    made = restore.options(plan_of(), asked, found(config_file="/etc/criu/runc.conf", streams=[("pipe:[1]", 5)]))
    assert made == {
        **plain,
        "empty_ns": 0x40000000,
        "config_file": "/etc/criu/runc.conf",
        "inherit_fd": [{"key": "pipe:[1]", "fd": 5}],
    }


def test_joined_namespaces() -> None:
    namespaces = {"network": (11, "/n"), "pid": (12, "/p"), "ipc": (13, "/i"), "uts": (14, "/u")}
    made = restore.options(plan_of(), wanted(), found(namespaces=namespaces))
    assert made["inherit_fd"] == [{"key": "pyoci-network", "fd": 11}, {"key": "pyoci-pid", "fd": 12}]
    assert made["join_ns"] == [{"ns": "ipc", "ns_file": "/i"}, {"ns": "uts", "ns_file": "/u"}]


def test_lsm_options() -> None:
    asked = wanted(lsm_profile="apparmor:p", lsm_mount_context="a:b:c:s0")
    for checked in (asked, wanted(lsm_profile="selinux:a:b:c:s0")):
        restore.check(plan_of(), checked)
    made = restore.options(plan_of(), asked, found())
    assert (made["lsm_profile"], made["lsm_mount_context"]) == ("apparmor:p", "a:b:c:s0")


@pytest.mark.parametrize("text", ["apparmor", "apparmor:", "smack:x", ":x", "smack:apparmor:x"])
def test_an_lsm_profile_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="--lsm-profile"):
        restore.check(plan_of(), wanted(lsm_profile=text))


def test_no_mount_namespace() -> None:
    with pytest.raises(UnsupportedError, match=r"^restore: config.json gives the container no mount namespace"):
        restore.check(plan_of(linux={"namespaces": []}), wanted())


def test_groups_that_the_container_manages_are_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"^restore: criu cannot restore a container with the annotation"):
        restore.check(plan_of(annotations={"run.oci.delegate-cgroup": "a"}), wanted())


def test_streams_of_the_image() -> None:
    names = ["pipe:[12]", "file[1a:2f]", "tty[8800:18]"]
    assert restore.streams(names) == names
    longest = "pipe:[" + "1" * 57 + "]"
    assert restore.streams([longest, "pipe:[1x]", longest.replace("[", "[1")]) == [longest, "", ""]


@pytest.mark.parametrize(
    "name",
    ["/dev/null", "pipe:[x]", "pipe:[1", "file[]", "file[1]:/etc/passwd]", "pipe:[" + "1" * 99 + "]", "", "mnt[1]"],
)
def test_a_stream_that_criu_must_not_hear_of(name: str) -> None:
    assert restore.streams([name]) == [""]


@pytest.mark.parametrize("content", [None, {}, "x", [1], ["a"] * 4, [["a"]]])
def test_descriptors_that_are_no_list_of_texts(content: Any) -> None:
    with pytest.raises(CriuError, match=r"descriptors\.json"):
        restore.streams(content)


STATUS = "Name:\tsh\nCapInh:\t0\nCapPrm:\t{caps}\nCapEff:\t{caps}\nCapBnd:\t{caps}\nNoNewPrivs:\t1\nSeccomp:\t2\n"


def process(caps: str = "0", status: str = STATUS, **more: Any) -> Process:
    return Process(pid=1, **{"with_host": [], "own_users": False, "status": status.format(caps=caps), **more})


ALLOWED = Confinement(namespaces=["mount", "pid"], capabilities=0b101, seccomp=True, no_new_privileges=True)


@pytest.mark.parametrize("caps", ["0", "1", "5"])
def test_as_confined_as_config_json_says(caps: str) -> None:
    assert restore.escapes(ALLOWED, process(caps)) == ""


BY_APPARMOR = Confinement(namespaces=[], apparmor="mine")


@pytest.mark.parametrize("label", ["", "unconfined"])
@pytest.mark.parametrize("allowed", [ALLOWED, BY_APPARMOR])
def test_less_confined_by_apparmor(label: str, allowed: Confinement) -> None:
    assert ("AppArmor" in restore.escapes(allowed, process(label=label))) == bool(allowed.apparmor)


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("", "no AppArmor profile confines it"),
        ("unconfined", "no AppArmor profile confines it"),
        ("mine (enforce)", ""),
        ("mine//child (enforce)", ""),
        ("mine2 (enforce)", "its AppArmor profile is 'mine2', not 'mine'; --lsm-profile names another one"),
        ("other (complain)", "its AppArmor profile is 'other', not 'mine'; --lsm-profile names another one"),
    ],
)
def test_confined_by_apparmor(label: str, why: str) -> None:
    assert restore.escapes(BY_APPARMOR, process(label=label)) == why


@pytest.mark.parametrize(
    ("profile", "option", "asked"),
    [
        ("", "", ""),
        ("mine", "", "mine"),
        ("unconfined", "", ""),
        ("mine", "apparmor:unconfined", ""),
        ("mine", "apparmor:other", "other"),
        ("mine", "selinux:other", "mine"),
        ("", "apparmor:other", ""),
    ],
)
def test_apparmor_is_asked_for(profile: str, option: str, asked: str) -> None:
    plan = plan_of(process={})
    assert plan.process is not None
    plan.process.apparmor_profile = profile
    assert restore.confinement(plan, option).apparmor == asked


@pytest.mark.parametrize(
    ("restored", "why"),
    [
        (process(with_host=["mount"]), "host's mount namespace"),
        (process("2"), "CapBnd have 0x2 more"),
        (process(status=STATUS.replace("Seccomp:\t2", "Seccomp:\t0")), "no seccomp filter"),
        (process(status=STATUS.replace("NoNewPrivs:\t1", "NoNewPrivs:\t0")), "gain privileges"),
        (process(status=""), "no seccomp filter"),
        *(
            (process(status=STATUS.format(caps="0").replace(f"{name}:\t0", f"{name}:\t1f")), f"{name} have 0x1a more")
            for name in ("CapInh", "CapPrm", "CapEff", "CapBnd")
        ),
        # a process names itself, and in a name no character but a line feed ends the line
        (process(status="Name:\ta\x0cSeccomp:\t2\nNoNewPrivs:\t1\n"), "no seccomp filter"),
    ],
)
def test_less_confined(restored: Process, why: str) -> None:
    assert why in restore.escapes(ALLOWED, restored)


def test_capabilities_in_a_user_namespace_of_its_own_do_not_count() -> None:
    assert restore.escapes(ALLOWED, process("1ffffffffff", own_users=True)) == ""


def test_confinement_is_that_of_config_json() -> None:
    sets = {"bounding": ["CAP_CHOWN"], "permitted": ["CAP_KILL"]}
    seccomp = {"defaultAction": "SCMP_ACT_ALLOW"}
    plan = plan_of(process={"capabilities": sets, "noNewPrivileges": True}, linux={"seccomp": seccomp})
    allowed = restore.confinement(plan)
    assert allowed == Confinement(
        namespaces=["pid", "mount", "network", "ipc", "uts"],
        capabilities=0b100001,
        seccomp=True,
        no_new_privileges=True,
        uids=(0,),
        gids=(0,),
    )


BOUND: dict[str, Any] = {
    "uids": (100000, 101000),
    "gids": (100000,),
    "limits": (("RLIMIT_NPROC", 6, 50), ("RLIMIT_NOFILE", 7, 1024)),
    "oom_score_adj": 0,
}
IDS = "Uid:\t101000\t101000\t101000\t101000\nGid:\t100000\t100000\t100000\t100000\nGroups:\t100000 \n"
LIMITS = "Limit                     Soft Limit           Hard Limit           Units     \n" + "".join(
    f"{name:25} {hard:20} {hard:20} units     \n"
    for name, hard in [("Max", "unlimited")] * 6 + [("Max processes", "50"), ("Max open files", "1024")]
)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""),
        ({"status": IDS.replace("Uid:\t101000\t101000", "Uid:\t101000\t0")}, "its Uid is 0"),
        ({"status": IDS.replace("Gid:\t100000", "Gid:\t0")}, "its Gid is 0"),
        ({"status": IDS.replace("Groups:\t", "Groups:\t27 ")}, "its Groups is 27"),
        ({"limits": LIMITS.replace("50 ", "51 ")}, "its limit RLIMIT_NPROC is 51, not 50"),
        ({"limits": LIMITS.replace("1024     ", "unlimited")}, "its limit RLIMIT_NOFILE is unlimited, not 1024"),
        ({"oom_score_adj": -1}, "its oom_score_adj is -1, not 0"),
    ],
)
def test_user_and_limits(change: dict[str, Any], why: str) -> None:
    given: dict[str, Any] = {"status": IDS, "limits": LIMITS, **change}
    restored = Process(pid=7, with_host=[], own_users=False, **given)
    said = restore.escapes(Confinement(namespaces=[], **BOUND), restored)
    assert said.startswith(why)
    assert bool(said) == bool(why)


def test_ids_and_limits_that_the_config_gives() -> None:
    mapping = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    linux = {
        "namespaces": [{"type": kind} for kind in (*KINDS, "user")],
        "uidMappings": mapping,
        "gidMappings": mapping,
    }
    process: dict[str, Any] = {
        "user": {"uid": 1000, "gid": 5, "additionalGids": [27]},
        "rlimits": [{"type": "RLIMIT_NPROC", "soft": 40, "hard": 50}],
        "oomScoreAdj": 100,
        "noNewPrivileges": True,
    }
    allowed = restore.confinement(plan_of(process=process, linux=linux))
    assert (allowed.uids, allowed.gids) == ((101000,), (100005, 100027))
    assert (allowed.limits, allowed.oom_score_adj) == ((("RLIMIT_NPROC", 6, 50),), 100)


@pytest.mark.parametrize(
    ("process", "free"),
    [
        ({"noNewPrivileges": False}, ["uids", "gids"]),
        ({"capabilities": {"bounding": ["CAP_SETUID"]}}, ["uids", "gids"]),
        ({"capabilities": {"bounding": ["CAP_SETGID"]}}, ["uids", "gids"]),
        ({"capabilities": {"bounding": ["CAP_SYS_RESOURCE"]}}, ["limits", "oom_score_adj"]),
    ],
)
def test_what_a_container_may_change_is_not_asked_for(process: dict[str, Any], free: list[str]) -> None:
    usual = {"noNewPrivileges": True, "oomScoreAdj": 5, "rlimits": [{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}]}
    allowed = restore.confinement(plan_of(process={**usual, **process}))
    assert [
        name for name in ("uids", "gids", "limits", "oom_score_adj") if getattr(allowed, name) in (None, ())
    ] == free


ROOT = "20 10 8:1 /images/box / rw,relatime - ext4 /dev/sda1 rw"
VOLUME = "21 20 8:1 /volume /v ro,noexec,relatime - ext4 /dev/sda1 rw"
MASK = "22 20 0:50 / /secrets ro,relatime - tmpfs tmpfs ro"
TMPFS = "23 20 0:51 / /tmp rw,relatime - tmpfs pyoci:1 rw"
STAGED = [ROOT, VOLUME, MASK, TMPFS]


def mounts_differ(restored: list[str], staged: list[str] = STAGED, named: bool = True, **process: Any) -> str:
    mounts = [
        {"destination": "/v", "type": "bind", "source": "/volume", "options": ["bind", "ro", "noexec"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "ro"]},
    ]
    plan = plan_of(mounts=mounts, process=process)
    made = [(named, mount) for line in staged for mount in mountinfo.parse(line)]
    return restore.mounts_differ(plan, made, mountinfo.parse("\n".join(restored)))


LIKE = [
    ROOT,
    VOLUME,
    MASK.replace("0:50", "0:60"),
    TMPFS.replace("rw,relatime", "ro,nosuid").replace("pyoci:1", "tmpfs"),
]


@pytest.mark.parametrize(
    ("restored", "why"),
    [
        (LIKE, ""),
        ([*LIKE, "30 20 0:70 / /dev/shm rw - tmpfs shm rw"], ""),
        ([line.replace("ro,noexec", "rw,noexec") for line in LIKE], "'/v': it is mounted without ro"),
        ([line.replace("ro,noexec", "ro") for line in LIKE], "'/v': it is mounted without noexec"),
        ([line.replace("/volume", "/etc") for line in LIKE], "'/v': '/etc' of device 8:1 is mounted there"),
        ([line.replace("8:1 /vol", "8:2 /vol") for line in LIKE], "'/v': '/volume' of device 8:2 is mounted there"),
        ([line.replace("/images/box", "/") for line in LIKE], "'/': '/' of device 8:1 is mounted there"),
        ([line.replace("ro,nosuid", "ro") for line in LIKE], "'/tmp': it is mounted without nosuid"),
        ([line for line in LIKE if "secrets" not in line], "'/secrets': nothing is mounted there"),
        ([line.replace("/secrets", "/elsewhere") for line in LIKE], "'/secrets': nothing is mounted there"),
        ([*LIKE, "30 20 0:70 / /unmasked rw - proc proc rw"], "'/unmasked': config.json mounts no proc there"),
        ([*LIKE, "30 20 8:1 /etc /host rw - ext4 /dev/sda1 rw"], "'/host': config.json mounts no ext4 there"),
        ([*LIKE, "30 20 0:70 /a /b rw - tmpfs tmpfs rw"], "'/b': config.json mounts no tmpfs there"),
        ([*LIKE, "30 21 0:70 / /v rw - tmpfs tmpfs rw"], "'/v': a tmpfs is mounted there, not a ext4"),
    ],
)
def test_mounts_as_config_json_says(restored: list[str], why: str) -> None:
    assert mounts_differ(restored) == why


@pytest.mark.parametrize(
    "name", [name for name, (_, is_set) in mounts._FLAGS.items() if is_set and "atime" not in name]
)
def test_no_flag_of_a_mount_is_lost(name: str) -> None:
    """Each option of config.json that takes something away."""
    plan = plan_of(mounts=[{"destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": [name]}])
    staged = [(True, mount) for mount in mountinfo.parse("\n".join([ROOT, "23 20 0:51 / /t rw - tmpfs pyoci:0 rw"]))]
    without = mountinfo.parse("\n".join([ROOT, "23 20 0:51 / /t rw,relatime - tmpfs tmpfs rw"]))
    assert restore.mounts_differ(plan, staged, without) == f"'/t': it is mounted without {name}", (
        "a flag that takes something away is missing in _FLAGS of plan/restore.py"
    )


@pytest.mark.parametrize(("options", "why"), [("ro", ""), ("rw,nodev", "'/sys/fs/cgroup': it is mounted without ro")])
def test_flags_of_a_cgroup_mount(options: str, why: str) -> None:
    group = "31 20 0:30 / /sys/fs/cgroup {} - cgroup2 cgroup2 rw"
    staged = [ROOT, group.format("ro,nosuid,nodev,noexec")]
    assert mounts_differ([ROOT, group.format(options)], staged) == why


def test_a_mount_of_the_host_that_is_new_need_not_be_there() -> None:
    below = "31 21 8:3 / /v/usb rw - ext4 /dev/sdc rw"
    plain = [ROOT, VOLUME, below]
    assert mounts_differ([ROOT, VOLUME], plain, named=False) == ""


def test_mounts_that_a_path_reaches() -> None:
    """In whatever order they stand: a mount that was moved is older than the one that it lies on (MS_MOVE)."""
    lines = [
        ROOT,
        "30 20 0:1 / /a rw - tmpfs a rw",
        "31 30 0:2 / /a/b rw - tmpfs hidden rw",
        "32 30 0:3 / /a rw - tmpfs middle rw",
        "36 32 0:7 / /a rw - tmpfs top rw",
        "37 36 0:8 / /a/b rw - tmpfs reached rw",
        "38 31 0:9 / /a/b/c rw - tmpfs hidden rw",
        "33 20 0:4 / /ab rw - tmpfs beside rw",
        "34 20 0:5 / /c/d rw - tmpfs covered rw",
        "39 34 0:10 / /c/d/e rw - tmpfs covered rw",
        "35 20 0:6 / /c rw - tmpfs cover rw",
    ]
    for order in (lines, lines[::-1], sorted(lines, key=lambda line: line.split()[2])):
        found = mountinfo.visible(mountinfo.parse("\n".join(order)))
        assert {path: mount.source for path, mount in found.items()} == {
            "/": "/dev/sda1",
            "/a": "top",
            "/a/b": "reached",
            "/ab": "beside",
            "/c": "cover",
        }


def test_a_root_that_lies_on_itself_or_on_another() -> None:
    """The kernel's own rootfs is its own parent; one that was mounted over it has the same path."""
    found = mountinfo.visible(mountinfo.parse("1 1 0:1 / / rw - rootfs under rw\n2 1 0:2 / / rw - tmpfs top rw"))
    assert [(path, mount.source) for path, mount in found.items()] == [("/", "top")]


@pytest.mark.parametrize("kind", ["bounding", "permitted", "effective", "inheritable", "ambient"])
def test_each_set_of_capabilities_counts(kind: str) -> None:
    plan = plan_of(process={"capabilities": {}})
    assert plan.process is not None
    setattr(plan.process.capabilities, kind, 0b110)
    assert restore.confinement(plan).capabilities == 0b110


def test_without_a_process_the_namespaces_are_still_the_containers() -> None:
    plan = plan_of()
    plan.process = None
    assert restore.confinement(plan) == Confinement(namespaces=["pid", "mount", "network", "ipc", "uts"])


LOG = b"""(00.001) Warn  (criu/a.c:1): fine
(00.002) Error (criu/sk-inet.c:159): In-flight connection (l) for 24f02
(00.002) Error (criu/sk-inet.c:161): Use --skip-in-flight
(00.003)      7: Error (criu/cr-dump.c:1334): Dump files (pid: 15266) failed with -1
(00.004) Error (criu/cr-dump.c:1657): Dumping FAILED.
"""


def test_why_it_failed_is_the_first_and_the_last_error_of_the_log() -> None:
    words = "In-flight connection (l) for 24f02; Use --skip-in-flight"
    assert swrk.why_failed({}, LOG) == words


@pytest.mark.parametrize(
    ("answer", "words"),
    [({"cr_errno": 95}, "operation not supported (ENOTSUP)"), ({"cr_errmsg": "so"}, "so"), ({}, "no reason is given")],
)
def test_why_it_failed_without_a_log(answer: dict[str, Any], words: str) -> None:
    assert swrk.why_failed(answer, b"") == words


def test_words_of_a_log_are_bounded() -> None:
    assert len(swrk.why_failed({}, b"Error (a): " + b"x" * 10000)) <= 300


def test_a_mount_that_config_json_lacks_is_told() -> None:
    assert "such as one of `mounts add`" in restore.lead("mnt: No mapping for 160:(null) mountpoint")
    assert "is a pipe or a terminal now" in restore.lead("Can't restore file pos: Illegal seek; last")
    assert restore.lead("mnt: Can't mount at ./proc") == ""
