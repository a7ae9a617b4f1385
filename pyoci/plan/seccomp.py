"""`linux.seccomp`: which system calls the container may make (config-linux.md, "Seccomp").

Pure: names become the numbers of libseccomp's header; what the spec or the runtime cannot allow is refused.
Whether a system call of that name exists is libseccomp's to say, when `host.seccomp` compiles the filter.
"""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.kernel import uapi
from pyoci.wire.seccomp import SeccompArg, SeccompPlan, SeccompRule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ERRNO = uapi.SECCOMP_RET["ERRNO"]
_TRACE = uapi.SECCOMP_RET["TRACE"]
_NOTIFY = uapi.SECCOMP_RET["NOTIFY"]
_LOG = uapi.SECCOMP_RET["LOG"]
_ALLOW = uapi.SECCOMP_RET["ALLOW"]

ACTIONS = {
    "SCMP_ACT_ALLOW": _ALLOW,
    "SCMP_ACT_ERRNO": _ERRNO,
    "SCMP_ACT_KILL": uapi.SECCOMP_RET["KILL_THREAD"],  # "defined for backward compatibility" (seccomp.h)
    "SCMP_ACT_KILL_PROCESS": uapi.SECCOMP_RET["KILL_PROCESS"],
    "SCMP_ACT_KILL_THREAD": uapi.SECCOMP_RET["KILL_THREAD"],
    "SCMP_ACT_LOG": _LOG,
    "SCMP_ACT_NOTIFY": _NOTIFY,
    "SCMP_ACT_TRACE": _TRACE,
    "SCMP_ACT_TRAP": uapi.SECCOMP_RET["TRAP"],
}

OPERATORS = {
    "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6,
    "SCMP_CMP_LE": 3,
    "SCMP_CMP_LT": 2,
    "SCMP_CMP_MASKED_EQ": 7,  # (argument & value) == valueTwo
    "SCMP_CMP_NE": 1,
}

# seccomp.h: the AUDIT_ARCH_* numbers of linux/audit.h, except for x32, which the kernel reports as x86_64.
ARCHS = {
    "SCMP_ARCH_AARCH64": 0xC00000B7,
    "SCMP_ARCH_ARM": 0x40000028,
    "SCMP_ARCH_LOONGARCH64": 0xC0000102,
    "SCMP_ARCH_M68K": 0x00000004,
    "SCMP_ARCH_MIPS": 0x00000008,
    "SCMP_ARCH_MIPS64": 0x80000008,
    "SCMP_ARCH_MIPS64N32": 0xA0000008,
    "SCMP_ARCH_MIPSEL": 0x40000008,
    "SCMP_ARCH_MIPSEL64": 0xC0000008,
    "SCMP_ARCH_MIPSEL64N32": 0xE0000008,
    "SCMP_ARCH_PARISC": 0x0000000F,
    "SCMP_ARCH_PARISC64": 0x8000000F,
    "SCMP_ARCH_PPC": 0x00000014,
    "SCMP_ARCH_PPC64": 0x80000015,
    "SCMP_ARCH_PPC64LE": 0xC0000015,
    "SCMP_ARCH_RISCV64": 0xC00000F3,
    "SCMP_ARCH_S390": 0x00000016,
    "SCMP_ARCH_S390X": 0x80000016,
    "SCMP_ARCH_SH": 0x4000002A,
    "SCMP_ARCH_SHEB": 0x0000002A,
    "SCMP_ARCH_X32": 0x4000003E,
    "SCMP_ARCH_X86": 0x40000003,
    "SCMP_ARCH_X86_64": 0xC000003E,
}

_FLAG = uapi.SECCOMP_FILTER_FLAG
# Those that a config may name; the other two are the runtime's affair.
FLAGS = {f"SECCOMP_FILTER_FLAG_{name}": _FLAG[name] for name in ("LOG", "SPEC_ALLOW", "TSYNC", "WAIT_KILLABLE_RECV")}

