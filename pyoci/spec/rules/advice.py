"""Warnings: what is applied, or deliberately ignored, and still deserves a word."""

from __future__ import annotations

from pyoci.spec.rules import MISSING, escape, namespaces_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyoci.spec.rules import Config, Problem


# memory.kmem.limit_in_bytes takes any number, and has done nothing since kernel commit 58056f77502f.
IGNORED_BY_KERNEL = "is ignored by Linux 5.16 and later"


def destination_is_absolute(config: Config) -> Iterator[Problem]:
    """`destination`: it MAY be a relative path. Relative paths are deprecated."""
    for index, mount in enumerate(config.get("mounts", ())):
        if not mount["destination"].startswith("/"):
            place = f"/mounts/{index}/destination"
            yield place, mount["destination"], "should be an absolute path: relative ones are deprecated"


def mounts_have_mount_namespace(config: Config) -> Iterator[Problem]:
    """`namespaces`: of a type that is not specified the container MUST inherit the runtime namespace."""
    if config.get("mounts") and "mount" not in namespaces_of(config):
        yield (
            "/mounts",
            config["mounts"],
            "needs a mount namespace in /linux/namespaces: without it the host gets these mounts",
        )


def mappings_say_idmap(config: Config) -> Iterator[Problem]:
    """`uidMappings`: the `options` field SHOULD contain either `idmap` or `ridmap`."""
    for index, mount in enumerate(config.get("mounts", ())):
        options = mount.get("options", ())
        if mount.get("uidMappings") and "idmap" not in options and "ridmap" not in options:
            place = f"/mounts/{index}/options"
            yield place, mount.get("options", MISSING), "should have idmap or ridmap beside mappings"


def prestart_is_deprecated(config: Config) -> Iterator[Problem]:
    """`prestart` (array of objects, OPTIONAL, DEPRECATED)."""
    hooks = config.get("hooks", {})
    if hooks.get("prestart"):
        yield (
            "/hooks/prestart",
            hooks["prestart"],
            "is deprecated: use createRuntime, createContainer or startContainer",
        )


def console_size_has_terminal(config: Config) -> Iterator[Problem]:
    """Runtimes MUST ignore `consoleSize` if `terminal` is `false` or unset."""
    process = config.get("process", {})
    if "consoleSize" in process and not process.get("terminal"):
        yield "/process/consoleSize", process["consoleSize"], "is ignored without a terminal"


def console_size_is_complete(config: Config) -> Iterator[Problem]:
    """`height` and `width` (uint, REQUIRED): runc takes 0 for one that is missing."""
    process = config.get("process", {})
    for name in ("height", "width"):
        if process.get("terminal") and name not in process.get("consoleSize", {name: 0}):
            yield f"/process/consoleSize/{name}", MISSING, "should be given: 0 is used"


def kernel_memory_is_limited(config: Config) -> Iterator[Problem]:
    """`kernel` (int64, OPTIONAL, NOT RECOMMENDED)."""
    memory = config.get("linux", {}).get("resources", {}).get("memory", {})
    if memory.get("kernel", 0) > 0:
        yield "/linux/resources/memory/kernel", memory["kernel"], IGNORED_BY_KERNEL


def user_is_complete(config: Config) -> Iterator[Problem]:
    """`uid` and `gid` (int, REQUIRED): runc takes 0 for one that is missing."""
    user = config.get("process", {}).get("user")
    for name in ("uid", "gid"):
        if user is not None and name not in user:
            yield f"/process/user/{name}", MISSING, "should be given: 0 is used"


def user_has_no_name(config: Config) -> Iterator[Problem]:
    """`username` is for Windows."""
    name = config.get("process", {}).get("user", {}).get("username")
    if name:
        yield "/process/user/username", name, "is ignored, since it is for Windows: use uid and gid"


def io_priority_is_complete(config: Config) -> Iterator[Problem]:
    """`priority` (int, REQUIRED): runc takes 0, the highest, for one that is missing."""
    entry = config.get("process", {}).get("ioPriority")
    if entry is not None and "priority" not in entry:
        yield "/process/ioPriority/priority", MISSING, "should be an integer from 0 (highest) to 7: 0 is used"


def pids_have_a_limit(config: Config) -> Iterator[Problem]:
    """`limit` (int64, REQUIRED): without it there is nothing to apply."""
    pids = config.get("linux", {}).get("resources", {}).get("pids")
    if pids is not None and "limit" not in pids:
        yield "/linux/resources/pids/limit", MISSING, "should be the greatest number of processes: no limit is set"


def devices_differ(config: Config) -> Iterator[Problem]:
    """The same `type`, `major` and `minor` SHOULD NOT be used for multiple devices."""
    seen: set[tuple[object, ...]] = set()
    for index, device in enumerate(config.get("linux", {}).get("devices", ())):
        numbers = ("c" if device["type"] == "u" else device["type"], device.get("major"), device.get("minor"))
        if device["type"] != "p" and numbers in seen:
            yield f"/linux/devices/{index}", device, "should not repeat a device"
        seen.add(numbers)


def cache_schema_is_one_line(config: Config) -> Iterator[Problem]:
    """`l3CacheSchema`: the value SHOULD start with `L3:` and SHOULD NOT contain newlines."""
    schema = config.get("linux", {}).get("intelRdt", {}).get("l3CacheSchema")
    if schema is not None and (not schema.startswith("L3:") or "\n" in schema):
        yield "/linux/intelRdt/l3CacheSchema", schema, "should be one line that starts with L3:"


def monitoring_has_its_new_name(config: Config) -> Iterator[Problem]:
    """`enableCMT` and `enableMBM` were replaced with a unified `enableMonitoring` parameter in v1.3.0."""
    rdt = config.get("linux", {}).get("intelRdt", {})
    for name in ("enableCMT", "enableMBM"):
        if rdt.get(name):
            yield f"/linux/intelRdt/{name}", rdt[name], "is ignored: use enableMonitoring"


# Of crun's annotations those that are applied here; docs/compatibility.md has the reasons for the others.
APPLIED = (
    "run.oci.delegate-cgroup",
    "run.oci.hooks.stderr",
    "run.oci.hooks.stdout",
    "run.oci.keep_original_groups",
    "run.oci.mount_context_type",
    "run.oci.systemd.force_cgroup_v1",
    "run.oci.systemd.subgroup",
)


def annotations_are_known(config: Config) -> Iterator[Problem]:
    """crun's annotations change what is done: one that is not applied here deserves a word."""
    for name, value in config.get("annotations", {}).items():
        if name.startswith("run.oci.") and name not in APPLIED:
            yield f"/annotations/{escape(name)}", value, "is ignored: pyoci does not apply this annotation"


RULES = (
    annotations_are_known,
    destination_is_absolute,
    mounts_have_mount_namespace,
    mappings_say_idmap,
    prestart_is_deprecated,
    console_size_has_terminal,
    console_size_is_complete,
    kernel_memory_is_limited,
    user_is_complete,
    user_has_no_name,
    io_priority_is_complete,
    pids_have_a_limit,
    devices_differ,
    cache_schema_is_one_line,
    monitoring_has_its_new_name,
)
