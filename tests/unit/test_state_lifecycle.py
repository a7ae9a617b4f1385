"""runtime.md, Operations: start, kill, delete and their errors, on an init that is only a child process."""

from __future__ import annotations

import json
import os
import pwd
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from helpers import fake_init
from helpers.fake_init import FakeInit

from pyoci import cgroups
from pyoci.cli import main as cli
from pyoci.errors import (
    ContainerError,
    ContainerNotFound,
    ExecutableError,
    HookError,
    StateError,
    UnsupportedError,
)
from pyoci.host import create, restore
from pyoci.host.bundle_plan import Options
from pyoci.host.delete import delete
from pyoci.host.kill import kill
from pyoci.host.start import start
from pyoci.kernel import proc_stat
from pyoci.plan.restore import Wanted
from pyoci.state.status import look
from pyoci.state.store import START_SOCKET, Entry, Store
from pyoci.wire import messages

if TYPE_CHECKING:
    from pyoci.wire.plan import Plan

PROGRAM = """
import sys
sys.path.insert(0, {place!r})
from pyoci.cli.main import main
sys.exit(main(sys.argv[1:]))
"""

KILL, TERM, CONT = 9, 15, 18


@pytest.fixture
def init(entry: Entry) -> Iterator[FakeInit]:
    """A created container."""
    process = FakeInit(entry)
    record(entry, process)
    yield process
    process.reap()


def record(entry: Entry, init: FakeInit, **fields: Any) -> None:
    entry.write(fake_init.state("x", pid=init.pid, pid_start=init.start, **fields))


def current(store: Store) -> str:
    with store.open("x") as entry:
        return look(entry)[1]


def pyoci(store: Store, *argv: str) -> subprocess.CompletedProcess[str]:
    place = str(Path(cli.__file__).parents[2])
    program = PROGRAM.format(place=place)
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, "--root", store.root, *argv],
        capture_output=True,
        text=True,
        timeout=120,
    )


class FakeGroup:
    """Stands for the cgroup: remembers what was asked of it."""

    def __init__(self, pids: list[int] | None = None, frozen: bool = False) -> None:
        self.members = pids or []
        self.frozen = frozen
        self.calls: list[object] = []

    def is_frozen(self) -> bool:
        return self.frozen

    def pids(self) -> list[int]:
        return self.members

    def kill(self, signal: int) -> None:
        self.calls.append(("kill", signal))
        for pid in self.members:
            os.kill(pid, signal)

    def thaw_killed(self) -> None:
        if self.frozen:
            self.calls.append("thaw killed")

    def destroy(self, left: str) -> str:
        self.calls.append(("destroy", left))
        return ""


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> FakeGroup:
    made = FakeGroup()
    monkeypatch.setattr(cgroups, "reopen", lambda _saved: made)
    return made


# start


def test_start_runs_the_program(store: Store, entry: Entry, init: FakeInit) -> None:
    assert current(store) == "created"
    with store.open("x") as other:
        start(other)
    assert current(store) == "running"
    assert os.readlink(f"/proc/{init.pid}/exe") == os.path.realpath(fake_init.SLEEP)
    assert not os.path.exists(f"{entry.path}/{START_SOCKET}")


@pytest.mark.usefixtures("init")
def test_start_twice(store: Store, entry: Entry) -> None:
    start(entry)
    with (
        store.open("x") as other,
        pytest.raises(StateError, match="cannot start an already running container"),
    ):
        entry.unlock()
        start(other)
    assert current(store) == "running"


def test_start_of_a_stopped_container(entry: Entry, init: FakeInit) -> None:
    init.reap()
    with pytest.raises(StateError, match="cannot start a container that has stopped"):
        start(entry)


