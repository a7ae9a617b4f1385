"""Random bundles, valid ones and ones with a mistake or two. The same seed makes the same bundle."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from lib import random_commands, random_linux, random_mounts, random_process
from lib.random_case import Case, plain

_JUNK = (None, "", 0, -1, [], {}, "x", 1.5, True, 2**64, [None])


def junk(r: random.Random, case: Case) -> None:
    """One value anywhere in the document becomes another."""
    node: Any = case.config
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = r.choice(keys)
        child = node[key]
        if isinstance(child, (dict, list)) and child and r.random() < 0.8:
            node = child
            continue
        action = r.random()
        if action < 0.6:
            node[key] = r.choice(_JUNK)
        elif action < 0.8 or not isinstance(node, dict):
            del node[key]
        else:
            node[str(key).upper()] = node.pop(key)
        return


# each change, and how often it is taken
CHANGES: dict[Callable[[random.Random, Case], None], int] = {
    random_mounts.bind: 16,
    random_mounts.host_mount: 6,
    random_mounts.tmpfs: 8,
    random_mounts.kernel_mount: 8,
    random_mounts.overlay: 2,
    random_mounts.mount_change: 6,
    random_mounts.root: 6,
    random_process.process_place: 6,
    random_process.user: 5,
    random_process.rights: 6,
    random_process.rlimits: 4,
    random_process.scheduling: 4,
    random_linux.namespaces: 9,
    random_linux.names: 3,
    random_mounts.paths: 5,
    random_mounts.devices: 7,
    random_linux.sysctl: 4,
    random_linux.resources: 7,
    random_linux.kernel_things: 3,
    random_linux.seccomp: 4,
    random_linux.hooks: 7,
    junk: 8,
    random_process.caller: 5,
    random_commands.run: 4,
    random_commands.exec: 9,
    random_commands.update: 7,
    random_commands.signals: 6,
}


def make(seed: int, without: frozenset[int] = frozenset()) -> Case:
    """The case of this seed; changes whose index is in `without` are left out."""
    chooser = random.Random(seed)  # noqa: S311 - bundles, no secrets
    case = Case(seed, plain())
    count = chooser.choice((1, 1, 1, 1, 2, 2, 2, 3, 5))
    changes = chooser.choices(list(CHANGES), weights=list(CHANGES.values()), k=count)
    # what puts nonsense anywhere comes last, since the others expect a bundle
    for index in sorted(range(count), key=lambda index: changes[index] is junk):
        if index not in without:
            case.changes.append(f"{index}:{changes[index].__name__}")
            changes[index](random.Random(f"{seed}/{index}"), case)  # noqa: S311 - as above
    return case
