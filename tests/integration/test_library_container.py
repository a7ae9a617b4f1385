"""pyoci.Container: its life, its streams, who waits for it, and what it leaves behind."""

from __future__ import annotations

import json
import os
import select
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.library import Library, descriptors
from helpers.open_files import open_files
from helpers.runtime import TIME_LIMIT, until

import pyoci
from pyoci import PIPE, Container, Exit


def test_a_life(library: Library, bundle: Bundle) -> None:
    bundle.sleeps()
    bundle.write()
    with Container.create(library.id(), bundle.path, **library.options) as container:
        assert container.status == "created"
        container.start()
        assert container.status == "running"
        until(lambda: len(container.ps()) > 1, "the shell sleeps, and has set its trap")
        assert container.pid in container.ps()
        container.pause()
        assert container.status == "paused"
        container.resume()
        assert container.status == "running"
        container.kill("TERM")
        assert container.wait(timeout=TIME_LIMIT) == Exit(143)
        assert container.status == "stopped"
        assert container.pid == 0
    with pytest.raises(pyoci.ContainerNotFound):
        container.state()
    assert not container.exists()
    assert container.wait() == Exit(143)


def test_an_id_is_made_where_none_is_given(library: Library) -> None:
    container = Container.create(config=library.config, **library.options)
    library.runtime.known[container.id] = None
    assert Container.list(library.options["root"], program=library.options["program"]) == [container]
    container.delete(force=True)
    container.close()


@pytest.mark.parametrize("status", [0, 42, 255])
def test_wait_tells_the_exit_status(library: Library, status: int) -> None:
    with library.started(f"exit {status}") as container:
        assert container.wait(TIME_LIMIT) == Exit(status)
        assert container.wait().returncode == status


def test_wait_tells_the_signal(library: Library) -> None:
    with library.started() as container:
        container.kill("KILL")
        assert container.wait(TIME_LIMIT) == Exit(signal=9)
        assert container.wait().returncode == -9


def test_wait_tells_of_want_of_memory(library: Library) -> None:
    config = library.config.with_memory("16M")
    with library.started("exec tail /dev/zero", config=config) as container:
        assert container.wait(TIME_LIMIT) == Exit(signal=9, oom_killed=True)


def test_wait_in_other_processes_and_afterwards(library: Library) -> None:
    container = library.started("read x; exit 5", stdin=PIPE)
    code = "print(pyoci.Container(words[0], **options).wait(20))"
    others = [library.program(code, container.id) for _ in range(3)]
    until(lambda: all(reads_exit_file(other.pid) for other in others), "the others wait", 30)
    assert container.stdin is not None
    container.stdin.close()
    assert [other.communicate(timeout=TIME_LIMIT)[0] for other in others] == ["exit status 5\n"] * 3
    assert library.program(code, container.id).communicate(timeout=TIME_LIMIT)[0] == "exit status 5\n"
    container.delete()
    container.close()


def test_who_waits_hears_it_even_if_somebody_deletes_it(library: Library) -> None:
    container = library.started()
    code = "print(pyoci.Container(words[0], **options).wait(20))"
    other = library.program(code, container.id)
    until(lambda: reads_exit_file(other.pid), "the other waits", 30)
    container.delete(force=True)
    assert other.communicate(timeout=TIME_LIMIT)[0] == "killed by signal 9\n"
    container.close()


def test_a_supervisor_that_is_late_tells_it_still(library: Library) -> None:
    """`delete` of the command line does not wait for it."""
    container = library.started()
    code = "print(pyoci.Container(words[0], **options).wait(20))"
    other = library.program(code, container.id)
    until(lambda: reads_exit_file(other.pid), "the other waits", 30)
    supervisor = supervisor_of(container)
    os.kill(supervisor, signal.SIGSTOP)
    library.runtime.expect("delete", "--force", container.id)
    os.kill(supervisor, signal.SIGCONT)
    assert other.communicate(timeout=TIME_LIMIT)[0] == "killed by signal 9\n"
    container.close()


