"""What checkpoint asks criu for: a pure function of the plan, the command line and the container's mount table."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import plans

from pyoci.errors import CriuError, UnsupportedError, UsageError
from pyoci.kernel import uapi
from pyoci.plan import checkpoint, criu
from pyoci.plan.checkpoint import Found, Wanted
from pyoci.plan.mountinfo import parse
from pyoci.wire.plan import Plan

KINDS = ("pid", "mount", "network", "ipc", "uts")
ROOT = "20 10 8:1 /images/rootfs / rw - ext4 /dev/sda1 rw"
PROC = "21 20 0:30 / /proc rw - proc proc rw"


def plan_of(**changes: Any) -> Plan:
    proc = {"destination": "/proc", "type": "proc", "source": "proc"}
    return plans.plan_of(KINDS, **{"mounts": [proc], **changes})


def found(*lines: str, placed: dict[str, int] | None = None, **more: Any) -> Found:
    mounts = parse("\n".join((ROOT, PROC, *lines)))
    values: dict[str, Any] = {"pid": 7, "mounts": mounts, "namespaces": {}, "streams": ["", "", ""], **more}
    return Found(placed={"/proc": 21, **(placed or {})}, **values)


def wanted(**options: Any) -> Wanted:
    return Wanted(empty_ns=[], **options)


def bind(destination: str, *options: str) -> dict[str, Any]:
    return {"destination": destination, "type": "none", "source": "/volume", "options": ["bind", *options]}


def external(plan: Plan, facts: Found) -> list[tuple[str, str]]:
    return checkpoint.external_mounts(plan, facts)


def test_what_is_not_asked_for_is_left_to_a_configuration_file() -> None:
    made = checkpoint.options(plan_of(), wanted(), found())
    assert made == {
        "log_level": 4,
        "notify_scripts": True,
        "manage_cgroups_mode": 3,
        "pid": 7,
        "log_file": "dump.log",
        "ext_masters": True,
        "ext_sharing": True,
        "external": [],
    }


@pytest.mark.parametrize(
    "name",
    "leave_running tcp_established tcp_skip_in_flight link_remap ext_unix_sk shell_job file_locks auto_dedup".split(),
)
def test_a_switch_is_a_field_of_its_own(name: str) -> None:
    plain = checkpoint.options(plan_of(), wanted(), found())
    assert checkpoint.options(plan_of(), wanted(**{name: True}), found()) == {**plain, name: True}


def test_what_only_some_containers_need() -> None:
    plain = checkpoint.options(plan_of(), wanted(), found())
    facts = found(freezer="/sys/fs/cgroup/a", config_file="/etc/criu/runc.conf", streams=["tty[8800:18]"])
    assert checkpoint.options(plan_of(), wanted(), facts) == {
        **plain,
        "freeze_cgroup": "/sys/fs/cgroup/a",
        "config_file": "/etc/criu/runc.conf",
        "external": ["tty[8800:18]"],
    }


def test_a_volume_is_named_in_the_image_by_its_destination() -> None:
    facts = found("22 20 8:2 /v /target rw - ext4 x rw", placed={"/link": 22})
    made = checkpoint.options(plan_of(mounts=[bind("/link")]), wanted(), facts)
    assert made["external"] == ["mnt[/target]:/link"]


def test_pre_dump_tracks_memory_and_names_no_mounts() -> None:
    made = checkpoint.options(plan_of(), wanted(pre_dump=True), found())
    assert made["track_mem"] is True
    assert "external" not in made


def test_parent_images() -> None:
    made = checkpoint.options(plan_of(), wanted(parent_path="../before"), found())
    assert made["parent_img"] == "../before"
    assert made["track_mem"] is True


def test_lazy_pages_wait_at_an_address() -> None:
    asked = wanted(lazy_pages=True, page_server=("127.0.0.1", 27), status_fd=9)
    checkpoint.check(asked)
    assert checkpoint.options(plan_of(), wanted(status_fd=0), found())["status_fd"] == 0
    made = checkpoint.options(plan_of(), asked, found())
    assert (made["lazy_pages"], made["ps"], made["status_fd"]) == (True, {"address": "127.0.0.1", "port": 27}, 9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"lazy_pages": True},
            "option --lazy-pages needs --page-server ADDRESS:PORT, where the pages are fetched from",
        ),
        ({"status_fd": 0}, "option --status-fd needs --lazy-pages"),
        ({"status_fd": 3}, "option --status-fd needs --lazy-pages"),
        (
            {"pre_dump": True, "lazy_pages": True, "page_server": ("a", 1)},
            "options --pre-dump and --lazy-pages exclude each other",
        ),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=f"^{words}$"):
        checkpoint.check(wanted(**options))


@pytest.mark.parametrize(
    ("text", "value"),
    [("10.0.0.1:80", ("10.0.0.1", 80)), ("[::1]:65535", ("::1", 65535)), ("host:1", ("host", 1)), ("", None)],
)
def test_page_server(text: str, value: object) -> None:
    assert checkpoint.page_server(text) == value


@pytest.mark.parametrize(
    "text",
    ["10.0.0.1", ":80", "a:", "a:0", "a:65536", "a:-1", "a:+1", "::1:80", "a:8o", "[::1]", "[::1:80", "a:000080"],
)
def test_page_server_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="--page-server"):
        checkpoint.page_server(text)


@pytest.mark.parametrize(("mode", "number"), [("", 3), ("soft", 3), ("full", 4), ("strict", 5), ("ignore", 0)])
def test_cgroup_modes_have_the_numbers_of_rpc_proto(mode: str, number: int) -> None:
    assert checkpoint.options(plan_of(), wanted(manage_cgroups_mode=mode), found())["manage_cgroups_mode"] == number


def test_only_the_network_can_be_left_empty() -> None:
    for name in ("network", "net"):
        assert checkpoint.options(plan_of(), Wanted(empty_ns=[name]), found())["empty_ns"] == 0x40000000
    with pytest.raises(UsageError, match="'ipc'"):
        checkpoint.options(plan_of(), Wanted(empty_ns=["ipc"]), found())


def test_a_terminal_has_its_master_outside() -> None:
    made = checkpoint.options(plan_of(process={"terminal": True}), wanted(), found())
    assert made["orphan_pts_master"] is True


def test_joined_namespaces_are_external() -> None:
    plan = plan_of(linux={"namespaces": [{"type": "mount"}, {"type": "network", "path": "/x"}]})
    made = checkpoint.options(plan, wanted(), found(namespaces={"network": 11, "pid": 12}))
    assert made["external"] == ["net[11]:pyoci-network", "pid[12]:pyoci-pid"]


def test_streams_from_outside_are_external_once() -> None:
    made = checkpoint.options(plan_of(), wanted(), found(streams=["file[1:2]", "pipe:[3]", "file[1:2]"]))
    assert made["external"] == ["file[1:2]"]


def test_a_container_in_the_mount_namespace_of_others_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"^checkpoint: the container has no mount namespace of its own"):
        checkpoint.options(plan_of(linux={"namespaces": [{"type": "pid"}]}), wanted(), found())


def test_a_bind_mount_goes_by_its_destination_wherever_a_link_put_it() -> None:
    facts = found("22 20 8:2 /volume /real/place rw - ext4 x rw", placed={"/link/place": 22})
    assert external(plan_of(mounts=[bind("/link/place")]), facts) == [("/real/place", "/link/place")]


def test_a_bind_mount_of_the_hosts_tmpfs_is_external_though_tmpfs_can_be_made_anew() -> None:
    facts = found("22 20 0:50 / /dev/shm rw - tmpfs shm rw", placed={"/dev/shm": 22})
    assert external(plan_of(mounts=[bind("/dev/shm")]), facts) == [("/dev/shm", "/dev/shm")]


def test_file_systems_of_the_config_are_made_anew() -> None:
    mounts = [{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}, bind("/v")]
    lines = ("22 20 0:50 / /tmp rw - tmpfs tmpfs rw", "23 20 8:2 /v /v rw - ext4 x rw")
    assert external(plan_of(mounts=mounts), found(*lines, placed={"/tmp": 22, "/v": 23})) == [("/v", "/v")]


def test_a_tmpfs_of_the_config_on_a_volume_is_made_anew() -> None:
    mounts = [bind("/v"), {"destination": "/v/t", "type": "tmpfs", "source": "tmpfs"}]
    lines = ("22 20 8:2 /v /v rw - ext4 x rw", "23 22 0:50 / /v/t rw - tmpfs tmpfs rw")
    assert external(plan_of(mounts=mounts), found(*lines, placed={"/v": 22, "/v/t": 23})) == [("/v", "/v")]


def test_of_two_at_one_place_the_later_one_counts() -> None:
    mounts = [bind("/v"), {"destination": "/v", "type": "tmpfs", "source": "tmpfs"}]
    lines = ("22 20 8:2 /v /v rw - ext4 x rw", "23 22 0:50 / /v rw - tmpfs tmpfs rw")
    assert external(plan_of(mounts=mounts), found(*lines, placed={"/v": 23})) == [("/v", "/v")]


def test_what_came_along_with_a_recursive_bind_is_external() -> None:
    lines = ("22 20 8:2 /v /v rw - ext4 x rw", "23 22 0:50 / /v/t rw - tmpfs tmpfs rw")
    facts = found(*lines, placed={"/v": 22})
    assert external(plan_of(mounts=[bind("/v")]), facts) == [("/v", "/v"), ("/v/t", "/v/t")]


def test_masks() -> None:
    """A folder has a tmpfs, which can be made anew; a file has the host's null device."""
    plan = plan_of(linux={"maskedPaths": ["/proc/kcore", "/proc/scsi"]})
    lines = ("22 21 0:5 /null /proc/kcore rw - devtmpfs udev rw", "23 21 0:50 / /proc/scsi ro - tmpfs tmpfs ro")
    facts = found(*lines, placed={"/proc/kcore": 22, "/proc/scsi": 23})
    assert external(plan, facts) == [("/proc/kcore", "/proc/kcore")]


