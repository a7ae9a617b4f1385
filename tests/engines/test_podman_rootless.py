"""Podman called by an ordinary user, who has subordinate IDs: it calls the runtime as root of a user namespace."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.engine import World
from helpers.image import NAME
from helpers.runtime import Result

from .test_podman import CONTAINERS_CONF

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("podman", "newuidmap", "setpriv"))), reason="podman, uidmap or setpriv is not installed"
)

USER = 1000
HOME = "/run/home"
# The world's own: which users there are, their IDs, and a home that is not on the host.
_PREPARE = f"""
set -e
mkdir -p {HOME}/etc {HOME}/xdg
cp "$1" {HOME}/image.tar
for name in passwd group; do grep -v ':{USER}:' /etc/$name >{HOME}/etc/$name || :; done
echo 'tester:x:{USER}:{USER}::{HOME}:/bin/sh' >>{HOME}/etc/passwd
echo 'tester:x:{USER}:' >>{HOME}/etc/group
echo 'tester:100000:65536' | tee {HOME}/etc/subuid >{HOME}/etc/subgid
for name in passwd group subuid subgid; do
    [ -e /etc/$name ] || touch /etc/$name
    mount --bind {HOME}/etc/$name /etc/$name
done
chown -R {USER}:{USER} {HOME}
"""


class Rootless:
    def __init__(self, world: World, runtime: str) -> None:
        self._world = world
        self._env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": HOME,
            "USER": "tester",
            "XDG_RUNTIME_DIR": f"{HOME}/xdg",
            "CONTAINERS_CONF": f"{HOME}/containers.conf",
        }
        user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        self._podman = [*user, "env", f"--chdir={HOME}", "podman", f"--runtime={runtime}", "--storage-driver=vfs"]

    def call(self, *words: str) -> Result:
        return self._world.call(*self._podman, *words, env=self._env)

    def expect(self, *words: str) -> str:
        result = self.call(*words)
        assert result.status == 0, f"{' '.join(words)}: status {result.status}: {result.stderr}"
        return result.stdout.strip()

    def run(self, *words: str) -> Result:
        return self.call("run", "--rm", "--network=none", *words)


@pytest.fixture(scope="module")
def podman(engine_world: World, runtime_path: str, image: Path) -> Rootless:
    (engine_world.folder / "conf").write_text(CONTAINERS_CONF)
    prepared = engine_world.call("sh", "-c", f'{_PREPARE}cp "$2" {HOME}/containers.conf', "sh", str(image), "conf")
    assert prepared.status == 0, prepared.stderr
    podman = Rootless(engine_world, runtime_path)
    podman.expect("load", "--quiet", f"--input={HOME}/image.tar")
    return podman


@pytest.fixture
def sleeper(podman: Rootless) -> Iterator[str]:
    script = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
    yield podman.expect("run", "-d", "--name=sleeper", "--network=none", NAME, "sh", "-c", script)
    podman.call("rm", "--force", "--time=0", "sleeper")


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ([], ["0", "0", "1000", "1", "1", "100000", "65536"]),
        (["--userns=keep-id"], ["1000", "0", "1", "1000", "1000", "0", "1", "1001", "1001", "64536"]),
        (["--user=7"], ["7", "0", "1000", "1", "1", "100000", "65536"]),
        (["--read-only", "--cap-drop=all"], ["0", "0", "1000", "1", "1", "100000", "65536"]),
        (["--privileged"], ["0", "0", "1000", "1", "1", "100000", "65536"]),
        (["--pid=host", "--uts=host"], ["0", "0", "1000", "1", "1", "100000", "65536"]),
    ],
    ids=["plain", "keep-id", "a user", "read-only", "privileged", "namespaces of the host"],
)
def test_ids(podman: Rootless, options: list[str], seen: list[str]) -> None:
    result = podman.run(*options, NAME, "sh", "-c", "id -u; cat /proc/self/uid_map")
    assert result.stdout.split() == seen, result.stderr


def test_exec_and_stop(podman: Rootless, sleeper: str) -> None:
    assert podman.expect("exec", "--user=7", sleeper, "sh", "-c", "id -u; cat /proc/1/comm").split() == ["7", "sh"]
    assert podman.call("exec", sleeper, "sh", "-c", "exit 9").status == 9
    podman.expect("stop", "--time=10", sleeper)
    assert podman.expect("inspect", "--format={{.State.Status}} {{.State.ExitCode}}", sleeper) == "exited 0"


@pytest.mark.beyond_runc("the words are pyoci's")
def test_an_id_that_the_user_has_not(podman: Rootless, sleeper: str) -> None:
    words = "has only the ids that are mapped: /proc/self/uid_map"
    for result in (podman.run("--user=70000", NAME, "true"), podman.call("exec", "--user=70000", sleeper, "true")):
        assert result.status != 0
        assert words in result.stderr
