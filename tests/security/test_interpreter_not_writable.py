"""CVE-2019-5736: a container writes over the runtime's program on the host, which root starts next.

A copy of the program is attacked, never the installed one.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.bundle import CAPABILITIES, Bundle
from helpers.hostile import error_of, facts, inside, libc
from helpers.runtime import Runtime

ALL = [*CAPABILITIES, "CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_LINUX_IMMUTABLE"]

# Loaded as the runtime's dynamic linker, so it runs as the runtime's program, with the image's code.
# Without a C library: nothing has set one up.
ATTACK = r"""
static long call(long n, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}
void _start(void) {
    static char name[256];
    static const char script[] =
        "echo attacked as $NAME; (echo evil > /proc/self/fd/9) 2>&1; (echo evil >> /proc/self/fd/9) 2>&1;"
        "chmod 777 /proc/self/fd/9 2>&1; chown 1 /proc/self/fd/9 2>&1; touch /proc/self/fd/9 2>&1; exit 0";
    static char variable[300] = "NAME=";
    const char *volatile argv[4];
    const char *volatile envp[3];
    argv[0] = "sh", argv[1] = "-c", argv[2] = script, argv[3] = 0;  /* nobody relocates what is initialized */
    envp[0] = variable, envp[1] = "PATH=/bin", envp[2] = 0;
    long fd = call(2, (long)"/proc/self/exe", 0, 0);
    call(89, (long)"/proc/self/exe", (long)(variable + 5), 250);
    call(33, fd, 9, 0);
    call(59, (long)"/bin/sh", (long)argv, (long)envp);
    call(60, 99, 0, 0);
}
"""


@pytest.fixture
def program(runtime: Runtime, scratch: Path) -> Path:
    """A copy of the runtime's program, which `runtime` now uses."""
    original = Path(os.path.realpath(shutil.which(runtime.command[-1]) or runtime.command[-1]))
    prefix = scratch / "prefix"
    (prefix / "bin").mkdir(parents=True)
    copy = prefix / "bin" / original.name
    shutil.copy2(original, copy)
    (prefix / "lib").symlink_to(original.parent.parent / "lib")
    runtime.command = [*runtime.command[:-1], str(copy)]
    return copy


@pytest.fixture
def linker(program: Path, bundle: Bundle, scratch: Path) -> Path:
    """The attack, at the place in the rootfs where the runtime's program has its dynamic linker."""
    if platform.machine() != "x86_64" or shutil.which("gcc") is None or shutil.which("readelf") is None:
        pytest.skip("needs gcc and readelf, on x86_64")
    # The section and no program header: with a snapshot, the program loads its dynamic linker (launcher/entry.c).
    section = subprocess.run(["readelf", "-p", ".interp", program], stdout=subprocess.PIPE, text=True, check=True)
    _, found, path = section.stdout.partition("]  /")
    if not found:
        pytest.skip("the runtime's program has no dynamic linker")
    target = bundle.rootfs / path.strip()
    source = scratch / "attack.c"
    source.write_text(ATTACK)
    target.parent.mkdir(parents=True, exist_ok=True)
    options = ["-nostdlib", "-ffreestanding", "-fno-stack-protector", "-O1", "-fPIE", "-static-pie"]
    subprocess.run(["gcc", *options, "-o", target, source], check=True)
    return target


def evil(program: Path, before: tuple[object, ...], output: str) -> None:
    assert "attacked as" in output, "the attack did not run"
    assert facts(program) == before
    assert output.count("Read-only file system") + output.count("Operation not permitted") >= 4, output


@pytest.mark.usefixtures("linker")
@pytest.mark.parametrize("entry", ["program", "script"])
def test_started_from_the_image(runtime: Runtime, bundle: Bundle, program: Path, entry: str) -> None:
    before = facts(program)
    if entry == "program":
        bundle.process["args"] = ["/proc/self/exe"]
    else:
        script = bundle.rootfs / "bin/entry"
        script.write_text("#!/proc/self/exe\n")
        script.chmod(0o755)
        bundle.process["args"] = ["/bin/entry"]
    bundle.process["capabilities"] = dict.fromkeys(("bounding", "effective", "permitted"), ALL)
    evil(program, before, runtime.run(bundle).stdout)


@pytest.mark.usefixtures("linker")
def test_started_by_exec(runtime: Runtime, bundle: Bundle, program: Path) -> None:
    before = facts(program)
    bundle.sleeps()
    bundle.process["capabilities"] = dict.fromkeys(("bounding", "effective", "permitted"), ALL)
    container = runtime.start(bundle)
    evil(program, before, container.exec("/proc/self/exe").stdout)
    link = bundle.rootfs / "bin/sh2"
    link.symlink_to("/proc/self/exe")
    evil(program, before, container.exec("sh2").stdout)


def attempts(path: str) -> dict[str, int]:
    """Every way to write to the file behind `path`, and the errno of each."""
    tries: dict[str, Callable[[], object]] = {
        "open": lambda: os.write(os.open(path, os.O_WRONLY), b"evil"),
        "open rw": lambda: os.write(os.open(path, os.O_RDWR), b"evil"),
        "truncate": lambda: os.truncate(path, 0),
        "open truncate": lambda: os.open(path, os.O_RDONLY | os.O_TRUNC),
        "chmod": lambda: os.chmod(path, 0o777),
        "chown": lambda: os.chown(path, 1, 1),
        "touch": lambda: os.utime(path, (1, 1)),
        "setxattr": lambda: os.setxattr(path, "trusted.evil", b"1"),
    }
    return {name: error_of(attempt) for name, attempt in tries.items()}