def test_start_while_creating(entry: Entry) -> None:
    me = os.getpid()
    entry.write(fake_init.state("x", creator_pid=me, creator_start=proc_stat.start_time(me)))
    with pytest.raises(StateError, match="cannot start container x: it is being created"):
        start(entry)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("executable exec: no such file or directory", ExecutableError),
        ("error some step: some cause", ContainerError),
    ],
)
def test_start_passes_on_the_words_of_the_container_side(
    store: Store, entry: Entry, text: str, kind: type[Exception]
) -> None:
    init = FakeInit(entry, lambda fd: messages.from_descriptor(fd).send(messages.ERROR, text))
    record(entry, init)
    with pytest.raises(kind, match=text.partition(" ")[2]):
        start(entry)
    init.reap()
    assert current(store) == "stopped"


def test_failed_start_container_hook_destroys_the_container(store: Store, entry: Entry, tmp_path: Path) -> None:
    def fail(fd: int) -> None:
        messages.from_descriptor(fd).send(
            messages.ERROR, "hook error running startContainer hook #0: /h: exited with status 1"
        )

    init = FakeInit(entry, fail)
    record(entry, init, hooks={"poststop": [touch(tmp_path / "poststop")]})
    with pytest.raises(HookError, match="exited with status 1"):
        start(entry)
    init.reap()
    assert store.ids() == []
    assert (tmp_path / "poststop").exists()


def touch(path: Path) -> dict[str, Any]:
    """A hook that writes the state it is given to `path`."""
    return {"path": "/bin/sh", "args": ["sh", "-c", f"cat > {path}; pwd -P >> {path}"], "env": ["PATH=/bin"]}


def test_poststart_hooks_see_the_running_container(entry: Entry, init: FakeInit, tmp_path: Path) -> None:
    record(entry, init, bundle=str(tmp_path), hooks={"poststart": [touch(tmp_path / "told")]})
    start(entry)
    text, cwd = (tmp_path / "told").read_text().rsplit("}", 1)
    document = json.loads(text + "}")
    assert document["status"] == "running"
    assert document["pid"] == init.pid
    assert cwd.strip() == str(tmp_path)


def test_failed_poststart_hook_stops_and_destroys(store: Store, entry: Entry, init: FakeInit, tmp_path: Path) -> None:
    hooks = {"poststart": [{"path": "/bin/false"}], "poststop": [touch(tmp_path / "poststop")]}
    record(entry, init, hooks=hooks)
    with pytest.raises(HookError, match=r"^error running poststart hook #0: /bin/false: exited with status 1$"):
        start(entry)
    assert proc_stat.is_alive(init.pid, init.start) is False
    assert store.ids() == []
    assert json.loads((tmp_path / "poststop").read_text().rsplit("}", 1)[0] + "}")["status"] == "stopped"


