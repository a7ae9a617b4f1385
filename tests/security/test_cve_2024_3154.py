"""CVE-2024-3154: annotations of a pod become properties of its systemd unit, by which PID 1 powers the host off.

tests/integration/test_cgroups_systemd.py tries it against a systemd; here nothing of the annotation reaches one.
"""

from __future__ import annotations

import pytest
from helpers import cgroup_files
from helpers.bundle import Bundle
from helpers.runtime import Runtime

pytestmark = pytest.mark.beyond_runc("runc passes every property on")


@pytest.mark.parametrize("name", ["SuccessAction", "FailureAction", "DevicePolicy", "PIDs", "MemoryMax", "ExecStop"])
def test_systemd_is_not_asked(runtime: Runtime, bundle: Bundle, name: str) -> None:
    bundle.config["annotations"] = {f"org.systemd.property.{name}": "'poweroff-force'"}
    path, bundle.linux["cgroupsPath"] = bundle.cgroups_path, "system.slice:pyoci:attack"
    words = runtime.refuses(bundle, options=["--systemd-cgroup"])
    assert f"annotation 'org.systemd.property.{name}': this property cannot be set by an annotation" in words
    assert not cgroup_files.every(path)


def test_without_systemd_it_means_nothing(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["annotations"] = {"org.systemd.property.SuccessAction": "'poweroff-force'"}
    assert runtime.create(bundle).status == "created"
