"""Nothing that a command waits for may wait for ever: it ends by itself, or a signal ends it and nothing is left."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import cgroup, late_signal
from helpers.bundle import Bundle
from helpers.leaks import children
from helpers.runtime import TIME_LIMIT, Runtime, hears, until
from helpers.sockets import full_listener
from helpers.stepped import CONNECT, Stepped

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

# In the wait, which the kernel ends, or right before it: Python calls its handler for that one after the wait.
Send = Callable[[int, signal.Signals], None]
SENDS: dict[str, Send] = {"in the wait": os.kill}
if late_signal.IS_POSSIBLE:
    SENDS["before the wait"] = late_signal.send_before_the_call
at_both_moments = pytest.mark.parametrize("moment", SENDS)


def nothing_is_left(runtime: Runtime, bundle: Bundle, name: str) -> None:
    assert "does not exist" in runtime.fails("state", name)
    assert not [entry for entry in runtime.root.glob("*") if name in entry.name]
    until(lambda: not cgroup.named(bundle.cgroups_path.strip("/")), "the cgroups are gone")


def begin(runtime: Runtime, *arguments: str, options: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    null = subprocess.DEVNULL
    return runtime.popen(
        *arguments, options=options, stdin=null, stdout=null, stderr=subprocess.PIPE, preexec_fn=defaults
    )


def waits_and_ends(
    process: subprocess.Popen[bytes], words: str = "interrupted by SIGTERM", send: Send = os.kill
) -> None:
    """It waits until SIGTERM comes, says so, and ends as interrupted."""
    until(lambda: process.poll() is not None or hears(process.pid, signal.SIGTERM), "it is ready to be interrupted")
    time.sleep(0.5)
    assert process.poll() is None, says(process)
    send(process.pid, signal.SIGTERM)
    assert words in says(process)
    assert process.returncode == 128 + signal.SIGTERM


def defaults() -> None:
    """A shell starts what runs in the background with SIGINT ignored."""
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)


def says(process: subprocess.Popen[bytes], limit: float = TIME_LIMIT) -> str:
    _, words = process.communicate(timeout=limit)
    return words.decode()


@pytest.fixture
def deaf(scratch: Path) -> Iterator[str]:
    path = str(scratch / "deaf.sock")
    with full_listener(path):
        yield path


def in_a_hook(kind: str) -> Callable[[Bundle, str], tuple[str, ...]]:
    def prepare(bundle: Bundle, _deaf: str) -> tuple[str, ...]:
        # a shell with a child: the hook is not alone
        bundle.hook(kind, "sleep 600; true")
        return ()

    return prepare


def at_the_console(bundle: Bundle, deaf: str) -> tuple[str, ...]:
    bundle.process["terminal"] = True
    return ("--console-socket", deaf)


def at_the_pidfd_socket(_bundle: Bundle, deaf: str) -> tuple[str, ...]:
    return ("--pidfd-socket", deaf)


def at_the_seccomp_agent(bundle: Bundle, deaf: str) -> tuple[str, ...]:
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "listenerPath": deaf,
        "syscalls": [{"names": ["swapon"], "action": "SCMP_ACT_NOTIFY"}],
    }
    return ()


WAITS = {
    "prestart hook": in_a_hook("prestart"),
    "createRuntime hook": in_a_hook("createRuntime"),
    "createContainer hook": in_a_hook("createContainer"),
    "console socket": at_the_console,
    "pidfd socket": at_the_pidfd_socket,
    "seccomp agent": at_the_seccomp_agent,
}


@pytest.mark.beyond_runc("leaves its folder and its cgroups")
@pytest.mark.parametrize("command", ["create", "run"])
@pytest.mark.parametrize("wait", WAITS)
@at_both_moments
def test_a_signal_ends_what_waits_and_undoes_it(
    runtime: Runtime, bundle: Bundle, deaf: str, command: str, wait: str, moment: str
) -> None:
    words = WAITS[wait](bundle, deaf)
    name = runtime.add(bundle)
    waits_and_ends(begin(runtime, command, "--bundle", str(bundle.path), *words, name), send=SENDS[moment])
    nothing_is_left(runtime, bundle, name)


AT_EXEC = {
    "console socket": lambda _bundle, deaf: ("--tty", "--console-socket", deaf),
    "pidfd socket": at_the_pidfd_socket,
    "seccomp agent": at_the_seccomp_agent,
}


@pytest.mark.beyond_runc("leaves the process")
@pytest.mark.parametrize("wait", AT_EXEC)
@at_both_moments
def test_a_signal_ends_an_exec_that_waits(runtime: Runtime, bundle: Bundle, deaf: str, wait: str, moment: str) -> None:
    bundle.process["args"] = ["/bin/sleep", "600"]
    with contextlib.ExitStack() as agent:
        words = AT_EXEC[wait](bundle, deaf)
        if wait == "seccomp agent":
            agent.enter_context(listening(deaf))  # for create alone
        container = runtime.start(bundle)
    before, alive = members(bundle), {*children()}
    options = words if wait != "seccomp agent" else ()
    waits_and_ends(begin(runtime, "exec", *options, container.id, "/bin/sleep", "600"), send=SENDS[moment])
    until(lambda: members(bundle) == before and {*children()} <= alive, "the process is gone")


def members(bundle: Bundle) -> list[str]:
    return (cgroup.folder("pids", bundle.cgroups_path) / "cgroup.procs").read_text().split()


@contextlib.contextmanager
def listening(path: str) -> Iterator[None]:
    """Somebody who takes what `create` sends to the socket at `path`, which is deaf before and after."""
    other = f"{path}.other"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(other)
        listener.listen(8)
        os.rename(path, f"{path}.kept")
        os.rename(other, path)
        try:
            yield
        finally:
            os.unlink(path)
            os.rename(f"{path}.kept", path)


@pytest.mark.beyond_runc("leaves the container as it is")
@pytest.mark.parametrize("wait", ["startContainer hook", "poststart hook", "stopped init"])
@at_both_moments
def test_a_signal_ends_a_start_that_waits(runtime: Runtime, bundle: Bundle, wait: str, moment: str) -> None:
    """As with a hook that fails the container is gone: START cannot be taken back."""
    bundle.sleeps()
    if wait.endswith("hook"):
        bundle.hook(wait.removesuffix(" hook"), "sleep 600; true")
    container = runtime.create(bundle)
    if wait == "stopped init":
        os.kill(container.pid, signal.SIGSTOP)
    words = "interrupted by SIGTERM: the container was stopped and deleted"
    waits_and_ends(begin(runtime, "start", container.id), words, SENDS[moment])
    container.wait()
    nothing_is_left(runtime, bundle, container.id)


@pytest.mark.beyond_runc("leaves the hook's children")
@at_both_moments
def test_a_signal_ends_a_delete_that_waits_for_a_hook(runtime: Runtime, bundle: Bundle, moment: str) -> None:
    bundle.hook("poststop", "sleep 600; true")
    container = runtime.create(bundle)
    words = "interrupted by SIGTERM: its hooks were ended"
    waits_and_ends(begin(runtime, "delete", "--force", container.id), words, SENDS[moment])
    container.wait()
    nothing_is_left(runtime, bundle, container.id)


@pytest.mark.beyond_runc("waits for ever")
def test_starts_of_a_stopped_init_do_not_fill_its_queue(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.create(bundle)
    os.kill(container.pid, signal.SIGSTOP)
    until(lambda: container.proc("stat").rpartition(")")[2].split()[0] == "T", "it is stopped")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as earlier:
        earlier.connect(f"/proc/self/fd/{(folder := os.open(runtime.root / container.id, os.O_PATH))}/start")
        os.close(folder)
        with pytest.raises(BlockingIOError):
            while True:
                earlier.send(b"", socket.MSG_DONTWAIT)
    said = runtime.fails("start", container.id)
    assert "init does not answer" in said or "is stopped" in said  # where the queue has room again
    container.delete("--force")
    container.wait()


@pytest.mark.beyond_runc("reads it as a file")
@pytest.mark.parametrize("wait", ["pid file", "config", "process"])
def test_a_fifo_with_nobody_at_its_other_end(runtime: Runtime, bundle: Bundle, scratch: Path, wait: str) -> None:
    """It is waited for, before anything is begun; a signal ends that. A pid file takes the place of the FIFO."""
    fifo = str(scratch / "fifo")
    os.mkfifo(fifo)
    if wait == "pid file":
        runtime.create(bundle, "--pid-file", fifo)
        assert Path(fifo).read_text().isdigit()
        return
    if wait == "process":
        name = runtime.create(bundle).id
        process = begin(runtime, "exec", "--process", fifo, name)
    else:
        name = runtime.add(bundle)
        process = begin(runtime, "create", "--bundle", str(bundle.path), "--config", fifo, name)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    said = says(process)
    assert process.returncode == -signal.SIGTERM or "not a regular file" in said
    if wait != "process":
        nothing_is_left(runtime, bundle, name)


@pytest.mark.beyond_runc("waits for ever")
@pytest.mark.parametrize("where", ["standard error", "log"])
def test_nobody_reads_what_is_said(runtime: Runtime, bundle: Bundle, scratch: Path, where: str) -> None:
    """A message that nobody takes is given up: what was begun is undone, whoever reads of it."""
    bundle.hook("createRuntime", f"echo > {bundle.path}/reached; exec sleep 600")
    name = runtime.add(bundle)
    fifo = str(scratch / "fifo")
    os.mkfifo(fifo)
    end = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(end, b"x" * 4096)
    os.set_blocking(end, True)
    try:
        null = subprocess.DEVNULL
        options = ("--log", fifo) if where == "log" else ()
        error = null if where == "log" else end
        arguments = ("create", "--bundle", str(bundle.path), name)
        process = runtime.popen(*arguments, options=options, stdin=null, stdout=null, stderr=error, preexec_fn=defaults)
        until((bundle.path / "reached").exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIME_LIMIT) == 128 + signal.SIGTERM
    finally:
        os.close(end)
    nothing_is_left(runtime, bundle, name)


@pytest.mark.beyond_runc("stops what it relays")
@pytest.mark.parametrize("how", ["killed by a command", "asked to end"])
def test_run_whose_output_nobody_reads(runtime: Runtime, bundle: Bundle, how: str) -> None:
    """It hears signals and its container's end."""
    bundle.process["terminal"] = True
    bundle.sh("trap 'exit 3' TERM; while :; do echo lines and lines and lines; done")
    name = runtime.add(bundle)
    reader, writer = os.pipe()
    null = subprocess.DEVNULL
    process = runtime.popen(
        "run", "--bundle", str(bundle.path), name, stdin=null, stdout=writer, stderr=null, preexec_fn=defaults
    )
    try:
        until(lambda: '"running"' in runtime.call("state", name).stdout, "it runs")
        until(lambda: not select.select([], [writer], [], 0)[1], "the pipe is full")
        if how == "asked to end":
            process.send_signal(signal.SIGKILL if not runtime.is_pyoci else signal.SIGTERM)
            time.sleep(0.5)
        runtime.call("kill", name, "KILL")  # where the shell has not ended itself
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)  # nobody reads what is left
        assert process.wait(TIME_LIMIT) in (128 + signal.SIGKILL, 3)
    finally:
        os.close(reader)
        os.close(writer)
    nothing_is_left(runtime, bundle, name)


