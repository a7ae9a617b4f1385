"""pyoci.api: containers from Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

from pyoci.api import Container, Finished
from pyoci.errors import ContainerError, ContainerNotFound


@pytest.fixture(autouse=True)
def _only_pyoci(runtime: Runtime) -> None:
    if not runtime.is_pyoci:
        pytest.skip("pyoci.api is about pyoci")


def make(runtime: Runtime, bundle: Bundle, stdout: int | None = None) -> Container:
    """A container that the fixture knows of, and so removes in any case."""
    name = runtime.add(bundle)
    return Container.create(name, bundle.path, root=str(runtime.root), program=runtime.command[-1], stdout=stdout)


def test_a_life(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    bundle.write()
    with make(runtime, bundle) as container:
        assert container.status == "created"
        container.start()
        assert container.status == "running"
        done = container.exec(["sh", "-c", "echo out; echo err >&2; exit 3"])
        assert done == Finished(status=3, stdout="out\n", stderr="err\n")
        assert container.exec(["cat"], input="fed").stdout == "fed"
        container.kill("TERM")
        assert container.wait(timeout=10)
        assert container.status == "stopped"
    with pytest.raises(ContainerNotFound):
        container.state()


def test_the_standard_streams_are_files_of_the_caller(runtime: Runtime, bundle: Bundle, tmp_path: Path) -> None:
    bundle.sh("echo hello")
    bundle.write()
    with (tmp_path / "out").open("w+") as out, make(runtime, bundle, stdout=out.fileno()) as container:
        container.start()
        assert container.wait(timeout=10)
        assert (tmp_path / "out").read_text() == "hello\n"


def test_pause_and_resume(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    bundle.write()
    with make(runtime, bundle) as container:
        container.start()
        container.pause()
        assert container.status == "paused"
        container.resume()
        assert container.status == "running"


def test_wait_has_a_limit(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    bundle.write()
    with make(runtime, bundle) as container:
        container.start()
        assert not container.wait(timeout=0.05)


def test_a_refusal_carries_the_words(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["args"] = ["/no/such/program"]
    bundle.write()
    with pytest.raises(ContainerError, match="no such file or directory"):
        make(runtime, bundle)
