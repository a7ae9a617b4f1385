"""The host that a random bundle runs on: a root file system, sources of mounts, and namespaces to join."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import time
from pathlib import Path

from lib import kernel, random_probe
from lib.random_case import BUNDLE, SOURCES, Case

STATE = "/tmp/state"
OUTPUT = "/tmp/work"
_TEMPLATE = "/tmp/template"
_MS_UNBINDABLE = 1 << 17
_MS_SLAVE = 1 << 19
_CLONE_NEWTIME = 0x80
_OF_DONOR = (
    kernel.CLONE_NEWNS
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWCGROUP
    | kernel.CLONE_NEWPID
    | _CLONE_NEWTIME
)
_FLAGS = {
    "ro": 1,
    "nosuid": kernel.MS_NOSUID,
    "nodev": kernel.MS_NODEV,
    "noexec": kernel.MS_NOEXEC,
    "nosymfollow": 1 << 8,
    "noatime": 1 << 10,
    "nodiratime": 1 << 11,
    "strictatime": 1 << 24,
}
_HOOK = r"""#!/bin/sh
{
echo "@@hook $2 $0 $*"
echo "cwd $(pwd)"
echo "umask $(umask)"
echo "ignored $(grep -E 'SigIgn|SigBlk|NoNewPrivs|CapEff|CapBnd|Seccomp:' /proc/self/status | tr '\t\n' '  ')"
echo "nofile $(ulimit -n)"
echo "env $(env | grep -v -e '^PWD=' -e '^SHLVL' -e '^_=' -e '^OLDPWD' | sort | tr '\n' ' ')"
echo "fds $(ls /proc/self/fd | tr '\n' ' ')"
for n in /proc/self/ns/*; do echo "${n##*/} $(readlink $n)"; done
echo "state $(cat | sed 's/"pid":[ ]*[1-9][0-9]*/"pid":9/')"
} >>"${HOOK_LOG:-/tmp/work/hooks}" 2>&1
[ "$3" = fail ] && exit 3
exit 0
"""


def prepare() -> None:
    """Make, once in a cell, what all runs share: a root file system with busybox and the probe."""
    busybox = shutil.which("busybox")
    if busybox is None:
        sys.exit("a static busybox is needed")
    root = Path(_TEMPLATE)
    for name in "bin usr/bin etc tmp dev proc sys mnt opt opt/dir run var/lib target private root".split():
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(busybox, root / "bin/busybox")
    for name in random_probe.APPLETS:
        (root / "bin" / name).symlink_to("busybox")
    (root / "tmp").chmod(0o1777)
    (root / "private").chmod(0o700)
    shutil.copy(busybox, root / "private/sh")
    (root / "var/lib/kept").write_text("kept")
    os.chown(root / "var/lib", 11, 12)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nuser:x:1000:\nmore:x:77:user\n")
    (root / "mnt/file").write_text("file")
    (root / "link").symlink_to("/target")
    (root / "dangling").symlink_to("/target-made")
    (root / "dangling-folder").symlink_to("target/deeper")
    (root / "bin/noshebang").write_text("echo none\n")
    (root / "bin/badshebang").write_text("#!/not/there\n")
    (root / "bin/probe").write_text("#!/bin/sh\n" + random_probe.SCRIPT + "exec sleep 100\n")
    (root / "bin/probe-run").write_text("#!/bin/sh\n" + random_probe.SCRIPT)
    (root / "bin/hook").write_text(_HOOK.replace("/tmp/work/hooks", "/tmp/hooks"))
    for name in ("noshebang", "badshebang", "probe", "probe-run", "hook"):
        (root / "bin" / name).chmod(0o755)
    Path("/tmp/hook").write_text(_HOOK)
    Path("/tmp/hook").chmod(0o755)
    for folder in (BUNDLE, SOURCES, STATE, OUTPUT):
        Path(folder).mkdir(exist_ok=True)


def mounts() -> list[str]:
    """Root, place and flags of each mount of this namespace."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [" ".join(line.split(" - ")[0].split()[3:6]) for line in lines]


