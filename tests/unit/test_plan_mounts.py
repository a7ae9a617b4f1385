"""plan/mounts.py: every option with every kind of mount is applied, or refused by its name."""

from __future__ import annotations

from typing import Any

import pytest

from pyoci.errors import ConfigError, PyociError, UnsupportedError
from pyoci.kernel import uapi
from pyoci.plan import mounts
from pyoci.wire.plan import IdMapping, Mount, Namespaces, UserNamespace

NONE = Namespaces(new=["mount"], joined=[], time_offsets=[])
RDONLY, NOSUID, NODEV, NOEXEC = 0x1, 0x2, 0x4, 0x8
NOATIME, STRICTATIME, ATIME, NODIRATIME, NOSYMFOLLOW = 0x10, 0x20, 0x70, 0x80, 0x200000
EVERY = RDONLY | NOSUID | NODEV | NOEXEC | NOSYMFOLLOW  # what each bind mount sets or clears: _EVERY_ATTRIBUTE
OF_LINUX_5_15 = EVERY | ATIME | NODIRATIME  # mount_setattr(2): later kernels have more


def plan_one(namespaces: Namespaces = NONE, **entry: Any) -> Mount:
    return mounts.plan([{"destination": "/x", **entry}], "/bundle", namespaces)[0]


def refusal(namespaces: Namespaces = NONE, **entry: Any) -> str:
    with pytest.raises(PyociError) as error:
        plan_one(namespaces, **entry)
    return str(error.value)


# A kind of mount, and the entry that it is.
KINDS: dict[str, dict[str, Any]] = {
    "bind": {"source": "/s", "options": ["bind"]},
    "rbind": {"source": "/s", "options": ["rbind"]},
    "type bind": {"type": "bind", "source": "/s", "options": []},
    "tmpfs": {"type": "tmpfs", "source": "tmpfs", "options": []},
    "proc": {"type": "proc", "source": "proc", "options": []},
    "sysfs": {"type": "sysfs", "source": "sysfs", "options": []},
    "devpts": {"type": "devpts", "source": "devpts", "options": []},
    "mqueue": {"type": "mqueue", "source": "mqueue", "options": []},
    "overlay": {"type": "overlay", "source": "overlay", "options": []},
    "ext4": {"type": "ext4", "source": "/dev/vdz", "options": []},
    "cgroup": {"type": "cgroup", "source": "cgroup", "options": []},
    "cgroup2": {"type": "cgroup2", "source": "cgroup", "options": []},
    "remount": {"options": ["remount"]},
    "remount bind": {"options": ["remount", "bind"]},
}
BIND = ("bind", "rbind", "type bind")
NEW = ("tmpfs", "proc", "sysfs", "devpts", "mqueue", "overlay", "ext4", "cgroup2")
OWN_SUPERBLOCK = tuple(kind for kind in NEW if kind not in ("mqueue", "sysfs", "cgroup2"))
FLAT = (*NEW, "cgroup", "remount", "remount bind")


def with_option(kind: str, *options: str, namespaces: Namespaces = NONE) -> Mount:
    entry = KINDS[kind]
    return plan_one(namespaces, **entry | {"options": [*entry["options"], *options]})


def refused_option(kind: str, *options: str) -> str:
    entry = KINDS[kind]
    return refusal(**entry | {"options": [*entry["options"], *options]})


FLAGS = {
    "ro": (RDONLY, uapi.MS_RDONLY, True),
    "rw": (RDONLY, uapi.MS_RDONLY, False),
    "nosuid": (NOSUID, uapi.MS_NOSUID, True),
    "suid": (NOSUID, uapi.MS_NOSUID, False),
    "nodev": (NODEV, uapi.MS_NODEV, True),
    "dev": (NODEV, uapi.MS_NODEV, False),
    "noexec": (NOEXEC, uapi.MS_NOEXEC, True),
    "exec": (NOEXEC, uapi.MS_NOEXEC, False),
    "nosymfollow": (NOSYMFOLLOW, uapi.MS_NOSYMFOLLOW, True),
    "symfollow": (NOSYMFOLLOW, uapi.MS_NOSYMFOLLOW, False),
}
SUPERBLOCK_RO = ("overlay", "ext4")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", FLAGS)
def test_flags(kind: str, option: str) -> None:
    attribute, flag, is_set = FLAGS[option]
    mount = with_option(kind, option)
    late = option == "ro" and kind == "tmpfs"
    assert mount.read_only_last is late
    assert mount.attributes_set == (attribute if is_set and not late else 0)
    assert mount.cleared_by_name == (0 if is_set else flag)
    if kind in BIND or kind.startswith("remount"):
        assert mount.attributes_clear == (EVERY | attribute) & ~(attribute if is_set else 0)
    elif kind == "cgroup":
        assert mount.attributes_clear == (0 if is_set else attribute)
    else:
        assert mount.attributes_clear == 0
    assert mount.superblock == (("ro",) if option == "ro" and kind in SUPERBLOCK_RO else ())
    assert mount.data == () and mount.classic_flags == 0


