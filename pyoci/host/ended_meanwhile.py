"""The reason of a failed operation, where the container has ended, or was deleted, since the operation began.

Its cgroup is gone then (ENODEV), or a process that was about to enter it. Engines look for the words that say so, and a
person learns nothing from the others.
"""

from __future__ import annotations

from pyoci.errors import CgroupError, ContainerError, ContainerNotFound, PyociError, StateError, SyscallError
from pyoci.kernel import pidfd
from pyoci.state import status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.state.model import State
    from pyoci.state.store import Entry

# Seconds: init ends after the other processes of its PID namespace, so what was about to enter may be gone before it.
_MOMENT = 0.2


def cause(error: PyociError, entry: Entry, state: State, has_stopped: str) -> PyociError:
    """The error to raise: `error` itself while the container lives, else one with the words `has_stopped`."""
    if not isinstance(error, (CgroupError, ContainerError, SyscallError)):
        return error
    if entry.is_removed():
        return ContainerNotFound(entry.id)
    if _lives_on(state, 0.0 if isinstance(error, CgroupError) else _MOMENT):
        return error
    return StateError(has_stopped)


def _lives_on(state: State, seconds: float) -> bool:
    try:
        init = status.hold_init(state)
    except SyscallError:
        return True  # nobody knows: the error that there is stays
    if init is None:
        return False
    try:
        return not pidfd.wait(init, seconds)
    finally:
        pidfd.close(init)
