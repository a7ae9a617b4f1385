"""What the runtime opens of a container's files is looked at before it is opened: type, and file system.

To open or read some files does things, and others say what is the runtime's own.
"""

from __future__ import annotations

import os
import shutil

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

LINKS = {
    "kernel log": "/proc/kmsg",
    "environment": "/proc/self/environ",
    "memory": "/proc/self/mem",
    "descriptor": "/proc/self/fd/3",
    "command line": "/proc/self/cmdline",
    "sysctl": "/proc/sys/kernel/random/uuid",
    "console": "/dev/console",
    "terminal": "/dev/ptmx",
    "endless": "/dev/zero",
    "a FIFO": "/etc/fifo",
    "a folder": "/etc",
    "nothing": "/etc/nothing",
    "itself": "/etc/passwd",
}
# As a line of passwd(5): whoever parses it finds this home.
VARIABLE = "x:x:0:0:x:/of-the-caller:/bin/sh"


def image(bundle: Bundle, target: str) -> None:
    (bundle.rootfs / "etc/passwd").unlink()
    os.mkfifo(bundle.rootfs / "etc/fifo")
    (bundle.rootfs / "etc/passwd").symlink_to(target)


@pytest.mark.parametrize("name", LINKS)
def test_passwd(runtime: Runtime, bundle: Bundle, name: str) -> None:
    if not runtime.is_pyoci:
        pytest.skip("beyond runc")
    image(bundle, LINKS[name])
    bundle.sh("trap 'exit 143' TERM; echo $HOME; while :; do sleep 0.02; done")
    environment = {"PATH": os.environ["PATH"], "A": f"\n{VARIABLE}\n"}
    container = runtime.create(bundle, env=environment)
    container.start()
    found = runtime.call("exec", container.id, "sh", "-c", "echo $HOME", env=environment)
    assert (found.status, found.stdout.strip()) == (0, "/")
    assert container.stdout.split()[:1] in ([], ["/"])


def test_the_kernel_log_is_not_eaten(runtime: Runtime, bundle: Bundle) -> None:
    """Traced: /proc/kmsg is never opened but by O_PATH."""
    if not runtime.is_pyoci or not shutil.which("strace"):
        pytest.skip("asks with strace how pyoci is made")
    image(bundle, "/proc/kmsg")
    trace = bundle.path / "trace"
    plain, runtime.command = runtime.command, ["strace", "-f", "-e", "trace=openat2,openat,open", "-o", str(trace)]
    runtime.command = [*runtime.command, *plain]
    try:
        result = runtime.run(bundle)
    finally:
        runtime.command = plain
    assert result.status == 0, result.stderr
    opened = [line for line in trace.read_text().splitlines() if "passwd" in line]
    assert opened
    assert all("O_PATH" in line for line in opened), opened
    assert not [line for line in trace.read_text().splitlines() if "/fd/" in line and "kmsg" in line]


def test_ptmx_is_not_a_device_of_the_images_choice(runtime: Runtime, bundle: Bundle) -> None:
    """/dev/pts is a folder of the image, and ptmx in it a FIFO, whose opening would wait for ever."""
    bundle.config["mounts"] = [
        entry for entry in bundle.config["mounts"] if not entry["destination"].startswith("/dev")
    ]
    (bundle.rootfs / "dev/pts").mkdir()
    os.mkfifo(bundle.rootfs / "dev/pts/ptmx")
    bundle.sleeps()
    container = runtime.start(bundle)
    words = runtime.fails("exec", "--tty", container.id, "true")
    assert "devpts" in words or not runtime.is_pyoci