class Host:
    """Made in a mount namespace of its own, into which making it moves the process.

    donor   a process in namespaces of its own, for configs that join some; 0 where the config joins none
    links   `host` or `joined`, by what the links of such namespaces say
    peers   the places of the host's shared mounts, by the number of their peer group
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self.donor = 0
        self.links: dict[str, str] = {}
        self.peers: dict[str, str] = {}
        kernel.unshare(kernel.CLONE_NEWNS)
        kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
        kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
        for folder in (BUNDLE, SOURCES, STATE, OUTPUT):
            kernel.mount("tmpfs", folder, "tmpfs", 0, "mode=755")
        os.chmod(OUTPUT, 0o777)  # noqa: S103 - hooks of every user write here
        shutil.copytree(_TEMPLATE, f"{BUNDLE}/rootfs", symlinks=True)
        os.chown(f"{BUNDLE}/rootfs/var/lib", 11, 12)
        os.symlink("rootfs", f"{BUNDLE}/rootfs-link")
        self._make_sources()
        kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_SHARED)
        kernel.mount("none", f"{SOURCES}/private", "", kernel.MS_PRIVATE)
        kernel.mount("none", f"{SOURCES}/unbindable", "", _MS_UNBINDABLE)
        kernel.mount("none", f"{SOURCES}/slave", "", _MS_SLAVE)
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            words = line.split()
            for word in words[6:]:
                if word.startswith("shared:"):
                    self.peers[word[7:]] = words[4]
        self._mounts = mounts()
        self._make_donor()

    def _make_sources(self) -> None:
        top = Path(SOURCES)
        for name in "folder empty tree flagged shared private slave unbindable upper work target".split():
            (top / name).mkdir()
        for name in "folder tree target".split():
            (top / name / "inner").mkdir()
            (top / name / "inner/leaf").write_text("leaf")
        (top / "file").write_text("a file")
        (top / "link").symlink_to("target")
        (top / "dangling").symlink_to("nowhere")
        os.mkfifo(top / "fifo")
        os.mknod(top / "device", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.mknod(top / "socket", stat.S_IFSOCK | 0o666)
        kernel.mount("tmpfs", f"{SOURCES}/tree/inner", "tmpfs", kernel.MS_NODEV, "mode=711")
        (top / "tree/inner/below").mkdir()
        for name in "shared private slave unbindable".split():
            kernel.mount("tmpfs", f"{SOURCES}/{name}", "tmpfs", 0, "mode=755")
            (top / name / "sub").mkdir()
        flags = sum(_FLAGS[name] for name in set(self._case.host_mount))
        kernel.mount("tmpfs", f"{SOURCES}/flagged", "tmpfs", flags, "mode=755")

    def _make_donor(self) -> None:
        """A process in namespaces of its own, for configs that join some."""
        self.links = {os.readlink(f"/proc/self/ns/{kind}"): "host" for kind in os.listdir("/proc/self/ns")}
        if "DONOR" not in self._case.text():
            return
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.closerange(20, 64)  # the pipe for what is seen
            kernel.unshare(_OF_DONOR)
            child = os.fork()
            if child == 0:
                kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
                kernel.loopback_up()
                os.close(reader)
                os.write(writer, b"+")
                time.sleep(1000)
            os.write(writer, str(child).encode())
            os._exit(0)
        os.close(writer)
        data = b""
        while b"+" not in data or len(data) < 2:
            more = os.read(reader, 20)
            if not more:
                break
            data += more
        self.donor = int(data.replace(b"+", b""))
        for kind in os.listdir(f"/proc/{self.donor}/ns"):
            self.links.setdefault(os.readlink(f"/proc/{self.donor}/ns/{kind}"), "joined")

    def changes(self) -> str:
        """Mounts that have come and gone since."""
        before, more = list(self._mounts), []
        for line in mounts():
            if line in before:
                before.remove(line)
            elif STATE not in line:
                more.append(line)
        return "\n".join(sorted([*(f"+{line}" for line in more), *(f"-{line}" for line in before)]))
