"""`try`, the pure part: the config that a request becomes, addresses, resolv.conf, what counts as a change."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from pyoci.cli import options
from pyoci.cli.options import Call, Settings
from pyoci.errors import PyociError, UsageError
from pyoci.spec import bundle, rules
from pyoci.throwaway import changes, folder, layers, plan, user
from pyoci.throwaway.layers import Layers
from pyoci.throwaway.plan import Bind, Request, Seen, Situation
from pyoci.throwaway.user import Subordinate

command: Any = importlib.import_module("pyoci.cli.try")


def config(request: dict[str, Any] | None = None, **situation: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"args": ["sh"]} | (request or {})
    known: dict[str, Any] = {"container_id": "try-1", "version": "1.3.0", "rootfs": "/r", "env": {}} | situation
    made = plan.config(Request(**asked), Situation(**known))
    bundle.check_document(made, "config")
    assert rules.check(made) == []
    return made


def mounts(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {mount["destination"]: mount for mount in made["mounts"]}


def test_root_is_writable_and_named() -> None:
    made = config()
    assert made["root"] == {"path": "/r", "readonly": False}
    assert made["hostname"] == "try-1"
    assert made["process"]["args"] == ["sh"]
    assert "rlimits" not in made["process"]
    assert made["process"]["noNewPrivileges"]


@pytest.mark.parametrize("terminal", [True, False])
def test_terminal(terminal: bool) -> None:
    assert config(terminal=terminal)["process"]["terminal"] == terminal


def test_capabilities() -> None:
    sets = config({"capabilities": ("CAP_SYS_ADMIN", "CAP_CHOWN")})["process"]["capabilities"]
    assert set(sets) == {"bounding", "effective", "permitted"}
    for names in sets.values():
        assert names == sorted({*plan.CAPABILITIES, "CAP_SYS_ADMIN"})


def test_environment_is_not_the_callers() -> None:
    made = config(env={"TERM": "screen", "SECRET": "x", "HOME": "/home/a"})["process"]["env"]
    assert "TERM=screen" in made
    assert "HOME=/root" in made
    assert not any(entry.startswith("SECRET") for entry in made)
    assert "TERM=xterm" in config()["process"]["env"]


def test_host_folders_that_are_new() -> None:
    assert mounts(config())["/tmp"]["options"] == ["nosuid", "nodev", "mode=1777"]
    assert mounts(config())["/run"]["options"] == ["nosuid", "nodev", "mode=755"]
    assert not {"/tmp", "/run"} & set(mounts(config({"root": "/srv/x"})))


def test_binds() -> None:
    binds = (Bind(source="/a", destination="/b"), Bind(source="/c", destination="/d", read_only=True))
    made = mounts(config({"binds": binds}))
    assert made["/b"]["options"] == ["rbind", "rprivate"]
    assert made["/d"]["options"] == ["rbind", "rprivate", "ro", "rro"]
    assert made["/d"]["source"] == "/c"


def test_other_file_systems_of_the_host_are_read_only() -> None:
    assert "rro" in mounts(config(submounts=("/home",)))["/home"]["options"]


def test_network() -> None:
    by_type = {entry["type"]: entry for entry in config(network="/proc/1/fd/3")["linux"]["namespaces"]}
    assert by_type["network"] == {"type": "network", "path": "/proc/1/fd/3"}
    assert "path" not in by_type["pid"]
    assert mounts(config(resolv_conf="/x"))["/etc/resolv.conf"]["source"] == "/x"
    assert "/etc/resolv.conf" not in mounts(config())


LIMITS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "memory": ({"memory": 1 << 20}, {"memory": {"limit": 1 << 20}}),
    "cpus": ({"cpus": 0.5}, {"cpu": {"quota": 50_000, "period": 100_000}}),
    "the kernel's least quota": ({"cpus": 0.001}, {"cpu": {"quota": 1000, "period": 100_000}}),
    "pids": ({"pids": 3}, {"pids": {"limit": 3}}),
    "none": ({}, {}),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits(name: str) -> None:
    asked, expected = LIMITS[name]
    resources = config(asked)["linux"]["resources"]
    assert {key: value for key, value in resources.items() if key != "devices"} == expected
    assert resources["devices"] == [{"allow": False, "access": "rwm"}]


def test_ordinary_user() -> None:
    made = config(user=True, many_ids=False, env={"HOME": "/home/a"})
    assert "resources" not in made["linux"]
    assert mounts(made)["/sys"]["source"] == "/sys"
    assert "gid=5" not in mounts(made)["/dev/pts"]["options"]
    assert "network" in {entry["type"] for entry in made["linux"]["namespaces"]}
    assert "HOME=/home/a" in made["process"]["env"]
    assert config({"pids": 3}, user=True)["linux"]["resources"] == {"pids": {"limit": 3}}


def test_ordinary_user_with_more_ids_and_a_network() -> None:
    made = config(user=True, own_network=True)
    assert "gid=5" in mounts(made)["/dev/pts"]["options"]
    assert "network" not in {entry["type"] for entry in made["linux"]["namespaces"]}


@pytest.mark.parametrize(
    ("shell", "root", "there", "expected"),
    [
        ("/bin/zsh", "/", ("/bin/zsh", "/bin/bash"), "/bin/zsh"),
        ("/bin/zsh", "/srv", ("/bin/zsh", "/bin/bash"), "/bin/bash"),
        ("/bin/zsh", "/", ("/bin/sh",), "/bin/sh"),
        ("", "/", ("/bin/bash", "/bin/sh"), "/bin/bash"),
        ("zsh", "/", ("zsh", "/bin/sh"), "/bin/sh"),
        ("", "/", (), "/bin/sh"),
    ],
)
def test_shell(shell: str, root: str, there: tuple[str, ...], expected: str) -> None:
    assert plan.shell({"SHELL": shell}, root, there) == [expected]
    assert plan.shells({"SHELL": shell}) == (shell, "/bin/bash", "/bin/sh")


@pytest.mark.parametrize(
    ("cwd", "root", "expected"),
    [
        ("/home/a", "/", "/home/a"),
        ("/tmp", "/", "/"),
        ("/tmp/x", "/", "/"),
        ("/tmpfile", "/", "/tmpfile"),
        ("/home/a", "/srv", "/"),
    ],
)
def test_working_directory(cwd: str, root: str, expected: str) -> None:
    assert plan.working_directory(cwd, root) == expected


MOUNTINFO = """\
22 27 0:21 / /proc rw - proc proc rw
27 1 254:0 / / rw - ext4 /dev/vda rw
30 27 254:1 / /home rw,relatime shared:3 - ext4 /dev/vdb rw
31 30 254:2 / /home/a rw - xfs /dev/vdc rw
32 27 254:3 / /boot/efi rw - vfat /dev/vda1 rw
33 27 254:4 / /tmp rw - ext4 /dev/vdd rw
34 27 0:30 / /srv/mem rw - tmpfs tmpfs rw
35 27 254:5 / /with\\040space rw - ext4 /dev/vde rw
36 27 0:40 / /var/lib/docker/overlay2/x rw - ext4 /dev/vdf rw
37 27 254:1 / /home rw - ext4 /dev/vdb rw
38 27 254:6 / /homes rw - ext4 /dev/vdg rw
broken
"""


def test_submounts_are_those_on_disks() -> None:
    assert plan.submounts(MOUNTINFO) == ("/boot/efi", "/home", "/homes")


# -- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slot", "network", "host", "container"),
    [
        (0, "10.231.0.0/30", "10.231.0.1", "10.231.0.2"),
        (63, "10.231.0.252/30", "10.231.0.253", "10.231.0.254"),
        (64, "10.231.1.0/30", "10.231.1.1", "10.231.1.2"),
        ((1 << 14) - 1, "10.231.255.252/30", "10.231.255.253", "10.231.255.254"),
    ],
)
def test_addresses(slot: int, network: str, host: str, container: str) -> None:
    made = plan.addresses(slot)
    assert (made.network, made.host, made.container) == (network, host, container)


def number(address: str) -> int:
    return int.from_bytes(bytes(map(int, address.split("."))), "big")


SLOTS: dict[str, tuple[set[int], list[tuple[str, int]], int, int | None]] = {
    "the first": (set(), [], 0, 0),
    "the next": ({0, 1}, [], 0, 2),
    "from the start on": (set(), [], 70000, 70000 % (1 << 14)),
    "round the end": ({(1 << 14) - 1}, [], (1 << 14) - 1, 0),
    "default route": (set(), [("0.0.0.0", 0)], 0, 0),  # noqa: S104  # a route
    "another network": (set(), [("10.0.0.0", 16), ("192.168.0.0", 16)], 0, 0),
    "a route to one address": (set(), [("10.231.0.3", 32)], 0, 1),
    "a route to a network": (set(), [("10.231.0.0", 24)], 0, 64),
    "a route to all of it": (set(), [("10.0.0.0", 8)], 0, None),
    "all taken": (set(range(1 << 14)), [], 5, None),
}


@pytest.mark.parametrize("name", SLOTS)
def test_free_slot(name: str) -> None:
    taken, routes, start, expected = SLOTS[name]
    assert plan.free_slot(taken, [(number(address), length) for address, length in routes], start) == expected


STUB = "nameserver 127.0.0.53\nsearch example.org\n"
RESOLVED = "nameserver 192.0.2.53\nsearch example.org\n"
RESOLV_CONFS = {
    "a server": ("# me\nnameserver 192.0.2.1\n", "", "nameserver 192.0.2.1\n"),
    "search and options": (
        "search a b\nnameserver 192.0.2.1\noptions ndots:2\nsortlist x\n",
        "",
        "nameserver 192.0.2.1\nsearch a b\noptions ndots:2\n",
    ),
    "a server on the loopback device beside it": (
        "nameserver 127.0.0.1\nnameserver 192.0.2.1\n",
        RESOLVED,
        "nameserver 192.0.2.1\n",
    ),
    "a stub": (STUB, RESOLVED, "nameserver 192.0.2.53\nsearch example.org\n"),
    "IPv6": ("nameserver ::1\nnameserver fe80::1\n", "", "nameserver fe80::1\n"),
    "a stub alone": (STUB, "", ""),
    "nothing": ("", "", ""),
    "no address": ("nameserver\n", "", ""),
}


@pytest.mark.parametrize("name", RESOLV_CONFS)
def test_resolv_conf(name: str) -> None:
    text, behind, expected = RESOLV_CONFS[name]
    assert plan.resolv_conf(text, behind) == expected


# -- changes ---------------------------------------------------------------------------------------------------------

FILE = Seen(kind="-", mode=0o644, size=3, mtime=5)
FOLDER = Seen(kind="d", mode=0o755)
LINK = Seen(kind="l", mode=0o777, target="a")
CHANGES: dict[str, tuple[Seen, Seen | None, str]] = {
    "deleted": (Seen(kind="w"), FILE, "D"),
    "made and deleted": (Seen(kind="w"), None, ""),
    "added": (FILE, None, "A"),
    "added folder": (FOLDER, None, "A"),
    "as it was": (FILE, FILE, ""),
    "longer": (Seen(kind="-", mode=0o644, size=4, mtime=5), FILE, "C"),
    "written": (Seen(kind="-", mode=0o644, size=3, mtime=6), FILE, "C"),
    "mode": (Seen(kind="-", mode=0o600, size=3, mtime=5), FILE, "C"),
    "owner": (Seen(kind="-", mode=0o644, size=3, mtime=5, uid=1), FILE, "C"),
    "group": (Seen(kind="-", mode=0o644, size=3, mtime=5, gid=1), FILE, "C"),
    "another kind": (FOLDER, FILE, "C"),
    "folder with changes": (Seen(kind="d", mode=0o755, size=4096, mtime=7), FOLDER, ""),
    "folder's mode": (Seen(kind="d", mode=0o700), FOLDER, "C"),
    "link": (LINK, LINK, ""),
    "link elsewhere": (Seen(kind="l", mode=0o777, target="b"), LINK, "C"),
    "device": (Seen(kind="p", mode=0o644), Seen(kind="p", mode=0o644), ""),
}


@pytest.mark.parametrize("name", CHANGES)
def test_change(name: str) -> None:
    upper, lower, expected = CHANGES[name]
    assert plan.change(upper, lower) == expected


def test_list_of_changes(tmp_path: Path) -> None:
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    for root in (lower, upper):
        (root / "etc").mkdir(parents=True)
    (lower / "etc/hosts").write_text("a")
    (upper / "etc/hosts").write_text("ab")
    (upper / "etc/new").write_text("a")
    (upper / "mounted").mkdir()
    layers = Layers(rootfs="", upper=str(upper), work="", lower=str(lower))
    assert changes.list_changes(layers, {"/mounted"}) == ["C /etc/hosts", "A /etc/new"]


# -- an ordinary user's IDs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alice:100000:65536\n", (100000, 65536)),
        ("1000:5:6", (5, 6)),
        ("bob:1:2\nalice:7:3\nalice:100:3\n", (7, 3)),
        ("bob:1:2", None),
        ("alice:1:0", None),
        ("alice:1", None),
        ("alice:x:3", None),
        ("alice:3:x", None),
        ("", None),
    ],
)
def test_subordinate(text: str, expected: tuple[int, int] | None) -> None:
    found = user.subordinate(text, ("alice", "1000"))
    assert (None if found is None else (found.first, found.count)) == expected


def test_mapping() -> None:
    made = user.mapping(1000, Subordinate(first=100000, count=65536))
    assert [(entry.container_id, entry.host_id, entry.size) for entry in made] == [(0, 1000, 1), (1, 100000, 65536)]


# -- folders ---------------------------------------------------------------------------------------------------------


def test_folder_is_held_until_it_is_closed(tmp_path: Path) -> None:
    place = str(tmp_path / "place")
    with folder.locked(place):
        own = folder.make(place)
    own.remember_network({"link": "x"})
    assert folder.left_behind(place) == []
    assert folder.networks(place) == [{"link": "x"}]
    own.folder("rootfs")
    own.file("config.json", "{}")
    own.close()
    assert os.listdir(place) == ["lock"]


def test_folder_that_nobody_holds_is_removed(tmp_path: Path) -> None:
    place = str(tmp_path)
    own = folder.make(place)
    own.remember_network({"link": "x"})
    os.close(own._lock)
    (tmp_path / "try-early").mkdir()  # killed before it had its lock
    assert folder.left_behind(place) == sorted([own.name, "try-early"])
    assert folder.networks(place) == []
    assert folder.network_of(place, own.name) == {"link": "x"}
    for name in folder.left_behind(place):
        folder.remove(place, name)
    assert os.listdir(place) == []


def test_folder_with_anything_else_is_not_removed(tmp_path: Path) -> None:
    """Something is still mounted there: those would be the host's files."""
    own = folder.make(str(tmp_path))
    rootfs = Path(own.folder("rootfs"))
    (rootfs / "precious").write_text("x")
    with pytest.raises(OSError, match="not empty"):
        own.close()
    assert (rootfs / "precious").exists()


