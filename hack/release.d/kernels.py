"""Kernels of releases of Debian and Ubuntu, and a guest that is only one of them, a release's program and a busybox.

It is up in some seconds, since all of it is in the initramfs: for a program that needs no file of the machine, the
kernel and the processor are all that differs from one machine to another.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import apt
from inputs import Unavailable

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "vm.d"))

import cpio  # of hack/vm

NAMES = ("bullseye", "jammy", "bookworm", "trixie", "sid")
UBUNTU = ("jammy",)  # Linux 5.15, the oldest that pyoci runs on, is in no release of Debian


class Machine(NamedTuple):
    """One that qemu emulates."""

    debian: str
    ubuntu: str  # its mirror
    processor: str
    command: tuple[str, ...]
    console: str


MACHINES = {
    "x86_64": Machine(
        "amd64",
        "http://archive.ubuntu.com/ubuntu",
        "max,la57=off",
        ("qemu-system-x86_64", "-machine", "q35"),
        "ttyS0",
    ),
    "aarch64": Machine(
        "arm64",
        "http://ports.ubuntu.com/ubuntu-ports",
        "cortex-a72",
        ("qemu-system-aarch64", "-machine", "virt"),
        "ttyAMA0",
    ),
}

# In a tmpfs: the initramfs is a root that pivot_root(2) refuses to leave.
INIT = """\
#!/bin/busybox sh
/bin/busybox mkdir /new
/bin/busybox mount -t tmpfs -o size=70% tmpfs /new
/bin/busybox cp -a /bin /usr /script /second /new
exec /bin/busybox switch_root /new /second
"""
SECOND = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/bin:/bin
mkdir -p /proc /sys /dev /run /tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
echo "=== begin"
sh -e /script </dev/null 2>&1
echo "=== end $?"
poweroff -f
"""


def folder() -> Path:
    return Path(os.environ.get("PYOCI_RELEASE_CACHE", "/var/cache/pyoci-release")) / "kernels"


def kernel(name: str, machine: str) -> Path:
    return folder() / f"{name}-{machine}"


def busybox(machine: str) -> Path:
    return folder() / f"busybox-{machine}"


def make(names: tuple[str, ...] = NAMES, machines: tuple[str, ...] = tuple(MACHINES)) -> None:
    """Fetch what is missing; apt-get checks the signatures.

    Raises Unavailable, which names all that is not to be had, when the others are there.
    """
    folder().mkdir(parents=True, exist_ok=True)
    missing = []
    for machine in machines:
        if not busybox(machine).exists():
            _fetch("bookworm", machine, ["busybox-static"], "bin/busybox", busybox(machine))
        for name in names:
            try:
                if not kernel(name, machine).exists():
                    _fetch(name, machine, _packages(name, machine), "*/vmlinuz*", kernel(name, machine))
            except Unavailable as reason:
                missing.append(str(reason))
    if missing:
        raise Unavailable("; ".join(missing))


def run(script: str, program: Path, name: str, machine: str, *, processor: str = "", seconds: float = 300) -> str:
    """What the shell's lines `script` print in a guest, up to the line `=== end STATUS`. Raises Unavailable."""
    settings = MACHINES[machine]
    for path in (kernel(name, machine), busybox(machine)):
        if not path.exists():
            raise Unavailable(f"{path} is missing: hack/release --kernels fetches it")
    if shutil.which(settings.command[0]) is None:
        raise Unavailable(f"{settings.command[0]} is not installed")
    archive = cpio.Archive()
    archive.add("bin/busybox", busybox(machine).read_bytes(), 0o100755)
    archive.add("usr/bin/pyoci", program.read_bytes(), 0o100755)
    for file, text in (("init", INIT), ("second", SECOND), ("script", script)):
        archive.add(file, text.encode(), 0o100755)
    initramfs = folder() / f".initramfs.{os.getpid()}"
    words = f"console={settings.console} quiet panic=-1 mitigations=off random.trust_cpu=on"
    command = [
        *settings.command,
        "-accel",
        "tcg",
        "-cpu",
        processor or settings.processor,
        "-m",
        "1024",
        "-no-user-config",
    ]
    command += ["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio", "-monitor", "none"]
    command += ["-kernel", str(kernel(name, machine)), "-initrd", str(initramfs), "-append", words]
    try:
        archive.write(initramfs)
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, errors="replace", check=False
        )
    except subprocess.TimeoutExpired as error:
        said = error.stdout or b""  # bytes, in spite of `errors` above
        return said.decode(errors="replace") + "\n=== out of time\n"
    finally:
        initramfs.unlink(missing_ok=True)
    text = done.stdout.replace("\r", "")
    return text.partition("=== begin\n")[2] or text + done.stderr


