"""The operations that are compared. Every runtime does each in turn, round by round."""

from __future__ import annotations

import itertools
import json
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import bundles
import machine
from bundles import SLEEP, TRUE, Bundles
from machine import Failed, Meter, Sample

CONCURRENT = 300
PYTHON = "python3 -I -S"  # the bare interpreter, measured once a round
_ENDS = 25  # containers at each end of the row that are compared
_HELD = 10  # containers whose memory is measured together
_SETTLED = 0.2  # seconds: `create` has ended before its init gives back what it does not need to wait
_WARM_UP = 2  # rounds that do not count

# Name on the command line: rounds unless told otherwise, and what is done.
OPERATIONS = {
    "run": (40, "run /bin/true"),
    "lifecycle": (40, "create, state, start, kill, delete"),
    "exec": (40, "exec /bin/true"),
    "seccomp": (20, "run with docker's default seccomp profile"),
    "many": (12, f"run with {bundles.MANY} mounts, {bundles.MANY} devices, {bundles.MANY} env"),
    "memory": (5, "memory of run, and per created and running container"),
    "concurrent": (1, f"{CONCURRENT} containers at the same time"),
}


class Runtime(NamedTuple):
    """A runtime, with a state root of its own."""

    name: str
    kind: str  # the first word of --version
    version: str
    path: str
    root: Path
    is_release: bool = False  # of pyoci: a static program

    def command(self, *words: str) -> tuple[str, ...]:
        return (self.path, "--root", str(self.root), *words)


class Samples:
    """What was measured. Times pair: the n-th of each runtime are of the same round."""

    def __init__(self) -> None:
        self.times: dict[str, dict[str, list[Sample]]] = {}
        self.values: dict[str, dict[str, float]] = {}
        self.skipped: dict[str, str] = {}

    def add(self, operation: str, runtime: str, sample: Sample) -> None:
        self.times.setdefault(operation, {}).setdefault(runtime, []).append(sample)

    def set(self, operation: str, runtime: str, value: float) -> None:
        self.values.setdefault(operation, {})[runtime] = value