def test_read_only_paths() -> None:
    """Of procfs they are criu's; of the root file system criu would look for the source by its path there."""
    plan = plan_of(linux={"readonlyPaths": ["/proc/sys", "/etc"]})
    lines = ("22 21 0:30 /sys /proc/sys ro - proc proc rw", "23 20 8:1 /images/rootfs/etc /etc ro - ext4 x rw")
    assert external(plan, found(*lines, placed={"/proc/sys": 22, "/etc": 23})) == [("/etc", "/etc")]


@pytest.mark.parametrize("fstype", ["cgroup", "cgroup2"])
def test_cgroups_are_those_of_the_new_container(fstype: str) -> None:
    facts = found(f"22 20 0:60 / /sys/fs/cgroup ro - {fstype} cgroup rw")
    assert external(plan_of(), facts) == [("/sys/fs/cgroup", "/sys/fs/cgroup")]


def test_a_bind_mount_that_the_container_made_of_its_root_is_refused() -> None:
    """CVE-2026-119614 is of that kind: the source's path is a link when criu comes to restore it."""
    with pytest.raises(UnsupportedError, match=r"'/images/rootfs/a'.*'/b'; unmount it first$"):
        external(plan_of(), found("22 20 8:1 /images/rootfs/a /b rw - ext4 x rw"))


