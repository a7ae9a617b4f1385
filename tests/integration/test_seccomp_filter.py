"""Filters in the kernel: profile -> plan -> program -> seccomp(2) -> what real system calls answer."""

from __future__ import annotations

import ctypes.util
import errno
import json
import os
import platform
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.forked import forked
from helpers.runtime import Runtime
from helpers.seccomp_bpf import resolved

from pyoci.errors import SyscallError, UnsupportedError
from pyoci.host import seccomp as host
from pyoci.kernel import _raw, seccomp, uapi
from pyoci.kernel.process import no_new_privs
from pyoci.plan import seccomp as planner

pytestmark = [
    pytest.mark.skipif(not ctypes.util.find_library("seccomp"), reason="libseccomp is not installed"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the profiles here are for x86_64"),
]

# Docker's is compiled into its daemon; the variable may name a copy of moby's default.json.
DEFAULTS = {
    "podman": "/usr/share/containers/seccomp.json",
    "docker": os.environ.get("PYOCI_DOCKER_SECCOMP", ""),
}
X86 = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
SIGSYS = -signal.SIGSYS

NUMBERS = {
    "lseek": 8,
    "getpid": 39,
    "chdir": 80,
    "mkdir": 83,
    "rmdir": 84,
    "getppid": 110,
    "epoll_create": 213,
    "kexec_load": 246,
    "bpf": 321,
    "openat2": 437,
}

Load = Callable[..., int | None]


def deny(*names: str, action: str = "SCMP_ACT_ERRNO", **more: Any) -> dict[str, Any]:
    return {"names": list(names), "action": action, **more}


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Puts this process under a profile that allows what it does not name."""

    def load(*syscalls: dict[str, Any], **profile: Any) -> int | None:
        plan = planner.plan({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list(syscalls), **profile})
        assert plan is not None
        no_new_privs().make()
        return seccomp.load(host.program(plan, str(tmp_path / host.DIRECTORY)).code, plan.flags).make()

    return load


def answer(call: str, *arguments: Any) -> int:
    """0, or the error that the system call fails with."""
    try:
        _raw.syscall(NUMBERS[call], *arguments)
    except OSError as error:
        return error.errno or 0
    return 0


def test_a_denied_call_returns_its_errno_and_others_work(load: Load, tmp_path: Path) -> None:
    def inside() -> list[int]:
        load(deny("mkdir"), deny("rmdir", errnoRet=errno.EXDEV))
        path = os.fsencode(tmp_path / "made")
        return [answer("mkdir", path, 0o700), answer("rmdir", path), answer("getpid"), answer("chdir", b"/")]

    assert forked(inside) == [errno.EPERM, errno.EXDEV, 0, 0]
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("SCMP_ACT_KILL", SIGSYS),
        ("SCMP_ACT_KILL_THREAD", SIGSYS),
        ("SCMP_ACT_KILL_PROCESS", SIGSYS),
        ("SCMP_ACT_TRAP", SIGSYS),
        ("SCMP_ACT_ERRNO", errno.EPERM),
        ("SCMP_ACT_TRACE", errno.ENOSYS),  # without a tracer: seccomp(2)
        ("SCMP_ACT_LOG", 0),
        ("SCMP_ACT_ALLOW", 0),
    ],
)
def test_every_action(load: Load, action: str, expected: int) -> None:
    def inside() -> int:
        load(deny("getppid", action=action), defaultAction="SCMP_ACT_LOG")
        return answer("getppid")

    assert forked(inside) == expected


def test_arguments_are_compared_in_all_64_bits(load: Load) -> None:
    def inside() -> list[int]:
        at = {"index": 1, "op": "SCMP_CMP_EQ", "value": 1 << 32}
        load(deny("lseek", errnoRet=errno.EXDEV, args=[at]))
        fd = os.memfd_create("x")
        return [answer("lseek", fd, offset, 0) for offset in (1 << 32, 0, 1, (1 << 32) + 1)]

    assert forked(inside) == [errno.EXDEV, 0, 0, 0]


def test_calls_newer_than_the_profile_get_enosys(load: Load) -> None:
    """openat2 (437) exists in this kernel, the profile ends before it; epoll_create is only not allowed."""

    def inside() -> list[int]:
        known = ["write", "exit_group", "close", "munmap", "brk", "mmap", "close_range", "futex", "getpid"]
        load(deny(*known, "rt_sigaction", "madvise", action="SCMP_ACT_ALLOW"), defaultAction="SCMP_ACT_ERRNO")
        return [answer("openat2", 0, None, None, 0), answer("epoll_create", 1), answer("getpid")]

    assert forked(inside) == [errno.ENOSYS, errno.EPERM, 0]


def test_an_x32_call_is_killed_when_the_profile_has_no_x32(load: Load) -> None:
    def inside() -> None:
        load(deny("mkdir"), architectures=["SCMP_ARCH_X86_64"])
        _raw.syscall(0x40000000 | NUMBERS["getpid"])

    assert forked(inside) == SIGSYS


@pytest.mark.parametrize("flag", sorted(planner.FLAGS))
def test_every_flag_is_taken_by_this_kernel(load: Load, flag: str) -> None:
    if planner.FLAGS[flag] & ~seccomp.supported_flags():
        pytest.skip(f"this kernel has no {flag}")

    def inside() -> int:
        load(deny("mkdir"), flags=[flag])
        return answer("mkdir", b"/proc/x", 0)

    assert forked(inside) == errno.EPERM


@pytest.mark.usefixtures("load")
def test_flags_that_the_kernel_lacks_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = 1 << 30
    monkeypatch.setitem(seccomp._FLAG_NAMES, unknown, "FROM_THE_FUTURE")
    with pytest.raises(UnsupportedError, match="this kernel has no flag FROM_THE_FUTURE"):
        forked(lambda: seccomp.load(b"\x06\0\0\0\0\0\xff\x7f", unknown).make())


def test_a_filter_without_no_new_privs_takes_privilege() -> None:
    def inside() -> None:
        os.setresuid(65534, 65534, 65534)
        seccomp.load(b"\x06\0\0\0\0\0\xff\x7f", uapi.SECCOMP_FILTER_FLAG["SPEC_ALLOW"]).make()

    with pytest.raises(SyscallError, match=r"flags=SPEC_ALLOW.*EACCES"):
        forked(inside)


@pytest.mark.parametrize("program", [b"", b"\x06\0\0", b"\x06\0\0\0\0\0\xff\x7f" * 4097])
def test_what_is_no_program_is_refused(program: bytes) -> None:
    with pytest.raises(UnsupportedError, match="are not 1 to 4096 instructions"):
        seccomp.load(program, 0).make()


def test_a_filter_outlives_exec(load: Load, tmp_path: Path) -> None:
    def inside() -> None:
        load(deny("mkdir", "mkdirat"))
        os.execv(  # the filter must outlive this very call
            "/bin/sh", ["sh", "-c", f"mkdir {tmp_path}/made 2>/dev/null; test ! -e {tmp_path}/made"]
        )

    assert forked(inside) == 0


def test_the_kernel_tells_the_actions_it_knows() -> None:
    assert all(seccomp.has_action(action) for action in planner.ACTIONS.values())
    assert not seccomp.has_action(0x12340000)


# -- real profiles and 32-bit programs

# Makes one system call through int 0x80 and exits with the error it got.
PROGRAM = """
.globl _start
_start: mov $CALL, %eax
        mov $-1, %ebx
        mov $-1, %ecx
        mov $-1, %edx
        int $0x80
        neg %eax
        jns 1f
        xor %eax, %eax
1:      mov %eax, %ebx
        mov $1, %eax
        int $0x80
"""
I386_CHMOD, I386_GETUID32, I386_KEXEC_LOAD, I386_BPF = 15, 199, 283, 357

Make = Callable[[int], list[str]]


@pytest.fixture
def make_i386(tmp_path: Path) -> Make:
    """A 32-bit program that makes the system call of that number, as a command."""
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed: no 32-bit program can be made")

    def make(number: int) -> list[str]:
        source, program = tmp_path / f"{number}.s", tmp_path / f"call-{number}"
        source.write_text(PROGRAM.replace("CALL", str(number)))
        command = ["gcc", "-m32", "-nostdlib", "-static", "-o", str(program), str(source)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            pytest.skip(f"gcc cannot make 32-bit programs: {made.stderr.strip()}")
        try:
            subprocess.run([str(program)], check=False)
        except OSError as error:
            pytest.skip(f"this kernel cannot run 32-bit programs: {error}")
        return [str(program)]

    return make


def execute(command: list[str], load: Callable[[], Any]) -> int:
    def inside() -> None:
        load()
        os.execv(command[0], command)  # the filter must outlive this very call

    status = forked(inside)
    assert isinstance(status, int)
    return status


def test_a_32_bit_program_is_denied_by_its_own_numbers(load: Load, make_i386: Make) -> None:
    chmod = make_i386(I386_CHMOD)
    assert subprocess.run(chmod, check=False).returncode == errno.EFAULT
    rule = deny("chmod", errnoRet=errno.EXDEV)
    assert execute(chmod, lambda: load(rule, architectures=X86)) == errno.EXDEV
    assert execute(make_i386(I386_GETUID32), lambda: load(rule, architectures=X86)) == 0


def test_a_32_bit_program_is_killed_when_the_profile_has_no_i386(load: Load, make_i386: Make) -> None:
    assert execute(make_i386(I386_GETUID32), lambda: load(deny("chmod"))) == SIGSYS


@pytest.fixture(params=sorted(DEFAULTS))
def engine(request: pytest.FixtureRequest, load: Load) -> Callable[[], int | None]:
    """Loads an engine's default profile."""
    path = Path(DEFAULTS[request.param])
    if not path.is_file():
        pytest.skip(f"{request.param}'s default profile is not on this machine")
    profile = resolved(json.loads(path.read_text()), {"CAP_CHOWN"})
    syscalls = profile.pop("syscalls")
    return lambda: load(*syscalls, **profile)


def test_an_engines_default_profile_holds(engine: Callable[[], Any], tmp_path: Path) -> None:
    def inside() -> list[int]:
        engine()
        os.mkdir(tmp_path / "made")
        return [answer("bpf", 9999, None, 0), answer("kexec_load", -1, -1, 0, -1), answer("getpid")]

    assert forked(inside) == [errno.EPERM, errno.EPERM, 0]
    assert (tmp_path / "made").exists()


def test_an_engines_default_profile_lets_programs_run(engine: Callable[[], Any], tmp_path: Path) -> None:
    script = f"umask 022; echo words >{tmp_path}/file; cat {tmp_path}/file; rm {tmp_path}/file; sleep 0.01 & wait"
    assert execute(["/bin/sh", "-c", script], engine) == 0


def test_an_engines_default_profile_holds_for_a_32_bit_program(engine: Callable[[], Any], make_i386: Make) -> None:
    bpf = make_i386(I386_BPF)
    assert subprocess.run(bpf, check=False).returncode != errno.EPERM
    assert execute(bpf, engine) == errno.EPERM
    assert execute(make_i386(I386_GETUID32), engine) == 0


def test_the_state_root_has_containers_only(runtime: Runtime, bundle: Bundle) -> None:
    """An engine may share it with another runtime, whose `list` takes everything there for a container."""
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"}
    container = runtime.create(bundle)
    assert os.listdir(runtime.root) == [container.id]
