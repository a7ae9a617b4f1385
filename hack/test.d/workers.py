#!/usr/bin/env python3
"""Run tests in several processes, each file in one of them: workers.py COUNT [ARGUMENTS OF PYTEST]

pytest-xdist does so, too; each of its workers reads all files first, for 15 s of processor time, a fifth of the whole
run. Here a worker reads a file when it is its turn. What the tests report arrives in the first process, whose pytest
counts it, prints it and writes down what has failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

import pytest

# The files that take longest, some since they wait, begin first, so that the last one to begin is short.
FIRST = (
    "test_interleavings.py",
    "test_bounded_waits.py",
    "test_waits.py",
    "test_mount_table.py",
    "test_try.py",
    "test_faults.py",
    "test_podman.py",
    "test_launcher.py",
    "test_library_states.py",
    "test_mounts_command.py",
)

# How a worker may end: that tests have failed it has reported, and its last file may have none.
SOUND = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


def files(config: pytest.Config) -> list[str]:
    """What the arguments name, with the files in place of folders."""
    names: list[str] = []
    for argument in config.args:
        path = Path(argument)
        if not Path(argument.partition("::")[0]).exists():
            raise pytest.UsageError(f"file or directory not found: {argument}")
        names += map(str, sorted(path.rglob("test_*.py"))) if path.is_dir() else [argument]
    order = {name: place for place, name in enumerate(FIRST)}
    return sorted(names, key=lambda name: order.get(Path(name.partition("::")[0]).name, len(FIRST)))


class Worker:
    """A worker as the first process sees it: its process, and what it does now."""

    def __init__(self, arguments: list[str]) -> None:
        self.connection, other = Pipe()
        with other:
            words = [sys.executable, __file__, "worker", str(other.fileno()), "-p", "no:cacheprovider", *arguments]
            null = subprocess.DEVNULL
            self.process = subprocess.Popen(words, stdin=null, stdout=null, pass_fds=[other.fileno()])
        self.file = self.test = ""
        self.has_ended = False

    def end(self) -> None:
        self.connection.close()
        self.process.wait()


class Distributor:
    """A plugin of pytest for the first process, which reads no test."""

    def __init__(self, count: int, arguments: list[str]) -> None:
        self.count = count
        self.arguments = arguments

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool:
        self.files = files(session.config)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        left = iter(self.files)
        self.given = self.tests = 0
        workers = [Worker(self.arguments) for _ in range(self.count)]
        try:
            while workers:
                ready = wait([worker.connection for worker in workers])
                for worker in [worker for worker in workers if worker.connection in ready]:
                    if not self.hear(session, worker, left):
                        worker.end()
                        workers.remove(worker)
                if session.shouldfail or session.shouldstop:
                    raise session.Failed(session.shouldfail or session.shouldstop)
            for file in left:
                self.report_lost(session, file, "no worker is left for it")
        finally:
            for worker in workers:
                worker.end()
        return True

    def hear(self, session: pytest.Session, worker: Worker, left: Iterator[str]) -> bool:
        """Take one message of a worker, or its end, which is false."""
        try:
            kind, value = worker.connection.recv()
        except (EOFError, ConnectionResetError):
            if not worker.has_ended:
                self.lost(session, worker)
            return False
        if kind == "file":
            file = next(left, "")
            if file:
                self.given += 1
                worker.file, worker.test = file, ""
            worker.connection.send(file)
        elif kind == "tests":
            self.tests += value
            # For the percentage that is printed, until all are known.
            session.testscollected = self.tests * len(self.files) // self.given
        elif kind == "test":
            worker.test = value
        elif kind == "end":
            worker.has_ended = True
        else:
            report = session.config.hook.pytest_report_from_serializable(config=session.config, data=value)
            getattr(session.config.hook, kind)(report=report)
        return True

    def lost(self, session: pytest.Session, worker: Worker) -> None:
        """The whole file counts as failed: nobody knows what the rest of it would have shown."""
        worker.process.wait()
        words = f"the worker has ended with status {worker.process.returncode}, at {worker.test or 'no test'}"
        self.report_lost(session, worker.file, words)

    def report_lost(self, session: pytest.Session, file: str, words: str) -> None:
        name = os.path.relpath(file, session.config.rootpath)
        report = pytest.CollectReport(nodeid=name, outcome="failed", longrepr=words, result=[])
        session.config.hook.pytest_collectreport(report=report)


class Runner:
    """A plugin of pytest for a worker: it asks for a file, and runs what is in it, until there is none."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def tell(self, kind: str, value: Any = None) -> None:
        self.connection.send((kind, value))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> bool:
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.config = session.config
        while file := self.next_file():
            items = session.perform_collect([file])
            self.tell("tests", len(items))
            # After the last one what belongs to the session stays: it has no other item to come yet.
            for item, next_item in zip(items, [*items, session][1:], strict=True):
                self.tell("test", item.nodeid)
                self.config.hook.pytest_runtest_protocol(item=item, nextitem=next_item)
        return True

    def next_file(self) -> str:
        self.tell("file")
        name: str = self.connection.recv()
        return name

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.report("pytest_runtest_logreport", report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self.report("pytest_collectreport", report)

    def report(self, hook: str, report: pytest.TestReport | pytest.CollectReport) -> None:
        self.tell(hook, self.config.hook.pytest_report_to_serializable(config=self.config, report=report))


def main(arguments: list[str]) -> int:
    sys.path[0] = os.getcwd()  # as with `python -m pytest`, and not the folder of this file
    first, *rest = arguments
    if first != "worker":
        return pytest.main(rest, plugins=[Distributor(int(first), [word for word in rest if word != "--cache-clear"])])
    os.set_inheritable(int(rest[0]), False)
    runner = Runner(Connection(int(rest[0])))
    if pytest.main(rest[1:], plugins=[runner]) in SOUND:
        runner.tell("end")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