@pytest.mark.parametrize("kind", [*BIND, "remount"])
def test_a_flag_of_a_younger_kernel_is_cleared_where_its_option_says_so(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "_EVERY_ATTRIBUTE", EVERY & ~NOSYMFOLLOW)
    assert with_option(kind, "symfollow").attributes_clear == EVERY
    assert with_option(kind, "rw").attributes_clear == EVERY & ~NOSYMFOLLOW


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [[], ["defaults"], ["silent"], ["loud"], ["private"]])
def test_a_bind_mount_that_names_no_flag_keeps_its_sources(kind: str, options: list[str]) -> None:
    mount = with_option(kind, *options)
    assert (mount.attributes_set, mount.attributes_clear, mount.cleared_by_name) == (0, 0, 0)


@pytest.mark.parametrize("option", ["async", "nolazytime", "noiversion", "nomand"])
def test_an_opposite_is_a_flag_too(option: str) -> None:
    assert with_option("bind", option).attributes_clear == EVERY
    assert with_option("tmpfs", option).attributes_clear == 0


@pytest.mark.parametrize(
    "options, set_, clear, by_name",
    [
        (["ro", "rw"], 0, EVERY, uapi.MS_RDONLY),
        (["rw", "ro"], RDONLY, EVERY & ~RDONLY, 0),
        (["nosuid", "nodev", "ro"], NOSUID | NODEV | RDONLY, EVERY & ~(NOSUID | NODEV | RDONLY), 0),
        (["suid", "dev"], 0, EVERY, uapi.MS_NOSUID | uapi.MS_NODEV),
    ],
)
def test_a_later_flag_wins(options: list[str], set_: int, clear: int, by_name: int) -> None:
    mount = with_option("bind", *options)
    assert (mount.attributes_set, mount.attributes_clear, mount.cleared_by_name) == (set_, clear, by_name)


# options -> access times that are set; None: they are not touched
TIMES: list[tuple[list[str], int | None]] = [
    (["noatime"], NOATIME),
    (["atime"], None),
    (["relatime"], 0),
    (["norelatime"], None),
    (["strictatime"], STRICTATIME),
    (["nostrictatime"], None),
    (["nodiratime"], NODIRATIME),
    (["diratime"], None),
    (["noatime", "nodiratime"], NOATIME | NODIRATIME),
    (["noatime", "norelatime"], NOATIME),
    (["noatime", "relatime"], NOATIME),
    (["relatime", "noatime"], NOATIME),
    (["noatime", "atime"], None),
    (["noatime", "nostrictatime"], NOATIME),
    (["strictatime", "noatime"], STRICTATIME),
    (["strictatime", "nostrictatime"], None),
    (["nodiratime", "strictatime"], NODIRATIME | STRICTATIME),
    (["nodiratime", "relatime"], NODIRATIME),
    (["nodiratime", "norelatime"], NODIRATIME),
]


@pytest.mark.parametrize("options, times", TIMES)
@pytest.mark.parametrize("kind", KINDS)
def test_access_times(kind: str, options: list[str], times: int | None) -> None:
    mount = with_option(kind, *options)
    assert mount.attributes_set == (times or 0)
    exact = kind in BIND or kind.startswith("remount")
    expected = EVERY if exact else 0
    if times is not None:
        expected |= ATIME
        if exact and not times & NODIRATIME:
            expected |= NODIRATIME
    assert mount.attributes_clear == expected


