"""An initramfs: cpio's "newc" format, written without the cpio program."""

from __future__ import annotations

from pathlib import Path


class Archive:
    """Builds a newc archive in memory (buffer-format.rst in the kernel's early-userspace documentation)."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._inode = 0
        self._folders: set[str] = set()

    def add(self, name: str, content: bytes, mode: int = 0o100644) -> None:
        """Add a file, and the folders above it; `name` is relative to the root."""
        parent = name.rpartition("/")[0]
        if parent and parent not in self._folders:
            self._folders.add(parent)
            self.add(parent, b"", 0o040755)
        self._inode += 1
        encoded = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self._parts += (_padded(header), _padded(content))

    def write(self, path: Path) -> None:
        self.add("TRAILER!!!", b"", 0)
        path.write_bytes(b"".join(self._parts))


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
