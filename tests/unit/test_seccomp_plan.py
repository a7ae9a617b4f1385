from __future__ import annotations

from typing import Any

import pytest
from helpers.schemas import SCHEMAS
from helpers.seccomp_bpf import ALLOW, KILL_PROCESS, KILL_THREAD, LOG, NOTIFY, TRAP, errno, trace

from pyoci.errors import ConfigError
from pyoci.plan import seccomp

SPEC_ALLOW, NEW_LISTENER, TSYNC, TSYNC_ESRCH, LOG_FLAG, WAIT_KILLABLE = 4, 8, 1, 16, 2, 32


def profile(**changes: Any) -> dict[str, Any]:
    return {"defaultAction": "SCMP_ACT_ERRNO", **changes}


def rule(action: str = "SCMP_ACT_ALLOW", names: tuple[str, ...] = ("read",), **more: Any) -> dict[str, Any]:
    return {"names": list(names), "action": action, **more}


def arg(index: int = 0, op: str = "SCMP_CMP_EQ", value: int = 1, **more: Any) -> dict[str, Any]:
    return {"index": index, "op": op, "value": value, **more}


def planned(**changes: Any) -> Any:
    made = seccomp.plan(profile(**changes))
    assert made is not None
    return made


def problems(**changes: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        seccomp.plan(profile(**changes))
    return caught.value.problems


def test_no_seccomp_is_no_filter() -> None:
    assert seccomp.plan(None) is None


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("SCMP_ACT_KILL", KILL_THREAD),
        ("SCMP_ACT_KILL_THREAD", KILL_THREAD),
        ("SCMP_ACT_KILL_PROCESS", KILL_PROCESS),
        ("SCMP_ACT_TRAP", TRAP),
        ("SCMP_ACT_ERRNO", errno(1)),
        ("SCMP_ACT_TRACE", trace(1)),
        ("SCMP_ACT_ALLOW", ALLOW),
        ("SCMP_ACT_LOG", LOG),
    ],
)
def test_every_action_as_default_and_in_a_rule(name: str, number: int) -> None:
    made = planned(defaultAction=name, syscalls=[rule(name)])
    assert made.default_action == number
    assert made.rules[0].action == number


def test_errno_ret_goes_into_the_action() -> None:
    made = planned(
        defaultErrnoRet=5,
        syscalls=[rule("SCMP_ACT_ERRNO", errnoRet=13), rule("SCMP_ACT_TRACE", errnoRet=0xFFFF)],
    )
    assert made.default_action == errno(5)
    assert [entry.action for entry in made.rules] == [errno(13), trace(0xFFFF)]


def test_errno_zero_is_not_the_default_eperm() -> None:
    assert planned(defaultErrnoRet=0).default_action == errno(0)


@pytest.mark.parametrize("action", ["SCMP_ACT_ALLOW", "SCMP_ACT_KILL", "SCMP_ACT_LOG", "SCMP_ACT_TRAP"])
def test_errno_ret_with_an_action_that_takes_none_is_an_error(action: str) -> None:
    assert problems(syscalls=[rule(action, errnoRet=1)])[0].startswith(
        "/linux/seccomp/syscalls/0/errnoRet: must be left out"
    )
    assert problems(defaultAction=action, defaultErrnoRet=1)[0].startswith(
        "/linux/seccomp/defaultErrnoRet: must be left out"
    )


@pytest.mark.parametrize("number", [-1, 4096, True, "1", 1.0])
def test_errno_ret_out_of_range_is_an_error(number: Any) -> None:
    assert "from 0 to 4095" in problems(defaultErrnoRet=number)[0]


