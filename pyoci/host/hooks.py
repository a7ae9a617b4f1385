"""Hooks of the runtime namespace: prestart, createRuntime, poststart, poststop.

See config.md, "POSIX-platform Hooks".
"""

from __future__ import annotations

import posix

from pyoci import hook_exec, jsontext, log
from pyoci.errors import HookError, PyociError
from pyoci.host.interrupt import undo_when_asked_to_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Output = tuple[str, str]


def run(hooks: list[dict[str, Any]], state_document: dict[str, Any], kind: str, cwd: str) -> None:
    """Run `hooks` in order with the state on their standard input; `kind` is their property's name.

    Raises HookError for the first that fails, SyscallError when no process can be made.
    """
    content = jsontext.dumps(state_document).encode("ascii")
    output = output_of(state_document.get("annotations") or {})
    for index, hook in enumerate(hooks):
        _run_one(hook, content, f"{kind} hook {index}", cwd, output)


def run_all(hooks: list[dict[str, Any]], state_document: dict[str, Any], kind: str, cwd: str) -> None:
    """As `run`, but one that fails is only warned of and the next one follows (runtime.md, Lifecycle, 13)."""
    content = jsontext.dumps(state_document).encode("ascii")
    output = output_of(state_document.get("annotations") or {})
    for index, hook in enumerate(hooks):
        try:
            _run_one(hook, content, f"{kind} hook {index}", cwd, output)
        except PyociError as error:
            log.warning(str(error))


def _run_one(hook: dict[str, Any], content: bytes, name: str, cwd: str, output: Output) -> None:
    path = hook["path"]
    log.debug(f"run {name} {path}")
    undo_when_asked_to_end("its hooks were ended")
    result = hook_exec.run_hook(
        path,
        hook.get("args") or [path],
        hook.get("env", caller_environment()),
        content,
        hook.get("timeout"),
        cwd,
        (lambda: _redirect(output)) if any(output) else None,
    )
    if not result.succeeded:
        raise HookError(f"{name} {path}: {hook_exec.describe(result)}")
    if result.output:
        log.debug(f"{name} {path} wrote: {result.output.decode('utf-8', 'replace').strip()}")


def output_of(annotations: dict[str, str]) -> Output:
    """crun's run.oci.hooks.stdout and stderr: files that the host-side hooks append to."""
    return annotations.get("run.oci.hooks.stdout", ""), annotations.get("run.oci.hooks.stderr", "")


def _redirect(output: Output) -> None:
    for number, path in enumerate(output, 1):
        if path:
            fd = posix.open(path, posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_NOCTTY, 0o600)
            posix.dup2(fd, number)


def caller_environment() -> list[str]:
    """What a hook without `env` has, as in runc; with an empty one it has nothing."""
    return [f"{_text(name)}={_text(value)}" for name, value in posix.environ.items()]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
