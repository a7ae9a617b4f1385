"""What new users type, and what docs/errors.md says about it: nothing here needs root."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import errors_page

from pyoci import jsontext
from pyoci.cli import main
from pyoci.errors import ConfigError
from pyoci.host import leads
from pyoci.spec import template
from pyoci.spec.bundle import check_document
from pyoci.spec.words import did_you_mean

LINES = errors_page.rows("The command line")
TEXTS = {
    "a comment": '{"ociVersion": "1.0.2", // the version\n}',
    "a trailing comma": '{"ociVersion": "1.0.2",\n}',
    "single quotes": "{'ociVersion': '1.0.2'}",
    "Python's words": '{"root": {"readonly": True}}',
    "a missing comma": '{"ociVersion": "1.0.2" "root": {}}',
    "a bracket that is missing": '{"ociVersion": "1.0.2", "root": {"path": "rootfs"}\n',
    "YAML": "ociVersion: 1.0.2\n",
}
DOUBTS: dict[str, dict[str, Any]] = {
    "a property that is misspelt": {"hostName": "x"},
    "a capability that is misspelt": {"process": {"capabilities": {"bounding": ["CAP_SYS_ADMN"]}}},
    "a capability without CAP_": {"process": {"capabilities": {"bounding": ["NET_ADMIN"]}}},
    "a size with a unit": {"linux": {"resources": {"memory": {"limit": "64M"}}}},
    "a number in quotes": {"process": {"user": {"uid": "1000", "gid": 0}}},
    "a short form": {"linux": {"namespaces": [{"type": "net"}]}},
    "a word of an enumeration that is misspelt": {"linux": {"rootfsPropagation": "rslav"}},
    "a system call that is misspelt": {
        "linux": {
            "seccomp": {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{"names": ["opennat"], "action": "SCMP_ACT_ERRNO"}],
            }
        }
    },
}


def test_the_page_has_rows() -> None:
    assert len(LINES) > 20
    assert set(errors_page.rows("config.json")) == {*TEXTS, *DOUBTS}


@pytest.mark.parametrize("line", LINES)
def test_a_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    program, *words = shlex.split(line.strip("`"))
    assert program == "pyoci"
    if words[0].startswith("-"):
        words = ["--log-format", "text", *words]
    assert main.main(words) == 1
    check(capfd.readouterr().err, LINES[line])


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_is_meant_by_a_word_with_two_letters_swapped(name: str) -> None:
    swapped = name[1] + name[0] + name[2:]
    if swapped not in main.COMMANDS:
        assert did_you_mean(swapped, main.COMMANDS) == f"; did you mean {name}?"


@pytest.mark.parametrize("word", ["frobnicate", "x", "", "\0", "a" * 10_000])
def test_nothing_is_meant_by_a_word_that_is_like_none(word: str) -> None:
    assert did_you_mean(word, main.COMMANDS) == ""


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("exce", "exec"),
        ("exe", "exec"),
        ("exxec", "exec"),
        ("EXEC", "exec"),
        ("exac", "exec"),
        ("checkpiont", "checkpoint"),
        ("chekpoin", "checkpoint"),
        ("feature", "features"),
        ("explan", "explain"),
        ("comp", "completion"),
    ],
)
def test_the_nearest_word_is_meant(word: str, meant: str) -> None:
    assert did_you_mean(word, main.COMMANDS) == f"; did you mean {meant}?"


@pytest.mark.parametrize("mistake", TEXTS)
def test_a_text_that_is_no_json(mistake: str) -> None:
    with pytest.raises(ConfigError) as caught:
        jsontext.loads(TEXTS[mistake].encode(), what="config.json")
    check(str(caught.value), errors_page.rows("config.json")[mistake])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1 // x\n}', "no comments"),
        ('{"a": /* x */ 1}', "no comments"),
        ("# x\n{}", "no comments"),
        ("{} // x", "no comments"),
        ('{"a": [1,\n]}', "no comma before ]"),
        ('{"a": 1 ,\n }', "no comma before }"),
        ("{\"a\": 'x'}", "double quotes"),
        ("{a: 1}", "double quotes"),
        ('{"a": [None]}', "true, false and null"),
        ('["a" "b"]', "a comma is missing"),
        ('{"a": {}\n"b": 1}', "a comma is missing"),
    ],
)
def test_more_texts_that_are_no_json(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        jsontext.loads(text.encode(), what="config.json")


@pytest.mark.parametrize("text", ['{"a": "\t"}', '{"a" 1}', '{"a": "x', '{"a": 01}', "{} {}", "[1 2]"])
def test_no_advice_where_nothing_is_known(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        jsontext.loads(text.encode(), what="config.json")
    assert ";" not in str(caught.value)


@pytest.mark.parametrize("mistake", DOUBTS)
def test_a_config_that_is_valid_and_wrong(tmp_path: Path, capfd: pytest.CaptureFixture[str], mistake: str) -> None:
    config = template.default("1.3.0")
    for section, changes in DOUBTS[mistake].items():
        config[section] = {**config[section], **changes} if isinstance(changes, dict) else changes
    (tmp_path / "config.json").write_text(json.dumps(config))
    main.main(["validate", str(tmp_path)])
    check(capfd.readouterr().out, errors_page.rows("config.json")[mistake])


ENUMERATIONS = [
    ("/linux/namespaces/0/type", "network"),
    ("/linux/rootfsPropagation", "rslave"),
    ("/linux/seccomp/defaultAction", "SCMP_ACT_ALLOW"),
    ("/linux/seccomp/architectures/0", "SCMP_ARCH_X86_64"),
    ("/linux/seccomp/flags/0", "SECCOMP_FILTER_FLAG_LOG"),
    ("/linux/seccomp/syscalls/0/action", "SCMP_ACT_ERRNO"),
    ("/linux/seccomp/syscalls/0/args/0/op", "SCMP_CMP_MASKED_EQ"),
    ("/linux/memoryPolicy/mode", "MPOL_INTERLEAVE"),
    ("/linux/personality/domain", "LINUX32"),
    ("/process/rlimits/0/type", "RLIMIT_NOFILE"),
    ("/process/scheduler/policy", "SCHED_FIFO"),
    ("/process/scheduler/flags/0", "SCHED_FLAG_RESET_ON_FORK"),
    ("/process/ioPriority/class", "IOPRIO_CLASS_BE"),
]
ALL_OF_THEM: dict[str, Any] = {
    "linux": {
        "seccomp": {
            "defaultAction": "SCMP_ACT_ALLOW",
            "architectures": [""],
            "flags": [""],
            "syscalls": [
                {"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]}
            ],
        },
        "memoryPolicy": {"mode": "MPOL_DEFAULT"},
        "personality": {"domain": "LINUX"},
    },
    "process": {
        "rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}],
        "scheduler": {"policy": "SCHED_OTHER", "flags": [""]},
        "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 0},
    },
}


@pytest.mark.parametrize(("place", "word"), ENUMERATIONS)
@pytest.mark.parametrize("misspell", [lambda w: w + w[-1], lambda w: w[:-2] + w[-1] + w[-2], str.swapcase])
def test_a_word_of_an_enumeration(place: str, word: str, misspell: Callable[[str], str]) -> None:
    config = template.default("1.3.0")
    for section, changes in json.loads(json.dumps(ALL_OF_THEM)).items():
        config[section].update(changes)
    at: Any = config
    *parts, last = place.strip("/").split("/")
    for part in parts:
        at = at[int(part) if isinstance(at, list) else part]
    at[int(last) if isinstance(at, list) else last] = misspell(word)
    with pytest.raises(ConfigError) as caught:
        check_document(config, "config")
    line = next(line for line in caught.value.problems if line.startswith(f"{place}: "))
    check(line, [f'not "{misspell(word)}"; did you mean ', word + "?"])
    assert ", ," not in line


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["--cgroup-manager", "systmd", "list"], "systemd"),
        (["--log-format", "jsno", "list"], "json"),
        (["list", "--format", "atable"], "table"),
        (["checkpoint", "--manage-cgroups-mode", "sotf", "x"], "soft"),
        (["kill", "x", "TREM"], "TERM"),
        (["kill", "x", "SIGKIL"], "KILL"),
    ],
)
def test_a_word_of_an_options(capfd: pytest.CaptureFixture[str], words: list[str], meant: str) -> None:
    assert main.main(words) == 1
    assert f"did you mean {meant}?" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("net.ipv4.ip_fowrard", "net.ipv4.ip_forward"),
        ("net/ipv4/ip_fowrard", "net/ipv4/ip_forward"),
        ("net/ipv/ip_forward", "net/ipv4/ip_forward"),
        ("net.ipv4.conf.lo.forwardng", "net.ipv4.conf.lo.forwarding"),
        ("kernel/shmmaxx", "kernel/shmmax"),
        ("nte.ipv4.ip_forward", "net.ipv4.ip_forward"),
    ],
)
def test_a_sysctl(name: str, meant: str) -> None:
    assert leads.unknown_sysctl(name) == f"this kernel has no sysctl {name}; did you mean {meant}?"


@pytest.mark.parametrize("name", ["", "/", "net..x", "../etc/passwd", "net/../../etc", "kernel.frobnicate", "x" * 9999])
def test_no_sysctl(name: str) -> None:
    assert leads.unknown_sysctl(name) == f"this kernel has no sysctl {name}"


def test_advice_takes_nothing_but_pyoci() -> None:
    """Where the machine's Python is gone, a mistake still gets its words."""
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from pyoci.cli.main import main
before = set(sys.modules)
status = main(sys.argv[2:])
foreign = {name for name in set(sys.modules) - before if name.split(".")[0] != "pyoci"}
assert foreign <= {"_stat", "errno", "select"}, foreign  # all of them compiled
sys.exit(status)
"""
    place = str(Path(main.__file__).parents[2])
    for words in (["rnu"], ["state", "--rooot"]):
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", script, place, *words],
            capture_output=True,
            text=True,
        )
        assert "AssertionError" not in done.stderr
        assert "unknown " in done.stderr


def check(text: str, pieces: list[str]) -> None:
    for piece in pieces:
        assert piece in text, text
