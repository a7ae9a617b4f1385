"""What containerd must be able to do with the runtime."""

from __future__ import annotations

import json

from lib import criu
from lib.containerd import CASES, Containerd
from lib.image import ORIGINAL, REFERENCE
from lib.shell import Failed, Skipped

case = CASES.case

# ctr asks for no cgroup namespace; runtimes differ then in what a mount of cgroup v2 shows: the whole tree, or the
# container's own group.
_PRINT_MEMORY_LIMIT = """\
cd /sys/fs/cgroup
line=$(grep ^0:: /proc/self/cgroup)
cat ".${line#0::}/memory.max" 2>/dev/null || cat memory.max 2>/dev/null || cat memory/memory.limit_in_bytes
"""


@case()
def run(containerd: Containerd) -> None:
    """The command's output and exit status come through."""
    containerd.run("r", "sh", "-c", "echo out; echo $FROM_IMAGE; exit 7").exits(7).prints("out\nyes")
    containerd.run("u", "sh", "-c", "echo $A; pwd", options=("--env", "A=b", "--cwd", "/tmp")).ok().prints("b\n/tmp")


@case()
def run_terminal(containerd: Containerd) -> None:
    """`run -t` gives a terminal to which one can type."""
    talk = [("#", "test -t 0 && echo a-$((1+1))\n"), ("a-2", "exit 5\n")]
    command = containerd.command("run", "--rm", "--tty", *containerd.options(), REFERENCE, "t", "sh")
    containerd.shell.terminal(command, talk).exits(5)


@case()
def exec(containerd: Containerd) -> None:
    """`task exec` runs in the container, with options, on a terminal, and gives the status."""
    containerd.detached("e", "sleep", "1000")
    containerd.exec("e", "sh", "-c", "echo in; exit 3").exits(3).prints("in")
    containerd.exec("e", "sh", "-c", "id -u; pwd", options=("--user", "1234", "--cwd", "/tmp")).prints("1234\n/tmp")
    talk = [("#", "test -t 0 && echo a-$((1+1))\n"), ("a-2", "exit 4\n")]
    containerd.shell.terminal(containerd.command("task", "exec", "--exec-id", "t", "--tty", "e", "sh"), talk).exits(4)
    failed = containerd.exec("e", "no-such-program")
    if failed.status == 0 or "executable file not found" not in failed.err:
        raise Failed(f"exec of a missing program: {failed.words}")


@case()
def create_start(containerd: Containerd) -> None:
    """A container is created and its task started later, with the runtime found as runc in PATH."""
    containerd.ctr("containers", "create", REFERENCE, "c", "sleep", "1000").ok()
    containerd.ctr("task", "start", "--detach", "c").ok()
    containerd.exec("c", "cat", "/etc/original").ok().prints(ORIGINAL)


@case()
def pause_resume(containerd: Containerd) -> None:
    """A task is paused and goes on."""
    containerd.detached("p", "sleep", "1000")
    containerd.ctr("task", "pause", "p").ok()
    if containerd.status("p") != "PAUSED":
        raise Failed(f"status is {containerd.status('p')}")
    containerd.ctr("task", "resume", "p").ok()
    containerd.exec("p", "true").ok()


@case()
def kill(containerd: Containerd) -> None:
    """`task kill` sends the signal, to one process and with --all to all."""
    containerd.detached("k", "sh", "-c", "trap 'exit 11' USR1; while :; do sleep 0.1; done")
    containerd.exec("k", "true").ok()
    containerd.ctr("task", "kill", "--signal", "SIGUSR1", "k").ok()
    containerd.shell.until(lambda: containerd.status("k") == "STOPPED", "the end of the task")
    containerd.ctr("task", "delete", "k").ok().shows("exit code 11")
    containerd.detached("all", "sh", "-c", "sleep 1000 & sleep 1000")
    containerd.ctr("task", "kill", "--all", "--signal", "SIGKILL", "all").ok()
    containerd.shell.until(lambda: containerd.status("all") == "STOPPED", "the end of the task")


@case()
def delete(containerd: Containerd) -> None:
    """A running task is not deleted without --force."""
    containerd.detached("d", "sleep", "1000")
    if containerd.ctr("task", "delete", "d").status == 0:
        raise Failed("a running task was deleted")
    containerd.ctr("task", "delete", "--force", "d").ok().shows("exit code 137")
    containerd.ctr("containers", "delete", "d").ok()


@case()
def metrics(containerd: Containerd) -> None:
    """`task metrics` counts memory and processes; `task ps` lists the processes."""
    containerd.detached("m", "sh", "-c", "sleep 1000 & sleep 1000")
    seen = json.loads(containerd.ctr("task", "metrics", "--format", "json", "m").ok().out)
    if not seen.get("memory") or int(seen["pids"]["current"]) not in (2, 3):
        raise Failed(f"metrics: {str(seen)[:300]}")
    if len(containerd.ctr("task", "ps", "m").ok().out.splitlines()) < len(("title", "shell", "sleep")):
        raise Failed("task ps lists too few processes")


