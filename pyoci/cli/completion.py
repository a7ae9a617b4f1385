"""Print a completion script for a shell: commands, options, their values and container IDs.

The package installs them where bash, zsh and fish look for them. By hand: `source <(pyoci completion bash)`."""

from __future__ import annotations

from pyoci.cli import options, output, reference
from pyoci.cli.options import Call
from pyoci.errors import UsageError
from pyoci.manual import completion
from pyoci.spec.words import did_you_mean

USAGE = "SHELL"
OPTIONS = ()


def run(call: Call) -> int:
    options.expect_args(call, 1, 1, "a shell: bash, zsh or fish")
    if call.args[0] not in completion.SHELLS:
        hint = did_you_mean(call.args[0].rpartition("/")[2], completion.SHELLS)
        raise UsageError(f"completion: {call.args[0]!r} is not one of {', '.join(completion.SHELLS)}{hint}")
    output.write(completion.script(reference.manual(), call.args[0]))
    return 0