def test_unknown_names_are_errors_that_point_at_them() -> None:
    found = problems(
        defaultAction="SCMP_ACT_NOPE",
        architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_VAX"],
        flags=["SECCOMP_FILTER_FLAG_NEW_LISTENER"],
        syscalls=[rule(), rule("ALLOW"), rule(args=[arg(), arg(1, "SCMP_CMP_ABOUT")])],
    )
    assert [problem.split(":")[0] for problem in found] == [
        "/linux/seccomp/defaultAction",
        "/linux/seccomp/syscalls/1/action",
        "/linux/seccomp/syscalls/2/args/1/op",
        "/linux/seccomp/architectures/1",
        "/linux/seccomp/flags/0",
    ]
    assert "'SCMP_ARCH_VAX'" in found[3]


def test_missing_default_action_is_an_error() -> None:
    with pytest.raises(ConfigError, match="/linux/seccomp/defaultAction"):
        seccomp.plan({})


@pytest.mark.parametrize("names", [(), ("read", "")])
def test_names_must_not_be_empty(names: tuple[str, ...]) -> None:
    assert problems(syscalls=[rule(names=names)])[0].startswith("/linux/seccomp/syscalls/0/names")


@pytest.mark.parametrize(
    ("bad", "where"),
    [
        ({"index": 6}, "index"),
        ({"index": -1}, "index"),
        ({"value": 1 << 64}, "value"),
        ({"value": -1}, "value"),
        ({"valueTwo": 1 << 64}, "valueTwo"),
    ],
)
def test_argument_numbers_are_checked(bad: dict[str, int], where: str) -> None:
    assert problems(syscalls=[rule(args=[{**arg(), **bad}])])[0].startswith(
        f"/linux/seccomp/syscalls/0/args/0/{where}:"
    )


@pytest.mark.parametrize("op", ["SCMP_CMP_XX", "", None, 3])
def test_an_operator_that_is_not_known_is_named(op: object) -> None:
    with pytest.raises(ConfigError) as refusal:
        planned(syscalls=[rule(args=[{"index": 0, "op": op, "value": 1}])])
    assert f"/op: unknown operator {op!r}; known are SCMP_CMP_EQ, " in str(refusal.value)


def test_every_operator_has_the_number_of_libseccomp() -> None:
    order = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"]
    made = planned(syscalls=[rule(args=[arg(op=f"SCMP_CMP_{name}")]) for name in order])
    assert [entry.args[0].op for entry in made.rules] == [1, 2, 3, 4, 5, 6, 7]


def test_masked_eq_keeps_mask_and_value() -> None:
    made = planned(syscalls=[rule(args=[arg(1, "SCMP_CMP_MASKED_EQ", 0x7E020000, valueTwo=0)])])
    only = made.rules[0].args[0]
    assert (only.index, only.value, only.value_two) == (1, 0x7E020000, 0)


def test_comparisons_of_different_arguments_stay_one_rule() -> None:
    assert len(planned(syscalls=[rule(args=[arg(0), arg(1)])]).rules) == 1


def test_two_comparisons_of_one_argument_become_alternatives() -> None:
    made = planned(syscalls=[rule(args=[arg(0, value=1), arg(0, value=2), arg(1, value=3)])])
    assert [[(one.index, one.value) for one in entry.args] for entry in made.rules] == [
        [(0, 1)],
        [(0, 2)],
        [(1, 3)],
    ]


def test_no_architectures_is_the_native_one() -> None:
    assert planned().architectures == ()
    assert planned(architectures=["SCMP_ARCH_X86"]).architectures == (0x40000003,)


def test_flags_become_those_of_the_kernel() -> None:
    assert planned(flags=[]).flags == 0
    assert planned(flags=["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"]).flags == LOG_FLAG | TSYNC
    assert planned(flags=["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_LOG"]).flags == LOG_FLAG


def test_absent_flags_are_spec_allow_as_in_runc() -> None:
    assert planned().flags == SPEC_ALLOW


NOTIFYING = {"syscalls": [rule("SCMP_ACT_NOTIFY", ("mkdir",))], "listenerPath": "/run/agent.sock"}


