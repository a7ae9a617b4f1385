"""What new users do wrong, and the words that help them on: one row for each mistake.

The words that engines look for stand first, and what to do about it follows. docs/errors.md has each of these, too.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import elf, errors_page
from helpers.bundle import Bundle
from helpers.runtime import Runtime

pytestmark = pytest.mark.beyond_runc("the words are pyoci's")
PAGE = errors_page.rows("The container's program") | errors_page.rows("What the kernel refuses")

Prepare = Callable[[Bundle], None]


def program(data: bytes, mode: int = 0o755, args: tuple[str, ...] = ("/app",)) -> Prepare:
    def prepare(bundle: Bundle) -> None:
        (bundle.rootfs / "app").write_bytes(data)
        (bundle.rootfs / "app").chmod(mode)
        bundle.process["args"] = list(args)

    return prepare


def args(*words: str) -> Prepare:
    return changed(args=list(words))


def resources(section: str, **values: object) -> Prepare:
    return lambda bundle: bundle.linux["resources"].update({section: values})


def mount(kind: str, *options: str, source: str = "", at: str = "/mnt") -> Prepare:
    def prepare(bundle: Bundle) -> None:
        bundle.mount(at, kind, list(options), source)

    return prepare


def changed(**properties: object) -> Prepare:
    return lambda bundle: bundle.process.update(properties)


def empty(bundle: Bundle) -> None:
    shutil.rmtree(bundle.rootfs)
    bundle.rootfs.mkdir()


def too_deep(bundle: Bundle) -> None:
    bundle.rootfs.rename(bundle.path / "other")
    bundle.rootfs.mkdir()
    (bundle.path / "other").rename(bundle.rootfs / "alpine")


def no_rootfs(bundle: Bundle) -> None:
    shutil.rmtree(bundle.rootfs)


def on_noexec(bundle: Bundle) -> None:
    shutil.copy2(bundle.rootfs / "bin/busybox", bundle.path / "sh")
    bundle.bind(bundle.path, "/mnt", "noexec")
    bundle.process["args"] = ["/mnt/sh"]


def closed_folder(bundle: Bundle) -> None:
    (bundle.rootfs / "closed").mkdir(mode=0o700)
    shutil.copy2(bundle.rootfs / "bin/busybox", bundle.rootfs / "closed/busybox")
    bundle.process.update(args=["/closed/busybox", "true"], user={"uid": 1000, "gid": 1000}, capabilities={})


def link_to_nothing(bundle: Bundle) -> None:
    (bundle.rootfs / "bin/lost").symlink_to("nothing")
    bundle.process["args"] = ["lost"]


def archive(bundle: Bundle) -> None:
    (bundle.path / "rootfs.tar.gz").write_bytes(b"\x1f\x8b")
    bundle.config["root"]["path"] = "rootfs.tar.gz"


def bound(source: str, destination: str) -> Prepare:
    def prepare(bundle: Bundle) -> None:
        bundle.bind(source, destination)

    return prepare


def hook_without_interpreter(bundle: Bundle) -> None:
    path = bundle.path / "hook"
    path.write_text("#!/no/bash\n")
    path.chmod(0o755)
    bundle.config["hooks"] = {"createRuntime": [{"path": str(path)}]}


def closed_to_its_root(bundle: Bundle) -> None:
    bundle.user_namespace()
    os.chown(bundle.rootfs, 0, 0)
    bundle.rootfs.chmod(0o700)


def in_a_folder_closed_to_its_root(bundle: Bundle) -> None:
    """As those are that mktemp makes."""
    bundle.user_namespace()
    bundle.path.chmod(0o700)


def unmapped_terminal_group(bundle: Bundle) -> None:
    bundle.user_namespace(size=5)
    next(entry for entry in bundle.config["mounts"] if entry["type"] == "devpts")["options"].append("gid=5")


def sysctl_of_a_user_namespace(name: str, value: str) -> Prepare:
    def prepare(bundle: Bundle) -> None:
        bundle.user_namespace(size=5)
        bundle.linux.update(sysctl={name: value})

    return prepare


# What is wrong with the bundle, and the words of `run` about it.
BUNDLES: dict[str, tuple[Prepare, tuple[str, ...]]] = {
    "an interpreter that is missing": (
        program(b"#!/bin/bash\n"),
        ("exec /app: no such file or directory; ", 'asks for the interpreter "/bin/bash", which is not there'),
    ),
    "a script with Windows' line ends": (
        program(b"#!/bin/sh\r\necho\r\n"),
        ("no such file or directory; ", "ends with a carriage return (CRLF", '"/bin/sh\\r"'),
    ),
    "a dynamic program without its loader": (
        program(elf.program(loader="/lib64/ld-linux-x86-64.so.2")),
        ("no such file or directory; ", 'needs the loader "/lib64/ld-linux-x86-64.so.2"'),
    ),
    "a program for another machine": (
        program(elf.program(machine=258)),
        ("exec format error; ", "/app is a program for loongarch64, and this host is"),
    ),
    "neither a program nor a script": (
        program(b"echo hello\n"),
        ("exec format error; ", "/app is neither an ELF program nor a script"),
    ),
    "an empty file": (program(b""), ("exec format error; ", "/app is empty")),
    "a program for Windows": (program(b"MZ\x90"), ("exec format error; ", "/app is a program for Windows")),
    "no execute bit": (
        program(b"#!/bin/sh\n", 0o644),
        ("permission denied; ", "the mode of /app is 0644, without an execute bit: chmod +x"),
    ),
    "an interpreter without an execute bit": (
        program(b"#!/etc/passwd\n"),
        ("permission denied; ", "the mode of /etc/passwd is 0644"),
    ),
    "a folder": (args("/bin"), ("permission denied; ", "/bin is a folder")),
    "a mount that allows no program": (
        on_noexec,
        ("permission denied; ", "/mnt is mounted with noexec (/mounts/6/options)"),
    ),
    "arguments that are too long": (
        args("/bin/echo", *["x" * 99_999] * 70),
        ("argument list too long; ", "/process/args and /process/env have 7000020 bytes, and the kernel takes "),
    ),
    "a hook without its interpreter": (
        hook_without_interpreter,
        ("cannot be executed: no such file or directory", 'asks for the interpreter "/no/bash", which is not there'),
    ),
    "one string with spaces": (
        args("echo hello world"),
        ("executable file not found in $PATH; ", 'write ["echo","hello","world"]'),
    ),
    "a word of the shell": (
        args("cd", "/tmp"),
        ("executable file not found in $PATH; ", 'cd is a word of the shell: write ["sh","-c","cd /tmp"]'),
    ),
    "one path with spaces": (args("/bin/echo hello"), ("no such file or directory; ", 'write ["/bin/echo","hello"]')),
    "a program that is misspelt": (args("/bin/ehco"), ("no such file or directory; ", "did you mean /bin/echo?")),
    "a program that PATH misses": (
        program(b"#!/bin/sh\n", args=("app",)),
        ("executable file not found in $PATH; ", '/app is there, and PATH in /process/env is "/bin"'),
    ),
    "an empty root file system": (empty, ("no such file or directory; ", "rootfs is empty: unpack an image into it")),
    "a root file system one folder too deep": (too_deep, ('holds only "alpine": set /root/path to ',)),
    "no root file system": (no_rootfs, ("open rootfs ", '/root/path of config.json is "rootfs"')),
    "a path of the host's": (
        lambda bundle: bundle.process.update(args=[f"{bundle.rootfs}/bin/sh"]),
        ("no such file or directory; the path is the host's: in the container it is /bin/sh",),
    ),
    "a variable before the program": (args("NAME=x", "true"), ("$PATH; variables are in /process/env of config.json",)),
    "a folder that is closed to the user": (
        closed_folder,
        ("permission denied; the mode of the folder /closed is 0700",),
    ),
    "a link to nothing": (link_to_nothing, ('is a symbolic link to "nothing", which leads to no file in it',)),
    "a root file system that is an archive": (archive, ("open rootfs ", "an archive must be unpacked into a folder")),
    "a path with a tilde": (
        lambda bundle: bundle.config["root"].update(path="~/rootfs"),
        ("open rootfs ", "; ~ is the shell's: write the whole path"),
    ),
    "a file mounted on a folder": (bound("/etc/passwd", "/bin"), ("/etc/passwd is a file, and /bin in the container",)),
    "a folder mounted on a file": (bound("/etc", "/bin/busybox"), ("/etc is a folder, and /bin/busybox in the",)),
    "a file system mounted on a file": (
        mount("tmpfs", at="/bin/busybox"),
        ("not a directory (ENOTDIR); /bin/busybox in the container is a file: a file system is mounted on a folder",),
    ),
    "a file system mounted below a file": (
        mount("tmpfs", at="/bin/busybox/x"),
        ("not a directory (ENOTDIR); /bin/busybox/x in the container is below a file",),
    ),
    "a mount below a file": (bound("/etc", "/bin/busybox/etc"), ("/bin/busybox/etc in the container is below a file",)),
    "a working directory that is a file": (
        changed(cwd="/bin/sh"),
        ('chdir to cwd ("/bin/sh") failed: not a directory', "/process/cwd of config.json names it"),
    ),
    "a quota below a millisecond": (
        resources("cpu", quota=500, period=100000),
        ("/linux/resources/cpu/quota: 500 is not between 1000 and ", " microseconds"),
    ),
    "CPUs that this host lacks": (
        resources("cpu", cpus="0-500"),
        ('/linux/resources/cpu/cpus is "0-500", and this host has the CPUs 0',),
    ),
    "memory nodes that this host lacks": (
        resources("cpu", mems="60"),
        ('/linux/resources/cpu/mems is "60", and this host has the memory nodes 0',),
    ),
    "a memory limit that is too low": (
        resources("memory", limit=4096),
        ("its memory limit is too low; ", "/linux/resources/memory/limit is 4096 bytes, and a container starts with "),
    ),
    "a group of the terminals that is not mapped": (
        unmapped_terminal_group,
        (
            "invalid argument (EINVAL); ",
            "gid 5 is not mapped in the container's user namespace: /linux/gidMappings has 0-4",
        ),
    ),
    "a root file system that is closed to its root": (
        closed_to_its_root,
        ("permission denied (EACCES); the folder ", "(mode 0700, owner 0) is closed to the container's root, which is"),
    ),
    "a bundle that is closed to its root": (
        in_a_folder_closed_to_its_root,
        ("permission denied (EACCES); the folder ", "(mode 0700, owner 0) is closed to the container's root, which is"),
    ),
    "a mount option that nobody knows": (
        mount("tmpfs", "noexce"),
        ("Unknown parameter 'noexce'", "did you mean noexec?"),
    ),
    "an option of a file system that is misspelt": (
        mount("tmpfs", "sizes=1m"),
        ("Unknown parameter 'sizes'", "did you mean size?"),
    ),
    "a file system that nobody knows": (mount("tmpsf"), ("no such device", "did you mean tmpfs?")),
    "an image of a file system that is a file": (
        mount("ext4", source="/etc/passwd"),
        ("block device required (ENOTBLK)", "; losetup --find --show /etc/passwd makes a device of a file"),
    ),
    "an overlay without layers": (
        mount("overlay", source="overlay"),
        ("invalid argument (EINVAL)", "; overlay takes the option lowerdir=DIR:DIR"),
    ),
    "an option of a bind mount that is misspelt": (
        mount("none", "bind", "rslav", source="/tmp"),
        ("/mounts/6/options: 'rslav' cannot be applied to a bind mount", "; did you mean rslave?"),
    ),
    "a bind source that is not there": (
        mount("none", "bind", source="/no/such/source"),
        ("bind /no/such/source: no such file or directory",),
    ),
    "a sysctl that is misspelt": (
        lambda bundle: bundle.linux.update(sysctl={"net.ipv4.ip_fowrard": "1"}),
        ("this kernel has no sysctl net.ipv4.ip_fowrard; did you mean net.ipv4.ip_forward?",),
    ),
    "a value that a sysctl does not take": (
        lambda bundle: bundle.linux.update(sysctl={"net.ipv4.ip_forward": "x"}),
        (
            "set sysctl net.ipv4.ip_forward to 'x': invalid argument (EINVAL); the host has ",
            "there: the value must have that form",
        ),
    ),
    "a sysctl with groups that are not mapped": (
        sysctl_of_a_user_namespace("net.ipv4.ping_group_range", "0 200"),
        ("invalid argument (EINVAL); both numbers must be groups that /linux/gidMappings maps",),
    ),
    "a sysctl of the host's root": (
        sysctl_of_a_user_namespace("kernel.domainname", "example"),
        ("permission denied (EACCES); it belongs to the host's root: set /domainname instead",),
    ),
}


@pytest.mark.parametrize("mistake", BUNDLES)
def test_run_says_what_is_wrong_with_the_bundle(runtime: Runtime, bundle: Bundle, mistake: str) -> None:
    prepare, words = BUNDLES[mistake]
    prepare(bundle)
    name = runtime.add(bundle)
    check(runtime.fails("run", "--bundle", str(bundle.path), name), (*words, *PAGE.get(mistake, ())))
    assert "does not exist" in runtime.fails("state", name)  # nothing is left


def test_the_page_of_errors_has_them_all() -> None:
    assert set(PAGE) == set(BUNDLES)


class TestExecutingInAContainer:
    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"#!/bin/bash\n", 'asks for the interpreter "/bin/bash", which is not there'),
            (b"echo\n", "neither an ELF program nor a script"),
        ],
    )
    def test_exec_says_why_a_program_cannot_be_executed(
        self, runtime: Runtime, bundle: Bundle, data: bytes, words: str
    ) -> None:
        bundle.sleeps()
        container = runtime.start(bundle)
        program(data)(bundle)
        result = container.exec("/app")
        assert result.status == 255
        check(result.stderr, (words,))

    def test_exec_knows_its_own_path(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.sleeps()
        program(b"#!/bin/sh\n", args=bundle.process["args"])(bundle)
        container = runtime.start(bundle)
        check(container.exec("ehco").stderr, ("executable file not found in $PATH; ", "did you mean echo?"))
        check(container.exec("echo hello").stderr, ("words of their own: write echo hello",))
        assert runtime.call("exec", "--env", "PATH=/", container.id, "app").status == 0
        words = runtime.fails("exec", "--env", "PATH=/etc", container.id, "app")
        check(words, ("executable file not found in $PATH; ", 'PATH in /process/env is "/etc"'))

    def test_exec_says_that_the_folder_is_its_own_options(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.sleeps()
        container = runtime.start(bundle)
        words = runtime.fails("exec", "--cwd", "/nowhere", container.id, "true")
        check(words, ('chdir to cwd ("/nowhere") failed: no such file or directory', "; --cwd or --process names it"))
        assert "config.json" not in words
        check(container.exec("--cwd", "/", "true").stderr, ("; options of exec stand before the container's ID",))

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["-u", "99999999999", "{}", "id"], "--user: 99999999999 is greater than 4294967295, the greatest ID"),
            (["-u", "0:4294967296", "{}", "id"], "--user: 4294967296 is greater than 4294967295, the greatest ID"),
            (["-e", "FOO", "{}", "id"], "option --env: must be NAME=value, not 'FOO'"),
            (["-e", "=x", "{}", "id"], "option --env: must be NAME=value, not '=x'"),
            (["--cwd", "tmp", "{}", "id"], "option --cwd: must be an absolute path, not 'tmp'"),
            (["{}", "cd", "/tmp"], "cd is a word of the shell: write sh -c 'cd /tmp'"),
            (["{}", "A=1", "true"], "env sets variables: write env A=1 PROGRAM"),
            (
                ["--process", "{bundle}/config.json", "{}"],
                "option --process: the file is a config.json (ociVersion ",
            ),
        ],
    )
    def test_options_are_called_options(self, runtime: Runtime, bundle: Bundle, words: list[str], said: str) -> None:
        bundle.sleeps()
        container = runtime.start(bundle)
        line = [word.replace("{bundle}", str(bundle.path)).replace("{}", container.id) for word in words]
        result = runtime.call("exec", *line)
        assert result.status == 255
        check(result.stderr, (said,))

    @pytest.mark.parametrize(("name", "hint"), [("all", "'all'\n"), ("CAP_NET_ADMN", "; did you mean CAP_NET_ADMIN?")])
    def test_a_capability_that_nobody_knows_is_told_once(
        self, runtime: Runtime, bundle: Bundle, name: str, hint: str
    ) -> None:
        bundle.sleeps()
        container = runtime.start(bundle)
        result = runtime.call("exec", "--cap", name, container.id, "true")
        assert result.status == 0
        assert result.stderr.count("warning: option --cap: ignoring unknown capability") == 1
        assert len(result.stderr.splitlines()) == 1
        assert hint in result.stderr


class TestCommands:
    @pytest.mark.parametrize("kind", ["created", "running", "stopped"])
    def test_an_id_that_is_taken(self, runtime: Runtime, bundle: Bundle, kind: str) -> None:
        bundle.sleeps()
        container = runtime.create(bundle)
        if kind != "created":
            container.start()
        if kind == "stopped":
            container.kill("KILL")
            container.wait()
        words = runtime.fails("create", "--bundle", str(bundle.path), container.id)
        check(words, (f"already exists: '{container.id}'; it is {kind}, made 2", f"--root {runtime.root} delete "))
        command = re.search(r"pyoci (--root .*) removes it", words)
        assert command is not None
        assert runtime.call(*command[1].split()[2:]).status == 0
        assert "does not exist" in runtime.fails("state", container.id)

    def test_a_container_that_runs_is_not_deleted(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.sleeps()
        container = runtime.start(bundle)
        words = runtime.fails("delete", container.id)
        check(words, ("that is not stopped: running; ", f"pyoci delete --force {container.id} kills it first"))

    def test_a_pid_file_that_is_a_folder(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        words = runtime.refuses(bundle, "--pid-file", str(scratch))
        check(words, (f"write pid file {scratch}: ", "; --pid-file names a file, and this is a folder"))
        assert not list(scratch.glob("..*"))

    def test_a_pidfd_socket_that_is_not_there(self, runtime: Runtime, bundle: Bundle) -> None:
        words = runtime.refuses(bundle, "--pidfd-socket", "/no/socket")
        check(words, ("no such file or directory", "; --pidfd-socket names a socket on which the caller listens"))

    def test_an_option_that_ps_does_not_know(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.sleeps()
        container = runtime.start(bundle)
        words = runtime.fails("ps", container.id, "--nosuch")
        check(words, ("ps --nosuch exited with status 1: ", "; see ps(1)"))
        assert "\\n" not in words

    @pytest.mark.parametrize("value", ["0-500", "abc"])
    def test_cpus_of_an_update(self, runtime: Runtime, bundle: Bundle, value: str) -> None:
        bundle.sleeps()
        container = runtime.start(bundle)
        words = runtime.fails("update", "--cpuset-cpus", value, container.id)
        check(words, (f"write '{value}'", "; this host has the CPUs 0"))

    def test_a_user_of_exec_that_is_not_mapped(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.sleeps()
        bundle.user_namespace()
        container = runtime.start(bundle)
        words = runtime.fails("exec", "--user", "4000000", container.id, "/bin/true")
        assert words.count("4000000") == 1, words
        check(words, ("; /process/user or --user asks for it",))

    def test_a_mount_where_nothing_can_be_made(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        bundle.sleeps()
        bundle.config["root"]["readonly"] = True
        container = runtime.start(bundle)
        (scratch / "mounts").write_text('[{"destination": "/new", "type": "tmpfs", "source": "tmpfs"}]')
        words = runtime.fails("mounts", "add", container.id, str(scratch / "mounts"))
        check(words, ("make directory /new: read-only file system (EROFS); ", "the place must exist"))

    def test_a_bundle_as_an_argument(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.write()
        words = runtime.fails("run", str(bundle.path), "x")
        check(words, ("takes one container ID, not 2; ", f"write pyoci run --bundle {bundle.path} x"))

    def test_a_command_as_an_argument(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.write()
        words = runtime.fails("run", "--bundle", str(bundle.path), "x", "echo", "hello")
        check(words, ("not 3; ", "/process/args of config.json"))

    def test_a_folder_that_is_no_bundle(self, runtime: Runtime, scratch: Path) -> None:
        check(
            runtime.fails("run", "--bundle", str(scratch), "x"),
            (f"read {scratch}/config.json: no such file or directory (ENOENT); ", "pyoci spec writes one"),
        )

    @pytest.mark.parametrize("command", ["create", "run"])
    def test_a_console_socket_that_is_not_there(self, runtime: Runtime, bundle: Bundle, command: str) -> None:
        bundle.process["terminal"] = True
        name = runtime.add(bundle)
        words = runtime.fails(command, "--bundle", str(bundle.path), "--console-socket", "/no/socket", name)
        check(
            words,
            (
                "to socket /no/socket: no such file or directory",
                "; --console-socket names a socket on which the caller listens already",
            ),
        )

    def test_a_console_socket_where_nobody_listens(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        bundle.process["terminal"] = True
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(scratch / "socket"))
            words = runtime.refuses(bundle, "--console-socket", str(scratch / "socket"))
        check(words, ("connection refused", "; --console-socket names a socket on which the caller listens already"))

    def test_not_root(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.write()
        name = runtime.add(bundle)

        words = runtime.call("run", "--bundle", str(bundle.path), name, preexec=become_nobody).stderr
        check(words, ("takes CAP_SYS_ADMIN", "user 65534", "pyoci spec --rootless"))

    def test_states_of_root_are_not_an_ordinary_users(self, runtime: Runtime) -> None:
        runtime.root.mkdir(mode=0o700)

        words = runtime.call("list", preexec=become_nobody).stderr
        check(words, (f"list {runtime.root}: permission denied", "--root DIR", "XDG_RUNTIME_DIR"))


def test_a_container_starts_with_as_little_memory_as_the_message_says(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["resources"]["memory"] = {"limit": 4096}
    found = re.search(r"a container starts with ([0-9]+)", runtime.refuses(bundle))
    assert found is not None
    bundle.linux["resources"]["memory"] = {"limit": int(found[1])}
    bundle.process["args"] = ["/bin/echo", "it started"]
    for _ in range(3):
        assert runtime.run(bundle).stdout == "it started\n"


def become_nobody() -> None:
    os.setgid(65534)
    os.setuid(65534)


def check(text: str, words: tuple[str, ...]) -> None:
    for part in words:
        assert part in text, text
    lines = [line for line in text.splitlines() if "warning: " not in line]
    assert len(lines) == 1, f"an error is one line: {text}"
