"""Whether a checkpoint can be tried here: what cases of checkpoint and restore ask first."""

from __future__ import annotations

from lib.shell import Shell, Skipped

# A container that counts: its file tells after a restore whether it went on or began anew.
COUNT = ("sh", "-c", "echo started >> /starts; i=0; while :; do i=$((i+1)); echo $i > /last; sleep 0.1; done")


def needed(shell: Shell) -> None:
    """Raise Skipped where criu is not installed, or does not work on this kernel."""
    try:
        checked = shell.run(["criu", "check"])
    except FileNotFoundError:
        raise Skipped("criu is not installed") from None
    if checked.status:
        lines = (checked.out + checked.err).strip().splitlines() or ["no reason is given"]
        raise Skipped(f"criu does not work on this kernel: {lines[-1]}")
