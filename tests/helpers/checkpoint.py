"""A container, the folders of its checkpoint, and whether a real criu works here."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from helpers import cgroup
from helpers.bundle import Bundle
from helpers.fake_criu import FakeCriu
from helpers.runtime import Container, Runtime, reap
from helpers.sandbox import MARK


@functools.cache
def why_not() -> str:
    """Why a real criu cannot be tried here; empty when it can."""
    program = shutil.which("criu", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if program is None:
        return "criu is not installed"
    done = subprocess.run([program, "check"], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines() or ["no reason is given"]
        return f"criu does not work on this kernel: {lines[-1]}"
    return ""


class Case:
    """Calls of checkpoint and restore for one bundle: with a criu of our own, or the machine's."""

    def __init__(self, runtime: Runtime, bundle: Bundle, scratch: Path, fake: FakeCriu | None = None) -> None:
        self.runtime, self.bundle = runtime, bundle
        self.images, self.work = scratch / "images", scratch / "work"
        self.options = ["--criu", str(fake.path)] if fake else []
        self._fake = fake

    @property
    def criu(self) -> FakeCriu:
        assert self._fake is not None
        return self._fake

    def words(self, *more: str) -> list[str]:
        return ["checkpoint", "--image-path", str(self.images), *more]

    def start(self) -> Container:
        self.bundle.sleeps()
        return self.runtime.start(self.bundle)

    def checkpoint(self, name: str, *more: str, **keywords: Any) -> None:
        self.runtime.expect(*self.words(*more), name, options=self.options, **keywords)

    def checkpoint_fails(self, name: str, *more: str) -> str:
        return self.runtime.fails(*self.words(*more), name, options=self.options)

    def make_images(self) -> None:
        self.images.mkdir(mode=0o700, exist_ok=True)
        (self.images / "inventory.img").write_text("inventory")

    def restore(self, *more: str, name: str | None = None) -> str:
        name = self.runtime.add(self.bundle, name)
        self.runtime.expect(*self.restore_words(*more), name, options=self.options)
        return name

    def restore_words(self, *more: str) -> list[str]:
        return ["restore", "--detach", "--bundle", str(self.bundle.path), "--image-path", str(self.images), *more]

    def restore_fails(self, *more: str, **keywords: Any) -> str:
        """It leaves no state, no cgroup, no process (`scratch` looks for those) and no mount."""
        name = self.runtime.add(self.bundle)
        words = self.runtime.fails(*self.restore_words(*more), name, options=self.options, **keywords)
        assert self.runtime.call("state", name).status != 0
        assert not (self.runtime.root / name).exists()
        reap()
        assert not [group for group in cgroup.named(MARK) if group.name != MARK]
        return words
