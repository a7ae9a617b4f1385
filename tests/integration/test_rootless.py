"""The runtime called by a user who is not root: a user namespace of that user alone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import late_signal
from helpers.bundle import Bundle
from helpers.filtered import before_linux_6_18
from helpers.leaks import children
from helpers.runtime import TIME_LIMIT, Result, Runtime, kill_process, until

USER = 1000


@pytest.fixture
def home(scratch: Path, bundle: Bundle) -> Path:
    """$XDG_RUNTIME_DIR of the user, and the bundle is the user's."""
    (scratch / "run").mkdir()
    for folder, _, files in os.walk(scratch):
        for path in [folder, *(os.path.join(folder, file) for file in files)]:
            os.chown(path, USER, USER, follow_symlinks=False)
    bundle.namespace("user")
    for kind in ("uidMappings", "gidMappings"):
        bundle.linux[kind] = [{"containerID": 0, "hostID": USER, "size": 1}]
    # No right to a cgroup, nor to a group of terminals.
    del bundle.linux["cgroupsPath"], bundle.linux["resources"]
    return scratch / "run"


def call(
    runtime: Runtime,
    home: Path,
    *words: str,
    within: tuple[str, ...] = (),
    preexec: Callable[[], None] | None = None,
) -> Result:
    """Calls the runtime as USER; `within` is a command that executes it."""
    env = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(home)}
    with open(home / "out", "w+b") as out, open(home / "err", "w+b") as err:
        done = subprocess.run(
            [*within, *runtime.command, *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=env,
            user=USER,
            group=USER,
            extra_groups=[],
            timeout=TIME_LIMIT,
            preexec_fn=preexec,
        )
    return Result((home / "out").read_text(), (home / "err").read_text(), done.returncode)


@pytest.mark.beyond_runc("the words are pyoci's")
@pytest.mark.parametrize(
    "words",
    [
        "state x",
        "ps x",
        "kill x",
        "delete x",
        "start x",
        "exec x true",
        "pause x",
        "update --memory 1g x",
        "events x",
        "list",
        "top --once",
        "mounts add x /dev/null",
        "checkpoint x",
    ],
)
def test_states_of_root_are_out_of_reach(runtime: Runtime, home: Path, words: str) -> None:
    """A user without a session has no $XDG_RUNTIME_DIR, and gets the root's folder."""
    place = home.parent / "of-root"
    place.mkdir(mode=0o700)
    result = call(runtime, home, "--root", str(place), *words.split())
    assert result.status != 0
    assert "permission denied (EACCES); an ordinary user has states in $XDG_RUNTIME_DIR/pyoci" in result.stderr


@pytest.mark.beyond_runc("the command is pyoci's own")
@pytest.mark.parametrize("mode", [0o755, 0o700, None])
def test_folder_of_try_is_out_of_reach(runtime: Runtime, home: Path, mode: int | None) -> None:
    place = home.parent / "below"
    place.mkdir(mode=0o755)
    if mode is not None:
        (place / "pyoci-try").mkdir(mode=mode)
    said = call(runtime, home, "--root", str(place / "pyoci"), "try", "--", "true").stderr
    assert said.endswith("an ordinary user has it in $XDG_RUNTIME_DIR, or beside the folder of --root DIR\n")
    assert "remove it" not in said


def test_run(runtime: Runtime, bundle: Bundle, home: Path) -> None:
    bundle.sh("id -u; cat /proc/self/uid_map; hostname")
    bundle.config["hostname"] = "mine"
    bundle.write()
    result = call(runtime, home, "run", "--bundle", str(bundle.path), name := runtime.new_id())
    assert result.status == 0, result.stderr
    assert result.stdout.split() == ["0", "0", str(USER), "1", "mine"]
    assert name not in call(runtime, home, "list", "-q").stdout


def test_run_in_a_namespace_that_the_engine_has_made(runtime: Runtime, bundle: Bundle, home: Path) -> None:
    # So podman calls the runtime for a user: as root of a user namespace that is there already.
    bundle.no_namespace("user")
    for kind in ("uidMappings", "gidMappings"):
        del bundle.linux[kind]
    bundle.sh("id -u; cat /proc/self/uid_map; hostname")
    bundle.config["hostname"] = "mine"
    bundle.write()
    within = ("unshare", "--user", "--map-root-user", "--mount")
    words = ("--root", str(home / "state"), "run", "--bundle", str(bundle.path), runtime.new_id())
    result = call(runtime, home, *words, within=within)
    assert result.status == 0, result.stderr
    assert result.stdout.split() == ["0", "0", str(USER), "1", "mine"]


@pytest.mark.parametrize("older", [False, True], ids=["now", "before Linux 6.18"])
def test_a_procfs_of_a_pid_namespace_that_is_joined(runtime: Runtime, bundle: Bundle, home: Path, older: bool) -> None:
    """The runtime has the right to open it only once it is in the user namespace."""
    command = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "sleep", "300"]
    holder = subprocess.Popen(command, user=USER, group=USER, extra_groups=[])
    try:
        pid = until(lambda: descendants(holder.pid), "unshare forks")[0]
        for kind in ("user", "pid"):
            bundle.namespace(kind, f"/proc/{pid}/ns/{kind}")
        del bundle.linux["uidMappings"], bundle.linux["gidMappings"]
        bundle.sh("cat /proc/1/cmdline")
        words = ("run", "--bundle", str(bundle.path), runtime.add(bundle))
        result = call(runtime, home, *words, preexec=before_linux_6_18() if older else None)
        assert result == ("sleep\x00300\x00", "", 0)
    finally:
        kill_process(holder)


