"""The same with asyncio. Each call that waits has a thread of its own while it does, so any number can wait at once.

A call that is cancelled ends what it waits for: `run` and `exec` kill their program, `wait` leaves the container alone.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import IO, Any, Generic, Literal, TypeVar, Unpack, overload

from pyoci.library import container as blocking
from pyoci.library import jobs
from pyoci.library import process as processes
from pyoci.library.outcome import Exit, Finished, Output
from pyoci.library.process import MAX_OUTPUT, Terminal
from pyoci.library.usage import Event, Stats
from pyoci.library.waiting import Deadline

Result = TypeVar("Result")
_Path = str | os.PathLike[str]


async def in_thread(call: Callable[[int], Result], undo: Callable[[Result], object] | None = None) -> Result:
    """Run `call` in a new thread. When this is cancelled, the descriptor that it gets becomes readable, and its end is
    waited for: nothing goes on behind the back of who cancelled. What it has made by then, `undo` removes.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()
    reader, writer = os.pipe()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # a result that is None is one

    def work() -> None:
        result, failure = None, None
        try:
            result = call(reader)
        except BaseException as error:  # noqa: BLE001  # it is raised where the result is awaited
            failure = error
        loop.call_soon_threadsafe(settle, result, failure)

    try:
        threading.Thread(target=work, name="pyoci", daemon=True).start()
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            os.close(writer)
            writer = -1
            await _until_done(done)
            if done.exception() is None and undo is not None:
                result = done.result()
                await _until_done(asyncio.ensure_future(in_thread(lambda _: undo(result))))
            raise
    finally:
        os.close(reader)
        if writer >= 0:
            os.close(writer)


async def _until_done(future: asyncio.Future[Any]) -> None:
    """Also when this is cancelled again and again: the thread uses what is let go of afterwards."""
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            pass


@overload
async def run(
    args: Sequence[_Path] | None,
    rootfs: _Path | None = ...,
    *,
    text: Literal[False] = ...,
    encoding: None = ...,
    **options: Unpack[jobs.RunOptions],
) -> Finished[bytes]: ...
@overload
async def run(
    args: Sequence[_Path] | None,
    rootfs: _Path | None = ...,
    *,
    text: bool = ...,
    encoding: str | None = ...,
    **options: Unpack[jobs.RunOptions],
) -> Finished[str]: ...
async def run(
    args: Sequence[_Path] | None,
    rootfs: _Path | None = None,
    **options: Any,
) -> Finished[Any]:
    """`pyoci.run`. Cancelled, the container is killed and deleted."""
    return await in_thread(lambda cancel: jobs.run(args, rootfs, _cancel=cancel, **options))


async def reader(stream: IO[Any]) -> asyncio.StreamReader:
    """To read from the `stdout` or `stderr` of a container or process, made with PIPE, without blocking the loop.

    It takes the stream over, and gives bytes, with `text` as well.
    """
    buffer = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(buffer), stream)
    return buffer


async def writer(stream: IO[Any]) -> asyncio.StreamWriter:
    """To write to the `stdin` of a container or process, made with PIPE: `write` bytes, and `await drain()`.

    It takes the stream over; `close` ends the program's input.
    """
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, stream)
    return asyncio.StreamWriter(transport, protocol, None, loop)


class Process(Generic[Output]):
    """`pyoci.Process` for asyncio. `async with` kills it at the end.

    `stdin`, `stdout` and `stderr` are files that block: `reader` and `writer` are for a conversation.
    """

    def __init__(self, process: processes.Process[Output]) -> None:
        self._process: processes.Process[Output] = process
        self.args = process.args
        self.pid = process.pid
        self.stdin: IO[Output] | None = process.stdin
        self.stdout: IO[Output] | None = process.stdout
        self.stderr: IO[Output] | None = process.stderr
        self.terminal: Terminal | None = process.terminal

    async def __aenter__(self) -> Process[Output]:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    def poll(self) -> Exit | None:
        return self._process.poll()

    def send_signal(self, signal: int | str) -> None:
        self._process.send_signal(signal)

    def terminate(self) -> None:
        self._process.terminate()

    async def wait(self, timeout: float | None = None) -> Exit:
        return await in_thread(lambda cancel: self._process._wait(timeout, cancel))

    async def communicate(
        self, input: str | bytes | None = None, timeout: float | None = None, max_output: int | None = MAX_OUTPUT
    ) -> tuple[Output, Output]:
        return await in_thread(lambda cancel: self._process._communicate(input, Deadline(timeout), max_output, cancel))

    async def kill(self) -> None:
        await in_thread(lambda _: self._process.kill())

    async def close(self) -> None:
        await in_thread(lambda _: self._process.close())