def reads_exit_file(pid: int) -> bool:
    return any(target.endswith("/exit") for target in open_files(pid).values())


def test_a_container_that_somebody_else_made(library: Library, bundle: Bundle) -> None:
    bundle.sleeps()
    made = library.runtime.create(bundle)
    container = Container(made.id, **library.options)
    container.start()
    with pytest.raises(pyoci.Timeout):
        container.wait(0.05)
    container.kill()
    ended = container.wait(TIME_LIMIT)
    assert not ended.is_known
    assert str(ended) == "an exit status that nobody recorded"


def test_wait_has_a_limit(library: Library) -> None:
    with library.started() as container:
        with pytest.raises(pyoci.Timeout, match=r"the container has not ended within 0\.05 s"):
            container.wait(timeout=0.05)
        with pytest.raises(TimeoutError):
            container.wait(0)


def test_pipes(library: Library) -> None:
    with library.started("cat; echo err >&2; exit 6", stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True) as container:
        assert container.communicate("fed", timeout=TIME_LIMIT) == ("fed", "err\n")
        assert container.wait() == Exit(6)


def test_a_pipe_that_a_caller_reads_ends_with_the_container(library: Library) -> None:
    with library.started("echo a; echo b", stdout=PIPE) as container:
        assert container.stdout is not None
        assert container.stdout.read() == b"a\nb\n"


def test_communicate_has_limits(library: Library) -> None:
    with library.started("echo a; sleep 300", stdout=PIPE, text=True) as container:
        assert container.stdout is not None
        output = container.stdout.fileno()
        until(lambda: select.select([output], [], [], 0)[0], "it has written")
        with pytest.raises(pyoci.Timeout) as caught:
            container.communicate(timeout=0.5)
        assert caught.value.stdout == "a\n"
    with library.started("cat /dev/zero", stdout=PIPE) as container, pytest.raises(pyoci.OutputLimit):
        container.communicate(max_output=100)


def test_the_caller_is_not_held_up_by_its_own_streams(library: Library) -> None:
    """Unless it asks for it, a container has none of them: who reads the caller's output sees its end."""
    code = "c = pyoci.Container.create(words[0], config=config.with_args('sleep', '300'), **options); c.start()"
    container = Container(library.id(), **library.options)
    program = library.program(code, container.id)
    assert program.communicate(timeout=TIME_LIMIT)[0] == ""
    assert container.status == "running"
    container.delete(force=True)