def test_the_state_is_kept_in_the_users_runtime_folder(runtime: Runtime, bundle: Bundle, home: Path) -> None:
    name = runtime.new_id()
    bundle.write()
    created = call(runtime, home, "create", "--bundle", str(bundle.path), name)
    assert created.status == 0, created.stderr
    assert list(home.glob(f"*/{name}"))
    assert '"created"' in call(runtime, home, "state", name).stdout
    assert call(runtime, home, "delete", "--force", name).status == 0
    assert not list(home.glob(f"*/{name}"))


@pytest.mark.beyond_runc("runc binds whatever lies there")
def test_a_device_that_is_another_one_on_the_host(runtime: Runtime, bundle: Bundle, home: Path) -> None:
    """The container would have /dev/zero for the null device."""
    bundle.linux["devices"] = [{"path": "/dev/zero", "type": "c", "major": 1, "minor": 3}]
    bundle.write()
    result = call(runtime, home, "run", "--bundle", str(bundle.path), runtime.new_id())
    assert result.status != 0
    assert "is not c 1:3" in result.stderr


@pytest.mark.beyond_runc("runc binds the host's node and leaves mode and owner out")
@pytest.mark.parametrize(
    ("rights", "works"),
    [
        ({}, True),
        ({"fileMode": 0o666, "uid": 0, "gid": 0}, True),
        ({"fileMode": 0o600}, False),
        ({"uid": 7}, False),
        ({"gid": 7}, False),
    ],
)
def test_rights_of_a_device_that_is_the_hosts(
    runtime: Runtime, bundle: Bundle, home: Path, rights: dict[str, int], works: bool
) -> None:
    """A user may make no node: the host's is bound, and nobody but its owner could change it."""
    bundle.linux["devices"] = [{"path": "/dev/zero", "type": "c", "major": 1, "minor": 5, **rights}]
    bundle.sh("test -c /dev/zero")
    bundle.write()
    result = call(runtime, home, "run", "--bundle", str(bundle.path), runtime.new_id())
    assert (result.status == 0) is works, result.stderr
    assert works or ("device /dev/zero: " in result.stderr and "0666" in result.stderr)


def test_a_limit_that_the_user_may_not_set_is_refused(runtime: Runtime, bundle: Bundle, home: Path) -> None:
    bundle.linux["resources"] = {"pids": {"limit": 10}}
    bundle.write()
    result = call(runtime, home, "run", "--bundle", str(bundle.path), runtime.new_id())
    assert result.status != 0
    assert "pids" in result.stderr or "cgroup" in result.stderr


