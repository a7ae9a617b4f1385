"""What an engine is to the runner, and the registry of its cases."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from lib.shell import Shell

CGROUPS = "/sys/fs/cgroup"
DEFAULT_LIMIT = 60.0


@dataclass(frozen=True)
class Context:
    """What the runner gives to an engine: all of it inside the cell."""

    runtime: Path
    base: Path
    layout: Path
    archive: Path
    shell: Shell


class Engine:
    """One engine in its cell, on private paths below `context.base`."""

    name = ""
    programs: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()  # host folders that the engine would use in spite of all options

    def __init__(self, context: Context) -> None:
        self.runtime = context.runtime
        self.base = context.base
        self.layout = context.layout
        self.archive = context.archive
        self.shell = context.shell
        self.log_file: Path | None = None  # of the engine's daemon

    @classmethod
    def missing(cls) -> str:
        """Which of the engine's programs the host lacks; empty if none."""
        lacking = [program for program in cls.programs if shutil.which(program) is None]
        return f"not installed: {', '.join(lacking)}" if lacking else ""

    def start(self) -> None:
        """Make the engine ready for cases; raises Failed."""

    def stop(self) -> None:
        """End the engine in order; the cell ends what is left."""

    def clean(self) -> None:
        """Remove what a case left in the engine; raises Failed if something cannot be removed."""

    def versions(self) -> str:
        """The engine's own version line."""
        return self.shell.run([self.programs[0], "--version"]).out.strip().splitlines()[0]


EngineT = TypeVar("EngineT", bound=Engine)


@dataclass(frozen=True)
class Case(Generic[EngineT]):
    """One thing to prove; `limit` is in seconds."""

    name: str
    what: str
    run: Callable[[EngineT], None]
    limit: float


class Cases(Generic[EngineT]):
    """The cases of one engine, in the order of their definition."""

    def __init__(self) -> None:
        self.all: list[Case[EngineT]] = []

    def case(self, limit: float = DEFAULT_LIMIT) -> Callable[[Callable[[EngineT], None]], Callable[[EngineT], None]]:
        """Register a function as a case: its name is the case's, its docstring says what it proves."""

        def register(function: Callable[[EngineT], None]) -> Callable[[EngineT], None]:
            words = (function.__doc__ or "").strip().splitlines()[0]
            self.all.append(Case(function.__name__.strip("_"), words, function, limit))
            return function

        return register


def leftover_cgroups(pattern: str) -> list[str]:
    """The cgroups of the cell whose path inside a hierarchy matches `pattern` (a glob)."""
    tops = [Path(CGROUPS)] if Path(CGROUPS, "cgroup.procs").exists() else sorted(Path(CGROUPS).iterdir())
    return [str(group.relative_to(CGROUPS)) for top in tops for group in top.glob(pattern) if group.is_dir()]


def leftover_states(*roots: str) -> list[str]:
    """The containers that a runtime still has in its state folders.

    A container's id cannot begin with `@` or `.` in any runtime, so such entries are the runtime's own.
    """
    entries = [entry for root in roots if Path(root).is_dir() for entry in Path(root).iterdir()]
    return sorted(str(entry) for entry in entries if entry.is_dir() and entry.name[0] not in "@.")


def search_path() -> str:
    """Debian's folders first: another client of the same name may come earlier in the caller's PATH."""
    own = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    return ":".join([*own, *(folder for folder in os.environ["PATH"].split(":") if folder not in own)])
