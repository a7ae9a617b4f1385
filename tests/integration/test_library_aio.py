"""pyoci.aio: the library in an event loop, and what cancelling means."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from helpers.library import Library, descriptors
from helpers.runtime import TIME_LIMIT, until

import pyoci
from pyoci import PIPE, Exit, aio

SLEEPS = ["sh", "-c", "trap 'exit 143' TERM; while :; do sleep 0.02; done"]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    before = descriptors()
    result = asyncio.run(work)
    assert descriptors() <= before
    return result


def test_run(library: Library) -> None:
    async def work() -> None:
        done = await aio.run(
            ["sh", "-c", "cat; exit 3"],
            config=library.config,
            input="fed",
            text=True,
            id=library.id(),
            **library.options,
        )
        assert (done.exit, done.stdout) == (Exit(3), "fed")
        with pytest.raises(pyoci.ExecutableError):
            await aio.run(["nonono"], config=library.config, id=library.id(), **library.options)
        with pytest.raises(pyoci.Timeout):
            await aio.run(["sleep", "300"], config=library.config, timeout=0.3, id=library.id(), **library.options)

    run(work())


def test_many_at_once(library: Library, tmp_path: Path) -> None:
    """Each waits for all others: were there fewer threads than calls, none would end."""
    ids = [library.id() for _ in range(20)]
    config = library.config.with_bind(tmp_path, "/mnt")

    async def one(number: int, name: str) -> int | None:
        script = f"touch /mnt/{number}; while [ $(ls /mnt | wc -l) -lt {len(ids)} ]; do sleep 0.2; done; exit {number}"
        options: dict[str, Any] = {"config": config, "timeout": TIME_LIMIT, "id": name, **library.options}
        code: int | None = (await aio.run(["sh", "-c", script], **options)).returncode
        return code

    async def work() -> None:
        found = await asyncio.gather(*(one(*pair) for pair in enumerate(ids)))
        assert found == list(range(20))

    run(work())


def test_cancelled_it_is_killed(library: Library) -> None:
    name = library.id()

    async def work() -> None:
        task = asyncio.create_task(aio.run(SLEEPS, config=library.config, id=name, **library.options))
        container = aio.Container(name, **library.options)
        while not await is_running(container):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not await container.exists()

    run(work())
    assert not list(Path(library.options["root"]).iterdir())


async def is_running(container: aio.Container) -> bool:
    try:
        return await container.status() == "running"
    except pyoci.StateError:
        return False


def test_a_life(library: Library) -> None:
    async def work() -> None:
        config = library.config.with_args(*SLEEPS)
        async with await aio.Container.create(library.id(), config=config, **library.options) as container:
            assert await container.status() == "created"
            await container.start()
            assert [other.id for other in await aio.Container.list(library.options["root"])] == [container.id]
            done = await container.exec(["cat"], input=b"x", check=True)
            assert done.stdout == b"x"
            await container.pause()
            await container.resume()
            await container.update(pids=50)
            assert (await container.stats()).pids >= 1
            assert await container.ps()
            async for event in container.events(0.05):
                assert event.kind == "stats"
                break
            waiting = asyncio.create_task(container.wait())
            await asyncio.sleep(0.05)
            await container.kill("TERM")
            assert await waiting == Exit(143)

    run(work())


def test_a_conversation(library: Library) -> None:
    async def work() -> None:
        config = library.config.with_args(*SLEEPS)
        async with await aio.Container.create(library.id(), config=config, **library.options) as container:
            await container.start()
            async with await container.popen(["cat"], stdin=PIPE, stdout=PIPE, text=True) as process:
                assert process.poll() is None
                assert (await process.communicate("hello"))[0] == "hello"
                assert await process.wait() == Exit(0)
            async with await container.popen(["sleep", "300"]) as process:
                process.terminate()
                assert await process.wait(TIME_LIMIT) == Exit(signal=15)

    run(work())


def test_a_wait_that_is_cancelled_leaves_the_container_alone(library: Library) -> None:
    async def work() -> None:
        config = library.config.with_args(*SLEEPS)
        async with await aio.Container.create(library.id(), config=config, **library.options) as container:
            await container.start()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(container.wait(), 0.1)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(container.exec(["sleep", "300"]), 0.5)
            assert await container.status() == "running"
            assert len(await container.ps()) <= 2  # it, and a sleep of its own

    run(work())


def test_workers_that_read_and_write_without_blocking_the_loop(library: Library) -> None:
    """Each answers only after all have been asked: a call that blocks would wait for ever."""
    config = library.config.with_args("sh", "-c", "while read -r line; do echo got $line; done; echo end")
    ids = [library.id() for _ in range(8)]
    asked = 0

    async def worker(name: str, everybody: asyncio.Event) -> str:
        nonlocal asked
        given = {"config": config, "stdin": PIPE, "stdout": PIPE, "die_with_parent": True, **library.options}
        async with await aio.Container.create(name, **given) as container:
            await container.start()
            assert container.stdin is not None and container.stdout is not None
            reader, writer = await aio.reader(container.stdout), await aio.writer(container.stdin)
            answer = asyncio.ensure_future(reader.readline())
            asked += 1
            if asked == len(ids):
                everybody.set()
            await everybody.wait()
            writer.write(f"{name}\n".encode())
            await writer.drain()
            first: str = (await answer).decode()
            writer.close()
            assert await reader.read() == b"end\n"
            assert await container.wait(TIME_LIMIT) == Exit(0)
            return first

    async def work() -> None:
        everybody = asyncio.Event()
        answers = await asyncio.wait_for(asyncio.gather(*(worker(name, everybody) for name in ids)), 60)
        assert answers == [f"got {name}\n" for name in ids]

    run(work())


def test_a_process_that_reads_and_writes(library: Library) -> None:
    async def work() -> None:
        async with await aio.Container.create(
            library.id(), config=library.config.with_args(*SLEEPS), **library.options
        ) as container:
            await container.start()
            async with await container.popen(["cat"], stdin=PIPE, stdout=PIPE, text=True) as process:
                assert process.stdin is not None and process.stdout is not None
                reader, writer = await aio.reader(process.stdout), await aio.writer(process.stdin)
                for word in (b"one\n", b"two\n"):
                    writer.write(word)
                    assert await reader.readline() == word
                writer.close()
                assert await reader.read() == b""
                assert await process.wait(TIME_LIMIT) == Exit(0)

    run(work())


@pytest.mark.parametrize("delay", [0.0, 0.002, 0.01, 0.03, 0.1])
def test_a_cancelled_create_leaves_nothing(library: Library, delay: float) -> None:
    """Also where the container was there already: nobody else has its ID."""

    async def work() -> None:
        config = library.config.with_args(*SLEEPS)
        task = asyncio.create_task(
            aio.Container.create(library.id(), config=config, stdout=PIPE, die_with_parent=True, **library.options)
        )
        await asyncio.sleep(delay)
        if task.cancel():
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            async with await task:
                pass
        assert pyoci.Container.list(library.options["root"]) == []

    run(work())


@pytest.mark.parametrize("delay", [0.0, 0.002, 0.01, 0.03, 0.1])
@pytest.mark.parametrize(
    "name", ["exec", "popen", "communicate", "wait", "copy_out", "stats", "state", "update", "pause"]
)
def test_a_cancelled_call_leaves_no_process_and_no_descriptor(
    library: Library, tmp_path: Path, name: str, delay: float
) -> None:
    async def work() -> None:
        own = library.started("exec sleep 300")
        until(lambda: Path(f"/proc/{own.pid}/comm").read_text() == "sleep\n", "the shell has become sleep")
        with own:
            container = aio.Container(own.id, **library.options)
            calls: dict[str, Coroutine[Any, Any, Any]] = {
                "exec": container.exec(SLEEPS),
                "popen": container.popen(SLEEPS, stdout=PIPE),
                "communicate": container.communicate(),
                "wait": container.wait(),
                "copy_out": container.copy_out("/bin", tmp_path / "copied"),
                "stats": container.stats(),
                "state": container.state(),
                "update": container.update(pids=50),
                "pause": container.pause(),
            }
            task = asyncio.create_task(calls.pop(name))
            for other in calls.values():
                other.close()
            await asyncio.sleep(delay)
            task.cancel()
            task.cancel()
            try:
                result = await task
                if name == "popen":
                    await result.close()
            except asyncio.CancelledError:
                pass
            assert own.ps() == [own.pid]
            assert own.status == "running" or name == "pause"

    run(work())
