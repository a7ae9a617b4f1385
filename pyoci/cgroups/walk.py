"""A group and all groups below it, by descriptors.

A container with a writable cgroup mount shapes what is below its group: thousands of levels, whose path is longer than
any path can be (PATH_MAX). So nothing here recurses, builds a path, or holds more than two descriptors: the way back is
`..`, which is true, since no group can be moved to another parent.
"""

from __future__ import annotations

import posix

from pyoci.cgroups.files import BUSY, FOLDER, GONE
from pyoci.errors import CgroupError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def has_nested(group: int) -> bool:
    """Whether there are groups below this one."""
    # kernfs counts the folders in a folder as links: most containers have no nested groups, and reading the folder
    # would list some forty files.
    return posix.fstat(group).st_nlink > 2


def groups(top: int, entered: Callable[[int], bool] | None = None) -> Iterator[int]:
    """A descriptor of the group `top` and of each group below it, parents first.

    A descriptor is valid until the next one is asked for. What `entered` is false for is left out, with all below it.
    Raises CgroupError.
    """
    yield top
    if not has_nested(top):
        return
    here = _open(".", top)
    pending = [_names(here)]
    try:
        while True:
            if pending[-1]:
                below = _open_if_there(pending[-1].pop(), here)
                if below < 0:
                    continue
                posix.close(here)
                here = below
                if entered is None or entered(here):
                    yield here
                    pending.append(_names(here))
                else:
                    pending.append([])
            else:
                pending.pop()
                if not pending:
                    return
                above = _open("..", here)
                posix.close(here)
                here = above
    finally:
        posix.close(here)


def remove_below(top: int) -> bool:
    """Remove every group below `top`, the deepest first; whether all are gone. Groups that hold processes stay.

    Raises CgroupError.
    """
    here = _open(".", top)
    pending, path, complete = [_names(here)], [""], True
    try:
        while True:
            if pending[-1]:
                name = pending[-1].pop()
                below = _open_if_there(name, here)
                if below < 0:
                    continue
                posix.close(here)
                here = below
                pending.append(_names(here))
                path.append(name)
                continue
            pending.pop()
            name = path.pop()
            if not pending:
                return complete
            above = _open("..", here)
            posix.close(here)
            here = above
            complete &= _remove(name, here)
    finally:
        posix.close(here)


def _remove(name: str, parent: int) -> bool:
    try:
        posix.rmdir(name, dir_fd=parent)
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno in BUSY:
            return False
        raise CgroupError(f"remove the nested cgroup {name!r}: {reason(error)}") from None
    return True


def _names(group: int) -> list[str]:
    """The groups in a group; none when it was removed."""
    try:
        if not has_nested(group):
            return []
        with posix.scandir(group) as items:
            return [item.name for item in items if item.is_dir(follow_symlinks=False)]
    except OSError as error:
        if error.errno in GONE:
            return []
        raise CgroupError(f"list a cgroup: {reason(error)}") from None


def _open(name: str, group: int) -> int:
    try:
        return posix.open(name, FOLDER, dir_fd=group)
    except OSError as error:
        raise CgroupError(f"open the nested cgroup {name!r}: {reason(error)}") from None


def _open_if_there(name: str, group: int) -> int:
    try:
        return posix.open(name, FOLDER, dir_fd=group)
    except FileNotFoundError:
        return -1
    except OSError as error:
        raise CgroupError(f"open the nested cgroup {name!r}: {reason(error)}") from None
