"""Check a bundle and explain all errors in it; BUNDLE is the current directory if absent.

A warning is about something allowed that is probably a mistake: an unknown property, capability or system call, or
a missing root file system, program or bind source. The exit status is 1 when there is an error.
"""

from __future__ import annotations

import os

from pyoci import jsontext
from pyoci.cli import options, output
from pyoci.cli.options import Call, Option
from pyoci.errors import UsageError
from pyoci.host import bundle_warnings, config_warnings, seccomp_warnings
from pyoci.spec import bundle, rules

USAGE = "[options] [BUNDLE]"
OPTIONS = (
    Option(name="strict", help="treat warnings as errors"),
    Option(name="host", help="also check against this host: what create would refuse, CPUs, system calls"),
)


def run(call: Call) -> int:
    options.expect_args(call, 0, 1, "one bundle")
    folder = os.path.abspath(call.args[0] if call.args else ".")
    if os.path.isfile(folder):
        raise UsageError(f"validate: {folder!r} is a file; it takes the bundle, the folder that holds {bundle.CONFIG}")
    path = os.path.join(folder, bundle.CONFIG)
    config = jsontext.loads(bundle.read_file(path, hint=bundle.why_missing), what=path)
    problems = bundle.all_problems(config)
    if problems:
        output.write("".join(f"{line}\n" for line in problems))
        return 1
    warnings = rules.warnings(config)
    warnings += config_warnings.of_config(config, systemd=call.settings.cgroup_manager == "systemd")
    warnings += seccomp_warnings.of_config(config, host=call.options["host"])
    warnings += bundle_warnings.of_bundle(folder, config)
    if call.options["host"]:
        warnings += bundle_warnings.of_host(folder, config)
    if warnings and call.options["strict"]:
        output.write("".join(f"{line}\n" for line in warnings))
        return 1
    output.write("".join(f"warning: {line}\n" for line in warnings) + "valid\n")
    return 0