@pytest.fixture
def tools(scratch: Path) -> Callable[[str], tuple[str, ...]]:
    """A command that executes another as USER, where newuidmap(1) and newgidmap(1) are such a script."""
    if not all(Path("/usr/bin", name).exists() for name in ("newuidmap", "newgidmap")):
        pytest.skip("newuidmap is not installed in /usr/bin")

    def make(script: str) -> tuple[str, ...]:
        (scratch / "tool").write_text(f"#!/bin/sh\n{script}\n")
        (scratch / "tool").chmod(0o755)
        mounts = "".join(f"mount --bind {scratch}/tool /usr/bin/{name}; " for name in ("newuidmap", "newgidmap"))
        user = f"setpriv --reuid {USER} --regid {USER} --clear-groups"
        return ("unshare", "--mount", "sh", "-ec", f'{mounts} exec {user} "$@"', "sh")

    return make


@pytest.mark.beyond_runc("asks how pyoci waits")
@pytest.mark.parametrize("birth", ["directly", "by another process"])
@pytest.mark.parametrize("how", ["hangs", "hangs, signalled late", "fails", "is killed"])
def test_a_tool_of_id_maps(
    runtime: Runtime, bundle: Bundle, home: Path, tools: Callable[[str], tuple[str, ...]], birth: str, how: str
) -> None:
    """It may ask a directory service that does not answer: a signal ends it; and nothing is left of what fails."""
    for kind in ("uidMappings", "gidMappings"):
        bundle.linux[kind] = [{"containerID": 0, "hostID": 100000, "size": 2}]
    if birth != "directly":
        bundle.namespace("time")
    bundle.write()
    scripts = {"hangs": "exec sleep 600", "fails": "exit 7", "is killed": "kill -SEGV $$"}
    name = runtime.new_id()
    before = {*children()}
    null = subprocess.DEVNULL
    words = ("run", "--bundle", str(bundle.path), name)
    process = subprocess.Popen(
        [*tools(scripts[how.partition(",")[0]]), *runtime.command, *words],
        stdin=null,
        stdout=null,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(home)},
    )
    hangs = how.startswith("hangs")
    if hangs:
        until(lambda: "sleep" in map(name_of, descendants(process.pid)), "the tool waits")
        send = late_signal.send_before_the_call if "late" in how else os.kill
        send(process.pid, signal.SIGTERM)
    said = process.communicate(timeout=TIME_LIMIT)[1].decode()
    if hangs:
        assert process.returncode == 128 + signal.SIGTERM, said
    else:
        ending = "exited with status 7" if how == "fails" else "was killed by SIGSEGV"
        assert f"{ending}; /etc/subgid says what it allows to user {USER}" in said
    assert not list(home.glob(f"*/*{name}*"))
    until(lambda: {*children()} <= before, "no process is left")


def descendants(pid: int) -> list[int]:
    try:
        found = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [other for child in found for other in (child, *descendants(child))]


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def mount(**entry: Any) -> Callable[[Bundle], None]:
    return lambda bundle: bundle.config["mounts"].append({"destination": "/mnt", **entry})


def without(kind: str, then: Callable[[Bundle], None]) -> Callable[[Bundle], None]:
    def change(bundle: Bundle) -> None:
        bundle.no_namespace(kind)
        then(bundle)

    return change


@contextlib.contextmanager
def holder() -> Iterator[int]:
    """A process of USER in a user namespace and a network namespace of its own."""
    command = ["unshare", "--user", "--map-root-user", "--net", "--fork", "--kill-child", "sleep", "300"]
    process = subprocess.Popen(command, user=USER, group=USER, extra_groups=[])
    try:
        yield until(lambda: descendants(process.pid), "unshare forks")[0]
    finally:
        kill_process(process)


