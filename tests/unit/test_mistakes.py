"""What new users type, and what docs/errors.md says about it: nothing here needs root."""

from __future__ import annotations

import errno
import json
import re
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
from pyoci.errors import ConfigError, SyscallError
from pyoci.host import advice, why_sysctl
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
    assert why_sysctl.unknown(name) == f"this kernel has no sysctl {name}; did you mean {meant}?"


@pytest.mark.parametrize("name", ["", "/", "net..x", "../etc/passwd", "net/../../etc", "kernel.frobnicate", "x" * 9999])
def test_no_sysctl(name: str) -> None:
    assert why_sysctl.unknown(name) == f"this kernel has no sysctl {name}"


@pytest.mark.parametrize(
    ("number", "place", "words"),
    [
        (errno.EINVAL, "/linux/sysctl/kernel.shmmax", "; the host has '"),
        (errno.EINVAL, "/linux/sysctl/net.ipv4.ping_group_range", "; the host has '"),
        (errno.EACCES, "/linux/sysctl/kernel.domainname", "; it belongs to the host's root: set /domainname instead"),
        (errno.EACCES, "/linux/sysctl/kernel/domainname", "; it belongs to the host's root: set /domainname instead"),
        (errno.EPERM, "/process/scheduler", "; it takes CAP_SYS_NICE, and a real-time policy in a group of cgroup v1"),
        (errno.EBUSY, "/process/scheduler", "; the CPUs have not so much time left"),
        (errno.EINVAL, "/process/execCPUAffinity", "; /process/execCPUAffinity must name CPUs that"),
        (errno.EPERM, "/process/ioPriority", "; it takes CAP_SYS_NICE"),
        (errno.ERANGE, "/linux/timeOffsets/boottime", "; no clock is below 0"),
    ],
)
def test_a_refusal_says_what_to_do(number: int, place: str, words: str) -> None:
    error = SyscallError(number, "set it").at(place)
    before = str(error)
    advice.of_create(error, b"{}", "/bundle", "/bundle/rootfs")
    assert str(error).startswith(before + words), error


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOMEM])
def test_no_advice_about_the_value_of_a_sysctl_that_may_not_be_written(number: int) -> None:
    error = SyscallError(number, "set it").at("/linux/sysctl/kernel.shmmax")
    advice.of_create(error, b"{}", "/bundle", "/bundle/rootfs")
    assert "must have that form" not in str(error)
    assert str(error).endswith("; /linux/sysctl/kernel.shmmax asks for it")
    assert ("only the host's own ipc namespace may change it" in str(error)) == (number != errno.ENOMEM)


# A command line, and the words after its error; DIR is a bundle, EMPTY a folder.
FURTHER = {
    "start --all x": "unknown option --all; it has no option except --help",
    "pause -f x": "unknown option -f; its output is JSON anyway",
    "state x -f json": "unknown option -f; its output is JSON anyway",
    "features --json": "unknown option --json; its output is JSON anyway",
    "list x": "'x' is one argument too many; pyoci state ID shows one container",
    "list -aq": "unknown option -aq; list shows all containers",
    "kill x 99": "unknown signal '99'; signals are 0 to 64",
    "create --preserve-fds -1 x": "option --preserve-fds: -1 must be at least 0",
    "try --pids 0 true": "option --pids: 0 must be at least 1",
    "run DIR": "invalid container ID format: 'DIR': ...write pyoci run --bundle DIR ID",
    "create DIR": "invalid container ID format: 'DIR': ...write pyoci create --bundle DIR ID",
    "restore DIR": "invalid container ID format: 'DIR': ...write pyoci restore --bundle DIR ID",
    "run EMPTY": "invalid container ID format: 'EMPTY': only letters, digits and _ + . - are allowed",
    "restore": "restore takes one container ID, not 0; write pyoci restore --bundle DIR --image-path DIR ID",
    "spec x": "spec: 'x' is one argument too many; --bundle names the folder, --file the file",
    "spec -o x": "unknown option -o; did you mean --file?",
    "validate --bundle DIR": "unknown option --bundle; the bundle is an argument without a name",
    "explain -b DIR": "unknown option -b; the bundle is an argument without a name",
    "explain --format json DIR": "unknown option --format; --json prints a document",
    "doctor -o json": "unknown option -o; --json prints a document",
    "top --format json": "unknown option --format; --json prints a document",
    "completion /bin/bash": "is not one of bash, zsh, fish; did you mean bash?",
    "completion tcsh": "completion: 'tcsh' is not one of bash, zsh, fish",
    "help runn": "neither a command nor a topic; did you mean run?",
    "help exit": "neither a command nor a topic; did you mean exit-status?",
    "help nothing-of-that-kind": "neither a command nor a topic; topics are bundle, ",
    "help --man states": "help --man: states is a topic; pyoci help states shows it",
    "box start": "unknown command 'box'; the command comes first: pyoci start box",
    "box kill KILL": "unknown command 'box'; the command comes first: pyoci kill box",
    "mounts list x": "mounts: 'list' must be add or remove; ...lists the mounts of a container",
    "update --cpus 0.5 x": "unknown option --cpus; half of one CPU is --cpu-quota 50000 --cpu-period 100000",
    "update --resources DIR/config.json x": "is a config.json; write its /linux/resources into a file of its own",
    "try --debug true": "unknown option --debug; --debug is a global option",
    "try --log-format json true": "unknown option --log-format; --log-format is a global option",
    "try --name x true": "unknown option --name; a throwaway container chooses its own ID",
    "try --rm true": "unknown option --rm; try leaves nothing behind anyway",
    "try -v /a:/b true": "unknown option -v; --bind FROM:TO",
    "try -e A=1 true": "unknown option -e; env sets variables",
    "try -w /tmp pwd": "unknown option -w; the command begins where the caller is",
    "try -u 1000 id": "unknown option -u; setpriv changes the user",
    "try -p 80:80 true": "unknown option -p; --net makes a network",
    "try --network host true": "unknown option --network; --net makes a network",
    "try -d true": "unknown option -d; try stays until its command ends",
    "try --privileged true": "unknown option --privileged; --cap adds a capability",
    "try --rootfs EMPTY true": "unknown option --rootfs; --root names a folder with a root file system",
    "try --cap CAP_SYS_ADMN true": "is not a capability; did you mean CAP_SYS_ADMIN?",
    "try --cap all true": "is not a capability; capabilities(7) lists them",
    "try --frobnicate true": "unknown option --frobnicate; there are --net --memory",
    "--frobnicate list": "unknown option --frobnicate; there are --root ...options of a command follow it",
}


