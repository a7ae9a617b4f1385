"""Labels in the kernel; without AppArmor and SELinux, the promise that none is silently lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.forked import forked

from pyoci.errors import SyscallError
from pyoci.kernel import lsm, procfs

ENABLED = Path("/sys/module/apparmor/parameters/enabled")
NAME = "pyoci-test-no-shell-writes"


def test_an_apparmor_profile_that_is_not_loaded_is_an_error() -> None:
    with pytest.raises(SyscallError, match="set AppArmor profile 'pyoci-test-not-loaded' for the next exec"):
        forked(lambda: lsm.set_apparmor_exec(procfs.open_root(), "pyoci-test-not-loaded"))


def test_an_selinux_label_that_the_policy_lacks_is_an_error() -> None:
    with pytest.raises(SyscallError, match="set SELinux label 'no:such:label' for the next exec"):
        forked(lambda: lsm.set_selinux_exec(procfs.open_root(), "no:such:label"))


@pytest.fixture
def profile() -> Iterator[str]:
    """A profile that lets programs read and execute, and write nothing."""
    if not ENABLED.exists() or not ENABLED.read_text().startswith("Y"):
        pytest.skip("AppArmor is not enabled in this kernel")
    if not shutil.which("apparmor_parser"):
        pytest.skip("apparmor_parser is not installed")
    text = f"profile {NAME} flags=(attach_disconnected) {{ / r, /** rix, }}"
    subprocess.run(["apparmor_parser", "--replace"], input=text, text=True, check=True)
    yield NAME
    subprocess.run(["apparmor_parser", "--remove"], input=text, text=True, check=True)


def test_the_profile_confines_the_program(profile: str, tmp_path: Path) -> None:
    script = f"cat /proc/self/attr/current; echo words >{tmp_path}/made"

    def inside() -> None:
        lsm.set_apparmor_exec(procfs.open_root(), profile)
        os.execv("/bin/sh", ["sh", "-c", script])  # the label is for this very call

    assert forked(inside) != 0
    assert not (tmp_path / "made").exists()