MS_BIND, MS_REMOUNT, OPEN_TREE_CLONE, SYS_OPEN_TREE, SYS_MOUNT_SETATTR, AT_EMPTY_PATH = (
    0x1000,
    0x20,
    1,
    428,
    442,
    0x1000,
)


def _checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def make_writable(fd: int) -> dict[str, int]:
    """Ways to lift the read-only flag of the mount behind `fd`, with every capability."""
    path = f"/proc/self/fd/{fd}".encode()
    clear = (ctypes.c_uint64 * 4)(0, 1, 0, 0)

    def copy() -> None:
        tree = libc.syscall(SYS_OPEN_TREE, fd, b"", AT_EMPTY_PATH | OPEN_TREE_CLONE)
        _checked(tree)
        _checked(libc.syscall(SYS_MOUNT_SETATTR, tree, b"", AT_EMPTY_PATH, clear, 32))

    return {
        "mount_setattr": error_of(lambda: _checked(libc.syscall(SYS_MOUNT_SETATTR, fd, b"", AT_EMPTY_PATH, clear, 32))),
        "remount": error_of(lambda: _checked(libc.mount(None, path, None, MS_BIND | MS_REMOUNT, None))),
        "bind": error_of(lambda: _checked(libc.mount(path, b"/bin/busybox", None, MS_BIND, None))),
        "open_tree": error_of(copy),
    }


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_PATH])
def test_of_a_waiting_container(runtime: Runtime, bundle: Bundle, program: Path, flags: int) -> None:
    # All capabilities, CAP_SYS_PTRACE too: without it /proc/PID/exe cannot even be opened (test_dumpable.py).
    before = facts(program)
    bundle.sleeps()
    container = runtime.create(bundle)

    def attack() -> tuple[dict[str, int], dict[str, int]]:
        fd = os.open("/proc/1/exe", flags)
        lifted = make_writable(fd)
        (Path("/tmp") / "opened").touch()
        while not os.path.exists("/tmp/started"):
            time.sleep(0.005)  # as long as it runs, it is "text file busy"
        return lifted, attempts(f"/proc/self/fd/{fd}")

    pid = os.fork()
    if pid == 0:
        while not (bundle.rootfs / "tmp/opened").exists():
            time.sleep(0.005)
        runtime.call("start", container.id)
        (bundle.rootfs / "tmp/started").touch()
        os._exit(0)
    lifted, refused = inside(container.pid, attack)
    os.waitpid(pid, 0)
    assert 0 not in lifted.values(), lifted
    assert set(refused.values()) <= {errno.EROFS, errno.EPERM}, refused
    assert facts(program) == before


def test_of_processes_that_enter(runtime: Runtime, bundle: Bundle, program: Path) -> None:
    """A process of the container, with all capabilities, collects what it finds at /proc/PID/exe during exec."""
    before = facts(program)
    bundle.sleeps()
    container = runtime.start(bundle)
    own = os.stat(bundle.rootfs / "bin/busybox").st_ino

    def attack() -> tuple[int, set[int]]:
        (Path("/tmp") / "watching").touch()
        held: list[int] = []
        me = str(os.getpid())
        while not os.path.exists("/tmp/done"):
            for name in os.listdir("/proc"):
                if not name.isdigit() or name in ("1", me) or len(held) > 50:
                    continue
                try:
                    fd = os.open(f"/proc/{name}/exe", os.O_RDONLY)
                except OSError:
                    continue
                if os.fstat(fd).st_ino == own:
                    os.close(fd)
                else:
                    held.append(fd)
                    (Path("/tmp") / "seen").touch()
        return len(held), {code for fd in held for code in attempts(f"/proc/self/fd/{fd}").values()}

    pid = os.fork()
    if pid == 0:
        while not (bundle.rootfs / "tmp/watching").exists():
            time.sleep(0.005)
        for count in range(400):  # on a busy machine it seldom looks in time
            if count > 9 and (bundle.rootfs / "tmp/seen").exists():
                break
            runtime.call("exec", container.id, "true")
        (bundle.rootfs / "tmp/done").touch()
        os._exit(0)
    seen, codes = inside(container.pid, attack)
    os.waitpid(pid, 0)
    assert seen, "no process of the runtime was seen inside"
    assert codes <= {errno.EROFS, errno.EPERM}, codes
    assert facts(program) == before


def test_no_descriptor_of_it_is_inherited(runtime: Runtime, bundle: Bundle, program: Path) -> None:
    bundle.sh("for fd in /proc/self/fd/* /proc/1/fd/*; do readlink $fd; done")
    output = runtime.run(bundle).stdout
    assert f"/bin/{program.name}" not in output
    bundle.sleeps()
    container = runtime.start(bundle)
    number = os.stat(program).st_ino
    links = [Path(f"/proc/{container.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{container.pid}/fd")]
    assert number not in [os.stat(link).st_ino for link in links]
