"""Container.checkpoint and Container.restore, where there is a criu that can."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.library import Library
from helpers.runtime import TIME_LIMIT

from pyoci import Container, Exit


def criu_works() -> bool:
    criu = shutil.which("criu")
    return criu is not None and subprocess.run([criu, "check"], capture_output=True).returncode == 0


@pytest.mark.skipif(not criu_works(), reason="criu is not installed, or cannot work with this kernel")
def test_checkpoint_and_restore(library: Library, bundle: Bundle, scratch: Path) -> None:
    bundle.sh("i=0; while :; do i=$((i+1)); echo $i > /count; sleep 0.05; done")
    bundle.write()
    container = Container.create(library.id(), bundle.path, **library.options)
    container.start()
    container.checkpoint(scratch / "image", leave_running=True)
    assert container.status == "running"
    container.checkpoint(scratch / "image2")
    assert not container.exists()
    assert container.wait() == Exit(signal=9)
    container.close()
    reached = int((bundle.rootfs / "count").read_text())
    with Container.restore(container.id, bundle.path, scratch / "image2", **library.options) as restored:
        assert restored.status == "running"
        while int((bundle.rootfs / "count").read_text() or 0) <= reached:
            pass
        restored.kill("KILL")
        assert not restored.wait(TIME_LIMIT).is_known