RECURSIVE = {
    "rro": (RDONLY, 0),
    "rrw": (0, RDONLY),
    "rnosuid": (NOSUID, 0),
    "rsuid": (0, NOSUID),
    "rnodev": (NODEV, 0),
    "rdev": (0, NODEV),
    "rnoexec": (NOEXEC, 0),
    "rexec": (0, NOEXEC),
    "rnodiratime": (NODIRATIME, 0),
    "rdiratime": (0, NODIRATIME),
    "rnosymfollow": (NOSYMFOLLOW, 0),
    "rsymfollow": (0, NOSYMFOLLOW),
    "rnoatime": (NOATIME, ATIME),
    "ratime": (0, ATIME),
    "rrelatime": (0, ATIME),
    "rnorelatime": (0, ATIME),
    "rstrictatime": (STRICTATIME, ATIME),
    "rnostrictatime": (0, ATIME),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", RECURSIVE)
def test_recursive_flags(kind: str, option: str) -> None:
    mount = with_option(kind, option)
    late = (kind, option) == ("tmpfs", "rro")  # mount points and devices are made in it first, as with ro
    assert mount.read_only_last is late
    assert (mount.recursive_set, mount.recursive_clear) == ((0, 0) if late else RECURSIVE[option])
    assert (mount.attributes_set, mount.attributes_clear, mount.data) == (0, 0, ())


@pytest.mark.parametrize(
    "options, late", [(["ro", "rrw"], False), (["rro", "rrw"], False), (["ro", "rro"], True), (["rw", "rro"], True)]
)
def test_whether_a_tmpfs_is_read_only_in_the_end(options: list[str], late: bool) -> None:
    mount = with_option("tmpfs", *options)
    assert mount.read_only_last is late
    assert not (mount.attributes_set | mount.recursive_set) & RDONLY


@pytest.mark.parametrize(
    "options, set_, clear",
    [(["rro", "rrw"], 0, RDONLY), (["rrw", "rro"], RDONLY, 0), (["rnoatime", "ratime"], 0, ATIME)],
)
def test_a_later_recursive_flag_wins(options: list[str], set_: int, clear: int) -> None:
    mount = with_option("rbind", *options)
    assert (mount.recursive_set, mount.recursive_clear) == (set_, clear)


PROPAGATION = {
    "shared": (uapi.MS_SHARED, False),
    "rshared": (uapi.MS_SHARED, True),
    "slave": (uapi.MS_SLAVE, False),
    "rslave": (uapi.MS_SLAVE, True),
    "private": (uapi.MS_PRIVATE, False),
    "rprivate": (uapi.MS_PRIVATE, True),
    "unbindable": (uapi.MS_UNBINDABLE, False),
    "runbindable": (uapi.MS_UNBINDABLE, True),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", PROPAGATION)
def test_propagation(kind: str, option: str) -> None:
    assert with_option(kind, option).propagation == (PROPAGATION[option],)
    assert with_option(kind, "private", option).propagation == ((uapi.MS_PRIVATE, False), PROPAGATION[option])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", ["sync", "dirsync", "lazytime"])
def test_flags_of_the_superblock(kind: str, option: str) -> None:
    if kind in OWN_SUPERBLOCK or kind == "remount":
        assert with_option(kind, option).superblock == (option,)
    else:
        assert f"/mounts/0/options: {option!r}" in refused_option(kind, option)


@pytest.mark.parametrize(
    "options, flags",
    [
        (["sync", "async"], ()),
        (["lazytime", "nolazytime"], ()),
        (["sync", "nolazytime"], ("sync",)),
        (["sync", "dirsync", "sync"], ("dirsync", "sync")),
        (["async"], ()),
    ],
)
def test_a_later_flag_of_the_superblock_wins(options: list[str], flags: tuple[str, ...]) -> None:
    assert with_option("tmpfs", *options).superblock == flags


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option, flag", [("iversion", uapi.MS_I_VERSION), ("mand", uapi.MS_MANDLOCK)])
def test_flags_of_mount_2(kind: str, option: str, flag: int) -> None:
    if kind in OWN_SUPERBLOCK:
        assert with_option(kind, option).classic_flags == flag
        assert with_option(kind, option, f"no{option}").classic_flags == 0
    else:
        assert f"/mounts/0/options: {option!r}" in refused_option(kind, option)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "option, parsed",
    [
        ("size=5m", ("size", "5m")),
        ("uid=7", ("uid", "7")),
        ("frobnicate", ("frobnicate", None)),
        ("x=", ("x", "")),
        ("a=b=c", ("a", "b=c")),
        ('a="b"', ("a", "b")),
        ("x-systemd.automount", ("x-systemd.automount", None)),
    ],
)
def test_other_words(kind: str, option: str, parsed: tuple[str, str | None]) -> None:
    if kind in OWN_SUPERBLOCK or kind == "remount":
        assert with_option(kind, option).data == (parsed,)
    else:
        told = option.replace('"', "")
        assert f"/mounts/0/options: {told!r} cannot be applied" in refused_option(kind, option)


@pytest.mark.parametrize(
    ("kind", "words", "name"),
    [
        ("bind", ["x" * 100], "a bind mount"),
        ("type bind", ["x=y"], "a bind mount"),
        ("remount bind", ["x"], "a bind mount"),
        ("remount", ["rbind", "x"], "a bind mount"),
        ("cgroup", ["x"], "a cgroup mount"),
        ("bind", ["nosiud"], "a bind mount"),
    ],
)
def test_options_of_a_file_system_where_none_is_made(kind: str, words: list[str], name: str) -> None:
    hint = "; did you mean nosuid?" if words == ["nosiud"] else ""
    assert refused_option(kind, *words) == (
        f"/mounts/0/options: {words[-1][:80]!r} cannot be applied to {name}: "
        f"only a new file system takes its options{hint}"
    )


@pytest.mark.parametrize("kind", ["mqueue", "sysfs", "cgroup2", "debugfs", "tracefs", "devtmpfs", "securityfs"])
@pytest.mark.parametrize("option", ["size=5m", "mode=700", "frobnicate", "sync", "iversion"])
def test_a_superblock_that_is_there_takes_no_options(kind: str, option: str) -> None:
    """The kernel drops them, or changes the host's mount."""
    assert f"/mounts/0/options: {option!r} cannot be applied to a mount of type {kind}" in refusal(
        type=kind, source=kind, options=[option]
    )
    assert plan_one(NONE, type=kind, source=kind, options=["nosuid", "ro", "defaults"]).data == ()
    assert plan_one(NONE, type=kind, source=kind, options=["context=system_u:object_r:t:s0"]).data == (
        ("context", "system_u:object_r:t:s0"),
    )


@pytest.mark.parametrize(("kind", "option"), [("ramfs", "mode=700"), ("bpf", "delegate_cmds=any"), ("bpf", "uid=7")])
def test_options_of_a_kind_that_the_kernel_is_careless_with(kind: str, option: str) -> None:
    key, _, value = option.partition("=")
    assert plan_one(NONE, type=kind, source=kind, options=[option, "sync"]).data == ((key, value),)
    for other in ("size=5m", "frobnicate", f"x{option}"):
        known = ", ".join(mounts._DATA_OF[kind])
        assert refusal(type=kind, source=kind, options=[other]) == (
            f"/mounts/0/options: {other!r} cannot be applied to a mount of type {kind}: its options are {known}"
        )


# type, options of the mount, options of each remount, what is told to the superblock by each
REMOUNTS: list[tuple[str, list[str], list[list[str]], list[tuple[str, ...]]]] = [
    ("tmpfs", ["sync"], [["remount", "async"]], [("async",)]),
    ("tmpfs", ["sync", "lazytime"], [["remount", "nosuid"]], [("async", "nolazytime")]),
    ("tmpfs", ["sync"], [["remount", "sync", "lazytime"]], [("sync", "lazytime")]),
    ("tmpfs", ["sync"], [["remount", "size=5m"], ["remount,async"]], [(), ("async",)]),
    ("tmpfs", ["sync"], [["remount", "async"], ["remount", "async"]], [("async",), ()]),
    ("tmpfs", [], [["remount", "sync"], ["remount", "rw"], ["remount", "rw"]], [("sync",), ("async",), ()]),
    ("tmpfs", ["dirsync"], [["remount", "rw"]], [()]),
    ("tmpfs", ["sync"], [["remount", "bind", "ro"], ["remount", "rw"]], [(), ("async",)]),
    ("overlay", ["ro"], [["remount", "rw"]], [("rw",)]),
    ("overlay", ["ro"], [["remount", "bind", "rw"]], [()]),
    ("overlay", ["ro"], [["remount", "rbind", "rw"]], [()]),
    ("overlay", [], [["remount", "sync", "ro"]], [("sync", "ro")]),
    ("overlay", ["ro", "sync"], [["remount", "ro"]], [("ro", "async")]),
    ("overlay", [], [["remount", "ro"], ["remount", "nosuid"]], [("ro",), ("rw",)]),
    ("proc", ["ro"], [["remount", "rw"]], [()]),
    ("proc", [], [["remount", "ro"]], [()]),
]


@pytest.mark.parametrize("kind, options, remounts, told", REMOUNTS)
def test_a_remount_has_the_flags_that_it_names(
    kind: str, options: list[str], remounts: list[list[str]], told: list[tuple[str, ...]]
) -> None:
    entries: list[dict[str, Any]] = [{"destination": "/x", "type": kind, "source": kind, "options": options}]
    entries += [{"destination": "/x", "options": words} for words in remounts]
    first, *later = mounts.plan(entries, "/bundle", NONE)
    assert [mount.superblock for mount in later] == told
    assert first.changed_later and {mount.changes for mount in later} == {0}


@pytest.mark.parametrize(
    "options, remount, late, now",
    [
        (["ro"], ["remount", "rw"], False, False),
        (["ro"], ["remount", "nosuid"], False, False),
        (["ro"], ["remount", "ro", "nosuid"], True, False),
        ([], ["remount", "ro"], True, False),
        (["ro"], ["remount", "size=5m"], True, False),
        (["ro"], ["remount"], True, False),
        ([], ["remount", "bind", "ro"], False, True),
    ],
)
def test_a_remount_has_the_last_word_about_a_tmpfs(
    options: list[str], remount: list[str], late: bool, now: bool
) -> None:
    entries: list[dict[str, Any]] = [{"destination": "/x", "type": "tmpfs", "source": "tmpfs", "options": options}]
    first, second = mounts.plan([*entries, {"destination": "/x", "options": remount}], "/bundle", NONE)
    assert first.read_only_last is late
    assert second.attributes_set == (RDONLY if now else 0) | (NOSUID if "nosuid" in remount else 0)


def test_a_remount_of_a_bind_mount_leaves_the_hosts_file_system() -> None:
    entries: list[dict[str, Any]] = [{"destination": "/x", "source": "/s", "options": ["bind"]}]
    _, second = mounts.plan([*entries, {"destination": "/x", "options": ["remount", "ro"]}], "/bundle", NONE)
    assert second.superblock == () and second.attributes_set == RDONLY


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_option_asks_for_nothing(kind: str) -> None:
    """Who puts options together from parts that may be empty writes it; mount(8) and runc pass it over."""
    assert with_option(kind, "", "nosuid", ",") == with_option(kind, "nosuid")


def test_a_refusal_is_short() -> None:
    assert len(refused_option("bind", "x" * 6000)) < 300


@pytest.mark.parametrize("kind", KINDS)
def test_tmpcopyup(kind: str) -> None:
    if kind == "tmpfs":
        assert with_option(kind, "tmpcopyup").tmpcopyup
    else:
        assert "tmpcopyup" in refused_option(kind, "tmpcopyup")
    assert not with_option(kind).tmpcopyup


@pytest.mark.parametrize(
    "options, mode_of_target, owner",
    [
        ([], True, (True, True)),
        (["mode=755"], False, (True, True)),
        (["uid=1"], True, (False, True)),
        (["gid=1", "size=1m"], True, (True, False)),
        (["mode=1", "uid=1", "gid=1"], False, (False, False)),
    ],
)
def test_what_a_tmpfs_takes_from_the_folder_that_it_covers(
    options: list[str], mode_of_target: bool, owner: tuple[bool, bool]
) -> None:
    mount = with_option("tmpfs", *options)
    assert (mount.mode_of_target, mount.owner_of_target) == (mode_of_target, owner)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("bind", "a bind mount"),
        ("cgroup", "a cgroup mount"),
        ("remount", "a remount"),
        ("proc", "a new mount of type 'proc'"),
    ],
)
def test_an_option_of_another_kind_is_refused_by_both_kinds(kind: str, words: str) -> None:
    entry = KINDS[kind]
    place = "/mounts/0/options"
    told = {
        "tmpcopyup": f"{place}: tmpcopyup needs a new mount of type tmpfs, not {words}",
        "idmap": f"{place}: idmap needs a bind mount, not {words}",
        "copy": f"{place}: copy needs a bind mount, not {words}",
        "src-nofollow": f"{place}: src-nofollow needs a bind mount, not {words}",
    }
    for option in told if kind != "bind" else ["tmpcopyup"]:
        assert refusal(**entry | {"options": [*entry["options"], option]}) == told[option]


