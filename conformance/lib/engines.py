"""The command `conformance/engines`."""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lib import (
    buildah,
    cases_containerd,  # noqa: F401 - each cases module fills its engine's CASES
    cases_cri,  # noqa: F401
    cases_docker,  # noqa: F401
    cases_podman,  # noqa: F401
    cases_podman_rootless,  # noqa: F401
    containerd,
    docker,
    engine_runner,
    podman,
    report,
    tables,
    umoci,
)
from lib.cgroups import hierarchies, layout
from lib.engine import Cases, Engine
from lib.results import runtime_version

ENGINES: dict[str, tuple[type[Engine], Cases[Any]]] = {
    "podman": (podman.Podman, podman.CASES),
    "containerd": (containerd.Containerd, containerd.CASES),
    "docker": (docker.Docker, docker.CASES),
    "buildah": (buildah.Buildah, buildah.CASES),
    "umoci": (umoci.Umoci, umoci.CASES),
}

_DESCRIPTION = """\
Run container engines with any low-level runtime and see whether they get what they need.

Each engine runs in namespaces of its own (mounts, processes, network, cgroups) with storage, sockets and
configuration of its own; the image is made from busybox; nothing is fetched and nothing is left. Needs root.
"""

_EPILOG = """\
Exit status: 0 every case passed or was skipped; 1 a case failed; 2 nothing could be run.
Run it with runc too: a case that fails with both is not the runtime's fault.
"""


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="conformance/engines",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runtime", metavar="PATH", help="the runtime to test")
    parser.add_argument("--only", metavar="ENGINE[:CASE]", action="append", default=[], help="may be repeated")
    parser.add_argument(
        "--not-in",
        metavar="FILE",
        type=_saved_run,
        nargs="+",
        default=[],
        help="leave out the cases that these saved runs have for this runtime and system",
    )
    parser.add_argument("--busybox", metavar="PATH", default="busybox", help="a static busybox (from PATH)")
    parser.add_argument("--slowness", metavar="N", type=float, default=1.0, help="make all time limits N times as long")
    parser.add_argument(
        "--without-cgroup2", action="store_true", help="hide the cgroup2 mount of a hybrid host (crun refuses it)"
    )
    parser.add_argument("--system", metavar="NAME", help="in the saved run and its table (the release's codename)")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write JUnit XML")
    parser.add_argument("--save", metavar="FILE", type=_writable, help="write the run as JSON, anew after each case")
    parser.add_argument(
        "--table", metavar="FILE", type=Path, nargs="+", help="print saved runs as a Markdown table and end"
    )
    parser.add_argument("--list", action="store_true", help="print engines and cases and end")
    return parser.parse_args(argv)


def _saved_run(name: str) -> dict[str, Any]:
    try:
        run: dict[str, Any] = json.loads(Path(name).read_text())
        tables.in_column([run], tables.column(run))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise argparse.ArgumentTypeError(f"{name}: not a saved run ({error})") from error
    return run


def _writable(name: str) -> Path:
    """A run takes an hour, and its file is not written before the first case has ended."""
    path = Path(name)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{name}: cannot be written")
    return path


def main(argv: list[str]) -> int:
    """Run the command; returns its exit status."""
    arguments = _arguments(argv)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    chosen = list(engine_runner.select_cases({name: cases for name, (_, cases) in ENGINES.items()}, arguments.only))
    if arguments.table:
        order = [(name, case.name) for name, (_, cases) in ENGINES.items() for case in cases.all]
        print(tables.cases(arguments.table, order))
        return 0
    if arguments.list:
        for name, cases in chosen:
            for case in cases:
                print(f"{name + ':' + case.name:34} {case.what}")
        return 0
    runtime = shutil.which(arguments.runtime or "")
    busybox = shutil.which(arguments.busybox)
    problem = _problem(arguments, runtime, busybox, known=bool(chosen))
    if runtime is None or busybox is None or problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    engine_runner.slowness = arguments.slowness
    engine_runner.unified = not arguments.without_cgroup2
    facts = _facts(Path(runtime), arguments.system)
    chosen = engine_runner.without(chosen, tables.in_column(arguments.not_in, tables.column(facts)))
    if not chosen:
        print(f"the saved runs have all of these cases for {tables.column(facts)}")
        return 0
    outcomes, interrupted = _run(
        chosen,
        Path(runtime).absolute(),
        Path(busybox).absolute(),
        functools.partial(_save, facts, arguments.save),
    )
    if arguments.junit:
        report.junit(outcomes, arguments.junit)
    if interrupted:
        return 130
    print()
    print(report.table(outcomes))
    return int(any(outcome.verdict == report.FAILED for outcome in outcomes))


def _save(facts: dict[str, Any], path: Path | None, outcomes: list[report.Outcome], versions: dict[str, str]) -> None:
    if path is not None:
        report.save(outcomes, {**facts, "engines": versions}, path)


def _run(
    chosen: engine_runner.Chosen,
    runtime: Path,
    busybox: Path,
    save: Callable[[list[report.Outcome], dict[str, str]], None],
) -> tuple[list[report.Outcome], bool]:
    """The outcomes, and whether Ctrl-C came before the end; after each case, `save` gets what there is."""
    outcomes: list[report.Outcome] = []
    versions: dict[str, str] = {}

    def tell(outcome: report.Outcome) -> None:
        print(report.line(outcome), flush=True)
        outcomes.append(outcome)
        save(outcomes, versions)

    keep = [str(Path(__file__).resolve().parent)]
    try:
        for name, cases in chosen:
            versions[name] = "unknown"
            know = functools.partial(versions.__setitem__, name)
            engine_runner.run(ENGINES[name][0], cases, runtime, busybox, keep, tell, know)
    except KeyboardInterrupt:
        print("interrupted; everything that was started has been ended", file=sys.stderr)
        return outcomes, True
    return outcomes, False


def _problem(arguments: argparse.Namespace, runtime: str | None, busybox: str | None, *, known: bool) -> str:
    if not known:
        return f"nothing to run for {', '.join(arguments.only)} (--list names engines and cases)"
    if arguments.runtime is None:
        return "--runtime PATH is needed"
    if runtime is None:
        return f"no runtime {arguments.runtime}: not an executable file and not in PATH"
    if busybox is None:
        return f"no {arguments.busybox}: a static busybox is needed to make the image (--busybox PATH)"
    return "" if os.geteuid() == 0 else "root is needed for namespaces and cgroups"


def _facts(runtime: Path, system: str | None) -> dict[str, Any]:
    return {
        "runtime": runtime.name,
        "version": runtime_version(runtime),
        "system": system or _codename(),
        "kernel": os.uname().release,
        "cgroups": layout(hierarchies()),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _codename() -> str:
    """Of the distribution's release (os-release(5)), such as trixie."""
    words = dict(line.partition("=")[::2] for line in Path("/etc/os-release").read_text().splitlines())
    return words.get("VERSION_CODENAME") or words.get("ID", "unknown")
