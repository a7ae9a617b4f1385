"""The library as the tests use it: with the program, the state root and the rootfs of the runtime under test."""

from __future__ import annotations

import gc
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pyoci
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime
from pyoci import Config, Container, Finished

ROOT = Path(__file__).resolve().parents[2]


class Library:
    """Whatever is made through it has an ID that the fixture deletes in any case."""

    def __init__(self, runtime: Runtime, bundle: Bundle) -> None:
        self.runtime = runtime
        self.rootfs = bundle.rootfs
        self.config = Config(bundle.config).with_rootfs(bundle.rootfs).with_changes(_no_cgroup)
        self.options: dict[str, Any] = {"root": str(runtime.root), "program": runtime.command[-1]}

    def id(self) -> str:
        return self.runtime.add(None)

    def run(self, *args: str, **given: Any) -> Finished[Any]:
        options = {"config": self.config, "id": self.id(), **self.options, **given}
        return pyoci.run(args, **options)

    def sh(self, script: str, **given: Any) -> Finished[Any]:
        return self.run("sh", "-c", script, **{"text": True, **given})

    def create(self, script: str, **given: Any) -> Container:
        config = given.pop("config", self.config).with_args("sh", "-c", script)
        return Container.create(given.pop("id", None) or self.id(), config=config, **{**self.options, **given})

    def started(self, script: str = "trap 'exit 143' TERM; while :; do sleep 0.02; done", **given: Any) -> Container:
        container = self.create(script, **given)
        container.start()
        return container

    def program(self, code: str, *words: str, **given: Any) -> subprocess.Popen[str]:
        """Another Python program that uses the library: `options` and `config` are set in it."""
        head = (
            "import json, os, sys, pyoci\n"
            "options = json.loads(sys.argv[1]); config = pyoci.Config.from_json(sys.argv[2]); words = sys.argv[3:]\n"
        )
        command = [sys.executable, "-c", head + code, json.dumps(self.options), self.config.to_json(), *words]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE, **given)


def out_of_time(call: Callable[[float], object]) -> pyoci.Timeout:
    """The error of a call that ends by its timeout, which is so long that its program has written something by then."""
    for seconds in (0.4, 4.0, 40.0):
        began = time.monotonic()
        with pytest.raises(pyoci.Timeout, match=re.escape(f" within {seconds:g} s")) as caught:
            call(seconds)
        assert time.monotonic() - began < seconds + TIME_LIMIT
        if caught.value.stdout:
            break
    assert "has not ended within" in str(caught.value)
    return caught.value


def _no_cgroup(document: dict[str, Any]) -> None:
    del document["linux"]["cgroupsPath"]  # the ID names it


def descriptors() -> set[int]:
    """Open ones of this process, without those of garbage: of a test that has failed before, for one."""
    gc.collect()
    folder = os.open("/proc/self/fd", os.O_RDONLY)
    try:
        return {int(name) for name in os.listdir(folder)} - {folder}
    finally:
        os.close(folder)