def test_no_other_kind_takes_a_mode() -> None:
    assert not any(with_option(kind).mode_of_target for kind in KINDS if kind != "tmpfs")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", ["idmap", "ridmap"])
def test_idmap(kind: str, option: str) -> None:
    if kind in BIND:
        mount = with_option(kind, option)
        assert (mount.idmap, mount.idmap_mappings) == (option, None)
    else:
        assert option in refused_option(kind, option)


@pytest.mark.parametrize("kind", KINDS)
def test_mappings_of_a_mount(kind: str) -> None:
    maps: dict[str, Any] = {
        name: [{"containerID": 1, "hostID": 2, "size": 3}] for name in ("uidMappings", "gidMappings")
    }
    line = [IdMapping(container_id=1, host_id=2, size=3)]
    if kind in BIND:
        mount = plan_one(**KINDS[kind], **maps)
        assert mount.idmap == "idmap"
        assert mount.idmap_mappings == UserNamespace(uid_mappings=line, gid_mappings=line)
        options = [*KINDS[kind]["options"], "ridmap"]
        assert plan_one(**KINDS[kind] | {"options": options}, **maps).idmap == "ridmap"
    else:
        assert "idmap" in refusal(**KINDS[kind], **maps)


OWN_USER = Namespaces(
    new=["user", "network"],
    joined=[],
    time_offsets=[],
    user=UserNamespace(
        uid_mappings=[IdMapping(container_id=0, host_id=0, size=1), IdMapping(container_id=1, host_id=2, size=1000)],
        gid_mappings=[IdMapping(container_id=0, host_id=500, size=10)],
    ),
)


