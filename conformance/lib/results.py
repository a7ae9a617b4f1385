"""A run of validation programs as JSON, and the comparison of two."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lib import tap
from lib.cgroups import hierarchies, layout


@dataclass(frozen=True)
class Program:
    """One program's outcome; `exit` None means that the time limit ended it."""

    verdict: str
    ok: int
    not_ok: int
    exit: int | None
    reason: str

    @property
    def counts(self) -> str:
        """For example `4 ok, 1 not ok, exit 0`."""
        ended = "time limit" if self.exit is None else f"exit {self.exit}"
        return f"{self.ok} ok, {self.not_ok} not ok, {ended}"


@dataclass
class Run:
    """All programs that ran against one runtime, and with what; `oci_version` is None where the programs' own
    was kept."""

    runtime: str
    version: list[str]
    kernel: str
    cgroups: str
    tools: str
    oci_version: str | None
    date: str
    programs: dict[str, Program]


def describe(runtime: Path, tools: Path, unified: bool, oci_version: str | None) -> Run:
    """A run without programs yet."""
    mounted = [h for h in hierarchies() if unified or h.version == 1]
    return Run(
        runtime=runtime.name,
        version=runtime_version(runtime),
        kernel=os.uname().release,
        cgroups=layout(mounted),
        tools=_commit(tools),
        oci_version=oci_version,
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        programs={},
    )


def runtime_version(runtime: Path) -> list[str]:
    """The lines that `RUNTIME --version` prints."""
    done = subprocess.run([runtime, "--version"], capture_output=True, text=True, check=False, timeout=30)
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _commit(tools: Path) -> str:
    command = ["git", "-c", f"safe.directory={tools}", "-C", str(tools), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def save(run: Run, path: Path) -> None:
    """Write `run` as JSON."""
    path.write_text(json.dumps(asdict(run), indent=1, sort_keys=False) + "\n")


def load(path: Path) -> Run:
    """Read what `save` wrote."""
    document: dict[str, Any] = json.loads(path.read_text())
    document["programs"] = {name: Program(**fields) for name, fields in document["programs"].items()}
    return Run(**document)


def regressions(here: Run, there: Run) -> list[str]:
    """The programs of `here` that do not pass although they pass in `there`."""
    return [
        name
        for name, program in here.programs.items()
        if program.verdict == tap.NOT_OK and name in there.programs and there.programs[name].verdict == tap.OK
    ]


def gains(here: Run, there: Run) -> list[str]:
    """The programs that pass `here` and not in `there`."""
    return [
        name
        for name, program in here.programs.items()
        if program.verdict == tap.OK and name in there.programs and there.programs[name].verdict == tap.NOT_OK
    ]
