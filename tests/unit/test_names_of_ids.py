"""Every name that is made of a container's ID: two containers never meet in one, and none meets what is the host's."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

import pyoci
from pyoci.cgroups import systemd_units
from pyoci.errors import PyociError
from pyoci.host import config_bundle
from pyoci.host.bundle_plan import _new_keyring
from pyoci.plan import intel_rdt
from pyoci.state import store

LONG = "x" * 254
IDS = (
    "box",
    "Box",
    "box.slice",
    "box.scope",
    "box-1",
    "box_1",
    "box.1",
    "box+1",
    "-box",
    ".box",
    "pyoci-box",
    "pyoci",
    "x" * 100 + "1",
    "x" * 100 + "2",
    "x" * 200 + "1",
    "x" * 200 + "2",
    LONG,
    LONG + "1",
    LONG + "2",
    "1" + LONG,
    "2" + LONG,
)


def unit(container_id: str) -> str:
    return "/".join(systemd_units.parse(None, container_id, user=False))


def resctrl(container_id: str) -> str:
    planned = intel_rdt.plan({"enableMonitoring": True}, container_id)
    assert planned is not None
    assert planned.group == planned.monitoring
    return planned.group


NAMES: dict[str, Callable[[str], str]] = {
    "entry while it is made": lambda name: store._place_while_made("/run/pyoci", name),
    "bundle of a config": lambda name: config_bundle._beginning("/run/pyoci", name),
    "session keyring": _new_keyring,
    "systemd unit": unit,
    "resctrl group": resctrl,
}


def made(make: Callable[[str], str], container_id: str) -> str | None:
    """None: refused, which is as good."""
    try:
        return make(container_id)
    except PyociError:
        return None


@pytest.mark.parametrize("what", NAMES)
def test_two_containers_never_meet(what: str) -> None:
    names = {container_id: made(NAMES[what], container_id) for container_id in IDS}
    assert names["box"]
    for (first, name), (second, other) in itertools.combinations(names.items(), 2):
        assert name is None or name != other, f"{first[:40]} and {second[:40]} are both {name}"


@pytest.mark.parametrize("what", NAMES)
def test_a_name_fits(what: str) -> None:
    """NAME_MAX, or refused in words: nobody cuts it."""
    for container_id in IDS:
        name = made(NAMES[what], container_id)
        assert name is None or len(name.rpartition("/")[2]) <= 255


@pytest.mark.parametrize("container_id", ["system.slice", "user.slice", "-.slice", "init.scope", "dbus.service"])
def test_an_id_is_no_unit_of_the_host(container_id: str) -> None:
    assert unit(container_id) == f"system.slice/pyoci-{container_id}.scope"


def test_bundles_are_of_one_state_root() -> None:
    assert config_bundle._beginning("/run/pyoci", "box") != config_bundle._beginning("/run/other", "box")
    assert config_bundle._beginning("/run/pyoci/", "box") == config_bundle._beginning("/run/pyoci", "box")


def test_no_beginning_of_an_id_stands_for_it() -> None:
    """Whoever cuts an ID does it for people to read, beside what tells it from others: a new place is looked at."""
    cut = set()
    for path in Path(pyoci.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
                text = ast.unparse(node.value)
                if text.endswith(("container_id", ".id", "cgroups_path")):
                    cut.add(f"{path.name}: {ast.unparse(node)}")
    assert cut == {
        "config_bundle.py: container_id[:_SHOWN]",  # a hash follows
        "bundle_plan.py: container_id[:200]",  # a random number follows
        "store.py: container_id[:40]",  # in a message
    }
