"""The compiled filter, by what it answers to system calls; and the cache of filters."""

from __future__ import annotations

import ctypes.util
import json
import os
import platform
import posix
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.seccomp_bpf import (
    ALLOW,
    I386,
    KILL_THREAD,
    LOG,
    NOTIFY,
    TRAP,
    X32_BIT,
    errno,
    resolved,
    run,
    trace,
)

from pyoci.errors import UnsupportedError
from pyoci.host import seccomp as host
from pyoci.kernel import _seccomp
from pyoci.kernel.libseccomp import Library
from pyoci.plan import seccomp
from pyoci.wire.seccomp import SeccompProgram

pytestmark = [
    pytest.mark.skipif(not ctypes.util.find_library("seccomp"), reason="libseccomp is not installed"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are those of x86_64"),
]

PODMAN = Path("/usr/share/containers/seccomp.json")
X86 = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
READ, WRITE, OPEN, SOCKET, CLONE, CHMOD, PERSONALITY, MKDIR, OPENAT2 = 0, 1, 2, 41, 56, 90, 135, 83, 437
CACHESTAT = 451
I386_OPEN, I386_SOCKETCALL, I386_CHMOD, I386_PERSONALITY = 5, 102, 15, 136
AARCH64 = 0xC00000B7


def rule(*names: str, action: str = "SCMP_ACT_ALLOW", **more: Any) -> dict[str, Any]:
    return {"names": list(names), "action": action, **more}


def arg(index: int, op: str, value: int, value_two: int = 0) -> dict[str, Any]:
    return {"index": index, "op": f"SCMP_CMP_{op}", "value": value, "valueTwo": value_two}


@pytest.fixture
def cache(tmp_path: Path) -> str:
    return str(tmp_path / host.DIRECTORY)


def compiled(cache: str, **profile: Any) -> SeccompProgram:
    plan = seccomp.plan({"defaultAction": "SCMP_ACT_ERRNO", **profile})
    assert plan is not None
    return host.program(plan, cache)


def test_a_denied_call_returns_its_errno_and_an_allowed_one_works(cache: str) -> None:
    code = compiled(cache, syscalls=[rule("read", "openat2"), rule("chmod", action="SCMP_ACT_ERRNO", errnoRet=13)]).code
    assert run(code, READ) == ALLOW
    assert run(code, WRITE) == errno(1)
    assert run(code, CHMOD) == errno(13)


@pytest.mark.parametrize(
    ("action", "number"),
    [
        ("SCMP_ACT_KILL", KILL_THREAD),
        ("SCMP_ACT_KILL_THREAD", KILL_THREAD),
        ("SCMP_ACT_KILL_PROCESS", 0x80000000),
        ("SCMP_ACT_TRAP", TRAP),
        ("SCMP_ACT_ERRNO", errno(1)),
        ("SCMP_ACT_TRACE", trace(1)),
        ("SCMP_ACT_LOG", LOG),
        ("SCMP_ACT_NOTIFY", NOTIFY),
    ],
)
def test_every_action_reaches_the_kernel(cache: str, action: str, number: int) -> None:
    code = compiled(
        cache, defaultAction="SCMP_ACT_ALLOW", syscalls=[rule("chmod", action=action)], listenerPath="/run/a"
    ).code
    assert run(code, CHMOD) == number
    assert run(code, READ) == ALLOW


BIG = 0x1_0000_0005


@pytest.mark.parametrize(
    ("op", "values", "holds", "fails"),
    [
        ("NE", (5,), [4, 6, BIG], [5]),
        ("LT", (5,), [0, 4], [5, 6, BIG]),
        ("LE", (5,), [4, 5], [6, BIG]),
        ("EQ", (5,), [5], [4, 6, BIG]),
        ("GE", (5,), [5, 6, BIG], [4]),
        ("GT", (5,), [6, BIG], [4, 5]),
        ("MASKED_EQ", (0xF0, 0x50), [0x50, 0x5F, 0x1_0000_0151], [0x40, 0x60, 0]),
        ("EQ", (BIG,), [BIG], [5, BIG + 1]),
        ("GE", ((1 << 64) - 1,), [(1 << 64) - 1], [0, (1 << 63)]),
    ],
)
def test_operators(cache: str, op: str, values: tuple[int, ...], holds: list[int], fails: list[int]) -> None:
    code = compiled(cache, syscalls=[rule("personality", args=[arg(0, op, *values)])]).code
    assert {run(code, PERSONALITY, (number,)) for number in holds} == {ALLOW}
    assert {run(code, PERSONALITY, (number,)) for number in fails} == {errno(1)}


def test_all_comparisons_of_a_rule_must_hold(cache: str) -> None:
    code = compiled(cache, syscalls=[rule("socket", args=[arg(0, "EQ", 1), arg(5, "EQ", 7)])]).code
    assert run(code, SOCKET, (1, 0, 0, 0, 0, 7)) == ALLOW
    assert run(code, SOCKET, (1, 0, 0, 0, 0, 0)) == errno(1)
    assert run(code, SOCKET, (0, 0, 0, 0, 0, 7)) == errno(1)


def test_comparisons_of_the_same_argument_are_alternatives(cache: str) -> None:
    code = compiled(cache, syscalls=[rule("personality", args=[arg(0, "EQ", 0), arg(0, "EQ", 8)])]).code
    assert [run(code, PERSONALITY, (number,)) for number in (0, 8, 1)] == [ALLOW, ALLOW, errno(1)]


def test_rules_with_the_default_action_change_nothing(cache: str) -> None:
    code = compiled(cache, syscalls=[rule("read", action="SCMP_ACT_ERRNO"), rule("write")]).code
    assert run(code, READ) == errno(1)


def test_other_abis_have_their_own_numbers(cache: str) -> None:
    code = compiled(cache, architectures=X86, syscalls=[rule("open", "openat2")]).code
    assert run(code, OPEN) == ALLOW
    assert run(code, I386_OPEN, arch=I386) == ALLOW
    assert run(code, OPEN, arch=I386) == errno(1)
    assert run(code, X32_BIT | OPEN) == ALLOW
    assert run(code, X32_BIT | 3) == errno(1)


def test_a_call_that_only_i386_has_gets_a_rule_there(cache: str) -> None:
    made = compiled(cache, architectures=X86, syscalls=[rule("socketcall", "openat2")])
    assert made.unknown == ()
    assert run(made.code, I386_SOCKETCALL, (1,), arch=I386) == ALLOW


def test_architectures_that_the_profile_lacks_are_killed(cache: str) -> None:
    code = compiled(cache, architectures=["SCMP_ARCH_X86_64"], syscalls=[rule("open")]).code
    assert run(code, I386_OPEN, arch=I386) == KILL_THREAD
    assert run(code, OPEN, arch=AARCH64) == KILL_THREAD
    assert run(code, X32_BIT | OPEN) == KILL_THREAD


def test_the_native_architecture_is_always_in(cache: str) -> None:
    code = compiled(cache, architectures=["SCMP_ARCH_X86"], syscalls=[rule("open")]).code
    assert run(code, OPEN) == ALLOW
    assert run(code, I386_OPEN, arch=I386) == ALLOW


def test_calls_newer_than_the_profile_get_enosys(cache: str) -> None:
    code = compiled(cache, architectures=X86, syscalls=[rule("open", "openat2")]).code
    for arch, bit in ((0xC000003E, 0), (I386, 0), (0xC000003E, X32_BIT)):
        assert run(code, bit | OPENAT2, arch=arch) == ALLOW
        assert run(code, bit | CACHESTAT, arch=arch) == errno(38)
        assert run(code, bit | (OPENAT2 - 2), arch=arch) == errno(1)


def test_a_permissive_default_lets_newer_calls_pass(cache: str) -> None:
    code = compiled(cache, defaultAction="SCMP_ACT_LOG", syscalls=[rule("chmod", action="SCMP_ACT_ERRNO")]).code
    assert run(code, CACHESTAT) == LOG


def test_unknown_names_are_skipped_and_reported_from_the_cache_too(cache: str) -> None:
    syscalls = [rule("read", "no_such_call", "odd name\n", "no_such_call")]
    first, second = (compiled(cache, syscalls=syscalls) for _ in range(2))
    assert first.unknown == second.unknown == ("no_such_call", "odd name\n")
    assert run(second.code, READ) == ALLOW


def test_a_foreign_byte_order_is_refused_by_name(cache: str) -> None:
    with pytest.raises(UnsupportedError, match=r"^/linux/seccomp/architectures: .* cannot add SCMP_ARCH_S390X to"):
        compiled(cache, architectures=["SCMP_ARCH_S390X"], syscalls=[rule("read")])


def test_the_first_of_contradicting_entries_counts(cache: str) -> None:
    """libseccomp's answer, hence runc's."""
    deny, allow = rule("read", action="SCMP_ACT_KILL"), rule("read")
    assert run(compiled(cache, syscalls=[allow, deny]).code, READ) == ALLOW
    assert run(compiled(cache, syscalls=[deny, allow]).code, READ) == KILL_THREAD


def test_an_entry_without_comparisons_counts_before_those_with(cache: str) -> None:
    narrow, wide = rule("personality", args=[arg(0, "EQ", 0)]), rule("personality", action="SCMP_ACT_KILL")
    for syscalls in ([narrow, wide], [wide, narrow]):
        assert run(compiled(cache, syscalls=syscalls).code, PERSONALITY, (0,)) == KILL_THREAD


def test_contradicting_comparisons_are_refused_with_their_place(cache: str) -> None:
    same: dict[str, Any] = {"args": [arg(0, "EQ", 0)]}
    with pytest.raises(UnsupportedError, match=r"/linux/seccomp/syscalls/1: .* refuses the rule for read: file exists"):
        compiled(cache, syscalls=[rule("read", **same), rule("read", action="SCMP_ACT_KILL", **same)])


def test_an_empty_profile_is_its_default_action(cache: str) -> None:
    code = compiled(cache, defaultAction="SCMP_ACT_ERRNO").code
    assert run(code, READ) == run(code, 9999) == errno(1)


# A long profile is a tree of comparisons (libseccomp's optimization), a short one a chain: same answers.
def test_a_long_profile_answers_for_each_call(cache: str) -> None:
    from pyoci.kernel.libseccomp import Library

    library = Library()
    # not those that i386 has twice, behind socketcall(2) or ipc(2) as well
    names = [name for name in LONG if library.number(name) is not None and library.highest([name], I386)]
    assert len(names) > 100
    code = compiled(cache, architectures=X86, syscalls=[rule(*names)]).code
    for arch, kernel_arch in ((0xC000003E, 0xC000003E), (I386, I386), (0x4000003E, 0xC000003E)):
        allowed = {library.highest([name], arch) for name in names} | ({0} if arch == 0xC000003E else set())
        bit = X32_BIT if arch == 0x4000003E else 0
        last = max(number for number in allowed if number is not None)
        for nr in range(bit + 1, last + 1):
            assert run(code, nr, arch=kernel_arch) == (ALLOW if nr in allowed else errno(1)), (arch, nr)
        assert run(code, last + 1, arch=kernel_arch) == errno(38)


LONG = """
accept accept4 access alarm bind brk capget capset chdir chmod chown clock_getres clock_gettime close
connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_wait
eventfd eventfd2 execve execveat exit exit_group faccessat fadvise64 fallocate fchdir fchmod fchmodat
fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstatfs
fsync ftruncate futex getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer
getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage
getsid getsockname getsockopt gettid gettimeofday getuid getxattr inotify_add_watch inotify_init ioctl
io_setup io_submit kill lchown lgetxattr link linkat listen listxattr lseek lstat madvise memfd_create
mincore mkdir mkdirat mknod mlock mmap mprotect mremap msgctl msgget munmap nanosleep newfstatat open
openat pause pipe poll ppoll prctl pread64 preadv prlimit64 pselect6 pwrite64 read readlink recvfrom
recvmsg rename renameat2 rmdir rt_sigaction rt_sigreturn sched_yield seccomp select semop sendfile sendto
setgid setsockopt setuid shutdown socket stat statx symlink sync sysinfo tgkill time truncate umask uname
unlink vfork wait4 waitid write writev
""".split()  # a line of its own for each would be 200


@pytest.mark.skipif(not PODMAN.exists(), reason="podman's default profile is not installed")
def test_podmans_default_profile_compiles_and_holds(cache: str) -> None:
    profile = resolved(json.loads(PODMAN.read_text()), {"CAP_CHOWN"})
    code = compiled(cache, **profile).code
    bpf, kexec_load, init_module, i386_init_module = 321, 246, 175, 128
    assert {run(code, number) for number in (READ, WRITE, OPEN, CHMOD, OPENAT2)} == {ALLOW}
    assert {run(code, number) for number in (bpf, kexec_load, init_module)} <= {errno(1), errno(38)}
    assert run(code, PERSONALITY, (0,)) == ALLOW and run(code, PERSONALITY, (0x0040000,)) != ALLOW
    assert run(code, I386_OPEN, arch=I386) == run(code, X32_BIT | OPEN) == ALLOW
    assert run(code, i386_init_module, arch=I386) in (errno(1), errno(38))
    assert run(code, OPEN, arch=AARCH64) == KILL_THREAD


# -- the cache


def entries(cache: str) -> list[Path]:
    return sorted(Path(cache).iterdir())


def forbid_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Any:
        raise AssertionError("compiled again")

    monkeypatch.setattr(host, "_compile", refuse)


def test_a_profile_is_compiled_once(cache: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compiled(cache, syscalls=[rule("read")])
    forbid_compiling(monkeypatch)
    assert compiled(cache, syscalls=[rule("read")]) == first


def test_the_cache_is_for_its_owner_only(cache: str) -> None:
    compiled(cache, syscalls=[rule("read")])
    (entry,) = entries(cache)
    assert os.stat(cache).st_mode & 0o777 == 0o700 and entry.stat().st_mode & 0o777 == 0o600


def test_each_difference_is_another_entry(cache: str) -> None:
    for profile in (
        {"syscalls": [rule("read")]},
        {"syscalls": [rule("write")]},
        {"syscalls": [rule("read", args=[arg(0, "EQ", 0)])]},
        {"syscalls": [rule("read", args=[arg(0, "EQ", 1)])]},
        {"syscalls": [rule("read")], "defaultErrnoRet": 2},
        {"syscalls": [rule("read")], "architectures": X86},
    ):
        compiled(cache, **profile)
    assert len(entries(cache)) == 6


def test_how_a_filter_is_loaded_is_not_part_of_it(cache: str) -> None:
    compiled(cache, syscalls=[rule("read")])
    compiled(cache, syscalls=[rule("read")], flags=[], listenerPath="/run/agent")
    assert len(entries(cache)) == 1


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "mode", "symlink", "fifo"])
def test_a_damaged_entry_is_replaced(cache: str, damage: str) -> None:
    good = compiled(cache, syscalls=[rule("read")])
    (entry,) = entries(cache)
    data = entry.read_bytes()
    if damage == "truncate":
        entry.write_bytes(data[:-8])
    elif damage == "flip":
        entry.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif damage == "empty":
        entry.write_bytes(b"")
    elif damage == "mode":
        entry.write_bytes(data)
        entry.chmod(0o666)
    elif damage == "symlink":
        entry.rename(entry.parent / "elsewhere")
        entry.symlink_to("elsewhere")
    else:
        entry.unlink()
        os.mkfifo(entry)
    assert compiled(cache, syscalls=[rule("read")]) == good
    assert entry.read_bytes() == data and not entry.is_symlink() and entry.stat().st_mode & 0o777 == 0o600