@pytest.mark.thorough
@pytest.mark.beyond_runc("leaves its folder and its cgroups")
@pytest.mark.parametrize("command", ["create", "exec", "start"])
def test_a_signal_at_any_system_call(runtime: Runtime, bundle: Bundle, command: str) -> None:
    """Either it was too early or too late, or all is undone; with one process, or two, nobody is forgotten."""
    bundle.process["args"] = ["/bin/sleep", "600"]
    stride, first, ended = 11, 0, False
    while not ended:
        first += stride
        name = runtime.add(bundle)
        words = {
            "create": ("create", "--bundle", str(bundle.path), name),
            "exec": ("exec", "--detach", name, "/bin/sleep", "600"),
            "start": ("start", name),
        }[command]
        if command != "create":
            runtime.expect("create", "--bundle", str(bundle.path), name)
        before = children()
        with Stepped(runtime.arguments(*words)) as stepped:
            ended = True
            for step in stepped:
                if step == first:
                    os.kill(stepped.pid, signal.SIGTERM)
                    ended = False
            status = stepped.status
        done = status == 0
        told = runtime.call("state", name)
        exists = told.status == 0
        where = f"step {first}, status {status}: {told}"
        assert status in (0, -signal.SIGTERM, 128 + signal.SIGTERM), where
        if status == 128 + signal.SIGTERM and command != "exec":
            assert not exists, where
        elif command == "create":
            assert exists == done, where
        if command == "exec":
            assert exists, where
            for pid in {*children()} - {*before} if done else ():
                os.kill(pid, signal.SIGKILL)
        if not (command == "create" and exists):
            until(lambda: {*children()} <= {*before}, f"{where}: no process is left")  # noqa: B023
        runtime.expect("delete", "--force", name)
        until(lambda: not cgroup.named(bundle.cgroups_path.strip("/")), f"{where}: the cgroups are gone")