def ranges(*lines: tuple[int, int, int]) -> list[IdMapping]:
    return [IdMapping(container_id=first, host_id=second, size=size) for first, second, size in lines]


@pytest.mark.parametrize(
    "text, uids, gids",
    [
        ("uids=0-1-10;gids=0-100-10", [(0, 1, 10)], [(0, 100, 10)]),
        ("uids=0-1-10#10-11-10;gids=0-100-10", [(0, 1, 10), (10, 11, 10)], [(0, 100, 10)]),
        ("gids=5-6-7;uids=1-2-3", [(1, 2, 3)], [(5, 6, 7)]),
        ("uids=@1-3-10;gids=@0-2-3", [(1, 4, 10)], [(0, 502, 3)]),
        ("uids=0-0-4294967295;gids=1-0-4294967295", [(0, 0, 4294967295)], [(1, 0, 4294967295)]),
        ("uids=@0-0-1;gids=0-0-4294967295", [(0, 0, 1)], [(0, 0, 4294967295)]),
    ],
)
@pytest.mark.parametrize("word", ["idmap", "ridmap"])
def test_ranges_of_crun(word: str, text: str, uids: list[Any], gids: list[Any]) -> None:
    """crun(1), "idmap mount options"."""
    mount = with_option("rbind", f"{word}={text}", namespaces=OWN_USER)
    assert mount.idmap == word
    assert mount.idmap_mappings == UserNamespace(uid_mappings=ranges(*uids), gid_mappings=ranges(*gids))