_TAKES_ERRNO = (_ERRNO, _TRACE)
_EPERM = 1
_ENOSYS = 38
_MAX_ERRNO = 4095  # linux/err.h; the kernel turns what is above into this
_MAX_DATA = 0xFFFF  # SECCOMP_RET_DATA
_MAX_U64 = (1 << 64) - 1
_ARGUMENTS = 6

# Handing the notify descriptor over (and saying that this failed) takes these calls, made under the filter:
# the agent that should let them pass would still be waiting for the descriptor.
_NEVER_NOTIFIED = ("write", "sendmsg")

_ROOT = "/linux/seccomp"


def plan(seccomp: dict[str, Any] | None) -> SeccompPlan | None:
    """The filter that `linux.seccomp` describes, or None without one.

    ConfigError lists all that is wrong in it.
    """
    if seccomp is None:
        return None
    problems: list[str] = []
    default = _default_action(seccomp, problems)
    rules = _rules(seccomp.get("syscalls") or (), problems)
    uses_notify = any(rule.action == _NOTIFY for rule in rules)
    filter_plan = SeccompPlan(
        default_action=default,
        architectures=_numbers(seccomp.get("architectures") or (), ARCHS, "architectures", problems),
        rules=rules,
        enosys=_adds_enosys(default),
        flags=_flags(seccomp.get("flags"), uses_notify, problems),
        uses_notify=uses_notify,
        listener_path=seccomp.get("listenerPath") or None,
        listener_metadata=seccomp.get("listenerMetadata") or None,
    )
    _check_listener(filter_plan, problems)
    if problems:
        raise ConfigError(problems)
    return filter_plan


def _default_action(seccomp: dict[str, Any], problems: list[str]) -> int:
    action = _action(seccomp.get("defaultAction"), f"{_ROOT}/defaultAction", problems)
    if action == _NOTIFY:
        problems.append(
            f"{_ROOT}/defaultAction: SCMP_ACT_NOTIFY cannot be the default action, since it would stop the"
            " calls that hand the notify descriptor to the agent; notify single system calls"
        )
    return _with_errno(action, seccomp.get("defaultErrnoRet"), _ROOT, "defaultErrnoRet", problems)


def _rules(syscalls: Any, problems: list[str]) -> tuple[SeccompRule, ...]:
    rules: list[SeccompRule] = []
    for number, entry in enumerate(syscalls):
        where = f"{_ROOT}/syscalls/{number}"
        names = tuple(entry.get("names") or ())
        if not names or "" in names:
            problems.append(f"{where}/names: at least one name of a system call is needed, and none may be empty")
        action = _action(entry.get("action"), f"{where}/action", problems)
        if action == _NOTIFY:
            for name in _NEVER_NOTIFIED:
                if name in names:
                    problems.append(
                        f"{where}/action: SCMP_ACT_NOTIFY cannot be used for {name}: the runtime itself makes"
                        " that call to hand the notify descriptor over"
                    )
        action = _with_errno(action, entry.get("errnoRet"), where, "errnoRet", problems)
        args = tuple(
            _arg(arg, f"{where}/args/{position}", problems) for position, arg in enumerate(entry.get("args") or ())
        )
        if len({arg.index for arg in args}) == len(args):
            rules.append(SeccompRule(names=names, action=action, args=args, where=where))
        else:
            # libseccomp takes one comparison per argument and rule. As in runc, two for the same argument
            # make every comparison of the entry a rule of its own: any of them is enough.
            rules.extend(SeccompRule(names=names, action=action, args=(arg,), where=where) for arg in args)
    return tuple(rules)


def _action(name: Any, where: str, problems: list[str]) -> int:
    action = ACTIONS.get(name)
    if action is None:
        problems.append(f"{where}: unknown action {name!r}; known are {', '.join(ACTIONS)}")
        return _ALLOW
    return action


