"""A seccomp filter around pyoci, as of a container that it runs in: one call refused at a time."""

from __future__ import annotations

import errno
import re
import resource
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from helpers import cgroup
from helpers.bundle import Bundle
from helpers.filtered import refusing
from helpers.runtime import TIME_LIMIT, Runtime

# What has another way or is left out, each with its reason; the container works.
DISPENSABLE = {
    "clone3": "clone(2), since filters refuse what they cannot look into",
    "execveat": "execve(2)",
    "sched_setaffinity": "only a config asks for it",
    "setxattr": "EPERM: the mark of a cgroup is left out",
    "fsetxattr": "EPERM: the same",
    "mincore": "the objects of Python stay pages of the file",
    "mknodat": "EPERM: the host's device is bound",
    "rmdir": "cgroups stay, with a warning",
    "statfs": "the C library's own",
    "recvfrom": "init need not know that start was killed",
    "keyctl": "ENOSYS: a kernel without keys",
    "faccessat2": "ENOSYS: the C library has another way",
    "mount_setattr": "exec: the program is a sealed memory file in place of a mount",
    "open_tree": "exec: the same",
    "memfd_create": "as long as the program can be a mount",
    "prlimit64": "exec without rlimits",
    "getsockopt": "the C library's and Python's own",
    "ptrace": "exec's: where the runtime may trace nobody, the container may neither",
    "waitid": "exec's alone",
    "pidfd_open": "exec's, and of those that signal",
    "statx": "of a bind mount with options, and of a container without a mount namespace",
}
# Of the dynamic linker, the C library and the interpreter, before pyoci's first line or without an error of their own.
OF_THE_LIBRARIES = set(
    "access arch_prctl brk close exit_group getegid geteuid getgid getpid getppid getrandom gettid getuid lseek "
    "madvise mmap mprotect mremap munmap newfstatat openat pread64 read readlink rseq rt_sigreturn set_robust_list "
    "set_tid_address umask write execve clock_nanosleep restart_syscall sigaltstack futex sysinfo sched_yield exit "
    "clock_gettime tgkill fstat stat lstat".split()
)
# The others that create, start, exec, run and delete make, as strace(1) sees them: test_every_call_is_in_the_table.
CALLS = (
    "bind capget capset chdir clone3 close_range connect dup2 execveat faccessat2 fchdir fcntl flock fsconfig "
    "fsetxattr fsmount fsopen fstatfs getcwd getdents64 getsockopt ioctl keyctl memfd_create mincore mkdir mkdirat "
    "mknodat mount_setattr move_mount open_tree openat2 pidfd_open pipe2 pivot_root poll prctl prlimit64 ptrace "
    "readlinkat recvfrom recvmsg rename renameat rmdir rt_sigaction rt_sigprocmask sched_setaffinity seccomp sendmsg "
    "setgroups sethostname setns setresgid setresuid setsid setsockopt setxattr socket socketpair statfs statx "
    "symlinkat umount2 uname unlinkat wait4 waitid"
).split()
ANSWERS = [errno.ENOSYS, errno.EPERM]


def _time_offsets(bundle: Bundle) -> None:
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"monotonic": {"secs": 100}}


BUNDLES: dict[str, Callable[[Bundle], Any]] = {
    "of the template": lambda _: None,
    "with a user namespace": lambda bundle: bundle.user_namespace(),
    "with a cgroup namespace": lambda bundle: bundle.namespace("cgroup"),
    "with a network namespace that it joins": lambda bundle: bundle.namespace("network", "/proc/self/ns/net"),
    "with a time namespace": _time_offsets,
}


@pytest.mark.parametrize("answer", ANSWERS, ids=errno.errorcode.get)
@pytest.mark.parametrize("kind", BUNDLES)
@pytest.mark.parametrize("call", ["clone3", "execveat"])
def test_what_has_an_elder_works(runtime: Runtime, bundle: Bundle, call: str, kind: str, answer: int) -> None:
    """A filter cannot see the flags of clone3(2), so many refuse it, and programs take clone(2)."""
    BUNDLES[kind](bundle)
    bundle.sleeps()
    name = runtime.add(bundle)
    filtered = refusing(call, answer)
    runtime.expect("create", "--bundle", str(bundle.path), name, preexec=filtered)
    runtime.expect("start", name, preexec=filtered)
    assert runtime.call("exec", name, "echo", "hello", preexec=filtered).stdout == "hello\n"
    runtime.expect("kill", name, "KILL", preexec=filtered)


