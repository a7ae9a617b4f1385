"""Device rules: the same meaning in the lists of v1 and in the program of v2."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyoci.cgroups import device_program, devices, files
from pyoci.cgroups.devices import Allowed
from pyoci.cgroups.oom import WatchV1
from pyoci.errors import CgroupError, SyscallError
from pyoci.kernel import bpf
from pyoci.plan import devices as plan_devices

if TYPE_CHECKING:
    from pyoci.cgroups.devices import Rule

BITS = {"m": 1, "r": 2, "w": 4}
KINDS = {"b": 1, "c": 2}
DENY_ALL: dict[str, Any] = {"allow": False, "access": "rwm"}

numbers = st.one_of(st.none(), st.integers(0, 2))
access = st.sampled_from(["r", "w", "m", "rw", "rm", "wm", "rwm"])
single = st.tuples(st.booleans(), st.sampled_from(["b", "c"]), numbers, numbers, access)
# For all devices of both types: by chance they would never stand beside each other.
reset = st.tuples(st.booleans(), st.permutations(["b", "c"])).map(
    lambda drawn: [(drawn[0], kind, None, None, "rwm") for kind in drawn[1]]
)
rules = st.lists(st.one_of(single.map(lambda rule: [rule]), reset), max_size=8).map(
    lambda parts: [rule for part in parts for rule in part]
)
requests = st.tuples(st.sampled_from(["b", "c"]), st.integers(0, 2), st.integers(0, 2), access)
Request = tuple[str, int, int, str]


def by_last_match(table: list[Rule], request: Request) -> bool:
    """The meaning, bit by bit: the last rule that matches decides; none: denied."""
    kind, major, minor, wanted = request
    for bit in wanted:
        allowed = False
        for allow, rule_kind, rule_major, rule_minor, rule_access in table:
            if rule_kind == kind and rule_major in (None, major) and rule_minor in (None, minor):
                allowed = allow if bit in rule_access else allowed
        if not allowed:
            return False
    return True


def by_program(table: list[Rule], request: Request) -> bool:
    """The eBPF program, interpreted: what the kernel's machine does with the few instructions that occur."""
    kind, major, minor, wanted = request
    word = sum(BITS[bit] for bit in wanted) << 16 | KINDS[kind]
    context = struct.pack("=III", word, major, minor)
    code = list(struct.iter_unpack("=BBhi", device_program.build(table)))
    registers = [-1] * 11
    registers[1] = 0  # where the context begins; the others hold nothing that a program may read
    position = 0
    while True:
        operation, pair, offset, value = code[position]
        position += 1
        target, source = pair & 15, pair >> 4
        if operation == 0x61:
            registers[target] = struct.unpack_from("=I", context, registers[source] + offset)[0]
        elif operation == 0x54:
            registers[target] = registers[target] & value & 0xFFFFFFFF
        elif operation == 0x74:
            registers[target] = (registers[target] & 0xFFFFFFFF) >> value
        elif operation == 0xBC:
            registers[target] = registers[source] & 0xFFFFFFFF
        elif operation == 0xB7:
            registers[target] = value
        elif operation == 0x55:
            position += offset if registers[target] != value else 0
        elif operation == 0x15:
            position += offset if registers[target] == value else 0
        else:
            assert operation == 0x95, f"an instruction that is not known: {operation:#x}"
            return bool(registers[0])


def by_v1(state: Allowed, request: Request) -> bool:
    """security/device_cgroup.c: one exception must cover the request, or, by default allowed, none may touch
    it.
    """
    kind, major, minor, wanted = request
    matching = [
        has
        for (other, other_major, other_minor), has in state.exceptions.items()
        if other == kind and other_major in (None, major) and other_minor in (None, minor)
    ]
    if state.by_default:
        return not any(bit in has for has in matching for bit in wanted)
    return any(all(bit in has for bit in wanted) for has in matching)


@given(rules, requests)
def test_the_program_lets_the_last_matching_rule_win(table: list[Rule], request: Request) -> None:
    assert by_program(table, request) == by_last_match(table, request)


