"""`--systemd-cgroup` as an ordinary user: the scope is made by the user's own manager, with delegated controllers.

Run in the guest by `hack/vm --user tester -- python -m pytest tests/user`, where there is a login session.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.runtime import TIME_LIMIT, runtime_command

BUSYBOX = shutil.which("busybox") or "/bin/busybox"
BUS = Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent"), "bus")
MEMORY = 64 << 20

pytestmark = [
    pytest.mark.skipif(os.geteuid() == 0, reason="is about an ordinary user"),
    pytest.mark.skipif(not BUS.exists(), reason="this user has no systemd user manager"),
]
Pyoci = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "rootfs/bin").mkdir(parents=True)
    shutil.copy(BUSYBOX, tmp_path / "rootfs/bin/busybox")
    for applet in ("sh", "sleep", "cat"):
        (tmp_path / "rootfs/bin" / applet).symlink_to("busybox")
    subprocess.run([*runtime_command(), "spec", "--rootless", "--bundle", tmp_path], check=True)
    config = json.loads((tmp_path / "config.json").read_text())
    config["process"].update(terminal=False, args=["/bin/sleep", "60"])
    config["linux"]["cgroupsPath"] = f"user.slice:pyoci-test:{os.getpid()}"
    config["linux"]["resources"] = {"memory": {"limit": MEMORY}, "pids": {"limit": 20}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


@pytest.fixture
def pyoci(tmp_path: Path) -> Iterator[Pyoci]:
    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [*runtime_command(), "--root", str(tmp_path / "state"), "--systemd-cgroup", *words]
        with (tmp_path / "out").open("w+") as out, (tmp_path / "err").open("w+") as err:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, check=False, timeout=TIME_LIMIT
            )
        return subprocess.CompletedProcess(
            command, done.returncode, (tmp_path / "out").read_text(), (tmp_path / "err").read_text()
        )

    yield call
    call("delete", "--force", "c")


def test_the_users_manager_makes_the_scope(pyoci: Pyoci, bundle: Path) -> None:
    done = pyoci("run", "--detach", "--bundle", str(bundle), "c")
    assert done.returncode == 0, done.stderr
    pid = json.loads(pyoci("state", "c").stdout)["pid"]
    group = Path(f"/proc/{pid}/cgroup").read_text().strip().removeprefix("0::")
    assert f"/user@{os.geteuid()}.service/" in group
    assert group.endswith(f"/pyoci-test-{os.getpid()}.scope") or f"/pyoci-test-{os.getpid()}.scope/" in group
    folder = Path("/sys/fs/cgroup") / group.lstrip("/")
    assert (folder / "memory.max").read_text().strip() == str(MEMORY)
    assert (folder / "pids.max").read_text().strip() == "20"

    assert pyoci("update", "--pids-limit", "30", "c").returncode == 0
    assert (folder / "pids.max").read_text().strip() == "30"

    assert pyoci("delete", "--force", "c").returncode == 0
    assert not folder.exists()
