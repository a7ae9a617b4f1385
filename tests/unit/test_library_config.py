"""Config and Bundle: whatever their methods make is valid, and comes back from a file as it was."""

from __future__ import annotations

import json
import os
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyoci import Bundle, Config, ConfigError, PyociError, SyscallError, default_spec
from pyoci.spec import bundle as bundles
from pyoci.spec.explain import explain

TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20)
NAMES = st.text(string.ascii_letters + "_", min_size=1, max_size=10)
PATHS = TEXT.map(lambda text: f"/x/{text}")
SIZES = st.one_of(st.integers(-1, 1 << 50), st.integers(1, 4096).map(lambda number: f"{number}M"))
IDS = st.integers(0, (1 << 32) - 1)
STEPS = st.one_of(
    st.tuples(st.just("with_args"), st.lists(TEXT, min_size=1, max_size=4)),
    st.tuples(st.just("with_env"), st.tuples(st.dictionaries(NAMES, TEXT, max_size=3))),
    st.tuples(st.just("with_cwd"), st.tuples(PATHS)),
    st.tuples(st.just("with_user"), st.tuples(st.tuples(IDS, IDS), st.lists(IDS, max_size=3))),
    st.tuples(st.just("with_terminal"), st.tuples(st.tuples(st.integers(0, 65535), st.integers(0, 65535)))),
    st.tuples(st.just("with_capabilities"), st.lists(st.sampled_from(["CAP_KILL", "CAP_CHOWN"]), max_size=2)),
    st.tuples(st.just("with_rlimit"), st.tuples(st.sampled_from(["RLIMIT_CORE", "RLIMIT_NOFILE"]), IDS)),
    st.tuples(st.just("with_rootfs"), st.tuples(PATHS)),
    st.tuples(st.just("with_read_only"), st.tuples(st.booleans())),
    st.tuples(st.just("with_hostname"), st.tuples(NAMES)),
    st.tuples(st.just("with_mount"), st.tuples(PATHS, NAMES)),
    st.tuples(st.just("with_bind"), st.tuples(PATHS, PATHS)),
    st.tuples(st.just("with_tmpfs"), st.tuples(PATHS, SIZES)),
    st.tuples(st.just("with_network"), st.tuples(st.sampled_from(["none", "/run/netns/blue"]))),
    st.tuples(st.just("with_namespace"), st.tuples(st.sampled_from(["ipc", "cgroup", "pid"]))),
    st.tuples(st.just("with_memory"), st.tuples(SIZES)),
    st.tuples(st.just("with_cpus"), st.tuples(st.floats(0.01, 1000))),
    st.tuples(st.just("with_cpu_shares"), st.tuples(st.integers(2, 262144))),
    st.tuples(st.just("with_pids"), st.tuples(st.integers(-1, 1 << 30))),
    st.tuples(st.just("with_cgroup"), st.tuples(NAMES.map(lambda name: f"/{name}"))),
    st.tuples(st.just("with_annotations"), st.tuples(st.dictionaries(NAMES, TEXT, max_size=2))),
)


@settings(max_examples=150, deadline=None)
@given(rootless=st.booleans(), steps=st.lists(STEPS, max_size=6))
def test_whatever_is_made_is_valid_and_comes_back(rootless: bool, steps: list[tuple[str, Any]]) -> None:
    config = Config.default(rootless)
    for name, arguments in steps:
        try:
            config = getattr(config, name)(*arguments)
        except ConfigError:
            continue  # a value that would break the rules together with others: then there is no config
    document = config.document
    assert not list(explain(document, "config"))
    assert bundles.all_problems(document) == []
    assert Config.from_json(config.to_json()) == config
    assert Config(document) == config
    assert hash(Config(document)) == hash(config)


@settings(max_examples=50, deadline=None)
@given(step=STEPS)
def test_a_config_never_changes(step: tuple[str, Any]) -> None:
    config = Config.default(False)
    before = config.document
    getattr(config, step[0])(*step[1])
    assert config.document == before
    config.document["process"]["args"].append("x")
    assert config.document == before