class Bench:
    """Does the operations, and collects samples."""

    def __init__(self, runtimes: list[Runtime], python: str, meter: Meter, place: Path, profile: Path) -> None:
        self.samples = Samples()
        self._runtimes = runtimes
        self._python = python
        self._meter = meter
        self._place = place
        self._profile = profile
        self._bundles = Bundles(place, f"/{meter.name}")
        self._true = self._bundles.make("true", self._bundles.default(TRUE))
        self._sleep = self._bundles.make("sleep", self._bundles.default(SLEEP))
        self._numbers = itertools.count()

    def measure(self, operation: str, rounds: int) -> None:
        method: Callable[[int], None] = getattr(self, operation)
        method(rounds)
        machine.reap_strays()

    def run(self, rounds: int) -> None:
        self._repeat(rounds, lambda runtime: self._run("run", runtime, self._true))

    def lifecycle(self, rounds: int) -> None:
        self._repeat(rounds, self._live)

    def exec(self, rounds: int) -> None:
        with self._running(self._runtimes) as names:
            self._repeat(rounds, lambda runtime: self._exec(runtime, names[runtime.name]))

    def seccomp(self, rounds: int) -> None:
        if not self._profile.exists():
            self.samples.skipped["run, seccomp"] = f"{self._profile} does not exist"
            return
        config = self._bundles.default(TRUE)
        config["linux"]["seccomp"] = bundles.seccomp(self._profile)
        bundle = self._bundles.make("seccomp", config)
        self._repeat(rounds, lambda runtime: self._run("run, seccomp", runtime, bundle))
        self._repeat(max(rounds // 4, 3), lambda runtime: self._run_first(runtime, bundle))

    def many(self, rounds: int) -> None:
        bundle = self._bundles.make("many", self._bundles.many())
        self._repeat(rounds, lambda runtime: self._run("run, 500 of each", runtime, bundle))

    def memory(self, rounds: int) -> None:
        for runtime in self._runtimes:
            command = ("run", "--bundle", str(self._true))
            peaks = [machine.peak_memory(*runtime.command(*command, self._id())) for _ in range(rounds)]
            self.samples.set("peak of run, KiB", runtime.name, statistics.median(peaks))
            self._held_memory(runtime)

    def concurrent(self, _rounds: int) -> None:
        """One runtime after the other: together they would be 900. A bare Python tells how fast the machine is then."""
        for runtime in self._runtimes:
            made: list[str] = []
            times, pace = [], []
            try:
                for number in range(CONCURRENT):
                    bundle = self._numbered(number)
                    made.append(self._id())
                    times.append(self._meter.run(*runtime.command("run", "-d", "--bundle", str(bundle), made[-1])))
                    if not _ENDS <= number < CONCURRENT - _ENDS:
                        pace.append(self._bare_python())
            finally:
                for name in made:
                    self._delete(runtime, name)
            for what, pick in (("CPU", lambda sample: sample.cpu), ("wall", lambda sample: sample.wall)):
                growth, change = (
                    statistics.median(map(pick, found[-_ENDS:])) / statistics.median(map(pick, found[:_ENDS]))
                    for found in (times, pace)
                )
                self.samples.set(f"{CONCURRENT}th container over the first, {what}", runtime.name, growth / change)

    def _bare_python(self) -> Sample:
        return self._meter.run(self._python, "-I", "-S", "-c", "pass")

    def _repeat(self, rounds: int, once: Callable[[Runtime], Iterator[tuple[str, Sample]]]) -> None:
        """The order turns round by round, and what the machine does meanwhile hits all alike."""
        for number in range(-_WARM_UP, rounds):
            first = number % len(self._runtimes)
            found = [(PYTHON, PYTHON, self._bare_python())]
            for runtime in self._runtimes[first:] + self._runtimes[:first]:
                found += [(operation, runtime.name, sample) for operation, sample in once(runtime)]
            for operation, name, sample in found if number >= 0 else ():
                self.samples.add(operation, name, sample)

    def _run(self, operation: str, runtime: Runtime, bundle: Path) -> Iterator[tuple[str, Sample]]:
        yield operation, self._meter.run(*runtime.command("run", "--bundle", str(bundle), self._id()))

    def _run_first(self, runtime: Runtime, bundle: Path) -> Iterator[tuple[str, Sample]]:
        """Without the compiled filter that a runtime may keep: in its state root, and pyoci in a folder beside it."""
        root = self._place / self._id()
        for filter_file in machine.FILTERS.iterdir():
            filter_file.unlink()
        yield from self._run("run, seccomp, nothing cached", runtime._replace(root=root), bundle)
        shutil.rmtree(root)

    def _live(self, runtime: Runtime) -> Iterator[tuple[str, Sample]]:
        name = self._id()
        pid = 0

        def created() -> None:
            nonlocal pid
            pid = int(pid_file.read_text())
            machine.wait_until_asleep(pid)

        pid_file = self._place / "pid"
        bundle = ("--bundle", str(self._sleep), "--pid-file", str(pid_file))
        create = self._meter.run(*runtime.command("create", *bundle, name), then=created)
        yield "create", create
        yield "state", self._meter.run(*runtime.command("state", name))
        start = self._meter.run(
            *runtime.command("start", name), then=lambda: machine.wait_until_executed(pid, "busybox")
        )
        yield "start", start
        yield "kill", self._meter.run(*runtime.command("kill", name, "KILL"))
        machine.reap(pid)
        delete = self._meter.run(*runtime.command("delete", name))
        yield "delete", delete
        yield (
            "create + start + delete",
            Sample(create.cpu + start.cpu + delete.cpu, create.wall + start.wall + delete.wall),
        )

    def _exec(self, runtime: Runtime, name: str) -> Iterator[tuple[str, Sample]]:
        yield "exec", self._meter.run(*runtime.command("exec", name, "/bin/true"))

    def _held_memory(self, runtime: Runtime) -> None:
        """What the containers hold, their own programs not counted."""
        made = [self._id() for _ in range(_HELD)]
        try:
            for number, name in enumerate(made):
                self._meter.run(*runtime.command("create", "--bundle", str(self._numbered(number)), name))
            self._set_held("created", runtime, [])
            programs = []
            for name in made:
                pid = self._pid(runtime, name)
                self._meter.run(
                    *runtime.command("start", name), then=lambda pid=pid: machine.wait_until_executed(pid, "busybox")
                )
                programs.append(pid)
            self._set_held("running", runtime, programs)
        finally:
            for name in made:
                self._delete(runtime, name)

    def _set_held(self, state: str, runtime: Runtime, programs: list[int]) -> None:
        time.sleep(_SETTLED)
        held = [pid for pid in machine.descendants() if pid not in programs]
        kib = sum(map(machine.proportional_memory, held))
        self.samples.set(f"held per {state} container, KiB PSS", runtime.name, round(kib / _HELD))

    @contextmanager
    def _running(self, runtimes: list[Runtime]) -> Iterator[dict[str, str]]:
        """A running container of each runtime: its name by the runtime's."""
        names = {runtime.name: self._id() for runtime in runtimes}
        try:
            for number, runtime in enumerate(runtimes):
                bundle = str(self._numbered(number))
                self._meter.run(*runtime.command("run", "-d", "--bundle", bundle, names[runtime.name]))
            yield names
        finally:
            for runtime in runtimes:
                self._delete(runtime, names[runtime.name])

    def _numbered(self, number: int) -> Path:
        """A bundle with a cgroup of its own, for a container beside others."""
        name = f"sleep-{number}"
        if (self._place / name).exists():
            return self._place / name
        config = self._bundles.default(SLEEP)
        config["linux"]["cgroupsPath"] = self._bundles.cgroups_path(name)
        return self._bundles.make(name, config)

    def _pid(self, runtime: Runtime, name: str) -> int:
        return int(json.loads(machine.output(*runtime.command("state", name)))["pid"])

    def _delete(self, runtime: Runtime, name: str) -> None:
        try:
            self._meter.run(*runtime.command("delete", "--force", name))
        except Failed:
            pass  # it was never made: the failure that led here is the one to report
        machine.reap_strays()

    def _id(self) -> str:
        return f"{self._meter.name}-{next(self._numbers)}"
