"""pyoci.run: a program in a container of its own, as subprocess.run has one."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from helpers.library import Library, descriptors, out_of_time
from helpers.runtime import TIME_LIMIT, until

import pyoci
from pyoci import Exit


def test_exit_status_and_streams(library: Library) -> None:
    done = library.sh("echo out; echo err >&2; exit 3")
    assert (done.exit, done.stdout, done.stderr) == (Exit(3), "out\n", "err\n")
    assert (done.returncode, done.ok, done.args[0]) == (3, False, "sh")


def test_output_is_bytes_unless_text_is_asked_for(library: Library) -> None:
    script = r"printf '\377\376'"
    assert library.sh(script, text=False).stdout == b"\xff\xfe"
    assert library.sh(script, encoding="latin-1").stdout == "\xff\xfe"
    assert library.sh(script, errors="replace").stdout == "\N{REPLACEMENT CHARACTER}" * 2


@pytest.mark.parametrize("status", [0, 1, 125, 126, 127, 128, 255])
def test_every_status_is_the_programs_own(library: Library, status: int) -> None:
    assert library.sh(f"exit {status}").exit == Exit(status)


@pytest.mark.parametrize("data", ["fed", b"\0\xff" * 200_000])
def test_input_is_bytes_or_str(library: Library, data: str | bytes) -> None:
    done = library.run("cat", input=data)
    assert done.stdout == (data.encode() if isinstance(data, str) else data)


def test_input_that_nobody_reads_is_no_error(library: Library) -> None:
    assert library.run("true", input=b"x" * 1_000_000).ok


def test_limits_of_memory_and_the_word_for_it(library: Library) -> None:
    done = library.run("tail", "/dev/zero", memory="16M")
    assert done.exit.oom_killed
    assert not done.ok


def test_limits_of_cpus_and_pids(library: Library) -> None:
    assert library.sh("for i in 1 2 3 4 5 6 7 8; do sleep 1 & done", pids=4).returncode != 0
    assert library.sh("true", cpus=0.5).ok


def test_binds(library: Library, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("given")
    script = "cat /mnt/a/in; echo x > /mnt/b/out && echo x > /mnt/a/new"
    (library.rootfs / "mnt/a").mkdir()
    (library.rootfs / "mnt/b").mkdir()
    done = library.sh(script, binds=[(tmp_path, "/mnt/a", "ro"), f"{tmp_path}:/mnt/b"])
    assert done.stdout == "given"
    assert "ead-only" in done.stderr
    assert (tmp_path / "out").read_text() == "x\n"
    assert not (tmp_path / "new").exists()


def test_network(library: Library) -> None:
    own = os.readlink("/proc/self/ns/net")
    assert library.run("readlink", "/proc/self/ns/net", text=True).stdout.strip() != own
    config = library.config.with_changes(lambda new: new["mounts"].pop())  # sysfs needs the network namespace
    assert library.run("readlink", "/proc/self/ns/net", text=True, network="host", config=config).stdout.strip() == own


def test_environment_folder_and_user(library: Library) -> None:
    done = library.sh("echo $A; pwd; id -u; id -g", env={"A": "b c"}, cwd="/tmp", user=(1000, 100))
    assert done.stdout.splitlines() == ["b c", "/tmp", "1000", "100"]


def test_a_bundle_runs_as_its_config_says(library: Library, tmp_path: Path) -> None:
    bundle = pyoci.Bundle.create(
        tmp_path / "bundle",
        library.config.with_args("sh", "-c", "cat /mnt/word; echo $A")
        .with_env(A="one")
        .with_mount("/mnt", "none", "data", ["bind"]),
    )
    (tmp_path / "bundle/data").mkdir()
    (tmp_path / "bundle/data/word").write_text("hello ")
    given: dict[str, Any] = {"text": True, "id": library.id(), **library.options}
    assert pyoci.run(None, bundle, **given).stdout == "hello one\n"
    assert pyoci.run(None, bundle, env={"A": "two"}, **given).stdout == "hello two\n"
    assert pyoci.run(["echo", "other"], bundle, **given).stdout == "other\n"
    assert pyoci.run(None, config=bundle.standalone(), **given).stdout == "hello one\n"
    with pytest.raises(TypeError, match="either a bundle, or a config"):
        pyoci.run(None, bundle, config=library.config, **given)
    with pytest.raises(TypeError, match="args: takes a list of words"):
        pyoci.run(None, library.rootfs, **given)


def test_the_default_config_runs(library: Library) -> None:
    done = library.run("sh", "-c", "echo x > /file; id -u", config=None, rootfs=library.rootfs, text=True)
    assert done.stdout == "0\n"
    assert "ead-only" in done.stderr


def test_timeout_kills_all_of_it(library: Library) -> None:
    error = out_of_time(lambda seconds: library.sh("echo early; sleep 300 & sleep 300", timeout=seconds))
    assert error.stdout == "early\n"
    assert isinstance(error, TimeoutError)
    assert nothing_is_left(library)


def test_output_has_a_limit(library: Library) -> None:
    with pytest.raises(pyoci.OutputLimit, match="more than 1000 bytes") as caught:
        library.run("cat", "/dev/zero", max_output=1000)
    assert len(caught.value.stdout) == 1000
    assert nothing_is_left(library)


def test_check(library: Library) -> None:
    with pytest.raises(pyoci.ProgramFailed, match="exit status 4") as caught:
        library.sh("echo why >&2; exit 4", check=True)
    assert caught.value.finished.stderr == "why\n"


def test_a_string_is_no_list_of_words(library: Library) -> None:
    for args in ("echo hi", b"echo"):
        with pytest.raises(TypeError, match="takes a list of words"):
            pyoci.run(args, config=library.config, **library.options)  # type: ignore[arg-type]


@pytest.mark.parametrize("binds", ["/tmp:/mnt", b"/tmp:/mnt"])
def test_a_string_is_no_list_of_binds(library: Library, binds: object) -> None:
    with pytest.raises(TypeError, match=r"binds: takes a list of them, not the string b?'/tmp:/mnt'"):
        library.run("true", binds=binds)


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ({"args": ["nonono"]}, pyoci.ExecutableError),
        ({"args": []}, pyoci.ConfigError),
        ({"args": ["a\0b"]}, pyoci.ConfigError),
        ({"args": ["true"], "memory": "lots"}, pyoci.ConfigError),
        ({"args": ["true"], "cwd": "tmp"}, pyoci.ConfigError),
        ({"args": ["true"], "rootfs": "/no/such/folder"}, pyoci.PyociError),
        ({"args": ["true"], "binds": [("/no/such/source", "/mnt")]}, pyoci.PyociError),
        ({"args": ["true"], "id": "a/b"}, pyoci.InvalidId),
        ({"args": ["true"], "timeout": -1}, pyoci.ConfigError),
        ({"args": ["true"], "timeout": float("nan")}, pyoci.ConfigError),
        ({"args": ["true"], "timeout": "5"}, TypeError),
        ({"args": ["true"], "max_output": -1}, pyoci.ConfigError),
        ({"args": ["true"], "max_output": 1.5}, TypeError),
        ({"args": ["cat"], "input": 5}, TypeError),
        ({"args": ["cat"], "input": "\u20ac", "encoding": "ascii"}, UnicodeEncodeError),
        ({"args": ["true"], "network": "blue"}, pyoci.ConfigError),
        ({"args": ["true"], "program": "/no/such/pyoci"}, pyoci.SyscallError),
        ({"args": ["true"], "program": "/etc/passwd"}, pyoci.SyscallError),
        ({"args": ["true"], "memory": 0}, pyoci.ConfigError),
        ({"args": ["true"], "config": {}}, TypeError),
        ({"args": ["true"], "env": {"A=B": "1"}}, pyoci.ConfigError),
        ({"args": ["true"], "env": {"": "1"}}, pyoci.ConfigError),
    ],
)
def test_what_cannot_run_is_an_error_and_leaves_nothing(
    library: Library, what: dict[str, Any], error: type[BaseException]
) -> None:
    before = descriptors()
    args = what.pop("args")
    with pytest.raises(error) as caught:
        library.run(*args, **what)
    assert "Traceback" not in str(caught.value)
    (named,) = [name for name in what if name not in ("encoding", "rootfs", "id")] or [""]
    assert isinstance(caught.value, UnicodeError) or named.rstrip("s") in str(caught.value)
    assert nothing_is_left(library)
    assert descriptors() <= before


@pytest.mark.parametrize("name", ["rootfs", "cwd", "network", "root", "binds", "env", "config"])
def test_an_argument_of_a_wrong_type_is_named(library: Library, name: str) -> None:
    """Not as os.fspath and `in` say it: "expected str, bytes or os.PathLike object, not int"."""
    wrong: dict[str, Any] = {"binds": [(5, "/mnt")], "env": {5: "x"}}
    with pytest.raises(TypeError, match=rf"{'source' if name == 'binds' else name}: takes .*, not int"):
        library.run("true", **{name: wrong.get(name, 5)})
    assert nothing_is_left(library)


@pytest.mark.parametrize("how", ["run", "create", "exec"])
def test_warnings_reach_the_logger(library: Library, caplog: pytest.LogCaptureFixture, how: str) -> None:
    """And nothing of them the streams of the program."""
    config = library.config.with_annotations({"run.oci.nobody": "x"}).with_capabilities("CAP_NONE_SUCH")
    if how == "run":
        assert library.sh("echo out; echo err >&2", config=config).stderr == "err\n"
    elif how == "create":
        with library.create("echo out; echo err >&2", config=config, stderr=pyoci.PIPE, text=True) as container:
            container.start()
            assert container.communicate(timeout=60)[1] == "err\n"
    else:
        with library.started() as container:
            caplog.clear()
            done = container.exec(["sh", "-c", "echo err >&2"], text=True, options=["--cap=CAP_NONE_SUCH"])
            assert done.stderr == "err\n"
    told = [record.getMessage() for record in caplog.records if record.name == "pyoci"]
    assert any("CAP_NONE_SUCH" in words for words in told), told
    assert how == "exec" or any("run.oci.nobody" in words for words in told), told
    assert all(record.levelname == "WARNING" for record in caplog.records if record.name == "pyoci")


def test_an_id_that_is_taken(library: Library) -> None:
    with library.started() as container, pytest.raises(pyoci.ContainerExists) as caught:
        library.run("true", id=container.id)
    assert caught.value.container_id == container.id


def test_nothing_is_left(library: Library) -> None:
    before = descriptors()
    library.sh("true")
    assert nothing_is_left(library)
    assert descriptors() <= before


def test_what_the_program_leaves_running_is_not_waited_for(library: Library) -> None:
    began = time.monotonic()
    assert library.sh("sleep 300 & echo done").stdout == "done\n"
    assert time.monotonic() - began < TIME_LIMIT


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_parent_that_dies_takes_it_along(library: Library, number: int) -> None:
    name = library.id()
    code = "pyoci.run(['sh', '-c', 'echo; sleep 300'], config=config, id=words[0], **options)"
    parent = library.program(code, name)
    container = pyoci.Container(name, **library.options)
    until(lambda: is_running(container), "the container runs", 30)
    pid = container.pid
    parent.send_signal(number)
    parent.communicate()
    until(lambda: not container.exists(), "the container is gone", 15)
    assert not Path(f"/proc/{pid}").exists()


def test_an_interrupt_takes_it_along(library: Library) -> None:
    name = library.id()
    code = (
        "try:\n    pyoci.run(['sleep', '300'], config=config, id=words[0], **options)\n"
        "except KeyboardInterrupt:\n    print(os.path.exists(options['root'] + '/' + words[0]))"
    )
    parent = library.program(code, name)
    container = pyoci.Container(name, **library.options)
    until(lambda: is_running(container), "the container runs", 30)
    parent.send_signal(signal.SIGINT)
    assert parent.communicate(timeout=TIME_LIMIT)[0] == "False\n"


def test_from_threads(library: Library) -> None:
    results: list[Any] = []
    ids = [library.id() for _ in range(6)]
    threads = [
        threading.Thread(target=lambda n=n, i=i: results.append((n, library.sh(f"echo {n}", id=i).stdout)))
        for n, i in enumerate(ids)
    ]
    before = descriptors()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(n, f"{n}\n") for n in range(6)]
    assert descriptors() <= before


def test_after_a_fork(library: Library) -> None:
    with library.started() as container:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                done = container.exec(["echo", "child"])
                os.write(writer, json.dumps([done.stdout.decode(), library.sh("exit 7").returncode]).encode())
                status = 0
            finally:
                os._exit(status)
        os.close(writer)
        assert os.waitpid(pid, 0)[1] == 0
        assert json.loads(os.read(reader, 1000)) == ["child\n", 7]
        os.close(reader)
        assert container.exec(["echo", "parent"]).stdout == b"parent\n"


def test_a_service_managers_socket_is_not_the_programs(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("LISTEN_FDS", "1")
        assert library.sh("echo $NOTIFY_SOCKET$LISTEN_FDS", timeout=TIME_LIMIT).stdout == "\n"


def is_running(container: pyoci.Container) -> bool:
    try:
        return container.status == "running"
    except pyoci.StateError:
        return False  # not made yet


def nothing_is_left(library: Library) -> bool:
    root = Path(library.options["root"])
    return not root.exists() or not list(root.iterdir())


def test_as_many_as_a_job_runner_has(library: Library) -> None:
    for status in range(20):
        done = library.sh(f"exit {status}", memory="64M", pids=16, timeout=TIME_LIMIT)
        assert done.returncode == status


def test_the_state_root_has_containers_only(library: Library) -> None:
    """Other runtimes may have the same one: `runc list` complains of what is no container."""
    with library.started() as container:
        assert os.listdir(library.options["root"]) == [container.id]
