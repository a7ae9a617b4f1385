"""Show what this host can and cannot do for containers, and how to add what is missing.

Each mechanism is tried in a process that is thrown away; nothing is changed. The answer is for the calling user: an
ordinary user can do less than root. Exit status 1 if something is missing that a container needs."""

from __future__ import annotations

from pyoci import jsontext
from pyoci.cli import options, output
from pyoci.cli.main import VERSION
from pyoci.cli.options import Call, Option
from pyoci.doctor import judge, probe, words

USAGE = "[options]"
OPTIONS = (Option(name="json", help="print a document, described by schemas/doctor.json"),)


def run(call: Call) -> int:
    options.expect_args(call, 0, 0, "no arguments")
    host = probe.look(call.settings.root, VERSION)
    checks = judge.checks(host)
    fit = judge.is_fit(checks)
    if call.options["json"]:
        output.write(jsontext.pretty(words.document(host, checks, fit)) + "\n")
    else:
        output.write(words.text(host, checks, fit, output.columns(80), color=output.has_colors()))
    return 0 if fit else 1
