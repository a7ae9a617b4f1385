"""Values that systemd refuses are refused before it is asked, with the annotation, the value and what is right.

All were tried with systemd 252 in the guest, which names other annotations, too, and says nothing of what is right.
"""

from __future__ import annotations

import pytest

from pyoci.cgroups import resources_v2
from pyoci.cgroups import systemd_units as units
from pyoci.cgroups.systemd_annotations import ALLOWED, PREFIX, properties
from pyoci.errors import CgroupError

LONG = "a" * 248
NO_UNITS = (
    *("nonsense", "", "../x.service", "/dev/sda1", "%n.service", "a b.service", "x@.service", "self", "%i.scope"),
    *("é.service", "x.snapshot", ".service", "@a.service", f"{LONG}.service", "a.Service"),
)
UNITS = (
    *("network.target", "-.mount", "a\\x2db.service", "x@y.service", f"{LONG[1:]}.service", "dev-sda1.device"),
    *(f"a.{kind}" for kind in "automount mount path scope slice socket swap timer".split()),
)
NO_ADDRESSES = ("x", "", "man:", "http://", "https://", "ftp://x", "http:x", "file:x", "man:é", "info:", "file:/")
ADDRESSES = ("man:x(1)", "http://x", "https://x", "file:/x", "info:x", "man:a b", "http://a b")
REFUSED = [
    *((name, f"['a.service', '{unit}']", repr(unit)) for name in ("After", "Before") for unit in NO_UNITS),
    *(("Documentation", f"['man:x', '{address}']", repr(address)) for address in NO_ADDRESSES),
    *(("CollectMode", f"'{mode}'", repr(mode)) for mode in ("bogus", "", "INACTIVE")),
    *((name, str(number), str(number)) for name in ("KillSignal", "FinalKillSignal") for number in (0, 65, -1)),
    ("RuntimeMaxUSec", "uint64 0", "0"),
    ("RuntimeMaxSec", "0", "0"),
    ("RuntimeMaxSec", "0.0", "0"),
]
TAKEN = [
    *((name, f"['{unit}']") for name in ("After", "Before") for unit in UNITS),
    *(("Documentation", f"['{address}']") for address in ADDRESSES),
    *(("CollectMode", f"'{mode}'") for mode in ("inactive", "inactive-or-failed")),
    *((name, str(number)) for name in ("KillSignal", "FinalKillSignal") for number in (1, 32, 64)),
    ("RuntimeMaxUSec", "uint64 1"),
    ("TimeoutStopUSec", "uint64 0"),
    *((name, "@as []") for name in ("After", "Before", "Documentation")),
]


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\")


@pytest.mark.parametrize(("name", "text", "shown"), REFUSED)
def test_a_refusal_names_the_annotation_the_value_and_what_is_right(name: str, text: str, shown: str) -> None:
    with pytest.raises(CgroupError) as raised:
        properties({f"{PREFIX}SendSIGHUP": "true", f"{PREFIX}{name}": escaped(text)})
    words = str(raised.value)
    assert words.startswith(f"annotation {PREFIX}{name}: {shown[:60].rstrip(chr(39))}")
    assert len(words) < 250
    what = words.removeprefix(f"annotation {PREFIX}{name}: ")
    assert any(right in what for right in ("such as", "begins with", "neither", "they are 1 to 64", "for ever is"))


@pytest.mark.parametrize(("name", "text"), TAKEN)
def test_what_systemd_takes_is_taken(name: str, text: str) -> None:
    assert [found for found, _ in properties({f"{PREFIX}{name}": escaped(text)})] == [name]


def test_every_property_is_tried() -> None:
    of_any_value = {"DefaultDependencies", "Description", "SendSIGHUP"}
    assert {name for name, _ in TAKEN} | of_any_value == set(ALLOWED)


# file of v2, and a value that systemd refuses, with the name of its property alone
OUT_OF_RANGE = [
    *((name, "0") for name in ("memory.max", "memory.high", "pids.max", "cpu.weight", "io.weight")),
    *((name, "10001") for name in ("cpu.weight", "io.weight")),
    ("io.weight", "default 0"),
]


@pytest.mark.parametrize(("file", "value"), OUT_OF_RANGE)
def test_a_value_that_systemd_cannot_have_is_left_to_the_kernel(file: str, value: str) -> None:
    assert units.properties(resources_v2.plan({"unified": {file: value}}, {}), True, {}) == []


@pytest.mark.parametrize(
    ("file", "value", "expected"),
    [
        ("memory.max", "1", ("MemoryMax", ("t", 1))),
        ("memory.swap.max", "0", ("MemorySwapMax", ("t", 0))),
        ("memory.min", "0", ("MemoryMin", ("t", 0))),
        ("cpu.weight", "1", ("CPUWeight", ("t", 1))),
        ("cpu.weight", "10000", ("CPUWeight", ("t", 10000))),
        ("io.weight", "default 10000", ("IOWeight", ("t", 10000))),
        ("pids.max", "1", ("TasksMax", ("t", 1))),
    ],
)
def test_the_ends_of_what_systemd_can_have(file: str, value: str, expected: units.Property) -> None:
    assert units.properties(resources_v2.plan({"unified": {file: value}}, {}), True, {}) == [expected]
