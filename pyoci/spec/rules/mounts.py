"""`root`, `mounts`."""

from __future__ import annotations

from pyoci.spec.rules import MISSING, namespaces_of
from pyoci.spec.rules.namespaces import check_mappings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyoci.spec.rules import Config, Problem


def root_is_given(config: Config) -> Iterator[Problem]:
    """`root`: on all other platforms (than Windows), this field is REQUIRED."""
    if "root" not in config:
        yield "/root", MISSING, "the container's root file system"
    elif not config["root"]["path"]:
        yield "/root/path", "", "a directory"


def destination_is_given(config: Config) -> Iterator[Problem]:
    """`destination`: path inside container."""
    for index, mount in enumerate(config.get("mounts", ())):
        if not mount["destination"]:
            yield f"/mounts/{index}/destination", "", "a path in the container"


def destination_is_not_the_root(config: Config) -> Iterator[Problem]:
    """`root` says what lies there; a mount over it would be hidden as soon as the rootfs becomes the root."""
    for index, mount in enumerate(config.get("mounts", ())):
        # an entry without both only changes how the root propagates
        if mount["destination"] and (mount.get("source") or mount.get("type", "none") not in ("", "none")):
            depth = 0
            for part in mount["destination"].split("/"):
                depth = max(0, depth - 1) if part == ".." else depth + (part not in ("", "."))
            if depth == 0 and "remount" not in mount.get("options", ()):
                yield f"/mounts/{index}/destination", mount["destination"], "a path below the root"


def bind_mount_has_source(config: Config) -> Iterator[Problem]:
    """A mount is a bind mount if it has either `bind` or `rbind` in the options: its source is a path."""
    for index, mount in enumerate(config.get("mounts", ())):
        options = mount.get("options", ())
        if ("bind" in options or "rbind" in options) and "remount" not in options and not mount.get("source"):
            yield f"/mounts/{index}/source", mount.get("source", MISSING), "the path that is bind mounted"


def mount_mappings_are_a_pair(config: Config) -> Iterator[Problem]:
    """`uidMappings`: if specified, it MUST be specified along with `gidMappings`, and the other way round."""
    for index, mount in enumerate(config.get("mounts", ())):
        for name, other in (("uidMappings", "gidMappings"), ("gidMappings", "uidMappings")):
            if mount.get(name):
                if not mount.get(other):
                    yield f"/mounts/{index}/{other}", MISSING, f"must be given along with {name}"
                yield from check_mappings(mount[name], f"/mounts/{index}/{name}")


def idmap_has_mappings(config: Config) -> Iterator[Problem]:
    """`idmap`: if there are no mappings specified and the container isn't using user namespaces, an error
    MUST be returned."""
    if "user" in namespaces_of(config):
        return
    for index, mount in enumerate(config.get("mounts", ())):
        options = mount.get("options", ())
        if ("idmap" in options or "ridmap" in options) and not mount.get("uidMappings"):
            yield f"/mounts/{index}/uidMappings", MISSING, "must be given, or a user namespace with mappings"


RULES = (
    root_is_given,
    destination_is_given,
    destination_is_not_the_root,
    bind_mount_has_source,
    mount_mappings_are_a_pair,
    idmap_has_mappings,
)
