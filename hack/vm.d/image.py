"""The guest's disk, kernel and initramfs: made once, kept in the cache, shared by all runs."""

from __future__ import annotations

import fcntl
import hashlib
import lzma
import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple, TextIO

import cpio

HERE = Path(__file__).resolve().parent
PARTS = HERE / "image"
BUILD_LIMIT = 2400  # seconds; it takes about 70 on two idle cores
BUILD_SPACE = 4 << 30  # bytes: the tree, the disk, and packages on their way
DISK_SIZE = "8G"  # of the sparse file; what the guest writes goes to an overlay
TOOLS = ("qemu-system-x86_64", "debootstrap", "mke2fs", "unshare", "setpriv", "chroot", "apt-get", "tar")
CONTAINED = "setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child=KILL --mount-proc"
# What the way to the agent needs, where it is no part of the kernel itself: disks, entropy, ports, file system.
MODULES = ("virtio_pci", "virtio_blk", "virtio-rng", "virtio_console", "crc32c_generic", "ext4")
GONE_SINCE = {"crc32c_generic": "Linux 7.0"}  # may be missing
KEPT = 3 * 86400  # seconds: images of other checkouts that share the cache


class UnavailableError(Exception):
    """The guest cannot be had on this machine; the text is one line for whoever skips because of it."""


class Kind(NamedTuple):
    """Which guest: codenames of Debian releases; empty: the host's."""

    release: str = ""  # of its packages: another one than the host's has all engines, and no Python of its own
    kernel: str = ""  # where its kernel is from; empty: from the same release

    @property
    def name(self) -> str:
        """Of its folder in the cache, before the key."""
        return "-".join(["image", *filter(None, self)])


class Image(NamedTuple):
    disk: Path  # ext4, raw; never written after the build
    tree: Path  # what the disk was made from; programs for the guest are built in there
    kernel: Path
    initramfs: Path

    @property
    def kind(self) -> str:
        """The name of its kind."""
        return self.tree.parent.name.partition(".")[0]


def default_cache() -> Path:
    chosen = os.environ.get("PYOCI_VM_CACHE")
    if chosen:
        return Path(chosen)
    if os.access("/var/cache", os.W_OK):
        return Path("/var/cache/pyoci-vm")
    return Path.home() / ".cache" / "pyoci-vm"


def ensure(cache: Path, kind: Kind) -> tuple[Image, TextIO]:
    """Return the image, made first if need be, and a lock: until it is closed, nobody removes the image.

    The lock is that of the kind: while one release's guest is made, those of the others run.
    Raises UnavailableError when a tool, the rights or the room are missing, or the build fails.
    """
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise UnavailableError(f"not installed: {', '.join(missing)}")
    if os.geteuid() != 0:
        raise UnavailableError("making and using the guest's file system needs root")
    host = host_release()
    folder = cache / f"{kind.name}.{_key(kind, host)}"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = open(cache / f"lock.{kind.name}", "a")
    except OSError as error:
        raise UnavailableError(f"no cache in {cache}: {error.strerror}") from error
    fcntl.flock(lock, fcntl.LOCK_SH)
    # A loop: to take the other kind of lock is to let go of this one for a moment.
    while not folder.is_dir():
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _make(cache, folder, kind, host)
        fcntl.flock(lock, fcntl.LOCK_SH)
    return Image(folder / "disk.img", folder / "tree", folder / "vmlinux", folder / "initramfs"), lock


def build_folder(cache: Path, name: str) -> Path:
    """A new folder to build in, for whoever has the exclusive lock of the image's kind, `name`.

    Only the lock's holder builds, so what is there is of a build that was killed.
    """
    for left in cache.glob(f"build.{name}.[0-9]*"):
        shutil.rmtree(left)
    folder = cache / f"build.{name}.{os.getpid()}"
    folder.mkdir()
    return folder


def contained(command: list[str]) -> list[str]:
    """Wrap `command` so that its mounts are its own, and it and all it starts die with this process."""
    return [*CONTAINED.split(), *command]


def _key(kind: Kind, host: str) -> str:
    """What the image depends on; not the agent and the other files, which are brought by each run."""
    digest = hashlib.sha256(" ".join([host, *kind]).encode())
    for path in (HERE / "image.py", HERE / "cpio.py", *sorted(PARTS.iterdir())):
        digest.update(b"%b\0%b\0" % (path.name.encode(), path.read_bytes()))
    return digest.hexdigest()[:16]


def host_release() -> str:
    """The host's release is the guest's, too: the host's package sources and keys are what there is."""
    lines = Path("/etc/os-release").read_text().splitlines()
    words = dict(line.partition("=")[::2] for line in lines)
    if words.get("ID") != "debian" or not words.get("VERSION_CODENAME"):
        raise UnavailableError("the guest is made from the package sources of a Debian host, and this is none")
    return words["VERSION_CODENAME"]


