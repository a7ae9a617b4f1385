"""The state of a container as runtime.md ("State") words it: what `state` prints and what hooks read."""

from __future__ import annotations

from pyoci.errors import ContainerNotFound
from pyoci.state import status
from pyoci.state.store import Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.state.model import State


def state_document(entry: Entry) -> dict[str, Any]:
    """The document, with the status of this moment.

    Raises ContainerNotFound while `create` is at work, as with runc: an engine that asks again and again sees no
    container, and then a created one. Raises what `status.look` does.
    """
    state, current = status.look(entry)
    if current == status.CREATING:
        raise ContainerNotFound(entry.id, status.BEING_CREATED)
    return document(state, current)


def document(state: State, current: str, pid: int | None = None) -> dict[str, Any]:
    """The document with the status `current`.

    `pid` as given, else that of the record, or 0 once it has stopped: the number may be another's by now.
    """
    if pid is None:
        pid = 0 if current == status.STOPPED else state.pid
    made = {
        "ociVersion": state.oci_version,
        "id": state.id,
        "pid": pid,
        "status": current,
        "bundle": state.bundle,
        "rootfs": state.rootfs,
        "created": state.created,
        "owner": state.owner,
    }
    if state.annotations:
        made["annotations"] = state.annotations
    return made