def test_files_as_streams(library: Library, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w+") as out, library.started("echo hello", stdout=out.fileno()) as container:
        container.wait(TIME_LIMIT)
        assert (tmp_path / "out").read_text() == "hello\n"


def test_a_terminal(library: Library) -> None:
    config = library.config.with_terminal((30, 100))
    with library.started("stty size; read x; stty size; echo $x", config=config) as container:
        terminal = container.terminal
        assert terminal is not None
        seen = b""
        while b"30 100" not in seen:
            seen += terminal.read()
        terminal.resize(24, 80)
        assert terminal.size == (24, 80)
        terminal.write(b"typed\r")
        while part := terminal.read():
            seen += part
        assert b"24 80" in seen
        assert seen.rstrip().endswith(b"typed")
        assert container.wait(TIME_LIMIT).ok


def test_kill(library: Library) -> None:
    with library.started() as container:
        with pytest.raises(pyoci.UsageError, match="unknown signal 'NOPE'"):
            container.kill("NOPE")
        container.kill(signal.SIGKILL)
        container.wait(TIME_LIMIT)
        with pytest.raises(pyoci.StateError):
            container.kill()
        container.kill(missing_ok=True)
        container.kill("KILL", all=True)
    with pytest.raises(pyoci.ContainerNotFound):
        container.kill()
    container.kill(missing_ok=True)


def test_update_and_stats(library: Library) -> None:
    with library.started() as container:
        container.update(memory="48M", pids=20, cpus=0.5)
        stats = container.stats()
        assert (stats.memory_limit, stats.pids_limit) == (48 << 20, 20)
        assert stats.memory_bytes > 0
        assert stats.pids >= 1
        assert stats.cpu_seconds > 0
        container.update(memory="40M", cpu=0.25, pids=10)
        assert container.stats().memory_limit == 40 << 20
        with pytest.raises(TypeError, match="two names"):
            container.update(cpu=1, cpus=1)
        container.update(resources={"pids": {"limit": -1}})
        assert container.stats().pids_limit is None
        with pytest.raises(pyoci.ConfigError, match="memory"):
            container.update(memory="64X")
        with pytest.raises(pyoci.ConfigError):
            container.update(resources={"pids": {"limit": "many"}})


def test_events(library: Library) -> None:
    before = descriptors()
    config = library.config.with_memory("16M")
    with library.started("sleep 0.3; tail /dev/zero; sleep 0.3", config=config) as container:
        kinds = [event.kind for event in container.events(0.1)]
    assert {"stats", "oom"} <= set(kinds)
    with library.started() as container:
        for event in container.events(0.01):
            assert event.stats is not None
            break
    assert descriptors() <= before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_parent_that_dies_takes_it_along(library: Library, number: int) -> None:
    name = library.id()
    code = (
        "import time\n"
        "config = config.with_args('sleep', '300')\n"
        "c = pyoci.Container.create(words[0], config=config, die_with_parent=True, **options)\n"
        "c.start()\n"
        "child = os.fork() or time.sleep(60)  # which has copies of all descriptors\n"
        "print(c.pid, child, flush=True)\n"
        "time.sleep(300)"
    )
    parent = library.program(code, name)
    assert parent.stdout is not None
    pid, child = map(int, parent.stdout.readline().split())
    parent.send_signal(number)
    parent.wait(TIME_LIMIT)
    container = Container(name, **library.options)
    until(lambda: not container.exists(), "the container is gone", 15)
    assert not Path(f"/proc/{pid}").exists()
    assert not list(Path(library.options["root"]).iterdir())
    os.kill(child, signal.SIGKILL)
    parent.stdout.close()


def test_without_that_it_outlives_its_parent(library: Library) -> None:
    name = library.id()
    code = "c = pyoci.Container.create(words[0], config=config.with_args('sleep', '300'), **options); c.start()"
    library.program(code, name).communicate(timeout=TIME_LIMIT)
    container = Container(name, **library.options)
    assert container.status == "running"
    container.kill("KILL")
    assert container.wait(TIME_LIMIT) == Exit(signal=9)
    container.delete()


def test_nothing_is_left(library: Library) -> None:
    before = descriptors()
    for _ in range(3):
        with library.started("exit 1", stdin=PIPE, stdout=PIPE, stderr=PIPE) as container:
            container.wait(TIME_LIMIT)
    assert descriptors() <= before
    assert not list(Path(library.options["root"]).iterdir())


def test_the_end_of_a_with_spares_the_next_container_of_that_id(library: Library) -> None:
    """Somebody has deleted it meanwhile, and its ID is another's."""
    with library.started() as first:
        library.runtime.expect("delete", "--force", first.id)
        second = library.started(id=first.id)
    assert second.status == "running"
    second.delete(force=True)
    second.close()


def test_a_failed_create_leaves_nothing(library: Library) -> None:
    before = descriptors()
    with pytest.raises(pyoci.ExecutableError, match="executable file not found"):
        Container.create(library.id(), config=library.config.with_args("nonono"), stdout=PIPE, **library.options)
    assert descriptors() <= before
    assert not list(Path(library.options["root"]).iterdir())


class _Stop(Exception):
    """As KeyboardInterrupt is: raised by a signal's handler, anywhere."""


# subprocess.Popen, interrupted while it is made, says that its program was not waited for
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("delay", [0.002, 0.005, 0.01, 0.02, 0.04, 0.08])
def test_an_interrupted_create_leaves_nothing(library: Library, delay: float) -> None:
    name = library.id()

    def stop(*_: object) -> None:
        raise _Stop

    def is_left() -> bool:
        files = Path("/proc").glob("[0-9]*/cmdline")
        return (Path(library.options["root"]) / name).exists() or any(name in words(file) for file in files)

    def words(file: Path) -> str:
        try:
            return file.read_text(errors="replace")
        except OSError:
            return ""  # it has ended

    former = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, delay)
        container = library.create("sleep 300", id=name, stdout=PIPE)
        signal.setitimer(signal.ITIMER_REAL, 0)
        container.delete(force=True)
        container.close()
    except _Stop:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    for _ in range(2):  # between fork(2) and execve(2) no name tells whose process it is
        until(lambda: not is_left(), "neither its supervisor nor the container is left")
        time.sleep(0.3)