REFUSED: dict[str, tuple[Callable[[Bundle], None], str]] = {
    "ids of a mount": (
        mount(type="bind", source="/usr", options=["bind", "idmap"]),
        "to map the ids of a mount takes CAP_SYS_ADMIN over its file system",
    ),
    "a procfs": (
        without("pid", lambda _: None),
        "in a user namespace proc takes a namespace of type pid",
    ),
    "a queue": (
        without("ipc", mount(type="mqueue", source="mqueue")),
        "in a user namespace mqueue takes a namespace of type ipc",
    ),
    "a file system": (
        mount(type="debugfs", source="debugfs"),
        "the kernel lets no user namespace mount debugfs",
    ),
}


@pytest.mark.beyond_runc("the words are pyoci's")
@pytest.mark.parametrize("kind", REFUSED)
def test_says_why(runtime: Runtime, bundle: Bundle, home: Path, kind: str) -> None:
    change, words = REFUSED[kind]
    change(bundle)
    bundle.write()
    said = call(runtime, home, "run", "--bundle", str(bundle.path), runtime.new_id()).stderr
    assert said.count(words) == 1, said


def process(**properties: Any) -> Callable[[Bundle], None]:
    return lambda bundle: bundle.process.update(properties)


def mapped(bundle: Bundle) -> None:
    bundle.namespace("user")
    for kind in ("uidMappings", "gidMappings"):
        bundle.linux[kind] = [{"containerID": 0, "hostID": 0, "size": 1}, {"containerID": 1, "hostID": 7, "size": 1}]


def terminals(bundle: Bundle) -> None:
    bundle.config["mounts"].append(
        {"destination": "/mnt", "type": "devpts", "source": "devpts", "options": ["newinstance", "gid=5"]}
    )


ONE = [{"containerID": 0, "hostID": 0, "size": 1}]
OTHER = [{"containerID": 0, "hostID": 7, "size": 1}]
IDS = "/proc/self/uid_map and gid_map, which an engine makes of /etc/subuid and /etc/subgid"
REFUSED_BELOW_AN_ENGINE: dict[str, tuple[Callable[[Bundle], None], str]] = {
    **REFUSED,
    "ids of a mount": (
        mount(type="bind", source="/usr", options=["bind", "idmap"], uidMappings=ONE, gidMappings=ONE),
        REFUSED["ids of a mount"][1],
    ),
    "ids of a mount that the caller lacks": (
        mount(type="bind", source="/usr", options=["bind", "idmap"], uidMappings=ONE, gidMappings=OTHER),
        f"a hostID is an id of the user namespace that pyoci was called in: {IDS}",
    ),
    "a user": (process(user={"uid": 7, "gid": 0}), f"has only the ids that are mapped: {IDS}"),
    "groups": (process(user={"uid": 0, "gid": 0, "additionalGids": [0]}), f"without newgidmap: {IDS}"),
    "id maps": (mapped, f"a hostID is an id of the user namespace that pyoci was called in: {IDS}"),
    "a group of terminals": (
        terminals,
        "gid 5 is not mapped in the container's user namespace: /proc/self/gid_map has 0-0",
    ),
    "groups of ping": (
        lambda bundle: bundle.linux.update(sysctl={"net.ipv4.ping_group_range": "0 5"}),
        "both numbers must be groups that /proc/self/gid_map maps",
    ),
    "a sysctl of the host": (
        lambda bundle: bundle.linux.update(sysctl={"kernel.domainname": "example"}),
        "it belongs to the host's root: set /domainname instead",
    ),
    "less than the caller's": (
        process(oomScoreAdj=-500),
        "it takes CAP_SYS_RESOURCE over the host, which no user namespace has",
    ),
    "a class of I/O": (
        process(ioPriority={"class": "IOPRIO_CLASS_RT", "priority": 1}),
        "it takes CAP_SYS_NICE over the host, which no user namespace has",
    ),
    "a scheduler": (
        process(scheduler={"policy": "SCHED_FIFO", "priority": 10}),
        "it takes CAP_SYS_NICE over the host, which no user namespace has",
    ),
    "a limit": (
        process(rlimits=[{"type": "RLIMIT_NPROC", "soft": 2**40, "hard": 2**40}]),
        "to raise it takes CAP_SYS_RESOURCE over the host, which no user namespace has",
    ),
}


