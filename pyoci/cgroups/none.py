"""A container without a cgroup: a rootless caller may not make one and nothing asks for it, or none is wanted."""

from __future__ import annotations

from pyoci.errors import NO_CGROUP, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from pyoci.cgroups import OomWatch
    from pyoci.wire.cgroup import CgroupMounts


def prepare(resources: dict[str, Any] | None, unified: bool) -> NoCgroup:
    """For `--cgroup-manager disabled`. Raises UnsupportedError for limits: nothing would hold the container to them.

    Rules for devices are not applied, as for rootless containers: engines write them into every config.
    """
    from pyoci.cgroups import limits

    for batch in limits.of_new_group(resources, unified).batches:
        raise UnsupportedError(f"{batch[0].name}: cannot be applied with --cgroup-manager disabled; leave it out")
    return NoCgroup()


class NoCgroup:
    """See `pyoci.cgroups.Cgroup`. What needs a group raises UnsupportedError."""

    __slots__ = ()

    def save(self) -> dict[str, Any]:
        return {}

    def create(self, owner: tuple[int, int] | None) -> NoCgroup:
        del owner
        return self

    def clone_fd(self) -> int:
        return -1

    def add(self, pid: int) -> None:
        del pid

    def mounts(self, cgroup_namespace: bool) -> CgroupMounts:
        from pyoci.wire.cgroup import CgroupMounts

        return CgroupMounts(tmpfs=False, fresh=cgroup_namespace, entries=())

    def update(self, resources: dict[str, Any]) -> None:
        del resources
        _refuse("change limits")

    def freeze(self, frozen: bool) -> None:
        _refuse("freeze" if frozen else "thaw")

    def is_frozen(self) -> bool:
        return False

    def kill(self, signal: int) -> None:
        _refuse(f"send signal {signal} to all processes")

    def thaw_killed(self) -> None:
        pass

    def pids(self) -> list[int]:
        return []

    def stats(self) -> dict[str, Any]:
        _refuse("read statistics")

    def oom_watch(self) -> OomWatch | None:
        return None

    def oom_kills(self) -> int:
        return 0

    def why_stuck(self) -> str:
        return ""

    def destroy(self, left: str) -> str:
        del left
        return ""


def _refuse(what: str) -> NoReturn:
    raise UnsupportedError(f"{what}: {NO_CGROUP}")