@given(rules, requests)
def test_v1_says_the_same_wherever_it_can_say_it(table: list[Rule], request: Request) -> None:
    try:
        state = devices.for_v1(table)
    except CgroupError:
        return
    one_bit = (*request[:3], request[3][0])  # for several bits v1 wants a single exception to hold them all
    assert by_v1(state, one_bit) == by_last_match(table, one_bit)
    if by_v1(state, request):
        assert by_last_match(table, request)


@given(rules, rules)
def test_steps_lead_from_any_list_to_any_other(before: list[Rule], after: list[Rule]) -> None:
    try:
        current, target = devices.for_v1(before), devices.for_v1(after)
    except CgroupError:
        return
    by_default, exceptions = current.by_default, dict(current.exceptions)
    for file, line in devices.steps_v1(current, target):
        allow = file == "devices.allow"
        if line == "a":
            by_default, exceptions = allow, {}
            continue
        parsed = devices.parse_list(line + "\n")
        assert parsed is not None
        ((key, bits),) = parsed.exceptions.items()
        has = set(exceptions.pop(key, ""))
        has = has | set(bits) if allow != by_default else has - set(bits)
        if has:
            exceptions[key] = "".join(bit for bit in "rwm" if bit in has)
    assert (by_default, exceptions) == (target.by_default, target.exceptions)


def test_a_group_whose_default_changes_begins_with_all_or_nothing() -> None:
    nothing, everything = Allowed(False, {("c", 1, 3): "r"}), Allowed(True, {("b", 8, 0): "w"})
    assert devices.steps_v1(nothing, everything) == [("devices.allow", "a"), ("devices.deny", "b 8:0 w")]
    for current in (everything, None):
        assert devices.steps_v1(current, nothing) == [("devices.deny", "a"), ("devices.allow", "c 1:3 r")]
    assert devices.steps_v1(everything, everything) == []


def test_without_rules_only_the_default_devices_can_be_used() -> None:
    table = devices.rules_of(None)
    assert by_program(table, ("c", 1, 3, "rw"))
    assert by_program(table, ("c", 136, 77, "rwm"))
    assert not by_program(table, ("c", 5, 1, "r"))  # the console of the host
    assert by_program(table, ("b", 8, 0, "m"))
    assert not by_program(table, ("b", 8, 0, "r"))
    assert not by_program(table, ("c", 1, 1, "r"))
    state = devices.for_v1(table)
    assert not state.by_default
    assert state.exceptions["c", 136, None] == "rwm"


def test_default_devices_stay_whatever_the_config_denies() -> None:
    denied: list[dict[str, Any]] = [{"allow": False, "type": "c", "major": 1, "minor": 3, "access": "rwm"}, DENY_ALL]
    assert by_program(devices.rules_of(denied), ("c", 1, 3, "rw"))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_default_device_that_the_config_replaces_keeps_its_rule(version: str) -> None:
    """/dev/null with the numbers of /dev/zero: both may be used, whatever lies at their paths."""
    entry = {"path": "/dev/null", "type": "c", "major": 1, "minor": 5}
    planned = {device.path: (device.major, device.minor) for device in plan_devices.plan([entry], True)}
    assert planned["/dev/null"] == (1, 5)
    table = devices.rules_of([DENY_ALL])
    for number in (("c", 1, 3), ("c", 1, 5)):
        if version == "v2":
            assert by_program(table, (*number, "rw"))
        else:
            assert devices.for_v1(table).exceptions[number] == "rwm"


def test_a_privileged_container_is_allowed_everything() -> None:
    table = devices.rules_of([DENY_ALL, {"allow": True, "access": "rwm"}])
    assert by_program(table, ("b", 8, 0, "rwm"))
    state = devices.for_v1(table)
    assert (state.by_default, state.exceptions) == (True, {})
    assert devices.steps_v1(None, state) == [("devices.allow", "a")]


def test_absent_and_minus_one_mean_all() -> None:
    for entry in (
        {"allow": True, "type": "c", "access": "r"},
        {"allow": True, "type": "c", "major": -1, "access": "r"},
    ):
        assert devices.rules_of([entry])[0] == (True, "c", None, None, "r")