@pytest.mark.beyond_runc("leaves its folder and its cgroups")
@pytest.mark.parametrize("ending", ENDING, ids=lambda number: number.name)
def test_each_signal_that_asks_to_end_does(runtime: Runtime, bundle: Bundle, ending: signal.Signals) -> None:
    bundle.hook("createRuntime", f"echo > {bundle.path}/reached; exec sleep 600")
    name = runtime.add(bundle)
    process = begin(runtime, "create", "--bundle", str(bundle.path), name)
    until((bundle.path / "reached").exists)
    process.send_signal(ending)
    assert f"interrupted by {ending.name}" in says(process)
    assert process.returncode == 128 + ending
    nothing_is_left(runtime, bundle, name)


@pytest.mark.beyond_runc("leaves its folder and its cgroups")
def test_what_the_caller_ignores_stays_ignored(runtime: Runtime, bundle: Bundle) -> None:
    bundle.hook("createRuntime", f"echo > {bundle.path}/reached; sleep 0.5")
    name = runtime.add(bundle)
    words = runtime.arguments("create", "--bundle", str(bundle.path), name)
    null = subprocess.DEVNULL
    process = subprocess.Popen(
        ["nohup", *words],
        stdin=null,
        stdout=null,
        stderr=null,
        preexec_fn=defaults,  # noqa: PLW1509  # no threads here
    )
    until((bundle.path / "reached").exists)
    process.send_signal(signal.SIGHUP)
    assert process.wait(TIME_LIMIT) == 0


