"""The one way to a system call that Python has no function for."""

from __future__ import annotations

from pyoci.kernel import _raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Called for each call by `kernel.call_log`; None without --debug.
log: Callable[[str], None] | None = None

SYS = _raw.SYS
syscall = _raw.syscall
address = _raw.address


def encode(path: str | bytes) -> bytes:
    """A path as the kernel takes it: names that are not UTF-8 survive."""
    return path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")


def shown(text: str) -> str:
    """A value of the config as messages have it: not all of what may be thousands of characters."""
    return text if len(text) <= 200 else f"{text[:200]}..."
