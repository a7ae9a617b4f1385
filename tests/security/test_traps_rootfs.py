"""After the root has changed, the runtime opens nothing of the container's but what the config names.

The rootfs is full of traps: whatever Python, or the C library, could look for by itself is a FIFO, on which it would
hang, or a file that leaves a mark. strace tells what was tried.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime

STDLIB = sysconfig.get_path("stdlib")
MARK = "import posix\nposix.close(posix.open('/marked', posix.O_CREAT))\n"

FIFOS = """
lib/x86_64-linux-gnu/libc.so.6 lib64/ld-linux-x86-64.so.2 etc/ld.so.preload etc/ld.so.cache etc/ld.so.conf
etc/nsswitch.conf etc/passwd etc/group etc/shadow etc/localtime etc/host.conf etc/resolv.conf etc/hosts
etc/timezone etc/locale.alias etc/gai.conf usr/lib/locale/locale-archive usr/share/locale/locale.alias
usr/lib/x86_64-linux-gnu/gconv/gconv-modules usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache
usr/lib/x86_64-linux-gnu/libnss_files.so.2 lib/x86_64-linux-gnu/libseccomp.so.2 usr/share/zoneinfo/UTC
usr/lib/python3/dist-packages/sitecustomize.py dev/urandom pyvenv.cfg
""".split()
MODULES = [
    "encodings",
    "codecs",
    "sitecustomize",
    "usercustomize",
    "os",
    "io",
    "site",
    "traceback",
    "linecache",
    "tokenize",
    "pwd",
]

# What the config names, and what runtime-linux.md makes a runtime look at.
NAMED = re.compile(
    r"""^(/|\.|self|\.\.?|/?etc/passwd|/?bin(/\w+)?|/bin/sh|/inside|inside|dev/console|console|dev/pts/ptmx|dev/pts|dev
    |dev/null|self/fd/\d+|proc/sys|sys/net/ipv4/ip_unprivileged_port_start|\d+/(setgroups|attr/.*|loginuid)|self/ns/mnt|late|)$""",
    re.VERBOSE,
)


@pytest.fixture
def trapped(bundle: Bundle) -> Bundle:
    rootfs = bundle.rootfs
    for name in FIFOS:
        path = rootfs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o666)
    # every place where the interpreter of the host has, or could have, its modules
    places = {
        STDLIB,
        *(entry for entry in sys.path if entry.startswith("/")),
        "/usr/lib/python3",
        "/usr/lib/python311.zip",
        "/",
        "/pyoci",
    }
    for place in places:
        folder = rootfs / place.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        for module in MODULES:
            (folder / f"{module}.py").write_text(MARK)
            (folder / module).mkdir(exist_ok=True)
            (folder / module / "__init__.py").write_text(MARK)
    for codec in ("ascii", "utf_8", "latin_1", "unicode_escape", "idna", "aliases"):
        (rootfs / STDLIB.lstrip("/") / "encodings" / f"{codec}.py").write_text(MARK)
    (rootfs / "inside").mkdir()
    bundle.mount("/late", "tmpfs", ["ro"])
    bundle.linux["sysctl"] = {"net.ipv4.ip_unprivileged_port_start": "777"}
    bundle.linux["maskedPaths"] = ["/proc/acpi", "/proc/keys"]
    bundle.linux["readonlyPaths"] = ["/proc/sys"]
    bundle.process["cwd"] = "/inside"
    bundle.config["hostname"] = "trapped"
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 64}]
    return bundle


def assert_untouched(bundle: Bundle) -> None:
    assert not (bundle.rootfs / "marked").exists()


def test_it_runs(runtime: Runtime, trapped: Bundle) -> None:
    """A FIFO in place of passwd is no passwd; nothing waits on one."""
    assert runtime.sh(trapped, "echo $HOME; pwd").split() == ["/", "/inside"]
    assert_untouched(trapped)


def test_exec_runs(runtime: Runtime, trapped: Bundle) -> None:
    trapped.sleeps()
    container = runtime.start(trapped)
    assert runtime.expect("exec", "--user", "7:8", container.id, "sh", "-c", "echo $HOME").stdout.split() == ["/"]
    assert_untouched(trapped)


@pytest.mark.parametrize("kind", ["args", "cwd", "user", "hook", "étrange", "\x1b[31m"])
def test_it_fails_in_its_own_words(runtime: Runtime, trapped: Bundle, kind: str) -> None:
    """An error after the root has changed needs no codec, no source lines and no module."""
    if kind == "args":
        trapped.process["args"] = ["/nowhere"]
    elif kind == "cwd":
        (trapped.rootfs / "file").touch()
        trapped.process["cwd"] = "/file"
    elif kind == "user":
        trapped.process["user"] = {"uid": 5, "gid": 5}
        (trapped.rootfs / "inside").chmod(0)
        trapped.process["args"] = ["/bin/nowhere"]
    elif kind == "hook":
        trapped.config["hooks"] = {"startContainer": [{"path": "/nowhere"}]}
    else:
        trapped.process["args"] = [f"/nowhere/{kind}"]
    result = runtime.run(trapped)
    assert result.status not in (0, 2)
    assert "Traceback" not in result.stderr
    assert "\x1b" not in result.stderr
    assert result.stderr
    assert_untouched(trapped)


def traced(runtime: Runtime, scratch: Path, *words: str) -> list[tuple[str, str]]:
    """(process, system call) of every process of the command, in order."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    output = scratch / "trace"
    calls = "trace=%file,%process,openat2,fchdir,pivot_root,setns"
    command = [
        "strace",
        "-f",
        "-qq",
        "-s",
        "256",
        "-e",
        calls,
        "-e",
        "signal=none",
        "-o",
        str(output),
        *runtime.arguments(*words),
    ]
    subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=TIME_LIMIT * 2
    )
    return [
        (line.split(None, 1)[0], line.split(None, 1)[1])
        for line in output.read_text(errors="replace").splitlines()
        if " " in line
    ]


