"""A container by its ID: what the commands of `pyoci` do, as methods."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from typing import IO, Any, Literal, TypedDict, Unpack, overload

from pyoci.cli.main import default_root
from pyoci.errors import ContainerNotFound, PyociError, StateError, UsageError
from pyoci.host import events as host_events
from pyoci.host import kill as host_kill
from pyoci.host import pause as host_pause
from pyoci.host import ps as host_ps
from pyoci.host import update as host_update
from pyoci.host.status import state_document
from pyoci.library import copying, creation, values
from pyoci.library import resources as resources_of_update
from pyoci.library.config import Config
from pyoci.library.container_files import open_files
from pyoci.library.ending import Ending
from pyoci.library.outcome import Exit, Finished
from pyoci.library.process import (
    DEVNULL,
    MAX_OUTPUT,
    PIPE,
    TERMINAL_SIZE,
    Process,
    Terminal,
    encode,
    exec_words,
    finish,
    signal_number,
    text_keywords,
)
from pyoci.library.program import Stream, call, find_program
from pyoci.library.streams import Streams
from pyoci.library.usage import Event, Events, Stats, stats_of
from pyoci.library.waiting import Deadline
from pyoci.state import status as state_status
from pyoci.state.store import Entry, Store, check_id

_Path = str | os.PathLike[str]
_User = int | str | tuple[int, int]
_Pids = list[int]  # `list` is a method below


class _Options(TypedDict, total=False):
    """Arguments of `exec` and `popen`, for the types of their results; their definitions have the defaults."""

    _cancel: int
    errors: str
    env: Mapping[str, str] | None
    cwd: _Path | None
    user: _User | None
    timeout: float | None
    options: Sequence[str]


class _ExecOptions(_Options, total=False):
    input: bytes | str | None
    max_output: int | None
    check: bool


class _PopenOptions(_Options, total=False):
    stdin: Stream
    stdout: Stream
    stderr: Stream
    terminal: bool | tuple[int, int]


class Container:
    """A container that exists, by its ID, whoever made it. Making this object looks at nothing.

    `root` is where its state is kept, `program` the `pyoci` to call: None for the defaults. Used as a context, the
    container is deleted at its end, by force. All methods may be called from several threads at once.
    """

    def __init__(self, id: str, *, root: _Path | None = None, program: str | None = None) -> None:
        check_id(id)
        self.id = id
        self.root = values.source(root, "root") if root is not None else default_root()
        self.program = program or find_program()
        self._streams = Streams(None, None, "strict")
        self._ending = Ending(self.root, self.id)

    @classmethod
    def create(
        cls,
        id: str | None = None,
        bundle: _Path | None = None,
        *,
        config: Config | None = None,
        rootfs: _Path | None = None,
        stdin: Stream = DEVNULL,
        stdout: Stream = DEVNULL,
        stderr: Stream = DEVNULL,
        text: bool = False,
        encoding: str | None = None,
        errors: str = "strict",
        die_with_parent: bool = False,
        systemd_cgroup: bool = False,
        root: _Path | None = None,
        program: str | None = None,
        options: Sequence[str] = (),
    ) -> Container:
        """Make a container that waits for `start`: of a `bundle`, or of a `config` whose rootfs may be given beside it.

        Without an ID it gets a new one. The streams are as in subprocess: a file, a descriptor, None for the caller's
        own, DEVNULL, PIPE (then an attribute of that name is the other end). A config with a terminal has no streams:
        `terminal` is its other side. With `die_with_parent` the container is killed and deleted when this process
        dies, by SIGKILL, too. `options` are further ones of `pyoci create`.

        Raises what pyoci.errors has for it: ContainerExists, ConfigError, ExecutableError, ...
        """
        container = cls(id if id is not None else creation.new_id(), root=root, program=program)
        words, document = creation.source(bundle, config, rootfs)
        supervised = creation.create(
            container.program,
            container.root,
            container.id,
            [*words, *values.options(options)],
            text_keywords(text, encoding, errors),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            config=document,
            die_with_parent=die_with_parent,
            global_options=["--systemd-cgroup"] if systemd_cgroup else [],
        )
        container._streams = Streams(supervised, encoding or ("utf-8" if text else None), errors)
        return container

    @classmethod
    def list(cls, root: _Path | None = None, *, program: str | None = None) -> Sequence[Container]:
        """All containers whose state is kept in `root`, by ID."""
        place = values.source(root, "root") if root is not None else default_root()
        program = program or find_program()
        return [cls(id, root=place, program=program) for id in Store(place).ids()]

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_exception: object) -> None:
        try:
            if self._is_its_own():
                self.delete(force=True)
        finally:
            self.close()

    def _is_its_own(self) -> bool:
        """Whether this object has made the container of this ID: others may delete it meanwhile, and take the ID."""
        pid = self._streams.pid
        if not pid:
            return True  # it is of somebody else's making, or known by its name only
        try:
            with self._open() as entry:
                return entry.read().pid in (0, pid)
        except ContainerNotFound:
            return False
        except PyociError:
            return True  # what is broken is to be deleted, too

    def __repr__(self) -> str:
        return f"Container({self.id!r}, root={self.root!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Container) and (self.id, self.root) == (other.id, other.root)

    def __hash__(self) -> int:
        return hash((self.id, self.root))

    @property
    def stdin(self) -> IO[Any] | None:
        return self._streams.stdin

    @property
    def stdout(self) -> IO[Any] | None:
        return self._streams.stdout

    @property
    def stderr(self) -> IO[Any] | None:
        return self._streams.stderr

    @property
    def terminal(self) -> Terminal | None:
        return self._streams.terminal

    def start(self) -> None:
        """Run the program of the config. Raises ExecutableError when it cannot be, HookError, StateError."""
        self._call("start", self.id)

    def state(self) -> dict[str, Any]:
        """The state as runtime.md has it. Raises ContainerNotFound."""
        with self._open() as entry:
            return state_document(entry)

    @property
    def status(self) -> str:
        """creating, created, running, paused or stopped. Raises ContainerNotFound."""
        return str(self.state()["status"])

    @property
    def pid(self) -> int:
        """The number of its first process as the host has it; 0 when it has stopped. Raises ContainerNotFound."""
        return int(self.state()["pid"])

    @property
    def annotations(self) -> dict[str, str]:
        return dict(self.state().get("annotations") or {})

    def exists(self) -> bool:
        """Whether there is such a container."""
        try:
            self._open().close()
        except ContainerNotFound:
            return False
        return True

    def kill(self, signal: int | str = "TERM", *, all: bool = False, missing_ok: bool = False) -> None:
        """Send a signal to its first process, or to `all` of them.

        StateError when it has stopped, ContainerNotFound; neither with `missing_ok`.
        """
        number = signal_number(signal)
        try:
            with self._open() as entry:
                host_kill.kill(entry, number, all)
        except StateError:
            if not missing_ok or (self.exists() and self.status != state_status.STOPPED):
                raise

    def pause(self) -> None:
        """Freeze all its processes. StateError unless it is created or running."""
        with self._open() as entry:
            host_pause.pause(entry)

    def resume(self) -> None:
        """Thaw it. StateError unless it is paused."""
        with self._open() as entry:
            host_pause.resume(entry)

    def update(
        self,
        *,
        memory: int | str | None = None,
        memory_swap: int | str | None = None,
        cpu: float | None = None,
        cpus: float | None = None,
        cpu_shares: int | None = None,
        pids: int | None = None,
        resources: Mapping[str, Any] | None = None,
    ) -> None:
        """Change limits; what is not named stays. `resources` is as `linux.resources` of the specification.

        Sizes are bytes or "64M", -1 means unlimited; `cpu` is a number of CPUs such as 0.5, and `cpus` its other name.
        Raises ConfigError, CgroupError (the former limits are back then).
        """
        if cpu is not None and cpus is not None:
            raise TypeError("cpu and cpus are two names of one limit: give one of them")
        limits = resources_of_update.document(
            resources,
            memory=memory,
            memory_swap=memory_swap,
            cpu=cpus if cpu is None else cpu,
            cpu_shares=cpu_shares,
            pids=pids,
        )
        with self._open() as entry:
            host_update.update(entry, limits)

    def stats(self) -> Stats:
        """Usage at this moment. Raises StateError when it has stopped."""
        with self._open() as entry:
            return stats_of(host_events.stats(entry)["data"])

    def ps(self) -> _Pids:
        """Process numbers as the host has them."""
        with self._open() as entry:
            return host_ps.pids(entry)

    def events(self, interval: float = 5.0) -> Generator[Event, None, None]:
        """Statistics every `interval` seconds, and each out-of-memory kill, until the container has stopped."""
        events = self._events(interval)
        try:
            while (event := events.next()) is not None:
                yield event
        finally:
            events.close()

    def wait(self, timeout: float | None = None) -> Exit:
        """Wait until it has stopped; how its first process ended, also when that was long ago or in another process.

        It is not known (`Exit.is_known`) of a container that something else than this library made. Raises Timeout
        after `timeout` seconds, ContainerNotFound once it is deleted, unless this object has waited before.
        """
        return self._wait(timeout)

    @overload
    def exec(
        self,
        args: Sequence[_Path],
        *,
        text: Literal[False] = ...,
        encoding: None = ...,
        **settings: Unpack[_ExecOptions],
    ) -> Finished[bytes]: ...
    @overload
    def exec(
        self, args: Sequence[_Path], *, text: bool = ..., encoding: str | None = ..., **settings: Unpack[_ExecOptions]
    ) -> Finished[str]: ...
    def exec(
        self,
        args: Sequence[_Path],
        *,
        text: bool = False,
        encoding: str | None = None,
        errors: str = "strict",
        input: bytes | str | None = None,
        timeout: float | None = None,
        max_output: int | None = MAX_OUTPUT,
        env: Mapping[str, str] | None = None,
        cwd: _Path | None = None,
        user: _User | None = None,
        check: bool = False,
        options: Sequence[str] = (),
        _cancel: int = -1,
    ) -> Finished[Any]:
        """Run a further program to its end, as subprocess.run does; what it wrote is bytes, or str with `text`.

        `env` adds to what the container's program has, `user` is `uid`, `(uid, gid)` or "uid:gid", `options` are
        further ones of `pyoci exec`. After `timeout` seconds or more than `max_output` bytes the program is killed,
        with all that descends from it: Timeout, OutputLimit, both with what it had written. With `check` another
        exit status than 0 raises ProgramFailed. What cannot be run raises ExecutableError, StateError, ...: never is
        that an exit status. The program dies with this process.
        """
        words = exec_words(self.id, args, env=env, cwd=cwd, user=user, terminal=False, options=options)
        keywords = text_keywords(text, encoding, errors)
        data = encode(input, encoding)
        values.output_limit(max_output)
        stdin = DEVNULL if data is None else PIPE
        deadline = Deadline(timeout)
        process: Process[Any] = creation.start(
            self.program, self.root, words, [os.fspath(word) for word in args], keywords, deadline, _cancel,
            stdin=stdin, stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        return finish(process, data, deadline, max_output, check, _cancel)

    @overload
    def popen(
        self,
        args: Sequence[_Path],
        *,
        text: Literal[False] = ...,
        encoding: None = ...,
        **settings: Unpack[_PopenOptions],
    ) -> Process[bytes]: ...
    @overload
    def popen(
        self, args: Sequence[_Path], *, text: bool = ..., encoding: str | None = ..., **settings: Unpack[_PopenOptions]
    ) -> Process[str]: ...
    def popen(
        self,
        args: Sequence[_Path],
        *,
        stdin: Stream = DEVNULL,
        stdout: Stream = DEVNULL,
        stderr: Stream = DEVNULL,
        terminal: bool | tuple[int, int] = False,
        text: bool = False,
        encoding: str | None = None,
        errors: str = "strict",
        env: Mapping[str, str] | None = None,
        cwd: _Path | None = None,
        user: _User | None = None,
        timeout: float | None = None,
        options: Sequence[str] = (),
        _cancel: int = -1,
    ) -> Process[Any]:
        """Start a further program; returns once it runs. Streams as in `create`, or a `terminal` instead of them.

        `terminal` is True, or (rows, columns).
        `timeout` is for the start alone. The program dies with this process. Raises as `exec` does.
        """
        keywords = text_keywords(text, encoding, errors)
        if terminal and (stdin, stdout, stderr) != (DEVNULL, DEVNULL, DEVNULL):
            raise TypeError("terminal: takes the place of stdin, stdout and stderr: give either it or them")
        words = exec_words(self.id, args, env=env, cwd=cwd, user=user, terminal=bool(terminal), options=options)
        size = (
            (values.terminal_size(terminal, "terminal") if terminal is not True else TERMINAL_SIZE)
            if terminal
            else None
        )
        return creation.start(
            self.program, self.root, words, [os.fspath(word) for word in args], keywords, Deadline(timeout), _cancel,
            stdin=stdin, stdout=stdout, stderr=stderr, size=size,
        )  # fmt: skip

    def communicate(
        self,
        input: str | bytes | None = None,
        timeout: float | None = None,
        max_output: int | None = MAX_OUTPUT,
    ) -> tuple[Any, Any]:
        """With PIPEs at `create`: write `input` and read what the container's program writes until it ends.

        Raises Timeout and OutputLimit, with what was read; the container goes on then.
        """
        return self._communicate(input, Deadline(timeout), max_output)

    def copy_in(
        self,
        source: _Path,
        destination: _Path,
        *,
        owner: tuple[int, int] = (0, 0),
        max_bytes: int | str = copying.MAX_BYTES,
    ) -> None:
        """Copy a file, a link or a folder with all in it from the host into the container.

        A `destination` that is a folder gets it under its own name; else it is the new name. Permissions are kept,
        the owner is `owner` as the container counts. No link of the container leads out of it, nothing is written
        through one: a name that exists is replaced. Devices, sockets and FIFOs are left out. Raises PyociError.
        """
        most = values.most_bytes(max_bytes)
        with self._files() as files:
            place = values.path(destination, "destination")
            copying.copy_in(
                files,
                values.text(values.file_name(source, "source"), "source"),
                place,
                values.user(owner, "owner"),
                most,
            )

    def copy_out(self, source: _Path, destination: _Path, *, max_bytes: int | str = copying.MAX_BYTES) -> None:
        """Copy a file or a folder with all in it from the container to the host; see `copy_in`.

        Links on the way to `source` are followed inside of the container, those below it are copied as links. What is
        copied belongs to the caller, and has no set-user-ID and no set-group-ID bit. Of a container that has stopped,
        only what lies on its rootfs is there.
        """
        most = values.most_bytes(max_bytes)
        with self._files() as files:
            place = values.text(values.file_name(destination, "destination"), "destination")
            copying.copy_out(files, values.path(source, "source"), place, most)

    def checkpoint(self, image: _Path, *, leave_running: bool = False, options: Sequence[str] = ()) -> None:
        """Write its processes down in the folder `image` (criu(8)), for `restore`; then it is deleted.

        Unless `leave_running`. PyociError when there is no CRIU, or it cannot.
        """
        command = ["checkpoint", f"--image-path={values.source(image, 'image')}", *values.options(options)]
        if leave_running:
            self._call(*command, "--leave-running", self.id)
        else:
            self._ending.by_command(self.program, [*command, self.id])

    @classmethod
    def restore(
        cls,
        id: str,
        bundle: _Path,
        image: _Path,
        *,
        root: _Path | None = None,
        program: str | None = None,
        options: Sequence[str] = (),
    ) -> Container:
        """Make a container of what `checkpoint` wrote. How it ends is not recorded. PyociError when CRIU cannot."""
        container = cls(id, root=root, program=program)
        places = [f"--image-path={values.source(image, 'image')}", f"--bundle={values.source(bundle, 'bundle')}"]
        container._call("restore", "--detach", *places, *values.options(options), id)
        return container

    def delete(self, *, force: bool = False) -> None:
        """Remove what `create` made. StateError unless it has stopped; with `force` it is killed, and may be missing.

        `wait` of this object still returns how it ended.
        """
        self._ending.by_command(self.program, ["delete", *(["--force"] if force else []), self.id])

    def close(self) -> None:
        """Let go of streams and descriptors. The container stays."""
        self._streams.close()

    def _events(self, interval: float) -> Events:
        if not interval > 0:
            raise UsageError(f"interval: must be greater than zero, not {interval}")
        self.state()
        return Events([self.program, "--root", self.root, "events", f"--interval={interval:.9f}s", self.id])

    def _wait(self, timeout: float | None, cancel: int = -1) -> Exit:
        return self._ending.wait(Deadline(timeout), cancel)

    def _communicate(
        self, input: str | bytes | None, deadline: Deadline, max_output: int | None, cancel: int = -1
    ) -> tuple[Any, Any]:
        return self._streams.communicate(self._ending, input, deadline, max_output, cancel)

    def _files(self) -> copying.Files:
        with self._open() as entry:
            return open_files(entry)

    def _call(self, *words: str) -> bytes:
        return call(self.program, self.root, words)

    def _open(self) -> Entry:
        return Store(self.root).open(self.id)