def test_errors_are_the_runtimes_own(library: Library, tmp_path: Path) -> None:
    container = library.started()
    with container:
        with pytest.raises(pyoci.ContainerExists) as exists:
            library.create("true", id=container.id)
        assert exists.value.container_id == container.id
        with pytest.raises(pyoci.StateError, match="already running"):
            container.start()
        with pytest.raises(pyoci.StateError, match="not stopped"):
            container.delete()
    with pytest.raises(pyoci.ContainerNotFound) as missing:
        container.start()
    assert missing.value.container_id == container.id
    with pytest.raises(pyoci.InvalidId):
        Container("../x")
    with pytest.raises(pyoci.ConfigError, match="no such file") as config:
        Container.create(library.id(), tmp_path, **library.options)
    assert config.value.problems
    container.delete(force=True)


def test_what_create_takes(library: Library, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="either a bundle, or a config"):
        Container.create(library.id(), tmp_path, config=library.config, **library.options)
    with pytest.raises(TypeError, match="a bundle, or a config, or a rootfs"):
        Container.create(library.id(), **library.options)
    with pytest.raises(pyoci.ConfigError, match="/root/path"):
        Container.create(library.id(), config=pyoci.Config.default(), **library.options)


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ({"max_bytes": "lots"}, pyoci.ConfigError),
        ({"max_bytes": -1}, pyoci.ConfigError),
        ({"max_bytes": None}, TypeError),
        ({"owner": "me"}, pyoci.ConfigError),
        ({"owner": ("a", "b")}, TypeError),
    ],
)
def test_a_copy_names_what_it_does_not_take(
    library: Library, tmp_path: Path, what: dict[str, Any], error: type[Exception]
) -> None:
    with library.started() as container, pytest.raises(error, match=f"{next(iter(what))}: "):
        container.copy_in(tmp_path, "/tmp", **what)


