"""Container.exec and Container.popen: further programs in a container."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
from helpers.library import Library, descriptors, out_of_time
from helpers.runtime import TIME_LIMIT, reap, until

import pyoci
from pyoci import PIPE, STDOUT, Container, Exit


@pytest.fixture
def container(library: Library) -> Iterator[Container]:
    with library.started() as container:
        yield container


def test_streams_and_status(container: Container) -> None:
    done = container.exec(["sh", "-c", "cat; echo err >&2; exit 3"], input="fed", text=True)
    assert (done.exit, done.stdout, done.stderr) == (Exit(3), "fed", "err\n")


@pytest.mark.parametrize("status", [0, 1, 126, 127, 254, 255])
def test_every_status_is_the_programs_own(container: Container, status: int) -> None:
    assert container.exec(["sh", "-c", f"exit {status}"]).exit == Exit(status)


def test_a_signal_is_no_status(container: Container) -> None:
    assert container.exec(["sh", "-c", "kill -9 $$"]).exit == Exit(signal=9)
    assert container.exec(["sh", "-c", "exit 137"]).exit == Exit(137)


def test_binary_output(container: Container) -> None:
    assert container.exec(["cat"], input=bytes(range(256)) * 1000).stdout == bytes(range(256)) * 1000
    with pytest.raises(UnicodeDecodeError):
        container.exec(["cat"], input=b"\xff", text=True)
    assert container.exec(["cat"], input=b"\xff", text=True, errors="surrogateescape").stdout == "\udcff"


def test_what_cannot_run_is_never_a_status(container: Container) -> None:
    before = descriptors()
    with pytest.raises(pyoci.ExecutableError, match="executable file not found"):
        container.exec(["nonono"])
    with pytest.raises(pyoci.PyociError):
        container.exec(["true"], cwd="/no/such/folder")
    with pytest.raises(TypeError):
        container.exec("true")
    with pytest.raises(pyoci.ConfigError):
        container.exec([])
    with pytest.raises(pyoci.ConfigError, match="numbers"):
        container.exec(["true"], user="alice")
    with pytest.raises(pyoci.ConfigError, match="must not have a `=`"):
        container.exec(["true"], env={"A=B": "c"})
    assert descriptors() <= before


def test_words_that_look_like_options(container: Container) -> None:
    assert container.exec(["echo", "--", "-n", "--help"], text=True).stdout == "-- -n --help\n"
    with pytest.raises(pyoci.ExecutableError, match='"--"'):
        container.exec(["--", "true"])
    with pytest.raises(pyoci.ExecutableError, match='"--user"'):
        container.exec(["--user", "0", "true"])


def test_environment_folder_and_user(container: Container) -> None:
    done = container.exec(
        ["sh", "-c", 'echo "$A"; pwd; id -u; id -g'], env={"A": "b\nc"}, cwd="/tmp", user="1000:7", text=True
    )
    assert done.stdout.splitlines() == ["b", "c", "/tmp", "1000", "7"]


def test_timeout_kills_the_program_and_its_children(container: Container) -> None:
    script = "echo a; (sleep 300; true) & (sleep 300; true) | cat"
    error = out_of_time(lambda seconds: container.exec(["sh", "-c", script], timeout=seconds, text=True))
    assert error.stdout == "a\n"
    assert "sleep 300" not in commands(container)


def test_output_has_a_limit(container: Container) -> None:
    with pytest.raises(pyoci.OutputLimit):
        container.exec(["cat", "/dev/zero"], max_output=100_000)
    assert "/dev/zero" not in commands(container)


def test_what_the_program_leaves_running_is_not_waited_for(container: Container) -> None:
    done = container.exec(
        ["sh", "-c", "(while :; do echo spam; sleep 0.001; done) & echo done"], text=True, timeout=TIME_LIMIT
    )
    assert done.stdout.startswith(("done", "spam"))
    assert done.ok


def test_the_end_of_what_it_wrote_is_not_lost(container: Container) -> None:
    for _ in range(10):
        done = container.exec(["sh", "-c", "head -c 60000 /dev/zero; echo end"])
        length, end = len(done.stdout), done.stdout[-4:]  # to compare all of it takes a minute when it fails
        assert (length, end) == (60004, b"end\n")


def test_check(container: Container) -> None:
    with pytest.raises(pyoci.ProgramFailed, match="exit status 9"):
        container.exec(["sh", "-c", "exit 9"], check=True)


def test_want_of_memory(library: Library) -> None:
    with library.started(config=library.config.with_memory("24M")) as container:
        assert container.exec(["tail", "/dev/zero"]).exit == Exit(signal=9, oom_killed=True)
        assert not container.exec(["true"]).exit.oom_killed


def test_a_conversation(container: Container) -> None:
    with container.popen(["sh"], stdin=PIPE, stdout=PIPE, stderr=STDOUT, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("echo $((6 * 7))\n")
        process.stdin.flush()
        assert process.stdout.readline() == "42\n"
        assert process.poll() is None
        assert process.communicate("echo end; exit 3\n")[0] == "end\n"
        assert process.wait() == Exit(3)
        assert process.poll() == Exit(3)


def test_signals(container: Container) -> None:
    with container.popen(["sleep", "300"]) as process:
        process.send_signal("TERM")
        assert process.wait(TIME_LIMIT) == Exit(signal=signal.SIGTERM)
        with pytest.raises(pyoci.StateError, match="has ended"):
            process.terminate()
        process.kill()


def test_wait_has_a_limit(container: Container) -> None:
    with container.popen(["sleep", "300"]) as process, pytest.raises(pyoci.Timeout):
        process.wait(0.05)
    assert process.wait(1) == Exit(signal=9)


def test_a_terminal(container: Container) -> None:
    script = "trap 'stty size; exit 4' WINCH; stty size; while :; do sleep 0.02; done"
    with container.popen(["sh", "-c", script], terminal=True) as process:
        terminal = process.terminal
        assert terminal is not None
        assert b"24 80" in terminal.read()
        terminal.resize(40, 132)
        seen = b""
        while part := terminal.read():
            seen += part
        assert b"40 132" in seen
        assert process.wait(TIME_LIMIT) == Exit(4)


def test_ctrl_c_on_a_terminal(container: Container) -> None:
    with container.popen(["sh", "-c", "echo up; exec sleep 300"], terminal=True) as process:
        assert process.terminal is not None
        process.terminal.read()
        process.terminal.write(b"\x03")
        assert process.wait(TIME_LIMIT) == Exit(signal=signal.SIGINT)


def test_leaving_the_block_kills_it(container: Container) -> None:
    before = descriptors()
    with container.popen(["sh", "-c", "sleep 300 & sleep 300"], stdin=PIPE, stdout=PIPE, stderr=PIPE):
        pass
    assert "sleep 300" not in commands(container)
    assert descriptors() <= before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_parent_that_dies_takes_it_along(library: Library, container: Container, number: int) -> None:
    code = "pyoci.Container(words[0], **options).exec(['sh', '-c', 'sleep 300; sleep 301'])"
    parent = library.program(code, container.id)
    until(lambda: "sleep 300" in commands(container), "it runs", 30)
    parent.send_signal(number)
    parent.communicate()
    until(lambda: "sleep 30" not in commands(container), "it is gone", 15)
    assert container.status == "running"


def test_the_container_ends_meanwhile(container: Container) -> None:
    with container.popen(["sleep", "300"]) as process:
        container.kill("KILL")
        assert process.wait(TIME_LIMIT) == Exit(signal=9)
    with pytest.raises(pyoci.StateError):
        container.exec(["true"])


def test_a_supervisor_that_is_killed(container: Container) -> None:
    with container.popen(["sleep", "300"]) as process:
        os.kill(process._supervised.popen.pid, signal.SIGKILL)
        with pytest.raises(pyoci.PyociError, match="supervisor was killed"):
            process.wait(TIME_LIMIT)
    until(lambda: "sleep 300" not in commands(container), "the program is gone", 5)
    reap()  # it has become a child of ours


def commands(container: Container) -> str:
    """The command lines of all its processes."""
    found = []
    for pid in container.ps():
        try:
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return "\n".join(found)


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ({"timeout": -1}, pyoci.ConfigError),
        ({"timeout": float("nan")}, pyoci.ConfigError),
        ({"timeout": "5"}, TypeError),
        ({"max_output": -1}, pyoci.ConfigError),
        ({"input": 5}, TypeError),
        ({"input": "\u20ac", "encoding": "ascii"}, UnicodeEncodeError),
        ({"env": {"A=B": "1"}}, pyoci.ConfigError),
        ({"env": {5: "1"}}, TypeError),
        ({"options": "--tty"}, TypeError),
        ({"env": {"A": 1}}, TypeError),
        ({"cwd": "tmp"}, pyoci.ConfigError),
        ({"user": "alice"}, pyoci.ConfigError),
    ],
)
def test_what_exec_does_not_take_starts_nothing(
    container: Container, what: dict[str, Any], error: type[BaseException]
) -> None:
    with pytest.raises(error):
        container.exec(["touch", "/tmp/started"], **what)
    assert container.exec(["ls", "/tmp"]).stdout == b""


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_a_terminal_takes_the_place_of_streams(container: Container, stream: str) -> None:
    with pytest.raises(TypeError, match="terminal: takes the place"):
        container.popen(["true"], terminal=True, **cast(Any, {stream: PIPE}))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_process_that_is_forgotten_keeps_no_descriptor(container: Container) -> None:
    before = descriptors()
    for options in ({"stdin": PIPE, "stdout": PIPE}, {"terminal": True}):
        container.popen(["sleep", "60"], **cast(Any, options))

    def has_let_go() -> bool:
        # subprocess lets go of a child that was forgotten when the next one is made, and only once it has ended
        container.exec(["true"])
        return descriptors() <= before

    until(has_let_go, "its descriptors are closed")


def test_a_string_is_no_list_of_words(container: Container) -> None:
    for args in ("echo hi", b"echo"):
        with pytest.raises(TypeError, match="takes a list of words"):
            container.exec(args)  # type: ignore[arg-type]


def test_text_that_is_none_is_an_error_of_decoding(container: Container) -> None:
    with pytest.raises(UnicodeDecodeError):
        container.exec(["cat"], input=b"\xff", text=True)
    assert container.exec(["cat"], input=b"\xff", text=True, errors="replace").stdout == "\ufffd"


def test_a_job_runner_of_twenty_commands_in_one_container(container: Container) -> None:
    """From four threads: each gets its own status, streams and input, and nothing is left open."""
    container.exec(["true"])
    before = descriptors()

    def job(number: int) -> tuple[int | None, bytes, bytes]:
        script = f"cat; echo {number} >&2; head -c {number * 1000} /dev/urandom | wc -c; exit {number}"
        done = container.exec(["sh", "-c", script], input=bytes([number, 255]), timeout=TIME_LIMIT)
        return done.returncode, done.stdout, done.stderr

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(job, range(236, 256)))
    for number, (status, out, err) in zip(range(236, 256), results, strict=True):
        assert (status, err) == (number, f"{number}\n".encode())
        assert out == bytes([number, 255]) + f"{number * 1000}\n".encode()
    assert descriptors() <= before