@pytest.mark.beyond_runc("leaves the container")
def test_run_is_ended_in_a_start_container_hook(runtime: Runtime, bundle: Bundle) -> None:
    bundle.hook("startContainer", "echo > /tmp/reached; exec sleep 600")
    name = runtime.add(bundle)
    process = begin(runtime, "run", "--bundle", str(bundle.path), name)
    until((bundle.rootfs / "tmp/reached").exists)
    process.send_signal(signal.SIGTERM)
    assert "interrupted by SIGTERM" in says(process)
    nothing_is_left(runtime, bundle, name)


@pytest.mark.beyond_runc("waits for ever")
def test_a_start_that_waits_for_a_hook_ends_by_force(runtime: Runtime, bundle: Bundle) -> None:
    bundle.hook("startContainer", "echo > /tmp/reached; exec sleep 600")
    container = runtime.create(bundle)
    process = runtime.quietly("start", container.id)
    until((bundle.rootfs / "tmp/reached").exists)
    runtime.expect("delete", "--force", container.id)
    process.wait(TIME_LIMIT)
    nothing_is_left(runtime, bundle, container.id)


@pytest.mark.beyond_runc("hangs, and SIGTERM leaves its folder")
@pytest.mark.parametrize("command", ["create", "run"])
def test_too_little_memory_without_oom_killer(runtime: Runtime, bundle: Bundle, command: str) -> None:
    if cgroup.is_v2():
        pytest.skip("cgroup v2 cannot disable the OOM killer")
    bundle.linux["resources"] = {"memory": {"limit": 1 << 16, "disableOOMKiller": True}}
    name = runtime.add(bundle)
    process = begin(runtime, command, "--bundle", str(bundle.path), name)
    words = says(process)
    assert process.returncode == 1
    assert "memory limit is too low" in words
    nothing_is_left(runtime, bundle, name)