def test_a_failed_poststart_hook_ends_who_was_moved_in(entry: Entry, init: FakeInit, group: FakeGroup) -> None:
    """As `delete --force` does: init was killed just now, so whoever is in the cgroup is the container's."""
    record(entry, init, cgroup={"a": 1}, hooks={"poststart": [{"path": "/bin/false"}]})
    with pytest.raises(HookError):
        start(entry)
    assert group.calls[-1] == ("destroy", cgroups.DIRECT)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_restore_in_the_foreground_deletes_what_nobody_else_has(
    entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    """Deleted twice, its poststop hooks would run twice, and the cgroup may be another container's by now."""
    pid = os.posix_spawn("/bin/true", ["true"], {})
    state = fake_init.state("x", pid=pid, hooks={"poststop": [touch(tmp_path / "poststop")]})
    entry.write(state)
    pidfd = os.pidfd_open(pid)
    created = create.Created(entry=entry, state=state, plan=cast("Plan", None), pid=pid, pidfd=pidfd)

    def fake_restore(*words: Any) -> create.Created:
        words[-1]()
        if not is_there:
            entry.remove()
        return created

    monkeypatch.setattr(restore, "restore", fake_restore)
    options = Options(container_id="x", bundle="/", root=entry.root, detach=False)
    assert restore.run(options, Wanted(empty_ns=[]), "", subreaper=False) == 0
    assert (tmp_path / "poststop").exists() is is_there
    assert entry.is_removed()
    os.close(pidfd)


def test_a_poststart_hook_may_use_the_runtime(store: Store, entry: Entry, init: FakeInit, tmp_path: Path) -> None:
    """The lock is not held meanwhile, so that a `delete --force` from a hook need not wait for `start`."""
    with open(tmp_path / "hook.py", "w") as file:
        file.write(f"import sys; sys.path.insert(0, {str(Path(cli.__file__).parents[2])!r})\n")
        file.write("from pyoci.cli.main import main\n")
        file.write(f"sys.exit(main(['--root', {store.root!r}, 'delete', '--force', 'x']))\n")
    hook = {"path": sys.executable, "args": ["python", "-I", "-S", str(tmp_path / "hook.py")], "timeout": 20}
    record(entry, init, hooks={"poststart": [hook]})
    start(entry)
    assert store.ids() == []


# kill


def test_kill_sends_the_signal(entry: Entry, init: FakeInit) -> None:
    kill(entry, TERM)
    assert os.waitstatus_to_exitcode(os.waitpid(init.pid, 0)[1]) == -TERM


def test_kill_of_a_stopped_container(entry: Entry, init: FakeInit) -> None:
    init.kill()
    with pytest.raises(StateError, match="container not running"):
        kill(entry, KILL)


def test_kill_never_hits_another_process(entry: Entry, init: FakeInit) -> None:
    entry.write(fake_init.state("x", pid=init.pid, pid_start=init.start + 1))
    with pytest.raises(StateError, match="container not running"):
        kill(entry, KILL)
    entry.write(fake_init.state("x", pid=init.pid, pid_start=init.start, boot_id="other"))
    with pytest.raises(StateError, match="container not running"):
        kill(entry, KILL)
    assert proc_stat.is_alive(init.pid, init.start)


def test_kill_while_creating(entry: Entry) -> None:
    me = os.getpid()
    entry.write(fake_init.state("x", creator_pid=me, creator_start=proc_stat.start_time(me)))
    with pytest.raises(StateError, match="container not running: 'x': it is being created"):
        kill(entry, KILL)


def test_kill_all_signals_the_cgroup(entry: Entry, init: FakeInit, group: FakeGroup) -> None:
    record(entry, init, cgroup={"a": 1})
    kill(entry, TERM, everyone=True)
    assert group.calls == [("kill", TERM)]


@pytest.mark.usefixtures("init")
def test_kill_all_without_a_cgroup(entry: Entry) -> None:
    with pytest.raises(UnsupportedError, match="without a cgroup"):
        kill(entry, TERM, everyone=True)
    kill(entry, KILL, everyone=True)  # its PID namespace goes with init


def test_sigkill_without_an_own_pid_namespace_reaches_all(entry: Entry, init: FakeInit, group: FakeGroup) -> None:
    record(entry, init, cgroup={"a": 1}, own_pid_namespace=False)
    kill(entry, KILL)
    assert group.calls == [("kill", KILL)]


def test_other_signals_reach_init_only(entry: Entry, init: FakeInit, group: FakeGroup) -> None:
    record(entry, init, cgroup={"a": 1}, own_pid_namespace=False)
    kill(entry, TERM)
    assert group.calls == []


def test_kill_all_reaches_what_outlived_init(entry: Entry, init: FakeInit, group: FakeGroup) -> None:
    init.kill()
    record(entry, init, cgroup={"a": 1}, own_pid_namespace=False)
    orphan = subprocess.Popen([fake_init.SLEEP, "60"])
    group.members = [orphan.pid]
    kill(entry, KILL, everyone=True)
    assert orphan.wait(120) == -KILL


@pytest.mark.parametrize(("own", "boot"), [(True, ""), (False, "another-boot")])
def test_kill_all_spares_who_came_after_init(
    entry: Entry, init: FakeInit, monkeypatch: pytest.MonkeyPatch, own: bool, boot: str
) -> None:
    """With a PID namespace of its own, or before this boot, nobody can have outlived init."""
    monkeypatch.setattr(cgroups, "reopen", lambda _saved: pytest.fail("its cgroup is asked"))
    init.kill()
    record(entry, init, cgroup={"a": 1}, own_pid_namespace=own, boot_id=boot)
    kill(entry, KILL, everyone=True)


def test_sigkill_thaws_a_paused_container(entry: Entry, init: FakeInit, group: FakeGroup) -> None:
    group.frozen = True
    record(entry, init, cgroup={"a": 1})
    kill(entry, CONT)
    assert group.calls == []
    kill(entry, KILL)
    assert group.calls == ["thaw killed"]


# delete


def test_delete_of_a_stopped_container(store: Store, entry: Entry, init: FakeInit, group: FakeGroup) -> None:
    record(entry, init, cgroup={"a": 1})
    init.kill()
    delete(store, "x")
    assert store.ids() == []
    assert group.calls == [("destroy", cgroups.NOBODY)]


def test_delete_of_a_container_of_another_boot(
    store: Store, entry: Entry, init: FakeInit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cgroup is gone; what has that path and that number now is another's."""
    monkeypatch.setattr(cgroups, "reopen", lambda _saved: pytest.fail("its cgroup is asked"))
    init.kill()
    record(entry, init, cgroup={"a": 1}, boot_id="another-boot", own_pid_namespace=False)
    delete(store, "x")
    assert store.ids() == []


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.usefixtures("init")
def test_delete_of_one_that_has_not_stopped(store: Store, entry: Entry, started: bool) -> None:
    """runtime.md, Delete: an error and no effect, for a created one too."""
    if started:
        start(entry)
    entry.unlock()
    word = "running" if started else "created"
    with pytest.raises(
        StateError,
        match=f"^cannot delete container x that is not stopped: {word}; pyoci delete --force x kills it first$",
    ):
        delete(store, "x")
    assert current(store) == word


@pytest.mark.parametrize("started", [False, True])
def test_delete_force_kills_first(store: Store, entry: Entry, init: FakeInit, started: bool) -> None:
    if started:
        start(entry)
    entry.unlock()
    delete(store, "x", force=True)
    assert store.ids() == []
    assert not proc_stat.is_alive(init.pid, init.start)


def test_delete_of_an_unknown_container(store: Store) -> None:
    with pytest.raises(ContainerNotFound, match="container does not exist"):
        delete(store, "x")
    delete(store, "x", force=True)


def test_delete_kills_what_outlived_init(store: Store, entry: Entry, init: FakeInit, group: FakeGroup) -> None:
    record(entry, init, cgroup={"a": 1}, own_pid_namespace=False)
    init.kill()
    delete(store, "x")
    assert group.calls == [("destroy", cgroups.ALL)]


def test_delete_by_force_kills_who_was_moved_in(store: Store, entry: Entry, init: FakeInit, group: FakeGroup) -> None:
    record(entry, init, cgroup={"a": 1})
    delete(store, "x", force=True)
    assert group.calls == [("destroy", cgroups.DIRECT)]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["note.txt", "folder", ".state.jsonx", ".hidden", "state.json.bak"])
def test_a_folder_of_somebody_else_is_left_alone(store: Store, name: str, force: bool) -> None:
    """`pyoci --root /home delete --force alice`."""
    mine = Path(store.root) / "mine"
    mine.mkdir(parents=True)
    (mine / "config.json").write_text("{}")
    if name == "folder":
        (mine / name).mkdir()
    else:
        (mine / name).write_text("precious")
    with pytest.raises(StateError, match=f"not a container's.*'{re.escape(name)}'"):
        delete(store, "mine", force)
    assert {path.name for path in mine.iterdir()} == {"config.json", name}


def test_what_a_killed_write_has_left_is_removed(store: Store) -> None:
    broken = Path(store.root) / "broken"
    broken.mkdir(parents=True)
    for name in (".state.json.123", "config.json", "start", "exit"):
        (broken / name).touch()
    delete(store, "broken", force=True)
    assert not broken.exists()


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]"])
def test_delete_of_a_half_made_container(store: Store, entry: Entry, content: bytes | None) -> None:
    if content is not None:
        entry.write_file("state.json", content)
    entry.write_file("config.json", b"{}")
    with pytest.raises(StateError, match="pyoci delete --force x removes it"):
        delete(store, "x")
    assert store.ids() == ["x"]
    delete(store, "x", force=True)
    assert store.ids() == []