WRONG: list[tuple[Callable[[Config], Any], type[Exception], str]] = [
    (lambda c: c.with_args(), ConfigError, "args: must have"),
    (lambda c: c.with_args("a\0b"), ConfigError, "NUL"),
    (lambda c: c.with_args(1), TypeError, "takes a str"),  # type: ignore[arg-type]
    (lambda c: c.with_env({"A=B": "c"}), ConfigError, "must not have a `=`"),
    (lambda c: c.with_env({"A": 1}), TypeError, "takes a str"),  # type: ignore[dict-item]
    (lambda c: c.with_env(["A=1"]), TypeError, "env: takes a mapping"),  # type: ignore[arg-type]
    (lambda c: c.with_annotations(["a"]), TypeError, "annotations: takes a mapping"),  # type: ignore[arg-type]
    (lambda c: c.require_rootfs(), ConfigError, "give a rootfs, or use Config.with_rootfs"),
    (lambda c: c.with_cwd("tmp"), ConfigError, "an absolute path"),
    (lambda c: c.with_user("root"), ConfigError, "in numbers"),
    (lambda c: c.with_bind("/a", "b"), ConfigError, "an absolute path"),
    (lambda c: c.with_mount("/", "tmpfs"), ConfigError, "/mounts/"),
    (lambda c: c.with_memory("lots"), ConfigError, "a size such as 64M"),
    (lambda c: c.with_memory("64M", swap="32M"), ConfigError, "/linux/resources/memory/swap"),
    (lambda c: c.with_pids("many"), ConfigError, "/linux/resources/pids/limit"),  # type: ignore[arg-type]
    (lambda c: c.with_namespace("unix"), ConfigError, "/linux/namespaces"),
    (lambda c: c.with_network("blue"), ConfigError, "an absolute path"),
    (lambda c: c.with_hostname("x" * 65), ConfigError, "/hostname"),
    (lambda c: c.with_rlimit("RLIMIT_NOFILE", 2, 1), ConfigError, "/process/rlimits"),
    (lambda c: c.with_rlimit("RLIMIT_PEOPLE", 1), ConfigError, "/process/rlimits"),
    (lambda c: c.with_user_namespace([]), ConfigError, "/linux/uidMappings"),
    (lambda c: c.with_changes(lambda new: new.pop("ociVersion")), ConfigError, "/ociVersion"),
    (lambda c: c.with_resources({"cpu": {"shares": float("nan")}}), ConfigError, "config"),
    (lambda c: c.with_seccomp({"defaultAction": "SCMP_ACT_MAYBE"}), ConfigError, "/linux/seccomp/defaultAction"),
]


@pytest.mark.parametrize(("make", "error", "words"), WRONG)
def test_nothing_else_can_be_made(make: Callable[[Config], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make(Config.default(False))


def test_default_spec_is_what_the_command_writes(tmp_path: Path) -> None:
    from pyoci.cli import main

    assert main.main(["spec", "--bundle", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "config.json").read_text()) == default_spec()
    (tmp_path / "config.json").unlink()
    assert main.main(["spec", "--rootless", "--bundle", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "config.json").read_text()) == default_spec(rootless=True)
    assert Config.default(True).is_rootless
    assert not Config.default(False).is_rootless


def test_null_counts_as_absent() -> None:
    assert "hooks" not in Config({**default_spec(), "hooks": None}).document


def test_a_bundle(tmp_path: Path) -> None:
    config = Config.default(False).with_args("true")
    made = Bundle.create(tmp_path / "b", config)
    assert made.config == config
    assert made.rootfs == str(tmp_path / "b/rootfs")
    assert os.path.isdir(made.rootfs)
    with pytest.raises(PyociError, match="use save"):
        Bundle.create(tmp_path / "b", config)
    made.save(config.with_hostname("other"))
    assert Bundle(tmp_path / "b").config.document["hostname"] == "other"
    assert sorted(os.listdir(made)) == ["config.json", "rootfs"]
    made.remove()
    assert not (tmp_path / "b").exists()
    with pytest.raises(SyscallError, match=r"remove bundle .*/b: no such file"):
        made.remove()


def test_a_bundle_of_a_rootfs_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    made = Bundle.create(tmp_path / "b", Config.default(False), tmp_path / "root")
    assert made.rootfs == str(tmp_path / "root")


def test_load_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        Config.load(tmp_path)
    (tmp_path / "config.json").write_text('{"ociVersion": "1.2.0", "root": {"path": 1}}')
    with pytest.raises(ConfigError, match="/root/path"):
        Config.load(tmp_path)
    (tmp_path / "config.json").write_text("{,}")
    with pytest.raises(ConfigError):
        Config.load(tmp_path / "config.json")


def test_save_leaves_no_half_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(SyscallError, match=f"write {tmp_path}/config.json: no space"):
        Config.default(False).save(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SyscallError, match=f"make the bundle's folder {tmp_path}/file/x: not a directory"):
        Bundle.create(tmp_path / "file/x", Config.default(False))
    with pytest.raises(SyscallError, match=f"write {tmp_path}/none/config.json: no such file"):
        Config.default(False).save(tmp_path / "none")


def test_a_bundles_config_elsewhere(tmp_path: Path) -> None:
    config = Config.default(False).with_mount("/a", "none", "data", ["bind"]).with_mount("/b", "bind", "/x", ["ro"])
    bundle = Bundle.create(tmp_path / "b", config)
    document = bundle.standalone().document
    assert document["root"]["path"] == str(tmp_path / "b/rootfs")
    assert [mount["source"] for mount in document["mounts"][-2:]] == [str(tmp_path / "b/data"), "/x"]
    assert document["mounts"][:-2] == config.document["mounts"][:-2]