def test_a_tmpfs_that_the_container_made_is_made_anew() -> None:
    assert external(plan_of(), found("22 20 0:50 / /b rw - tmpfs x rw")) == []


@pytest.mark.parametrize("place", ["/a]:b", "/a]", "/[a"])
def test_a_bracket_in_a_mount_point_is_refused(place: str) -> None:
    """criu takes `mnt[/a]:b]:name` for the mount /a (CVE-2026-119101)."""
    facts = found(f"22 20 8:2 /v {place} rw - ext4 x rw", placed={"/v": 22})
    with pytest.raises(CriuError, match="bracket"):
        checkpoint.options(plan_of(mounts=[bind("/v")]), wanted(), facts)


def test_mountinfo_paths() -> None:
    assert uapi.unescape(r"/a\040b\134c\012") == "/a b\\c\n"


def test_a_mount_point_with_what_looks_like_the_end_of_a_line() -> None:
    """The kernel writes a form feed, and others, as they are: a container could tell of mounts that are not there."""
    (mount,) = parse("22 20 8:2 / /a\x0c\x1c\x851\u2028 rw - tmpfs x rw\n")
    assert (mount.path, mount.fstype) == ("/a\x0c\x1c\x851\u2028", "tmpfs")


@pytest.mark.parametrize(
    ("saved", "freezer"),
    [
        ({"layout": "v2", "groups": {"": ["/sys/fs/cgroup", "/a", 7, True]}}, "/sys/fs/cgroup/a"),
        (
            {"layout": "v1", "groups": {"cpu": ["/c/cpu", "/a", 7, True], "freezer": ["/c/freezer", "/a", 8, True]}},
            "/c/freezer/a",
        ),
        ({"layout": "v1", "groups": {"cpu": ["/c/cpu", "/a", 7, True]}}, ""),
        ({"systemd": {}, "layout": "v2", "groups": {"": ["/m", "/s", 7, True]}}, "/m/s"),
        ({}, ""),
    ],
)
def test_freezer(saved: dict[str, Any], freezer: str) -> None:
    assert criu.freezer(saved) == freezer


@pytest.mark.parametrize(
    ("annotations", "exists", "file"),
    [
        ({}, {}, ""),
        ({}, {"/etc/criu/runc.conf": True}, "/etc/criu/runc.conf"),
        ({}, {"/etc/criu/runc.conf": True, "/etc/criu/pyoci.conf": True}, "/etc/criu/pyoci.conf"),
        ({}, {"/etc/criu/crun.conf": True}, "/etc/criu/crun.conf"),
        ({}, {"/etc/criu/crun.conf": True, "/etc/criu/runc.conf": True}, "/etc/criu/runc.conf"),
        ({"org.criu.config": "/etc/criu/x"}, {"/etc/criu/runc.conf": True}, "/etc/criu/x"),
        ({"org.criu.config": ""}, {"/etc/criu/runc.conf": True}, ""),
    ],
)
def test_configuration_file(annotations: dict[str, str], exists: dict[str, bool], file: str) -> None:
    assert criu.config_file(annotations, exists) == file