@pytest.mark.parametrize("answer", ANSWERS, ids=errno.errorcode.get)
def test_clone3_with_a_pid_namespace_that_is_joined(
    runtime: Runtime, new_bundle: Callable[[], Bundle], answer: int
) -> None:
    holder = new_bundle()
    holder.sleeps()
    pid = runtime.start(holder).pid
    second = new_bundle()
    second.namespace("pid", f"/proc/{pid}/ns/pid")
    second.process["args"] = ["/bin/echo", "hello"]
    assert runtime.run(second, preexec=refusing("clone3", answer)).stdout == "hello\n"


def process(**properties: Any) -> Callable[[Bundle], None]:
    return lambda bundle: bundle.process.update(properties)


def linux(**properties: Any) -> Callable[[Bundle], None]:
    return lambda bundle: bundle.linux.update(properties)


def root(**properties: Any) -> Callable[[Bundle], None]:
    return lambda bundle: bundle.config.update(properties)


FILTER = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["swapon"], "action": "SCMP_ACT_ERRNO"}]}
PR_CAP_AMBIENT, PR_CAPBSET_DROP = 47, 24
KILLS = {key: ["CAP_KILL"] for key in ("bounding", "effective", "permitted", "inheritable", "ambient")}
# property -> a config that has it, the call that it takes, an argument by which to know that call, and who makes it
OF_A_PROPERTY: dict[str, tuple[Callable[[Bundle], Any], str, tuple[int, int] | None, str]] = {
    "/process/scheduler": (process(scheduler={"policy": "SCHED_BATCH"}), "sched_setattr", None, "both"),
    "/process/ioPriority": (process(ioPriority={"class": "IOPRIO_CLASS_BE"}), "ioprio_set", None, "both"),
    "/process/execCPUAffinity": (process(execCPUAffinity={"initial": "0"}), "sched_setaffinity", None, "exec"),
    "/process/rlimits": (
        process(rlimits=[{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]), "prlimit64",
        (1, resource.RLIMIT_CORE), "both",
    ),
    "/process/user": (process(user={"uid": 7, "gid": 7}), "setresuid", (0, 7), "both"),
    "/process/capabilities/bounding": (process(capabilities=KILLS), "prctl", (0, PR_CAPBSET_DROP), "both"),
    "/process/capabilities/ambient": (process(capabilities=KILLS), "prctl", (0, PR_CAP_AMBIENT), "both"),
    "/process/capabilities": (process(capabilities=KILLS), "capset", None, "both"),
    "/linux/memoryPolicy": (linux(memoryPolicy={"mode": "MPOL_BIND", "nodes": "0"}), "set_mempolicy", None, "both"),
    "/linux/personality": (linux(personality={"domain": "LINUX"}), "personality", None, "both"),
    "/linux/seccomp": (linux(seccomp=FILTER), "seccomp", (0, 1), "both"),
    "/linux/namespaces": (lambda _: None, "clone3", None, "create"),
    "/linux/namespaces joined": (
        lambda bundle: bundle.namespace("network", "/proc/1/ns/net"), "setns", None, "create",
    ),
    "/linux/namespaces made": (lambda bundle: bundle.namespace("cgroup"), "unshare", None, "create"),
    "/hostname": (root(hostname="x"), "sethostname", None, "create"),
    "/domainname": (root(domainname="x"), "setdomainname", None, "create"),
}  # fmt: skip


@pytest.mark.parametrize("answer", [errno.EINVAL, errno.EACCES], ids=errno.errorcode.get)
@pytest.mark.parametrize("key", OF_A_PROPERTY)
def test_a_call_of_a_property_names_it(
    runtime: Runtime, new_bundle: Callable[[], Bundle], key: str, answer: int
) -> None:
    """The kernel's EINVAL says nothing: a person has written the property, and not the call."""
    change, call, argument, commands = OF_A_PROPERTY[key]
    if key == "/process/capabilities/bounding" and answer == errno.EINVAL:
        pytest.skip("this number is one past the last capability then")
    bundle, other = new_bundle(), new_bundle()
    for made in (bundle, other):
        change(made)
        made.sleeps()
    filtered = refusing(call, answer, argument)
    said = []
    if commands != "exec":
        name = runtime.add(bundle)
        result = runtime.call("create", "--bundle", str(bundle.path), name, preexec=filtered)
        if result.status == 0:  # it is one of the calls that are made last
            result = runtime.call("start", name, preexec=filtered)
        said.append(result.stderr)
    if commands != "create":
        said.append(runtime.fails("exec", runtime.start(other).id, "true", preexec=filtered))
    for words in said:
        assert key.partition(" ")[0] in words


NEEDED = (
    "close_range fsconfig fsmount fsopen mount_setattr move_mount open_tree openat2 prlimit64 fchdir prctl"
).split()


@pytest.mark.parametrize(
    ("call", "answer"),
    [(call, answer) for call in NEEDED for answer in ANSWERS],
)
def test_what_has_none_is_named(runtime: Runtime, bundle: Bundle, call: str, answer: int) -> None:
    """docs/decisions/0005: there is no second way through what nobody tries."""
    name = runtime.add(bundle)
    said = runtime.fails("create", "--bundle", str(bundle.path), name, preexec=refusing(call, answer))
    assert f"a seccomp filter around pyoci refuses the call {call}," in said
    assert runtime.call("state", name).status != 0


def tries_all(bundle: Bundle) -> None:
    """A config that takes calls which the template's does not."""
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["swapon"], "action": "SCMP_ACT_ERRNO"}],
    }
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 100}]
    bundle.linux.update(maskedPaths=["/proc/kcore"], readonlyPaths=["/proc/sys"])
    bundle.config["hostname"] = "x"


