"""What a call of the library costs: at most 1 ms of CPU time over the command that it stands for.

CPU time of this process and of the command, the least of many: what others do on the machine adds to the wall's clock,
and little to this. It is counted at the machine's pace: `state` takes PACE seconds where docs/performance.md was made.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from helpers.library import Library
from helpers.runtime import TIME_LIMIT

from pyoci import Container

pytestmark = [pytest.mark.alone, pytest.mark.thorough]

ROUNDS = 25
ALLOWED = 0.001
PACE = 0.0012


def used() -> float:
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


Step = Callable[[], Any]


def once(call: Step, after: Step) -> float:
    began = used()
    call()
    cost = used() - began
    after()
    return cost


def best(call: Step, after: Step = lambda: None) -> float:
    return min(once(call, after) for _ in range(ROUNDS))


def best_in_turn(call: Step, bare: Step, after: Step = lambda: None, after_bare: Step = lambda: None) -> float:
    """The least cost of `call` over that of `bare`, taken in turn: both meet the same load. The best of three tries."""

    def attempt() -> float:
        pairs = [(once(call, after), once(bare, after_bare)) for _ in range(ROUNDS)]
        return min(cost for cost, _ in pairs) - min(cost for _, cost in pairs)

    return min(attempt() for _ in range(3))


@pytest.fixture
def command(library: Library) -> Callable[..., Callable[[], None]]:
    """The bare command: posix_spawn, and wait."""
    program = library.options["program"]
    actions = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]

    def make(*words: str) -> Callable[[], None]:
        line = [program, "--root", library.options["root"], *words]

        def run() -> None:
            pid = os.posix_spawn(program, line, os.environ, file_actions=actions)
            assert os.waitpid(pid, 0)[1] == 0

        return run

    return make


@pytest.fixture
def allowed(library: Library, command: Callable[..., Callable[[], None]]) -> float:
    with library.started("sleep 300") as container:
        return ALLOWED * max(1.0, best(command("state", container.id)) / PACE)


@pytest.mark.parametrize("name", ["state", "kill", "ps", "list", "stats", "update"])
def test_what_needs_no_program_is_cheaper_than_it(
    library: Library, command: Callable[..., Callable[[], None]], name: str
) -> None:
    words = {
        "state": ["state"],
        "kill": ["kill"],
        "ps": ["ps", "-f", "json"],
        "list": ["list"],
        "stats": ["events", "--stats"],
        "update": ["update", "--pids-limit", "100"],
    }
    with library.started("trap '' WINCH; sleep 300") as container:
        ids = [] if name == "list" else [container.id]
        calls: dict[str, Callable[[], Any]] = {
            "state": container.state,
            "kill": lambda: container.kill("WINCH"),
            "ps": container.ps,
            "list": lambda: [other.state() for other in Container.list(container.root, program=container.program)],
            "stats": container.stats,
            "update": lambda: container.update(pids=100),
        }
        bare = command(*words[name], *ids, *(["WINCH"] if name == "kill" else []))
        assert best(calls[name]) < best(bare)


@pytest.mark.parametrize("name", ["pause", "resume"])
def test_pause_and_resume(library: Library, command: Callable[..., Callable[[], None]], name: str) -> None:
    with library.started("sleep 300") as container:
        both: dict[str, Step] = {"pause": container.pause, "resume": container.resume}
        bare = {word: command(word, container.id) for word in both}
        other = "resume" if name == "pause" else "pause"
        if name == "resume":
            container.pause()
        assert best(both[name], both[other]) < best(bare[name], bare[other])
        if name == "resume":
            container.resume()


def test_exec(library: Library, command: Callable[..., Callable[[], None]], allowed: float) -> None:
    with library.started("sleep 300") as container:
        bare = command("exec", container.id, "true")
        assert best_in_turn(lambda: container.exec(["true"]), bare) < allowed


def test_run(library: Library, command: Callable[..., Callable[[], None]], allowed: float) -> None:
    bundle = library.rootfs.parent
    library.config.with_args("true").save(bundle)
    bare = command("run", "--bundle", str(bundle), library.id())
    assert best_in_turn(lambda: library.run("true"), bare) < allowed


def test_create(library: Library, command: Callable[..., Callable[[], None]], allowed: float) -> None:
    bundle = library.rootfs.parent
    library.config.with_args("true").save(bundle)
    made: list[Container] = []
    name = library.id()
    bare_name = library.id()
    bare = command("create", "--bundle", str(bundle), bare_name)

    def create() -> None:
        made.append(Container.create(name, bundle, **library.options))

    def undo() -> None:
        container = made.pop()
        container.delete(force=True)
        container.close()

    assert best_in_turn(create, bare, undo, command("delete", "--force", bare_name)) < allowed


class Fresh:
    """Containers of the library and of the bare command, a new one of each for every call that uses one up."""

    def __init__(self, library: Library, command: Callable[..., Step], *, script: str = "exec sleep 300") -> None:
        self.library = library
        self.command = command
        self.script = script

    def created(self) -> Container:
        return self.library.create(self.script)

    def stopped(self) -> Container:
        container = self.library.started("exit 3")
        container.wait(TIME_LIMIT)
        return container

    def cost(self, make: Step, call: Callable[[Container], Any], *words: str) -> float:
        """As best_in_turn, each call on a container of its own."""

        def attempt() -> float:
            costs: tuple[list[float], list[float]] = ([], [])
            for _ in range(ROUNDS):
                for index, of_library in enumerate((True, False)):
                    container = make()
                    bare = self.command(*words, container.id)
                    step = partial(call, container) if of_library else bare
                    costs[index].append(once(step, lambda: None))
                    if container.exists():
                        container.delete(force=True)
                    container.close()
            return min(costs[0]) - min(costs[1])

        return min(attempt() for _ in range(3))


def test_start(library: Library, command: Callable[..., Step], allowed: float) -> None:
    fresh = Fresh(library, command)
    assert fresh.cost(fresh.created, Container.start, "start") < allowed


def test_delete(library: Library, command: Callable[..., Step], allowed: float) -> None:
    fresh = Fresh(library, command)
    assert fresh.cost(fresh.stopped, Container.delete, "delete") < allowed


def test_delete_by_force(library: Library, command: Callable[..., Step], allowed: float) -> None:
    fresh = Fresh(library, command)
    assert fresh.cost(fresh.created, lambda one: one.delete(force=True), "delete", "--force") < allowed


def test_wait(library: Library, command: Callable[..., Step]) -> None:
    """There is no such command: it is cheaper than to ask for the state once."""
    with library.started("exit 3") as container:
        container.wait(TIME_LIMIT)
        other = Container(container.id, **library.options)
        assert best(lambda: Container(container.id, **library.options).wait(TIME_LIMIT)) < best(
            command("state", container.id)
        )
        assert other.wait(0).code == 3


def test_popen(library: Library, command: Callable[..., Step], allowed: float) -> None:
    with library.started("sleep 300") as container:
        bare = command("exec", container.id, "true")

        def run() -> None:
            with container.popen(["true"]) as program:
                program.wait(TIME_LIMIT)

        assert best_in_turn(run, bare) < allowed


def test_events(library: Library, command: Callable[..., Step], allowed: float) -> None:
    """The first of them, beside the command that prints one."""
    with library.started("sleep 300") as container:

        def first() -> None:
            events = container.events(interval=0.001)
            next(events)
            events.close()

        assert best_in_turn(first, command("events", "--stats", container.id)) < allowed


@pytest.mark.parametrize("way", ["in", "out"])
def test_copies(library: Library, command: Callable[..., Step], allowed: float, tmp_path: Path, way: str) -> None:
    """What people do instead is to run cat in the container."""
    config = library.config.with_tmpfs("/copies")
    (tmp_path / "file").write_bytes(bytes(4096))
    with library.started("sleep 300", config=config) as container:
        container.copy_in(tmp_path / "file", "/copies/file")
        bare = command("exec", container.id, "cat", "/copies/file")
        target = tmp_path / "copied"

        def copy_in() -> None:
            container.copy_in(tmp_path / "file", "/copies/file")

        def copy_out() -> None:
            container.copy_out("/copies/file", target)

        step = copy_in if way == "in" else copy_out
        assert best_in_turn(step, bare, lambda: target.unlink(missing_ok=True)) < allowed
