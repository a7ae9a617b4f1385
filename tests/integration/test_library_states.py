"""The library's methods on a container in each status, of its own and of others: what they return, or which error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.library import Library
from helpers.runtime import TIME_LIMIT, until

from pyoci import Container, ContainerNotFound, PyociError, StateError, Timeout

STATUSES = (
    "created",
    "running",
    "paused",
    "stopped",
    "deleted",
    "never made",
    "another's, created",
    "another's, stopped",
)
FINE = ""
GONE = "ContainerNotFound: container does not exist: 'ID'"
LATE = "Timeout: the container has not ended"


def like(
    created: str = FINE,
    running: str = FINE,
    paused: str = FINE,
    stopped: str = FINE,
    deleted: str = GONE,
    missing: str = GONE,
) -> tuple[str, ...]:
    """What is said in each of STATUSES; a container that another program made is like one of this library's."""
    return (created, running, paused, stopped, deleted, missing, created, stopped)


NEVER = {"deleted": FINE, "missing": FINE}
NOT_STOPPED = "cannot delete container ID that is not stopped"
KILLS_FIRST = "; pyoci delete --force ID kills it first"
TABLE: dict[str, tuple[Callable[[Container], Any], tuple[str, ...]]] = {
    "start": (
        Container.start,
        like(
            running="StateError: cannot start an already running container: ID",
            paused="StateError: cannot start a container in the paused state: ID",
            stopped="StateError: cannot start a container that has stopped: ID",
        ),
    ),
    "state": (Container.state, like()),
    "status": (lambda container: container.status, like()),
    "pid": (lambda container: container.pid, like()),
    "annotations": (lambda container: container.annotations, like()),
    "exists": (Container.exists, like(**NEVER)),
    "kill": (lambda container: container.kill(0), like(stopped="StateError: container not running: 'ID' is stopped")),
    "kill, missing_ok": (lambda container: container.kill("WINCH", missing_ok=True), like(**NEVER)),
    "pause": (
        Container.pause,
        like(
            paused="StateError: pause: container not running: 'ID' is paused",
            stopped="StateError: pause: container not running: 'ID' has stopped",
        ),
    ),
    "resume": (
        Container.resume,
        like(
            created="StateError: resume: container not paused: 'ID' is created",
            running="StateError: resume: container not paused: 'ID' is running",
            stopped="StateError: resume: container not running: 'ID' has stopped",
        ),
    ),
    "update": (
        lambda container: container.update(pids=50),
        like(stopped="StateError: update: container not running: 'ID' has stopped"),
    ),
    "stats": (
        Container.stats,
        like(stopped="StateError: cannot show statistics: container not running: 'ID' has stopped"),
    ),
    "ps": (Container.ps, like()),
    "events": (lambda container: next(container.events(0.05), None), like()),
    "wait": (lambda container: container.wait(0), like(LATE, LATE, LATE, deleted=FINE)),
    "exec": (
        lambda container: container.exec(["true"]),
        like(
            paused="StateError: cannot exec in a paused container: ID (use --ignore-paused to override)",
            stopped="StateError: cannot exec in a stopped container: ID",
        ),
    ),
    "popen": (
        lambda container: container.popen(["true"]).close(),
        like(
            paused="StateError: cannot exec in a paused container: ID (use --ignore-paused to override)",
            stopped="StateError: cannot exec in a stopped container: ID",
        ),
    ),
    "communicate": (
        lambda container: container.communicate(timeout=0),
        like(*(3 * ["Timeout: the program has not ended"])),
    ),
    "copy_in": (lambda container: container.copy_in(__file__, "/tmp/file"), like()),
    "copy_out": (lambda container: container.copy_out("/bin", "copied"), like()),
    "delete": (
        Container.delete,
        like(*(f"StateError: {NOT_STOPPED}: {status}{KILLS_FIRST}" for status in STATUSES[:3])),
    ),
    "delete, force": (lambda container: container.delete(force=True), like(**NEVER)),
    "close": (Container.close, like(**NEVER)),
}
# no methods of a container; needs CRIU; attributes that no state of the container changes
NOT_HERE = {"create", "list", "restore", "checkpoint", "stdin", "stdout", "stderr", "terminal"}


def made(library: Library, bundle: Bundle, status: str) -> Container:
    if status == "never made":
        return Container(library.id(), **library.options)
    if status.startswith("another's"):
        bundle.sleeps()
        container = Container(library.runtime.create(bundle).id, **library.options)
    else:
        container = library.create("sleep 300", config=library.config.with_tmpfs("/tmp"))
    if not status.endswith("created"):
        container.start()
    if status == "paused":
        container.pause()
    if status.endswith("stopped"):
        container.kill("KILL")
        until(lambda: container.status == "stopped", "it has stopped")
    if status == "stopped":
        container.wait(TIME_LIMIT)  # its supervisor has written down how it ended
    if status == "deleted":
        container.delete(force=True)
    return container


@pytest.mark.parametrize("status", STATUSES)
def test_every_method_in_every_status(
    library: Library, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    said = {}
    for name, (call, _) in TABLE.items():
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        container = made(library, bundle, status)
        try:
            call(container)
            said[name] = FINE
        except PyociError as error:
            assert isinstance(error, StateError | Timeout)
            assert isinstance(error, ContainerNotFound) == str(error).startswith("container does not exist")
            said[name] = f"{type(error).__name__}: {error}".replace(container.id, "ID")
        finally:
            container.delete(force=True)
            container.close()
    assert said == {name: words[STATUSES.index(status)] for name, (_, words) in TABLE.items()}


def test_the_table_has_every_method() -> None:
    methods = {name for name in vars(Container) if not name.startswith("_")}
    assert {name.partition(",")[0] for name in TABLE} == methods - NOT_HERE