@pytest.mark.parametrize("line", FURTHER)
def test_a_further_mistake(tmp_path: Path, capfd: pytest.CaptureFixture[str], line: str) -> None:
    places = {"DIR": f"{tmp_path}/bundle", "EMPTY": f"{tmp_path}/empty"}
    for place in places.values():
        Path(place).mkdir()
    (tmp_path / "bundle/config.json").write_text(json.dumps(template.default("1.3.0")))
    before = {str(path) for path in tmp_path.rglob("*")}
    words = [re.sub("DIR|EMPTY", lambda found: places[found[0]], word) for word in line.split()]
    assert main.main(["--root", f"{tmp_path}/states", *words]) == 1
    expected = re.sub("(?<= |')(DIR|EMPTY)(?= |')", lambda found: places[found[0]], FURTHER[line])
    if line == "restore":
        expected = FURTHER[line]
    said = capfd.readouterr().err
    check(said, expected.split("..."))
    assert len(said.splitlines()) == 1
    assert {str(path) for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(
    ("place", "name", "instead"),
    [
        ("mounts/0", "destination", "target"),
        ("mounts/0", "destination", "dst"),
        ("mounts/0", "destination", "mountPath"),
        ("mounts/0", "destination", "Destination"),
        ("linux/namespaces/0", "type", "tpye"),
        ("linux/uidMappings/0", "containerID", "container"),
        ("linux/uidMappings/0", "hostID", "hostId"),
        ("root", "path", "rootfs"),
        ("process", "cwd", "workingDir"),
    ],
)
def test_a_property_under_another_name(place: str, name: str, instead: str) -> None:
    config = template.rootless("1.3.0", 1000, 1000)
    at: Any = config
    for part in place.split("/"):
        at = at[int(part) if isinstance(at, list) else part]
    at[instead] = at.pop(name)
    with pytest.raises(ConfigError) as caught:
        check_document(config, "config")
    lines = [line for line in caught.value.problems if line.startswith(f"/{place}/{name}: is missing; ")]
    assert [line.partition('; "')[2] for line in lines] == [f'{instead}" is not its name']


@pytest.mark.parametrize(
    ("place", "value", "hint"),
    [
        ("process/args", "echo  hello", '; write ["echo","hello"]'),
        ("process/env", "A=b c", '; write ["A=b c"]'),
        ("mounts/0/options", "ro,nosuid", '; write ["ro","nosuid"]'),
        ("linux/maskedPaths", "/proc/kcore", '; write ["/proc/kcore"]'),
        ("mounts", "/tmp:/mnt", ""),
        ("process/args/0", 1, '; write "1"'),
        ("hostname", True, '; write "true"'),
        ("linux/sysctl", {"net.ipv4.ip_forward": 1}, '; write "1"'),
        ("annotations", {"a": 1.5}, '; write "1.5"'),
        ("root/readonly", "True", "; write true, without quotes"),
        ("root/readonly", "yes", ""),
        ("process/user/umask", "022", "; write 18, which is 0o22 in octal"),
        ("process/user/umask", "0o77", "; write 63, which is 0o77 in octal"),
        ("process/user/umask", "088", ""),
        ("process/user/uid", "1000", "; write 1000, without quotes"),
    ],
)
def test_a_value_of_another_type(place: str, value: object, hint: str) -> None:
    config = template.default("1.3.0")
    at: Any = config
    *parts, last = place.split("/")
    for part in parts:
        at = at[int(part) if isinstance(at, list) else part]
    at[int(last) if isinstance(at, list) else last] = value
    with pytest.raises(ConfigError) as caught:
        check_document(config, "config")
    (line,) = caught.value.problems
    assert line.startswith(f"/{place}")
    assert ("; " + line.partition("; ")[2] if "; " in line else "") == hint


@pytest.mark.parametrize(
    ("mode", "hint"),
    [(644, "644 is 0o1204 in octal; did you mean 420, which is 0o644?"), (666, "did you mean 438"), (420, ""), (0, "")],
)
def test_a_mode_that_is_written_in_octal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], mode: int, hint: str
) -> None:
    config = template.default("1.3.0")
    config["linux"]["devices"] = [{"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": mode}]
    config["process"]["user"]["umask"] = 18
    (tmp_path / "config.json").write_text(json.dumps(config))
    main.main(["validate", str(tmp_path)])
    said = capfd.readouterr().out
    assert ("/linux/devices/0/fileMode: " in said) is bool(hint)
    assert hint in said
    assert "umask" not in said


def test_a_property_that_is_only_missing() -> None:
    config = template.default("1.3.0")
    del config["mounts"][0]["destination"]
    config["mounts"][0]["comment"] = "the destination"
    with pytest.raises(ConfigError, match=r"is missing; it must be a string$"):
        check_document(config, "config")


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
