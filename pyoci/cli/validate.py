"""Check a bundle and explain all that is wrong with it; BUNDLE is the current directory if absent."""

from __future__ import annotations

import os

from pyoci import jsontext
from pyoci.cli import options, output
from pyoci.cli.options import Call
from pyoci.spec import bundle, rules

USAGE = "[BUNDLE]"
OPTIONS = ()


def run(call: Call) -> int:
    options.expect_args(call, 0, 1, "one bundle")
    path = os.path.join(call.args[0] if call.args else ".", bundle.CONFIG)
    config = jsontext.loads(bundle.read_file(path), what=path)
    problems = bundle.all_problems(config)
    if problems:
        output.write("".join(f"{line}\n" for line in problems))
        return 1
    advice = rules.warnings(config)
    output.write("".join(f"warning: {line}\n" for line in advice) + "valid\n")
    return 0
