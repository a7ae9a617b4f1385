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


def words(error: PyociError, config: dict[str, Any]) -> str:
    """Words to add to an error whose place is the sysctl."""
    name = error.place.removeprefix("/linux/sysctl/")
    if error.errno == errno.ENOENT:
        return unknown(name)
    place, groups = why_user_namespace.mappings("gid", config)
    if error.errno in (errno.EACCES, errno.EPERM):
        if with_slashes(name) == "kernel/domainname":
            return "it belongs to the host's root: set /domainname instead"
        return "it belongs to the host's root" if groups else ""
    if groups and error.errno == errno.EINVAL and with_slashes(name) == "net/ipv4/ping_group_range":
        return f"both numbers must be groups that {place} maps"
    if error.errno not in (errno.EINVAL, errno.ERANGE):
        return ""
    value = beginning(f"/proc/sys/{with_slashes(name)}").replace("\t", " ")
    return f"the host has {shown(value)!r} there: the value must have that form, and be in its range" if value else ""


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
