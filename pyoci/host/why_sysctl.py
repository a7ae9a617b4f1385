"""Advice about a sysctl that the kernel refuses."""

from __future__ import annotations

import errno
import posix

from pyoci.errors import PyociError
from pyoci.host import why_user_namespace
from pyoci.host.file_text import beginning
from pyoci.kernel.call import shown
from pyoci.spec.rules.linux import with_slashes
from pyoci.spec.words import did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CONGESTION = "net/ipv4/tcp_congestion_control"
_OF_THE_VALUE = (errno.EINVAL, errno.ERANGE)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_FOR_ALL = "it holds for the whole host: set it there (sysctl -w), and not in config.json"


def words(error: PyociError, config: dict[str, Any]) -> str:
    """Words to add to an error whose place is the sysctl."""
    name = error.place.removeprefix("/linux/sysctl/")
    path = with_slashes(name)
    file = f"/proc/sys/{path}"
    if error.errno == errno.EISDIR:
        return "this is a folder of sysctls, and one of them must be named"
    if path == _CONGESTION and error.errno in (errno.ENOENT, *_REFUSED):
        which = "available" if error.errno == errno.ENOENT else "allowed"
        known = beginning(file.replace("tcp_", f"tcp_{which}_"))
        return f"{which} are {known or 'none'}; another one may be a module that is not loaded (modprobe tcp_NAME)"
    if error.errno == errno.ENOENT:
        device = _missing_device(path)
        if device:
            return f"the container has no network device {shown(device)}; hooks of createRuntime can add it before"
        if not posix.access(file, posix.F_OK):
            return unknown(name)
        return f"the host has it, and a namespace of the container's own has not: {_FOR_ALL}"
    place, groups = why_user_namespace.mappings("gid", config)
    if error.errno in _REFUSED:
        if path == "kernel/domainname":
            return "it belongs to the host's root: set /domainname instead"
        if _is_never_written(file):
            return "the kernel lets nobody write it"
        return "it belongs to the host's root" if groups else _refused(path)
    if groups and error.errno == errno.EINVAL and path == "net/ipv4/ping_group_range":
        return f"both numbers must be groups that {place} maps"
    if error.errno not in _OF_THE_VALUE:
        return ""
    value = beginning(file).replace("\t", " ")
    return f"the host has {shown(value)!r} there: the value must have that form, and be in its range" if value else ""


def _missing_device(path: str) -> str:
    """The device of `net/ipv4/conf/DEVICE/NAME`, where there is such a NAME for devices."""
    parts = path.split("/")
    is_of_a_device = len(parts) > 4 and parts[0] == "net" and parts[2] in ("conf", "neigh")
    if not is_of_a_device or parts[3] in ("all", "default", "lo"):
        return ""
    known = "/".join([*parts[:3], "default", *parts[4:]])
    return parts[3] if posix.access(f"/proc/sys/{known}", posix.F_OK) else ""


def _is_never_written(file: str) -> bool:
    try:
        return not posix.stat(file).st_mode & 0o222
    except OSError:
        return False


def _refused(path: str) -> str:
    kind = {"net": "network", "user": "user"}.get(path.partition("/")[0], "ipc")
    return f"only the host's own {kind} namespace may change it: {_FOR_ALL}"


def unknown(name: str) -> str:
    """Words about a name that is not there, or has a misspelt part; it is as config.json has it."""
    words = f"this kernel has no sysctl {name}"
    parts = with_slashes(name).split("/")
    separator = "." if with_slashes(name) != name else "/"
    place = "/proc/sys"
    for index, part in enumerate(parts):
        if part in ("", ".", "..") or not posix.access(place, posix.R_OK):
            break
        if not posix.access(f"{place}/{part}", posix.F_OK):
            before, after = (separator.join([*some, ""]) for some in (parts[:index], parts[index + 1 :]))
            names = [name.replace(".", "/") if separator == "." else name for name in posix.listdir(place)]
            meant = did_you_mean(part, names, before)
            return words + (meant.removesuffix("?") + f"{separator}{after}".rstrip(separator) + "?" if meant else "")
        place = f"{place}/{part}"
    return words
