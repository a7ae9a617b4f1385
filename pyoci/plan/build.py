"""config.json -> Plan. Pure: the same config and facts give the same plan, on any machine, without root."""

from __future__ import annotations

from pyoci.errors import ConfigError, UnsupportedError
from pyoci.plan import devices, intel_rdt, lsm, mounts, namespaces, paths, process, rootfs
from pyoci.plan.facts import Facts
from pyoci.plan.request import Request
from pyoci.wire.plan import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def build(config: dict[str, Any], request: Request, facts: Facts) -> Plan:
    """Raises ConfigError or UnsupportedError for what cannot be carried out as written."""
    linux = config.get("linux") or {}
    for section in ("solaris", "windows", "vm", "zos", "freebsd"):
        if section in config:
            raise UnsupportedError(f"/{section}: pyoci runs Linux containers")
    if not config.get("root"):
        raise ConfigError("/root: missing, a root file system is required on Linux")
    warnings: list[str] = []
    annotations = config.get("annotations") or {}
    if "run.oci.hooks.stdout" in annotations or "run.oci.hooks.stderr" in annotations:
        from pyoci.plan import hook_output

        hook_output.names(annotations, request.bundle)
    spaces = namespaces.plan(linux, facts)
    # without a mount namespace of its own the container would leave the mount to others
    announced = bool(request.readiness_folder) and "mount" in spaces.new
    if announced:
        from pyoci.plan import readiness

        config = readiness.announce(config, request.readiness_folder)
    mounted = mounts.plan(config.get("mounts"), request.bundle, spaces)
    label = lsm.mount_label(linux, facts.selinux)
    if label:
        lsm.label_mounts(mounted, label, lsm.context_type(annotations))
    root = rootfs.plan(config, request.bundle, spaces, mounted, request.no_pivot)
    return Plan(
        container_id=request.container_id,
        bundle=request.bundle,
        oci_version=config["ociVersion"],
        annotations=annotations,
        namespaces=spaces,
        rootfs=root,
        mounts=mounted,
        devices=devices.plan(linux.get("devices"), root.set_up_dev, spaces.has("user"), facts.uid),
        masked_paths=paths.plan(linux.get("maskedPaths")),
        readonly_paths=paths.plan(linux.get("readonlyPaths")),
        sysctl=paths.sysctl(linux.get("sysctl")),
        hostname=config.get("hostname"),
        domainname=config.get("domainname"),
        mount_label=label,
        personality=process.personality(linux.get("personality")),
        memory_policy=process.memory_policy(linux.get("memoryPolicy")),
        net_devices={name: device.get("name") or name for name, device in (linux.get("netDevices") or {}).items()},
        process=process.plan(config.get("process"), linux, request, facts, spaces.has("user"), warnings, annotations),
        hooks={kind: hooks for kind, hooks in (config.get("hooks") or {}).items() if hooks},
        cgroups_path=linux.get("cgroupsPath"),
        resources=_resources(linux.get("resources"), annotations),
        intel_rdt=intel_rdt.plan(linux.get("intelRdt"), request.container_id),
        readiness=announced,
        warnings=warnings,
    )


def _resources(limits: dict[str, Any] | None, annotations: dict[str, str]) -> dict[str, Any] | None:
    if "io.container.manager" not in annotations:
        return limits
    from pyoci.plan import podman

    return podman.resources(limits, annotations)
