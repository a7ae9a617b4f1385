"""pyoci: a low-level OCI container runtime."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.trace import Recorder

recorder: Recorder | None = None  # set by --trace


def phase(name: str, side: str = "") -> None:
    """Say what begins here, and so what ends: --trace records it (`pyoci.trace`), else nothing happens.

    `side` names the process: to be given in the first call after a fork.
    """
    if recorder is not None:
        recorder.begin(name, side)