@pytest.mark.beyond_runc("the words are pyoci's")
@pytest.mark.parametrize("kind", REFUSED_BELOW_AN_ENGINE)
def test_says_why_in_a_namespace_that_the_engine_has_made(
    runtime: Runtime, bundle: Bundle, home: Path, kind: str
) -> None:
    """The config has no user namespace then, and the caller is root of one: neither may lead the advice astray."""
    bundle.no_namespace("user")
    for name in ("uidMappings", "gidMappings"):
        del bundle.linux[name]
    change, words = REFUSED_BELOW_AN_ENGINE[kind]
    change(bundle)
    bundle.write()
    within = ("unshare", "--user", "--map-root-user", "--mount", "prlimit", "--nproc=4000:4000")
    options = ("--root", str(home / "state"), "run", "--bundle", str(bundle.path), runtime.new_id())
    said = call(runtime, home, *options, within=within).stderr
    assert said.count(words) == 1, said
    assert "the caller lacks" not in said


@pytest.mark.beyond_runc("the words are pyoci's")
@pytest.mark.parametrize(
    ("user", "words"),
    [
        ({"uid": 1000, "gid": 0}, "has only the ids that are mapped: the uid_map and gid_map of /proc/"),
        ({"uid": 0, "gid": 0, "additionalGids": [0]}, "supplementary groups need setgroups(2)"),
    ],
)
def test_a_user_of_a_namespace_that_is_joined(
    runtime: Runtime,
    bundle: Bundle,
    home: Path,
    user: dict[str, Any],
    words: str,
) -> None:
    with holder() as pid:
        bundle.namespace("user", f"/proc/{pid}/ns/user")
        del bundle.linux["uidMappings"], bundle.linux["gidMappings"]
        bundle.process["user"] = user
        bundle.write()
        said = call(runtime, home, "run", "--bundle", str(bundle.path), runtime.new_id()).stderr
        assert said.count(words) == 1, said


@pytest.mark.beyond_runc("the words are pyoci's")
def test_a_namespace_of_another_user_namespace(runtime: Runtime, bundle: Bundle, home: Path) -> None:
    with holder() as pid:
        path = f"/proc/{pid}/ns/net"
        bundle.namespace("network", path)
        bundle.write()
        said = call(runtime, home, "run", "--bundle", str(bundle.path), runtime.new_id()).stderr
        assert f"{path} belongs to another user namespace" in said
        assert "join that one, too" in said


@pytest.mark.beyond_runc("the words are pyoci's")
@pytest.mark.parametrize("name", ["uid", "gid"])
def test_a_tool_of_id_maps_says_why(
    runtime: Runtime,
    bundle: Bundle,
    home: Path,
    tools: Callable[[str], tuple[str, ...]],
    name: str,
) -> None:
    """Its words are in our message, which an engine finds in the log, and not beside it."""
    bundle.linux[f"{name}Mappings"] = [{"containerID": 0, "hostID": 100000, "size": 2}]
    bundle.write()
    log = home / "log"
    words = ("run", "--bundle", str(bundle.path), runtime.new_id())
    done = subprocess.run(
        [*tools("echo '1 is not allowed' >&2; exit 7"), *runtime.command, "--log", str(log), *words],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(home)},
    )
    (line,) = done.stderr.splitlines()
    assert f"exited with status 7 (1 is not allowed); /etc/sub{name} says what it allows to user {USER}" in line
    assert "1 is not allowed" in log.read_text()


@pytest.mark.beyond_runc("the words are pyoci's")
def test_systemd_that_is_not_there(runtime: Runtime, bundle: Bundle, home: Path) -> None:
    bundle.write()
    words = ("--systemd-cgroup", "run", "--bundle", str(bundle.path), runtime.new_id())
    (line,) = call(runtime, home, *words).stderr.splitlines()
    assert "connect to systemd" in line and "$XDG_RUNTIME_DIR" in line