def names(procs: Path) -> set[str]:
    """Of the programs in a cgroup."""
    found = set()
    for pid in procs.read_text().split():
        with contextlib.suppress(OSError):
            found.add(Path(f"/proc/{pid}/comm").read_text().strip())
    return found


@pytest.mark.beyond_runc("waits for ever")
def test_exec_without_memory_for_it(runtime: Runtime, bundle: Bundle) -> None:
    if cgroup.is_v2():
        pytest.skip("cgroup v2 cannot disable the OOM killer")
    # by page faults, which wait for memory: a system call that lacks it fails
    bundle.sh("x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done")
    bundle.linux["resources"] = {"memory": {"limit": 16 << 20, "disableOOMKiller": True}}
    container = runtime.start(bundle)
    control = cgroup.folder("memory", bundle.cgroups_path) / "memory.oom_control"
    until(lambda: "under_oom 1" in control.read_text(), "its memory is full")
    # execve(2) may refuse before it is waited for, or the program be killed at its first page, or wait for that page:
    # then it is the program's end that `exec` waits for
    command = runtime.quietly("exec", container.id, "/bin/true")
    procs = control.with_name("cgroup.procs")
    until(lambda: command.poll() is not None or "true" in names(procs), "it has ended, or the program has begun")
    assert command.returncode != 0
    assert container.status == "running"
    container.delete("--force")
    command.wait(
        TIME_LIMIT
    )  # a program that waits for its page gets it when the others are killed before it: it may end well


@pytest.mark.beyond_runc("says it in other words")
def test_a_full_pids_group(runtime: Runtime, bundle: Bundle) -> None:
    """No room for a hook: an error, and no waiting."""
    bundle.linux["resources"] = {"pids": {"limit": 1}}
    bundle.hook("createContainer", "true")
    name = runtime.add(bundle)
    assert "resource temporarily unavailable" in runtime.fails("create", "--bundle", str(bundle.path), name)
    nothing_is_left(runtime, bundle, name)


def freeze(bundle: Bundle, frozen: bool) -> None:
    if cgroup.is_v2():
        (cgroup.folder("", bundle.cgroups_path) / "cgroup.freeze").write_text("1" if frozen else "0")
    else:
        state = cgroup.folder("freezer", bundle.cgroups_path) / "freezer.state"
        state.write_text("FROZEN" if frozen else "THAWED")


@pytest.mark.beyond_runc("waits for ever")
@pytest.mark.parametrize("how", ["frozen", "stopped"])
def test_create_of_what_somebody_holds_up(runtime: Runtime, bundle: Bundle, how: str) -> None:
    bundle.hook("createRuntime", f"cat > {bundle.path}/state; mv {bundle.path}/state {bundle.path}/reached; sleep 1")
    name = runtime.add(bundle)
    process = begin(runtime, "create", "--bundle", str(bundle.path), name)
    until((bundle.path / "reached").exists)
    init = json.loads((bundle.path / "reached").read_text())["pid"]
    if how == "frozen":
        freeze(bundle, True)
    else:
        os.kill(init, signal.SIGSTOP)
    words = says(process, 30)
    assert process.returncode == 1
    assert how in words
    nothing_is_left(runtime, bundle, name)