@pytest.mark.parametrize(
    "text, words",
    [
        ("uids=0-1-10", "needs gids"),
        ("gids=0-1-10", "needs uids"),
        ("uids=0-1;gids=0-1-1", "three numbers"),
        ("uids=0-1-2-3;gids=0-1-1", "three numbers"),
        ("uids=a-1-2;gids=0-1-1", "three numbers"),
        ("uids=;gids=0-1-1", "three numbers"),
        ("uids=0-1-0;gids=0-1-1", "at least 1"),
        ("uids=0-4294967295-2;gids=0-1-1", "32 bits"),
        ("uids=4294967295-0-2;gids=0-1-1", "32 bits"),
        ("uids=00000000001-0-2;gids=0-1-1", "three numbers"),
        ("users=0-1-1;gids=0-1-1", "uids=... or gids=..."),
        ("uids=@0-0-2;gids=0-1-1", "one range"),
        ("uids=@0-1001-1;gids=0-1-1", "one range"),
        ("uids=@0-900-200;gids=0-1-1", "one range"),
    ],
)
def test_ranges_that_are_refused(text: str, words: str) -> None:
    message = refusal(OWN_USER, source="/s", options=["bind", f"idmap={text}"])
    assert words in message and message.startswith("/mounts/0/options: idmap")


def test_ranges_and_mappings_are_one_too_many() -> None:
    maps: dict[str, Any] = {
        name: [{"containerID": 1, "hostID": 2, "size": 3}] for name in ("uidMappings", "gidMappings")
    }
    assert "and so have" in refusal(source="/s", options=["bind", "idmap=uids=0-0-1;gids=0-0-1"], **maps)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", ["copy-symlink", "src-nofollow", "dest-nofollow"])
def test_links_as_crun_has_them(kind: str, option: str) -> None:
    if kind not in BIND:
        assert option in refused_option(kind, option)
        return
    mount = with_option(kind, option)
    assert mount.source_link == {"copy-symlink": "copy", "src-nofollow": "nofollow"}.get(option, "")
    assert mount.target_nofollow is (option == "dest-nofollow")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", ["copy", "nocopy"])
def test_words_of_podmans_volumes(kind: str, option: str) -> None:
    if kind in BIND:
        assert with_option(kind, option) == with_option(kind)
    else:
        assert option in refused_option(kind, option)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", ["rsync", "rasync", "rdirsync", "rmand", "rnomand", "riversion", "rlazytime"])
def test_what_cannot_be_recursive(kind: str, option: str) -> None:
    message = refused_option(kind, option)
    assert message == (
        f"/mounts/0/options: {option!r} cannot be applied: {option[1:]} is a property of a file system, "
        "not of the mounts below a folder"
    )


@pytest.mark.parametrize("option", mounts.OPTIONS)
def test_every_option_that_features_names_is_known(option: str) -> None:
    for entry in KINDS.values():
        try:
            assert not plan_one(**entry | {"options": [*entry["options"], option]}).data
        except (ConfigError, UnsupportedError) as error:
            assert option in str(error) or "idmap" in str(error)


def test_every_flag_is_in_the_tables_of_this_file() -> None:
    access_times = {f"{no}{name}" for no in ("", "no") for name in ("atime", "diratime", "relatime", "strictatime")}
    tested = {"FLAGS": {*FLAGS} | access_times, "RECURSIVE": {*RECURSIVE}, "PROPAGATION": {*PROPAGATION}}
    planned = {"FLAGS": mounts._FLAGS, "RECURSIVE": mounts._RECURSIVE, "PROPAGATION": mounts._PROPAGATION}
    differ = {table: tested[table] ^ {*planned[table]} for table in tested}  # type: ignore[misc]
    assert not any(differ.values()), f"rows of this file's tables are missing, or too many: {differ}"