def _packages(name: str, machine: str) -> list[str]:
    """The packages that a kernel's file may be in."""
    if name in UBUNTU:
        return _depends(name, machine, "linux-image-generic", "linux-image-[0-9].*-generic")
    meta = f"linux-image-{MACHINES[machine].debian}"
    (image,) = _depends(name, machine, meta, f"linux-image-[0-9].*-{MACHINES[machine].debian}")
    # Since Linux 6.19 the file is in a package beside it.
    return [image, *_depends(name, machine, image, "linux-binary-[0-9].*")]


def _depends(name: str, machine: str, package: str, pattern: str) -> list[str]:
    said = _apt("apt-cache", name, machine, "depends", package).splitlines()
    words = [line.split()[-1] for line in said if "Depends:" in line]
    return list(dict.fromkeys(word for word in words if re.fullmatch(pattern, word)))


def _fetch(name: str, machine: str, packages: list[str], pattern: str, target: Path) -> None:
    work = folder() / f".{name}-{machine}.{os.getpid()}"
    work.mkdir()
    try:
        _apt("apt-get", name, machine, "download", *packages, cwd=work)
        for package in work.glob("*.deb"):
            subprocess.run(["dpkg-deb", "--extract", str(package), str(work)], check=True)
        pattern = pattern if "*" in pattern else f"*{pattern}"
        (found,) = (
            path for path in work.rglob("*") if path.is_file() and path.match(pattern) and not path.is_symlink()
        )
        shutil.copy2(found, work / "result")
        (work / "result").replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _source(name: str, machine: str) -> str:
    """A line of sources.list(5). A mirror may stand still for some days, and sid's lists are valid for a week only."""
    keyring, mirror = Path(apt.KEYRING), "http://deb.debian.org/debian"
    if name in UBUNTU:
        keyring, mirror = folder() / "ubuntu.gpg", MACHINES[machine].ubuntu
        if not keyring.exists():
            _fetch("trixie", machine, ["ubuntu-keyring"], "*/ubuntu-archive-keyring.gpg", keyring)
    return f"deb [check-valid-until=no signed-by={keyring}] {mirror} {name} main"


def _apt(program: str, name: str, machine: str, *words: str, cwd: Path | None = None) -> str:
    """With lists of its own: the machine need not know this release, nor this architecture."""
    lists = folder() / "apt" / f"{name}-{machine}"
    is_new = not lists.exists()
    options = apt.configure(lists, [_source(name, machine)], MACHINES[machine].debian)
    try:
        if is_new:
            # Without this word a mirror that cannot be reached is a warning.
            update = ["apt-get", "-qq", *options, "-o", "APT::Update::Error-Mode=any", "update"]
            subprocess.run(update, check=True, capture_output=True, text=True)
        command = [program, "-qq", *options, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=cwd).stdout
    except FileNotFoundError:
        raise Unavailable(f"{program} is missing: kernels come from the archives of Debian and Ubuntu") from None
    except subprocess.CalledProcessError as error:
        shutil.rmtree(lists, ignore_errors=True)
        raise Unavailable(f"{' '.join([program, *words])}, of {name}: {str(error.stderr).strip()[-300:]}") from None
