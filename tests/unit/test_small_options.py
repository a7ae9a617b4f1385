"""Options that change little each: `--log-level`, `spec --file`, `exec --process`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyoci.cli.main import main


class TestLogLevel:
    """crun(1), --log-level: what is less important than the level is not written."""

    @pytest.mark.parametrize(("level", "has_warning"), [("error", False), ("warning", True), ("debug", True)])
    def test_what_it_lets_through(self, tmp_path: Path, level: str, has_warning: bool) -> None:
        log = tmp_path / "log"
        config = tmp_path / "bundle" / "config.json"
        assert main(["spec", "--bundle", str(tmp_path)]) == 0
        config.parent.mkdir()
        document = json.loads((tmp_path / "config.json").read_text())
        document["annotations"] = {"run.oci.nobody.knows": "1"}
        config.write_text(json.dumps(document))
        words = ["--root", str(tmp_path / "state"), "--log", str(log), "--log-level", level]
        assert main([*words, "create", "--bundle", str(tmp_path / "no such bundle"), "x"]) == 1
        assert "level=error" in log.read_text()
        # the rootfs is missing, so that nothing is made; the warning comes before
        main([*words, "create", "--bundle", str(config.parent), "x"])
        assert ("run.oci.nobody.knows" in log.read_text()) == has_warning

    def test_a_level_nobody_knows(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert main(["--log-level", "loud", "list"]) == 1
        assert "'loud' is not one of" in capfd.readouterr().err


class TestSpecFile:
    def test_the_name(self, tmp_path: Path) -> None:
        assert main(["spec", "--bundle", str(tmp_path), "--file", "other.json"]) == 0
        assert json.loads((tmp_path / "other.json").read_text())["ociVersion"]
        assert not (tmp_path / "config.json").exists()

    def test_an_existing_file_stays(self, tmp_path: Path) -> None:
        (tmp_path / "other.json").write_text("mine")
        assert main(["spec", "--bundle", str(tmp_path), "--file", "other.json"]) == 1
        assert (tmp_path / "other.json").read_text() == "mine"


class TestExecProcess:
    @pytest.mark.parametrize(("words", "found"), [(["--process", "f", "x", "true"], "both"), (["x"], "neither")])
    def test_a_command_or_a_file(self, capfd: pytest.CaptureFixture[str], words: list[str], found: str) -> None:
        assert main(["exec", *words]) == 255
        assert f"exec takes a command or --process FILE, not {found}" in capfd.readouterr().err
