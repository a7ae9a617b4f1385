"""The data that `explain` makes: words come from it, and `--json` prints it."""

from __future__ import annotations

from pyoci.record import Record

# From harmless to dangerous: `--fail-on` compares places in here.
LEVELS = ("low", "medium", "high")

# The stages of `create` and `start`, in their order (init/sequence.py), with the words of a heading.
STAGES = {
    "cgroup": "make the cgroup, set the limits",
    "namespaces": "make the container's init in its namespaces",
    "identity": "give init its identity",
    "mounts": "build the tree of mounts",
    "devices": "make the devices",
    "hooks": "run the hooks of create",
    "paths": "protect paths",
    "root": "make the tree the root",
    "kernel": "set names and kernel parameters",
    "process": "take away rights from the process",
    "start": "wait for start, then run the program",
    "afterwards": "after the start, and after the end",
}


class Step(Record):
    """One thing that is done.

    stage    one of STAGES
    pointer  JSON pointer of what asks for it in config.json; empty when the runtime does it in any case
    action   what is done, for a person
    kernel   the same in the kernel's terms: calls, flags, files and values
    """

    stage: str
    pointer: str
    action: str
    kernel: str = ""


class Finding(Record):
    """Something unsafe or surprising.

    rule     its name: stable, for policies
    level    one of LEVELS
    pointer  JSON pointer of the value, or of the place where one is missing
    message  what was found
    reason   why that matters
    """

    rule: str
    level: str
    pointer: str
    message: str
    reason: str


class Explanation(Record):
    """All that `explain` shows of a bundle; `layout` is v1 or v2, the cgroup layout that the values are for."""

    bundle: str
    oci_version: str
    layout: str
    steps: list[Step]
    findings: list[Finding]


def reaches(level: str, threshold: str) -> bool:
    """Whether a finding of `level` is at least as bad as `threshold`."""
    return LEVELS.index(level) >= LEVELS.index(threshold)
