"""config.md, POSIX-platform Hooks: how one hook is executed."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from helpers.runtime import TIME_LIMIT, reap, until

from pyoci import hook_exec

SHELL = "/bin/sh"


def execute(path: str, argv: list[str], env: list[str]) -> hook_exec.HookResult:
    return hook_exec.run_hook(hook_exec.Program(path=path, argv=argv, env=env), b"")


def run(script: str, stdin: bytes = b"", timeout: float | None = None, **more: Any) -> hook_exec.HookResult:
    program = hook_exec.Program(path=SHELL, argv=["sh", "-c", script], **{"env": [], **more})
    return hook_exec.run_hook(program, stdin, timeout)


def test_success() -> None:
    result = run("exit 0")
    assert result.succeeded
    assert result == hook_exec.HookResult(status=0)


def test_exit_status_and_output_are_reported() -> None:
    result = run("echo to stdout; echo to stderr >&2; exit 3")
    assert result.status == 3
    assert not result.succeeded
    assert result.output == b"to stdout\nto stderr\n"
    assert hook_exec.describe(result) == "exited with status 3: to stdout\nto stderr"


def test_death_by_signal_is_reported() -> None:
    result = run("kill -TERM $$")
    assert result.status == -15
    assert hook_exec.describe(result) == "killed by SIGTERM"


def test_state_is_on_stdin() -> None:
    assert run("cat", stdin=b'{"id": "x"}').output == b'{"id": "x"}'


def test_a_large_state_that_nobody_reads_does_not_block() -> None:
    assert run("exit 0", stdin=b"x" * (4 << 20)).succeeded


def test_a_large_state_arrives_whole() -> None:
    assert run("wc -c", stdin=b"x" * (4 << 20), env=["PATH=/usr/bin:/bin"]).output.strip() == b"4194304"


def test_much_output_does_not_block_and_only_the_tail_is_kept() -> None:
    result = run("head -c 4000000 /dev/zero; echo the end", env=["PATH=/usr/bin:/bin"])
    assert result.succeeded
    assert len(result.output) == hook_exec.TAIL
    assert result.output.endswith(b"the end\n")


def test_environment_is_exactly_the_hooks() -> None:
    result = execute("/usr/bin/env", ["env"], ["B=2", "A=1=1", "EMPTY="])
    assert result.output == b"B=2\nA=1=1\nEMPTY=\n"
    assert execute("/usr/bin/env", ["env"], []).output == b""


def test_arguments_are_passed_as_they_are() -> None:
    result = execute(SHELL, ["name", "-c", 'echo "$0|$1|$2"', "zero", "a b", ""], [])
    assert result.output == b"zero|a b|\n"


def test_working_directory(tmp_path: object) -> None:
    assert run("pwd -P", cwd=str(tmp_path)).output.decode().strip() == os.path.realpath(str(tmp_path))


def test_timeout_kills_the_hook_and_what_it_started(tmp_path: object) -> None:
    pid_file = f"{tmp_path}/pid"
    before = time.monotonic()
    result = run(f"sleep 1000 & echo $! > {pid_file}; wait", timeout=0.3, env=["PATH=/usr/bin:/bin"])
    assert result.timed_out
    assert result.status == -9
    assert time.monotonic() - before < TIME_LIMIT
    with open(pid_file) as file:
        pid = int(file.read())
    until(lambda: f"{pid} (sleep) Z" in _stat(pid), "the hook's child is killed")


def _stat(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read()
    except OSError:
        return f"{pid} (sleep) Z"


def test_a_hook_within_its_timeout_is_left_alone() -> None:
    assert run("exit 0", timeout=30).succeeded


def test_a_daemon_that_keeps_the_output_open_is_not_waited_for() -> None:
    before = time.monotonic()
    result = run("sleep 1000 & echo $!", env=["PATH=/usr/bin:/bin"])
    os.kill(int(result.output), signal.SIGKILL)
    assert time.monotonic() - before < TIME_LIMIT


def test_a_missing_program_is_named() -> None:
    result = execute("/nonexistent/hook", ["hook"], [])
    assert not result.succeeded
    assert result.refused == "no such file or directory (ENOENT)"


def test_a_missing_working_directory_is_named() -> None:
    assert "no such file or directory" in run("true", cwd="/nonexistent").refused


def test_before_exec_runs_in_the_child() -> None:
    assert run("umask", before_exec=lambda: os.umask(0o27) and None).output.strip() == b"0027"
    assert os.umask(0o22) != 0o27


def test_a_failure_before_exec_is_reported() -> None:
    def fail() -> None:
        raise RuntimeError("no way in")

    assert run("true", before_exec=fail).refused == "no way in"


def test_no_other_descriptor_reaches_the_hook() -> None:
    leak = os.open("/", os.O_RDONLY)
    os.set_inheritable(leak, True)
    try:
        result = run("ls /proc/self/fd", env=["PATH=/usr/bin:/bin"])
    finally:
        os.close(leak)
    # 3 is ls's own, of the folder it lists.
    assert result.output.split() == [b"0", b"1", b"2", b"3"]


def test_signals_are_as_the_caller_has_them() -> None:
    import signal

    old = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        # a shell would unblock them
        words = ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"]
        output = execute("/bin/grep", words, []).output.decode()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGUSR1, old)
    blocked, ignored = (int(line.split()[1], 16) for line in output.splitlines())
    assert (blocked, ignored) == (1 << signal.SIGUSR2 - 1, 1 << signal.SIGUSR1 - 1)


def test_closed_standard_descriptors_do_not_matter() -> None:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.closerange(0, 3)
            result = run("cat; echo done >&2", stdin=b"doc", env=["PATH=/usr/bin:/bin"])
            status = 0 if result.output == b"docdone\n" else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_tracer_that_keeps_the_end_of_a_hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel tells the tracer first, and us when that has taken note of it: we do not wait for ever."""
    monkeypatch.setattr(hook_exec, "_TRACER_PATIENCE", 0.5)
    os.mkfifo(tmp_path / "traced")
    go, gone = os.pipe()
    tracer = os.fork()
    if tracer == 0:
        os.close(gone)
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().endswith("\n"):
            time.sleep(0.005)
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long] * 4
        seized = libc.ptrace(0x4206, int((tmp_path / "pid").read_text()), 0, 0)  # PTRACE_SEIZE
        (tmp_path / "traced").write_text(f"{seized}\n")  # a FIFO
        os.read(go, 1)
        os._exit(0)
    os.close(go)
    try:
        start = time.monotonic()
        # no child: at each signal the kernel stops what is traced
        result = run(f"echo $$ > {tmp_path}/pid; read seized < {tmp_path}/traced; echo seized: $seized")
        assert result.output == b"seized: 0\n"
        assert time.monotonic() - start < TIME_LIMIT
        assert not result.succeeded
        assert hook_exec.describe(result).startswith("ended, and a process that traces it does not let go of it")
    finally:
        os.close(gone)
        os.waitpid(tracer, 0)
        reap()


def test_somebody_who_keeps_the_pipe_for_failures_open(tmp_path: Path) -> None:
    """A copy by pidfd_getfd(2), for one: the end of the hook counts, not the end of the file."""

    def keep() -> None:
        pid = os.fork()
        if pid == 0:
            time.sleep(1000)
            os._exit(0)
        (tmp_path / "keeper").write_text(str(pid))

    start = time.monotonic()
    try:
        result = run("exit 3", before_exec=keep)
        assert time.monotonic() - start < TIME_LIMIT
        assert result == hook_exec.HookResult(status=3)
    finally:
        os.kill(int((tmp_path / "keeper").read_text()), signal.SIGKILL)
