"""config-linux.md, Personality."""

from __future__ import annotations

import os

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


@pytest.mark.beyond_runc("runc has it since 1.2")
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the 32 bit name is that of x86")
def test_linux32(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["personality"] = {"domain": "LINUX32"}
    assert runtime.sh(bundle, "uname -m") == "i686"


def test_linux(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["personality"] = {"domain": "LINUX"}
    assert runtime.sh(bundle, "uname -m; cat /proc/self/personality").split() == [os.uname().machine, "00000000"]


@pytest.mark.beyond_runc("runc has it since 1.2")
@pytest.mark.parametrize("value", [{"domain": "HURD"}, {"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}, {}])
def test_what_the_spec_does_not_know_is_refused(runtime: Runtime, bundle: Bundle, value: dict[str, object]) -> None:
    bundle.linux["personality"] = value
    assert "personality" in runtime.refuses(bundle)