def test_delete_after_create_was_killed(store: Store, entry: Entry, group: FakeGroup) -> None:
    """Its state is already there, its init is not: nothing can come of it any more."""
    entry.write(fake_init.state("x", creator_pid=4_194_303, creator_start=1, cgroup={"a": 1}))
    assert current(store) == "stopped"
    delete(store, "x")
    assert store.ids() == []
    assert group.calls == [("destroy", cgroups.DIRECT)]


def test_delete_while_creating(store: Store, entry: Entry) -> None:
    creator = subprocess.Popen([fake_init.SLEEP, "60"])
    entry.write(fake_init.state("x", creator_pid=creator.pid, creator_start=proc_stat.start_time(creator.pid)))
    with pytest.raises(StateError, match="cannot delete container x: it is being created"):
        delete(store, "x")
    delete(store, "x", force=True)
    assert creator.wait(120) == -KILL
    assert store.ids() == []


def test_delete_force_does_not_wait_for_a_start_that_hangs(store: Store, entry: Entry) -> None:
    """A startContainer hook may never end; `start` holds the lock meanwhile."""
    entry.close()
    with store.open("x") as again:
        init = FakeInit(again, lambda _fd: time.sleep(60))
        record(again, init)
    starter = os.fork()
    if starter == 0:
        try:
            with store.open("x") as again:
                start(again)
        finally:
            os._exit(0)
    time.sleep(0.3)
    delete(store, "x", force=True)
    assert store.ids() == []
    os.waitpid(starter, 0)
    init.reap()


