"""The built program's command line for people: its help."""

from __future__ import annotations

import ast
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

from pyoci.cli.main import COMMANDS

CLI = Path(__file__).resolve().parents[2] / "pyoci/cli"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_describes_the_command(runtime: Runtime, command: str) -> None:
    """In the program all modules are frozen, and compiled without their docstrings."""
    if not runtime.is_pyoci:
        pytest.skip("asks for pyoci's own words")
    if not (CLI / f"{command}.py").exists():
        pytest.skip(f"{command} is not built yet")
    words = ast.get_docstring(ast.parse((CLI / f"{command}.py").read_text()))
    assert words is not None
    assert len(words.split()) > 5, f"{command}: its description says no more than its name"
    help_text = subprocess.run([*runtime.command, command, "--help"], capture_output=True, text=True).stdout
    assert words in help_text


def test_manual_is_installed(runtime: Runtime) -> None:
    """pip installs the pages and the completion scripts that this program writes."""
    if not runtime.is_pyoci:
        pytest.skip("asks for pyoci's own files")
    if "standard library: in the program" in runtime.expect("--version").stdout:
        pytest.skip("pip has not installed this program; tests/integration/test_release_packages.py has its packages")
    prefix = Path(runtime.command[0]).resolve().parent.parent
    places = {
        "share/man/man8/pyoci.8": ["help", "--man"],
        "share/man/man8/pyoci-create.8": ["help", "--man", "create"],
        "share/bash-completion/completions/pyoci": ["completion", "bash"],
        "share/zsh/site-functions/_pyoci": ["completion", "zsh"],
        "share/fish/vendor_completions.d/pyoci.fish": ["completion", "fish"],
    }
    for place, words in places.items():
        made = subprocess.run([*runtime.command, *words], check=True, capture_output=True, text=True).stdout
        assert (prefix / place).read_text() == made
    pages = {path.name for path in (prefix / "share/man/man8").glob("pyoci-*.8")}
    assert pages == {f"pyoci-{command}.8" for command in COMMANDS}


def test_containers_outlive_the_program_that_made_them(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    """An upgrade replaces the program while they run, and the new one finds them."""
    installed = runtime.command
    if not runtime.is_pyoci:
        pytest.skip("replaces the program")
    bundle.sleeps()
    old = scratch / "pyoci"
    shutil.copy2(installed[0], old)
    try:
        runtime.command = [str(old)]
        container = runtime.start(bundle)
    finally:
        runtime.command = installed
    old.write_bytes(b"")
    old.unlink()
    assert container.status == "running"
    assert container.exec("/bin/echo", "hello").stdout == "hello\n"
    container.kill("TERM")
    assert container.wait() == 143


def test_a_working_directory_that_is_gone(runtime: Runtime, scratch: Path) -> None:
    gone = scratch / "gone"
    gone.mkdir()
    command = 'cd "$0" && rmdir "$0" && exec "$@"'
    line = ["sh", "-c", command, str(gone), *runtime.arguments("--version")]
    assert "spec:" in subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.mark.beyond_runc("has no such option")
@pytest.mark.parametrize("command", ["create", "run"])
def test_a_configuration_elsewhere(runtime: Runtime, bundle: Bundle, scratch: Path, command: str) -> None:
    bundle.sh("echo elsewhere")
    name = runtime.add(bundle)
    (bundle.path / "config.json").rename(scratch / "other.json")
    runtime.expect(command, "--bundle", str(bundle.path), "--config", str(scratch / "other.json"), name)
    missing = str(scratch / "none.json")
    assert missing in runtime.fails(command, "--bundle", str(bundle.path), "--config", missing, runtime.new_id())