def test_zero_is_a_number_of_a_device() -> None:
    (rule,) = devices.rules_of([{"allow": True, "type": "c", "major": 0, "minor": 0, "access": "r"}])[:1]
    assert rule == (True, "c", 0, 0, "r")


def test_a_hole_in_a_wildcard_is_refused_on_v1_and_works_on_v2() -> None:
    given: list[dict[str, Any]] = [
        DENY_ALL,
        {"allow": True, "type": "c", "major": 10, "access": "rw"},
        {"allow": False, "type": "c", "major": 10, "minor": 229, "access": "w"},
    ]
    table = devices.rules_of(given)
    with pytest.raises(CgroupError, match=r"'c 10:229 w' to deny cuts a hole into the earlier 'c 10:\* rw'"):
        devices.for_v1(table)
    assert by_program(table, ("c", 10, 229, "r"))
    assert not by_program(table, ("c", 10, 229, "rw"))


@pytest.mark.parametrize(
    ("entry", "kinds"), [("a", "cb"), (None, "cb"), ("", "cb"), ("c", "c"), ("u", "c"), ("b", "b"), ("p", "")]
)
def test_types_of_a_rule(entry: str | None, kinds: str) -> None:
    config = {"allow": True, "type": entry, "major": 7, "minor": 8, "access": "r"}
    rules = devices.rules_of([config])[: -len(devices.DEFAULT_RULES)]
    assert rules == [(True, kind, 7, 8, "r") for kind in kinds]


def test_an_allowed_hole_is_refused_in_words_of_its_own() -> None:
    everything: list[Rule] = [(True, "c", None, None, "rwm"), (True, "b", None, None, "rwm")]
    with pytest.raises(CgroupError, match=r"rule 'c 10:229 w' to allow cuts a hole into the earlier 'c 10:\* rw'"):
        devices.for_v1([*everything, (False, "c", 10, None, "rw"), (True, "c", 10, 229, "w")])


@pytest.mark.parametrize(
    ("earlier", "later", "is_hole"),
    [
        ((10, None), (10, 229), True),
        ((None, 229), (10, 229), True),
        ((None, None), (10, None), True),
        ((10, 229), (10, None), False),
        ((10, 229), (None, 229), False),
        ((10, 229), (None, None), False),
        ((10, None), (10, None), False),
        ((10, 229), (10, 229), False),
        ((10, 229), (10, 230), False),
        ((10, None), (None, 229), True),
        ((None, 229), (10, None), True),
    ],
)
def test_a_hole_is_less_than_what_was_allowed(
    earlier: tuple[int | None, int | None], later: tuple[int | None, int | None], is_hole: bool
) -> None:
    table: list[Rule] = [(True, "c", *earlier, "rw"), (False, "c", *later, "rw")]
    if is_hole:
        with pytest.raises(CgroupError, match="cuts a hole"):
            devices.for_v1(table)
    else:
        remains = {} if (earlier, later) != ((10, 229), (10, 230)) else {("c", 10, 229): "rw"}
        assert devices.for_v1(table).exceptions == remains


@pytest.mark.parametrize("other", [(True, "c", 1, 3, "r"), (False, "c", None, None, "rwm")])
def test_rules_for_both_types_reset_all_only_side_by_side(other: Rule) -> None:
    pair: list[Rule] = [(True, "c", None, None, "rwm"), (True, "b", None, None, "rwm")]
    assert devices.for_v1(pair).by_default
    assert not devices.for_v1([pair[0], other, pair[1]]).by_default


def test_files_of_the_steps() -> None:
    restricted, all_but_one = devices.Allowed(False, {("c", 1, 3): "r"}), devices.Allowed(True, {("c", 1, 3): "r"})
    assert devices.steps_v1(None, restricted) == [("devices.deny", "a"), ("devices.allow", "c 1:3 r")]
    assert devices.steps_v1(None, all_but_one) == [("devices.allow", "a"), ("devices.deny", "c 1:3 r")]
    assert devices.steps_v1(restricted, devices.Allowed(False, {})) == [("devices.deny", "c 1:3 r")]
    assert devices.steps_v1(all_but_one, devices.Allowed(True, {})) == [("devices.allow", "c 1:3 r")]


