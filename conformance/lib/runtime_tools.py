"""The command `conformance/runtime-tools`."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from pathlib import Path

from lib import results, tables, tap, validation

_DESCRIPTION = """\
Run the validation programs of opencontainers/runtime-tools against any runtime.

Nothing is built or fetched: DIR is a checkout in which `make runtimetest validation-executables` has run.
Each program runs in namespaces of its own with a fresh /tmp, /run and /dev, in cgroups of its own, and
nothing of it is left afterwards. Needs root.
"""

_EPILOG = """\
Exit status: 0 all programs passed or were skipped; 1 one did not (with --compare: one did not that passes in
a compared run); 2 the programs could not be run.
"""


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="conformance/runtime-tools",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tools", metavar="DIR", type=Path, help="the built runtime-tools")
    parser.add_argument("--runtime", metavar="PATH", help="the runtime to test")
    parser.add_argument("--only", metavar="NAME", action="append", help="run only this program; may be repeated")
    parser.add_argument("--limit", metavar="SECONDS", type=float, default=120, help="per program (120)")
    parser.add_argument("--save", metavar="FILE", type=Path, help="write the run as JSON")
    parser.add_argument(
        "--compare",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="a saved run; may be repeated",
    )
    parser.add_argument(
        "--without-cgroup2",
        action="store_true",
        help="hide the cgroup2 mount of a hybrid host (crun refuses the hybrid layout)",
    )
    parser.add_argument(
        "--oci-version",
        metavar="VERSION",
        help="write this ociVersion into every bundle, for a runtime that refuses the programs' own (1.3.0)",
    )
    parser.add_argument(
        "--table", metavar="FILE", type=Path, nargs="+", help="print saved runs as a Markdown table and end"
    )
    parser.add_argument("--list", action="store_true", help="print the names of the programs and end")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Run the command; returns its exit status."""
    arguments = _arguments(argv)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        return _main(arguments)
    except validation.Unusable as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; everything that was started has been ended", file=sys.stderr)
        return 130


def _main(arguments: argparse.Namespace) -> int:
    if arguments.table:
        print(tables.programs(arguments.table))
        return 0
    if arguments.tools is None:
        raise validation.Unusable("--tools DIR is needed")
    tools = arguments.tools.resolve()
    names = validation.programs(tools)
    if arguments.list:
        print("\n".join(names))
        return 0
    if arguments.runtime is None:
        raise validation.Unusable("--runtime PATH is needed")
    unknown = set(arguments.only or ()) - set(names)
    if unknown:
        raise validation.Unusable(f"no such program: {', '.join(sorted(unknown))} (--list names them)")
    if os.geteuid() != 0:
        raise validation.Unusable("root is needed for namespaces and cgroups")
    compared = [results.load(path) for path in arguments.compare]
    setup = validation.Setup(
        tools=tools,
        runtime=find_runtime(arguments.runtime),
        limit=arguments.limit,
        unified=not arguments.without_cgroup2,
        oci_version=arguments.oci_version,
    )
    run = results.describe(setup.runtime, tools, setup.unified, setup.oci_version)
    width = max(map(len, names))
    for name in names:
        if arguments.only is None or name in arguments.only:
            program = validation.run(name, setup)
            run.programs[name] = program
            reason = f": {program.reason}" if program.reason else ""
            print(f"{name:{width}}  {program.verdict:7}  {program.counts}{reason}", flush=True)
    print()
    print(_totals(run))
    if arguments.save:
        results.save(run, arguments.save)
    return _compare(run, compared)


def find_runtime(given: str) -> Path:
    """The runtime as an absolute path; raises Unusable."""
    found = shutil.which(given)
    if found is None:
        raise validation.Unusable(f"no runtime {given}: not an executable file and not in PATH")
    return Path(found).absolute()


def _totals(run: results.Run) -> str:
    verdicts = [program.verdict for program in run.programs.values()]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in (tap.OK, tap.NOT_OK, tap.SKIPPED))
    return f"{run.runtime}: {counts}, of {len(verdicts)} programs ({run.version[0] if run.version else '?'})"


def _compare(run: results.Run, compared: list[results.Run]) -> int:
    for other in compared:
        lost = results.regressions(run, other)
        gained = results.gains(run, other)
        title = other.version[0] if other.version else other.runtime
        print(f"\nagainst {title}, {other.date}:")
        print(f"  passes there and not here: {', '.join(lost) or 'none'}")
        print(f"  passes here and not there: {', '.join(gained) or 'none'}")
        for name in lost:
            print(f"  {name}: there {other.programs[name].counts}, here {run.programs[name].counts}")
    if compared:
        return int(any(results.regressions(run, other) for other in compared))
    return int(any(program.verdict == tap.NOT_OK for program in run.programs.values()))