@pytest.mark.beyond_runc("waits for ever")
def test_start_of_a_stopped_init(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.create(bundle)
    os.kill(container.pid, signal.SIGSTOP)
    assert "is stopped, by a signal or a tracer" in runtime.fails("start", container.id)
    os.kill(container.pid, signal.SIGCONT)
    container.start()  # what has given up does not start it: tests/integration/test_bounded_waits.py
    until(lambda: container.status == "running")


@pytest.mark.beyond_runc("has no such thing")
def test_a_command_that_holds_the_lock_for_ever(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    folder = os.open(runtime.root / container.id, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        said = runtime.fails("start", container.id)
        assert f"another pyoci command, process {os.getpid()}, has been at work on it" in said
    finally:
        os.close(folder)
    container.start()


@pytest.mark.beyond_runc("has no such thing")
@pytest.mark.parametrize("command", ["start", "delete --force"])
@at_both_moments
def test_a_signal_ends_what_waits_for_the_lock(runtime: Runtime, bundle: Bundle, command: str, moment: str) -> None:
    bundle.sleeps()
    container = runtime.create(bundle) if command == "start" else runtime.start(bundle)
    folder = os.open(runtime.root / container.id, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        process = begin(runtime, *command.split(), container.id)
        time.sleep(1)
        assert process.poll() is None, says(process)
        SENDS[moment](process.pid, signal.SIGTERM)
        says(process, limit=5)
        assert process.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM)
    finally:
        os.close(folder)
    container.delete("--force")


@pytest.mark.beyond_runc("has no lock")
def test_a_start_that_is_stopped_with_the_lock(runtime: Runtime, bundle: Bundle) -> None:
    """`kill` needs no lock. `delete --force` kills the container, waits for the lock, and says who has it."""
    container = runtime.create(bundle)
    seen = False
    with Stepped(runtime.arguments("start", container.id)) as stepped:
        for _ in stepped:
            call = stepped.entered()
            if not seen and call is not None and call[0] == CONNECT:
                seen = True
                assert container.status == "created"
                said = runtime.fails("delete", "--force", container.id)
                assert re.search(r"another pyoci command, process \d+, which is stopped, has been at work", said)
                assert container.status == "stopped"
        assert stepped.status == 1
    assert seen
    container.wait()
    container.delete("--force")


@pytest.mark.parametrize("ending", [*ENDING, signal.SIGQUIT], ids=lambda n: n.name)
@pytest.mark.parametrize("hooks", [False, True])
@at_both_moments
def test_a_signal_ends_a_created_container(
    runtime: Runtime, bundle: Bundle, ending: signal.Signals, hooks: bool, moment: str
) -> None:
    """PID 1 without a handler would not hear it."""
    if hooks:
        bundle.hook("startContainer", "true")  # then it is Python that waits
    container = runtime.create(bundle)
    if moment == "in the wait":
        container.kill(ending.name)
    else:
        SENDS[moment](container.pid, ending)
    assert container.wait(TIME_LIMIT) in (128 + ending, 2)
    assert container.status == "stopped"


@pytest.mark.beyond_runc("its init is ready a little after it has said so")
@pytest.mark.parametrize("ending", [*ENDING, signal.SIGQUIT], ids=lambda n: n.name)
@pytest.mark.parametrize("hooks", [False, True])
def test_a_signal_ends_a_container_from_when_it_can_be_seen(
    runtime: Runtime, bundle: Bundle, ending: signal.Signals, hooks: bool
) -> None:
    """`kill` has said that it was sent. Nobody may wait for the end of a container that has not heard it."""
    if hooks:
        bundle.hook("startContainer", "true")
    name = runtime.add(bundle)
    sent = False
    with Stepped(runtime.arguments("create", "--bundle", str(bundle.path), name)) as stepped:
        for _ in stepped.changes():
            if not sent and runtime.call("state", name).status == 0:
                runtime.expect("kill", name, ending.name)
                sent = True
    assert sent

    def has_ended() -> bool:
        told = runtime.call("state", name)
        return told.status != 0 or '"stopped"' in told.stdout

    until(has_ended, "it has ended")


def test_the_program_has_the_defaults_of_these_signals(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.sh(bundle, "grep SigCgt /proc/self/status").split()[1].strip("0") == ""


@pytest.mark.parametrize("kind", ["host", "joined"])
def test_kill_reaches_what_outlived_init(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    """Without a PID namespace of its own nothing ends them with init."""
    holder = None
    if kind == "host":
        bundle.no_namespace("pid")
    else:
        holder = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "sleep", "600"])
        children_of = Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
        child = until(lambda: children_of.read_text().split(), "unshare forks")[0]
        bundle.namespace("pid", f"/proc/{child}/ns/pid")
    try:
        bundle.sh("sleep 600 > /dev/null 2>&1 & echo left > /tmp/left; exit 0")
        container = runtime.start(bundle)
        container.wait()
        procs = cgroup.folder("pids", bundle.cgroups_path) / "cgroup.procs"
        assert len(procs.read_text().split()) == 1
        assert "not running" in runtime.fails("kill", container.id, "TERM")
        container.kill("KILL")
        until(lambda: not procs.read_text(), "they are gone")
        assert "not running" in runtime.fails("kill", container.id, "KILL")
    finally:
        if holder is not None:
            holder.kill()
            holder.wait()
