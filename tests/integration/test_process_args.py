"""config.md, Process: args."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


def tool(bundle: Bundle, path: str, words: str = "a tool") -> Path:
    file = bundle.rootfs / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho {words}\n")
    file.chmod(0o755)
    return file


def test_each_argument_arrives_unchanged(runtime: Runtime, bundle: Bundle) -> None:
    words = ["two words", "", "'quoted'", "$HOME", "läßt\nüber", "-x", "\\"]
    bundle.process["args"] = ["/bin/sh", "-c", 'printf "[%s]" "$0" "$@"', *words]
    assert runtime.run(bundle).stdout == "".join(f"[{word}]" for word in words)


def test_the_first_is_looked_up_in_the_containers_path(runtime: Runtime, bundle: Bundle) -> None:
    tool(bundle, "opt/here/mytool")
    bundle.process["env"] = ["PATH=/nowhere:/opt/here:/bin"]
    bundle.process["args"] = ["mytool"]
    assert runtime.run(bundle).stdout == "a tool\n"


def test_the_first_in_the_path_wins(runtime: Runtime, bundle: Bundle) -> None:
    tool(bundle, "opt/one/mytool", "one")
    tool(bundle, "opt/two/mytool", "two")
    bundle.process["env"] = ["PATH=/opt/two:/opt/one:/bin"]
    bundle.process["args"] = ["mytool"]
    assert runtime.run(bundle).stdout == "two\n"


@pytest.mark.beyond_runc("runc, written in Go, runs nothing that it finds so")
@pytest.mark.parametrize("path", [":/bin", "/bin:", "/bin::/nowhere", "."])
def test_an_empty_entry_of_the_path_is_the_working_directory(runtime: Runtime, bundle: Bundle, path: str) -> None:
    """As execvp(3)."""
    tool(bundle, "opt/here/mytool")
    bundle.process.update(env=[f"PATH={path}"], args=["mytool"], cwd="/opt/here")
    assert runtime.run(bundle).stdout == "a tool\n"


def test_what_is_not_executable_is_passed_over(runtime: Runtime, bundle: Bundle) -> None:
    tool(bundle, "opt/one/mytool").chmod(0o644)
    (bundle.rootfs / "opt/two/mytool").mkdir(parents=True)
    tool(bundle, "opt/three/mytool", "three")
    bundle.process["env"] = ["PATH=/opt/one:/opt/two:/opt/three:/bin"]
    bundle.process["args"] = ["mytool"]
    assert runtime.run(bundle).stdout == "three\n"


def test_an_absolute_path(runtime: Runtime, bundle: Bundle) -> None:
    tool(bundle, "opt/mytool")
    bundle.process["args"] = ["/opt/mytool"]
    assert runtime.run(bundle).stdout == "a tool\n"


def test_a_path_with_a_slash_is_relative_to_cwd(runtime: Runtime, bundle: Bundle) -> None:
    tool(bundle, "opt/sub/mytool")
    bundle.process["cwd"] = "/opt"
    bundle.process["args"] = ["sub/mytool"]
    assert runtime.run(bundle).stdout == "a tool\n"


def test_the_look_up_is_inside_not_on_the_machine(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["env"] = ["PATH=/usr/bin:/bin"]
    bundle.process["args"] = ["python3"]
    assert "executable file not found in $PATH" in runtime.run(bundle).stderr


def test_the_name_is_that_of_the_program(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.sh(bundle, "cat /proc/1/comm; true") == "sh"


def test_it_is_not_run_before_start(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sh("echo ran > /ran; echo ran")
    container = runtime.create(bundle)
    assert not (bundle.rootfs / "ran").exists()
    assert container.stdout == ""
    assert container.exits() == "ran"


@pytest.mark.parametrize("args", [[], None], ids=["empty", "absent"])
def test_at_least_one_is_required(runtime: Runtime, bundle: Bundle, args: list[str] | None) -> None:
    if args is None:
        del bundle.process["args"]
    else:
        bundle.process["args"] = args
    assert "args" in runtime.refuses(bundle)


def test_a_nul_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["args"] = ["/bin/echo", "a\0b"]
    result = runtime.run(bundle)
    assert result.status != 0
    assert result.stdout == ""


@pytest.mark.parametrize("status", [0, 1, 42, 255])
def test_run_passes_the_exit_status_on(runtime: Runtime, bundle: Bundle, status: int) -> None:
    bundle.sh(f"exit {status}")
    assert runtime.run(bundle).status == status


def test_run_reports_a_signal_as_a_shell_does(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["args"] = ["/bin/sh", "-c", "sh -c 'kill -9 $$'; exit $?"]
    assert runtime.run(bundle).status == 137
