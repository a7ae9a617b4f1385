"""Hooks of the container's namespaces: createContainer and startContainer (config.md, "POSIX-platform Hooks")."""

from __future__ import annotations

import posix

from pyoci import jsontext
from pyoci.errors import HookError
from pyoci.kernel import hook_exec
from pyoci.wire.inherited import Inherited
from pyoci.wire.plan import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_STATUS = {"createContainer": "creating", "startContainer": "created"}


def run(
    plan: Plan,
    inherited: Inherited,
    kind: str,
    hooks: list[dict[str, Any]] | None,
    before_close: Callable[[], None] | None = None,
    before_exec: Callable[[], None] | None = None,
) -> None:
    """In order; the first that fails ends it with a HookError. `pid` is what the container calls init."""
    if not hooks:
        return
    state = {
        "ociVersion": plan.oci_version,
        "id": plan.container_id,
        "status": _STATUS[kind],
        "pid": posix.getpid(),
        "bundle": plan.bundle,
        "annotations": plan.annotations,
    }
    document = jsontext.dumps(state).encode("utf-8", "surrogateescape")
    for index, hook in enumerate(hooks):
        result = hook_exec.run_hook(
            hook["path"],
            hook.get("args") or [hook["path"]],
            hook.get("env") or [],
            document,
            hook.get("timeout"),
            None,
            before_close,
            before_exec,
        )
        if not result.succeeded:
            raise HookError(f"{kind} hook #{index} {hook['path']}: {hook_exec.describe(result)}")
