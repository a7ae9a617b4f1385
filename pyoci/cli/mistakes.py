"""The probable meaning of a wrong command line: words that follow an error, and nothing else.

Only for an error's sake: no command that does its work loads this. Each function returns words that begin with `; `, or
nothing when there is nothing to suggest.
"""

from __future__ import annotations

import posix

from pyoci.errors import InvalidId, UsageError
from pyoci.spec.bundle import CONFIG
from pyoci.spec.words import did_you_mean, show
from pyoci.state.store import check_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyoci.cli.options import Option
    from pyoci.errors import PyociError

# What other programs for containers call it.
_COMMANDS = {
    "stop": "pyoci kill ID sends SIGTERM, and pyoci delete --force ID ends and removes a container",
    "rm": "pyoci delete ID removes a container",
    "remove": "pyoci delete ID removes a container",
    "destroy": "pyoci delete ID removes a container",
    "ls": "pyoci list lists the containers, and pyoci ps ID the processes of one",
    "logs": "pyoci keeps no output: it goes where the standard output of create or run goes (pyoci help logs)",
    "inspect": "pyoci state ID shows the state of a container, and its config.json what it is made of",
    "status": "pyoci state ID shows the state of a container",
    "info": "pyoci doctor reports what this host can do, and pyoci features what pyoci can do",
    "version": "pyoci --version shows versions",
    "stats": "pyoci top shows what containers use, and pyoci events --stats ID the same as JSON",
    "restart": "pyoci kill ID, pyoci delete ID, and then pyoci run again: a container is started once",
    "unpause": "pyoci resume ID thaws a container",
    "attach": "run is attached to its container, and pyoci exec --tty ID sh opens a shell in one that runs",
    "shell": "pyoci exec --tty ID sh opens a shell in a container that runs",
    "enter": "pyoci exec --tty ID sh opens a shell in a container that runs",
    "cp": "a bind mount or pyoci exec ID cat FILE carries files; the library has copy_in and copy_out",
    "init": "pyoci spec writes a config.json to start from",
    "rename": "a container keeps its ID: delete it, and make another",
    "wait": "run waits for its container; pyoci state ID says whether one still runs",
    **dict.fromkeys(
        ("build", "pull", "push", "images", "image", "rmi", "commit", "save", "load", "login", "search", "tag"),
        "pyoci runs bundles and knows no images: an engine such as podman or buildah has them (pyoci help bundle)",
    ),
    **dict.fromkeys(
        ("network", "volume", "port"),
        "networks and volumes are an engine's; config.json has namespaces and mounts (pyoci help bundle)",
    ),
    **dict.fromkeys(("sh", "bash", "shell"), "pyoci try opens a shell in a throwaway container"),
}

_TERMINAL = "process.terminal in config.json asks for a terminal, and standard input is connected anyway"
_EXEC_TERMINAL = "exec has --tty for a terminal, and standard input is connected anyway"
_LIMITS = "limits are in /linux/resources of config.json, and pyoci update changes those of a container that runs"
_SIGNALS = ("TERM", "KILL", "INT", "HUP", "QUIT", "USR1", "USR2", "STOP", "CONT", "WINCH", "ABRT", "ALRM", "CHLD")
_OPTIONS = {
    **dict.fromkeys(("it", "ti", "i", "t", "tty", "interactive"), _TERMINAL),
    "rm": "run removes its container at the end anyway (--keep keeps it)",
    "name": "the ID is the last argument",
    **dict.fromkeys(("v", "volume", "mount"), "mounts are in /mounts of config.json"),
    **dict.fromkeys(("e", "env", "env-file"), "the environment is /process/env of config.json"),
    **dict.fromkeys(("w", "workdir", "cwd"), "the working directory is /process/cwd of config.json"),
    **dict.fromkeys(("u", "user"), "the user is /process/user of config.json"),
    **dict.fromkeys(("h", "hostname"), "the host name is /hostname of config.json"),
    **dict.fromkeys(("m", "memory", "cpus", "cpu-shares", "pids-limit", "memory-swap", "cpuset-cpus"), _LIMITS),
    **dict.fromkeys(("cap-add", "cap-drop", "privileged"), "capabilities are /process/capabilities of config.json"),
    **dict.fromkeys(
        ("p", "publish", "net", "network"),
        "a network is what the namespace of type network in config.json holds; pyoci try --net makes one",
    ),
    "entrypoint": "the program and its arguments are /process/args of config.json",
    "rootfs": "the root file system is /root/path of config.json",
    "read-only": "a root file system that cannot be written to is /root/readonly of config.json",
}