@pytest.mark.thorough
@pytest.mark.parametrize("answer", ANSWERS, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", CALLS)
def test_every_call_is_named_or_done_without(
    runtime: Runtime, new_bundle: Callable[[], Bundle], call: str, answer: int
) -> None:
    bundle, other = new_bundle(), new_bundle()
    tries_all(bundle)
    bundle.process["args"] = ["/bin/echo", "hello"]
    other.sleeps()
    container = runtime.start(other)
    name = runtime.add(bundle)
    filtered = refusing(call, answer)
    for words in (["run", "--bundle", str(bundle.path), name], ["exec", container.id, "echo", "hello"]):
        result = runtime.call(*words, preexec=filtered)
        if result.status == 0:
            assert result.stdout == "hello\n"
            assert call in DISPENSABLE or words[0] == "exec"  # which makes fewer calls
        else:
            assert result.status in (1, 255), result
            last = result.stderr.splitlines()[-1]
            assert last.startswith("pyoci: ")
            # the keyring's has its own way out
            assert re.search(rf"\b{call}\b", last) or "--no-new-keyring" in last, last
        assert not [line for line in result.stderr.splitlines() if not line.startswith("pyoci: ")]
    for place in set(cgroup.hierarchies().values()):  # with rmdir refused
        if (place / bundle.cgroups_path.strip("/")).exists():
            (place / bundle.cgroups_path.strip("/")).rmdir()


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("command", ["run", "exec"])
def test_every_call_is_in_the_table(runtime: Runtime, bundle: Bundle, command: str) -> None:
    trace = runtime.place / "trace"
    if command == "run":
        tries_all(bundle)
        words = ["run", "--bundle", str(bundle.path), runtime.add(bundle)]
    else:
        bundle.sleeps()
        words = ["exec", runtime.start(bundle).id, "true"]
    traced = ["strace", "-f", "-o", str(trace), *runtime.arguments(*words)]
    subprocess.run(traced, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=TIME_LIMIT)
    seen = set(re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)[ (]", trace.read_text(errors="replace"), re.MULTILINE))
    assert "clone3" in seen
    assert seen - {*CALLS} - OF_THE_LIBRARIES == set()


@pytest.mark.parametrize("answer", ANSWERS, ids=errno.errorcode.get)
def test_no_call_is_named_that_is_not_refused(runtime: Runtime, bundle: Bundle, answer: int) -> None:
    bundle.process["args"] = ["/etc/passwd"]
    said = runtime.refuses(bundle, preexec=refusing("clone3", answer))
    assert "permission denied" in said
    assert "seccomp" not in said


@pytest.mark.parametrize("command", ["exec", "kill"])
def test_a_command_on_a_running_container_names_the_call(runtime: Runtime, bundle: Bundle, command: str) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    words = ["exec", container.id, "true"] if command == "exec" else ["kill", container.id, "KILL"]
    said = runtime.fails(*words, preexec=refusing("pidfd_open", errno.ENOSYS))
    assert "pidfd_open" in said
    assert command == "kill" or "a seccomp filter around pyoci refuses the call pidfd_open," in said


def test_a_keyring_is_left_out_when_asked(runtime: Runtime, bundle: Bundle) -> None:
    """docker's profile refuses keyctl(2)."""
    filtered = refusing("keyctl", errno.EPERM)
    assert "--no-new-keyring" in runtime.refuses(bundle, preexec=filtered)
    bundle.process["args"] = ["/bin/echo", "hello"]
    assert runtime.run(bundle, "--no-new-keyring", preexec=filtered).stdout == "hello\n"
