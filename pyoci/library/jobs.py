"""`pyoci.run`: a program in a container of its own, from its start to its end."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypedDict, Unpack, overload

from pyoci.cli.main import default_root
from pyoci.errors import ConfigError
from pyoci.library import values
from pyoci.library.bundle import Bundle
from pyoci.library.config import Config
from pyoci.library.creation import is_taken, new_id, remove_rest, require_config, start
from pyoci.library.outcome import Finished
from pyoci.library.process import DEVNULL, MAX_OUTPUT, PIPE, Process, encode, finish, text_keywords
from pyoci.library.program import find_program
from pyoci.library.supervised import SupervisorLost
from pyoci.library.waiting import Cancelled, Deadline

_Path = str | os.PathLike[str]
Bind = str | tuple[_Path, _Path] | tuple[_Path, _Path, str]


class RunOptions(TypedDict, total=False):
    """Arguments of `run` besides `text` and `encoding`, for the types of its results."""

    config: Config | None
    memory: int | str | None
    cpus: float | None
    pids: int | None
    timeout: float | None
    input: bytes | str | None
    max_output: int | None
    binds: Iterable[Bind]
    network: _Path | None
    env: Mapping[str, str] | None
    cwd: _Path | None
    user: int | str | tuple[int, int] | None
    read_only: bool | None
    check: bool
    errors: str
    id: str | None
    root: _Path | None
    program: str | None
    _cancel: int


@overload
def run(
    args: Sequence[_Path] | None,
    rootfs: _Path | None = ...,
    *,
    text: Literal[False] = ...,
    encoding: None = ...,
    **options: Unpack[RunOptions],
) -> Finished[bytes]: ...
@overload
def run(
    args: Sequence[_Path] | None,
    rootfs: _Path | None = ...,
    *,
    text: bool = ...,
    encoding: str | None = ...,
    **options: Unpack[RunOptions],
) -> Finished[str]: ...
def run(
    args: Sequence[_Path] | None,
    rootfs: _Path | None = None,
    *,
    config: Config | None = None,
    memory: int | str | None = None,
    cpus: float | None = None,
    pids: int | None = None,
    timeout: float | None = None,
    input: bytes | str | None = None,
    max_output: int | None = MAX_OUTPUT,
    binds: Iterable[Bind] = (),
    network: _Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: _Path | None = None,
    user: int | str | tuple[int, int] | None = None,
    read_only: bool | None = None,
    check: bool = False,
    text: bool = False,
    encoding: str | None = None,
    errors: str = "strict",
    id: str | None = None,
    root: _Path | None = None,
    program: str | None = None,
    _cancel: int = -1,
) -> Finished[Any]:
    """Run a program in a new container to its end, as subprocess.run does, and delete the container.

    The container is `Config.default()`, or `config`, with the given changes over it: `rootfs` is its root folder,
    read-only unless `read_only` is False, or a `Bundle`, whose config counts then; without `args` (None) the config's
    own program is run; `memory` is bytes or "64M", `cpus` a number such as 0.5; `binds` are
    (source, destination) or (source, destination, "ro") or "source:destination[:ro]"; `network` is "none" (loopback
    only, the default for root), "host" (the default for others), or the path of a network namespace. An ordinary user
    gets a user namespace, and no limits unless a cgroup is theirs.

    What the program writes is bytes, or str with `text`. After `timeout` seconds, or more than `max_output` bytes,
    the container is killed: Timeout, OutputLimit, with what was written. With `check` another exit status than 0
    raises ProgramFailed. A container that cannot be made raises ConfigError, ExecutableError, ...: never is that an
    exit status. It ends with this process, whatever ends that.
    """
    keywords = text_keywords(text, encoding, errors)
    changed = _config(config, args, rootfs, memory, cpus, pids, binds, network, env, cwd, user, read_only)
    name = id or new_id()
    place = values.source(root, "root") if root is not None else default_root()
    program = program or find_program()
    document = changed.require_rootfs().to_bytes()
    deadline = Deadline(timeout)
    data = encode(input, encoding)
    values.output_limit(max_output)
    is_anothers = id is not None and is_taken(place, name)
    try:
        process: Process[Any] = start(
            program, place, ["run", name], changed.args, keywords, deadline, _cancel,
            stdin=DEVNULL if data is None else PIPE, stdout=PIPE, stderr=PIPE, config=document,
        )  # fmt: skip
        return finish(process, data, deadline, max_output, check, _cancel)
    except (KeyboardInterrupt, TimeoutError, Cancelled, SupervisorLost) as error:
        # Its supervisor may have been killed before it was done.
        if not is_anothers and (isinstance(error, SupervisorLost) or is_taken(place, name)):
            remove_rest(program, place, name)
        raise


def _config(
    config: Config | None,
    args: Sequence[_Path] | None,
    rootfs: _Path | None,
    memory: int | str | None,
    cpus: float | None,
    pids: int | None,
    binds: Iterable[Bind],
    network: _Path | None,
    env: Mapping[str, str] | None,
    cwd: _Path | None,
    user: int | str | tuple[int, int] | None,
    read_only: bool | None,
) -> Config:
    base, rootfs = _base(config, args, rootfs)
    draft = base.draft()
    changed: Config = draft
    if args is not None:
        changed = changed.with_args(*args)
    if rootfs is not None:
        changed = changed.with_rootfs(rootfs)
    if read_only is not None:
        changed = changed.with_read_only(read_only)
    if memory is not None:
        changed = changed.with_memory(memory)
    if cpus is not None:
        changed = changed.with_cpus(cpus)
    if pids is not None:
        changed = changed.with_pids(pids)
    if isinstance(binds, (str, bytes)):
        raise TypeError(f"binds: takes a list of them, not the string {binds[:40]!r}")
    for bind in binds:
        source, destination, how = _bind(bind)
        changed = changed.with_bind(source, destination, read_only=how == "ro")
    if network is not None:
        changed = changed.with_network(network)
    if env:
        changed = changed.with_env(env)
    if cwd is not None:
        changed = changed.with_cwd(cwd)
    if user is not None:
        changed = changed.with_user(user)
    return draft.finished()


def _base(config: Config | None, args: Sequence[_Path] | None, rootfs: _Path | None) -> tuple[Config, _Path | None]:
    """The config that the other arguments change, and a root folder if it gets one. TypeError for a lack."""
    if isinstance(args, (str, bytes)):
        raise TypeError(f"args: takes a list of words such as ['sh', '-c', ...], not the string {args[:40]!r}")
    require_config(config)
    if isinstance(rootfs, Bundle):
        if config is not None:
            raise TypeError("a bundle has a config: give either a bundle, or a config and a rootfs")
        config, rootfs = rootfs.standalone(), None
    if args is None and config is None:
        raise TypeError("args: takes a list of words such as ['sh', '-c', ...]; None is for a config that has them")
    if rootfs is None and config is None:
        raise TypeError("rootfs: takes the folder of a root file system, or a Bundle; or give a config that has one")
    return config or Config.default(), rootfs


def _bind(bind: Bind) -> tuple[_Path, _Path, str]:
    parts: tuple[Any, ...] = tuple(bind.split(":")) if isinstance(bind, str) else bind
    if len(parts) not in (2, 3) or (len(parts) == 3 and parts[2] not in ("ro", "rw")):
        raise ConfigError(f"binds: must be (source, destination[, 'ro']) or 'source:destination[:ro]', not {bind!r}")
    return parts[0], parts[1], parts[2] if len(parts) == 3 else "rw"