def test_each_bind_mount_needs_only_what_the_oldest_kernel_has() -> None:
    """It clears these without being asked to: a younger one would refuse every bind mount there (EINVAL)."""
    assert not mounts._EVERY_ATTRIBUTE & ~OF_LINUX_5_15
    assert mounts._EVERY_ATTRIBUTE == EVERY, "EVERY of this file and _EVERY_ATTRIBUTE differ"


def test_every_attribute_has_a_name_for_messages() -> None:
    flags = 0
    for flag, _ in mounts._FLAGS.values():
        flags |= mounts._attributes(flag)
    for set_, clear in mounts._RECURSIVE.values():
        flags |= set_ | clear & ~ATIME
    named = sum(uapi.MOUNT_ATTR_NAMES)
    assert not (flags | mounts._EVERY_ATTRIBUTE) & ~named, "one is not in MOUNT_ATTR_NAMES of kernel/uapi.py"


def test_the_options_of_the_spec_are_among_them() -> None:
    """config.md, "Linux mount options"."""
    spec = (
        "async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev "
        "nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow "
        "private ratime rbind rdev rdiratime relatime remount rexec rnoatime rnodiratime rnoexec "
        "rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave "
        "rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow "
        "sync tmpcopyup unbindable idmap ridmap"
    ).split()
    assert set(spec) <= set(mounts.OPTIONS)
    assert list(mounts.OPTIONS) == sorted(set(mounts.OPTIONS))


@pytest.mark.parametrize(
    "entry, kind",
    [
        ({"options": ["private"]}, "change"),
        ({"type": "", "options": ["rshared", "private"]}, "change"),
        ({"type": "none", "source": "none", "options": ["rslave"]}, "change"),
        ({"type": "none", "source": "/s", "options": ["rbind", "private"]}, "bind"),
        ({"type": "bind", "source": "/s"}, "bind"),
        ({"type": "tmpfs", "source": "/s", "options": ["bind"]}, "bind"),
        ({"type": "tmpfs", "options": ["private"]}, "filesystem"),
        ({"type": "cgroup", "options": ["ro"]}, "cgroup"),
        ({"type": "cgroup2"}, "filesystem"),
        ({"type": "tmpfs", "options": ["remount"]}, "remount"),
        ({"type": "bind", "options": ["remount", "bind"]}, "remount"),
        ({"source": "/s", "options": ["ro,bind"]}, "bind"),
        ({"options": ["ro,remount"]}, "remount"),
    ],
)
def test_kinds(entry: dict[str, Any], kind: str) -> None:
    assert plan_one(**entry).kind == kind


@pytest.mark.parametrize(
    "entry, words",
    [
        ({"options": ["bind"]}, "/mounts/0/source"),
        ({"type": "bind"}, "/mounts/0/source"),
        ({"options": ["ro"]}, "/mounts/0/type"),
        ({}, "/mounts/0/type"),
        ({"source": "/s"}, "/mounts/0/type"),
        ({"type": "none"}, "/mounts/0/type"),
        ({"type": "none", "source": "/s"}, "/mounts/0/type"),
        ({"options": ["defaults"]}, "/mounts/0/type"),
        ({"source": "/s", "options": ["rslave"]}, "/mounts/0/type"),
        ({"type": "none", "options": ["nosuid"]}, "/mounts/0/type"),
    ],
)
def test_what_an_entry_must_have(entry: dict[str, Any], words: str) -> None:
    assert refusal(**entry).startswith(words)


def test_recursive_binds() -> None:
    assert with_option("rbind").recursive and not with_option("bind").recursive


@pytest.mark.parametrize(
    "source, planned", [("/s", "/s"), ("s/t", "/bundle/s/t"), ("./s", "/bundle/./s"), ("../s", "/bundle/../s")]
)
def test_sources_are_relative_to_the_bundle(source: str, planned: str) -> None:
    assert plan_one(source=source, options=["bind"]).source == planned
    assert plan_one(type="tmpfs", source=source).source == source


@pytest.mark.parametrize("path", ["/x", "x", "//x/", "/./x", "/y/../x", "/../x"])
def test_destinations_are_cleaned(path: str) -> None:
    assert plan_one(destination=path, type="tmpfs").destination == "/x"


