"""Makes the file systems that containerd's snapshotters stand on, on loop files, and removes them."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from lib.shell import Failed, Shell

_SIZE = 512 << 20
_SECTOR = 512
_LOOPS = 16  # more than what is used here and by others on one machine
_LOOP_MAJOR = 7
_POOL = f"conformance-{os.urandom(4).hex()}"


class Ground:
    """The file system or pool of one snapshotter; `why_not` says why there is none."""

    def __init__(self, shell: Shell, base: Path) -> None:
        self.shell = shell
        self.base = base
        self.why_not = ""

    def prepare(self) -> None:
        """Make it, or say in `why_not` why it cannot be made here; raises Failed."""

    def remove(self) -> None:
        """Undo `prepare`; raises Failed."""

    def configuration(self) -> str:
        """The snapshotter's section in containerd's configuration."""
        return ""

    def _kernel_has(self, module: str, file: str, line: str) -> bool:
        """Whether `file` has the line, the module loaded first where it is one: mount(8) would do no other."""
        if line not in Path(file).read_text() and shutil.which("modprobe"):
            self.shell.run(["modprobe", "--quiet", module])
        return line in Path(file).read_text()

    def _loop_nodes(self, folder: str = "/dev") -> None:
        """No udev makes the nodes of new loop devices in this cell's /dev, and some kernels have none to begin with."""
        if shutil.which("modprobe"):
            self.shell.run(["modprobe", "--quiet", "loop"])
        for number in range(_LOOPS):
            path = f"{folder}/loop{number}"
            if not os.path.exists(path):
                os.mknod(path, stat.S_IFBLK | 0o660, os.makedev(_LOOP_MAJOR, number))

    def _file(self, name: str, size: int = _SIZE) -> Path:
        path = self.base / name
        with open(path, "wb") as file:
            file.truncate(size)
        return path


class Btrfs(Ground):
    """btrfs on a loop file."""

    def prepare(self) -> None:
        if not self._kernel_has("btrfs", "/proc/filesystems", "\tbtrfs\n"):
            self.why_not = "the kernel has no btrfs"
        elif shutil.which("mkfs.btrfs") is None:
            self.why_not = "mkfs.btrfs is not installed"
        else:
            image = self._file("btrfs.img")
            folder = self.base / "btrfs"
            folder.mkdir()
            self._loop_nodes()
            self.shell.run(["mkfs.btrfs", "--quiet", image]).ok()
            self.shell.run(["mount", "-o", "loop", image, folder]).ok()

    def remove(self) -> None:
        if not self.why_not:
            self.shell.run(["umount", self.base / "btrfs"]).ok()

    def configuration(self) -> str:
        return f'[plugins."io.containerd.snapshotter.v1.btrfs"]\n  root_path = "{self.base / "btrfs"}"\n'


class Devmapper(Ground):
    """A thin pool of the device mapper on two loop files."""

    def __init__(self, shell: Shell, base: Path) -> None:
        super().__init__(shell, base)
        self._loops: list[str] = []

    def prepare(self) -> None:
        if not self._kernel_has("dm-thin-pool", "/proc/misc", " device-mapper\n"):
            self.why_not = "the kernel has no device mapper"
        elif shutil.which("dmsetup") is None or shutil.which("mkfs.ext4") is None:
            self.why_not = "dmsetup or mkfs.ext4 is not installed"
        else:
            # No udev watches this cell's /dev: libdevmapper must make the nodes itself and not wait
            self.shell.environment["DM_DISABLE_UDEV"] = "1"
            self._loop_nodes()
            for name, size in (("meta.img", 16 << 20), ("data.img", _SIZE)):
                found = self.shell.run(["losetup", "--find", "--show", self._file(name, size)]).ok()
                self._loops.append(found.out.strip())
            start, length = 0, _SIZE // _SECTOR
            pool = f"{self._loops[0]} {self._loops[1]} 128 1024 1 skip_block_zeroing"
            table = f"{start} {length} thin-pool {pool}"
            self.shell.run(["dmsetup", "create", _POOL, "--table", table]).ok()

    def remove(self) -> None:
        if self.why_not:
            return
        listed = self.shell.run(["dmsetup", "ls"]).out.splitlines()
        names = [line.split()[0] for line in listed if line.startswith(f"{_POOL}-")]
        for name in (*names, _POOL):
            self.shell.run(["dmsetup", "remove", name]).ok()
        for loop in self._loops:
            self.shell.run(["losetup", "--detach", loop]).ok()

    def configuration(self) -> str:
        return (
            '[plugins."io.containerd.snapshotter.v1.devmapper"]\n'
            f'  root_path = "{self.base / "devmapper"}"\n'
            f'  pool_name = "{_POOL}"\n  base_image_size = "64MB"\n'
        )


class Zfs(Ground):
    """A dataset of a pool on a file."""

    def prepare(self) -> None:
        if not self._kernel_has("zfs", "/proc/filesystems", "\tzfs\n"):
            self.why_not = "the kernel has no zfs"
        elif shutil.which("zpool") is None:
            self.why_not = "zpool is not installed"
        else:
            self.shell.run(["zpool", "create", "-m", "none", _POOL, self._file("zfs.img")]).ok()
            self.shell.run(["zfs", "create", "-o", f"mountpoint={self.base / 'zfs'}", f"{_POOL}/snapshots"]).ok()

    def remove(self) -> None:
        if not self.why_not:
            self.shell.run(["zpool", "destroy", "-f", _POOL]).ok()

    def configuration(self) -> str:
        return f'[plugins."io.containerd.snapshotter.v1.zfs"]\n  root_path = "{self.base / "zfs"}"\n'


def grounds(shell: Shell, base: Path) -> dict[str, Ground]:
    """All, by the snapshotter's name, prepared as far as this machine can."""
    found: dict[str, Ground] = {
        "overlayfs": Ground(shell, base),
        "native": Ground(shell, base),
        "btrfs": Btrfs(shell, base),
        "devmapper": Devmapper(shell, base),
        "zfs": Zfs(shell, base),
    }
    for ground in found.values():
        try:
            ground.prepare()
        except Failed as error:
            ground.why_not = str(error)
    return found
