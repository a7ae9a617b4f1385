"""Bundles that umoci unpacks, run by the runtime itself with no engine between."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lib.engine import Cases, Engine, leftover_cgroups, leftover_states
from lib.image import TAG
from lib.shell import Failed, Result

_USER = 4321
_STATES = "/run/conformance-state"


class Umoci(Engine):
    """Unpacks with `umoci` and calls the runtime."""

    name = "umoci"
    programs = ("umoci",)

    def clean(self) -> None:
        for state in leftover_states(_STATES):
            self.runtime_call("delete", "--force", os.path.basename(state)).ok()
        left = leftover_cgroups("u-*") + leftover_states(_STATES)
        if left:
            raise Failed(f"left: {', '.join(left[:3])}")

    def bundle(self, name: str, change: Callable[[dict[str, Any]], None], *, rootless: bool = False) -> Path:
        """A bundle with no terminal whose configuration `change` may alter."""
        folder = self.base / name
        options = ["--rootless"] if rootless else []
        become = self.become_user() if rootless else []
        self.shell.run([*become, "umoci", "unpack", *options, "--image", f"{self.layout}:{TAG}", folder]).ok()
        path = folder / "config.json"
        config = json.loads(path.read_text())
        config["process"]["terminal"] = False
        change(config)
        path.write_text(json.dumps(config))
        return folder

    def become_user(self) -> list[str]:
        """The words before a command that an ordinary user shall run."""
        return ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", "--inh-caps=-all"]

    def runtime_call(self, *words: object, stdin: str | None = None) -> Result:
        """Run the runtime to its end."""
        return self.shell.run([self.runtime, "--root", _STATES, *words], stdin=stdin)

    def create(self, name: str, bundle: Path) -> Result:
        """`create`, with outputs that are files: the container keeps them open."""
        out = bundle / "out"
        script = 'out=$1; shift; "$@" > "$out" 2>&1 < /dev/null || { cat "$out" >&2; exit 1; }'
        call = [self.runtime, "--root", _STATES, "create", "--bundle", bundle, name]
        return self.shell.run(["sh", "-c", script, "sh", out, *call])

    def status(self, name: str) -> str:
        """The status that `state` prints."""
        state = json.loads(self.runtime_call("state", name).ok().out)
        return str(state["status"])

    def versions(self) -> str:
        return self.shell.run(["umoci", "--version"]).out.strip().splitlines()[0]


CASES: Cases[Umoci] = Cases()
case = CASES.case


def _args(*words: str) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        config["process"]["args"] = list(words)

    return change


@case()
def run(umoci: Umoci) -> None:
    """`run` of an unpacked bundle: output, input and exit status come through."""
    bundle = umoci.bundle("run", _args("sh", "-c", "cat; cat /etc/original; exit 7"))
    seen = umoci.runtime_call("run", "--bundle", bundle, "u-run", stdin="typed\n")
    seen.exits(7).prints("typed\nas the image has it")


@case()
def lifecycle(umoci: Umoci) -> None:
    """create, state, start, exec, kill and delete, one after the other."""
    bundle = umoci.bundle("lifecycle", _args("sleep", "1000"))
    umoci.create("u-life", bundle).ok()
    _expect(umoci, "u-life", "created")
    umoci.runtime_call("start", "u-life").ok()
    _expect(umoci, "u-life", "running")
    umoci.runtime_call("exec", "u-life", "sh", "-c", "echo in; exit 3").exits(3).prints("in")
    umoci.runtime_call("list").ok().shows("u-life")
    umoci.runtime_call("kill", "u-life", "KILL").ok()
    umoci.shell.until(lambda: umoci.status("u-life") == "stopped", "the end of the container")
    umoci.runtime_call("delete", "u-life").ok()
    if umoci.runtime_call("state", "u-life").status == 0:
        raise Failed("the container is still there after delete")


@case()
def terminal(umoci: Umoci) -> None:
    """`run` of a bundle with a terminal, as umoci writes it."""

    def change(config: dict[str, Any]) -> None:
        config["process"]["terminal"] = True
        config["process"]["args"] = ["sh"]

    bundle = umoci.bundle("terminal", change)
    talk = [("#", "stty size; test -t 0 && echo a-$((1+1))\n"), ("a-2", "exit 5\n")]
    command = [umoci.runtime, "--root", _STATES, "run", "--bundle", bundle, "u-tty"]
    umoci.shell.terminal(command, talk, rows=31, columns=99).exits(5).shows("31 99")


@case()
def rootless(umoci: Umoci) -> None:
    """An ordinary user unpacks and runs with `--rootless`."""
    if shutil.which("setpriv") is None:
        raise Failed("setpriv is not installed")
    home = umoci.base / "rootless"
    home.mkdir()
    os.chown(home, _USER, _USER)
    bundle = umoci.bundle("rootless/bundle", _args("sh", "-c", "id -u; exit 6"), rootless=True)
    root = ["--root", home / "state"]
    call = [*umoci.become_user(), umoci.runtime, *root, "run", "--bundle", bundle, "u-rootless"]
    umoci.shell.run(call, env={"HOME": str(home), "XDG_RUNTIME_DIR": str(home)}).exits(6).prints("0")


def _expect(umoci: Umoci, name: str, status: str) -> None:
    seen = umoci.status(name)
    if seen != status:
        raise Failed(f"status is {seen}, not {status}")
