"""Hooks of the runtime namespace: prestart, createRuntime, poststart, poststop.

See config.md, "POSIX-platform Hooks".
"""

from __future__ import annotations

import _stat as stat
import posix

from pyoci import hook_exec, jsontext, log
from pyoci.errors import PyociError, UnsupportedError
from pyoci.host.interrupt import undo_when_asked_to_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Output = tuple[str, list[str]]


def run(hooks: list[dict[str, Any]], state_document: dict[str, Any], kind: str, cwd: str) -> None:
    """Run `hooks` in order with the state on their standard input; `kind` is their property's name.

    Raises HookError for the first that fails, SyscallError when no process can be made.
    """
    content = jsontext.dumps(state_document).encode("ascii")
    output = _output(state_document)
    for index, hook in enumerate(hooks):
        _run_one(hook, content, kind, index, cwd, output)


def run_all(hooks: list[dict[str, Any]], state_document: dict[str, Any], kind: str, cwd: str) -> None:
    """As `run`, but one that fails is only warned of and the next one follows (runtime.md, Lifecycle, 13)."""
    content = jsontext.dumps(state_document).encode("ascii")
    output = _output(state_document)
    for index, hook in enumerate(hooks):
        try:
            _run_one(hook, content, kind, index, cwd, output)
        except PyociError as error:
            log.warning(str(error))


def _run_one(hook: dict[str, Any], content: bytes, kind: str, index: int, cwd: str, output: Output) -> None:
    name, path = f"{kind} hook #{index}", hook["path"]
    log.debug(f"run {name} {path}")
    undo_when_asked_to_end("its hooks were ended")
    program = hook_exec.Program(
        path=path,
        argv=hook.get("args") or [path],
        env=hook.get("env", caller_environment()),
        cwd=cwd,
        before_close=(lambda: _redirect(output)) if any(output[1]) else None,
    )
    result = hook_exec.run_hook(program, content, hook.get("timeout"))
    if not result.succeeded:
        raise hook_exec.error_of(kind, index, path, result)
    if result.output:
        log.debug(f"{name} {path} wrote: {result.output.decode('utf-8', 'replace').strip()}")


def _output(state_document: dict[str, Any]) -> Output:
    """The bundle, and the files in it that standard output and error go to; see `plan.hook_output`."""
    annotations = state_document.get("annotations") or {}
    if not any(name.startswith("run.oci.hooks.") for name in annotations):
        return "", []
    from pyoci.plan import hook_output

    bundle = state_document["bundle"]
    return bundle, hook_output.names(annotations, bundle)


def _redirect(output: Output) -> None:
    bundle, names = output
    try:
        folder = posix.open(bundle, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    except FileNotFoundError:
        return  # poststop hooks run even when an engine has removed the bundle
    for number, name in enumerate(names, 1):
        if name:
            flags = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_NOFOLLOW | posix.O_NONBLOCK
            fd = posix.open(name, flags | posix.O_CLOEXEC, 0o600, dir_fd=folder)
            if not stat.S_ISREG(posix.fstat(fd).st_mode):
                raise UnsupportedError(f"{bundle}/{name}: must be a regular file for the output of hooks")
            posix.dup2(fd, number)


def caller_environment() -> list[str]:
    """The environment of a hook without `env`, as in runc; with an empty one it has nothing."""
    return [f"{_text(name)}={_text(value)}" for name, value in posix.environ.items()]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
