"""`linux.namespaces`, what needs one of them, and the id mappings."""

from __future__ import annotations

import posix

from pyoci.spec.rules import MISSING, namespaces_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyoci.spec.rules import Config, Problem

_IDS = 1 << 32
# user_namespaces(7): the kernel takes 340 lines, since Linux 4.15.
_MAX_MAPPINGS = 340
# One write of less than a page (map_write): a line has at most 33 bytes.
_SURELY_FITS = 4095 // 33


def namespace_types_differ(config: Config) -> Iterator[Problem]:
    """If a `namespaces` field contains duplicated namespaces with same `type`, the runtime MUST generate an
    error."""
    seen: set[str] = set()
    for index, namespace in enumerate(config.get("linux", {}).get("namespaces", ())):
        if namespace["type"] in seen:
            yield f"/linux/namespaces/{index}/type", namespace["type"], "must be listed once only"
        seen.add(namespace["type"])


def host_name_needs_uts_namespace(config: Config) -> Iterator[Problem]:
    """`hostname`: the container's host name; without a UTS namespace of its own it would be the host's."""
    for name in ("hostname", "domainname"):
        if config.get(name) and "uts" not in namespaces_of(config):
            yield f"/{name}", config[name], "needs a uts namespace in /linux/namespaces"


def host_name_fits(config: Config) -> Iterator[Problem]:
    """sethostname(2): at most 64 bytes (__NEW_UTS_LEN)."""
    for name in ("hostname", "domainname"):
        if len(config.get(name, "").encode("utf-8", "surrogateescape")) > 64:
            yield f"/{name}", config[name], "at most 64 bytes"


def mappings_need_user_namespace(config: Config) -> Iterator[Problem]:
    """`uidMappings` describes the user namespace uid mappings from the host to the container."""
    for name in ("uidMappings", "gidMappings"):
        if config.get("linux", {}).get(name) and "user" not in namespaces_of(config):
            yield f"/linux/{name}", config["linux"][name], "needs a user namespace in /linux/namespaces"


def user_namespace_needs_mappings(config: Config) -> Iterator[Problem]:
    """user_namespaces(7): without mappings every id in a new user namespace is the overflow id, and none can
    be set."""
    if namespaces_of(config).get("user", "joined") is not None:
        return
    for name in ("uidMappings", "gidMappings"):
        if not config["linux"].get(name):
            yield f"/linux/{name}", MISSING, "must map id 0 at least: the user namespace is new"


def mappings_are_possible(config: Config) -> Iterator[Problem]:
    """user_namespaces(7): ranges are not empty, end within 32 bits and do not overlap."""
    for name in ("uidMappings", "gidMappings"):
        yield from check_mappings(config.get("linux", {}).get(name, ()), f"/linux/{name}")


def check_mappings(mappings: list[dict[str, int]], place: str) -> Iterator[Problem]:
    """Also for those of a mount."""
    if len(mappings) > _MAX_MAPPINGS:
        yield place, len(mappings), f"at most {_MAX_MAPPINGS} mappings"
        return
    if len(mappings) > _SURELY_FITS:
        text = "".join(f"{entry['containerID']} {entry['hostID']} {entry['size']}\n" for entry in mappings)
        if len(text) >= posix.sysconf("SC_PAGESIZE"):
            words = f"mappings that a page holds, less than {posix.sysconf('SC_PAGESIZE')} bytes as text"
            yield place, f"{len(mappings)} mappings of {len(text)} bytes", words
            return
    for index, mapping in enumerate(mappings):
        size = mapping["size"]
        if size == 0:
            yield f"{place}/{index}/size", 0, "at least 1"
        for side in ("containerID", "hostID"):
            # 2^32 - 1 is not an ID: it means "leave unchanged" in chown(2) and setresuid(2).
            if mapping[side] + size > _IDS - 1:
                yield f"{place}/{index}/{side}", mapping[side], f"an id that leaves room for {size}"
            for earlier in mappings[:index]:
                if earlier[side] < mapping[side] + size and mapping[side] < earlier[side] + earlier["size"]:
                    yield f"{place}/{index}/{side}", mapping[side], "must not overlap another range"
                    break


def process_ids_are_mapped(config: Config) -> Iterator[Problem]:
    """`uid`, `gid`, `additionalGids` specify IDs in the container namespace: there they must exist
    (setresuid(2))."""
    linux = config.get("linux", {})
    user = config.get("process", {}).get("user")
    if not user or namespaces_of(config).get("user", "joined") is not None:
        return
    ids = [("uidMappings", "uid", user.get("uid", 0)), ("gidMappings", "gid", user.get("gid", 0))]
    for index, gid in enumerate(user.get("additionalGids", ())):
        ids.append(("gidMappings", f"additionalGids/{index}", gid))
    for name, place, number in ids:
        mappings = linux.get(name)
        if mappings and not any(m["containerID"] <= number < m["containerID"] + m["size"] for m in mappings):
            yield f"/process/user/{place}", number, f"an id that /linux/{name} maps"


def paths_need_mount_namespace(config: Config) -> Iterator[Problem]:
    """Without a mount namespace the container has the runtime's, and these would change the host's file
    system."""
    linux = config.get("linux", {})
    if "mount" in namespaces_of(config):
        return
    expected = "needs a mount namespace in /linux/namespaces"
    for name in ("maskedPaths", "readonlyPaths", "rootfsPropagation"):
        if linux.get(name):
            yield f"/linux/{name}", linux[name], expected


RULES = (
    namespace_types_differ,
    host_name_needs_uts_namespace,
    host_name_fits,
    mappings_need_user_namespace,
    user_namespace_needs_mappings,
    mappings_are_possible,
    process_ids_are_mapped,
    paths_need_mount_namespace,
)