def test_another_libseccomp_compiles_again(cache: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled(cache, syscalls=[rule("read")])
    monkeypatch.setattr(host, "_stamp", lambda library: b"%b 0 0 0" % os.fsencode(library))
    before = entries(cache)[0].read_bytes()
    compiled(cache, syscalls=[rule("read")])
    assert entries(cache)[0].read_bytes() != before


def test_programs_with_other_libraries_inside_keep_their_entries(cache: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for linked in ("2.5.4 aaaa", "2.6.0 bbbb"):
        monkeypatch.setattr(_seccomp, "LINKED", linked)
        compiled(cache, defaultAction="SCMP_ACT_ALLOW")
    assert len(os.listdir(cache)) == 2
    monkeypatch.setattr(host, "_compile", None)
    for linked in ("2.5.4 aaaa", "2.6.0 bbbb"):
        monkeypatch.setattr(_seccomp, "LINKED", linked)
        compiled(cache, defaultAction="SCMP_ACT_ALLOW")


@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_a_directory_that_others_can_reach_is_not_used(cache: str, mode: int) -> None:
    Path(cache).mkdir()
    Path(cache).chmod(mode)
    made = compiled(cache, syscalls=[rule("read")])
    assert run(made.code, READ) == ALLOW
    assert "not a directory of this user alone" in made.warnings[0] and entries(cache) == []


def test_a_link_in_place_of_the_directory_is_not_followed(cache: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    Path(cache).symlink_to("elsewhere")
    assert compiled(cache, syscalls=[rule("read")]).warnings
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_state_root_that_is_missing_costs_the_cache_only(tmp_path: Path) -> None:
    made = compiled(str(tmp_path / "missing" / host.DIRECTORY), syscalls=[rule("read")])
    assert run(made.code, READ) == ALLOW and made.warnings


def test_the_oldest_entries_make_room(cache: str) -> None:
    os.mkdir(cache, 0o700)
    for number in range(64):
        stale = Path(cache) / f"{number:064x}"
        stale.touch(0o600)
        os.utime(stale, (number, number))
    compiled(cache, syscalls=[rule("read")])
    left = [entry.name for entry in entries(cache)]
    assert len(left) == 33 and f"{63:064x}" in left and f"{0:064x}" not in left


def test_entries_that_another_pyoci_takes_away_at_once_are_none(cache: str, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkdir(cache, 0o700)
    list_all = posix.listdir
    monkeypatch.setattr(posix, "listdir", lambda folder: [*list_all(folder), *(f"gone{i}" for i in range(64))])
    made = compiled(cache, syscalls=[rule("read")])
    monkeypatch.undo()
    assert not made.warnings and len(entries(cache)) == 1


def test_a_full_disk_leaves_no_half_entry(cache: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = iter([posix.write])

    def full(fd: int, data: bytes) -> int:
        for write in parts:
            return write(fd, data[:1])
        raise OSError(28, "")

    monkeypatch.setattr(posix, "write", full)
    made = compiled(cache, syscalls=[rule("read")])
    assert run(made.code, READ) == ALLOW
    assert "no space left" in made.warnings[0] and entries(cache) == []


def stats(owners: dict[str, int]) -> Callable[..., os.stat_result]:
    def stat(path: str, **_keywords: object) -> os.stat_result:
        if path not in owners:
            raise FileNotFoundError(2, "")
        return os.stat_result((0o40700, 0, 0, 0, owners[path], 0, 0, 0, 0, 0))

    return stat


@pytest.mark.parametrize(
    ("euid", "owners", "session", "place"),
    [
        (0, {"/run": 0}, "/run/user/1", "/run/pyoci-seccomp"),
        (0, {"/run": 0, "/run/pyoci-seccomp": 0}, "", "/run/pyoci-seccomp"),
        (0, {"/run": 65534}, "/run/user/1", "/run/user/1/pyoci-seccomp"),
        (0, {"/run": 0, "/run/pyoci-seccomp": 65534}, "/run/user/1", "/run/user/1/pyoci-seccomp"),
        (0, {}, "", ""),
        (1000, {"/run": 0}, "/run/user/1000", "/run/user/1000/pyoci-seccomp"),
        (1000, {"/run": 0}, "", ""),
        (1000, {"/run": 0}, "relative", ""),
    ],
)
def test_the_place_of_the_cache(
    monkeypatch: pytest.MonkeyPatch, euid: int, owners: dict[str, int], session: str, place: str
) -> None:
    """Never in the state root: what is no container is no business of `runc list`."""
    monkeypatch.setattr(posix, "geteuid", lambda: euid)
    monkeypatch.setattr(posix, "stat", stats(owners))
    monkeypatch.setitem(posix.environ, b"XDG_RUNTIME_DIR", session.encode())
    assert host.cache_directory() == place


def test_without_a_place_there_is_no_cache() -> None:
    made = compiled("", syscalls=[rule("read")])
    assert run(made.code, READ) == ALLOW
    assert made.warnings == ()


def test_rules_of_an_entry_are_added_from_the_highest_number_down() -> None:
    """libseccomp looks through a sorted list, from its lower end, for the place of each."""
    unknown: list[str] = []
    numbers = Library()._numbers(["read", "no_such_call", "openat2", "write"], unknown)
    assert [name for _, name in numbers] == ["openat2", "write", "read"]
    assert unknown == ["no_such_call"]