def test_a_copy_that_is_refused_says_where_it_was_to_go(library: Library, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    words = f"copy {tmp_path}/x to /tmp/y of the container: read-only file"
    container = library.started(config=library.config.with_read_only())
    with container, pytest.raises(pyoci.SyscallError, match=words):
        container.copy_in(tmp_path / "x", "/tmp/y")


COPIES: list[tuple[str, str, str, type[Exception], str]] = [
    ("out", "/tmp/missing", "{tmp}", pyoci.SyscallError, "copy /tmp/missing of the container: no such file"),
    ("out", "/no/missing", "{tmp}", pyoci.SyscallError, "copy /no/missing of the container: no such file"),
    ("out", "/bin", "{tmp}/no/x", pyoci.SyscallError, "copy to {tmp}/no/x: open {tmp}/no: no such file"),
    ("out", "bin", "{tmp}", pyoci.ConfigError, "source: must be an absolute path, not 'bin'"),
    ("out", "/bin\0x", "{tmp}", pyoci.ConfigError, "source: must hold no NUL"),
    ("out", "/bin", "{tmp}/\0x", pyoci.ConfigError, "destination: must hold no NUL"),
    ("in", "{tmp}/missing", "/", pyoci.SyscallError, "copy {tmp}/missing: no such file"),
    ("in", "{tmp}", "/no/x", pyoci.SyscallError, "copy to /no/x of the container: open /no: no such file"),
    ("in", "{tmp}", "no", pyoci.ConfigError, "destination: must be an absolute path, not 'no'"),
    ("in", "{tmp}\0x", "/", pyoci.ConfigError, "source: must hold no NUL"),
    ("in", "{tmp}", "/\0x", pyoci.ConfigError, "destination: must hold no NUL"),
]


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_a_copy_that_cannot_be_made_says_which_end(library: Library, tmp_path: Path, state: str) -> None:
    with library.started() as container:
        if state == "stopped":
            container.kill("KILL")
            container.wait(TIME_LIMIT)
        for way, source, destination, kind, words in COPIES:
            copy = container.copy_out if way == "out" else container.copy_in
            with pytest.raises(kind, match=words.format(tmp=tmp_path)):
                copy(source.format(tmp=tmp_path), destination.format(tmp=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_many_threads_wait_for_one(library: Library) -> None:
    with library.started() as container:
        found: list[Exit] = []
        threads = [threading.Thread(target=lambda: found.append(container.wait(TIME_LIMIT))) for _ in range(5)]
        for thread in threads:
            thread.start()
        container.kill("KILL")
        for thread in threads:
            thread.join()
        assert found == [Exit(signal=9)] * 5


def test_without_a_pid_namespace_its_orphans_are_reaped(library: Library) -> None:
    config = library.config.without_namespace("pid")
    script = "for i in 1 2 3; do sh -c 'sleep 0.01 & echo $!'; done; trap 'exit 3' TERM; sleep 1000 & wait"
    with library.started(script, config=config, stdout=PIPE) as container:
        assert container.stdout is not None
        orphans = [int(container.stdout.readline()) for _ in range(3)]
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in orphans), "the orphans are reaped")
        container.kill("TERM")
        assert container.wait(TIME_LIMIT) == Exit(3)


def test_a_supervisor_that_is_killed(library: Library) -> None:
    """The container goes on; that nobody knows its exit status is said."""
    with library.started() as container:
        os.kill(supervisor_of(container), signal.SIGKILL)
        assert container.status == "running"
        container.kill("KILL")
        assert not container.wait(TIME_LIMIT).is_known
    container.delete(force=True)
    place = Path("/run/pyoci-bundles")
    assert not [name for name in (os.listdir(place) if place.is_dir() else []) if name.startswith(f"{container.id}@")]


def test_the_command_line_sees_the_same(library: Library) -> None:
    with library.started() as container:
        listed = library.runtime.expect("list", "-q").stdout.split()
        assert listed == [container.id]
        library.runtime.expect("kill", container.id, "KILL")
        container.wait(TIME_LIMIT)
        library.runtime.expect("delete", container.id)
        assert not container.exists()


def test_a_supervisor_holds_nothing_of_its_callers(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "file").open("w") as file, library.started(stdout=PIPE) as container:
        os.set_inheritable(file.fileno(), True)
        supervisor = supervisor_of(container)
        held = set(open_files(supervisor).values())
        own = f"{container.root}/{container.id}"
        allowed = {os.devnull, own, f"{own}/exit"}
        assert {name for name in held - allowed if not name.startswith(("anon_inode:", "pipe:"))} == set()
        # a pipe of its own, for signals: none that leads to the container or to us
        assert container.stdout is not None
        assert os.readlink(f"/proc/self/fd/{container.stdout.fileno()}") not in held
        assert os.readlink(f"/proc/{supervisor}/cwd") == "/"


def test_a_supervisor_is_not_for_the_terminal_of_its_caller(library: Library) -> None:
    with library.started() as container:
        pid = supervisor_of(container)
        assert os.getsid(pid) == pid
        os.kill(pid, signal.SIGTERM)  # nor a thing to be ended while there is a container
        time.sleep(0.2)
        container.kill("KILL")
        assert container.wait(TIME_LIMIT) == Exit(signal=9)


def supervisor_of(container: Container) -> int:
    state = json.loads((Path(container.root) / container.id / "state.json").read_text())
    return int(state["creator_pid"])
