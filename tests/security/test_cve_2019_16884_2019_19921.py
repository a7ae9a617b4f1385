"""CVE-2019-16884, CVE-2019-19921: a volume of the image lies over /proc, so that labels are written to its files.

What the runtime writes to procfs must reach the kernel, or the container must not come into being.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.hostile import FakeProc, swapping
from helpers.runtime import Runtime

TRIES = 8


@pytest.fixture
def fake(bundle: Bundle, scratch: Path) -> FakeProc:
    bundle.linux["sysctl"] = {FakeProc.SYSCTL: FakeProc.VALUE}
    bundle.process["oomScoreAdj"] = 555
    return FakeProc(scratch / "fakeproc")


def real_or_refused(runtime: Runtime, bundle: Bundle, fake: FakeProc) -> bool:
    """Whether a container came into being; if so, with what the config says."""
    name = runtime.add(bundle)
    result = runtime.call("create", "--bundle", str(bundle.path), name)
    assert "Traceback" not in result.stderr
    created = result.status == 0
    if created:
        pid = runtime.state(name)["pid"]
        assert FakeProc.setting(pid) == FakeProc.VALUE
        assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "555"
    fake.check()
    runtime.expect("delete", "--force", name) if created else None
    return created


@pytest.mark.parametrize("destination", ["/proc", "/proc/", "//proc", "/./proc", "/tmp/../proc", "/link"])
def test_a_volume_over_proc(runtime: Runtime, bundle: Bundle, fake: FakeProc, destination: str) -> None:
    (bundle.rootfs / "link").symlink_to("proc")
    bundle.bind(fake.path, destination)
    real_or_refused(runtime, bundle, fake)


def test_a_volume_at_proc_is_refused(runtime: Runtime, bundle: Bundle, fake: FakeProc) -> None:
    bundle.bind(fake.path, "/proc")
    assert "/proc" in runtime.refuses(bundle)
    fake.check()


@pytest.mark.parametrize(
    "part", ["sys", "self/attr", "1/attr", "sys/" + FakeProc.SYSCTL.replace(".", "/"), "1/oom_score_adj"]
)
def test_a_volume_over_a_part_of_proc(runtime: Runtime, bundle: Bundle, fake: FakeProc, part: str) -> None:
    bundle.bind(fake.path / part, f"/proc/{part}")
    real_or_refused(runtime, bundle, fake)


def test_the_folder_of_an_image_without_a_mount(runtime: Runtime, bundle: Bundle, fake: FakeProc) -> None:
    bundle.config["mounts"] = [entry for entry in bundle.config["mounts"] if entry["destination"] != "/proc"]
    image = FakeProc(bundle.rootfs / "proc")
    assert real_or_refused(runtime, bundle, fake)
    image.check()


def test_proc_is_swapped_meanwhile(runtime: Runtime, bundle: Bundle, fake: FakeProc) -> None:
    image = FakeProc(bundle.rootfs / "fake")
    (bundle.rootfs / "swap").symlink_to("/fake")
    with swapping(bundle.rootfs / "proc", bundle.rootfs / "swap"):
        for _ in range(TRIES):
            real_or_refused(runtime, bundle, fake)
        image.check()


@pytest.mark.parametrize("kind", ["apparmorProfile", "selinuxLabel"])
def test_a_label_is_never_left_out(runtime: Runtime, bundle: Bundle, fake: FakeProc, kind: str) -> None:
    bundle.process[kind] = "pyoci_no_such_label:x:y:s0"
    bundle.bind(fake.path / "self/attr", "/proc/1/attr")
    name = runtime.add(bundle)
    assert runtime.call("run", "--bundle", str(bundle.path), name).status != 0
    fake.check()
