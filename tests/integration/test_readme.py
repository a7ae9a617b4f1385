"""README answers questions: what it says is tried."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime

from pyoci.manual.topics import TOPICS

README = (Path(__file__).parents[2] / "README.md").read_text()


def answer(question: str) -> str:
    found = re.search(rf"- \*\*{re.escape(question)}.*?\*\*(.*?)\n(?=- \*\*|\n)", README, re.DOTALL)
    assert found is not None, question
    return " ".join(found[1].split())


@pytest.fixture(autouse=True)
def _of_pyoci(runtime: Runtime) -> None:
    if not runtime.is_pyoci:
        pytest.skip("the README is pyoci's own")


def alone(runtime: Runtime, script: str) -> str:
    """What a shell prints that has /run for itself, with $pyoci as the program."""
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", f"mount -t tmpfs tmpfs /run; {script}"]
    environment = {"pyoci": runtime.command[0], "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_else_is_kept(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"}
    bundle.process["args"] = ["/bin/true"]
    bundle.write()
    library = f"import pyoci; pyoci.run(['/bin/true'], '{bundle.rootfs}')"
    script = (
        f'$pyoci run --bundle {bundle.path} readme-one; $pyoci try -- true; {sys.executable} -c "{library}"; ls /run'
    )
    kept = alone(runtime, script).split()
    assert {"pyoci", "pyoci-seccomp", "pyoci-bundles"} <= set(kept)
    for name in kept:
        assert f"`/run/{name}`" in answer("Uninstall?")
        assert re.search(rf"/run/{name}[ ,]", TOPICS["upgrade"][1])


def test_where_states_are(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    bundle.write()
    script = (
        f"$pyoci run --detach --bundle {bundle.path} readme-two > /dev/null 2>&1 < /dev/null;"
        "ls /run/pyoci; $pyoci --root /run/pyoci list --quiet; $pyoci delete --force readme-two; ls /run/pyoci"
    )
    assert alone(runtime, script) == "readme-two\nreadme-two\n"
    assert "`/run/pyoci`" in answer("Where are states kept?")


def test_exit_codes(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["args"] = ["/bin/sh", "-c", "exit 42"]
    assert runtime.run(bundle).status == 42
    bundle.process["args"] = ["/bin/sh", "-c", "trap - TERM; kill -TERM $$"]
    bundle.no_namespace("pid")
    assert runtime.run(bundle).status == 128 + 15
    assert runtime.call("state", "nobody").status == 1


def test_logs(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.process["args"] = ["/bin/echo", "of the program"]
    log = scratch / "log"
    assert runtime.run(bundle, options=["--log", str(log)]).stdout == "of the program\n"
    assert "of the program" not in log.read_text()
    runtime.fails("state", "nobody", options=["--log", str(log)])
    assert "does not exist" in log.read_text()


def test_an_engines_containers_are_found_by_its_root(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    listed = runtime.expect("top", "--once", "--json").stdout
    assert [row["id"] for row in json.loads(listed)["containers"]] == [container.id]
    assert runtime.expect("ps", container.id).stdout
    assert runtime.expect("list", "--quiet").stdout == f"{container.id}\n"


@pytest.mark.parametrize("topic", re.findall(r"`pyoci help ([a-z-]+)`", README))
def test_topics_are_there(runtime: Runtime, topic: str) -> None:
    assert len(runtime.expect("help", topic).stdout) > 200


def test_what_a_bug_report_has(runtime: Runtime) -> None:
    for words in (["--version"], ["doctor"]):
        assert subprocess.run([*runtime.command, *words], capture_output=True).stdout


@pytest.mark.parametrize("block", re.findall(r"```ini\n(.*?)```", README, re.DOTALL))
def test_the_unit_of_systemd(runtime: Runtime, block: str, bundle: Bundle) -> None:
    """Its lines are commands that this program has; without a container, the first of them does no harm."""
    commands = dict(re.findall(r"^(ExecStart(?:Pre)?)=-?(.*)$", block, re.MULTILINE))
    assert {"ExecStartPre", "ExecStart"} == set(commands)
    bundle.process["args"] = ["/bin/true"]
    bundle.write()
    for name in ("ExecStartPre", "ExecStart"):
        words = commands[name].replace("/srv/web", str(bundle.path)).split()[1:]
        runtime.known["web"] = bundle
        assert runtime.call(*words).status == 0
    for line in ("Type=notify", "NotifyAccess=all", "Restart=on-failure", "[Install]", "WantedBy="):
        assert line in block


def test_the_python_that_is_built_with() -> None:
    assert "/usr/bin/python3" in answer("Which Python?")
    lib = (Path(__file__).parents[2] / "hack/lib.sh").read_text()
    assert "for python in /usr/bin/python3 " in lib  # what hack/test and hack/demo choose
