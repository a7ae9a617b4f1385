"""The steps that build the container's tree of files: mounts, devices, protected paths, the root."""

from __future__ import annotations

from pyoci.explain.model import Step
from pyoci.kernel import uapi
from pyoci.wire.plan import DEVICE_MODE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyoci.wire.plan import Device, Mount, Plan

_ATTRIBUTE_WORDS = {
    uapi.MOUNT_ATTR_RDONLY: "read-only",
    uapi.MOUNT_ATTR_NOSUID: "no set-user-ID",
    uapi.MOUNT_ATTR_NODEV: "no devices",
    uapi.MOUNT_ATTR_NOEXEC: "no programs",
    uapi.MOUNT_ATTR_NOSYMFOLLOW: "no symbolic links",
}


def mounts(plan: Plan) -> Iterator[Step]:
    root = plan.rootfs
    propagation = root.propagation or "private"
    yield Step(
        stage="mounts",
        pointer="/root/path",
        action=f"take {root.path} as the root",
        kernel=f"mount propagation {propagation}; open_tree CLONE|RECURSIVE",
    )
    for index, mount in enumerate(plan.mounts):
        yield Step(stage="mounts", pointer=f"/mounts/{index}", action=_mount_words(mount), kernel=_mount_calls(mount))


def _mount_words(mount: Mount) -> str:
    if mount.kind == "bind":
        how = " with all below it" if mount.recursive else ""
        text = f"show the host's {mount.source}{how} at {mount.destination}"
    elif mount.kind == "cgroup":
        text = f"show the container's cgroup at {mount.destination}"
    elif mount.kind in ("remount", "change"):
        text = f"change the options of {mount.destination}"
    else:
        text = f"a new {mount.fstype} at {mount.destination}"
        if mount.fstype not in ("proc", "sysfs", "mqueue", "devpts", "tmpfs"):
            text += f" from {mount.source}"
    both = mount.attributes_set | mount.recursive_set
    both |= uapi.MOUNT_ATTR_RDONLY if mount.read_only_last else 0
    options = [word for flag, word in _ATTRIBUTE_WORDS.items() if both & flag]
    options += [f"{key}={value}" if value is not None else key for key, value in mount.data]
    options += ["with the image's files copied into it"] if mount.tmpcopyup else []
    return f"{text} ({', '.join(options)})" if options else text


def _mount_calls(mount: Mount) -> str:
    if mount.kind == "bind":
        parts = ["open_tree CLONE" + ("|RECURSIVE" if mount.recursive else "")]
    elif mount.kind == "cgroup":
        parts = ["fsopen or open_tree of each hierarchy"]
    elif mount.kind == "remount":
        parts = ["fspick"]
    elif mount.kind == "change":
        parts = []
    else:
        parts = [f"fsopen {mount.fstype}"]
    for name, flags in (("set", mount.attributes_set), ("set recursively", mount.recursive_set)):
        if flags:
            parts.append(f"mount_setattr {name} {uapi.flag_names(flags, uapi.MOUNT_ATTR_NAMES)}")
    if mount.idmap:
        parts.append("mount_setattr MOUNT_ATTR_IDMAP")
    for flag, recursive in mount.propagation:
        parts.append(f"MS_{uapi.flag_names(flag, uapi.PROPAGATION_NAMES)}{'|MS_REC' if recursive else ''}")
    if mount.kind not in ("remount", "change"):
        parts.append("move_mount")
    return "; ".join(parts)


def devices(plan: Plan) -> Iterator[Step]:
    usual = [device.path for device in plan.devices if device.default]
    if usual:
        means = "mknod, or bind"
        yield Step(stage="devices", pointer="", action=f"make {', '.join(usual)}", kernel=means)
    named = [device for device in plan.devices if not device.default]
    for index, device in enumerate(named):
        yield Step(
            stage="devices",
            pointer=f"/linux/devices/{index}",
            action=f"make {device.path} for {device.uid or 0}:{device.gid or 0}",
            kernel=_mknod(device),
        )
    if plan.rootfs.set_up_dev:
        links = "/dev/fd, /dev/stdin, /dev/stdout, /dev/stderr, /dev/ptmx"
        yield Step(stage="devices", pointer="", action=f"link {links}", kernel="symlink")


def _mknod(device: Device) -> str:
    numbers = "" if device.kind == "p" else f" {device.major}:{device.minor}"
    mode = DEVICE_MODE if device.mode is None else device.mode
    return f"mknod {device.kind}{numbers} mode {mode:#o}"


def paths(plan: Plan) -> Iterator[Step]:
    for index, path in enumerate(plan.readonly_paths):
        pointer = f"/linux/readonlyPaths/{index}"
        yield Step(stage="paths", pointer=pointer, action=f"make {path} read-only", kernel="bind; mount_setattr RDONLY")
    for index, path in enumerate(plan.masked_paths):
        pointer = f"/linux/maskedPaths/{index}"
        means = "bind /dev/null or a tmpfs"
        yield Step(stage="paths", pointer=pointer, action=f"hide {path}", kernel=means)


def root(plan: Plan) -> Iterator[Step]:
    means = {
        "pivot_root": "pivot_root; umount2 MNT_DETACH",
        "move": "mount MS_MOVE; chroot",
        "chroot": "chroot",
    }[plan.rootfs.pivot]
    yield Step(stage="root", pointer="/root", action="enter the new root, leave the host's", kernel=means)
    if plan.rootfs.readonly:
        yield Step(
            stage="root", pointer="/root/readonly", action="make the root read-only", kernel="mount_setattr RDONLY"
        )