def _with_errno(action: int, errno: Any, where: str, key: str, problems: list[str]) -> int:
    if action not in _TAKES_ERRNO:
        if errno is not None:
            problems.append(
                f"{where}/{key}: must be left out, not {errno!r}: only SCMP_ACT_ERRNO and SCMP_ACT_TRACE take a number"
            )
        return action
    if errno is None:
        return action | _EPERM
    most = _MAX_ERRNO if action == _ERRNO else _MAX_DATA
    if type(errno) is not int or not 0 <= errno <= most:
        problems.append(f"{where}/{key}: must be a number from 0 to {most}, not {errno!r}")
        return action
    return action | errno


def _arg(arg: dict[str, Any], where: str, problems: list[str]) -> SeccompArg:
    op = OPERATORS.get(arg.get("op"))  # type: ignore[arg-type]  # an absent name is unknown too
    if op is None:
        problems.append(f"{where}/op: unknown operator {arg.get('op')!r}; known are {', '.join(OPERATORS)}")
    return SeccompArg(
        index=_number(arg.get("index"), _ARGUMENTS - 1, f"{where}/index", problems),
        op=op or 0,
        value=_number(arg.get("value"), _MAX_U64, f"{where}/value", problems),
        value_two=_number(arg.get("valueTwo", 0), _MAX_U64, f"{where}/valueTwo", problems),
    )


def _number(value: Any, most: int, where: str, problems: list[str]) -> int:
    if type(value) is int and 0 <= value <= most:
        return value
    problems.append(f"{where}: must be a number from 0 to {most}, not {value!r}")
    return 0


def _numbers(names: Any, known: dict[str, int], key: str, problems: list[str]) -> tuple[int, ...]:
    numbers: list[int] = []
    for position, name in enumerate(names):
        number = known.get(name)
        if number is None:
            problems.append(f"{_ROOT}/{key}/{position}: unknown name {name!r}; known are {', '.join(known)}")
        else:
            numbers.append(number)
    return tuple(numbers)


def _flags(names: Any, uses_notify: bool, problems: list[str]) -> int:
    """SECCOMP_FILTER_FLAG_* of seccomp(2)."""
    if names is None:
        # As runc: without `flags`, a filter does not switch on the costly mitigation of speculative store
        # bypass (the kernel's own default since 5.16, commit 2f46993d83ff); `"flags": []` leaves it as it is.
        flags = _FLAG["SPEC_ALLOW"]
    else:
        flags = sum(set(_numbers(names, FLAGS, "flags", problems)))
    if not uses_notify:
        # It says how a notification is waited for, and the kernel refuses it on a filter without notifications.
        return flags & ~_FLAG["WAIT_KILLABLE_RECV"]
    flags |= _FLAG["NEW_LISTENER"]
    if flags & _FLAG["TSYNC"]:
        # Both flags use the return value; ESRCH frees it for the descriptor (seccomp(2)).
        flags |= _FLAG["TSYNC_ESRCH"]
    return flags


def _check_listener(filter_plan: SeccompPlan, problems: list[str]) -> None:
    if filter_plan.listener_metadata and not filter_plan.listener_path:
        problems.append(f"{_ROOT}/listenerMetadata: must not be set without listenerPath")
    if filter_plan.uses_notify and not filter_plan.listener_path:
        problems.append(f"{_ROOT}/listenerPath: SCMP_ACT_NOTIFY is used, so the socket of its agent must be given")


def _adds_enosys(default: int) -> bool:
    """Whether calls that are newer than the profile get ENOSYS, so that programs fall back to older ones.

    As runc: not if the default lets them pass, for TRACE (the tracer decides), or if it is ENOSYS already.
    """
    return default not in (_ALLOW, _LOG, _ERRNO | _ENOSYS) and default & uapi.SECCOMP_RET_ACTION_FULL != _TRACE