@pytest.mark.parametrize(
    ("rules", "fresh", "inherited", "written"),
    [
        # everything is allowed, and was: a parent that is restricted itself is not written to
        ([DENY_ALL, {"allow": True, "access": "rwm"}], True, "a *:* rwm\n", []),
        ([DENY_ALL, {"allow": True, "access": "rwm"}], True, "c 1:3 rwm\n", [("devices.allow", "a")]),
        ([DENY_ALL, {"allow": True, "access": "rwm"}], False, "a *:* rwm\n", [("devices.allow", "a")]),
        # of a group in use, only the difference; of a new one, everything anew
        ([DENY_ALL], False, "c 1:3 rwm\n", "no reset"),
        ([DENY_ALL], True, "c 1:3 rwm\n", "reset"),
    ],
)
def test_a_group_of_v1_is_brought_to_its_rules(
    rules: list[dict[str, Any]], fresh: bool, inherited: str, written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "read", lambda _path: inherited)
    steps: list[tuple[str, str]] = []
    monkeypatch.setattr(files, "write", lambda path, text: steps.append((path.rpartition("/")[2], text)))
    table = devices.rules_of(rules)
    # the default rules are among those of everything, too
    devices.restrict_v1("/group", table[:4] if len(rules) == 2 else table, fresh)
    if isinstance(written, list):
        assert steps == written
    else:
        assert (("devices.deny", "a") in steps) is (written == "reset")
        assert ("devices.allow", "c 1:5 rwm") in steps
        assert (("devices.allow", "c 1:3 rwm") in steps) is fresh


@pytest.mark.parametrize("text", ["c 1:3", "c 1 rwm", "c  1:3 rwm", "c x:3 rwm", "c\t1:3\trwm", ""])
def test_another_form_than_the_kernels_is_refused(text: str) -> None:
    with pytest.raises(CgroupError, match=r"^read devices.list: .* is not a rule such as 'c 1:3 rwm'"):
        devices.parse_list(f"{text}\n")


def test_a_list_as_the_kernel_prints_it_is_read_back() -> None:
    state = devices.parse_list("c 10:229 rw\nc *:* m\nb 8:* r\n")
    assert state is not None
    assert state.exceptions == {("c", 10, 229): "rw", ("c", None, None): "m", ("b", 8, None): "r"}
    assert devices.parse_list("a *:* rwm\n") is None


def test_numbers_beyond_16_bits_fit() -> None:
    table: list[Rule] = [(True, "b", 4095, 1048575, "r")]
    assert by_program(table, ("b", 4095, 1048575, "r"))


def test_too_many_rules_are_refused_by_number() -> None:
    many: list[Rule] = [(True, "c", major, 0, "r") for major in range(1000)]
    with pytest.raises(CgroupError, match="1000 rules make a program of 7008 instructions"):
        device_program.build(many)


def test_programs_that_were_opened_are_closed_when_one_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []

    def call(_: int, attributes: bytearray, what: str) -> int:
        if what.startswith("list"):
            struct.pack_into("=I", attributes, 24, 3)
        if what.startswith("open"):
            if len(opened) == 2:
                raise SyscallError(errno.EMFILE, what)
            opened.append(os.open("/", os.O_PATH))
            return opened[-1]
        return 0

    monkeypatch.setattr(bpf, "_bpf", call)
    monkeypatch.setattr(bpf, "_name", lambda _: "ours")
    with pytest.raises(SyscallError, match="open a device program"):
        bpf.attached_device_programs(0, "ours")
    assert len(opened) == 2
    for fd in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


def test_a_watch_that_cannot_be_made_keeps_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.oom_control").touch()

    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(os, "eventfd", refuse)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(CgroupError, match="eventfd"):
        WatchV1(str(tmp_path))
    assert os.listdir("/proc/self/fd") == before