@pytest.mark.parametrize(
    "path",
    [
        "x",
        "/x",
        "/etc/criu",
        "/etc/criu/",
        "/etc/criu/..",
        "/etc/criu/../x",
        "/etc/criu/a/b",
        "/proc/self/fd/3",
        "//etc/criu/x",
    ],
)
def test_a_configuration_file_of_elsewhere(path: str) -> None:
    """Whoever writes a pod's annotations would have criu run a program as root: `action-script`."""
    with pytest.raises(UnsupportedError, match="must be a file in /etc/criu/"):
        criu.config_file({"org.criu.config": path}, {})


@pytest.mark.parametrize("joins", [True, False])
@pytest.mark.parametrize(
    ("joined", "at_checkpoint", "at_restore"),
    [
        ([], [], []),
        (["cgroup"], [], []),
        (["network"], ["a network namespace joined by its path"], []),
        (["pid"], ["a PID namespace joined by its path"], []),
        (["ipc", "network"], ["a network namespace joined by its path"], ["joining namespaces by their paths"]),
    ],
)
def test_reasons_to_need_a_newer_criu(
    joined: list[str], at_checkpoint: list[str], at_restore: list[str], joins: bool
) -> None:
    plan = plan_of(linux={"namespaces": [{"type": "mount"}, *({"type": kind, "path": "/x"} for kind in joined)]})
    reasons = criu.reasons(plan, wanted(), "", joins=joins)
    assert reasons == at_checkpoint + (at_restore if joins else [])
    more = criu.reasons(plan, wanted(lazy_pages=True), "/etc/criu/x", joins=joins)
    assert more == ["org.criu.config", "--lazy-pages", *reasons]
    criu.require_version(1 << 30, more)


@pytest.mark.parametrize(
    ("lock", "number", "reason", "version"),
    [
        ("iptables", 1, "--network-lock", 31600),
        ("nftables", 2, "--network-lock", 31600),
        ("skip", 3, "--network-lock skip", 31900),
    ],
)
def test_how_the_network_is_locked(lock: str, number: int, reason: str, version: int) -> None:
    """criu_network_lock_method of rpc.proto, and the releases that brought it."""
    asked = wanted(network_lock=lock)
    assert checkpoint.options(plan_of(), asked, found())["network_lock"] == number
    reasons = criu.reasons(plan_of(), asked, "", joins=False)
    assert reasons == [reason]
    criu.require_version(version, reasons)
    with pytest.raises(CriuError, match=f"is too old for {reason}: "):
        criu.require_version(version - 1, reasons)


def test_versions() -> None:
    criu.require_version(31900, list(criu._NEEDED))
    criu.require_version(criu.OLDEST, [])
    with pytest.raises(CriuError, match=r"criu 2\.9\.4 is too old for checkpoint and restore: 3\.0 or newer"):
        criu.require_version(20904, [])
    with pytest.raises(CriuError, match=r"criu 3\.11 is too old for --lsm-profile: 3\.14 or newer"):
        criu.require_version(31100, ["org.criu.config", "--lsm-profile"])


@pytest.mark.parametrize(
    ("saved", "places"),
    [
        ({"groups": {"": ["/m", "/u.scope", 1]}}, {"": "/u.scope"}),
        ({"groups": {"": ["/m", "/u.scope", 1]}, "leaf": "a/b"}, {"": "/u.scope/a/b"}),
        ({"groups": {"": ["/m", "/g", 1]}, "named": ["/n", "/g", 2]}, {"": "/g", "name=systemd": "/g"}),
        (
            {"groups": {"cpu,cpuacct": ["/m", "/g", 1], "pids": ["/p", "/h", 2]}, "leaves": {"pids": "a"}},
            {"cpu,cpuacct": "/g", "pids": "/h/a"},
        ),
        ({}, {}),
    ],
)
def test_processes_go_on_in_the_group_that_they_entered(saved: dict[str, Any], places: dict[str, str]) -> None:
    assert criu.places(saved) == places


def test_groups_that_the_container_manages_are_refused() -> None:
    plan = plan_of(annotations={criu.DELEGATE: "payload"})
    with pytest.raises(UnsupportedError, match=rf"^checkpoint: .*{criu.DELEGATE}$"):
        checkpoint.options(plan, wanted(), found())
    checkpoint.options(plan_of(annotations={criu.DELEGATE: ""}), wanted(), found())
