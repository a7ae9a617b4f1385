"""Annotations that are properties of the container's unit."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from pyoci.cgroups import systemd_annotations
from pyoci.cgroups.systemd_annotations import ALLOWED, PREFIX, properties, read
from pyoci.errors import CgroupError

# type, D-Bus signature, lowest, highest
BOUNDS = [
    ("byte", "y", 0, 255),
    ("int16", "n", -(2**15), 2**15 - 1),
    ("uint16", "q", 0, 2**16 - 1),
    ("int32", "i", -(2**31), 2**31 - 1),
    ("uint32", "u", 0, 2**32 - 1),
    ("int64", "x", -(2**63), 2**63 - 1),
    ("uint64", "t", 0, 2**64 - 1),
]


@pytest.mark.parametrize(("kind", "_signature", "lowest", "highest"), BOUNDS)
def test_numbers_beyond_their_type_are_refused(kind: str, _signature: str, lowest: int, highest: int) -> None:
    for number in (lowest - 1, highest + 1):
        with pytest.raises(ValueError, match=f"^{number} is not between {lowest} and {highest}$"):
            read(f"{kind} {number}")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("true", ("b", True)),
        (" false ", ("b", False)),
        ("15", ("i", 15)),
        ("-1", ("i", -1)),
        ("uint64 10000000", ("t", 10000000)),
        ("int64 -5", ("x", -5)),
        ("byte 0x10", ("y", 16)),
        ("@u 7", ("u", 7)),
        ("1.5", ("d", 1.5)),
        ("double 2", ("d", 2.0)),
        ("'inactive-or-failed'", ("s", "inactive-or-failed")),
        ('"a\'b\\"c\\t."', ("s", "a'b\"c\t.")),
        ("'\\u00e4 \\U0001f600'", ("s", "\u00e4 \U0001f600")),
        ("string 'x'", ("s", "x")),
        ("['network.target', 'a b']", ("as", ["network.target", "a b"])),
        ("[1,2]", ("ai", [1, 2])),
        ("1e3", ("d", 1000.0)),
        ("1E3", ("d", 1000.0)),
        ("0x1e", ("i", 30)),
        ("\n15\t", ("i", 15)),
        ("'a\\qb'", ("s", "aqb")),
        *((f"{kind} {highest}", (signature, highest)) for kind, signature, _, highest in BOUNDS),
        *((f"{kind} {lowest}", (signature, lowest)) for kind, signature, lowest, _ in BOUNDS),
        ("@as []", ("as", [])),
    ],
)
def test_values(text: str, found: tuple[str, Any]) -> None:
    assert read(text) == found


@pytest.mark.parametrize(
    "text",
    ["", "'", "'a", "a", "1 2", "uint64", "uint64 -1", "byte 256", "[", "[1", "[1 2]", "[]", "@zz 1", "@as 'a'", "{}",
     "true false", "99999999999", "boolean 1", "@", "[" * 5000, "1_0", "int32 1_0", "1_0.5", "double 1_0", "int32 ٩",
     "double ٩", "nothing", "(1,)", "<1>", "inf", "'\\u12'", "'\\uzzzz'", "'\\U0000"],
)  # fmt: skip
def test_what_is_no_value_is_refused(text: str) -> None:
    with pytest.raises(CgroupError, match="CollectMode"):
        properties({"org.systemd.property.CollectMode": text})


def test_an_array_without_a_comma_is_named_so() -> None:
    with pytest.raises(CgroupError, match=r"a comma or \] is missing in an array"):
        properties({"org.systemd.property.CollectMode": "[1 2]"})


@pytest.mark.parametrize("text", ["'a", '"a'])
def test_a_string_without_its_end_is_named_so(text: str) -> None:
    with pytest.raises(CgroupError, match=f"the string has no closing {text[0]}"):
        properties({"org.systemd.property.CollectMode": text})


REFUSED = """
    SuccessAction FailureAction JobTimeoutAction StartLimitAction RebootArgument SuccessActionExitStatus
    DevicePolicy DeviceAllow PIDs Slice Delegate DelegateSubgroup Controller User Group PAMName
    MemoryMax MemoryHigh MemoryLow MemoryMin MemorySwapMax MemoryLimit TasksMax CPUWeight CPUShares CPUQuotaPerSecUSec
    CPUQuota AllowedCPUs AllowedMemoryNodes IOWeight IODeviceWeight BlockIOWeight
    MemoryAccounting CPUAccounting TasksAccounting IOAccounting DisableControllers ManagedOOMPreference ManagedOOMSwap
    BPFProgram IPIngressFilterPath IPEgressFilterPath IPAddressAllow IPAddressDeny SocketBindAllow
    RestrictNetworkInterfaces
    Requires Requisite Wants BindsTo PartOf Upholds Conflicts OnSuccess OnFailure PropagatesStopTo JoinsNamespaceOf
    AddRef KillMode SendSIGKILL OOMPolicy OOMScoreAdjust Environment ExecStart ExecStop RefuseManualStop AllowIsolate