# Of `try`, which is what people know from an engine's `run`.
_OF_TRY = {
    **dict.fromkeys(("it", "ti", "i", "t", "tty", "interactive"), "try uses the terminal that it is called from"),
    "rm": "try leaves nothing behind anyway (--keep DIR keeps the changes)",
    "name": "a throwaway container chooses its own ID, which pyoci list shows",
    **dict.fromkeys(("v", "volume", "mount"), "--bind FROM:TO shows a folder of the host"),
    **dict.fromkeys(("e", "env", "env-file"), "env sets variables: pyoci try -- env NAME=value COMMAND"),
    **dict.fromkeys(("w", "workdir", "cwd"), "the command begins where the caller is: cd there first"),
    **dict.fromkeys(
        ("u", "user"), "setpriv changes the user: pyoci try -- setpriv --reuid 1000 --clear-groups COMMAND"
    ),
    **dict.fromkeys(("p", "publish", "network"), "--net makes a network, in which the host reaches the container"),
    **dict.fromkeys(("d", "detach"), "try stays until its command ends; the shell's & puts it into the background"),
    **dict.fromkeys(("cap-add", "privileged"), "--cap adds a capability"),
    **dict.fromkeys(("rootfs", "image"), "--root names a folder with a root file system"),
}
_FORMATS = ("json", "format", "f", "o", "output")


def command(name: str, known: Iterable[str], after: Iterable[str] = ()) -> str:
    """`after`: the words that follow it."""
    if name in _COMMANDS:
        return f"; {_COMMANDS[name]}"
    if "/" in name or posix.access(f"{name}/{CONFIG}", posix.F_OK):
        return "; a bundle is run by pyoci run --bundle DIR ID"
    swapped = next((word for word in after if word in known), "")
    if swapped:
        return f"; the command comes first: pyoci {swapped} {name}"
    return did_you_mean(name, known) or "; pyoci --help lists the commands"


def option(word: str, table: Iterable[Option], global_options: Iterable[Option]) -> str:
    """`word` as it was written, and the options that there are."""
    plain = word.lstrip("-")
    names = {option.name: option for option in table if not option.hidden}
    is_global = "log-format" in names
    if not is_global and plain in {option.name for option in global_options}:
        return f"; {word} is a global option, and stands before the command: pyoci {word} ... COMMAND"
    if plain.isdigit() or plain.removeprefix("SIG") in _SIGNALS:
        return f"; the signal follows the ID: pyoci kill ID {plain}" if "signal" in names else ""
    if plain in ("it", "ti", "i", "interactive") and "tty" in names:
        return f"; {_EXEC_TERMINAL}"
    if plain == "m" and "memory" in names:
        return "; did you mean --memory?"
    if plain == "cpus" and "cpu-quota" in names:
        return "; half of one CPU is --cpu-quota 50000 --cpu-period 100000"
    if plain in ("b", "bundle") and names.keys() & {"strict", "fail-on"}:
        return "; the bundle is an argument without a name: pyoci validate DIR, pyoci explain DIR"
    if plain in _FORMATS and "json" in names:
        return "; --json prints a document"
    if plain in _OPTIONS and not is_global and "bundle" in names:
        return f"; {_OPTIONS[plain]}"
    if plain == "o" and "file" in names:
        return "; did you mean --file?"
    if set(plain) <= {"a", *(option.short for option in table)} and "quiet" in names and "a" in plain:
        return "; list shows all containers, those that have stopped, too"
    if plain in ("a", "aux", "ef", "e") and set(names) == {"format", "help"}:
        return "; pyoci list lists all containers, and pyoci ps ID the processes of one, with options of ps(1)"
    if plain in _OF_TRY and "diff" in names:
        return f"; {_OF_TRY[plain]}"
    shorts = {option.short for option in table if option.short}
    if not word.startswith("--") and len(plain) > 1 and set(plain) <= shorts:
        return f"; options of one letter stand alone: {' '.join(f'-{letter}' for letter in plain)}"
    if set(names) == {"help"}:
        return "; its output is JSON anyway" if plain in _FORMATS else "; it has no option except --help"
    listed = " ".join(f"--{name}" for name in names)
    after = "; options of a command follow it" if is_global else ""
    return did_you_mean(plain, names, "--") or f"; there are {listed}{after}"


def signal(word: str, container_id: str = "") -> str:
    """`container_id`: what stands before the signal, where both may be in the wrong order."""
    if container_id.removeprefix("SIG").upper() in _SIGNALS or container_id.isdigit():
        return f"; the signal follows the ID: pyoci kill {word} {container_id}"
    if word.isdigit():
        return "; signals are 0 to 64"
    return did_you_mean(word.removeprefix("SIG"), _SIGNALS)


def no_id(name: str, words: list[str]) -> PyociError:
    """Of a command that makes a container: it takes one ID, and got none, several words, or a path."""
    if len(words) != 1:
        return UsageError(f"{name} takes one container ID, not {len(words)}{arguments(name, words)}")
    try:
        check_id(words[0])
    except InvalidId as error:
        if posix.access(f"{words[0]}/{CONFIG}", posix.F_OK):
            error.lead_on(arguments(name, words).removeprefix("; "))
        return error
    raise AssertionError(words)


def arguments(name: str, words: list[str]) -> str:
    """Of a command that takes one container ID and got none, or several words."""
    if not words and name == "restore":
        return "; write pyoci restore --bundle DIR --image-path DIR ID"
    if not words:
        return f"; write pyoci {name} --bundle DIR ID, with any new name as ID"
    folder, *rest = words
    if posix.access(f"{folder}/{CONFIG}", posix.F_OK):
        new = rest[0] if rest else "ID"
        return f"; {show(folder)} is a bundle: write pyoci {name} --bundle {folder} {new}"
    return f"; the command that is to run is /process/args of {CONFIG}, and pyoci try runs one without a bundle"
