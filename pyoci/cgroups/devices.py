"""Which devices a container may use: the rules of `linux.resources.devices` and what v1 can say of them.

The meaning on every layout, bit by bit of read, write and mknod: the last rule that matches decides; where
none does, access is denied. The rules that let programs work at all come after those of the config, as runc
has it.
"""

from __future__ import annotations

from pyoci.cgroups import files
from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    # (allow, type "b" or "c", major or None for all, minor or None for all, access: a part of "rwm")
    Rule = tuple[bool, str, int | None, int | None, str]
    # (type, major, minor) -> access
    Exceptions = dict[tuple[str, int | None, int | None], str]

# config-linux.md, "Default Devices", and the pseudo terminals: a container's /dev/console is one of them, and 5:1 is
# the host's. Making a node is harmless, opening it is what counts.
# (major, minor, name below /dev); as runc and crun: net/tun gives no power without CAP_NET_ADMIN
DEFAULT_DEVICES: tuple[tuple[int, int | None, str], ...] = (
    (1, 3, "null"),
    (1, 5, "zero"),
    (1, 7, "full"),
    (1, 8, "random"),
    (1, 9, "urandom"),
    (5, 0, "tty"),
    (5, 2, "ptmx"),
    (10, 200, "net/tun"),
    (136, None, "pts"),
)
DEFAULT_RULES: tuple[Rule, ...] = (
    (True, "c", None, None, "m"),
    (True, "b", None, None, "m"),
    *((True, "c", major, minor, "rwm") for major, minor, _ in DEFAULT_DEVICES),
)
_ALL_ACCESS = "rwm"


def rules_of(entries: list[dict[str, Any]] | None) -> list[Rule]:
    """The rules of the config, then the default ones; rules for both types are taken apart. Pure."""
    rules: list[Rule] = []
    for entry in entries or ():
        access = entry.get("access") or _ALL_ACCESS
        major, minor = _number(entry.get("major")), _number(entry.get("minor"))
        kind = entry.get("type") or "a"
        # type `u` is another name of `c` (mknod(1)); `p` is not a device.
        for part in ("c", "b") if kind == "a" else ("c" if kind == "u" else kind,):
            if part in ("c", "b"):
                rules.append((entry["allow"], part, major, minor, access))
    rules += DEFAULT_RULES
    return rules


def _number(value: int | None) -> int | None:
    return None if value is None or value < 0 else value  # runc and docker write -1 for all


class Allowed:
    """The rules of devices in the form of v1: a default for all devices, and exceptions from it."""

    __slots__ = ("by_default", "exceptions")

    def __init__(self, by_default: bool, exceptions: Exceptions) -> None:
        self.by_default = by_default
        self.exceptions = exceptions


def for_v1(rules: Iterable[Rule]) -> Allowed:
    """The rules in the form of v1. Pure; CgroupError when they need an exception from an exception."""
    state = Allowed(False, {})
    for position, rule in enumerate(ordered := list(rules)):
        allow, kind, major, minor, access = rule
        if major is None and minor is None and access_covers(access, _ALL_ACCESS) and _pair(ordered, position):
            state = Allowed(allow, {})
        elif allow != state.by_default:
            key = (kind, major, minor)
            state.exceptions[key] = _ordered(state.exceptions.get(key, "") + access)
        else:
            _take_away(state.exceptions, rule)
    return state


def _pair(rules: list[Rule], position: int) -> bool:
    """Whether this rule for all devices of one type stands beside its twin for the other: together they reset
    all.
    """
    rule = rules[position]
    for other in (position - 1, position + 1):
        if 0 <= other < len(rules):
            twin = rules[other]
            same_scope = twin[0] == rule[0] and twin[2] is None and twin[3] is None
            if same_scope and twin[1] != rule[1] and access_covers(twin[4], _ALL_ACCESS):
                return True
    return False


def _take_away(exceptions: Exceptions, rule: Rule) -> None:
    allow, kind, major, minor, access = rule
    for key, has in list(exceptions.items()):
        other_kind, other_major, other_minor = key
        both = major is None or other_major is None or major == other_major
        both = both and (minor is None or other_minor is None or minor == other_minor)
        if other_kind != kind or not both or not any(bit in has for bit in access):
            continue
        if (major is not None and other_major is None) or (minor is not None and other_minor is None):
            raise CgroupError(
                f"devices: rule {text_of(rule)!r} to {'allow' if allow else 'deny'} cuts a hole into "
                f"the earlier {line(key, has)!r}, which cgroup v1 cannot express; name the devices one by one"
            )
        left = "".join(bit for bit in has if bit not in access)
        if left:
            exceptions[key] = left
        else:
            del exceptions[key]


def access_covers(has: str, asked: str) -> bool:
    return all(bit in has for bit in asked)


def _ordered(access: str) -> str:
    return "".join(bit for bit in _ALL_ACCESS if bit in access)


def line(key: tuple[str, int | None, int | None], access: str) -> str:
    """One line of devices.allow, devices.deny and devices.list."""
    kind, major, minor = key
    return f"{kind} {'*' if major is None else major}:{'*' if minor is None else minor} {access}"


def text_of(rule: Rule) -> str:
    return line((rule[1], rule[2], rule[3]), rule[4])


def steps_v1(current: Allowed | None, target: Allowed) -> list[tuple[str, str]]:
    """(file, line) in order, from what a group has (None: unknown) to what it shall have. Pure.

    A group in use is never denied everything in between, unless its default changes.
    """
    steps: list[tuple[str, str]] = []
    more, less = ("devices.deny", "devices.allow") if target.by_default else ("devices.allow", "devices.deny")
    have: Exceptions = {}
    if current is None or current.by_default != target.by_default:
        steps.append((less, "a"))
    else:
        have = current.exceptions
    for key, access in target.exceptions.items():
        missing = "".join(bit for bit in access if bit not in have.get(key, ""))
        if missing:
            steps.append((more, line(key, missing)))
    for key, access in have.items():
        extra = "".join(bit for bit in access if bit not in target.exceptions.get(key, ""))
        if extra:
            steps.append((less, line(key, extra)))
    return steps


def parse_list(text: str) -> Allowed | None:
    """A devices.list; None for one that says `a *:* rwm`, behind which exceptions may hide. Pure.

    Raises CgroupError for another form than the kernel's.
    """
    exceptions: Exceptions = {}
    for row in text.splitlines():
        try:
            kind, numbers, access = row.split(" ")
            if kind == "a":
                return None
            major, minor = (None if part == "*" else int(part) for part in numbers.split(":"))
        except ValueError:
            raise CgroupError(f"read devices.list: {row!r} is not a rule such as 'c 1:3 rwm'") from None
        exceptions[kind, major, minor] = access
    return Allowed(False, exceptions)


def restrict_v1(group: str, rules: list[Rule], fresh: bool) -> None:
    """Bring the devices controller of `group` to the rules. Raises CgroupError.

    `fresh`: the group has no processes yet, so what it inherited need not be looked at.
    """
    target = for_v1(rules)
    current = None if fresh else parse_list(files.read(f"{group}/devices.list"))
    # All is allowed: what the parent has, which may itself be restricted and then cannot be written.
    inherits = fresh and target.by_default and not target.exceptions
    if inherits and parse_list(files.read(f"{group}/devices.list")) is None:
        return
    for file, text in steps_v1(current, target):
        files.write(f"{group}/{file}", text)