def test_notify_asks_for_a_listener() -> None:
    made = planned(**NOTIFYING, listenerMetadata="words", flags=[])
    assert made.uses_notify and made.flags == NEW_LISTENER
    assert (made.listener_path, made.listener_metadata) == ("/run/agent.sock", "words")
    assert made.rules[0].action == NOTIFY


def test_notify_with_tsync_leaves_the_return_value_to_the_descriptor() -> None:
    assert planned(**NOTIFYING, flags=["SECCOMP_FILTER_FLAG_TSYNC"]).flags == NEW_LISTENER | TSYNC | TSYNC_ESRCH


def test_wait_killable_recv_only_means_something_with_notify() -> None:
    flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]
    assert planned(**NOTIFYING, flags=flags).flags == NEW_LISTENER | WAIT_KILLABLE
    assert planned(flags=flags).flags == 0


def test_notify_without_a_listener_path_is_an_error() -> None:
    assert problems(syscalls=NOTIFYING["syscalls"])[0].startswith("/linux/seccomp/listenerPath")


def test_listener_path_without_notify_is_allowed() -> None:
    assert not planned(listenerPath="/run/agent.sock").uses_notify


def test_listener_metadata_without_a_path_is_an_error() -> None:
    assert problems(listenerMetadata="words")[0].startswith("/linux/seccomp/listenerMetadata")


@pytest.mark.parametrize("name", ["write", "sendmsg"])
def test_calls_that_hand_the_descriptor_over_cannot_be_notified(name: str) -> None:
    found = problems(syscalls=[rule("SCMP_ACT_NOTIFY", ("mkdir", name))], listenerPath="/run/agent.sock")
    assert found[0].startswith(f"/linux/seccomp/syscalls/0/action: SCMP_ACT_NOTIFY cannot be used for {name}")


def test_notify_cannot_be_the_default() -> None:
    found = problems(defaultAction="SCMP_ACT_NOTIFY", listenerPath="/run/agent.sock")
    assert found[0].startswith("/linux/seccomp/defaultAction: SCMP_ACT_NOTIFY cannot be the default action")


@pytest.mark.parametrize(
    ("default", "errno_ret", "adds"),
    [
        ("SCMP_ACT_ERRNO", None, True),
        ("SCMP_ACT_ERRNO", 1, True),
        ("SCMP_ACT_ERRNO", 38, False),
        ("SCMP_ACT_KILL", None, True),
        ("SCMP_ACT_KILL_PROCESS", None, True),
        ("SCMP_ACT_TRAP", None, True),
        ("SCMP_ACT_ALLOW", None, False),
        ("SCMP_ACT_LOG", None, False),
        ("SCMP_ACT_TRACE", None, False),
        ("SCMP_ACT_TRACE", 7, False),
    ],
)
def test_newer_calls_get_enosys_unless_the_default_lets_them_pass(
    default: str, errno_ret: int | None, adds: bool
) -> None:
    changes = {} if errno_ret is None else {"defaultErrnoRet": errno_ret}
    assert planned(defaultAction=default, **changes).enosys is adds


def test_lists_for_features_are_sorted_and_whole() -> None:
    """`features` prints them in the order of the tables: by name."""
    schema = SCHEMAS["config"]["definitions"]
    of_the_filter = schema["seccomp"]["properties"]
    comparison = schema["seccompRule"]["properties"]["args"]["items"]["properties"]["op"]
    for name, known, listed in (
        ("ACTIONS", seccomp.ACTIONS, schema["seccompAction"]),
        ("OPERATORS", seccomp.OPERATORS, comparison),
        ("ARCHS", seccomp.ARCHS, of_the_filter["architectures"]["items"]),
        ("FLAGS", seccomp.FLAGS, of_the_filter["flags"]["items"]),
    ):
        assert list(known) == sorted(known), f"{name} of plan/seccomp.py is to be sorted by name"
        differ = {*known} ^ {*listed["enum"]}
        assert not differ, f"{name} of plan/seccomp.py and schemas/config.json differ in {differ}"
