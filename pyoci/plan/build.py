"""config.json -> Plan. Pure: the same config and facts give the same plan, on any machine, without root."""

from __future__ import annotations

from pyoci.errors import ConfigError, UnsupportedError
from pyoci.kernel.uapi import CAPABILITIES
from pyoci.plan import devices, lsm, mounts, namespaces, paths, process, rootfs
from pyoci.plan.facts import Facts
from pyoci.wire.plan import Plan, Process
from pyoci.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ALL_CAPABILITIES = (1 << len(CAPABILITIES)) - 1


class Request(Record):
    """What the command line adds to the config."""

    container_id: str
    bundle: str
    no_pivot: bool = False
    new_keyring: bool = True
    preserve_fds: int = 0
    readiness_folder: str = ""  # of the host, for the socket of sd_notify(3); empty: nobody waits for READY=1


def build(config: dict[str, Any], request: Request, facts: Facts) -> Plan:
    """Raises ConfigError or UnsupportedError for what cannot be carried out as written."""
    linux = config.get("linux") or {}
    if linux.get("intelRdt"):
        raise UnsupportedError("/linux/intelRdt: pyoci does not manage resctrl groups yet; leave it out")
    for section in ("solaris", "windows", "vm", "zos", "freebsd"):
        if section in config:
            raise UnsupportedError(f"/{section}: pyoci runs Linux containers")
    if not config.get("root"):
        raise ConfigError("/root: missing, a root file system is required on Linux")
    warnings: list[str] = []
    own = namespaces.plan(linux, facts)
    # without a mount namespace of its own the container would leave the mount to others
    announced = bool(request.readiness_folder) and "mount" in own.new
    if announced:
        from pyoci.plan import readiness

        config = readiness.announce(config, request.readiness_folder)
    mounted = mounts.plan(config.get("mounts"), request.bundle)
    label = lsm.mount_label(linux, facts.selinux)
    if label:
        lsm.label_mounts(mounted, label)
    root = rootfs.plan(config, request.bundle, own, mounted, request.no_pivot)
    return Plan(
        container_id=request.container_id,
        bundle=request.bundle,
        oci_version=config["ociVersion"],
        annotations=config.get("annotations") or {},
        namespaces=own,
        rootfs=root,
        mounts=mounted,
        devices=devices.plan(linux.get("devices"), root.set_up_dev),
        masked_paths=paths.plan(linux.get("maskedPaths")),
        readonly_paths=paths.plan(linux.get("readonlyPaths")),
        sysctl=paths.sysctl(linux.get("sysctl")),
        hostname=config.get("hostname"),
        domainname=config.get("domainname"),
        mount_label=label,
        personality=process.personality(linux.get("personality")),
        memory_policy=process.memory_policy(linux.get("memoryPolicy")),
        net_devices={name: device.get("name") or name for name, device in (linux.get("netDevices") or {}).items()},
        process=plan_process(config.get("process"), linux, request, facts, own.has("user"), warnings),
        hooks={kind: hooks for kind, hooks in (config.get("hooks") or {}).items() if hooks},
        cgroups_path=linux.get("cgroupsPath"),
        resources=linux.get("resources"),
        readiness=announced,
        warnings=warnings,
    )


def plan_process(
    config: dict[str, Any] | None,
    linux: dict[str, Any],
    request: Request,
    facts: Facts,
    user_namespace: bool,
    warnings: list[str],
) -> Process | None:
    """`process` with the parts that other sections decide: for init and for exec."""
    if not config:
        return None
    # a user namespace gives all capabilities over itself (user_namespaces(7)), whatever the runtime has
    grantable = _ALL_CAPABILITIES if user_namespace else facts.capabilities
    planned = process.plan(config, facts, grantable, warnings)
    if linux.get("seccomp"):
        from pyoci.plan import seccomp

        planned.seccomp = seccomp.plan(linux["seccomp"])
    planned.apparmor_profile = lsm.apparmor_profile(config, facts.apparmor)
    planned.selinux_label = lsm.selinux_label(config, facts.selinux)
    planned.preserve_fds = request.preserve_fds + facts.listen_fds
    planned.keyring = f"_ses.{request.container_id}" if request.new_keyring else None
    return planned