@case()
def limits(containerd: Containerd) -> None:
    """Memory and CPU limits, devices, capabilities, seccomp and read-only roots arrive in the container."""
    containerd.run(
        "m",
        "sh",
        "-c",
        _PRINT_MEMORY_LIMIT,
        options=(
            "--memory-limit",
            32 << 20,
            "--mount",
            "type=cgroup,src=cgroup,dst=/sys/fs/cgroup,options=ro",
        ),
    ).ok().prints(str(32 << 20))
    containerd.run("s", "grep", "Seccomp:", "/proc/self/status", options=("--seccomp",)).ok().shows("2")
    containerd.run("r", "touch", "/x", options=("--read-only",)).exits(1)
    containerd.run("c", "chown", "1:1", "/tmp", options=("--cap-drop", "CAP_CHOWN")).exits(1)
    containerd.run("d", "test", "-c", "/dev/full", options=("--device", "/dev/full")).ok()


@case()
def user_namespace(containerd: Containerd) -> None:
    """--uidmap: root in the container is another user on the host."""
    maps = ("--uidmap", "0:200000:5000", "--gidmap", "0:200000:5000")
    containerd.run("u", "sh", "-c", "id -u; tr -s ' ' < /proc/self/uid_map", options=maps).ok().prints(
        "0\n 0 200000 5000"
    )


@case()
def errors(containerd: Containerd) -> None:
    """A command that is not there is refused in words that tools look for, and nothing is left."""
    failed = containerd.run("n", "no-such-program")
    if failed.status == 0 or "executable file not found" not in failed.err:
        raise Failed(f"run of a missing program: {failed.words}")
    failed = containerd.run("x", "/etc/not-executable")
    if failed.status == 0 or "permission denied" not in failed.err:
        raise Failed(f"run of a file that is not executable: {failed.words}")


@case()
def runtime_class(containerd: Containerd) -> None:
    """containerd accepts the section that makes the runtime a RuntimeClass, and its CRI service runs."""
    dump = containerd.shell.run(["containerd", "--config", containerd.configuration, "config", "dump"]).ok()
    written = dump.out.replace("'", '"')  # as containerd 2 quotes
    section = written.partition(f"runtimes.{containerd.handler}]")[2]
    if f'BinaryName = "{containerd.runtime}"' not in section:
        raise Failed("the section is not in containerd's configuration")
    for line in containerd.ctr("plugins", "list").ok().out.splitlines():
        fields = line.split()
        if len(fields) > 1 and fields[1] == "cri":
            if fields[-1] != "ok":
                why = containerd.ctr("plugins", "list", "--detailed", "id==cri").out
                raise Failed(f"the CRI plugin: {why}")
            return
    raise Failed("there is no CRI plugin")


@case()
def snapshotter_overlayfs(containerd: Containerd) -> None:
    """Copy on write with overlayfs: what one container changes no other sees."""
    _copy_on_write(containerd, "overlayfs")


@case()
def snapshotter_native(containerd: Containerd) -> None:
    """Copy on write with the native snapshotter."""
    _copy_on_write(containerd, "native")


@case()
def snapshotter_btrfs(containerd: Containerd) -> None:
    """Copy on write with btrfs on a loop file."""
    _copy_on_write(containerd, "btrfs")


@case()
def snapshotter_devmapper(containerd: Containerd) -> None:
    """Copy on write with a thin pool of the device mapper on loop files."""
    _copy_on_write(containerd, "devmapper")


@case()
def snapshotter_zfs(containerd: Containerd) -> None:
    """Copy on write with a zfs pool on a file."""
    _copy_on_write(containerd, "zfs")


@case(limit=120.0)
def checkpoint(containerd: Containerd) -> None:
    """`container checkpoint` of a task that runs on, and `container restore`, which goes on counting."""
    criu.needed(containerd.shell)
    containerd.detached("c", *criu.COUNT)
    containerd.shell.until(lambda: _last(containerd, "c") > 1, "it counts")
    containerd.ctr("containers", "checkpoint", "--rw", "--image", "--task", "c", "localhost/checkpoint:test").ok()
    before = _last(containerd, "c")
    containerd.shell.until(lambda: _last(containerd, "c") > before, "it goes on after the checkpoint")
    containerd.ctr("task", "delete", "--force", "c").ok()  # its cgroup is the other's, too
    containerd.ctr("containers", "restore", "--rw", "--live", "again", "localhost/checkpoint:test").ok()
    containerd.shell.until(lambda: _last(containerd, "again") > before, "the restored container counts on")
    containerd.exec("again", "cat", "/starts").ok().prints("started")


def _last(containerd: Containerd, name: str) -> int:
    return int(containerd.exec(name, "cat", "/last").out.strip() or 0)


def _copy_on_write(containerd: Containerd, snapshotter: str) -> None:
    ground = containerd.grounds[snapshotter]
    if ground.why_not:
        raise Skipped(ground.why_not)
    chosen = ("--snapshotter", snapshotter)
    containerd.import_image(snapshotter)
    before = containerd.ctr("images", "list").ok().out
    containerd.detached("one", "sleep", "1000", options=chosen)
    containerd.detached("two", "sleep", "1000", options=chosen)
    containerd.exec("one", "sh", "-c", "echo changed > /etc/original; rm /bin/wget; echo > /new").ok()
    containerd.exec("one", "cat", "/etc/original").ok().prints("changed")
    untouched = "cat /etc/original; test -e /bin/wget && test ! -e /new && echo alone"
    containerd.exec("two", "sh", "-c", untouched).ok().prints(f"{ORIGINAL}\nalone")
    containerd.run("three", "sh", "-c", untouched, options=chosen).ok().prints(f"{ORIGINAL}\nalone")
    if containerd.ctr("images", "list").ok().out != before:
        raise Failed("the image has changed")
    containerd.ctr("images", "check", "--snapshotter", snapshotter).ok().shows("complete")
