"""`process.apparmorProfile`, `process.selinuxLabel` and `linux.mountLabel`: what is asked for must work.

A label on a host whose kernel does not enforce it is an error, as in runc: the container would run without
the confinement that its configuration counts on. Engines ask for labels only where the host has them.
"""

from __future__ import annotations

from pyoci.errors import ConfigError, UnsupportedError
from pyoci.wire.plan import Mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONTEXT_TYPE = "run.oci.mount_context_type"
_CONTEXT_TYPES = ("context", "fscontext", "defcontext", "rootcontext")
# The policy labels these (genfs_contexts), or the mount is a view of files that have labels of their own.
_LABELLED_BY_POLICY = ("proc", "sysfs", "cgroup", "cgroup2")
# Takes no `context=`; its root directory can be labelled once it is mounted.
_LABELLED_AFTERWARDS = ("mqueue",)


def apparmor_profile(process: dict[str, Any], enabled: bool) -> str:
    """The profile to change to at exec, "" for none. `enabled`: whether this kernel runs AppArmor."""
    profile: str = process.get("apparmorProfile") or ""
    if profile and not enabled:
        raise UnsupportedError(
            f"/process/apparmorProfile: {profile[:200]!r} cannot be applied: AppArmor is not enabled on this host;"
            " enable it, or leave the property out"
        )
    return profile


def selinux_label(process: dict[str, Any], enabled: bool) -> str:
    """The context to change to at exec, "" for none. `enabled`: whether this kernel runs SELinux."""
    return _selinux(process, "selinuxLabel", "/process/selinuxLabel", enabled)


def mount_label(linux: dict[str, Any], enabled: bool) -> str:
    """The context of the files of the container's new file systems, "" for none."""
    return _selinux(linux, "mountLabel", "/linux/mountLabel", enabled)


def _selinux(section: dict[str, Any], key: str, where: str, enabled: bool) -> str:
    label: str = section.get(key) or ""
    if label and not enabled:
        raise UnsupportedError(
            f"{where}: {label[:200]!r} cannot be applied: SELinux is not enabled on this host; enable it, or leave"
            " the property out"
        )
    return label


def context_type(annotations: dict[str, str]) -> str:
    """crun's run.oci.mount_context_type (podman's label=nested): which mount option has the label, see mount(8)."""
    option = annotations.get(CONTEXT_TYPE, "context")
    if option not in _CONTEXT_TYPES:
        from pyoci.spec.words import did_you_mean

        hint = did_you_mean(option, _CONTEXT_TYPES)
        raise ConfigError(
            f"/annotations/{CONTEXT_TYPE}: must be one of {', '.join(_CONTEXT_TYPES)}, not {option[:80]!r}{hint}"
        )
    return option


def label_mounts(mounts: list[Mount], label: str, option: str = "context") -> None:
    """Give new file systems the label of the container's files.

    Not procfs, sysfs and cgroups, which the policy labels, nor bind mounts, whose files keep their labels.
    """
    for mount in mounts:
        if mount.kind != "filesystem" or mount.fstype in _LABELLED_BY_POLICY:
            continue
        if mount.fstype in _LABELLED_AFTERWARDS:
            mount.root_label = label
        else:
            mount.data += ((option, label),)
