"""CVE-2022-0811 (CRI-O, "cr8escape"): a sysctl of a container that is the host's, such as kernel.core_pattern.

Tried on vm.swappiness, which harms nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

VICTIM = Path("/proc/sys/vm/swappiness")


@pytest.fixture(autouse=True)
def victim() -> Iterator[None]:
    before = VICTIM.read_text()
    yield
    after = VICTIM.read_text()
    VICTIM.write_text(before)
    assert after == before, "a setting of the host was changed"


@pytest.mark.parametrize(
    "key",
    [
        "vm.swappiness",
        "vm/swappiness",
        "net.ipv4/../../vm/swappiness",
        "net/../vm/swappiness",
        "net/ipv4/../../vm.swappiness",
        "net....vm.swappiness",
        "/proc/sys/vm/swappiness",
        "net.ipv4.ip_forward/../../../vm/swappiness",
        "kernel.core_pattern",
        "./vm/swappiness",
        "net/../../sys/vm/swappiness",
    ],
)
def test_a_setting_of_the_host(runtime: Runtime, bundle: Bundle, key: str) -> None:
    pattern = Path("/proc/sys/kernel/core_pattern").read_text()  # written as it is: another one could do harm
    bundle.linux["sysctl"] = {key: "13" if "swappiness" in key else pattern.strip()}
    runtime.refuses(bundle)


def test_a_second_setting_in_a_value(runtime: Runtime, bundle: Bundle) -> None:
    """CRI-O split the pair at `+`."""
    bundle.linux["sysctl"] = {"kernel.shm_rmid_forced": "1+vm.swappiness=13"}
    runtime.run(bundle)
    bundle.linux["sysctl"] = {"kernel.shm_rmid_forced": "1\nvm.swappiness=13"}
    runtime.run(bundle)
