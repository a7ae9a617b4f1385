"""pyoci.aio: the library in an event loop, and what cancelling means."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from helpers.library import Library, descriptors

import pyoci
from pyoci import PIPE, Exit, aio

SLEEPS = ["sh", "-c", "trap 'exit 143' TERM; while :; do sleep 0.02; done"]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    before = descriptors()
    result = asyncio.run(work)
    assert descriptors() == before
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


def test_many_at_once(library: Library) -> None:
    ids = [library.id() for _ in range(20)]

    async def work() -> None:
        began = time.monotonic()
        found = await asyncio.gather(
            *(
                aio.run(["sh", "-c", f"sleep 2; exit {n}"], config=library.config, id=name, **library.options)
                for n, name in enumerate(ids)
            )
        )
        assert [done.returncode for done in found] == list(range(20))
        assert time.monotonic() - began < 20  # not 40: nobody waits for a free thread

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
                assert await process.wait(10) == Exit(signal=15)

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