@pytest.mark.parametrize(
    "fstype",
    """proc sysfs devpts mqueue cgroup2 ramfs hugetlbfs devtmpfs debugfs tracefs securityfs configfs bpf pstore efivarfs
    binfmt_misc fusectl selinuxfs smackfs resctrl rpc_pipefs nfsd autofs""".split(),
)
def test_ro_does_not_reach_a_superblock_of_the_kernel(fstype: str) -> None:
    mount = plan_one(type=fstype, options=["ro"])
    assert (mount.superblock, mount.attributes_set) == ((), RDONLY)


def test_the_whole_record() -> None:
    entry = {
        "destination": "/mnt/",
        "type": "tmpfs",
        "source": "t",
        "options": ["nosuid", "noatime", "rnodev", "rslave", "sync", "iversion", "size=1m", "tmpcopyup"],
    }
    assert mounts.plan([entry], "/bundle", NONE) == [
        Mount(
            kind="filesystem",
            destination="/mnt",
            source="t",
            fstype="tmpfs",
            recursive=False,
            attributes_set=NOSUID | NOATIME,
            attributes_clear=ATIME,
            cleared_by_name=0,
            read_only_last=False,
            recursive_set=NODEV,
            recursive_clear=0,
            propagation=((uapi.MS_SLAVE, True),),
            superblock=("sync",),
            classic_flags=uapi.MS_I_VERSION,
            data=(("size", "1m"),),
            mode_of_target=True,
            tmpcopyup=True,
            owner_of_target=(True, True),
            changed_later=False,
            changes=-1,
            source_link="",
            target_nofollow=False,
            idmap="",
            root_label="",
            idmap_mappings=None,
        )
    ]


def test_options_add_up() -> None:
    assert with_option("overlay", "sync", "ro").superblock == ("sync", "ro")
    assert with_option("cgroup", "suid", "dev").attributes_clear == NOSUID | NODEV
    assert with_option("bind", "nosuid", "noatime").attributes_clear == EVERY & ~NOSUID | ATIME | NODIRATIME
    user = Namespaces(new=["user"], joined=[], time_offsets=[])
    assert with_option("sysfs", "rro", "nosuid", namespaces=user).recursive_set == RDONLY | NOSUID


def test_a_remount_knows_the_mount_that_it_changes() -> None:
    entries: list[dict[str, Any]] = [
        {"destination": "/a", "type": "tmpfs"},
        {"destination": "/b", "type": "tmpfs"},
        {"destination": "/a", "source": "/s", "options": ["bind"]},
        {"destination": "//a/", "options": ["remount", "ro"]},
        {"destination": "/b", "options": ["private"]},
        {"destination": "/a", "options": ["remount", "nosuid"]},
        {"destination": "/c", "options": ["private"]},
        {"destination": "/c", "options": ["slave"]},
        {"destination": "/a", "options": ["remount", "nodev"]},
    ]
    planned = mounts.plan(entries, "/bundle", NONE)
    assert [mount.changes for mount in planned] == [-1, -1, -1, 2, 1, 2, -1, -1, 2]
    assert [mount.changed_later for mount in planned] == [False, True, True, *[False] * 6]


@pytest.mark.parametrize(
    "new, joined, is_bound",
    [
        ([], [], False),
        (["network"], [], False),
        (["user", "network"], [], False),
        (["user"], [], True),
        (["user"], ["network"], True),
        ([], ["user"], True),
        ([], ["user", "network"], False),
        (["network"], ["user"], False),
        ([], ["network"], False),
    ],
)
def test_a_sysfs_that_the_kernel_would_refuse_is_the_hosts(new: list[str], joined: list[str], is_bound: bool) -> None:
    namespaces = Namespaces(new=new, joined=[(kind, "/p") for kind in joined], time_offsets=[])
    mount = with_option("sysfs", "ro", "nosuid", namespaces=namespaces)
    if not is_bound:
        assert (mount.kind, mount.attributes_set, mount.recursive_set) == ("filesystem", RDONLY | NOSUID, 0)
        return
    assert (mount.kind, mount.source, mount.recursive) == ("bind", "/sys", True)
    assert (mount.attributes_set, mount.attributes_clear, mount.recursive_set) == (0, 0, RDONLY | NOSUID)


def test_a_bound_sysfs_has_no_options() -> None:
    namespaces = Namespaces(new=["user"], joined=[], time_offsets=[])
    for option in ("size=1", "sync", "iversion"):
        assert "sysfs" in refusal(namespaces, type="sysfs", options=[option])


def test_nothing() -> None:
    assert mounts.plan(None, "/bundle", NONE) == mounts.plan([], "/bundle", NONE) == []


def test_flags_of_mount_2_and_attributes_of_mount_setattr_2_have_the_same_numbers() -> None:
    """plan/mounts.py takes the one for the other."""
    for name in ("RDONLY", "NOSUID", "NODEV", "NOEXEC"):
        assert getattr(uapi, f"MS_{name}") == getattr(uapi, f"MOUNT_ATTR_{name}"), name