@pytest.mark.parametrize("kind", ["file", "link", "open to all"])
def test_place_that_is_not_ours(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "place"
    if kind == "file":
        place.write_text("")
    elif kind == "link":
        place.symlink_to(tmp_path)
    else:
        place.mkdir()
        place.chmod(0o777)
    with pytest.raises(PyociError, match=f"use {place}: "), folder.locked(str(place)):
        pass


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_broken_record_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "try-x").mkdir()
    (tmp_path / "try-x/network").write_text(text)
    assert folder.network_of(str(tmp_path), "try-x") == {}


# -- the command line ------------------------------------------------------------------------------------------------


def request(*words: str) -> Request:
    parsed = options.parse(list(words), command.OPTIONS, command.STOP_AT)
    call = Call(command="try", options=parsed.options, args=parsed.args + parsed.rest, settings=Settings(root="/x"))
    made: Request = command.request_of(call)
    return made


def test_options(tmp_path: Path) -> None:
    words = ["--net", "--memory", "64m", "--cpus", "0.5", "--pids", "7", "--cap", "sys_admin", "--diff"]
    made = request(
        *words, "--bind", f"{tmp_path}:/x:ro", "--root", str(tmp_path), "--keep", f"{tmp_path}/k", "--", "a", "-b"
    )
    assert made == Request(
        args=["a", "-b"],
        root=str(tmp_path),
        keep=f"{tmp_path}/k",
        network=True,
        memory=64 << 20,
        cpus=0.5,
        pids=7,
        binds=(Bind(source=str(tmp_path), destination="/x", read_only=True),),
        capabilities=("CAP_SYS_ADMIN",),
        diff=True,
    )


