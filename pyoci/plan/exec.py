"""exec: the container's config and a command line, or a document of a process, become one further process.

Pure, as all of `plan`. What the process is not told it has from the container's own.
"""

from __future__ import annotations

from pyoci.errors import ConfigError, UsageError
from pyoci.kernel.uapi import CAP_SYS_RESOURCE, CAPABILITIES
from pyoci.plan import process as process_plan
from pyoci.plan.facts import Facts
from pyoci.plan.request import Request
from pyoci.record import Record
from pyoci.spec import bundle as bundles
from pyoci.spec import rules
from pyoci.wire.plan import ExecPlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Of the container's own process, what a document of --process need not repeat: to forget it would be a hole, or leave
# the process with more of the machine than the container's own. runc has it so.
_INHERITED = (
    "apparmorProfile",
    "capabilities",
    "execCPUAffinity",
    "ioPriority",
    "oomScoreAdj",
    "rlimits",
    "scheduler",
    "selinuxLabel",
)
# Those of them that an empty value leaves out, too.
_LEFT_OUT: tuple[tuple[str, object], ...] = (("apparmorProfile", ""), ("selinuxLabel", ""), ("rlimits", []))


class Changes(Record):
    """The command line's changes; None and empty lists leave the values of the container's own process."""

    document: dict[str, Any] | None = None  # of --process, which excludes all except `preserve_fds`
    args: list[str]
    terminal: bool = False
    cwd: str = ""
    env: list[str]
    user: str = ""
    additional_gids: list[int]
    selinux_label: str = ""
    apparmor_profile: str = ""
    no_new_privileges: bool | None = None
    capabilities: list[str]


def plan(config: dict[str, Any], changes: Changes, request: Request, facts: Facts) -> ExecPlan:
    """Raises ConfigError, UsageError or UnsupportedError for what cannot be carried out as written."""
    linux = config.get("linux") or {}
    kinds = [entry["type"] for entry in linux.get("namespaces") or ()]
    warnings: list[str] = []
    document = process_document(config, changes)
    if changes.document is not None:
        warnings += bundles.unknown_of_process(changes.document)
    for name in changes.capabilities:
        if name not in CAPABILITIES:
            from pyoci.spec.words import did_you_mean

            hint = did_you_mean(name, CAPABILITIES)
            warnings.append(f"option --cap: ignoring unknown capability {name[:80]!r}{hint}")
    planned = process_plan.plan(document, linux, request, facts, "user" in kinds, warnings, config.get("annotations"))
    if planned is None:
        raise ConfigError("/process: missing, there is nothing to execute")
    warnings += _capabilities_without_effect(document, changes)
    limit = ((linux.get("resources") or {}).get("pids") or {}).get("limit") or 0
    return ExecPlan(
        process=planned,
        namespaces=kinds,
        has_root=any(entry["type"] == "mount" and not entry.get("path") for entry in linux.get("namespaces") or ()),
        personality=process_plan.personality(linux.get("personality")),
        memory_policy=process_plan.memory_policy(linux.get("memoryPolicy")),
        pids_limited=limit > 0,
        is_held="pid" in kinds and "user" not in kinds,
        limits_itself="user" not in kinds and not facts.capabilities >> CAP_SYS_RESOURCE & 1,
        warnings=warnings,
    )


def _capabilities_without_effect(document: dict[str, Any], changes: Changes) -> list[str]:
    """capabilities(7): execve gives a user other than root those that are ambient, and no others."""
    if not (document.get("user") or {}).get("uid"):
        return []
    ambient = (document.get("capabilities") or {}).get("ambient") or ()
    return [
        f"--cap {name[:80]}: user {document['user']['uid']} does not get it,"
        " since it is not in /process/capabilities/inheritable of config.json"
        for name in changes.capabilities
        if name not in ambient
    ]


def process_document(config: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """The document of --process, or the container's own `process` with what the command line changes."""
    base = config.get("process") or {}
    if changes.document is not None:
        if "ociVersion" in changes.document:
            version = str(changes.document["ociVersion"])[:20]
            raise UsageError(
                f"option --process: the file is a config.json (ociVersion {version!r}); "
                "write its /process into a file of its own"
            )
        _check(changes.document)
        changed = {name: value for name, value in changes.document.items() if (name, value) not in _LEFT_OUT}
        umask = (base.get("user") or {}).get("umask")
        if umask is not None:
            changed["user"] = {"umask": umask, **(changed.get("user") or {"uid": 0, "gid": 0})}
        return {**{name: base[name] for name in _INHERITED if name in base}, **changed}
    document = dict(base or {"cwd": "/"})
    document["args"] = changes.args
    document["terminal"] = changes.terminal
    for entry in changes.env:
        if entry.find("=") < 1:
            raise ConfigError(f"option --env: must be NAME=value, not {entry[:80]!r}")
    document["env"] = [*(document.get("env") or ()), *changes.env]
    if changes.cwd:
        if not changes.cwd.startswith("/"):
            raise ConfigError(f"option --cwd: must be an absolute path, not {changes.cwd[:80]!r}")
        document["cwd"] = changes.cwd
    user = document.get("user") or {}
    if changes.user:
        user = user | parse_user(changes.user)
    if changes.additional_gids:
        user = user | {"additionalGids": [*(user.get("additionalGids") or ()), *changes.additional_gids]}
    if user:
        document["user"] = user
    if changes.no_new_privileges is not None:
        document["noNewPrivileges"] = changes.no_new_privileges
    if changes.apparmor_profile:
        document["apparmorProfile"] = changes.apparmor_profile
    if changes.selinux_label:
        document["selinuxLabel"] = changes.selinux_label
    if changes.capabilities:
        document["capabilities"] = with_capabilities(document.get("capabilities") or {}, changes.capabilities)
    _check(document)
    return document


def _check(document: dict[str, Any]) -> None:
    bundles.accept(document, "process")
    problems = rules.check_process(document)
    if problems:
        raise ConfigError(problems)


def parse_user(text: str) -> dict[str, int]:
    """`UID[:GID]`, numbers only: a name, or a number that the image's passwd gives a meaning, would be the image's
    choice of who runs (CVE-2016-3697, CVE-2026-30892).
    """
    uid, colon, gid = text.partition(":")
    numbers = {}
    for key, value in (("uid", uid), ("gid", gid)):
        if key == "gid" and not colon:
            break
        if not (value.isascii() and value.isdigit()):
            raise UsageError(f"--user: must be UID or UID:GID in numbers, not {text[:80]!r}")
        # 10 digits: int() refuses thousands of them with an error of its own
        if len(value) > 10 or int(value) >= 1 << 32:
            raise UsageError(f"--user: {value[:80]} is greater than 4294967295, the greatest ID")
        numbers[key] = int(value)
    return numbers


def with_capabilities(sets: dict[str, list[str]], more: list[str]) -> dict[str, list[str]]:
    """Not inheritable ones: they would outlive a change of user (CVE-2022-29162, CVE-2022-27650).

    Those that the config makes inheritable become ambient, as in runc: else a user other than root would not have them.
    """
    more = [name for name in more if name in CAPABILITIES]
    changed = {kind: list(names) for kind, names in sets.items()}
    for kind in ("bounding", "effective", "permitted"):
        changed[kind] = [*changed.get(kind, ()), *more]
    raised = [name for name in more if name in changed.get("inheritable", ())]
    if raised:
        changed["ambient"] = [*changed.get("ambient", ()), *raised]
    return changed