""".split()


@pytest.mark.parametrize(
    "name", [*REFUSED, "", "ab", "A.B", "Kill-Signal", "TimeoutStop", "TimeoutStopUSecSec", "killSignal"]
)
def test_other_properties_are_refused_by_name(name: str) -> None:
    """A pod's annotations may be its author's words: PID 1 of the host must not follow them (CVE-2024-3154)."""
    with pytest.raises(
        CgroupError, match=f"^annotation 'org.systemd.property.{name}': .* there are: After, Before, Coll"
    ):
        properties({f"org.systemd.property.{name}": "true"})


VALUES = {"as": ("@as ['x']", ["x"]), "s": ("'x'", "x"), "b": ("true", True), "i": ("15", 15), "t": ("uint64 7", 7)}
# where not every value of the type will do
OF_PROPERTIES = {
    "After": ("['a.mount']", ["a.mount"]),
    "Before": ("['a.mount']", ["a.mount"]),
    "CollectMode": ("'inactive'", "inactive"),
    "Documentation": ("['man:x']", ["man:x"]),
}


@pytest.mark.parametrize("name", ALLOWED)
@pytest.mark.parametrize("signature", VALUES)
def test_these_are_taken_in_their_type(name: str, signature: str) -> None:
    """Of another type systemd says `Unexpected message contents`, and not of which property."""
    text, value = OF_PROPERTIES.get(name, VALUES[signature]) if signature == ALLOWED[name] else VALUES[signature]
    given = {PREFIX + name: text, "other": "x"}
    if signature == ALLOWED[name]:
        assert properties(given) == [(name, (signature, value))]
        return
    example = re.escape(systemd_annotations._EXAMPLES[ALLOWED[name]])
    words = f"^annotation {PREFIX}{name}: .* is of another type than the property: it is written {example}$"
    with pytest.raises(CgroupError, match=words):
        properties(given)


@pytest.mark.parametrize("text", ["'10s'", "true", "['10']"])
def test_seconds_of_another_type_are_refused(text: str) -> None:
    with pytest.raises(
        CgroupError, match=r"TimeoutStopSec: .* is of another type than the property: it is written 10$"
    ):
        properties({f"{PREFIX}TimeoutStopSec": text})


def test_long_values_are_cut_in_messages() -> None:
    with pytest.raises(CgroupError) as raised:
        properties({PREFIX + "KillSignal": "x" * 10000})
    assert len(str(raised.value)) < 700
    with pytest.raises(CgroupError) as raised:
        properties({PREFIX + "x" * 10000: "1"})
    assert len(str(raised.value)) < 500


def test_other_annotations_are_no_properties() -> None:
    others = {"org.systemd.propertyX": "!", "a": "true"}
    assert properties(others) == []
    assert properties({**others, f"{PREFIX}KillSignal": "15"}) == [("KillSignal", ("i", 15))]


def test_seconds_become_microseconds() -> None:
    given = {"TimeoutStopSec": "10", "RuntimeMaxSec": "1.5"}
    assert properties({f"{PREFIX}TimeoutStopSec": "0"}) == [("TimeoutStopUSec", ("t", 0))]
    assert properties({f"{PREFIX}RuntimeMaxSec": "uint64 1"}) == [("RuntimeMaxUSec", ("t", 1_000_000))]
    assert properties({PREFIX + name: text for name, text in given.items()}) == [
        ("TimeoutStopUSec", ("t", 10_000_000)),
        ("RuntimeMaxUSec", ("t", 1_500_000)),
    ]


@pytest.mark.parametrize(("text", "microseconds"), [("8.2", 8_200_000), ("1.001", 1_001_000), ("0.000001", 1)])
def test_seconds_are_rounded_and_not_cut(text: str, microseconds: int) -> None:
    assert properties({f"{PREFIX}TimeoutStopSec": text}) == [("TimeoutStopUSec", ("t", microseconds))]


def test_less_than_a_microsecond_is_not_none() -> None:
    with pytest.raises(CgroupError, match=r"TimeoutStopSec: '1e-9' is less than a microsecond$"):
        properties({f"{PREFIX}TimeoutStopSec": "1e-9"})


@pytest.mark.parametrize("order", [1, -1])
def test_a_property_that_is_set_twice_is_refused(order: int) -> None:
    """As seconds and as microseconds: one of them would be dropped without a word."""
    given = {f"{PREFIX}TimeoutStopSec": "10", f"{PREFIX}TimeoutStopUSec": "uint64 7"}
    with pytest.raises(CgroupError, match="the property TimeoutStopUSec is set by another annotation, too"):
        properties(dict(list(given.items())[::order]))


@pytest.mark.parametrize("text", ["-5", "1e999", "double inf", "double nan", "uint64 18446744073709551615"])
def test_seconds_that_are_no_microseconds_are_refused(text: str) -> None:
    with pytest.raises(CgroupError, match="TimeoutStopSec"):
        properties({f"{PREFIX}TimeoutStopSec": text})


@pytest.mark.parametrize("number", ["1_0", "x", "٩", "nothing", "", "double e"])
def test_a_number_is_named_so(number: str) -> None:
    with pytest.raises(CgroupError, match=r"is not a number$") as refusal:
        properties({f"{PREFIX}TimeoutStopUSec": number})
    assert "literal" not in str(refusal.value)


@pytest.mark.parametrize("name", ["Description", "Documentation", "After", "CollectMode", "TimeoutStopSec"])
@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize(
    "end", ["\n", "\r", "\0", "\x7f", "\x1b", "\\n", "\\r", "\\u000a", "\\U0000000A", "\ud800", "\\ud800", "\udfff"]
)
def test_a_string_adds_no_line_to_the_file_of_the_unit(name: str, array: bool, end: str) -> None:
    """At the next daemon-reload systemd would find `SuccessAction=poweroff-force` there."""
    text = f"'x{end}SuccessAction=poweroff-force'"
    with pytest.raises(CgroupError, match="must not have control characters"):
        properties({f"{PREFIX}{name}": f"['y', {text}]" if array else text})


def test_a_string_takes_no_line_away_from_the_file_of_the_unit() -> None:
    """A line that ends with a backslash goes on in the next one, which may be a limit."""
    with pytest.raises(CgroupError, match="nor a backslash at its end"):
        properties({f"{PREFIX}Description": r"'x\\'"})


@pytest.mark.parametrize("text", ["' x'", "'x '", "'x\t'", "' '", "['x', 'y ']", r"'x\u0020'"])
def test_a_string_has_no_spaces_that_a_reload_of_systemd_drops(text: str) -> None:
    with pytest.raises(CgroupError, match="must not have spaces at its ends"):
        properties({f"{PREFIX}Description": text})


def test_the_longest_text() -> None:
    """It is read in a fraction of a second: once it took half a minute for four times the length."""
    longest = "x" * ((1 << 17) - 2)
    begin = time.process_time()
    assert properties({f"{PREFIX}Description": f"'{longest}'"}) == [("Description", ("s", longest))]
    assert time.process_time() - begin < 2
    for length in (1 << 17, 1 << 21):
        with pytest.raises(CgroupError, match=rf"must be at most 131072 characters, not {length + 1}$"):
            properties({f"{PREFIX}Description": f"'{'x' * (length - 1)}'"})


@pytest.mark.parametrize("text", ["objectpath '/x'", "objectpath 'x'", "signature 'zz('", "@o '/x'", "@ag ['s']"])
def test_types_that_no_property_of_a_unit_has(text: str) -> None:
    with pytest.raises(CgroupError, match="is not a value in GVariant's text format"):
        properties({"org.systemd.property.CollectMode": text})