def test_command_needs_no_dashes() -> None:
    assert request("ls", "--net").args == ["ls", "--net"]
    assert not request("ls", "--net").network


def test_bind_is_taken_from_where_the_caller_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert request("--bind", ".:/x").binds == (Bind(source=str(tmp_path), destination="/x"),)
    assert not request("--bind", ".:/x:rw").binds[0].read_only


def test_clearing_up_follows_no_link_that_the_container_has_made(tmp_path: Path) -> None:
    """Overlay moves copies of the container's files through its own folder, links to folders of the host's, too."""
    host = tmp_path / "host"
    host.mkdir(mode=0o755)
    (host / "file").write_text("precious")
    work = tmp_path / "kept/.pyoci-try/work"
    (work / "closed").mkdir(parents=True)
    (work / "closed/file").touch()
    (work / "closed").chmod(0)
    (work / "link").symlink_to(host)
    (tmp_path / "kept/upper").mkdir()
    layers.clear_work(str(tmp_path / "kept"))
    assert os.listdir(tmp_path / "kept") == ["upper"]
    assert host.stat().st_mode & 0o777 == 0o755
    assert os.listdir(host) == ["file"]
    layers.clear_work(str(tmp_path / "kept"))  # nothing to do


BAD = {
    "memory": ["", "0", "-1", "x", "1.2.3"],
    "cpus": ["", "0", "-1", "x", "nan", "inf", "1e9"],
    "pids": ["", "0", "-1", "x", "1.5"],
    "bind": ["", "/tmp", "/tmp:", "/tmp:x", "/tmp:/", "/tmp:/a/../b", "/tmp:/x:r", ":/x", "/no/such:/x"],
    "cap": ["", "NO_SUCH", "CAP_"],
    "root": ["/no/such", "/etc/passwd", ""],
    "keep": ["", "/no/such/folder", "/etc/passwd"],
}


@pytest.mark.parametrize(("option", "value"), [(option, value) for option in BAD for value in BAD[option]])
def test_bad_value_is_named(option: str, value: str) -> None:
    with pytest.raises(UsageError) as raised:
        request(f"--{option}={value}", "true")
    assert f"--{option}" in str(raised.value)
    assert not value or value in str(raised.value)


def test_config_is_json() -> None:
    assert json.dumps(config())