def mirror_of(release: str) -> str:
    """The base of the package sources that the host has for its own `release`: it has the others, too."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Identifier: Packages"],
        capture_output=True,
        text=True,
        check=False,
    )
    for line in listing.stdout.splitlines():
        uri, _, codename = line.partition(" ")
        if codename == release:
            return uri
    raise UnavailableError(f"apt has no package source for {release}")


def _make(cache: Path, folder: Path, kind: Kind, host: str) -> None:
    free = shutil.disk_usage(cache).free
    if free < BUILD_SPACE:
        raise UnavailableError(f"{free >> 20} MiB free in {cache}, the guest takes {BUILD_SPACE >> 20}")
    mirror = mirror_of(host)
    print(f"hack/vm: making the guest in {folder}; that takes minutes, once", file=sys.stderr, flush=True)
    began = time.monotonic()
    build = build_folder(cache, kind.name)
    try:
        _fill(build, cache / f"build-{kind.name}.log", kind, host, mirror)
    except BaseException:  # Ctrl-C, too: half a gigabyte of half a guest is no use to anyone
        shutil.rmtree(build, ignore_errors=True)
        raise
    build.rename(folder)
    for old in cache.glob(f"{kind.name}.*"):
        if old != folder and old.stat().st_mtime < time.time() - KEPT:
            shutil.rmtree(old)
    print(f"hack/vm: made in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _fill(build: Path, log: Path, kind: Kind, host: str, mirror: str) -> None:
    log.write_bytes(b"")
    tree = build / "tree"
    run_step(["sh", str(PARTS / "build-tree"), str(tree), kind.release or host, mirror, kind.kernel, kind.release], log)
    version = next((tree / "usr/lib/modules").iterdir()).name
    (build / "vmlinux").write_bytes(_kernel(tree / "boot/vmlinuz"))
    _initramfs(tree, version, build / "initramfs")
    # No journal and no checksums: the disk is thrown away, and each costs emulated instructions.
    make = [
        "mke2fs",
        "-q",
        "-t",
        "ext4",
        "-O",
        "^has_journal,^metadata_csum",
        "-E",
        "lazy_itable_init=0,nodiscard",
    ]
    run_step([*make, "-m", "0", "-L", "guest", "-d", str(tree), str(build / "disk.img"), DISK_SIZE], log)
    os.sync()  # the rename that follows promises that all of it is there


def run_step(command: list[str], log: Path) -> None:
    name = os.path.basename(command[1] if command[0] == "sh" else command[0])
    with open(log, "ab") as said:
        try:
            done = subprocess.run(
                contained(["nice", *command]),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=BUILD_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(f"{name} took over {BUILD_LIMIT} s, see {log}") from error
    if done.returncode:
        lines = log.read_text(errors="replace").splitlines()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        raise UnavailableError(f"{name} failed with {done.returncode}, see {log}: {last}")


def _kernel(vmlinuz: Path) -> bytes:
    """Take the ELF kernel out of a bzImage: qemu enters it directly (PVH), and the guest unpacks nothing.

    The layout is that of the kernel's Documentation/arch/x86/boot.rst. One that is not compressed with xz
    stays as it is, and the guest unpacks it.
    """
    data = vmlinuz.read_bytes()
    sectors = data[0x1F1]
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = (sectors + 1) * 512 + offset
    try:
        kernel = lzma.LZMADecompressor().decompress(data[start : start + length])
    except lzma.LZMAError:
        return data
    if not kernel.startswith(b"\x7fELF"):
        raise UnavailableError(f"{vmlinuz} holds no ELF kernel")
    return kernel


def _initramfs(tree: Path, version: str, target: Path) -> None:
    folder = tree / "usr/lib/modules" / version
    # A line is "FILE: FILES": all that FILE needs, each before what it needs itself (modules.dep(5)).
    needs: dict[str, list[str]] = {}
    files: dict[str, str] = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        file, _, needed = line.partition(":")
        needs[file] = needed.split()
        files[Path(file).name.partition(".")[0]] = file
    built_in = {Path(line).stem for line in (folder / "modules.builtin").read_text().splitlines()}
    order: dict[str, None] = {}
    for name in MODULES:
        if name not in files:
            if name in built_in or name in GONE_SINCE:
                continue
            raise UnavailableError(f"kernel {version} has no module {name}")
        order.update(dict.fromkeys([*reversed(needs[files[name]]), files[name]]))
    archive = cpio.Archive()
    for file in order:
        content = (folder / file).read_bytes()
        archive.add(_in_initramfs(file), lzma.decompress(content) if file.endswith(".xz") else content)
    archive.add("modules/order", "".join(f"{Path(_in_initramfs(file)).name}\n" for file in order).encode())
    archive.add("bin/busybox", (tree / "bin/busybox").read_bytes(), 0o100755)
    archive.add("init", (PARTS / "init").read_bytes(), 0o100755)
    archive.write(target)


def _in_initramfs(module: str) -> str:
    return f"modules/{Path(module).name.removesuffix('.xz')}"
