"""v1: groups below the container's that are frozen by themselves, as a container may do with those that it has made.

A process in one of them does not even die of SIGKILL before the group is thawed.
"""

from __future__ import annotations

from pyoci.cgroups import files, walk
from pyoci.errors import CgroupError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def are_there(top: int) -> bool:
    """Whether there is one below the group that the descriptor `top` stands for."""
    return any(_is_frozen_by_itself(group) for group in _below(top, None))


def thaw(top: int, entered: Callable[[int], bool] | None) -> None:
    """Thaw those below `top`; `entered` as with `walk.groups`. Raises CgroupError."""
    for group in _below(top, entered):
        if not _is_frozen_by_itself(group):
            continue
        try:
            files.write_raw("freezer.state", "THAWED", group)
        except OSError as error:
            if error.errno not in files.GONE:
                raise CgroupError(f"thaw a nested cgroup of the container: {reason(error)}") from None


def _below(top: int, entered: Callable[[int], bool] | None) -> Iterator[int]:
    groups = walk.groups(top, entered)
    next(groups)
    return groups


def _is_frozen_by_itself(group: int) -> bool:
    try:
        return files.read_raw("freezer.self_freezing", group).strip() == "1"
    except OSError:
        return False  # it was removed, or the hierarchy has no freezer
