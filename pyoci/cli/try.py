"""Run a command in a throwaway container over this machine's own root file system, or over another one.

The container's changes to files are not visible outside: it works on an overlay, which is kept in memory and is gone at
the end. It has its own /run and /tmp, and only a loopback device unless --net is given. Without COMMAND it runs a
shell. The exit status is that of the command.

The command is process 1 of the container: a signal that it does not handle, such as that of Ctrl-C, has no effect on
it (pid_namespaces(7)). pyoci kill ID KILL from another terminal ends it; pyoci list has the ID.

    pyoci try                                   a shell
    pyoci try --diff -- sh -c 'rm -rf /etc'     what would that change?
    pyoci try --net --memory 512m -- apt-get install --yes cowsay
    pyoci try --root /srv/alpine --keep /srv/changes

With --net, root gets a pair of devices, NAT by an nftables table named pyoci_try, and the host's name servers; an
ordinary user gets pasta or slirp4netns. All of it is removed at the end; the next call removes what a killed one
left."""

from __future__ import annotations

import os

from pyoci.cli import options, output
from pyoci.cli.main import SPEC_VERSION
from pyoci.cli.options import Call, Option
from pyoci.cli.update import size
from pyoci.errors import UsageError
from pyoci.kernel.uapi import CAPABILITIES
from pyoci.spec.words import did_you_mean
from pyoci.throwaway import plan, session
from pyoci.throwaway.plan import Bind, Request

USAGE = "[options] [--] [COMMAND [ARGUMENT ...]]"
STOP_AT = 1
OPTIONS = (
    Option(name="net", help="a network that reaches the host and beyond"),
    Option(name="memory", short="m", value="SIZE", help="limit of memory: 512m, 1g"),
    Option(name="cpus", value="N", help="limit of CPU time: 0.5 is half of one CPU"),
    Option(name="pids", value="N", help="limit of processes"),
    Option(
        name="bind",
        value="FROM:TO[:ro]",
        repeated=True,
        help="show a file or folder of the host, where writing changes the host",
    ),
    Option(name="cap", value="CAPABILITY", repeated=True, help="add a capability, such as CAP_SYS_ADMIN"),
    Option(name="root", value="DIR", default="/", help="the root file system (default: /)"),
    Option(
        name="keep", value="DIR", help="keep the changes in DIR, new or empty; the next call with it goes on from there"
    ),
    Option(name="diff", help="list at the end what was added (A), changed (C) and deleted (D)"),
)


def run(call: Call) -> int:
    request = request_of(call)
    host = session.Host(
        state_root=call.settings.root,
        version=SPEC_VERSION,
        program=session.find_program(),
        root=os.geteuid() == 0 and not options.in_user_namespace(),
    )
    status, lines = session.run(request, host)
    if lines:
        output.write("".join(f"{output.visible(line)}\n" for line in lines))
    return status


def request_of(call: Call) -> Request:
    """The command line as a request. UsageError."""
    values = call.options
    root = _folder("root", values["root"])
    there = tuple(path for path in plan.shells({**os.environ}) if path and os.path.lexists(root.rstrip("/") + path))
    return Request(
        args=call.args or plan.shell({**os.environ}, root, there),
        root=root,
        keep=_keep(values["keep"]),
        network=values["net"],
        memory=_memory(values["memory"]),
        cpus=_cpus(values["cpus"]),
        pids=_pids(values["pids"]),
        binds=tuple(_bind(text) for text in values["bind"]),
        capabilities=tuple(_capability(name) for name in values["cap"]),
        diff=values["diff"],
    )


def _folder(name: str, path: str) -> str:
    if not os.path.isdir(path):
        raise UsageError(f"option --{name}: {path!r} is not a folder")
    return os.path.realpath(path)


def _keep(path: str | None) -> str:
    if path is None:
        return ""
    if not path:
        raise UsageError("option --keep: the path is empty")
    if os.path.lexists(path):
        return _folder("keep", path)
    whole = os.path.abspath(path)
    if not os.path.isdir(os.path.dirname(whole)):
        raise UsageError(f"option --keep: {path!r} cannot be made: {os.path.dirname(whole)!r} is not a folder")
    return whole


def _pids(text: str | None) -> int | None:
    return None if text is None else options.number("--pids", text, 1)


def _memory(text: str | None) -> int | None:
    if text is None:
        return None
    value = size("memory", text)
    if value <= 0:
        raise UsageError(f"option --memory: {text!r} must be greater than zero")
    return value


def _cpus(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"option --cpus: {text!r} is not a number such as 0.5") from None
    if not 0.01 <= value <= 10_000:
        raise UsageError(f"option --cpus: {text} is not between 0.01 and 10000")
    return value


def _bind(text: str) -> Bind:
    source, colon, rest = text.partition(":")
    destination, _, mode = rest.partition(":")
    if not source or not colon or not destination.startswith("/") or mode not in ("", "ro", "rw"):
        raise UsageError(f"option --bind: {text!r} is not in the form FROM:/TO or FROM:/TO:ro")
    if destination.strip("/") == "" or ".." in destination.split("/"):
        raise UsageError(f"option --bind: {text!r}: {destination!r} cannot be a place in the container")
    if not os.path.exists(source):
        raise UsageError(f"option --bind: {text!r}: {source!r} is not there")
    return Bind(source=os.path.abspath(source), destination=destination, read_only=mode == "ro")


def _capability(text: str) -> str:
    name = text.upper()
    name = name if name.startswith("CAP_") else f"CAP_{name}"
    if name not in CAPABILITIES:
        names = [known.removeprefix("CAP_") for known in CAPABILITIES]
        hint = did_you_mean(name.removeprefix("CAP_"), names, "CAP_") or "; capabilities(7) lists them"
        raise UsageError(f"option --cap: {text!r} is not a capability{hint}")
    return name