PATH = re.compile(r'^(?:(?P<call>\w+)\()(?:(?:AT_FDCWD|-?\d+)(?:<[^>]*>)?, )?"(?P<path>(?:[^"\\]|\\.)*)"')


def opened_inside(trace: list[tuple[str, str]], begins: str, ends: str = "execve(") -> list[str]:
    """The paths that a process asked the kernel for between `begins` and `ends` or its program's execve."""
    begun = False
    inside: set[str] = set()
    seen: set[str] = set()
    found = []
    for process, call in trace:
        if begun and process not in seen:
            inside.add(process)  # made by one that is inside: the host makes none any more
        seen.add(process)
        if call.startswith(begins):
            begun = True
            inside.add(process)
        elif process in inside:
            if call.startswith(("execve(", ends)):
                inside.discard(process)
            elif match := PATH.match(call):
                found.append(f"{match['call']} {match['path']}")
    return found


@pytest.mark.parametrize("ends", ["well", "badly", "mapped", "as a user", "filtered"])
def test_what_init_opens(runtime: Runtime, trapped: Bundle, scratch: Path, ends: str) -> None:
    trapped.process["args"] = ["/bin/nowhere"] if ends == "badly" else ["/bin/sh", "-c", "true"]
    if ends == "mapped":
        trapped.user_namespace()
    if ends == "as a user":
        trapped.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [5, 6]}
    if ends == "filtered":
        trapped.linux["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["reboot"], "action": "SCMP_ACT_ERRNO"}],
        }
    name = runtime.add(trapped)
    trace = traced(runtime, scratch, "run", "--bundle", str(trapped.path), name)
    assert any(call.startswith("pivot_root") for _, call in trace)
    found = opened_inside(trace, "pivot_root(")
    assert found, "nothing was traced"
    assert [call for call in found if not NAMED.match(call.split(" ", 1)[1])] == []
    assert_untouched(trapped)


@pytest.mark.parametrize("mapped", [False, True])
def test_what_exec_opens(runtime: Runtime, trapped: Bundle, scratch: Path, mapped: bool) -> None:
    trapped.sleeps()
    if mapped:
        trapped.user_namespace()
    container = runtime.start(trapped)
    trace = traced(runtime, scratch, "exec", container.id, "sh", "-c", "true")
    # without a user namespace the host goes in itself; the chroot is its last step on the way back
    found = opened_inside(trace, "setns(", "execve(" if mapped else "chroot(")
    assert any(call.startswith("setns") for _, call in trace)
    assert any("passwd" in call for call in found), "the process that enters was not traced"
    assert [call for call in found if not NAMED.match(call.split(" ", 1)[1])] == []
    assert_untouched(trapped)
