"""`try`: a throwaway container over a root file system, and nothing of it left, whenever the program is killed."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.bundle import BUSYBOX, Bundle
from helpers.runtime import TIME_LIMIT, Runtime, reap, until
from helpers.terminal import read_all

TABLES = "import pyroute2.nftables.main as m; print([t.get_attr('NFTA_TABLE_NAME') for t in m.NFTables().get_tables()])"
NOBODY = 65534
# Calls of `try` itself, in the order in which it comes to them: it is killed at the first and at the last of each.
STEPS = ("flock", "mkdir", "unshare", "setns", "fsopen", "move_mount", "umount2", "rmdir", "unlink")
USER_STEPS = tuple(step for step in STEPS if step != "setns")
TOOL_STEPS = ("flock", "unshare", "fsopen", "rmdir")  # before the tool, while it starts, beside it, at its end


@pytest.fixture(autouse=True)
def _of_pyoci(runtime: Runtime) -> None:
    if not runtime.is_pyoci:
        pytest.skip("the command is pyoci's own")


class Machine:
    """A machine's network of our own: `try` runs in it, and an address lies behind it."""

    BEHIND = "192.0.2.2"

    def __init__(self, pid: int, behind: int) -> None:
        self.enter = ["nsenter", f"--net=/proc/{pid}/ns/net"]
        self._behind = ["nsenter", f"--net=/proc/{behind}/ns/net"]
        self.ip("link", "set", "lo", "up")
        self.ip("link", "add", "up0", "type", "veth", "peer", "name", "in0")
        self.ip("link", "set", "in0", "netns", str(behind))
        self.ip("addr", "add", "192.0.2.1/24", "dev", "up0")
        self.ip("link", "set", "up0", "up")
        for words in (["addr", "add", f"{self.BEHIND}/24", "dev", "in0"], ["link", "set", "in0", "up"]):
            subprocess.run([*self._behind, "ip", *words], check=True)

    def ip(self, *words: str) -> str:
        return subprocess.run([*self.enter, "ip", *words], check=True, capture_output=True, text=True).stdout

    @contextlib.contextmanager
    def server(self, *, on_loopback: bool = False) -> Iterator[int]:
        """The port of a server that says `reached` to whoever comes: at BEHIND, or on the machine's loopback device."""
        address, place = ("127.0.0.1", self.enter) if on_loopback else ("", self._behind)
        script = (
            "import socket, sys; server = socket.create_server((sys.argv[1], 0))\n"
            "print(server.getsockname()[1], flush=True)\n"
            "while True: server.accept()[0].sendall(b'reached')"
        )
        command = [*place, sys.executable, "-c", script, address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                yield int(process.stdout.readline())
            finally:
                process.kill()

    def state(self) -> list[str]:
        """What `try` could change: links, addresses, routes, forwarding, nftables."""
        python = sys.executable
        tables = subprocess.run([*self.enter, python, "-c", TABLES], check=True, capture_output=True, text=True)
        forward = subprocess.run(
            [*self.enter, "cat", "/proc/sys/net/ipv4/ip_forward"], check=True, capture_output=True, text=True
        )
        links = [line.split(":")[1] for line in self.ip("-o", "link").splitlines()]
        return [str(links), self.ip("route"), forward.stdout, tables.stdout]


@pytest.fixture
def machine(namespace_holder: Callable[..., int]) -> Machine:
    if not shutil.which("ip"):
        pytest.skip("iproute2 is not installed")
    return Machine(namespace_holder("net"), namespace_holder("net"))


def arguments(runtime: Runtime, *words: str) -> list[str]:
    return [*runtime.arguments(), "try", *words]


def call(
    runtime: Runtime, *words: str, before: list[str] | None = None, **keywords: object
) -> subprocess.CompletedProcess[str]:
    command = [*(before or []), *arguments(runtime, *words)]
    options: dict[str, object] = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": 60}
    return subprocess.run(command, **options | keywords)  # type: ignore[call-overload, no-any-return]


def expect(runtime: Runtime, *words: str, before: list[str] | None = None) -> str:
    result = call(runtime, *words, before=before)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def left(runtime: Runtime) -> list[str]:
    """Folders, containers and cgroups that are left."""
    place = Path(f"{runtime.root}-try")
    folders = [path.name for path in place.glob("try-*")] if place.exists() else []
    containers = json.loads(runtime.expect("list", "--format", "json").stdout) if runtime.root.is_dir() else []
    return [*folders, *(document["id"] for document in containers)]


def groups() -> set[str]:
    """Cgroups of such containers."""
    tree = os.walk("/sys/fs/cgroup")
    return {f"{folder}/{name}" for folder, names, _ in tree for name in names if name.startswith("try-")}


def deserted(group: str) -> bool:
    """Whether no process is in it. Processes that we leave are told by the sandbox: those of a group are of another
    test, whose `try` runs beside this one (a page of the tour).
    """
    try:
        return not Path(group, "cgroup.procs").read_text()
    except OSError:
        return False  # it is gone


def running_container(runtime: Runtime) -> str:
    """The ID of the one container, once it runs."""

    def running() -> list[str]:
        if not runtime.root.is_dir():
            return []  # `try` makes it; `list` refuses one that is not there
        documents = json.loads(runtime.expect("list", "--format", "json").stdout or "[]")
        return [document["id"] for document in documents if document["status"] == "running"]

    (name,) = until(running, "it runs", 20)
    return str(name)


@pytest.fixture(autouse=True)
def _nothing_left(runtime: Runtime) -> Iterator[None]:
    mounts, before = Path("/proc/self/mountinfo").read_text(), groups()
    yield
    reap()
    assert left(runtime) == []
    # that of another test has no process for a moment, when it is made and when it is removed
    until(lambda: not any(map(deserted, groups() - before)), "only cgroups of others are left", 5)
    assert Path("/proc/self/mountinfo").read_text() == mounts


def test_a_command_over_this_machines_root(runtime: Runtime) -> None:
    assert expect(runtime, "--", "cat", "/etc/passwd") == Path("/etc/passwd").read_text().strip()


def test_nothing_of_it_reaches_the_host(runtime: Runtime) -> None:
    marker = "/usr/made-by-the-test"
    assert expect(runtime, "--", "sh", "-c", f"echo x > {marker}; rm -r /etc/passwd; cat {marker}") == "x"
    assert not os.path.exists(marker)
    assert os.path.exists("/etc/passwd")


def test_it_is_a_container(runtime: Runtime) -> None:
    script = "echo $$ $(hostname); ls -d /proc/[0-9]* | wc -l; ls /tmp"
    first, processes, *files = expect(runtime, "--", "sh", "-c", script).splitlines()
    assert first.startswith("1 try-")
    assert int(processes) <= 4
    assert files == []


def test_exit_status_is_the_commands(runtime: Runtime) -> None:
    assert call(runtime, "--", "sh", "-c", "exit 42").returncode == 42
    assert call(runtime, "--", "sh", "-c", "kill -9 $$").returncode in (137, 0)
    assert call(runtime, "--", "/no/such/program").returncode != 0


def test_standard_input_is_the_commands(runtime: Runtime) -> None:
    assert call(runtime, "cat", stdin=None, input="hello").stdout == "hello"


def test_shell_reads_standard_input(runtime: Runtime) -> None:
    assert call(runtime, stdin=None, input="echo $((6 * 7))\n").stdout == "42\n"


def test_shell_on_a_terminal(runtime: Runtime) -> None:
    master, slave = pty.openpty()
    shell = subprocess.Popen(arguments(runtime), stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    os.write(master, b"tty; echo $((6 * 7))\n")
    assert b"/dev/pts/0" in read_all(master, expect=b"42")
    os.write(master, b"exit 3\n")
    read_all(master)
    assert shell.wait(TIME_LIMIT) == 3
    os.close(master)


@pytest.mark.parametrize("depth, name", [(1200, "d"), (60, "n" * 200)])
def test_diff_of_folders_nested_deeper_than_a_path(runtime: Runtime, depth: int, name: str) -> None:
    script = f"mkdir /deep; cd -P /deep; for i in $(seq {depth}); do mkdir {name}; cd -P {name}; done; touch end"
    lines = expect(runtime, "--diff", "--", BUSYBOX, "sh", "-ec", script).splitlines()
    assert len(lines) == 1 + depth + 1
    assert lines[-1] == "A /deep" + f"/{name}" * depth + "/end"


def test_diff(runtime: Runtime) -> None:
    script = "echo x > /usr/added; rm /etc/passwd; chmod 600 /etc/group; mkdir /folder"
    script += "; rm -r /etc/default; mkdir /etc/default"
    lines = expect(runtime, "--diff", "--", "sh", "-c", script).splitlines()
    assert {"A /usr/added", "D /etc/passwd", "C /etc/group", "A /folder"} <= set(lines)
    for name in os.listdir("/etc/default"):
        assert f"D /etc/default/{name}" in lines
    assert expect(runtime, "--diff", "--", "true") == ""


def test_diff_shows_what_a_terminal_would_obey(runtime: Runtime) -> None:
    """The container names its files: one a line, whatever it calls them."""
    script = (
        r"""for name in 'two\nlines' '\033]0;title\007' '\377' 'caf\303\251'; do touch "$(printf "/usr/$name")"; done"""
    )
    lines = expect(runtime, "--diff", "--", "sh", "-c", script).splitlines()
    assert set(lines) == {r"A /usr/two\nlines", r"A /usr/\x1b]0;title\x07", r"A /usr/\xff", "A /usr/café"}


def test_keep_goes_on_from_there(runtime: Runtime, scratch: Path) -> None:
    kept = str(scratch / "kept")
    expect(runtime, "--keep", kept, "--", "sh", "-c", "echo one > /usr/kept; rm /etc/passwd")
    assert (scratch / "kept/upper/usr/kept").read_text() == "one\n"
    assert os.listdir(kept) == ["upper"]
    assert expect(runtime, "--keep", kept, "--", "cat", "/usr/kept") == "one"
    assert call(runtime, "--keep", kept, "--", "cat", "/etc/passwd").returncode == 1
    assert expect(runtime, "--", "sh", "-c", "cat /usr/kept || echo gone") == "gone"


def test_keep_of_two_at_once_is_refused(runtime: Runtime, scratch: Path) -> None:
    kept = str(scratch / "kept")
    reader, writer = os.pipe()
    first = subprocess.Popen(arguments(runtime, "--keep", kept, "--", "cat"), stdin=reader, stdout=subprocess.DEVNULL)
    os.close(reader)
    until((scratch / "kept/upper").exists, "the first has begun", 20)
    result = call(runtime, "--keep", kept, "--", "true")
    assert result.returncode == 1
    assert f"another `pyoci try` uses {kept}" in result.stderr
    os.close(writer)
    assert first.wait(TIME_LIMIT) == 0


def test_keep_refused_leaves_the_overlay_of_the_other(runtime: Runtime, scratch: Path) -> None:
    kept = str(scratch / "kept")
    reader, writer = os.pipe()
    words = ["--keep", kept, "--", "sh", "-c", "read line; echo later >> /etc/hosts; rm /etc/passwd; cat /etc/hosts"]
    first = subprocess.Popen(arguments(runtime, *words), stdin=reader, stdout=subprocess.PIPE, text=True)
    os.close(reader)
    until((scratch / "kept/upper").exists, "the first has begun", 20)
    assert call(runtime, "--keep", kept, "--", "true").returncode == 1
    os.write(writer, b"go on\n")
    os.close(writer)
    assert first.communicate(timeout=TIME_LIMIT)[0].endswith("later\n")
    assert first.returncode == 0


@pytest.mark.parametrize("name", ["work", "upper work", "file", ".hidden"])
def test_keep_touches_no_folder_with_other_files(runtime: Runtime, scratch: Path, name: str) -> None:
    """`--keep ~`, `--keep .`: what is there stays as it is, with its mode."""
    mine = scratch / "mine"
    for folder in name.split():
        (mine / folder / "deep").mkdir(parents=True)
        (mine / folder / "deep/file").write_text("precious")
        (mine / folder / "link").symlink_to(scratch)
    mine.chmod(0o755)
    scratch.chmod(0o755)
    before = sorted((str(path), path.lstat().st_mode) for path in scratch.rglob("*"))
    result = call(runtime, "--keep", str(mine), "--", "true")
    assert result.returncode == 1
    assert f"option --keep: {mine} holds " in result.stderr
    assert sorted((str(path), path.lstat().st_mode) for path in scratch.rglob("*")) == before
    assert scratch.stat().st_mode & 0o777 == 0o755


def test_another_root(runtime: Runtime, bundle: Bundle) -> None:
    assert expect(runtime, "--root", str(bundle.rootfs), "--", "ls", "/bin/busybox") == "/bin/busybox"
    expect(runtime, "--root", str(bundle.rootfs), "--", "touch", "/new")
    assert not (bundle.rootfs / "new").exists()


def test_path_with_what_overlay_reads_as_separators(runtime: Runtime, bundle: Bundle) -> None:
    odd = bundle.path / ("a:b,c\\d " + "x" * 200)
    bundle.rootfs.rename(odd)
    assert expect(runtime, "--root", str(odd), "--keep", f"{odd}.kept", "--", "echo", "hello") == "hello"
    odd.rename(bundle.rootfs)


def test_bind(runtime: Runtime, scratch: Path) -> None:
    (scratch / "file").write_text("hello")
    script = "cat /usr/data/file; echo new > /usr/data/new"
    expect(runtime, "--bind", f"{scratch}:/usr/data", "--", "sh", "-c", script)
    assert (scratch / "new").read_text() == "new\n"
    assert call(runtime, "--bind", f"{scratch}:/usr/data:ro", "--", "touch", "/usr/data/x").returncode != 0
    assert "data" not in expect(runtime, "--diff", "--bind", f"{scratch}:/usr/data", "--", "true")


def test_limits(runtime: Runtime) -> None:
    hungry = "x=$(head -c 200m /dev/zero | tr '\\0' x); echo ${#x}"
    assert call(runtime, "--memory", "20m", "--", "sh", "-c", hungry).stdout.strip() != str(200 << 20)
    forks = "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; wait"
    assert "fork" in call(runtime, "--pids", "4", "--", "sh", "-c", forks).stderr.lower()


def test_half_a_cpu(runtime: Runtime) -> None:
    """A busy loop gets half of the time that passes."""
    script = "end=$(($(date +%s) + 3)); while [ $(date +%s) -lt $end ]; do :; done; cat /proc/self/cgroup; times"
    result = call(runtime, "--cpus", "0.2", "--", "bash", "-c", script)
    assert result.returncode == 0, result.stderr
    minutes, seconds = result.stdout.split()[-4].rstrip("s").split("m")
    assert int(minutes) * 60 + float(seconds) < 2


def test_capability(runtime: Runtime) -> None:
    mount = "mount -t tmpfs none /mnt && echo mounted"
    assert expect(runtime, "--cap", "sys_admin", "--", "sh", "-c", mount) == "mounted"
    assert call(runtime, "--", "sh", "-c", mount).returncode != 0


def test_it_can_be_seen_and_stopped_by_other_commands(runtime: Runtime) -> None:
    running = subprocess.Popen(arguments(runtime, "--", "sleep", "100"), stdin=subprocess.DEVNULL)
    name = running_container(runtime)
    assert runtime.exec(name, "/bin/echo", "hello").stdout == "hello\n"
    runtime.expect("kill", name, "KILL")
    assert running.wait(TIME_LIMIT) == 137


def test_signal_ends_it(runtime: Runtime) -> None:
    script = "trap 'exit 5' TERM; touch /ready; while :; do sleep 0.05; done"
    running = subprocess.Popen(arguments(runtime, "--", "sh", "-c", script), stdin=subprocess.DEVNULL)
    name = running_container(runtime)
    until(lambda: runtime.exec(name, "/bin/ls", "/ready").status == 0, "it is ready", 20)
    running.terminate()
    assert running.wait(TIME_LIMIT) == 5


# -- the network -----------------------------------------------------------------------------------------------------


def test_without_network_there_is_loopback_only(runtime: Runtime) -> None:
    assert expect(runtime, "--", "ls", "/sys/class/net") == "lo"


def test_network_reaches_the_host_and_beyond(runtime: Runtime, machine: Machine) -> None:
    before = machine.state()
    ping = (
        "for a in 192.0.2.1 192.0.2.2; do busybox ping -c 1 -W 10 $a >/dev/null && echo $a; done; cat /etc/resolv.conf"
    )
    words = expect(runtime, "--net", "--", "sh", "-c", ping, before=machine.enter).split()
    assert words[:2] == ["192.0.2.1", "192.0.2.2"]
    assert "127.0.0" not in " ".join(words[2:])
    assert machine.state() == before


def test_network_of_two_at_once(runtime: Runtime, machine: Machine) -> None:
    """Each has addresses of its own, and the rule stays until the last one ends."""
    before = machine.state()
    script = "ip -4 -o addr show eth0; cat; busybox ping -c 1 -W 60 192.0.2.2 >/dev/null && echo reached"
    begin = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    two = [
        subprocess.Popen([*machine.enter, *arguments(runtime, "--net", "--", "sh", "-c", script)], **begin)  # type: ignore[call-overload]
        for _ in range(2)
    ]
    first = [process.stdout.readline().split()[3] for process in two]
    assert first[0] != first[1]
    for process in two:
        out, _ = process.communicate(timeout=TIME_LIMIT)
        assert "reached" in out
    assert machine.state() == before


def test_forwarding_that_was_on_stays_on(runtime: Runtime, machine: Machine) -> None:
    subprocess.run([*machine.enter, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"], check=True)
    before = machine.state()
    expect(runtime, "--net", "--", "true", before=machine.enter)
    assert machine.state() == before


# -- killed at any step ----------------------------------------------------------------------------------------------


def traced(runtime: Runtime, before: list[str], words: list[str], options: list[str]) -> int:
    command = [*before, "strace", *options, *arguments(runtime, *words)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT).returncode


def killed(runtime: Runtime, before: list[str], words: list[str], trace: Path, step: str, which: str) -> bool:
    """Kill `try` at the first or last call named `step`; whether it makes such a call."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    assert traced(runtime, before, words, ["-o", str(trace), "-e", f"trace={step}"]) == 0
    times = sum(line.startswith(f"{step}(") for line in trace.read_text().splitlines())
    if times:
        inject = f"inject={step}:signal=KILL:when={1 if which == 'first' else times}"
        assert traced(runtime, before, words, ["-o", "/dev/null", "-e", f"trace={step}", "-e", inject]) in (-9, 137)
    return bool(times)


@pytest.mark.thorough
@pytest.mark.parametrize("which", ["first", "last"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at(runtime: Runtime, machine: Machine, scratch: Path, step: str, which: str) -> None:
    """The next call removes links, rules, folders, containers, cgroups; mounts end with the process."""
    before = machine.state()
    words = ["--net", "--", "true"]
    assert killed(runtime, machine.enter, words, scratch / "trace", step, which), f"try does not call {step} any more"
    expect(runtime, "--", "true", before=machine.enter)
    assert left(runtime) == []
    assert machine.state() == before


@pytest.mark.thorough
@pytest.mark.parametrize("which", ["first", "last"])
@pytest.mark.parametrize("step", ["flock", "mkdir", "fsopen", "move_mount", "rmdir"])
def test_killed_at_with_a_folder_that_is_kept(
    runtime: Runtime, machine: Machine, scratch: Path, step: str, which: str
) -> None:
    """What was kept before is there in the next call, which can use the folder."""
    kept = scratch / "kept"
    expect(runtime, "--keep", str(kept), "--", "sh", "-c", "echo one > /usr/kept")
    words = ["--keep", str(kept), "--", "true"]
    if not killed(runtime, machine.enter, words, scratch / "trace", step, which):
        pytest.skip(f"try --keep does not call {step}")
    assert expect(runtime, "--keep", str(kept), "--", "cat", "/usr/kept") == "one"
    assert os.listdir(kept) == ["upper"]
    assert left(runtime) == []


def test_killed_while_the_container_runs(runtime: Runtime, machine: Machine) -> None:
    before = machine.state()
    command = [*machine.enter, *arguments(runtime, "--net", "--memory", "64m", "--", "sleep", "100")]
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    running_container(runtime)
    running.kill()
    running.wait()
    expect(runtime, "--", "true", before=machine.enter)
    assert left(runtime) == []
    until(lambda: machine.state() == before, "the network is as it was")


def test_a_call_that_lives_is_left_alone(runtime: Runtime, machine: Machine) -> None:
    script = "cat; busybox ping -c 1 -W 60 192.0.2.2 >/dev/null && echo reached"
    command = [*machine.enter, *arguments(runtime, "--net", "--", "sh", "-c", script)]
    living = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    running_container(runtime)
    expect(runtime, "--net", "--", "true", before=machine.enter)
    out, _ = living.communicate(timeout=TIME_LIMIT)
    assert out == "reached\n"


# -- an ordinary user ------------------------------------------------------------------------------------------------


@pytest.fixture
def ordinary(runtime: Runtime, scratch: Path) -> list[str]:
    """Words before a command that make it an ordinary user's."""
    if not shutil.which("setpriv"):
        pytest.skip("setpriv is not installed")
    runtime.root = scratch / "user/state"
    (scratch / "user").mkdir()
    os.chown(scratch / "user", NOBODY, NOBODY)
    for folder in scratch.parents:
        if folder.stat().st_mode & 0o001 == 0:
            pytest.skip(f"{folder} cannot be entered by an ordinary user")
    before = [
        "setpriv",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "env",
        "HOME=/",
        f"XDG_RUNTIME_DIR={scratch}/user",
    ]
    if subprocess.run([*before, "unshare", "--user", "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this machine lets no ordinary user make a user namespace")
    return before


def test_ordinary_user(runtime: Runtime, ordinary: list[str]) -> None:
    script = "id -u; echo x > /usr/new; rm /etc/passwd; cat /usr/new; ls /sys/class/net | head -n 1"
    out = expect(runtime, "--diff", "--", "sh", "-c", script, before=ordinary).splitlines()
    assert out[:2] == ["0", "x"]
    assert out[-2:] == ["D /etc/passwd", "A /usr/new"]
    assert not os.path.exists("/usr/new")


def test_ordinary_user_keeps(runtime: Runtime, ordinary: list[str], scratch: Path) -> None:
    kept = str(scratch / "user/kept")
    expect(runtime, "--keep", kept, "--", "sh", "-c", "echo one > /usr/kept", before=ordinary)
    assert expect(runtime, "--keep", kept, "--", "cat", "/usr/kept", before=ordinary) == "one"
    assert os.listdir(kept) == ["upper"]


@pytest.mark.parametrize("tool", ["pasta", "slirp4netns"])
def test_ordinary_user_and_network(
    runtime: Runtime, machine: Machine, ordinary: list[str], scratch: Path, tool: str
) -> None:
    """With the one tool, as if the other were not installed, a program reaches an address behind the machine."""
    words = [*machine.enter, *user_tool(machine, scratch, tool), *ordinary]
    before = machine.state()
    with machine.server() as port:
        # pasta now and then loses the end of a connection that both ends close at once, and says the last words again
        reach = f"timeout 5 busybox nc -w 5 {machine.BEHIND} {port} || true"
        script = f"ls /sys/class/net; grep nameserver /etc/resolv.conf; {reach}"
        out = expect(runtime, "--net", "--", "sh", "-c", script, before=words)
    *devices, last = [word for word in out.split() if not word.startswith("ifb")]  # some kernels make ifb0 always
    assert last.startswith("reached")
    assert len(devices) >= 2 and "lo" in devices
    if tool == "slirp4netns":
        assert "10.0.2.3" in devices
    assert machine.state() == before
    until(lambda: not user_tools(), "the tool has ended")


@pytest.mark.parametrize("tool", ["pasta", "slirp4netns"])
def test_ordinary_users_network_is_not_the_hosts_loopback(
    runtime: Runtime, machine: Machine, ordinary: list[str], scratch: Path, tool: str
) -> None:
    """What listens on 127.0.0.1 trusts the users of its machine; and ports of the container are its own."""
    words = [*machine.enter, *user_tool(machine, scratch, tool), *ordinary]
    with machine.server(on_loopback=True) as port:
        near = subprocess.run([*machine.enter, "busybox", "nc", "127.0.0.1", str(port)], capture_output=True, text=True)
        assert near.stdout == "reached"
        addresses = ["127.0.0.1", machine.BEHIND, "192.0.2.1", "10.0.2.2"]
        tries = "; ".join(f"busybox nc -w 2 {address} {port} </dev/null" for address in addresses)
        # pasta looks for sockets that listen every second
        script = f"busybox nc -l -p 12321 >/dev/null & sleep 1.5; {tries}; echo tried; cat; kill $!"
        command = [*words, *arguments(runtime, "--net", "--", "sh", "-c", script)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None and process.stdout is not None
            assert process.stdout.readline() == "tried\n"
            table = [*machine.enter, "cat", "/proc/net/tcp", "/proc/net/tcp6"]
            sockets = subprocess.run(table, capture_output=True, text=True).stdout
            process.stdin.close()
    assert f":{port:04X} " in sockets
    assert f":{12321:04X} " not in sockets


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        (
            "mount --bind {file} {tool}",
            "an ordinary user needs pasta or slirp4netns for it: apt install passt",
        ),
        ("mount -t tmpfs none /dev/net", "there is no /dev/net/tun"),
        ("mknod -m 600 {tun} c 10 200; mount --bind {tun} /dev/net/tun", "this user may not open /dev/net/tun"),
        ("mknod -m 666 {tun} c 10 250; mount --bind {tun} /dev/net/tun", "cannot set up the network"),
    ],
    ids=["no tool", "no device", "a closed device", "not a device"],
)
def test_ordinary_user_who_gets_no_network(
    runtime: Runtime, ordinary: list[str], scratch: Path, setup: str, words: str
) -> None:
    tools = [path for path in map(shutil.which, ("pasta", "slirp4netns")) if path]
    if "{tool}" not in setup and not tools:
        pytest.skip("neither pasta nor slirp4netns is installed")
    if not os.path.exists("/dev/net/tun") and "/dev/net" in setup:
        pytest.skip("this machine has no /dev/net/tun")
    (scratch / "file").touch()
    commands = [setup.format(file=scratch / "file", tun=scratch / "tun", tool=tool) for tool in tools or [""]]
    enter = "; ".join(commands if "{tool}" in setup else commands[:1])
    before = ["unshare", "--mount", "sh", "-ec", f'{enter if tools else ":"}; exec "$@"', "sh", *ordinary]
    result = call(runtime, "--net", "--", "true", before=before)
    assert result.returncode == 1
    assert words in result.stderr, result.stderr


def user_tool(machine: Machine, scratch: Path, tool: str) -> list[str]:
    """Words before a command that give it a /dev/net/tun for everybody, as most systems have, and the one tool only."""
    for name in (tool, "busybox"):
        if not shutil.which(name):
            pytest.skip(f"{name} is not installed")
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        pytest.skip(f"this kernel has no tun device: {error}")
    machine.ip("route", "add", "default", "via", machine.BEHIND)
    (scratch / "none").touch(0o644)
    hidden = shutil.which("pasta") if tool != "pasta" else None
    hide = f"mount --bind {scratch}/none {hidden}; " if hidden else ""
    node = f"[ -e {scratch}/tun ] || mknod {scratch}/tun c 10 200; chmod 666 {scratch}/tun; "
    device = f"{node}mount --bind {scratch}/tun /dev/net/tun; "
    return ["unshare", "--mount", "sh", "-ec", f'{device}{hide}exec "$@"', "sh"]


def helpers() -> list[str]:
    """Names of all processes of NOBODY that have not ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid == NOBODY and "State:\tZ" not in (folder / "status").read_text():
                found.append((folder / "comm").read_text().strip().partition(".")[0])
        except OSError:
            pass  # it has ended
    return found


def user_tools() -> list[str]:
    return [name for name in helpers() if name in ("pasta", "passt", "slirp4netns")]


def test_ordinary_user_killed(runtime: Runtime, ordinary: list[str]) -> None:
    running = subprocess.Popen([*ordinary, *arguments(runtime, "--", "sleep", "100")], stdin=subprocess.DEVNULL)
    running_container(runtime)
    running.kill()
    running.wait()
    time.sleep(0.1)
    expect(runtime, "--", "true", before=ordinary)
    assert left(runtime) == []


@pytest.mark.thorough
@pytest.mark.parametrize("which", ["first", "last"])
@pytest.mark.parametrize("step", USER_STEPS)
def test_ordinary_user_killed_at(runtime: Runtime, ordinary: list[str], scratch: Path, step: str, which: str) -> None:
    assert killed(runtime, ordinary, ["--", "true"], scratch / "user/trace", step, which), f"no call of {step}"
    expect(runtime, "--", "true", before=ordinary)
    assert left(runtime) == []


@pytest.mark.thorough
@pytest.mark.parametrize("which", ["first", "last"])
@pytest.mark.parametrize("step", TOOL_STEPS)
@pytest.mark.parametrize("tool", ["pasta", "slirp4netns"])
def test_ordinary_user_with_network_killed_at(
    runtime: Runtime, machine: Machine, ordinary: list[str], scratch: Path, tool: str, step: str, which: str
) -> None:
    """The tool ends with the call, or with its network namespace."""
    words = [*machine.enter, *user_tool(machine, scratch, tool), *ordinary]
    before = machine.state()
    assert killed(runtime, words, ["--net", "--", "true"], scratch / "user/trace", step, which), f"no call of {step}"
    until(lambda: not user_tools(), "the tool has ended")
    expect(runtime, "--", "true", before=words)
    assert left(runtime) == []
    assert machine.state() == before
    until(lambda: not helpers(), "no process of the user is left")


@pytest.mark.parametrize("tool", ["pasta", "slirp4netns"])
def test_ordinary_user_with_network_killed(
    runtime: Runtime, machine: Machine, ordinary: list[str], scratch: Path, tool: str
) -> None:
    words = [*machine.enter, *user_tool(machine, scratch, tool), *ordinary]
    running = subprocess.Popen([*words, *arguments(runtime, "--net", "--", "sleep", "100")], stdin=subprocess.DEVNULL)
    running_container(runtime)
    running.kill()
    running.wait()
    until(lambda: not user_tools(), "the tool has ended")
    expect(runtime, "--", "true", before=words)
    assert left(runtime) == []
    until(lambda: not helpers(), "no process of the user is left")


# What is typed after `try`, and what helps on: in its own words, without a path of its own.
TYPED = {
    "nosuch": "executable file not found in $PATH; this machine's root file system has none in /usr/local/sbin:",
    "alpine": "; pyoci knows no images: the command runs over this machine's root, or over that of --root DIR",
    "alpine:3.20 sh": "; pyoci knows no images: ",
    "docker.io/library/alpine sh": "no such file or directory; pyoci knows no images: ",
    "/a:/b true": "; a folder of the host is shown with --bind /a:/b",
    "'echo hello'": "; the program and its arguments are words of their own: write echo hello",
    "cd /tmp": "; cd is a word of the shell: write sh -c 'cd /tmp'",
    "A=1 true": "; env sets variables: write env A=1 PROGRAM",
    "--memory 4k true": "its memory limit is too low; --memory is 4096 bytes, and a container starts with ",
    "--root {} true": 'the root file system {} holds only "one": name it by --root {}/one',
    "--root {}/one nosuch": "; the root file system {}/one has none in /usr/local/sbin:",
}


@pytest.mark.parametrize("line", TYPED)
def test_mistake_is_told_in_words_of_try(runtime: Runtime, bundle: Bundle, scratch: Path, line: str) -> None:
    bundle.write()
    place = scratch / "above"
    place.mkdir()
    bundle.rootfs.rename(place / "one")
    try:
        words = shlex.split(line.replace("{}", str(place)))
        result = call(runtime, *words)
    finally:
        (place / "one").rename(bundle.rootfs)
    assert result.returncode == 1
    assert TYPED[line].replace("{}", str(place)) in result.stderr
    assert "-try/" not in result.stderr
    assert "/process/" not in result.stderr
    assert "/linux/" not in result.stderr
    assert left(runtime) == []