class Container:
    """`pyoci.Container` for asyncio. `async with` deletes it at the end, by force."""

    def __init__(self, id: str, *, root: _Path | None = None, program: str | None = None) -> None:
        self._own = blocking.Container(id, root=root, program=program)

    @classmethod
    async def create(cls, id: str | None = None, bundle: _Path | None = None, **options: Any) -> Container:
        """`pyoci.Container.create`, with its arguments. Cancelled, it leaves no container."""
        return cls._of(await in_thread(lambda _: blocking.Container.create(id, bundle, **options), _remove))

    @classmethod
    async def list(cls, root: _Path | None = None, *, program: str | None = None) -> Sequence[Container]:
        containers = await in_thread(lambda _: blocking.Container.list(root, program=program))
        return [cls._of(container) for container in containers]

    @classmethod
    def _of(cls, container: blocking.Container) -> Container:
        wrapper = cls.__new__(cls)
        wrapper._own = container
        return wrapper

    async def __aenter__(self) -> Container:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        try:
            if await in_thread(lambda _cancel: self._own._is_its_own()):
                await self.delete(force=True)
        finally:
            self.close()

    @property
    def id(self) -> str:
        return self._own.id

    @property
    def root(self) -> str:
        return self._own.root

    @property
    def stdin(self) -> IO[Any] | None:
        return self._own.stdin

    @property
    def stdout(self) -> IO[Any] | None:
        return self._own.stdout

    @property
    def stderr(self) -> IO[Any] | None:
        return self._own.stderr

    @property
    def terminal(self) -> Terminal | None:
        return self._own.terminal

    async def start(self) -> None:
        await in_thread(lambda _: self._own.start())

    async def state(self) -> dict[str, Any]:
        return await in_thread(lambda _: self._own.state())

    async def status(self) -> str:
        return await in_thread(lambda _: self._own.status)

    async def pid(self) -> int:
        return await in_thread(lambda _: self._own.pid)

    async def annotations(self) -> dict[str, str]:
        return await in_thread(lambda _: self._own.annotations)

    async def exists(self) -> bool:
        return await in_thread(lambda _: self._own.exists())

    async def kill(self, signal: int | str = "TERM", *, all: bool = False, missing_ok: bool = False) -> None:
        await in_thread(lambda _: self._own.kill(signal, all=all, missing_ok=missing_ok))

    async def pause(self) -> None:
        await in_thread(lambda _: self._own.pause())

    async def resume(self) -> None:
        await in_thread(lambda _: self._own.resume())

    async def update(self, **options: Any) -> None:
        """`pyoci.Container.update`, with its arguments."""
        await in_thread(lambda _: self._own.update(**options))

    async def stats(self) -> Stats:
        return await in_thread(lambda _: self._own.stats())

    async def ps(self) -> Sequence[int]:
        return await in_thread(lambda _: self._own.ps())

    async def events(self, interval: float = 5.0) -> AsyncIterator[Event]:
        """Statistics every `interval` seconds, and each out-of-memory kill, until the container has stopped."""
        source = self._own._events(interval)
        try:
            while (event := await in_thread(source.next)) is not None:
                yield event
        finally:
            source.close()

    async def wait(self, timeout: float | None = None) -> Exit:
        return await in_thread(lambda cancel: self._own._wait(timeout, cancel))

    async def communicate(
        self, input: str | bytes | None = None, timeout: float | None = None, max_output: int | None = MAX_OUTPUT
    ) -> tuple[Any, Any]:
        return await in_thread(lambda cancel: self._own._communicate(input, Deadline(timeout), max_output, cancel))

    @overload
    async def exec(
        self,
        args: Sequence[_Path],
        *,
        text: Literal[False] = ...,
        encoding: None = ...,
        **options: Unpack[blocking._ExecOptions],
    ) -> Finished[bytes]: ...
    @overload
    async def exec(
        self,
        args: Sequence[_Path],
        *,
        text: bool = ...,
        encoding: str | None = ...,
        **options: Unpack[blocking._ExecOptions],
    ) -> Finished[str]: ...
    async def exec(self, args: Sequence[_Path], **options: Any) -> Finished[Any]:
        """`pyoci.Container.exec`. Cancelled, the program is killed, with all that descends from it."""
        return await in_thread(lambda cancel: self._own.exec(args, _cancel=cancel, **options))

    @overload
    async def popen(
        self,
        args: Sequence[_Path],
        *,
        text: Literal[False] = ...,
        encoding: None = ...,
        **options: Unpack[blocking._PopenOptions],
    ) -> Process[bytes]: ...
    @overload
    async def popen(
        self,
        args: Sequence[_Path],
        *,
        text: bool = ...,
        encoding: str | None = ...,
        **options: Unpack[blocking._PopenOptions],
    ) -> Process[str]: ...
    async def popen(self, args: Sequence[_Path], **options: Any) -> Process[Any]:
        """`pyoci.Container.popen`. Cancelled, the program is killed."""
        process: processes.Process[Any] = await in_thread(
            lambda cancel: self._own.popen(args, _cancel=cancel, **options), processes.Process.close
        )
        return Process(process)

    async def copy_in(self, source: _Path, destination: _Path, **options: Any) -> None:
        """`pyoci.Container.copy_in`, with its arguments."""
        await in_thread(lambda _: self._own.copy_in(source, destination, **options))

    async def copy_out(self, source: _Path, destination: _Path, **options: Any) -> None:
        """`pyoci.Container.copy_out`, with its arguments."""
        await in_thread(lambda _: self._own.copy_out(source, destination, **options))

    async def checkpoint(self, image: _Path, *, leave_running: bool = False, options: Sequence[str] = ()) -> None:
        await in_thread(lambda _: self._own.checkpoint(image, leave_running=leave_running, options=options))

    @classmethod
    async def restore(cls, id: str, bundle: _Path, image: _Path, **options: Any) -> Container:
        """`pyoci.Container.restore`, with its arguments."""
        return cls._of(await in_thread(lambda _: blocking.Container.restore(id, bundle, image, **options), _remove))

    async def delete(self, *, force: bool = False) -> None:
        await in_thread(lambda _: self._own.delete(force=force))

    def close(self) -> None:
        self._own.close()


def _remove(container: blocking.Container) -> None:
    try:
        container.delete(force=True)
    finally:
        container.close()
