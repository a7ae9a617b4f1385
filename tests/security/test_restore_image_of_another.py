"""restore with a real criu and the image of a container that had more: config.json's part holds, or the restore fails.

Skipped where criu is not installed or does not work on the kernel; hack/test --guest runs it in the guest.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.checkpoint import Case, why_not
from helpers.runtime import Runtime

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "criu works here")


class Another(Case):
    """`swap` checkpoints a container of the bundle as it is; what is changed then is what the restore is asked for."""

    def __init__(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        super().__init__(runtime, bundle, scratch)
        self.volume = scratch / "volume"
        self.volume.mkdir(mode=0o777)
        self.volume.chmod(0o777)
        (self.volume / "secret").write_text("a secret")
        (bundle.rootfs / "secret").write_text("a secret")
        (bundle.rootfs / "secrets").mkdir()
        (bundle.rootfs / "secrets/one").write_text("a secret")

    def swap(self, more: Callable[[Bundle], object], less: Callable[[Bundle], object]) -> None:
        plain = copy.deepcopy(self.bundle.config)
        more(self.bundle)
        container = self.start()
        self.checkpoint(container.id, "--work-path", str(self.work))
        container.wait()
        args = self.bundle.process["args"]
        self.bundle.config.clear()
        self.bundle.config.update(plain)
        less(self.bundle)
        self.bundle.process["args"] = args

    def tries(self) -> str | None:
        """The container's ID; None when it is refused, which is as good."""
        name = self.runtime.add(self.bundle)
        result = self.runtime.call(*self.restore_words("--work-path", str(self.work)), name, options=self.options)
        if result.status:
            assert self.runtime.call("state", name).status != 0
            return None
        return name

    def sh(self, name: str, script: str) -> str:
        return self.runtime.exec(name, "sh", "-c", script).stdout


@pytest.fixture
def another(runtime: Runtime, bundle: Bundle, scratch: Path) -> Another:
    if not runtime.is_pyoci:
        pytest.skip("asks what pyoci promises")
    return Another(runtime, bundle, scratch)


def nothing(_bundle: Bundle) -> None:
    """The bundle as it is."""


@pytest.mark.parametrize("flag", ["ro", "noexec", "rro"])
def test_a_volume_with_more_rights(another: Another, flag: str) -> None:
    (another.volume / "program").write_text("#!/bin/sh\necho it runs\n")
    (another.volume / "program").chmod(0o755)
    another.swap(
        lambda bundle: bundle.bind(another.volume, "/v"),
        lambda bundle: bundle.bind(another.volume, "/v", "rbind", flag),
    )
    name = another.tries()
    if name is not None:
        said = another.sh(name, "/v/program; echo x > /v/written; ls /v")
        assert ("it runs" if flag == "noexec" else "written") not in said


@pytest.mark.parametrize("kind", ["maskedPaths", "readonlyPaths"])
@pytest.mark.parametrize("path", ["/secret", "/secrets", "/proc/sys"])
def test_paths_that_were_not_covered(another: Another, kind: str, path: str) -> None:
    def cover(bundle: Bundle) -> None:
        bundle.linux[kind] = [path]

    another.swap(nothing, cover)
    name = another.tries()
    if name is not None:
        said = another.sh(
            name, f"cat {path} {path}/one; ls {path}/kernel; echo written > {path}; echo > {path}/made; ls {path}"
        )
        seen = "written" in Path(another.bundle.rootfs, "secret").read_text() or "made" in said
        assert not (seen if kind == "readonlyPaths" else "a secret" in said or "ostype" in said)


def test_a_user_who_was_root(another: Another) -> None:
    def less(bundle: Bundle) -> None:
        bundle.process["user"] = {"uid": 1000, "gid": 1000}
        bundle.process["noNewPrivileges"] = True
        bundle.process["capabilities"] = {}

    another.swap(less_rights, less)
    name = another.tries()
    if name is not None:
        assert "\nUid:\t1000\t1000" in Path(f"/proc/{another.runtime.state(name)['pid']}/status").read_text()


def less_rights(bundle: Bundle) -> None:
    bundle.process["noNewPrivileges"] = True
    bundle.process["capabilities"] = {}


def test_a_process_with_other_limits(another: Another) -> None:
    def limits(bundle: Bundle, number: int, score: int) -> None:
        less_rights(bundle)
        bundle.process["rlimits"] = [{"type": "RLIMIT_NPROC", "soft": number, "hard": number}]
        bundle.process["oomScoreAdj"] = score

    another.swap(lambda bundle: limits(bundle, 500, -500), lambda bundle: limits(bundle, 50, 100))
    name = another.tries()
    if name is not None:
        pid = another.runtime.state(name)["pid"]
        limit = next(line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if "processes" in line)
        assert int(limit.split()[3]) <= 50
        assert int(Path(f"/proc/{pid}/oom_score_adj").read_text()) >= 100


def test_a_mount_that_config_json_does_not_have(another: Another) -> None:
    another.swap(lambda bundle: bundle.mount("/unmasked", "proc"), nothing)
    name = another.tries()
    if name is not None:
        assert "self" not in another.sh(name, "ls /unmasked")


def test_a_bind_source_that_is_a_link_now(another: Another, scratch: Path) -> None:
    """It shows what config.json's path leads to now, as on create, or the restore is refused."""
    link = scratch / "link"
    link.symlink_to(another.volume)
    other = scratch / "other"
    other.mkdir()
    (other / "which").write_text("the other")

    def bind(bundle: Bundle) -> None:
        bundle.bind(link, "/v")

    another.swap(bind, bind)
    link.unlink()
    link.symlink_to(other)
    name = another.tries()
    if name is not None:
        assert another.sh(name, "cat /v/which") == "the other"


def test_a_device_path_that_is_a_link_now(another: Another, scratch: Path) -> None:
    target = scratch / "file of the host"
    target.write_text("untouched")
    another.swap(nothing, nothing)
    for device in ("null", "zero", "console"):
        place = another.bundle.rootfs / "dev" / device
        place.parent.mkdir(exist_ok=True)
        place.unlink(missing_ok=True)
        os.symlink(target, place)
    name = another.tries()
    if name is not None:
        another.sh(name, "echo written > /dev/null; echo written > /dev/zero")
    assert target.read_text() == "untouched"