def test_poststop_hooks_all_run_and_a_failure_is_a_warning(
    store: Store, entry: Entry, init: FakeInit, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hooks = [{"path": "/bin/false"}, touch(tmp_path / "told"), {"path": "/nonexistent"}]
    record(entry, init, bundle="/removed/meanwhile", hooks={"poststop": hooks})
    init.kill()
    delete(store, "x")
    assert store.ids() == []
    text, cwd = (tmp_path / "told").read_text().rsplit("}", 1)
    document = json.loads(text + "}")
    assert (document["status"], document["pid"], document["id"]) == ("stopped", 0, "x")
    assert cwd.strip() == "/"
    warnings = capfd.readouterr().err.splitlines()
    assert warnings[0] == "pyoci: warning: error running poststop hook #0: /bin/false: exited with status 1"
    assert "poststop hook #2: /nonexistent: cannot be executed: no such file or directory" in warnings[1]


# the commands


def test_state_command(store: Store, entry: Entry, init: FakeInit) -> None:
    record(entry, init, bundle="/b", annotations={"k": "v"})
    result = pyoci(store, "state", "x")
    assert result.returncode == 0
    assert json.loads(result.stdout) == {
        "ociVersion": "1.0.2",
        "id": "x",
        "pid": init.pid,
        "status": "created",
        "bundle": "/b",
        "rootfs": "/rootfs",
        "created": "2026-01-01T00:00:00.123456789Z",
        "owner": "root",
        "annotations": {"k": "v"},
    }
    init.kill()
    stopped = json.loads(pyoci(store, "state", "x").stdout)
    assert (stopped["status"], stopped["pid"]) == ("stopped", 0)


@pytest.mark.usefixtures("entry")
def test_a_lifecycle_by_commands(store: Store, init: FakeInit) -> None:
    assert pyoci(store, "start", "x").returncode == 0
    assert json.loads(pyoci(store, "state", "x").stdout)["status"] == "running"
    assert "that is not stopped: running" in pyoci(store, "delete", "x").stderr
    assert pyoci(store, "kill", "x", "SIGKILL").returncode == 0
    os.waitid(os.P_PID, init.pid, os.WEXITED | os.WNOWAIT)
    assert pyoci(store, "delete", "x").returncode == 0
    assert "does not exist" in pyoci(store, "delete", "x").stderr
    assert pyoci(store, "delete", "--force", "x").returncode == 0


@pytest.mark.parametrize("argv", [["x"], ["x", "TERM"], ["--signal", "15", "x"], ["-s", "SIGTERM", "x"]])
@pytest.mark.usefixtures("entry")
def test_kill_command_spellings(store: Store, init: FakeInit, argv: list[str]) -> None:
    assert pyoci(store, "kill", *argv).returncode == 0
    assert os.waitstatus_to_exitcode(os.waitpid(init.pid, 0)[1]) == -TERM


@pytest.mark.usefixtures("entry")
def test_list_command(store: Store, init: FakeInit) -> None:
    with fake_init.published(store, "broken") as broken:
        broken.write_file("state.json", b"{")
    table = pyoci(store, "list")
    assert table.returncode == 0
    header, row = table.stdout.splitlines()
    assert header.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert row.split() == ["x", str(init.pid), "created", "/", "2026-01-01T00:00:00.123456789Z", "root"]
    assert header.index("STATUS") == row.index("created")
    assert "broken" in table.stderr
    as_json = pyoci(store, "list", "--format", "json")
    assert [item["id"] for item in json.loads(as_json.stdout)] == ["x"]
    assert pyoci(store, "list", "-q").stdout == "broken\nx\n"


def test_list_tells_whose_folder_it_is(store: Store, entry: Entry, init: FakeInit) -> None:
    record(entry, init, owner="")
    [document] = json.loads(pyoci(store, "list", "-f", "json").stdout)
    assert document["owner"] == pwd.getpwuid(os.getuid()).pw_name


def test_list_of_a_root_that_is_not_there(store: Store) -> None:
    """As in runc, which takes only its default for an empty one."""
    assert f"list {store.root}: no such file or directory" in pyoci(store, "list").stderr


def test_list_of_nothing(store: Store) -> None:
    os.mkdir(store.root)
    assert json.loads(pyoci(store, "list", "--format=json").stdout) == []
    assert pyoci(store, "list", "--quiet").stdout == ""


def test_delete_by_a_regular_expression(store: Store) -> None:
    for name in ("a-1", "a-2", "b-1"):
        with fake_init.published(store, name, pid=4_194_303, pid_start=1):
            pass
    assert pyoci(store, "delete", "--regex", "^a-").returncode == 0
    assert store.ids() == ["b-1"]
    assert pyoci(store, "delete", "--regex", "nobody").returncode == 0
    for pattern in ("", "("):
        assert "--regex" in pyoci(store, "delete", "--regex", "--force", pattern).stderr
    assert store.ids() == ["b-1"]
    assert pyoci(store, "delete", "b-").returncode == 1, "without the option it is an ID"


@pytest.mark.usefixtures("entry")
def test_kill_by_a_regular_expression(store: Store, init: FakeInit) -> None:
    with fake_init.published(store, "xx", pid=4_194_303, pid_start=1):
        pass
    result = pyoci(store, "kill", "--regex", "^x", "TERM")
    assert result.returncode == 1
    assert "container not running: 'xx'" in result.stderr, "one that has stopped is told, and the next one follows"
    assert os.waitstatus_to_exitcode(os.waitpid(init.pid, 0)[1]) == -TERM


def test_whether_a_process_has_executed_a_program_is_not_told_by_its_name() -> None:
    forked = os.fork()
    if forked == 0:
        time.sleep(60)
        os._exit(0)
    executed = subprocess.Popen(
        ["sh", "-c", "printf pyoci:init >/proc/$$/comm; echo; read line"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert executed.stdout is not None
        executed.stdout.readline()
        assert Path(f"/proc/{executed.pid}/comm").read_text() == "pyoci:init\n"
        assert [proc_stat.has_executed(pid) for pid in (forked, executed.pid)] == [False, True]
    finally:
        os.kill(forked, KILL)
        os.waitpid(forked, 0)
        executed.kill()
        executed.communicate()
