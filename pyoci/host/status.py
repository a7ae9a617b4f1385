"""The document that `state` prints (runtime.md, "State")."""

from __future__ import annotations

from pyoci.errors import ContainerNotFound
from pyoci.state import model, status
from pyoci.state.store import Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def state_document(entry: Entry) -> dict[str, Any]:
    """The document, with the status of this moment; of a container that has stopped, annotations say what killed it.

    Raises ContainerNotFound while `create` is at work, as with runc: an engine that asks again and again sees no
    container, and then a created one. Raises what `status.look` does.
    """
    state, current = status.look(entry)
    if current == status.CREATING:
        raise ContainerNotFound(entry.id, status.BEING_CREATED)
    document = model.document(state, current)
    if current == status.STOPPED:
        from pyoci.host import why_ended  # whoever asks often asks of those that run

        if reasons := why_ended.as_annotations(entry, state):
            document["annotations"] = {**state.annotations, **reasons}
    return document
