"""Hooks of the container's namespaces: createContainer and startContainer (config.md, "POSIX-platform Hooks")."""

from __future__ import annotations

import posix

from pyoci import hook_exec, jsontext
from pyoci.kernel.beneath import Root
from pyoci.wire.plan import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def run(
    hooks: list[dict[str, Any]] | None,
    document: dict[str, Any],
    kind: str,
    *,
    env: list[str],
    before_close: Callable[[], None] | None = None,
    before_exec: Callable[[], None] | None = None,
) -> None:
    """In order; the first that fails ends it with a HookError.

    `document` is the container's state as the host tells it; the hooks read the pid that the container gives init.
    `env` is that of a hook without one of its own. The functions are those of `hook_exec.Program`.
    """
    if not hooks:
        return
    content = jsontext.dumps({**document, "pid": posix.getpid()}).encode("ascii")
    for index, hook in enumerate(hooks):
        program = hook_exec.Program(
            path=hook["path"],
            argv=hook.get("args") or [hook["path"]],
            env=hook.get("env", env),
            before_close=before_close,
            before_exec=before_exec,
        )
        result = hook_exec.run_hook(program, content, hook.get("timeout"))
        if not result.succeeded:
            raise hook_exec.error_of(kind, index, hook["path"], result)


def create_container(plan: Plan, root: Root, umask: int, document: dict[str, Any]) -> None:
    """Programs of the host, in the container's mount namespace: with the caller's environment, never the image's
    (CVE-2025-23266), the caller's umask, and in the rootfs, as in runc.
    """
    hooks = plan.hooks.get("createContainer")
    if not hooks:
        return

    def take_place() -> None:
        posix.fchdir(root.fd)
        posix.umask(umask)

    env = [
        f"{name.decode('utf-8', 'surrogateescape')}={value.decode('utf-8', 'surrogateescape')}"
        for name, value in posix.environ.items()
    ]
    run(hooks, document, "createContainer", env=env, before_close=take_place)
